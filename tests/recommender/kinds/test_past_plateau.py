"""Runs that went on after they had stopped getting better, by hand at ten dollars an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from aispend.advising import Recommend
from recommender.contract import DailyCost, Subject
from recommender.kinds.past_plateau import KIND, evaluate
from recommender.kinds.training_waste import evaluate as waste
from recommender.methods.plateau import Curve
from recommender.portfolio import combine
from recommender.registry import KINDS
from recommender.subjects.training_runs import TrainingRun, TrainingRuns
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.asking import advising, refusing
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.test_training_waste import FAILED, START, run, subject
from tests.recommender.methods.test_plateau import falls

D = Decimal
LONG = [*["running"] * 99, "succeeded"]

advise = advising(evaluate)
refuse = refusing(evaluate)


def trained(name: str, *curves: Curve, week: int = 0) -> TrainingRun:
    """A hundred hours for 1,000 dollars, from a Monday on."""
    return replace(run(name, LONG, start=START + timedelta(weeks=week)), curves=curves)


def test_what_came_after_the_stop_is_spared() -> None:
    """Level from hour 50, stopped at 67: 33 of 100 hours, 330 dollars in 56 days, 179.24 a month; 500 after 50."""
    advice = advise(subject(trained("a", falls(50))))

    assert advice.saving.effective == D("179.24")
    assert advice.monthly_cost == D("543.15")
    assert advice.evidence["cost_after_the_plateau"] == "500.00"
    assert advice.evidence["spared_cost"] == "330.00"
    (largest,) = advice.evidence["largest"]
    assert largest == {
        "run": "a",
        "metric": "loss",
        "hours": 100.0,
        "last_better_at_hour": 50.0,
        "stopped_at_hour": 67.0,
        "cost_after_the_plateau": "500.00",
        "spared_cost": "330.00",
        "still_running": False,
    }
    assert advice.target == "early_stopping"
    assert "EarlyStopping" in advice.command


def test_one_run_in_the_window_is_an_estimate_and_every_week_is_not() -> None:
    one = advise(subject(trained("a", falls(50))))
    assert one.estimate_only
    assert one.saving.net == 0
    weekly = advise(subject(*(trained(f"run-{week}", falls(50), week=week - 1) for week in range(7))))
    assert weekly.saving.p10 is not None
    assert 0 < weekly.saving.net == weekly.saving.p10 < weekly.saving.effective


def test_the_rule_is_tried_on_every_run_with_a_curve() -> None:
    """Of three two would have been stopped, neither got better later: three in two, so all may."""
    advice = advise(subject(trained("a", falls(50)), trained("b", falls(40)), trained("c", falls(100))))
    assert advice.evidence["replay"] == {
        "tried": 2,
        "wrong": 0,
        "violation_bound": 1.0,
        "of": "runs the rule would have stopped",
        "wrong_where": "gained 0.1 % or more afterwards",
    }
    assert advice.evidence["runs_with_curves"] == 3
    assert (advice.violation_bound, advice.risk, advice.confidence) == (1, 4, "low")


def test_hours_before_those_that_are_read_count_as_run() -> None:
    """It had run 60 hours before: of the 40 that are read those after the seventh are spared, 33 as before."""
    late = replace(run("a", LONG[60:]), curves=[falls(50)], hours_before=60.0)
    advice = advise(subject(late))
    assert advice.evidence["spared_cost"] == "330.00"
    assert advice.evidence["cost_after_the_plateau"] == "400.00"
    assert advice.evidence["largest"][0]["hours"] == 100.0


def test_where_runs_got_better_later_nothing_is_stopped() -> None:
    found = refuse(subject(trained("a", falls(50)), trained("b", falls(50, again=80))))
    assert found.reason == "improved_later"
    assert "plateau_patience" in found.explanation


def test_what_a_lost_attempt_cost_is_told_elsewhere() -> None:
    """It failed at the end: what would have spared that is in the other kind."""
    failed = replace(run("a", [*["running"] * 99, "failed"]), curves=[falls(50)])
    assert refuse(subject(failed)).reason == "no_plateau"


def test_a_run_that_still_runs_may_be_ended() -> None:
    running = replace(run("a", ["running"] * 100, start=AS_OF - timedelta(hours=100)), curves=[falls(50)])
    advice = advise(subject(running))
    assert advice.evidence["largest"][0]["still_running"] is True
    assert "still running" in advice.reason


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (subject(run("a", LONG)), "curves_missing"),
        (subject(trained("a", falls(100))), "no_plateau"),
        (subject(trained("a", Curve("loss", True, []))), "no_plateau"),
    ],
)
def test_what_is_refused(found: TrainingRuns, reason: str) -> None:
    answer = refuse(found)
    assert answer.reason == reason
    assert answer.monthly_cost == D("543.15")


def test_curves_are_asked_for_by_the_command_that_loads_them() -> None:
    assert "aispend import-curves" in refuse(subject(run("a", LONG))).explanation


def test_unknown_cost_is_not_nothing() -> None:
    one = trained("a", falls(50))
    unknown = [replace(cost, effective_cost=None, uncovered_effective_cost=None) for cost in one.costs]
    assert refuse(subject(replace(one, costs=unknown))).reason == "cost_unknown"


def test_training_nobody_recorded_is_for_the_other_kind() -> None:
    assert not KIND.applies(subject(unrecorded=100))


def test_patience_is_a_setting() -> None:
    """Half of 100 hours is 50, when it was last better: it would be stopped with the last hour, and nothing is left."""
    settings = Recommend.model_validate({"training_waste": {"plateau_patience": 0.5}})
    assert refuse(subject(trained("a", falls(50))), settings).reason == "no_plateau"


def test_it_counts_beside_what_lost_runs_would_have_been_spared() -> None:
    weeks = range(7)
    runs = [trained(f"run-{week}", falls(50), week=week - 1) for week in weeks]
    bad = [run(f"bad-{week}", FAILED, start=START + timedelta(weeks=week - 1, days=5)) for week in weeks]
    found = subject(*runs, *bad)
    one, other = advise(found), advising(waste)(found)
    assert other.saving.net > 0
    assert [item.counts for item in combine([one, other], KINDS)] == [True, True]


class TestPastPlateauContract(KindContract):
    """A run a week that went on for a third too long; and runs without curves."""

    kind = KIND

    @pytest.fixture
    def advised(self) -> TrainingRuns:
        return subject(*(trained(f"run-{week}", falls(50), week=week - 1) for week in range(7)))

    @pytest.fixture
    def blind(self) -> TrainingRuns:
        return subject(run("a", LONG))

    def with_costs(self, subject: Subject, costs: Sequence[DailyCost]) -> Subject:
        assert isinstance(subject, TrainingRuns)
        runs = [
            replace(one, costs=[replace(cost, uncovered_effective_cost=D(0)) for cost in one.costs])
            for one in subject.runs
        ]
        return replace(subject, costs=costs, runs=runs)
