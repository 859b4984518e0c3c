"""Delivery manifests: which files are the bill, and which run of it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from aispend.errors import InputError
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import FOCUS_LINE, one, read, write_csv


def month(number: int, **changes: str) -> dict[str, str]:
    return FOCUS_LINE | dict(
        BillingPeriodStart=f"2026-{number:02}-01T00:00:00Z",
        BillingPeriodEnd=f"2026-{number + 1:02}-01T00:00:00Z",
        ChargePeriodStart=f"2026-{number:02}-03T07:00:00Z",
        **changes,
    )


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    return tmp_path / "work"


def notes(found: list[object]) -> str:
    return " | ".join(note for read in found for note in read.delivery.line.notes)  # type: ignore[attr-defined]


def aws_delivery(root: Path, period: str, files: list[str], run: str = "", execution: str = "run-1") -> Path:
    """A Data Exports folder: data below data/, its manifest below metadata/."""
    number = int(period[-2:])
    below = f"BILLING_PERIOD={period}" + (f"/{run}" if run else "")
    for place, name in enumerate(files):
        write_csv(root / "bill" / "data" / below / name, [month(number, BilledCost=str(place + 1))])
    manifest = root / "bill" / "metadata" / below / "bill-Manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    said = {
        "exportArn": "arn:aws:bcm-data-exports:us-east-1:1:export/bill",
        "executionId": execution,
        "dataFiles": [f"s3://bucket/bill/data/{below}/{name}" for name in files],
    }
    manifest.write_text(json.dumps(said))
    return root / "bill" / "data" / below


def test_an_aws_manifest_is_followed_not_the_folder(tmp_path: Path, workdir: Path) -> None:
    march = aws_delivery(tmp_path, "2026-03", ["bill-00001.csv", "bill-00002.csv"])
    write_csv(march / "bill-00003.csv", [month(3, BilledCost="100")])
    aws_delivery(tmp_path, "2026-04", ["bill-00001.csv"], execution="run-2")

    found = read(tmp_path / "bill", workdir)

    assert sorted(each.total("billed_cost") for each in found) == [1, 3]
    assert sorted(each.delivery.change_token.split(":")[0] for each in found) == ["run-1", "run-2"]
    assert "bill-00003.csv: not named by" in notes(found)


def test_a_file_the_manifest_names_must_be_there(tmp_path: Path, workdir: Path) -> None:
    march = aws_delivery(tmp_path, "2026-03", ["bill-00001.csv", "bill-00002.csv"])
    (march / "bill-00002.csv").unlink()

    with pytest.raises(InputError, match=r"names is missing(?s:.*)bill-00002\.csv"):
        deliveries([tmp_path / "bill"], workdir)


def test_of_several_runs_the_newest_counts(tmp_path: Path, workdir: Path) -> None:
    runs = [f"2026-03-{day}T12:00:00.000Z-0a1b2c3d-0000-0000-0000-000000000000" for day in ("05", "20", "11")]
    for place, run in enumerate(runs):
        aws_delivery(tmp_path, "2026-03", ["x.csv"] * 1 + [f"{place}.csv"] * place, run=run, execution=f"run-{place}")

    found = one(tmp_path / "bill", workdir)

    assert found.delivery.change_token.startswith("run-1:")
    assert notes([found]).count("an older run of what") == 2


def test_of_run_folders_without_a_manifest_the_newest_counts(tmp_path: Path, workdir: Path) -> None:
    for day, cost in (("05", "7"), ("20", "9")):
        run = f"2026-03-{day}T12:00:00.000Z-0a1b2c3d-0000-0000-0000-000000000000"
        write_csv(tmp_path / "BILLING_PERIOD=2026-03" / run / "x.csv", [month(3, BilledCost=cost)])

    found = one(tmp_path, workdir)

    assert found.total("billed_cost") == 9
    assert "a newer run of this billing period" in notes([found])


def azure_delivery(root: Path, run: str, cost: str, *, submitted: str, size: int | None = None) -> Path:
    folder = root / "exports" / "daily" / "20260301-20260331" / run
    part = write_csv(folder / "part_0_0001.csv", [month(3, BilledCost=cost)])
    blob = {
        "blobName": f"exports/daily/20260301-20260331/{run}/part_0_0001.csv",
        "byteCount": part.stat().st_size if size is None else size,
        "dataRowCount": 1,
    }
    said = {
        "manifestVersion": "2024-04-01",
        "exportConfig": {"exportName": "daily", "resourceId": "/providers/x", "type": "FocusCost"},
        "runInfo": {"runId": run, "submittedTime": submitted, "startDate": "2026-03-01T00:00:00"},
        "blobs": [blob],
    }
    (folder / "manifest.json").write_text(json.dumps(said))
    return folder


def test_an_azure_manifest_gives_rows_and_the_newest_run(tmp_path: Path, workdir: Path) -> None:
    azure_delivery(tmp_path, "run-b", "1", submitted="2026-03-10T00:00:00Z")
    azure_delivery(tmp_path, "run-a", "2", submitted="2026-03-11T00:00:00Z")

    found = one(tmp_path, workdir)

    assert found.total("billed_cost") == 2
    assert found.delivery.declared_rows == 1
    assert found.delivery.change_token.startswith("run-a:")


def test_a_file_of_another_size_than_its_manifest_says_stops_the_import(tmp_path: Path, workdir: Path) -> None:
    azure_delivery(tmp_path, "run-a", "2", submitted="2026-03-11T00:00:00Z", size=123456)

    with pytest.raises(InputError, match=r"its manifest says 123,456"):
        deliveries([tmp_path], workdir)


def test_a_manifest_that_counts_more_files_than_it_names_is_incomplete(tmp_path: Path, workdir: Path) -> None:
    azure_delivery(tmp_path, "run-a", "2", submitted="2026-03-11T00:00:00Z")
    path = next(tmp_path.rglob("manifest.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"blobCount": 2}))

    with pytest.raises(InputError, match="counts 2 files and names 1"):
        read(tmp_path, workdir)


def test_a_manifest_inside_a_zip_is_followed(tmp_path: Path, workdir: Path) -> None:
    azure_delivery(tmp_path / "d", "run-b", "1", submitted="2026-03-10T00:00:00Z")
    azure_delivery(tmp_path / "d", "run-a", "2", submitted="2026-03-11T00:00:00Z")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for path in (tmp_path / "d").rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path / "d"))

    assert one(tmp_path / "d.zip", workdir).total("billed_cost") == 2


def test_what_stands_beside_the_manifest_comes_before_a_namesake_elsewhere(tmp_path: Path, workdir: Path) -> None:
    """The key's folder is gone in the copy; a folder of that name further up holds another bill."""
    folder = azure_delivery(tmp_path / "copy", "run-a", "2", submitted="2026-03-11T00:00:00Z")
    folder = folder.rename(tmp_path / "copy" / "mine")
    elsewhere = write_csv(tmp_path / "run-a" / "part_0_0001.csv", [month(3, BilledCost="7")])

    found = one(folder, workdir)

    assert elsewhere.is_file()
    assert found.total("billed_cost") == 2


def test_the_parts_of_an_azure_manifest_are_one_delivery_with_its_count(tmp_path: Path, workdir: Path) -> None:
    """Parts of 1, 2 and 3 lines that cost 1, 2 and 3 each."""
    folder = tmp_path / "exports" / "run"
    blobs = []
    for part in (1, 2, 3):
        lines = [month(3, BilledCost=str(part), ResourceId=f"vm-{n}") for n in range(part)]
        path = write_csv(folder / f"part_{part}_0001.csv", lines)
        blob = {"blobName": f"exports/run/{path.name}", "byteCount": path.stat().st_size, "dataRowCount": part}
        blobs.append(blob)
    (folder / "manifest.json").write_text(json.dumps({"manifestVersion": "2024-04-01", "runInfo": {}, "blobs": blobs}))

    found = one(tmp_path, workdir)

    assert (len(found.lines), found.total("billed_cost"), found.delivery.declared_rows) == (6, 14, 6)
