"""A file's columns as DuckDB SQL: found whatever their case, cleaned of the ways bills write "nothing".

Every method returns ``None`` where the file has no such column, so that a dialect leaves it out (NULL) instead of
inventing it. Text cells that are empty or the literal ``NULL`` are missing. Money and quantities go through
:mod:`aispend.engine.exact` only; comparisons with zero use a double, which is enough to tell a sign.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aispend.engine.exact import number_sql, remainder_sql, units_sql, unreadable_sql
from aispend.engine.line import Check, Header, RateSql, identifier, literal, plain
from aispend.engine.scan import FileFormat
from aispend.errors import InputError
from collectors.files.dialects.numbers import PLAIN, Notation

DateOrder = Literal["iso", "mdy", "dmy"]

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
UNTYPED = '"NULL"'
"""What DuckDB calls the type of a Parquet column or field without a value in any line, where its writer gave none."""

_BROKEN = {"FLOAT", "DOUBLE"}
_NOTHING = "('', 'NULL', 'null', 'Null')"
_IN_BRACKETS = re.compile(r"\(([^()]+)\)\s*$")


@dataclass(frozen=True)
class Columns:
    """The columns of one header, and how its file writes numbers and dates.

    ``numbers`` are the notations of columns that are not plainly written, ``shown_as`` is what errors call the file.
    Names that differ from an earlier one only in case end in blanks (``recognise``): no cell of a header does.
    """

    header: Header
    format: FileFormat
    numbers: Mapping[str, Notation] = field(default_factory=dict)
    dates: DateOrder = "iso"
    shown_as: str = ""
    _found: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _repeated: dict[str, None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for column in self.header.columns:
            self._found.setdefault(plain(column), []).append(column)
            if bracketed := _IN_BRACKETS.search(column):
                self._found.setdefault(plain(bracketed[1]), []).append(column)

    def find(self, *names: str) -> str | None:
        """The first of ``names`` that the file has, as it is written there; localised headers by the English name in
        brackets behind them.

        Raises ``InputError`` where the file has it in two spellings that differ only in case."""
        return next((self._spelt(name)[0] for name in names if plain(name) in self._found), None)

    def has(self, *names: str) -> bool:
        """Whether the file has any of these columns."""
        return any(plain(name) in self._found for name in names)

    def _spelt(self, name: str) -> Sequence[str]:
        """The columns of this name."""
        found = self._found.get(plain(name), ())
        for place, column in enumerate(found):
            other = next((one for one in found[:place] if one.lower() == column.rstrip().lower()), None)
            if other is not None:
                first, second = (self.header.columns.index(one) + 1 for one in (other, column))
                raise InputError(
                    f"The columns {other} and {column.rstrip()} differ only in case: which is meant cannot be told.",
                    where=f"{self.shown_as}, columns {first} and {second}".removeprefix(", "),
                    next_step="Export it again with one of them, or take out the one that is not meant.",
                )
        return found

    def kind(self, column: str) -> str:
        """DuckDB type name of a column without its parameters: ``DECIMAL``, ``MAP``, ``STRUCT`` …, lists as
        ``LIST``."""
        declared = self.header.types[column].upper()
        return "LIST" if declared.endswith("[]") else declared.split("(")[0].strip()

    def repeat(self, sql: str) -> str:
        """The same SQL, noted as one that may stand in several places: a call, a CASE, or in parentheses."""
        self._repeated[sql] = None
        return sql

    @property
    def repeated(self) -> tuple[str, ...]:
        """The noted SQL, for ``LineSql.repeated``: numbers and times, and what a dialect noted itself."""
        return tuple(self._repeated)

    # ------------------------------------------------------------------ text

    def text(self, *names: str) -> str | None:
        """The first of ``names`` that says something on a line; all columns of one name (``a/bC``, ``a_b_c``) count."""
        parts = [self.cell(column) for name in names for column in self._spelt(name)]
        parts = list(dict.fromkeys(parts))
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"

    def cell(self, column: str) -> str:
        """Text of a column of the header."""
        quoted, kind = identifier(column), self.kind(column)
        if kind == UNTYPED:
            return "CAST(NULL AS VARCHAR)"
        if kind == "VARCHAR":
            if self.format == "parquet":
                return f"nullif({quoted}, '')"
            return self.repeat(f"CASE WHEN {quoted} IN {_NOTHING} THEN NULL ELSE {quoted} END")
        if kind == "JSON":
            return f"nullif(json_extract_string({quoted}, '$'), '')"
        if kind in ("MAP", "STRUCT", "LIST"):
            return f"CAST(to_json({quoted}) AS VARCHAR)"
        if kind in _BROKEN:  # an id that passed through a spreadsheet or data frame
            whole = f"{quoted} = round({quoted}) AND abs({quoted}) < 1e15"
            number = f"CASE WHEN {whole} THEN CAST({quoted} AS BIGINT) END"
            return f"coalesce(CAST({number} AS VARCHAR), CAST({quoted} AS VARCHAR))"
        return f"CAST({quoted} AS VARCHAR)"

    def aws_account(self, *names: str) -> str | None:
        """A twelve-digit account id as text; the leading zeros a number or a spreadsheet lost are put back."""
        column, text = self.find(*names), self.text(*names)
        if column is None or text is None:
            return None
        return f"lpad({text}, 12, '0')" if self.kind(column) in _WHOLE | _BROKEN else padded_account_sql(text)

    # --------------------------------------------------------------- numbers

    def _raw(self, column: str) -> tuple[str, str]:
        """Expression and DuckDB type for the exact functions."""
        quoted, declared = identifier(column), self.header.types[column]
        kind = self.kind(column)
        if kind == UNTYPED:
            return "CAST(NULL AS VARCHAR)", "VARCHAR"
        if kind == "FLOAT":
            return f"CAST({quoted} AS VARCHAR)", "VARCHAR"
        if kind == "HUGEINT":
            return f"CAST({quoted} AS DECIMAL(38,0))", "DECIMAL(38,0)"
        if kind == "VARCHAR" and column in self.numbers:
            return self.repeat(f"({self.numbers[column].text_sql(quoted)})"), "VARCHAR"
        return quoted, declared

    def units(self, *names: str) -> str | None:
        """HUGEINT count of 1e-12 of the column, rounded half-even once."""
        column = self.find(*names)
        return None if column is None else self.repeat(units_sql(*self._raw(column)))

    def remainder(self, *names: str) -> str | None:
        """What rounding the column to units leaves over."""
        column = self.find(*names)
        return None if column is None else self.repeat(remainder_sql(*self._raw(column)))

    def number(self, *names: str) -> str | None:
        """Exact decimal of the column, for sums and differences before the one rounding."""
        column = self.find(*names)
        return None if column is None else self.repeat(number_sql(*self._raw(column)))

    def about(self, *names: str) -> str | None:
        """The column as a double, only ever to be compared with zero."""
        column = self.find(*names)
        if column is None:
            return None
        expression, _ = self._raw(column)
        if self.kind(column) == "JSON":
            expression = f"json_extract_string({expression}, '$')"
        return f"TRY_CAST({expression} AS DOUBLE)"

    def rate(self, rates: Sequence[str], base: str | None, days: Sequence[str] = ()) -> RateSql | None:
        """The exchange rate from ``base`` (SQL text) to the billing currency; ``days`` name the column of when it was
        set."""
        number, day = self.number(*rates), self.instant(*days)
        if number is None or base is None:
            return None
        return RateSql(base, number, f"CAST({day} AS DATE)") if day else RateSql(base, number)

    def unreadable(self, *names: str) -> Check | None:
        """A check that keeps a line aside where the column holds something that is no number."""
        column = self.find(*names)
        if column is None or self.kind(column) in _WHOLE:
            return None
        return Check(column, unreadable_sql(*self._raw(column)), self.no_number_reason(column))

    def no_number_reason(self, *names: str) -> str:
        """Why a cell of the column is no number: it is not written as its file writes them."""
        return self.numbers.get(self.find(*names) or "", PLAIN).reason

    def no_number(self, *names: str) -> str:
        """SQL boolean: the column says nothing, or something that is no number."""
        column = self.find(*names)
        if column is None:
            return "TRUE"
        expression, declared = self._raw(column)
        nothing = f"({expression}) IS NULL"
        if declared in ("VARCHAR", "JSON"):
            nothing = f"trim(coalesce(CAST({expression} AS VARCHAR), ''), ' \"') IN ('', 'NULL', 'null', 'Null')"
        return f"({nothing} OR {unreadable_sql(*self._raw(column))})"

    # ---------------------------------------------------------- rolled up before

    def lines_before(self) -> str | None:
        """How many lines of the bill a row stands for, where its provider rolled it up (``x_lines``)."""
        return self._whole("x_lines")

    def hours_before(self) -> str | None:
        """The hours of the day that a rolled-up row is of, as bits from midnight on (``x_hours``)."""
        return self._whole("x_hours")

    def _whole(self, name: str) -> str | None:
        column = self.find(name)
        return None if column is None else f"TRY_CAST({identifier(column)} AS BIGINT)"

    # ----------------------------------------------------------------- times

    def instant(self, *names: str) -> str | None:
        """The column as TIMESTAMP in UTC; NULL where it cannot be read."""
        column = self.find(*names)
        if column is None:
            return None
        quoted, kind = identifier(column), self.kind(column)
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"make_timestamp(epoch_us({quoted}))"
        if kind in ("VARCHAR", "JSON"):
            text = quoted if kind == "VARCHAR" else f"json_extract_string({quoted}, '$')"
            return self.repeat(instant_sql(text, self.dates))
        return f"CAST({quoted} AS TIMESTAMP)"

    def period_month(self, *names: str) -> str | None:
        """First day of the billing month that begins at the column's time: where that is written as the first midnight
        of a month, with whatever offset, it is this month, also where UTC still has the one before."""
        column, instant = self.find(*names), self.instant(*names)
        if column is None or instant is None or self.kind(column) != "VARCHAR":
            return None if instant is None else month_sql(instant)
        text = f"trim({identifier(column)})"
        midnight = r"\d{4}-\d{2}-01[T ]00:00(:00(\.0+)?)? ?[+-]\d{2}(:?\d{2})?"
        written = f"TRY_CAST(left({text}, 10) AS DATE)"
        return f"CASE WHEN regexp_full_match({text}, {literal(midnight)}) THEN {written} ELSE {month_sql(instant)} END"


def instant_sql(text: str, dates: DateOrder) -> str:
    """TIMESTAMP in UTC of a text: ISO 8601 with or without offset, and day and month in the given order."""
    # DuckDB reads '…+02:00' as TIMESTAMP by dropping the offset, so a text with one goes through TIMESTAMPTZ.
    offset = f"{text} LIKE '%:%+%' OR {text} LIKE '%:%-%'"
    iso = (
        f"CASE WHEN {offset} THEN make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ))) "
        f"ELSE TRY_CAST({text} AS TIMESTAMP) END"
    )
    if dates == "iso":
        return iso
    slashed = f"regexp_replace({text}, '^\\s*(\\d{{1,2}})[./-](\\d{{1,2}})[./-](\\d{{2,4}})', '\\1/\\2/\\3')"
    order = "%m/%d/" if dates == "mdy" else "%d/%m/"
    times = ("", " %H:%M", " %H:%M:%S", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S", "T%H:%M:%SZ")
    long = ", ".join(f"'{order}%Y{time}'" for time in times)
    short = ", ".join(f"'{order}%y{time}'" for time in times)
    return (
        f"CASE WHEN regexp_matches({slashed}, '^\\d+/\\d+/\\d{{4}}') THEN try_strptime({slashed}, [{long}]) "
        f"WHEN regexp_matches({slashed}, '^\\d+/\\d+/\\d{{2}}') THEN try_strptime({slashed}, [{short}]) ELSE {iso} END"
    )


def month_sql(instant: str) -> str:
    """First day of the month of a TIMESTAMP, as DATE."""
    return f"CAST(date_trunc('month', {instant}) AS DATE)"


def times_sql(units: str, ratio: str, decimals: int = 12) -> str:
    """Units × ratio, the ratio a count of 10**-decimals, rounded half away from zero; NULL where the product is beyond
    38 digits. (CASE, not TRY: DuckDB may compute a repeated part of a TRY outside of it.)"""
    one, other = f"CAST({units} AS HUGEINT)", f"CAST({ratio} AS HUGEINT)"
    half = f"CASE WHEN {one} * {other} < 0 THEN -{10**decimals // 2} ELSE {10**decimals // 2} END"
    fits = f"abs(CAST({units} AS DOUBLE)) * abs(CAST({ratio} AS DOUBLE)) < 1.6e38"
    return f"CASE WHEN {fits} THEN ({one} * {other} + {half}) // {10**decimals} END"


def padded_account_sql(text: str) -> str:
    """An AWS account id with the leading zeros that a spreadsheet cut. Ids of less than eight digits stay: no account
    has so many zeros."""
    return f"CASE WHEN regexp_full_match({text}, '[0-9]{{8,11}}') THEN lpad({text}, 12, '0') ELSE {text} END"


def scope_sql(account: str) -> str:
    """The scope of a billing account id: Azure's paths by their last segment, so that all its exports agree on it."""
    last = f"lower(regexp_extract({account}, '([^/]+)/*$', 1))"
    return f"CASE WHEN starts_with({account}, '/') THEN {last} ELSE {account} END"


def present(select: Mapping[str, str | None]) -> dict[str, str]:
    """A select without the columns the source does not have."""
    return {name: sql for name, sql in select.items() if sql is not None}


def coalesce(*parts: str | None) -> str | None:
    """SQL coalesce over the parts that exist."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return known[0] if len(known) == 1 else f"coalesce({', '.join(known)})"


def none_if_zero(value: str | None, about: str | None, paid: str | None) -> str | None:
    """``value``, but NULL where it is 0 on a line that was paid for: a price not given, not a discount of 100 %."""
    if value is None or about is None or paid is None:
        return value
    return f"CASE WHEN {about} = 0 AND ({paid}) THEN NULL ELSE {value} END"
