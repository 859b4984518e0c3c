"""Which snapshots are in the standard tier, where they stand in their lineage, and what became of earlier ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aispend.store import Store
from aispend.store.collections import write_history
from recommender.subjects.snapshots import Snapshot, load_snapshots

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
ARN = "arn:aws:ec2:us-east-1:111122223333:snapshot/"


def snapshot(name: str, taken: str, state: str = "completed", **details: Any) -> dict[str, Any]:
    told = {"volume": "vol-1", "tier": "standard", "taken_at": f"{taken}T06:00:00+00:00"} | details
    return {"provider": "aws", "resource_id": ARN + name, "state": state, "details": told}


def listed(database: Store, day: int, *rows: dict[str, Any]) -> None:
    """A listing on a day of October or, from 32 on, of November."""
    now = datetime(2026, 9, 30, 6, tzinfo=UTC) + timedelta(days=day)
    with database.engine.begin() as connection:
        write_history(connection, source="aws", kind="ebs_snapshot", scope="111122223333 us-east-1", rows=rows, now=now)


def loaded(database: Store) -> dict[str, Snapshot]:
    with database.engine.connect() as connection:
        found = load_snapshots(connection, AS_OF, 32)
        return {one.resource_id.removeprefix(ARN): one for one in found if isinstance(one, Snapshot)}


def test_a_lineage_is_what_is_kept_of_one_disk(database: Store) -> None:
    listed(
        database,
        40,
        snapshot("snap-1", "2026-01-01", full_bytes=2**31, volume_gib=10, tags={"team": "ml"}, images=["ami-1"]),
        snapshot("snap-2", "2026-02-01"),
        snapshot("snap-3", "2026-03-01"),
        snapshot("snap-4", "2026-04-01", tier="archive"),
        snapshot("snap-5", "2026-04-01", "pending"),
        snapshot("snap-6", "2026-04-01", restored_until="2026-12-01T00:00:00+00:00"),
        snapshot("snap-7", "2026-04-01", volume="vol-2"),
        snapshot("snap-8", "2026-04-01", volume="vol-ffffffff"),
    )

    found = loaded(database)

    assert {name: (one.older, one.newer) for name, one in found.items()} == {
        "snap-1": (0, 2),
        "snap-2": (1, 1),
        "snap-3": (2, 0),
        "snap-7": (0, 0),
        "snap-8": (None, None),
    }
    first = found["snap-1"]
    assert (first.full_gib, first.volume_gib, first.images) == (Decimal(2), Decimal(10), ("ami-1",))
    assert (first.account, first.region, first.tags) == ("111122223333", "us-east-1", {"team": "ml"})
    # listed on 9 November at six
    assert first.age_days == 312
    assert found["snap-2"].full_gib is None


def test_ends_of_earlier_ones_are_kept_for_the_replay(database: Store) -> None:
    listed(database, 1, snapshot("snap-1", "2026-01-01"), snapshot("snap-2", "2026-01-02"))
    # a tag is no end
    listed(database, 10, snapshot("snap-1", "2026-01-01", tags={"team": "ml"}))
    listed(database, 40, snapshot("snap-1", "2026-01-01", tags={"team": "ml"}))

    (found,) = loaded(database).values()

    assert sorted((life.taken.day, life.listed.day, life.ended and life.ended.day) for life in found.lives) == [
        (1, 1, None),
        (2, 1, 10),
    ]


def test_nothing_is_listed(database: Store) -> None:
    assert loaded(database) == {}


def test_a_listing_of_several_regions_says_of_each_where_it_is(database: Store) -> None:
    """Google's are of a project: two of one disk in one region, one in another; a schedule is told."""
    common = {"volume": "70", "tier": "standard", "full_bytes": 2**31}
    rows = [
        {
            "provider": "gcp",
            "resource_id": f"projects/1/global/snapshots/{number}",
            "state": "READY",
            "details": details,
        }
        for number, details in enumerate(
            (
                common | {"taken_at": "2026-01-01T00:00:00+00:00", "region": "us-central1", "schedule": "nightly"},
                common | {"taken_at": "2026-02-01T00:00:00+00:00", "region": "us-central1"},
                common | {"taken_at": "2026-03-01T00:00:00+00:00", "region": "us"},
            )
        )
    ]
    now = datetime(2026, 11, 20, tzinfo=UTC)
    with database.engine.begin() as connection:
        write_history(connection, source="gcp", kind="gce_snapshot", scope="ml", rows=rows, now=now)
    found = sorted(loaded(database).values(), key=lambda one: one.taken_at)

    assert [(one.account, one.region, one.older, one.newer) for one in found] == [
        ("ml", "us-central1", 0, 1),
        ("ml", "us-central1", 1, 0),
        ("ml", "us", 0, 0),
    ]
    assert [one.schedule for one in found] == ["nightly", None, None]
