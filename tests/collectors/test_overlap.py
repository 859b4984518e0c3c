"""Files imported together that show the same lines: counted once, or refused; parts of one bill are left alone."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aispend.errors import InputError
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import FOCUS_LINE, one, read, write_csv

COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bills"


def notes(found: Sequence[object]) -> str:
    return " | ".join(note for read in found for note in read.delivery.line.notes)  # type: ignore[attr-defined]


def on(day: int, **changes: str) -> dict[str, str]:
    """A line of a day of March."""
    start, end = f"2026-03-{day:02}T00:00:00Z", f"2026-03-{day + 1:02}T00:00:00Z"
    month = {"BillingPeriodStart": "2026-03-01T00:00:00Z", "BillingPeriodEnd": "2026-04-01T00:00:00Z"}
    return FOCUS_LINE | month | {"ChargePeriodStart": start, "ChargePeriodEnd": end} | changes


def days(first: int, last: int, *, each: int = 3, **changes: str) -> list[dict[str, str]]:
    """``each`` lines a day; what line n costs differs from day to day."""
    return [
        on(day, ResourceId=f"i-{n}", BilledCost=f"{day}.{n}", EffectiveCost=f"{day}.{n}", **changes)
        for day in range(first, last + 1)
        for n in range(each)
    ]


def write_parquet(path: Path, lines: Sequence[dict[str, str]]) -> Path:
    """Costs as doubles, times as timestamps, as exports have them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {}
    for name in lines[0]:
        texts = [line[name] for line in lines]
        if name in COSTS:
            columns[name] = pa.array([float(text) for text in texts])
        elif name.endswith(("Start", "End")):
            moments = pa.array([text.removesuffix("Z") for text in texts])
            columns[name] = moments.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
        elif name == "Tags":
            columns[name] = pa.array(
                [list(json.loads(text).items()) for text in texts], pa.map_(pa.string(), pa.string())
            )
        else:
            columns[name] = pa.array(texts)
    pq.write_table(pa.table(columns), path)
    return path


# ------------------------------------------------------------------------------------ the same bill


@pytest.mark.parametrize("each", [1, 3])
def test_a_bill_as_csv_and_as_parquet_counts_once(folder: Path, workdir: Path, each: int) -> None:
    lines = days(1, each, each=each)
    write_csv(folder / "a.csv", lines)
    write_parquet(folder / "b.parquet", lines)

    found = one(folder, workdir)

    # 1.0; or for days 1 to 3: 3 * day + 0.0 + 0.1 + 0.2
    assert found.total("billed_cost") == (Decimal(1) if each == 1 else Decimal("18.9"))
    assert f"b.parquet: the same lines as {folder}/a.csv; counted once." in notes([found])


def test_a_bill_in_pieces_and_as_a_whole_in_another_format_counts_once(folder: Path, workdir: Path) -> None:
    lines = days(1, 9)
    for piece in range(3):
        write_csv(folder / f"piece{piece}.csv", lines[piece::3])
    write_parquet(folder / "whole.parquet", lines)

    found = one(folder, workdir)

    assert len(found.lines) == 27
    assert "whole.parquet: the same lines as" in notes([found])


def test_the_same_lines_in_another_order_count_once(folder: Path, workdir: Path) -> None:
    lines = days(1, 4)
    write_csv(folder / "a.csv", lines)
    write_csv(folder / "b.csv", lines[::-1])

    assert len(one(folder, workdir).lines) == 12


def test_one_month_of_two_in_another_format_counts_once(folder: Path, workdir: Path) -> None:
    march = days(1, 5)
    april = [
        {name: cell.replace("2026-04", "2026-05").replace("2026-03", "2026-04") for name, cell in line.items()}
        for line in march
    ]
    write_csv(folder / "a.csv", march)
    write_csv(folder / "b.csv", april)
    write_parquet(folder / "c.parquet", april)

    assert sum(len(each.lines) for each in read(folder, workdir)) == 30


# -------------------------------------------------------------------------------- the same days


