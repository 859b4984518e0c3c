"""The bill of a subscription that has neither export nor report: what a question to Cost Management can tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.azure.bills import Bills
from collectors.azure.clients import AzureClients
from collectors.azure.query_lines import line_of, services_of
from collectors.runner import SourceReport
from sample.azure_double import Azure, Call, RefusalError
from tests.azure.double import PLACE, SUBSCRIPTION

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
COSTS = f"{PLACE}/providers/Microsoft.CostManagement"
MACHINE = f"{PLACE}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm"
METER = "NC24ads A100 v4"
NOVEMBER = date(2026, 11, 1)


def answer(names: tuple[str, ...], *rows: list[Any]) -> dict[str, Any]:
    return {"properties": {"nextLink": None, "columns": [{"name": name} for name in names], "rows": list(rows)}}


def asking(azure: Azure) -> None:
    """A subscription without exports, of which Azure writes no report."""
    azure.on(f"GET {COSTS}/exports", {"value": []})
    azure.on(f"POST {COSTS}/generateCostDetailsReport", RefusalError(422, "SubscriptionTypeNotSupported"))

    def costs(call: Call) -> Any:
        if "granularity" not in call.body["dataset"]:
            names = ("Cost", "UsageQuantity", "ServiceName", "Meter", "Currency")
            return answer(names, [10.5, 5, "Virtual Machines", METER, "USD"], [1, 1, "Storage", "LRS", "USD"])
        names = ("Cost", "UsageQuantity", "UsageDate", "ResourceId", "Meter", "Currency")
        amount = 4.25 if call.body["type"] == "ActualCost" else 3.25
        first = [amount, 2, 20261103, MACHINE, METER, "USD"]
        return answer(names, first, [6.25, 3, 20261104, MACHINE, METER, "USD"])

    azure.on(f"POST {COSTS}/query", costs)


def test_its_lines_are_days_resources_and_meters_and_it_says_what_they_lack(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    asking(azure)
    clients = connect()
    report = run(Bills(clients, clock), first=NOVEMBER, end=date(2026, 11, 21))

    assert (report.error, report.loaded) == (None, 1), report.slices
    assert "without tags, list prices and commitments" in report.slices[0].notes[0]
    with database.engine.connect() as connection:
        totals = connection.execute(text("SELECT sum(billed_cost), sum(effective_cost) FROM charge")).one()
        scopes = connection.execute(text("SELECT DISTINCT scope FROM slice WHERE kind = 'bill'")).scalars().all()
        meters = connection.execute(text("SELECT DISTINCT sku_meter FROM sku WHERE sku_meter <> ''")).scalars().all()
    assert totals == (Decimal("10.5"), Decimal("9.5"))
    assert (scopes, meters) == ([SUBSCRIPTION], [METER])
    assert set(clients.sent) <= set(Bills.operations)
    asked = [call.body["dataset"]["grouping"] for call in azure.asked("/query")]
    assert all(len(grouping) == 2 for grouping in asked)
    assert len(asked) == 4


def test_a_billing_account_is_never_guessed_about(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    account = "providers/Microsoft.Billing/billingAccounts/1"
    azure.on(f"GET /{account}/providers/Microsoft.CostManagement/exports", {"value": []})
    azure.on(f"POST /{account}/providers/Microsoft.CostManagement/generateCostDetailsReport", RefusalError(422))
    (one,) = run(Bills(connect(billing_scopes=(account,)), clock), first=NOVEMBER, end=date(2026, 11, 21)).slices
    assert (one.outcome, azure.asked("/query")) == ("failed", [])


def test_a_meter_of_several_services_has_none() -> None:
    names = ("ServiceName", "Meter")
    pages = [answer(names, ["A", "one"], ["B", "both"])["properties"], answer(names, ["A", "both"])["properties"]]
    assert services_of(pages) == {"one": "A"}


@pytest.mark.parametrize(("said", "day"), [(20261103, "2026-11-03"), ("2026-11-03T00:00:00", "2026-11-03")])
def test_days_come_as_numbers_and_amounts_keep_their_digits(said: Any, day: str) -> None:
    given = {"usagedate": said, "meter": "m", "resourceid": None, "currency": "eur", "cost": Decimal("1E-7")}
    made = line_of(given, "s-1", {}, NOVEMBER)
    assert (made["Date"], made["Cost"], made["Quantity"], made["BillingCurrency"]) == (day, "0.0000001", "", "EUR")
    assert (made["BillingPeriodStartDate"], made["BillingPeriodEndDate"]) == ("2026-11-01", "2026-11-30")


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="a day that is none"):
        line_of({"usagedate": 5, "meter": "m"}, "s-1", {}, NOVEMBER)
