"""Azure Advisor's recommendations on cost, beside our own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.azure.advice import Advice, action, advice_rows, saving
from collectors.azure.clients import AzureClients
from collectors.runner import SourceReport
from sample.azure_double import Azure
from sample.azure_graph import QUERY, Graph
from tests.azure.double import PLACE, SUBSCRIPTION
from tests.azure.graph import CUT_OFF, compute

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def advised(name: str = "a1", *, resource: str | None = None, **given: Any) -> dict[str, Any]:
    """A recommendation as Resource Graph has it."""
    target = resource or compute("idle")
    about = {
        "category": "Cost",
        "impact": "High",
        "impactedField": "Microsoft.Compute/virtualMachines",
        "impactedValue": "idle",
        "lastUpdated": "2026-11-20T12:00:00.5Z",
        "recommendationTypeId": "e10b1381-5f0a-47ff-8c7b-37bd13d7c974",
        "shortDescription": {"problem": "Underused virtual machines", "solution": "Right-size or shutdown"},
        "resourceMetadata": {"resourceId": target},
        "extendedProperties": {
            "recommendationType": "SkuChange",
            "currentSku": "Standard_D16s_v5",
            "targetSku": "Standard_D4s_v5",
            "savingsAmount": "310.25",
            "annualSavingsAmount": "3723",
            "savingsCurrency": "USD",
            "regionId": "eastus",
            "MaxCpuP95": "4",
        },
    } | given
    return {"id": f"{target}/providers/Microsoft.Advisor/recommendations/{name}", "properties": about}


def kept(store: Store) -> list[tuple[Any, ...]]:
    query = "SELECT adviser, account, action, round(monthly_saving, 2)::text FROM provider_advice ORDER BY advice_id"
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_recommendation_is_a_row() -> None:
    (row,) = advice_rows([advised()], NOW)
    assert (row["adviser"], row["account"], row["region"], row["action"]) == (
        "Azure Advisor",
        SUBSCRIPTION,
        "eastus",
        "Rightsize",
    )
    assert (row["current"], row["proposed"]) == ("Standard_D16s_v5", "Standard_D4s_v5")
    assert (row["monthly_saving"], row["currency"]) == (Decimal("310.25"), "USD")
    assert row["resource_id"] == compute("idle")
    assert row["refreshed_at"] == datetime(2026, 11, 20, 12, 0, 0, 500000, UTC)
    assert row["details"]["MaxCpuP95"] == "4"
    assert "dismissed" not in row["details"]
    (dismissed,) = advice_rows([advised(suppressionIds=["x"])], NOW)
    assert dismissed["details"]["dismissed"] is True


@pytest.mark.parametrize(
    ("more", "solution", "expected"),
    [
        ({"recommendationType": "Shutdown"}, "", "Stop"),
        ({}, "Consider virtual machine reserved instances", "PurchaseReservedInstances"),
        ({}, "Purchase a savings plan over reserved instances", "PurchaseSavingsPlans"),
        ({}, "Delete the disk that is not attached", "Delete"),
        ({}, "Look at it", "Unknown"),
    ],
)
def test_what_it_advises(more: dict[str, str], solution: str, expected: str) -> None:
    assert action(more, {"solution": solution}) == expected


def test_a_saving_is_a_months_or_unknown() -> None:
    assert saving({"annualSavingsAmount": "100"}) == Decimal("8.333333333333")
    assert saving({"savingsAmount": "", "annualSavingsAmount": None}) is None
    assert saving({"savingsAmount": "a lot"}) is None


def test_advice_is_replaced_day_by_day_and_what_may_not_be_read_stays(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    graph = Graph(azure, page=1)
    graph.has("advisor/recommendations", advised("a"), advised("b", resource=PLACE))
    report = run(Advice(connect(), clock))
    assert (report.error, report.rows) == (None, 2)
    assert set(report.requests) == set(Advice.operations)
    before = kept(database)
    assert before[0] == ("Azure Advisor", SUBSCRIPTION, "Rightsize", "310.25")

    graph.grant("*/read", without=["Microsoft.Advisor/*"])
    graph.has("advisor/recommendations")
    report = run(Advice(connect(), lambda: datetime(2026, 11, 22, tzinfo=UTC)))
    assert "Microsoft.Advisor/recommendations/read" in (report.error or "")
    assert kept(database) == before
    assert [one.state for one in Advice(connect(), clock).examine()] == ["broken"]

    graph.grant("*/read")
    assert run(Advice(connect(), lambda: datetime(2026, 11, 23, tzinfo=UTC))).error is None
    assert kept(database) == []


def test_an_answer_that_is_cut_off_changes_nothing(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    Graph(azure)
    azure.on(QUERY, CUT_OFF)
    assert run(Advice(connect(), clock)).failures == 1
    assert kept(database) == []
