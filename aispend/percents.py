"""How a share is written in a sentence, the same in advice as on pages and in files: ``63 %``."""

from __future__ import annotations

from decimal import Decimal

Share = Decimal | float
_MOST_DECIMALS = 4


def percent(share: Share, decimals: int = 0) -> str:
    """``0.634`` as ``63 %``; what comes to nothing has no sign."""
    return f"{share * 100:z.{decimals}f} %"


def percent_apart(share: Share, *marks: Share, decimals: int = 0) -> str:
    """The same with as many decimals as tell it from ``marks`` that it is not.

    ``0.797``, where ``0.8`` are needed, as ``79.7 %``; ``0.998``, where it is not all, as ``99.8 %``.
    """
    others = [mark for mark in marks if abs(float(mark) - float(share)) > 1e-9]
    for many in range(decimals, _MOST_DECIMALS + 1):
        said = percent(share, many)
        if said not in {percent(mark, many) for mark in others}:
            break
    return said
