"""Utilization from files: rolled up to hours by hand-computed rules, whatever the order, the files or the form."""

from __future__ import annotations

import gzip
import json
import math
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

from aispend.clock import Clock
from aispend.errors import InputError, UsageError
from aispend.schema import accelerator_hour, load, rejected_row, slice_
from aispend.settings import Settings
from aispend.store import Store
from collectors.files import metrics
from collectors.files.metrics import import_metrics
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


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock):
    def imported(*paths: Path, **options: Any) -> metrics.TelemetryReport:
        return import_metrics(paths, database, store_settings, clock, **options)

    return imported


def test_an_hour_by_hand(run, database: Store, tmp_path: Path) -> None:
    """Twelve samples every five minutes, 0, 10 … 110 capped to 100 %, one of them missing."""
    values = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    lines = [f"{at(5 * n)},i-0AB,0,{value}" for n, value in enumerate(values)]

    report = run(write(tmp_path / "a.csv", lines))

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


def test_slots_hold_mean_and_maximum_of_their_samples(run, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(n)},h,0,{value}" for n, value in enumerate([10, 20, 30, 40, 50, 100, 0])]

    run(write(tmp_path / "a.csv", lines))

    (hour,) = hours(database)
    assert hour.slot_mean[:2] == pytest.approx([0.3, 0.5])
    assert hour.slot_max[:2] == pytest.approx([0.5, 1.0])
    assert hour.slot_mean[2:] == [None] * 10
    assert hour.coverage == pytest.approx(7 / 60)


def test_long_samples_fill_every_slot_they_stand_for(run, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(0)},h,0,40,900", f"{at(50)},h,0,60,900"]

    run(write(tmp_path / "a.csv", lines, HEADER + ",interval_seconds"))

    (hour,) = hours(database)
    assert hour.slot_mean == pytest.approx([0.4] * 3 + [None] * 7 + [0.6] * 2)
    assert hour.coverage == pytest.approx((900 + 600) / 3600)


def test_sm_activity_is_preferred_and_kept_beside(run, database: Store, tmp_path: Path) -> None:
    header = (
        "timestamp,resource_id,gpu_utilization,sm_active,tensor_active,memory_used_bytes,memory_total_bytes,power_watts"
    )
    lines = [
        f"{at(0)},h,100,0.25,0.1,1000,4000,100.5",
        f"{at(1)},h,100,0.75,0.3,3000,4000,200.5",
        f"{at(2)},h,100,,,,,",
    ]

    run(write(tmp_path / "a.csv", lines, header))

    (hour,) = hours(database)
    assert hour.counter == "sm_active"
    assert (hour.activity_mean, hour.activity_max) == (0.5, 0.75)
    assert (hour.sm_active_mean, hour.tensor_active_mean) == pytest.approx((0.5, 0.2))
    assert (hour.memory_used_mean, hour.memory_used_max, hour.memory_total) == (2000, 3000, 4000)
    assert hour.power_mean == 150.5
    assert hour.coverage == pytest.approx(2 / 60)


def test_memory_alone_leaves_activity_unknown(run, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(n)},h,100" for n in range(60)]

    run(write(tmp_path / "a.csv", lines, "timestamp,resource_id,memory_used_bytes"))

    (hour,) = hours(database)
    assert (hour.counter, hour.activity_mean, hour.activity_max, hour.slot_mean) == (None, None, None, None)
    assert (hour.coverage, hour.memory_used_mean) == (0, 100)


def test_activity_and_memory_from_two_files_are_one_sample(run, database: Store, tmp_path: Path) -> None:
    activity = write(tmp_path / "a.csv", [f"{at(n)},h,0,50" for n in range(60)])
    memory = write(tmp_path / "b.csv", [f"{at(n)},h,7" for n in range(60)], "timestamp,resource_id,memory_used_bytes")

    run(activity, memory)

    (hour,) = hours(database)
    assert (hour.activity_mean, hour.memory_used_mean, hour.coverage) == (0.5, 7, 1)


def test_contradicting_samples_take_the_larger_and_say_so(run, database: Store, tmp_path: Path) -> None:
    report = run(write(tmp_path / "a.csv", [f"{at(0)},h,0,10", f"{at(0)},h,0,30", f"{at(1)},h,0,20"]))

    assert hours(database)[0].activity_max == pytest.approx(0.3)
    assert any("given twice with different values" in note for note in report.notes)


def test_lone_sample_counts_a_minute_and_says_so(run, database: Store, tmp_path: Path) -> None:
    report = run(write(tmp_path / "a.csv", [f"{at(0)},h,0,50"]))

    (hour,) = hours(database)
    assert (hour.interval_seconds, hour.coverage) == pytest.approx((60, 1 / 60))
    assert any("counts for 60 seconds" in note for note in report.notes)


