"""Curves of training runs: in order, one way up, long ones cut without losing when they were best."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.schema import run_metric
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.curves import import_curves
from collectors.files.telemetry_load import TelemetryReport

HEADER = "workload,metric,timestamp,step,value,lower_is_better"
Run = Callable[..., TelemetryReport]


@pytest.fixture
def run(database: Store, store_settings: Settings, clock: Clock, tmp_path: Path) -> Run:
    def imported(lines: Iterable[str], header: str = HEADER) -> TelemetryReport:
        path = tmp_path / "curves.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return import_curves([path], database, store_settings, clock)

    return imported


def points(store: Store) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(run_metric).order_by("workload", "metric", "ordinal")))


def test_a_curve_by_time_and_one_by_step(run: Run, database: Store) -> None:
    report = run(
        [
            "llama-7,Eval/Loss,2026-11-01T10:00:00Z,20,2.5,",
            "llama-7,eval/loss,2026-11-01T09:00:00Z,10,3.0,",
            "llama-7,eval/loss,2026-11-01T09:00:00Z,10,3.0,",
            "llama-8,accuracy,,2,0.5,",
            "llama-8,accuracy,,1,nan,",
        ]
    )

    assert (report.rows_in, report.rows_out, report.outcome) == (5, 4, "loaded")
    assert [(one.workload, one.ordinal, one.step, one.value, one.lower_is_better) for one in points(database)] == [
        ("llama-7", 1, 10, 3.0, True),
        ("llama-7", 2, 20, 2.5, True),
        ("llama-8", 1, 1, None, False),
        ("llama-8", 2, 2, 0.5, False),
    ]
    assert points(database)[0].measured_at == datetime(2026, 11, 1, 9, tzinfo=UTC)
    assert points(database)[2].measured_at is None
    assert points(database)[0].namespace == "files"


def test_a_curve_is_replaced_whole_and_others_stay(run: Run, database: Store) -> None:
    run(["a,loss,,1,3,", "a,loss,,2,2,", "b,loss,,1,3,"])
    run(["a,loss,,1,9,"])
    assert [(one.workload, one.value) for one in points(database)] == [("a", 9.0), ("b", 3.0)]
    assert run(["a,loss,,1,9,"]).outcome == "unchanged"


def test_a_long_curve_keeps_its_best_and_where_it_ends(run: Run, database: Store) -> None:
    """5,000 steps, of which the best is number 3,333."""
    values = [0.0 if step == 3333 else 1 + step % 7 for step in range(5000)]
    run([f"a,loss,,{step},{value}," for step, value in enumerate(values)])

    found = points(database)

    assert 1000 <= len(found) <= 1002
    assert (found[0].step, found[-1].step) == (0, 4999)
    assert [one.step for one in found if one.value == 0] == [3333]
    assert [one.ordinal for one in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,loss,,,3,", "timestamp"),
        ("a,surprise,,1,3,", "lower_is_better"),
        ("a,loss,,1,3,perhaps", "lower_is_better"),
        ("a,,,1,3,", "metric"),
    ],
)
def test_what_cannot_be_read_is_told(run: Run, line: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        run([line])
    assert said in str(caught.value.where)


def test_one_metric_has_one_way_up(run: Run, database: Store) -> None:
    with pytest.raises(InputError, match="lower is better and that it is not"):
        run(["a,loss,,1,3,true", "a,loss,,2,3,false"])
    assert points(database) == []


def test_a_metric_that_is_not_known_says_which_way_is_better(run: Run, database: Store) -> None:
    run(["a,surprise,,1,3,true", "a,joy,,1,3,FALSE"])
    assert {one.metric: one.lower_is_better for one in points(database)} == {"surprise": True, "joy": False}
