"""What things cost: single facts of public price lists, in ten-thousand-millionths (1e-10) of a currency unit.

AWS: on-demand Linux, us-east-1, July 2026 (Karpenter's generated price table); SageMaker carries its usual surcharge.
Google Cloud: us-central1, July 2026 (A2 and G2 are sold as core, RAM and GPU). Azure: East US retail.
Spot prices follow the discounts of AWS's public spot advisor. Token prices: the vendors' lists, per token.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

UNIT: Final = 10**10


def units(price: str) -> int:
    """A price in units of 1e-10."""
    value = Decimal(price) * UNIT
    if value != int(value):
        raise ValueError(f"{price} has more than ten decimals")
    return int(value)


@dataclass(frozen=True)
class Machine:
    """A machine type: ``price`` is an hour on demand at list, ``memory`` the bytes of one accelerator."""

    name: str
    price: int
    accelerators: int
    accelerator_type: str
    memory: int
    vcpus: int
    ram_gib: int
    idle_watts: int
    full_watts: int
    spot_percent: int = 40
    """Spot price as a percentage of list."""


GIB = 1 << 30
CARDS: Final = {
    "V100": ("nvidia-v100-16gb", 16 * GIB, 70, 300),
    "A100": ("nvidia-a100-40gb", 40 * GIB, 55, 400),
    "A100_80_PCIE": ("nvidia-a100-80gb-pcie", 80 * GIB, 50, 300),
    "A100_80": ("nvidia-a100-80gb", 80 * GIB, 60, 400),
    "H100": ("nvidia-h100-80gb", 80 * GIB, 70, 700),
    "T4": ("nvidia-t4", 16 * GIB, 10, 70),
    "A10G": ("nvidia-a10g", 24 * GIB, 20, 300),
    "L4": ("nvidia-l4", 24 * GIB, 16, 72),
    "INF2": ("aws-inferentia2", 32 * GIB, 40, 190),
    "TRN1": ("aws-trainium1", 32 * GIB, 45, 210),
    "TPU": ("google-tpu-v5e", 16 * GIB, 60, 220),
    "NONE": ("", 0, 0, 0),
}
"""Accelerators: canonical name, memory, idle and full power in watts."""

# name, list price an hour, accelerators, card, vCPUs, GiB of RAM, spot price in percent of list
_MACHINES = """
p3.16xlarge                    24.48  8 V100     64  488 17
p4d.24xlarge               21.957642  8 A100     96 1152 33
p5.48xlarge                    55.04  8 H100    192 2048 48
g4dn.xlarge                    0.526  1 T4        4   16 36
g4dn.12xlarge                  3.912  4 T4       48  192 36
g5.xlarge                      1.006  1 A10G      4   16 41
g5.2xlarge                     1.212  1 A10G      8   32 41
g5.12xlarge                    5.672  4 A10G     48  192 42
g5.48xlarge                   16.288  8 A10G    192  768 42
g6.xlarge                     0.8048  1 L4        4   16 51
inf2.8xlarge                 1.96786  1 INF2     32  128 40
trn1.32xlarge                   21.5 16 TRN1    128  512 21
m6i.2xlarge                    0.384  0 NONE      8   32 40
ml.g4dn.xlarge                0.7364  1 T4        4   16 40
ml.g5.xlarge                   1.408  1 A10G      4   16 40
ml.g5.2xlarge                  1.515  1 A10G      8   32 40
ml.p4d.24xlarge            25.251288  8 A100     96 1152 40
Standard_ND96asr_v4           27.197  8 A100     96  900 40
Standard_NC24ads_A100_v4       3.673  1 A100_80_PCIE  24  220 45
Standard_NC96ads_A100_v4      14.692  4 A100_80_PCIE  96  880 45
Standard_NC4as_T4_v3           0.589  1 T4        4   28 40
Standard_NC6s_v3                3.06  1 V100      6  112 40
a2-highgpu-1g               3.673385  1 A100     12   85 52
a2-highgpu-8g               29.38708  8 A100     96  680 52
a2-ultragpu-1g              5.027702  1 A100_80  12  170 54
g2-standard-12               1.00046  1 L4       12   48 56
ct5lp-hightpu-8t                 9.6  8 TPU     224  384 52
"""


def _machine(row: str) -> Machine:
    name, price, count, card, vcpus, ram, spot = row.split()
    kind, memory, idle, full = CARDS[card]
    return Machine(name, units(price), int(count), kind, memory, int(vcpus), int(ram), idle, full, int(spot))


MACHINES: Final = {machine.name: machine for machine in map(_machine, _MACHINES.strip().splitlines())}


@dataclass(frozen=True)
class GcpPart:
    """One of the SKUs a Google machine is billed as: how many pricing units an hour of the machine holds."""

    description: str
    sku_id: str
    amount: int
    price: int
    unit: str
    raw_unit: str
    raw_per_unit: int


GCP_FAMILIES: Final = {"A2": (units("0.031611"), units("0.004237")), "G2": (units("0.024988"), units("0.002927"))}
"""Price of a core hour and of a gibibyte hour by machine family."""


def _gcp_parts(name: str, gpu: str, gpu_sku: str, gpu_price: str) -> list[GcpPart]:
    machine, family = MACHINES[name], name[:2].upper()
    core, ram = GCP_FAMILIES[family]
    what = f"{family} Instance"
    return [
        _gcp_part(f"Nvidia {gpu} GPU", gpu_sku, machine.accelerators, units(gpu_price)),
        _gcp_part(f"{what} Core", f"{family}C0-7F31-09D2", machine.vcpus, core),
        GcpPart(
            f"{what} Ram running in Americas",
            f"{family}A1-5B60-44E8",
            machine.ram_gib,
            ram,
            "gibibyte hour",
            "byte-seconds",
            3600 * GIB,
        ),
    ]


def _gcp_part(what: str, sku: str, amount: int, price: int) -> GcpPart:
    return GcpPart(f"{what} running in Americas", sku, amount, price, "hour", "seconds", 3600)


GCP_PARTS: Final = {
    "a2-highgpu-1g": _gcp_parts("a2-highgpu-1g", "Tesla A100", "039F-D0DA-4055", "2.933908"),
    "a2-highgpu-8g": _gcp_parts("a2-highgpu-8g", "Tesla A100", "039F-D0DA-4055", "2.933908"),
    "a2-ultragpu-1g": _gcp_parts("a2-ultragpu-1g", "Tesla A100 80GB", "0F43-1E2B-6C90", "3.92808"),
    "g2-standard-12": _gcp_parts("g2-standard-12", "L4", "44A0-1DF2-8E31", "0.560108"),
    "ct5lp-hightpu-8t": [_gcp_part("TPU v5e", "5D1E-9A07-4C2B", 8, units("1.2"))],
}


@dataclass(frozen=True)
class TokenPrice:
    """Price of one token by class, in units of 1e-10; 0 where the class is not sold."""

    input: int
    cached: int
    cache_write: int
    output: int


TOKENS: Final = {
    "claude-sonnet-4": TokenPrice(units("0.000003"), units("0.0000003"), units("0.00000375"), units("0.000015")),
    "nova-lite": TokenPrice(units("0.00000006"), units("0.000000015"), 0, units("0.00000024")),
    "gpt-4o": TokenPrice(units("0.0000025"), units("0.00000125"), 0, units("0.00001")),
    "gpt-4o-mini": TokenPrice(units("0.00000015"), units("0.000000075"), 0, units("0.0000006")),
    "text-embedding-3-large": TokenPrice(units("0.00000013"), 0, 0, 0),
    "gemini-2.5-flash": TokenPrice(units("0.0000003"), units("0.000000075"), 0, units("0.0000025")),
    "gemini-2.5-pro": TokenPrice(units("0.00000125"), units("0.0000003125"), 0, units("0.00001")),
}
