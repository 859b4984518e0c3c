"""Series day by day: which days there are to ask for, and their rows into a Parquet file in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from collectors.aws.cloudwatch import LONGEST_KEPT, period_for
from collectors.aws.gaps import NAMING, Probe, is_unlisted, told_by
from collectors.contract import Seen, Slice, Window

SETTLES = timedelta(hours=6)
"""After the end of a day its points are taken for complete."""

_BATCH = 20_000
Write = Callable[[Iterable[Mapping[str, Any]]], int]


def day_slices(
    window: Window, seen: Mapping[str, Seen], now: datetime, what: str, *, probe: Probe, finest: int
) -> Iterator[Slice]:
    """A slice per UTC day, the newest first: a settled day once, one that is not anew every hour.

    A day that lacks something comes again once the ``probe`` finds that it answers, as long as it can be told by points
    of the same period, of ``finest`` seconds or more. Whose counts they are is not asked again once series of the day
    may not be listed any more: told anew, they could not take the place of those.
    """
    last = min(window.end, now.date() + timedelta(days=1)) - timedelta(days=1)
    for back in range((last - window.first).days + 1):
        day = last - timedelta(days=back)
        settled = now >= _midnight(day + timedelta(days=1)) + SETTLES
        known = seen.get(f"{day}")
        token = "settled" if settled else f"{now:%Y-%m-%dT%H}"
        content, gaps = told_by(known.token) if known else ("", ())
        if is_unlisted(_midnight(day), now):
            gaps = tuple(gap for gap in gaps if gap.operation not in NAMING)
        if known is not None and content == token:
            over = _midnight(day + timedelta(days=1)) + SETTLES
            if gaps and not (
                still_kept(_midnight(day), known.at, now, finest) and probe.may_bring_more(gaps, over, known.at)
            ):
                continue
            if settled and not gaps:
                continue
        yield Slice(f"{day}", token, f"{what} of {day}")


def still_kept(start: datetime, before: datetime, now: datetime, finest: int) -> bool:
    """Whether the points of a day are still there in the period they were read by at ``before``."""
    return now - start < LONGEST_KEPT and period_for(start, before, finest) == period_for(start, now, finest)


def today_and_before(day: date, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of a day, of today to the last full hour (the first hour as far as it goes)."""
    start = _midnight(day)
    hour = now.replace(minute=0, second=0, microsecond=0)
    return start, min(start + timedelta(days=1), hour if hour > start else now)


@contextmanager
def table_file(path: Path, columns: Mapping[str, str]) -> Iterator[Write]:
    """A function that writes rows to a Parquet file and returns how many there are in all; whole at the end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, Any] = {
        "text": pa.string(),
        "integer": pa.int32(),
        "number": pa.float64(),
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


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
