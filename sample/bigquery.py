"""A server that speaks BigQuery's REST: tables on DuckDB, queries translated from BigQuery's SQL and run for real.

It holds what a billing export's reader needs: tables with their schema and ingestion-time partitions, jobs of queries
with parameters, dry runs that say which bytes the named columns take in the partitions asked for, a limit of bytes
billed, results page by page, and the refusals of a wrong location, column or table. NUMERIC has nine decimals here as
there, BIGNUMERIC 24 of its 38: DuckDB has 38 digits in all.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb
import sqlglot
from sqlglot import exp

PARTITION = "_PARTITIONTIME"
_BYTES = 8
"""Of a value: what BigQuery counts for numbers and times, and about what a short text takes."""

_TYPES = {
    "STRING": "VARCHAR",
    "FLOAT": "DOUBLE",
    "FLOAT64": "DOUBLE",
    "INTEGER": "BIGINT",
    "BOOLEAN": "BOOLEAN",
    "NUMERIC": "DECIMAL(38,9)",
    "BIGNUMERIC": "DECIMAL(38,24)",
    "TIMESTAMP": "TIMESTAMP",
    "DATE": "DATE",
}
_BACK = {"VARCHAR": "STRING", "DOUBLE": "FLOAT", "BOOLEAN": "BOOLEAN", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE"}
_ROUTES = (
    ("GET", re.compile(r"/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)$"), "table"),
    ("POST", re.compile(r"/projects/([^/]+)/jobs$"), "insert"),
    ("GET", re.compile(r"/projects/([^/]+)/jobs/([^/]+)$"), "job"),
    ("GET", re.compile(r"/projects/([^/]+)/queries/([^/]+)$"), "results"),
)
Schema = Sequence[Mapping[str, Any]]


class RefusedError(Exception):
    """An error as BigQuery answers it."""

    def __init__(self, status: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.reason, self.message, self.headers = status, reason, message, dict(headers or {})
        super().__init__(message)

    @property
    def said(self) -> dict[str, Any]:
        """As one of the errors of an answer or a job."""
        return {"reason": self.reason, "message": self.message, "domain": "global"}


@dataclass
class Table:
    """A table: its schema as REST has it, where it lies, and what it is called in DuckDB."""

    name: str
    schema: Schema
    relation: str
    location: str = "US"
    partitioned: bool = True
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    def leaves(self) -> set[str]:
        """Dotted paths of its columns."""
        return set(_leaves(self.schema, ""))


class BigQuery:
    """Tables and jobs. Not a database of many writers: one lock guards it all."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self._duck = duckdb.connect()
        self._jobs: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()
        self._made = 0

    # ---------------------------------------------------------------- tables

    def add(
        self,
        name: str,
        schema: Schema,
        files: Sequence[Path | str],
        *,
        location: str = "US",
        partitioned: bool = True,
        exported: str = "export_time",
    ) -> Table:
        """A table ``project.dataset.table`` of newline-delimited JSON, as BigQuery exports it; partitions are the days
        of ``exported``, on which each line was appended."""
        self._made += 1
        table = Table(name, schema, f"table_{self._made}", location, partitioned)
        columns = {one["name"]: _duck_type(one) for one in schema}
        given = ", ".join(f"{_quoted(key)}: {_text(kind)}" for key, kind in columns.items())
        listed = ", ".join(_text(str(file)) for file in files)
        day = f", date_trunc('day', {_quoted(exported)}) AS {PARTITION}" if partitioned else ""
        with self._lock:
            self._duck.execute(
                f"CREATE TABLE {table.relation} AS SELECT *{day} FROM "
                f"read_json([{listed}], format = 'newline_delimited', columns = {{{given}}})"
            )
            self.tables[name] = table
        return table

    def close(self) -> None:
        """Let go of everything."""
        self._duck.close()

    def resource(self, name: str) -> dict[str, Any]:
        """A table as tables.get answers it."""
        table = self._table(name)
        project, dataset, called = name.rsplit(".", 2)
        rows = self._one(f"SELECT count(*) FROM {table.relation}")
        found: dict[str, Any] = {
            "kind": "bigquery#table",
            "id": f"{project}:{dataset}.{called}",
            "tableReference": {"projectId": project, "datasetId": dataset, "tableId": called},
            "type": "TABLE",
            "schema": {"fields": list(table.schema)},
            "numRows": str(rows),
            "location": table.location,
            "lastModifiedTime": str(int(table.modified.timestamp() * 1000)),
        }
        return found | ({"timePartitioning": {"type": "DAY"}} if table.partitioned else {})

    def _table(self, name: str) -> Table:
        if name not in self.tables:
            project, dataset, called = name.rsplit(".", 2)
            raise RefusedError(404, "notFound", f"Not found: Table {project}:{dataset}.{called}")
        return self.tables[name]

    # ------------------------------------------------------------------ jobs

    def insert(self, project: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """jobs.insert of a query: run at once, or only looked at where it is a dry run."""
        configuration = body["configuration"]
        query = configuration["query"]
        given = body.get("jobReference", {})
        self._made += 1
        reference = {
            "projectId": project,
            "jobId": given.get("jobId", f"job_{self._made}"),
            "location": given.get("location") or "US",
        }
        with self._lock:
            sql, size = self._translated(query, reference["location"])
            job: dict[str, Any] = {
                "kind": "bigquery#job",
                "id": f"{project}:{reference['location']}.{reference['jobId']}",
                "jobReference": reference,
                "configuration": dict(configuration),
                "statistics": {"totalBytesProcessed": str(size), "query": {"totalBytesProcessed": str(size)}},
                "status": {"state": "DONE"},
            }
            if configuration.get("dryRun"):
                return job
            limit = query.get("maximumBytesBilled")
            if limit is not None and size > int(limit):
                raise RefusedError(400, "bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed: {limit}.")
            result = f"job_{len(self._jobs)}"
            self._run(f"CREATE TEMP TABLE {result} AS {sql}", _values(query))
            self._jobs[reference["jobId"]] = job | {"result": result}
        return job

    def job(self, name: str) -> dict[str, Any]:
        """jobs.get."""
        found = self._jobs.get(name)
        if found is None:
            raise RefusedError(404, "notFound", f"Not found: Job {name}")
        return {key: value for key, value in found.items() if key != "result"}

    def results(self, name: str, *, first: int, most: int) -> dict[str, Any]:
        """jobs.getQueryResults: rows from ``first`` on, ``most`` of them."""
        job, result = self.job(name), self._jobs[name]["result"]
        with self._lock:
            total = self._one(f"SELECT count(*) FROM {result}")
            read = self._duck.execute(f"SELECT * FROM {result} ORDER BY rowid LIMIT {most} OFFSET {first}")
            fields = [{"name": one[0], "type": _rest_type(str(one[1])), "mode": "NULLABLE"} for one in read.description]
            rows = [{"f": [{"v": _cell(value)} for value in row]} for row in read.fetchall()]
        answer = {
            "kind": "bigquery#getQueryResultsResponse",
            "jobReference": job["jobReference"],
            "jobComplete": True,
            "schema": {"fields": fields},
            "totalRows": str(total),
            "totalBytesProcessed": job["statistics"]["totalBytesProcessed"],
        }
        if rows:
            answer["rows"] = rows
        return answer | ({"pageToken": str(first + most)} if first + most < total and most else {})

    def respond(self, method: str, target: str, body: bytes) -> dict[str, Any]:
        """The answer to one request. Raises ``RefusedError``."""
        split = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(split.query).items()}
        for verb, pattern, name in _ROUTES:
            found = pattern.search(split.path)
            if verb != method or found is None:
                continue
            parts = [unquote(part) for part in found.groups()]
            if name == "table":
                return self.resource(".".join(parts))
            if name == "insert":
                return self.insert(parts[0], json.loads(body))
            if name == "job":
                return self.job(parts[1])
            first = int(asked.get("pageToken") or asked.get("startIndex") or 0)
            return self.results(parts[1], first=first, most=int(asked.get("maxResults", 50_000)))
        raise RefusedError(404, "notFound", f"no such thing here: {method} {split.path}")

    def _run(self, sql: str, values: Mapping[str, Any]) -> None:
        used = {name: value for name, value in values.items() if f"${name}" in sql}
        try:
            self._duck.execute(sql, used or None)
        except duckdb.Error as error:
            raise RefusedError(400, "invalidQuery", str(error)) from None

    def _translated(self, query: Mapping[str, Any], location: str) -> tuple[str, int]:
        """A query as DuckDB's SQL, and the bytes it reads. Raises ``RefusedError`` for what BigQuery refuses."""
        if query.get("useLegacySql", True):
            raise RefusedError(400, "invalidQuery", "only GoogleSQL is spoken here")
        try:
            tree = sqlglot.parse_one(query["query"], read="bigquery")
        except sqlglot.errors.SqlglotError as error:
            raise RefusedError(400, "invalidQuery", f"Syntax error: {error}") from None
        size = 0
        own = {one.alias_or_name for one in tree.find_all(exp.CTE)}
        for found in list(tree.find_all(exp.Table)):
            if not found.catalog and found.name in own:
                continue
            table = self._table(f"{found.catalog}.{found.db}.{found.name}")
            if table.location != location:
                project, dataset, _ = table.name.rsplit(".", 2)
                said = f"Not found: Dataset {project}:{dataset} was not found in location {location}"
                raise RefusedError(404, "notFound", said)
            size += self._bytes(table, found.alias_or_name, tree, query)
            found.replace(exp.table_(table.relation, alias=found.alias or None))
        for kind in (exp.DataType, exp.Format, exp.Round):
            for node in list(tree.find_all(kind)):
                node.replace(_as_duckdb(node))
        return str(tree.sql(dialect="duckdb")), size

    def _bytes(self, table: Table, alias: str, tree: exp.Expression, query: Mapping[str, Any]) -> int:
        """Values of the columns named, in the partitions that conditions on these alone leave."""
        written = {one.sql(dialect="bigquery").replace("`", "") for one in tree.find_all(exp.Column, exp.Dot)}
        named = {one.removeprefix(f"{alias}.") for one in written if one.startswith(f"{alias}.")}
        columns = [leaf for leaf in table.leaves() if any(_reads(name, leaf) for name in named)]
        rows = self._one(f"SELECT count(*) FROM {table.relation} WHERE {' AND '.join(_pruned(tree)) or 'TRUE'}", query)
        return rows * len(columns) * _BYTES

    def _one(self, sql: str, query: Mapping[str, Any] | None = None) -> int:
        values = {name: value for name, value in _values(query or {}).items() if f"${name}" in sql}
        with self._lock:
            ((number,),) = self._duck.execute(sql, values or None).fetchall()
        return int(number)


