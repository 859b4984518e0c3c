"""What is used of a quota whose cloud does not tell, from its listing of machines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from aispend.schema import quota, resource, resource_history
from aispend.store import Store
from recommender.places import Place, Quota, load_places
from recommender.subjects.listed_machines import Listed, with_use
from recommender.to_be_had import of_use
from tests.recommender.conftest import AS_OF
from tests.recommender.told import ACCOUNT, YESTERDAY, granted

LISTED = YESTERDAY + timedelta(hours=1)
THERE = ("aws", ACCOUNT, "us-east-1")
GPUS = ("g[0-9]*", "gr[0-9]*", "vt[0-9]*")


def used(limit: Quota, **running: int) -> Decimal | None:
    """``g5_xlarge=2`` are two of them on demand; ``spot_`` before it on spot."""
    machines = {
        (name.removeprefix("spot_").replace("_", "."), "spot" if name.startswith("spot_") else "on-demand"): count
        for name, count in running.items()
    }
    return with_use(limit, Listed(machines, LISTED)).used


def test_the_vcpus_of_what_runs_are_added_up_by_how_they_are_bought() -> None:
    """g5.xlarge have 4 vCPUs each, g6.12xlarge 48, a p4d.24xlarge (96) counts against another quota."""
    running = {"g5_xlarge": 2, "g6_12xlarge": 1, "p4d_24xlarge": 1, "spot_g5_xlarge": 3}
    assert used(granted(96, GPUS), **running) == 2 * 4 + 48
    assert used(granted(96, GPUS, purchase="spot"), **running) == 3 * 4
    assert used(granted(96, ("p[0-9]*",)), **running) == 96
    assert used(granted(96, ("inf[0-9]*",)), **running) == 0, "the listing is of all accelerated machines"


def test_a_capacity_block_counts_against_no_quota_of_on_demand() -> None:
    assert with_use(granted(9, GPUS), Listed({("g5.xlarge", "capacity-block"): 4}, LISTED)).used == 0


def test_what_the_cloud_tells_stands() -> None:
    told = granted(96, GPUS, used=40)
    assert with_use(told, Listed({("g5.xlarge", "on-demand"): 1}, LISTED)) == told


@pytest.mark.parametrize(
    "limit",
    [
        # its listing has accelerated machines alone
        granted(96, ("a[0-9]*", "c[0-9]*", "m[0-9]*"), title="Running On-Demand Standard instances"),
        granted(96, (*GPUS, "m[0-9]*")),
        # told two days before the machines were listed, or after
        granted(96, GPUS, as_of=LISTED - timedelta(days=2, hours=1)),
        granted(96, GPUS, as_of=LISTED + timedelta(days=2, hours=1)),
    ],
)
def test_what_the_listing_does_not_show_stays_unknown(limit: Quota) -> None:
    assert with_use(limit, Listed({("g5.xlarge", "on-demand"): 1}, LISTED)) == limit
    assert with_use(granted(96, GPUS), None) == granted(96, GPUS), "nothing listed at all"


def test_a_machine_of_unknown_size_makes_the_use_unknown() -> None:
    """What is added up without it would be too little."""
    assert used(granted(96, GPUS), g5_xlarge=1, g99_huge=1) is None
    assert used(granted(96, ("p[0-9]*",)), g5_xlarge=1, g99_huge=1) == 0


def test_where_it_is_counted_it_is_said() -> None:
    counted = with_use(granted(96, GPUS), Listed({}, LISTED))
    assert of_use(counted) == "; what is used is counted from the machines listed on 2026-11-20"
    assert of_use(granted(96, GPUS)) == "; what else is used is not told"
    assert of_use(granted(96, GPUS, used=1)) == ""


def test_machines_that_run_today_are_read_from_the_newest_listing(database: Store) -> None:
    """Two g5.xlarge run, one stopped and one ended; another account's and another kind's are not these."""
    limit = granted(96, GPUS)
    rows: list[dict[str, Any]] = [
        {"state": "running"},
        {"state": "pending"},
        {"state": "stopped"},
        {"state": "running", "valid_to": YESTERDAY},
        {"state": "running", "scope": "999900001111 us-east-1"},
        {"state": "running", "kind": "capacity_reservation"},
        # another connection listed the same account a day before
        {"state": "running", "source": "other/inventory", "seen_at": LISTED - timedelta(days=1)},
    ]
    with database.engine.begin() as connection:
        for number, row in enumerate(rows, 1):
            name = {"resource_key": number, "provider": "aws", "resource_id": f"i-{number}"}
            connection.execute(insert(resource).values(name))
            given = {
                "resource_key": number, "valid_from": YESTERDAY - timedelta(days=9), "valid_to": None,
                "kind": "ec2_instance", "scope": f"{ACCOUNT} us-east-1", "source": "aws/inventory", "seen_at": LISTED,
                "details": {"instance_type": "g5.xlarge", "lifecycle": "on-demand"},
            }  # fmt: skip
            connection.execute(insert(resource_history).values(given | row))
        told = {name: value for name, value in vars(limit).items() if name != "listed_at"}
        connection.execute(insert(quota), [{**told, "covers": list(limit.covers)}])
        (found,) = load_places(connection).quotas(Place(*THERE, AS_OF), "g6.xlarge", "on_demand")
    assert found == replace(limit, used=Decimal(8), listed_at=LISTED)
