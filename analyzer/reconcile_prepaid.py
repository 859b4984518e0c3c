"""Effective cost closes to billed cost through what is prepaid (promise 1).

Method
    A commitment is billed when it is bought and is effective cost when it is used, or not used, later. So per provider,
    scope, commitment, currency and month ``opening + purchased - amortised = closing``: purchased is the billed cost of
    its charges, amortised their effective cost, the opening the last month's closing. Then, per month and currency,
    effective - billed is what prepaid shrank by, plus parts named by what makes them.

    Scopes that show the same commitment (bought in one, used in another) are taken together. Purchases that name no
    commitment, usage marked as covered by an unnamed one, and usage that bills nothing where such purchases were
    made (tokens and credits bought ahead) are one pool per scope.

Cases
    - A commitment seen in the first of consecutively loaded months may have been bought before: its opening is not
      loaded, and nothing can be said of its closing. After a month that is missing it is so again.
    - One first seen later starts at 0. Amortising more than was ever bought is counting it twice: it does not hold.
    - An export that gives effective cost to few decimals rounds it: a difference of at most half of the last decimal
      per line, where billed cost has more decimals, is its rounding.
    - What is left, a line without commitment and flag whose effective cost is not its billed cost, is unexplained. An
      Azure pair has no common lines; its halves are compared by day and category.

Known drawbacks
    - A commitment bought in a scope that is never loaded, first used in a later month, does not hold: load that scope.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.clock import next_month
from aispend.money import COST_DECIMALS, exact_sum
from analyzer.findings import Finding, minus, plain

_ZERO = Decimal(0)
_FEWEST_DECIMALS = 6
"""Exports with fewer decimals than these round visibly; amortisation is held against its sums at least this sharply."""

_POOL = "prepaid without a commitment id"

_BOTH = "s.kind = 'bill' AND s.columns_known @> ARRAY['billed_cost', 'effective_cost']"
_CHARGES = f"""
    FROM slice s
    JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
    JOIN charge_kind k USING (charge_kind_key)
    WHERE {_BOTH}"""

_MONTHS = f"""
    SELECT s.provider, s.scope, s.period, k.billing_currency AS currency, sum(c.billed_cost) AS billed,
           sum(c.effective_cost) AS effective,
           max(min_scale(c.effective_cost)) FILTER (WHERE k.flag IS NULL) AS decimals
    {_CHARGES}
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""

_COMMITTED = f"""
    SELECT s.provider, s.scope, s.period, k.billing_currency AS currency, c.commitment_key,
           sum(c.billed_cost) AS billed, sum(c.effective_cost) AS effective, sum(c.line_count) AS lines
    {_CHARGES} AND c.commitment_key <> 0
    GROUP BY 1, 2, 3, 4, 5"""

_OTHERS = f"""
    SELECT s.provider, s.scope, s.period, k.billing_currency AS currency, k.charge_category, k.flag,
           k.commitment_discount_status AS status, c.half = 0 AS single, sum(c.billed_cost) AS billed,
           sum(c.effective_cost) AS effective, sum(c.line_count) AS lines
    {_CHARGES} AND c.commitment_key = 0 AND (c.half <> 0 OR c.billed_cost IS DISTINCT FROM c.effective_cost)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8,
             CASE WHEN c.half = 0 THEN c.ordinal END, CASE WHEN c.half <> 0 THEN c.charge_date END
    HAVING sum(c.billed_cost) IS DISTINCT FROM sum(c.effective_cost)"""

_NAMES = "SELECT commitment_key, commitment_discount_id FROM commitment"

_Month = tuple[str, str, date, str]
"""Provider, scope, month, currency."""


@dataclass
class _Moved:
    """What one month did to a balance."""

    purchased: Decimal = _ZERO
    amortised: Decimal = _ZERO
    lines: int = 0
    decimals: int = COST_DECIMALS

    def add(self, billed: Decimal | None, effective: Decimal | None, lines: int, decimals: int) -> None:
        self.purchased = exact_sum((self.purchased, billed or _ZERO))
        self.amortised = exact_sum((self.amortised, effective or _ZERO))
        self.lines += lines
        self.decimals = min(self.decimals, max(decimals, _FEWEST_DECIMALS))

    @property
    def rounding(self) -> Decimal:
        """What rounding of the lines can have moved."""
        return Decimal(self.lines).scaleb(-self.decimals)


