"""Usage beside what is paid for: failed requests, reasoning, engine times, and requests within the latency target.

Assumes     the month's ``used_day`` (:mod:`analyzer.usage`) was made from the same ``inference_hour`` rows.
Method      A row of requests says how long half and 95 % of them took. Of those of a model with a target: all are good
            where a single latency was within it, else at least 95 % where the 95th percentile was, at least half where
            the median was, else none. The sum is a lower bound of the goodput.
Cases       Requests without a latency or with a mean alone (no 95th percentile), and models without a target, are not
            judged: they are neither good nor bad.
Drawbacks   Between two percentiles the true share is higher than counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, text

from aispend.watching import LatencyTarget
from analyzer.names import inference_hours

SERVED_CLASSES = ("failed_requests", "reasoning", "good_requests", "judged_requests")
TIME_CLASSES = ("prefill_us", "decode_us")
"""Microseconds the engine took for the input, and for the output."""

_ALONGSIDE = "'failed_requests', 'reasoning', " + ", ".join(f"'{name}'" for name in TIME_CLASSES)

_SERVED = """
    CREATE TEMP TABLE served_day ON COMMIT DROP AS
    SELECT t.resource_key, coalesce(r.provider, lower(t.provider)) AS provider,
           regexp_replace(lower(t.account), '^/subscriptions/', '') AS account,
           (t.hour AT TIME ZONE 'UTC')::date AS day, t.model, t.service_tier, part.unit_class,
           sum(t.quantity * part.share) AS quantity
    FROM {inference_hours} AS t
    LEFT JOIN resource r USING (resource_key)
    LEFT JOIN LATERAL (
        SELECT g.latency_ms FROM unnest(CAST(:models AS text[]), CAST(:limits AS float8[]))
               WITH ORDINALITY AS g (model, latency_ms, place)
        WHERE lower(t.model) LIKE g.model ORDER BY g.place LIMIT 1) AS target ON t.unit_class = 'requests'
    CROSS JOIN LATERAL (
        SELECT t.unit_class, 1.0 AS share WHERE t.unit_class IN ({alongside})
        UNION ALL
        SELECT 'judged_requests', 1.0
        WHERE target.latency_ms IS NOT NULL AND t.latency_p95_ms IS NOT NULL
        UNION ALL
        SELECT 'good_requests', CASE
            WHEN t.latency_p95_ms <= target.latency_ms AND t.latency_p50_ms = t.latency_p95_ms THEN 1.0
            WHEN t.latency_p95_ms <= target.latency_ms THEN 0.95
            WHEN t.latency_p50_ms <= target.latency_ms THEN 0.5 ELSE 0 END
        WHERE target.latency_ms IS NOT NULL AND t.latency_p95_ms IS NOT NULL) AS part
    WHERE t.hour >= :first AND t.hour < :last AND t.quantity > 0
      AND t.unit_class IN ('requests', {alongside})
    GROUP BY 1, 2, 3, 4, 5, 6, 7"""


def gather_served(connection: Connection, targets: Sequence[LatencyTarget], *, first: date, last: date) -> None:
    """Make ``served_day``, as ``used_day`` is: the other classes within ``[first, last)``, by day."""
    patterns = [_like(target.model) for target in targets]
    limits = [target.latency_ms for target in targets]
    connection.execute(
        text(_SERVED.format(inference_hours=inference_hours(), alongside=_ALONGSIDE)),
        {"first": first, "last": last, "models": patterns, "limits": limits},
    )


def _like(pattern: str) -> str:
    """A glob as LIKE reads it."""
    escaped = pattern.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")
