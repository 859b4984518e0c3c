"""Telemetry into the database, a window of each series at a time, and out of it with its resource.

**What one import replaces.** A slice is one UTC day of one source. Within it the unit of replacement is the *series*
(for accelerators: alias and accelerator index): on each day, its hours from the first to the last one the import holds
are replaced whole; everything else stays. So a second file with other machines, or with the rest of the day, adds;
the same file again changes nothing; a corrected file replaces what it covers. A batch without series columns adds.

**What meets what.** Telemetry rows carry a name; :func:`resolved_accelerator_hours` and its two sisters are the one
way to the resource behind it, as of the row's hour. A row whose name means nothing is kept, with resource NULL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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
class Facts:
    """Facts ready for a table: a CSV file without header, with ``slice_id`` and then ``columns``.

    ``series`` are the columns that name a series; ``windows`` is a CSV file with ``slice_id``, the series columns, the
    first and the last hour of what is replaced, or None where the facts only add. ``quality`` is the column that says
    how well an hour is known, where there is one.
    """

    table: Table
    columns: tuple[str, ...]
    file: Path
    series: tuple[str, ...] = ()
    windows: Path | None = None
    quality: str | None = None


class DayCount(NamedTuple):
    """A slice of one import: rows of the user's files that lie in it, and facts made of them."""

    slice_id: int
    rows_in: int
    rows_out: int


def is_loaded(connection: Connection, kind: str, scopes: Sequence[str], change_token: str) -> bool:
    """Whether the latest loading of every slice this content went into was this very content."""
    query = text(
        "SELECT bool_and(latest.change_token = :token) FROM (SELECT DISTINCT slice_id FROM load"
        " JOIN slice USING (slice_id) WHERE kind = :kind AND scope = ANY(:scopes) AND change_token = :token"
        " AND outcome = 'loaded') AS touched CROSS JOIN LATERAL (SELECT change_token FROM load"
        " WHERE load.slice_id = touched.slice_id AND outcome = 'loaded' ORDER BY load_id DESC LIMIT 1) AS latest"
    )
    return bool(connection.scalar(query, {"kind": kind, "scopes": list(scopes), "token": change_token}))


def open_slices(
    connection: Connection, origin: Origin, days: Sequence[date], *, kind: str, scope: str, now: datetime
) -> dict[date, int]:
    """The slices of these days, made where they are missing. The caller holds the source's lock."""
    query = text(
        f"INSERT INTO {slice_.name} (kind, source, provider, scope, period, dataset, columns_known, state, loaded_at)"
        " SELECT :kind, :source, :provider, :scope, period, :dataset, '{}', 'open', :now"
        " FROM unnest(CAST(:days AS date[])) AS period ON CONFLICT (kind, provider, scope, period)"
        " DO UPDATE SET dataset = excluded.dataset, loaded_at = excluded.loaded_at RETURNING period, slice_id"
    )
    values = {
        "kind": kind, "source": origin.source, "provider": ANY_PROVIDER, "scope": scope, "days": list(days),
        "dataset": origin.dataset, "now": now,
    }  # fmt: skip
    return {row.period: row.slice_id for row in connection.execute(query, values)}


def replace_facts(connection: Connection, facts: Facts) -> int:
    """Put facts in the place of what their windows cover; returns how many hours were known better before."""
    if facts.windows is not None:
        _clear(connection, facts, facts.windows)
    copy_in(connection, facts.table.name, ("slice_id", *facts.columns), facts.file)
    if facts.windows is None or facts.quality is None:
        return 0
    key = " AND ".join(["old.hour = new.hour", *(_equal(facts.table, name, "new") for name in facts.series)])
    worse = connection.scalar(
        text(
            f"SELECT count(*) FROM replaced AS old LEFT JOIN {facts.table.name} AS new ON new.slice_id = old.slice_id"
            f" AND {key} WHERE coalesce(new.{facts.quality}, 0) < old.{facts.quality} - 0.01"
        )
    )
    return int(worse or 0)


def record_loaded(connection: Connection, origin: Origin, counts: Sequence[DayCount], clock: Clock) -> None:
    """Write the load records, one for each slice; the rejected rows go to the first."""
    seconds = (clock() - origin.started_at).total_seconds()
    for position, batch in enumerate((counts[:1], counts[1:])):
        rejects = origin.rejects if position == 0 else ()
        rows = [
            _load_row(origin, count.rows_in + len(rejects), rejects)
            | {"slice_id": count.slice_id, "rows_out": count.rows_out, "outcome": "loaded", "seconds": seconds}
            for count in batch
        ]
        if position == 0 and rows:
            load_id = connection.scalar(insert(load).values(rows[0]).returning(load.c.load_id))
            _keep_rejects(connection, int(load_id or 0), rejects)
        elif rows:
            connection.execute(insert(load), rows)


