"""On by the clock: windows read from weeks, tried on other weeks, and saved hours that were billed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.clock import in_words, on_off_commands
from recommender.kinds.schedule import KIND, evaluate
from recommender.kinds.weeks import start_hours, weeks_of, zone_of
from recommender.methods.schedule import Window
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.services import HOURS, Make, member, office, service, use, weekly

DEFAULT = Recommend()


def lone(
    make_subject: Make, hours: Sequence[int], *, level: float = 0.5, running: Any = None, **values: Any
) -> Service:
    """One machine that works in these hours of the week, billed always unless said."""
    machine = make_subject(**{"stage": "inference_batch", "model": "demand-forecast"} | values.pop("machine", {}))
    return service(make_subject, [member(machine, weekly(hours, level), running=running)], **values)


def advice(subject: Service, settings: Recommend = DEFAULT) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def why_not(subject: Service, settings: Recommend = DEFAULT) -> WhyNot:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer


def test_four_weeks_without_the_end_of_a_month_are_of_medium_confidence(make_subject: Make) -> None:
    """Those before 29 November begin with its first day."""
    subject = lone(make_subject, office(9, 18))
    assert advice(subject).confidence == "high"
    assert advice(replace(subject, as_of=subject.as_of + timedelta(days=8))).confidence == "medium"


def test_ten_hours_of_five_days_save_70_24_percent(make_subject: Make) -> None:
    """T4.3: work from 9 to 18, on from 8: 50 of 168 hours. $20 an hour is 14,600 a month, 118/168 of it 10,254.76."""
    found = advice(lone(make_subject, office(9, 18)))

    assert found.evidence["hours_on"] == 50
    assert found.evidence["windows"] == "Mon–Fri 08:00–18:00"
    assert found.monthly_cost == Decimal("14600.00")
    assert found.saving.effective == pytest.approx(Decimal("10254.76"), abs=Decimal("0.01"))
    assert found.saving.net == found.saving.effective
    assert found.saving.list_cost == pytest.approx(Decimal("12305.71"), abs=Decimal("0.01"))
    assert found.evidence["replay"]["violation_minutes"] == 0
    assert found.confidence == "high"
    # a p4d.24xlarge has NVMe disks in its host, and A100s are often short
    assert "Disks inside the host are empty after each stop; the others stay" in found.reason
    assert found.command.startswith("# disks inside the host are empty afterwards")
    assert found.hard_to_regain
    assert found.evidence["hard_to_regain"] == "often short in a zone"
    assert (found.evidence["current_price"], found.evidence["price_currency"]) == ("21.957642", "USD")
    assert date.fromisoformat(found.evidence["price_date"]) <= found.subject.as_of.date()


def test_disks_of_the_network_stay_and_old_cards_come_back(make_subject: Make) -> None:
    v100 = {"instance_type": "p3.2xlarge", "accelerator_type": "nvidia-v100-16gb", "accelerator_count": Decimal(1)}
    found = advice(lone(make_subject, office(9, 18), machine=v100))
    assert "Disks stay and keep their cost." in found.reason
    assert "host" not in found.command
    assert not found.hard_to_regain


def test_what_works_on_mondays_only_is_not_idle_and_gets_a_schedule(make_subject: Make) -> None:
    """Monday 02:00 to 05:00, on from 01:00: 4 of 168 hours."""
    found = advice(lone(make_subject, [2, 3, 4]))
    assert found.evidence["windows"] == "Mon 01:00–05:00"
    assert found.saving.effective == pytest.approx(Decimal(14600) * 164 / 168, abs=Decimal("0.01"))
    assert found.target == "on-off"


def test_what_is_billed_only_when_it_works_is_not_advised_twice(make_subject: Make) -> None:
    running = weekly(office(8, 19), 1.0)
    found = why_not(lone(make_subject, office(9, 18), running=running))
    assert found.reason == "already_scheduled"
    assert "55 of 168" in found.explanation


def test_only_hours_that_are_billed_are_saved(make_subject: Make) -> None:
    """Billed on weekdays only, working from 9 to 18: 70 of 120 hours, not 118 of 168. 20 days of $480 are 10,428.57."""
    found = advice(lone(make_subject, office(9, 18), running=weekly(office(0, 24), 1.0)))
    assert found.evidence["billed_hours_of_week"] == 120
    assert found.monthly_cost == Decimal("10428.57")
    assert found.saving.effective == pytest.approx(Decimal("10428.57") * 70 / 120, abs=Decimal("0.02"))


def test_work_at_ever_other_hours_fails_on_the_held_out_weeks(make_subject: Make) -> None:
    load = np.zeros(HOURS)
    load[np.random.default_rng(3).choice(HOURS, 60, replace=False)] = 0.5
    subject = service(make_subject, [member(make_subject(stage="training"), load)])
    found = why_not(subject)
    assert found.reason == "replay_failed"
    assert "does not keep to hours" in found.explanation


def test_what_a_machine_that_ended_ran_beside_it_is_no_time_of_the_one_that_is_left(make_subject: Make) -> None:
    """Two all day until six days ago, one since: the one that is left can be off in no more than its own 168 hours a
    week, and not in 168 + 22/28 × 168 = 300."""
    machines = [make_subject(resource_id=f"i-{n}", resource_key=n + 1, model="m", stage="data") for n in range(2)]
    ended = np.arange(HOURS) < HOURS - 6 * 24
    members = [
        member(machines[0], np.where(ended, weekly(office(9, 18)), np.nan), running=ended.astype(float)),
        member(machines[1], weekly(office(9, 18))),
    ]
    subject = service(make_subject, members)
    assert len(subject.current) == 1
    assert weeks_of(subject, DEFAULT.schedule).billed.sum() == pytest.approx(168)
    assert advice(subject).current.endswith("billed 168 of 168 hours a week")


def test_one_hour_of_work_while_off_is_one_too_many_on_little_evidence(make_subject: Make) -> None:
    load = weekly(office(9, 18))
    load[-6 * 24 - 10] = 0.5
    found = why_not(service(make_subject, [member(make_subject(stage="inference_batch"), load)]))
    assert found.reason == "replay_failed"
    assert "1 of 336 held-out hours" in found.explanation


@pytest.mark.parametrize("days_ago", [5, 18, 26])
def test_work_of_one_week_is_no_weekly_work(make_subject: Make, days_ago: int) -> None:
    """A job of once a month was there in one week of the four, and comes back when the windows are long over."""
    load = np.zeros(HOURS)
    load[HOURS - days_ago * 24 :][:6] = 0.5
    found = why_not(service(make_subject, [member(make_subject(stage="inference_batch"), load)]))
    assert found.reason == "not_weekly"


@pytest.mark.parametrize(("days_apart", "reason"), [(0, "not_weekly"), (4, "not_weekly"), (7, None)])
def test_work_over_the_end_of_a_week_is_no_second_week_of_it(
    make_subject: Make, days_apart: int, reason: str | None
) -> None:
    """Twelve hours, six of them in the last fortnight and six in the week before: once, and of 26 known days all before
    those it is tried on. Twice within four days shows no week either; a week apart it does."""
    load = np.zeros(HOURS)
    load[: 2 * 24] = np.nan
    begin = HOURS - 14 * 24 - 6
    load[begin : begin + 12] = load[begin - days_apart * 24 :][:12] = 0.5
    answer = evaluate(service(make_subject, [member(make_subject(stage="inference_batch"), load)]), DEFAULT)
    assert (answer.reason if isinstance(answer, WhyNot) else None) == reason


def test_work_that_ended_two_weeks_ago_has_no_windows(make_subject: Make) -> None:
    load = weekly(office(9, 18))
    load[-15 * 24 :] = 0
    found = why_not(service(make_subject, [member(make_subject(stage="inference_batch"), load)]))
    assert found.reason == "not_weekly"


def test_a_standby_is_not_switched_off_by_the_clock(make_subject: Make) -> None:
    found = why_not(lone(make_subject, office(9, 18), machine={"tags": {"role": "standby"}}))
    assert found.reason == "standby"


@pytest.mark.parametrize(
    ("hours", "reason"), [(range(168), "always_needed"), (range(4, 160), "always_needed"), ((), "idle")]
)
def test_no_schedule_where_it_always_works_or_never(make_subject: Make, hours: Sequence[int], reason: str) -> None:
    assert why_not(lone(make_subject, hours)).reason == reason


def test_too_little_is_known(make_subject: Make) -> None:
    """Thirteen days hold no hour of the week twice; sixteen days hold two weeks and too little to try them on."""
    subject = lone(make_subject, office(9, 18))
    assert why_not(replace(subject, first_seen=date(2026, 11, 8))).reason == "too_short"
    blind = np.where(np.arange(HOURS) % 3 == 0, np.nan, weekly(office(9, 18)))
    sparse = service(make_subject, [member(make_subject(), blind)])
    assert why_not(sparse).reason == "telemetry_missing"


def test_a_kept_machine_stays(make_subject: Make) -> None:
    assert why_not(lone(make_subject, [2, 3], machine={"tags": {"keep": "dr"}})).reason == "excluded"


def test_the_clock_is_the_teams(make_subject: Make) -> None:
    """9 to 18 UTC from 24 October to 20 November is 10 to 19 in Berlin, but for the day before the clocks changed, a
    Saturday."""
    settings = Recommend.model_validate(
        {
            "schedule": {
                "timezone": "America/New_York",
                "local": [{"timezone": "Europe/Berlin", "team": "supply*", "tags": {"Site": "b*"}}],
            }
        }
    )
    subject = lone(make_subject, office(9, 18), machine={"team": "supply-chain", "tags": {"site": "Berlin"}})
    assert zone_of(subject, settings.schedule) == "Europe/Berlin"
    assert zone_of(replace(subject, team="search"), settings.schedule) == "America/New_York"
    assert advice(subject, settings).evidence["windows"] == "Mon–Fri 09:00–19:00"
    with pytest.raises(ValueError, match="no time zone"):
        Recommend.model_validate({"schedule": {"timezone": "Berlin"}})


@pytest.mark.parametrize(
    ("zone", "windows", "hours_on"),
    [
        # 08:30 to 18:30, on from 07:00: an hour before the hour in which work begins
        ("Asia/Kolkata", "Mon–Fri 07:00–19:00", 60),
        # 08:45 to 18:45
        ("Asia/Kathmandu", "Mon–Fri 07:00–19:00", 60),
        # 13:30 to 23:30, summer time
        ("Australia/Adelaide", "Mon–Fri 12:00–00:00", 60),
        ("UTC", "Mon–Fri 02:00–13:00", 55),
    ],
)
def test_work_to_half_past_is_not_cut_off_at_the_hour(
    make_subject: Make, zone: str, windows: str, hours_on: int
) -> None:
    """03:00 to 13:00 UTC on a clock that is half an hour off, or three quarters: an hour of UTC is in two of its own.

    $20 an hour in 168 hours of the week, less those it is on.
    """
    settings = Recommend.model_validate({"schedule": {"timezone": zone}})
    subject = lone(make_subject, office(3, 13))
    found = advice(subject, settings)

    assert (found.evidence["windows"], found.evidence["hours_on"]) == (windows, hours_on)
    assert found.evidence["replay"]["violation_minutes"] == 0
    assert found.saving.effective == pytest.approx(Decimal(14600) * (168 - hours_on) / 168, abs=Decimal("0.01"))
    assert found.evidence_until == subject.as_of


def test_a_job_of_one_hour_on_a_clock_of_half_hours_needs_two(make_subject: Make) -> None:
    """Monday 12:00 UTC is 17:30 to 18:30 in Kolkata: 17 and 18 are work; one request in it as well."""
    settings = Recommend.model_validate({"schedule": {"timezone": "Asia/Kolkata"}})
    subject = lone(make_subject, [12], use=use(weekly([60], 4.0)))
    week = weeks_of(subject, settings.schedule)
    assert set(week.week_hours[week.load > settings.schedule.active]) == {17, 18, 48 + 17, 48 + 18}


def test_a_request_is_work_even_if_the_accelerator_hardly_shows_it(make_subject: Make) -> None:
    subject = lone(make_subject, [2, 3], use=use(weekly([50], 4.0)))
    week = weeks_of(subject, DEFAULT.schedule)
    assert set(week.week_hours[week.load > DEFAULT.schedule.active]) == {2, 3, 50}


def test_a_start_takes_machine_image_and_weights(make_subject: Make) -> None:
    """5 and 3 minutes, and Llama 3.1 8B's 16.06 GB at 1 GB a second: 496.06 s. Unknown models: what is held."""
    known = lone(make_subject, [2], machine={"model": "llama-3.1-8b"})
    assert start_hours(known, DEFAULT) * 3600 == pytest.approx(496.06)
    assert start_hours(lone(make_subject, [2]), DEFAULT) * 3600 == pytest.approx(490.0)