def test_times_without_zone_are_utc_and_said_so(run, database: Store, tmp_path: Path) -> None:
    lines = ["2026-11-20 09:00:00,h,0,1", "2026-11-20T10:05:00+01:00,h,0,99", "1795165800,h,0,50"]

    report = run(write(tmp_path / "a.csv", lines))

    (hour,) = hours(database)
    assert hour.hour == NINE
    assert hour.slot_mean[:3] == pytest.approx([0.01, 0.99, 0.5])
    assert "1 rows have times without a zone; they were taken as UTC." in report.notes


@pytest.mark.parametrize("form", ["csv.gz", "semicolon", "parquet", "json", "bom"])
def test_every_file_form_gives_the_same_hours(run, database: Store, tmp_path: Path, form: str) -> None:
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

    run(path)

    (hour,) = hours(database)
    assert (hour.alias, hour.accelerator_index, hour.coverage) == ("h", 1, 1)
    assert hour.activity_mean == pytest.approx(0.295)


def test_unreadable_rows_are_kept_with_line_column_and_reason(run, database: Store, tmp_path: Path) -> None:
    lines = [f"{at(n)},h,0,50" for n in range(800)]
    lines[10] = f"{at(10)},h,0,150"
    lines[20] = "yesterday,h,0,50"
    lines[30] = f"{at(30)},,0,50"
    lines[40] = f"{at(40)},h,0,50,7"

    report = run(write(tmp_path / "a.csv", lines))

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


