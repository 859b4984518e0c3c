"""First spend in the last weeks: a model, accelerator, service, team, SKU or account nobody paid for before.

Assumes     daily cost as :mod:`analyzer.anomaly_series` gives it, and the whole ledger to ask what was paid for before.
Method      A value whose first spend lies in the days judged is told from its first day, where the first two weeks of
            it cost ``new_cost`` or more. What ended as it began, or what nobody was known for less of, is the same
            spend under another name: it is expected of it, and where that leaves no more than ``min_share`` or less
            than ``new_cost``, nothing is new. SKUs are held against those of their service, others against their cut.
Cases       Nothing is new in a ledger younger than ``_NEW_HISTORY`` days. A SKU of a known id or a known name is not
            new. A team or model that telemetry begins to tell was unknown before, and is not new. A model or an
            accelerator is told though another ended: that it is in use is the news.
Drawbacks   A bill that is loaded from a later month on than others is new spend as far as the ledger knows. What
            ended by chance in the week in which something else began at the same cost hides it in that cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from aispend.money import COST_QUANTUM, exact_sum
from aispend.watching import TOTALS, Anomaly
from analyzer.anomaly_found import Found
from analyzer.anomaly_series import ACCELERATOR, Watched, WatchedSeries, spent_before

_NEW_HISTORY = 28
_IN_USE = ("model", ACCELERATOR)
"""Cuts in which a value is told though another ended."""
_WEEK = 7
_SETTLES = 3
"""Days around the first in which one name may hand over to another."""
_ENDED = Decimal("0.1")
"""Of what it cost before: what costs no more has ended."""

_Taken = dict[tuple[str, str | None, str], Decimal]
"""Per cut, value and currency, the cost a day that new names have taken over."""


def new_spend(connection: Connection, seen: Watched, settings: Anomaly) -> list[Found]:
    """First spend that lies in the days judged and is worth a word; the largest first."""
    since = max(seen.end - timedelta(days=settings.watch_days), seen.first + timedelta(days=_NEW_HISTORY))
    every = [one for one in (*seen.series, *seen.firsts) if one.cut not in TOTALS]
    begun = [(one, start, _days(one, start, settings)) for one, start in _begun(every, since, seen.first)]
    begun = [(one, start, days) for one, start, days in begun if exact_sum(days) >= settings.new_cost]
    found: list[Found] = []
    taken: _Taken = {}
    for one, start, days in sorted(begun, key=lambda each: -exact_sum(each[2])):
        first = one.first + timedelta(days=start)
        if one.value is None or spent_before(connection, one.cut, one.value, first):
            continue
        cost, before = exact_sum(days), Decimal(0)
        if one.cut not in _IN_USE:
            before = _in_its_place(one, first, days, every, taken)
            more = exact_sum((cost, before.copy_negate()))
            if more < settings.new_cost or more <= Decimal(repr(settings.min_share)) * before:
                continue
        last = first + timedelta(days=max(number for number, each in enumerate(days) if each > 0))
        lasting = last == seen.end - timedelta(days=1)
        found.append(
            Found("new", one.cut, one.value, one.currency, first, last, lasting, cost, before, distance=None)
        )  # fmt: skip
    return found


def _begun(series: Sequence[WatchedSeries], since: date, known_from: date) -> Iterator[tuple[WatchedSeries, int]]:
    """Series whose first spend is on ``since`` or later, with its position; none whose days before are unknown."""
    for one in series:
        start = next((number for number, cost in enumerate(one.costs) if cost > 0), None)
        if one.value is None or start is None or one.first + timedelta(days=start) < since:
            continue
        if start or one.first <= known_from:
            yield one, start


def _days(one: WatchedSeries, start: int, settings: Anomaly) -> tuple[Decimal, ...]:
    return one.costs[start : start + settings.learn_days]


def _in_its_place(
    one: WatchedSeries, first: date, days: Sequence[Decimal], every: Sequence[WatchedSeries], taken: _Taken
) -> Decimal:
    """What these days would have cost under the names that ended as it began; a name is taken once."""
    settled = days[min(_SETTLES, len(days) - 1) :]
    daily = exact_sum(settled) / len(settled)
    place = Decimal(0)
    for other in every:
        if (other.cut, other.currency, other.part_of) != (one.cut, one.currency, one.part_of) or other is one:
            continue
        name = (other.cut, other.value, other.currency)
        ended = _ended(other, (first - other.first).days, len(days)) - taken.get(name, Decimal(0))
        if ended > 0 and place < daily:
            part = min(ended, daily - place)
            taken[name] = taken.get(name, Decimal(0)) + part
            place += part
    return min((place * len(days)).quantize(COST_QUANTUM), exact_sum(days))


def _ended(other: WatchedSeries, start: int, length: int) -> Decimal:
    """Cost a day that ended around position ``start``; of what nobody is known for, by how much it fell."""
    first = start - _SETTLES - _WEEK
    after = other.costs[start + min(_SETTLES, length - 1) : start + length]
    if first < 0 or not after:
        return Decimal(0)
    was = exact_sum(other.costs[first : first + _WEEK]) / _WEEK
    now = exact_sum(after) / len(after)
    return was - now if other.value is None or now <= _ENDED * was else Decimal(0)
