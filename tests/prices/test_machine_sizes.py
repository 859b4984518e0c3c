"""Sizes of machines without accelerators, and a second opinion on them."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import moto
import pytest

from aispend.prices.accelerators import instance_type
from aispend.prices.data import read_csv
from aispend.prices.machine_sizes import MachineSize, machine_size, machine_sizes

D = Decimal


@pytest.mark.parametrize(
    ("provider", "name", "vcpus", "gib"),
    [
        ("aws", "m5.xlarge", "4", "16"),
        ("aws", "ml.c5.2xlarge", "8", "16"),
        ("aws", "r6i.large", "2", "16"),
        ("aws", "t3.nano", "2", "0.5"),
        ("gcp", "n2-standard-8", "8", "32"),
        ("gcp", "n1-highmem-4", "4", "26"),
        ("gcp", "e2-small", "0.5", "2"),
        ("gcp", "n2-custom-8-33792", "8", "33"),
        ("gcp", "custom-4-15360-ext", "4", "15"),
        ("azure", "Standard_D4s_v5", "4", "16"),
        ("azure", "D8ls v5", "8", "16"),
        ("azure", "Standard_E96s_v5", "96", "672"),
        ("azure", "Standard_E64s_v4", "64", "504"),
        ("azure", "F72s v2 Spot", "72", "144"),
        ("azure", "Standard_B2ms", "2", "8"),
    ],
)
def test_a_size_is_found_however_the_type_is_written(provider: str, name: str, vcpus: str, gib: str) -> None:
    assert machine_size(provider, name) == MachineSize(D(vcpus), D(gib))


@pytest.mark.parametrize(
    ("provider", "name"),
    [("aws", "m99.xlarge"), ("aws", "p5.48xlarge"), ("gcp", "n2-standard-3"), ("azure", "Standard_E8-4s_v5")],
)
def test_what_is_not_in_the_table_is_unknown(provider: str, name: str) -> None:
    assert machine_size(provider, name) is None


def test_no_machine_is_in_both_tables_and_every_row_has_a_source() -> None:
    assert not [key for key in machine_sizes() if instance_type(*key)]
    assert all(size.vcpus > 0 and size.memory_gib > 0 for size in machine_sizes().values())
    rows = read_csv("machine_sizes.csv")
    assert all(row["source"] and row["checked"] for row in rows)
    assert len({(row["provider"], row["family"]) for row in rows}) == len(rows)


def test_sizes_agree_with_what_ec2_describes() -> None:
    recorded = Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz"
    described = json.loads(gzip.decompress(recorded.read_bytes()))
    compared = 0
    for name, size in described.items():
        if known := machine_size("aws", name):
            assert known == (
                MachineSize(D(size["VCpuInfo"]["DefaultVCpus"]), D(size["MemoryInfo"]["SizeInMiB"]) / 1024)
            ), name
            compared += 1
    assert compared > 1000
