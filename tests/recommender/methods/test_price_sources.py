"""No price of disks, snapshots and objects without who says so and since when; Google's against its whole list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from aispend.prices.data import read_toml
from recommender.methods.colder import tier
from recommender.methods.disk_prices import disk_price, snapshot_price, told_remark

PACKAGE = "recommender.methods"
ROWS = [
    pytest.param(row, id=f"{table}-{number}")
    for file in ("disk_prices.toml", "colder_prices.toml")
    for table, rows in read_toml(file, PACKAGE).items()
    for number, row in enumerate(rows)
]
GIB = Decimal(1000)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_says_who_says_so_and_since_when(row: dict[str, Any]) -> None:
    assert row["source"].strip()
    assert type(row["checked"]) is date
    # V read in the provider's list, R repeated by others; nothing from memory
    assert row["evidence"].startswith(("V", "R"))
    assert row["currency"] == "USD"
    for entry in _entries(row):
        amounts = [value for value in entry if isinstance(value, Decimal)]
        assert amounts
        assert all(amount > 0 for amount in amounts)
        assert len(amounts) < len(entry), "no region"


def _entries(row: dict[str, Any]) -> list[list[Any]]:
    """Prices, each with the regions it holds in."""
    found: list[list[Any]] = next(row[name] for name in ("per_gib", "monthly", "hot_cold") if name in row)
    return found


def test_no_region_has_two_prices_of_the_same() -> None:
    seen = set()
    for parameter in ROWS:
        row: dict[str, Any] = parameter.values[0]
        for entry in _entries(row):
            for region in (value for value in entry if isinstance(value, str)):
                what = (parameter.id and parameter.id.rpartition("-")[0], row["provider"], row.get("type"))
                key = (*what, row.get("what"), row.get("size"), region)
                assert key not in seen
                seen.add(key)


@pytest.fixture(scope="module")
def listed(public_data: Path) -> dict[str, Any]:
    """Storage of Compute Engine and Cloud Storage in the whole list: two parts of it, as all of it takes seconds."""
    lines = (public_data / "price_gcp_yml" / "pricing.yml").read_text(encoding="utf-8").split("\n")
    compute = list(_part(lines, "  storage:"))
    return {
        "compute": yaml.safe_load("\n".join(compute)),
        "objects": yaml.safe_load("\n".join(_part(lines, "storage:"))),
    }


def _part(lines: list[str], head: str) -> Iterator[str]:
    start = lines.index(head)
    depth = len(head) - len(head.lstrip())
    for line in lines[start + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            return
        yield line


def test_google_s_disks_are_those_of_its_list_in_every_region(listed: dict[str, Any]) -> None:
    for name, kind in (("hdd", "pd-standard"), ("balanced", "pd-balanced"), ("ssd", "pd-ssd")):
        for region, cost in listed["compute"][name]["cost"].items():
            price = disk_price("gcp", region, kind, GIB)
            assert price is not None, (kind, region)
            assert price.monthly == (Decimal(str(cost["month"])) * GIB).quantize(Decimal("0.01"))


def test_google_s_snapshots_are_those_of_its_list_but_where_it_is_doubtful(listed: dict[str, Any]) -> None:
    doubtful = set()
    for region, cost in listed["compute"]["snapshot"]["cost"].items():
        price = snapshot_price("gcp", region, GIB)
        if price is None:
            doubtful.add(region)
        else:
            assert price.monthly == (Decimal(str(cost["month"])) * GIB).quantize(Decimal("0.01"))
    # half of what all others cost; places that are no region cannot be asked for
    assert {one for one in doubtful if not one.endswith("-multi")} == {
        "europe-west12",
        "me-central1",
        "me-west1",
        "us-east5",
    }


def test_google_s_coldline_is_that_of_its_list_in_every_region(listed: dict[str, Any]) -> None:
    buckets, retrieval = listed["objects"]["bucket"], listed["objects"]["retrieval"]
    for region, cost in buckets["standard"]["cost"].items():
        found = tier("gcp", "object", region)
        assert found is not None, region
        assert (found.hot, found.cold, found.restore) == tuple(
            Decimal(str(one["month"]))
            for one in (cost, buckets["coldline"]["cost"][region], retrieval["coldline"]["cost"][region])
        )


@pytest.mark.parametrize("row", ROWS)
def test_what_is_not_the_price_list_itself_is_marked(row: dict[str, Any]) -> None:
    """A copy of a list, an announcement, or what several others repeat: named so that advice can say it."""
    second_hand = ("recorded in", "as priced by", "cost-calculator")
    copied, announced = (any(word in row["source"] for word in words) for words in (second_hand, ("announcement",)))
    expected = "announcement" if announced else "copy" if copied else None
    assert row.get("told") == ("repeated" if row["evidence"].startswith("R") else expected)


def test_advice_says_what_a_price_is_from_where_that_is_not_the_list() -> None:
    listed, copied = disk_price("aws", "us-east-1", "gp2", GIB), disk_price("gcp", "us-central1", "pd-ssd", GIB)
    repeated, announced = disk_price("aws", "us-east-2", "gp2", GIB), tier("gcp", "snapshot", "us-central1")
    assert listed is not None
    assert copied is not None
    assert repeated is not None
    assert announced is not None
    assert told_remark(listed) == ""
    assert told_remark(copied, listed) == (
        " A price is from a copy of the list (google-cloud-pricing-cost-calculator @fd66b26, its list of 2026-07-30; "
        "Compute Engine disk and image pricing (200 GB cost 34.00 a month in us-central1)), looked up on 2026-11-21: "
        "compare it with the list first."
    )
    assert told_remark(repeated) == (
        " A price is what several others repeat of the list (Amazon EBS pricing), looked up on 2026-11-21: compare it "
        "with the list first."
    )
    assert told_remark(announced).startswith(" A price is from an announcement (Compute Engine pricing announcement:")
    assert told_remark(copied, copied).count("A price is") == 1
