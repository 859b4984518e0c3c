"""The measuring of advice is itself right: answers made by hand, judged as they have to be."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from benchmarks.advice import Outcome, measures
from benchmarks.advice_judge import Judged, Labelled, Really, Resource, Said, carries, judge, score
from benchmarks.labelled_fleet import CLASSES, KINDS, MISSING, draw

GB = 1e9
SLOTS = 30 * 288
END = np.datetime64("2026-11-21", "s")
MACHINE = Resource("aws", "i-1")
STOP, SMALLER = Said("stop_idle", "stop", Decimal(100)), Said("rightsize", "g5.4xlarge", Decimal(100))


def did(load: float = 0.0, memory: float = 0.0, cards: int = 4) -> Really:
    """Thirty days of one load, in accelerators, and of one memory, in GB on the first of them."""
    return Really(
        stamps=END - np.arange(SLOTS, 0, -1) * np.timedelta64(300, "s"),
        memory=np.full(SLOTS, memory * GB),
        one_card=np.full(SLOTS, memory * GB),
        total=np.full(SLOTS, cards * 24 * GB),
        load=np.full(SLOTS, load),
        busiest=np.full(SLOTS, min(load, 1.0)),
    )


def of(label: str, really: Really | None = None, machine: str = "g5.12xlarge") -> Labelled:
    return Labelled(MACHINE, "unit", label, machine, did() if really is None else really)


@pytest.mark.parametrize(
    ("label", "said", "wanted", "right"),
    [
        ("idle, weights resident", [STOP], True, True),
        ("idle, weights resident", [], True, None),
        ("monthly job", [STOP], False, False),
        ("monthly job", [], False, None),
        (MISSING[0], [STOP], False, False),
    ],
)
def test_what_is_wanted_found_and_wrong(label: str, said: list[Said], wanted: bool, right: bool | None) -> None:
    found = judge(of(label), said, "stop_idle")
    assert (found.wanted, found.right) == (wanted, right)


def test_either_answer_is_fine_where_the_class_says_so() -> None:
    assert judge(of("office hours"), [Said("auto_stop", "auto_stop_60m")], "auto_stop").right is None


def test_a_wanted_size_that_does_not_hold_is_wrong() -> None:
    """Half of one A10G and 20 GB fit one of them; for one slot 25 GB do not, and 1.5 cards' work never does."""
    fits = judge(of("few accelerators busy", did(0.5, 20)), [SMALLER], "rightsize")
    assert (fits.wanted, fits.right) == (True, True)
    once = did(0.5, 20)
    once.memory[7] = once.one_card[7] = 25 * GB
    assert judge(of("few accelerators busy", once), [SMALLER], "rightsize").right is False
    assert judge(of("few accelerators busy", did(1.5, 20)), [SMALLER], "rightsize").right is False


def test_work_may_be_late_in_one_of_two_hundred_slots_and_memory_never() -> None:
    busy = did(0.5, 20)
    busy.load[: SLOTS // 200] = 4
    found = carries(busy, "aws", "g5.12xlarge", "g5.4xlarge")
    assert found is not None
    assert found.holds
    busy.load[: SLOTS // 200 + 1] = 4
    found = carries(busy, "aws", "g5.12xlarge", "g5.4xlarge")
    assert found is not None
    assert not found.holds


def test_another_card_is_reckoned_at_the_smaller_of_its_ratios() -> None:
    """A10G to L4: 300 of 600 GB/s is the smaller ratio, so one card carries half of one."""
    for load, holds in ((0.49, True), (0.51, False)):
        found = carries(did(load, 5), "aws", "g5.xlarge", "g6.xlarge")
        assert found is not None
        assert found.holds is holds


def test_a_size_nobody_knows_is_neither_right_nor_wrong() -> None:
    assert carries(did(), "aws", "g5.12xlarge", "mig:1g.5gb") is None
    assert judge(of("office hours"), [Said("rightsize", "mig:1g.5gb")], "rightsize").right is None


@pytest.mark.parametrize(
    ("label", "really", "found", "right"),
    [
        ("idle, nothing held", did(), True, True),
        ("idle, weights resident", did(memory=20), False, None),  # AWS's rule wants less than 5 % of the memory
        ("kept on purpose", did(), True, False),
        ("power without counted activity", did(), False, None),  # its processor and network would show it
    ],
)
def test_the_rule_beside_it(label: str, really: Really, found: bool, right: bool | None) -> None:
    judged = judge(of(label, really), [], "stop_idle")
    assert (judged.baseline, judged.baseline_right) == (found, right)


def test_low_average_use_is_the_rule_for_sizes() -> None:
    """1.5 of four accelerators are 37.5 %, 1.7 are 42.5 %."""
    assert judge(of("high load", did(1.5)), [], "rightsize").baseline_right is False
    assert not judge(of("high load", did(1.7)), [], "rightsize").baseline


def test_precision_and_recall_by_hand() -> None:
    """Four wanted, three of them found, one advised that must not be: 75 % each."""
    judged = [judge(of("idle, sensor noise"), [STOP], "stop_idle")] * 3
    judged += [judge(of("idle, sensor noise"), [], "stop_idle"), judge(of("monthly job"), [STOP], "stop_idle")]
    found = score(judged)
    assert (found.wanted, found.found, found.right, found.wrong) == (4, 3, 3, 1)
    assert (found.precision, found.recall) == (75, 75)
    assert score([]).precision is score([]).recall is None


def test_each_limit_can_be_broken() -> None:
    good: Judged = judge(of("idle, sensor noise"), [STOP], "stop_idle")
    size = judge(of("few accelerators busy", did(0.5, 20)), [SMALLER], "rightsize")
    kept = Outcome([good, size], [], [], [])
    assert all(measure.holds for measure in measures([kept]))
    wrong = judge(of("monthly job"), [STOP], "stop_idle")
    missed = replace(good, right=None)
    too_small = judge(of("few accelerators busy", did(0.5, 30)), [SMALLER], "rightsize")
    for broken, name in (
        (replace(kept, judged=[good, wrong, size]), "idle advice that is wrong"),
        (replace(kept, judged=[good, missed, size]), "idle machines not found"),
        (replace(kept, from_missing_data=[(MACHINE, STOP)]), "advice from missing data"),
        (replace(kept, judged=[good, too_small]), "slots in which memory would not fit the size advised"),
        (replace(kept, covered_with_a_saving=[MACHINE]), "idle but committed, with a saving promised"),
        (replace(kept, in_another_order=[("a", "b")]), "answers that differ in another order of input"),
    ):
        assert [measure.name for measure in measures([broken]) if not measure.holds] == [name]


def test_a_seed_gives_the_same_machines_of_every_class() -> None:
    fleet = draw(3, 2)
    assert fleet == draw(3, 2)
    assert fleet.fleets != draw(4, 2).fleets
    labels = [one.verdict.state for one in fleet.fleets if one.verdict]
    assert {label: labels.count(label) for label in labels} == {one.name: 2 for one in CLASSES}
    assert len({one.name for one in fleet.fleets}) == len(fleet.fleets)
    assert {one.load.follows for one in fleet.fleets} - {None} == {series.name for series in fleet.asked}
    assert all(one.right.of(kind) for one in CLASSES for kind in KINDS)
