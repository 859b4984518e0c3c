"""Days on which somebody looked at what was asked of a resource: silence on them is idleness, on any other unknown.

Assumes     a connection that lists a resource reads the account and region it is in, for usage as for its inventory.
Method      A day of its usage that was read whole after the day was over, with the resource in the connection's listing
            by then. A listing may come a day after the usage: a first run reads both, one after the other.
Cases       A day that was not over, or that lacked something (a refusal, series that could not be given): its change
            token says so, and it is unknown. Files say nothing of what is not in them.
Drawbacks   A day that lacked another account's usage is unknown here as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection, text

from recommender.subjects.served_use import Use

WHOLE = "^settled( of [^ ]*)?$"
"""Change tokens of a day that was read after it was over and lacked nothing, whatever scopes it was read of."""


def watched_days(
    connection: Connection, keys: Collection[int], as_of: datetime, days: int
) -> Mapping[int, frozenset[int]]:
    """By resource key, which of the last ``days`` were looked at, the first of them being 0."""
    since = as_of.date() - timedelta(days=days)
    rows = connection.execute(
        text(_WATCHED),
        {"keys": list(keys), "whole": WHOLE, "first": f"{since}", "until": f"{as_of.date()}", "since": since},
    )
    found: dict[int, set[int]] = defaultdict(set)
    for key, day in rows:
        found[key].add(day)
    return {key: frozenset(numbers) for key, numbers in found.items()}


def looked_at(use: Use | None, watched: frozenset[int], days: int) -> Use | None:
    """The use with what is known of days nobody asked on; None where nobody asked and nobody looked."""
    if not watched or (use is not None and use.recorded is None):
        return use
    known = np.repeat([day in watched for day in range(days)], 24)
    if use is None:
        nothing = np.zeros(known.size)
        return Use(nothing, nothing, nothing, nothing, known)
    assert use.recorded is not None  # noqa: S101 - returned above
    return replace(use, recorded=use.recorded | known)


_WATCHED = r"""
    SELECT listed.resource_key, CAST(c.slice AS date) - CAST(:since AS date)
    FROM (SELECT resource_key, source, min(valid_from) AS since FROM resource_history
          WHERE resource_key = ANY(:keys) AND source LIKE '%/inventory' GROUP BY resource_key, source) listed
    JOIN collection c ON c.source = split_part(listed.source, '/', 1) || '/usage'
    WHERE c.change_token ~ :whole AND c.collected_at >= listed.since - interval '1 day'
      AND c.slice ~ '^\d{4}-\d\d-\d\d$' AND c.slice >= :first AND c.slice < :until"""
