"""Tax, support and fees that an open month has yet to be billed for, by hand; and never in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.money import exact_sum
from analyzer.accruals import Days, Estimate, Fee, MonthBill, accruals, accrue, outstanding
from analyzer.series import OWN
from tests.analyzer.conftest import Ledger, all_hours
from tests.analyzer.test_reconcile import type_in

D = Decimal
AUGUST, SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (8, 9, 10, 11))


def bill(tax: str, support: str, usage: str, *, daily: Iterable[Fee] = (), **fees: str) -> MonthBill:
    """A month of which ``fees`` were billed on one day each, others are ``daily``."""
    named = [Fee(name, {SEPTEMBER: D(amount)}) for name, amount in fees.items()]
    every = [*named, *daily]
    rest = exact_sum(amount for fee in every for amount in fee.by_day.values())
    return MonthBill(
        D(tax), D(support), D(usage), D(usage) + D(support) + rest, {fee.name: fee for fee in every}, D(tax) != 0
    )


def daily(amount: str, first: date, days: int, *, ends: date | None = None) -> Fee:
    return Fee("plan", {first + timedelta(days=number): D(amount) for number in range(days)}, ends)


def by_kind(found: Iterable[Estimate]) -> list[tuple[str, Decimal | None]]:
    return [(kind, amount) for kind, _, amount, _, _ in found]


def test_ratios_are_sums_over_sums_and_tax_comes_last() -> None:
    done = [(AUGUST, bill("20", "30", "300")), (SEPTEMBER, bill("76", "70", "700", plan="100"))]
    found = accrue(bill("0", "0", "505"), done, Days(NOVEMBER, date(2026, 11, 16)))

    # support 100 of 1000 = 10 %; half of the fee of 100; tax 96 of 330 + 870 = 8 %, of 505 + 50.50 + 50
    assert by_kind(found) == [("support", D("50.50")), ("fee", D("50.00")), ("tax", D("48.44"))]
    assert [basis for *_, basis in found] == [
        "10 % of usage in 2026-08 to 2026-09, of 505 so far",
        "100 in 2026-09, 50 % of it",
        "8 % of what is taxed in 2026-08 to 2026-09, of 505 so far and 100.5 accrued beside it",
    ]


def test_tax_is_levied_on_what_is_accrued_beside_it() -> None:
    """27,620 of usage by 20 November; 10 % support and a fee of 100 at the month's end, 20 % on all of it."""
    done = [(OCTOBER, bill("9438.42", "4281.1", "42811", licence="100"))]  # 20 % of 47,192.10
    found = accrue(bill("0", "0", "27620"), done, Days(NOVEMBER, date(2026, 11, 21)))
    # 5,524.00 + 20 % of 2,762.00 and of 66.67
    assert by_kind(found) == [("support", D("2762.00")), ("fee", D("66.67")), ("tax", D("6089.73"))]


def test_what_is_billed_already_is_not_accrued_again() -> None:
    done = [(SEPTEMBER, bill("8", "0", "100", plan="20"))]
    found = accrue(bill("6", "0", "100", plan="20"), done, Days(NOVEMBER, date(2026, 12, 1)))
    # 8 of 120 is 6.6667 %, of 120 now 8, of which 6 are billed
    assert [(kind, amount, billed) for kind, _, amount, billed, _ in found] == [
        ("fee", D("0.00"), D(20)),
        ("tax", D("2.00"), D(6)),
    ]


def test_a_monthly_fee_that_is_billed_is_whole_though_the_month_is_shorter() -> None:
    done = [(OCTOBER, bill("0", "0", "100", reservation="1804.53"))]  # by the hours of 31 days
    found = accrue(bill("0", "0", "100", reservation="1746.32"), done, Days(NOVEMBER, date(2026, 12, 1)))
    assert by_kind(found) == [("fee", D("0.00"))]


def test_a_fee_of_every_week_that_is_billed_in_part_is_not_whole() -> None:
    weeks = Fee("plan", {date(2026, 10, day): D(7) for day in (5, 12, 19, 26)})
    so_far = Fee("plan", {date(2026, 11, 2): D(7)})
    done = [(OCTOBER, bill("0", "0", "1", daily=[weeks]))]
    # half of 28 is due by the 15th of 30 days
    assert by_kind(accrue(bill("0", "0", "1", daily=[so_far]), done, Days(NOVEMBER, date(2026, 11, 16)))) == [
        ("fee", D("7.00"))
    ]


