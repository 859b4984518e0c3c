"""What-ifs: what saves is an instance less (T6.5); what does not suit is said; ranges are never left."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.prices.accelerators import accelerators
from recommender.methods.techniques import (
    Change,
    Factor,
    Service,
    WhatIf,
    techniques,
    what_if,
)
from recommender.methods.throughput import Efficiency, ServedModel, Traffic
from tests.recommender.methods.shapes import LLAMA_8B, LLAMA_70B

H100, A100, L4 = (accelerators()[name] for name in ("nvidia-h100-80gb", "nvidia-a100-80gb", "nvidia-l4"))
CHAT = Traffic(64, 250, 400)
SMALL = Service(H100, replicas=10, model=ServedModel(LLAMA_8B), traffic=CHAT)


def ask(service: Service, name: str, change: Change | None = None) -> WhatIf:
    return what_if(service, techniques()[name], change)


def test_one_replica_made_faster_saves_nothing() -> None:
    """T6.5: 1.3 × on one replica is still one replica."""
    found = ask(Service(H100, replicas=1), "fp8_w8a8")
    assert found.factor == Factor(1.0, 1.3, 1.6)
    assert (found.instances_before, found.instances_after, found.saved_share) == (1, 1, Decimal(0))


@pytest.mark.parametrize(
    ("replicas", "needed", "least", "per_instance", "before", "after"),
    [
        (10, None, 1, 1, 10, 8),  # ⌈10 ÷ 1.3⌉
        (4, None, 1, 1, 4, 4),  # ⌈3.08⌉
        (5, 2.4, 1, 1, 5, 4),  # ⌈2.4⌉ = 3, ⌈1.85⌉ = 2: one less; the two above need are rightsizing's
        (3, 1.1, 2, 1, 3, 3),  # two must run
        (4, 5.0, 1, 1, 4, 4),  # overloaded before, full after
        (10, None, 1, 8, 2, 1),  # eight replicas in an instance
        (8, None, 1, 4, 2, 2),  # seven replicas still take two instances of four
    ],
)
def test_instances(replicas: int, needed: float | None, least: int, per_instance: int, before: int, after: int) -> None:
    service = Service(H100, replicas, replicas_needed=needed, least_replicas=least, replicas_per_instance=per_instance)
    found = ask(service, "fp8_w8a8")
    assert (found.instances_before, found.instances_after) == (before, after)
    assert found.saved_share == Decimal(before - after) / before


def test_the_formula_s_gain_is_realised_in_part_and_kept_in_the_range() -> None:
    """8 B at 64, FP8: from 12.4866 ms to (8.03 + 3.7749) GB ÷ 2.1775 TB/s + 1.6889 ms = 7.1102 ms: 1.7561 × 0.7."""
    found = ask(SMALL, "fp8_w8a8")
    assert found.factor is not None
    assert found.factor.point == pytest.approx(1.7561 * 0.7, abs=5e-4)
    assert (found.step_seconds_before, found.step_seconds_after) == (
        pytest.approx(12.4866e-3, rel=1e-5),
        pytest.approx(7.110e-3, rel=1e-3),
    )


def test_four_bits_give_much_to_few_and_little_to_many() -> None:
    few, some, many = (
        ask(replace(SMALL, traffic=replace(CHAT, batch=batch)), "int4_w4a16").factor for batch in (4, 32, 256)
    )
    assert few is not None
    assert some is not None
    assert many is not None
    assert (few.low, few.high) == (1.5, 2.4)
    assert (some.low, some.high) == (0.9, 2.4)
    assert (many.low, many.high) == (0.9, 1.3)
    assert few.point > some.point > many.point
    assert "not known" in ask(replace(SMALL, traffic=None), "int4_w4a16").why_not


def test_memory_after() -> None:
    """8.03 B: 16.06 GB and 411,529 tokens to 8.03 GB and 472,793 on 80 GB; 70 B in FP8 needs two cards."""
    found = ask(SMALL, "fp8_w8a8")
    assert found.memory_before is not None
    assert found.memory_after is not None
    assert (found.memory_before.weight_bytes, found.memory_before.tokens) == (16.06e9, 411_529)
    assert (found.memory_after.weight_bytes, found.memory_after.tokens) == (8.03e9, 472_793)
    large = Service(H100, 2, 4, model=ServedModel(LLAMA_70B), traffic=CHAT)
    after = ask(large, "fp8_w8a8").memory_after
    assert after is not None
    assert after.accelerators_needed == 2


@pytest.mark.parametrize(
    ("service", "name", "reason"),
    [
        (replace(SMALL, accelerator=A100), "fp8_w8a8", "needs an accelerator of ada, hopper"),
        (replace(SMALL, accelerator=accelerators()["google-tpu-v6e"]), "int8_w8a8", "none of them"),
        (replace(SMALL, model=ServedModel(LLAMA_8B, "fp8")), "int4_w4a16", "already"),
        (SMALL, "unstructured_pruning", "no accelerator faster"),
        (SMALL, "power_cap", "saves energy"),
        (SMALL, "speculative_decoding", "64 sequences run at once"),
        (replace(SMALL, traffic=replace(CHAT, batch=16)), "speculative_decoding", "from 16 on"),
        (replace(SMALL, traffic=None), "speculative_decoding", "not known"),
        (SMALL, "paged_attention", "not known"),
        (replace(SMALL, engine_features=frozenset({"paged_attention"})), "paged_attention", "already"),
        (SMALL, "lora_multi_adapter", "loads of all"),
        (SMALL, "distillation", "parameters"),
        (SMALL, "prefix_caching", "repeat"),
        (SMALL, "fewer_tokens", "kept"),
        (SMALL, "bigger_batch", "batch to go to"),
    ],
)
def test_what_does_not_suit_saves_nothing_and_says_why(service: Service, name: str, reason: str) -> None:
    found = ask(service, name)
    assert reason in found.why_not
    assert not found.is_suited
    assert found.saved_share == 0


def test_unsuited_ones_have_honest_factors() -> None:
    """Unstructured pruning 1.0; speculative decoding at 16 and more at most 1.0."""
    pruned, guessed = ask(SMALL, "unstructured_pruning").factor, ask(SMALL, "speculative_decoding").factor
    assert pruned == Factor(1.0, 1.0, 1.0)
    assert guessed is not None
    assert guessed.high == 1.0
    quiet = ask(replace(SMALL, traffic=replace(CHAT, batch=8)), "speculative_decoding")
    assert (quiet.is_suited, quiet.factor) == (True, Factor(1.2, 1.6, 2.0))


def test_a_smaller_model_by_its_parameters() -> None:
    """15 B to 8 B: 1.875 at most, 0.9 of it expected; another of the same size is not smaller."""
    model = ServedModel(replace(LLAMA_8B, parameters=15e9))
    found = ask(replace(SMALL, model=model), "structured_pruning_distillation", Change(smaller_parameters=8e9))
    assert found.factor == Factor(1.0, pytest.approx(1.6875), 1.875)
    assert found.memory_after is not None
    assert found.memory_after.weight_bytes == 16e9
    assert "not smaller" in ask(SMALL, "distillation", Change(smaller_parameters=9e9)).why_not


def test_a_bigger_batch_is_the_formula_s_and_must_fit() -> None:
    """64 to 256: 9,201.9 ÷ 5,125.5 = 1.795, give or take 34 %; tokens come every 27.8 instead of 12.5 ms."""
    found = ask(SMALL, "bigger_batch", Change(batch=256))
    assert found.factor is not None
    assert found.factor.point == pytest.approx(1.7953, abs=1e-3)
    assert (found.factor.low, found.factor.high) == (pytest.approx(1.1849, abs=1e-3), pytest.approx(2.4057, abs=1e-3))
    assert found.step_seconds_after == pytest.approx(27.8203e-3, rel=1e-5)
    assert "holds 27,008 tokens" in ask(replace(SMALL, accelerator=L4), "bigger_batch", Change(batch=256)).why_not
    assert "already" in ask(SMALL, "bigger_batch", Change(batch=64)).why_not


def test_prefix_caching_saves_its_share_of_prefill() -> None:
    """Prompts of 4,000 for answers of 400 with half of them repeated: between half and all of the formula's gain."""
    service = replace(SMALL, traffic=Traffic(64, 4_000, 400))
    found = ask(service, "prefix_caching", Change(cached_input_share=0.5)).factor
    assert found is not None
    assert found.point > 1.1
    assert found.low == pytest.approx((1 + found.point) / 2)


