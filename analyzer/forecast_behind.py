"""Which forecasts a bill that is behind would be in: they are without it, and say so.

Assumes     Bills behind as :mod:`analyzer.series` finds them; ``spend_day`` of the days that forecasts remember.
Method      What such a bill charged for, by each cut and currency, is held against each series.
Drawbacks   What only such a bill charges for has no forecast of its own: the whole it belongs to names the bill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from analyzer.forecast_cuts import Cut, Question
from analyzer.series import Behind


@dataclass(frozen=True)
class LeftOut:
    """A bill that is behind, and by which values of what a question is cut by, and currencies, it charged."""

    bill: Behind
    charged: frozenset[tuple[str | None, str]]

    def is_of(self, cut: Cut, values: Sequence[str | None], currency: str) -> bool:
        """Whether it would be in the series of ``values`` of ``cut``."""
        if cut in ("all", "ai"):
            return any(code == currency for _, code in self.charged)
        return any((value, currency) in self.charged for value in values)


def left_out(connection: Connection, question: Question, behind: Sequence[Behind], first: date) -> list[LeftOut]:
    """Each of ``behind`` with what it charged for since ``first``."""
    statement = text(_CHARGED.format(by=question.by, only=" AND d.is_ai" if question.ai_only else ""))
    found = []
    for bill in behind:
        rows = connection.execute(statement, {"provider": bill.provider, "scope": bill.scope, "first": first})
        found.append(LeftOut(bill, frozenset((value, currency) for value, currency in rows)))
    return found


def in_words(bills: Sequence[Behind]) -> str:
    """The bills, each with the last day it is known to."""
    return ", ".join(f"{one.provider} {one.scope} (known to {one.last_day})" for one in bills)


_CHARGED = """
    SELECT DISTINCT d.{by}, d.currency FROM spend_day d JOIN slice b USING (slice_id)
    WHERE b.kind = 'bill' AND b.provider = :provider AND b.scope = :scope AND d.charge_date >= :first{only}"""