def test_a_day_of_a_plan_is_its_newest_price_and_a_whole_one() -> None:
    done = [(OCTOBER, bill("0", "0", "1", daily=[daily("984", OCTOBER, 31)]))]
    now = daily("1200", NOVEMBER, 5)
    now.by_day[NOVEMBER] = D(800)  # 16 hours
    assert by_kind(accrue(bill("0", "0", "1", daily=[now]), done, Days(NOVEMBER, date(2026, 11, 7)))) == [
        ("fee", D("1200.00"))
    ]


@pytest.mark.parametrize(
    ("month_before", "days_before", "now", "billed", "known", "left", "words"),
    [
        (OCTOBER, 31, NOVEMBER, 21, 21, "0.00", "984 a day, billed for 21 of 21 days"),
        (OCTOBER, 31, NOVEMBER, 20, 21, "984.00", "984 a day, billed for 20 of 21 days"),
        # as much a day after 28 days as after 31
        (date(2026, 2, 1), 28, date(2026, 3, 1), 30, 31, "984.00", "984 a day, billed for 30 of 31 days"),
        (OCTOBER, 31, NOVEMBER, 0, 2, "1968.00", "984 a day, billed for 0 of 2 days"),
    ],
)
def test_a_plan_billed_daily_lacks_the_days_that_are_not_billed(
    month_before: date, days_before: int, now: date, billed: int, known: int, left: str, words: str
) -> None:
    done = [(month_before, bill("0", "0", "1", daily=[daily("984", month_before, days_before)]))]
    ours = bill("0", "0", "1", daily=[daily("984", now, billed)] if billed else [])
    (fee,) = accrue(ours, done, Days(now, now + timedelta(days=known)))
    assert (fee[2], fee[3], fee[4]) == (D(left), D(984 * billed), words)


def test_a_plan_that_ended_lacks_no_day_after_its_end() -> None:
    ends = date(2026, 11, 11)
    done = [(OCTOBER, bill("0", "0", "1", daily=[daily("984", OCTOBER, 31, ends=ends)]))]
    ours = bill("0", "0", "1", daily=[daily("984", NOVEMBER, 9, ends=ends)])
    assert by_kind(accrue(ours, done, Days(NOVEMBER, date(2026, 11, 22)))) == [("fee", D("984.00"))]


def test_a_month_that_begins_within_a_day_has_that_day() -> None:
    """Google's months begin at midnight in California: the first of them has 16 hours, and so has the next month's."""
    before = daily("24", OCTOBER, 32)
    before.by_day.update({OCTOBER: D(16), NOVEMBER: D(8)})
    now = daily("24", NOVEMBER, 21)
    now.by_day[NOVEMBER] = D(16)
    found = accrue(
        bill("0", "0", "1", daily=[now]),
        [(OCTOBER, bill("0", "0", "1", daily=[before]))],
        Days(NOVEMBER, date(2026, 11, 22)),
    )
    assert by_kind(found) == [("fee", D("0.00"))]


def test_tax_that_is_on_the_invoices_alone_is_accrued_from_them() -> None:
    done = [(SEPTEMBER, bill("0", "0", "999")), (OCTOBER, replace(bill("0", "0", "2710.93"), invoiced_tax=D("569.3")))]
    found = accrue(bill("0", "0", "1859.27"), done, Days(NOVEMBER, date(2026, 11, 22)), tax_is_apart=True)
    # September's invoice is not known; 21.0002 % of 1,859.27
    assert found == [
        (
            "tax",
            "Tax",
            D("390.45"),
            D(0),
            "not in the bill; the invoices' tax was 21.0002 % of their lines in 2026-10, of 1859.27 so far",
        )
    ]
    # lines for tax have begun: the bill tells of it
    assert accrue(bill("9", "0", "100"), done, Days(NOVEMBER, date(2026, 11, 22)), tax_is_apart=True) == []
    # an invoice that says 0 is known
    free = [(OCTOBER, replace(bill("0", "0", "100"), invoiced_tax=D(0)))]
    assert accrue(bill("0", "0", "5"), free, Days(NOVEMBER, date(2026, 11, 22)), tax_is_apart=True) == []


