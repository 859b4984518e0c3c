"""Switching off is tried on held-out history: what is counted, and where nothing can be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice
from recommender.kinds.idle_replay import quiet_evidence, quiet_replay
from recommender.kinds.stop_idle import evaluate
from recommender.subjects.machines import Machine
from reports.evidence import replay_sentence
from tests.recommender.conftest import AS_OF, history

Make = Callable[..., Machine]
DAY, HOUR = 288, 12


def advised(make_subject: Make, days: int, *bursts: tuple[int, int], **overrides: Any) -> Advice:
    """Advice where it was idle but for bursts, each the day it began on and its slots."""
    activity = np.zeros((1, days * DAY))
    for day, slots in bursts:
        activity[0, day * DAY : day * DAY + slots] = 0.8
    answer = evaluate(make_subject(accelerators=history(activity, power=None), days=days, **overrides), Recommend())
    assert isinstance(answer, Advice), answer
    return answer


def told(make_subject: Make, days: int, **bursts: tuple[int, int]) -> dict[str, Any]:
    """The evidence of that."""
    return dict(advised(make_subject, days, *bursts.values()).evidence)


def test_a_fortnight_is_parted_and_its_later_days_are_held_out(make_subject: Make) -> None:
    """Learnt from 5, 6 and 7 days, tried on 7 days each: 9 different ones, 216 hours, at most 3/216 of them."""
    evidence = told(make_subject, 14)
    replay = evidence["replay"]
    assert (replay["hours"], replay["violation_minutes"], replay["folds"]) == (216, 0, 3)
    assert replay["violation_bound"] == pytest.approx(3 / 216, abs=1e-6)
    assert replay["worst_overload"] == 0
    assert replay["saving"] == "14600.00"
    assert (
        replay_sentence(evidence, Decimal("0.5"))
        == "On 216 held-out hours it would have been off while it worked for 0 minutes; "
        "at most 1.4 % of hours at 95\u00a0%."
    )


def test_work_that_came_back_after_a_window_of_idleness_counts_against_it(make_subject: Make) -> None:
    """Six weeks: busy in the first, idle for a fortnight, two hours of work on day 24, idle since.

    Only the last three origins follow an idle fortnight; they hold days 21 to 41 out: 504 hours, 120 minutes in them.
    """
    evidence = told(make_subject, 42, first=(0, 7 * DAY), back=(24, 2 * HOUR))
    replay = evidence["replay"]
    assert (replay["hours"], replay["violation_minutes"], replay["folds"]) == (504, 120, 3)
    assert replay["violation_bound"] > 2 / 504
    # nothing is there while it is off: no number says how far above that is
    assert replay["worst_overload"] is None


def test_what_stopped_sixteen_days_ago_is_tried_within_its_window(make_subject: Make) -> None:
    replay = told(make_subject, 42, before=(0, 26 * DAY))["replay"]
    assert (replay["hours"], replay["violation_minutes"]) == (216, 0)


def test_where_the_rule_would_have_left_it_on_nothing_is_counted(make_subject: Make) -> None:
    """Two hours on the third day are 0.6 % of the fortnight, and 1.2 % of its first week: not idle then."""
    evidence = told(make_subject, 14, burst=(2, 2 * HOUR))
    assert "replay" not in evidence
    assert "idle as it is now" in evidence["replay_none_because"]


@pytest.mark.parametrize(
    ("days", "asked_on", "tried", "wrong", "bound"),
    [
        # seven days learnt from, seven tried on: at most 3/7 of them
        (14, [], 7, 0, 3 / 7),
        # five weeks: of the origins only day 14 follows a fortnight without a request, and on day 20 one came
        (35, [20], 7, 1, None),
        (35, [], 21, 0, 3 / 21),
    ],
)
def test_an_endpoint_is_tried_by_the_day(
    days: int, asked_on: list[int], tried: int, wrong: int, bound: float | None
) -> None:
    replay = quiet_evidence(quiet_replay([day in asked_on for day in range(days)], 14))["replay"]
    assert (replay["tried"], replay["wrong"]) == (tried, wrong)
    if bound is not None:
        assert replay["violation_bound"] == pytest.approx(bound, abs=1e-6)


def test_a_day_alone_cannot_be_parted() -> None:
    assert "replay_none_because" in quiet_evidence(quiet_replay([False], 14))


def test_an_endpoint_s_advice_has_the_replay(make_subject: Make) -> None:
    days = [AS_OF.date() - timedelta(days=number) for number in range(1, 15)]
    subject = make_subject(
        platform="managed_endpoint",
        accelerator_count=None,
        accelerator_type=None,
        accelerators=None,
        instance_type="ml.m5.xlarge",
        requests=dict.fromkeys(days, Decimal(0)),
    )
    answer = evaluate(subject, Recommend())
    assert isinstance(answer, Advice), answer
    assert answer.evidence["replay"]["tried"] == 7


def test_what_was_never_needed_again_saves_all_and_has_the_risk_of_its_window(make_subject: Make) -> None:
    """None of 336 hours: at most 3/336, 0.89 %, risk 2."""
    advice = advised(make_subject, 42, (0, 7 * DAY))
    assert (advice.risk, advice.saving.net) == (2, Decimal("14600.00"))
    assert advice.violation_bound == Decimal("0.008929")
    assert "needed again" not in advice.reason


def test_what_was_needed_again_counts_the_hours_it_would_have_stayed_off(make_subject: Make) -> None:
    """Two hours on day 24. Of three held-out weeks after an idle fortnight the first has them.

    It is on from day 24 on; at the midnight of day 25 it is idle for 22 hours, at that of day 26 for a day and, but for
    two hours of a fortnight on one day, idle as the rule has it. So off for 5 of 7 days, 7 of 7 and 7 of 7: 19 of 21.
    Two hours of 504 in a row are worth 168 independent ones (lag-1 autocorrelation 0.5): at most 6.30/168, risk 3.
    """
    advice = advised(make_subject, 42, (0, 7 * DAY), (24, 2 * HOUR))
    assert advice.saving.effective == advice.saving.net == Decimal("13209.52")
    assert advice.saving.list_cost == Decimal("16511.90")
    assert advice.evidence["replay"]["saving"] == "13209.52"
    # a third of the weeks saved 5/7 of 14,600, less the hours of the window in which it may be missed
    assert advice.saving.p10 == pytest.approx(Decimal("10411.9"), abs=15)
    assert advice.saving.p50 == pytest.approx(Decimal("14571.3"), abs=10)
    assert advice.saving.p90 == pytest.approx(Decimal("14599.2"), abs=5)
    assert advice.saving.range_from == "parts of history it was tried on, hours in which it may fall short"
    assert (advice.risk, float(advice.violation_bound or 0)) == (3, pytest.approx(0.0371, abs=0.0004))
    assert (
        "Switched off like this before, it would have been needed again on 1 of 21 held-out days; the saving counts "
        "only the 90.5 % of that time in which it would have stayed off." in advice.reason
    )


def test_what_was_needed_again_is_a_level_riskier_at_least(make_subject: Make) -> None:
    """Half an hour on day 24: one hour of 504, at most 4.74/504, 0.94 %: by that alone as risky as the window says."""
    advice = advised(make_subject, 42, (0, 7 * DAY), (24, 6))
    assert (advice.risk, advice.saving.net) == (3, Decimal("13209.52"))
    assert float(advice.violation_bound or 0) == pytest.approx(0.0094, abs=0.0001)


def test_what_works_on_is_on_to_the_end_of_the_fold(make_subject: Make) -> None:
    """Two hours each on days 24 and 25 are use on two days of any fortnight with them: not idle again by day 28.

    Only the week from day 21 follows an idle fortnight: 3 of its 7 days off. Two days of two hours in a row, of 168,
    are worth 4 of 56: at most 9.15/56, risk 4.
    """
    advice = advised(make_subject, 42, (0, 7 * DAY), (24, 2 * HOUR), (25, 2 * HOUR))
    assert (advice.risk, advice.saving.net) == (4, Decimal("6257.14"))
    assert "on 2 of 7 held-out days" in advice.reason


def test_of_a_parted_window_the_days_after_its_work_count_too(make_subject: Make) -> None:
    """Half an hour on day 8 of 14: of the weeks from days 5, 6 and 7 each, off but for days 8 and 9."""
    advice = advised(make_subject, 14, (8, 6))
    # 14,600 × 5/7
    assert advice.saving.net == Decimal("10428.57")
    assert advice.saving.range_from == "hours in which it may fall short"
    assert "on 1 of 9 held-out days" in advice.reason


def test_work_before_it_was_idle_is_no_need_of_it_after(make_subject: Make) -> None:
    """Ten days of a development machine, at work in the first eight: of so few, odd hours are tried on even ones."""
    advice = advised(make_subject, 10, (0, 8 * DAY), tags={"env": "dev"})
    assert advice.saving.net == advise_idle(make_subject).saving.net
    assert advice.evidence["replay"]["violation_minutes"] == 0
    assert "needed again" not in advice.reason


def advise_idle(make_subject: Make) -> Advice:
    """The same machine, never at work."""
    return advised(make_subject, 10, tags={"env": "dev"})


def test_an_endpoint_that_was_asked_again_is_held_to_it(make_subject: Make) -> None:
    """Asked on day 20 of 35: the week from day 14 follows a silent fortnight, and of it 6 days are off.

    One of seven days: at most 52.07 % (Clopper and Pearson: 7 p (1 − p)⁶ + (1 − p)⁷ = 0.05).
    """
    days = [AS_OF.date() - timedelta(days=35 - number) for number in range(35)]
    subject = make_subject(
        platform="managed_endpoint",
        accelerator_count=None,
        accelerator_type=None,
        accelerators=None,
        instance_type="ml.m5.xlarge",
        requests={day: Decimal(number == 20) for number, day in enumerate(days)},
        days=35,
    )
    answer = evaluate(subject, Recommend())
    assert isinstance(answer, Advice), answer
    # 14,600 × 6/7
    assert (answer.risk, answer.saving.net) == (4, Decimal("12514.29"))
    assert float(answer.violation_bound or 0) == pytest.approx(0.5207, abs=0.0001)
    assert "on 1 of 7 held-out days" in answer.reason
