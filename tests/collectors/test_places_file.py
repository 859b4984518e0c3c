"""What zones offer and quotas grant, from files of companies that do not let anybody collect them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from aispend.errors import InputError
from aispend.schema import quota, type_offering
from aispend.store import Store
from collectors.files.places import import_offerings, import_quotas
from recommender.places import Needed, Place, load_places

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
OFFERINGS = "provider,account,region,instance_type,zones\n"
QUOTAS = "provider,account,region,code,granted,covers,title,purchase,unit,used,as_of\n"
HERE = Place("aws", "111122223333", "us-east-1", NOW)


def now() -> datetime:
    return NOW


def written(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def offer(store: Store, folder: Path, lines: str, **more: Any) -> int:
    return import_offerings([written(folder, OFFERINGS + lines)], store, now, **more)


def grant(store: Store, folder: Path, lines: str, **more: Any) -> int:
    return import_quotas([written(folder, QUOTAS + lines)], store, now, **more)


def rows(store: Store, table: Any) -> list[dict[str, Any]]:
    with store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]


def test_advice_is_held_against_what_a_file_tells(database: Store, tmp_path: Path) -> None:
    """g6.12xlarge is offered in one zone of two; 96 vCPUs are granted and 48 used: one more fits, two do not."""
    here = "aws,111122223333,us-east-1"
    assert offer(database, tmp_path, f"{here},g6.12xlarge,us-east-1a\n{here},g5.xlarge,us-east-1a us-east-1b\n") == 2
    assert grant(database, tmp_path, "aws,111122223333,us-east-1,L-DB2E81BA,96,g[0-9]* gr[0-9]*,G and VT,,,48,\n") == 1
    with database.engine.connect() as connection:
        places = load_places(connection)
    assert places.is_offered(HERE, "g6.12xlarge", "us-east-1a") is True
    assert places.is_offered(HERE, "g6.12xlarge", "us-east-1b") is False
    assert places.is_offered(HERE, "p5.48xlarge", "us-east-1a") is None, "of a type that is not listed nothing is said"

    def fits(number: int) -> bool:
        wanted = Needed(HERE, "g6.12xlarge", number, (), "on_demand", "", 0, True)
        found = places.fit_of(wanted)
        assert found is not None
        return found.is_enough

    assert (fits(1), fits(2)) == (True, False)


def test_each_column_is_read(database: Store, tmp_path: Path) -> None:
    offer(
        database,
        tmp_path,
        "azure,1A-2b,EastUS,Standard_NC24ads_A100_v4,region\nGCP,p,us-east4,g2-standard-8,none\n"
        "gcp,p,us-east4,a2-highgpu-1g,us-east4-a;us-east4-c\n",
    )
    found = {
        row["instance_type"]: (row["provider"], row["region"], row["zones"]) for row in rows(database, type_offering)
    }
    assert found == {
        "Standard_NC24ads_A100_v4": ("azure", "eastus", [""]),
        "g2-standard-8": ("gcp", "us-east4", []),
        "a2-highgpu-1g": ("gcp", "us-east4", ["us-east4-a", "us-east4-c"]),
    }
    grant(
        database,
        tmp_path,
        "gcp,p,us-east4,NVIDIA_L4_GPUS,8,g2-*,L4 GPUs,on_demand,accelerator,7,2026-11-20\n"
        "gcp,p,us-east4,PREEMPTIBLE_NVIDIA_L4_GPUS,16,G2-*,,SPOT,accelerator,,\n",
    )
    first, second = rows(database, quota)
    assert first == {
        "provider": "gcp",
        "account": "p",
        "region": "us-east4",
        "code": "NVIDIA_L4_GPUS",
        "title": "L4 GPUs",
        "covers": ["g2-*"],
        "purchase": "on_demand",
        "unit": "accelerator",
        "granted": Decimal(8),
        "used": Decimal(7),
        "as_of": datetime(2026, 11, 20, tzinfo=UTC),
        "source": "files",
    }
    assert second["title"] == "PREEMPTIBLE_NVIDIA_L4_GPUS"
    assert (second["covers"], second["purchase"], second["used"], second["as_of"]) == (["g2-*"], "spot", None, NOW)


def test_a_limit_of_azure_is_written_as_its_portal_writes_types(database: Store, tmp_path: Path) -> None:
    grant(database, tmp_path, "azure,1A-2b,eastus,NCADS,24,Standard_NC*ads_A100_v4,,,,,\n")
    with database.engine.connect() as connection:
        places = load_places(connection)
    there = Place("azure", "/subscriptions/1a-2B", "eastus", NOW)
    assert [one.code for one in places.quotas(there, "Standard_NC24ads_A100_v4", "on_demand")] == ["NCADS"]
    assert places.quotas(there, "Standard_ND96asr_v4", "on_demand") == []


def test_a_place_in_the_file_is_replaced_whole_and_others_stay(database: Store, tmp_path: Path) -> None:
    offer(database, tmp_path, "aws,1,us-east-1,g5.xlarge,a\naws,1,us-east-1,g6.xlarge,a\naws,1,us-west-2,g6.xlarge,a\n")
    offer(database, tmp_path, "aws,1,us-east-1,g5.xlarge,b\n")
    assert [(row["region"], row["instance_type"], row["zones"]) for row in rows(database, type_offering)] == [
        ("us-east-1", "g5.xlarge", ["b"]),
        ("us-west-2", "g6.xlarge", ["a"]),
    ]


@pytest.mark.parametrize(("age", "granted"), [(1, 64), (-1, 8)])
def test_of_what_a_cloud_told_and_a_file_says_the_newer_holds(
    database: Store, tmp_path: Path, age: int, granted: int
) -> None:
    told = {
        "provider": "aws", "account": "1", "region": "us-east-1", "code": "L-1", "title": "G", "covers": ["g*"],
        "purchase": "on_demand", "unit": "vCPU", "granted": 8, "used": None, "as_of": NOW - timedelta(hours=age),
        "source": "aws/offerings",
    }  # fmt: skip
    with database.engine.begin() as connection:
        connection.execute(insert(quota), [told])
    grant(database, tmp_path, "aws,1,us-east-1,L-1,64,g*,,,,,\n")
    (row,) = rows(database, quota)
    assert row["granted"] == granted


@pytest.mark.parametrize(
    ("load", "line", "column", "value", "says"),
    [
        (offer, "ibm,1,us-east,g5.xlarge,a", "provider", "ibm", "Choose from aws, azure, gcp"),
        (offer, "aws,,us-east-1,g5.xlarge,a", "account", "", "Fill it in"),
        (offer, "aws,1,us-east-1,g5.xlarge,", "zones", "", "none where no zone offers it"),
        (offer, "aws,1,us-east-1,g5.xlarge,none a", "zones", "none a", "alone"),
        (grant, "aws,1,us-east-1,L-1,many,g*,,,,,", "granted", "many", "Write digits"),
        (grant, "aws,1,us-east-1,L-1,-1,g*,,,,,", "granted", "-1", "0 or more"),
        (grant, "aws,1,us-east-1,L-1,8,g*,,,,-2,", "used", "-2", "0 or more"),
        (grant, "aws,1,us-east-1,L-1,8,,,,,,", "covers", "", "Fill it in"),
        (grant, "aws,1,us-east-1,L-1,8,g*,,reserved,,,", "purchase", "reserved", "on_demand, spot"),
        (grant, "aws,1,us-east-1,L-1,8,g*,,,cores,,", "unit", "cores", "vcpu, accelerator, machine"),
        (grant, "aws,1,us-east-1,L-1,8,g*,,,,,2026-11-22", "as_of", "2026-11-22", "today or before"),
        (grant, "aws,1,us-east-1,L-1,8,g*,,,,,soon", "as_of", "soon", "YYYY-MM-DD"),
    ],
)
def test_a_mistake_is_named_with_its_line_column_and_value_and_nothing_is_loaded(
    database: Store, tmp_path: Path, load: Any, line: str, column: str, value: str, says: str
) -> None:
    good = "aws,1,us-east-1,g6.xlarge,a\n" if load is offer else "aws,1,us-east-1,L-0,8,g*,,,,,\n"
    with pytest.raises(InputError) as caught:
        load(database, tmp_path, good + line + "\n")
    shown = f", value {value}" if value else ""
    assert caught.value.where == f"{tmp_path / 'list.csv'}, line 3, column {column}{shown}"
    assert says in f"{caught.value.what} {caught.value.next_step}"
    assert rows(database, type_offering) == rows(database, quota) == []


def test_the_same_thing_twice_is_a_mistake(database: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than once"):
        offer(database, tmp_path, "aws,1,us-east-1,g6.xlarge,a\naws,1,us-east-1,g6.xlarge,b\n")
    with pytest.raises(InputError, match="more than once"):
        grant(database, tmp_path, "aws,1,us-east-1,L-1,8,g*,,,,,\naws,1,us-east-1,L-1,9,g*,,,,,\n")
