"""The bill against the cloud's own totals: exact, each on its basis, and every difference with its name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, text

from aispend.schema import provider_total
from analyzer.findings import Finding
from analyzer.reconcile import check
from analyzer.reconcile_totals import PROMISE
from tests.analyzer.bills import LOADED
from tests.analyzer.conftest import Ledger

D = Decimal
OCTOBER = date(2026, 10, 1)
ASKED = datetime(2026, 11, 21, 6, tzinfo=UTC)
"""After the bill was loaded, on the 20th; AWS closed October on the 15th."""


def ask(ledger: Ledger, metric: str, *amounts: str, **values: Any) -> None:
    """A total of October in one metric, an amount per service."""
    full = {
        "source": "aws/cost-explorer",
        "slice": "2026-10",
        "provider": "aws",
        "account": "prod",
        "period_start": OCTOBER,
        "period_end": date(2026, 11, 1),
        "metric": metric,
        "currency": "USD",
        "estimated": False,
        "as_of": ASKED,
    } | values
    with ledger.store.engine.begin() as connection:
        for number, amount in enumerate(amounts):
            dimensions = {"account": full["account"], "service": f"Service {number}"}
            connection.execute(insert(provider_total).values(**full, amount=D(amount), dimensions=dimensions))


def totals(ledger: Ledger, net: str = "11.5", gross: str | None = None, **values: Any) -> None:
    """All four metrics: the net ones, and the two without private discounts."""
    for metric in ("NetUnblendedCost", "NetAmortizedCost"):
        ask(ledger, metric, net, **values)
    for metric in ("UnblendedCost", "AmortizedCost"):
        ask(ledger, metric, gross or net, **values)


def bill(ledger: Ledger) -> None:
    """Two charges of October, 11.5 in each cost."""
    ledger.charge("2026-10-05", "10")
    ledger.charge("2026-10-06", "1.5", category="Tax", is_ai=False)


def found(ledger: Ledger) -> list[Finding]:
    with ledger.store.engine.connect() as connection:
        return [finding for finding in check(connection) if finding.promise == PROMISE]


def execute(ledger: Ledger, statement: str) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text(statement))


def test_a_bill_that_is_what_aws_adds_up_holds(ledger: Ledger) -> None:
    bill(ledger)
    ask(ledger, "NetUnblendedCost", "10", "1.5")
    ask(ledger, "NetAmortizedCost", "11.5")
    ask(ledger, "UnblendedCost", "20")
    billed, effective = found(ledger)
    assert (billed.scope, billed.period, billed.currency) == ("aws/cost-explorer prod", OCTOBER, "USD")
    assert (billed.ours, billed.theirs, billed.difference) == (D("11.5"), D("11.5"), D(0))
    assert (billed.cause, billed.holds, billed.attention) == ("billed cost, NetUnblendedCost: equal", True, False)
    assert effective.cause == "effective cost, NetAmortizedCost: equal"


def test_a_difference_without_a_name_does_not_hold(ledger: Ledger) -> None:
    bill(ledger)
    totals(ledger, "11.51")
    assert [(one.difference, one.holds) for one in found(ledger)] == [(D("-0.01"), False)] * 2
    assert found(ledger)[0].cause == "billed cost, NetUnblendedCost: -0.01 is unexplained"


def test_rounding_to_ten_decimals_is_named_and_no_more_is_allowed(ledger: Ledger) -> None:
    """Two lines and one amount: at most 3 × 0.00000000005."""
    bill(ledger)
    totals(ledger, "11.5000000001")
    (billed, _) = found(ledger)
    assert (billed.holds, billed.attention) == (True, False)
    assert billed.cause == "billed cost, NetUnblendedCost: -0.0000000001 is rounding to ten decimals"
    execute(ledger, "UPDATE provider_total SET amount = 11.5000000002")
    assert not any(one.holds for one in found(ledger))


@pytest.mark.parametrize(
    ("loaded", "values", "cause"),
    [
        (LOADED, {"estimated": True}, "-1: the total of 2026-11-21 06:00 is still an estimate"),
        (
            LOADED,
            {"as_of": datetime(2026, 11, 19, 6, tzinfo=UTC)},
            "-1: the total of 2026-11-19 06:00 is stale, the bill was loaded 2026-11-20 06:00",
        ),
        (
            datetime(2026, 11, 16, 23, tzinfo=UTC),
            {},
            "-1: late data; the bill was loaded 2026-11-16 23:00, before AWS closed the month: load it again",
        ),
    ],
)
def test_what_is_no_fault_of_the_bill_is_named_and_holds(
    ledger: Ledger, loaded: datetime, values: dict[str, Any], cause: str
) -> None:
    bill(ledger)
    execute(ledger, f"UPDATE slice SET loaded_at = '{loaded.isoformat()}'")
    totals(ledger, "12.5", **values)
    for one in found(ledger):
        assert (one.difference, one.holds, one.attention) == (D(-1), True, True)
        assert one.cause.endswith(cause)


def test_a_stale_total_that_agrees_simply_agrees(ledger: Ledger) -> None:
    bill(ledger)
    totals(ledger, as_of=datetime(2026, 11, 1, tzinfo=UTC))
    assert {(one.holds, one.attention) for one in found(ledger)} == {(True, False)}


def test_a_bill_in_focus_is_never_held_against_costs_before_discounts(ledger: Ledger) -> None:
    bill(ledger)
    ask(ledger, "UnblendedCost", "11.5")
    billed, effective = found(ledger)
    for one in (billed, effective):
        assert (one.theirs, one.difference, one.holds, one.attention) == (None, None, True, True)
    assert billed.cause == "billed cost: there is no total on the bill's basis (NetUnblendedCost): not compared"


@pytest.mark.parametrize(
    ("net", "gross", "metric", "holds"),
    [
        ("11.5", "11.5", "UnblendedCost", True),
        ("11.5", "14", "NetUnblendedCost", True),
        ("9", "11.5", "UnblendedCost", True),
        ("12", "12", "UnblendedCost", False),
    ],
)
def test_the_basis_of_a_usage_report_is_the_total_it_equals(
    ledger: Ledger, net: str, gross: str, metric: str, holds: bool
) -> None:
    bill(ledger)
    execute(ledger, "UPDATE slice SET dataset = 'cur2'")
    totals(ledger, net, gross)
    billed, _ = found(ledger)
    assert billed.holds == holds
    assert billed.cause.startswith(f"billed cost, {metric}: ")


def test_a_usage_report_that_equals_neither_basis_is_not_compared(ledger: Ledger) -> None:
    bill(ledger)
    execute(ledger, "UPDATE slice SET dataset = 'cur2'")
    totals(ledger, "9", "12")
    billed, _ = found(ledger)
    assert (billed.holds, billed.attention, billed.difference) == (True, True, None)
    assert billed.cause == (
        "billed cost: NetUnblendedCost and UnblendedCost differ, and the bill equals neither: not compared"
    )


@pytest.mark.parametrize(
    ("recorded", "metric", "net", "gross", "difference"),
    [
        ("net_cost", "NetUnblendedCost", "9", "12", "+2.5"),
        ("unblended_cost", "UnblendedCost", "9", "12", "-0.5"),
        ("net_cost", "NetUnblendedCost", "9", "11.5", "+2.5"),  # that it equals the other total is chance
    ],
)
def test_a_usage_report_is_held_against_the_basis_its_load_recorded(
    ledger: Ledger, recorded: str, metric: str, net: str, gross: str, difference: str
) -> None:
    bill(ledger)
    ledger.record_load({}, {})
    execute(ledger, "UPDATE slice SET dataset = 'cur2'")
    execute(ledger, f'UPDATE load SET flags = \'[{{"flag": "{recorded}"}}]\'')
    totals(ledger, net, gross)
    billed, _ = found(ledger)
    assert billed.cause == f"billed cost, {metric}: {difference} is unexplained"
    assert (billed.holds, billed.difference) == (False, D(difference))


def test_a_usage_report_whose_basis_has_no_total_is_not_compared(ledger: Ledger) -> None:
    bill(ledger)
    ledger.record_load({}, {})
    execute(ledger, "UPDATE slice SET dataset = 'cur2'")
    execute(ledger, 'UPDATE load SET flags = \'[{"flag": "net_cost"}]\'')
    ask(ledger, "UnblendedCost", "12")
    billed, _ = found(ledger)
    assert billed.cause == "billed cost: there is no total on the bill's basis (NetUnblendedCost): not compared"


def test_an_account_that_the_bill_lacks_does_not_hold(ledger: Ledger) -> None:
    bill(ledger)
    totals(ledger)
    ask(ledger, "NetUnblendedCost", "3", account="other")
    ask(ledger, "NetUnblendedCost", "0", account="empty")
    *_, missing = sorted(found(ledger), key=lambda one: one.difference == D(-3))
    assert (missing.scope, missing.ours, missing.theirs) == ("aws/cost-explorer other", None, D(3))
    assert (missing.holds, missing.cause) == (False, "no charge of this account is loaded: -3 is unexplained")
    assert len(found(ledger)) == 3, "nothing is missing where nothing was spent"


def test_totals_of_what_no_bill_is_loaded_for_say_nothing(ledger: Ledger) -> None:
    bill(ledger)
    totals(ledger, account="another company")
    totals(ledger, period_start=date(2026, 9, 1), period_end=OCTOBER)
    ask(ledger, "NetUnblendedCost", "5", provider="gcp")
    ask(ledger, "NetUnblendedCost", "5", account=None)
    assert found(ledger) == []


def test_currencies_are_never_compared_with_one_another(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", currency="EUR")
    totals(ledger, "11")
    (one,) = found(ledger)
    assert (one.currency, one.ours, one.theirs, one.difference) == ("USD", None, D(11), None)
    assert (one.cause, one.holds, one.attention) == ("the bill is in EUR: not compared", True, True)


def test_a_cost_the_bill_does_not_give_is_held_against_nothing(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", ("10", None, None, None))
    execute(ledger, "UPDATE slice SET columns_known = '{billed_cost}'")
    totals(ledger, "10")
    assert [one.cause for one in found(ledger)] == ["billed cost, NetUnblendedCost: equal"]


def test_each_connection_is_held_against_by_itself(ledger: Ledger) -> None:
    bill(ledger)
    ask(ledger, "NetUnblendedCost", "11.5")
    ask(ledger, "NetUnblendedCost", "12", source="second/cost-explorer")
    billed = [one for one in found(ledger) if one.cause.startswith("billed cost, ")]
    assert [(one.scope, one.holds) for one in billed] == [
        ("aws/cost-explorer prod", True),
        ("second/cost-explorer prod", False),
    ]


def test_azure_is_held_against_its_actual_and_amortised_cost_by_subscription(ledger: Ledger) -> None:
    """Azure adds up in floating point: 11.5 may come as 11.500000000000002, and 0.00000001 is more than that."""
    bill(ledger)
    execute(ledger, "UPDATE slice SET provider = 'azure', dataset = 'azure_actual+azure_amortized'")
    execute(ledger, "UPDATE account SET sub_account_id = '/subscriptions/PROD'")
    azure = {"provider": "azure", "source": "azure/cost-query"}
    ask(ledger, "ActualCost", "10", "1.50000000021", **azure)
    ask(ledger, "AmortizedCost", "11.50000001", **azure)
    billed, effective = found(ledger)
    assert (billed.scope, billed.holds) == ("azure/cost-query prod", True)
    assert billed.cause == "billed cost, ActualCost: -0.00000000021 is rounding in floating point"
    assert (effective.holds, effective.cause) == (
        False,
        "effective cost, AmortizedCost: -0.00000001 is unexplained",
    )


def test_google_is_held_against_cost_with_credits_by_project(ledger: Ledger) -> None:
    """Lines are rounded to twelve decimals, half of the last one each: two lines and two totals may miss by 2e-12."""
    bill(ledger)
    execute(ledger, "UPDATE slice SET provider = 'gcp', dataset = 'gcp_detailed'")
    google = {"provider": "gcp", "source": "gcp/bills"}
    ask(ledger, "NetCost", "10", "1.500000000001", **google)
    ask(ledger, "Cost", "20", **google)
    (billed,) = found(ledger)
    assert (billed.scope, billed.holds, billed.attention) == ("gcp/bills prod", True, False)
    assert billed.cause == "billed cost, NetCost: -0.000000000001 is rounding to twelve decimals"

    ask(ledger, "NetCost", "0.000000000002", **google)
    (more,) = found(ledger)
    assert (more.holds, more.cause) == (False, "billed cost, NetCost: -0.000000000003 is unexplained")
