"""A model's shape: settings first, then what its maker publishes, never a guess."""

from __future__ import annotations

import pytest

from aispend.sizing import ServedAs
from recommender.methods.model_memory import kv_bytes
from recommender.methods.model_shapes import served_model, smaller_of_family, source_of
from tests.recommender.methods.shapes import LLAMA_8B, LLAMA_70B, LLAMA_405B, QWEN_32B


@pytest.mark.parametrize(
    ("name", "shape", "cache"),
    [
        ("llama-3.1-8b", LLAMA_8B, 131_072),
        ("meta-llama/Llama-3.1-70B-Instruct", LLAMA_70B, 327_680),
        ("llama-3.1-405b", LLAMA_405B, 516_096),
        ("qwen3-32b", QWEN_32B, 262_144),
    ],
)
def test_published_shapes_have_the_published_cache(name: str, shape: object, cache: int) -> None:
    """T6.1, bytes of cache per token."""
    found = served_model(name)
    assert found is not None
    assert found.shape == shape
    assert kv_bytes(found.shape) == cache
    assert found.precision == "bf16"


def test_nobody_guesses_a_shape() -> None:
    assert served_model("fraud-net") is None
    assert served_model(None) is None
    assert source_of("fraud-net") is None
    assert served_model("fraud-net", (ServedAs(name="fraud-net", parameters=1e9),)) is None


def test_settings_come_before_what_is_published() -> None:
    found = served_model("phi-4", (ServedAs(name="Phi-4", precision="fp8"),))
    assert found is not None
    assert (found.precision, found.shape.kv_heads, found.weight_bytes) == ("fp8", 10, 14.7e9)


def test_a_shape_of_ones_own() -> None:
    told = ServedAs(name="acme", parameters=2e9, layers=24, kv_heads=4, head_dim=64)
    found = served_model("Acme", (told,))
    assert found is not None
    # 2 · 24 · 4 · 64 · 2 bytes
    assert kv_bytes(found.shape) == 24_576


def test_the_next_smaller_of_the_same_name() -> None:
    assert smaller_of_family("llama-3.1-70b") == 8.03e9
    assert smaller_of_family("llama-3.1-405b") == 70.6e9
    assert smaller_of_family("llama-3.1-8b") is None
    assert smaller_of_family("phi-4") is None
    assert smaller_of_family(None) is None
