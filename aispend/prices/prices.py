"""Dated hourly prices of accelerated machines, and the machines that would be smaller.

A price is never edited, only superseded by a row with a later ``valid_from``; where no row holds on the day asked
for there is no price, and the caller says *unpriced*. ``checked`` is the day somebody last compared it with its source.

Known drawbacks: list prices of Linux on demand only; committed terms are known for GCP alone; a row holds from the
day its source was published, so earlier days are unpriced although the price may have been the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from aispend.prices.accelerators import (
    Accelerator,
    InstanceType,
    accelerator,
    instance_type,
    instance_types,
    plain_instance_type,
)
from aispend.prices.data import read_csv, read_toml

Term = Literal["on_demand", "spot", "1y", "3y"]


@dataclass(frozen=True)
class Price:
    """The price of one machine-hour, in ``currency``, from the first day it holds."""

    provider: str
    region: str
    instance_type: str
    term: str
    currency: str
    valid_from: date
    hourly_price: Decimal
    source: str
    checked: date


PriceOf = Callable[[str, str, str, Term, date], Price | None]
"""Provider, region, machine type, term and day to a price, or None."""


@dataclass(frozen=True)
class Candidate:
    """A smaller machine in the same region, with what it carries and costs on demand.

    ``memory_gb`` is all its accelerators' memory. ``change`` is ``fewer`` (same card, fewer of it, or the same
    count in a smaller machine) or ``other_card``.
    """

    instance_type: str
    accelerator_type: str
    accelerators: Decimal
    memory_gb: Decimal
    vcpus: Decimal
    memory_gib: Decimal
    price: Price
    change: Literal["fewer", "other_card"]


@dataclass(frozen=True)
class ReferencePrice:
    """What one vCPU-hour and one GiB-hour cost by themselves, for dividing a node's price over its parts."""

    provider: str
    currency: str
    vcpu_hour: Decimal
    gib_hour: Decimal
    valid_from: date
    derivation: str
    source: str
    checked: date


def price_at(provider: str, region: str, instance_type: str, term: Term, on: date) -> Price | None:
    """The price that holds on this day, or None where none is known. A SageMaker type has no EC2 price."""
    if instance_type.lower().startswith("ml."):
        return None
    history = _by_key().get((provider, region, plain_instance_type(provider, instance_type), term), ())
    return next((price for price in reversed(history) if price.valid_from <= on), None)


def smaller_types(provider: str, region: str, name: str, on: date, price_of: PriceOf | None = None) -> list[Candidate]:
    """Cheaper machines of the region that could replace this one with less, cheapest first; only those with a price.

    Offered are machines with fewer of the same card, with as many of it and less around it, and with another card
    of the same maker and kind (anything else is a port, not a resize) whose throughput is known and whose memory
    together does not exceed the present one's. Whether one is enough is the caller's question: nothing here knows
    the demand. An unknown or unpriced machine has no candidates. ``price_of`` answers like ``price_at``, the default.
    """
    present = instance_type(provider, name)
    price_of = price_of or price_at
    price = price_of(provider, region, name, "on_demand", on)
    if present is None or price is None:
        return []
    candidates = (
        _candidate(machine, present, price_of(machine.provider, region, machine.instance_type, "on_demand", on))
        for machine in instance_types().values()
    )
    cheaper = [
        item
        for item in candidates
        if item and item.price.currency == price.currency and item.price.hourly_price < price.hourly_price
    ]
    return sorted(cheaper, key=lambda item: (item.price.hourly_price, item.instance_type))


def _candidate(machine: InstanceType, present: InstanceType, price: Price | None) -> Candidate | None:
    """``machine`` as a replacement of ``present``, or None where it is none."""
    if machine.provider != present.provider or machine is present:
        return None
    theirs, ours = accelerator(machine.accelerator_type), accelerator(present.accelerator_type)
    if price is None or theirs is None or ours is None or machine.vcpus is None or machine.memory_gib is None:
        return None
    memory = machine.accelerators * theirs.memory_gb
    same_card = theirs is ours
    if same_card and machine.accelerators > present.accelerators:
        return None
    if not same_card and (not _comparable(theirs, ours) or memory > present.accelerators * ours.memory_gb):
        return None
    return Candidate(
        instance_type=machine.instance_type,
        accelerator_type=machine.accelerator_type,
        accelerators=machine.accelerators,
        memory_gb=round(memory, 3),
        vcpus=machine.vcpus,
        memory_gib=machine.memory_gib,
        price=price,
        change="fewer" if same_card else "other_card",
    )


def _comparable(theirs: Accelerator, ours: Accelerator) -> bool:
    known = theirs.bf16_tflops is not None and theirs.bandwidth_gb_s is not None
    return known and (theirs.maker, theirs.kind) == (ours.maker, ours.kind)


def reference_price(provider: str) -> ReferencePrice | None:
    """The provider's vCPU-hour and GiB-hour, or None for a provider nobody priced."""
    return _references().get(provider)


def node_split(provider: str, region: str, name: str, on: date) -> tuple[Decimal, Decimal, Decimal] | None:
    """Weights of an accelerated node's price: (all accelerators, all vCPUs, all memory), adding up to its list price.

    vCPUs and memory weigh their reference price, the accelerators what is left. None where the machine is unknown
    or unpriced, or where nothing would be left. Source of the method: OpenCost specification, node cost split.
    """
    machine = instance_type(provider, name)
    price = price_at(provider, region, name, "on_demand", on)
    reference = reference_price(provider)
    if machine is None or price is None or reference is None or machine.vcpus is None or machine.memory_gib is None:
        return None
    if price.currency != reference.currency:
        return None
    vcpus = machine.vcpus * reference.vcpu_hour
    memory = machine.memory_gib * reference.gib_hour
    rest = price.hourly_price - vcpus - memory
    return (rest, vcpus, memory) if rest > 0 else None


def prices() -> tuple[Price, ...]:
    """Every row of the catalogue, in file order."""
    return tuple(
        Price(
            provider=row["provider"],
            region=row["region"],
            instance_type=row["instance_type"],
            term=row["term"],
            currency=row["currency"],
            valid_from=date.fromisoformat(row["valid_from"]),
            hourly_price=Decimal(row["hourly_price"]),
            source=row["source"],
            checked=date.fromisoformat(row["checked"]),
        )
        for row in read_csv("prices.csv")
    )


@lru_cache(maxsize=1)
def _by_key() -> Mapping[tuple[str, str, str, str], tuple[Price, ...]]:
    grouped: dict[tuple[str, str, str, str], list[Price]] = {}
    for price in prices():
        plain = plain_instance_type(price.provider, price.instance_type)
        grouped.setdefault((price.provider, price.region, plain, price.term), []).append(price)
    return {key: tuple(sorted(rows, key=lambda row: row.valid_from)) for key, rows in grouped.items()}


@lru_cache(maxsize=1)
def _references() -> Mapping[str, ReferencePrice]:
    references = {}
    for entry in read_toml("reference_prices.toml")["reference"]:
        exact = {"vcpu_hour": Decimal(entry["vcpu_hour"]), "gib_hour": Decimal(entry["gib_hour"])}
        references[entry["provider"]] = ReferencePrice(**(entry | exact))
    return references
