"""Azure: two billing accounts, one in dollars and one in euros, charged by the day."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import groupby

import numpy as np

from sample import other_spend
from sample.aws_machines import owner_of
from sample.catalogue import TOKENS, UNIT, units
from sample.chance import Chance
from sample.demand import Demand, Series
from sample.ledger import Commitment, Ints, Item, Ledger, Owner, priced
from sample.machines import Running
from sample.story import AZURE_AI, AZURE_DATA, AZURE_EU
from sample.timeline import Timeline

EURO_PER_DOLLAR = 92
"""Euro cents a dollar costs under the company's contract; all euro prices are list prices at this rate."""
RESERVATION_PERCENT = 63
RESERVATION_MONTH, RESERVATION_HOURS = 2, 8760

METERS = {
    "Standard_ND96asr_v4": ("NDasrA100v4 Series", "ND96asr A100 v4"),
    "Standard_NC24ads_A100_v4": ("NCadsA100v4 Series", "NC24ads A100 v4"),
    "Standard_NC96ads_A100_v4": ("NCadsA100v4 Series", "NC96ads A100 v4"),
    "Standard_NC4as_T4_v3": ("NCasT4 v3 Series", "NC4as T4 v3"),
    "Standard_NC6s_v3": ("NCSv3 Series", "NC6s v3"),
}
MODEL_METERS = {
    "gpt-4o": ("gpt-4o-0806", "Azure OpenAI GPT4o"),
    "gpt-4o-mini": ("gpt-4o-mini-0718", "Azure OpenAI GPT4o"),
    "text-embedding-3-large": ("text-embedding-3-large", "Azure OpenAI Embeddings"),
}
MODEL_VERSIONS = {"gpt-4o": "2024-08-06", "gpt-4o-mini": "2024-07-18", "text-embedding-3-large": "1"}
REGIONS = {"eastus": "East US", "westeurope": "West Europe"}


def openai_account(series: Series) -> str:
    """The id of the account a series is asked through, as bills write it."""
    group = f"/subscriptions/{series.account}/resourcegroups/rg-openai"
    return f"{group}/providers/microsoft.cognitiveservices/accounts/{series.endpoint}"


def in_currency(price: int, bill: str) -> int:
    """A dollar price in the bill's currency."""
    return price * EURO_PER_DOLLAR // 100 if bill == "azure-eur" else price


def charge_machines(ledger: Ledger, bill: str, machines: list[Running], timeline: Timeline, chance: Chance) -> None:
    """Virtual machines and Azure ML compute by the day, and the reservation some of them run under."""
    covered: dict[int, Ints] = {}
    reservation = reserved(chance)
    begin = timeline.month_start(RESERVATION_MONTH) + 96
    template: Item | None = None
    for machine in machines:
        item = _machine_item(machine, bill, chance)
        day = machine.hours // 24
        seconds = np.bincount(day, weights=machine.seconds, minlength=timeline.days).astype(np.int64)
        pays = seconds.copy()
        if machine.fleet.purchase == "reserved":
            template = template or item
            used = covered.setdefault(machine.slot, np.zeros(timeline.days, dtype=np.int64))
            days = np.arange(timeline.days)
            open_days = (days * 24 >= begin) & (days * 24 < begin + RESERVATION_HOURS)
            here = np.where(open_days, np.minimum(seconds, 86_400 - used), 0)
            used += here
            pays = seconds - here
            some = np.flatnonzero(here)
            rate = (item.list_price or 0) * RESERVATION_PERCENT // 100
            ledger.add(
                replace(
                    item,
                    pricing_category="Committed",
                    commitment=reservation,
                    commitment_status="Used",
                    publisher="",
                    list_price=0,
                    contracted_price=0,
                ),
                some * 24,
                here[some] / 3600,
                0,
                span=24,
                effective=priced(rate, here[some]),
                list_cost=0,
                contracted=0,
            )
        some = np.flatnonzero(pays)
        ledger.add(item, some * 24, pays[some] / 3600, priced(item.list_price or 0, pays[some]), span=24)
    if template is not None:
        _reserve(ledger, template, reservation, covered, begin=begin, timeline=timeline)


def reserved(chance: Chance) -> Commitment:
    """The reservation of a year the company has bought."""
    order, number = chance.uuid("azure order"), chance.uuid("azure reservation")
    return Commitment(
        f"/providers/Microsoft.Capacity/reservationOrders/{order}/reservations/{number}",
        "NC24ads_A100_v4-eastus",
        "Reservation",
        "Usage",
        "Hours",
    )


