"""Advice is written with as many statements for much of it as for little."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import event, select

from aispend.clock import Clock
from aispend.schema import recommendation, recommendation_event
from aispend.settings import Settings
from aispend.store import Store
from recommender.run import recommend
from tests.recommender.test_run import fleet

__all__ = ["fleet"]


def test_much_advice_is_as_many_statements_as_little(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    written: Counter[str] = Counter()

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written[" ".join(statement.split()[:3])] += 1

    event.listen(fleet.engine, "before_cursor_execute", count)
    recommend(fleet.engine, store_settings, clock)
    event.remove(fleet.engine, "before_cursor_execute", count)

    with fleet.engine.connect() as connection:
        kept = connection.execute(select(recommendation.c.id, recommendation.c.state)).all()
        said = connection.execute(select(recommendation_event.c.recommendation_id, recommendation_event.c.event)).all()
    assert len(kept) > 1
    assert {row.state for row in kept} == {"open"}
    assert sorted(said) == sorted((row.id, "proposed") for row in kept)
    assert written["INSERT INTO recommendation"] == 1
    # what is new, and what grew
    assert written["INSERT INTO recommendation_event"] == 2
    # the new ones are open, and what is not found any more does not count
    assert written["UPDATE recommendation SET"] == 2
