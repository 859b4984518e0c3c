"""Prices of accelerated machines, composed of the prices of their parts.

A machine of a series is its cores, its GiB of memory, its accelerators and the local SSD it always comes with; of a
series that is priced by the slice it is so many slices and nothing else: a slice is a GPU's part of the whole machine,
local SSD included (as gpuhunt and others compose A4: the catalogue has no core or memory of it). An accelerator that is
attached to machines of any size is priced by itself; so is a TPU, by the chip. Where a part has no price on a term in a
region, the machine has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from aispend.money import cost, exact_sum, exactly
from aispend.prices.accelerators import InstanceType, instance_types
from collectors.gcp.sku_parts import Key, PartPrice, Parts

Row = dict[str, Any]
TERMS = ("on_demand", "spot", "1y", "3y")
_GPUS = {
    "nvidia-a100-40gb": ("gpu a100",),
    "nvidia-a100-80gb": ("gpu a100 80gb",),
    "nvidia-h100-80gb": ("gpu h100 80gb",),
    "nvidia-h200-141gb": ("gpu h200 141gb", "gpu h200"),
    "nvidia-b200-180gb": ("gpu b200",),
    "nvidia-l4": ("gpu l4",),
    "nvidia-t4": ("gpu t4",),
    "nvidia-p4": ("gpu p4",),
    "nvidia-p100-16gb": ("gpu p100",),
    "nvidia-v100-16gb": ("gpu v100",),
    "nvidia-k80": ("gpu k80",),
    "nvidia-rtx-pro-6000-96gb": ("gpu rtx 6000 96gb", "gpu rtx pro 6000 96gb"),
}
"""What the catalogue calls a GPU, by its canonical name."""

_MEGA = ("gpu h100 80gb mega", "gpu h100 80gb plus")
_SERIES = {"a3-megagpu": ("a3 mega", "a3mega", "a3plus", "a3 plus", "a3"), "a3-ultragpu": ("a3 ultra", "a3ultra")}
"""What the catalogue calls a series whose name is not its machines' first word."""

_LOCAL_SSD = {
    "a2-ultragpu": 375,
    "a3-highgpu": 750,
    "a3-megagpu": 750,
    "a3-edgegpu": 750,
    "a3-ultragpu": 1500,
}
"""GiB of local SSD that come with each GPU; machines called ``…-nolssd`` have none."""


def rows(parts: Parts, regions: Iterable[str], today: date) -> tuple[list[Row], list[str]]:
    """Rows of ``price`` for each machine type, region and term, and remarks on what could not be composed."""
    wanted = set(regions)
    told = {(key.region, key.term) for key in parts.prices}
    found: list[Row] = []
    lacking: dict[tuple[str, str], set[str]] = defaultdict(set)
    composed: set[str] = set()
    machines = [one for one in instance_types().values() if one.provider == "gcp"]
    for machine in machines:
        for region, term in sorted(told):
            if region not in wanted:
                continue
            needed = list(_needed(machine, region, term, parts.prices))
            known = [parts.prices[key] for key, _ in needed if key in parts.prices]
            if len(known) < len(needed):
                if _accelerator(needed) in parts.prices:
                    lacking[machine.instance_type, term] |= {key.of for key, _ in needed if key not in parts.prices}
                continue
            composed.add(machine.instance_type)
            found.append(_row(machine, region, term, [(parts.prices[key], amount) for key, amount in needed], today))
    notes = [
        f"{name}, {term}: left out where there is no price of {', '.join(sorted(of))}."
        for (name, term), of in sorted(lacking.items())
    ]
    none = sorted({one.instance_type for one in machines} - composed)
    notes += [f"No price could be composed for {', '.join(none)}."] if none else []
    twice = sorted({f"{key.of} {key.part}".removesuffix(" gpu") for key in parts.twice if key.region in wanted})
    notes += (
        [f"The catalogue has several prices of {', '.join(twice)}: machines with them are left out."] if twice else []
    )
    return found, notes


def _needed(
    machine: InstanceType, region: str, term: str, prices: Mapping[Key, PartPrice]
) -> Iterator[tuple[Key, Decimal]]:
    """The parts of a machine and how many of each, by the names that have a price."""

    def part(names: Iterable[str], which: str) -> Key:
        keys = [Key(region, term, name, which) for name in names]
        return next((key for key in keys if key in prices), keys[0])

    family = machine.instance_type.rsplit("-", 1)[0].removesuffix("-8g").removesuffix("-4g")
    if machine.accelerator_type.startswith("google-tpu"):
        yield (
            Key(region, term, machine.accelerator_type.removeprefix("google-").replace("-", " "), "tpu"),
            machine.accelerators,
        )
        return
    series = _SERIES.get(family, (machine.instance_type.partition("-")[0],))
    ssd = Decimal(_LOCAL_SSD.get(family, 0)) * machine.accelerators
    if machine.vcpus is not None and (key := part(series, "slice")) in prices:
        yield key, machine.accelerators
        return
    gpu = _MEGA if family == "a3-megagpu" else _GPUS.get(machine.accelerator_type, (machine.accelerator_type,))
    yield part(gpu, "gpu"), machine.accelerators
    if machine.vcpus is None or machine.memory_gib is None:
        return
    yield part(series, "core"), machine.vcpus
    yield part(series, "ram"), machine.memory_gib
    if ssd and not machine.instance_type.endswith("-nolssd"):
        yield Key(region, term, "local ssd", "gib"), ssd


def _accelerator(needed: Iterable[tuple[Key, Decimal]]) -> Key | None:
    return next((key for key, _ in needed if key.part in ("gpu", "tpu", "slice")), None)


def _row(machine: InstanceType, region: str, term: str, of: list[tuple[PartPrice, Decimal]], today: date) -> Row:
    with exactly():
        price = cost(exact_sum([one.price * amount for one, amount in of]))
    return {
        "provider": "gcp",
        "region": region,
        "instance_type": machine.instance_type,
        "term": term,
        "currency": of[0][0].currency,
        "valid_from": max(one.since for one, _ in of),
        "published": today,
        "hourly_price": price,
    }
