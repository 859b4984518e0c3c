"""Prices of machines, through the real client over gRPC, composed of the catalogue's parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.prices import Prices
from collectors.gcp.sku_parts import of_text
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from sample.google_catalogue import sku
from tests.gcp.double import Google, served
from tests.gcp.skus import A2, a2, catalogue

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
HERE = {"projects": ["ml-prod"], "regions": ["us-central1"]}


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        yield double


def priced(database: Store) -> dict[tuple[str, str], Decimal]:
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT instance_type, term, hourly_price FROM price WHERE provider = 'gcp'"))
        return {(row[0], row[1]): row[2].normalize() for row in found}


def test_a_machine_costs_what_its_parts_do_on_every_term(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """12 cores at 0.031611, 85 GiB at 0.004237, one A100 at 2.933908: 3.673385, as Google publishes it."""
    google.skus = catalogue(
        *a2(),
        *a2("Preemptible", "Spot Preemptible {} running in Americas", "0.5")[:2],
        sku("Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas", "1.5", "Preemptible"),
        *a2("Commit1Yr", "Commitment v1: {} in Americas for 1 Year", "0.63"),
        sku("A2 Instance Core running in Tokyo", "9", regions=["asia-northeast1"]),
    )
    report = run(Prices(connect(**HERE), clock))

    assert (report.error, report.slices[0].message) == (None, "")
    found = priced(database)
    assert found["a2-highgpu-1g", "on_demand"] == Decimal("3.673385")
    assert found["a2-highgpu-8g", "on_demand"] == Decimal("29.38708")
    assert found["a2-highgpu-1g", "spot"] == Decimal("1.8697385")
    assert found["a2-highgpu-1g", "1y"] == Decimal("2.31423255")
    assert found["nvidia-tesla-a100", "on_demand"] == Decimal("2.933908")
    assert ("a2-highgpu-1g", "3y") not in found
    with database.engine.connect() as connection:
        regions = connection.execute(text("SELECT DISTINCT region, currency, valid_from::text FROM price")).all()
    assert [tuple(one) for one in regions] == [("us-central1", "USD", "2026-11-01")]


def test_local_ssd_that_always_comes_with_a_machine_is_part_of_its_price(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """375 GiB at 0.08 a month of 730 hours above its parts: 5.068797890410…, as Google publishes it."""
    google.skus = catalogue(
        *a2(),
        sku("Nvidia Tesla A100 80GB GPU running in Americas", "3.92808"),
        sku("SSD backed Local Storage", "0.08", unit="GiBy.mo"),
    )
    run(Prices(connect(**HERE), clock))
    assert abs(priced(database)["a2-ultragpu-1g", "on_demand"] - Decimal("5.06879789041096")) < Decimal("1e-9")


def test_what_cannot_be_composed_is_left_out_and_told(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.skus = catalogue(
        sku("Nvidia L4 GPU running in Americas", "0.56"),
        sku("G2 Instance Core running in Americas", "0.025"),
        sku("A4 Nvidia B200 (1 gpu slice) running in Americas", "10"),
        sku("SSD backed Local Storage", "0.08", unit="GiBy.mo"),
        sku("Nvidia Tesla T4 GPU running in Americas", "0.35"),
        sku("Nvidia Tesla T4 GPU running in Americas", "0.36"),
    )
    report = run(Prices(connect(**HERE), clock))

    found = priced(database)
    assert {name for name, _ in found} == {"a4-highgpu-8g", "nvidia-l4"}
    # a slice is an eighth of the whole machine, its 1,500 GiB of local SSD (0.1644 an hour) in it
    assert found["a4-highgpu-8g", "on_demand"] == Decimal(80)
    notes = report.slices[0].notes
    assert "g2-standard-4, on_demand: left out where there is no price of g2." in notes
    assert "The catalogue has several prices of gpu t4: machines with them are left out." in notes
    assert any(one.startswith("No price could be composed for") and "a2-highgpu-1g" in one for one in notes)


def test_tpus_are_priced_by_the_chip(google: Google, connect: Connect, clock: Clock, run: Run, database: Store) -> None:
    google.skus = catalogue(sku("TPU v5e running in Americas", "1.2"))
    run(Prices(connect(**HERE), clock))
    assert priced(database)["ct5lp-hightpu-8t", "on_demand"] == Decimal("9.6")


def test_regions_are_those_with_machines_and_a_list_is_read_once_a_week(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.skus = catalogue(*a2(), *[sku("A2 Instance Core running in Tokyo", "9", regions=["asia-northeast1"])])
    google.listings["compute.instances.aggregatedList"] = {
        "items": {"zones/us-central1-a": {"instances": [{"id": "1", "name": "m"}]}, "zones/us-east1-b": {}}
    }
    run(Prices(connect(projects=["ml-prod"]), clock))
    assert priced(database)
    assert set(google.operations()) == set(Prices.operations)
    google.calls.clear()
    assert run(Prices(connect(projects=["ml-prod"]), clock)).unchanged == 1
    assert google.operations() == []


def test_a_region_whose_zone_does_not_answer_is_priced_by_the_next_run(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.skus = catalogue(*a2(), *(sku(f"{name} running in Tokyo", "9", regions=["asia-northeast1"]) for name in A2))
    here = {"zones/us-central1-a": {"instances": [{"id": "1", "name": "m"}]}}
    down = {"zones/asia-northeast1-a": {"warning": {"code": "UNREACHABLE", "message": "down"}}}
    there = {"zones/asia-northeast1-a": {"instances": [{"id": "2", "name": "n"}]}}
    google.listings["compute.instances.aggregatedList"] = {"items": here | down}
    (first,) = run(Prices(connect(projects=["ml-prod"]), clock)).slices
    assert any("asia-northeast1-a did not answer" in note for note in first.notes)

    google.listings["compute.instances.aggregatedList"] = {"items": here | there}
    assert run(Prices(connect(projects=["ml-prod"]), clock)).loaded == 1
    with database.engine.connect() as connection:
        assert len(connection.execute(text("SELECT DISTINCT region FROM price")).all()) == 2


def test_a_page_may_be_larger_than_grpc_takes_by_itself(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    google.skus = catalogue(*a2(), sku("x" * 5_000_000, "1"), at_once=9)
    report = run(Prices(connect(**HERE), clock))
    assert report.slices[0].message == ""
    assert priced(database)


def test_the_same_page_again_is_an_error_and_nothing_is_written(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    pages = catalogue(*a2())

    def broken(request: Any) -> Any:
        request.page_token = ""
        return pages(request)

    google.skus = broken
    report = run(Prices(connect(**HERE), clock))
    assert "the same page of prices again" in (report.error or report.slices[0].message)
    assert priced(database) == {}


def test_a_denied_catalogue_fails_and_says_so(google: Google, connect: Connect, clock: Clock, run: Run) -> None:
    google.faults["cloudbilling.ListSkus"] = RefusedError(403, "PERMISSION_DENIED", "no")
    report = run(Prices(connect(**HERE), clock))
    assert "denies access" in (report.error or report.slices[0].message)


@pytest.mark.parametrize(
    ("description", "of"),
    [
        ("A3 Instance Core running in Iowa", ("a3", "core")),
        ("Spot Preemptible A3 Instance Ram running in Iowa", ("a3", "ram")),
        ("Nvidia H100 80GB Mega GPU running in Iowa", ("gpu h100 80gb mega", "gpu")),
        ("Commitment v1: Nvidia H100 80GB GPU running in Iowa for 1 Year", ("gpu h100 80gb", "gpu")),
        ("RTX 6000 96GB running in Iowa", ("gpu rtx 6000 96gb", "gpu")),
        ("Commitment v1: Local SSD in Americas for 3 Year", ("local ssd", "gib")),
        ("Commitment v1: A2 Ram in Americas for 3 Year", ("a2", "ram")),
        ("Nvidia L4 GPU running in Iowa for Virtual Workstation", None),
        ("E2 Instance Core running in Iowa", None),
        ("A2 Sole Tenancy Instance Core running in Iowa", None),
    ],
)
def test_a_text_says_which_part_it_is_of(description: str, of: tuple[str, str] | None) -> None:
    assert of_text(description) == of


@pytest.mark.parametrize(
    ("on_demand", "of"),
    [
        ("A4 Nvidia B200 (1 gpu slice)", ("a4", "slice")),
        ("A4X Nvidia GB200 (1 gpu slice)", ("a4x", "slice")),
        ("TpuV5e", ("tpu v5e", "tpu")),
        ("TPU v5p", ("tpu v5p", "tpu")),
        ("Cloud TPU Trillium", ("tpu v6e", "tpu")),
        ("Nvidia H100 80GB Mega GPU", ("gpu h100 80gb mega", "gpu")),
        ("Nvidia H100 Mega 80GB GPU", ("gpu h100 80gb mega", "gpu")),
        ("Nvidia H100 Plus 80GB GPU", ("gpu h100 80gb plus", "gpu")),
    ],
)
@pytest.mark.parametrize(
    "term",
    [
        "{} running in Americas",
        "Spot Preemptible {} running in Americas",
        "{} attached to Spot Preemptible VMs running in Americas",
        "Commitment v1: {} in Americas for 1 Year",
        "Commitment v1: {} running in Americas for 3 Years",
    ],
)
def test_an_accelerator_is_the_same_part_on_every_term(term: str, on_demand: str, of: tuple[str, str]) -> None:
    assert of_text(term.format(on_demand)) == of
    assert of_text(f"Reserved {term.format(on_demand)}") is None
