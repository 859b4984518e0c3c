"""What things cost: single facts of public price lists, in ten-thousand-millionths (1e-10) of a currency unit.

AWS: on-demand Linux, us-east-1, July 2026 (Karpenter's generated price table); SageMaker carries the usual surcharge.
Google Cloud: us-central1, July 2026 (A2 and G2 sold as core, RAM and GPU). Azure: East US retail, euro prices for West Europe.
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
_V100, _A100, _A100_80, _H100 = (16 * GIB, 70, 300), (40 * GIB, 55, 400), (80 * GIB, 60, 400), (80 * GIB, 70, 700)
_T4, _A10G, _L4 = (16 * GIB, 10, 70), (24 * GIB, 20, 300), (24 * GIB, 16, 72)
_INF2, _TRN1, _TPU = (32 * GIB, 40, 190), (32 * GIB, 45, 210), (16 * GIB, 60, 220)
_NONE = (0, 0, 0)


def _machine(
    name: str, price: str, count: int, kind: str, card: tuple[int, int, int], vcpus: int, ram: int, spot: int = 40
) -> Machine:
    return Machine(name, units(price), count, kind, card[0], vcpus, ram, card[1], card[2], spot)


MACHINES: Final = {
    machine.name: machine
    for machine in (
        _machine("p3.16xlarge", "24.48", 8, "nvidia-v100-16gb", _V100, 64, 488, 17),
        _machine("p4d.24xlarge", "21.957642", 8, "nvidia-a100-40gb", _A100, 96, 1152, 33),
        _machine("p5.48xlarge", "55.04", 8, "nvidia-h100-80gb", _H100, 192, 2048, 48),
        _machine("g4dn.xlarge", "0.526", 1, "nvidia-t4", _T4, 4, 16, 36),
        _machine("g4dn.12xlarge", "3.912", 4, "nvidia-t4", _T4, 48, 192, 36),
        _machine("g5.xlarge", "1.006", 1, "nvidia-a10g", _A10G, 4, 16, 41),
        _machine("g5.2xlarge", "1.212", 1, "nvidia-a10g", _A10G, 8, 32, 41),
        _machine("g5.12xlarge", "5.672", 4, "nvidia-a10g", _A10G, 48, 192, 42),
        _machine("g5.48xlarge", "16.288", 8, "nvidia-a10g", _A10G, 192, 768, 42),
        _machine("g6.xlarge", "0.8048", 1, "nvidia-l4", _L4, 4, 16, 51),
        _machine("inf2.8xlarge", "1.96786", 1, "aws-inferentia2", _INF2, 32, 128),
        _machine("trn1.32xlarge", "21.5", 16, "aws-trainium1", _TRN1, 128, 512, 21),
        _machine("m6i.2xlarge", "0.384", 0, "", _NONE, 8, 32),
        _machine("ml.g4dn.xlarge", "0.7364", 1, "nvidia-t4", _T4, 4, 16),
        _machine("ml.g5.xlarge", "1.408", 1, "nvidia-a10g", _A10G, 4, 16),
        _machine("ml.g5.2xlarge", "1.515", 1, "nvidia-a10g", _A10G, 8, 32),
        _machine("ml.p4d.24xlarge", "25.251288", 8, "nvidia-a100-40gb", _A100, 96, 1152),
        _machine("Standard_ND96asr_v4", "27.197", 8, "nvidia-a100-40gb", _A100, 96, 900),
        _machine("Standard_NC24ads_A100_v4", "3.673", 1, "nvidia-a100-80gb", _A100_80, 24, 220, 45),
        _machine("Standard_NC96ads_A100_v4", "14.692", 4, "nvidia-a100-80gb", _A100_80, 96, 880, 45),
        _machine("Standard_NC4as_T4_v3", "0.589", 1, "nvidia-t4", _T4, 4, 28),
        _machine("Standard_NC6s_v3", "3.06", 1, "nvidia-v100-16gb", _V100, 6, 112),
        _machine("a2-highgpu-1g", "3.673385", 1, "nvidia-a100-40gb", _A100, 12, 85, 52),
        _machine("a2-highgpu-8g", "29.38708", 8, "nvidia-a100-40gb", _A100, 96, 680, 52),
        _machine("a2-ultragpu-1g", "5.027702", 1, "nvidia-a100-80gb", _A100_80, 12, 170, 54),
        _machine("g2-standard-12", "1.00046", 1, "nvidia-l4", _L4, 12, 48, 56),
        _machine("ct5lp-hightpu-8t", "9.6", 8, "google-tpu-v5e", _TPU, 224, 384, 52),
    )
}


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


def _gcp_parts(name: str, gpu: str, gpu_id: str, gpu_price: str, core_price: str, ram_price: str) -> list[GcpPart]:
    machine = MACHINES[name]
    family = name[:2].upper()
    return [
        GcpPart(f"Nvidia {gpu} GPU running in Americas", gpu_id, machine.accelerators, units(gpu_price), "hour", "seconds", 3600),
        GcpPart(f"{family} Instance Core running in Americas", f"{family}C0-7F31-09D2", machine.vcpus, units(core_price), "hour", "seconds", 3600),
        GcpPart(
            f"{family} Instance Ram running in Americas", f"{family}A1-5B60-44E8", machine.ram_gib, units(ram_price),
            "gibibyte hour", "byte-seconds", 3600 * GIB,
        ),
    ]  # fmt: skip


GCP_PARTS: Final = {
    "a2-highgpu-1g": _gcp_parts("a2-highgpu-1g", "Tesla A100", "039F-D0DA-4055", "2.933908", "0.031611", "0.004237"),
    "a2-highgpu-8g": _gcp_parts("a2-highgpu-8g", "Tesla A100", "039F-D0DA-4055", "2.933908", "0.031611", "0.004237"),
    "a2-ultragpu-1g": _gcp_parts(
        "a2-ultragpu-1g", "Tesla A100 80GB", "0F43-1E2B-6C90", "3.92808", "0.031611", "0.004237"
    ),
    "g2-standard-12": _gcp_parts("g2-standard-12", "L4", "44A0-1DF2-8E31", "0.560108", "0.024988", "0.002927"),
    "ct5lp-hightpu-8t": [
        GcpPart("TPU v5e running in Americas", "5D1E-9A07-4C2B", 8, units("1.2"), "hour", "seconds", 3600)
    ],
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
