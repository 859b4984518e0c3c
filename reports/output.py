"""Records as JSON, CSV or Parquet: digits exact, formulas defused.

Money is written as decimal text with at least two decimals, never through a binary float.
In CSV a text that a spreadsheet would run as a formula gets an apostrophe in front, in files for spreadsheets one that
it would change too; columns of numbers and days are left alone.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from aispend.money import COST_DECIMALS, cost
from reports.columns import Column, Kind
from reports.records import Record

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With the full-width signs, which spreadsheets of East Asia read as the others."""
_MONTH = "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
_MONTH += "|nov(?:ember)?|dec(?:ember)?)"
_SIGNS = r"[\d\s.,:/%()'+\-\u2212\u2019$\u00a2-\u00a5\u20a0-\u20cf]*"
"""Digits, blanks, what separates them in any country, signs, brackets, percent and signs of currencies."""
_LIKE_A_NUMBER = re.compile(
    rf"(?=\D*\d){_SIGNS}(?:{_MONTH}{_SIGNS})?(?:(?<=[\d.])e[+-]?\d{_SIGNS})?(?:(?<=[\d:\s])[ap]m?\s*)?", re.IGNORECASE
)
"""A digit and nothing but signs, a month and an exponent among them, or a half of the day at the end."""
_STAYS = re.compile(r"0|[1-9]\d{0,10}|\d{4}-\d\d-\d\d|(?!\d{1,3}(?:\.\d{3})+\Z)\d+(?:[-/.]\d+){3,}", re.ASCII)
"""What stays as it is: a whole number digit for digit, a whole date the same day, four groups neither (an address)."""
MOST_IN_A_CELL = 32_767
"""Characters of a cell that Excel takes; what is beyond them it puts into cells of its own."""


def exact(amount: Decimal, min_decimals: int = 0) -> str:
    """All digits of a decimal, without exponent and trailing zeros, but at least ``min_decimals`` decimals."""
    if not amount:
        amount = Decimal(0)  # no negative zero
    whole, _, decimals = format(amount, "f").partition(".")
    decimals = decimals.rstrip("0").ljust(min_decimals, "0")
    return f"{whole}.{decimals}" if decimals else whole


def instant_text(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def json_text(columns: Sequence[Column], rows: Iterable[Record]) -> str:
    """A list of flat objects: money as decimal strings, other numbers as numbers, unknown as null."""
    found = [{column.name: _json_value(row[column.name], column.kind) for column in columns} for row in rows]
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def write_csv(
    stream: IO[str], columns: Sequence[Column], rows: Iterable[Record], as_text: Callable[[str], str] | None = None
) -> None:
    """RFC 4180 with a header; unknown is empty. ``as_text`` writes a text, ``defused`` unless it is given."""
    written = as_text or defused
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    writer.writerows([_csv_cell(row[column.name], column.kind, written) for column in columns] for row in rows)


def write_parquet(path: Path, columns: Sequence[Column], rows: Iterable[Record]) -> None:
    """Parquet with explicit types: money and numbers as DECIMAL(38,12), unknown as null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "text": pa.string(),
        "money": pa.decimal128(38, COST_DECIMALS),
        "number": pa.decimal128(38, COST_DECIMALS),
        "number_or_text": pa.string(),
        "date": pa.date32(),
        "month": pa.string(),
        "instant": pa.timestamp("us", tz="UTC"),
        "flag": pa.bool_(),
    }
    listed = list(rows)
    arrays = [
        pa.array([_parquet_value(row[column.name], column.kind) for row in listed], types[column.kind])
        for column in columns
    ]
    pq.write_table(pa.table(arrays, names=[column.name for column in columns]), path)


def defused(text: str) -> str:
    """``text`` so that no spreadsheet runs it as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def spreadsheet_text(text: str) -> str:
    """``defused``, and so that a spreadsheet changes no name: what it would read as a number, day or time is text.

    Which of them depends on the country it is set to (``1.5`` is a number here, a day there), so it is by one rule for
    all: a digit, and beside digits nothing but what numbers, days and times are written with, a month, an exponent or
    a half of the day among it. What looks the same afterwards is left as it is: whole numbers of up to eleven digits,
    whole ISO dates. Months are known in English, currencies by their signs. Text too long for a cell ends with how
    long it is.
    """
    # full-width digits and signs are read as the others, in East Asia
    if _LIKE_A_NUMBER.fullmatch(unicodedata.normalize("NFKC", text)) and not _STAYS.fullmatch(text):
        text = f"'{text}"
    cell = defused(text)
    if len(cell) <= MOST_IN_A_CELL:
        return cell
    rest = f"… ({len(text):,} characters; all of them in JSON and Parquet)"
    return cell[: MOST_IN_A_CELL - len(rest)] + rest


def _json_value(value: Any, kind: Kind) -> Any:
    if isinstance(value, Decimal):
        if kind == "money":
            return exact(value, 2)
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return _date_text(value, kind)
    return value


def _date_text(value: date, kind: Kind) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    return f"{value:%Y-%m}" if kind == "month" else value.isoformat()


def _parquet_value(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind in ("money", "number"):
        return cost(value)
    if kind in ("number_or_text", "month"):
        return _csv_cell(value, kind)
    return value if kind != "text" or isinstance(value, str) else str(value)


def _csv_cell(value: Any, kind: Kind, as_text: Callable[[str], str] = defused) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return exact(value, 2 if kind == "money" else 0)
    if isinstance(value, date):
        return _date_text(value, kind)
    return str(value) if isinstance(value, int | float) else as_text(str(value))