@dataclass
class _Commitment:
    """One commitment (or a scope's pool without id) in one currency: its scopes, and what each month did."""

    scopes: set[str] = field(default_factory=set)
    months: dict[date, _Moved] = field(default_factory=lambda: defaultdict(_Moved))


@dataclass
class _Gap:
    """Why effective differs from billed in one month and currency."""

    named: dict[str, Decimal] = field(default_factory=dict)
    unexplained: dict[str, list[Decimal]] = field(default_factory=lambda: defaultdict(list))
    attention: bool = False

    def name(self, part: str, difference: Decimal) -> None:
        self.named[part] = exact_sum((self.named.get(part, _ZERO), difference))


@dataclass
class _Ledger:
    """Everything the two promises need, read once."""

    months: dict[_Month, Mapping[str, Any]]
    loaded: dict[tuple[str, str], set[date]]
    commitments: dict[tuple[str, str, str], _Commitment]
    gaps: dict[_Month, _Gap]


def effective_closes_to_billed(connection: Connection) -> Iterator[Finding]:
    """Prepaid rolls forward per commitment; and the month's effective less billed cost is named by what makes it."""
    ledger = _read(connection)
    yield from _roll_forward(ledger)
    for key, row in ledger.months.items():
        provider, scope, period, currency = key
        gap = ledger.gaps[key]
        effective, billed = row["effective"] or _ZERO, row["billed"] or _ZERO
        difference = minus(effective, billed)
        differences = [amount for amounts in gap.unexplained.values() for amount in amounts]
        residue = minus(difference, exact_sum((*gap.named.values(), *differences)))
        causes = [f"{part} {plain(amount, sign=True)}" for part, amount in gap.named.items() if amount]
        causes += [_unexplained(part, amounts) for part, amounts in gap.unexplained.items()]
        if residue:
            causes.append(f"{plain(residue, sign=True)} is unexplained")
        yield Finding(
            promise="effective closes to billed",
            scope=f"{provider} {scope}",
            period=period,
            currency=currency,
            ours=effective,
            theirs=billed,
            difference=difference,
            cause="; ".join(causes) or "equal",
            holds=not differences and not residue,
            attention=gap.attention,
        )


def _unexplained(part: str, amounts: list[Decimal]) -> str:
    ups, downs = ([a for a in amounts if a > 0], [a for a in amounts if a < 0])
    signed = " and ".join(plain(exact_sum(some), sign=True) for some in (ups, downs) if some)
    return f"{part} without commitment or flag ({len(amounts)} times): {signed} is unexplained"


def _roll_forward(ledger: _Ledger) -> Iterator[Finding]:
    for (provider, name, currency), commitment in sorted(ledger.commitments.items()):
        loaded = [ledger.loaded[provider, scope] for scope in commitment.scopes]
        closing: Decimal | None = None
        rounding, before = _ZERO, None
        for month in sorted(commitment.months):
            moved = commitment.months[month]
            opening = _opening(month, before, closing, loaded)
            change = minus(moved.purchased, moved.amortised)
            closing = None if opening is None else exact_sum((opening, change))
            rounding = exact_sum((rounding, moved.rounding))
            before = month
            twice = closing is not None and closing < -rounding
            equation = f"{plain(moved.purchased)} bought - {plain(moved.amortised)} amortised"
            cause = f"opening not loaded; {equation}" if opening is None else f"opening {plain(opening)} + {equation}"
            if closing is not None and twice:
                cause += f": {plain(-closing)} more than was ever bought in what is loaded"
            yield Finding(
                promise="prepaid rolls forward",
                scope=f"{provider} {' + '.join(sorted(commitment.scopes))} {name}",
                period=month,
                currency=currency,
                ours=closing,
                theirs=opening,
                difference=change,
                cause=cause,
                holds=not twice,
                attention=closing is None,
            )


