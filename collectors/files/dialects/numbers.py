"""How a column writes its numbers: decided by what its cells can only mean, then held to for every cell.

Method
    A mark before anything but exactly three digits is a decimal mark (``0,5``, ``1234,567``), and so is the last of two
    kinds (``1.234,50``); one that repeats before groups of three is a thousands mark (``1,234,567``). ``1,234`` alone
    says nothing. Where the first lines hold more than plain numbers (``1234.50``), the cells of all lines are counted.

    The decimal mark of a column is that of its own cells, else that of the file's other amounts. A lone ``1,234`` is
    read only where other cells show what its mark is. Where cells contradict each other the majority decides, and what
    is written otherwise, or could be, is no number. So a cell is read as what it says, or not at all.

Cases
    Signs in front or behind, amounts in parentheses (negative), ``$ € £ ¥``; blanks or apostrophes between groups.
    Exponents (``1.5E-7``) have a decimal point also where the rest of the column has commas: groups have no exponent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from aispend.engine.line import identifier, literal

_BLANK = r"[\s\x{a0}\x{202f}]*"
_SIGN_OF_MONEY = "[$€£¥]?"
_APART = r"[1-9][0-9]{0,2}(?:[ \x{a0}\x{202f}'’][0-9]{3})+"
_MARKS: tuple[tuple[str, str], ...] = ((".", ","), (",", "."))
_PLAIN = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*")
_PERHAPS = re.compile(r"[\s$€£¥(+-]*[\d.,][\d.,'’\s]*[\s$€£¥)-]*")
_DATE = re.compile(r"\s*\d{1,2}\.\d{1,2}\.\d{2,4}(?:\D|$)")


@dataclass(frozen=True)
class Notation:
    """How a column writes numbers.

    ``grouped``: the other mark before three digits, alone, is a thousands mark. ``sure``: the decimal mark before three
    digits, alone, is one. ``mixed``: other cells of the column are written otherwise.
    """

    decimal: Literal[".", ","] = "."
    grouped: bool = False
    sure: bool = True
    mixed: bool = False

    @property
    def reason(self) -> str:
        """Why a cell that does not fit is kept aside."""
        if not (self.sure or self.mixed):
            return (
                "not a number beyond doubt: 1,234 can be 1234 or 1.234, and no amount of the file tells; "
                "export it with decimal points, without thousands marks"
            )
        example = f"1{_other(self.decimal) if self.grouped else ''}234{self.decimal}50"
        return f"not a number as {'most of this column' if self.mixed else 'this file'} writes them ({example})"

    def text_sql(self, text: str) -> str:
        """SQL: the cell as a plain number text, NULL where it is missing, ``?`` where it does not fit."""
        other = _other(self.decimal)
        bodies = ["[0-9]+", _APART, *_telling(self.decimal, other)]
        bodies += [_lone(self.decimal)] if self.sure else []
        bodies += [_lone(other)] if self.grouped else []
        points = re.escape("." if self.decimal == "." else ".,")
        exponent = rf"{_BLANK}[-+]?[0-9]*[{points}]?[0-9]+[eE][-+]?[0-9]{{1,9}}{_BLANK}"
        digits = f"regexp_replace({text}, '[^0-9{self.decimal}]', '', 'g')"
        return (
            f"CASE WHEN trim({text}, ' \t\r\n') IN ('', 'NULL', 'null', 'Null') THEN NULL "
            f"WHEN regexp_full_match({text}, {literal(exponent)}) THEN replace(trim({text}, ' \t\r\n'), ',', '.') "
            f"WHEN regexp_full_match({text}, {literal(_amount(bodies))}) "
            f"THEN CASE WHEN regexp_matches({text}, '[-(]') THEN '-' ELSE '' END || replace({digits}, ',', '.') "
            f"WHEN {text} IS NOT NULL THEN '?' END"
        )


PLAIN = Notation()


@dataclass(frozen=True)
class Counts:
    """How many cells have a decimal point or comma beyond doubt, how many of these group by the other mark, and how
    many hold one comma before three digits."""

    point: int = 0
    comma: int = 0
    grouped_by_comma: int = 0
    grouped_by_point: int = 0
    lone_comma: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(self.all, other.all, strict=True)))

    @property
    def all(self) -> tuple[int, ...]:
        """The counts in order."""
        return (self.point, self.comma, self.grouped_by_comma, self.grouped_by_point, self.lone_comma)


def count_sql(column: str) -> str:
    """SQL aggregates over a column: its ``Counts``."""
    tell = [_telling(decimal, other) for decimal, other in _MARKS]
    group = [_grouping(decimal, other) for decimal, other in _MARKS]
    return ", ".join(
        f"count(*) FILTER (regexp_full_match({identifier(column)}, {literal(_amount(bodies))}))"
        for bodies in (*tell, *group, [_lone(",")])
    )


def perhaps_marked(values: Iterable[str]) -> bool:
    """Whether some value looks like a number that is not plainly written."""
    return any(_PERHAPS.fullmatch(value) and not _PLAIN.fullmatch(value) and not _DATE.match(value) for value in values)


def notations(counts: Mapping[str, Counts], amounts: Collection[str]) -> dict[str, Notation]:
    """The notation of each counted column; ``amounts`` are those that speak for the file."""
    file = sum((found for column, found in counts.items() if column in amounts), Counts())
    return {column: _notation(found, file) for column, found in counts.items()}


def _notation(own: Counts, file: Counts) -> Notation:
    if own.point and own.comma:
        return Notation("." if own.point >= own.comma else ",", grouped=False, sure=False, mixed=True)
    known = own if own.point or own.comma else file
    if bool(known.point) == bool(known.comma):
        return Notation(sure=not own.lone_comma)
    if known.point:
        return Notation(".", grouped=bool(own.grouped_by_comma or (file.grouped_by_comma and not file.comma)))
    return Notation(",", grouped=bool(own.grouped_by_point or (file.grouped_by_point and not file.point)))


def _other(mark: str) -> str:
    return "," if mark == "." else "."


def _lone(mark: str) -> str:
    return rf"[1-9][0-9]{{0,2}}\{mark}[0-9]{{3}}"


def _grouping(decimal: str, other: str) -> list[str]:
    group = rf"(?:\{other}[0-9]{{3}})"
    return [rf"[1-9][0-9]{{0,2}}{group}+\{decimal}[0-9]+", rf"[1-9][0-9]{{0,2}}{group}{{2,}}"]


def _telling(decimal: str, other: str) -> list[str]:
    """What can only be a number with this decimal mark."""
    return [
        rf"[0-9]+\{decimal}(?:[0-9]{{0,2}}|[0-9]{{4,}})",
        rf"(?:0[0-9]*|[0-9]{{4,}})\{decimal}[0-9]{{3}}",
        rf"\{decimal}[0-9]+",
        rf"{_APART}\{decimal}[0-9]+",
        *_grouping(decimal, other),
    ]


def _amount(bodies: Iterable[str]) -> str:
    """A pattern of amounts with such digits: a sign in front or behind, or parentheses; a sign of money."""
    body, money = f"(?:{'|'.join(bodies)})", _SIGN_OF_MONEY
    front = f"(?:[-+]{_BLANK}{money}|{money}{_BLANK}[-+]?){_BLANK}{body}{_BLANK}{money}"
    behind = f"{money}{_BLANK}{body}{_BLANK}{money}{_BLANK}-"
    bracketed = rf"\({_BLANK}{money}{_BLANK}{body}{_BLANK}{money}{_BLANK}\)"
    return f"{_BLANK}(?:{front}|{behind}|{bracketed}){_BLANK}"