def test_rare_requests_scale_to_zero_behind_a_gate(make_subject: Make) -> None:
    """One request every other hour of the weekend days, at random hours: no window holds, yet it is mostly idle."""
    requests = np.zeros(HOURS)
    requests[np.random.default_rng(5).choice(HOURS, 12, replace=False)] = 1.0
    machine = make_subject(stage="inference_online", model="llama-3.1-8b")
    load = np.where(requests > 0, 0.4, 0.0)
    settings = Recommend.model_validate({"schedule": {"max_cold_share": 1}})
    found = advice(service(make_subject, [member(machine, load)], use=use(requests)), settings)
    assert found.target == "scale-to-zero"
    assert found.gate is not None
    # K = p · t_cold, so the keep-alive K / p is the start itself, and warm is cheaper above 1 / t_cold = 7.26 an hour
    assert found.evidence["keep_alive_hours"] == pytest.approx(496.06 / 3600, abs=0.001)
    assert found.evidence["break_even_per_hour"] == pytest.approx(7.257, abs=0.001)
    assert found.evidence["saved_share"] > 0.9
    assert found.command.startswith("# disks inside the host are empty afterwards")
    assert found.hard_to_regain


def test_what_is_kept_warm_after_the_last_request_of_a_day_is_paid_for(make_subject: Make) -> None:
    """One request a week, at some time of Monday's tenth hour, and ten hours of keep-alive: a cold start of 496.06 s at
    20 an hour and a penalty of 197.2441 cost 200.

    In the middle of an hour it was asked for in the ten before with a chance of 1 − e^−½ (that hour, and the tenth
    after it) or 1 − e^−1 (nine between): 2 × 0.39347 + 9 × 0.63212 = 6.4760 warm hours, 5 s of work, and
    e^−½ × 496.06 s to start: 6.5610 of 168.
    """
    machine = make_subject(stage="inference_online", model="llama-3.1-8b")
    asked = use(weekly([10], 1.0))
    settings = Recommend.model_validate({"schedule": {"max_cold_share": 1, "cold_start_penalty": "197.2441"}})
    found = advice(service(make_subject, [member(machine, weekly([10], 0.4))], use=asked), settings)
    assert found.evidence["on_request"]["keep_alive_hours"] == pytest.approx(10, abs=0.001)
    assert found.evidence["on_request"]["saved_share"] == pytest.approx(1 - 6.5610 / 168, abs=0.0001)


