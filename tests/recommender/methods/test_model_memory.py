"""Memory of models, by published numbers (T6.1 to T6.4) and by what must never happen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.model_memory import (
    ModelShape,
    Precision,
    accelerators_needed,
    concurrent_tokens,
    degrees,
    ecologits_accelerators,
    ecologits_bytes,
    kv_bytes,
    weight_bytes,
)
from tests.recommender.methods.shapes import LLAMA_2_7B, LLAMA_8B, LLAMA_70B, LLAMA_405B, QWEN_32B

GB = 1e9


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(LLAMA_8B, 131_072), (LLAMA_70B, 327_680), (LLAMA_405B, 516_096), (LLAMA_2_7B, 524_288), (QWEN_32B, 262_144)],
)
def test_cache_per_token(shape: ModelShape, expected: int) -> None:
    """T6.1."""
    assert kv_bytes(shape) == expected
    assert kv_bytes(shape, "fp8") == expected / 2


def test_a_long_sequence_of_a_small_model_is_a_gibibyte() -> None:
    """T6.1."""
    assert 8_192 * kv_bytes(LLAMA_8B) == 2**30


@pytest.mark.parametrize(
    ("memory", "precision", "expected"),
    [(24, "bf16", 27_008), (24, "fp8", 88_272), (24, "int4", 115_075), (48, "bf16", 191_802), (80, "bf16", 411_529)],
)
def test_tokens_that_fit_beside_the_weights(memory: int, precision: Precision, expected: int) -> None:
    """T6.2: an L4, an L40S and an H100 of 80 GB under a model of 8.03 B parameters, cache in 16 bits."""
    assert concurrent_tokens(LLAMA_8B, memory * GB, 1, precision) == expected


def test_weights_of_seventy_billion_parameters() -> None:
    """T6.3: 141.2, 70.6 and 39.7 GB; the first is 1.96 of the 72 usable GB of an 80 GB card, the second 0.98."""
    assert weight_bytes(70.6e9, "bf16") / 72e9 == pytest.approx(1.96, abs=0.005)
    assert weight_bytes(70.6e9, "fp8") / 72e9 == pytest.approx(0.98, abs=0.005)
    assert weight_bytes(70.6e9, "int4") == pytest.approx(39.7e9, rel=1e-3)


def test_weights_that_leave_no_room_for_a_cache_need_another_card() -> None:
    """T6.3: fp8 on one 80 GB card fits by weights alone and is never the answer: two, or an H200."""
    assert accelerators_needed(LLAMA_70B, 80 * GB, "bf16", tokens=0) == 2
    assert accelerators_needed(LLAMA_70B, 80 * GB, "fp8", tokens=0) == 2
    assert accelerators_needed(LLAMA_70B, 80 * GB, "fp8", tokens=8_192) == 2
    assert accelerators_needed(LLAMA_70B, 141 * GB, "fp8", tokens=8_192) == 1
    assert accelerators_needed(LLAMA_70B, 80 * GB, "int4", tokens=8_192) == 1


def test_the_room_asked_for_decides() -> None:
    """bf16 on two 80 GB cards holds 2,441 tokens: (144 − 141.2 − 2) GB ÷ 327,680; 8,192 need four."""
    assert concurrent_tokens(LLAMA_70B, 80 * GB, 2, "bf16") == 2_441
    assert accelerators_needed(LLAMA_70B, 80 * GB, "bf16", tokens=2_441) == 2
    assert accelerators_needed(LLAMA_70B, 80 * GB, "bf16", tokens=2_442) == 4
    assert accelerators_needed(LLAMA_405B, 80 * GB, "bf16", tokens=1) is None


def test_a_replica_splits_over_what_divides_its_heads() -> None:
    assert degrees(LLAMA_70B) == (1, 2, 4, 8)
    assert degrees(ModelShape(14.8e9, 40, 8, 128, attention_heads=40)) == (1, 2, 4, 5, 8)
    assert degrees(ModelShape(14.8e9, 40, 8, 128)) == (1, 2, 4, 8)
    assert degrees(ModelShape(1e9, 24, 1, 128, attention_heads=14), maximum=4) == (1, 2)


def test_more_accelerators_than_heads_repeat_the_cache() -> None:
    """Two key-value heads over eight accelerators: four copies."""
    shape = ModelShape(30e9, 48, 2, 128, attention_heads=32)
    assert kv_bytes(shape, degree=2) == kv_bytes(shape)
    assert kv_bytes(shape, degree=8) == 4 * kv_bytes(shape)


def test_the_quick_rule() -> None:
    """T6.4: 8 B need 19.2 GB and one card of 80, 70 B 168 GB and four (three, rounded up to a power of two)."""
    assert (ecologits_bytes(8e9), ecologits_accelerators(8e9, 80 * GB)) == (pytest.approx(19.2e9), 1)
    assert (ecologits_bytes(70e9), ecologits_accelerators(70e9, 80 * GB)) == (pytest.approx(168e9), 4)


def test_a_shape_is_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        ModelShape(0, 32, 8, 128)


@given(
    parameters=st.floats(1e8, 1e12),
    memory=st.floats(8, 300),
    tokens=st.integers(0, 10_000_000),
    heads=st.sampled_from([None, 12, 32, 40, 64]),
    precision=st.sampled_from(["bf16", "fp8", "int4"]),
)
def test_what_is_needed_holds_and_is_the_least_that_does(
    parameters: float, memory: float, tokens: int, heads: int | None, precision: Precision
) -> None:
    """The answer holds weights, the tokens asked for and activations; no smaller degree does."""
    shape = ModelShape(parameters, 40, 8, 128, attention_heads=heads)
    needed = accelerators_needed(shape, memory * GB, precision, tokens=tokens)
    for degree in degrees(shape):
        used = weight_bytes(parameters, precision) + max(tokens, 1) * kv_bytes(shape, degree=degree) + 2e9
        fits = used <= 0.9 * memory * GB * degree * (1 + 1e-9)
        if needed is None or degree < needed:
            assert used >= 0.9 * memory * GB * degree * (1 - 1e-9)
        elif degree == needed:
            assert fits
