"""Advice is written with as many statements for much of it as for little."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import event, select

from aispend.clock import Clock
from aispend.schema import recommendation, recommendation_event, why_not
from aispend.settings import Settings
from aispend.store import Store
from recommender.life import change_state
from recommender.record import keep
from recommender.run import recommend
from tests.recommender.kinds.served import Make
from tests.recommender.test_quotas_together import machines, of_spot, on_spot
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


def test_what_has_no_room_beside_other_advice_is_a_reason_and_not_kept(
    database: Store, make_subject: Make, clock: Clock
) -> None:
    """Two machines to spot, 96 vCPUs each, 96 granted: the larger saving is kept, the other once that is refused."""
    small, large = (
        on_spot(machine, of_spot(96), net) for machine, net in zip(machines(make_subject, 2), (3000, 4000), strict=True)
    )
    small = replace(small, subject=replace(small.subject, model="llama", team="Data/AI"))
    with database.engine.begin() as connection:
        counts, refused = keep(connection, [small, large], [], clock())
        kept = {row.resource_id: row for row in connection.execute(select(recommendation))}
        reasons = {row.resource_id: row.reason for row in connection.execute(select(why_not))}
        whose = connection.execute(select(why_not.c.model, why_not.c.team)).one()
    assert tuple(whose) == ("llama", "Data/AI")
    assert (counts, [item.subject.resource_id for item in refused]) == (1, ["i-1"])
    assert (list(kept), kept["i-2"].counted_net, reasons) == (["i-2"], Decimal(4000), {"i-1": "quota"})

    with database.engine.begin() as connection:
        change_state(connection, kept["i-2"].id, "dismissed", who="ana", reason="no", clock=clock)
        keep(connection, [small, large], [], clock())
        rows = connection.execute(select(recommendation).order_by(recommendation.c.resource_id)).all()
    assert [(row.resource_id, row.state, row.counted) for row in rows] == [
        ("i-1", "open", True),
        ("i-2", "dismissed", False),
    ]
