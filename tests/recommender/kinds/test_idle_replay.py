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
from recommender.kinds.idle_replay import quiet_evidence
from recommender.kinds.stop_idle import evaluate
from recommender.subjects.machines import Machine
from reports.evidence import replay_sentence
from tests.recommender.conftest import AS_OF, history

Make = Callable[..., Machine]
DAY, HOUR = 288, 12


def told(make_subject: Make, days: int, **bursts: tuple[int, int]) -> dict[str, Any]:
    """Evidence where it was idle but for bursts, each the day it began on and its slots."""
    activity = np.zeros((1, days * DAY))
    for day, slots in bursts.values():
        activity[0, day * DAY : day * DAY + slots] = 0.8
    answer = evaluate(make_subject(accelerators=history(activity, power=None), days=days), Recommend())
    assert isinstance(answer, Advice), answer
    return dict(answer.evidence)


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
    replay = quiet_evidence([day in asked_on for day in range(days)], 14)["replay"]
    assert (replay["tried"], replay["wrong"]) == (tried, wrong)
    if bound is not None:
        assert replay["violation_bound"] == pytest.approx(bound, abs=1e-6)


def test_a_day_alone_cannot_be_parted() -> None:
    assert "replay_none_because" in quiet_evidence([False], 14)


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
