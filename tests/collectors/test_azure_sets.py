"""Azure files given together: what a file without commitments is, beside those that have some; and rival exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from aispend.errors import InputError
from tests.collectors.bill_lines import read, write_csv
from tests.collectors.test_dialect_azure import COVERED_ACTUAL, COVERED_AMORTIZED, LINE, PURCHASE, UNUSED, bill

OTHER = {"SubscriptionId": "99999999-2b66", "ResourceId": "/subscriptions/99999999-2b66/x", "Cost": "40"}


def totals(folder: Path, workdir: Path) -> dict[int, tuple[object, object]]:
    """Billed and effective cost by half."""
    return {
        found.delivery.line.half: (found.total("billed_cost"), found.total("effective_cost"))
        for found in read(folder, workdir)
    }


def delivered(folder: Path, kind: str, *files: list[Mapping[str, str]], export: str = "daily") -> None:
    """An export's folder with its manifest."""
    blobs = []
    for number, lines in enumerate(files):
        path = bill(folder / f"part_{number}.csv", *lines)
        blobs.append({"blobName": f"x/{path.name}", "byteCount": path.stat().st_size, "dataRowCount": len(lines)})
    said = {
        "manifestVersion": "2024-04-01",
        "exportConfig": {"resourceId": f"/{export}/{kind}", "type": kind},
        "runInfo": {"runId": f"{export}-{kind}", "submittedTime": "2026-10-01", "startDate": "2026-09-01"},
        "blobs": blobs,
    }
    (folder / "manifest.json").write_text(json.dumps(said))


def test_a_subscription_without_commitments_is_part_of_the_export_it_came_with(tmp_path: Path) -> None:
    """6 and 100 of one subscription, 40 of another that has no commitment: 146 were billed."""
    bill(tmp_path / "in" / "a.csv", OTHER)
    bill(tmp_path / "in" / "b.csv", {}, PURCHASE)

    assert totals(tmp_path / "in", tmp_path / "work") == {1: (146, 0)}


def test_a_chunk_without_commitments_counts_in_both_exports(tmp_path: Path) -> None:
    """Cash 40 + 6 + 100, amortised 40 + 5 + 1: the first chunks of both are the same bytes."""
    for name, lines in (("act", [COVERED_ACTUAL, {}, PURCHASE]), ("am", [COVERED_AMORTIZED, UNUSED])):
        bill(tmp_path / "in" / name / "part_0.csv", OTHER)
        bill(tmp_path / "in" / name / "part_1.csv", *lines)

    assert totals(tmp_path / "in", tmp_path / "work") == {1: (146, 0), 2: (0, 46)}


def test_lines_seen_in_part_make_it_unclear_what_a_file_is(tmp_path: Path) -> None:
    one, two, three = ({"ResourceId": name, "Cost": "6"} for name in ("a", "b", "c"))
    bill(tmp_path / "in" / "a.csv", one, two, three)
    bill(tmp_path / "in" / "b.csv", one, PURCHASE)

    with pytest.raises(InputError, match="which of the two exports it belongs to cannot be told"):
        read(tmp_path / "in", tmp_path / "work")


def test_exports_of_two_kinds_are_two_halves_also_where_they_are_the_same(tmp_path: Path) -> None:
    for kind in ("ActualCost", "AmortizedCost"):
        delivered(tmp_path / "in" / kind, kind, [{}, OTHER])

    assert totals(tmp_path / "in", tmp_path / "work") == {1: (46, 0), 2: (0, 46)}


def test_two_exports_of_one_month_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    delivered(tmp_path / "in" / "one", "ActualCost", [{}], export="one")
    delivered(tmp_path / "in" / "two", "ActualCost", [OTHER], export="two")

    with pytest.raises(InputError, match="Two exports deliver azure 8611537 2026-09:") as caught:
        read(tmp_path / "in", tmp_path / "work")
    assert "one/manifest.json and" in str(caught.value)


def lines(first: int, last: int, **changes: str) -> list[dict[str, str]]:
    """Lines of 1 each, of machines of their own."""
    return [{"ResourceId": f"vm-{number}", "Cost": "1", **changes} for number in range(first, last + 1)]


