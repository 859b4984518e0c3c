"""What a disk and its snapshot cost a month at list price; ``disk_prices.toml`` says so, dated and with its sources.

Assumes
    A disk costs its whole size, used or not. A snapshot costs at most the disk's size: clouds keep the blocks in use.
Method
    Size × price per GiB, and what was asked for in IOPS and MiB/s above what is included × its price.
Cases
    A type, region or performance the table does not know has no price: None, never a neighbour's.
Sources
    Amazon EBS pricing; Compute Engine disk and image pricing (``disk_prices.toml``).
Known drawbacks
    List prices; what an agreement takes off them is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aispend.prices.data import read_toml

_NOTHING = Decimal(0)
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class ListPrice:
    """Money a month, to the cent, and who says so since when."""

    monthly: Decimal
    currency: str
    source: str
    checked: date


def disk_price(
    provider: str,
    region: str | None,
    disk_type: str | None,
    gib: Decimal,
    *,
    iops: Decimal | None = None,
    mbps: Decimal | None = None,
) -> ListPrice | None:
    """A disk's monthly price; ``iops`` and ``mbps`` (MiB/s) as asked for, None for what is included."""
    row = _row("disk", provider, region, disk_type)
    if row is None or (iops is not None and iops > row.get("most_iops", iops)):
        return None
    extra = _above(iops, row, "iops") + _above(mbps, row, "mbps")
    return _priced(row, gib * _decimal(row["per_gib"]) + extra)


def snapshot_price(provider: str, region: str | None, gib: Decimal) -> ListPrice | None:
    """The most a snapshot of a disk of this size costs a month."""
    row = _row("snapshot", provider, region, None)
    return None if row is None else _priced(row, gib * _decimal(row["per_gib"]))


def _row(table: str, provider: str, region: str | None, disk_type: str | None) -> Mapping[str, Any] | None:
    return next(
        (
            row
            for row in _prices()[table]
            if row["provider"] == provider and region in row["regions"] and row.get("type") == disk_type
        ),
        None,
    )


def _above(asked: Decimal | None, row: Mapping[str, Any], what: str) -> Decimal:
    """What is asked for above the included part, where the type charges for it at all."""
    over = (asked or _NOTHING) - _decimal(row.get(f"free_{what}", 0))
    return max(over, _NOTHING) * _decimal(row.get(f"per_{what}", 0))


def _priced(row: Mapping[str, Any], amount: Decimal) -> ListPrice:
    return ListPrice(amount.quantize(_CENT), row["currency"], row["source"], row["checked"])


def _decimal(value: Any) -> Decimal:
    return Decimal(value)


@lru_cache(maxsize=1)
def _prices() -> Mapping[str, Any]:
    return read_toml("disk_prices.toml", __package__)