def _reserve(
    ledger: Ledger, item: Item, reservation: Commitment, covered: dict[int, Ints], *, begin: int, timeline: Timeline
) -> None:
    """The upfront purchase for the year, and the hours nobody used."""
    count = len(covered)
    rate = (item.list_price or 0) * RESERVATION_PERCENT // 100
    bought = replace(
        item,
        charge_category="Purchase",
        frequency="One-Time",
        pricing_category="Standard",
        commitment=reservation,
        owner=Owner(difficulty="commitment"),
        resource_id=None,
        resource_name=None,
        resource_type=None,
        publisher="",
        tags=(),
        description="Reserved VM Instance, Standard_NC24ads_A100_v4, US East, 1 Year",
        machine=None,
        service="",
        list_price=rate * RESERVATION_HOURS,
        contracted_price=rate * RESERVATION_HOURS,
        unit="1",
        extra=(*item.extra, ("term", 12), ("order", reservation.id.split("/")[4])),
    )
    ledger.add(bought, begin, count, rate * RESERVATION_HOURS * count, effective=0, span=24)
    days = np.arange(begin // 24, min(timeline.days, (begin + RESERVATION_HOURS) // 24))
    idle = 86_400 * count - sum((used[days] for used in covered.values()), np.zeros(len(days), dtype=np.int64))
    some = idle > 0
    ledger.add(
        replace(
            item,
            pricing_category="Committed",
            commitment=reservation,
            commitment_status="Unused",
            publisher="",
            tags=(),
            owner=Owner(difficulty="commitment_unused", ai=True),
            resource_id=reservation.id.lower(),
            resource_name=reservation.name,
            list_price=0,
            contracted_price=0,
        ),
        days[some] * 24,
        idle[some] / 3600,
        0,
        span=24,
        list_cost=0,
        contracted=0,
        effective=rate * count * 24
        - sum((priced(rate, used[days]) for used in covered.values()), np.zeros(len(days), np.int64))[some],
    )


def _machine_item(machine: Running, bill: str, chance: Chance) -> Item:
    fleet = machine.fleet
    family, meter = METERS[fleet.machine]
    ml = fleet.platform == "ml_cluster"
    price = in_currency(fleet.spec.price, bill)
    details = {
        "ServiceType": fleet.machine,
        "VMName": None if ml else machine.name,
        "UsageType": "ComputeHR",
        "ImageType": "Canonical",
    }
    return Item(
        account=fleet.account,
        service="Azure Machine Learning" if ml else "Virtual Machines",
        category="AI and Machine Learning" if ml else "Compute",
        subcategory="Machine Learning" if ml else "Virtual Machines",
        service_code="",
        sku=chance.code(12, "azure", fleet.machine, fleet.region),
        meter=meter,
        description=f"Virtual Machines {family} - {meter} - {REGIONS[fleet.region]}",
        unit="1 Hour",
        region=fleet.region,
        owner=owner_of(machine),
        resource_id=machine.resource_id,
        resource_name=machine.name,
        resource_type="Azure Machine Learning workspace" if ml else "Virtual machine",
        list_price=price,
        contracted_price=price,
        machine=fleet.machine,
        tags=machine.tags,
        extra=(
            ("meter_category", "Virtual Machines"),
            ("meter_subcategory", f"Virtual Machines {family}"),
            ("block", 1),
            ("details", json.dumps(details)),
            ("group", f"rg-{fleet.team}"),
        ),
    )


def charge_tokens(ledger: Ledger, bill: str, demands: list[Demand], timeline: Timeline, chance: Chance) -> None:
    """Azure OpenAI meters: thousands of tokens by account, model, direction and day."""
    mine = [demand for demand in demands if demand.series.bill == bill and demand.series.token_api]
    for demand in mine:
        series, prices = demand.series, TOKENS[demand.series.model]
        name, product = MODEL_METERS[series.model]
        where = "glbl" if bill == "azure-usd" else "regnl"
        resource = openai_account(series)
        classes = [
            (f"{name}-Inp-{where} Tokens", prices.input, demand.uncached),
            (f"{name.replace('-', ' ')} cached Inp {where} Tokens", prices.cached, demand.cached),
            (f"{name}-Outp-{where} Tokens", prices.output, demand.output),
        ]
        if not prices.output:
            classes = [(f"{name}-{where} Tokens", prices.input, demand.uncached)]
        for meter, price, tokens in classes:
            per_day = tokens.reshape(timeline.days, 24).sum(axis=1)
            days = np.flatnonzero(per_day)
            if not len(days):
                continue
            per_token = in_currency(price, bill)
            item = Item(
                account=series.account,
                service="Azure AI Services",
                category="AI and Machine Learning",
                subcategory="Generative AI",
                service_code="",
                sku=chance.code(12, "azure", meter),
                meter=meter,
                description=f"{product} - {meter} - {REGIONS[series.region]}",
                unit="1K",
                region=series.region,
                owner=Owner(series.model, series.team, "inference_online", True, "token_api"),
                resource_id=resource,
                resource_name=series.endpoint,
                resource_type="Azure OpenAI",
                list_price=per_token * 1000,
                contracted_price=per_token * 1000,
                tags=(("env", "prod"),),
                extra=(
                    ("meter_category", "Cognitive Services"),
                    ("meter_subcategory", product),
                    ("block", 1000),
                    ("details", "{}"),
                    ("group", "rg-openai"),
                ),
            )
            ledger.add(item, days * 24, per_day[days] / 1000, per_day[days] * per_token, span=24)


def charge_other(ledger: Ledger, bill: str, timeline: Timeline, chance: Chance) -> None:
    """What is not AI, a marketplace subscription without list prices, and one correction."""
    days = np.arange(timeline.days)
    accounts = (AZURE_EU,) if bill == "azure-eur" else (AZURE_AI, AZURE_DATA)
    for account, group in groupby(other_spend.AZURE, key=lambda spend: spend.account):
        if account not in accounts:
            continue
        for spend in group:
            group_name = f"rg-{spend.team or 'network'}"
            rng = chance.stream("azure other", spend.account, spend.meter)
            quantity = np.round(
                spend.per_day * (0.8 + 0.2 * days / timeline.days) * rng.normal(1, 0.04, timeline.days), 4
            )
            price = in_currency(units(spend.price), bill)
            item = Item(
                account=account,
                service=spend.service,
                category=spend.category,
                subcategory=spend.subcategory,
                service_code="",
                sku=chance.code(12, "azure", spend.meter),
                meter=spend.meter,
                description=f"{spend.meter_category} - {spend.meter}",
                unit=spend.unit,
                region="westeurope" if bill == "azure-eur" else "eastus",
                owner=Owner(team=spend.team),
                resource_id=f"/subscriptions/{account}/resourcegroups/{group_name}/providers/{spend.resource}",
                resource_name=spend.resource.rsplit("/", 1)[1],
                resource_type=spend.service,
                list_price=price,
                contracted_price=price,
                tags=(("team", spend.team),) if spend.team else (),
                extra=(
                    ("meter_category", spend.meter_category),
                    ("meter_subcategory", ""),
                    ("block", spend.block),
                    ("details", "{}"),
                    ("group", f"rg-{spend.team or 'network'}"),
                ),
            )
            cost = np.rint(quantity * 10_000).astype(np.int64) * price // 10_000
            ledger.add(item, days * 24, quantity, cost, span=24)
            if spend.meter == "vCore":
                refund = replace(
                    item,
                    charge_category="Adjustment",
                    charge_class="Correction",
                    frequency="One-Time",
                    pricing_category=None,
                    owner=Owner(difficulty="refund"),
                    description="Credit for the outage of the previous month",
                )
                ledger.add(refund, timeline.month_start(6), 0, -units("155.4"), span=24)
    if bill == "azure-usd":
        elastic = Item(
            account=AZURE_DATA,
            service="Elastic Cloud",
            category="Other",
            subcategory="Other (Other)",
            service_code="",
            sku=chance.code(12, "elastic"),
            meter="Elastic Cloud monthly",
            description="Elastic Cloud (Elasticsearch managed service)",
            unit="1",
            region="eastus",
            owner=Owner(),
            publisher="Elastic",
            frequency="Recurring",
            charge_category="Purchase",
            resource_id=f"/subscriptions/{AZURE_DATA}/resourcegroups/rg-data/providers/microsoft.saas/resources/elastic",
            resource_name="elastic",
            resource_type="SaaS",
            list_price=0,
            contracted_price=0,
            extra=(
                ("meter_category", ""),
                ("meter_subcategory", ""),
                ("block", 1),
                ("details", "{}"),
                ("group", "rg-data"),
            ),
        )
        for month in range(len(timeline.months)):
            amount = 1450 * UNIT
            ledger.add(elastic, timeline.month_start(month), 1, amount, list_cost=0, contracted=0, span=24)
