"""What limits a smaller size: load, memory of a card and of all, host CPUs and memory."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from aispend.percents import percent
from aispend.prices.accelerators import accelerator, instance_type
from aispend.prices.prices import smaller_types
from aispend.sizing import Rightsize
from recommender.contract import Advice, WhyNot
from recommender.kinds.limits import Need, Size, limit_of, load_at
from recommender.kinds.rightsize import evaluate
from recommender.methods.outcome import Capacity
from recommender.methods.percentiles import weighted_percentile
from recommender.methods.states import Accelerators
from recommender.subjects.machines import Machine
from tests.recommender.conftest import GIB, history
from tests.recommender.kinds.sizes import CHAT, FORTNIGHT, Make, sizes_of, two_of_eight

OPTIONS = Rightsize()


def test_each_limit_has_its_headroom(make_subject: Make) -> None:
    """g5.48xlarge: 8 × 24 GB; load up to 0.8 of what it carries, memory up to 0.9 of 192 GB, and of 24 GB on a card."""
    subject, candidate = sizes_of(make_subject)
    size = Size(candidate("g5.48xlarge"), Capacity(load=3.0, devices=8), load=3.0, devices=8)

    def limit(load: float, gigabytes: float, on_one: float = 1) -> str | None:
        return limit_of(Need(load, 2, gigabytes * 1e9, on_one * 1e9), size, subject, OPTIONS)

    assert limit(2.4, 172.8) is None
    assert limit(2.41, 1) == "busy"
    assert limit(2.4, 172.9) == "memory"
    assert limit(2.4, 60, on_one=21.6) is None
    assert limit(2.4, 60, on_one=21.7) == "memory"
    # on cards as large as now what filled one fills one again
    as_now = smaller_types("aws", "us-east-1", "g5.48xlarge", subject.as_of.date())
    fewer = next(item for item in as_now if item.instance_type == "g5.12xlarge")
    a10g = replace(subject, instance_type="g5.48xlarge", accelerator_type="nvidia-a10g")
    half = Size(fewer, Capacity(load=4.0, devices=4), load=4.0, devices=4)
    assert limit_of(Need(2.4, 2, 60e9, 23.5e9), half, a10g, OPTIONS) is None
    assert limit_of(Need(0.1, 9, 0, 0), size, subject, OPTIONS) == "busy"


@given(
    st.lists(st.one_of(st.floats(0, 8), st.just(0.0), st.just(1.0), st.just(float("nan"))), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.9, 0.95, 0.995, 1.0]),
)
def test_the_top_alone_gives_the_percentiles_of_all(values: list[float], share: float) -> None:
    """By time as NumPy has it, by work as the weighted percentile of the values by themselves."""
    load = np.array(values)
    known = load[~np.isnan(load)]
    by_time = load_at(load, share, by_work=False)
    if not known.size:
        assert np.isnan(by_time)
        return
    assert by_time == pytest.approx(np.quantile(known, share))
    by_work = max(by_time, weighted_percentile(known, known, share)) if known.max() > 0 else by_time
    assert load_at(load, share, by_work=True) == pytest.approx(by_work)


def test_one_peak_of_memory_rules_out_for_all_of_the_window(make_subject: Make) -> None:
    """A cliff is never sized by percentile: the largest of 336 hours decides."""
    accelerators = history(two_of_eight(), memory_bytes=GIB)
    once = accelerators.memory_used_max.copy()
    once[:, 40] = 38 * GIB
    answer = evaluate(make_subject(accelerators=replace(accelerators, memory_used_max=once), **CHAT), Recommend())
    if isinstance(answer, Advice):
        assert answer.evidence["memory_used_max_bytes"] == 8 * 38 * GIB
    else:
        assert answer.reason == "memory"


@pytest.mark.parametrize(("days", "is_enough"), [(1, False), (11, False), (12, True)])
def test_memory_known_for_a_few_hours_says_nothing_of_its_peak(make_subject: Make, days: int, is_enough: bool) -> None:
    """Of a fortnight in which load is known throughout: one day is 7 % of its hours, 11 are 79 % and 12 are 86 %."""
    accelerators = history(two_of_eight(), memory_bytes=float(GIB))
    lately = accelerators.memory_used_max.copy()
    lately[:, : -days * 24] = np.nan
    answer = evaluate(make_subject(accelerators=replace(accelerators, memory_used_max=lately), **CHAT), Recommend())
    assert isinstance(answer, Advice) == is_enough
    if isinstance(answer, WhyNot):
        assert answer.reason == "telemetry_missing"
        assert (
            f"Memory in use is known for {percent(days / 14)} of its billed hours; 80 % is needed" in answer.explanation
        )


def test_memory_held_before_the_window_counts_as_well(make_subject: Make) -> None:
    """Three weeks are loaded, the window is two: a peak 20 days ago comes back, and would fail at once."""
    activity = np.concatenate([two_of_eight()[:, : 7 * 288], two_of_eight()], axis=1)
    accelerators = history(activity, memory_bytes=GIB)
    once = accelerators.memory_used_max.copy()
    once[:, 20] = 38 * GIB
    quiet = evaluate(make_subject(days=21, accelerators=accelerators, **CHAT), Recommend())
    peaked = make_subject(days=21, accelerators=replace(accelerators, memory_used_max=once), **CHAT)
    answer = evaluate(peaked, Recommend())
    assert isinstance(quiet, Advice), quiet
    assert isinstance(answer, WhyNot) or answer.evidence["memory_used_max_bytes"] == 8 * 38 * GIB
    assert not isinstance(answer, Advice) or answer.target != quiet.target


def style_embed(make_subject: Make, *, memory_bytes: float) -> Machine:
    """One A100 80 GB of Google's, in use a tenth of the time."""
    return make_subject(
        provider="gcp",
        region="us-central1",
        instance_type="a2-ultragpu-1g",
        accelerator_type="nvidia-a100-80gb",
        accelerator_count=Decimal(1),
        accelerators=history(np.tile(np.array([[0.1, 0.0]]), FORTNIGHT // 2), memory_bytes=memory_bytes),
    )


def test_less_host_memory_waits_for_a_measurement(make_subject: Make) -> None:
    """g2-standard-12 has an L4 with 24 GB, 12 vCPUs as now, and 48 GiB of the 170 GiB its host has now: more than twice
    the 8 GiB held, but nobody measured what the host needs."""
    answer = evaluate(style_embed(make_subject, memory_bytes=8 * GIB), Recommend())
    assert isinstance(answer, Advice), answer
    assert answer.target == "g2-standard-12"
    assert answer.gate == "a benchmark of your own on nvidia-l4, and host memory in use measured below 48 GiB"
    assert answer.confidence == "low"
    assert "Benchmark first" in answer.reason


def test_fewer_host_vcpus_are_the_reason(make_subject: Make) -> None:
    """Twenty GiB held ask for 40 GiB of host memory and 24 vCPUs of two A100s in use."""
    memory = np.full((2, 14 * 24), 10.0 * GIB)
    subject = make_subject(
        provider="gcp",
        region="us-central1",
        instance_type="a2-ultragpu-2g",
        accelerator_type="nvidia-a100-80gb",
        accelerator_count=Decimal(2),
        accelerators=replace(history(np.full((2, FORTNIGHT), 0.06)), memory_used_max=memory),
    )
    answer = evaluate(subject, Recommend())
    assert isinstance(answer, Advice), answer
    assert answer.target == "g2-standard-24"


def test_memory_in_use_that_decides_is_the_reason(make_subject: Make) -> None:
    """70 GiB fit no card of less than 80 GB, however little it does."""
    answer = evaluate(style_embed(make_subject, memory_bytes=70 * GIB), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "memory"
    assert "70.0 GiB" in answer.explanation


def on_one_card(gigabytes: float) -> Accelerators:
    """Eight cards of which one works at times and holds so much, and the others nothing."""
    activity = np.zeros((8, FORTNIGHT))
    activity[0, ::2] = 0.1
    memory = np.zeros((8, 14 * 24))
    memory[0] = gigabytes * 1e9
    return replace(history(activity), memory_used_max=memory)


@pytest.mark.parametrize(("gigabytes", "held_by"), [(75, None), (70, 80), (44, 80), (43, 48), (22, 48), (21, 24)])
def test_what_one_card_holds_is_not_spread_over_smaller_ones(
    make_subject: Make, gigabytes: int, held_by: int | None
) -> None:
    """70 GB on one A100 of 80 fit none of 4 × 24 GB; less a tenth 80 GB are 72, 48 are 43.2 and 24 are 21.6."""
    given = {"instance_type": "p4de.24xlarge", "accelerator_type": "nvidia-a100-80gb"}
    answer = evaluate(make_subject(accelerators=on_one_card(gigabytes), **given), Recommend())
    if held_by is None:
        assert isinstance(answer, WhyNot), answer
        assert answer.reason == "memory"
        assert f"{gigabytes * 1e9 / GIB:.1f} GiB of it on one card" in answer.explanation
        return
    assert isinstance(answer, Advice), answer
    target = instance_type("aws", answer.target)
    assert target is not None
    card = accelerator(target.accelerator_type)
    assert card is not None
    assert card.memory_gb == held_by
    assert answer.evidence["memory_on_one_max_bytes"] == gigabytes * 1e9


def test_load_that_decides_is_the_reason(make_subject: Make) -> None:
    answer = evaluate(make_subject(accelerators=history(np.full((8, FORTNIGHT), 0.9), memory_bytes=GIB)), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "busy"
    assert "7.20 of its 8" in answer.explanation
