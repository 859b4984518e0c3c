"""Spend agreements: how much of the floor is drawn down, and whether the rest will be.

Assumes     an agreement says what counts: provider, billing account, cost, charge categories, services, currency.
Method      Drawdown is the sum of the charges that count from the first day on, and what was drawn down before the
            first loaded bill. The pace of the last ``run_rate_days`` (one-time charges left out), taken on to
            the last day, is what is expected at the end; the shortfall is the floor less that.
Cases       Charges in another currency than the agreement's are named and not counted. Where bills begin after the
            agreement does and nothing is said of the time before, the drawdown is partly unknown: too low.
Drawbacks   A straight line: growth, seasons and planned purchases are not seen. Terms of a contract that no bill shows
            (credits that count, marketplace caps) must be entered through ``drawn_before``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal

from sqlalchemy import Connection, text

from aispend.money import exact_sum, rate
from aispend.settings import Agreement
from analyzer.findings import Finding, minus, plain

PROMISE = "agreements are drawn down by the ledger"
_CENT = Decimal("0.01")

Status = Literal["met", "on course", "short", "ended short", "nothing loaded"]


@dataclass(frozen=True)
class Pace:
    """Where a drawdown leads: ``needed_per_day`` is what the days left must bring, None where there are none."""

    per_day: Decimal
    expected: Decimal
    shortfall: Decimal
    needed_per_day: Decimal | None
    status: Status


@dataclass(frozen=True)
class Drawdown:
    """An agreement and what is known of it, in its currency.

    ``per_day`` to ``status`` as in :class:`Pace`; ``through`` is the last day with charges that is counted,
    ``unknown_until`` the first loaded day where the time before it is unknown, ``other_currencies`` those of charges
    that would count and are not added.
    """

    name: str
    provider: str
    scope: str
    first: date
    end: date
    currency: str
    committed: Decimal
    drawn: Decimal
    through: date | None
    per_day: Decimal
    expected: Decimal
    shortfall: Decimal
    needed_per_day: Decimal | None
    status: Status
    unknown_until: date | None
    other_currencies: tuple[str, ...]
    analyzed: Decimal
    """The same drawdown from the analysis (``spend_day``) in place of the charges."""

    @property
    def drawn_share(self) -> Decimal:
        """Of the floor, 0 to 1 and beyond."""
        return rate(self.drawn, self.committed)


def pace(committed: Decimal, drawn: Decimal, *, recent: Decimal, recent_days: int, days_left: int) -> Pace:
    """Take the pace of ``recent_days`` on for ``days_left``; amounts to the cent."""
    per_day = rate(recent, Decimal(recent_days)) if recent_days else Decimal(0)
    expected = exact_sum((drawn, _cents(per_day * days_left)))
    missing = minus(committed, drawn)
    if missing <= 0:
        status: Status = "met"
    elif not days_left:
        status = "ended short"
    else:
        status = "on course" if expected >= committed else "short"
    return Pace(
        per_day=_cents(per_day),
        expected=expected,
        shortfall=max(minus(committed, expected), Decimal(0)),
        needed_per_day=_cents(rate(max(missing, Decimal(0)), Decimal(days_left))) if days_left else None,
        status=status,
    )


def drawdowns(connection: Connection, agreements: Sequence[Agreement]) -> list[Drawdown]:
    """Each agreement as far as bills are loaded."""
    return [_drawdown(connection, agreement) for agreement in agreements]


def agreements_are_drawn_down(connection: Connection, agreements: Sequence[Agreement]) -> Iterator[Finding]:
    """The drawdown by the analysis is the one by the charges; where it will fall short, that is said."""
    for found in drawdowns(connection, agreements):
        difference = minus(found.analyzed, found.drawn)
        cause = f"drawn down {plain(found.drawn)} of {plain(found.committed)}: {found.status}"
        if found.status == "short":
            cause += f", {plain(found.shortfall)} will be missing on {found.end} at {plain(found.per_day)} a day"
        if found.unknown_until:
            cause += f"; drawdown before {found.unknown_until} is unknown"
        if found.other_currencies:
            cause += f"; charges in {', '.join(found.other_currencies)} are not counted"
        yield Finding(
            promise=PROMISE,
            scope=found.name,
            period=None,
            currency=found.currency,
            ours=found.analyzed,
            theirs=found.drawn,
            difference=difference,
            cause=cause if not difference else f"{plain(difference, sign=True)}: run aispend analyze",
            holds=not difference,
            attention=found.status in ("short", "ended short") or bool(found.unknown_until or found.other_currencies),
        )


def _drawdown(connection: Connection, agreement: Agreement) -> Drawdown:
    scopes = [
        (slice_id, first)
        for slice_id, scope, first in connection.execute(text(_BILLS), {"provider": agreement.provider})
        if fnmatchcase(scope.lower(), agreement.scope.lower())
    ]
    period = {
        "slices": [slice_id for slice_id, _ in scopes],
        "first": agreement.valid_from,
        "end": agreement.valid_to,
    }
    through = connection.scalar(text(_THROUGH), period)
    recent_from = max(
        agreement.valid_from, (through or agreement.valid_from) - timedelta(days=agreement.run_rate_days - 1)
    )
    column = f"{agreement.cost}_cost"
    query = _CHARGED.format(column=column)
    rows = [row for row in connection.execute(text(query), period | {"recent": recent_from}) if _counts(agreement, row)]
    mine = [row for row in rows if row.currency == agreement.currency]
    analyzed = [
        row
        for row in connection.execute(text(_ANALYZED.format(column=column)), period)
        if _counts(agreement, row) and row.currency == agreement.currency
    ]
    before = agreement.drawn_before or Decimal(0)
    drawn = exact_sum((before, *(row.amount for row in mine)))
    first_bill = min((first for _, first in scopes), default=None)
    days_left = (agreement.valid_to - through).days - 1 if through else 0
    plan = pace(
        agreement.committed,
        drawn,
        recent=exact_sum(row.recent for row in mine),
        recent_days=(through - recent_from).days + 1 if through else 0,
        days_left=days_left,
    )
    return Drawdown(
        name=agreement.name,
        provider=agreement.provider,
        scope=agreement.scope,
        first=agreement.valid_from,
        end=agreement.valid_to,
        currency=agreement.currency,
        committed=agreement.committed,
        drawn=drawn,
        through=through,
        per_day=plan.per_day,
        expected=plan.expected,
        shortfall=plan.shortfall,
        needed_per_day=plan.needed_per_day,
        status=plan.status if through else "nothing loaded",
        unknown_until=first_bill
        if agreement.drawn_before is None and first_bill is not None and first_bill > agreement.valid_from
        else None,
        other_currencies=tuple(sorted({row.currency for row in rows if row.currency != agreement.currency})),
        analyzed=exact_sum((before, *(row.amount for row in analyzed))),
    )


def _counts(agreement: Agreement, row: Any) -> bool:
    service = (row.service or "").lower()
    return (
        row.charge_category in agreement.charge_categories
        and any(fnmatchcase(service, glob.lower()) for glob in agreement.services)
        and not any(fnmatchcase(service, glob.lower()) for glob in agreement.without_services)
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)


_BILLS = """
    SELECT slice_id, scope, period FROM slice WHERE kind = 'bill' AND provider = :provider ORDER BY period, scope"""

_THROUGH = """
    SELECT max(charge_date) FROM spend_day
    WHERE slice_id = ANY(:slices) AND charge_date >= :first AND charge_date < :end AND charge_category = 'Usage'"""

_CHARGED = """
    SELECT s.service_name AS service, k.charge_category, k.billing_currency AS currency,
           coalesce(sum(c.{column}), 0) AS amount,
           coalesce(sum(c.{column}) FILTER (WHERE c.charge_date >= :recent
                                            AND k.charge_frequency IS DISTINCT FROM 'One-Time'), 0) AS recent
    FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key)
    WHERE c.slice_id = ANY(:slices) AND c.charge_date >= :first AND c.charge_date < :end
    GROUP BY 1, 2, 3"""

_ANALYZED = """
    SELECT service, charge_category, currency, coalesce(sum({column}), 0) AS amount
    FROM spend_day
    WHERE slice_id = ANY(:slices) AND charge_date >= :first AND charge_date < :end
    GROUP BY 1, 2, 3"""
