"""Advice is the same to the last digit in whatever order bill and telemetry lie in the database."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from aispend.clock import Clock
from aispend.schema import charge, recommendation, why_not
from aispend.settings import Settings
from aispend.store import Store
from recommender.contract import DailyCost
from recommender.run import recommend
from recommender.subjects.services import together
from tests.recommender.test_run import fleet

__all__ = ["fleet"]

_AGAIN = (
    "CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM {table}",
    "DELETE FROM {table}",
    "INSERT INTO {table} SELECT * FROM kept ORDER BY {order}",
)
_MIXED = {
    "charge": "hashint4(ordinal)",
    "accelerator_hour": "hour DESC, accelerator_index DESC",
    "resource_alias": "alias DESC",
}


def _all_of_it(store: Store) -> dict[str, list[Any]]:
    """All that a run writes but when it did."""
    found = {}
    with store.engine.connect() as connection:
        for table in (recommendation, why_not):
            columns = [column for column in table.c if not column.name.endswith("_at") and column.name != "at"]
            rows = connection.execute(select(*columns))
            found[table.name] = sorted((tuple(map(repr, row)) for row in rows), key=str)
    return found


def test_a_run_says_the_same_in_any_order(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    with fleet.engine.begin() as connection:
        # no round sums: each line a little dearer than the one before
        connection.execute(
            update(charge).values(effective_cost=func.round(charge.c.effective_cost / 7 + charge.c.ordinal, 12))
        )
    recommend(fleet.engine, store_settings, clock)
    before = _all_of_it(fleet)
    assert len(before["recommendation"]) > 1
    for table, order in _MIXED.items():
        with fleet.engine.begin() as connection:
            for statement in _AGAIN:
                connection.execute(text(statement.format(table=table, order=order)))
    recommend(fleet.engine, store_settings, clock)
    assert _all_of_it(fleet) == before


MONEY = st.one_of(st.none(), st.decimals(0, 10**9, places=12))
COST = st.builds(
    DailyCost,
    day=st.integers(0, 2).map(lambda number: date(2026, 9, 1) + timedelta(days=number)),
    hours=st.integers(0, 24),
    list_cost=MONEY,
    effective_cost=MONEY,
    uncovered_effective_cost=MONEY,
    is_spot=st.booleans(),
    billed=st.booleans(),
    hours_mask=st.one_of(st.none(), st.integers(0, (1 << 24) - 1)),
)


@given(
    st.lists(st.lists(COST, max_size=4), max_size=4).flatmap(
        lambda costs: st.tuples(st.just(costs), st.permutations(costs))
    )
)
def test_days_of_several_resources_add_up_in_any_order(
    given_ones: tuple[list[list[DailyCost]], list[list[DailyCost]]],
) -> None:
    costs, mixed = given_ones
    found = together(costs)
    assert together(mixed) == found
    every = [cost for days in costs for cost in days]
    assert [cost.day for cost in found] == sorted({cost.day for cost in every})
    for cost in found:
        same = [one for one in every if one.day == cost.day]
        for name in ("list_cost", "effective_cost", "uncovered_effective_cost"):
            amounts = [getattr(one, name) for one in same]
            assert getattr(cost, name) == (None if None in amounts else sum(amounts, Decimal(0)))
        assert cost.hours == max(one.hours for one in same)
        assert cost.is_spot == all(one.is_spot for one in same)
        assert cost.billed == any(one.billed for one in same)
        assert cost.hours_mask is None
