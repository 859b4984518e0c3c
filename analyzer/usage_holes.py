"""Servers that worked on a day of which nothing was logged: what they cost that day is the price of nothing counted.

Assumes     the month's lines by day (``unit_line``), what was measured (``active_day``) and its usage (``usage_day``,
            placed in ``volume_day``).
Method      A server that serves a model has a hole on a day on which its accelerators were active at or above
            ``IDLE_ACTIVITY`` and no usage of any model was logged of it, where usage was to be logged: either its own
            log has a day of this month or of the one before, or nothing was logged of the model anywhere that day. What
            else a model cost on a day with a hole (its part of a gateway) goes with it where nothing was logged of the
            model.
Cases       A log that names no server is of all servers of the model. A server that has no log of its own while that of
            its model goes on is one whose requests another server logs. A machine that worked for another model is a
            day of waiting for the models it did not work for. What was not measured has no hole.
Drawbacks   Of two servers of a model the one whose log ended before the last month began is not told from one that
            never had its own, nor where that month's usage came after this one was analyzed. A measured mean tells work
            from none, not requests from a health check or from a warm-up.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection, text

from aispend.clock import month_of
from analyzer.hours import IDLE_ACTIVITY
from analyzer.names import inference_hours

SERVING = ("inference_online", "inference_batch")
"""Stages of which requests are logged."""

_KEYS = "day, provider, model, stage, currency"

_SILENT = f"""
    CREATE TEMP TABLE silent_server ON COMMIT DROP AS
    WITH logged AS (SELECT DISTINCT resource_key, day FROM usage_day WHERE resource_key <> 0),
    of_model AS (
        SELECT u.day, u.provider, lower(n.name) AS model, bool_or(coalesce(u.resource_key, 0) = 0) AS anywhere
        FROM usage_day u CROSS JOIN LATERAL (VALUES (u.placed_model), (u.model)) AS n (name)
        WHERE n.name IS NOT NULL GROUP BY 1, 2, 3)
    SELECT l.*, m.model IS NOT NULL AS is_model_logged
    FROM (SELECT DISTINCT {_KEYS}, resource_key FROM unit_line
          WHERE paid > 0 AND resource_key <> 0 AND model IS NOT NULL AND stage IN ('{"', '".join(SERVING)}')) AS l
    JOIN active_day a USING (resource_key, day)
    LEFT JOIN logged USING (resource_key, day)
    LEFT JOIN of_model m ON m.day = l.day AND m.provider = l.provider AND m.model = lower(l.model)
    WHERE a.active >= {IDLE_ACTIVITY} AND logged.day IS NULL AND m.anywhere IS NOT TRUE"""
"""Servers that worked on days of which nothing was logged of them; whether their model was logged elsewhere."""

_HAS_LOG = """
    CREATE TEMP TABLE has_log ON COMMIT DROP AS
    SELECT DISTINCT resource_key FROM usage_day
    WHERE resource_key IN (SELECT resource_key FROM silent_server WHERE is_model_logged)"""

_HAD_LOG = """
    INSERT INTO has_log
    SELECT DISTINCT t.resource_key FROM {inference_hours} AS t
    WHERE t.hour >= :before AND t.hour < :month AND t.quantity > 0
      AND t.resource_key IN (SELECT resource_key FROM silent_server
                             WHERE is_model_logged AND resource_key NOT IN (SELECT resource_key FROM has_log))"""

_SERVERS = f"""
    CREATE TEMP TABLE unlogged_server ON COMMIT DROP AS
    SELECT {_KEYS}, resource_key FROM silent_server
    WHERE NOT is_model_logged OR resource_key IN (SELECT resource_key FROM has_log)"""

_DAYS = f"""
    CREATE TEMP TABLE unlogged_day ON COMMIT DROP AS
    SELECT DISTINCT {_KEYS} FROM unlogged_server
    EXCEPT SELECT {_KEYS} FROM volume_day"""


_IN_DOUBT = """
    SELECT EXISTS (SELECT FROM silent_server
                   WHERE is_model_logged AND resource_key NOT IN (SELECT resource_key FROM has_log))"""


def find_unlogged(connection: Connection, month: date) -> None:
    """Make ``unlogged_server`` (day, provider, model, stage, currency, resource_key) and ``unlogged_day``.

    The second: of these days those on which nothing was logged of the model either.
    """
    connection.execute(text(_SILENT))
    connection.execute(text(_HAS_LOG))
    if connection.scalar(text(_IN_DOUBT)):  # a pass over a month of telemetry, for these alone
        scope = {"before": month_of(month - timedelta(days=1)), "month": month}
        connection.execute(text(_HAD_LOG.format(inference_hours=inference_hours())), scope)
    connection.execute(text(_SERVERS))
    connection.execute(text(_DAYS))
