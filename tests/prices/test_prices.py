"""Dated prices, and the machines that would be smaller."""

from __future__ import annotations

import csv
import doctest
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.prices import accelerators, classify, models, tokens
from aispend.prices.accelerators import instance_type
from aispend.prices.prices import node_split, price_at, prices, reference_price, smaller_types

TODAY = date(2026, 11, 21)


def test_a_price_holds_from_its_day_on() -> None:
    """p4d.24xlarge in us-east-1 fell in June 2025; before its launch there was no price."""
    at = [price_at("aws", "us-east-1", "p4d.24xlarge", "on_demand", day) for day in
          (date(2020, 11, 1), date(2020, 11, 2), date(2025, 5, 31), date(2025, 6, 1), TODAY)]  # fmt: skip

    assert [price and price.hourly_price for price in at] == [
        None,
        Decimal("32.7726"),
        Decimal("32.7726"),
        Decimal("21.957642"),
        Decimal("21.957642"),
    ]


def test_what_nobody_priced_has_no_price() -> None:
    """Another region, another term, a SageMaker type, a day too early: unknown, never zero."""
    assert price_at("aws", "eu-north-1", "p5.48xlarge", "on_demand", TODAY) is None
    assert price_at("aws", "us-east-1", "p5.48xlarge", "3y", TODAY) is None
    assert price_at("aws", "us-east-1", "ml.p5.48xlarge", "on_demand", TODAY) is None
    assert price_at("gcp", "us-central1", "a2-highgpu-1g", "on_demand", date(2020, 1, 1)) is None


def test_prices_of_three_clouds() -> None:
    """Spot checks against the published lists."""
    asked = [
        ("aws", "us-east-1", "g5.4xlarge", "on_demand"),
        ("aws", "cn-north-1", "p3.2xlarge", "on_demand"),
        ("gcp", "us-central1", "a2-highgpu-1g", "on_demand"),
        ("gcp", "us-central1", "a2-highgpu-1g", "spot"),
        ("gcp", "us-central1", "a2-highgpu-1g", "1y"),
        ("azure", "eastus", "NC24ads A100 v4", "on_demand"),
    ]
    found = [price_at(*key, TODAY) for key in asked]  # type: ignore[arg-type]

    assert [(price.hourly_price, price.currency) for price in found if price] == [
        (Decimal("1.624"), "USD"),
        (Decimal("36.078"), "CNY"),
        (Decimal("3.673385"), "USD"),
        (Decimal("1.92802"), "USD"),
        (Decimal("2.314207040"), "USD"),
        (Decimal("3.673"), "USD"),
    ]


def test_the_catalogue_is_sound() -> None:
    """Positive prices of known machines, each with source and date, one per key and day; commitments are cheaper."""
    rows = prices()
    keys = Counter((row.provider, row.region, row.instance_type, row.term, row.valid_from) for row in rows)

    assert len(rows) > 1000
    assert max(keys.values()) == 1
    for row in rows:
        assert row.hourly_price > 0, row
        assert row.source, row
        assert row.valid_from <= row.checked, row
        assert instance_type(row.provider, row.instance_type) is not None, row
        if row.term in {"1y", "3y"}:
            list_price = price_at(row.provider, row.region, row.instance_type, "on_demand", row.valid_from)
            assert list_price is not None, row
            assert row.hourly_price < list_price.hourly_price, row


