"""How a file writes numbers and dates: decided from its content, never guessed where both readings are possible.

Method
    Numbers: see ``numbers``; all lines are asked where the first lines hold more than plain numbers.
    Dates: where the first lines hold dates that do not begin with the year, all lines are asked. A part above 12
    is a day. If none is: the reading in which billing periods begin on the first of a month; else the only reading
    in which all charges lie in one month; else the file is refused.
"""

from __future__ import annotations

import calendar
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

from aispend.engine.line import identifier
from aispend.errors import InputError
from collectors.files.dialects.columns import Columns, DateOrder
from collectors.files.dialects.contract import Look
from collectors.files.dialects.numbers import Counts, count_sql, notations, perhaps_marked

_DATE = r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{2,4})(?:\D|$)"


def styled(
    look: Look, *, costs: Sequence[str], charged: Sequence[str], begins: Sequence[str], ends: Sequence[str]
) -> Columns:
    """The file's columns with its notations of numbers and its date order.

    ``costs`` are columns whose notation speaks for the others, ``charged`` are columns of charge times, ``begins`` and
    ``ends`` of billing periods.
    Raises ``InputError`` where dates can be read in two ways, or in none.
    """
    look = replace(look, columns=replace(look.columns, shown_as=look.shown_as))
    return replace(numbered(look, costs), dates=date_order(look, charged, begins, ends))


def numbered(look: Look, costs: Sequence[str]) -> Columns:
    """The file's columns with the notations of those that are not plainly written."""
    texts = [column for column in look.columns.header.columns if look.columns.kind(column) == "VARCHAR"]
    marked = [column for column in texts if perhaps_marked(text for row in look.sample if (text := row.get(column)))]
    if not marked:
        return look.columns
    amounts = {column for name in costs if (column := _text_column(look, name))}
    asked = [column for column in texts if column in amounts or column in marked]
    (row,) = look.ask(f"SELECT {', '.join(map(count_sql, asked))} FROM raw")
    numbers = iter([int(str(cell)) for cell in row])
    counts = {column: Counts(*itertools.islice(numbers, len(Counts().all))) for column in asked}
    return replace(look.columns, numbers=notations(counts, amounts))


def date_order(look: Look, charged: Sequence[str], begins: Sequence[str], ends: Sequence[str]) -> DateOrder:
    """Order of day and month in the file's dates; ``iso`` where they begin with the year."""
    columns = [column for name in (*charged, *begins, *ends) if (column := _text_column(look, name))]
    pattern = re.compile(_DATE)
    if not any(pattern.match(value) for column in columns for value in look.values(column)):
        return "iso"
    seen = {name: _parts(look, names) for name, names in (("charged", charged), ("begins", begins), ("ends", ends))}
    every = [part for parts in seen.values() for part in parts]
    orders: list[DateOrder] = [
        order
        for order in ("mdy", "dmy")
        if all(_month(part, order) <= 12 and _day(part, order) <= 31 for part in every)
    ]
    if not orders:
        raise InputError(
            "The dates of this file are written in two orders.",
            where=f"{look.shown_as}, columns {', '.join(columns)}: "
            "some dates only read as day/month, others only as month/day",
            next_step="Export it again with dates as YYYY-MM-DD, or split the file by its two formats.",
        )
    if len(orders) == 1 or all(first == second for first, second, _ in every):
        return orders[0]
    fitting = [order for order in orders if _periods_fit(seen["begins"], seen["ends"], order)]
    if len(fitting) == 1:
        return fitting[0]
    one_month = [order for order in orders if len({(_month(part, order), part[2]) for part in seen["charged"]}) == 1]
    if len(seen["charged"]) > 1 and len(one_month) == 1:
        return one_month[0]
    example = "/".join(str(number) for number in every[0])
    raise InputError(
        "It cannot be told whether these dates are day/month or month/day.",
        where=f"{look.shown_as}, columns {', '.join(columns)}, value {example!r}: no day above 12 in the whole file",
        next_step="Export it again with dates as YYYY-MM-DD, or with the billing period columns.",
    )


def _text_column(look: Look, name: str) -> str | None:
    column = look.columns.find(name)
    return column if column is not None and look.columns.kind(column) == "VARCHAR" else None


def _parts(look: Look, names: Sequence[str]) -> list[tuple[int, int, int]]:
    found: set[tuple[int, int, int]] = set()
    for name in names:
        column = _text_column(look, name)
        if column is None:
            continue
        numbers = ", ".join(f"regexp_extract({identifier(column)}, '{_DATE}', {group})" for group in (1, 2, 3))
        rows = look.ask(f"SELECT DISTINCT {numbers} FROM raw WHERE regexp_matches({identifier(column)}, '{_DATE}')")
        found |= {
            (int(str(a)), int(str(b)), int(str(year)) + (2000 if len(str(year)) == 2 else 0)) for a, b, year in rows
        }
    return sorted(found)


def _month(part: tuple[int, int, int], order: DateOrder) -> int:
    return part[0] if order == "mdy" else part[1]


def _day(part: tuple[int, int, int], order: DateOrder) -> int:
    return part[1] if order == "mdy" else part[0]


def _periods_fit(
    begins: Sequence[tuple[int, int, int]], ends: Sequence[tuple[int, int, int]], order: DateOrder
) -> bool:
    def is_last(part: tuple[int, int, int]) -> bool:
        return _day(part, order) in (1, calendar.monthrange(part[2], _month(part, order))[1])

    return bool(begins or ends) and all(_day(part, order) == 1 for part in begins) and all(map(is_last, ends))
