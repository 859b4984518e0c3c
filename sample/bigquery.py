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
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb
import sqlglot
from sqlglot import exp

from sample.bigquery_sql import (
    PARTITION,
    Schema,
    as_duckdb,
    cell,
    duck_type,
    is_read,
    leaf_paths,
    parameter_values,
    partition_conditions,
    quoted,
    rest_type,
    sql_text,
)
from sample.local_server import on_this_machine

_BYTES = 8
"""Of a value: what BigQuery counts for numbers and times, and about what a short text takes."""

_ROUTES = (
    ("GET", re.compile(r"/projects/([^/]+)/datasets/([^/]+)/tables$"), "tables"),
    ("GET", re.compile(r"/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)$"), "table"),
    ("POST", re.compile(r"/projects/([^/]+)/jobs$"), "insert"),
    ("GET", re.compile(r"/projects/([^/]+)/jobs/([^/]+)$"), "job"),
    ("GET", re.compile(r"/projects/([^/]+)/queries/([^/]+)$"), "results"),
)


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
        return set(leaf_paths(self.schema, ""))


@dataclass(frozen=True)
class _Plan:
    """A query as DuckDB's SQL, and what it reads: tables, the number of their columns, which partitions."""

    sql: str
    reads: Sequence[tuple[Table, int, str]]


class BigQuery:
    """Tables and jobs. Not a database of many writers: one lock guards it all."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self._duck = duckdb.connect()
        self._jobs: dict[str, dict[str, Any]] = {}
        self._plans: dict[str, _Plan] = {}
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
        columns = {one["name"]: duck_type(one) for one in schema}
        given = ", ".join(f"{quoted(key)}: {sql_text(kind)}" for key, kind in columns.items())
        listed = ", ".join(sql_text(str(file)) for file in files)
        day = f", date_trunc('day', {quoted(exported)}) AS {PARTITION}" if partitioned else ""
        with self._lock:
            self._duck.execute(
                f"CREATE TABLE {table.relation} AS SELECT *{day} FROM "
                f"read_json([{listed}], format = 'newline_delimited', columns = {{{given}}})"
            )
            self.tables[name] = table
            self._plans.clear()
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

    def listed(self, dataset: str, *, first: int, most: int) -> dict[str, Any]:
        """The tables of ``project.dataset`` as tables.list answers it, from ``first`` on, ``most`` of them."""
        there = sorted(name for name in self.tables if name.rpartition(".")[0] == dataset)
        if not there:
            raise RefusedError(404, "notFound", f"Not found: Dataset {dataset.replace('.', ':')}")
        described = ("kind", "id", "tableReference", "type")
        page = [self.resource(name) for name in there[first : first + most]]
        found = {"tables": [{key: one[key] for key in described} for one in page], "totalItems": len(there)}
        return found | ({"nextPageToken": str(first + most)} if first + most < len(there) else {})

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
            self._run(f"CREATE TEMP TABLE {result} AS {sql}", parameter_values(query))
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
            fields = [{"name": one[0], "type": rest_type(str(one[1])), "mode": "NULLABLE"} for one in read.description]
            rows = [{"f": [{"v": cell(value)} for value in row]} for row in read.fetchall()]
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
            if name == "tables":
                return self.listed(".".join(parts), first=first, most=int(asked.get("maxResults", 50)))
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
        plan = self._plan(query["query"])
        size = 0
        for table, columns, pruned in plan.reads:
            if table.location != location:
                project, dataset, _ = table.name.rsplit(".", 2)
                said = f"Not found: Dataset {project}:{dataset} was not found in location {location}"
                raise RefusedError(404, "notFound", said)
            size += self._one(f"SELECT count(*) FROM {table.relation} WHERE {pruned}", query) * columns * _BYTES
        return plan.sql, size

    def _plan(self, text: str) -> _Plan:
        """A query translated, once: its text is the same for every month."""
        if text in self._plans:
            return self._plans[text]
        try:
            tree = sqlglot.parse_one(text, read="bigquery")
        except sqlglot.errors.SqlglotError as error:
            raise RefusedError(400, "invalidQuery", f"Syntax error: {error}") from None
        reads = []
        own = {one.alias_or_name for one in tree.find_all(exp.CTE)}
        written = {one.sql(dialect="bigquery").replace("`", "") for one in tree.find_all(exp.Column, exp.Dot)}
        pruned = " AND ".join(partition_conditions(tree)) or "TRUE"
        for found in list(tree.find_all(exp.Table)):
            if not found.catalog and found.name in own:
                continue
            table, alias = self._table(f"{found.catalog}.{found.db}.{found.name}"), found.alias_or_name
            named = {one.removeprefix(f"{alias}.") for one in written if one.startswith(f"{alias}.")}
            columns = [leaf for leaf in table.leaves() if any(is_read(name, leaf) for name in named)]
            reads.append((table, len(columns), pruned))
            found.replace(exp.table_(table.relation, alias=found.alias or None))
        for kind in (exp.DataType, exp.Format, exp.Round):
            for node in list(tree.find_all(kind)):
                node.replace(as_duckdb(node))
        self._plans[text] = _Plan(str(tree.sql(dialect="duckdb")), reads)
        return self._plans[text]

    def _one(self, sql: str, query: Mapping[str, Any] | None = None) -> int:
        values = {name: value for name, value in parameter_values(query or {}).items() if f"${name}" in sql}
        with self._lock:
            ((number,),) = self._duck.execute(sql, values or None).fetchall()
        return int(number)


@contextmanager
def serving(answer: Callable[[str, str, bytes], Mapping[str, Any] | str]) -> Iterator[str]:
    """Serve on a free port of this machine while the context lasts; yields the URL.

    ``answer`` is given method, target and body: ``BigQuery().respond``, or what stands before it. A text is sent as it
    is.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers: Mapping[str, str] = {}
            said: Mapping[str, Any] | str
            try:
                status, said = 200, answer(self.command, self.path, body)
            except RefusedError as refused:
                status, headers = refused.status, refused.headers
                error = {"code": refused.status, "message": refused.message, "errors": [refused.said]}
                said = {"error": error}
            sent = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(sent)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with on_this_machine(Handler) as url:
        yield url
