"""What is stored against what the load records say was read (promises 1, 3 and 4).

A bill is one load, or two where it is an Azure pair: the slice's dataset names both (``actual+amortised``), and each
cost is held against the half that gives it: billed cost the first, effective cost the second, list and contracted cost
the second where it gives them at all, else the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum
from analyzer.exact_sql import COSTS
from analyzer.findings import Finding, amount_of, compare

_ROUNDING = "rounding of each line to twelve decimals, as stored when it was loaded"
_NO_LOAD = "no loading of this bill is on record"

_LOADS = """
    SELECT s.slice_id, s.provider, s.scope, s.period, p.half, p.parts, p.dataset, l.load_id, l.rows_in, l.rows_rejected,
           l.totals, l.residuals
    FROM slice s
    CROSS JOIN LATERAL (
        SELECT dataset, half, count(*) OVER () AS parts
        FROM unnest(string_to_array(s.dataset, '+')) WITH ORDINALITY AS named(dataset, half)) AS p
    LEFT JOIN LATERAL (
        SELECT * FROM load WHERE load.slice_id = s.slice_id AND load.outcome = 'loaded' AND load.dataset = p.dataset
        ORDER BY load_id DESC LIMIT 1) AS l ON true
    WHERE s.kind = 'bill'
    ORDER BY s.provider, s.scope, s.period, p.half"""

_STORED = f"""
    SELECT s.slice_id, c.half, k.billing_currency AS currency, sum(c.line_count) AS lines,
           {", ".join(f"sum(c.{column}) AS {column}" for column in COSTS)}
    FROM slice s
    JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
    JOIN charge_kind k USING (charge_kind_key)
    WHERE s.kind = 'bill'
    GROUP BY 1, 2, 3"""


@dataclass
class _Bill:
    """One slice: its loads in order of halves, and what is stored of it."""

    scope: str
    period: date
    loads: list[Mapping[str, Any]] = field(default_factory=list)
    stored: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def on_record(self) -> bool:
        return all(load["load_id"] is not None for load in self.loads)

    def currencies(self) -> list[str]:
        """Those of the charges and those of the totals: neither side may have one that the other lacks."""
        named = {row["currency"] for row in self.stored}
        return sorted(named.union(*(load["totals"] or {} for load in self.loads)))

    def ours(self, currency: str) -> dict[str, Decimal | None]:
        rows = [row for row in self.stored if row["currency"] == currency]
        return {column: _sum_of(row[column] for row in rows) for column in COSTS}

    def half_of(self, column: str) -> Mapping[str, Any]:
        """The load that gives this cost."""
        first, last = self.loads[0], self.loads[-1]
        if column == "billed_cost":
            return first
        if column == "effective_cost" or any(column in costs for costs in last["totals"].values()):
            return last
        return first

    def lines(self, load: Mapping[str, Any]) -> int:
        """Lines stored of a load; a bill of one load has them under whichever half it is."""
        own = [row["lines"] for row in self.stored if load["parts"] == 1 or row["half"] == load["half"]]
        return int(sum(own))


def closes_to_the_files(connection: Connection) -> Iterator[Finding]:
    """What is stored is what the files say, but for the rounding of each line that was written down."""
    promise = "matches the export"
    for bill in _bills(connection):
        currencies = bill.currencies()
        if not bill.on_record:
            for currency in currencies:
                billed = bill.ours(currency)["billed_cost"]
                yield Finding(promise, bill.scope, bill.period, currency, billed, None, None, _NO_LOAD, False)
            if not currencies:
                yield Finding(promise, bill.scope, bill.period, None, None, None, None, _NO_LOAD, False)
            continue
        for currency in currencies:
            halves = {column: bill.half_of(column) for column in COSTS}
            totals = {column: halves[column]["totals"].get(currency, {}) for column in COSTS}
            yield from compare(
                promise,
                bill.scope,
                bill.period,
                currency,
                ours=bill.ours(currency),
                theirs={c: amount_of(totals[c], c) for c in COSTS if totals[c].get(c) is not None},
                expected={c: amount_of(halves[c]["residuals"].get(currency, {}), c).copy_negate() for c in COSTS},
                cause=_ROUNDING,
            )


def every_line_is_kept(connection: Connection) -> Iterator[Finding]:
    """Every line read is in a charge, or kept aside as unreadable."""
    counts = connection.execute(text("SELECT load_id, count(*) AS lines FROM rejected_row GROUP BY 1"))
    kept = {row.load_id: int(row.lines) for row in counts}
    for bill in _bills(connection):
        for load in bill.loads:
            if load["load_id"] is None:
                continue
            stored, aside = bill.lines(load), kept.get(load["load_id"], 0)
            gone = load["rows_in"] - load["rows_rejected"] - stored
            lost = load["rows_rejected"] - aside
            causes = [f"{-gone:+} lines in charges ({load['dataset']})"] if gone else []
            if lost:
                causes.append(f"{-lost:+} unreadable lines kept")
            elif aside:
                causes.append(f"{aside} of {load['rows_in']} lines could not be read; see aispend loads --rejected")
            yield Finding(
                promise="no line is dropped",
                scope=bill.scope,
                period=bill.period,
                currency=None,
                ours=Decimal(stored + aside),
                theirs=Decimal(load["rows_in"]),
                difference=Decimal(stored + aside - load["rows_in"]),
                cause="; ".join(causes) or "equal",
                holds=not gone and not lost,
                attention=bool(aside),
            )


def _bills(connection: Connection) -> Sequence[_Bill]:
    bills: dict[int, _Bill] = {}
    for row in connection.execute(text(_LOADS)).mappings():
        bill = bills.setdefault(row["slice_id"], _Bill(f"{row['provider']} {row['scope']}", row["period"]))
        bill.loads.append(dict(row))
    for row in connection.execute(text(_STORED)).mappings():
        bills[row["slice_id"]].stored.append(dict(row))
    return list(bills.values())


def _sum_of(amounts: Iterator[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return exact_sum(known) if known else None
