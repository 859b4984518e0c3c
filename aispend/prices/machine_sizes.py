"""Sizes of machines without accelerators: how many vCPUs, how much memory.

What no row names is unknown, not guessed from the sound of a name. Machines with accelerators are
:mod:`aispend.prices.accelerators`. Sources and the date of checking stand beside every row of ``machine_sizes.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from aispend.prices.accelerators import plain_instance_type
from aispend.prices.data import read_csv

_MIB_PER_GIB = 1024
_CUSTOM = re.compile(r"(?:[a-z]\w*-)?custom-(?P<vcpus>\d+)-(?P<mib>\d+)(?:-ext)?")
"""Google's machines of a chosen size name it: ``n2-custom-8-32768``."""


@dataclass(frozen=True)
class MachineSize:
    """What one machine has: vCPUs (a part of one, where it is shared) and GiB of memory."""

    vcpus: Decimal
    memory_gib: Decimal


@lru_cache(maxsize=1)
def machine_sizes() -> Mapping[tuple[str, str], MachineSize]:
    """Every machine type of the table, by provider and plain name."""
    known = {}
    for row in read_csv("machine_sizes.csv"):
        for written in row["sizes"].split():
            size, vcpus, memory = written.split(":")
            plain = plain_instance_type(row["provider"], row["family"].replace("*", size))
            known[row["provider"], plain] = MachineSize(Decimal(vcpus), Decimal(memory))
    return known


def machine_size(provider: str, name: str) -> MachineSize | None:
    """The size of a machine of this type, however the provider's texts write it; None where it is unknown.

    >>> machine_size("aws", "ml.m5.xlarge")
    MachineSize(vcpus=Decimal('4'), memory_gib=Decimal('16'))
    >>> machine_size("azure", "D4s v5")
    MachineSize(vcpus=Decimal('4'), memory_gib=Decimal('16'))
    >>> machine_size("aws", "p5.48xlarge") is None
    True
    """
    plain = plain_instance_type(provider, name)
    if provider == "gcp" and (custom := _CUSTOM.fullmatch(plain)):
        return MachineSize(Decimal(custom["vcpus"]), Decimal(custom["mib"]) / _MIB_PER_GIB)
    return machine_sizes().get((provider, plain))
