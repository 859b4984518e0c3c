"""The edge's total cost, by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.edge import Device, edge_cost

D = Decimal
DEVICE = Device(hardware=D(360), years=D(3), watts=D(10), power_price=D("0.25"), management=D(3))


def test_a_hundred_devices_by_hand() -> None:
    """A device and month: 360 ÷ 36 = 10, 10 W × 730 h = 7.3 kWh × 0.25 = 1.825, management 3: 14.825.
    Engineering 36,000 ÷ 36 = 1,000 for a hundred devices. Together 1,482.50 + 1,000 = 2,482.50.
    Volume 100 × 50,000 = 5 million: 0.4965 per thousand; the cloud at 0.80 costs 4,000, so 1,517.50 is saved.
    Break-even 24.825 ÷ 0.0008 = 31,031.25 inferences a device and month.
    """
    found = edge_cost(DEVICE, devices=100, engineering=D(36_000), inferences=D(50_000), cloud_per_1k=D("0.80"))

    assert (found.hardware, found.power, found.management) == (D(1000), D("182.5"), D(300))
    assert (found.engineering, found.total) == (D(1000), D("2482.5"))
    assert (found.per_1k, found.cloud_total, found.saving) == (D("0.4965"), D(4000), D("1517.5"))
    assert found.break_even == D("31031.25")


def test_a_cloud_that_costs_nothing_breaks_even_nowhere() -> None:
    found = edge_cost(DEVICE, devices=1, engineering=D(0), inferences=D(0), cloud_per_1k=D(0))
    assert (found.break_even, found.per_1k, found.saving) == (None, None, -found.total)


@pytest.mark.parametrize(("devices", "years"), [(0, 3), (1, 0)])
def test_without_devices_or_years_there_is_no_answer(devices: int, years: int) -> None:
    device = Device(D(1), D(years), D(1), D(1), D(1))
    with pytest.raises(ValueError, match="a device"):
        edge_cost(device, devices=devices, engineering=D(0), inferences=D(1), cloud_per_1k=D(1))


@given(st.integers(1, 10_000), st.decimals("0.01", "100", places=2), st.decimals(0, 10_000, places=0))
def test_at_the_break_even_volume_nothing_is_saved(devices: int, cloud: Decimal, engineering: Decimal) -> None:
    first = edge_cost(DEVICE, devices=devices, engineering=engineering, inferences=D(1), cloud_per_1k=cloud)
    assert first.break_even is not None
    even = edge_cost(DEVICE, devices=devices, engineering=engineering, inferences=first.break_even, cloud_per_1k=cloud)
    assert abs(even.saving) < D("0.000001")