def _as_duckdb(node: exp.Expression) -> exp.Expression:
    """What sqlglot leaves different: decimal types, rounding, and texts of numbers."""
    if isinstance(node, exp.DataType) and not node.expressions:
        exact = {exp.DataType.Type.DECIMAL: "DECIMAL(38,9)", exp.DataType.Type.BIGDECIMAL: "DECIMAL(38,24)"}
        return exp.DataType.build(exact[node.this], dialect="duckdb") if node.this in exact else node
    if isinstance(node, exp.Round) and node.args.get("truncate"):
        return exp.Anonymous(this="round_even", expressions=[node.this, node.args["decimals"]])
    if isinstance(node, exp.Format):
        return exp.Anonymous(this="printf", expressions=[node.this, *node.expressions])
    return node


def _pruned(tree: exp.Expression) -> list[str]:
    """Conditions on partitions alone: those that spare BigQuery the reading."""
    found = []
    for where in tree.find_all(exp.Where):
        parts = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
        for part in parts:
            columns = list(part.find_all(exp.Column))
            if columns and all(one.name == PARTITION for one in columns):
                bare = part.copy().transform(lambda one: exp.column(PARTITION) if isinstance(one, exp.Column) else one)
                found.append(bare.sql(dialect="duckdb"))
    return found


