"""Telemetry into the database, a window of each series at a time, and out of it with its resource.

**What one import replaces.** A slice is one UTC day of one source. Within it the unit of replacement is the *series*
(for accelerators: alias and accelerator index): on each day, its hours from the first to the last one the import holds
are replaced whole; everything else stays. So a second file with other machines, or with the rest of the day, adds;
the same file again changes nothing; a corrected file replaces what it covers. A batch without series columns adds.

**What meets what.** Telemetry rows carry a name; :func:`resolved_accelerator_hours` and its two sisters are the one
way to the resource behind it, as of the row's hour. A row whose name means nothing is kept, with resource NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, insert, or_, select, text

from aispend.clock import Clock
from aispend.schema import (
    accelerator_hour,
    inference_hour,
    inference_request,
    load,
    rejected_row,
    resource_alias,
    slice_,
    workload_hour,
)

ANY_PROVIDER = "any"
ANY_SOURCE = "*"
_BLOCK = 1 << 20


class RejectedRow(NamedTuple):
    """One row that could not be read. ``raw`` holds known columns only, never the text of prompts or of people."""

    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str
    raw: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return (
            f"{place}: {self.reason}"
            if self.column is None
            else (f"{place}, column {self.column}: {self.value or 'nothing'} {self.reason}")
        )


@dataclass(frozen=True)
class Origin:
    """Where a batch comes from: what the ``load`` record says about it. ``flags`` are notes for a person."""

    source: str
    dataset: str
    change_token: str
    files: Sequence[Mapping[str, Any]]
    started_at: datetime
    rejects: Sequence[RejectedRow] = ()
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Batch:
    """Facts of one table as CSV files without header, and the columns that name a series in them.

    The files hold ``columns`` and then the row's UTC day.

    ``rows_in`` counts, per UTC day, the rows of the user's files behind the facts. ``quality`` is the column that says
    how well an hour is known, where there is one.
    """

    kind: str
    scope: str
    table: Table
    columns: tuple[str, ...]
    files: Sequence[Path]
    series: tuple[str, ...]
    rows_in: Mapping[date, int]
    quality: str | None = None


@dataclass
class Saved:
    """What :func:`save` did: facts written per day, and hours that were known better before."""

    rows_out: dict[date, int] = field(default_factory=dict)
    worse_hours: int = 0
    slice_ids: dict[date, int] = field(default_factory=dict)


def is_loaded(connection: Connection, kind: str, scopes: Sequence[str], change_token: str) -> bool:
    """Whether the latest loading of every slice this content went into was this very content."""
    query = text(
        "SELECT bool_and(latest.change_token = :token) FROM (SELECT DISTINCT slice_id FROM load"
        " JOIN slice USING (slice_id) WHERE kind = :kind AND scope = ANY(:scopes) AND change_token = :token"
        " AND outcome = 'loaded') AS touched CROSS JOIN LATERAL (SELECT change_token FROM load"
        " WHERE load.slice_id = touched.slice_id AND outcome = 'loaded' ORDER BY load_id DESC LIMIT 1) AS latest"
    )
    return bool(connection.scalar(query, {"kind": kind, "scopes": list(scopes), "token": change_token}))


def save(connection: Connection, batch: Batch, origin: Origin, clock: Clock) -> Saved:
    """Write a batch and its load records, in the caller's transaction.

    The caller holds the source's lock. Rejected rows go to the load of the first day.
    """
    columns = ", ".join(batch.columns)
    for table in ("incoming", "incoming_day", "covered"):
        connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.{table}"))
    connection.execute(
        text(
            f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {columns}, CAST(hour AS date) AS day"
            f" FROM {batch.table.name} WITH NO DATA"
        )
    )
    copy_in(connection, "incoming", (*batch.columns, "day"), batch.files)
    saved = Saved()
    counted = connection.execute(text("SELECT day, count(*) AS facts FROM incoming GROUP BY day ORDER BY day"))
    saved.rows_out = {row.day: row.facts for row in counted}
    for day in sorted({*saved.rows_out, *batch.rows_in}):
        saved.slice_ids[day] = _slice_id(connection, batch, origin, day, clock)
    connection.execute(text("CREATE TEMP TABLE incoming_day (day date, slice_id integer) ON COMMIT DROP"))
    if saved.slice_ids:
        connection.execute(
            text("INSERT INTO incoming_day VALUES (:day, :slice_id)"),
            [{"day": day, "slice_id": slice_id} for day, slice_id in saved.slice_ids.items()],
        )
    if batch.series:
        saved.worse_hours = _clear(connection, batch)
    connection.execute(
        text(
            f"INSERT INTO {batch.table.name} (slice_id, {columns}) SELECT slice_id, {columns}"
            " FROM incoming JOIN incoming_day USING (day)"
        )
    )
    _record(connection, batch, origin, saved, _seconds(origin, clock))
    return saved


def record_refused(connection: Connection, origin: Origin, rows_in: int, clock: Clock) -> None:
    """Keep the record of an import that was refused because too much of it could not be read."""
    values = _load_row(origin, rows_in, origin.rejects) | {
        "slice_id": None, "rows_out": 0, "outcome": "failed", "seconds": _seconds(origin, clock),
    }  # fmt: skip
    load_id = connection.scalar(insert(load).values(values).returning(load.c.load_id))
    _keep_rejects(connection, int(load_id or 0), origin.rejects)


def seen_requests(connection: Connection, source: str, ids: Path, seen: Path) -> int:
    """Of the request ids (SHA-256, hex) in the CSV file ``ids``, write those counted before into the file ``seen``.

    ``ids`` has the columns request_id and day. They stay in the transaction's table ``incoming_request`` for
    :func:`remember_requests`. Returns how many were seen.
    """
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.incoming_request"))
    connection.execute(text("CREATE TEMP TABLE incoming_request (request_id text, day date) ON COMMIT DROP"))
    copy_in(connection, "incoming_request", ("request_id", "day"), [ids])
    connection.execute(text("ANALYZE incoming_request"))
    found = connection.execute(
        text(
            "DELETE FROM incoming_request USING inference_request AS known WHERE known.namespace = :source"
            " AND known.request_id = incoming_request.request_id RETURNING incoming_request.request_id"
        ),
        {"source": source},
    )
    count = 0
    with seen.open("w", encoding="ascii") as stream:
        for (request_id,) in found:
            stream.write(request_id + "\n")
            count += 1
    return count


def remember_requests(connection: Connection, source: str) -> None:
    """Keep the ids of the requests counted by the :func:`save` just before, so that they never count again."""
    connection.execute(
        text(
            f"INSERT INTO {inference_request.name} (namespace, request_id, day, slice_id)"
            " SELECT :source, request_id, day, slice_id FROM incoming_request JOIN incoming_day USING (day)"
        ),
        {"source": source},
    )


def forget_usage(connection: Connection, scopes: Sequence[str], days: Sequence[date]) -> None:
    """Delete the usage and the request ids counted in these scopes and days."""
    for table in (inference_hour, inference_request):
        connection.execute(
            text(
                f"DELETE FROM {table.name} WHERE slice_id IN (SELECT slice_id FROM slice WHERE kind = 'usage'"
                " AND scope = ANY(:scopes) AND period = ANY(:days))"
            ),
            {"scopes": list(scopes), "days": list(days)},
        )


def copy_in(connection: Connection, table: str, columns: Sequence[str], files: Iterable[Path]) -> None:
    """``COPY`` CSV files without header into a table; an empty unquoted field is NULL."""
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)") as copy:
        for path in files:
            with path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    copy.write(block)


def _seconds(origin: Origin, clock: Clock) -> float:
    return (clock() - origin.started_at).total_seconds()


def _slice_id(connection: Connection, batch: Batch, origin: Origin, day: date, clock: Clock) -> int:
    query = text(
        f"INSERT INTO {slice_.name} (kind, source, provider, scope, period, dataset, columns_known, state, loaded_at)"
        " VALUES (:kind, :source, :provider, :scope, :period, :dataset, '{}', 'open', :now)"
        " ON CONFLICT (kind, provider, scope, period)"
        " DO UPDATE SET dataset = excluded.dataset, loaded_at = excluded.loaded_at RETURNING slice_id"
    )
    values = {
        "kind": batch.kind, "source": origin.source, "provider": ANY_PROVIDER, "scope": batch.scope, "period": day,
        "dataset": origin.dataset, "now": clock(),
    }  # fmt: skip
    return int(connection.execute(query, values).scalar_one())


def _clear(connection: Connection, batch: Batch) -> int:
    """Delete what the batch replaces; returns how many of those hours were known better than they are now."""
    series = ", ".join(batch.series)
    connection.execute(
        text(
            f"CREATE TEMP TABLE covered ON COMMIT DROP AS SELECT slice_id, {series}, min(hour) AS first_hour,"
            f" max(hour) AS last_hour FROM incoming JOIN incoming_day USING (day) GROUP BY slice_id, {series}"
        )
    )
    connection.execute(text("ANALYZE covered"))
    connection.execute(text("ANALYZE incoming"))
    same = " AND ".join(
        ["old.slice_id = covered.slice_id", "old.hour BETWEEN covered.first_hour AND covered.last_hour"]
        + [_equal(batch.table, name, "covered") for name in batch.series]
    )
    worse = 0
    if batch.quality:
        key = " AND ".join(["old.hour = new.hour", *(_equal(batch.table, name, "new") for name in batch.series)])
        worse = connection.execute(
            text(
                f"SELECT count(*) FROM {batch.table.name} AS old JOIN covered ON {same} LEFT JOIN incoming AS new"
                f" ON {key} WHERE coalesce(new.{batch.quality}, 0) < old.{batch.quality} - 0.01"
            )
        ).scalar_one()
    connection.execute(text(f"DELETE FROM {batch.table.name} AS old USING covered WHERE {same}"))
    return int(worse)


def _equal(table: Table, name: str, other: str) -> str:
    """Equality that Postgres can hash; in a nullable text column NULL equals NULL (empty text is never stored)."""
    if table.c[name].nullable:
        return f"coalesce(old.{name}, '') = coalesce({other}.{name}, '')"
    return f"old.{name} = {other}.{name}"


def _record(connection: Connection, batch: Batch, origin: Origin, saved: Saved, seconds: float) -> None:
    for position, (day, slice_id) in enumerate(saved.slice_ids.items()):
        rejects = origin.rejects if position == 0 else ()
        rows_in = batch.rows_in.get(day, 0) + len(rejects)
        values = _load_row(origin, rows_in, rejects) | {
            "slice_id": slice_id, "rows_out": saved.rows_out.get(day, 0), "outcome": "loaded", "seconds": seconds,
        }  # fmt: skip
        load_id = connection.scalar(insert(load).values(values).returning(load.c.load_id))
        _keep_rejects(connection, int(load_id or 0), rejects)


def _load_row(origin: Origin, rows_in: int, rejects: Sequence[RejectedRow]) -> dict[str, Any]:
    return {
        "dataset": origin.dataset,
        "change_token": origin.change_token,
        "files": list(origin.files),
        "rows_in": rows_in,
        "rows_rejected": len(rejects),
        "totals": {},
        "residuals": {},
        "flags": [{"flag": "note", "explanation": note} for note in origin.flags],
        "started_at": origin.started_at,
    }


def _keep_rejects(connection: Connection, load_id: int, rejects: Sequence[RejectedRow]) -> None:
    if rejects:
        connection.execute(
            insert(rejected_row),
            [
                {
                    "load_id": load_id, "ordinal": ordinal, "file": row.file, "line": row.line,
                    "column_name": row.column, "value": row.value, "reason": row.reason, "raw": row.raw,
                }
                for ordinal, row in enumerate(rejects)
            ],
        )  # fmt: skip


def resolved_accelerator_hours() -> Select[Any]:
    """Every column of ``accelerator_hour``, then ``resource_key``, ``alias_method`` and ``alias_confidence``.

    Those three are NULL where the name means no resource in that hour. Never more rows than ``accelerator_hour``.
    """
    return _resolved(accelerator_hour, accelerator_hour.c.alias)


def resolved_inference_hours() -> Select[Any]:
    """Like :func:`resolved_accelerator_hours`, of ``inference_hour``; without an alias, the endpoint is the name."""
    name = func.coalesce(inference_hour.c.alias, func.lower(inference_hour.c.endpoint))
    return _resolved(inference_hour, name)


def resolved_workload_hours() -> Select[Any]:
    """Like :func:`resolved_accelerator_hours`, of ``workload_hour``."""
    return _resolved(workload_hour, workload_hour.c.alias)


def _resolved(table: Table, name: ColumnElement[Any]) -> Select[Any]:
    """As-of joins: a source's own names first, else those of every source.

    Rows of ``resource_alias`` with one namespace and alias never overlap in time, so each join finds at most one.
    """
    own, any_source = resource_alias.alias("own"), resource_alias.alias("any_source")
    joined = table.outerjoin(own, _as_of(own, table, name, table.c.namespace)).outerjoin(
        any_source, _as_of(any_source, table, name, ANY_SOURCE)
    )
    return select(
        *table.c,
        func.coalesce(own.c.resource_key, any_source.c.resource_key).label("resource_key"),
        func.coalesce(own.c.method, any_source.c.method).label("alias_method"),
        func.coalesce(own.c.confidence, any_source.c.confidence).label("alias_confidence"),
    ).select_from(joined)


def _as_of(names: Any, table: Table, name: ColumnElement[Any], namespace: Any) -> ColumnElement[bool]:
    return and_(
        names.c.namespace == namespace,
        names.c.alias == name,
        names.c.valid_from <= table.c.hour,
        or_(names.c.valid_to.is_(None), names.c.valid_to > table.c.hour),
    )
