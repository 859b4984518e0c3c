"""The company's charges before any cloud writes them down: constant attributes apart from the numbers of each line.

Amounts are whole numbers of 1e-10 currency units, so that what is billed, amortised and known
to be true adds up exactly; a bill's decimal text or shortest double says the same number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sample.catalogue import UNIT

Ints = npt.NDArray[np.int64]
Quantities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Owner:
    """Who really used what a charge pays for. ``split`` names a table of shares by day where there are several."""

    model: str | None = None
    team: str | None = None
    stage: str | None = None
    ai: bool = False
    difficulty: str = "not_ai"
    split: str = ""


@dataclass(frozen=True)
class Commitment:
    """A savings plan, reservation or committed use discount as the bill names it."""

    id: str
    name: str
    type: str
    category: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """Everything about a bill line that does not change from hour to hour. Prices are list and negotiated, per unit."""

    account: str
    service: str
    category: str
    subcategory: str
    service_code: str
    sku: str
    meter: str
    description: str
    unit: str
    region: str
    owner: Owner
    zone: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    operation: str | None = None
    charge_category: str = "Usage"
    charge_class: str | None = None
    frequency: str | None = "Usage-Based"
    pricing_category: str | None = "Standard"
    list_price: int | None = None
    contracted_price: int | None = None
    commitment: Commitment | None = None
    commitment_status: str | None = None
    publisher: str | None = None
    machine: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    extra: tuple[tuple[str, Any], ...] = ()
    """What one cloud alone needs to know of it."""

    def more(self, name: str, default: Any = None) -> Any:
        """One of the extra facts."""
        return dict(self.extra).get(name, default)


@dataclass(frozen=True)
class Lines:
    """All lines of a bill as parallel arrays; ``start`` and ``span`` in hours, amounts in 1e-10."""

    items: list[Item]
    item: Ints
    start: Ints
    span: Ints
    quantity: Quantities
    billed: Ints
    effective: Ints
    list: Ints
    contracted: Ints

    def __len__(self) -> int:
        return len(self.item)

    def take(self, which: npt.NDArray[Any]) -> Lines:
        """The lines at these positions (or where true)."""
        columns = (
            self.item,
            self.start,
            self.span,
            self.quantity,
            self.billed,
            self.effective,
            self.list,
            self.contracted,
        )
        return Lines(self.items, *(column[which] for column in columns))


@dataclass
class Ledger:
    """Collects lines of one bill."""

    items: list[Item] = field(default_factory=list)
    _blocks: list[tuple[npt.NDArray[Any], ...]] = field(default_factory=list)

    def add(
        self,
        item: Item,
        start: npt.ArrayLike,
        quantity: npt.ArrayLike,
        billed: npt.ArrayLike,
        *,
        span: npt.ArrayLike = 1,
        effective: npt.ArrayLike | None = None,
        list_cost: npt.ArrayLike | None = None,
        contracted: npt.ArrayLike | None = None,
    ) -> None:
        """Lines of one item. Costs left out equal the billed cost."""
        starts = np.atleast_1d(np.asarray(start, dtype=np.int64))
        if not len(starts):
            return
        self.items.append(item)

        def column(values: npt.ArrayLike | None) -> Ints:
            return np.broadcast_to(np.asarray(billed if values is None else values, dtype=np.int64), starts.shape)

        self._blocks.append(
            (
                np.full(starts.shape, len(self.items) - 1, dtype=np.int64),
                starts,
                column(span),
                np.broadcast_to(np.asarray(quantity, dtype=np.float64), starts.shape),
                column(billed),
                column(effective),
                column(list_cost),
                column(contracted),
            )
        )

    def lines(self) -> Lines:
        """All lines, in order of time, then item."""
        columns = [np.concatenate(parts) for parts in zip(*self._blocks, strict=True)]
        order = np.lexsort((columns[0], columns[1]))
        return Lines(self.items, *(column[order] for column in columns))


def priced(price: int, seconds: npt.ArrayLike) -> Ints:
    """Cost of running for so many seconds at a price per hour, rounded half up."""
    return (np.asarray(seconds, dtype=np.int64) * price + 1800) // 3600


def money(amounts: Ints) -> npt.NDArray[np.float64]:
    """Amounts as the doubles a cloud would write: the nearest to the exact decimal."""
    if len(amounts) and int(np.abs(amounts).max()) >= 2**53:
        raise ValueError("a single charge above 900,000 cannot be written as an exact double")
    return amounts / UNIT
