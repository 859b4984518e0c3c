"""One name per model."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.prices.data import read_toml
from aispend.prices.models import canonical_model, compact, known_model


@pytest.mark.parametrize(
    ("canonical", "spellings"),
    [
        (
            "claude-3.5-sonnet",
            [
                "anthropic.claude-3-5-sonnet-20241022-v2:0",
                "us.anthropic.claude-3-5-sonnet-20240620-v1:0",
                "claude-3-5-sonnet@20240620",
                "Claude 3.5 Sonnet (Amazon Bedrock Edition)",
                "Claude3.5Sonnet",
                "openrouter/anthropic/claude-3.5-sonnet:beta",
            ],
        ),
        ("claude-sonnet-4.5", ["Claude4.5Sonnet", "claude-sonnet-4-5-20250929", "Claude Sonnet 4.5"]),
        ("claude-opus-4.8", ["anthropic.claude-opus-4-8", "Claude4.8Opus"]),
        ("llama-3.1-70b", ["meta-llama/Llama-3.1-70B-Instruct", "us.meta.llama3-1-70b-instruct-v1:0", "Llama3.1-70B"]),
        ("gpt-4o", ["gpt-4o-2024-08-06", "azure/gpt-4o", "gpt 4o 0513", "gpt-4o-0806"]),
        ("gpt-4o-mini", ["gpt-4o-mini-2024-07-18", "gpt-4o-mini-0718"]),
        ("gpt-4.1", ["gpt-4-1", "gpt 4.1", "gpt-4.1-2025-04-14"]),
        ("gpt-3.5-turbo", ["gpt-35-turbo", "gpt-3.5-turbo-0125"]),
        (
            "gemini-2.5-flash",
            ["publishers/google/models/gemini-2.5-flash", "models/gemini-2.5-flash", "gemini-2.5-flash-preview-05-20"],
        ),
        ("deepseek-r1", ["deepseek-ai/DeepSeek-R1", "us.deepseek.r1-v1:0", "DeepSeek-R1-0528"]),
        ("titan-embed-text-v2", ["amazon.titan-embed-text-v2:0"]),
        ("nova-2-lite", ["Nova2.0Lite", "amazon.nova-2-lite-v1:0"]),
        ("command-r", ["cohere.command-r-v1:0"]),
        ("command-r-plus", ["command-r+", "cohere.command-r-plus-v1:0"]),
    ],
)
def test_one_model_however_written(canonical: str, spellings: list[str]) -> None:
    """Bills, cloud APIs, gateways and serving engines."""
    assert {canonical_model(spelling) for spelling in [canonical, *spellings]} == {canonical}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("acme/Support Bot v7", "acme/support-bot-v7"),
        ("fraud_scorer", "fraud-scorer"),
        ("Qwen/Qwen2.5-72B-Instruct-AWQ", "qwen/qwen2.5-72b-instruct-awq"),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "ft:gpt-4o-mini-2024-07-18:org::id"),
        ("projects/p/locations/us-central1/models/12345", "projects/p/locations/us-central1/models/12345"),
        ("anthropic.claude-next-20990101-v1:0", "claude-next"),
        ("r1", "r1"),
        ("", ""),
    ],
)
def test_unknown_names_are_normalised_not_guessed(name: str, kept: str) -> None:
    """A fine-tune or a quantisation is not its base; a meter's short name is a model only on that meter."""
    assert known_model(name) is None
    assert canonical_model(name) == kept


def test_different_models_stay_different() -> None:
    """Names one character apart, and the sizes of one family."""
    names = [
        "gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4-turbo", "o1", "o1-mini", "o3", "o3-mini", "claude-3-haiku",
        "claude-3.5-haiku", "claude-haiku-4.5", "llama-3-8b", "llama-3.1-8b", "llama-3-70b", "llama-3.3-70b",
        "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro", "command-r", "command-r-plus", "qwen3-32b",
        "qwen2.5-32b", "deepseek-v3", "deepseek-v3.1", "titan-embed-text", "titan-embed-text-v2",
    ]  # fmt: skip

    assert [known_model(name) for name in names] == names


def test_no_two_entries_claim_one_spelling() -> None:
    """The later of two would win silently."""
    owners = defaultdict(set)
    for entry in read_toml("models.toml")["model"]:
        for spelling in (entry["name"], *entry.get("also", ())):
            owners[compact(spelling)].add(entry["name"])

    assert {spelling: names for spelling, names in owners.items() if len(names) > 1} == {}


@given(st.text(max_size=60) | st.from_regex(r"(us\.|eu\.)?(anthropic\.|meta\.)?[a-z0-9._/@:-]{1,40}", fullmatch=True))
def test_total_stable_and_never_lost(name: str) -> None:
    """Any text gets a name; the name of a name is itself; what has a letter or digit does not become nothing."""
    canonical = canonical_model(name)

    assert canonical_model(canonical) == canonical
    assert bool(canonical) or not any(character.isalnum() for character in name)


def test_published_price_maps(public_data: Path) -> None:
    """Provider keys of one model resolve to it: measured on two price maps, 1,610 text models under 74 providers."""
    keys: dict[str, str] = {}
    for name in ("model_prices.json", "model_prices_and_context_window.json"):
        entries = json.loads((public_data / "llmprice_litellm_format" / name).read_text(encoding="utf-8"))
        keys |= {key: entry.get("mode", "") for key, entry in entries.items() if isinstance(entry, dict)}
    chat = [key for key, mode in keys.items() if mode in {"chat", "embedding", "responses", "completion"}]
    spread = defaultdict(set)
    for key in chat:
        spread[known_model(key)].add(key.partition("/")[0] if "/" in key else "")

    assert len(chat) == 1610
    assert sum(1 for key in chat if known_model(key)) >= 1089
    assert len(spread["llama-3.1-70b"]) >= 8
    assert len(spread["claude-3.5-sonnet"]) >= 4
    assert all(canonical_model(canonical_model(key)) == canonical_model(key) for key in keys)


def test_names_of_an_observability_tool(public_data: Path) -> None:
    """136 of 167 names are known; the rest are retired models and fine-tunes that keep their own."""
    path = public_data / "llmprice_langfuse" / "default-model-prices.json"
    names = [entry["modelName"] for entry in json.loads(path.read_text(encoding="utf-8"))]

    assert len(names) == 167
    assert sum(1 for name in names if known_model(name)) >= 136
