"""What is true of machines beyond their size; ``machine_facts.toml`` says so, with its sources. None is unknown."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aispend.prices.accelerators import instance_type
from aispend.prices.data import read_toml


@dataclass(frozen=True)
class TransferPrice:
    """What moving a GB between regions of one geography costs, and who says so."""

    per_gb: Decimal
    currency: str
    source: str


def has_local_disk(provider: str, name: str) -> bool | None:
    """Whether a machine of this type has disks that are empty after it was stopped."""
    machine = instance_type(provider, name)
    if machine is None:
        return None
    row = next(
        (
            row
            for row in _facts()["local_disk"]
            if row["provider"] == provider and any(fnmatch.fnmatchcase(machine.family, one) for one in row["families"])
        ),
        None,
    )
    return None if row is None else bool(row["lost"])


def scarcity(accelerator_type: str | None) -> str | None:
    """Why capacity of this accelerator may not come back, in words."""
    return next((str(row["why"]) for row in _facts()["scarce"] if accelerator_type in row["accelerators"]), None)


def has_fast_link(accelerator_type: str | None) -> bool:
    """Whether the devices of one machine are joined by more than the host's own bus."""
    return any(accelerator_type in row["accelerators"] for row in _facts()["fast_link"])


def geography(provider: str, region: str | None) -> str | None:
    """The legal geography of a region."""
    patterns = (row["patterns"] for row in _facts()["geography"] if row["provider"] == provider)
    pairs = (pair for row in patterns for pair in row.items())
    return next((name for pattern, name in pairs if re.fullmatch(pattern, (region or "").lower())), None)


@lru_cache(maxsize=1)
def geographies() -> frozenset[str]:
    """The legal geographies that regions are known to be in."""
    return frozenset(name for row in _facts()["geography"] for name in row["patterns"].values())


def transfer_price(provider: str, within: str) -> TransferPrice | None:
    """The price of data moved between regions of a geography."""
    rows = _facts()["transfer"]
    row = next((row for row in rows if provider in row["providers"] and within in row["geographies"]), None)
    return row and TransferPrice(Decimal(row["price_per_gb"]), row["currency"], row["source"])


@lru_cache(maxsize=1)
def _facts() -> Mapping[str, Any]:
    return read_toml("machine_facts.toml", __package__)