def test_few_requests_of_working_hours_keep_it_warm_over_night(make_subject: Make) -> None:
    """One request in five hours, Monday to Friday from 9 to 18: for 1 % cold it has to stay on from Friday evening to
    Monday, and nothing is saved; windows save 118 of 168 hours. That each hour were like all hours of the week said
    23 hours of keep-alive, and 73 % saved."""
    machine = make_subject(stage="inference_online", model="llama-3.1-8b")
    asked = use(weekly(office(9, 18), 0.2))
    found = advice(service(make_subject, [member(machine, weekly(office(9, 18), 0.4))], use=asked))
    assert found.target == "on-off"
    assert "on_request" not in found.evidence


def test_days_nobody_recorded_are_not_rare_requests(make_subject: Make) -> None:
    """Six an hour at all hours, as far as anybody recorded: the first quarter of the days."""
    machine = make_subject(stage="inference_online", model="llama-3.1-8b")
    known = np.arange(HOURS) < HOURS // 4
    asked = replace(use(np.where(known, 6.0, 0.0)), recorded=known)
    load = np.where(known, 0.4, 0.0)
    settings = Recommend.model_validate({"schedule": {"max_cold_share": 1}})
    answer = evaluate(service(make_subject, [member(machine, load)], use=asked), settings)
    assert getattr(answer, "target", None) != "scale-to-zero"


