"""Spend agreements: how much of the floor is drawn down, and whether the rest will be.

Assumes     an agreement says what counts: provider, billing account, cost, charge categories, services, currency.
Method      Drawdown is the sum of the charges that count from the first day on, and what was drawn down before the
            first loaded bill. The pace of the last ``run_rate_days`` (one-time charges left out), taken on to
            the last day, is what is expected at the end; the shortfall is the floor less that. These days begin with
            the first a bill says anything of, and after every month that is missing between others: days never loaded
            slow no pace. They end with the last that all bills it counts are whole to, those that are behind left out
            (:mod:`analyzer.series`): what a bill says of days after it is drawn down, and is part of what is expected
            of them.
Cases       Charges in another currency than the agreement's are named and not counted. Where bills begin after the
            agreement does and nothing is said of the time before, or a month is missing between others, the drawdown
            is partly unknown: too low.
            Where a bill, or a line that counts, does not give the agreement's cost, the drawdown is at least what is
            known, and unless that meets the floor, where it leads is unknown; so it is where no day is known whole.
Drawbacks   A straight line: growth, seasons and planned purchases are not seen. Terms of a contract that no bill shows
            (credits that count, marketplace caps) must be entered through ``drawn_before``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, Literal

from sqlalchemy import Connection, text

from aispend.clock import next_month
from aispend.drawn import Drawn
from aispend.money import exact_sum, rate
from aispend.settings import Agreement
from analyzer.findings import Finding, minus, plain
from analyzer.series import Coverage, coverage_analyzed, window_of
from analyzer.unknown_costs import COST_BITS

PROMISE = "agreements are drawn down by the ledger"
_CENT = Decimal("0.01")

Status = Literal["met", "on course", "short", "ended short", "unknown", "nothing loaded"]


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

    ``per_day`` to ``status`` as in :class:`Pace`, ``per_day`` None where no day is known it could be of; ``through`` is
    the last day known whole, None where none is, ``unknown_until`` the first loaded day where the time before it, or a
    month of it, is unknown, ``other_currencies`` those of charges that would count and are not added.
    ``partly_unknown``: some of what counts lacks the agreement's cost, so that ``drawn`` is a least amount, or None
    where nothing is known; what follows from it is None unless the floor is met.
    """

    name: str
    provider: str
    scope: str
    first: date
    end: date
    currency: str
    committed: Decimal
    drawn: Decimal | None
    through: date | None
    per_day: Decimal | None
    expected: Decimal | None
    shortfall: Decimal | None
    needed_per_day: Decimal | None
    status: Status
    unknown_until: date | None
    partly_unknown: bool
    other_currencies: tuple[str, ...]
    analyzed: Decimal | None
    """The same drawdown from the analysis (``spend_day``) in place of the charges."""

    @property
    def drawn_share(self) -> Decimal | None:
        """Of the floor, 0 to 1 and beyond; None where what is drawn is unknown."""
        return None if self.drawn is None else rate(self.drawn, self.committed)


def pace(
    committed: Decimal,
    drawn: Decimal,
    *,
    recent: Decimal,
    recent_days: int,
    days_left: int,
    ahead: Decimal = Decimal(0),
) -> Pace:
    """Take the pace of ``recent_days`` on for ``days_left``; amounts to the cent.

    ``ahead``: of ``drawn``, what the days left have already.
    """
    per_day = rate(recent, Decimal(recent_days)) if recent_days else Decimal(0)
    expected = max(drawn, exact_sum((drawn, ahead.copy_negate(), _cents(per_day * days_left))))
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
    bills = coverage_analyzed(connection) if agreements else []
    return [_drawdown(connection, agreement, bills) for agreement in agreements]


def drawn_so_far(connection: Connection, agreements: Sequence[Agreement]) -> list[Drawn]:
    """The same for advice: of a drawdown that is too low by an unknown amount, neither it nor its end is known."""
    return [
        Drawn(
            name=one.name,
            drawn=None if is_low else one.drawn,
            until=None if one.through is None else one.through + timedelta(days=1),
            per_day=one.per_day,
            expected=None if is_low else one.expected,
        )
        for one in drawdowns(connection, agreements)
        for is_low in (bool(one.unknown_until or one.partly_unknown),)
    ]


def agreements_are_drawn_down(connection: Connection, agreements: Sequence[Agreement]) -> Iterator[Finding]:
    """The drawdown by the analysis is the one by the charges; where it will fall short, that is said."""
    for terms, found in zip(agreements, drawdowns(connection, agreements), strict=True):
        difference = None if found.analyzed is None or found.drawn is None else minus(found.analyzed, found.drawn)
        cause = f"drawn down {_shown(found.drawn)} of {plain(found.committed)}: {found.status}"
        if found.status == "short":
            cause += f", {_shown(found.shortfall)} will be missing on {found.end} at {_shown(found.per_day)} a day"
        if found.partly_unknown:
            cause += f"; some of what counts has no {terms.cost} cost"
        if found.unknown_until:
            cause += f"; drawdown before {found.unknown_until} is not all known"
        if found.other_currencies:
            cause += f"; charges in {', '.join(found.other_currencies)} are not counted"
        holds = found.analyzed == found.drawn
        yield Finding(
            promise=PROMISE,
            scope=found.name,
            period=None,
            currency=found.currency,
            ours=found.analyzed,
            theirs=found.drawn,
            difference=difference,
            cause=cause
            if holds
            else f"{plain(difference, sign=True) if difference else 'unknown'}: run aispend analyze",
            holds=holds,
            attention=found.status in ("short", "ended short")
            or bool(found.unknown_until or found.partly_unknown or found.other_currencies),
        )


