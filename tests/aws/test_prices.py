"""Price lists: parsed as AWS sends them, held against published prices, superseded and never edited."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.prices.accelerators import instance_type
from aispend.prices.prices import price_at
from aispend.store import Store
from collectors.aws import prices
from collectors.aws.clients import AwsClients
from collectors.aws.inventory_ec2 import accelerated
from collectors.aws.prices import Prices, families, plan_rows, product_rows
from collectors.runner import SourceReport
from tests.aws.double import Aws, RefusalError

D = Decimal
TODAY = date(2026, 11, 21)
Run = Callable[..., SourceReport]


def on_demand(price: str, currency: str = "USD", since: str = "2026-11-01T00:00:00Z") -> dict[str, Any]:
    dimension = {"unit": "Hrs", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {currency: price}}
    return {"SKU.JRTC": {"sku": "SKU", "effectiveDate": since, "priceDimensions": {"SKU.JRTC.6YS6": dimension}}}


def product(
    name: str = "p5.48xlarge",
    price: str = "55.04",
    *,
    region: str = "us-east-1",
    currency: str = "USD",
    since: str = "2026-11-01T00:00:00Z",
    published: str = "2026-11-19T20:11:29Z",
    reserved: dict[str, Any] | None = None,
    **attributes: str,
) -> str:
    """A product as GetProducts gives it: JSON in a text."""
    said = {"instanceType": name, "regionCode": region, "locationType": "AWS Region", "usagetype": f"BoxUsage:{name}"}
    terms = {"OnDemand": on_demand(price, currency, since)} | ({"Reserved": reserved} if reserved else {})
    return json.dumps(
        {
            "product": {"sku": "SKU", "productFamily": "Compute Instance", "attributes": said | attributes},
            "serviceCode": "AmazonEC2",
            "terms": terms,
            "version": "20261119201129",
            "publicationDate": published,
        }
    )


def rate(price: str, plan: str = "Compute", paid: str = "No Upfront", years: int = 1, **changes: Any) -> dict[str, Any]:
    offering = {
        "offeringId": "o",
        "planType": plan,
        "paymentOption": paid,
        "durationSeconds": years * 31_536_000,
        "currency": "USD",
    }
    properties = {"region": "us-east-1", "instanceType": "p5.48xlarge", "instanceFamily": "p5", "tenancy": "shared"}
    return {
        "savingsPlanOffering": offering,
        "rate": price,
        "unit": "Hrs",
        "productType": "EC2",
        "serviceCode": "AmazonEC2",
        "usageType": "BoxUsage:p5.48xlarge",
        "operation": "RunInstances",
        "properties": [{"name": name, "value": value} for name, value in properties.items()],
        **changes,
    }


@pytest.fixture
def make(
    aws: Aws, connect: Callable[..., AwsClients], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Prices]:
    """A collector of one family, so that a run is short."""
    monkeypatch.setattr(prices, "families", lambda: {"p5": ["p5.48xlarge"]})
    aws.on("pricing.GetProducts", {"FormatVersion": "aws_v1", "PriceList": []})
    aws.on("savingsplans.DescribeSavingsPlansOfferingRates", {"searchResults": []})
    return lambda days=0, **settings: Prices(connect(**settings), lambda: clock() + timedelta(days=days))


def listed(aws: Aws, *products: str) -> None:
    """EC2's list has these products; SageMaker's none."""
    aws.on("pricing.GetProducts", lambda asked: {"PriceList": list(products) if "EC2" in asked["ServiceCode"] else []})


def table(database: Store) -> list[tuple[Any, ...]]:
    query = "SELECT region, instance_type, term, valid_from, hourly_price FROM price ORDER BY 1, 2, 3, 4"
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


# ---------------------------------------------------------------------------------------- parsing


def test_reserved_prices_carry_their_fee_in_every_hour() -> None:
    fee = {"unit": "Quantity", "pricePerUnit": {"USD": "87600"}}
    hourly = {"unit": "Hrs", "pricePerUnit": {"USD": "20.0000000000"}}
    says = {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "Partial Upfront"}
    three = {"LeaseContractLength": "3yr", "OfferingClass": "convertible", "PurchaseOption": "No Upfront"}
    since = "2026-02-01T00:00:00Z"
    reserved = {
        "A": {"effectiveDate": since, "termAttributes": says, "priceDimensions": {"1": fee, "2": hourly}},
        "B": {"effectiveDate": since, "termAttributes": three, "priceDimensions": {"1": hourly}},
    }
    rows, notes = product_rows([{"PriceList": [product(reserved=reserved)]}], TODAY)
    found = {row["term"]: (row["hourly_price"], row["valid_from"]) for row in rows}
    assert notes == []
    assert found == {
        "on_demand": (D("55.04"), date(2026, 11, 1)),
        # 87,600 over the 8,760 hours of a year are 10 an hour
        "1y standard reserved, partial upfront": (D(30), date(2026, 2, 1)),
        "3y convertible reserved, no upfront": (D(20), date(2026, 2, 1)),
    }


def test_what_is_no_price_of_a_machine_hour_is_left_out() -> None:
    products = [
        product("p5e.48xlarge", "0.0000000000"),  # not had on demand: unpriced, not free
        product(usagetype="UnusedBox:p5.48xlarge"),
        product(marketoption="CapacityBlock"),
        product(region="us-east-1-bos-1", locationType="AWS Local Zone"),
        product("m5.large", usagetype="BoxUsage:m5.large"),
    ]
    assert product_rows([{"PriceList": products}], TODAY) == ([], [])


def test_two_prices_for_one_machine_are_a_remark_and_neither_is_taken() -> None:
    products = [product(), product(price="50", operation="RunInstances:X"), product("p4d.24xlarge", "21.957642")]
    rows, notes = product_rows([{"PriceList": products}], TODAY)
    assert [row["instance_type"] for row in rows] == ["p4d.24xlarge"]
    assert notes == ["us-east-1, p5.48xlarge, on_demand, USD has two prices; it is left out."]


def test_sagemaker_prices_bear_the_usage_type_of_the_bill() -> None:
    name = {"instanceName": "ml.g5.xlarge", "component": "Hosting"}
    products = [
        product("ml.g5.xlarge", "1.408", usagetype="USE1-Host:ml.g5.xlarge", **name),
        product("ml.g5.xlarge", "1.5", region="eu-west-1", usagetype="EU-Train:ml.g5.xlarge", **name),
    ]
    rows, _ = product_rows([{"PriceList": products}], TODAY)
    assert [(row["region"], row["instance_type"], row["hourly_price"]) for row in rows] == [
        ("us-east-1", "Host:ml.g5.xlarge", D("1.408")),
        ("eu-west-1", "Train:ml.g5.xlarge", D("1.5")),
    ]
    assert price_at("aws", "us-east-1", "ml.g5.xlarge", "on_demand", TODAY) is None, "an EC2 price is not SageMaker's"


def test_the_plainest_plan_is_the_term_and_others_are_spelled_out() -> None:
    sagemaker = {
        "usageType": "USE1-Host:ml.g5.xlarge",
        "properties": [{"name": "region", "value": "us-east-1"}, {"name": "instanceType", "value": "ml.g5.xlarge"}],
    }
    given = [
        rate("40.1"),
        rate("40.1", usageType="UnusedBox:p5.48xlarge"),
        rate("77", properties=[{"name": "productDescription", "value": "Windows"}, {"name": "region", "value": "x"}]),
        rate("30.5", years=3, paid="All Upfront"),
        rate("38.9", plan="EC2Instance", paid="No Upfront"),
        rate("0.9", plan="SageMaker", **sagemaker),
        rate("0.7", plan="SageMaker", years=3, **sagemaker),
        rate("1", properties=[]),
    ]
    rows, notes = plan_rows([{"searchResults": given}], TODAY)
    found = {(row["instance_type"], row["term"]): row["hourly_price"] for row in rows}
    assert notes == ["1 rates of savings plans name no region."]
    assert found == {
        ("p5.48xlarge", "1y"): D("40.1"),
        ("p5.48xlarge", "3y compute plan, all upfront"): D("30.5"),
        ("p5.48xlarge", "1y ec2 plan, no upfront"): D("38.9"),
        ("Host:ml.g5.xlarge", "1y"): D("0.9"),
        ("Host:ml.g5.xlarge", "3y"): D("0.7"),
    }


def test_published_prices_come_through_to_the_last_digit(public_data: Path) -> None:
    with (public_data / "price_aws_ondemand" / "aws_ondemand.csv").open(encoding="utf-8") as file:
        published = [row for row in csv.DictReader(file) if instance_type("aws", row["instance_type"])]
    replies = [
        {
            "PriceList": [
                product(
                    row["instance_type"],
                    f"{D(row['on_demand_per_hour']):.10f}",
                    region=row["region"],
                    currency=row["currency"],
                )
                for row in published[start : start + 100]
            ]
        }
        for start in range(0, len(published), 100)
    ]
    rows, notes = product_rows(replies, TODAY)
    key = ("region", "instance_type", "currency")
    ours = {tuple(row[name] for name in key): row["hourly_price"] for row in rows}
    theirs = {tuple(row[name] for name in key): D(row["on_demand_per_hour"]) for row in published}
    assert notes == []
    assert ours == theirs
    assert len(ours) == len(published) > 150
    catalogue = price_at("aws", "us-east-1", "p5.48xlarge", "on_demand", TODAY)
    assert catalogue is not None
    assert catalogue.hourly_price == ours["us-east-1", "p5.48xlarge", "USD"]


# -------------------------------------------------------------------------------------- collecting


def test_a_price_is_superseded_where_it_changed_and_never_edited(
    aws: Aws, make: Callable[..., Prices], run: Run, database: Store
) -> None:
    listed(aws, product())
    run(make())
    first = ("us-east-1", "p5.48xlarge", "on_demand", date(2026, 11, 1), D("55.04"))
    assert table(database) == [first]

    # a week later the list says a later day, and the same price
    listed(aws, product(since="2026-11-25T00:00:00Z", published="2026-11-26T00:00:00Z"))
    run(make(days=7))
    assert table(database) == [first]

    # then another price for the day that is already priced: it holds from the day it was published
    listed(aws, product(price="50", published="2026-12-03T08:00:00Z"))
    run(make(days=14))
    second = ("us-east-1", "p5.48xlarge", "on_demand", date(2026, 12, 3), D(50))
    assert table(database) == [first, second]

    # and back, from a day of its own
    listed(aws, product(since="2026-12-10T00:00:00Z", published="2026-12-09T08:00:00Z"))
    run(make(days=21))
    assert table(database) == [first, second, ("us-east-1", "p5.48xlarge", "on_demand", date(2026, 12, 10), D("55.04"))]


def test_lists_are_asked_for_once_a_week_and_only_by_declared_requests(
    aws: Aws, make: Callable[..., Prices], run: Run
) -> None:
    run(make())
    assert set(aws.operations()) <= set(Prices.operations)
    assert len(aws.operations()) == 4, "EC2 and SageMaker, a request each; plans of both"
    (asked, *_) = [asked for name, asked, _, _ in aws.calls if name == "pricing.GetProducts"]
    assert {one["Field"]: one["Value"] for one in asked["Filters"]} == {
        "instanceType": "p5.48xlarge",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    aws.calls.clear()
    assert run(make(days=1)).unchanged == 3, "Saturday and Sunday are of one week"
    assert aws.operations() == []
    run(make(days=2))
    assert len(aws.operations()) == 4


def test_pages_are_followed_and_other_regions_left_out(
    aws: Aws, make: Callable[..., Prices], run: Run, database: Store
) -> None:
    aws.on(
        "pricing.GetProducts",
        [
            {"PriceList": [product(), product(region="eu-west-1", price="60")], "NextToken": "2"},
            {"PriceList": [product(), product("p5.4xlarge", "6.88")]},
            {"PriceList": []},
        ],
    )
    aws.on(
        "savingsplans.DescribeSavingsPlansOfferingRates",
        [
            {"searchResults": [rate("40.1")], "nextToken": "2"},
            {"searchResults": [rate("35", years=3)]},
            {"searchResults": []},
        ],
    )
    run(make())
    assert [(row[1], row[2], row[4]) for row in table(database)] == [
        ("p5.48xlarge", "1y", D("40.1")),
        ("p5.48xlarge", "3y", D(35)),
        ("p5.48xlarge", "on_demand", D("55.04")),
        ("p5.4xlarge", "on_demand", D("6.88")),
    ]


def test_a_list_that_cannot_be_read_fails_its_family_and_keeps_what_was_known(
    aws: Aws, make: Callable[..., Prices], run: Run, database: Store
) -> None:
    listed(aws, product())
    run(make())
    listed(aws, "{not json")
    report = run(make(days=7))
    assert (report.failures, report.loaded) == (1, 2)
    assert len(table(database)) == 1
    aws.on("pricing.GetProducts", [RefusalError("AccessDeniedException")])
    assert "denies GetProducts" in str(run(make(days=14)).error)


def test_every_family_of_the_catalogue_is_asked_for() -> None:
    assert {"p5", "p4d", "g5", "g6e", "trn1", "inf2"} <= set(families())
    assert families()["p5"] == ["p5.4xlarge", "p5.48xlarge"]


def test_the_public_list_of_reserved_prices_names_the_accelerated_types_we_know(public_data: Path) -> None:
    """An outside list of types by region: the families that EC2 is asked for are those the catalogue knows."""
    listed = json.loads((public_data / "price_misc" / "awsreservationofferings.json").read_text(encoding="utf-8"))
    machines = {name.split("/")[0] for name in listed}
    asked = {name for name in machines if accelerated(name)}
    known = {name for types in families().values() for name in types}
    assert len(listed) == 4375
    assert len(asked) == 33
    assert asked == machines & known
