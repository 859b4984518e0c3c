"""What one unit of a token-priced SKU buys, read off the texts of real bills and price lists."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.prices.tokens import describe_token_sku, units_in

K, M = 1000, 1_000_000


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("gpt 4o 0513 Input global Tokens", "1K", ("gpt-4o", "input", K, "standard")),
        ("gpt-4o-mini-0718-Inp-glbl Tokens", None, ("gpt-4o-mini", "input", K, "standard")),
        ("gpt 4o mini 0718 cached Inp glbl Tokens", "1K", ("gpt-4o-mini", "cached_input", K, "standard")),
        ("gpt 4o 0513 Batch Outp glbl Tokens", "1K", ("gpt-4o", "output", K, "batch")),
        ("R1 Outp glbl Tokens", "1K", ("deepseek-r1", "output", K, "standard")),
        ("GPT 5 Mini Inpt Glbl 1M Tokens", "1M", ("gpt-5-mini", "input", M, "standard")),
        ("GPT 5 Mini cchd Inpt DZone 1M Tokens", "Units", ("gpt-5-mini", "cached_input", M, "standard")),
        ("GPT 5 Chat outpt Glbl 1M Tokens - Preview", "1M", ("gpt-5-chat", "output", M, "standard")),
        ("text-embedding-3-large-regional Tokens", "1K", ("text-embedding-3-large", "input", K, "standard")),
        ("Llama 3.3 70B Inp glbl Tokens", "1K", ("llama-3.3-70b", "input", K, "standard")),
        ("gpt-4o-rt-aud-1217 Outp glbl Tokens", "1K", ("gpt-4o-realtime", "audio_output", K, "standard")),
        ("USE1-Claude3Sonnet-input-tokens", "1K tokens", ("claude-3-sonnet", "input", K, "standard")),
        ("USE1-Claude4.6Opus-output-tokens-cross-region-global", None, ("claude-opus-4.6", "output", K, "standard")),
        ("USE1-Nova2.0Lite-input-tokens-flex", "1K tokens", ("nova-2-lite", "input", K, "flex")),
        ("USE1-gpt-oss-120b-output-tokens-priority", "1K tokens", ("gpt-oss-120b", "output", K, "priority")),
        ("USE1-NovaPro-cache-read-input-token-count", "1K tokens", ("nova-pro", "cached_input", K, "standard")),
        (
            "USW2-Claude4.5Sonnet-cache-write-input-token-count",
            None,
            ("claude-sonnet-4.5", "cache_write", K, "standard"),
        ),
        (
            "USW2-anthropic.claude-opus-4-8-mantle-input-tokens-global-standard",
            None,
            ("claude-opus-4.8", "input", K, "standard"),
        ),
        ("USE1-TitanEmbeddingsG1-Text-input-tokens", None, ("titan-embed-text", "input", K, "standard")),
        ("Gemini 2.5 Flash GA Text Input - Predictions", "count", ("gemini-2.5-flash", "input", 1, "standard")),
        (
            "Gemini 2.5 Flash GA Thinking Text Output - Predictions",
            "count",
            ("gemini-2.5-flash", "output", 1, "standard"),
        ),
        (
            "Gemini 2.5 Pro Thinking Text Output - Predictions",
            "count",
            ("gemini-2.5-pro", "output", 1, "standard"),
        ),
        ("KimiK2Thinking-output-tokens", None, ("kimi-k2-thinking", "output", K, "standard")),
        ("Gemini 2.0 Flash Text Input - Batch Predictions", "count", ("gemini-2.0-flash", "input", 1, "batch")),
        ("Gemini 2.5 Flash Image Input - Predictions", "count", ("gemini-2.5-flash", "image_input", 1, "standard")),
        ("Claude Sonnet 4.5 Cache Hit Input Tokens", "count", ("claude-sonnet-4.5", "cached_input", 1, "standard")),
        ("Gemini 3 Flash Text Input Caching", "count", ("gemini-3-flash", "cached_input", 1, "standard")),
        ("Titan Text Input Characters", "1K characters", ("titan", "input_character", K, "standard")),
        ("gpt-4o-mini-0718-ft-Training Tokens", "1K", ("gpt-4o-mini", "training_token", K, "standard")),
        ("gpt 9 turbo 0301 Inp glbl Tokens", "1K", ("gpt-9-turbo-0301", "input", K, "standard")),
    ],
)
def test_shapes_of_three_clouds(text: str, unit: str | None, expected: tuple[str, str, int, str]) -> None:
    """Model, direction, scale and tier; a model newer than the catalogue keeps the name it is billed under."""
    found = describe_token_sku(text, unit)

    assert found == (expected[0], expected[1], Decimal(expected[2]), expected[3])


@pytest.mark.parametrize(
    "usage",
    [
        "USE1-MP:USE1_InputTokenCount-Units",
        "USE1-MP:USE1_InputTokenCount_Global-Units",
        "USW2-MP:USW2_input_tokens_standard-Units",
    ],
)
def test_marketplace_units_are_millions(usage: str) -> None:
    """The product names the model; without a product nobody does."""
    named = describe_token_sku(usage, "Units", product="Claude Opus 5.5 (Amazon Bedrock Edition)")
    nameless = describe_token_sku(usage, "Units")

    assert named == ("claude-opus-5.5", "input", M, "standard")
    assert nameless == (None, "input", M, "standard")


@pytest.mark.parametrize(
    ("usage", "unit_class", "tier"),
    [
        ("USE1-MP:USE1_InputTokenCount_LCtx-Units", "input", "standard"),
        ("APN2-MP:APN2_CacheWrite1hInputTokenCount_LCtx_Global-Units", "cache_write", "standard"),
        ("USE1-MP:USE1_input_tokens_long_ctx_standard-Units", "input", "standard"),
        ("USE1-MP:USE1_InputTokenCount_LatencyOptimized-Units", "input", "standard"),
        ("USE1-MP:USE1_OutputTokenCount_LCtx_Batch-Units", "output", "batch"),
        # a word nobody knows yet
        ("USE1-MP:USE1_InputTokenCount_Overnight-Units", "input", "standard"),
    ],
)
def test_a_marketplace_product_is_of_its_model_whatever_its_usage_is_called(
    usage: str, unit_class: str, tier: str
) -> None:
    """Long prompts of Claude Sonnet 4.5 are not of a model called lctx."""
    found = describe_token_sku(usage, "Units", product="Claude Sonnet 4.5 (Amazon Bedrock Edition)")
    assert found == ("claude-sonnet-4.5", unit_class, M, tier)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Provisioned Managed Global Unit", "1/Hour"),
        ("APN2-MP:APN2_Reserved_1Month_InputTPM_Global-Units", "Units"),
        ("Sora 2 pro glbl Second", "1"),
        ("Standard Text Records", "1K"),
        ("Gemini 3 Flash Text Input Caching Storage", "h"),
        ("USE1-BedrockKnowledgeBase-searchunits", "Units"),
        ("DataTransfer-Out-Bytes", "GB"),
        ("gpt-4o Input Tokens", "1 Hour"),
        ("", None),
    ],
)
def test_what_prices_no_tokens(text: str, unit: str | None) -> None:
    """Hours, seconds, records, bytes and storage are not tokens."""
    assert describe_token_sku(text, unit) is None


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("1K", K),
        ("1K tokens", K),
        ("1,000 tokens", K),
        ("1000", K),
        ("1M", M),
        ("1M Tokens", M),
        ("1 Million", M),
        ("MM", M),
        ("10K", 10_000),
        ("Tokens", 1),
        ("count", 1),
        ("M", None),
        ("Units", None),
        ("Hrs", None),
        ("GB", None),
        ("", None),
        (None, None),
    ],
)
def test_scale_of_a_pricing_unit(unit: str | None, expected: int | None) -> None:
    """A bare M is a thousand to a banker and a million to an engineer, so it is unknown."""
    assert units_in(unit) == expected


def test_the_unit_wins_over_the_shape() -> None:
    """A price list's own unit is believed before what such texts usually mean."""
    assert describe_token_sku("gpt 4o 0513 Input global Tokens", "1M") == ("gpt-4o", "input", M, "standard")


