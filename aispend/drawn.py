"""How far a spend agreement is drawn down: worked out by the analysis, and what advice on it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from aispend.settings import Agreement


@dataclass(frozen=True)
class Drawn:
    """Of the agreement ``name``: what is drawn, its pace of late, and where that leads by its end; None is unknown.

    ``until`` is the day after the last that is known whole.
    """

    name: str
    drawn: Decimal | None
    until: date | None
    per_day: Decimal | None
    expected: Decimal | None


DrawnSoFar = Callable[[Connection, Sequence[Agreement]], Sequence[Drawn]]
"""What is drawn of agreements, as ``aispend agreements`` shows it."""


def not_asked(_connection: Connection, _agreements: Sequence[Agreement]) -> Sequence[Drawn]:
    """Nobody worked it out: what is drawn is unknown."""
    return ()
