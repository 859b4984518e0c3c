"""Contracts: seats, prepaid credits and spend agreements: what was paid or promised, and what is used of it.

Assumes     own costs say what was bought (seats, licences, prepaid credits) and, in their tags, what is used of it;
            agreements of the settings say what counts towards them.
Method      A contract of own costs is a book's lines of one description, team and currency. A line is what says and
            costs the same from day to day. Seats are those of all lines in force; a line that is to begin and changes
            how many there are in the end is a renewal that is decided. A credit is the lines in force that end first.
            What is drawn of an agreement, and its pace, is what the analysis says (``aispend agreements``).
Cases       What is drawn of a credit is unknown unless each line of it says so, and seats unless each line says theirs;
            what is drawn by different days is so by the first of them, so that less is thought to be lost, not more.
Drawbacks   Two credits in a row that cost the same
            a day and give the same ``drawn`` and ``drawn_on`` are taken for one. Where seats and a credit have one
            description, the seats alone are looked at. Of the credits of one name, those that end later wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from sqlalchemy import Connection, text

from aispend.drawn import Drawn
from aispend.settings import Agreement
from recommender.contract import DailyCost, Subject

_NOTHING = Decimal(0)
_ONE_DAY = timedelta(days=1)
_SAME_COST = Decimal("1e-9")
"""A line's amount is divided by its days to twelve decimals, and more than one line may be in a row."""


@dataclass(frozen=True, kw_only=True)
class Contract(Subject):
    """What was bought or promised, from ``first`` to the day before ``end``, for ``total`` in all.

    ``drawn`` until ``drawn_until`` (exclusive) and ``per_day`` its pace; None is unknown. ``expected`` is where it
    leads by its end, where more than the pace says it. ``seats`` bought and in use, as many since ``first``;
    ``endings`` says how many of them end on which day, in order. ``renewed_from`` is the day from which another number
    of them is on the books already, ``renewed_seats`` (None is unknown).
    """

    what: Literal["seats", "credit", "agreement"]
    name: str
    first: date
    end: date
    total: Decimal
    drawn: Decimal | None = None
    drawn_until: date | None = None
    per_day: Decimal | None = None
    expected: Decimal | None = None
    seats: Decimal | None = None
    seats_used: Decimal | None = None
    endings: tuple[tuple[date, Decimal], ...] = ()
    renewed_from: date | None = None
    renewed_seats: Decimal | None = None


@dataclass(frozen=True)
class _Line:
    """What a book says alike of each day from ``first`` to the day before ``end``; ``count`` lines of it a day."""

    first: date
    end: date
    count: int
    total: Decimal
    tags: dict[str, str]
    newest: Any

    def covers(self, day: date) -> bool:
        return self.first <= day < self.end


