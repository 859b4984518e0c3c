"""Idle advice on windows of hours: of a notebook a day, and half as long again where stops were taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.stop_idle import evaluate
from recommender.subjects.machines import Machine
from tests.recommender.conftest import history

SETTINGS = Recommend()
Make = Callable[..., Machine]
REGRETTED = (10, 1)
"""One stop of ten was taken back: the window is 36 hours."""


def notebook(make_subject: Make, hours: int, **values: object) -> Machine:
    """Eight idle cards of a notebook, measured for so many hours, with an idle window of a day."""
    idle = history(np.zeros((8, hours * 12)))
    given = {"accelerators": idle, "days": 3, "first_seen": date(2026, 11, 1), "platform": "notebook"}
    return make_subject(**(given | values))


def advise(subject: Machine) -> Advice:
    answer = evaluate(subject, SETTINGS)
    assert isinstance(answer, Advice), answer
    return answer


def test_a_notebook_is_told_after_its_day(make_subject: Make) -> None:
    found = advise(notebook(make_subject, 26))
    assert (found.confidence, found.gate, found.evidence["window_hours"]) == ("medium", None, 24)


def test_a_window_of_a_day_and_a_half_is_measured_in_hours(make_subject: Make) -> None:
    """Billed around the clock: 36 of 36 hours are all of it, and 28 of them 78 %, which is too little."""
    found = advise(notebook(make_subject, 40, regret=REGRETTED))
    assert (found.evidence["window_hours"], found.evidence["coverage"]) == (36, 1.0)
    answer = evaluate(notebook(make_subject, 28, regret=REGRETTED), SETTINGS)
    assert isinstance(answer, WhyNot)
    assert answer.reason == "telemetry_missing"
    assert "Only 78 % of its hours in the last 36 h" in answer.explanation


@pytest.mark.parametrize(("mask", "coverage"), [((1 << 12) - 1, 1.0), (0xFF << 12, 0.9375), (None, 0.8333)])
def test_of_a_day_that_the_window_cuts_the_hours_in_it_count(
    make_subject: Make, mask: int | None, coverage: float
) -> None:
    """36 hours to midnight, 30 of them measured, from 18:00 on. The bill of the first day is of its twelve hours before
    the window: none is expected of it. Of 12:00 to 20:00: eight, two of them measured. Of twelve nobody knows which:
    all twelve may be in it."""
    subject = notebook(make_subject, 30, regret=REGRETTED, days=2)
    first, last = subject.costs
    first = replace(first, hours=8 if mask == 0xFF << 12 else 12, hours_mask=mask)
    found = advise(replace(subject, costs=[first, last]))
    assert found.evidence["coverage"] == coverage


def test_requests_are_known_by_the_day_and_told_so(make_subject: Make) -> None:
    """The window begins on the 19th at noon, and nobody knows whether its twelve requests came before."""
    answer = evaluate(
        notebook(make_subject, 40, regret=REGRETTED, requests={date(2026, 11, 19): Decimal(12)}), SETTINGS
    )
    assert isinstance(answer, WhyNot)
    assert (answer.reason, answer.explanation) == ("busy", "It served 12 requests since 2026-11-19.")


def test_days_of_a_cut_window_are_counted_from_its_end(make_subject: Make) -> None:
    """Work over noon is of one day, though a day of 24 hours from the window's beginning ends there."""
    activity = np.zeros((8, 40 * 12))
    activity[:, -12 * 12 - 1 : -12 * 12 + 1] = 0.9
    noon = evaluate(notebook(make_subject, 40, regret=REGRETTED, accelerators=history(activity)), SETTINGS)
    assert isinstance(noon, WhyNot)
    assert (noon.reason, noon.explanation) == ("busy", "It was active 12 h ago.")
    activity[:, -30 * 12 : -30 * 12 + 2] = 0.9
    twice = evaluate(notebook(make_subject, 40, regret=REGRETTED, accelerators=history(activity)), SETTINGS)
    assert isinstance(twice, WhyNot)
    assert twice.explanation == "It worked on 2 of the last 2 days, if briefly."


def test_what_is_known_for_less_than_a_cut_window_is_told_in_hours(make_subject: Make) -> None:
    subject = notebook(make_subject, 30)
    found = evaluate(
        replace(subject, costs=[replace(subject.costs[-2], hours=6, hours_mask=0x3F << 18), subject.costs[-1]]),
        Recommend.model_validate({"idle": {"dev_window_hours": 60}}),
    )
    assert isinstance(found, Advice), found
    assert "suspected: only 30 of 60 hours are known" in found.reason
    assert found.gate == "that it stays idle for all 60 hours"


def test_what_is_known_for_less_than_a_day_is_not_called_active(make_subject: Make) -> None:
    subject = notebook(make_subject, 20)
    answer = evaluate(replace(subject, costs=[replace(subject.costs[-1], hours=20)]), SETTINGS)
    assert isinstance(answer, WhyNot)
    assert (answer.reason, answer.explanation) == ("telemetry_missing", "It is known for 20 h; 24 are needed.")
