"""Reservations and savings plans: whose, how much, until when; and an empty list is not an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.commitments import Commitments, reservations, savings_plans
from collectors.runner import SourceReport
from sample.azure_double import Azure, Call, RefusalError
from tests.azure.double import PLACE, SUBSCRIPTION

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
RESERVED = "GET /providers/Microsoft.Capacity/reservations"
PLANS = "GET /providers/Microsoft.BillingBenefits/savingsPlans"


def reservation(name: str = "r1", **about: Any) -> dict[str, Any]:
    """A reservation as it is listed."""
    return {
        "id": f"/providers/Microsoft.Capacity/reservationOrders/o1/reservations/{name}",
        "location": "eastus",
        "sku": {"name": "Standard_ND96isr_H100_v5"},
        "properties": {
            "reservedResourceType": "VirtualMachines",
            "quantity": 4,
            "appliedScopeType": "Shared",
            "provisioningState": "Succeeded",
            "billingScopeId": PLACE.upper(),
            "benefitStartTime": "2026-02-01T10:00:00Z",
            "expiryDateTime": "2027-02-01T10:00:00Z",
            "expiryDate": "2027-02-01",
            "term": "P1Y",
            "billingPlan": "Monthly",
        }
        | about,
    }


def plan(**about: Any) -> dict[str, Any]:
    """A savings plan as it is listed."""
    return {
        "id": "/providers/Microsoft.BillingBenefits/savingsPlanOrders/o/savingsPlans/p",
        "sku": {"name": "Compute_Savings_Plan"},
        "properties": {
            "provisioningState": "Succeeded",
            "billingScopeId": PLACE,
            "term": "P3Y",
            "billingPlan": "P1M",
            "appliedScopeType": "Single",
            "appliedScopeProperties": {"subscriptionId": PLACE},
            "benefitStartTime": "2026-05-01T00:00:00Z",
            "expiryDateTime": "2029-05-01T00:00:00Z",
            "commitment": {"grain": "Hourly", "currencyCode": "EUR", "amount": Decimal("12.345")},
        }
        | about,
    }


def test_a_reservation_says_what_is_reserved_for_whom_until_when() -> None:
    (row,) = reservations([reservation()], NOW)
    assert (row["kind"], row["instance_type"], row["quantity"], row["region"]) == (
        "reservation",
        "Standard_ND96isr_H100_v5",
        4,
        "eastus",
    )
    assert (row["owner_account"], row["benefits"], row["state"]) == (SUBSCRIPTION, "organization", "active")
    assert row["starts_at"] == datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert row["ends_at"] == datetime(2027, 2, 1, 10, tzinfo=UTC)
    assert (row["payment_option"], row["upfront"], row["recurring_hourly"]) == ("No Upfront", None, None)
    assert row["description"] == "4 Standard_ND96isr_H100_v5, VirtualMachines, eastus, shared"


@pytest.mark.parametrize(
    ("about", "state"),
    [
        ({"expiryDateTime": "2026-11-01T00:00:00Z"}, "expired"),
        ({"provisioningState": "Cancelled"}, "deleted"),
        ({"provisioningState": "Split"}, "retired"),
        ({"provisioningState": "BillingFailed"}, "billingfailed"),
    ],
)
def test_states(about: dict[str, Any], state: str) -> None:
    (row,) = reservations([reservation(**about)], NOW)
    assert row["state"] == state


def test_what_is_reserved_besides_machines_has_a_quantity_and_no_machine() -> None:
    (row,) = reservations([reservation(reservedResourceType="OpenAIPTU", quantity=100)], NOW)
    assert (row["instance_type"], row["quantity"]) == (None, 100)


def test_a_plan_is_a_spend_an_hour() -> None:
    (row,) = savings_plans([plan()], NOW)
    assert (row["kind"], row["hourly_commitment"], row["currency"], row["benefits"]) == (
        "savings_plan",
        Decimal("12.345"),
        "EUR",
        "account",
    )
    assert row["description"] == f"Compute Savings Plan, P3Y, single {PLACE}"
    with pytest.raises(InputError, match="not a spend an hour"):
        savings_plans([plan(commitment={"grain": "Daily", "amount": 1})], NOW)
    with pytest.raises(InputError, match="not a number"):
        savings_plans([plan(commitment={"amount": "much"})], NOW)


def test_both_are_collected_page_by_page_once_a_day(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    def answer(call: Call) -> Any:
        second = "$skiptoken" in call.query
        following = None if second else f"{azure.url}{call.path}?api-version=2022-11-01&$skiptoken=a"
        return {"value": [reservation("r2" if second else "r1")], "nextLink": following}

    azure.on(RESERVED, answer)
    azure.on(PLANS, {"value": [plan()]})
    report = run(Commitments(connect(), clock))
    assert (report.error, report.loaded, [one.notes for one in report.slices]) == (None, 2, [(), ()])
    assert report.requests == {"arm.ListReservations": 2, "arm.ListSavingsPlans": 1}
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, count(*) FROM commitment_term GROUP BY 1 ORDER BY 1")).all()
    assert rows == [("reservation", 2), ("savings_plan", 1)]
    assert run(Commitments(connect(), clock)).requests == {}


def test_what_is_denied_is_a_remark_and_the_other_is_collected(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    azure.on(RESERVED, RefusalError(403, "AuthorizationFailed"))
    azure.on(PLANS, {"value": [plan()]})
    report = run(Commitments(connect(), clock))
    assert report.error is None
    assert "the role Reservations Reader on /providers/Microsoft.Capacity is missing" in report.slices[0].notes[0]
    assert [one.rows for one in report.slices] == [0, 1]


def test_none_is_said_and_none_where_there_were_some_is_an_error(
    azure: Azure, connect: Connect, run: Run, database: Store
) -> None:
    azure.on(RESERVED, {"value": []})
    azure.on(PLANS, {"value": [plan()]})
    report = run(Commitments(connect(), lambda: NOW))
    assert "Reservations Reader" in report.slices[0].notes[0]
    azure.on(PLANS, {"value": []})
    report = run(Commitments(connect(), lambda: datetime(2026, 11, 22, 6, tzinfo=UTC)))
    assert [one.outcome for one in report.slices] == ["loaded", "failed"]
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT state FROM commitment_term")) == "active"


def test_the_doctor_says_what_is_visible_and_what_is_missing(azure: Azure, connect: Connect, clock: Clock) -> None:
    azure.on(RESERVED, RefusalError(403, "AuthorizationFailed"))
    azure.on(PLANS, {"value": [plan()]})
    broken, good = Commitments(connect(), clock).examine()
    assert broken.what == "reservations: the role Reservations Reader on /providers/Microsoft.Capacity is missing"
    assert good.what == "1 savings plans are visible"
    azure.on(RESERVED, {"value": []})
    assert next(Commitments(connect(), clock).examine()).state == "note"
