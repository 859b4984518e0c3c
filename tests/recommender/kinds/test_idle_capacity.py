"""Units of throughput nobody uses, against what is asked of them; and what holds for all reserved capacity."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from aispend.advising import Recommend
from aispend.moving import IdleCapacity
from recommender.contract import WhyNot
from recommender.kinds.idle_capacity import KIND, evaluate
from recommender.subjects.capacity import Capacity
from recommender.subjects.served_use import Use
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.capacities import HOURS, SETTINGS, advise, capacity, refuse, reserved, told, units, use
from tests.recommender.kinds.contract import KindContract


def test_units_nobody_asked_anything_of_are_given_up() -> None:
    """Used a month ago and not for a fortnight: 240 a day is 7,300 for 730 h."""
    advice = advise(units(use(np.where(np.arange(HOURS) < 100, 500.0, 0.0))))
    assert advice.target == "release"
    assert advice.saving.effective == Decimal("7300.00")
    assert "delete-provisioned-model-throughput" in advice.command


def test_units_are_held_against_the_busiest_minutes() -> None:
    """3,000 a minute, twice as many in the busiest, 2,000 a unit: 3 units' work, 3 ÷ 0.8 = 3.75, so 4 of 10."""
    advice = advise(units(use(3000)), told(2000))
    assert advice.evidence["units_needed"] == 4
    assert advice.target == "fewer_units"
    assert advice.saving.effective == Decimal("4380.00")
    assert advice.evidence["replay"]["violation_minutes"] == 0


def test_units_that_would_have_been_too_few_later_are_kept() -> None:
    """Twelve hours a day of the last week ask for 9 units' work; before it, for 1."""
    late = np.full(HOURS, 1000.0)
    late[-4 * 24 :] = np.where(np.arange(4 * 24) % 24 < 2, 6500.0, 1000.0)
    settings = Recommend(idle_capacity=IdleCapacity(tokens_per_unit_minute={"*": 2000}, percentile=0.9))
    assert refuse(units(use(late)), settings) == "replay_failed"


@pytest.mark.parametrize(
    ("subject", "settings", "reason"),
    [
        (units(None), SETTINGS, "telemetry_missing"),
        (units(use(3000)), SETTINGS, "capacity_unknown"),
        (units(use(3000), units=None), told(2000), "capacity_unknown"),
        (units(use(8000)), told(2000), "busy"),
        (units(use(0), ends_at=AS_OF + timedelta(days=9)), SETTINGS, "committed"),
        (units(use(0), tags={"Keep": ""}), SETTINGS, "excluded"),
        (units(use(0), tags={"purpose": "failover"}), SETTINGS, "standby"),
        (capacity([]), SETTINGS, "off"),
        (reserved([Decimal(5)] * 14, details={"reservation_type": "capacity-block"}), SETTINGS, "prepaid"),
        (units(use(0), what="warm_pool"), SETTINGS, "ends_by_itself"),
    ],
)
def test_every_refusal_has_its_reason(subject: Capacity, settings: Recommend, reason: str) -> None:
    assert refuse(subject, settings) == reason


@pytest.mark.parametrize(("provider", "how"), [("aws", "aispend collect aws/inventory"), ("gcp", "Look at its order")])
def test_units_at_the_price_of_a_term_wait_for_its_end(provider: str, how: str) -> None:
    """Bought for six months or one: given up today, the rest of it is paid for all the same."""
    found = evaluate(units(use(0), provider=provider, sold_for="6 months"), SETTINGS)
    assert isinstance(found, WhyNot)
    assert found.reason == "term_unknown"
    assert "one for 6 months at a time" in found.explanation
    assert how in found.explanation
    # a term that is over goes on by the hour
    ended = units(use(0), provider=provider, sold_for="6 months", ends_at=AS_OF - timedelta(days=1))
    assert advise(ended).saving.net == Decimal("7300.00")


def test_a_commitment_that_has_ended_binds_nobody() -> None:
    advise(units(use(0), ends_at=AS_OF - timedelta(days=1)))


def recorded(asked: Use, hours: np.ndarray) -> Use:
    """The same where only these hours were recorded."""
    return replace(asked, recorded=hours)