@given(st.text(max_size=60), st.none() | st.text(max_size=12), st.text(max_size=20))
def test_any_text_is_answered(text: str, unit: str | None, product: str) -> None:
    """Total, and a scale is never zero or negative."""
    found = describe_token_sku(text, unit, product=product)

    assert found is None or found.units_per_pricing_unit is None or found.units_per_pricing_unit > 0


def test_a_real_month_of_azure_meters(public_data: Path) -> None:
    """Five meters: cost = tokens / scale × price to 2e-6, 303,244 tokens, 0.360382 USD."""
    path = public_data / "billing_azure_openai_meters" / "azure_openai_month_sample.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    described = [describe_token_sku(row["azure_name"], None) for row in rows]
    models = [(sku.model, sku.unit_class) for sku in described if sku]

    assert models == [
        ("gpt-4o", "input"),
        ("gpt-4o", "output"),
        ("gpt-4o-mini", "input"),
        ("gpt-4o-mini", "input"),
        ("gpt-4o-mini", "output"),
    ]
    for row, sku in zip(rows, described, strict=True):
        assert sku is not None
        assert sku.units_per_pricing_unit is not None
        cost = Decimal(row["token_count"]) / sku.units_per_pricing_unit * Decimal(row["unit_price_usd"])
        assert abs(cost - Decimal(row["total_cost_usd"])) <= Decimal("2e-6"), row
    assert sum(int(row["token_count"]) for row in rows) == 303_244
    assert sum(Decimal(row["total_cost_usd"]) for row in rows) == Decimal("0.360382")


def test_real_daily_azure_meters(public_data: Path) -> None:
    """Eighteen meter-days: sixteen of tokens with a model, two of text records."""
    path = public_data / "billing_azure_openai_meters" / "azure_ai_meters_daily.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        names = [row["x_SkuMeterName"] for row in csv.DictReader(stream)]
    found = [describe_token_sku(name, None) for name in names]

    assert len(names) == 18
    assert {name for name, sku in zip(names, found, strict=True) if sku is None} == {"Standard Text Records"}
    assert {sku.model for sku in found if sku} == {"gpt-4o", "gpt-4o-mini", "deepseek-r1"}
