"""Use by hour: tokens, requests, and how many ran at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import insert

from aispend.schema import inference_hour
from aispend.store import Store
from recommender.subjects.served_use import Use, served_use

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
KEY = ("aws", "111122223333", "llama")
HOUR = 30
"""Of two days, 06:00 on the second."""


def record(database: Store, unit: str, quantity: int, **values: Any) -> None:
    with database.engine.begin() as connection:
        row = {
            "slice_id": 1,
            "hour": AS_OF - timedelta(hours=48 - HOUR),
            "namespace": "files",
            "provider": "aws",
            "account": "111122223333",
            "model": "llama",
            "unit_class": unit,
            "quantity": quantity,
        }
        connection.execute(insert(inference_hour).values(**(row | values)))


def used(database: Store) -> Use:
    with database.engine.connect() as connection:
        by_resource, by_model = served_use(connection, AS_OF, 2)
    assert by_resource == {}
    return by_model[KEY]


def test_requests_at_once_are_rate_times_latency(database: Store) -> None:
    """1,800 requests of 4 s and 900 of 2 s in an hour: 9,000 s of work, 2.5 at once."""
    record(database, "requests", 1800, endpoint="a", latency_p50_ms=4000.0)
    record(database, "requests", 900, endpoint="b", latency_p50_ms=2000.0)
    record(database, "failed_requests", 10)
    record(database, "input", 20_000)
    record(database, "cached_input", 7_100)
    record(database, "output", 5_420)
    found = used(database)

    assert found.requests[HOUR] == 2710
    assert found.running[HOUR] == 2.5
    assert found.running.sum() == 2.5
    assert found.tokens_per_request == (10.0, 2.0)


def test_a_latency_nobody_recorded_leaves_it_unknown(database: Store) -> None:
    record(database, "requests", 1800, endpoint="a", latency_p50_ms=4000.0)
    record(database, "requests", 900, endpoint="b")
    found = used(database)
    assert np.isnan(found.running[HOUR])
    assert found.requests[HOUR] == 2700
    assert found.tokens_per_request is None


def test_both_together_are_the_sum() -> None:
    one = Use(*[np.array([1.0, 2.0])] * 4)
    assert one.plus(one).running.tolist() == [2.0, 4.0]


def test_days_on_which_nothing_of_the_account_was_recorded_are_unknown(database: Store) -> None:
    """A request to another model on the second day: of this one it is known that nobody asked, and not of the first."""
    record(database, "requests", 5, hour=AS_OF - timedelta(hours=47), model="claude", account="444455556666")
    record(database, "requests", 5, model="claude")
    record(database, "requests", 7)
    with database.engine.connect() as connection:
        _, by_model = served_use(connection, AS_OF, 2)
    known = by_model[KEY].recorded
    assert known is not None
    assert known.tolist() == [False] * 24 + [True] * 24
    other = by_model["aws", "444455556666", "claude"].recorded
    assert other is not None
    assert other.tolist() == [True] * 24 + [False] * 24
    both = by_model[KEY].plus(by_model["aws", "444455556666", "claude"]).recorded
    assert both is not None
    assert not both.any()
