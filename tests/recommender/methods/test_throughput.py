"""The throughput formula, by its golden numbers (T2.6), by measurements (T2.7) and by what must hold (T2.4)."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.prices.accelerators import accelerator
from recommender.methods.model_memory import ModelShape
from recommender.methods.throughput import (
    Hardware,
    ServedModel,
    Traffic,
    calibrate,
    decode_throughput,
    hardware,
    peak_flops,
)
from tests.recommender.methods.shapes import LLAMA_8B, LLAMA_70B, QWEN_14B, QWEN_32B

H100 = Hardware(3.35e12, 989e12)
B200 = Hardware(8e12, 2250e12)
SMALL = ServedModel(LLAMA_8B)

MEASURED = [
    (LLAMA_8B, H100, 1, 8.0, 389, 1_070),
    (LLAMA_8B, H100, 1, 63.9, 396, 5_147),
    (LLAMA_8B, H100, 1, 255.2, 404, 9_010),
    (LLAMA_8B, H100, 1, 510.9, 397, 9_806),
    (QWEN_14B, H100, 1, 8.0, 620, 627),
    (QWEN_14B, H100, 1, 63.8, 617, 3_140),
    (QWEN_14B, H100, 1, 253.4, 625, 5_760),
    (QWEN_32B, H100, 2, 8.0, 631, 522),
    (QWEN_32B, H100, 2, 127.8, 624, 3_905),
    (QWEN_32B, H100, 2, 255.6, 634, 5_155),
    (LLAMA_70B, H100, 4, 8.0, 350, 470),
    (LLAMA_70B, H100, 4, 63.8, 352, 2_511),
    (LLAMA_70B, H100, 4, 255.3, 349, 4_915),
    (LLAMA_70B, H100, 4, 898.5, 351, 6_827),
    (LLAMA_70B, B200, 2, 8.0, 352, 476),
    (LLAMA_70B, B200, 2, 255.3, 361, 5_372),
    (LLAMA_70B, B200, 2, 2_041.9, 351, 10_108),
]
"""ML.ENERGY, 2026-02, vLLM, bf16, chat: model, card, cards, running sequences, output tokens, tokens a second."""
PROMPT = 250
"""Prompt tokens: not in the measurements, the length that fits them best."""


@pytest.mark.parametrize(
    ("batch", "milliseconds", "tokens"),
    [(1, 7.4553, 134.1), (8, 8.0143, 998.2), (64, 12.4866, 5_125.5), (256, 27.8203, 9_201.9)],
)
def test_golden_numbers(batch: int, milliseconds: float, tokens: float) -> None:
    """T2.6."""
    found = decode_throughput(SMALL, H100, Traffic(batch, 250, 400))
    assert round(found.step_seconds * 1_000, 4) == milliseconds
    assert round(found.tokens_per_second, 1) == tokens


@pytest.mark.parametrize(("card", "bound"), [(H100, 0.10), (B200, 0.25)])
def test_measured_rows(card: Hardware, bound: float) -> None:
    """T2.7: the median error is at most 10 % on H100 and 25 % on B200, with efficiencies fitted on H100."""
    rows = [row for row in MEASURED if row[1] is card]
    errors = []
    for shape, _, cards, batch, n_out, seen in rows:
        found = decode_throughput(ServedModel(shape), card, Traffic(batch, PROMPT, n_out), tensor_parallel=cards)
        errors.append(abs(found.tokens_per_second / seen - 1))
    assert len(rows) == (14 if card is H100 else 3)
    assert median(errors) <= bound
    assert max(errors) <= 0.25


def test_one_point_calibrates_and_ratios_are_what_is_predicted() -> None:
    """Half as fast as the formula says at 64 is half as fast at every batch; the fit itself is met exactly."""
    seen = decode_throughput(SMALL, H100, Traffic(64, 250, 400)).tokens_per_second / 2
    own = calibrate(seen, SMALL, H100, Traffic(64, 250, 400))
    assert own is not None
    assert (own.memory, own.compute) == (pytest.approx(0.325), pytest.approx(0.25))
    assert decode_throughput(SMALL, H100, Traffic(64, 250, 400), own).tokens_per_second == pytest.approx(seen)
    assert decode_throughput(SMALL, H100, Traffic(256, 250, 400), own).tokens_per_second == pytest.approx(
        9_201.9 / 2, rel=1e-4
    )


def test_what_no_card_can_do_calibrates_nothing() -> None:
    """16.06 GB at 3.35 TB/s take 4.8 ms, so one sequence never sees 250 tokens a second."""
    assert calibrate(250, SMALL, H100, Traffic(1, 250, 400)) is None
    assert calibrate(200, SMALL, H100, Traffic(1, 250, 400)) is not None
    with pytest.raises(ValueError, match="calibrates nothing"):
        calibrate(0, SMALL, H100, Traffic(1, 250, 400))


def test_figures_come_from_the_catalogue_and_unknown_stays_unknown() -> None:
    h100, a100, b300 = (accelerator(name) for name in ("nvidia-h100-80gb", "nvidia-a100-80gb", "nvidia-b300-288gb"))
    assert h100 is not None
    assert a100 is not None
    assert b300 is not None
    assert hardware(h100) == H100
    assert hardware(h100, "fp8") == Hardware(3.35e12, 1979e12)
    assert hardware(a100, "fp8") is None
    assert hardware(b300) is None
    assert peak_flops(h100, "int4") == peak_flops(h100, "bf16")


def test_nothing_runs_at_a_batch_of_zero() -> None:
    with pytest.raises(ValueError, match="positive"):
        Traffic(0, 250, 400)


@given(
    parameters=st.floats(5e8, 1e12),
    bandwidth=st.floats(1e11, 1e13),
    flops=st.floats(5e13, 1e16),
    batch=st.floats(1, 2_048),
    n_in=st.floats(0, 100_000),
    n_out=st.floats(1, 10_000),
    more=st.floats(1, 8),
)
def test_better_hardware_and_fewer_bytes_are_never_slower(
    parameters: float, bandwidth: float, flops: float, batch: float, n_in: float, n_out: float, more: float
) -> None:
    """T2.4; and no more than the better specification: bandwidth × r and FLOPS × r give at most r."""
    model = ServedModel(ModelShape(parameters, 40, 8, 128))
    traffic = Traffic(batch, n_in, n_out)
    base = decode_throughput(model, Hardware(bandwidth, flops), traffic).tokens_per_second

    def grows(model: ServedModel, card: Hardware, traffic: Traffic = traffic) -> float:
        return decode_throughput(model, card, traffic).tokens_per_second / base

    least, most = 1 - 1e-9, more * (1 + 1e-9)
    assert least <= grows(model, Hardware(bandwidth * more, flops)) <= most
    assert least <= grows(model, Hardware(bandwidth, flops * more)) <= most
    assert grows(model, Hardware(bandwidth * more, flops * more)) == pytest.approx(more)
    for other in (
        ServedModel(model.shape, "fp8"),
        ServedModel(model.shape, "int4"),
        ServedModel(model.shape, "bf16", "fp8"),
    ):
        assert grows(other, Hardware(bandwidth, flops)) >= least
    assert grows(model, Hardware(bandwidth, flops), replace(traffic, cached_input_share=0.5)) >= least
