"""Cost Management's totals: paged, exact, few questions, and the ledger held against them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.azure.clients import AzureClients
from collectors.azure.cost_query import CostQuery, question, totals
from collectors.runner import SourceReport
from sample.azure_double import Azure, Call, RefusalError, Reply
from tests.azure.double import PLACE, SUBSCRIPTION, subscription

Connect = Callable[..., AzureClients]
Run = Callable[..., SourceReport]
QUERY = f"{PLACE}/providers/Microsoft.CostManagement/query"
NOVEMBER = date(2026, 11, 1)
ASKED = datetime(2026, 11, 20, 6, tzinfo=UTC)
COLUMNS = ("Cost", "SubscriptionId", "ServiceName", "Currency")


def reply(*rows: list[Any], following: str | None = None, columns: tuple[str, ...] = COLUMNS) -> dict[str, Any]:
    kinds = [{"name": name, "type": "Number" if name == "Cost" else "String"} for name in columns]
    return {"id": "x", "properties": {"nextLink": following, "columns": kinds, "rows": list(rows)}}


def row(cost: Any, service: str = "Virtual Machines", currency: str = "USD") -> list[Any]:
    return [cost, SUBSCRIPTION.upper(), service, currency]


def kept(store: Store) -> list[tuple[Any, ...]]:
    query = """SELECT account, period_start::text, metric, dimensions ->> 'service', amount::text, currency, estimated
               FROM provider_total ORDER BY 2, 3, 4"""
    with store.engine.connect() as connection:
        return [tuple(one) for one in connection.execute(text(query)).all()]


def test_a_question_is_a_month_or_what_there_is_of_it() -> None:
    asked = question("ActualCost", NOVEMBER, date(2026, 11, 20))
    assert asked["timePeriod"] == {"from": "2026-11-01T00:00:00Z", "to": "2026-11-20T23:59:59Z"}
    assert question("ActualCost", date(2026, 2, 1), date(2026, 11, 20))["timePeriod"]["to"] == "2026-02-28T23:59:59Z"
    assert len(asked["dataset"]["grouping"]) <= 2


def test_pages_are_asked_for_with_the_same_question_and_digits_are_kept(
    azure: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    following = f"{azure.url}{QUERY}?api-version=2025-03-01&$skiptoken=AQ"

    def answer(call: Call) -> Any:
        if call.body["type"] == "AmortizedCost":
            return Reply(status=204)
        if "$skiptoken" in call.query:
            return reply(row(2, "Storage"))
        first = reply(row("AMOUNT"), following=following)
        return Reply(_text(first).replace('"AMOUNT"', "0.12345678901234567"))

    azure.on(f"POST {QUERY}", answer)
    report = run(CostQuery(connect(), clock), first=NOVEMBER, end=date(2026, 11, 21))

    assert (report.error, report.loaded) == (None, 1), report.slices
    first, second, third = azure.asked("/query")
    assert first.body == second.body
    assert (first.body["type"], third.body["type"]) == ("ActualCost", "AmortizedCost")
    assert first.headers["ClientType"] == "aispend"
    assert kept(database) == [
        (SUBSCRIPTION, "2026-11-01", "ActualCost", "Storage", "2.000000000000", "USD", True),
        (SUBSCRIPTION, "2026-11-01", "ActualCost", "Virtual Machines", "0.123456789012", "USD", True),
    ]


def _text(content: Any) -> str:
    import json

    return json.dumps(content)


def test_the_running_month_is_asked_twice_a_day_and_a_settled_one_once(
    azure: Azure, connect: Connect, clock: Clock, run: Run
) -> None:
    azure.on(f"POST {QUERY}", reply(row(1)))
    assert run(CostQuery(connect(), clock)).requests == {"arm.ListSubscriptions": 1, "arm.QueryCosts": 4}
    assert run(CostQuery(connect(), clock)).requests == {"arm.ListSubscriptions": 1}


def test_a_subscription_that_is_added_is_asked_for_in_months_that_are_settled_for_the_others(
    azure: Azure, connect: Connect, clock: Clock, run: Run
) -> None:
    other = "22222222-2222-3333-4444-555555555555"
    azure.on(f"POST {QUERY}", reply(row(1)))
    azure.on(f"POST {QUERY.replace(SUBSCRIPTION, other)}", reply(row(1)))
    months = {"first": date(2026, 9, 1), "end": date(2026, 11, 21)}
    assert run(CostQuery(connect(), clock), **months).loaded == 3
    azure.on("GET /subscriptions", {"value": [subscription(), subscription(other)]})
    again = run(CostQuery(connect(), clock), **months)
    assert [one.title for one in again.slices if one.outcome == "loaded"] == [
        f"totals of subscriptions/{other}, 2026-{month}" for month in ("11", "10", "09")
    ]


def test_a_month_is_an_estimate_until_its_late_usage_is_there() -> None:
    for now, estimated in ((datetime(2026, 12, 5, tzinfo=UTC), True), (datetime(2026, 12, 6, tzinfo=UTC), False)):
        (one,) = totals([reply(row(1))["properties"]], "ActualCost", NOVEMBER, now)
        assert one["estimated"] == estimated


def test_columns_are_found_by_name_and_what_has_no_subscription_has_no_account() -> None:
    columns = ("Currency", "ServiceName", "SubscriptionId", "Cost")
    said = reply(["eur", "", "", Decimal("-1.5")], columns=columns)["properties"]
    (one,) = totals([said], "ActualCost", NOVEMBER, ASKED)
    assert (one["account"], one["dimensions"], one["amount"], one["currency"]) == (
        None,
        {"account": None, "service": None},
        Decimal("-1.5"),
        "EUR",
    )


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([reply(row(1)), reply(row(2))], "two totals"),
        ([reply(row(None))], "no number"),
        ([reply(row("NaN"))], "no number"),
        ([reply([1, "USD"], columns=("Cost", "Currency"))], "A column is missing"),
    ],
)
def test_what_makes_no_sense_is_refused(replies: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        totals([one["properties"] for one in replies], "ActualCost", NOVEMBER, ASKED)


def test_the_same_group_again_counts_once() -> None:
    again = [reply(row(1))["properties"], reply(row(1))["properties"]]
    assert [one["amount"] for one in totals(again, "ActualCost", NOVEMBER, ASKED)] == [1]


def test_pages_in_a_circle_fail_the_month(azure: Azure, connect: Connect, clock: Clock, run: Run) -> None:
    azure.on(f"POST {QUERY}", reply(row(1), following=f"{azure.url}{QUERY}?api-version=1&$skiptoken=A"))
    report = run(CostQuery(connect(), clock))
    assert all("circle" in one.message for one in report.slices)


def test_a_storm_of_limits_ends_the_run_and_is_no_reason_to_ask_more(
    azure: Azure, connect: Connect, clock: Clock, run: Run
) -> None:
    azure.on(f"POST {QUERY}", RefusalError(429, "429"))
    report = run(CostQuery(connect(), clock))
    assert [one.outcome for one in report.slices] == ["failed"]
    assert "none is asked any more now" in report.slices[0].message
    assert report.requests["arm.QueryCosts"] == 6


def test_a_place_that_is_denied_keeps_none_of_the_others_from_being_read(
    azure: Azure, connect: Connect, clock: Clock, run: Run
) -> None:
    account = "providers/Microsoft.Billing/billingAccounts/1"
    azure.on(f"POST /{account}/providers/Microsoft.CostManagement/query", RefusalError(403, "AuthorizationFailed"))
    azure.on(f"POST {QUERY}", reply(row(1)))
    scopes = (account, f"subscriptions/{SUBSCRIPTION}")
    report = run(CostQuery(connect(billing_scopes=scopes), clock), first=NOVEMBER, end=date(2026, 11, 21))
    assert [one.outcome for one in report.slices] == ["failed", "loaded"]
    assert "Microsoft.CostManagement/query/read" in report.slices[0].message


ACCOUNT = "providers/Microsoft.Billing/billingAccounts/1"
OTHER = "22222222-2222-3333-4444-555555555555"
SPAN = {"first": NOVEMBER, "end": date(2026, 11, 21)}


@pytest.fixture
def costs(azure: Azure) -> Azure:
    """An account that pays 5 for one subscription, whose own scope shows the same 5, beside one it does not pay for."""
    azure.on("GET /subscriptions", {"value": [subscription(), subscription(OTHER)]})
    azure.on(f"POST /{ACCOUNT}/providers/Microsoft.CostManagement/query", reply(row(5), [1, "", "Support", "USD"]))
    azure.on(f"POST {QUERY}", reply(row(5)))
    azure.on(f"POST {QUERY.replace(SUBSCRIPTION, OTHER)}", reply([7, OTHER, "Storage", "USD"]))
    return azure


def spent(store: Store) -> Decimal:
    """Actual cost over all scopes."""
    return Decimal(sum(Decimal(amount) for _, _, metric, _, amount, *_ in kept(store) if metric == "ActualCost"))


def test_a_subscription_beside_the_account_that_pays_for_it_counts_once_and_it_is_said(
    costs: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """5 and 1 of the account, 7 of the subscription it does not pay for: 13, not 18."""
    scopes = (f"/subscriptions/{SUBSCRIPTION.upper()}", f"subscriptions/{OTHER}", ACCOUNT)
    report = run(CostQuery(connect(billing_scopes=scopes), clock), **SPAN)
    assert [one.outcome for one in report.slices] == ["loaded"] * 3
    assert spent(database) == 13
    notes = [note for one in report.slices for note in one.notes]
    assert notes == [
        f"{SUBSCRIPTION}: {ACCOUNT} shows it, so it is not taken from subscriptions/{SUBSCRIPTION.upper()} too."
    ]


def test_an_account_that_is_added_takes_the_place_of_its_subscriptions(
    costs: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    run(CostQuery(connect(), clock), **SPAN)
    assert spent(database) == 12
    beside = run(CostQuery(connect(billing_scopes=(f"subscriptions/{SUBSCRIPTION}", ACCOUNT)), clock), **SPAN)
    assert not beside.failures
    assert spent(database) == 13
    instead = run(CostQuery(connect(billing_scopes=(ACCOUNT,)), clock), **SPAN)
    assert not instead.failures
    assert spent(database) == 13


def test_an_account_in_place_of_all_subscriptions_and_back(
    costs: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """7 stays of the subscription the account does not pay for: nothing else shows it."""
    run(CostQuery(connect(), clock), **SPAN)
    run(CostQuery(connect(billing_scopes=(ACCOUNT,)), clock), **SPAN)
    assert spent(database) == 13
    report = run(CostQuery(connect(), lambda: clock() + timedelta(days=1)), **SPAN)
    assert "asked about no more" in report.slices[-1].notes[0]
    assert spent(database) == 12


def test_a_scope_that_is_spelled_otherwise_is_the_same(
    costs: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    for spelled in (f"subscriptions/{SUBSCRIPTION}", f"/Subscriptions/{SUBSCRIPTION}/"):
        run(CostQuery(connect(billing_scopes=(spelled,)), clock), **SPAN)
    assert spent(database) == 5


def test_what_an_account_shows_is_asked_where_it_was_read_before(
    costs: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    run(CostQuery(connect(billing_scopes=(ACCOUNT,)), clock), **SPAN)
    report = run(CostQuery(connect(billing_scopes=(ACCOUNT, f"subscriptions/{SUBSCRIPTION}")), clock), **SPAN)
    assert [one.outcome for one in report.slices] == ["unchanged", "loaded"]
    assert spent(database) == 6


def test_scopes_within_another_are_not_asked_and_it_is_said(
    costs: Azure, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    made = CostQuery(connect(billing_scopes=(f"{ACCOUNT}/billingProfiles/P", ACCOUNT)), clock)
    assert f"{ACCOUNT}/billingProfiles/P is not asked: {ACCOUNT} shows it" in [one.what for one in made.examine()]
    (only,) = run(made, **SPAN).slices
    assert only.notes == (f"{ACCOUNT}/billingProfiles/P is not asked: {ACCOUNT} shows it.",)
    assert spent(database) == 6


def test_a_budget_of_nothing_asks_nothing(azure: Azure, connect: Connect, clock: Clock, run: Run) -> None:
    report = run(CostQuery(connect(cost_queries_per_day=0), clock))
    assert (report.slices, report.requests_sent) == ([], 0)