def test_too_many_unreadable_rows_load_nothing_but_keep_the_record(run, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,0,{200 if n % 2 else 50}" for n in range(60)])

    with pytest.raises(InputError, match=r"30 of 60 rows cannot be read") as raised:
        run(path)

    assert f"{path}, line 3, column gpu_utilization: 200" in raised.value.where
    assert hours(database) == []
    with database.engine.connect() as connection:
        assert [
            tuple(row) for row in connection.execute(text("SELECT slice_id, outcome, rows_rejected FROM load"))
        ] == [(None, "failed", 30)]
        assert connection.scalar(text("SELECT count(*) FROM rejected_row")) == 30


def test_a_ratio_is_not_taken_for_a_percentage(run, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,0,{n / 60}" for n in range(60)])

    with pytest.raises(InputError, match="may be a ratio"):
        run(path)

    run(path, utilization_unit="ratio")
    assert hours(database)[0].activity_max == pytest.approx(59 / 60)
    run(path, utilization_unit="percent")
    assert hours(database)[0].activity_max == pytest.approx(59 / 6000)


def test_a_percentage_is_no_sm_activity(run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,{n}" for n in range(60)], "timestamp,resource_id,sm_active")

    with pytest.raises(InputError, match="58 of 60") as raised:
        run(path)

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
def test_unusable_files_say_what_and_where(run, tmp_path: Path, content: str, message: str, where: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)

    with pytest.raises(InputError, match=message) as raised:
        run(path)

    assert where in raised.value.where


def test_a_path_to_nothing_is_named(run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file here") as raised:
        run(tmp_path / "nothing*.csv")

    assert "nothing*.csv" in raised.value.where


def test_truncated_gzip_is_refused(run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    lines = "".join(f"{at(n)},host-{n * 7919 % 9973},0,{n % 100}\n" for n in range(100_000))
    path.write_bytes(gzip.compress((HEADER + "\n" + lines).encode())[:-50_000])

    with pytest.raises(InputError, match="cannot be read"):
        run(path)


# ------------------------------------------------------------------------------------ what is replaced


def test_the_same_file_twice_changes_nothing(run, database: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [f"{at(n)},h,0,{n}" for n in range(60)])
    run(path)
    before = hours(database)

    assert run(path).outcome == "unchanged"
    assert hours(database) == before


def test_other_machines_and_the_rest_of_the_day_add(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(n)},h,0,10" for n in range(60)]))
    run(write(tmp_path / "b.csv", [f"{at(n)},other,0,20" for n in range(60)]))
    run(write(tmp_path / "c.csv", [f"{at(n)},h,1,30" for n in range(60)]))
    run(write(tmp_path / "d.csv", [f"{at(60 + n)},h,0,40" for n in range(60)]))

    found = [(row.alias, row.accelerator_index, row.hour.hour, round(row.activity_mean, 6)) for row in hours(database)]
    assert found == [("h", 0, 9, 0.1), ("h", 0, 10, 0.4), ("h", 1, 9, 0.3), ("other", 0, 9, 0.2)]
    with database.engine.connect() as connection:
        slices = connection.execute(select(slice_.c.kind, slice_.c.provider, slice_.c.scope, slice_.c.period)).all()
    assert [tuple(row) for row in slices] == [("metrics", "any", "files", NINE.date())]


def test_a_corrected_file_replaces_all_it_covers(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(30 * n)},h,0,10" for n in range(8)]))
    corrected = [f"{at(30 * n)},h,0,70" for n in (0, 1, 4, 5)]  # the machine was off from ten to eleven

    run(write(tmp_path / "a.csv", corrected))

    found = [(row.hour.hour, round(row.activity_mean, 6)) for row in hours(database)]
    assert found == [(9, 0.7), (11, 0.7), (12, 0.1)]


def test_an_hour_known_better_before_is_said(run, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(n)},h,0,10" for n in range(60)]))

    report = run(write(tmp_path / "b.csv", [f"{at(n)},h,0,10" for n in range(10)]))

    assert any(note.startswith("1 hours were known better before") for note in report.notes)


def test_sources_keep_their_own_names(run, database: Store, tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", [f"{at(n)},h,0,10" for n in range(60)]), source="lab")
    run(write(tmp_path / "b.csv", [f"{at(n)},h,0,20" for n in range(60)]), source="prod")

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
    run, database: Store, tmp_path: Path, lines: list[str], data: st.DataObject
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("TRUNCATE accelerator_hour, load, slice"))
    run(write(tmp_path / "whole.csv", lines))
    whole = hours(database)
    shuffled = data.draw(st.permutations(lines))
    cut = data.draw(st.integers(0, len(lines) - 1))
    parts = [write(tmp_path / f"{n}.csv", part) for n, part in enumerate((shuffled[:cut], shuffled[cut:]))]

    run(*parts)

    without_slice = [row[1:] for row in hours(database)]
    assert without_slice == [row[1:] for row in whole]
    assert all(row.slot_mean is None or len(row.slot_mean) == 12 for row in whole)


# ------------------------------------------------------------------------------------ real data


def test_dcgm_scrapes_of_five_clusters(run, database: Store, public_data: Path) -> None:
    folder = public_data / "util_dcgm_vllm_scrapes"

    report = run(*sorted(folder.glob("*.dcgm.prom")), at=NINE)

    found = {row.alias: row for row in hours(database)}
    assert sorted(found) == [
        "conformance-test-np1-qcqc8-bpdtl-wv2gs",
        "cp-bm14r7",
        "gpu1-wl8sg",
        "i-030791dc5a37cd257",
        "ip-10-200-3-41",
        "test-ai-1-node-pool-40c-d5ds8-br9r6-9tb2c",
    ]
    assert found["ip-10-200-3-41"].memory_used_mean == 0
    assert found["ip-10-200-3-41"].activity_mean is None  # the scrape has no GPU_UTIL
    assert found["cp-bm14r7"].power_mean == pytest.approx(68.244)
    assert found["cp-bm14r7"].hour == NINE
    assert report.rows_in == 6


def test_a_scrape_must_say_when_it_was_taken(run, database: Store, public_data: Path, tmp_path: Path) -> None:
    scrape = public_data / "util_dcgm_vllm_scrapes" / "v1.35_rafay_accelator_metrics.dcgm.prom"
    with pytest.raises(InputError, match="does not say when it was taken"):
        run(scrape)
    with pytest.raises(UsageError, match="needs a zone"):
        run(scrape, at=datetime(2026, 11, 20))  # noqa: DTZ001

    marked = tmp_path / "scrapes.prom"
    marked.write_text("".join(f"# scraped_at {at(n)}\n{scrape.read_text()}" for n in (0, 1, 2)))
    run(marked)

    (hour,) = hours(database)
    assert (hour.alias, hour.hour, hour.interval_seconds) == ("ip-10-200-3-41", NINE, 60)


def test_a_vllm_scrape_points_to_the_right_import(run, public_data: Path) -> None:
    (scrape,) = (public_data / "util_dcgm_vllm_scrapes").glob("*.vllm.prom")

    with pytest.raises(InputError, match="nothing about accelerators") as raised:
        run(scrape, at=NINE)

    assert "import-usage" in raised.value.next_step


def test_label_spellings_and_mig_instances(run, database: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.prom"
    stamp = int(NINE.timestamp() * 1000)
    path.write_text(
        "# TYPE DCGM_FI_PROF_SM_ACTIVE gauge\n"
        f'DCGM_FI_PROF_SM_ACTIVE{{gpu="1",hostname="n1",exported_pod="p"}} 0.5 {stamp}\n'
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="1",hostname="n1"}} 90 {stamp}\n'
        f'DCGM_FI_PROF_SM_ACTIVE{{gpu="1",GPU_I_ID="3",Hostname="n1",modelName="A \\"100\\""}} 0.25 {stamp}\n'
        f'DCGM_FI_DEV_FB_USED{{gpu="1",Hostname="n1"}} 2 {stamp}\n'
        f'DCGM_FI_DEV_FB_FREE{{gpu="1",Hostname="n1"}} 5 {stamp}\n'
        f'DCGM_FI_DEV_FB_RESERVED{{gpu="1",Hostname="n1"}} 1 {stamp}\n'
        f'DCGM_FI_DEV_POWER_USAGE{{gpu="1",Hostname="n1"}} NaN {stamp}\n'
        f'nv_gpu_utilization{{gpu_uuid="x",instance="t1:8002"}} 0.75 {stamp}\n'
    )

    run(path)

    found = {(row.alias, row.accelerator_index): row for row in hours(database)}
    assert sorted(found) == [("n1", 1), ("n1", 203), ("t1:8002", 0)]
    assert (found["n1", 1].counter, found["n1", 1].activity_mean) == ("sm_active", 0.5)
    assert (found["n1", 1].memory_used_mean, found["n1", 1].memory_total) == (2 * 2**20, 8 * 2**20)
    assert found["n1", 1].power_mean is None
    assert found["n1", 203].activity_mean == 0.25
    assert found["t1:8002", 0].activity_mean == 0.75


def test_an_image_service_of_143_pods(run, database: Store, public_data: Path, tmp_path: Path) -> None:
    """Alibaba's trace: pod means 6.45 % on average, pod maxima 61.9 %; a step of 57 seconds."""
    source = public_data / "util_alibaba_gentd26" / "pod_gpu_duty_cycle_anon.csv.gz"
    path = tmp_path / "duty.csv.gz"
    with gzip.open(source, "rt") as read, gzip.open(path, "wt", compresslevel=1) as out:
        next(read)
        out.write("gpu_utilization,timestamp,resource_id\n")
        out.writelines(read)

    report = run(path)

    assert (report.rows_in, report.rows_rejected) == (157_417, 0)
    rows = hours(database)
    samples = {id(row): row.coverage * 3600 / row.interval_seconds for row in rows}
    pods: dict[str, list[Any]] = {}
    for row in rows:
        pods.setdefault(row.alias, []).append(row)
    means = [
        sum(row.activity_mean * samples[id(row)] for row in of_pod) / sum(samples[id(row)] for row in of_pod)
        for of_pod in pods.values()
    ]
    maxima = [max(row.activity_max for row in of_pod) for of_pod in pods.values()]
    assert len(pods) == 143
    assert sum(means) / 143 == pytest.approx(0.0645, abs=0.0005)
    assert sum(maxima) / 143 == pytest.approx(0.6187, abs=0.0001)
    assert sorted(row.interval_seconds for row in rows)[len(rows) // 2] == 57
    assert max(row.coverage for row in rows) <= 1


def test_a_load_test_read_every_half_second(run, database: Store, public_data: Path, tmp_path: Path) -> None:
    """BurstGPT: 24 GB card, memory allocated at start; its monotonic clock is moved to a date."""
    records = json.loads((public_data / "util_burstgpt_vllm_runs/gpu_log/gpu_log_scale100_prompt500.json").read_text())
    first = min(record["record_time"] for record in records.values())
    lines = [
        json.dumps(
            {
                "timestamp": NINE.timestamp() + record["record_time"] - first,
                "resource_id": "gpu-lab",
                "gpu_utilization": record["GPU_utilization"],
                "memory_used_bytes": record["GPU_used_mem"] * 2**20,
                "memory_total_bytes": record["GPU_total_mem"] * 2**20,
            }
        )
        for record in records.values()
    ]
    path = tmp_path / "gpu.jsonl"
    path.write_text("\n".join(lines))

    run(path)

    (hour,) = hours(database)
    values = sorted(record["GPU_utilization"] for record in records.values())
    assert hour.interval_seconds == pytest.approx(0.5, abs=0.01)
    assert hour.activity_mean == pytest.approx(math.fsum(values) / len(values) / 100)
    assert hour.activity_max == values[-1] / 100
    assert hour.memory_used_max / hour.memory_total == pytest.approx(0.917, abs=0.001)
    assert hour.coverage == pytest.approx(len(values) * 0.5 / 3600, rel=0.02)