def test_silence_is_not_idleness() -> None:
    """The records of the account stop twelve of fourteen days ago: nobody knows what was asked of it since."""
    until = np.arange(HOURS) < HOURS - 12 * 24
    assert refuse(units(recorded(use(0), until))) == "telemetry_missing"
    assert refuse(units(recorded(use(100), until)), told(2000)) == "telemetry_missing"


def test_hours_nobody_recorded_are_not_hours_without_a_request() -> None:
    """Two of fourteen days are not recorded: 288 hours are, and the evidence ends with the last of them."""
    known = np.arange(HOURS) < HOURS - 2 * 24
    advice = advise(units(recorded(use(0), known)))
    assert "in 288 recorded hours" in advice.reason
    assert advice.evidence_until == AS_OF - timedelta(days=2)
    assert advice.evidence["coverage"] == 0.8571


def test_units_younger_than_the_window_are_left_alone() -> None:
    """Bought nine days ago: whoever they are for may not have begun."""
    assert refuse(units(use(0), first_seen=(AS_OF - timedelta(days=9)).date())) == "too_new"
    assert refuse(replace(units(use(0)), costs=units(use(0)).costs[5:])) == "too_new"


def test_fewer_units_are_bought_before_the_others_are_given_up() -> None:
    """Bedrock cannot lower the units of a provisioned model: deleting it alone would end the service."""
    bought, deleted = (
        advise(units(use(3000)), told(2000)).command.find(word)
        for word in ("create-provisioned-model-throughput", "delete-provisioned-model-throughput")
    )
    assert 0 < bought < deleted
    assert "--model-units 4 " in advise(units(use(3000)), told(2000)).command


AZURE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"


@pytest.mark.parametrize(
    ("subject", "lines"),
    [
        (
            units(use(3000), provider="azure", resource_id=f"{AZURE}/deployments/d"),
            [f"az resource update --ids {AZURE}/deployments/d --set sku.capacity=4"],
        ),
        (
            units(use(3000), provider="azure", resource_id=AZURE),
            ["az cognitiveservices account deployment list --name a --resource-group g --subscription s"],
        ),
        (
            reserved([Decimal(5)] * 14, provider="gcp", resource_id="projects/p/zones/us-central1-a/reservations/r"),
            ["gcloud compute reservations update r --vm-count N --zone us-central1-a --project p"],
        ),
    ],
)
def test_commands_name_what_the_tools_ask_for(subject: Capacity, lines: list[str]) -> None:
    command = advise(subject, told(2000)).command
    assert [line for line in command.splitlines() if not line.startswith("#")] == lines


def test_units_that_changed_in_the_window_count_at_the_number_there_is_now() -> None:
    """Twenty units for a week, ten since: four are needed, and six of ten cost 24 a day each: 144 × 730 ÷ 24."""
    subject = units(use(3000))
    sizes = [20] * 7 + [10] * 7
    costs = [
        replace(day, effective_cost=Decimal(24 * size), uncovered_effective_cost=Decimal(24 * size))
        for day, size in zip(subject.costs, sizes, strict=True)
    ]
    hours = {day.day: Decimal(24 * size) for day, size in zip(costs, sizes, strict=True)}
    advice = advise(replace(subject, costs=costs, unit_hours=hours), told(2000))
    assert (advice.monthly_cost, advice.saving.effective) == (Decimal("7300.00"), Decimal("4380.00"))
    assert advice.evidence["cost_basis"].endswith("7 days at the number of units there is now")


def test_what_may_be_asked_after_all_is_in_the_range() -> None:
    """Costs are the same every day, and fourteen days without a request leave up to 3 ÷ 14 of them uncertain."""
    released = advise(units(use(0))).saving
    assert released.p10 is not None
    assert released.p10 < released.net == released.p90
    assert "hours in which it may fall short" in released.range_from
    empty = advise(reserved([Decimal(1320)] * 14)).saving
    assert empty.p10 is not None
    assert empty.p10 < empty.net
    fewer = advise(units(use(3000)), told(2000)).saving
    assert fewer.p10 is not None
    assert fewer.p10 < fewer.net