def test_tax_that_no_bill_and_no_invoice_tells_is_unknown_where_bills_never_have_it() -> None:
    done, days = [(OCTOBER, bill("0", "0", "100"))], Days(NOVEMBER, date(2026, 11, 22))
    ((kind, _, amount, _, basis),) = accrue(bill("0", "0", "50"), done, days, tax_is_apart=True)
    assert (kind, amount) == ("tax", None)
    assert basis == "not in the bill, and no invoice of 2026-10 is loaded: not known"
    # where bills have lines for tax, none is none
    assert accrue(bill("0", "0", "50"), done, days) == []


def test_without_a_final_month_the_estimate_is_unknown_not_zero() -> None:
    found = accrue(bill("0", "0", "100"), [], Days(NOVEMBER, date(2026, 12, 1)))
    assert by_kind(found) == [("support", None), ("tax", None)]
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
    ledger.charge("2026-10-10", "10", hours=all_hours())
    ledger.charge("2026-10-10", "10", currency="EUR")
    with ledger.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE slice SET state = CASE WHEN period = '2026-09-01' THEN 'final' ELSE 'open' END")
        )
    ledger.attribute()


def estimates(ledger: Ledger, **which: Any) -> list[Any]:
    with ledger.store.engine.connect() as connection:
        return [(row.month, row.currency, row.kind, row.what, row.amount) for row in accruals(connection, **which)]