def load_contracts(
    connection: Connection,
    as_of: datetime,
    window_days: int,
    agreements: Sequence[Agreement],
    drawn: Sequence[Drawn] = (),
) -> Iterator[Contract]:
    """Contracts of own costs that are in force, by name, then the agreements of the settings, as they are ``drawn``."""
    by_name: dict[tuple[Any, ...], dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(text(_OWN)):
        what = _what(row)
        if what is not None:
            by_name[row.book, row.description, row.team, row.currency][what].append(row)
    for rows in (by_name[name] for name in sorted(by_name, key=str)):
        contract = _seats(rows["seats"], as_of, window_days) or _credit(rows["credit"], as_of, window_days)
        if contract is not None:
            yield contract
    known = {one.name: one for one in drawn}
    for agreement in agreements:
        if agreement.valid_from < as_of.date() < agreement.valid_to:
            yield _of_agreement(agreement, known.get(agreement.name), as_of)


def contract_id(book: str, description: str | None, team: str | None) -> str:
    """Name of a contract of the company's own books."""
    return f"contract:{book}/{description}" + (f"/{team}" if team else "")


def _what(row: Any) -> Literal["seats", "credit"] | None:
    """What a row of ``_OWN`` is of; None for a licence that says nothing of seats."""
    if row.service == "Prepaid credits":
        return "credit"
    return "seats" if row.service == "Seats" or "seats" in (row.tags or {}) else None


def _seats(rows: Sequence[Any], as_of: datetime, window_days: int) -> Contract | None:
    """Seats of all lines in force; None where there is none."""
    lines, today = _lines(rows), as_of.date()
    now = [line for line in lines if line.covers(today - _ONE_DAY)]
    last = max((line.end for line in lines), default=today) - _ONE_DAY
    if not now or last < today:
        return None
    seats = _told(now, "seats")
    to_come = any(line.first >= today for line in lines)
    renewed = _told([line for line in lines if line.covers(last)], "seats")
    is_renewed = to_come and seats is not None and renewed != seats
    endings: dict[date, Decimal] = defaultdict(Decimal)
    for line in now:
        endings[last + _ONE_DAY if to_come else line.end] += _told([line], "seats") or _NOTHING
    return replace(
        _contract(rows, now, as_of, window_days, _as_many_since(lines, today - _ONE_DAY)),
        what="seats",
        end=last + _ONE_DAY,
        seats=seats,
        seats_used=_told(now, "seats_used"),
        endings=tuple(sorted(endings.items())),
        renewed_from=_as_many_since(lines, last) if is_renewed else None,
        renewed_seats=renewed if is_renewed else None,
    )


def _credit(rows: Sequence[Any], as_of: datetime, window_days: int) -> Contract | None:
    """The credit in force that ends first; None where there is none."""
    today = as_of.date()
    there = [line for line in _lines(rows) if line.first < today < line.end]
    if not there:
        return None
    end = min(line.end for line in there)
    now = [line for line in there if line.end == end]
    first, drawn = min(line.first for line in now), _told(now, "drawn")
    drawn_on = [_day(line.tags.get("drawn_on")) for line in now]
    until = None if drawn is None else min(day + _ONE_DAY if day else today for day in drawn_on)
    days = (until - first).days if until else 0
    return replace(
        _contract(rows, now, as_of, window_days, first),
        drawn=drawn,
        drawn_until=until,
        per_day=drawn / days if drawn is not None and days > 0 else None,
    )


def _contract(rows: Sequence[Any], now: Sequence[_Line], as_of: datetime, window_days: int, first: date) -> Contract:
    """The lines ``now`` in force as a credit, and what ``rows`` cost since ``first``."""
    today, newest = as_of.date(), now[-1].newest
    since = max(today - timedelta(days=window_days), first)
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    for row in rows:
        if since <= row.day < today:
            by_day[row.day] += row.cost
    tags = dict(set.intersection(*(set(line.tags.items()) for line in now)))
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
        costs=[DailyCost(day, 24, cost, cost, cost, is_spot=False) for day, cost in sorted(by_day.items())],
        as_of=as_of,
        what="credit",
        name=newest.description or newest.service,
        first=first,
        end=now[-1].end,
        total=sum((line.total for line in now), _NOTHING),
    )


def _lines(rows: Sequence[Any]) -> list[_Line]:
    """The rows of one contract, in order of days, as the lines they come from."""
    alike: dict[tuple[Any, ...], list[list[Any]]] = {}
    for row in rows:
        runs = alike.setdefault((row.service, *sorted(_tags(row).items())), [[]])
        if runs[-1] and not _goes_on(runs[-1][-1], row):
            runs.append([])
        runs[-1].append(row)
    return [
        _Line(
            first=run[0].day,
            end=run[-1].day + _ONE_DAY,
            count=run[-1].line_count,
            total=sum((row.cost for row in run), _NOTHING),
            tags=_tags(run[-1]),
            newest=run[-1],
        )
        for runs in alike.values()
        for run in runs
    ]


def _goes_on(before: Any, row: Any) -> bool:
    """Whether a row is the next day of the line of the row ``before``: divided, its days differ in the last decimal."""
    is_next = row.day == before.day + _ONE_DAY and row.line_count == before.line_count
    return bool(is_next and abs(row.cost - before.cost) < _SAME_COST)


def _as_many_since(lines: Sequence[_Line], day: date) -> date:
    """The first day since when as many seats were on the books as on ``day``; where unknown, of the oldest line."""
    there = [line for line in lines if line.covers(day)]
    seats = _told(there, "seats")
    if seats is None:
        return min(line.first for line in there)
    while (before := [line for line in lines if line.covers(day - _ONE_DAY)]) and _told(before, "seats") == seats:
        day -= _ONE_DAY
    return day


def _told(lines: Sequence[_Line], name: str) -> Decimal | None:
    """The numbers that the lines give, together; None where one gives none."""
    numbers = [(_number(line.tags.get(name)), line.count) for line in lines]
    known = [number * count for number, count in numbers if number is not None]
    return sum(known, _NOTHING) if len(known) == len(numbers) else None


def _tags(row: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in (row.tags or {}).items()}


def _of_agreement(agreement: Agreement, drawn: Drawn | None, as_of: datetime) -> Contract:
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
        drawn=drawn.drawn if drawn else None,
        drawn_until=drawn.until if drawn else None,
        per_day=drawn.per_day if drawn else None,
        expected=drawn.expected if drawn else None,
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
           max(c.resource_key) AS resource_key, sum(c.effective_cost) AS cost,
           sum(c.line_count) AS line_count
    FROM charge c
    JOIN sku USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    LEFT JOIN tag_set g ON g.tag_set_key = c.tag_set_key
    WHERE sku.provider = 'own' AND sku.service_name IN ('Seats', 'Licences', 'Prepaid credits')
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 6, 7"""
