"""What a roll-up says: slices with their totals, rejected lines, and the errors that stop it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

Costs = Mapping[str, Decimal]
"""Cost column → amount, only columns the slice gives."""


class SliceKey(NamedTuple):
    """The unit of loading, as the bill itself says it."""

    provider: str
    scope: str
    month: date


@dataclass(frozen=True)
class FlagCount:
    """How many lines of one currency carry a flag, and the money in the column it is about."""

    flag: str
    column: str
    currency: str
    lines: int
    amount: Decimal | None
    explanation: str


@dataclass(frozen=True)
class BilledRate:
    """An exchange rate of a bill: one ``base`` is ``rate`` of ``quote``, from ``valid_from`` on.

    ``others`` is how many other rates the bill has for the pair and day.
    """

    base: str
    quote: str
    valid_from: date
    rate: Decimal
    others: int


@dataclass(frozen=True)
class RolledSlice:
    """One slice of a delivery.

    ``totals`` and ``residuals`` are per currency: the sum of the raw lines at full precision, and what of it the
    rounding to twelve decimals leaves over. A column whose rounding the dialect cannot tell has no residual.
    """

    key: SliceKey
    lines: int
    facts: int
    totals: Mapping[str, Costs]
    residuals: Mapping[str, Costs]
    flags: tuple[FlagCount, ...]
    invoiced: bool = False
    """Whether every line names its invoice: the provider has closed the month."""
    rejected: int = 0
    """Physical lines that were kept aside, besides ``lines``."""
    rates: tuple[BilledRate, ...] = ()


@dataclass(frozen=True)
class FileRead:
    """A file that was read; ``lines`` is None where only the lines of all files together are known."""

    name: str
    bytes: int
    lines: int | None


@dataclass(frozen=True)
class RejectedLine:
    """A line that could not be read, with the slice it counts with."""

    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str
    raw: str
    key: SliceKey | None = None
    lines: int = 1
    """Physical lines it spans: a record with a stray quote may have swallowed several."""


@dataclass(frozen=True)
class Estimate:
    """How much there is to read; ``lines`` where the files say so themselves."""

    bytes: int
    lines: int | None


class Classified(Protocol):
    """What a classifier says of a SKU (``aispend.prices.classify.SkuClass``)."""

    @property
    def is_ai(self) -> bool: ...
    @property
    def ai_rule(self) -> str | None: ...
    @property
    def platform(self) -> str | None: ...
    @property
    def accelerator_type(self) -> str | None: ...
    @property
    def accelerators(self) -> Decimal | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def unit_class(self) -> str | None: ...
    @property
    def units_per_pricing_unit(self) -> Decimal | None: ...
    @property
    def stage(self) -> str | None: ...


Classify = Callable[[Mapping[str, str | None]], Classified]
"""From a SKU's columns (``provider``, the SKU columns and ``resource_type``) to its class."""


@dataclass(frozen=True)
class RollUpSummary:
    """Everything about a roll-up but its facts."""

    slices: tuple[RolledSlice, ...]
    files: tuple[FileRead, ...]
    lines: int
    rejected: tuple[RejectedLine, ...] = field(default=())

    @property
    def rejected_lines(self) -> int:
        """Physical lines that were kept aside."""
        return sum(one.lines for one in self.rejected)
