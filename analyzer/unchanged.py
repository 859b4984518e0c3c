"""Which months have changed since they were analyzed, told without reading the charges of those that have not.

Method      A month's *fingerprint* (:mod:`analyzer.fingerprint`) is made from the names, SKUs, machines and prices that
            its charges name, so it takes a pass over them. But where its bills and those of the months beside it, the
            telemetry of its days, the settings and the whole of these tables are as they were when the fingerprint was
            last found the same, so is the fingerprint. This is a short text of a few tables' sums for all months
            together, kept by month; only where it differs are the charges asked.
Cases       All is read of one instant, so that what is kept belongs together: a bill that comes meanwhile is found
            the next time. Of a month just analyzed nothing is kept before it was once found the same.
Drawbacks   One row more in those tables, though no charge of a month names it, costs a pass over the charges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, Engine, select, text

from aispend.schema import made_from
from analyzer.fingerprint import (
    NAMES_SAY,
    PRICES_SAY,
    RESOURCES_SAY,
    SKUS_SAY,
    UNCHANGED,
    end_of,
    fingerprint,
    remember,
    scope_of,
)

Span = tuple[date, date]
"""The days whose telemetry decides a month: from the first to the one after the last."""

_LOADED = """
    SELECT known.month, concat_ws(';', state.fingerprint,
        (SELECT string_agg(concat_ws(' ', slice_id, dataset, loaded_at), ',' ORDER BY slice_id)
         FROM slice WHERE kind = 'bill' AND period >= known.month - interval '1 month'
                      AND period <= known.month + interval '1 month'),
        (SELECT string_agg(concat_ws(' ', slice_id, loaded_at), ',' ORDER BY slice_id)
         FROM slice WHERE kind IN ('metrics', 'usage', 'workloads') AND period BETWEEN known.first AND known.last))
    FROM unnest(CAST(:months AS date[]), CAST(:firsts AS date[]), CAST(:lasts AS date[])) AS known (month, first, last)
    JOIN analysis_state AS state ON state.period = known.month"""


@dataclass(frozen=True)
class Found:
    """Months as they were analyzed; ``news`` are those whose charges had to be asked, with what to keep of each."""

    unchanged: frozenset[date]
    news: Mapping[date, tuple[str, Span]] = field(default_factory=dict)

    def keep(self, connection: Connection, now: datetime) -> None:
        """Spare these charges the next time."""
        for month, (kept, span) in self.news.items():
            remember(connection, f"{UNCHANGED}{month}", kept, now, [day.isoformat() for day in span])


def find_unchanged(engine: Engine, months: Sequence[date], settings: str) -> Found:
    """Of ``months`` those that need no analysis; ``settings`` as their fingerprints take them."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        tables = (NAMES_SAY, SKUS_SAY, RESOURCES_SAY, PRICES_SAY)
        around = [settings, *(str(connection.scalar(text(query))) for query in tables)]
        kept = _kept(connection, months)
        spans = {month: span for month, (_, span) in kept.items()}
        now = _rests_on(connection, spans, around)
        same = {month for month, words in now.items() if words == kept[month][0]}
        asked: dict[date, Span] = {}
        for month in months:
            if month not in same and (scope := _as_analyzed(connection, month, settings)) is not None:
                asked[month] = scope
        news = {month: (words, asked[month]) for month, words in _rests_on(connection, asked, around).items()}
    return Found(frozenset(same | set(asked)), news)


def _kept(connection: Connection, months: Sequence[date]) -> dict[date, tuple[str, Span]]:
    """What each month rested on when it was last found unchanged, and the days that decide it."""
    parts = {f"{UNCHANGED}{month}": month for month in months}
    made = made_from.c
    rows = connection.execute(select(made.part, made.fingerprint, made.notes).where(made.part.in_(parts)))
    return {
        parts[part]: (words, (date.fromisoformat(first), date.fromisoformat(last)))
        for part, words, (first, last) in rows
    }


def _rests_on(connection: Connection, spans: Mapping[date, Span], around: Sequence[str]) -> dict[date, str]:
    """What each month that was analyzed rests on, in one hash."""
    days = list(spans.values())
    asked = {"months": list(spans), "firsts": [first for first, _ in days], "lasts": [last for _, last in days]}
    rows = connection.execute(text(_LOADED), asked).all() if spans else []
    return {month: hashlib.sha256("\n".join([*around, loaded]).encode()).hexdigest() for month, loaded in rows}


def _as_analyzed(connection: Connection, month: date, settings: str) -> Span | None:
    """The days that decide it, where its charges say it is as it was analyzed; else None."""
    before = connection.scalar(text("SELECT fingerprint FROM analysis_state WHERE period = :month"), {"month": month})
    if before is None:
        return None
    scope = scope_of(connection, month)
    return (scope.first, end_of(scope)) if fingerprint(connection, scope, settings) == before else None
