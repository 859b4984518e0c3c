"""Utilization as real machines report it: scrapes of exporters, a cluster trace, a load test."""

from __future__ import annotations

import gzip
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aispend.errors import InputError, UsageError
from aispend.store import Store
from tests.collectors.test_metrics import NINE, at, hours


def test_dcgm_scrapes_of_five_clusters(read_metrics, database: Store, public_data: Path) -> None:
    folder = public_data / "util_dcgm_vllm_scrapes"

    report = read_metrics(*sorted(folder.glob("*.dcgm.prom")), at=NINE)

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


def test_a_scrape_must_say_when_it_was_taken(read_metrics, database: Store, public_data: Path, tmp_path: Path) -> None:
    scrape = public_data / "util_dcgm_vllm_scrapes" / "v1.35_rafay_accelator_metrics.dcgm.prom"
    with pytest.raises(InputError, match="does not say when it was taken"):
        read_metrics(scrape)
    with pytest.raises(UsageError, match="needs a zone"):
        read_metrics(scrape, at=datetime(2026, 11, 20))  # noqa: DTZ001

    marked = tmp_path / "scrapes.prom"
    marked.write_text("".join(f"# scraped_at {at(n)}\n{scrape.read_text()}" for n in (0, 1, 2)))
    read_metrics(marked)

    (hour,) = hours(database)
    assert (hour.alias, hour.hour, hour.interval_seconds) == ("ip-10-200-3-41", NINE, 60)


def test_a_vllm_scrape_points_to_the_right_import(read_metrics, public_data: Path) -> None:
    (scrape,) = (public_data / "util_dcgm_vllm_scrapes").glob("*.vllm.prom")

    with pytest.raises(InputError, match="nothing about accelerators") as raised:
        read_metrics(scrape, at=NINE)

    assert "import-usage" in raised.value.next_step


def test_label_spellings_and_mig_instances(read_metrics, database: Store, tmp_path: Path) -> None:
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

    read_metrics(path)

    found = {(row.alias, row.accelerator_index): row for row in hours(database)}
    assert sorted(found) == [("n1", 1), ("n1", 203), ("t1:8002", 0)]
    assert (found["n1", 1].counter, found["n1", 1].activity_mean) == ("sm_active", 0.5)
    assert (found["n1", 1].memory_used_mean, found["n1", 1].memory_total) == (2 * 2**20, 8 * 2**20)
    assert found["n1", 1].power_mean is None
    assert found["n1", 203].activity_mean == 0.25
    assert found["t1:8002", 0].activity_mean == 0.75


def test_an_image_service_of_143_pods(read_metrics, database: Store, public_data: Path, tmp_path: Path) -> None:
    """Alibaba's trace: pod means 6.45 % on average, pod maxima 61.9 %; a step of 57 seconds."""
    source = public_data / "util_alibaba_gentd26" / "pod_gpu_duty_cycle_anon.csv.gz"
    path = tmp_path / "duty.csv.gz"
    with gzip.open(source, "rt") as read, gzip.open(path, "wt", compresslevel=1) as out:
        next(read)
        out.write("gpu_utilization,timestamp,resource_id\n")
        out.writelines(read)

    report = read_metrics(path)

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


def test_a_load_test_read_every_half_second(read_metrics, database: Store, public_data: Path, tmp_path: Path) -> None:
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

    read_metrics(path)

    (hour,) = hours(database)
    values = sorted(record["GPU_utilization"] for record in records.values())
    assert hour.interval_seconds == pytest.approx(0.5, abs=0.01)
    assert hour.activity_mean == pytest.approx(math.fsum(values) / len(values) / 100)
    assert hour.activity_max == values[-1] / 100
    assert hour.memory_used_max / hour.memory_total == pytest.approx(0.917, abs=0.001)
    assert hour.coverage == pytest.approx(len(values) * 0.5 / 3600, rel=0.02)
