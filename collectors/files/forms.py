"""Small CSV files that people keep by hand: all lines or none, each problem named with line, column and value."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from aispend.clock import next_month
from aispend.errors import InputError
from aispend.misnamed import did_you_mean, nearest
from aispend.money import CURRENCIES

_MOST_PROBLEMS = 10
_MONTH = len("2026-11")
Row = TypeVar("Row")


@dataclass(frozen=True)
class Line:
    """One line of a file: its texts by column, and where it stands."""

    path: Path
    number: int
    texts: dict[str, str]

    def text(self, column: str) -> str | None:
        """The text without space around it; None where it is empty or the file has no such column."""
        return self.texts.get(column) or None

    def need(self, column: str) -> str:
        """The text. Raises ``InputError`` where it is empty."""
        found = self.text(column)
        if found is None:
            raise self.wrong(column, "A value is missing.", "Fill it in.")
        return found

    def amount(self, column: str) -> Decimal:
        """A number with a decimal point."""
        found = self.need(column)
        try:
            amount = Decimal(found)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite():
            raise self.wrong(column, "This is not an amount.", "Write digits and a point, no separators: 1234.56.")
        return amount

    def day(self, column: str) -> date:
        """A day, or the first day of a month."""
        found = self.need(column)
        try:
            return date.fromisoformat(f"{found}-01" if len(found) == _MONTH else found)
        except ValueError:
            raise self.wrong(column, "This is not a day.", "Write YYYY-MM-DD, or YYYY-MM.") from None

    def days(self, first: str, end: str) -> tuple[date, date]:
        """A period: from ``first`` to the day before ``end``; without an end the day or month that ``first`` names."""
        start = self.day(first)
        if self.text(end) is None:
            return start, next_month(start) if len(self.need(first)) == _MONTH else start + timedelta(days=1)
        stop = self.day(end)
        if stop <= start:
            raise self.wrong(end, "The period is empty.", f"{end} is the first day no longer in it.")
        return start, stop

    def currency(self, column: str) -> str:
        """An ISO 4217 code."""
        found = self.need(column).upper()
        if found not in CURRENCIES:
            raise self.wrong(column, "This is not a currency.", "Write its three letters: USD.")
        return found

    def one_of(self, column: str, allowed: Collection[str]) -> str:
        """One of these words, in lower case."""
        found = self.need(column).lower()
        if found not in allowed:
            told = f"{did_you_mean(found, allowed)}Choose from {', '.join(allowed)}."
            raise self.wrong(column, "This word has no meaning here.", told)
        return found

    def wrong(self, column: str, message: str, next_step: str) -> InputError:
        """The error that names this place."""
        value = self.texts.get(column, "")
        where = f"{self.path}, line {self.number}, column {column}" + (f", value {value}" if value else "")
        return InputError(message, where=where, next_step=next_step)


def read_form(
    paths: Iterable[str | Path], required: Sequence[str], optional: Sequence[str] | None, parse: Callable[[Line], Row]
) -> list[Row]:
    """Every line of every file, parsed; ``optional`` None lets any other column stand, unread.

    Raises ``InputError`` for the first problem, and names up to ten others.
    """
    rows: list[Row] = []
    problems: list[InputError] = []
    for path in map(Path, paths):
        for line in _lines(path, required, optional):
            try:
                rows.append(parse(line))
            except InputError as problem:
                problems.append(problem)
    if problems:
        others = "; ".join(f"{one.what} {one.where}" for one in problems[1:_MOST_PROBLEMS])
        more = f" {len(problems) - 1} more: {others}." if others else ""
        first = problems[0]
        raise InputError(f"{first.what} Nothing was loaded.{more}", where=first.where, next_step=first.next_step)
    return rows


def _lines(path: Path, required: Sequence[str], optional: Sequence[str] | None) -> Iterator[Line]:
    if not path.is_file():
        raise InputError("There is no such file.", where=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("The file is not UTF-8 text.", where=str(path), next_step="Save it as CSV UTF-8.") from error
    reader = csv.DictReader(text.splitlines(keepends=True))
    header = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in required if name not in header]
    strange = [] if optional is None else [name for name in header if name not in (*required, *optional)]
    if missing or strange or len(set(header)) < len(header):
        what = "A column is there twice."
        if missing or strange:
            problem = "Columns are missing" if missing else "Columns have no meaning here"
            what = f"{problem}: {', '.join(missing or strange)}."
        raise InputError(
            what,
            where=f"{path}, line 1",
            next_step=_meant(header, missing or optional or (), (*required, *(optional or ())))
            + f"Give the columns {', '.join(required)}"
            + ("." if optional is None else f"; allowed besides: {', '.join(optional) or 'none'}."),
        )
    reader.fieldnames = header
    count = 0
    for row in reader:
        values = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
        if None in row or any(value is None for value in row.values()):
            raise InputError(
                "The line has another number of fields than the header.",
                where=f"{path}, line {reader.line_num}",
                next_step='Put a text with a comma in it into double quotes: "a, b".',
            )
        if any(values.values()):
            count += 1
            yield Line(path, reader.line_num, values)
    if not count:
        raise InputError("There is a header but no line.", where=str(path))


def _meant(header: Sequence[str], wanted: Iterable[str], known: Collection[str]) -> str:
    """For each column nobody knows the nearest of those that may be meant, as questions; empty where there is none."""
    free = [name for name in wanted if name not in header]
    pairs = ((name, nearest(name, free, 1)) for name in header if name not in known)
    return "".join(f"{name}: did you mean {near[0]}? " for name, near in pairs if near)
