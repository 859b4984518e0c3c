"""What an import leaves unasked, because none of its rows has it, changes nothing of what the rows say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.settings import Settings
from collectors.files import usage, workloads
from collectors.files.telemetry_files import find_files
from collectors.files.telemetry_load import name_models
from collectors.files.telemetry_scan import read, workspace

_RUNS = "timestamp,period_seconds,resource_id,workload,kind,model,team,outcome\n"
_SAME = """\
2026-11-01T10:00:00Z,1800,vm-1,chat,job,gpt-4o,blue,running
2026-11-01T10:20:00Z,4000,vm-1,chat,,gpt-4o,,succeeded
2026-11-01T11:40:00Z,600,vm-2,chat,notebook,,,
"""
_DIFFERENT = """\
2026-11-01T10:00:00Z,600,vm-3,drill,job,gpt-4o,blue,running
2026-11-01T10:10:00Z,900,vm-3,drill,notebook,llama-3,red,failed
"""

_COUNTS = "timestamp,period_seconds,endpoint,model,requests,output_tokens,latency_ms\n"
_PLAIN = """\
2026-11-01T10:00:00Z,3600,chat,gpt-4o,10,500,
2026-11-01T10:30:00Z,60,chat,gpt-4o,2,,
2026-11-01T11:00:00Z,3600,chat,gpt-4o,0,7,
"""
_LONG = "2026-11-01T10:30:00Z,7200,draw,gpt-4o,9,90,250\n"


def rolled(kind: Any, path: Path, clock: Clock, lines: str) -> list[dict[str, Any]]:
    """The hours that an import of these lines would write."""
    path.write_text(lines)
    with workspace(Settings(home=path.parent)) as space:
        read(space, kind.FORM, find_files([path])[0], clock())
        name_models(space)
        table = "rolled"
        if kind is usage:
            table = "aggregate_hour"
            usage._prepare(space)
            usage._roll_up(space, "files", "aggregate")
        else:
            workloads._roll_up(space, "files")
        names = [name for name, *_ in space.rows(f"DESCRIBE {table}")]
        return [dict(zip(names, row, strict=True)) for row in space.rows(f"FROM {table} ORDER BY ALL")]


def test_a_workload_that_always_says_the_same_is_as_it_is_beside_one_that_does_not(
    tmp_path: Path, clock: Clock
) -> None:
    alone = rolled(workloads, tmp_path / "runs.csv", clock, _RUNS + _SAME)
    beside = rolled(workloads, tmp_path / "runs.csv", clock, _RUNS + _SAME + _DIFFERENT)
    assert [row for row in beside if row["alias"] != "vm-3"] == alone
    (other,) = [row for row in beside if row["alias"] == "vm-3"]
    assert (other["kind"], other["team"], other["outcome"]) == ("notebook", "red", "failed")
    said = [
        (f"{row['hour']:%H}", row["alias"], row["kind"], row["model"], row["team"], row["seconds"]) for row in alone
    ]
    # 1,800 s from 10:00 and 2,400 s from 10:20 are more than the hour has; 1,600 s are left for 11:00
    assert sorted(said, key=str) == [
        ("10", "vm-1", "job", "gpt-4o", "blue", 3600.0),
        ("11", "vm-1", None, "gpt-4o", None, 1600.0),
        ("11", "vm-2", "notebook", None, None, 600.0),
    ]


def test_hours_without_latency_are_as_they_are_beside_long_rows_with_one(tmp_path: Path, clock: Clock) -> None:
    alone = rolled(usage, tmp_path / "counts.csv", clock, _COUNTS + _PLAIN)
    beside = rolled(usage, tmp_path / "counts.csv", clock, _COUNTS + _PLAIN + _LONG)
    assert [row for row in beside if row["endpoint"] == "chat"] == alone
    assert {(f"{row['hour']:%H}", row["unit_class"]): row["quantity"] for row in alone} == {
        ("10", "requests"): 12,
        ("10", "output"): 500,
        ("11", "requests"): 0,
        ("11", "output"): 7,
    }
    drawn = [row for row in beside if row["endpoint"] == "draw" and row["unit_class"] == "requests"]
    # 9 requests over 30, 60 and 30 minutes: 2.25, 4.5, 2.25, whole by largest remainder
    assert [(f"{row['hour']:%H}", row["quantity"]) for row in drawn] == [("10", 2), ("11", 5), ("12", 2)]
    assert [row["latency_p50_ms"] for row in drawn] == [250.0, None, None]
