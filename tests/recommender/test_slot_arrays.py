"""Arrays of twelve slots as Postgres sends them, and no other."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.slot_arrays import slots_of

FLOAT4 = 700


def sent(slots: Sequence[float | None] | None, dimensions: int = 1) -> bytes | None:
    """What ``array_send`` makes of a real[]: dimensions, whether any is NULL, type, length, lower bound; values."""
    if slots is None:
        return None
    head = struct.pack(">5i", dimensions, int(None in slots), FLOAT4, len(slots), 1)
    return head + b"".join(
        struct.pack(">i", -1) if slot is None else struct.pack(">if", 4, slot) for slot in slots
    )  # fmt: skip


def same(column: pa.Array, rows: Sequence[Sequence[float | None] | None]) -> bool:
    wanted = [[np.nan if slot is None else slot for slot in row or [None] * 12] for row in rows]
    found = slots_of(column)
    return found.dtype == np.float32 and np.array_equal(
        found, np.array(wanted, dtype=np.float32).reshape(-1, 12), equal_nan=True
    )


def test_bytes_of_the_database() -> None:
    """``SELECT array_send('{0.5,NULL}'::real[])``."""
    assert sent([0.5, None]) == bytes.fromhex("0000000100000001000002bc0000000200000001000000043f000000ffffffff")


def test_known_unknown_and_missing_rows() -> None:
    full = [slot / 16 for slot in range(12)]
    rows = [full, None, [None] * 12, [*full[:5], None, *full[6:11], None], full]
    assert same(pa.array([sent(row) for row in rows], pa.binary()), rows)
    assert same(pa.array([], pa.binary()), [])
    assert same(pa.array([None, None], pa.binary()), [None, None])


ROW = st.one_of(
    st.none(), st.lists(st.one_of(st.none(), st.floats(0, 1, width=32)), min_size=12, max_size=12)
)  # fmt: skip


@given(st.lists(ROW, max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_any_rows_and_any_part_of_a_batch(rows: list[list[float | None] | None], first: int, size: int) -> None:
    column = pa.array([sent(row) for row in rows], pa.binary())
    assert same(column, rows)
    assert same(column.slice(first, size), rows[first : first + size])


@pytest.mark.parametrize("wrong", [sent([0.5] * 11), sent([0.5] * 13), sent([0.5] * 12, dimensions=2)])
def test_what_is_no_hour_of_twelve_slots_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="twelve slots"):
        slots_of(pa.array([sent([0.5] * 12), wrong], pa.binary()))