def record_refused(connection: Connection, origin: Origin, rows_in: int, clock: Clock) -> None:
    """Keep the record of an import that was refused because too much of it could not be read."""
    values = _load_row(origin, rows_in, origin.rejects) | {
        "slice_id": None, "rows_out": 0, "outcome": "failed",
        "seconds": (clock() - origin.started_at).total_seconds(),
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
    copy_in(connection, "incoming_request", ("request_id", "day"), ids)
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


def remember_requests(connection: Connection, source: str, slices: Mapping[date, int]) -> None:
    """Keep the ids of the requests just counted in these slices, so that they never count again."""
    connection.execute(
        text(
            f"INSERT INTO {inference_request.name} (namespace, request_id, day, slice_id)"
            " SELECT :source, request_id, day, slice_id FROM incoming_request"
            " JOIN unnest(CAST(:days AS date[]), CAST(:ids AS integer[])) AS counted (day, slice_id) USING (day)"
        ),
        {"source": source, "days": list(slices), "ids": list(slices.values())},
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


def forget_usage_of(
    connection: Connection, scope: str, days: Sequence[date], places: Collection[tuple[str, str]]
) -> None:
    """Delete the usage of these accounts and regions that was counted in this scope and days."""
    connection.execute(
        text(
            f"DELETE FROM {inference_hour.name} USING unnest(CAST(:accounts AS text[]), CAST(:regions AS text[]))"
            " AS place (account, region) WHERE inference_hour.account = place.account"
            " AND inference_hour.region = place.region AND slice_id IN (SELECT slice_id FROM slice"
            " WHERE kind = 'usage' AND scope = :scope AND period = ANY(:days))"
        ),
        {
            "accounts": [account for account, _ in places], "regions": [region for _, region in places],
            "scope": scope, "days": list(days),
        },
    )  # fmt: skip


def forget_workloads(connection: Connection, namespace: str, aliases: Sequence[str]) -> None:
    """Delete every workload hour of these resource names."""
    connection.execute(
        text(f"DELETE FROM {workload_hour.name} WHERE namespace = :namespace AND alias = ANY(:aliases)"),
        {"namespace": namespace, "aliases": list(aliases)},
    )


def copy_in(connection: Connection, table: str, columns: Sequence[str], file: Path) -> None:
    """``COPY`` a CSV file without header into a table; an empty unquoted field is NULL."""
    cursor = connection.connection.cursor()
    with (
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)") as copy,
        file.open("rb") as stream,
    ):
        while block := stream.read(_BLOCK):
            copy.write(block)


def _clear(connection: Connection, facts: Facts, windows: Path) -> None:
    """Delete what the windows cover; where quality matters, what was deleted stays in the table ``replaced``."""
    series = ", ".join(facts.series)
    for table in ("covered", "replaced"):
        connection.execute(text(f"DROP TABLE IF EXISTS pg_temp.{table}"))
    connection.execute(
        text(
            f"CREATE TEMP TABLE covered ON COMMIT DROP AS SELECT slice_id, {series}, hour AS first_hour,"
            f" hour AS last_hour FROM {facts.table.name} WITH NO DATA"
        )
    )
    copy_in(connection, "covered", ("slice_id", *facts.series, "first_hour", "last_hour"), windows)
    connection.execute(text("ANALYZE covered"))
    same = " AND ".join(
        ["old.slice_id = covered.slice_id", "old.hour BETWEEN covered.first_hour AND covered.last_hour"]
        + [_equal(facts.table, name, "covered") for name in facts.series]
    )
    removal = f"DELETE FROM {facts.table.name} AS old USING covered WHERE {same}"
    if facts.quality is None:
        connection.execute(text(removal))
        return
    kept = f"slice_id, hour, {series}, {facts.quality}"
    connection.execute(
        text(f"CREATE TEMP TABLE replaced ON COMMIT DROP AS SELECT {kept} FROM {facts.table.name} WITH NO DATA")
    )
    returned = ", ".join(f"old.{name}" for name in kept.split(", "))
    connection.execute(text(f"WITH gone AS ({removal} RETURNING {returned}) INSERT INTO replaced SELECT * FROM gone"))


def _equal(table: Table, name: str, other: str) -> str:
    """Equality that Postgres can hash; in a nullable text column NULL equals NULL (empty text is never stored)."""
    if table.c[name].nullable:
        return f"coalesce(old.{name}, '') = coalesce({other}.{name}, '')"
    return f"old.{name} = {other}.{name}"


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


def resolved_accelerator_hours(names: Table = resource_alias) -> Select[Any]:
    """Every column of ``accelerator_hour``, then ``resource_key``, ``alias_method`` and ``alias_confidence``.

    Those three are NULL where the name means no resource in that hour. Never more rows than ``accelerator_hour``.
    ``names`` is a table like ``resource_alias`` that has at least the names of the hours asked for.
    """
    return _resolved(accelerator_hour, accelerator_hour.c.alias, names)


def resolved_inference_hours(names: Table = resource_alias) -> Select[Any]:
    """Like :func:`resolved_accelerator_hours`, of ``inference_hour``; without an alias, the endpoint is the name."""
    name = func.coalesce(inference_hour.c.alias, func.lower(inference_hour.c.endpoint))
    return _resolved(inference_hour, name, names)


def resolved_workload_hours(names: Table = resource_alias) -> Select[Any]:
    """Like :func:`resolved_accelerator_hours`, of ``workload_hour``."""
    return _resolved(workload_hour, workload_hour.c.alias, names)


def _resolved(table: Table, name: ColumnElement[Any], names: Table) -> Select[Any]:
    """As-of joins: a source's own names first, else those of every source.

    Rows of ``resource_alias`` with one namespace and alias never overlap in time, so each join finds at most one.
    """
    own, any_source = names.alias("own"), names.alias("any_source")
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
