"""Which hours of a machine a commitment would leave behind, from bills and from the list of commitments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update

from aispend.schema import charge, commitment, commitment_term
from aispend.store import Store
from recommender.prices import CATALOGUE
from recommender.subjects.bound_cost import behind_another_type
from recommender.subjects.machines import load_machines
from tests.recommender.subjects.conftest import AS_OF, DAYS

D = Decimal


@pytest.mark.parametrize(("bill", "term", "bound"), [
    # a reservation, and a plan that no listing names: not known to follow anywhere
    ({"provider": "aws", "commitment_discount_type": "Reserved"}, {"kind": "reservation"}, (1320, 1320)),
    ({"provider": "aws", "commitment_discount_type": "Savings Plan"}, None, (1320, 1320)),
    # a plan of one family, and one of any
    ({"provider": "aws"}, {"kind": "savings_plan", "instance_type": "p5"}, (1320, 0)),
    ({"provider": "aws"}, {"kind": "savings_plan"}, (0, 0)),
    ({"provider": "azure", "commitment_discount_type": "Savings Plan"}, None, (0, 0)),
    ({"provider": "azure", "commitment_discount_type": "Reservation"}, {"kind": "reservation"}, (1320, 1320)),
    ({"provider": "gcp", "commitment_discount_category": "Spend"}, None, (0, 0)),
    ({"provider": "gcp", "commitment_discount_category": "Usage"}, None, (1320, 1320)),
])  # fmt: skip
def test_what_follows(ledger: Store, bill: dict[str, Any], term: dict[str, Any] | None, bound: tuple[int, int]) -> None:
    """Of 2,640 a day one of two lines, 1,320, is covered."""
    with ledger.engine.begin() as connection:
        connection.execute(insert(commitment).values(commitment_key=9, commitment_discount_id="C-9", **bill))
        if term is not None:
            connection.execute(
                insert(commitment_term).values(
                    provider=bill["provider"], commitment_id="c-9", description="", currency="USD", state="active",
                    source="x", starts_at=AS_OF - timedelta(days=345), ends_at=None, as_of=AS_OF, **term,
                )
            )  # fmt: skip
        connection.execute(
            update(charge).where(charge.c.resource_key == 2, charge.c.charge_kind_key == 3).values(commitment_key=9)
        )
        found = {one.resource_key: one for one in load_machines(connection, AS_OF, DAYS, CATALOGUE)}
    day = found[2].costs[0]
    assert (day.effective_cost, day.uncovered_effective_cost) == (D(2640), D(1320))
    assert (day.bound_cost, day.bound_to_type_cost) == bound
    assert (found[3].costs[0].bound_cost, found[3].costs[0].bound_to_type_cost) == (0, 0)


def test_a_family_is_that_of_both_types(ledger: Store) -> None:
    with ledger.engine.begin() as connection:
        day = next(one for one in load_machines(connection, AS_OF, DAYS, CATALOGUE) if one.resource_key == 2).costs[0]
    day = replace(day, uncovered_effective_cost=D(0), bound_cost=D(7), bound_to_type_cost=D(3))
    assert behind_another_type("aws", "p5.48xlarge", "p5.4xlarge")(day) == 3
    assert behind_another_type("aws", "p5.48xlarge", "p5e.48xlarge")(day) == 7
    assert behind_another_type("aws", None, "p5.4xlarge")(day) == 7
