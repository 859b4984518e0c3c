"""Idle advice: what is idle, what only looks so, and what must not be said."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.stop_idle import KIND, evaluate
from recommender.subjects.machines import Machine
from tests.recommender.conftest import AS_OF, GIB, history
from tests.recommender.kinds.contract import KindContract

SETTINGS = Recommend()
FORTNIGHT = 14 * 288
Make = Callable[..., Machine]


def advise(subject: Machine) -> Advice:
    answer = evaluate(subject, SETTINGS)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Machine) -> str:
    answer = evaluate(subject, SETTINGS)
    assert isinstance(answer, WhyNot), answer
    return answer.reason


def test_weights_in_memory_and_no_requests_for_a_fortnight_is_resident_idle(make_subject: Make) -> None:
    """The published case no cloud's own rule finds: 40 GB resident, no request in 14 days, SM 0."""
    advice = advise(make_subject())

    assert advice.evidence["state"] == "resident-idle"
    assert advice.confidence == "high"
    # 480 a day / 24 h × 730 h
    assert advice.saving.effective == advice.saving.net == Decimal("14600.00")
    assert advice.saving.list_cost == Decimal("18250.00")
    # none of 336 hours: Jeffreys' 90th percentile is 2.7055 ÷ (2 × 336.5) = 0.40 % of hours, its median 0.07 %
    assert advice.saving.p10 == pytest.approx(Decimal("14541.3"), abs=8)
    assert advice.saving.p50 == pytest.approx(Decimal("14590.1"), abs=3)
    assert advice.saving.p90 == Decimal("14600.00")
    assert advice.saving.range_from == "hours in which it may fall short"


def test_the_price_stands_with_its_day_and_source(make_subject: Make) -> None:
    """A p4d.24xlarge in us-east-1 lists at 21.957642 an hour; of a type nobody prices all of it is unknown."""
    told = advise(make_subject()).evidence
    assert (told["current_price"], told["price_currency"]) == ("21.957642", "USD")
    assert date.fromisoformat(told["price_date"]) <= AS_OF.date()
    assert told["price_source"]
    assert "aws_ec2_instance_state" in told["terraform"]
    unknown = advise(make_subject(instance_type="x9.huge")).evidence
    assert [unknown[name] for name in ("current_price", "price_currency", "price_date", "price_source")] == [None] * 4


def test_nothing_in_memory_is_allocated_unused(make_subject: Make) -> None:
    advice = advise(make_subject(accelerators=history(np.zeros((8, FORTNIGHT)), memory_bytes=0)))
    assert advice.evidence["state"] == "allocated-unused"


def test_one_hour_every_monday_is_not_idle(make_subject: Make) -> None:
    activity = np.zeros((1, FORTNIGHT))
    for monday in (2, 9):
        activity[0, monday * 288 : monday * 288 + 12] = 0.9
    assert refuse(make_subject(accelerators=history(activity))) == "periodic_use"


def test_no_series_is_unknown_and_never_idle(make_subject: Make) -> None:
    assert refuse(make_subject(accelerators=None)) == "telemetry_missing"


