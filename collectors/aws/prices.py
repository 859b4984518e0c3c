"""Price lists of accelerated machines: on demand, reserved, and under savings plans.

*Method.* Each family of the catalogue is asked for by machine type, over all regions, once a week. A price that is
what it was is not written again; one that changed gets a row of its own (``aispend.store.price_rows``).

*Terms.* ``on_demand``; ``1y`` and ``3y`` are what commits least for so long: a Compute savings plan (for SageMaker
types: a SageMaker savings plan) with nothing upfront. Everything else is spelled out, as in
``1y ec2 plan, all upfront`` or ``3y convertible reserved, partial upfront``. A fee at the start is divided over the
hours of the term.

*Machines.* EC2 types are Linux, shared, without licences. SageMaker prices a type by what it does, so its rows bear the
bill's own usage type without the region's prefix: ``Host:ml.g5.xlarge``.

*Left out.* Prices of zero, which stand for machines that cannot be had so; local zones; host, dedicated and unused
reservation usage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aispend.errors import InputError
from aispend.money import cost, exact_sum, rate
from aispend.prices.accelerators import instance_type, instance_types
from collectors.answers import ASKS_AGAIN
from collectors.aws.base import AwsCollector
from collectors.aws.listing import pages
from collectors.contract import Merge, Progress, Reading, Seen, Slice, Window

Row = dict[str, Any]
_EC2 = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
_YEAR_HOURS = 365 * 24
_YEAR_SECONDS = _YEAR_HOURS * 3600
_REGION_PREFIX = re.compile(r"^[A-Z]{2,4}\d*-")
_PLANS = {"Compute": "compute", "EC2Instance": "ec2", "SageMaker": "sagemaker"}
_LEASES = {"1yr": 1, "3yr": 3}


class Prices(AwsCollector):
    """See the module's text."""

    kind = "prices"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = ("ec2.DescribeRegions", "pricing.GetProducts", "savingsplans.DescribeSavingsPlansOfferingRates")

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per service and family; new every week, or when other regions are read."""
        year, week, _ = self.clock().date().isocalendar()
        token = " ".join((f"{year}-W{week:02}", *self.clients.connection.regions))
        for service in ("EC2", "SageMaker", "savings plans"):
            for family in sorted(families()):
                yield Slice(f"{service} {family}", token, f"prices of {service}, {family}")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The prices of one family."""
        service, _, family = piece.key.rpartition(" ")
        types = families()[family]
        rows: list[Row] = []
        notes: list[str] = []
        today = self.clock().date()
        if service == "savings plans":
            for product, named in (("EC2", types), ("SageMaker", [f"ml.{name}" for name in types])):
                found, said = plan_rows(self._rates(product, named), today)
                rows += found
                notes += said
        else:
            for done, name in enumerate(types):
                if progress:
                    progress(piece.title, done, len(types))
                found, said = product_rows(self._products(service, name), today)
                rows += found
                notes += said
        wanted = set(self.clients.regions)
        return Reading([Merge("price", [row for row in rows if row["region"] in wanted])], tuple(notes))

    def _products(self, service: str, name: str) -> Iterator[Mapping[str, Any]]:
        client: Any = self.clients.client("pricing")
        chosen = {"instanceType": name, **_EC2} if service == "EC2" else {"instanceName": f"ml.{name}"}
        yield from client.get_paginator("get_products").paginate(
            ServiceCode=f"Amazon{service}",
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in chosen.items()],
            FormatVersion="aws_v1",
        )

    def _rates(self, product: str, types: list[str]) -> Iterator[Mapping[str, Any]]:
        client: Any = self.clients.client("savingsplans")
        chosen = {"instanceType": types, "region": list(self.clients.regions)}
        if product == "EC2":
            chosen |= {"productDescription": ["Linux/UNIX"], "tenancy": ["shared"]}
        return pages(
            client.describe_savings_plans_offering_rates,
            products=[product],
            filters=[{"name": name, "values": values} for name, values in chosen.items()],
            maxResults=1000,
        )


def families() -> Mapping[str, list[str]]:
    """The accelerated types of AWS that the catalogue knows, by family."""
    found: dict[str, list[str]] = {}
    for machine in instance_types().values():
        if machine.provider == "aws":
            found.setdefault(machine.family, []).append(machine.instance_type)
    return found


def product_rows(replies: Iterable[Mapping[str, Any]], today: date) -> tuple[list[Row], list[str]]:
    """Rows of ``price`` and remarks from replies to GetProducts, whose products are JSON texts."""
    rows: dict[tuple[Any, ...], Row] = {}
    twice: set[tuple[Any, ...]] = set()
    for product in (_json(text) for reply in replies for text in reply["PriceList"]):
        attributes = product["product"]["attributes"]
        machine, region = _machine(attributes), attributes.get("regionCode")
        if machine is None or not region or attributes.get("locationType", "AWS Region") != "AWS Region":
            continue
        published = _day(product.get("publicationDate")) or today
        for row in _terms(product.get("terms", {})):
            row |= {"provider": "aws", "region": region, "instance_type": machine, "published": published}
            row["valid_from"] = row["valid_from"] or published
            key = (region, machine, row["term"], row["currency"])
            if key in rows and rows[key]["hourly_price"] != row["hourly_price"]:
                twice.add(key)
            rows[key] = row
    notes = [f"{', '.join(key)} has two prices; it is left out." for key in sorted(twice)]
    return [row for key, row in rows.items() if key not in twice], notes


