"""SKUs of Google's catalogue for tests, two on a page."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from sample import google_catalogue
from sample.google_catalogue import sku

A2 = {"A2 Instance Core": "0.031611", "A2 Instance Ram": "0.004237", "Nvidia Tesla A100 GPU": "2.933908"}
"""List prices of us-central1, per hour; the machine of one costs 3.673385 an hour."""

catalogue = partial(google_catalogue.catalogue, at_once=2)


def a2(usage: str = "OnDemand", text: str = "{} running in Americas", share: str = "1") -> list[Any]:
    """The parts of A2 machines on a term, at a share of the price."""
    return [
        sku(text.format(name), str(Decimal(price) * Decimal(share)), usage, unit="GiBy.h" if "Ram" in name else "h")
        for name, price in A2.items()
    ]
