"""Idle advice: what is idle, what only looks so, and what must not be said."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from aispend.advising import Idle, Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.stop_idle import KIND, evaluate
from recommender.subjects.machines import Machine
from recommender.subjects.served_use import Use
from tests.recommender.conftest import AS_OF, GIB, history
from tests.recommender.kinds.contract import KindContract

SETTINGS = Recommend()
FORTNIGHT = 14 * 288
FOUR_WEEKS = 28 * 288
"""From 24 October on: with the end of a month in it."""
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
    # three signals, and no end of a month from 7 to 20 November
    assert (advice.evidence["signals"], advice.evidence["month_end_seen"], advice.confidence) == (3, False, "medium")
    # 480 a day / 24 h × 730 h
    assert advice.saving.effective == advice.saving.net == Decimal("14600.00")
    assert advice.saving.list_cost == Decimal("18250.00")
    # none of 336 hours: Jeffreys' 90th percentile is 2.7055 ÷ (2 × 336.5) = 0.40 % of hours, its median 0.07 %
    assert advice.saving.p10 == pytest.approx(Decimal("14541.3"), abs=8)
    assert advice.saving.p50 == pytest.approx(Decimal("14590.1"), abs=3)
    assert advice.saving.p90 == Decimal("14600.00")
    assert advice.saving.range_from == "hours in which it may fall short"


def test_the_price_stands_with_its_day_and_source(make_subject: Make) -> None:
    """A p4d.24xlarge in us-east-1 lists at 21.957642 an hour; of a type nobody prices it is as billed."""
    told = advise(make_subject()).evidence
    assert (told["current_price"], told["price_currency"]) == ("21.957642", "USD")
    assert date.fromisoformat(told["price_date"]) <= AS_OF.date()
    assert told["price_source"]
    assert "aws_ec2_instance_state" in told["terraform"]
    unknown = advise(make_subject(instance_type="x9.huge")).evidence
    assert [unknown[name] for name in ("current_price", "price_currency")] == [None] * 2
    assert (unknown["price_source"], unknown["price_date"]) == (
        "as billed: no list price of it is known",
        (AS_OF.date() - timedelta(days=1)).isoformat(),
    )


def test_nothing_in_memory_is_allocated_unused(make_subject: Make) -> None:
    advice = advise(make_subject(accelerators=history(np.zeros((8, FORTNIGHT)), memory_bytes=0)))
    assert advice.evidence["state"] == "allocated-unused"


@pytest.mark.parametrize("cards", [1, 8])
def test_memory_that_nobody_measured_is_not_said_to_be_free(make_subject: Make, cards: int) -> None:
    """Of all cards, or of one of eight: weights may lie there, which a stop ends and a start has to load again."""
    idle = history(np.zeros((8, FORTNIGHT)), memory_bytes=0.0)
    memory = idle.memory_used_max.copy()
    memory[:cards] = np.nan
    found = advise(make_subject(accelerators=replace(idle, memory_used_max=memory)))
    assert found.evidence["state"] == "idle"
    assert found.reason.startswith("It did no work (whether it holds memory is not known) since 2026-11-07 00:00 UTC")


def test_a_context_of_half_a_gibibyte_is_not_called_nothing(make_subject: Make) -> None:
    """The threshold is 512 MiB, and 0.5 GiB in use stood beside "holds no memory"."""
    found = advise(make_subject(accelerators=history(np.zeros((8, FORTNIGHT)), memory_bytes=0.49 * GIB)))
    assert found.evidence["state"] == "allocated-unused"
    assert found.reason.startswith("It did no work and holds next to no memory since")


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


def test_what_lacks_a_part_of_a_percent_is_not_said_to_be_enough(make_subject: Make) -> None:
    """268 of 336 hours are 79.76 %, which "80 %, and 80 % is needed" would hide."""
    activity = np.zeros((8, FORTNIGHT))
    activity[:, : 68 * 12] = np.nan
    answer = evaluate(make_subject(accelerators=history(activity)), SETTINGS)
    assert isinstance(answer, WhyNot)
    assert "Only 79.8 % of its hours in the last 336 h have utilization; 80 % is needed." in answer.explanation


def test_a_bill_by_the_day_counts_the_hours_its_quantity_says(make_subject: Make) -> None:
    """On from 8 to 18, and measured then: ten of ten hours billed, where a bill by the day is not of all 24."""
    activity = np.where(np.arange(FORTNIGHT) // 12 % 24 // 10 == 0, 0.0, np.nan)
    by_day = make_subject(accelerators=history(np.tile(activity, (8, 1))))
    ten_hours = [replace(cost, hours=10, effective_cost=Decimal(200)) for cost in by_day.costs]
    assert refuse(by_day) == "telemetry_missing"
    assert advise(replace(by_day, costs=ten_hours)).evidence["coverage"] == 1


def test_what_is_idle_on_a_card_it_has_not_any_more_has_no_load_of_now(make_subject: Make) -> None:
    """Another card since the last midnight, and not measured since."""
    activity = np.zeros((1, FORTNIGHT))
    activity[:, -288:] = np.nan
    subject = make_subject(
        accelerators=replace(history(activity), cards_since=FORTNIGHT - 288), accelerator_count=Decimal(1)
    )
    evidence = advise(subject).evidence
    assert (evidence["load_p95"], evidence["load_max"], evidence["concurrent_max"]) == (None, None, None)


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


def test_memory_that_counts_as_held_is_a_setting(make_subject: Make) -> None:
    """600 MiB are more than the 512 of the settings, and less than 1,024."""
    subject = make_subject(accelerators=history(np.zeros((8, FORTNIGHT)), memory_bytes=600 * 2**20))
    assert advise(subject).evidence["state"] == "resident-idle"
    more = evaluate(subject, Recommend(idle=Idle(resident_mib=1024)))
    assert isinstance(more, Advice)
    assert more.evidence["state"] == "allocated-unused"


@pytest.mark.parametrize(
    ("power", "card", "settings", "agrees"),
    [
        # an A100's board power is 400 W: 30 % of it are 120, 25 % are 100
        (119.0, "nvidia-a100-40gb", Idle(), True),
        (119.0, "nvidia-a100-40gb", Idle(idle_power_share=0.25), False),
        # a T4's is 70 W: 30 % are 21, so that 40 W stand in
        (45.0, "nvidia-t4", Idle(), False),
        (45.0, "nvidia-t4", Idle(idle_power_watts=50), True),
        # from 60 to 75 W is more than 15 % and than 10 W, and not more than 30 % or 20 W
        ("rising", "nvidia-a100-40gb", Idle(), False),
        ("rising", "nvidia-a100-40gb", Idle(power_rise=0.3), True),
        ("rising", "nvidia-a100-40gb", Idle(power_noise_watts=20), True),
    ],
)
def test_what_power_of_an_idle_card_may_be_is_a_setting(
    make_subject: Make, power: float | str, card: str, settings: Idle, agrees: bool
) -> None:
    watts = np.full((8, 14 * 24), 60.0 if power == "rising" else power)
    if power == "rising":
        watts[0, 200:210] = 75.0
    seen = history(np.zeros((8, FORTNIGHT)), power=watts)
    answer = evaluate(make_subject(accelerators=seen, accelerator_type=card), Recommend(idle=settings))
    assert isinstance(answer, Advice) == agrees, answer
    if isinstance(answer, WhyNot):
        assert answer.reason == "signals_disagree"


def test_power_that_is_always_high_is_work_nobody_counts(make_subject: Make) -> None:
    """An A100's board power is 400 W: idle it draws some 60, and 200 around the clock is no floor of an idle card."""
    busy = history(np.zeros((8, FORTNIGHT)), power=200.0)
    assert refuse(make_subject(accelerators=busy)) == "signals_disagree"
    assert advise(make_subject(accelerators=history(np.zeros((8, FORTNIGHT)), power=119.0))).evidence["signals"] == 3


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
    four_weeks = history(np.zeros((8, FOUR_WEEKS)), power=power)
    advice = advise(make_subject(requests=requests, accelerators=four_weeks, days=28))
    assert advice.confidence == confidence
    assert ("suspected" in advice.reason) == (confidence == "low")