def test_an_open_month_is_estimated_from_the_final_ones(ledger: Ledger) -> None:
    months(ledger)
    # support 10 of 100: 4; the plan 31 for 10 of 31 days; tax 14.1 of 141 is 10 %: of 40 + 4 + 10
    assert estimates(ledger) == [
        (OCTOBER, "EUR", "support", "Support", None),
        (OCTOBER, "EUR", "tax", "Tax", None),
        (OCTOBER, "USD", "support", "Support", D("4.00")),
        (OCTOBER, "USD", "fee", "Plan", D("10.00")),
        (OCTOBER, "USD", "tax", "Tax", D("5.40")),
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
    ledger.attribute()
    assert estimates(ledger) == known


def close_september(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE slice SET state = CASE WHEN period = '2026-09-01' THEN 'final' ELSE 'open' END")
        )
    ledger.attribute()


def plan(ledger: Ledger, costs: list[str], **columns: Any) -> None:
    """A plan that is billed every day from 1 September."""
    for number, cost in enumerate(costs):
        ledger.charge(
            f"{date(2026, 9, 1) + timedelta(days=number)}",
            cost,
            category="Purchase",
            kind={"charge_frequency": "Recurring"},
            charge_description="Plan",
            **columns,
        )


def test_a_plan_of_every_day_is_read_with_its_days_and_its_end(ledger: Ledger) -> None:
    plan(ledger, ["24"] * 39, commitment_id="sp-1")
    ledger.charge("2026-10-12", "100", hours=all_hours())
    close_september(ledger)
    # nine of twelve days are billed
    assert estimates(ledger) == [(OCTOBER, "USD", "fee", "Plan, sp-1", D("72.00"))]
    ledger.plan_ends(datetime(2026, 10, 11, tzinfo=UTC))
    assert estimates(ledger) == [(OCTOBER, "USD", "fee", "Plan, sp-1", D("24.00"))]


def test_a_new_unit_price_of_a_plan_is_read_from_its_lines(ledger: Ledger) -> None:
    """A unit at 24 a day to October 9th, at 48 on the 10th: the 11th and 12th are not billed yet."""
    plan(ledger, ["24"] * 39 + ["48"], quantity="1")
    ledger.charge("2026-10-12", "100", hours=all_hours())
    close_september(ledger)
    assert estimates(ledger) == [(OCTOBER, "USD", "fee", "Plan", D("96.00"))]


def test_a_bill_of_azure_takes_its_tax_from_its_invoices(ledger: Ledger) -> None:
    """The invoice names the billing account by its whole path, and the lines name the invoice."""
    azure: dict[str, Any] = {"provider": "azure", "scope": "ba-1", "currency": "EUR"}
    ledger.charge("2026-09-05", "100", kind={"invoice_id": "G-1"}, **azure)
    ledger.charge("2026-09-06", "0", kind={"invoice_id": "G-8"}, **azure)  # a late line on October's invoice
    ledger.charge("2026-10-04", "50", **azure)
    ledger.charge("2026-10-04", "1000")
    ledger.charge("2026-09-04", "1000")
    close_september(ledger)
    assert estimates(ledger) == [(OCTOBER, "EUR", "tax", "Tax", None)]
    for number, currency, month in (
        ("G-1", "EUR", SEPTEMBER),
        ("G-8", "EUR", OCTOBER),
        ("G-9", "EUR", SEPTEMBER),
        ("G-1", "USD", SEPTEMBER),
    ):
        type_in(
            ledger,
            provider="azure",
            invoice_id=number,
            currency=currency,
            issuer="Microsoft",
            scope="/providers/Microsoft.Billing/billingAccounts/ba-1",
            billing_month=month,
            net=D(100),
            tax=D(21),
        )
    assert estimates(ledger) == [(OCTOBER, "EUR", "tax", "Tax", D("10.50"))]


def test_a_bill_without_numbers_has_all_invoices_of_its_account_and_month(ledger: Ledger) -> None:
    ledger.charge("2026-09-05", "100")
    ledger.charge("2026-10-04", "50")
    close_september(ledger)
    assert estimates(ledger) == []
    for number, tax in (("A-1", "6"), ("A-2", "4")):
        type_in(ledger, invoice_id=number, scope="payer", billing_month=SEPTEMBER, net=D(50), tax=D(tax))
    type_in(ledger, invoice_id="A-3", scope="other", billing_month=SEPTEMBER, net=D(50), tax=D(50))
    assert estimates(ledger) == [(OCTOBER, "USD", "tax", "Tax", D("5.00"))]


def one_invoice_for_two_accounts(ledger: Ledger, *, of_the_second: str | None = "1550", **totals: str) -> None:
    """E202609 is over 1,550 of eu1 and as much of eu2; each has 1,000 in October so far."""
    for scope, net in (("eu1", "1550"), ("eu2", of_the_second)):
        if net is not None:
            azure: dict[str, Any] = {"provider": "azure", "scope": scope, "currency": "EUR"}
            ledger.charge("2026-09-05", net, kind={"invoice_id": "E202609"}, **azure)
            ledger.charge("2026-10-04", "1000", **azure)
    close_september(ledger)
    values = {key: D(value) for key, value in ({"net": "3100", "tax": "620"} | totals).items()}
    type_in(
        ledger,
        provider="azure",
        invoice_id="E202609",
        currency="EUR",
        issuer="Microsoft",
        scope="eu1",
        billing_month=SEPTEMBER,
        **values,
    )


def test_tax_of_an_invoice_over_two_accounts_is_divided_by_their_lines(ledger: Ledger) -> None:
    one_invoice_for_two_accounts(ledger)
    # 20 % of 1,000 each, not 620 of 1,550
    assert estimates(ledger) == [(OCTOBER, "EUR", "tax", "Tax", D("200.00"))] * 2


def test_tax_of_an_account_whose_bill_is_not_loaded_is_not_the_others(ledger: Ledger) -> None:
    one_invoice_for_two_accounts(ledger, of_the_second=None)
    # half of the invoice's net is this account's
    assert estimates(ledger) == [(OCTOBER, "EUR", "tax", "Tax", D("200.00"))]


def test_tax_of_an_invoice_below_its_lines_is_all_divided(ledger: Ledger) -> None:
    one_invoice_for_two_accounts(ledger, of_the_second="4650", net="3100", tax="620")
    # a credit before tax: 620 over lines of 6,200, 155 and 465
    assert estimates(ledger) == [(OCTOBER, "EUR", "tax", "Tax", D("100.00"))] * 2


def test_tax_of_an_invoice_whose_lines_come_to_nothing_is_not_known(ledger: Ledger) -> None:
    one_invoice_for_two_accounts(ledger, of_the_second="-1550", net="0", tax="5")
    assert estimates(ledger) == [(OCTOBER, "EUR", "tax", "Tax", None)] * 2
