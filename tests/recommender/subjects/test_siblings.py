"""How many more machines of its group run beside one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from aispend.schema import charge, resource
from aispend.store import Store
from recommender.prices import CATALOGUE
from recommender.subjects.machines import load_machines
from tests.recommender.subjects.conftest import AS_OF, DAYS


@pytest.mark.parametrize(("fleets", "ended", "siblings"), [
    ({2: "a", 3: "a"}, None, {2: 1, 3: 1}),
    ({2: "a", 3: "b"}, None, {2: 0, 3: 0}),
    ({2: None, 3: None}, None, {2: 0, 3: 0}),
    # one that was not billed for two days is there no more
    ({2: "a", 3: "a"}, 3, {2: 0, 3: 1}),
])  # fmt: skip
def test_siblings_are_of_one_group_and_run(
    ledger: Store, fleets: dict[int, str | None], ended: int | None, siblings: dict[int, int]
) -> None:
    with ledger.engine.begin() as connection:
        for key, fleet in fleets.items():
            connection.execute(update(resource).where(resource.c.resource_key == key).values(fleet=fleet))
        if ended is not None:
            newest = (AS_OF - timedelta(days=4)).date()
            connection.execute(delete(charge).where(charge.c.resource_key == ended, charge.c.charge_date > newest))
        found = {one.resource_key: one.siblings for one in load_machines(connection, AS_OF, DAYS, CATALOGUE)}
    assert {key: found[key] for key in fleets} == siblings
