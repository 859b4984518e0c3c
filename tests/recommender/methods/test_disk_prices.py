"""List prices of disks and snapshots, by hand from the published price per GiB and month."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recommender.methods.disk_prices import disk_price, snapshot_price

D = Decimal


@pytest.mark.parametrize(
    ("provider", "region", "kind", "gib", "asked", "monthly"),
    [
        # 500 × 0.08
        ("aws", "us-east-1", "gp3", 500, {}, "40.00"),
        # what is included costs nothing: 500 × 0.08 + (6,000 − 3,000) × 0.005 + (250 − 125) × 0.04
        ("aws", "us-east-1", "gp3", 500, {"iops": D(3000), "mbps": D(125)}, "40.00"),
        ("aws", "us-east-1", "gp3", 500, {"iops": D(6000), "mbps": D(250)}, "60.00"),
        # IOPS of gp2 come with its size: 2,000 × 0.10
        ("aws", "us-west-2", "gp2", 2000, {"iops": D(6000)}, "200.00"),
        # 1,000 × 0.125 + 10,000 × 0.065
        ("aws", "us-east-1", "io2", 1000, {"iops": D(10_000)}, "775.00"),
        # Google's own example: 200 GB of SSD cost 34.00 a month
        ("gcp", "us-central1", "pd-ssd", 200, {}, "34.00"),
        # 500 × 0.13
        ("gcp", "europe-central2", "pd-balanced", 500, {}, "65.00"),
        # Azure's are billed as the next larger size: 100 GiB as P10 (128), 129 as P15 (38.012142), 1,000 as P30
        ("azure", "eastus", "Premium_LRS", 100, {"iops": D(500)}, "19.71"),
        ("azure", "eastus", "Premium_LRS", 129, {}, "38.01"),
        ("azure", "eastus", "Premium_LRS", 1000, {}, "135.17"),
        ("azure", "westeurope", "Premium_LRS", 128, {}, "21.68"),
        ("azure", "eastus", "StandardSSD_LRS", 1000, {}, "76.80"),
        ("azure", "eastus", "StandardSSD_ZRS", 65, {}, "14.40"),
        ("azure", "eastus", "Standard_LRS", 128, {}, "5.89"),
    ],
)
def test_size_and_what_was_asked_for(
    provider: str, region: str, kind: str, gib: int, asked: dict[str, Decimal], monthly: str
) -> None:
    price = disk_price(provider, region, kind, D(gib), **asked)
    assert price is not None
    assert (price.monthly, price.currency) == (D(monthly), "USD")
    assert price.source


def test_what_the_table_does_not_know_has_no_price() -> None:
    assert disk_price("aws", "eu-west-3", "gp3", D(10)) is None
    assert disk_price("aws", "us-east-1", None, D(10)) is None
    assert disk_price("aws", "us-east-1", "io2", D(1000), iops=D(40_000)) is None
    assert snapshot_price("azure", "brazilsouth", D(10)) is None


def test_a_size_the_table_does_not_know_is_no_neighbour_s() -> None:
    """Of 512 GiB (P20) no price was read, though those of P15 and P30 were; nor of what has no size at all."""
    assert disk_price("azure", "eastus", "Premium_LRS", D(512)) is None
    assert disk_price("azure", "eastus", "Premium_LRS", D(1025)) is None
    assert disk_price("azure", "eastus", "PremiumV2_LRS", D(512)) is None


def test_a_snapshot_is_at_most_the_whole_disk() -> None:
    price = snapshot_price("aws", "us-east-1", D(2000))
    assert price is not None
    assert price.monthly == D("100.00")
    # 1,024 × 0.05, in the standard storage
    price = snapshot_price("azure", "eastus", D(1024))
    assert price is not None
    assert price.monthly == D("51.20")
