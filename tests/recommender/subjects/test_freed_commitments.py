"""Commitments that changes set free are there for other usage."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from aispend.schema import charge
from aispend.store import Store
from recommender.subjects.usage_pools import load_usage_pools
from tests.recommender.subjects.p4d_fleet import AS_OF, DAY, decide, load, measure, p4d_fleet


@pytest.fixture
def fleet(database: Store) -> Store:
    """One payer's p4d, of which one is on demand in the morning, one on spot and one covered until next month."""
    return p4d_fleet(database)


@pytest.mark.parametrize(
    ("done_on", "freed"),
    [
        (None, 5),
        (DAY, 5),
        # its bill of the 20th is of another machine, which the commitment covers in its place
        (DAY - timedelta(days=1), 0),
    ],
)
def test_a_commitment_that_a_change_sets_free_covers_the_others(fleet: Store, done_on: date | None, freed: int) -> None:
    """i-3 is to be stopped: 120 a day on demand, 5 an hour, by which i-1's 20 in the morning are covered."""
    decide(fleet, 1, "done" if done_on else "accepted", kind="stop_idle", target="stop", of="i-3")
    measure(fleet, 1, done_on)
    found = load(fleet, expiring_days=10)
    assert found.usage[24:36] == (Decimal(20 - freed),) * 12
    assert found.usage[36:] == (Decimal(0),) * 12
    # in 12 of 48 hours
    assert found.freed == Decimal(freed) * 730 * 12 / 48
    assert (found.decided, found.by_resource) == (0, {"i-1": Decimal(240)})
    # what ends in 20 days sets nothing free: the machine it covers is taken out of what is on demand then
    assert load(fleet).freed == 0


def test_what_is_set_free_is_unknown_where_its_price_is(fleet: Store) -> None:
    decide(fleet, 1, "accepted", kind="stop_idle", target="stop", of="i-3")
    with fleet.engine.begin() as connection:
        connection.execute(
            charge.update().where(charge.c.resource_key == 3).values(list_cost=None, contracted_cost=None)
        )
    assert load(fleet, expiring_days=10).usage[24:36] == (None,) * 12


def test_a_family_that_commitments_cover_whole_is_no_pool(fleet: Store) -> None:
    decide(fleet, 1, "accepted", kind="stop_idle", target="stop", of="i-3")
    with fleet.engine.begin() as connection:
        connection.execute(charge.delete().where(charge.c.resource_key == 1))
    with fleet.engine.connect() as connection:
        assert list(load_usage_pools(connection, AS_OF, 2, 10)) == []
