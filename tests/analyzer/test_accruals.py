"""Tax, support and fees that an open month has yet to be billed for, by hand; and never in the ledger."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from analyzer.accruals import MonthBill, accruals, accrue, outstanding
from analyzer.series import OWN
from tests.analyzer.conftest import Ledger

D = Decimal
AUGUST, SEPTEMBER = date(2026, 8, 1), date(2026, 9, 1)


def bill(tax: str, support: str, usage: str, **fees: str) -> MonthBill:
    named = {name: D(amount) for name, amount in fees.items()}
    return MonthBill(D(tax), D(support), D(usage), D(usage) + D(support) + sum(named.values()), named)


def test_ratios_are_sums_over_sums() -> None:
    done = [(AUGUST, bill("20", "30", "300")), (SEPTEMBER, bill("76", "70", "700", plan="100"))]
    found = accrue(bill("0", "0", "505"), done, D("0.5"))

    # tax 96 of 330 + 870 = 8 %; support 100 of 1000 = 10 %; half of the fee of 100
    assert [(kind, amount) for kind, _, amount, _, _ in found] == [
        ("tax", D("40.40")),
        ("support", D("50.50")),
        ("fee", D("50.00")),
    ]
    assert [basis for *_, basis in found] == [
        "8 % of what is taxed in 2026-08 to 2026-09, of 505 so far",
        "10 % of usage in 2026-08 to 2026-09, of 505 so far",
        "100 in 2026-09, 50 % of it",
    ]


def test_what_is_billed_already_is_not_accrued_again() -> None:
    done = [(SEPTEMBER, bill("8", "0", "100", plan="20"))]
    found = accrue(bill("6", "0", "100", plan="20"), done, D(1))
    # 8 of 120 is 6.6667 %, of 120 now 8, of which 6 are billed
    assert [(kind, amount, billed) for kind, _, amount, billed, _ in found] == [
        ("tax", D("2.00"), D(6)),
        ("fee", D("0.00"), D(20)),
    ]


def test_without_a_final_month_the_estimate_is_unknown_not_zero() -> None:
    found = accrue(bill("0", "0", "100"), [], D(1))
    assert [(kind, amount) for kind, _, amount, _, _ in found] == [("tax", None), ("support", None)]
    assert found[0][-1] == "no month of this bill is final: nothing to estimate from"


@pytest.mark.parametrize(
    ("expected", "billed", "left"),
    [("1.005", "0", "1.00"), ("1.015", "0", "1.02"), ("5", "6", "0.00"), ("5", "4.999", "0.00")],
)
def test_what_is_left_is_to_the_cent_and_never_negative(expected: str, billed: str, left: str) -> None:
    assert outstanding(D(expected), D(billed)) == D(left)


def months(ledger: Ledger) -> None:
    """September final: usage 100, support 10, tax 11, a plan of 31. October open, usage 40 up to the 10th."""
    recurring = {"charge_frequency": "Recurring"}
    support = {"service_name": "AWS Support (Business)", "is_ai": False}
    ledger.charge("2026-09-05", "100")
    ledger.charge("2026-09-30", "10", **support)
    ledger.charge("2026-09-30", "14.1", category="Tax", is_ai=False)
    ledger.charge("2026-09-01", "31", category="Purchase", kind=recurring, charge_description="Plan")
    ledger.charge("2026-10-04", "30")
    ledger.charge("2026-10-10", "10")
    ledger.charge("2026-10-10", "10", currency="EUR")
    with ledger.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE slice SET state = CASE WHEN period = '2026-09-01' THEN 'final' ELSE 'open' END")
        )
    ledger.analyze()


def estimates(ledger: Ledger, **which: Any) -> list[Any]:
    with ledger.store.engine.connect() as connection:
        return [(row.month, row.currency, row.kind, row.what, row.amount) for row in accruals(connection, **which)]


def test_an_open_month_is_estimated_from_the_final_ones(ledger: Ledger) -> None:
    months(ledger)
    october = date(2026, 10, 1)
    # tax 14.1 of 141 is 10 %: 4 of 40; support 10 of 100: 4; the plan 31 for 10 of 31 days
    assert estimates(ledger) == [
        (october, "EUR", "tax", "Tax", None),
        (october, "EUR", "support", "Support", None),
        (october, "USD", "tax", "Tax", D("4.00")),
        (october, "USD", "support", "Support", D("4.00")),
        (october, "USD", "fee", "Plan", D("10.00")),
    ]
    assert estimates(ledger, month=date(2026, 9, 1)) == []


def test_estimates_never_enter_the_ledger(ledger: Ledger) -> None:
    months(ledger)
    before = ledger.rows("SELECT sum(billed_cost) FROM spend_day"), ledger.rows("SELECT sum(billed_cost) FROM charge")
    estimates(ledger)
    assert before == (
        ledger.rows("SELECT sum(billed_cost) FROM spend_day"),
        ledger.rows("SELECT sum(billed_cost) FROM charge"),
    )


def test_what_the_company_wrote_down_has_nothing_to_come(ledger: Ledger) -> None:
    """A list of people's costs is no bill: nobody sends tax or support for it, and the clouds' estimates stay known."""
    months(ledger)
    known = estimates(ledger)
    ledger.charge("2026-10-01", "1000", provider=OWN, scope="people")
    ledger.analyze()
    assert estimates(ledger) == known
