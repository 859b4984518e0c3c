"""Ratios between accelerators: T2.3, the table's own order, and what published measurements say about both."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.prices.accelerators import Accelerator, accelerators
from recommender.methods.model_memory import Precision
from recommender.methods.realised_ratio import (
    Phase,
    Ratio,
    Specified,
    downgrade_range,
    estimated_range,
    measured_ratio,
    measured_ratios,
    realised_ratio,
    specified_ratio,
    upgrade_range,
)

NOW = date(2026, 11, 21)
A100, H100, H200, B200, L40S, L4, MI300X, MI325X, B300, TPU, A10G = (
    accelerators()[name]
    for name in (
        "nvidia-a100-80gb", "nvidia-h100-80gb", "nvidia-h200-141gb", "nvidia-b200-180gb", "nvidia-l40s", "nvidia-l4",
        "amd-mi300x-192gb", "amd-mi325x-256gb", "nvidia-b300-288gb", "google-tpu-v6e", "nvidia-a10g",
    )
)  # fmt: skip


def test_an_upgrade_gains_half_of_what_is_promised() -> None:
    """T2.3: bandwidths 2,039 and 3,350: 1.643 promised, 1.3215 expected, 1 to 1.643 possible, and 1.47 measured."""
    promised = specified_ratio(A100, H100, "decode", "bf16")
    assert _known(promised).most == pytest.approx(1.643, abs=5e-4)
    found = upgrade_range(1.643)
    assert (found.low, found.high) == (1, 1.643)
    assert found.point == pytest.approx(1.3215)
    measured = measured_ratio("nvidia-a100-80gb", "nvidia-h100-80gb", "bf16", "decode")
    assert measured is not None
    assert found.low < measured.point == 1.47 < found.high


def test_a_downgrade_keeps_nine_tenths_and_at_most_all() -> None:
    """Half the bandwidth: 0.45, 0.3375 to 0.5 (0.5625 would be above the specification)."""
    found = downgrade_range(0.5)
    assert (found.low, found.point, found.high) == (pytest.approx(0.3375), pytest.approx(0.45), 0.5)
    with pytest.raises(ValueError, match="no downgrade"):
        downgrade_range(1.0)
    with pytest.raises(ValueError, match="is a downgrade"):
        upgrade_range(0.9)


@pytest.mark.parametrize(
    ("phase", "to_precision", "least", "most"),
    [
        ("prefill", "bf16", 989 / 312, 989 / 312),
        ("decode", "bf16", 3350 / 2039, 3350 / 2039),
        ("decode", "fp8", 6700 / 2039, 6700 / 2039),
        ("serving", "bf16", 3350 / 2039, 989 / 312),
    ],
)
def test_each_phase_has_its_resource(phase: Phase, to_precision: Precision, least: float, most: float) -> None:
    """Prefill by FLOPS, decode by bytes, whole requests by something between."""
    found = _known(specified_ratio(A100, H100, phase, "bf16", to_precision))
    assert (found.least, found.most) == (pytest.approx(least), pytest.approx(most))


def test_whole_requests_gain_half_of_what_the_lesser_resource_promises() -> None:
    """Up, 1.2 and 1.4: half of 0.2; the other is the most where all binds there. Down, 0.3 and 0.5: 0.9 × 0.3."""
    assert estimated_range(Specified(1.2, 1.4)) == Ratio(1.0, pytest.approx(1.1), 1.4)
    assert estimated_range(Specified(0.3, 0.5)) == Ratio(pytest.approx(0.2025), pytest.approx(0.27), 0.5)
    assert estimated_range(Specified(0.8, 1.5)) == Ratio(pytest.approx(0.54), pytest.approx(0.72), 1.5)


@pytest.mark.parametrize(
    ("target", "bandwidths", "point"),
    [
        (L40S, 864 / 600, 1.22),  # 1 + 0.5 × 0.44; FLOPS promise 5.2 times, which tokens read from memory never see
        (H100, 3350 / 600, 3.2917),
        (H200, 4800 / 600, 4.5),
    ],
)
def test_much_more_compute_lifts_no_estimate_above_what_memory_gives(
    target: Accelerator, bandwidths: float, point: float
) -> None:
    """An A10G reads 600 GB/s: the rule on bandwidth, and not on a middle of it and FLOPS."""
    promised = _known(specified_ratio(A10G, target, "serving", "bf16"))
    assert promised.least == pytest.approx(bandwidths)
    found = realised_ratio(A10G, target, precision="bf16", phase="serving", on=NOW)
    assert found is not None
    assert (found.basis, found.ratio.planned) == ("estimated", pytest.approx(point, abs=5e-4))


def test_measured_comes_first_and_says_so() -> None:
    found = realised_ratio(H100, B200, precision="bf16", phase="serving", on=NOW)
    assert found is not None
    assert (found.basis, found.ratio) == ("measured", Ratio(1.30, 1.95, 2.39))
    assert found.source == "ML.ENERGY leaderboard, 2026-02 (vLLM, 2026-02, 2026-02)"
    assert realised_ratio(H100, B200, precision="fp16", phase="serving", on=NOW) == found


def test_a_year_later_it_is_a_range_to_be_reckoned_with_at_its_low_end() -> None:
    last, after = date(2027, 2, 1), date(2027, 2, 2)
    fresh = realised_ratio(H100, B200, precision="bf16", phase="serving", on=last)
    old = realised_ratio(H100, B200, precision="bf16", phase="serving", on=after)
    assert fresh is not None
    assert old is not None
    assert (fresh.basis, fresh.ratio.planned) == ("measured", 1.95)
    assert (old.basis, old.ratio, old.ratio.planned) == ("measured long ago", Ratio(1.30, None, 2.39), 1.30)


def test_the_newest_of_two_measurements_counts() -> None:
    found = measured_ratio("nvidia-h100-80gb", "nvidia-h200-141gb", "fp8", "serving")
    assert found is not None
    assert (found.engine, found.point) == ("MLPerf Inference v5.1, closed, available", 1.191)


def test_what_was_never_measured_is_estimated_within_a_maker_only() -> None:
    """L40S to L4: bandwidth 300/864 = 0.347; × 0.9 = 0.3125. Another maker, or a missing figure: nothing."""
    found = realised_ratio(L40S, L4, precision="bf16", phase="decode", on=NOW)
    assert found is not None
    assert (found.basis, found.ratio.point) == ("estimated", pytest.approx(0.3125))
    assert "benchmark first" in found.source
    assert realised_ratio(H100, TPU, precision="bf16", phase="serving", on=NOW) is None
    assert realised_ratio(H100, B300, precision="bf16", phase="prefill", on=NOW) is None
    assert realised_ratio(A100, H100, precision="fp8", phase="prefill", on=NOW) is None


def test_the_table_is_in_order() -> None:
    """Known accelerators, ranges the right way round, no measurement from the future, every row with its source."""
    for row in measured_ratios():
        assert {row.from_accelerator, row.to_accelerator} <= set(accelerators()), row
        assert 0 < row.low <= row.point <= row.high, row
        assert row.measured <= NOW, row
        assert row.source, row
        assert row.spread, row


@given(least=st.floats(0.01, 20), more=st.floats(1, 20))
def test_an_estimate_is_never_above_the_specification(least: float, more: float) -> None:
    for specified in (Specified(least, least), Specified(least, least * more)):
        found = estimated_range(specified)
        assert found.point is not None
        assert 0 < found.low <= found.point <= found.high <= specified.most
        assert found.point <= specified.least


# ------------------------------------------------------------------ against published measurements


def test_splitwise_is_where_the_a100_rows_come_from(public_data: Path) -> None:
    """Medians and P10–P90 of 76 configurations are the table's rows; no decode point is above the bandwidths' ratio.

    Claimed: the estimate's range holds every decode point and nine of ten prefill points. Not claimed: that its
    point is right (decode 1.32 against 1.47), nor absolute speeds: these engines are of 2023.
    """
    frame = pd.read_csv(public_data / "perf_splitwise" / "perf_model.csv")
    keys = ["model", "prompt_size", "batch_size", "token_size", "tensor_parallel", "hardware"]
    times = frame.groupby(keys)[["prompt_time", "token_time"]].median().unstack("hardware")
    phases: tuple[tuple[str, Phase], ...] = (("prompt_time", "prefill"), ("token_time", "decode"))
    for column, phase in phases:
        ratios = (times[column]["a100-80gb"] / times[column]["h100-80gb"]).dropna().to_numpy()
        row = measured_ratio("nvidia-a100-80gb", "nvidia-h100-80gb", "bf16", phase)
        assert row is not None
        assert len(ratios) == 76
        assert np.percentile(ratios, [10, 50, 90]) == pytest.approx([row.low, row.point, row.high], abs=0.006)
        estimate = estimated_range(_known(specified_ratio(A100, H100, phase, "bf16")))
        within = np.mean((ratios >= estimate.low) & (ratios <= estimate.high))
        assert within == 1.0 if phase == "decode" else within >= 0.9


def test_mlperf_ratios_are_the_table_s_and_lie_in_the_estimate_s_range_within_a_generation(public_data: Path) -> None:
    """MLPerf Inference v5.1, closed division, available systems: medians per accelerator, model and scenario.

    Claimed: the table's rows; that H100→H200 and H100→L40S lie in the range the rule would have given unmeasured.
    Not claimed: absolute tokens a second for anyone's own requests; that a range holds where the makers differ
    (H100→MI300X was below 1) or where more memory lets a server batch more (MI300X→MI325X above its bandwidth's ratio):
    therefore the first gives no estimate at all, and the second is measured.
    """
    rates = _mlperf(public_data)
    seen = {}
    rows = [row for row in measured_ratios() if row.engine.startswith("MLPerf")]
    for row in rows:
        ours = rates[row.from_accelerator, row.precision]
        theirs = rates[row.to_accelerator, row.to_precision]
        ratios = [theirs[key] / ours[key] for key in ours.keys() & theirs.keys()]
        seen[row.from_accelerator, row.to_accelerator] = ratios
        assert (min(ratios), median(ratios), max(ratios)) == pytest.approx((row.low, row.point, row.high), abs=0.002)
    assert len(rows) == 6
    for target in (H200, L40S):
        estimate = estimated_range(_known(specified_ratio(H100, target, "serving", "fp8")))
        assert all(estimate.low <= one <= estimate.high for one in seen[H100.name, target.name])
    assert max(seen[H100.name, MI300X.name]) < 1 < _known(specified_ratio(H100, MI300X, "serving", "fp8")).least
    assert min(seen[MI300X.name, MI325X.name]) > _known(specified_ratio(MI300X, MI325X, "decode", "fp8")).most


def test_dstack_s_small_batches_lie_under_the_specification(public_data: Path) -> None:
    """Llama-3.1-405B fp8 on eight MI300X against eight H100, 2024-11, vLLM.

    Claimed: up to 16 sequences, where both hold the batch, the gain is between nothing and the bandwidths' ratio.
    Not claimed: anything beyond: at 256 sequences 1.5 TB of memory served 2.6 times what 640 GB did.
    """
    folder = public_data / "perf_dstack"
    frame = pd.read_csv(
        folder / "comparison__h100sxm5_vs_mi300x__csv_data__throughput_latency_curve.csv", encoding="utf-8-sig"
    )
    frame["gpu"] = frame["gpu"].str.strip()
    speeds = frame.set_index(["gpu", "input_len", "batch_size"])["tokens_per_second"]
    most = _known(specified_ratio(H100, MI300X, "decode", "fp8")).most
    small = [
        speeds["8xMi300x 1FP8-amd", n_in, batch] / speeds["8xH100 1FP8-meta", n_in, batch]
        for n_in in (128, 2048)
        for batch in (4, 8, 16)
    ]
    assert all(1 <= ratio <= most for ratio in small)
    large = speeds["8xMi300x 1FP8-amd", 2048, 256] / speeds["8xH100 1FP8-meta", 2048, 256]
    assert large == pytest.approx(2.62, abs=0.01)
    assert large > most


def _known(value: Specified | None) -> Specified:
    assert value is not None
    return value


def _mlperf(public_data: Path) -> dict[tuple[str, str], dict[tuple[str, str], float]]:
    """Tokens a second per accelerator by (accelerator, precision), then by (model, scenario)."""
    frame = pd.read_csv(public_data / "perf_mlperf_v51" / "summary_results.csv.gz")
    wanted: dict[str, Accelerator] = {
        "NVIDIA H100-SXM-80GB": H100, "NVIDIA H200-SXM-141GB": H200, "NVIDIA B200-SXM-180GB": B200, "NVIDIA L40S": L40S,
        "AMD Instinct MI300X 192GB HBM3": MI300X, "AMD Instinct MI325X 256GB HBM3e": MI325X,
    }  # fmt: skip
    models = ("llama2-70b-99", "llama3.1-405b", "llama3.1-8b", "mixtral-8x7b")
    kept = frame[
        (frame["Suite"] == "datacenter")
        & (frame["Category"] == "closed")
        & (frame["Availability"] == "available")
        & frame["Scenario"].isin(["Offline", "Server"])
        & frame["Model"].isin(models)
        & frame["Accelerator"].isin(wanted)
    ].copy()
    kept["rate"] = kept["Performance_Result"] / (kept["a#"] * kept["Nodes"])
    found: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for key, rate in kept.groupby(["Accelerator", "weight_data_types", "Model", "Scenario"])["rate"].median().items():
        card, precision, model, scenario = key
        found.setdefault((wanted[card].name, precision), {})[model, scenario] = float(rate)
    return found
