"""SKUs of Compute Engine's catalogue as parts of machines: what each is a price of, where and on which terms.

The text of a SKU is the only key to its GPU: ``Nvidia H100 80GB GPU running in Iowa`` on demand, ``… attached to Spot
Preemptible VMs …`` on spot, ``Commitment v1: Nvidia H100 80GB GPU running in Iowa for 1 Year`` committed. Core and RAM
bear the series (``A3 Instance Core running in …``); newer series are priced whole by the GPU (``A4 Nvidia B200 (1 gpu
slice)``). What has no such text, or a text of something else (reserved capacity, workstations, sole tenancy, flexible
start), is no part.

*Prices* are units and nanos of the first tier above nothing, in the currency the catalogue was asked in. A gibibyte of
local SSD is priced by the month, which Google reckons at 730 hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Any, NamedTuple

from aispend.clock import HOURS_PER_MONTH
from aispend.money import exactly, rate

_USAGE_TERMS = {"OnDemand": "on_demand", "Preemptible": "spot", "Commit1Yr": "1y", "Commit3Yr": "3y"}
_HOURS = {"h": 1, "GiBy.h": 1, "GiBy.mo": int(HOURS_PER_MONTH)}
"""Hours of what a price is of, by its unit."""

_NANO = Decimal("1e-9")
_NOT_MACHINES = re.compile(
    r"reserved|workstation|sole tenancy|premium|dws|flex start|calendar|defined duration|cud|upgrade|custom",
    re.IGNORECASE,
)
_TERM = r"^(?:Commitment v1: |Spot Preemptible )?"
_SERIES = re.compile(
    _TERM + r"(A2|A3 ?(?:Ultra|Plus|Mega)?|A4X?|G2|G4|N1)(?: Predefined)?"
    r"(?: Instance)? (Core|Cpu|Ram)\b",
    re.IGNORECASE,
)
_N1_COMMITTED = re.compile(r"^Commitment v1: (Cpu|Ram) ", re.IGNORECASE)
_GPU = re.compile(
    _TERM + r"(?:Nvidia )?(?:Tesla )?"
    r"((?:A100 80GB|A100|H100 80GB (?:Mega|Plus)|H100 (?:Mega|Plus) 80GB|H100 80GB|H200 141GB|H200|B200|GB200|L4"
    r"|T4|P100|P4|V100|K80|RTX (?:PRO )?6000 96GB))(?: GPU)?\b",
    re.IGNORECASE,
)
_SIZE_LAST, _SIZE_FIRST = re.compile("^h100 (mega|plus) 80gb$"), r"h100 80gb \1"
"""The catalogue writes both ``H100 80GB Mega`` and ``H100 Mega 80GB`` of one GPU."""
_SLICE = re.compile(_TERM + r"(A3 ?Ultra|A4X?) Nvidia \S+ \(1 gpu slice\)", re.IGNORECASE)
_SSD = re.compile(r"^(?:SSD backed Local Storage|Commitment v1: Local SSD)\b", re.IGNORECASE)
_TPU = re.compile(_TERM + r"(?:Cloud )?TPU[ -]?(v5e|v5p|v6e|v4|v3|v2|Trillium)\b", re.IGNORECASE)


class Key(NamedTuple):
    """What a price is of: a region, a term, a series or device (``a2``, ``gpu h100 80gb``), and which part of it."""

    region: str
    term: str
    of: str
    part: str


@dataclass(frozen=True)
class PartPrice:
    """The price of an hour of one core, GiB, accelerator or slice, and since when it is the price."""

    price: Decimal
    currency: str
    since: date


@dataclass
class Parts:
    """Prices by what they are of; ``twice`` are those of which the catalogue has several that differ."""

    prices: dict[Key, PartPrice]
    twice: set[Key]


def parts(skus: Iterable[Any]) -> Parts:
    """The parts of machines among SKUs, of which a catalogue has tens of thousands."""
    found: dict[Key, PartPrice] = {}
    twice: set[Key] = set()
    for sku in skus:
        said = of_text(sku.description)
        term = _USAGE_TERMS.get(sku.category.usage_type)
        priced = _price(sku)
        if said is None or term is None or priced is None:
            continue
        for region in sku.service_regions:
            key = Key(region, term, *said)
            if key in found and found[key].price != priced.price:
                twice.add(key)
            found[key] = priced
    for key in twice:
        del found[key]
    return Parts(found, twice)


def of_text(description: str) -> tuple[str, str] | None:
    """What a SKU's text says it is of, and which part; None for what is no part of an accelerated machine.

    >>> of_text("Nvidia H100 80GB GPU running in Iowa"), of_text("A2 Instance Ram running in Americas")
    (('gpu h100 80gb', 'gpu'), ('a2', 'ram'))
    >>> of_text("Commitment v1: Cpu in Iowa for 1 Year"), of_text("N1 Predefined Instance Core running in Iowa")
    (('n1', 'core'), ('n1', 'core'))
    >>> of_text("Spot Preemptible G2 Instance Core running in Iowa"), of_text("Reserved A2 Instance Core in Iowa")
    (('g2', 'core'), None)
    """
    if _NOT_MACHINES.search(description):
        return None
    if told := _N1_COMMITTED.match(description):
        return "n1", "core" if told[1].lower() == "cpu" else "ram"
    if told := _SLICE.match(description):
        return told[1].lower(), "slice"
    if _SSD.match(description):
        return "local ssd", "gib"
    if told := _SERIES.match(description):
        return " ".join(told[1].lower().split()), "ram" if told[2].lower() == "ram" else "core"
    if told := _GPU.match(description):
        name = " ".join(told[1].lower().split())
        return f"gpu {_SIZE_LAST.sub(_SIZE_FIRST, name)}", "gpu"
    if told := _TPU.match(description):
        name = told[1].lower()
        return f"tpu {'v6e' if name == 'trillium' else name}", "tpu"
    return None


def _price(sku: Any) -> PartPrice | None:
    """The newest price; None where it is zero, or of another unit."""
    if not sku.pricing_info:
        return None
    told = sku.pricing_info[-1]
    hours = _HOURS.get(told.pricing_expression.usage_unit)
    if hours is None:
        return None
    for tier in told.pricing_expression.tiered_rates:
        with exactly():
            amount = Decimal(tier.unit_price.units) + Decimal(tier.unit_price.nanos) * _NANO
        if amount > 0:
            since = told.effective_time.ToDatetime(tzinfo=UTC).date()
            return PartPrice(rate(amount, Decimal(hours)), tier.unit_price.currency_code, since)
    return None