def test_fewer_tokens_are_linear() -> None:
    found = ask(SMALL, "fewer_tokens", Change(kept_token_share=0.8))
    assert found.factor == Factor(1.25, 1.25, 1.25)
    assert found.instances_after == 8


def test_quantisations_are_one_group() -> None:
    quantized = {one.name for one in techniques().values() if one.group == "quantization"}
    assert quantized == {"fp8_w8a8", "int8_w8a8", "int4_w4a16", "llm_int8"}


def test_every_technique_names_its_sources_and_knows_what_it_needs() -> None:
    known = {card.architecture for card in accelerators().values()}
    effects = {"precision", "range", "parameters", "batch", "prefix", "tokens", "pooling", "none"}
    for one in techniques().values():
        assert one.sources, one
        assert one.quality, one
        assert one.one_off in ("none", "low", "medium", "high"), one
        assert one.effect in effects, one
        assert set(one.architectures) <= known, one
        assert one.range is None or one.range[0] <= one.range[1], one
        assert not one.needs_retraining or one.one_off == "high", one


@given(
    name=st.sampled_from(sorted(techniques())),
    card=st.sampled_from(["nvidia-h100-80gb", "nvidia-a100-80gb", "nvidia-l4"]),
    replicas=st.integers(1, 60),
    needed=st.none() | st.floats(0.01, 60),
    batch=st.none() | st.floats(1, 500),
    eta=st.floats(0.05, 1),
)
def test_a_saving_is_whole_instances_and_within_the_range(
    name: str, card: str, replicas: int, needed: float | None, batch: float | None, eta: float
) -> None:
    """Never above the published range, never negative, never where it does not suit, never below one instance."""
    service = Service(
        accelerators()[card],
        replicas,
        model=ServedModel(LLAMA_8B),
        traffic=None if batch is None else replace(CHAT, batch=batch),
        replicas_needed=needed,
        efficiency=Efficiency(eta, eta),
    )
    found = ask(service, name, Change(smaller_parameters=4e9, batch=64, cached_input_share=0.3, kept_token_share=0.9))
    assert found.instances_after >= 1
    assert 0 <= found.saved_share < 1
    if found.factor is not None:
        assert found.factor.low <= found.factor.point <= found.factor.high
        published = found.technique.range
        large = found.technique.range_large_batch
        if published is not None:
            assert found.factor.high <= max(published[1], large[1] if large else 0)
        if found.is_suited:
            assert found.instances_if_high <= found.instances_after <= found.instances_if_low
    if not found.is_suited:
        assert found.instances_after == found.instances_before
