"""What an open month has yet to be billed for: tax, support and monthly fees, estimated from months that are done.

Assumes     bills of the same provider and billing account, final, closed or restated, before the open month.
Method      In this order: support is taken as the share of usage that it was in the last ``REFERENCE_MONTHS`` such
            months; a recurring purchase is expected to come as in the newest of them, in proportion to the days of the
            month that are known whole (:mod:`analyzer.whole_days`); tax is the share of the cost it is levied on (all
            that is not tax) that it was, of what is billed and of what is accrued so. Sums over sums; less what the
            bill already has; to the cent, never below zero.
Cases       A purchase that is billed on most days of more than a week, up to the turn of the month, is expected on
            each day that is known whole, up to the end of its term: what lacks are days. One that is never billed at
            weekends lacks none of them. A day is at the newest price before it: one that two days in a row agree on,
            or a first day of another amount for as many units, which is another unit price; more units or none told may
            be a correction or a double charge. Without either it is the median of its days. If it ended before the
            turn, nothing is expected; if it paused in earlier months too, it comes each month.
            One that is billed as often as in the month before is whole, whatever the month's length made of it.
            Where no bill has lines for tax and invoices are known that carry it, it is taken from them. Where a
            provider's bills never have such lines (``TAX_ON_INVOICE_ONLY``) and no invoice is known, it is unknown.
            An invoice over several billing accounts is divided by their lines.
            What the company wrote down itself is whole as it is: nothing is expected to come to it.
            Without a month that is done there is nothing to estimate from: the amount is unknown, not zero.
            What the bill already has in full is an estimate of 0.
Drawbacks   A new support plan, a changed tax rate, a new fee and a fee of whole months that ended are seen a month
            late. Estimates are of billed cost only, and never part of the ledger.
Sources     Azure's cost data have no taxes:
            learn.microsoft.com/azure/cost-management-billing/automate/automation-ingest-usage-details-overview
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from statistics import median_low
from typing import Any, Literal

from sqlalchemy import Connection, text

from aispend.clock import next_month
from aispend.money import exact_sum, rate
from aispend.schema import DONE_STATES
from analyzer.charges import SUPPORT
from analyzer.findings import minus, plain
from analyzer.invoice_lines import LINES, TAKES
from analyzer.series import OWN, coverage_analyzed

REFERENCE_MONTHS = 3
TAX_ON_INVOICE_ONLY = ("azure",)
"""Providers whose bills have no lines for tax."""

_CENT = Decimal("0.01")
_A_WEEK = 7
_FOUR_WEEKS = 20
_WEEKEND = 3
"""Days from a Friday to a Monday: a fee of working days does not pause on them."""

Kind = Literal["tax", "support", "fee"]
Estimate = tuple[Kind, str, Decimal | None, Decimal, str]
"""Kind, name, amount, what is billed already, and basis."""


@dataclass(frozen=True)
class Accrual:
    """An estimate in billed cost. ``amount`` None: there is nothing to estimate from. ``basis`` is a sentence."""

    provider: str
    scope: str
    month: date
    currency: str
    kind: Kind
    what: str
    amount: Decimal | None
    billed: Decimal
    basis: str


@dataclass(frozen=True)
class Fee:
    """A recurring purchase of one bill's month: what it billed on which day, and the day its term ends, if known.

    ``units`` are how many of it, in the SKU's pricing unit; a day is not in it where a line does not say.
    """

    name: str
    by_day: dict[date, Decimal]
    ends: date | None = None
    units: dict[date, Decimal] = field(default_factory=dict)

    @property
    def billed(self) -> Decimal:
        """Of the whole month."""
        return exact_sum(self.by_day.values())


@dataclass(frozen=True)
class MonthBill:
    """Billed cost of one bill's month in one currency; ``fees`` are its recurring purchases by name.

    ``has_tax``: it has lines for tax. ``invoiced_tax`` is the tax of its invoices, None where none is known.
    """

    tax: Decimal
    support: Decimal
    usage: Decimal
    all_but_tax: Decimal
    fees: dict[str, Fee]
    has_tax: bool = False
    invoiced_tax: Decimal | None = None


@dataclass(frozen=True)
class Days:
    """The days of a month that are known whole: from its first up to, not including, ``end``."""

    month: date
    end: date

    @property
    def count(self) -> int:
        """How many."""
        return (self.end - self.month).days

    @property
    def share(self) -> Decimal:
        """Part of the month, 0 to 1."""
        return rate(Decimal(self.count), Decimal((next_month(self.month) - self.month).days))


def outstanding(expected: Decimal, billed: Decimal) -> Decimal:
    """What is left to come, to the cent, never below zero."""
    left = minus(expected, billed).quantize(_CENT, rounding=ROUND_HALF_EVEN)
    return max(left, Decimal("0.00"))


def accrue(
    now: MonthBill, done: Sequence[tuple[date, MonthBill]], days: Days, *, tax_is_apart: bool = False
) -> list[Estimate]:
    """Each estimate, tax last; ``done`` from old to new. ``tax_is_apart``: bills of its kind never have tax."""
    if not done:
        nothing = "no month of this bill is final: nothing to estimate from"
        return [("support", "Support", None, now.support, nothing), ("tax", "Tax", None, now.tax, nothing)]
    found: list[Estimate] = []
    support = _share(done, "support", "usage")
    if support:
        basis = f"{_percent(support)} of usage in {_months(done)}, of {_to_the_cent(now.usage)} so far"
        found.append(("support", "Support", outstanding(support * now.usage, now.support), now.support, basis))
    newest, last = done[-1]
    for name, fee in sorted(last.fees.items()):
        if fee.billed > 0:
            past = sorted({day for _, bill in done if name in bill.fees for day in bill.fees[name].by_day})
            amount, basis = _fee(fee, now.fees.get(name, Fee(name, {}, fee.ends)), newest, days, past)
            found.append(("fee", name, amount, now.fees[name].billed if name in now.fees else Decimal(0), basis))
    beside = exact_sum(amount for _, _, amount, _, _ in found if amount is not None)
    tax = _tax(now, done, beside, tax_is_apart=tax_is_apart)
    return [*found, tax] if tax else found


def _fee(before: Fee, now: Fee, month: date, days: Days, past: Sequence[date]) -> tuple[Decimal, str]:
    """What is to come of a fee that was billed in ``month``, and the basis; ``past``: its days in all done months."""
    if before.ends is not None and before.ends <= days.month:
        return Decimal("0.00"), f"its term ended on {before.ends}"
    stretch = _newest_stretch(past)
    if not _runs_on(stretch, sorted(now.by_day), next_month(month)):
        # one that paused before as well comes on some days of each month
        if _is_daily(stretch) and len(stretch) == len(past) and not now.by_day:
            return Decimal("0.00"), f"not billed after {stretch[-1]}"
        share = f"{plain((days.share * 100).quantize(_CENT))} % of it"
        basis = f"{_to_the_cent(before.billed)} in {month:%Y-%m}, {share}"
        if now.by_day and len(now.by_day) >= len(before.by_day):
            return Decimal("0.00"), basis
        return outstanding(before.billed * days.share, now.billed), basis
    told = Fee(now.name, {**before.by_day, **now.by_day}, now.ends, {**before.units, **now.units})
    weekdays = _weekdays([*stretch, *sorted(now.by_day)])
    end = days.end if before.ends is None else min(days.end, before.ends)
    due = [days.month + timedelta(days=number) for number in range((end - days.month).days)]
    due = [day for day in due if day.weekday() in weekdays]
    missing = [day for day in due if day not in now.by_day]
    prices = [_price(told, day) for day in missing]
    span = sorted(
        {_to_the_cent(price): price for price in prices or [_price(told, end)]}.items(), key=lambda one: one[1]
    )
    a_day = " to ".join(dict.fromkeys((span[0][0], span[-1][0])))
    basis = f"{a_day} a day, billed for {len(due) - len(missing)} of {len(due)} days"
    return outstanding(exact_sum(prices), Decimal(0)), basis


def _price(fee: Fee, day: date) -> Decimal:
    """What ``day`` costs by the billed days before it."""
    billed = sorted((known for known in fee.by_day if known < day), reverse=True)
    for later, earlier in pairwise(billed):
        units = fee.units.get(later)
        if fee.by_day[later] == fee.by_day[earlier] or (units is not None and units == fee.units.get(earlier)):
            return fee.by_day[later]
    # a low median, for a day at either end may be a part of one
    return median_low(fee.by_day.values())


def _weekdays(billed: Sequence[date]) -> set[int]:
    """Those its newest days are of, four weeks of working days; all of them until two weeks tell."""
    newest = billed[-_FOUR_WEEKS:]
    if (newest[-1] - newest[0]).days + 1 < 2 * _A_WEEK:
        return set(range(_A_WEEK))
    return {day.weekday() for day in newest}


def _newest_stretch(days: Sequence[date]) -> Sequence[date]:
    """The newest of ``days``, from old to new, back to where it was not billed for longer than a weekend."""
    first = max((at for at in range(1, len(days)) if (days[at] - days[at - 1]).days > _WEEKEND), default=0)
    return days[first:]


def _is_daily(stretch: Sequence[date]) -> bool:
    """Whether it is of more than a week, and most days from its first to its last are billed."""
    return len(stretch) > _A_WEEK and len(stretch) * 2 > (stretch[-1] - stretch[0]).days + 1


def _runs_on(stretch: Sequence[date], now: Sequence[date], turn: date) -> bool:
    """Whether a fee is daily over the ``turn`` of the month: by the days billed since, or as its ``stretch`` ends."""
    if now and (now[0] - stretch[-1]).days <= _WEEKEND and _is_daily([*stretch, *now]):
        return True
    return _is_daily(stretch) and turn - stretch[-1] <= max(after - day for day, after in pairwise(stretch))


def _tax(
    now: MonthBill, done: Sequence[tuple[date, MonthBill]], beside: Decimal, *, tax_is_apart: bool
) -> Estimate | None:
    """``beside`` is what is accrued besides; None where nothing is taxed."""
    so_far = f"of {_to_the_cent(now.all_but_tax)} so far"
    if beside:
        so_far += f" and {_to_the_cent(beside)} accrued beside it"
    taxed = exact_sum((now.all_but_tax, beside))
    if now.has_tax or any(bill.has_tax for _, bill in done):
        share = _share(done, "tax", "all_but_tax")
        basis = f"{_percent(share)} of what is taxed in {_months(done)}, {so_far}" if share else ""
    elif invoiced := [(month, bill) for month, bill in done if bill.invoiced_tax is not None]:
        share = _share(invoiced, "invoiced_tax", "all_but_tax")
        of_lines = f"the invoices' tax was {_percent(share)} of their lines" if share else ""
        basis = f"not in the bill; {of_lines} in {_months(invoiced)}, {so_far}"
    elif tax_is_apart:
        return "tax", "Tax", None, now.tax, f"not in the bill, and no invoice of {_months(done)} is loaded: not known"
    else:
        return None
    return ("tax", "Tax", outstanding(share * taxed, now.tax), now.tax, basis) if share else None


def _share(done: Sequence[tuple[date, MonthBill]], part: str, whole: str) -> Decimal | None:
    """The sum of ``part`` over that of ``whole``; None where there is none of it."""
    paid, base = (exact_sum(getattr(bill, name) for _, bill in done) for name in (part, whole))
    return rate(paid, base) if paid and base > 0 else None


def _months(done: Sequence[tuple[date, MonthBill]]) -> str:
    return f"{done[0][0]:%Y-%m}" + (f" to {done[-1][0]:%Y-%m}" if len(done) > 1 else "")


def _percent(share: Decimal) -> str:
    return f"{plain((share * 100).quantize(Decimal('0.0001')))} %"


def _to_the_cent(amount: Decimal) -> str:
    return plain(amount.quantize(_CENT))


def accruals(connection: Connection, month: date | None = None) -> list[Accrual]:
    """Estimates for every bill that is open or provisional, or for those of ``month`` alone."""
    slices = [dict(row) for row in connection.execute(text(_SLICES)).mappings()]
    wanted = [row for row in slices if row["state"] not in DONE_STATES and month in (None, row["period"])]
    done_of = {row["slice_id"]: _done_before(row, slices) for row in wanted}
    ids = {row["slice_id"] for row in wanted} | {done["slice_id"] for rows in done_of.values() for done in rows}
    bills = _bills(connection, ids)
    ends = {(bill.provider, bill.scope): bill.end for bill in coverage_analyzed(connection)} if wanted else {}
    found = []
    for row in wanted:
        currencies = {currency for slice_id, currency in bills if slice_id == row["slice_id"]}
        for currency in sorted(currencies):
            done = [
                (earlier["period"], bills[earlier["slice_id"], currency])
                for earlier in done_of[row["slice_id"]]
                if (earlier["slice_id"], currency) in bills
            ]
            estimates = accrue(
                bills[row["slice_id"], currency],
                done,
                _days(row, ends.get((row["provider"], row["scope"]))),
                tax_is_apart=row["provider"] in TAX_ON_INVOICE_ONLY,
            )
            found += [
                Accrual(row["provider"], row["scope"], row["period"], currency, *estimate) for estimate in estimates
            ]
    return found


def _done_before(row: dict[str, Any], slices: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    same = [
        other
        for other in slices
        if (other["provider"], other["scope"]) == (row["provider"], row["scope"])
        and other["state"] in DONE_STATES
        and other["period"] < row["period"]
    ]
    return sorted(same, key=lambda other: other["period"])[-REFERENCE_MONTHS:]


def _days(row: dict[str, Any], end: date | None) -> Days:
    """Up to ``end``, the day after the last that its bill is whole to; a month that has ended is whole."""
    month = row["period"]
    if row["state"] != "open":
        return Days(month, next_month(month))
    return Days(month, month if end is None else min(max(end, month), next_month(month)))


def _bills(connection: Connection, slice_ids: Iterable[int]) -> dict[tuple[int, str], MonthBill]:
    scope = {"slices": sorted(slice_ids)}
    fees: dict[tuple[int, str], dict[str, Fee]] = defaultdict(dict)
    for slice_id, currency, name, day, amount, ends, units in connection.execute(text(_FEES), scope):
        fee = fees[slice_id, currency].setdefault(name, Fee(name, {}, ends))
        fee.by_day[day] = amount
        if units is not None:
            fee.units[day] = units
    invoiced = {(slice_id, currency): tax for slice_id, currency, tax in connection.execute(text(_INVOICED), scope)}
    return {
        (row.slice_id, row.currency): MonthBill(
            row.tax,
            row.support,
            row.usage,
            row.all_but_tax,
            fees[row.slice_id, row.currency],
            row.has_tax,
            invoiced.get((row.slice_id, row.currency)),
        )
        for row in connection.execute(text(_AMOUNTS), scope)
    }


_SLICES = f"""
    SELECT s.slice_id, s.provider, s.scope, s.period, s.state
    FROM slice s WHERE s.kind = 'bill' AND s.provider <> '{OWN}' ORDER BY s.provider, s.scope, s.period"""

_OF_SLICES = """
    FROM slice l
    JOIN charge c ON c.billing_month = l.period AND c.slice_id = l.slice_id
    JOIN charge_kind k USING (charge_kind_key) JOIN sku s USING (sku_key)
    WHERE l.slice_id = ANY(:slices)"""

_AMOUNTS = f"""
    SELECT l.slice_id, k.billing_currency AS currency,
           coalesce(sum(c.billed_cost) FILTER (WHERE k.charge_category = 'Tax'), 0) AS tax,
           coalesce(sum(c.billed_cost) FILTER (WHERE k.charge_category <> 'Tax' AND {SUPPORT}), 0) AS support,
           coalesce(sum(c.billed_cost) FILTER (WHERE k.charge_category = 'Usage'
                                               AND {SUPPORT} IS NOT TRUE), 0) AS usage,
           coalesce(sum(c.billed_cost) FILTER (WHERE k.charge_category <> 'Tax'), 0) AS all_but_tax,
           bool_or(k.charge_category = 'Tax') AS has_tax
    {_OF_SLICES} GROUP BY 1, 2"""

_OF_A_TERM = """
    LEFT JOIN commitment m USING (commitment_key)
    LEFT JOIN commitment_term t ON t.provider = m.provider AND t.commitment_id = m.commitment_discount_id
    WHERE"""

_FEES = f"""
    SELECT l.slice_id, k.billing_currency,
           concat_ws(', ', coalesce(s.charge_description, s.service_name, 'Recurring fee'),
                     nullif(m.commitment_discount_id, '')) AS name,
           c.charge_date, sum(c.billed_cost), max(timezone('UTC', t.ends_at)::date),
           CASE WHEN bool_and(c.pricing_quantity IS NOT NULL) THEN sum(c.pricing_quantity) END
    {_OF_SLICES.replace("WHERE", _OF_A_TERM)}
      AND k.charge_category = 'Purchase' AND k.charge_frequency = 'Recurring' AND c.billed_cost IS NOT NULL
      AND {SUPPORT} IS NOT TRUE
    GROUP BY 1, 2, 3, 4"""

_OF_THE_SAME_INVOICES = "(s.provider, s.period) IN (SELECT provider, period FROM slice WHERE slice_id = ANY(:slices))"

_INVOICED = f"""
    WITH {LINES.format(which=_OF_THE_SAME_INVOICES)},
         taken AS (SELECT l.slice_id, l.currency, i.tax, i.net, sum(l.all_but_tax) AS lines,
                          sum(sum(l.all_but_tax)) OVER (PARTITION BY i.provider, i.invoice_id, i.currency, i.issuer)
                              AS every_line
                   FROM issued l JOIN invoice i ON {TAKES} AND i.billing_month = l.period
                   GROUP BY l.slice_id, l.currency, i.provider, i.invoice_id, i.currency, i.issuer, i.tax, i.net),
         without AS (SELECT slice_id, provider, scope, period, currency FROM line
                     GROUP BY 1, 2, 3, 4, 5 HAVING bool_and(invoice_id IS NULL)),
         parts AS (SELECT slice_id, currency, tax * lines / nullif(CASE WHEN abs(net) > abs(every_line) THEN net
                                                                        ELSE every_line END, 0) AS tax
                   FROM taken WHERE slice_id = ANY(:slices)
                   UNION ALL
                   SELECT w.slice_id, w.currency, i.tax
                   FROM without w
                   JOIN invoice i ON i.provider = w.provider AND i.currency = w.currency AND i.billing_month = w.period
                                 AND i.scope = w.scope
                   WHERE w.slice_id = ANY(:slices))
    SELECT slice_id, currency, CASE WHEN bool_and(tax IS NOT NULL) THEN round(sum(tax), 12) END
    FROM parts GROUP BY 1, 2"""
"""Tax of the invoices that the lines name; of a bill without numbers, of all invoices of its account and month.

Several billing accounts may be on one invoice: each has the part of its tax that its lines are of all lines, or of the
invoice's net where that is more, for then a bill of it is not loaded.
"""
