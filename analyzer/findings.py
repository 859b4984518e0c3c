"""One checked promise, and how two sets of costs are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from aispend.money import exact_sum
from analyzer.exact_sql import COSTS


@dataclass(frozen=True)
class Finding:
    """One promise, checked on one scope (and period and currency, where it has them).

    ``attention`` marks what holds and should still be known: something is missing, or not as the export says.
    """

    promise: str
    scope: str | None
    period: date | None
    currency: str | None
    ours: Decimal | None
    theirs: Decimal | None
    difference: Decimal | None
    cause: str
    holds: bool
    attention: bool = False


def compare(
    promise: str,
    scope: str | None,
    period: date,
    currency: str,
    *,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    expected: Mapping[str, Decimal] | None = None,
    cause: str = "",
) -> Iterator[Finding]:
    """One row when every cost agrees (but for the ``expected`` difference, whose ``cause`` is given), else several.

    One row, too, where nothing of ours is there at all.
    """
    expected = expected or {}
    known = [column for column in COSTS if theirs.get(column) is not None or ours.get(column) is not None]
    if known and all(ours.get(column) is None for column in COSTS):
        first = known[0]
        why = f"{_named(known)}: nothing is there"
        yield Finding(promise, scope, period, currency, None, theirs[first], theirs[first].copy_negate(), why, False)
        return
    agreeing: list[tuple[str, Decimal, Decimal]] = []
    for column in known:
        mine, other = ours.get(column), theirs.get(column)
        difference = minus(mine or Decimal(0), other or Decimal(0))
        if difference == expected.get(column, Decimal(0)) and (mine is None) == (other is None):
            agreeing.append((column, mine or Decimal(0), other or Decimal(0)))
        else:
            why = (
                f"{column}: {plain(difference, sign=True)} is unexplained"
                if mine is not None
                else f"{column} is missing"
            )
            yield Finding(promise, scope, period, currency, mine, other, difference, why, False)
    if agreeing:
        column, mine, other = agreeing[0]
        named = _named(column for column, _, _ in agreeing)
        reason = cause if mine != other else "equal"
        yield Finding(promise, scope, period, currency, mine, other, minus(mine, other), f"{named}: {reason}", True)


def _named(columns: Iterable[str]) -> str:
    return ", ".join(column.removesuffix("_cost") for column in columns) + " cost"


def amount_of(amounts: Mapping[str, Any] | None, column: str) -> Decimal:
    value = (amounts or {}).get(column)
    return Decimal(str(value)) if value is not None else Decimal(0)


def minus(ours: Decimal, theirs: Decimal) -> Decimal:
    """The difference, without the 28-digit rounding of the default context."""
    return exact_sum((ours, theirs.copy_negate()))


def plain(amount: Decimal, *, sign: bool = False) -> str:
    """An amount in a sentence: every digit that says something, no other."""
    text = format(amount, "+f" if sign else "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
