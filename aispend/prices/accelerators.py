"""Accelerators and the machines that carry them.

Figures are dense (no sparsity); what nobody could source is None, never zero.
Sources, evidence and the date of checking stand beside every row of ``accelerators.toml`` and ``instance_types.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aispend.prices.data import number, read_csv, read_toml


@dataclass(frozen=True)
class Accelerator:
    """One accelerator: GB of device memory, GB/s, dense TFLOPS (TOPS for int8), watts; None is unknown.

    ``kind`` is gpu, tpu, npu or video; ``architecture`` its maker's name of the generation.
    ``evidence`` is V, R or G as explained in the data file.
    """

    name: str
    maker: str
    kind: str
    memory_gb: Decimal
    evidence: str
    source: str
    checked: date
    named: str
    bandwidth_gb_s: Decimal | None = None
    bf16_tflops: Decimal | None = None
    fp8_tflops: Decimal | None = None
    int8_tops: Decimal | None = None
    fp4_tflops: Decimal | None = None
    tdp_watts: Decimal | None = None
    architecture: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class InstanceType:
    """A machine type with accelerators; ``accelerators`` may be a fraction. An attached accelerator has no vCPUs."""

    provider: str
    instance_type: str
    accelerator_type: str
    accelerators: Decimal
    vcpus: Decimal | None
    memory_gib: Decimal | None
    source: str
    checked: date

    @property
    def family(self) -> str:
        """The part of the name machines of one series share: ``p5``, ``a2-highgpu``, ``ncadsa100v4``."""
        if self.provider == "aws":
            return self.instance_type.split(".")[0]
        if self.provider == "gcp":
            return "-".join(self.instance_type.split("-")[:2])
        return re.sub(r"\d+", "", plain_instance_type("azure", self.instance_type), count=1)


@lru_cache(maxsize=1)
def accelerators() -> Mapping[str, Accelerator]:
    """Every accelerator known, by canonical name, in the order of the file."""
    known = {}
    for entry in read_toml("accelerators.toml")["accelerator"]:
        card = Accelerator(
            name=entry["name"],
            maker=entry["maker"],
            kind=entry["kind"],
            memory_gb=Decimal(entry["memory_gb"]),
            evidence=entry["evidence"],
            source=entry["source"],
            checked=entry["checked"],
            named=entry["named"],
            bandwidth_gb_s=_measure(entry, "bandwidth_gb_s"),
            bf16_tflops=_measure(entry, "bf16_tflops"),
            fp8_tflops=_measure(entry, "fp8_tflops"),
            int8_tops=_measure(entry, "int8_tops"),
            fp4_tflops=_measure(entry, "fp4_tflops"),
            tdp_watts=_measure(entry, "tdp_watts"),
            architecture=entry.get("architecture"),
            note=entry.get("note"),
        )
        known[card.name] = card
    return known


def _measure(entry: Mapping[str, Any], key: str) -> Decimal | None:
    return Decimal(entry[key]) if key in entry else None


def accelerator(name: str) -> Accelerator | None:
    """The accelerator of this canonical name, or None."""
    return accelerators().get(name)


@lru_cache(maxsize=4096)
def accelerator_named(text: str) -> str | None:
    """Canonical name of the accelerator a SKU text or a device driver names, or None.

    >>> accelerator_named("Nvidia Tesla A100 80GB GPU running in Americas")
    'nvidia-a100-80gb'
    >>> accelerator_named("NVIDIA L40S")
    'nvidia-l40s'
    >>> accelerator_named("NVIDIA A100") is None
    True
    """
    lowered = text.lower()
    return next((item.name for item in accelerators().values() if re.search(item.named, lowered)), None)


@lru_cache(maxsize=1)
def instance_types() -> Mapping[tuple[str, str], InstanceType]:
    """Every accelerated machine type known, by provider and plain name."""
    known = {}
    for row in read_csv("instance_types.csv"):
        machine = InstanceType(
            provider=row["provider"],
            instance_type=row["instance_type"],
            accelerator_type=row["accelerator_type"],
            accelerators=number(row["accelerators"]),
            vcpus=Decimal(row["vcpus"]) if row["vcpus"] else None,
            memory_gib=Decimal(row["memory_gib"]) if row["memory_gib"] else None,
            source=row["source"],
            checked=date.fromisoformat(row["checked"]),
        )
        known[machine.provider, plain_instance_type(machine.provider, machine.instance_type)] = machine
    return known


def instance_type(provider: str, name: str) -> InstanceType | None:
    """The accelerated machine type of this name, however the provider's texts write it, or None."""
    return instance_types().get((provider, plain_instance_type(provider, name)))


def accelerators_of(provider: str, name: str) -> tuple[str, Decimal] | None:
    """Accelerator and count (fractions allowed) in one machine of this type; None: none, or unknown type.

    >>> accelerators_of("aws", "ml.p5.48xlarge")
    ('nvidia-h100-80gb', Decimal('8'))
    >>> accelerators_of("azure", "NV18ads A10 v5 Spot")
    ('nvidia-a10', Decimal('0.5'))
    """
    machine = instance_type(provider, name)
    return None if machine is None else (machine.accelerator_type, machine.accelerators)


def plain_instance_type(provider: str, name: str) -> str:
    """A machine type's name without what differs between texts: case, SageMaker's ``ml.``, Azure's ``Standard_``,
    separators and the words spot and low priority."""
    plain = name.strip().lower()
    if provider == "aws":
        return plain.removeprefix("ml.")
    if provider == "azure":
        plain = re.sub(r"[ _-](?:spot|low priority|promo)$", "", plain)
        return re.sub(r"[^a-z0-9]", "", plain.removeprefix("standard"))
    return plain
