"""Azure export runs by the days they cover: the newest run of the widest range, or parts of a month that add up."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from aispend.errors import InputError
from tests.collectors.bill_lines import read
from tests.collectors.test_dialect_azure import bill


def run(root: Path, first: int, last: int, *, submitted: int, cost: str = "1") -> None:
    """A run of one export over days of September 2026, a line of 1 a day."""
    name = f"202609{first:02}-202609{last:02}"
    folder = root / name / f"run-{submitted}"
    days = [{"Date": f"2026-09-{day:02}", "Cost": cost, "ResourceId": f"vm-{day}"} for day in range(first, last + 1)]
    path = bill(folder / "part_0.csv", *days)
    said = {
        "manifestVersion": "2024-04-01",
        "exportConfig": {"resourceId": "/daily", "type": "ActualCost"},
        "runInfo": {
            "runId": f"r{submitted}",
            "submittedTime": f"2026-10-{submitted:02}T00:00:00Z",
            "startDate": f"2026-09-{first:02}T00:00:00",
            "endDate": f"2026-09-{last:02}T00:00:00",
        },
        "blobs": [{"blobName": f"x/{path.name}", "byteCount": path.stat().st_size, "dataRowCount": len(days)}],
    }
    (folder / "manifest.json").write_text(json.dumps(said))


def total(root: Path, workdir: Path) -> tuple[int, Decimal, str]:
    """Deliveries, what they bill, and their notes."""
    found = read(root, workdir)
    notes = " | ".join(note for one in found for note in one.delivery.line.notes)
    return len(found), sum((one.total("billed_cost") for one in found), Decimal(0)), notes


@pytest.mark.parametrize(("early", "late"), [((1, 15), (10, 30)), ((10, 30), (1, 15)), ((1, 30), (10, 15))])
def test_runs_that_share_days_without_the_newer_having_all_are_refused(
    tmp_path: Path, early: tuple[int, int], late: tuple[int, int]
) -> None:
    run(tmp_path / "in", *early, submitted=1)
    run(tmp_path / "in", *late, submitted=2)

    with pytest.raises(InputError, match="Two runs of one export share days") as caught:
        read(tmp_path / "in", tmp_path / "work")
    for first, last in (early, late):
        assert f"2026-09-{first:02} to 2026-09-{last:02}" in str(caught.value)
        assert f"in/202609{first:02}-202609{last:02}/run-" in str(caught.value)
    assert "one run over the whole month" in str(caught.value)


@pytest.mark.parametrize("early", [(1, 15), (10, 20), (1, 30)])
def test_the_newest_run_takes_the_place_of_those_it_covers(tmp_path: Path, early: tuple[int, int]) -> None:
    """30 days at 1; the earlier run had 7 a day."""
    run(tmp_path / "in", *early, submitted=1, cost="7")
    run(tmp_path / "in", 1, 30, submitted=2)

    deliveries, billed, notes = total(tmp_path / "in", tmp_path / "work")

    assert (deliveries, billed) == (1, 30)
    assert "an older run of what" in notes


def test_a_newer_run_of_fewer_days_from_the_same_first_day_loses_none(tmp_path: Path) -> None:
    run(tmp_path / "in", 1, 30, submitted=1)
    run(tmp_path / "in", 1, 15, submitted=2)

    with pytest.raises(InputError, match="Two runs of one export share days"):
        read(tmp_path / "in", tmp_path / "work")


def test_runs_side_by_side_are_one_month(tmp_path: Path) -> None:
    """10 + 10 + 10 days of 1; loaded one by one each would replace the one before."""
    for place, first in enumerate((1, 11, 21)):
        run(tmp_path / "in", first, first + 9, submitted=place + 1)

    found = read(tmp_path / "in", tmp_path / "work")

    assert [(one.total("billed_cost"), one.delivery.declared_rows) for one in found] == [(30, 30)]
    assert found[0].delivery.change_token.startswith("r1+r2+r3:")
