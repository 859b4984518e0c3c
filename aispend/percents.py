"""How a share is written in a sentence, the same in advice as on pages and in files: ``63 %``."""

from __future__ import annotations

from decimal import Decimal


def percent(share: Decimal | float, decimals: int = 0) -> str:
    """``0.634`` as ``63 %``; what comes to nothing has no sign."""
    return f"{share * 100:z.{decimals}f} %"
