"""Workload records: seconds by hour, exactly once, with what was asked for and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.schema import workload_hour
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.telemetry_load import TelemetryReport
from collectors.files.workloads import import_workloads
from tests.collectors import usage_lines
from tests.collectors.usage_lines import at
from tests.conftest import SOAK

HEADER = (
    "timestamp,period_seconds,resource_id,workload,kind,stage,model,team,accelerators_requested,accelerators_used,"
    "cpus_requested,memory_requested_bytes,outcome"
)


def write(path: Path, lines: Iterable[str], header: str = HEADER) -> Path:
    return usage_lines.write(path, lines, header)


def facts(store: Store) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(workload_hour).order_by("hour", "alias", "workload")))


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock):
    def imported(*paths: Path, **options: Any) -> TelemetryReport:
        return import_workloads(paths, database, store_settings, clock, **options)

    return imported


def test_a_job_over_three_hours(run, database: Store, tmp_path: Path) -> None:
    line = f"{at(45)},5400,I-0AB,train-7,Job,training,Meta-Llama-3-8B,research,8,6,32,1000,succeeded"

    report = run(write(tmp_path / "a.csv", [line]), source="k8s")

    rows = facts(database)
    assert [(row.hour.hour, row.seconds) for row in rows] == [(9, 900), (10, 3600), (11, 900)]
    first = rows[0]
    assert (first.namespace, first.alias, first.workload, first.kind) == ("k8s", "i-0ab", "train-7", "job")
    assert (first.stage, first.model, first.team, first.outcome) == ("training", "llama-3-8b", "research", "succeeded")
    assert (first.accelerators_requested, first.accelerators_used) == (8, 6)
    assert (first.cpus_requested, first.memory_requested_bytes) == (32, 1000)
    assert (report.rows_in, report.rows_out) == (1, 3)


def test_rows_of_one_hour_come_together(run, database: Store, tmp_path: Path) -> None:
    lines = [
        f"{at(0)},600,n,pod,deployment,inference_online,a,x,1,0.5,,,running",
        f"{at(10)},1800,n,pod,,inference_online,b,x,2,1,,,failed",
        f"{at(10)},1800,n,pod,,inference_online,b,x,2,1,,,failed",
        f"{at(40)},600,n,pod,,inference_online,a,y,1,,,,retried",
    ]

    run(write(tmp_path / "a.csv", lines))

    (hour,) = facts(database)
    assert hour.seconds == 3000
    assert (hour.kind, hour.model, hour.team, hour.outcome) == ("deployment", "b", "x", "retried")
    assert hour.accelerators_requested == 2
    assert hour.accelerators_used == pytest.approx((600 * 0.5 + 1800 * 1) / 2400)
    assert hour.cpus_requested is None


def test_a_corrected_file_replaces_its_workloads_only(run, database: Store, tmp_path: Path) -> None:
    header = "timestamp,period_seconds,resource_id,workload"
    path = write(tmp_path / "a.csv", [f"{at(0)},7200,n,{name}" for name in ("x", "y")], header)
    run(path)
    assert run(path).outcome == "unchanged"

    run(write(tmp_path / "b.csv", [f"{at(0)},1800,n,x"], header))

    assert [(row.hour.hour, row.workload, row.seconds) for row in facts(database)] == [
        (9, "x", 1800), (9, "y", 3600), (10, "x", 3600), (10, "y", 3600),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{at(0)},60,n,w,,cooking,,,,,,,", "stage: cooking is none of data, training"),
        (f"{at(0)},60,n,w,,,,,,,,,exploded", "outcome: exploded is none of running"),
        (f"{at(0)},0,n,w,,,,,,,,,", "period_seconds: 0 is no number, or out of range"),
        (f"{at(0)},60,n,,,,,,,,,,", "workload: nothing"),
        (f"{at(0)},60,n,w,,,,,-1,,,,", "accelerators_requested: -1"),
        ("2031-01-01,60,n,w,,,,,,,,,", "timestamp: 2031-01-01 is no time .* or lies in the future"),
    ],
)
def test_what_cannot_be_is_refused(run, tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        run(write(tmp_path / "a.csv", [line] * 5))


@hypothesis_settings(max_examples=300 if SOAK else 6)
@given(data=st.data())
def test_time_is_conserved_and_order_and_files_change_nothing(
    run, database: Store, tmp_path: Path, data: st.DataObject
) -> None:
    """Runs of one workload one after the other, so that no hour is more than full."""
    lengths = data.draw(st.lists(st.integers(1, 20_000), min_size=1, max_size=12))
    starts = [sum(lengths[:number]) for number in range(len(lengths))]
    lines = [
        f"{at(start / 60)},{length},n,w,,,{data.draw(st.sampled_from(['a', 'b', '']))},,1,{length % 7},,,"
        for start, length in zip(starts, lengths, strict=True)
    ]

    def load(*parts: list[str]) -> list[Any]:
        with database.engine.begin() as connection:
            connection.execute(text("TRUNCATE workload_hour, load, slice"))
        run(*(write(tmp_path / f"{number}.csv", part) for number, part in enumerate(parts)))
        return [tuple(row)[1:] for row in facts(database)]

    whole = load(lines)
    shuffled = data.draw(st.permutations(lines))
    cut = data.draw(st.integers(0, len(lines) - 1))

    assert sum(row.seconds for row in facts(database)) == pytest.approx(sum(lengths))
    assert load(shuffled[:cut], shuffled[cut:]) == whole


def test_what_was_used_is_a_mean_and_a_part_of_an_accelerator_is_named(run, database: Store, tmp_path: Path) -> None:
    header = (
        "timestamp,period_seconds,resource_id,workload,accelerators_requested,accelerator_profile,cpus_used,"
        "memory_used_bytes"
    )
    lines = [
        f"{at(0)},1200,n,slice,1,nvidia.com/MIG-3g.40gb,2,4000000000",
        f"{at(20)},2400,n,slice,1,nvidia.com/MIG-3g.40gb,8,1000000000",
        f"{at(0)},3600,n,replica,1,1/4,,",
    ]

    run(write(tmp_path / "a.csv", lines, header))

    assert [
        (row.workload, row.accelerator_profile, row.cpus_used, row.memory_used_bytes) for row in facts(database)
    ] == [("replica", "1/4", None, None), ("slice", "nvidia.com/mig-3g.40gb", 6, 2e9)]


def test_what_is_no_part_of_an_accelerator_is_refused(run, tmp_path: Path) -> None:
    header = "timestamp,period_seconds,resource_id,workload,accelerator_profile"
    lines = [f"{at(index)},60,n,w,{text}" for index, text in enumerate(("half", "40gb", "9", "1/0"))]

    with pytest.raises(InputError, match=r"3g\.40gb"):
        run(write(tmp_path / "a.csv", lines, header))


def test_what_is_all_that_ran_on_a_resource_replaces_whatever_it_had(run, database: Store, tmp_path: Path) -> None:
    long = [f"{at(0)},90000,job-1,train,,,,,,,,,running", f"{at(0)},60,job-2,other,,,,,,,,,running"]
    run(write(tmp_path / "a.csv", long), source="aws")
    run(write(tmp_path / "b.csv", [f"{at(0)},60,job-1,train,,,,,,,,,running"]), source="other")
    final = write(tmp_path / "c.csv", [f"{at(0)},600,JOB-1,train,,,,,,,,,succeeded"])

    run(final, source="aws", whole_resources=True)

    kept = sorted((row.namespace, row.alias, row.seconds, row.outcome) for row in facts(database))
    assert kept == [
        ("aws", "job-1", 600, "succeeded"),
        ("aws", "job-2", 60, "running"),
        ("other", "job-1", 60, "running"),
    ]
    assert run(final, source="aws", whole_resources=True).outcome == "unchanged"