def test_few_cold_starts_need_a_long_keep_alive(make_subject: Make) -> None:
    """One request an hour at all hours: 1 % cold needs ln 100 = 4.6 hours of keep-alive, so nothing is saved."""
    machine = make_subject(stage="inference_online", model="llama-3.1-8b")
    subject = service(make_subject, [member(machine, np.full(HOURS, 0.4))], use=use(np.ones(HOURS)))
    assert why_not(subject).reason == "always_needed"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {},
            "aws scheduler create-schedule --name work-hours-i-0a1b2c3d-start-0"
            " --schedule-expression 'cron(0 1 ? * MON *)' --schedule-expression-timezone Europe/Berlin",
        ),
        ({"platform": "notebook", "resource_id": "lab"}, "aws-sdk:sagemaker:startNotebookInstance"),
        (
            {"tags": {"aws:autoscaling:groupName": "g"}},
            "--recurrence '0 5 * * MON' --time-zone Europe/Berlin --min-size 0 --desired-capacity 0",
        ),
        (
            {"provider": "gcp", "resource_id": "projects/p/zones/us-central1-a/instances/vm"},
            "--vm-start-schedule '0 1 * * MON' --vm-stop-schedule '0 5 * * MON' --timezone Europe/Berlin",
        ),
        (
            {
                "provider": "azure",
                "resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
            },
            "az vm auto-shutdown --name vm --resource-group g --subscription s --time HHMM",
        ),
    ],
)
def test_each_cloud_has_its_own_scheduler(make_subject: Make, values: dict[str, Any], expected: str) -> None:
    command, terraform = on_off_commands(make_subject(**values), [Window(1, 5)], "Europe/Berlin")
    assert expected in command
    assert command.startswith("# account 111122223333, region ")
    assert terraform


def test_a_window_over_the_weeks_end_says_when_it_ends() -> None:
    assert in_words([Window(166, 173)]) == "Sun 22:00–05:00 Mon"
    assert in_words([Window(19, 31), Window(43, 55)]) == "Mon, Tue 19:00–07:00 the next day"
    assert in_words([Window(8, 18), Window(56, 66)]) == "Mon, Wed 08:00–18:00"


def test_a_name_cannot_end_the_comment(make_subject: Make) -> None:
    command, _ = on_off_commands(make_subject(account="1\nrm -rf /"), [Window(1, 5)], "UTC")
    assert not any(line.startswith("rm") for line in command.splitlines())


class TestScheduleContract(KindContract):
    """A machine that works in office hours and is paid for always; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Service:
        return lone(make_subject, office(9, 18))

    @pytest.fixture
    def blind(self, make_subject: Make) -> Service:
        return service(make_subject, [member(make_subject(), None)])


def test_a_machine_beside_others_is_not_looked_at_alone(make_subject: Make) -> None:
    machines: list[Machine] = [make_subject(resource_id=name) for name in ("i-1", "i-2")]
    assert not KIND.applies(service(make_subject, [member(one, weekly([1])) for one in machines]))
