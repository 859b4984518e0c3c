"""On which days telemetry tells whose spend is: on all others a team or a model is unknown, and not at zero.

Assumes     ``spend_day`` as the last analysis left it: a charge that no telemetry met is its bill's alone (rung
            ``charge`` or ``unattributed``), so what telemetry would have said of its team or model is nobody's.
Method      Of each service of a provider the first and the last day on which telemetry placed any of its cost. A day
            before or after them counts as unknown only where the bill goes on, with cost that the bill alone places and
            gives nobody: who stops buying is no log that ends. A day between them on which telemetry placed none of
            the service's cost is a hole where more is nobody's than on the middle one of the days it did, by more than
            the least impact. Of each team and model that telemetry names there, what its dearest day cost.
Cases       A value that costs no more than the least impact on any such day is not cut short for it, nor is any where
            nobody has no more than that on a day. Nobody's spend is known where that of all others is. A series has no
            day missing: in a hole stands what the same weekday cost before, else after, so that the watch sees none.
Drawbacks   A hole in one of several logs of a service is taken for days without use. A value that is told by telemetry
            in part is not judged at all on days of which that part is unknown. What a run of odd days with a hole
            among them cost is told with that day as it was the week before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

from aispend.money import exactly


class Told(NamedTuple):
    """A value that telemetry tells of a service: from its first day to its last, and what its dearest day cost.

    ``holes``: the days between of which it tells nothing.
    """

    cut: str
    value: str
    currency: str
    first: date
    last: date
    most: Decimal
    holes: frozenset[date] = frozenset()


def told_values(connection: Connection, first: date, end: date, left_out: Sequence[int], least: Decimal) -> list[Told]:
    """What telemetry tells of services whose bill goes on where it is silent, from ``first`` up to ``end``, excluded.

    ``date.min`` and ``date.max`` stand where nothing is missing. ``left_out``: slices not to be read. ``least``: cost
    of a day that is no matter.
    """
    scope = {"first": first, "end": end, "left_out": list(left_out), "least": least}
    spans = connection.execute(text(_SPANS), scope).all()
    if not spans:
        return []
    names = {
        "cuts": [row.cut for row in spans],
        "currencies": [row.currency for row in spans],
        "providers": [row.provider for row in spans],
        "services": [row.service for row in spans],
        "since": [row.since or date.min for row in spans],
        "until": [row.until or date.max for row in spans],
    }
    with exactly():
        rows = connection.execute(text(_VALUES), scope | names).all()
    return [Told(*row[:6])._replace(holes=frozenset(spans[row.number - 1].holes)) for row in rows]


def known_span(
    told: Iterable[Told], name: tuple[str, str | None, str], first: date, end: date, least: Decimal
) -> tuple[date, date]:
    """The first day on which a cut's value in a currency is known, and the day after the last.

    ``least``: cost of a day that is no matter. The second is not after the first where no day is known.
    """
    for one in _of(told, name, least):
        first = max(first, one.first)
        end = one.last + timedelta(days=1) if one.last < end else end
    return first, end


def without_holes(
    told: Iterable[Told],
    name: tuple[str, str | None, str],
    first: date,
    costs: Sequence[Decimal],
    least: Decimal,
) -> tuple[Decimal, ...]:
    """The ``costs`` of each day from ``first`` on, what the same weekday cost in place of days that are not known."""
    unknown = {(day - first).days for one in _of(told, name, least) for day in one.holes}
    filled = list(costs)
    for number in unknown & set(range(len(costs))):
        alike = (*range(number - _WEEK, -1, -_WEEK), *range(number + _WEEK, len(costs), _WEEK))
        filled[number] = next((costs[one] for one in alike if one not in unknown), costs[number])
    return tuple(filled)


def _of(told: Iterable[Told], name: tuple[str, str | None, str], least: Decimal) -> Iterator[Told]:
    """What matters to a cut's value in a currency; all values of the cut where it is nobody's."""
    cut, value, currency = name
    for one in told:
        if (one.cut, one.currency) == (cut, currency) and value in (one.value, None) and one.most > least:
            yield one


_WEEK = 7
_BY_TELEMETRY = "rung IN ('instance-hour', 'fleet-hour', 'endpoint-day', 'sku-day')"
_BY_BILL = "rung IN ('charge', 'unattributed')"
_RANGE = """charge_date >= :first AND charge_date < :end AND slice_id <> ALL(:left_out)
      AND is_ai AND (charge_category = 'Usage' OR charge_category IS NULL)"""

_SPANS = f"""
    SELECT cut, provider, service, currency, CASE WHEN nobody_from < told_from THEN told_from END AS since,
           CASE WHEN nobody_to > told_to THEN told_to END AS until, holes
    FROM (SELECT cut, provider, service, currency,
                 min(charge_date) FILTER (WHERE is_told) AS told_from,
                 max(charge_date) FILTER (WHERE is_told) AS told_to,
                 min(charge_date) FILTER (WHERE nobodys > :least) AS nobody_from,
                 max(charge_date) FILTER (WHERE nobodys > :least) AS nobody_to,
                 array_agg(charge_date ORDER BY charge_date) FILTER (WHERE NOT is_told) AS untold,
                 array_agg(nobodys ORDER BY charge_date) FILTER (WHERE NOT is_told) AS untold_nobodys,
                 percentile_disc(0.5) WITHIN GROUP (ORDER BY coalesce(nobodys, 0)) FILTER (WHERE is_told)
                     AS usually_nobodys
          FROM (SELECT cut, provider, service, currency, charge_date, bool_or({_BY_TELEMETRY}) AS is_told,
                       sum(coalesce(effective_cost, billed_cost)) FILTER (
                           WHERE {_BY_BILL} AND CASE cut WHEN 'team' THEN team ELSE model END IS NULL) AS nobodys
                FROM spend_day CROSS JOIN (VALUES ('team'), ('model')) AS cuts (cut)
                WHERE {_RANGE} GROUP BY 1, 2, 3, 4, 5) AS day
          GROUP BY 1, 2, 3, 4) AS known
    CROSS JOIN LATERAL (SELECT array(SELECT day.charge_date FROM unnest(untold, untold_nobodys)
                                         AS day (charge_date, nobodys)
                                     WHERE day.charge_date BETWEEN told_from AND told_to
                                       AND day.nobodys > usually_nobodys + :least) AS holes) AS between_told
    WHERE nobody_from < told_from OR nobody_to > told_to OR holes <> '{{}}'"""

_VALUES = f"""
    WITH named AS (
        SELECT DISTINCT cut, CASE cut WHEN 'team' THEN team ELSE model END AS value
        FROM share_target CROSS JOIN (VALUES ('team'), ('model')) AS cuts (cut)
        WHERE {_BY_TELEMETRY} AND method ~ (cut || '=(usage|workload)'))
    SELECT cut, value, currency, since, until, max(cost), number
    FROM (SELECT s.cut, n.value, s.currency, s.since, s.until, s.number, d.charge_date,
                 sum(coalesce(d.effective_cost, d.billed_cost)) AS cost
          FROM spend_day d
          JOIN unnest(CAST(:cuts AS text[]), CAST(:providers AS text[]), CAST(:services AS text[]),
                      CAST(:currencies AS text[]), CAST(:since AS date[]), CAST(:until AS date[])) WITH ORDINALITY
               AS s (cut, provider, service, currency, since, until, number)
            ON s.provider = d.provider AND s.service IS NOT DISTINCT FROM d.service AND s.currency = d.currency
          JOIN named n ON n.cut = s.cut AND n.value = CASE s.cut WHEN 'team' THEN d.team ELSE d.model END
          WHERE {_RANGE} AND {_BY_TELEMETRY}
          GROUP BY 1, 2, 3, 4, 5, 6, 7) AS day
    WHERE cost IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 7
    ORDER BY 1, 2, 3, 4, 5, 7"""
