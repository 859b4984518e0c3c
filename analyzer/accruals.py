"""What an open month has yet to be billed for: tax, support and monthly fees, estimated from months that are done.

Assumes     bills of the same provider and billing account, final, closed or restated, before the open month.
Method      Tax is taken as the share of the cost it is levied on (all that is not tax) that it was in the last
            ``REFERENCE_MONTHS`` such months, support as its share of usage: sums over sums. A monthly fee (a recurring
            purchase) is expected to come as in the newest of them. In proportion to the days of the month
            that have usage; less what the bill already has; to the cent, never below zero.
Cases       What the company wrote down itself is whole as it is: nothing is expected to come to it.
            Without a month that is done there is nothing to estimate from: the amount is unknown, not zero.
            What the bill already has in full is an estimate of 0.
Drawbacks   A new support plan, a changed tax rate and a fee that ended are seen a month late. Estimates are of billed
            cost only, and never part of the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

from sqlalchemy import Connection, text

from aispend.clock import next_month
from aispend.money import exact_sum, rate
from analyzer.charges import SUPPORT
from analyzer.findings import minus, plain
from analyzer.series import OWN

REFERENCE_MONTHS = 3
DONE = ("final", "closed", "restated")
_CENT = Decimal("0.01")

Kind = Literal["tax", "support", "fee"]


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
class MonthBill:
    """Billed cost of one bill's month in one currency; ``fees`` are its recurring purchases by name."""

    tax: Decimal
    support: Decimal
    usage: Decimal
    all_but_tax: Decimal
    fees: dict[str, Decimal]


def outstanding(expected: Decimal, billed: Decimal) -> Decimal:
    """What is left to come, to the cent, never below zero."""
    left = minus(expected, billed).quantize(_CENT, rounding=ROUND_HALF_EVEN)
    return max(left, Decimal("0.00"))


def accrue(
    now: MonthBill, done: Sequence[tuple[date, MonthBill]], progress: Decimal
) -> list[tuple[Kind, str, Decimal | None, Decimal, str]]:
    """Kind, name, amount, what is billed already, and basis of each estimate; ``done`` from old to new.

    ``progress`` is the part of the month that has usage, 0 to 1; it applies to fees.
    """
    if not done:
        nothing = "no month of this bill is final: nothing to estimate from"
        return [("tax", "Tax", None, now.tax, nothing), ("support", "Support", None, now.support, nothing)]
    months = f"{done[0][0]:%Y-%m}" + (f" to {done[-1][0]:%Y-%m}" if len(done) > 1 else "")
    found: list[tuple[Kind, str, Decimal | None, Decimal, str]] = []
    for kind, name, of, base_name in (
        ("tax", "Tax", "all_but_tax", "what is taxed"),
        ("support", "Support", "usage", "usage"),
    ):
        paid = exact_sum(getattr(bill, kind) for _, bill in done)
        base = exact_sum(getattr(bill, of) for _, bill in done)
        if not paid or base <= 0:
            continue
        share = rate(paid, base)
        billed, base_now = getattr(now, kind), getattr(now, of)
        percent = plain((share * 100).quantize(Decimal("0.0001")))
        basis = f"{percent} % of {base_name} in {months}, of {plain(base_now.quantize(_CENT))} so far"
        found.append((kind, name, outstanding(share * base_now, billed), billed, basis))  # type: ignore[arg-type]
    newest, last = done[-1]
    for name, amount in sorted(last.fees.items()):
        billed = now.fees.get(name, Decimal(0))
        if amount > 0:
            basis = (
                f"{plain(amount.quantize(_CENT))} in {newest:%Y-%m}, {plain((progress * 100).quantize(_CENT))} % of it"
            )
            found.append(("fee", name, outstanding(amount * progress, billed), billed, basis))
    return found


def accruals(connection: Connection, month: date | None = None) -> list[Accrual]:
    """Estimates for every bill that is open or provisional, or for those of ``month`` alone."""
    slices = [dict(row) for row in connection.execute(text(_SLICES)).mappings()]
    wanted = [row for row in slices if row["state"] not in DONE and month in (None, row["period"])]
    done_of = {row["slice_id"]: _done_before(row, slices) for row in wanted}
    ids = {row["slice_id"] for row in wanted} | {done["slice_id"] for rows in done_of.values() for done in rows}
    bills = _bills(connection, ids)
    found = []
    for row in wanted:
        currencies = {currency for slice_id, currency in bills if slice_id == row["slice_id"]}
        for currency in sorted(currencies):
            done = [
                (earlier["period"], bills[earlier["slice_id"], currency])
                for earlier in done_of[row["slice_id"]]
                if (earlier["slice_id"], currency) in bills
            ]
            estimates = accrue(bills[row["slice_id"], currency], done, _progress(row))
            found += [
                Accrual(row["provider"], row["scope"], row["period"], currency, *estimate) for estimate in estimates
            ]
    return found


def _done_before(row: dict[str, Any], slices: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    same = [
        other
        for other in slices
        if (other["provider"], other["scope"]) == (row["provider"], row["scope"])
        and other["state"] in DONE
        and other["period"] < row["period"]
    ]
    return sorted(same, key=lambda other: other["period"])[-REFERENCE_MONTHS:]


def _progress(row: dict[str, Any]) -> Decimal:
    """Part of the month up to the newest day of usage; a month that has ended is whole."""
    days = (next_month(row["period"]) - row["period"]).days
    if row["state"] != "open":
        return Decimal(1)
    covered = (row["newest"] - row["period"]).days + 1 if row["newest"] else 0
    return rate(Decimal(min(max(covered, 0), days)), Decimal(days))


def _bills(connection: Connection, slice_ids: Iterable[int]) -> dict[tuple[int, str], MonthBill]:
    scope = {"slices": sorted(slice_ids)}
    fees: dict[tuple[int, str], dict[str, Decimal]] = defaultdict(dict)
    for slice_id, currency, name, amount in connection.execute(text(_FEES), scope):
        fees[slice_id, currency][name] = amount
    return {
        (row.slice_id, row.currency): MonthBill(
            row.tax, row.support, row.usage, row.all_but_tax, fees[row.slice_id, row.currency]
        )
        for row in connection.execute(text(_AMOUNTS), scope)
    }


_SLICES = f"""
    SELECT s.slice_id, s.provider, s.scope, s.period, s.state,
           CASE WHEN s.state = 'open' THEN (SELECT max(d.charge_date) FROM spend_day d
                                            WHERE d.slice_id = s.slice_id AND d.charge_category = 'Usage') END AS newest
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
           coalesce(sum(c.billed_cost) FILTER (WHERE k.charge_category <> 'Tax'), 0) AS all_but_tax
    {_OF_SLICES} GROUP BY 1, 2"""

_FEES = f"""
    SELECT l.slice_id, k.billing_currency,
           concat_ws(', ', coalesce(s.charge_description, s.service_name, 'Recurring fee'),
                     nullif(m.commitment_discount_id, '')) AS name,
           sum(c.billed_cost)
    {_OF_SLICES.replace("WHERE", "LEFT JOIN commitment m USING (commitment_key) WHERE")}
      AND k.charge_category = 'Purchase' AND k.charge_frequency = 'Recurring' AND c.billed_cost IS NOT NULL
      AND {SUPPORT} IS NOT TRUE
    GROUP BY 1, 2, 3"""
