"""Contracts: seats, prepaid credits and spend agreements: what was paid or promised, and what is used of it.

Assumes     own costs say what was bought (seats, licences, prepaid credits) and, in their tags, what is used of it;
            agreements of the settings say what counts towards them.
Method      A contract of own costs is a book's lines of one description, team and currency; the tags of its newest day
            count. An agreement is drawn by the charges it counts, from its first day on; its pace is that of its last
            ``run_rate_days`` without one-time charges.
Cases       What is drawn of a credit is unknown unless its line says so; what was drawn of an agreement before the
            first loaded bill likewise, and where a bill or a line that counts does not give the agreement's cost: then
            ``drawn`` is None.
Drawbacks   Charges in another currency than the agreement's are not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any, Literal

from sqlalchemy import Connection, text

from aispend.settings import Agreement
from recommender.contract import DailyCost, Subject

_NOTHING = Decimal(0)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Contract(Subject):
    """What was bought or promised, from ``first`` to the day before ``end``, for ``total`` in all.

    ``drawn`` until ``drawn_until`` (exclusive) and ``per_day`` its pace; None is unknown. ``seats`` bought and in use.
    """

    what: Literal["seats", "credit", "agreement"]
    name: str
    first: date
    end: date
    total: Decimal
    drawn: Decimal | None = None
    drawn_until: date | None = None
    per_day: Decimal | None = None
    seats: Decimal | None = None
    seats_used: Decimal | None = None


def load_contracts(
    connection: Connection, as_of: datetime, window_days: int, agreements: Sequence[Agreement]
) -> Iterator[Contract]:
    """Contracts of own costs that are in force, by name, then the agreements of the settings."""
    by_name: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in connection.execute(text(_OWN)):
        by_name[row.book, row.description, row.team, row.currency].append(row)
    for rows in (by_name[name] for name in sorted(by_name, key=str)):
        contract = _of_own_costs(rows, as_of, window_days)
        if contract is not None:
            yield contract
    for agreement in agreements:
        if agreement.valid_from < as_of.date() < agreement.valid_to:
            yield _of_agreement(connection, agreement, as_of)


def contract_id(book: str, description: str | None, team: str | None) -> str:
    """Name of a contract of the company's own books."""
    return f"contract:{book}/{description}" + (f"/{team}" if team else "")


def _of_own_costs(rows: Sequence[Any], as_of: datetime, window_days: int) -> Contract | None:
    """The lines of one contract; None for one that is over, or says nothing of seats and is no credit."""
    today = as_of.date()
    known = [row for row in rows if row.day < today]
    end = max(row.day for row in rows) + _ONE_DAY
    if not known or end <= today:
        return None
    newest = known[-1]
    tags = {str(key): str(value) for key, value in (newest.tags or {}).items()}
    is_credit = newest.service == "Prepaid credits"
    if not is_credit and newest.service != "Seats" and "seats" not in tags:
        return None
    since = today - timedelta(days=window_days)
    first = min(row.day for row in rows)
    drawn, drawn_on = _number(tags.get("drawn")), _day(tags.get("drawn_on"))
    until = None if drawn is None else (drawn_on + _ONE_DAY if drawn_on else today)
    days = (until - first).days if until else 0
    return Contract(
        resource_key=newest.resource_key,
        resource_id=contract_id(newest.book, newest.description, newest.team),
        provider="own",
        account=newest.book,
        region=None,
        currency=newest.currency,
        tags=tags,
        model=tags.get("model"),
        team=newest.team,
        first_seen=first,
        costs=[
            DailyCost(row.day, 24, row.cost, row.cost, row.cost, is_spot=False) for row in known if row.day >= since
        ],
        as_of=as_of,
        what="credit" if is_credit else "seats",
        name=newest.description or newest.service,
        first=first,
        end=end,
        total=sum((row.cost for row in rows), _NOTHING),
        drawn=drawn,
        drawn_until=until,
        per_day=drawn / days if drawn is not None and days > 0 else None,
        seats=_number(tags.get("seats")),
        seats_used=_number(tags.get("seats_used")),
    )