@pytest.mark.parametrize(("days", "signals"), [(11, 2), (12, 3)])
def test_a_log_that_ended_says_nothing_of_requests(make_subject: Make, days: int, signals: int) -> None:
    """Asked 12 times on 25 October. Of the fortnight 11 days of its account are recorded (79 %), or 12 (86 %): silence
    on them is that nobody asked, and below 80 % nobody knows."""
    recorded = np.zeros(28 * 24, dtype=bool)
    recorded[: 24 * (14 + days)] = True
    none = np.zeros(28 * 24)
    subject = make_subject(
        requests={date(2026, 10, 25): Decimal(12)},
        use=Use(none, none, none, none, recorded),
        accelerators=history(np.zeros((8, FOUR_WEEKS))),
        days=28,
    )
    found = advise(subject)
    assert found.evidence["signals"] == signals
    assert found.evidence["requests"] == ("0" if signals == 3 else None)


@pytest.mark.parametrize(("days", "signals"), [(11, 2), (12, 3)])
def test_workloads_nobody_recorded_any_more_are_no_sign_of_rest(make_subject: Make, days: int, signals: int) -> None:
    """Its last pod ran on 25 October. Of the fortnight others of the account were recorded on 11 days, or on 12."""
    recorded = frozenset((AS_OF - timedelta(days=number)).date() for number in range(1, days + 1))
    subject = make_subject(
        requests=None,
        workload_seconds={date(2026, 10, 25): 3600.0},
        workload_days=recorded,
        accelerators=history(np.zeros((8, FOUR_WEEKS))),
        days=28,
    )
    assert advise(subject).evidence["signals"] == signals


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
    assert (young.confidence, young.gate) == ("medium", None)


@pytest.mark.parametrize(
    ("days", "earlier", "seen"),
    [
        (28, None, True),
        (14, None, False),
        (14, {date(2026, 10, 31): 0.0}, True),
        (14, {date(2026, 10, 31): 0.9}, False),
        (14, {date(2026, 10, 30): 0.0}, False),
    ],
)
def test_without_the_end_of_a_month_confidence_is_medium_at_most(
    make_subject: Make, days: int, earlier: dict[date, float] | None, seen: bool
) -> None:
    """The last of October lies in four weeks, and not in two; or was idle in the days kept from before them."""
    found = advise(make_subject(accelerators=history(np.zeros((8, days * 288))), days=days, earlier=earlier))
    assert (found.evidence["month_end_seen"], found.confidence) == (seen, "high" if seen else "medium")


def test_the_end_of_a_month_that_nobody_measured_or_that_had_work_is_not_seen(make_subject: Make) -> None:
    """31 October is the eighth of the 28 days; work on it, and idle ever since, is no end of a month without work."""
    for level in (np.nan, 0.9):
        activity = np.zeros((8, FOUR_WEEKS))
        activity[:, 7 * 288 : 8 * 288] = level
        found = advise(make_subject(accelerators=history(activity), days=28))
        assert (found.evidence["month_end_seen"], found.confidence) == (False, "medium")


class TestStopIdleContract(KindContract):
    """Eight idle A100s, measured for a fortnight; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Machine:
        return make_subject()

    @pytest.fixture
    def blind(self, make_subject: Make) -> Machine:
        return make_subject(accelerators=None)