def _reads(name: str, leaf: str) -> bool:
    """Whether a query that names ``name`` reads the column ``leaf``."""
    return leaf == name or leaf.startswith(f"{name}.") or name.startswith(f"{leaf}.")


def _leaves(fields: Schema, above: str) -> Iterator[str]:
    for one in fields:
        if one.get("fields"):
            yield from _leaves(one["fields"], f"{above}{one['name']}.")
        else:
            yield f"{above}{one['name']}"


def _duck_type(one: Mapping[str, Any]) -> str:
    if one["type"] in ("RECORD", "STRUCT"):
        inner = ", ".join(f"{_quoted(field['name'])} {_duck_type(field)}" for field in one["fields"])
        kind = f"STRUCT({inner})"
    else:
        kind = _TYPES[one["type"]]
    return f"{kind}[]" if one.get("mode") == "REPEATED" else kind


def _rest_type(declared: str) -> str:
    if declared.startswith("DECIMAL"):
        scale = int(re.findall(r"\d+", declared)[1])
        return "NUMERIC" if scale <= 9 else "BIGNUMERIC"
    return _BACK.get(declared.split("(", maxsplit=1)[0], "INTEGER")


def _cell(value: Any) -> str | None:
    """A value as REST writes it: text, times as microseconds."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return str(round(value.replace(tzinfo=UTC).timestamp() * 1_000_000))
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _values(query: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in query.get("queryParameters", ()):
        text, kind = one["parameterValue"]["value"], one["parameterType"]["type"]
        value: Any = text
        if kind == "TIMESTAMP":
            value = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
        elif kind == "DATE":
            value = date.fromisoformat(text)
        found[one["name"]] = value
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def serving(answer: Callable[[str, str, bytes], Mapping[str, Any]]) -> Iterator[str]:
    """Serve on a free port of this machine while the context lasts; yields the URL.

    ``answer`` is given method, target and body: ``BigQuery().respond``, or what stands before it.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers: Mapping[str, str] = {}
            said: Mapping[str, Any]
            try:
                status, said = 200, answer(self.command, self.path, body)
            except RefusedError as refused:
                status, headers = refused.status, refused.headers
                error = {"code": refused.status, "message": refused.message, "errors": [refused.said]}
                said = {"error": error}
            sent = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(sent)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