def test_half_the_hours_unknown_gives_no_advice(make_subject: Make) -> None:
    activity = np.zeros((8, FORTNIGHT))
    activity[:, : FORTNIGHT // 2] = np.nan
    assert refuse(make_subject(accelerators=history(activity))) == "telemetry_missing"


def test_one_unknown_accelerator_of_eight_keeps_the_whole_unknown(make_subject: Make) -> None:
    activity = np.zeros((8, FORTNIGHT))
    activity[3] = np.nan
    assert refuse(make_subject(accelerators=history(activity))) == "telemetry_missing"


def test_requests_contradict_a_silent_counter(make_subject: Make) -> None:
    assert refuse(make_subject(requests={AS_OF.date().replace(day=15): Decimal(12)})) == "busy"


def test_rising_power_contradicts_a_silent_counter(make_subject: Make) -> None:
    power = np.full((8, 14 * 24), 60.0)
    power[0, 200:210] = 300
    assert refuse(make_subject(accelerators=history(np.zeros((8, FORTNIGHT)), power=power))) == "signals_disagree"


def test_power_that_is_always_high_is_work_nobody_counts(make_subject: Make) -> None:
    """An A100's board power is 400 W: idle it draws some 60, and 200 around the clock is no floor of an idle card."""
    busy = history(np.zeros((8, FORTNIGHT)), power=200.0)
    assert refuse(make_subject(accelerators=busy)) == "signals_disagree"
    assert advise(make_subject(accelerators=history(np.zeros((8, FORTNIGHT)), power=119.0))).confidence == "high"


@pytest.mark.parametrize(
    ("slots", "level", "memory", "found"),
    [
        (1, 0.03, 0, True),
        (1, 0.06, 0, False),  # more than a health check
        (2, 0.03, 0, False),  # longer than one
        (1, 0.03, 40 * GIB, False),  # something is loaded, and it may have been asked
    ],
)
def test_a_health_check_a_day_is_no_work(
    make_subject: Make, slots: int, level: float, memory: float, found: bool
) -> None:
    activity = np.zeros((1, FORTNIGHT))
    for slot in range(slots):
        activity[0, 100 + slot :: 288] = level
    subject = make_subject(accelerators=history(activity, memory_bytes=memory))
    if found:
        assert advise(subject).evidence["state"] == "allocated-unused"
    else:
        assert refuse(subject) == "periodic_use"


@pytest.mark.parametrize(
    ("requests", "power", "confidence"), [({}, 60.0, "high"), (None, 60.0, "medium"), (None, None, "low")]
)
def test_fewer_signals_lower_the_confidence(
    make_subject: Make, requests: dict[date, Decimal] | None, power: float | None, confidence: str
) -> None:
    advice = advise(make_subject(requests=requests, accelerators=history(np.zeros((8, FORTNIGHT)), power=power)))
    assert advice.confidence == confidence
    assert ("suspected" in advice.reason) == (confidence == "low")


def test_a_covered_instance_saves_nothing_today_and_says_so(make_subject: Make) -> None:
    advice = advise(make_subject(uncovered=Decimal(0)))
    assert advice.saving.net == 0
    assert advice.saving.effective == Decimal("14600.00")
    assert "saves nothing today" in advice.reason


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"tags": {"Keep": "yes"}}, "excluded"),
        ({"first_seen": AS_OF.date()}, "too_new"),
        ({"costs": []}, "off"),
    ],
)
def test_exclusions_have_their_reason(make_subject: Make, overrides: dict[str, object], reason: str) -> None:
    assert refuse(make_subject(**overrides)) == reason


def test_a_fleet_member_is_acted_on_through_its_owner(make_subject: Make) -> None:
    advice = advise(make_subject(tags={"aws:autoscaling:groupName": "train-asg"}))
    assert "train-asg" in advice.command
    assert "stop-instances" not in advice.command


def test_arguments_are_quoted(make_subject: Make) -> None:
    advice = advise(make_subject(resource_id="i-1; rm -rf ~"))
    assert "'i-1; rm -rf ~'" in advice.command


def test_a_job_of_each_month_is_seen_in_the_two_months_before(make_subject: Make) -> None:
    """It ran on 22 September and 22 October; four weeks without it are loaded, and two months of days beside them.

    What worked every day until 22 October has ended.
    """
    idle = history(np.zeros((8, 28 * 288)))
    first = date(2026, 9, 20)
    days = [first + timedelta(days=number) for number in range(34)]
    monthly = {day: 0.9 if day.day == 22 else 0.0 for day in days}
    assert refuse(make_subject(accelerators=idle, days=28, earlier=monthly)) == "periodic_use"
    ended = {day: 0.9 if day <= date(2026, 10, 22) else 0.0 for day in days}
    assert advise(make_subject(accelerators=idle, days=28, earlier=ended)).confidence == "high"


def test_activity_last_week_is_busy(make_subject: Make) -> None:
    activity = np.zeros((8, FORTNIGHT))
    activity[:, 9 * 288 : 12 * 288] = 0.8
    assert refuse(make_subject(accelerators=history(activity))) == "busy"


def test_six_days_without_the_monday_are_suspected_and_never_idle(make_subject: Make) -> None:
    """What works every Monday looks idle from Tuesday to Sunday: less than the window is never certain.

    Where the fortnight was billed and six days of it measured, nothing is said at all.
    """
    six_days = history(np.zeros((8, 6 * 288)))
    assert refuse(make_subject(accelerators=six_days)) == "telemetry_missing"
    young = advise(make_subject(accelerators=six_days, days=6, first_seen=date(2026, 11, 15)))
    assert young.confidence == "low"
    assert "suspected: only 6 of 14 days" in young.reason
    assert young.gate == "that it stays idle for all 14 days"


def test_a_day_short_of_the_window_is_enough(make_subject: Make) -> None:
    young = advise(make_subject(accelerators=history(np.zeros((8, 13 * 288))), days=13, first_seen=date(2026, 11, 8)))
    assert (young.confidence, young.gate) == ("high", None)


def test_a_notebook_is_certain_after_its_day(make_subject: Make) -> None:
    day_old = history(np.zeros((8, 26 * 12)))
    young = make_subject(accelerators=day_old, days=2, first_seen=date(2026, 11, 19), platform="notebook")
    assert advise(young).confidence == "high"


class TestStopIdleContract(KindContract):
    """Eight idle A100s, measured for a fortnight; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Machine:
        return make_subject()

    @pytest.fixture
    def blind(self, make_subject: Make) -> Machine:
        return make_subject(accelerators=None)