def test_prices_agree_with_the_published_lists(public_data: Path) -> None:
    """Every AWS row of a published table is in the catalogue with its exact value on the table's day."""
    with (public_data / "price_aws_ondemand" / "aws_ondemand.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if instance_type("aws", row["instance_type"])]
    differing = [
        row
        for row in rows
        if (price := price_at("aws", row["region"], row["instance_type"], "on_demand", TODAY)) is None
        or price.hourly_price != Decimal(row["on_demand_per_hour"])
    ]

    assert len(rows) > 150
    assert differing == []


def test_smaller_machines_of_a_four_card_one() -> None:
    """g5.12xlarge has four A10G: fewer of them, or other NVIDIA cards with no more memory, all cheaper."""
    found = smaller_types("aws", "us-east-1", "g5.12xlarge", TODAY)
    by_name = {item.instance_type: item for item in found}

    assert [item.price.hourly_price for item in found] == sorted(item.price.hourly_price for item in found)
    assert by_name["g5.xlarge"].change == "fewer"
    assert (by_name["g5.xlarge"].accelerators, by_name["g5.xlarge"].memory_gb) == (1, 24)
    assert by_name["g6.12xlarge"].change == "other_card"
    assert by_name["g6.12xlarge"].price.source
    for name in ("g5.12xlarge", "g5.24xlarge", "inf2.xlarge", "trn1.2xlarge", "g4ad.xlarge", "p2.xlarge", "g5g.xlarge"):
        assert name not in by_name


def test_same_cards_in_a_smaller_host() -> None:
    """g5.16xlarge has one A10G like g5.xlarge, and is dearer for its vCPUs alone."""
    names = [item.instance_type for item in smaller_types("aws", "us-east-1", "g5.16xlarge", TODAY)]

    assert {"g5.xlarge", "g5.2xlarge", "g5.4xlarge", "g5.8xlarge"} <= set(names)


def test_no_candidates_without_a_price() -> None:
    """An unknown machine, or one without a price, is compared with nothing."""
    assert smaller_types("aws", "us-east-1", "m5.large", TODAY) == []
    assert smaller_types("azure", "westeurope", "Standard_NC24ads_A100_v4", TODAY) == []
    assert smaller_types("aws", "us-east-1", "g5.12xlarge", date(2019, 1, 1)) == []


@given(st.sampled_from(prices()), st.integers(0, 400))
def test_candidates_are_cheaper_and_not_larger(row: object, days: int) -> None:
    """For any priced machine on any day: cheaper, in the same currency, with no more device memory."""
    from aispend.prices.prices import Price

    assert isinstance(row, Price)
    on = row.valid_from + timedelta(days)
    now = price_at(row.provider, row.region, row.instance_type, "on_demand", on)
    machine = instance_type(row.provider, row.instance_type)
    assert machine is not None
    card = accelerators.accelerator(machine.accelerator_type)
    assert card is not None
    for item in smaller_types(row.provider, row.region, row.instance_type, on):
        assert now is not None
        assert item.price.hourly_price < now.hourly_price
        assert item.price.currency == now.currency
        assert item.memory_gb <= machine.accelerators * card.memory_gb + Decimal("0.001")


def test_node_split_adds_up_to_the_price() -> None:
    """p5.48xlarge at 55.04: 192 vCPUs at 0.033, 2,048 GiB at 0.00375, the eight accelerators the rest."""
    assert node_split("aws", "us-east-1", "p5.48xlarge", TODAY) == (
        Decimal("41.024"),
        Decimal("6.336"),
        Decimal("7.68"),
    )
    assert node_split("aws", "cn-north-1", "p3.2xlarge", TODAY) is None
    assert node_split("aws", "us-east-1", "m5.large", TODAY) is None


@pytest.mark.parametrize(
    ("provider", "machines"),
    [("aws", ((2, 8, "0.096"), (2, 16, "0.126"))), ("azure", ((2, 8, "0.096"), (2, 16, "0.126")))],
)
def test_reference_prices_follow_from_their_derivation(
    provider: str, machines: tuple[tuple[int, int, str], ...]
) -> None:
    """The two machines named in the file cost exactly their parts."""
    reference = reference_price(provider)

    assert reference is not None
    for vcpus, gib, price in machines:
        assert vcpus * reference.vcpu_hour + gib * reference.gib_hour == Decimal(price)
    assert reference_price("oci") is None


@pytest.mark.parametrize("module", [accelerators, classify, models, tokens], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: object) -> None:
    """What the documentation shows is what happens."""
    outcome = doctest.testmod(module)  # type: ignore[arg-type]

    assert outcome.attempted > 0
    assert outcome.failed == 0
