"""One checked promise, and how two sets of costs are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from aispend.money import exact_sum
from analyzer.exact_sql import COSTS

NUMBERS: Mapping[str, int] = {
    "matches the export": 1,
    "matches the invoice": 1,
    "matches the cloud's own totals": 1,
    "prepaid rolls forward": 1,
    "effective closes to billed": 1,
    "agreements are drawn down by the ledger": 1,
    "every charge has shares": 2,
    "shares add up to each charge": 2,
    "shares add up to the bill": 2,
    "spend by day adds up to the bill": 2,
    "spend by resource adds up to the bill": 2,
    "spend by model adds up to the bills": 2,
    "spend by team adds up to the bills": 2,
    "spend by stage adds up to the bills": 2,
    "spend by provider adds up to the bills": 2,
    "unit costs add up to AI spend": 2,
    "one bill per provider, scope and month": 3,
    "no account is in two bills of a month": 3,
    "the month is whole": 3,
    "closed months are unchanged": 3,
    "published and adjustments are the ledger": 3,
    "no line is dropped": 4,
    "unknown is not zero": 4,
    "paid usage is never free": 4,
    "billed tokens are measured tokens": 4,
    "savings stay within the cost they act on": 5,
    "advice can be argued with": 5,
    "each AI resource has advice or its reason": 5,
    "accepted advice is followed": 6,
    "realised savings add up": 6,
    "savings are verified from the bills that are loaded": 6,
    "what is shown is made from what is loaded": 7,
    "every amount has its currency": 8,
    "exchange rates are fresh where they are used": 8,
    "commands are for a person to read": 9,
    "request ids are hashed": 10,
}
"""Which promise each check is of.

1 it closes to the invoice, 2 allocation conserves, 3 a slice is replaced whole and a closed month stays, 4 unknown is
not zero, 5 advice can be argued with, 6 savings are verified from the bill, 7 one number from one function, 8 money
carries its currency, 9 read-only in the cloud, 10 people's data stays theirs. docs/methods.md says what of each cannot
be told from what is loaded.
"""


@dataclass(frozen=True)
class Finding:
    """One promise, checked on one scope (and period and currency, where it has them).

    ``attention`` marks what holds and should still be known: something is missing, or not as the export says. ``unit``
    is what is counted where it is no money: tokens, days; empty where the promise itself says it.
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
    unit: str = ""

    @property
    def number(self) -> int | None:
        """The promise it checks, as docs/methods.md counts them; None where it is of none."""
        return NUMBERS.get(self.promise)


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

    One row, too, where nothing of ours, or nothing of theirs, is there at all.
    """
    expected = expected or {}
    known = [column for column in COSTS if theirs.get(column) is not None or ours.get(column) is not None]
    if known and all(ours.get(column) is None for column in COSTS):
        first = known[0]
        why = f"{_named(known)}: nothing is there"
        yield Finding(promise, scope, period, currency, None, theirs[first], theirs[first].copy_negate(), why, False)
        return
    if known and all(theirs.get(column) is None for column in COSTS):
        first = known[0]
        why = f"{_named(known)}: there is nothing to hold it against"
        yield Finding(promise, scope, period, currency, ours[first], None, ours[first], why, False)
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