def plan_rows(replies: Iterable[Mapping[str, Any]], today: date) -> tuple[list[Row], list[str]]:
    """Rows of ``price`` and remarks from replies to DescribeSavingsPlansOfferingRates.

    They name no day, so they hold from ``today``.
    """
    rows: dict[tuple[Any, ...], Row] = {}
    nowhere = 0
    for one in (found for reply in replies for found in reply["searchResults"]):
        offering = one["savingsPlanOffering"]
        properties = {item["name"]: item["value"] for item in one.get("properties", [])}
        machine = _machine({"usagetype": one["usageType"]})
        years, over = divmod(offering["durationSeconds"], _YEAR_SECONDS)
        plan, price = _PLANS.get(offering["planType"]), cost(one["rate"])
        if machine is None or plan is None or over or one["unit"] != "Hrs" or not price:
            continue
        if properties.get("productDescription", "Linux/UNIX") != "Linux/UNIX":
            continue
        if not properties.get("region"):
            nowhere += 1
            continue
        paid = offering["paymentOption"].lower()
        plainest = paid == "no upfront" and plan == ("sagemaker" if ":" in machine else "compute")
        term = f"{years}y" if plainest else f"{years}y {plan} plan, {paid}"
        row = {
            "provider": "aws",
            "region": properties["region"],
            "instance_type": machine,
            "term": term,
            "currency": offering["currency"],
            "valid_from": today,
            "published": today,
            "hourly_price": price,
        }
        rows[row["region"], machine, term, row["currency"]] = row
    return list(rows.values()), [f"{nowhere} rates of savings plans name no region."] if nowhere else []


def _terms(terms: Mapping[str, Any]) -> Iterator[Row]:
    """Term, currency, hourly price and first day of every offer of a product."""
    for offer in terms.get("OnDemand", {}).values():
        yield from _offer(offer, "on_demand", None)
    for offer in terms.get("Reserved", {}).values():
        says = offer.get("termAttributes", {})
        years = _LEASES.get(says.get("LeaseContractLength", ""))
        if years is not None:
            kind, paid = says.get("OfferingClass", "standard").lower(), says.get("PurchaseOption", "").lower()
            yield from _offer(offer, f"{years}y {kind} reserved, {paid}", years)


def _offer(offer: Mapping[str, Any], term: str, years: int | None) -> Iterator[Row]:
    hourly: dict[str, Decimal] = {}
    upfront: dict[str, Decimal] = {}
    for dimension in offer["priceDimensions"].values():
        amounts = {"Hrs": hourly, "Quantity": upfront}.get(_unit(dimension["unit"]))
        if amounts is None or dimension.get("beginRange", "0") not in ("0", ""):
            continue
        for currency, text in dimension["pricePerUnit"].items():
            amounts[currency] = _amount(text, offer)
    for currency, each in hourly.items():
        price = each
        if years and currency in upfront:
            price = exact_sum((each, rate(upfront[currency], Decimal(years * _YEAR_HOURS))))
        if price:
            yield {
                "term": term,
                "currency": currency,
                "valid_from": _day(offer.get("effectiveDate")),
                "hourly_price": price,
            }


def _machine(attributes: Mapping[str, str]) -> str | None:
    """An EC2 type, or a SageMaker usage type without its region; None for other usage and other machines."""
    usage, _, name = _REGION_PREFIX.sub("", attributes.get("usagetype", "")).rpartition(":")
    if not name or instance_type("aws", name) is None:
        return None
    if name.startswith("ml."):
        return f"{usage}:{name}"
    bought = attributes.get("marketoption", "OnDemand") == "OnDemand"
    return name if usage == "BoxUsage" and bought else None


def _unit(text: str) -> str:
    return {"hrs": "Hrs", "hours": "Hrs", "hour": "Hrs", "quantity": "Quantity"}.get(text.lower(), text)


def _day(text: str | None) -> date | None:
    return datetime.fromisoformat(text).date() if text else None


def _amount(text: str, offer: Mapping[str, Any]) -> Decimal:
    try:
        return cost(text)
    except InvalidOperation:
        raise InputError(
            "This is not a price.", where=f"offer {offer.get('sku', '')}: {text!r}", next_step=ASKS_AGAIN
        ) from None


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
        if not isinstance(found["product"]["attributes"], dict):
            raise TypeError("no attributes")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "A product of the price list cannot be read.",
            where=f"pricing.GetProducts, {text[:60]}: {error}",
            next_step=ASKS_AGAIN,
        ) from None
    return found  # type: ignore[no-any-return]
