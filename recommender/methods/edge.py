"""What an inference costs on devices at the edge, beside what it costs in the cloud: a calculation, never advice.

Assumes
    A device does all its inferences itself, as well as the cloud does: nobody has measured that here. Its hardware
    lasts the years given, and then it is worth nothing.
Method
    A device and month: hardware ÷ (12 × years) + mean watts × 730 h ÷ 1000 × price of a kWh + management.
    Cost per 1,000 inferences at a volume per device and month, with the engineering spread over the same years and all
    devices. *Break-even* volume: device and month, engineering included, ÷ the cloud's cost of one inference.
Cases
    A cloud cost of nothing breaks even nowhere: None.
Sources
    docs/advice.md. That "the edge saves 50 %" is often quoted; no measurement behind it was found, so no share is
    assumed: every price is given by whoever asks.
Known drawbacks
    No cost of capital, spare devices, connection of the sites, or of wrong answers. The cloud's cost per inference is
    the present one; what is not served there any more may leave machines idle rather than save its share.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from aispend.clock import HOURS_PER_MONTH
from aispend.money import rate

_PER = 1000
_MONTHS = 12


@dataclass(frozen=True)
class Device:
    """One device: ``hardware`` once, mean ``watts``, ``power_price`` of a kWh, ``management`` a month."""

    hardware: Decimal
    years: Decimal
    watts: Decimal
    power_price: Decimal
    management: Decimal


@dataclass(frozen=True)
class EdgeCost:
    """Monthly money of all devices, and per 1,000 inferences; ``break_even`` is inferences a device and month.

    ``saving`` is the cloud's cost at that volume less the edge's, negative where the edge costs more.
    """

    hardware: Decimal
    power: Decimal
    management: Decimal
    engineering: Decimal
    total: Decimal
    per_1k: Decimal | None
    cloud_per_1k: Decimal
    cloud_total: Decimal
    saving: Decimal
    break_even: Decimal | None


def edge_cost(
    device: Device, *, devices: int, engineering: Decimal, inferences: Decimal, cloud_per_1k: Decimal
) -> EdgeCost:
    """``inferences`` are of one device and month; ``engineering`` is paid once for all devices.

    Raises ``ValueError`` without devices, or without years to use them.
    """
    if devices < 1 or device.years <= 0:
        raise ValueError("there has to be a device, and a time it is used for")
    months = device.years * _MONTHS
    hardware = rate(device.hardware * devices, months)
    power = device.watts * HOURS_PER_MONTH / _PER * device.power_price * devices
    management = device.management * devices
    spread = rate(engineering, months)
    total = hardware + power + management + spread
    volume = inferences * devices
    cloud_total = rate(cloud_per_1k * volume, Decimal(_PER))
    return EdgeCost(
        hardware=hardware,
        power=power,
        management=management,
        engineering=spread,
        total=total,
        per_1k=rate(total, volume, _PER) if volume > 0 else None,
        cloud_per_1k=cloud_per_1k,
        cloud_total=cloud_total,
        saving=cloud_total - total,
        break_even=rate(total, cloud_per_1k * devices, _PER) if cloud_per_1k > 0 else None,
    )
