"""Slots of five minutes as the database sends an array of them, into numbers without a Python object for any.

Assumes
    ``array_send`` of a ``real[]`` of twelve: number of dimensions, a flag, the type, length and lower bound in four
    bytes each, then of each value its length in bytes, −1 for NULL, and the value; most significant byte first.
Method
    All of it is words of four bytes. Hours without an unknown slot lie alike and are taken at once; in the others each
    slot moves the place of the next by one word or by two.
Cases
    NULL is twelve unknown slots. What is no row of twelve is refused.
Sources
    PostgreSQL source, ``array_send``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recommender.methods.states import SLOTS_PER_HOUR

if TYPE_CHECKING:
    import pyarrow as pa

_WORD = 4
_HEAD = 5
_DIMENSIONS, _LENGTH = 0, 3
_ALL_KNOWN = _HEAD + 2 * SLOTS_PER_HOUR
"""Words of an array without a NULL."""


def slots_of(column: pa.Array[Any]) -> NDArray[np.float32]:
    """(rows, 12) of a column of ``array_send``; NaN where a slot, or all of a row, is NULL.

    Raises ``ValueError`` for an array that is not of twelve.
    """
    slots = np.full((len(column), SLOTS_PER_HOUR), np.nan, dtype=np.float32)
    _, offsets, data = column.buffers()
    if offsets is None or data is None or column.null_count == len(column):
        return slots
    ends = np.frombuffer(memoryview(offsets), dtype=np.int32)[column.offset : column.offset + len(column) + 1] // _WORD
    whole = data.size // _WORD * _WORD
    sent = memoryview(data)[:whole]
    words, values = np.frombuffer(sent, dtype=">i4"), np.frombuffer(sent, dtype=">f4")
    there = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    begins, sizes = ends[:-1][there], np.diff(ends)[there]
    if (words[begins + _DIMENSIONS] != 1).any() or (words[begins + _LENGTH] != SLOTS_PER_HOUR).any():
        raise ValueError("an hour of activity is not of twelve slots")
    known = sizes == _ALL_KNOWN
    of_known = begins[known, None] + np.arange(_HEAD + 1, _ALL_KNOWN, 2)
    slots[there[known]] = values[of_known]
    slots[there[~known]] = _one_by_one(words, values, begins[~known] + _HEAD)
    return slots


def _one_by_one(words: NDArray[Any], values: NDArray[Any], places: NDArray[Any]) -> NDArray[np.float32]:
    """Slots of rows some of which are NULL, from the place where the first of each row begins."""
    slots = np.full((places.size, SLOTS_PER_HOUR), np.nan, dtype=np.float32)
    for slot in range(SLOTS_PER_HOUR):
        is_known = words[places] >= 0
        slots[is_known, slot] = values[places[is_known] + 1]
        places = places + np.where(is_known, 2, 1)
    return slots
