"""Histories read in Arrow batches: the same whatever the order of rows, and as slot by slot would give."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from aispend.clock import Clock
from aispend.schema import accelerator_hour, resource_alias
from aispend.settings import Settings
from aispend.store import Store
from recommender import histories as module
from recommender import run
from recommender.contract import Advice, WhyNot
from recommender.histories import Block, histories
from recommender.methods.states import Accelerators
from recommender.subjects.machines import Machine
from tests.recommender.test_slot_arrays import sent

END = datetime(2026, 11, 21, tzinfo=UTC)
START = END - timedelta(days=1)
NAN = float("nan")
SCHEMA = pa.schema(
    [
        ("resource_key", pa.int64()), ("accelerator_index", pa.int16()), ("hour", pa.timestamp("us", tz="UTC")),
        ("counter", pa.string()), ("slot_mean", pa.binary()), ("slot_max", pa.binary()),
        ("memory_used_max", pa.float32()), ("memory_total", pa.float32()), ("power_mean", pa.float32()),
    ]
)  # fmt: skip


def _name(store: Store, alias: str, key: int, namespace: str = "*", **span: Any) -> None:
    row = {"namespace": namespace, "alias": alias, "resource_key": key, "method": "bill", "confidence": 1}
    with store.engine.begin() as connection:
        connection.execute(insert(resource_alias).values(row | {"valid_from": datetime(2026, 1, 1, tzinfo=UTC)} | span))


def _row(alias: str, hour: int, index: int = 0, namespace: str = "files", **values: Any) -> dict[str, Any]:
    row = {
        "slice_id": 1, "namespace": namespace, "alias": alias, "accelerator_index": index, "interval_seconds": 300,
        "hour": START + timedelta(hours=hour), "counter": "sm_active", "coverage": 1, "slot_mean": None,
        "slot_max": [0.5] * 12, "memory_used_max": None, "memory_total": None, "power_mean": None,
    }  # fmt: skip
    return row | values


def _measure(store: Store, *rows: dict[str, Any]) -> None:
    with store.engine.begin() as connection:
        connection.execute(delete(accelerator_hour))
        connection.execute(insert(accelerator_hour), list(rows))


def _read(store: Store, *keys: int, days: int = 1) -> dict[int, Accelerators]:
    with store.engine.connect() as connection:
        return dict(histories(connection, keys, END, days))


def _same(one: Accelerators, other: Accelerators) -> bool:
    arrays = ("activity_mean", "activity_max", "memory_used_max", "memory_total", "power_mean")
    equal = all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in arrays)
    return equal and (one.start, one.counter) == (other.start, other.counter)


def test_days_of_the_past_are_the_largest_of_all_names_and_accelerators(database: Store) -> None:
    _name(database, "gpu-1", 7)
    _name(database, "gpu-2", 8)
    _measure(
        database,
        _row("gpu-1", 2, activity_max=0.25),
        _row("gpu-1", 3, index=1, activity_max=0.75),
        _row("gpu-1", 30, activity_max=0.5),
        _row("gpu-1", 60, activity_max=None),
        _row("gpu-2", 2, activity_max=1),
    )
    with database.engine.connect() as connection:
        found = module.daily_maxima(connection, 7, START, START + timedelta(days=3))
    assert found == {START.date(): 0.75, START.date() + timedelta(days=1): 0.5}


def test_each_slot_is_where_its_time_is_and_what_is_not_known_is_nan(database: Store) -> None:
    _name(database, "gpu-1", 7)
    slots = [None, *(number / 16 for number in range(1, 12))]
    _measure(
        database,
        _row("gpu-1", 2, index=3, slot_mean=slots, slot_max=[1.0] * 12, memory_used_max=2.0**32, power_mean=60),
        _row("gpu-1", 23, memory_total=2.0**36),
        _row("gpu-1", 5, counter="gpu_utilization", slot_max=None),
    )
    found = _read(database, 7)[7]
    assert found.start == START
    assert found.counter == "gpu_utilization+sm_active"
    # indexes 0 and 3 are rows 0 and 1; hour 2 has the slots 24 to 35
    assert found.activity_max.shape == (2, 288)
    assert found.activity_mean[1, 24:36].tolist() == pytest.approx([NAN, *(n / 16 for n in range(1, 12))], nan_ok=True)
    assert np.flatnonzero(found.activity_max[1] == 1).tolist() == list(range(24, 36))
    assert np.flatnonzero(found.activity_max[0] == 0.5).tolist() == list(range(276, 288))
    assert np.isnan(found.activity_mean[0]).all()
    assert (found.memory_used_max[1, 2], found.memory_total[0, 23], found.power_mean[1, 2]) == (2.0**32, 2.0**36, 60)
    assert np.isnan(found.memory_used_max).sum() == 47


def test_names_hold_for_their_time_and_a_source_of_its_own_goes_first(database: Store) -> None:
    noon = START + timedelta(hours=12)
    _name(database, "gpu-1", 7, valid_to=noon)
    _name(database, "gpu-1", 8, valid_from=noon)
    _name(database, "gpu-1", 9, namespace="lab")
    _measure(database, *(_row("gpu-1", hour, namespace=source) for source in ("files", "lab") for hour in (3, 15)))
    found = _read(database, 9, 7, 8)
    assert list(found) == [7, 8, 9]
    known = {key: np.flatnonzero(~np.isnan(one.activity_max[0, ::12])).tolist() for key, one in found.items()}
    assert known == {7: [3], 8: [15], 9: [3, 15]}


def test_only_what_was_asked_for_measured_and_within_the_window_has_a_history(database: Store) -> None:
    for key, alias in enumerate(("inside", "before", "after", "unknown", "unasked"), start=1):
        _name(database, alias, key)
    _measure(
        database, _row("inside", 0), _row("before", -1), _row("after", 24), _row("unknown", 1, slot_max=[None] * 12),
        _row("unasked", 1),
    )  # fmt: skip
    assert list(_read(database, 1, 2, 3, 4, 6)) == [1]
    assert list(_read(database, 1, 2, days=2)) == [1, 2]
    assert _read(database) == {}


def test_of_two_who_measured_the_same_the_busier_counts_in_any_order(database: Store) -> None:
    _name(database, "gpu-1", 7)
    _name(database, "10.0.0.1", 7)
    idle = _row("gpu-1", 4, slot_max=[0.0] * 11 + [None], power_mean=80, counter="sm_active")
    busy = _row("10.0.0.1", 4, slot_max=[None, *[0.25] * 11], memory_used_max=9, counter="gpu_utilization")
    answers = []
    for rows in ((idle, busy), (busy, idle)):
        _measure(database, *rows)
        answers.append(_read(database, 7)[7])
    assert _same(*answers)
    assert answers[0].activity_max[0, 48:60].tolist() == [0.0] + [0.25] * 11
    assert (answers[0].power_mean[0, 4], answers[0].memory_used_max[0, 4]) == (80, 9)
    assert answers[0].counter == "gpu_utilization+sm_active"


def test_neither_the_order_of_rows_nor_the_size_of_batches_matters(
    database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffle = random.Random(5)
    rows = []
    for key in range(1, 6):
        _name(database, f"gpu-{key}", key)
        rows += [
            _row(f"gpu-{key}", hour, index, slot_max=[shuffle.random() for _ in range(12)])
            for index in range(3) for hour in range(24)
        ]  # fmt: skip
    _measure(database, *rows)
    before = _read(database, *range(1, 6))
    shuffle.shuffle(rows)
    _measure(database, *rows)
    monkeypatch.setattr(module, "RESOURCES_AT_ONCE", 2)
    after = _read(database, *range(1, 6))
    assert list(before) == list(after) == [1, 2, 3, 4, 5]
    assert all(_same(before[key], after[key]) for key in before)


def _slot_by_slot(rows: Iterable[dict[str, Any]], key: int) -> dict[tuple[int, int], list[float]]:
    """The highest known value of each slot, by accelerator and hour."""
    best: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        if row["resource_key"] == key:
            slots = best.setdefault((row["accelerator_index"], (row["hour"] - START) // timedelta(hours=1)), [NAN] * 12)
            for slot, value in enumerate(row["slot_max"] or ()):
                if value is not None and not slots[slot] >= value:
                    slots[slot] = value
    return best


_SLOT = st.one_of(st.none(), st.floats(0, 1, width=32))
_HOURS = st.fixed_dictionaries(
    {
        "resource_key": st.sampled_from([11, 12]),
        "accelerator_index": st.sampled_from([0, 1, 203]),
        "hour": st.integers(0, 3).map(lambda hour: START + timedelta(hours=hour)),
        "counter": st.sampled_from([None, "sm_active"]),
        "slot_max": st.one_of(st.none(), st.lists(_SLOT, min_size=12, max_size=12)),
    }
)


@given(st.lists(_HOURS, max_size=12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_a_block_is_what_slot_by_slot_gives(rows: Sequence[dict[str, Any]], cut: int, chance: random.Random) -> None:
    mixed = list(rows)
    chance.shuffle(mixed)
    block = Block([11, 12], START, 4)
    for part in (mixed[:cut], mixed[cut:]):
        block.add(
            pa.RecordBatch.from_pylist([row | {"slot_max": sent(row["slot_max"])} for row in part], schema=SCHEMA)
        )
    found = dict(block.histories())
    for key in (11, 12):
        expected = _slot_by_slot(rows, key)
        if all(np.isnan(slots).all() for slots in expected.values()):
            assert key not in found
            continue
        indexes = sorted({index for index, _ in expected})
        peak = np.full((len(indexes), 4, 12), np.nan, dtype=np.float32)
        for (index, hour), slots in expected.items():
            peak[indexes.index(index), hour] = slots
        assert np.array_equal(found[key].activity_max, peak.reshape(len(indexes), -1), equal_nan=True)


def test_a_machine_may_have_more_accelerators_than_there_was_room_for() -> None:
    """Twenty of one machine, measured in one hour each: each is where it belongs, and all else is unknown."""
    block = Block([11], START, 24)
    for index in reversed(range(20)):
        row = {"resource_key": 11, "accelerator_index": index, "hour": START + timedelta(hours=index)}
        block.add(pa.RecordBatch.from_pylist([row | {"slot_max": sent([index / 32] * 12)}], schema=SCHEMA))
    ((_, found),) = block.histories()
    hours = found.activity_max.reshape(20, 24, 12)
    assert [hours[index, index].tolist() for index in range(20)] == [[index / 32] * 12 for index in range(20)]
    assert int((~np.isnan(hours)).sum()) == 20 * 12
    assert np.isnan(found.power_mean).all()


def test_what_is_said_of_a_machine_outlives_its_history(
    database: Store,
    store_settings: Settings,
    clock: Clock,
    make_subject: Callable[..., Machine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ninety days of a machine with eight accelerators are two megabytes; kept with each answer, they would add up."""
    machine = make_subject()
    kept: list[Advice | WhyNot] = []

    def keep(
        _connection: object, advice: Sequence[Advice], reasons: Sequence[WhyNot], _now: datetime
    ) -> tuple[int, list[WhyNot]]:
        kept.extend([*advice, *reasons])
        return 0, []

    monkeypatch.setattr(run, "evidence_end", lambda _: machine.as_of)
    monkeypatch.setattr(run, "load_subjects", lambda *_: iter([machine]))
    monkeypatch.setattr(run, "keep", keep)
    run.recommend(database.engine, store_settings, clock)
    assert {item.kind for item in kept} >= {"stop_idle", "rightsize"}
    assert all(item.subject == replace(machine, accelerators=None) for item in kept)
