"""What is lost of an amount that must be used by a day, at the pace of late.

Assumes
    The pace of late goes on to the last day.
Method
    lost = total − drawn − pace per day × days left, never below nothing. Where it is expected to end is told instead of
    agreements, some days of which are billed ahead.
Cases
    No day left: what is not drawn is lost.
Sources
    A straight line, as in ``aispend agreements``.
Known drawbacks
    Growth, seasons and planned purchases are not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

_CENT = Decimal("0.01")
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Drawdown:
    """An amount to be used: ``left`` of it today, ``lost`` at this pace, ``needed_per_day`` to lose none.

    ``needed_per_day`` is None where no day is left.
    """

    left: Decimal
    expected: Decimal
    lost: Decimal
    needed_per_day: Decimal | None


def drawdown(
    total: Decimal, drawn: Decimal, per_day: Decimal, days_left: int, expected: Decimal | None = None
) -> Drawdown:
    """Take the pace on for ``days_left``, unless what is ``expected`` by then is told; amounts to the cent."""
    left = max(total - drawn, _NOTHING)
    if expected is None:
        expected = drawn + _cents(per_day * days_left)
    return Drawdown(
        left=_cents(left),
        expected=_cents(expected),
        lost=_cents(min(max(total - expected, _NOTHING), left)),
        needed_per_day=_cents(left / days_left) if days_left > 0 else None,
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)
