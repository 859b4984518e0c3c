"""The five-minute history of what each resource's accelerators did, read in batches and never slot by slot.

Assumes     ``resource_alias`` says which resource a measured name means in an hour; the index on a host says which of
            its accelerators is meant.
Method      Some resources at a time: the rows of all names they go by come as Arrow batches, along the key of names
            and in no order, and their slots are laid into arrays whole. So memory follows the resources of one batch
            and never the fleet, and what is read follows the resources that were asked for.
Cases       Where two names measure the same accelerator in the same hour, the higher value of each slot and of each
            gauge counts, whichever came first: nothing is called idle because one of two who looked saw nothing.
            Of a resource whose activity was never measured there is no history.
Drawbacks   Machines that the bill knows as one resource (a scale set) are seen as one machine, as busy as the busiest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, or_, select, text

from aispend.schema import resource_alias
from aispend.store.connect import libpq_uri
from aispend.store.telemetry import resolved_accelerator_hours
from recommender.methods.states import SLOTS_PER_HOUR, Accelerators
from recommender.slot_arrays import slots_of

if TYPE_CHECKING:
    import pyarrow as pa

RESOURCES_AT_ONCE = 32
"""Ninety days of 32 machines with eight accelerators each are some 65 MB of arrays."""

_MICROSECONDS = 3_600_000_000
_INDEXES = 1 << 16
_USUAL = 8
"""Accelerators of a machine that there is room for from the start."""

_SOURCES = """
    WITH RECURSIVE source AS (
        (SELECT namespace FROM accelerator_hour ORDER BY namespace LIMIT 1)
        UNION ALL
        SELECT next.* FROM source CROSS JOIN LATERAL (
            SELECT namespace FROM accelerator_hour WHERE namespace > source.namespace ORDER BY namespace LIMIT 1
        ) AS next
    )"""
_ROWS = (
    _SOURCES
    + """
    SELECT t.resource_key, t.accelerator_index, t.hour, t.counter, array_send(t.slot_mean) AS slot_mean,
           array_send(t.slot_max) AS slot_max, t.memory_used_max, t.memory_total, t.power_mean
    FROM ({resolved}) AS t
    WHERE t.resource_key IN ({keys})
      AND t.namespace = ANY(ARRAY(SELECT namespace FROM source))
      AND t.alias = ANY(ARRAY(SELECT alias FROM resource_alias WHERE resource_key IN ({keys})))
      AND t.hour >= '{start}' AND t.hour < '{end}'"""
)
"""Sources and names are listed for the key of ``accelerator_hour``; the join alone says what a name means. Slots come
as bytes: as lists, reading each of them would take longer than all else that is done to it."""


def histories(
    connection: Connection, keys: Collection[int], as_of: datetime, window_days: int
) -> Iterator[tuple[int, Accelerators]]:
    """The history of each of the resources ``keys`` that was measured in the window, by resource key.

    Read on a connection of its own to the same database, all of it as of one moment; what the caller's transaction has
    not committed is not seen.
    """
    from adbc_driver_postgresql import dbapi

    start = as_of - timedelta(days=window_days)
    wanted = _named(connection, keys, start, as_of)
    if not wanted:
        return
    resolved = resolved_accelerator_hours().compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    uri = libpq_uri(connection.engine.url.render_as_string(hide_password=False))
    with closing(dbapi.connect(uri)) as reading, closing(reading.cursor()) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for first in range(0, len(wanted), RESOURCES_AT_ONCE):
            some = wanted[first : first + RESOURCES_AT_ONCE]
            block = Block(some, start, window_days * 24)
            listed = ", ".join(map(str, some))
            cursor.execute(_ROWS.format(resolved=resolved, keys=listed, start=start, end=as_of))
            for rows in cursor.fetch_record_batch():
                block.add(rows)
            yield from block.histories()


_DAYS = (
    _SOURCES
    + """
    SELECT CAST(timezone('UTC', t.hour) AS date), max(t.activity_max)
    FROM ({resolved}) AS t
    WHERE t.resource_key = :key AND t.activity_max IS NOT NULL
      AND t.namespace = ANY(ARRAY(SELECT namespace FROM source))
      AND t.alias = ANY(ARRAY(SELECT alias FROM resource_alias WHERE resource_key = :key))
      AND t.hour >= :start AND t.hour < :end
    GROUP BY 1"""
)


def daily_maxima(connection: Connection, key: int, start: datetime, end: datetime) -> dict[date, float]:
    """The largest activity of each UTC day on which a resource was measured; for days older than its history."""
    resolved = resolved_accelerator_hours().compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    values = {"key": key, "start": start, "end": end}
    rows = connection.execute(text(_DAYS.format(resolved=str(resolved).replace(":", "\\:"))), values)
    return {day: float(most) for day, most in rows}


def _named(connection: Connection, keys: Collection[int], start: datetime, end: datetime) -> list[int]:
    """Those of ``keys`` that have a name in the window, in order."""
    names = resource_alias.c
    open_or_later = or_(names.valid_to.is_(None), names.valid_to > start)
    named = connection.scalars(select(names.resource_key).where(names.valid_from < end, open_or_later).distinct())
    return sorted(set(named).intersection(keys))


class Block:
    """Histories of some resources in the making. Rows may come in any order and any number of batches."""

    def __init__(self, keys: Sequence[int], start: datetime, hours: int) -> None:
        self._keys = np.array(keys, dtype=np.int64)  # sorted
        self._start = start
        self._hours = hours
        self._series: dict[tuple[int, int], int] = {}
        """Row of the arrays by rank of the resource and index of the accelerator."""
        self._counters: dict[int, set[str]] = {}
        # what is never touched takes no memory
        room = len(keys) * _USUAL
        self._mean = self._empty(room, SLOTS_PER_HOUR)
        self._peak = self._empty(room, SLOTS_PER_HOUR)
        self._gauges = self._empty(room, 3)
        """Memory used, memory there is, and power, by hour."""

    def _empty(self, series: int, width: int) -> NDArray[np.float32]:
        return np.empty((series, self._hours, width), dtype=np.float32)

    def add(self, rows: pa.RecordBatch) -> None:
        """Lay rows into the arrays: columns of ``accelerator_hour`` with their ``resource_key``, slots as sent."""
        import pyarrow as pa

        if not rows.num_rows:
            return
        counters = rows["counter"].dictionary_encode()
        names = [*counters.dictionary.to_pylist(), None]
        counter = counters.indices.fill_null(len(names) - 1).to_numpy().astype(np.int64)
        rank = np.searchsorted(self._keys, rows["resource_key"].to_numpy())
        code = (rank * _INDEXES + rows["accelerator_index"].to_numpy()) * len(names) + counter
        found, of_row = np.unique(code, return_inverse=True)
        series = np.array([self._place(int(each), names) for each in found], dtype=np.int64)[of_row]
        instants = rows["hour"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
        began = int(self._start.timestamp()) * 1_000_000
        cell = series * self._hours + (instants - began) // _MICROSECONDS
        gauges = ("memory_used_max", "memory_total", "power_mean")
        _lay(self._mean, cell, slots_of(rows["slot_mean"]))
        _lay(self._peak, cell, slots_of(rows["slot_max"]))
        _lay(self._gauges, cell, np.stack([rows[name].to_numpy(zero_copy_only=False) for name in gauges], axis=1))

    def _place(self, code: int, names: Sequence[str | None]) -> int:
        """The row of the arrays for a resource, accelerator and counter; a new one where there is none."""
        series, counter = divmod(code, len(names))
        rank, index = divmod(series, _INDEXES)
        if name := names[counter]:
            self._counters.setdefault(rank, set()).add(name)
        place = self._series.get((rank, index))
        if place is None:
            place = self._series[rank, index] = len(self._series)
            if place >= len(self._mean):
                # as many again, so that growing costs no more than filling
                self._mean = np.concatenate([self._mean, self._empty(place, SLOTS_PER_HOUR)])
                self._peak = np.concatenate([self._peak, self._empty(place, SLOTS_PER_HOUR)])
                self._gauges = np.concatenate([self._gauges, self._empty(place, 3)])
            for array in (self._mean, self._peak, self._gauges):
                array[place] = np.nan
        return place

    def histories(self) -> Iterator[tuple[int, Accelerators]]:
        """What was laid, by resource key, the accelerators by index; without resources of unknown activity."""
        for rank, key in enumerate(self._keys.tolist()):
            places = [place for (owner, _), place in sorted(self._series.items()) if owner == rank]
            slots = (len(places), self._hours * SLOTS_PER_HOUR)
            peak = self._peak[places].reshape(slots)
            if np.isnan(peak).all():
                continue
            gauges = self._gauges[places]
            yield (
                key,
                Accelerators(
                    start=self._start,
                    counter="+".join(sorted(self._counters.get(rank, ()))),
                    activity_mean=self._mean[places].reshape(slots),
                    activity_max=peak,
                    memory_used_max=gauges[:, :, 0].astype(np.float64),
                    memory_total=gauges[:, :, 1].astype(np.float64),
                    power_mean=np.ascontiguousarray(gauges[:, :, 2]),
                ),
            )


def _lay(into: NDArray[np.float32], cell: NDArray[np.int64], values: NDArray[Any]) -> None:
    """Put each row of values into its cell, where the higher value stays and anything is higher than unknown."""
    flat = into.reshape(-1, into.shape[2])
    order = np.arange(cell.size)
    last = np.empty(len(flat), dtype=np.int64)
    last[cell] = order
    if (last[cell] == order).all():
        flat[cell] = np.fmax(flat[cell], values)
    else:
        np.fmax.at(flat, cell, values)