def _of_agreement(connection: Connection, agreement: Agreement, as_of: datetime) -> Contract:
    scopes = [
        row
        for row in connection.execute(text(_BILLS), {"provider": agreement.provider})
        if fnmatchcase(row.scope.lower(), agreement.scope.lower())
    ]
    until = as_of.date()
    recent = max(agreement.valid_from, until - timedelta(days=agreement.run_rate_days))
    period = {"slices": [row.slice_id for row in scopes], "first": agreement.valid_from, "end": until, "recent": recent}
    query = _CHARGED.format(column=f"{agreement.cost}_cost", bit=_BITS[agreement.cost])
    counted = [row for row in connection.execute(text(query), period) if _counts(agreement, row)]
    lacks = any(row.lacks for row in counted)
    begins = min((row.period for row in scopes), default=None)
    drawn: Decimal | None = sum((row.amount for row in counted), agreement.drawn_before or _NOTHING)
    if begins is None or lacks or (agreement.drawn_before is None and begins > agreement.valid_from):
        drawn = None
    days = 0 if lacks else (until - max(recent, begins or recent)).days
    return Contract(
        resource_key=0,
        resource_id=f"agreement:{agreement.name}",
        provider=agreement.provider,
        account=None if agreement.scope == "*" else agreement.scope,
        region=None,
        currency=agreement.currency,
        tags={},
        model=None,
        team=None,
        first_seen=agreement.valid_from,
        costs=(),
        as_of=as_of,
        what="agreement",
        name=agreement.name,
        first=agreement.valid_from,
        end=agreement.valid_to,
        total=agreement.committed,
        drawn=drawn,
        drawn_until=until,
        per_day=sum((row.recent for row in counted), _NOTHING) / days if days > 0 else None,
    )


def _counts(agreement: Agreement, row: Any) -> bool:
    service = (row.service or "").lower()
    return (
        row.currency == agreement.currency
        and row.charge_category in agreement.charge_categories
        and any(fnmatchcase(service, glob.lower()) for glob in agreement.services)
        and not any(fnmatchcase(service, glob.lower()) for glob in agreement.without_services)
    )


def _number(given: str | None) -> Decimal | None:
    try:
        return None if given is None else Decimal(given)
    except InvalidOperation:
        return None


def _day(given: str | None) -> date | None:
    try:
        return None if given is None else date.fromisoformat(given)
    except ValueError:
        return None


_OWN = """
    SELECT a.billing_account_id AS book, sku.service_name AS service, sku.charge_description AS description,
           g.tags ->> 'team' AS team, k.billing_currency AS currency, c.charge_date AS day, g.tags,
           max(c.resource_key) AS resource_key, sum(c.effective_cost) AS cost
    FROM charge c
    JOIN sku USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    LEFT JOIN tag_set g ON g.tag_set_key = c.tag_set_key
    WHERE sku.provider = 'own' AND sku.service_name IN ('Seats', 'Licences', 'Prepaid credits')
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 6, 7"""

_BILLS = "SELECT slice_id, scope, period FROM slice WHERE kind = 'bill' AND provider = :provider ORDER BY period, scope"

_BITS = {"billed": 1, "effective": 2, "list": 4, "contracted": 8}
"""Of ``spend_day.unknown_costs``: only the analysis knows which cost a line's half of a bill should give."""

_CHARGED = """
    SELECT service, charge_category, currency, coalesce(sum(amount), 0) AS amount,
           coalesce(sum(amount) FILTER (WHERE is_recent), 0) AS recent, bool_or(lacks) AS lacks
    FROM (SELECT s.service_name AS service, k.charge_category, k.billing_currency AS currency, c.{column} AS amount,
                 c.charge_date >= :recent AND k.charge_frequency IS DISTINCT FROM 'One-Time' AS is_recent,
                 NOT '{column}' = ANY(b.columns_known) AS lacks
          FROM charge c JOIN sku s USING (sku_key) JOIN charge_kind k USING (charge_kind_key)
          JOIN slice b USING (slice_id)
          WHERE c.slice_id = ANY(:slices) AND c.charge_date >= :first AND c.charge_date < :end
          UNION ALL
          SELECT service, charge_category, currency, NULL, false, true FROM spend_day
          WHERE slice_id = ANY(:slices) AND charge_date >= :first AND charge_date < :end
            AND unknown_costs & {bit} = {bit}) AS counted
    GROUP BY 1, 2, 3"""
