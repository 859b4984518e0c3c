"""What a telemetry file form may hold, and the DuckDB SQL that reads its columns.

A *form* declares its columns: what they are called, what they hold, what they may be. Text is read as it stands;
``""``, ``null``, ``none`` and ``nan`` are unknown, never zero. Times without a zone are UTC; numbers are seconds,
milli-, micro- or nanoseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aispend.engine.line import literal

DUCK_TYPES = {"time": "TIMESTAMP", "text": "VARCHAR", "number": "DOUBLE", "whole": "BIGINT"}
UNREADABLE_LINE = -1

_UNKNOWN = ("", "null", "none", "nan")
_FUTURE_TOLERANCE = timedelta(days=1)
_FLOATING = {"DOUBLE", "FLOAT"}
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}


@dataclass(frozen=True)
class Column:
    """One column of a form.

    ``low`` and ``high`` bound a number (inclusive); ``limit`` tells a reader what the bounds mean and what to do.
    ``choices`` bounds a text; ``lower`` stores it in lower case. ``future`` allows a time that is yet to come.
    """

    name: str
    kind: Literal["time", "text", "number", "whole"]
    required: bool = False
    low: float | None = None
    high: float | None = None
    limit: str = ""
    choices: tuple[str, ...] = ()
    lower: bool = False
    future: bool = False


@dataclass(frozen=True)
class RowCheck:
    """A row is rejected where ``bad`` is true: an SQL boolean with the form's columns in braces."""

    column: str
    bad: str
    reason: str


@dataclass(frozen=True)
class Form:
    """A file form: its columns and what must hold between them."""

    kind: str
    columns: tuple[Column, ...]
    checks: tuple[RowCheck, ...] = ()

    @property
    def help(self) -> str:
        """The columns in one line, the required ones marked."""
        return ", ".join(f"{column.name}{' (required)' if column.required else ''}" for column in self.columns)

    def zoneless_sql(self, found: Mapping[str, tuple[str, str]]) -> str:
        """SQL boolean over the file: a time in it is written without a zone."""
        times = [
            _zoneless_sql(*found[column.name])
            for column in self.columns
            if column.kind == "time" and column.name in found
        ]
        return " OR ".join(f"coalesce({time}, false)" for time in times) or "false"

    def values_sql(self, found: Mapping[str, tuple[str, str]]) -> str:
        """For each column its value ``v_N`` (NULL where unreadable or unknown) and what the file says, ``r_N``.

        ``found`` maps the columns a file has to (expression, DuckDB type).
        """
        parts = []
        for index, column in enumerate(self.columns):
            if column.name not in found:
                parts.append(f"CAST(NULL AS {DUCK_TYPES[column.kind]}) AS v_{index}, NULL AS r_{index}")
                continue
            expression, duck_type = found[column.name]
            raw = _clean_sql(expression) if duck_type == "VARCHAR" else expression
            parts.append(f"{_value_sql(column, raw, duck_type)} AS v_{index}, {raw} AS r_{index}")
        return ", ".join(parts)

    def bad_sql(self, found: Mapping[str, tuple[str, str]], now: datetime) -> str:
        """SQL over :meth:`values_sql` and ``unreadable``: the code of the first thing wrong with a row, else NULL."""
        whens = [f"WHEN unreadable THEN {UNREADABLE_LINE}"]
        for index, column in enumerate(self.columns):
            if column.name not in found:  # read refuses a file without a required column
                continue
            floating = found[column.name][1] in _FLOATING
            said = f"NOT isnan(r_{index})" if floating else f"r_{index} IS NOT NULL"
            conditions = [f"v_{index} IS NULL AND {said}"]
            if column.required:
                conditions.append(f"v_{index} IS NULL")
            if column.kind == "time" and not column.future:
                latest = (now + _FUTURE_TOLERANCE).replace(tzinfo=None)
                conditions.append(f"v_{index} > TIMESTAMP '{latest:%Y-%m-%d %H:%M:%S}'")
            if column.low is not None:
                conditions.append(f"v_{index} < {column.low}")
            if column.high is not None:
                conditions.append(f"v_{index} > {column.high}")
            if column.choices:
                conditions.append(f"v_{index} NOT IN ({', '.join(map(literal, column.choices))})")
            whens.append(f"WHEN {' OR '.join(f'({condition})' for condition in conditions)} THEN {index}")
        for offset, check in enumerate(self.checks):
            bad = check.bad
            for index, column in enumerate(self.columns):
                bad = bad.replace(f"{{{column.name}}}", f"v_{index}")
            whens.append(f"WHEN {bad} THEN {len(self.columns) + offset}")
        return f"CASE {' '.join(whens)} END"

    def wrong(self, code: int) -> tuple[str | None, str, int | None]:
        """What a code of :meth:`bad_sql` means: column name, reason, number of the column whose value to show."""
        if code == UNREADABLE_LINE:
            return None, "the line is not a JSON object; write one object on each line", None
        if code < len(self.columns):
            return self.columns[code].name, _reason(self.columns[code]), code
        check = self.checks[code - len(self.columns)]
        shown = next(index for index, column in enumerate(self.columns) if column.name == check.column)
        return check.column, check.reason, shown


