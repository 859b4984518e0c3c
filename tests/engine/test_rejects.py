"""Lines that cannot be read are kept aside with their place; files that are not whole are refused."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aispend.engine.duck import DuckEngine
from aispend.engine.rejects import allowed
from aispend.engine.result import RollUpSummary
from aispend.engine.scan import Delivery
from aispend.errors import InputError
from aispend.settings import Engine
from tests.engine.bills import COLUMNS, COSTS, bill_line, classify, csv_delivery, csv_text, mapping, parquet_delivery


@pytest.fixture
def engine(tmp_path: Path) -> DuckEngine:
    return DuckEngine(Engine(), tmp_path / "work")


def summary_of(engine: DuckEngine, delivery: Delivery) -> RollUpSummary:
    with engine.roll_up(delivery, classify) as rolled:
        return rolled.summary


def test_an_unreadable_cost_is_kept_aside_with_its_physical_line(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [
        bill_line(),
        bill_line(description="two\nlines"),  # lines 3 and 4
        bill_line(billed="12,50"),
        *[bill_line() for _ in range(396)],
        bill_line(list="n/a", tags='{"a":"b"}'),
    ]

    summary = summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert [(r.file, r.line, r.column, r.value, r.reason) for r in summary.rejected] == [
        ("a.csv", 5, "billed", "12,50", "not a number"),
        ("a.csv", 402, "list", "n/a", "not a number"),
    ]
    assert '"description":"small machine"' in summary.rejected[0].raw
    assert (summary.lines, summary.rejected_lines, summary.slices[0].lines) == (400, 2, 398)


def test_the_engine_names_the_column_of_what_every_line_needs(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [*[bill_line() for _ in range(398)], bill_line(start="yesterday"), bill_line(currency="")]

    summary = summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert [(r.line, r.column, r.value, r.reason) for r in summary.rejected] == [
        (400, "start", "yesterday", "no charge date, or not a date"),
        (401, "currency", None, "no currency"),
    ]


def test_broken_structure_is_kept_aside_with_its_physical_line(engine: DuckEngine, tmp_path: Path) -> None:
    good = csv_text([bill_line(description="two\nlines"), *[bill_line() for _ in range(800)]])
    rows = good.splitlines(keepends=True)
    rows[4] = "aws,111,USD\n"  # line 5
    rows[6] = rows[6].rstrip("\n") + ",one,too,many\n"  # line 7
    rows[8] = rows[8].replace("small machine", 'small "machine').replace("aws,", 'aws,"', 1)  # line 9
    text = "".join(rows).encode()
    text = text.replace(b"Compute,small machine", b"Compute,small \xff machine", 1)  # line 4, the next good one

    summary = summary_of(engine, csv_delivery(tmp_path / "a.csv", text))

    assert [(r.line, r.reason) for r in summary.rejected] == [
        (4, "not valid text in the file's encoding"),
        (5, "the line has too few columns"),
        (7, "the line has too many columns"),
        (9, "a quote is opened or closed in the wrong place"),
    ]
    assert summary.rejected[1].raw.startswith("aws,111,USD")


def test_checks_and_broken_structure_together_keep_their_lines(engine: DuckEngine, tmp_path: Path) -> None:
    rows = csv_text([bill_line() for _ in range(400)]).splitlines(keepends=True)
    rows[2] = "aws,111\n"  # line 3
    rows[7] = rows[7].replace(",1,1,1,1", ",1,x,1,1")  # line 8

    summary = summary_of(engine, csv_delivery(tmp_path / "a.csv", "".join(rows)))

    assert sorted((r.line or 0, r.column) for r in summary.rejected) == [(3, "end"), (8, "effective")] or sorted(
        (r.line or 0) for r in summary.rejected
    ) == [3, 8]


def test_lines_of_gzipped_files_are_counted_in_the_text(engine: DuckEngine, tmp_path: Path) -> None:
    text = csv_text([*[bill_line(description="a\nb") for _ in range(10)], bill_line(billed="x")])

    summary = summary_of(engine, csv_delivery(tmp_path / "a.csv.gz", gzip.compress(text.encode())))

    assert [r.line for r in summary.rejected] == [22]


@pytest.mark.parametrize(
    ("lines", "most"), [(1, 0), (9, 0), (10, 1), (12, 1), (399, 1), (400, 2), (1000, 5), (2000, 10), (1_000_000, 5000)]
)
def test_how_many_lines_may_be_kept_aside(lines: int, most: int) -> None:
    assert allowed(lines) == most


def test_too_many_unreadable_lines_fail_the_slice_and_name_the_first(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [*[bill_line() for _ in range(20)], *[bill_line(billed="?") for _ in range(6)]]

    with pytest.raises(InputError) as error:
        summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert error.value.what.startswith("6 of 26 lines of aws 111 2026-09 cannot be read; at most 1 may be kept aside")
    assert "a.csv, line 22, column billed, value '?': not a number" in error.value.where
    assert "… and 1 more" in error.value.where
    assert error.value.next_step


@pytest.mark.parametrize(("lines", "bad", "loads"), [(12, 1, True), (12, 2, False), (1000, 5, True), (1000, 6, False)])
def test_a_small_bill_may_lose_a_line_not_five(
    engine: DuckEngine, tmp_path: Path, lines: int, bad: int, loads: bool
) -> None:
    bill = [bill_line(billed="?") if n < bad else bill_line() for n in range(lines)]
    delivery = csv_delivery(tmp_path / "a.csv", csv_text(bill))

    if loads:
        assert summary_of(engine, delivery).rejected_lines == bad
    else:
        with pytest.raises(InputError, match=f"{bad} of {lines} lines"):
            summary_of(engine, delivery)


def year(bad: Mapping[int, int]) -> list[dict[str, Any]]:
    """Twelve months of 100 lines each; ``bad`` says of how many lines of a month the cost cannot be read."""
    return [
        bill_line(month=f"2026-{month:02}-01", start=f"2026-{month:02}-03 05:00:00", end=None)
        | ({"billed": "?"} if n < bad.get(month, 0) else {})
        for month in range(1, 13)
        for n in range(100)
    ]


def test_a_year_cannot_hide_a_month(engine: DuckEngine, tmp_path: Path) -> None:
    """Six of 1,200 lines are 5 per thousand of the year, but 6 % of March."""
    with pytest.raises(InputError, match="6 of 100 lines of aws 111 2026-03 cannot be read"):
        summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(year({3: 6}))))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_slice_counts_its_own(engine: DuckEngine, tmp_path: Path, form: str) -> None:
    lines = year({3: 1, 7: 1})
    if form == "csv":
        delivery = csv_delivery(tmp_path / "a.csv", csv_text(lines[:500]))
        rest = csv_delivery(tmp_path / "b.csv", csv_text(lines[500:]))
        delivery = replace(delivery, files=(*delivery.files, *rest.files))
    else:
        numbers = [
            line | {name: float("nan") if line[name] == "?" else float(line[name]) for name in COSTS} for line in lines
        ]
        delivery = parquet_delivery(tmp_path / "a.parquet", numbers)

    summary = summary_of(engine, delivery)

    assert [(one.key.month.month, one.lines, one.rejected) for one in summary.slices] == [
        (month, 99, 1) if month in (3, 7) else (month, 100, 0) for month in range(1, 13)
    ]
    places = [("a.csv", 202, 3), ("b.csv", 102, 7)] if form == "csv" else [("a.parquet", 201, 3), ("a.parquet", 601, 7)]
    assert [(r.file, r.line, r.key and r.key.month.month) for r in summary.rejected] == places
    assert summary.lines == sum(one.lines + one.rejected for one in summary.slices)


def test_a_line_of_broken_structure_still_says_whose_it_is(engine: DuckEngine, tmp_path: Path) -> None:
    rows = csv_text(year({})).splitlines(keepends=True)
    rows[150] = rows[150].rstrip("\n") + ",one,too,many\n"  # February

    summary = summary_of(engine, csv_delivery(tmp_path / "a.csv", "".join(rows)))

    assert [one.rejected for one in summary.slices] == [0, 1, *[0] * 10]
    assert [(r.line, r.key and r.key.month.month) for r in summary.rejected] == [(151, 2)]


def test_a_line_that_does_not_say_whose_it_is_counts_with_the_largest_slice(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [*year({}), *year({})[:100], bill_line(month="soon")]  # January is twice as large

    summary = summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert [one.rejected for one in summary.slices] == [1, *[0] * 11]
    assert [(r.line, r.column, r.value) for r in summary.rejected] == [(1302, "month", "soon")]


def test_lines_that_do_not_say_whose_they_are_may_all_be_of_the_smallest_slice(
    engine: DuckEngine, tmp_path: Path
) -> None:
    """Seven of 1,307 lines are 5 per thousand of the year, but might be 7 of 107 of any month but January."""
    lines = [*year({}), *year({})[:100], *[bill_line(month="soon")] * 7]

    with pytest.raises(
        InputError, match="7 of 107 lines that are or may be of aws 111 2026-02 cannot be read"
    ) as error:
        summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))

    assert "a.csv, line 1302, column month, value 'soon'" in error.value.where


def test_a_month_of_which_no_line_can_be_read_is_missed(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [*[bill_line() for _ in range(1000)], bill_line(month="2026-08-01", billed="?")]

    with pytest.raises(InputError, match="1 of 1 lines of aws 111 2026-08 cannot be read"):
        summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines)))


def test_parquet_rows_are_numbered(engine: DuckEngine, tmp_path: Path) -> None:
    good = bill_line(**dict.fromkeys(COSTS, 1.0))
    lines = [*[good for _ in range(10)], good | {"billed": float("nan")}]

    summary = summary_of(engine, parquet_delivery(tmp_path / "a.parquet", lines))

    assert [(r.line, r.column, r.value) for r in summary.rejected] == [(11, "billed", "nan")]
    assert summary.files[0].lines == 11


def test_a_file_that_ends_within_a_line_is_refused(engine: DuckEngine, tmp_path: Path) -> None:
    text = csv_text([bill_line() for _ in range(50)])

    with pytest.raises(InputError, match="ends in the middle of a line") as error:
        summary_of(engine, csv_delivery(tmp_path / "a.csv", text[:-30]))

    assert "a.csv, line 51" in error.value.where


def test_a_last_line_without_line_break_is_whole(engine: DuckEngine, tmp_path: Path) -> None:
    text = csv_text([bill_line() for _ in range(5)]).rstrip("\n")

    assert summary_of(engine, csv_delivery(tmp_path / "a.csv", text)).slices[0].lines == 5


def test_a_gzip_cut_off_is_refused(engine: DuckEngine, tmp_path: Path) -> None:
    packed = gzip.compress(csv_text([bill_line(resource=f"i-{n}") for n in range(5000)]).encode())

    with pytest.raises(InputError, match="cut off") as error:
        summary_of(engine, csv_delivery(tmp_path / "a.csv.gz", packed[: len(packed) // 2]))

    assert "a.csv.gz" in error.value.where


def test_a_parquet_file_cut_off_is_refused(engine: DuckEngine, tmp_path: Path) -> None:
    delivery = parquet_delivery(tmp_path / "a.parquet", [bill_line(**dict.fromkeys(COSTS, 1.0))])
    path = delivery.files[0].path
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(InputError, match="cut off"):
        summary_of(engine, delivery)


def test_a_header_without_lines_is_refused(engine: DuckEngine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="header but no lines"):
        summary_of(engine, csv_delivery(tmp_path / "a.csv", ",".join(COLUMNS) + "\n"))


def test_the_manifests_count_must_be_met(engine: DuckEngine, tmp_path: Path) -> None:
    text = csv_text([bill_line(), bill_line()])

    assert summary_of(engine, csv_delivery(tmp_path / "a.csv", text, declared_rows=2)).lines == 2
    with pytest.raises(InputError, match="promises 3 lines, the files hold 2"):
        summary_of(engine, csv_delivery(tmp_path / "b.csv", text, declared_rows=3))


def test_dates_in_another_order_are_refused_with_their_place(engine: DuckEngine, tmp_path: Path) -> None:
    # 5, 6 and 7 September written day first, read month first
    lines = [bill_line(start=f"{day:02}/09/2026", end=None) for day in (5, 6, 7)]
    select = mapping().select | {"charge_period_start": "try_strptime(\"start\", '%m/%d/%Y')"}
    delivery = csv_delivery(tmp_path / "a.csv", csv_text(lines), line=mapping(select=select))

    with pytest.raises(InputError, match="another order") as error:
        summary_of(engine, delivery)

    assert "a.csv, line 2, column start, value '05/09/2026'" in error.value.where


def test_dates_that_begin_with_the_year_have_one_order(engine: DuckEngine, tmp_path: Path) -> None:
    """Usage of January and May, billed in September: unusual, but what the bill says."""
    lines = [bill_line(start=f"2026-{month}-09", end=None) for month in ("01", "05")]

    assert summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines))).lines == 2


def test_usage_billed_late_is_no_error(engine: DuckEngine, tmp_path: Path) -> None:
    lines = [bill_line(start="2026-07-30 00:00:00", end=None), bill_line(start="2026-07-31 00:00:00", end=None)]

    assert summary_of(engine, csv_delivery(tmp_path / "a.csv", csv_text(lines))).slices[0].lines == 2
