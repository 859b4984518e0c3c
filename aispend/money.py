"""Money as ``Decimal`` with twelve decimals, and the one way to divide it without losing any.

Costs are read as text (a binary double through its shortest decimal text), rounded once per raw
line, half-even, to ``COST_DECIMALS``; sums and shares of them are exact from there on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction

COST_DECIMALS = 12
COST_QUANTUM = Decimal(1).scaleb(-COST_DECIMALS)
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
"""Codes of ISO 4217 for what is paid with: no metals, no funds, no codes for tests."""


def cost(value: str | int | float | Decimal) -> Decimal:
    """A cost as the ledger keeps it: half-even to twelve decimals, a float through its shortest text."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return exact.quantize(COST_QUANTUM, context=_WIDE)


def exactly() -> AbstractContextManager[Context]:
    """Within it sums and products of costs are exact, where the default context would round to 28 digits."""
    return localcontext(_WIDE)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, exact."""
    with exactly():
        return sum(amounts, Decimal(0))


def rate(amount: Decimal, quantity: Decimal, per: int = 1) -> Decimal:
    """``amount`` for each ``per`` of ``quantity``, half-even to twelve decimals; ``quantity`` is not zero."""
    return _WIDE.divide(_WIDE.multiply(amount, Decimal(per)), quantity).quantize(COST_QUANTUM, context=_WIDE)


HALF_CENT = Decimal("0.005")
"""The most that is nothing in cents: half-even."""


def in_words(amount: Decimal, currency: str = "") -> str:
    """For a sentence: ``1,234.50 USD``; what comes to nothing in cents and is something is ``less than a cent``."""
    return _told(amount, f"{amount:,.2f}", "less than a cent", "less than a cent below zero", currency)


def change_in_words(amount: Decimal, currency: str = "") -> str:
    """A change for a sentence, with its sign: ``+1,234.50 USD``, ``less than a cent less``; nothing is ``0.00``."""
    return _told(amount, f"{amount:+,.2f}", "less than a cent more", "less than a cent less", currency)


def _told(amount: Decimal, cents: str, above: str, below: str, currency: str) -> str:
    if not amount:
        cents = "0.00"
    elif abs(amount) <= HALF_CENT:
        words = above if amount > 0 else below
        return f"{words} ({currency})" if currency else words
    return f"{cents} {currency}" if currency else cents


def split_exact(
    amount: Decimal,
    weights: Sequence[Decimal | int | Fraction],
    quantum: Decimal = COST_QUANTUM,
) -> list[Decimal]:
    """Divide ``amount`` in proportion to ``weights``; the parts add up to it exactly.

    Largest remainder: every part is cut down to ``quantum``, the units left over go to the largest
    fractional parts, ties to the earlier position, so callers pass weights in a stable key order.
    A negative amount is divided as its absolute value and the sign restored. ``amount`` must be a
    whole number of quanta.

    Raises ``ValueError`` for a negative weight, or when all weights are zero and the amount is not.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("weights must not be negative")
    units = abs(amount) / quantum if quantum else Decimal(0)
    whole_units = int(units)
    if whole_units != units:
        raise ValueError(f"{amount} is not a whole number of {quantum}")
    total = sum((Fraction(weight) for weight in weights), Fraction(0))
    if total == 0:
        if whole_units:
            raise ValueError("cannot divide an amount over weights that are all zero")
        return [Decimal(0) for _ in weights]
    ideal = [whole_units * Fraction(weight) / total for weight in weights]
    parts = [int(share) for share in ideal]
    left_over = whole_units - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - ideal[i], i))
    for index in by_remainder[:left_over]:
        parts[index] += 1
    sign = -1 if amount < 0 else 1
    return [_WIDE.multiply(Decimal(sign * part), quantum) for part in parts]
