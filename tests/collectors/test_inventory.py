"""Inventories: what a name means, when; one resource at a time, loaded whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.keys import content_key
from aispend.schema import resource, resource_alias, resource_history
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.inventory import InventoryReport, import_inventory

HEADER = "provider,resource_id,alias,valid_from,valid_to"


def write(path: Path, lines: Iterable[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def rows(store: Store) -> list[tuple[Any, ...]]:
    columns = [resource_alias.c[name] for name in ("namespace", "alias", "valid_from", "valid_to", "resource_key")]
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock):
    def imported(*paths: Path, **options: Any) -> InventoryReport:
        return import_inventory(paths, database, store_settings, clock, **options)

    return imported


def test_a_name_and_its_resource(run, database: Store, tmp_path: Path) -> None:
    header = "provider,resource_id,alias,namespace,instance_type,accelerators,accelerator_type,fleet,region"
    line = "AWS,arn:aws:ec2:eu-west-1:1:instance/i-0AB,GPU-Node-1,k8s,p5.48xlarge,8,NVIDIA-H100-80GB,asg-1,eu-west-1"

    report = run(write(tmp_path / "a.csv", [line], header))

    key = content_key("aws", "i-0ab")
    assert rows(database) == [("k8s", "gpu-node-1", datetime(1970, 1, 1, tzinfo=UTC), None, key)]
    with database.engine.connect() as connection:
        (found,) = connection.execute(select(resource).where(resource.c.resource_key != 0)).all()
    assert (found.resource_key, found.provider, found.resource_id) == (key, "aws", "i-0ab")
    assert (found.instance_type, found.accelerators, found.accelerator_type) == ("p5.48xlarge", 8, "nvidia-h100-80gb")
    assert (found.fleet, found.region, found.first_seen) == ("asg-1", "eu-west-1", None)
    assert (report.resources, report.aliases) == (1, 1)


def test_what_a_later_file_does_not_say_is_kept(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", ["aws,i-1,p5.48xlarge,"], "provider,resource_id,instance_type,fleet"))
    run(write(tmp_path / "b.csv", ["aws,i-1,,asg"], "provider,resource_id,instance_type,fleet"))

    with database.engine.connect() as connection:
        (found,) = connection.execute(select(resource).where(resource.c.resource_key != 0)).all()
    assert (found.instance_type, found.fleet) == ("p5.48xlarge", "asg")


def test_a_name_may_be_used_again_later(run, database: Store, tmp_path: Path) -> None:
    run(
        write(tmp_path / "a.csv", ["aws,i-2,n,2026-06-01,", "aws,i-1,n,,2026-06-01", "aws,i-2,n,2026-07-01,2099-01-01"])
    )

    june = datetime(2026, 6, 1, tzinfo=UTC)
    assert rows(database) == [
        ("*", "n", datetime(1970, 1, 1, tzinfo=UTC), june, content_key("aws", "i-1")),
        ("*", "n", june, None, content_key("aws", "i-2")),
    ]


def test_two_resources_at_a_time_are_refused_naming_both(run, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["aws,i-1,N,,2026-06-02", "gcp,projects/p/zones/z/instances/n,n,2026-06-01,"])

    with pytest.raises(InputError, match="'n' means two resources") as raised:
        run(path)

    assert "aws i-1 until 2026-06-02" in raised.value.where
    assert "gcp projects/p/zones/z/instances/n from 2026-06-01" in raised.value.where
    assert rows(database) == []


def test_namespaces_keep_equal_names_apart(run, database: Store, tmp_path: Path) -> None:
    header = "provider,resource_id,alias,namespace"
    run(write(tmp_path / "a.csv", ["aws,i-1,n,east", "aws,i-2,n,west", "aws,i-3,n,"], header))

    assert [(row[0], row[4]) for row in rows(database)] == [
        ("*", content_key("aws", "i-3")), ("east", content_key("aws", "i-1")), ("west", content_key("aws", "i-2")),
    ]  # fmt: skip


def test_a_new_inventory_replaces_the_names_it_holds(run, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["aws,i-1,a,,", "aws,i-2,b,,"])
    run(path)
    run(path)

    run(write(tmp_path / "b.csv", ["aws,i-3,a,2026-01-01,"]))

    assert [(row[1], row[4]) for row in rows(database)] == [
        ("a", content_key("aws", "i-3")), ("b", content_key("aws", "i-2")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",i-1,a,,", "column provider: nothing"),
        ("aws,,a,,", "column resource_id: nothing"),
        ("aws,i-1,a,soon,", "column valid_from: soon is no time"),
        ("aws,i-1,a,2026-02-01,2026-02-01", "is not after valid_from"),
    ],
)
def test_one_unreadable_row_refuses_the_file(run, database: Store, tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(InputError, match="1 of 2 rows") as raised:
        run(write(tmp_path / "a.csv", ["aws,i-9,z,,", line]))

    assert "line 3" in raised.value.where
    assert reason in raised.value.where
    assert rows(database) == []


DISKS = "provider,resource_id,kind,state,valid_from,valid_to,account,region,size_gib,disk_type,tags"


def test_a_disk_is_what_the_newest_file_says(run, database: Store, tmp_path: Path) -> None:
    attached = "gcp,disk-1,disk,attached,2026-08-01,2026-09-01,p,us-central1,500,pd-ssd,"
    free = 'gcp,disk-1,disk,unattached,2026-09-01,,p,us-central1,500,PD-SSD,"team=ml, keep"'
    run(write(tmp_path / "a.csv", [attached, free], DISKS), source="files")

    report = run(write(tmp_path / "b.csv", [free.replace("2026-09-01", "2026-09-02")], DISKS), source="other")

    assert (report.resources, report.aliases, report.disks) == (1, 0, 1)
    with database.engine.connect() as connection:
        (found,) = connection.execute(select(resource_history)).all()
    assert (found.kind, found.state, found.source) == ("disk", "unattached", "other")
    assert (found.valid_from, found.valid_to) == (datetime(2026, 9, 2, tzinfo=UTC), None)
    assert found.details == {"size_gib": "500", "volume_type": "pd-ssd", "tags": {"team": "ml", "keep": ""}}


def test_a_disk_is_in_one_state_at_a_time(run, database: Store, tmp_path: Path) -> None:
    """Unattached since August, attached since October: what begins later ends what was told without an end."""
    attached = "gcp,disk-1,disk,attached,2026-10-01,,p,us-central1,500,pd-ssd,"
    free = "gcp,disk-1,disk,unattached,2026-08-01,,p,us-central1,500,pd-ssd,"
    other = "gcp,disk-2,disk,unattached,2026-08-01,2026-09-01,p,us-central1,500,pd-ssd,"
    run(write(tmp_path / "a.csv", [attached, free, other], DISKS))

    c = resource_history.c
    with database.engine.connect() as connection:
        found = {tuple(row) for row in connection.execute(select(c.state, c.valid_from, c.valid_to))}
    august, september, october = (datetime(2026, month, 1, tzinfo=UTC) for month in (8, 9, 10))
    assert found == {
        ("unattached", august, october),
        ("attached", october, None),
        ("unattached", august, september),
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gcp,disk-1,disk,unattached,,,p,us-central1,500,pd-ssd,", "since when"),
        ("gcp,disk-1,disk,,2026-09-01,,p,us-central1,500,pd-ssd,", "attached or unattached"),
        ("gcp,disk-1,disk,gone,2026-09-01,,p,us-central1,500,pd-ssd,", "state"),
    ],
)
def test_a_disk_says_its_state_and_since_when(run, tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        run(write(tmp_path / "a.csv", [line], DISKS))
