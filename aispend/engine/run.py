"""One roll-up, stage by stage, and its result while it is open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from aispend.engine import ai, output, rates, rejects, rollup, summary
from aispend.engine.instance import Lent
from aispend.engine.line import SKU_COLUMNS, SLICE_COLUMNS, Check, LineSql, identifier, literal
from aispend.engine.result import Classified, Classify, FileRead, RejectedLine, RollUpSummary
from aispend.engine.scan import BillFile, Delivery
from aispend.engine.source import RejectTables, at_most_threads, constants, is_gzip, raw_sql
from aispend.errors import AispendError, InputError
from aispend.settings import Rule, TagKeys

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_STRAY_DAYS = 5
_SMALL_ROWS = 250_000
_SMALL_BYTES = 64 << 20
_ROW_GROUP = 40_960
_CONVERTING = 2
"""Threads that take text apart, each holding its buffers and a row group: so they stay within the memory bound."""
_PACKED = 16
"""About how much smaller a bill is as gzip."""


def shown_names(files: Sequence[BillFile]) -> list[str]:
    """What a person calls the files."""
    return [file.shown_as for file in files]


def parquet_rows(duck: duckdb.DuckDBPyConnection, files: Sequence[BillFile]) -> list[int]:
    """Rows of each Parquet file, from its footer."""
    paths = "[" + ", ".join(literal(str(file.path)) for file in files) + "]"
    rows = duck.execute(f"SELECT file_name, num_rows FROM parquet_file_metadata({paths})").fetchall()
    by_path = {str(name): int(count) for name, count in rows}
    return [by_path[str(file.path)] for file in files]


class RollUp:
    """A finished roll-up: its summary, and its rows as Arrow streams while it is open (use as a context manager)."""

    def __init__(
        self,
        lent: Lent,
        delivery: Delivery,
        *,
        workdir: Path,
        classify: Classify,
        rules: Sequence[Rule],
        tag_keys: TagKeys,
    ) -> None:
        self._lent = lent
        self._duck = duck = lent.connection
        self._delivery = delivery
        self._line = delivery.line
        self._rows = parquet_rows(duck, delivery.files) if delivery.files[0].format == "parquet" else None
        # small deliveries are read once, which plans only one large query; large ones column by column
        self._once = self._is_small()
        self._columnar: Sequence[BillFile] = delivery.files
        if self._rows is None and not self._once:
            self._columnar = self._converted(workdir / "lines.parquet")
        self._group()
        lines, rejected = self._reject()
        self._remainder(bad=bool(rejected))
        self._rates(bad=bool(rejected))
        if self._once:
            duck.execute("DROP TABLE line")
        elif self._rows is None:
            self._columnar[0].path.unlink()
        self._key(classify, rules, tag_keys)
        self.summary = RollUpSummary(
            summary.slices(duck, self._line, rejected), self._files(lines), lines, tuple(rejected)
        )
        duck.execute("DROP VIEW charged; DROP TABLE grouped")

    def __enter__(self) -> RollUp:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._lent.close(whole=kind is None)

    def close(self) -> None:
        """Let go of memory and spill files."""
        self._lent.close()

    # ------------------------------------------------------------------------------------ streams

    def facts(
        self, slice_ids: Mapping[tuple[str, str, date], int], *, half: int, without: Sequence[str] = ()
    ) -> pa.RecordBatchReader:
        """Rows of table ``charge`` for the slices given, cost columns in ``without`` left NULL."""
        known = [name for name in rollup.columns_given(self._line) if name not in without]
        return self._stream(output.facts_sql(slice_ids, half, known))

    def dimension(self, table: str) -> pa.RecordBatchReader:
        """Rows of a dimension table that the facts point to, columns named as in ``aispend.schema``."""
        return self._stream(output.DIMENSIONS[table])

    def _stream(self, sql: str) -> pa.RecordBatchReader:
        reader: pa.RecordBatchReader = self._duck.sql(sql).to_arrow_reader(16_384)
        return reader

    # ------------------------------------------------------------------------------------- stages

    def _is_small(self) -> bool:
        if self._rows is not None:
            return sum(self._rows) < _SMALL_ROWS
        sizes = (f.path.stat().st_size * (_PACKED if is_gzip(f.path) else 1) for f in self._delivery.files)
        return sum(sizes) < _SMALL_BYTES

    def _converted(self, path: Path) -> Sequence[BillFile]:
        """The lines of text files as one Parquet file: taken apart once, then read column by column."""
        files = self._delivery.files
        columns = rollup.columns_used(self._line, files[0].header)
        raw = raw_sql(files, RejectTables())
        target = f"{literal(str(path))} (FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE {_ROW_GROUP})"
        with at_most_threads(self._duck, _CONVERTING):
            self._duck.execute(f"COPY (SELECT {columns} FROM {raw}) TO {target}")
        return [replace(files[0], path=path, format="parquet")]

    def _group(self) -> None:
        """The pass over the raw lines, and the distinct values of every dimension."""
        self._raw = raw_sql(self._columnar, RejectTables())
        if not self._once:
            self._line = self._with_constants()
        same = {} if self._once else constants(self._duck, self._columnar)
        fixed = rollup.fixed_columns(self._line, self._delivery.files[0].header, same)
        line = rollup.line_sql(self._line, self._raw)
        if self._once:
            self._make("line", rollup.once_sql(line, fixed, rates.RATE_COLUMNS if self._line.rate else ()))
            line = "line"
        self._make(
            "grouped", rollup.grouped_sql(line, "sum(lines)" if self._once or self._line.lines else "count(*)", fixed)
        )
        for group in rollup.GROUPS:
            different = rollup.varying(group, fixed)
            narrow = "line" if self._once else rollup.narrow_sql(self._line, self._raw, different)
            self._make(f"raw_{group}", rollup.distinct_sql(group, narrow, fixed))
            if self._one(f"SELECT count(*) - count(DISTINCT h) FROM raw_{group}"):
                raise AispendError(
                    f"Two different values of '{group}' have the same hash; nothing was loaded.",
                    where=", ".join(shown_names(self._delivery.files)),
                    next_step="Load the files of this bill one by one.",
                )

    def _with_constants(self) -> LineSql:
        """The mapping with provider, scope and month as constants where they are: most bills have one of each.

        A check that asks the same expression then asks the constant.
        """
        header = self._delivery.files[0].header
        places = rollup.distinct_places_sql(self._line, self._raw, header)
        rows = self._duck.execute(places).fetchall()
        select, checks = dict(self._line.select), self._line.checks
        for name, values in zip(SLICE_COLUMNS, zip(*rows, strict=True), strict=False):
            if len(set(values)) == 1 and values[0] is not None:
                constant = ("DATE " if name == "x_billing_month" else "") + literal(str(values[0]))
                checks = tuple(replace(check, bad=check.bad.replace(select[name], constant)) for check in checks)
                select[name] = constant
        return replace(self._line, select=select, checks=checks)

    def _remainder(self, *, bad: bool) -> None:
        """Table ``remainder``: what rounding left over."""
        if not self._line.remainders:
            return
        if self._once:
            sql = rollup.remainder_sql("line")
        elif bad:
            sql = rollup.remainder_sql(rollup.line_sql(self._line, self._raw))
        else:
            sql = rollup.quick_remainder_sql(self._line, self._raw, self._delivery.files[0].header)
        self._make("remainder", sql)

    def _rates(self, *, bad: bool) -> None:
        """Table ``bill_rate``: the exchange rates the lines name, where they do."""
        if self._line.rate is None:
            return
        if self._once:
            sql = rates.counted_sql("line")
        elif bad:
            sql = rates.counted_sql(f"({rollup.line_sql(self._line, self._raw)})")
        else:
            sql = rates.quick_counted_sql(self._line, self._raw, self._delivery.files[0].header)
        self._make("bill_rate", sql)

    def _reject(self) -> tuple[int, list[RejectedLine]]:
        """All lines there were, and those kept aside. Raises where a slice has too many, or none is left."""
        files, line = self._delivery.files, self._line
        read = int(self._one("SELECT coalesce(sum(lines), 0) FROM grouped"))
        bad = int(self._one("SELECT coalesce(sum(lines), 0) FROM grouped WHERE bad AND kept"))
        rejected = rejects.structural(self._duck, files, RejectTables())
        lines = read + sum(one.lines for one in rejected)
        names = ", ".join(shown_names(files)[:3])
        if lines == 0:
            raise InputError(
                "The file has a header but no lines.",
                where=names,
                next_step="Export a period with charges; an empty export replaces nothing.",
            )
        if bad or rejected:
            checks = rollup.all_checks(line, files[0].header)
            rejected = rejects.kept_aside(self._duck, files, line, checks, rejected)
        if self._delivery.declared_rows is not None and lines != self._delivery.declared_rows:
            raise InputError(
                f"The manifest promises {self._delivery.declared_rows} lines, the files hold {lines}.",
                where=names,
                next_step="Download the delivery again once it is complete.",
            )
        if not self._one("SELECT coalesce(sum(lines), 0) FROM grouped WHERE kept AND NOT bad"):
            raise InputError(
                "No line of the file is a charge.", where=names, next_step="Check that it is the right file."
            )
        return lines, rejected

    def _check_dates(self) -> None:
        """Refuse a slice whose usage mostly lies outside of its month because day and month were taken for each other.

        Usage billed late, or a year ahead, is no error. Dates read in the wrong order show in one of two ways: swapped
        back they lie in the month; or all of them fall on one day (the real month) of many months. Dates that begin
        with the year have one order only.
        """
        swapped = "year(day) = year(x_billing_month) AND day(day) = month(x_billing_month)"
        outside = (
            f"(day < x_billing_month - {_STRAY_DAYS} "
            f"OR day >= x_billing_month + INTERVAL 1 MONTH + INTERVAL {_STRAY_DAYS} DAY)"
        )
        found = self._duck.execute(
            f"SELECT x_scope, x_billing_month, sum(lines) AS usage, sum(lines) FILTER ({outside}) AS stray, "
            f"sum(lines) FILTER ({outside} AND {swapped}) AS mended, min(day) FILTER ({outside}) AS first, "
            f"count(DISTINCT day(day)) FILTER ({outside}) AS days, min(day(day)) FILTER ({outside}) AS that_day, "
            f"count(DISTINCT month(day)) FILTER ({outside}) AS months "
            "FROM grouped JOIN context USING (context_h) JOIN slice USING (slice_no) "
            "WHERE kept AND NOT bad AND charge_category = 'Usage' AND charge_class IS NULL GROUP BY ALL "
            "HAVING stray * 2 > usage AND (mended * 2 > stray OR days = 1 AND that_day <> 1 AND months > 1) "
            "ORDER BY ALL LIMIT 1"
        ).fetchone()
        if not found:
            return
        scope, month, lines, stray, _, day, *_ = found
        files, start = self._delivery.files, self._line.select["charge_period_start"]
        column = rollup.source_column(self._line, files[0].header, "charge_period_start") or ""
        check = Check(column, f"CAST({start} AS DATE) = DATE '{day}'", "")
        first = rejects.refused(self._duck, files, [check], 1, where=self._line.where)[0]
        if re.match(r"\W*\d{4}", first.value or ""):
            return
        raise InputError(
            f"{stray} of {lines} usage lines lie outside of their billing month {month:%Y-%m}: "
            "day and month seem to be in another order than they were read.",
            where=f"{first.file}, line {first.line}, column {column}, value {first.value!r} (read as {day}), "
            f"billing account {scope}",
            next_step="Export the bill with dates as YYYY-MM-DD.",
        )

    def _key(self, classify: Classify, rules: Sequence[Rule], tag_keys: TagKeys) -> None:
        for table, sql in rollup.dimension_sql(self._line).items():
            self._make(table, sql)
        self._duck.execute("; ".join(f"DROP TABLE raw_{group}" for group in rollup.GROUPS))
        self._check_dates()
        self._classify(classify)
        self._make("tag_entry", ai.tag_entries_sql())
        written = [key for (key,) in self._duck.execute(ai.TAG_KEYS_SQL).fetchall()]
        self._make("tag_fact", ai.tag_facts_sql(tag_keys, written))
        self._duck.execute("DROP TABLE tag_entry")
        self._make("ai_resource", ai.ai_resource_sql())
        self._duck.execute(f"CREATE VIEW charged AS {ai.charged_sql(rules, written)}")
        self._make("fact", rollup.fact_sql())

    def _classify(self, classify: Classify) -> None:
        """Table ``sku_class``. Where resource types disagree about a SKU, AI spend wins."""
        names = ("sku_key", "x_provider", *SKU_COLUMNS, "resource_type")
        rows = self._duck.execute(
            f"SELECT DISTINCT {', '.join(names)} FROM (SELECT DISTINCT sku_h, details_h, resource_h FROM grouped) "
            "JOIN sku USING (sku_h, details_h) "
            "JOIN (SELECT resource_h, resource_type FROM resource) USING (resource_h) "
            "ORDER BY sku_key, resource_type NULLS FIRST"
        ).fetchall()
        classes: dict[int, Classified] = {}
        for key, provider, *texts in rows:
            known = classes.get(key)
            if known is None or not known.is_ai:
                says = classify({"provider": provider, **dict(zip(names[2:], texts, strict=True))})
                classes[key] = says if known is None or says.is_ai else known
        columns = [f"unnest($1::BIGINT[]) AS {names[0]}"]
        values: list[list[object]] = [list(classes)]
        for name in output.CLASS_COLUMNS:
            said = [getattr(says, name) for says in classes.values()]
            kind = output.CLASS_TYPES.get(name, "VARCHAR")
            values.append([None if cell is None else str(cell) for cell in said])
            columns.append(f"unnest(${len(values)}::{kind}[]) AS {name}")
        self._duck.execute(f"CREATE TABLE sku_class AS SELECT {', '.join(columns)}", values)

    def _files(self, lines: int) -> tuple[FileRead, ...]:
        files = self._delivery.files
        counts: Sequence[int | None] = self._rows or ([lines] if len(files) == 1 else [None] * len(files))
        return tuple(
            FileRead(file.shown_as, file.path.stat().st_size, count) for file, count in zip(files, counts, strict=True)
        )

    def _make(self, table: str, sql: str) -> None:
        self._duck.execute(f"CREATE TABLE {identifier(table)} AS {sql}")

    def _one(self, sql: str) -> Any:
        row = self._duck.execute(sql).fetchone()
        return row[0] if row else None