def test_few_lines_are_found_again_among_many(tmp_path: Path) -> None:
    """30 lines that are among 30,000: not lines of another part, though a sample of the many would miss them."""
    bill(tmp_path / "in" / "am.csv", *lines(1, 30_000), UNUSED)
    bill(tmp_path / "in" / "act.csv", *lines(1, 30))

    with pytest.raises(InputError, match="which of the two exports it belongs to cannot be told"):
        read(tmp_path / "in", tmp_path / "work")


def test_an_earlier_run_of_the_same_export_is_not_its_other_half(tmp_path: Path) -> None:
    """All of its lines are in the later one, but the later one has ten more."""
    bill(tmp_path / "in" / "earlier.csv", *lines(1, 10))
    bill(tmp_path / "in" / "later.csv", *lines(1, 20), PURCHASE)

    with pytest.raises(InputError, match="which of the two exports it belongs to cannot be told"):
        read(tmp_path / "in", tmp_path / "work")


def test_chunks_that_end_at_different_lines_go_with_their_folder(tmp_path: Path) -> None:
    """40 lines of 1; cash 100 beside, amortised 5 + 1."""
    for name, cut, more in (("act", 30, [COVERED_ACTUAL, PURCHASE]), ("am", 20, [COVERED_AMORTIZED, UNUSED])):
        bill(tmp_path / "in" / name / "part_0.csv", *lines(1, cut))
        bill(tmp_path / "in" / name / "part_1.csv", *lines(cut + 1, 40), *more)

    assert totals(tmp_path / "in", tmp_path / "work") == {1: (140, 0), 2: (0, 46)}


def test_a_chunk_whose_lines_only_the_other_half_has_belongs_to_its_own(tmp_path: Path) -> None:
    """The actual export is one file, the amortised one two, all in one folder."""
    bill(tmp_path / "in" / "actual.csv", *lines(1, 40), PURCHASE)
    bill(tmp_path / "in" / "amortised_0.csv", *lines(1, 20))
    bill(tmp_path / "in" / "amortised_1.csv", *lines(21, 40), UNUSED)

    assert totals(tmp_path / "in", tmp_path / "work") == {1: (140, 0), 2: (0, 41)}


def test_the_other_half_may_be_in_chunks(tmp_path: Path) -> None:
    bill(tmp_path / "in" / "actual_0.csv", *lines(1, 20))
    bill(tmp_path / "in" / "actual_1.csv", *lines(21, 40))
    bill(tmp_path / "in" / "amortised.csv", *lines(1, 40), UNUSED)

    assert totals(tmp_path / "in", tmp_path / "work") == {1: (40, 0), 2: (0, 41)}


def test_lines_written_in_another_way_are_not_taken_for_others(tmp_path: Path) -> None:
    """The other half from another tool: no line looks the same, yet the sub-account is."""
    bill(tmp_path / "in" / "a.csv", {}, PURCHASE)
    write_csv(tmp_path / "in" / "b.csv", [{**LINE, "Quantity": "2.00", "InvoiceId": "7"}])

    with pytest.raises(InputError, match="which of the two exports it belongs to cannot be told"):
        read(tmp_path / "in", tmp_path / "work")


def test_a_file_beside_an_export_that_says_what_it_is_does_not_replace_it(tmp_path: Path) -> None:
    delivered(tmp_path / "in" / "one", "ActualCost", [{}, PURCHASE])
    bill(tmp_path / "in" / "two" / "other.csv", OTHER)

    with pytest.raises(InputError, match="Two exports deliver azure 8611537 2026-09:") as caught:
        read(tmp_path / "in", tmp_path / "work")
    assert "one/manifest.json" in str(caught.value)
    assert "two/other.csv" in str(caught.value)


def test_exports_with_other_first_days_may_deliver_one_month(tmp_path: Path) -> None:
    delivered(tmp_path / "in" / "one", "ActualCost", [{}], export="one")
    delivered(tmp_path / "in" / "two", "ActualCost", [OTHER], export="two")
    path = tmp_path / "in" / "two" / "manifest.json"
    path.write_text(path.read_text().replace('"startDate": "2026-09-01"', '"startDate": "2026-09-05"'))

    with pytest.raises(InputError, match="Two exports deliver"):
        read(tmp_path / "in", tmp_path / "work")
