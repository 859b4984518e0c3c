"""What must not be stopped, and what is said before: by tags, by deployment, by disks, by how scarce it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, Saving, WhyNot
from recommender.guards import (
    before_another,
    covered_remark,
    hard_to_regain,
    preconditions,
    preconditions_of,
    refusal,
    scarce_among,
)
from recommender.kinds import stop_idle
from recommender.machine_facts import has_local_disk
from recommender.subjects.machine_life import Life
from recommender.subjects.machines import Machine
from recommender.subjects.spot_market import Band, SpotMarket
from tests.recommender.conftest import AS_OF, history

SETTINGS = Recommend()
Make = Callable[..., Machine]


def stopped(subject: Machine) -> Advice | WhyNot:
    return stop_idle.evaluate(subject, SETTINGS)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"tags": {"Keep": "yes"}}, "excluded"),
        ({"tags": {"disaster-recovery": ""}}, "excluded"),
        ({"tags": {"user:role": "x", "corp/Role": "Warm-Standby"}}, "standby"),
        ({"tags": {"env": "dr"}}, "standby"),
        ({"costs": []}, "off"),
        ({"first_seen": AS_OF.date()}, "too_new"),
        ({"life": Life(deployed_at=AS_OF - timedelta(days=6, hours=23))}, "too_new"),
        ({"life": Life(deployed_at=AS_OF - timedelta(days=7))}, None),
        ({"life": Life(details={"lifecycle": "capacity-block"})}, "prepaid"),
        ({"life": Life(details={"lifecycle": "on-demand"})}, None),
        ({"tags": {"env": "prod"}}, None),
    ],
)
def test_what_may_not_be_taken_away(make_subject: Make, given: dict[str, Any], reason: str | None) -> None:
    found = refusal(make_subject(**given), SETTINGS)
    assert (found and found[0]) == reason
    if reason:
        answer = stopped(make_subject(**given))
        assert isinstance(answer, WhyNot)
        assert answer.reason == reason


@pytest.mark.parametrize(
    ("provider", "name", "lost"),
    [
        ("aws", "p4d.24xlarge", True),
        ("aws", "p3.2xlarge", False),
        ("gcp", "a3-highgpu-8g", True),
        ("gcp", "g2-standard-8", None),
        ("azure", "Standard_NC24ads_A100_v4", True),
        ("aws", "x9.huge", None),
    ],
)
def test_disks_in_the_host_are_known_or_unknown(provider: str, name: str, lost: bool | None) -> None:
    assert has_local_disk(provider, name) is lost


def test_what_is_lost_is_said_before_the_command(make_subject: Make) -> None:
    assert "empty afterwards" in preconditions(make_subject())
    assert "not known" in preconditions(make_subject(provider="gcp", instance_type="g2-standard-8"))
    safe = make_subject(instance_type="p3.2xlarge", accelerator_type="nvidia-v100-16gb")
    assert preconditions(safe) == ""
    answer = stopped(make_subject())
    assert isinstance(answer, Advice)
    assert answer.command.index("empty afterwards") < answer.command.index("aws ec2 stop-instances")
    assert answer.hard_to_regain


def test_another_type_is_asked_quota_of_where_it_would_run(make_subject: Make) -> None:
    in_zone = before_another(make_subject(zone="us-east-1a"), "g5.12xlarge")
    assert in_zone == "# ask for quota of g5.12xlarge in us-east-1 first, and whether zone us-east-1a has it\n"
    anywhere = before_another(make_subject(), "p4d.24xlarge", how=" on spot")
    assert anywhere == "# ask for quota of p4d.24xlarge on spot in us-east-1 first, and whether its zones have it\n"
    # a name ends no comment
    assert before_another(make_subject(zone="a\nrm"), "x").count("\n") == 1


def test_of_several_machines_any_may_be_scarce_and_each_remark_stands_once(make_subject: Make) -> None:
    common = make_subject(instance_type="p3.2xlarge", accelerator_type="nvidia-v100-16gb")
    scarce = make_subject()
    assert scarce_among([common, common]) is None
    assert scarce_among([common, scarce]) == "often short in a zone"
    assert preconditions_of([common]) == ""
    assert preconditions_of([scarce, common, scarce]) == preconditions(scarce)


def test_a_reservation_of_its_own_lets_it_come_back(make_subject: Make) -> None:
    held = make_subject(life=Life(details={"capacity_reservation": "cr-1"}))
    assert hard_to_regain(make_subject()) == "often short in a zone"
    assert hard_to_regain(held) is None
    assert "cr-1 keeps its place, and is paid for" in preconditions(held)


def test_the_spot_market_says_how_scarce_a_common_card_is(make_subject: Make) -> None:
    def common(**market: Any) -> Machine:
        return make_subject(accelerator_type="nvidia-t4", market=SpotMarket(**market))

    assert hard_to_regain(common()) is None
    assert hard_to_regain(common(placement_score=Decimal(3))) == "spot placement scores 3 of 10"
    assert hard_to_regain(common(placement_score=Decimal(4))) is None
    rare = hard_to_regain(common(band=Band(0.2, 1.0, date(2026, 11, 1), "x")))
    assert rare == "more than 20 % of spot machines of the type are interrupted in a month"


@pytest.mark.parametrize(
    ("effective", "net", "said"),
    [("100", "100", ""), ("100", "0", "saves nothing today"), ("100", "40", "60 a month of that is not saved today")],
)
def test_what_commitments_pay_for_is_said(effective: str, net: str, said: str) -> None:
    text = covered_remark(Saving(None, Decimal(effective), Decimal(net), None, None, None), "stopping")
    assert said in text
    assert bool(text) == bool(said)


def test_what_came_back_every_week_must_be_idle_for_two(make_subject: Make) -> None:
    """Mondays of three weeks, then nothing for eleven days: a weekly job may be away for one."""
    activity = np.zeros((8, 35, 288))
    activity[:, [2, 9, 16, 23], 100:120] = 0.9
    subject = make_subject(accelerators=history(activity.reshape(8, -1)), days=35)
    short = Recommend.model_validate({"idle": {"window_days": 10}})
    answer = stop_idle.evaluate(subject, short)
    assert isinstance(answer, WhyNot)
    assert answer.reason == "periodic_use"
    assert "every 7 days" in answer.explanation


def test_stops_that_were_regretted_make_the_next_wait(make_subject: Make) -> None:
    """One of ten taken back is above 5 %: 14 days become 21, and work 18 days ago is in them."""
    activity = np.zeros((8, 28, 288))
    activity[:, 10, :144] = 0.9
    subject = make_subject(accelerators=history(activity.reshape(8, -1)), days=28)
    assert isinstance(stopped(subject), Advice)
    answer = stopped(make_subject(accelerators=history(activity.reshape(8, -1)), days=28, regret=(10, 1)))
    assert isinstance(answer, WhyNot)
    assert answer.reason == "busy"


def endpoint(make_subject: Make, requests: dict[date, Decimal] | None) -> Machine:
    return make_subject(
        platform="managed_endpoint", accelerator_count=None, accelerator_type=None, accelerators=None, requests=requests
    )


def test_an_endpoint_nobody_called_for_a_fortnight_is_idle(make_subject: Make) -> None:
    days = {(AS_OF - timedelta(days=number + 1)).date(): Decimal(0) for number in range(14)}
    answer = stopped(endpoint(make_subject, days))
    assert isinstance(answer, Advice)
    assert answer.proposed.startswith("delete the endpoint")
    called = stopped(endpoint(make_subject, days | {date(2026, 11, 12): Decimal(1)}))
    assert isinstance(called, WhyNot)
    assert called.reason == "busy"


def test_an_endpoint_whose_calls_nobody_records_is_unknown(make_subject: Make) -> None:
    for requests in (None, {}, {date(2026, 11, 20): Decimal(0)}):
        answer = stopped(endpoint(make_subject, requests))
        assert isinstance(answer, WhyNot)
        assert answer.reason == "telemetry_missing"


def test_silence_on_days_that_were_looked_at_is_that_nobody_called(make_subject: Make) -> None:
    """CloudWatch gives no point where nobody called: of fourteen days read whole none has a record."""
    looked = frozenset((AS_OF - timedelta(days=number)).date() for number in range(1, 15))
    for requests in (None, {date(2026, 10, 25): Decimal(9)}):
        quiet = replace(endpoint(make_subject, requests), looked_at=looked)
        answer = stopped(quiet)
        assert isinstance(answer, Advice), answer
        assert answer.evidence["coverage"] == 1.0
        few = stopped(replace(quiet, looked_at=frozenset(sorted(looked)[:11])))
        assert isinstance(few, WhyNot)
        assert few.reason == "telemetry_missing"
    called = stopped(replace(endpoint(make_subject, {date(2026, 11, 12): Decimal(1)}), looked_at=looked))
    assert isinstance(called, WhyNot)
    assert called.reason == "busy"
    # one with accelerators has the signal of requests by it
    on_cards = make_subject(platform="managed_endpoint", requests=None, looked_at=looked)
    answer = stopped(on_cards)
    assert isinstance(answer, Advice)
    assert (answer.evidence["requests"], answer.evidence["signals"]) == ("0", 3)


def test_forty_of_eighty_gb_held_are_never_idle_by_the_clouds_own_rule(make_subject: Make) -> None:
    answer = stopped(make_subject())
    assert isinstance(answer, Advice)
    assert answer.evidence["aws_rule_finds_it"] is False
    empty = stopped(make_subject(accelerators=history(np.zeros((8, 14 * 288)), memory_bytes=0)))
    assert isinstance(empty, Advice)
    assert empty.evidence["aws_rule_finds_it"] is None


@pytest.mark.parametrize("tag", ["standby", "user:Warm-Standby", "failover"])
def test_a_tag_called_after_standing_by_says_so_too(make_subject: Make, tag: str) -> None:
    found = refusal(make_subject(tags={tag: "True"}), SETTINGS)
    assert found is not None
    assert found[0] == "standby"
    assert found[1].startswith(f"Tag {tag}=True says")


@pytest.mark.parametrize("tag", ["keep", "do-not-stop", "dr", "standby"])
@pytest.mark.parametrize("value", ["false", "No", " 0 ", "off"])
def test_a_tag_that_says_no_keeps_nothing(make_subject: Make, tag: str, value: str) -> None:
    """Machines of a template have all of its tags, most of them with "false"."""
    assert refusal(make_subject(tags={tag: value}), SETTINGS) is None
    both = {tag: value, f"user:{tag}": "yes"}
    assert refusal(make_subject(tags=both), SETTINGS) is not None


@pytest.mark.parametrize("tag", ["keep", "Do-Not-Stop", "do-not-terminate", "do-not-delete", "dr", "disaster-recovery"])
def test_tags_that_ask_to_keep_it(make_subject: Make, tag: str) -> None:
    assert refusal(make_subject(tags={tag: "yes"}), SETTINGS) == ("excluded", f"Tag {tag} asks to keep it.")