def _zoneless_sql(expression: str, duck_type: str) -> str:
    """SQL boolean: the time is written without a zone (numbers since 1970 have none to give)."""
    if duck_type == "VARCHAR":
        return f"contains({expression}, '-') AND NOT regexp_matches({expression}, ':\\d\\d(\\.\\d+)? *[-+A-Za-z]')"
    return "true" if duck_type.startswith("TIMESTAMP") and duck_type != "TIMESTAMP WITH TIME ZONE" else "false"


def _reason(column: Column) -> str:
    reason = {
        "time": "is no time (write 2026-11-20T10:15:00Z, or seconds since 1970)",
        "text": "is not text",
        "number": "is no number",
        "whole": "is no whole number",
    }[column.kind]
    if column.choices:
        reason = f"is none of {', '.join(column.choices)}"
    if column.kind == "time" and not column.future:
        reason += ", or lies in the future"
    if column.limit:
        reason += f", or out of range: {column.limit}"
    return f"{reason}; this column may not be empty" if column.required else reason


def _clean_sql(expression: str) -> str:
    unknown = ", ".join(map(literal, _UNKNOWN))
    return f"CASE WHEN lower(trim({expression})) NOT IN ({unknown}) THEN trim({expression}) END"


def _value_sql(column: Column, raw: str, duck_type: str) -> str:
    if column.kind == "text":
        return f"lower(CAST({raw} AS VARCHAR))" if column.lower else f"CAST({raw} AS VARCHAR)"
    if column.kind == "time":
        return _time_sql(raw, duck_type)
    if column.kind == "whole" and duck_type in _INTEGERS:
        return f"CAST({raw} AS BIGINT)"
    number = f"TRY_CAST({raw} AS DOUBLE)"
    number = f"CASE WHEN NOT isnan({number}) AND NOT isinf({number}) THEN {number} END"
    if column.kind == "number":
        return number
    # Text that is a plain integer is read as one, so that counts above 2**53 keep their last digits.
    whole = (
        f"coalesce(TRY_CAST({raw} AS BIGINT), TRY_CAST({number} AS BIGINT))"
        if duck_type == "VARCHAR"
        else (f"TRY_CAST({number} AS BIGINT)")
    )
    return f"CASE WHEN {number} = round({number}) THEN {whole} END"


def _time_sql(raw: str, duck_type: str) -> str:
    if duck_type == "DATE" or duck_type.startswith("TIMESTAMP"):
        return f"CAST({raw} AS TIMESTAMP)"
    number = f"TRY_CAST({raw} AS DOUBLE)"
    since_1970 = (
        f"CASE WHEN {number} >= 1e9 AND {number} < 1e11 THEN make_timestamp(CAST(round({number} * 1e6) AS BIGINT))"
        f" WHEN {number} >= 1e12 AND {number} < 1e14 THEN make_timestamp(CAST(round({number} * 1e3) AS BIGINT))"
        f" WHEN {number} >= 1e15 AND {number} < 1e17 THEN make_timestamp(CAST(round({number}) AS BIGINT))"
        f" WHEN {number} >= 1e18 AND {number} < 1e20 THEN make_timestamp(CAST(round({number} / 1e3) AS BIGINT)) END"
    )
    if duck_type != "VARCHAR":
        return since_1970
    return f"coalesce(CAST(TRY_CAST({raw} AS TIMESTAMPTZ) AS TIMESTAMP), {since_1970})"
