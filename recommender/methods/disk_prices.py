"""What a disk and its snapshot cost a month at list price; ``disk_prices.toml`` says so, dated and with its sources.

Assumes
    A disk costs its whole size, used or not. A snapshot costs at most the disk's size: clouds keep the blocks in use.
    It is kept in the disk's own region; Azure's in standard storage.
Method
    Size × price per GiB, and what was asked for in IOPS and MiB/s above what is included × its price. Azure's disks
    cost what the next larger size costs.
Cases
    A type, region, size or performance the table does not know has no price: None, never a neighbour's.
Sources
    The price lists of AWS, Google and Azure, row by row in ``disk_prices.toml``.
Known drawbacks
    List prices; what an agreement takes off them is not known here. A higher performance tier of an Azure disk, and
    Google's disks in two zones, cost more than is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

from aispend.prices.data import read_toml

_NOTHING = Decimal(0)
_CENT = Decimal("0.01")
DOLLAR = "USD"
_TOLD = {
    "copy": "from a copy of the list",
    "announcement": "from an announcement",
    "repeated": "what several others repeat of the list",
}


@dataclass(frozen=True)
class ListPrice:
    """Money a month, to the cent, and who says so since when; ``told`` how, where it is not the list itself."""

    monthly: Decimal
    currency: str
    source: str
    checked: date
    told: str | None = None

    def within(self, currency: str, per_dollar: Decimal | None) -> ListPrice | None:
        """The same in a currency that a US dollar is worth ``per_dollar`` of; None where no rate leads there."""
        if currency == self.currency:
            return self
        if self.currency != DOLLAR or per_dollar is None:
            return None
        monthly = (self.monthly * per_dollar).quantize(_CENT)
        return replace(self, monthly=monthly, currency=currency, source=exchanged(self.source, currency, per_dollar))


def exchanged(source: str, currency: str, per_dollar: Decimal) -> str:
    """A source of prices in dollars, and at which rate they are told in another currency."""
    return f"{source}; {per_dollar.normalize():f} {currency} a {DOLLAR}"


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
    found = _row("disk", provider, region, disk_type)
    if found is None:
        return _of_size(provider, region, disk_type, gib)
    row, per_gib = found
    if iops is not None and iops > row.get("most_iops", iops):
        return None
    extra = _above(iops, row, "iops") + _above(mbps, row, "mbps")
    return _priced(row, gib * per_gib + extra)


def snapshot_price(provider: str, region: str | None, gib: Decimal) -> ListPrice | None:
    """The most a snapshot of a disk of this size costs a month."""
    found = _row("snapshot", provider, region, None)
    return None if found is None else _priced(found[0], gib * found[1])


class Sourced(Protocol):
    """A price with who says so."""

    @property
    def source(self) -> str: ...
    @property
    def checked(self) -> date: ...
    @property
    def told(self) -> str | None: ...


def told_remark(*prices: Sourced) -> str:
    """A sentence for each source that is not the price list itself, with its day; nothing where all are."""
    found = [
        f" A price is {_TOLD[one.told]} ({one.source}), looked up on {one.checked}: compare it with the list first."
        for one in prices
        if one.told is not None
    ]
    return "".join(dict.fromkeys(found))


def _row(
    table: str, provider: str, region: str | None, disk_type: str | None
) -> tuple[Mapping[str, Any], Decimal] | None:
    """The row of a type and its price per GiB in a region."""
    for row in _prices()[table]:
        if row["provider"] == provider and row.get("type") == disk_type:
            price = price_in(row["per_gib"], region)
            if price is not None:
                return row, price[0]
    return None


def _of_size(provider: str, region: str | None, disk_type: str | None, gib: Decimal) -> ListPrice | None:
    """The price of the size a disk is billed as."""
    for row in _prices()["size"]:
        if (row["provider"], row["type"]) == (provider, disk_type) and row["above_gib"] < gib <= row["to_gib"]:
            price = price_in(row["monthly"], region)
            if price is not None:
                return _priced(row, price[0])
    return None


def price_in(entries: Sequence[Sequence[Any]], region: str | None) -> tuple[Decimal, ...] | None:
    """The numbers that stand before a region in ``[number, …, region, …]``; None where none names it."""
    entry = next((entry for entry in entries if region in entry), None)
    return None if entry is None else tuple(value for value in entry if isinstance(value, Decimal))


def _above(asked: Decimal | None, row: Mapping[str, Any], what: str) -> Decimal:
    """What is asked for above the included part, where the type charges for it at all."""
    over = (asked or _NOTHING) - _decimal(row.get(f"free_{what}", 0))
    return max(over, _NOTHING) * _decimal(row.get(f"per_{what}", 0))


def _priced(row: Mapping[str, Any], amount: Decimal) -> ListPrice:
    return ListPrice(amount.quantize(_CENT), row["currency"], row["source"], row["checked"], row.get("told"))


def _decimal(value: Any) -> Decimal:
    return Decimal(value)


@lru_cache(maxsize=1)
def _prices() -> Mapping[str, Any]:
    return read_toml("disk_prices.toml", __package__)