def test_terraform_declares_what_is_left() -> None:
    """All of it: none is declared; a part of it: the number that stays."""
    given = advise(units(use(0))).evidence["terraform"]
    assert given.splitlines()[-3:] == [
        'resource "aws_bedrock_provisioned_model_throughput" "abc" {',
        "  count = 0",
        "}",
    ]
    fewer = advise(units(use(3000)), told(2000)).evidence["terraform"]
    assert "  model_units = 4" in fewer.splitlines()
    part = advise(reserved([Decimal(1320), Decimal(2640)] * 7)).evidence["terraform"]
    assert "  instance_count = NOW - EMPTY" in part.splitlines()
    google = reserved([Decimal(1), Decimal(2)] * 7, provider="gcp", resource_id="projects/p/zones/z/reservations/r")
    assert "    count = NOW - EMPTY" in advise(google).evidence["terraform"].splitlines()
    azure = units(use(3000), provider="azure", resource_id=f"{AZURE}/deployments/d")
    found = advise(azure, told(2000)).evidence["terraform"].splitlines()
    assert found[1:5] == ['resource "azurerm_cognitive_deployment" "d" {', "  sku {", "    capacity = 4", "  }"]


class TestIdleCapacityContract(KindContract):
    """Ten units nobody asks anything of; and the same with nothing recorded."""

    kind = KIND

    @pytest.fixture
    def advised(self) -> Capacity:
        return units(use(0))

    @pytest.fixture
    def blind(self) -> Capacity:
        return units(None)


def used(*, busiest: float, days: int = 14, silent: int = 0) -> dict[date, float]:
    """By day, the most units any minute used; the last ``silent`` days have no measurement."""
    return {(AS_OF - timedelta(days=number)).date(): busiest for number in range(1 + silent, days + 1)}


def test_units_the_cloud_measures_need_no_rate_and_no_headroom_for_peaks() -> None:
    """Three and a half of ten in the busiest minute, a fifth of headroom: 3.5 / 0.8 = 4.4, so five; half is saved."""
    answer = advise(units(use(1_000.0), units_used=used(busiest=3.5)))
    assert answer.evidence["units_needed"] == 5
    assert answer.evidence["units_used_max"] == 3.5
    assert "tokens_per_unit_minute" not in answer.evidence
    assert answer.saving.effective == Decimal(3650)


@pytest.mark.parametrize(("busiest", "needed"), [(2.1, 3), (2.11, 4)])
def test_what_units_just_carry_asks_for_no_unit_more(busiest: float, needed: int) -> None:
    """Three tenths of headroom: 2.1 ÷ 0.7 is 3 of ten, though numbers of a computer make it a little more."""
    settings = Recommend(idle_capacity=IdleCapacity(headroom=0.3))
    answer = advise(units(use(1_000.0), units_used=used(busiest=busiest)), settings)
    assert answer.evidence["units_needed"] == needed


def test_units_that_are_measured_are_known_though_nobody_recorded_what_was_asked() -> None:
    assert advise(units(None, units_used=used(busiest=3.5))).evidence["units_needed"] == 5
    assert advise(units(None, units_used=used(busiest=0.0))).target == "release"
    assert refuse(units(None, units_used=used(busiest=9.0))) == "busy"


def test_days_without_a_measurement_used_nothing_where_nobody_asked_and_are_unknown_else() -> None:
    quiet = np.concatenate([np.full(HOURS - 120, 500.0), np.zeros(120)])
    answer = advise(units(use(quiet), units_used=used(busiest=3.5, silent=5)))
    assert (answer.evidence["units_needed"], answer.evidence["coverage"]) == (5, 1.0)
    assert refuse(units(None, units_used=used(busiest=3.5, silent=5))) == "telemetry_missing"


def test_a_share_of_units_is_of_those_of_its_day() -> None:
    """Ten now and twenty until the day before yesterday: 3.5 of ten were 7 of twenty."""
    hours = {(AS_OF - timedelta(days=number)).date(): Decimal(480 if number > 1 else 240) for number in range(1, 15)}
    assert advise(units(None, units_used=used(busiest=3.5), unit_hours=hours)).evidence["units_used_max"] == 7.0
