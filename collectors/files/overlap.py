"""Files of one delivery that show the same lines: counted once where they agree whole, refused where they overlap.

Assumes
    Files that belong together share no line: a bill is split by row, account, day or month. Where a manifest binds
    files together it is believed, and nothing is compared.

Method
    1. One narrow pass: lines and cost per file, slice, sub-account and day. Pairs of files that agree on at least half
       of the days both have, with money, are suspected; mostly none is.
    2. Only for these: an order-free hash over what tells lines apart (resource, SKU, tags, start, costs …), because
       two machines of one price, one in each part, agree in all sums. Between formats, which may spell tags and times
       in different ways, it is over the plainest columns alone.
    3. Agree two files throughout, the later one is left out. Is it only most of the days both have, they are exports of
       one month at different times (the last day of the earlier one was not over), and the import is refused: which one
       is right is not ours to say. All files of one format are also compared with all of another, for a bill that is in
       pieces in one of them.

Known drawbacks
    A bill whose lines agree in every column that is compared, dealt out to parts so that each has as many, is taken
    for a repeated one. A later export whose every day was restated is not recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from aispend.engine.line import SLICE_COLUMNS, TAG_COLUMN, TEXT_COLUMNS, identifier, literal
from aispend.engine.scan import Delivery
from aispend.errors import InputError
from collectors.files import reading

if TYPE_CHECKING:
    import duckdb

Form = tuple[object, ...]
"""What files must share to be read as one relation; their format first."""

HANDFUL = 5
"""Lines with money that must agree before files of one format are taken for the same: fewer agree by chance."""

_FILE = "file of the line"
_MEASURES = ("billed_cost", "effective_cost", "pricing_quantity")
_PLAIN = ("resource_id", "sku_id", "charge_description", "charge_category", "service_name", "region_id")
_LATER = ("invoice_id", "x_flag")
"""Columns that a later export of the same lines may fill."""

Unit = Sequence[int]
"""Files that are compared as one, by their place in the delivery."""


@dataclass(frozen=True)
class _Match:
    """Two units that show the same lines on most days that both have."""

    one: Unit
    other: Unit
    whole: bool
    first: date
    last: date
    lines: int


def repeated(
    delivery: Delivery, forms: Mapping[str, Form], connection: duckdb.DuckDBPyConnection
) -> list[tuple[str, str]]:
    """Files to leave out, each with a file that shows the same lines; both as people call them.

    ``forms`` are the files' own, before they were given one header. Raises ``InputError`` for files that overlap.
    """
    names = [file.shown_as for file in delivery.files]
    comparison = _Comparison(delivery, [forms[name] for name in names], connection)
    formats = [str(forms[name][0]) for name in names]
    units = [[place for place, kind in enumerate(formats) if kind == one] for one in dict.fromkeys(formats)]
    in_pieces = comparison.matches(units) if len(units) > 1 else []
    found = [match for match in in_pieces if match.whole] or comparison.matches([[n] for n in range(len(names))])
    out: dict[int, int] = {}
    for match in found:
        if match.whole and match.one[0] not in out:
            out |= dict.fromkeys(match.other, match.one[0])
    for match in found if out else [*found, *in_pieces]:
        if not match.whole and match.one[0] not in out and match.other[0] not in out:
            raise _overlap(names, match, [comparison.span(unit) for unit in (match.one, match.other)])
    return [(names[place], names[same]) for place, same in sorted(out.items())]


def _overlap(names: Sequence[str], match: _Match, spans: Sequence[tuple[date, date]]) -> InputError:
    one, other = (
        f"{', '.join(names[place] for place in unit[:3])} (charges of {_days(*span)})"
        for unit, span in zip((match.one, match.other), spans, strict=True)
    )
    (first, last), (start, end) = sorted(spans)
    within = first == start or end <= last
    return InputError(
        "Two files show the same lines; counting both would count their money twice.",
        where=f"{one} and {other}: the same {match.lines:,} lines on {_days(match.first, match.last)}",
        next_step="Import only the newer one: of several exports of one month the newest alone is the month."
        if within
        else "Each has days that the other lacks: export the whole month as one and import that, or have one of them "
        "exported again without the days of the other.",
    )


def _days(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


class _Comparison:
    """The days of a delivery's files, compared in the database they are read with."""

    def __init__(self, delivery: Delivery, forms: Sequence[Form], connection: duckdb.DuckDBPyConnection) -> None:
        self._line = delivery.line
        self._forms = forms
        self._connection = connection
        # all formats take the option that names the file of a line
        self._source = reading.relation(delivery.files).removesuffix(")") + f", filename = {literal(_FILE)})"
        self._paths = [str(file.path) for file in delivery.files]
        self._files = [file.shown_as for file in delivery.files]
        self._make("shown", [*self._day(), *self._counts(), f"sum({self._amount()}) AS amount"])

    def matches(self, units: Sequence[Unit]) -> list[_Match]:
        """The pairs of units that show the same lines, in order."""
        suspects = self._suspects(units)
        if not suspects:
            return []
        self._tell_apart(sorted({place for pair in suspects for unit in pair for place in units[unit]}))
        found = [self._compared(units[one], units[other]) for one, other in suspects]
        return [match for match in found if match is not None]

    def span(self, unit: Unit) -> tuple[date, date]:
        """The first and last day of a unit's charges."""
        places = ", ".join(map(str, unit))
        (row,) = self._connection.execute(f"SELECT min(day), max(day) FROM shown WHERE file IN ({places})").fetchall()
        return row[0], row[1]

    def _suspects(self, units: Sequence[Unit]) -> list[tuple[int, int]]:
        """Pairs of units that agree in their sums on half of what both have, or more."""
        rows = self._connection.execute(
            f"WITH unit(unit, file) AS (VALUES {self._values(units)}), per AS MATERIALIZED ("
            "SELECT unit, day_h, sum(paid) AS paid, hash(sum(lines), sum(paid), sum(amount)) AS sums "
            "FROM shown JOIN unit USING (file) GROUP BY unit, day_h), "
            "agreed AS MATERIALIZED (SELECT a.unit AS one, b.unit AS other, count(*) AS days, sum(a.paid) AS paid "
            "FROM per a JOIN per b ON a.day_h = b.day_h AND a.sums = b.sums AND a.unit < b.unit "
            "WHERE a.paid > 0 GROUP BY ALL) "
            "SELECT one, other, any_value(agreed.paid), any_value(days) * 2 >= count(*) FROM agreed "
            "JOIN per a ON a.unit = one JOIN per b ON b.unit = other AND a.day_h = b.day_h "
            "WHERE a.paid > 0 OR b.paid > 0 GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        return [(one, other) for one, other, paid, half in rows if half and paid >= self._few(units[one], units[other])]

    def _tell_apart(self, places: Sequence[int]) -> None:
        """Table ``told``: per file and day an order-free hash of all lines, over many columns and over the plainest."""
        moment = [f"CAST({self._sql('charge_period_start')} AS TIMESTAMP)", *(self._sql(name) for name in _MEASURES)]
        every = [self._sql(name) for name in (*TEXT_COLUMNS, TAG_COLUMN) if name not in _LATER]
        hashes = [
            f"sum(CAST(hash({', '.join([*columns, *moment])}) AS HUGEINT)) AS {name}"
            for name, columns in (("every_h", every), ("plain_h", [self._sql(name) for name in _PLAIN]))
        ]
        chosen = ", ".join(literal(self._paths[place]) for place in places)
        self._make(
            "told",
            [*self._day(), *self._counts(), *hashes],
            f"{identifier(_FILE)} IN ({chosen})",
        )

    def _compared(self, one: Unit, other: Unit) -> _Match | None:
        column = "every_h" if len({self._forms[place] for place in (*one, *other)}) == 1 else "plain_h"
        both = ", ".join(
            f"{name} AS (SELECT day_h, any_value(day) AS day, sum(lines) AS lines, sum(paid) AS paid, "
            f"sum({column}) AS told FROM told WHERE file IN ({', '.join(map(str, unit))}) GROUP BY day_h)"
            for name, unit in (("one", one), ("other", other))
        )
        row = self._connection.execute(
            f"WITH {both}, days AS (SELECT one.day, one.lines, "
            "one.day_h IS NOT NULL AND other.day_h IS NOT NULL AS common, greatest(one.paid, other.paid) AS paid, "
            "(one.lines = other.lines AND one.told = other.told) IS TRUE AS agrees "
            "FROM one FULL JOIN other USING (day_h)) "
            "SELECT bool_and(agrees), "
            "count(*) FILTER (agrees AND paid > 0) * 2 >= count(*) FILTER (common AND paid > 0), "
            "coalesce(sum(paid) FILTER (agrees), 0), min(day) FILTER (agrees), max(day) FILTER (agrees), "
            "sum(lines) FILTER (agrees) FROM days"
        ).fetchone()
        if row is None:
            return None
        whole, half, paid, first, last, lines = row
        return _Match(one, other, whole, first, last, lines) if half and paid >= self._few(one, other) else None

    def _few(self, one: Unit, other: Unit) -> int:
        """Lines with money that must agree: nobody splits a bill into parts of different formats."""
        return 1 if self._forms[one[0]][0] != self._forms[other[0]][0] else HANDFUL

    def _sql(self, name: str) -> str:
        return self._line.select.get(name, "CAST(NULL AS VARCHAR)")

    def _day(self) -> list[str]:
        """The slice, sub-account and day of a line as a hash; the day itself."""
        day = f"CAST({self._sql('charge_period_start')} AS DATE)"
        places = [self._sql(name) for name in (*SLICE_COLUMNS, "sub_account_id")]
        return [f"hash({', '.join([*places, day])}) AS day_h", f"{day} AS day"]

    def _amount(self) -> str:
        """What a line costs, mostly told from one column."""
        effective, billed = (f"CAST({self._sql(name)} AS HUGEINT)" for name in ("effective_cost", "billed_cost"))
        return f"coalesce(nullif({effective}, 0), {billed})"

    def _counts(self) -> list[str]:
        return ["count(*) AS lines", f"count(*) FILTER ({self._amount()} <> 0) AS paid"]

    def _values(self, units: Sequence[Unit]) -> str:
        return ", ".join(f"({number}, {place})" for number, unit in enumerate(units) for place in unit)

    def _make(self, table: str, columns: Sequence[str], where: str = "TRUE") -> None:
        files = ", ".join(f"({place}, {literal(path)})" for place, path in enumerate(self._paths))
        grouped = (
            f"SELECT {identifier(_FILE)} AS path, {', '.join(columns)} FROM {self._source} AS raw "
            f"WHERE ({self._line.where}) AND {where} GROUP BY ALL"
        )
        reading.run(
            self._connection,
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT place AS file, lines.* EXCLUDE (path) "
            f"FROM ({grouped}) AS lines JOIN (VALUES {files}) AS files(place, path) USING (path)",
            self._files,
        )
