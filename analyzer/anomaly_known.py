"""From which day to which telemetry tells whose spend is: beyond them a team or a model is unknown, and not at zero.

Assumes     ``spend_day`` as the last analysis left it: a charge that no telemetry met is its bill's alone (rung
            ``charge`` or ``unattributed``), so what telemetry would have said of its team or model is nobody's.
Method      Of each service of a provider the first and the last day on which telemetry placed any of its cost. A day
            before or after them counts as unknown only where the bill goes on, with cost that the bill alone places and
            gives nobody: who stops buying is no log that ends. Of each team and model that telemetry names there, what
            its dearest day cost.
Cases       A value that costs no more than the least impact on any such day is not cut short for it, nor is any where
            nobody has no more than that on a day. Nobody's spend is known where that of all others is.
Drawbacks   A hole between two days of telemetry is taken for days without use, as in :mod:`analyzer.usage_days`. A
            value that is told by telemetry in part is not judged at all on days of which that part is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

from aispend.money import exactly


class Told(NamedTuple):
    """A value that telemetry tells of a service: from its first day to its last, and what its dearest day cost."""

    cut: str
    value: str
    currency: str
    first: date
    last: date
    most: Decimal


def told_values(connection: Connection, first: date, end: date, left_out: Sequence[int], least: Decimal) -> list[Told]:
    """What telemetry tells of services whose bill goes on where it ends, from ``first`` up to, not including, ``end``.

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
        return [Told(*row) for row in connection.execute(text(_VALUES), scope | names)]


def known_span(
    told: Iterable[Told], name: tuple[str, str | None, str], first: date, end: date, least: Decimal
) -> tuple[date, date]:
    """The first day on which a cut's value in a currency is known, and the day after the last.

    ``least``: cost of a day that is no matter. The second is not after the first where no day is known.
    """
    cut, value, currency = name
    for one in told:
        if (one.cut, one.currency) == (cut, currency) and value in (one.value, None) and one.most > least:
            first = max(first, one.first)
            end = one.last + timedelta(days=1) if one.last < end else end
    return first, end


_BY_TELEMETRY = "rung IN ('instance-hour', 'fleet-hour', 'endpoint-day', 'sku-day')"
_BY_BILL = "rung IN ('charge', 'unattributed')"
_RANGE = """charge_date >= :first AND charge_date < :end AND slice_id <> ALL(:left_out)
      AND is_ai AND (charge_category = 'Usage' OR charge_category IS NULL)"""

_SPANS = f"""
    SELECT cut, provider, service, currency, CASE WHEN nobody_from < told_from THEN told_from END AS since,
           CASE WHEN nobody_to > told_to THEN told_to END AS until
    FROM (SELECT cut, provider, service, currency,
                 min(charge_date) FILTER (WHERE is_told) AS told_from,
                 max(charge_date) FILTER (WHERE is_told) AS told_to,
                 min(charge_date) FILTER (WHERE nobodys > :least) AS nobody_from,
                 max(charge_date) FILTER (WHERE nobodys > :least) AS nobody_to
          FROM (SELECT cut, provider, service, currency, charge_date, bool_or({_BY_TELEMETRY}) AS is_told,
                       sum(coalesce(effective_cost, billed_cost)) FILTER (
                           WHERE {_BY_BILL} AND CASE cut WHEN 'team' THEN team ELSE model END IS NULL) AS nobodys
                FROM spend_day CROSS JOIN (VALUES ('team'), ('model')) AS cuts (cut)
                WHERE {_RANGE} GROUP BY 1, 2, 3, 4, 5) AS day
          GROUP BY 1, 2, 3, 4) AS known
    WHERE nobody_from < told_from OR nobody_to > told_to"""

_VALUES = f"""
    WITH named AS (
        SELECT DISTINCT cut, CASE cut WHEN 'team' THEN team ELSE model END AS value
        FROM share_target CROSS JOIN (VALUES ('team'), ('model')) AS cuts (cut)
        WHERE {_BY_TELEMETRY} AND method ~ (cut || '=(usage|workload)'))
    SELECT cut, value, currency, since, until, max(cost)
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
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 1, 2, 3, 4, 5"""