@pytest.mark.parametrize("other_format", [False, True])
def test_two_month_to_date_exports_are_refused(folder: Path, workdir: Path, other_format: bool) -> None:
    """Day 10 was not over when the first was made: nine of the ten days both have are the same."""
    write_csv(folder / "day10.csv", [*days(1, 9), *days(10, 10, each=1)])
    later = days(1, 15)
    if other_format:
        write_parquet(folder / "day15.parquet", later)
    else:
        write_csv(folder / "day15.csv", later)

    with pytest.raises(InputError, match="the same lines") as error:
        deliveries([folder], workdir)

    assert "day10.csv" in error.value.where
    assert "day15" in error.value.where
    assert "2026-03-01 to 2026-03-09" in error.value.where
    assert "newest" in error.value.next_step


def test_a_finished_month_to_date_within_a_later_one_is_refused(folder: Path, workdir: Path) -> None:
    write_csv(folder / "a.csv", days(1, 3))
    write_csv(folder / "b.csv", days(1, 6))

    with pytest.raises(InputError, match="the same lines"):
        deliveries([folder], workdir)


def test_windows_that_overlap_are_refused(folder: Path, workdir: Path) -> None:
    write_csv(folder / "a.csv", days(1, 10))
    write_csv(folder / "b.csv", days(8, 20))

    with pytest.raises(InputError, match="2026-03-08 to 2026-03-10") as error:
        deliveries([folder], workdir)

    assert "a.csv (charges of 2026-03-01 to 2026-03-10)" in error.value.where
    assert "b.csv (charges of 2026-03-08 to 2026-03-20)" in error.value.where
    assert "newer" not in error.value.next_step, "it would lose the first seven days"
    assert "export the whole month as one" in error.value.next_step


# ------------------------------------------------------------------------------- parts of one bill


def test_parts_by_row_are_one_bill(folder: Path, workdir: Path) -> None:
    lines = days(1, 10, each=8)
    for part in range(3):
        write_csv(folder / f"part{part}.csv", lines[part::3])

    assert len(one(folder, workdir).lines) == 80


def test_parts_that_cost_the_same_every_day_are_one_bill(folder: Path, workdir: Path) -> None:
    """Two machines of one price, one in each part: lines, costs and quantities agree every day, resources do not."""
    for number in range(2):
        lines = [on(day, ResourceId=f"i-{number}-{n}") for day in range(1, 11) for n in range(5)]
        write_csv(folder / f"part{number}.csv", lines)

    assert len(one(folder, workdir).lines) == 100


def test_parts_that_differ_in_tags_alone_are_one_bill(folder: Path, workdir: Path) -> None:
    """Exports without resources: only a label tells two machines apart."""
    for number in range(2):
        tags = json.dumps({"app": str(number)})
        write_csv(folder / f"part{number}.csv", [on(day, ResourceId="", Tags=tags) for day in range(1, 11)])

    assert len(one(folder, workdir).lines) == 20


def test_a_file_per_account_is_one_bill(folder: Path, workdir: Path) -> None:
    """Constant costs in both."""
    for account in ("111", "222"):
        write_csv(folder / f"{account}.csv", [on(day, SubAccountId=account) for day in range(1, 11)])

    assert len(one(folder, workdir).lines) == 20


def test_a_file_per_day_is_one_bill(folder: Path, workdir: Path) -> None:
    for day in range(1, 11):
        write_csv(folder / f"{day}.csv", [on(day) for _ in range(6)])

    assert len(one(folder, workdir).lines) == 60


def test_lines_without_money_say_nothing(folder: Path, workdir: Path) -> None:
    free = {"BilledCost": "0", "EffectiveCost": "0"}
    for part, own in enumerate(("3", "5")):
        write_csv(folder / f"{part}.csv", [*[on(day, **free) for day in range(1, 11)], on(11, BilledCost=own)])

    assert len(one(folder, workdir).lines) == 22


def test_what_a_manifest_binds_together_is_believed(folder: Path, workdir: Path) -> None:
    names = ["a.csv", "b.csv"]
    write_csv(folder / names[0], days(1, 5))
    write_csv(folder / names[1], days(1, 5)[::-1])
    blobs = [{"blobName": f"x/{name}"} for name in names]
    (folder / "manifest.json").write_text(json.dumps({"manifestVersion": "1", "runInfo": {}, "blobs": blobs}))

    assert len(one(folder, workdir).lines) == 30


def test_an_archive_beside_its_unpacked_parquet(folder: Path, workdir: Path, tmp_path: Path) -> None:
    lines = days(1, 5)
    write_parquet(folder / "a.parquet", lines)
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        archive.write(write_csv(tmp_path / "b.csv", lines), "b.csv")

    assert len(one(folder, workdir).lines) == 15
