"""Rows of a documented form into a Parquet file, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_BATCH = 20_000
Write = Callable[[Iterable[Mapping[str, Any]]], int]


@contextmanager
def table_file(path: Path, columns: Mapping[str, str]) -> Iterator[Write]:
    """A function that writes rows to a Parquet file and returns how many there are in all; whole at the end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, Any] = {
        "text": pa.string(),
        "integer": pa.int32(),
        "number": pa.float64(),
        "amount": pa.decimal128(38, 12),
        "remainder": pa.decimal128(38, 24),
        "timestamp": pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    waiting: list[Mapping[str, Any]] = []
    count = 0

    def flush() -> None:
        writer.write_table(pa.Table.from_pylist(waiting, schema))
        waiting.clear()

    def write(rows: Iterable[Mapping[str, Any]]) -> int:
        nonlocal count
        for row in rows:
            waiting.append(row)
            count += 1
            if len(waiting) >= _BATCH:
                flush()
        return count

    with pq.ParquetWriter(path, schema) as writer:
        yield write
        if waiting:
            flush()
