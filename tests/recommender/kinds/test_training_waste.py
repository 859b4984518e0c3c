"""What lost runs would have been spared, worked by hand at ten dollars an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, DailyCost, Subject, WhyNot
from recommender.kinds.run_costs import careful_saving
from recommender.kinds.training_waste import KIND, evaluate
from recommender.methods.lost_runs import RunHour
from recommender.savings import saving
from recommender.subjects.training_runs import TrainingRun, TrainingRuns
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.contract import KindContract

D = Decimal
RATE = D(10)
MONTHS = D(730) / (24 * 56)
"""Of a month in the window of 56 days."""
START = datetime(2026, 10, 5, tzinfo=UTC)
Outcomes = Sequence[str | None]
WELL: Outcomes = [*["running"] * 19, "succeeded"]
REPEATED: Outcomes = [*["running"] * 13, "failed", *["running"] * 10, "failed", *WELL]
FAILED: Outcomes = [*["running"] * 4, "failed"]
GIVEN_UP: Outcomes = ["running"] * 30


def run(name: str, outcomes: Outcomes, *, start: datetime = START) -> TrainingRun:
    hours = [RunHour(start + timedelta(hours=n), 3600, 3600, said) for n, said in enumerate(outcomes)]
    by_day: dict[date, int] = {}
    for hour in hours:
        by_day[hour.start.date()] = by_day.get(hour.start.date(), 0) + 1
    costs = [
        DailyCost(
            day=day,
            hours=24,
            list_cost=count * RATE * 2,
            effective_cost=count * RATE,
            uncovered_effective_cost=count * RATE,
            is_spot=False,
        )
        for day, count in by_day.items()
    ]
    return TrainingRun(workload=name, stage="training", hours=hours, costs=costs, newest=AS_OF - timedelta(hours=1))


def subject(*runs: TrainingRun, unrecorded: int = 0, **overrides: Any) -> TrainingRuns:
    days = sorted({cost.day for one in runs for cost in one.costs})
    every = [cost for one in runs for cost in one.costs]

    def total(day: date, name: str) -> Decimal | None:
        amounts = [getattr(cost, name) for cost in every if cost.day == day]
        return None if None in amounts else sum(amounts, D(0))

    costs = [
        DailyCost(
            day=day,
            hours=24,
            list_cost=total(day, "list_cost"),
            effective_cost=total(day, "effective_cost"),
            uncovered_effective_cost=total(day, "uncovered_effective_cost"),
            is_spot=False,
        )
        for day in days
    ]
    whole = sum((cost.effective_cost or D(0) for cost in costs), D(0))
    values: dict[str, Any] = {
        "resource_key": 0,
        "resource_id": "training:1/ranker/search",
        "provider": "aws",
        "account": "1",
        "region": "us-east-1",
        "currency": "USD",
        "tags": {},
        "model": "ranker",
        "team": "search",
        "first_seen": date(2026, 1, 1),
        "costs": costs,
        "as_of": AS_OF,
        "runs": runs,
        "unrecorded_cost": D(unrecorded),
        "by_resource": {"i-1": whole / 3, "i-2": whole * 2 / 3} if whole else {},
    }
    return TrainingRuns(**(values | overrides))


def advise(found: TrainingRuns, settings: Recommend | None = None) -> Advice:
    answer = evaluate(found, settings or Recommend())
    assert isinstance(answer, Advice), answer
    return answer


def refuse(found: TrainingRuns) -> WhyNot:
    answer = evaluate(found, Recommend())
    assert isinstance(answer, WhyNot), answer
    return answer


def test_a_burst_beside_the_whole_weeks_is_no_saving_of_every_week() -> None:
    """Sixteen days lost something on the first two alone: 8 of the 16 weeks drawn from hold neither, so P10 is none."""
    lost = [
        DailyCost((AS_OF - timedelta(days=ago)).date(), 24, None, D(800), D(800), is_spot=False) for ago in (16, 15)
    ]
    found = subject(costs=lost)
    most = saving(found, 16, D(1))
    assert most.net == D("3041.67")
    assert careful_saving(most, found, 16).net == 0


def test_a_failed_run_is_spared_what_came_after_a_test_run() -> None:
    """Five hours, four after the first: 40 of 50 dollars in 56 days, 40 × 730 ÷ 1,344 = 21.73 a month."""
    advice = advise(subject(run("bad", FAILED), run("good", WELL)))

    assert advice.saving.effective == D("21.73")
    assert advice.evidence["most_spared_monthly"] == "21.73"
    assert advice.saving.list_cost == D("43.45")
    assert advice.monthly_cost == (250 * MONTHS).quantize(D("0.01"))
    assert advice.evidence["lost_cost"] == "50.00"
    assert "1 h first" in advice.proposed
    (largest,) = advice.evidence["largest"]
    assert largest == {
        "run": "bad",
        "ending": "failed",
        "lost_attempts": 1,
        "lost_hours": 5.0,
        "lost_cost": "50.00",
        "spared_cost": "40.00",
    }


def test_a_run_given_up_is_spared_what_came_after_a_look_at_it() -> None:
    """Thirty hours, six after the first day: 60 dollars, 32.59 a month; silence alone says so: low confidence."""
    advice = advise(subject(run("lost", GIVEN_UP)))
    assert advice.saving.effective == D("32.59")
    assert advice.confidence == "low"
    assert "24 h" in advice.proposed


def test_a_repeated_run_is_spared_by_checkpoints() -> None:
    """45 h with two failures: one in 22.5 h. With 5 minutes for a checkpoint Young's interval is
    √(2 × 22.5 ÷ 12) = 1.9365 h, Daly's 1.9365 × (1 + 0.04303 ÷ 3 + 0.00185 ÷ 9) − 0.0833 = 1.8813 h.
    Still lost 2 × (0.9407 + 0.1667) = 2.2147 h; written 45 ÷ 12 ÷ 1.8813 = 1.9933 h; 25 − 4.2079 = 20.792 h spared.
    """
    advice = advise(subject(run("again", REPEATED)))

    assert advice.evidence["checkpoint_interval_hours"] == 1.88
    assert float(advice.saving.effective) == pytest.approx(207.92 * 730 / 1344, abs=0.01)
    assert advice.evidence["lost_cost"] == "250.00"
    assert advice.evidence["attempts"] == {"failed": 0, "retried": 2, "given_up": 0}
    assert "checkpoint every 1.9 h" in advice.proposed


def test_three_losses_that_are_recorded_are_of_medium_confidence() -> None:
    advice = advise(subject(run("again", REPEATED), run("bad", FAILED)))
    assert advice.confidence == "medium"


def test_losses_of_one_week_have_a_range_down_to_nothing() -> None:
    advice = advise(subject(run("bad", FAILED)))
    assert advice.saving.p10 == 0
    assert "at most what was lost in the window" in advice.saving.range_from


@pytest.mark.parametrize("weeks", [[0], [3], [0, 1], [0, 7], [0, 2, 5], list(range(7)), list(range(8))])
@pytest.mark.parametrize("each", [1, 3])
def test_bursts_are_never_said_to_save_more_than_there_was(weeks: list[int], each: int) -> None:
    """A draw of weeks may have a burst twice over: P10 ≤ P50 ≤ P90 ≤ the most of the window, and what counts is in it.

    One week of eight with a loss of 40: the most is 21.73 a month, and 9 of 10 draws would have said up to 43.45.
    """
    monday = datetime(2026, 9, 28, tzinfo=UTC)
    runs = [
        run(f"bad-{week}-{n}", FAILED, start=monday + timedelta(weeks=week, days=n))
        for week in weeks
        for n in range(each)
    ]
    advice = advise(subject(*runs))
    found, most = advice.saving, D(advice.evidence["most_spared_monthly"])
    assert most == (D(40) * len(weeks) * each * MONTHS).quantize(D("0.01"))
    assert f"At most {most} a month" in advice.reason
    assert found.net <= found.effective == most
    if found.p10 is None or found.p50 is None or found.p90 is None:
        assert found.net in (0, most)
        return
    assert 0 <= found.p10 <= found.p50 <= found.p90 <= most
    assert found.p10 <= found.net <= found.p90


def test_one_event_in_the_window_is_an_estimate_and_does_not_count() -> None:
    """Of eight weeks drawn, none is the one with the loss in (1 − 1/8)⁸ = 34 % of the draws: P10 is nothing."""
    advice = advise(subject(run("bad", FAILED)))
    assert (advice.saving.effective, advice.saving.net, advice.saving.p10) == (D("21.73"), 0, 0)
    assert advice.estimate_only
    assert "At most 21.73 a month" in advice.reason


def weekly_failures() -> list[TrainingRun]:
    """One on each Monday of the eight weeks."""
    return [run(f"bad-{n}", FAILED, start=datetime(2026, 9, 28, tzinfo=UTC) + timedelta(weeks=n)) for n in range(8)]


def test_a_loss_of_every_week_counts() -> None:
    """Forty dollars in each of eight weeks, 320 × 730 ÷ 1,344 = 173.81 a month, in any weeks one draws."""
    advice = advise(subject(*weekly_failures()))
    assert advice.saving.net == advice.saving.effective == D("173.81")
    assert advice.saving.p10 is None
    assert not advice.estimate_only


def test_losses_of_most_weeks_count_by_their_tenth_percentile() -> None:
    """Seven of eight: eight draws have at least six in nine of ten cases, 6 × 40 × 730 ÷ 1,344 = 130.36."""
    advice = advise(subject(*weekly_failures()[1:]))
    assert advice.saving.effective == D("152.08")
    assert advice.saving.net == advice.saving.p10 == D("130.36")
    assert not advice.estimate_only


def test_without_a_history_of_weeks_nothing_is_sure() -> None:
    advice = advise(subject(*weekly_failures()[5:], first_seen=date(2026, 11, 1)))
    assert advice.saving.net == 0
    assert advice.estimate_only


def test_the_saving_is_on_the_machines_the_runs_were_on() -> None:
    advice = advise(subject(run("bad", FAILED), run("good", WELL)))
    assert set(advice.acts_on) == {"i-1", "i-2"}
    assert sum(advice.acts_on.values()) == advice.monthly_cost


def test_what_was_lost_before_the_window_does_not_count() -> None:
    before = run("bad", FAILED, start=AS_OF - timedelta(days=80))
    assert refuse(subject(replace(before, costs=[]), run("good", WELL))).reason == "no_waste"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (subject(unrecorded=100), "telemetry_missing"),
        (subject(run("silent", [None] * 30)), "telemetry_endings"),
        (subject(run("good", WELL)), "no_waste"),
        (subject(run("bad", ["failed"])), "fails_early"),
    ],
)
def test_what_is_refused(found: TrainingRuns, reason: str) -> None:
    answer = refuse(found)
    assert answer.reason == reason
    assert answer.monthly_cost is not None
    assert answer.explanation.endswith(".")


def test_one_run_is_called_one() -> None:
    assert "1 run in the last" in refuse(subject(run("good", WELL))).explanation


@pytest.mark.parametrize(("cost", "reason"), [(None, "cost_unknown"), (D(0), "costs_nothing")])
def test_a_failed_run_of_no_known_cost_is_not_told_as_none_failed(cost: Decimal | None, reason: str) -> None:
    """The good run of the day after is paid for: the whole has a cost, and what was lost has none."""
    bad = run("bad", FAILED)
    bad = replace(bad, costs=[replace(one, effective_cost=cost, uncovered_effective_cost=cost) for one in bad.costs])
    answer = refuse(subject(bad, run("good", WELL, start=START + timedelta(days=2))))
    assert answer.reason == reason
    assert "1 run that came to nothing" in answer.explanation


def test_unknown_cost_is_not_nothing() -> None:
    bad = run("bad", FAILED)
    unknown = [replace(cost, effective_cost=None, uncovered_effective_cost=None) for cost in bad.costs]
    assert refuse(subject(replace(bad, costs=unknown))).reason == "cost_unknown"


def test_settings_say_how_long_a_test_run_is() -> None:
    """Of five hours three after the first two: 30 dollars, 16.29 a month."""
    settings = Recommend.model_validate({"training_waste": {"smoke_hours": 2}})
    assert advise(subject(run("bad", FAILED)), settings).saving.effective == D("16.29")


def test_a_run_that_goes_on_from_its_checkpoints_is_told_nothing_of_them() -> None:
    """It failed after 14 and after 11 hours more; ten minutes after each start it was further than ever before."""
    again = run("again", REPEATED)
    hourly = [(START + timedelta(hours=n, minutes=10), 100 * (n + 1)) for n in range(len(REPEATED))]
    found = refuse(subject(replace(again, steps=hourly)))
    assert found.reason == "no_waste"
    assert isinstance(evaluate(subject(again), Recommend()), Advice)


class TestTrainingWasteContract(KindContract):
    """Runs that ended in every way; and training nobody recorded."""

    kind = KIND

    @pytest.fixture
    def advised(self) -> TrainingRuns:
        return subject(run("again", REPEATED), run("bad", FAILED), run("lost", GIVEN_UP), run("good", WELL))

    @pytest.fixture
    def blind(self) -> TrainingRuns:
        return subject(unrecorded=100)

    def with_costs(self, subject: Subject, costs: Sequence[DailyCost]) -> Subject:
        assert isinstance(subject, TrainingRuns)
        runs = [
            replace(one, costs=[replace(cost, uncovered_effective_cost=D(0)) for cost in one.costs])
            for one in subject.runs
        ]
        return replace(subject, costs=costs, runs=runs)