def _opening(month: date, before: date | None, closing: Decimal | None, loaded: list[set[date]]) -> Decimal | None:
    """The balance a month begins with; None where it was, or may have been, bought in a month that is not loaded."""
    if before is None:
        return _ZERO if all(_previous(month) in months for months in loaded) else None
    between = next_month(before)
    while between <= month:
        if not all(between in months for months in loaded):
            return None
        between = next_month(between)
    return closing


def _previous(month: date) -> date:
    return date(month.year - 1, 12, 1) if month.month == 1 else month.replace(month=month.month - 1)


# -------------------------------------------------------------------------------------------- reading


def _read(connection: Connection) -> _Ledger:
    def rows(query: str) -> list[Mapping[str, Any]]:
        return [dict(row) for row in connection.execute(text(query)).mappings()]

    months = {_key(row): row for row in rows(_MONTHS)}
    loaded: dict[tuple[str, str], set[date]] = defaultdict(set)
    for row in rows(f"SELECT s.provider, s.scope, s.period FROM slice s WHERE {_BOTH}"):
        loaded[row["provider"], row["scope"]].add(row["period"])
    ledger = _Ledger(months, loaded, defaultdict(_Commitment), {key: _Gap() for key in months})
    names = {row["commitment_key"]: row["commitment_discount_id"] for row in rows(_NAMES)}
    for row in rows(_COMMITTED):
        _move(ledger, row, names[row["commitment_key"]])
        gap = minus(row["effective"] or _ZERO, row["billed"] or _ZERO)
        ledger.gaps[_key(row)].name("prepaid of commitments", gap)
    others = rows(_OTHERS)
    pools = {
        (row["provider"], row["scope"], row["currency"])
        for row in others
        if row["charge_category"] == "Purchase" and (row["billed"] or 0) > (row["effective"] or 0)
    }
    for row in others:
        _explain(ledger, row, pooled=(row["provider"], row["scope"], row["currency"]) in pools)
    return ledger


def _explain(ledger: _Ledger, row: Mapping[str, Any], *, pooled: bool) -> None:
    """Put the difference of a charge without commitment id where it belongs."""
    gap = ledger.gaps[_key(row)]
    billed, effective = row["billed"] or _ZERO, row["effective"] or _ZERO
    difference = minus(effective, billed)
    category = row["charge_category"]
    ahead = pooled and category == "Usage" and not billed
    decimals = _decimals(ledger, row)
    if row["flag"]:
        gap.name(f"lines flagged {row['flag']}", difference)
    elif row["single"] and (row["billed"] is None or row["effective"] is None):
        gap.name("lines that do not give both costs", difference)
        gap.attention = True
    elif category == "Purchase" or row["status"] or ahead:
        gap.name(_POOL, difference)
        _move(ledger, row, f"({row['scope']}: no id)", pool=True)
    elif _is_rounding(difference, billed, row["lines"], decimals):
        gap.name(f"rounding of effective cost to {decimals} decimals in the export", difference)
        gap.attention |= decimals < _FEWEST_DECIMALS
    else:
        gap.unexplained[(category or "other").lower()].append(difference)


def _is_rounding(difference: Decimal, billed: Decimal, lines: int, decimals: int) -> bool:
    """Half of the last decimal per line, at most, where what was rounded has more decimals."""
    finer = billed != round(billed, decimals) or decimals == COST_DECIMALS
    return finer and abs(difference) * 2 <= Decimal(lines).scaleb(-decimals)


def _decimals(ledger: _Ledger, row: Mapping[str, Any]) -> int:
    given = ledger.months[_key(row)]["decimals"]
    return COST_DECIMALS if given is None else min(int(given), COST_DECIMALS)


def _move(ledger: _Ledger, row: Mapping[str, Any], name: str, *, pool: bool = False) -> None:
    commitment = ledger.commitments[row["provider"], name, row["currency"]]
    commitment.scopes.add(row["scope"])
    decimals = COST_DECIMALS if pool and row["effective"] is None else _decimals(ledger, row)
    commitment.months[row["period"]].add(row["billed"], row["effective"], int(row["lines"]), decimals)


def _key(row: Mapping[str, Any]) -> _Month:
    return row["provider"], row["scope"], row["period"], row["currency"]
