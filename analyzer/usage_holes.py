"""What was paid on a day for what no log counts: servers that worked unlogged, and accounts that no log names.

Assumes     the month's lines by day (``unit_line``), what was measured (``active_day``) and its usage (``usage_day``,
            placed in ``volume_day``).
Method      A server that serves a model has a hole on a day on which its accelerators were active at or above
            ``IDLE_ACTIVITY`` and no usage of any model was logged of it, where usage was to be logged: either its own
            log has a day of this month or of the one before, or nothing was logged of the model anywhere that day. What
            else a model cost on a day with a hole (its part of a gateway) goes with it where nothing was logged of the
            model.
            Cost and quantity of a rate are of the same accounts. Where a token-priced bill counts tokens of an account
            on a day on which the model was logged, but by no usage that names the account, or a resource it pays for,
            what the account cost goes with the tokens as billed, and no requests of it are known.
Cases       Usage that names no account and no resource is of all accounts; that of one tier is of all tiers of its
            account. A log that names no server is of all servers of the model. A server that has no log of its own
            while that of its model goes on is one whose requests another server logs. A machine that worked for another
            model is a day of waiting for the models it did not work for. What was not measured has no hole.
Drawbacks   Of two servers of a model the one whose log ended before the last month began is not told from one that
            never had its own, nor where that month's usage came after this one was analyzed. A measured mean tells work
            from none, not requests from a health check or from a warm-up. An account that no log names and whose bill
            counts no tokens (provisioned throughput) is in the rates of what the others served: it may have waited.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection, text

from aispend.clock import month_of
from analyzer.hours import IDLE_ACTIVITY
from analyzer.names import inference_hours
from analyzer.tokens import TOKEN_CLASSES

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

_ACCOUNTS = f"""
    CREATE TEMP TABLE unlogged_account ON COMMIT DROP AS
    WITH placed AS (
        SELECT DISTINCT day, provider, placed_model AS model, account, coalesce(resource_key, 0) AS resource_key
        FROM usage_day WHERE placed_model IS NOT NULL),
    named AS (
        SELECT day, provider, model, account_key FROM placed JOIN account_name n ON n.name = placed.account
        UNION
        SELECT day, provider, placed.model, l.account_key
        FROM placed JOIN unit_line l USING (day, provider, resource_key) WHERE resource_key <> 0)
    SELECT DISTINCT {_KEYS}, account_key
    FROM unit_line l JOIN (SELECT DISTINCT {_KEYS} FROM volume_day) AS v USING ({_KEYS})
    WHERE l.units > 0 AND l.unit_class IN ('{"', '".join(TOKEN_CLASSES)}') AND l.reason IN ('used', 'direct')
      AND (day, provider, model, account_key) NOT IN (SELECT day, provider, model, account_key FROM named)
      AND (day, provider, model) NOT IN (
          SELECT day, provider, model FROM placed WHERE account IS NULL AND resource_key = 0)"""


_IN_DOUBT = """
    SELECT EXISTS (SELECT FROM silent_server
                   WHERE is_model_logged AND resource_key NOT IN (SELECT resource_key FROM has_log))"""


def find_unlogged(connection: Connection, month: date) -> None:
    """Make ``unlogged_server`` (day, provider, model, stage, currency, resource_key), ``unlogged_day`` and
    ``unlogged_account`` (account_key for resource_key).

    The second: of the first one's days those on which nothing was logged of the model either.
    """
    connection.execute(text(_SILENT))
    connection.execute(text(_HAS_LOG))
    if connection.scalar(text(_IN_DOUBT)):  # a pass over a month of telemetry, for these alone
        scope = {"before": month_of(month - timedelta(days=1)), "month": month}
        connection.execute(text(_HAD_LOG.format(inference_hours=inference_hours())), scope)
    connection.execute(text(_SERVERS))
    connection.execute(text(_DAYS))
    connection.execute(text(_ACCOUNTS))