def _known(agreement: Agreement, bills: Sequence[Coverage], first_bill: date | None) -> tuple[date, date] | None:
    """The agreement's days known whole: the first a pace may count, and the day after the last. None: there are none.

    ``bills`` are those that count, ``first_bill`` the first month of them.
    """
    window = window_of(bills, max(((bill.end - agreement.valid_from).days for bill in bills), default=0))
    if window is None:
        return None
    # the first month may correct days of months that are not loaded
    first = max(window.first, agreement.valid_from, first_bill or window.first)
    return (first, min(window.end, agreement.valid_to)) if first < window.end else None


def _unknown_until(agreement: Agreement, bills: Sequence[Coverage], months: Mapping[int, date]) -> date | None:
    """The first day after the newest time of the agreement no bill is there of; ``months`` are those of slices.

    What was before the first bill is known where ``drawn_before`` says it.
    """
    first_bill = min(months.values(), default=None)
    after = [] if first_bill is None or agreement.drawn_before is not None else [first_bill]
    for bill in bills:
        for earlier, later in pairwise(months[number] for number in bill.slices):
            if next_month(earlier) < min(later, agreement.valid_to):
                after.append(later)
    return max((day for day in after if day > agreement.valid_from), default=None)


def _covers(agreement: Agreement, scope: str) -> bool:
    return fnmatchcase(scope.lower(), agreement.scope.lower())


def _drawdown(connection: Connection, agreement: Agreement, bills: Sequence[Coverage]) -> Drawdown:
    months = {
        slice_id: first
        for slice_id, scope, first in connection.execute(text(_BILLS), {"provider": agreement.provider})
        if _covers(agreement, scope)
    }
    period = {
        "slices": list(months),
        "first": agreement.valid_from,
        "end": agreement.valid_to,
    }
    theirs = [bill for bill in bills if bill.provider == agreement.provider and _covers(agreement, bill.scope)]
    known = _known(agreement, theirs, min(months.values(), default=None))
    known_from, known_to = known or (agreement.valid_from, agreement.valid_from)
    through = known_to - timedelta(days=1) if known else None
    recent_from = max(known_from, known_to - timedelta(days=agreement.run_rate_days))
    recent_days = max((known_to - recent_from).days, 0)
    span = period | {"recent": recent_from, "known_to": known_to}
    column = f"{agreement.cost}_cost"
    query = _CHARGED.format(column=column)
    rows = [row for row in connection.execute(text(query), span) if _counts(agreement, row)]
    mine = [row for row in rows if row.currency == agreement.currency]
    query = _ANALYZED.format(column=column, bit=COST_BITS[column])
    analyzed = [
        row
        for row in connection.execute(text(query), period)
        if _counts(agreement, row) and row.currency == agreement.currency
    ]
    partly_unknown = any(row.lacks for row in (*mine, *analyzed))
    drawn = _sum(agreement.drawn_before, [row.amount for row in mine], partly_unknown)
    plan = pace(
        agreement.committed,
        drawn or Decimal(0),
        recent=exact_sum(row.recent for row in mine),
        recent_days=recent_days,
        days_left=(agreement.valid_to - known_to).days if through else 0,
        ahead=exact_sum(row.ahead for row in mine),
    )
    is_unknown = partly_unknown or (bool(mine) and through is None)
    is_open = is_unknown and plan.status != "met"
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
        per_day=None if is_unknown or not recent_days else plan.per_day,
        expected=None if is_unknown else plan.expected,
        shortfall=None if is_open else plan.shortfall,
        needed_per_day=None if is_open else plan.needed_per_day,
        status="unknown" if is_open else plan.status if through or mine else "nothing loaded",
        unknown_until=_unknown_until(agreement, theirs, months),
        partly_unknown=partly_unknown,
        other_currencies=tuple(sorted({row.currency for row in rows if row.currency != agreement.currency})),
        analyzed=_sum(agreement.drawn_before, [row.amount for row in analyzed], partly_unknown),
    )


def _sum(before: Decimal | None, amounts: Sequence[Decimal | None], partly_unknown: bool) -> Decimal | None:
    """What is known of a drawdown; None where something counts and nothing of it is known."""
    known = [amount for amount in (before, *amounts) if amount is not None]
    return None if partly_unknown and not known else exact_sum((Decimal(0), *known))


def _shown(amount: Decimal | None) -> str:
    return "–" if amount is None else plain(amount)


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

_CHARGED = """
    SELECT s.service_name AS service, k.charge_category, k.billing_currency AS currency, sum(c.{column}) AS amount,
           coalesce(sum(c.{column}) FILTER (WHERE c.charge_date >= :recent AND c.charge_date < :known_to
                                            AND k.charge_frequency IS DISTINCT FROM 'One-Time'), 0) AS recent,
           coalesce(sum(c.{column}) FILTER (WHERE c.charge_date >= :known_to
                                            AND k.charge_frequency IS DISTINCT FROM 'One-Time'), 0) AS ahead,
           bool_or(NOT '{column}' = ANY(b.columns_known)) AS lacks
    FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key) JOIN slice b USING (slice_id)
    WHERE c.slice_id = ANY(:slices) AND c.charge_date >= :first AND c.charge_date < :end
    GROUP BY 1, 2, 3"""
"""``lacks`` is of whole bills; of single lines only the analysis knows which cost their half of a bill should give."""

_ANALYZED = """
    SELECT service, charge_category, currency, sum({column}) AS amount,
           bool_or(unknown_costs & {bit} = {bit}) AS lacks
    FROM spend_day
    WHERE slice_id = ANY(:slices) AND charge_date >= :first AND charge_date < :end
    GROUP BY 1, 2, 3"""
