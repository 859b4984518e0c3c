"""Utilization from files: rolled up to hours by hand-computed rules, whatever the order, the files or the form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from aispend.errors import InputError
from aispend.schema import accelerator_hour, load, rejected_row, slice_
from aispend.store import Store
from tests.conftest import SOAK

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HEADER = "timestamp,resource_id,accelerator_index,gpu_utilization"


def write(path: Path, lines: Iterable[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def at(minutes: float, start: datetime = NINE) -> str:
    return (start + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours(store: Store) -> list[Any]:
    query = select(accelerator_hour).order_by("namespace", "alias", "accelerator_index", "hour")
    with store.engine.connect() as connection:
        return list(connection.execute(query))


def test_an_hour_by_hand(read_metrics, database: Store, tmp_path: Path) -> None:
    """Twelve samples every five minutes, 0, 10 … 110 capped to 100 %, one of them missing."""
    values = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    lines = [f"{at(5 * n)},i-0AB,0,{value}" for n, value in enumerate(values)]

    report = read_metrics(write(tmp_path / "a.csv", lines))

    (hour,) = hours(database)
    assert (hour.namespace, hour.alias, hour.accelerator_index, hour.hour) == ("files", "i-0ab", 0, NINE)
    assert hour.counter == "gpu_utilization"
    assert hour.interval_seconds == 300
    assert hour.activity_mean == pytest.approx(0.5)
    assert hour.activity_p50 == pytest.approx(0.5)
    assert hour.activity_p95 == pytest.approx(0.95)  # position 0.95 · 10 of the eleven sorted samples
    assert hour.activity_p99 == pytest.approx(0.99)
    assert hour.activity_max == 1
    assert hour.coverage == pytest.approx(11 / 12)
    assert hour.slot_mean == pytest.approx([value / 100 for value in values] + [None])
    assert hour.slot_max == pytest.approx([value / 100 for value in values] + [None])
    assert hour.memory_used_mean is hour.power_mean is hour.sm_active_mean is None
    assert (report.rows_in, report.rows_out, report.rows_rejected) == (11, 1, 0)


def test_slots_hold_mean_and_maximum_of_their_samples(read_metrics, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(n)},h,0,{value}" for n, value in enumerate([10, 20, 30, 40, 50, 100, 0])]

    read_metrics(write(tmp_path / "a.csv", lines))

    (hour,) = hours(database)
    assert hour.slot_mean[:2] == pytest.approx([0.3, 0.5])
    assert hour.slot_max[:2] == pytest.approx([0.5, 1.0])
    assert hour.slot_mean[2:] == [None] * 10
    assert hour.coverage == pytest.approx(7 / 60)


def test_long_samples_fill_every_slot_they_stand_for(read_metrics, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(0)},h,0,40,900", f"{at(50)},h,0,60,900"]

    read_metrics(write(tmp_path / "a.csv", lines, HEADER + ",interval_seconds"))

    (hour,) = hours(database)
    assert hour.slot_mean == pytest.approx([0.4] * 3 + [None] * 7 + [0.6] * 2)
    assert hour.coverage == pytest.approx((900 + 600) / 3600)


def test_sm_activity_is_preferred_and_kept_beside(read_metrics, database: Store, tmp_path: Path) -> None:
    header = (
        "timestamp,resource_id,gpu_utilization,sm_active,tensor_active,memory_used_bytes,memory_total_bytes,power_watts"
    )
    lines = [
        f"{at(0)},h,100,0.25,0.1,1000,4000,100.5",
        f"{at(1)},h,100,0.75,0.3,3000,4000,200.5",
        f"{at(2)},h,100,,,,,",
    ]

    read_metrics(write(tmp_path / "a.csv", lines, header))

    (hour,) = hours(database)
    assert hour.counter == "sm_active"
    assert (hour.activity_mean, hour.activity_max) == (0.5, 0.75)
    assert (hour.sm_active_mean, hour.tensor_active_mean) == pytest.approx((0.5, 0.2))
    assert (hour.memory_used_mean, hour.memory_used_max, hour.memory_total) == (2000, 3000, 4000)
    assert hour.power_mean == 150.5
    assert hour.coverage == pytest.approx(2 / 60)


def test_memory_alone_leaves_activity_unknown(read_metrics, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(n)},h,100" for n in range(60)]

    read_metrics(write(tmp_path / "a.csv", lines, "timestamp,resource_id,memory_used_bytes"))

    (hour,) = hours(database)
    assert (hour.counter, hour.activity_mean, hour.activity_max, hour.slot_mean) == (None, None, None, None)
    assert (hour.coverage, hour.memory_used_mean) == (0, 100)


def test_activity_and_memory_from_two_files_are_one_sample(read_metrics, database: Store, tmp_path: Path) -> None:
    activity = write(tmp_path / "a.csv", [f"{at(n)},h,0,50" for n in range(60)])
    memory = write(tmp_path / "b.csv", [f"{at(n)},h,7" for n in range(60)], "timestamp,resource_id,memory_used_bytes")

    read_metrics(activity, memory)

    (hour,) = hours(database)
    assert (hour.activity_mean, hour.memory_used_mean, hour.coverage) == (0.5, 7, 1)


def test_contradicting_samples_take_the_larger_and_say_so(read_metrics, database: Store, tmp_path: Path) -> None:
    report = read_metrics(write(tmp_path / "a.csv", [f"{at(0)},h,0,10", f"{at(0)},h,0,30", f"{at(1)},h,0,20"]))

    assert hours(database)[0].activity_max == pytest.approx(0.3)
    assert any("given twice with different values" in note for note in report.notes)


def test_lone_sample_counts_a_minute_and_says_so(read_metrics, database: Store, tmp_path: Path) -> None:
    report = read_metrics(write(tmp_path / "a.csv", [f"{at(0)},h,0,50"]))

    (hour,) = hours(database)
    assert (hour.interval_seconds, hour.coverage) == pytest.approx((60, 1 / 60))
    assert any("counts for 60 seconds" in note for note in report.notes)


def test_times_without_zone_are_utc_and_said_so(read_metrics, database: Store, tmp_path: Path) -> None:
    lines = ["2026-11-20 09:00:00,h,0,1", "2026-11-20T10:05:00+01:00,h,0,99", "1795165800,h,0,50"]

    report = read_metrics(write(tmp_path / "a.csv", lines))

    (hour,) = hours(database)
    assert hour.hour == NINE
    assert hour.slot_mean[:3] == pytest.approx([0.01, 0.99, 0.5])
    assert "1 rows have times without a zone; they were taken as UTC." in report.notes


@pytest.mark.parametrize("form", ["csv.gz", "semicolon", "parquet", "json", "bom"])
def test_every_file_form_gives_the_same_hours(read_metrics, database: Store, tmp_path: Path, form: str) -> None:
    rows = [{"timestamp": at(n), "resource_id": "h", "accelerator_index": 1, "gpu_utilization": n} for n in range(60)]
    path = tmp_path / "data[1]"
    plain = "\n".join([HEADER, *(",".join(str(value) for value in row.values()) for row in rows)])
    if form == "csv.gz":
        path.write_bytes(gzip.compress(plain.encode()))
    elif form == "semicolon":
        path.write_text(plain.replace(",", ";"))
    elif form == "bom":
        path.write_text(plain, encoding="utf-8-sig")
    elif form == "json":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    else:
        csv = write(tmp_path / "x.csv", [])
        csv.write_text(plain)
        duckdb.execute(f"COPY (FROM read_csv('{csv}')) TO '{tmp_path}/p.parquet' (FORMAT parquet)")
        path = (tmp_path / "p.parquet").rename(path)

    read_metrics(path)

    (hour,) = hours(database)
    assert (hour.alias, hour.accelerator_index, hour.coverage) == ("h", 1, 1)
    assert hour.activity_mean == pytest.approx(0.295)


def test_unreadable_rows_are_kept_with_line_column_and_reason(read_metrics, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(n)},h,0,50" for n in range(800)]
    lines[10] = f"{at(10)},h,0,150"
    lines[20] = "yesterday,h,0,50"
    lines[30] = f"{at(30)},,0,50"
    lines[40] = f"{at(40)},h,0,50,7"

    report = read_metrics(write(tmp_path / "a.csv", lines))

    assert [(row.line, row.column, row.value) for row in report.rejects] == [
        (42, None, None),
        (12, "gpu_utilization", "150"),
        (22, "timestamp", "yesterday"),
        (32, "resource_id", None),
    ]
    assert "percentage from 0 to 100" in report.rejects[1].reason
    with database.engine.connect() as connection:
        kept = connection.execute(select(rejected_row).order_by("ordinal")).all()
        loaded = connection.execute(select(load)).all()
    assert [row.line for row in kept] == [42, 12, 22, 32]
    assert json.loads(kept[1].raw)["gpu_utilization"] == "150"
    assert [(row.rows_in, row.rows_rejected, row.outcome) for row in loaded] == [(800, 4, "loaded")]


def test_too_many_unreadable_rows_load_nothing_but_keep_the_record(
    read_metrics, database: Store, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,0,{200 if n % 2 else 50}" for n in range(60)])

    with pytest.raises(InputError, match=r"30 of 60 rows cannot be read") as raised:
        read_metrics(path)

    assert f"{path}, line 3, column gpu_utilization: 200" in raised.value.where
    assert hours(database) == []
    with database.engine.connect() as connection:
        assert [
            tuple(row) for row in connection.execute(text("SELECT slice_id, outcome, rows_rejected FROM load"))
        ] == [(None, "failed", 30)]
        assert connection.scalar(text("SELECT count(*) FROM rejected_row")) == 30


def test_a_ratio_is_not_taken_for_a_percentage(read_metrics, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,0,{n / 60}" for n in range(60)])

    with pytest.raises(InputError, match="may be a ratio"):
        read_metrics(path)

    read_metrics(path, utilization_unit="ratio")
    assert hours(database)[0].activity_max == pytest.approx(59 / 60)
    read_metrics(path, utilization_unit="percent")
    assert hours(database)[0].activity_max == pytest.approx(59 / 6000)


def test_a_percentage_is_no_sm_activity(read_metrics, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,{n}" for n in range(60)], "timestamp,resource_id,sm_active")

    with pytest.raises(InputError, match="58 of 60") as raised:
        read_metrics(path)

    assert "ratio from 0 to 1; divide a percentage by 100" in raised.value.where


@pytest.mark.parametrize(
    ("content", "message", "where"),
    [
        ("timestamp,host,gpu_utilization\n2026-11-20,h,1\n", "lacks the column resource_id", "found timestamp, host"),
        (HEADER + "\n", "a header but no row", "bad.csv"),
        ("", "is empty", "bad.csv"),
        ("a,a\n1,2\n", "names a column twice: a", "line 1"),
        ('[{"timestamp": 1}]', "not one object on each line", "line 1"),
    ],
)
def test_unusable_files_say_what_and_where(
    read_metrics, tmp_path: Path, content: str, message: str, where: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)

    with pytest.raises(InputError, match=message) as raised:
        read_metrics(path)

    assert where in raised.value.where


def test_a_path_to_nothing_is_named(read_metrics, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file here") as raised:
        read_metrics(tmp_path / "nothing*.csv")

    assert "nothing*.csv" in raised.value.where


def test_truncated_gzip_is_refused(read_metrics, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    lines = "".join(f"{at(n)},host-{n * 7919 % 9973},0,{n % 100}\n" for n in range(100_000))
    path.write_bytes(gzip.compress((HEADER + "\n" + lines).encode())[:-50_000])

    with pytest.raises(InputError, match="cannot be read"):
        read_metrics(path)


# ------------------------------------------------------------------------------------ what is replaced


def test_the_same_file_twice_changes_nothing(read_metrics, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,0,{n}" for n in range(60)])
    read_metrics(path)
    before = hours(database)

    assert read_metrics(path).outcome == "unchanged"
    assert hours(database) == before


def test_other_machines_and_the_rest_of_the_day_add(read_metrics, database: Store, tmp_path: Path) -> None:
    read_metrics(write(tmp_path / "a.csv", [f"{at(n)},h,0,10" for n in range(60)]))
    read_metrics(write(tmp_path / "b.csv", [f"{at(n)},other,0,20" for n in range(60)]))
    read_metrics(write(tmp_path / "c.csv", [f"{at(n)},h,1,30" for n in range(60)]))
    read_metrics(write(tmp_path / "d.csv", [f"{at(60 + n)},h,0,40" for n in range(60)]))

    found = [(row.alias, row.accelerator_index, row.hour.hour, round(row.activity_mean, 6)) for row in hours(database)]
    assert found == [("h", 0, 9, 0.1), ("h", 0, 10, 0.4), ("h", 1, 9, 0.3), ("other", 0, 9, 0.2)]
    with database.engine.connect() as connection:
        slices = connection.execute(select(slice_.c.kind, slice_.c.provider, slice_.c.scope, slice_.c.period)).all()
    assert [tuple(row) for row in slices] == [("metrics", "any", "files", NINE.date())]


def test_a_corrected_file_replaces_all_it_covers(read_metrics, database: Store, tmp_path: Path) -> None:
    read_metrics(write(tmp_path / "a.csv", [f"{at(30 * n)},h,0,10" for n in range(8)]))
    corrected = [f"{at(30 * n)},h,0,70" for n in (0, 1, 4, 5)]  # the machine was off from ten to eleven

    read_metrics(write(tmp_path / "a.csv", corrected))

    found = [(row.hour.hour, round(row.activity_mean, 6)) for row in hours(database)]
    assert found == [(9, 0.7), (11, 0.7), (12, 0.1)]


def test_an_hour_known_better_before_is_said(read_metrics, tmp_path: Path) -> None:
    read_metrics(write(tmp_path / "a.csv", [f"{at(n)},h,0,10" for n in range(60)]))

    report = read_metrics(write(tmp_path / "b.csv", [f"{at(n)},h,0,10" for n in range(10)]))

    assert any(note.startswith("1 hours were known better before") for note in report.notes)


def test_sources_keep_their_own_names(read_metrics, database: Store, tmp_path: Path) -> None:
    read_metrics(write(tmp_path / "a.csv", [f"{at(n)},h,0,10" for n in range(60)]), source="lab")
    read_metrics(write(tmp_path / "b.csv", [f"{at(n)},h,0,20" for n in range(60)]), source="prod")

    assert [(row.namespace, round(row.activity_mean, 6)) for row in hours(database)] == [("lab", 0.1), ("prod", 0.2)]


@st.composite
def series(draw: st.DrawFn) -> list[str]:
    minutes = draw(st.lists(st.integers(0, 150), min_size=1, max_size=40, unique=True))
    return [
        f"{at(minute)},{draw(st.sampled_from(['a', 'b']))},{draw(st.integers(0, 1))},{draw(st.integers(0, 1000)) / 10}"
        for minute in minutes
    ] + [f"{at(0)},c,0,55.5"]


@hypothesis_settings(max_examples=300 if SOAK else 6)
@given(lines=series(), data=st.data())
def test_order_and_splitting_change_nothing(
    read_metrics, database: Store, tmp_path: Path, lines: list[str], data: st.DataObject
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("TRUNCATE accelerator_hour, load, slice"))
    read_metrics(write(tmp_path / "whole.csv", lines))
    whole = hours(database)
    shuffled = data.draw(st.permutations(lines))
    cut = data.draw(st.integers(0, len(lines) - 1))
    parts = [write(tmp_path / f"{n}.csv", part) for n, part in enumerate((shuffled[:cut], shuffled[cut:]))]

    read_metrics(*parts)

    without_slice = [row[1:] for row in hours(database)]
    assert without_slice == [row[1:] for row in whole]
    assert all(row.slot_mean is None or len(row.slot_mean) == 12 for row in whole)
