"""AWS: token charges of Bedrock, and everything a company pays for that is not AI."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np

from sample import other_spend
from sample.aws_machines import NEGOTIATED_PERCENT, REGION_NAMES, machine_item
from sample.catalogue import TOKENS, UNIT, units
from sample.chance import Chance
from sample.demand import Demand
from sample.ledger import Ints, Item, Ledger, Owner
from sample.machines import Fleet, Running, identity
from sample.story import COMMERCE, PAYER, SERVING, TRAINING
from sample.timeline import Timeline

MODEL_CODES = {"claude-sonnet-4": "Claude4Sonnet", "nova-lite": "NovaLite"}
TITLES = {"claude-sonnet-4": "Claude Sonnet 4", "nova-lite": "Nova Lite"}
CLASSES = (
    ("input", "input-tokens", "Input tokens"),
    ("cached", "cache-read-input-token-count", "Cache read input tokens"),
    ("cache_write", "cache-write-input-token-count", "Cache write input tokens"),
    ("output", "output-tokens", "Output tokens"),
)


def charge_tokens(ledger: Ledger, demands: list[Demand], chance: Chance) -> dict[str, list[tuple[Owner, Ints]]]:
    """Bedrock by the hour. Teams that call a model without a profile of their own share one line.

    Returns, under the key a shared line's ``split`` names, whose tokens they are hour by hour.
    """
    mine = [demand for demand in demands if demand.series.bill == "aws" and demand.series.token_api]
    shared: dict[str, list[tuple[Owner, Ints]]] = {}
    mine.sort(key=lambda demand: (demand.series.account, demand.series.model, demand.series.endpoint))
    for (account, model, endpoint), group in groupby(
        mine, key=lambda demand: (demand.series.account, demand.series.model, demand.series.endpoint)
    ):
        together = list(group)
        profile = (
            f"arn:aws:bedrock:us-east-1:{account}:application-inference-profile/{chance.hex(12, 'profile', endpoint)}"
        )
        prices = TOKENS[model]
        for kind, code, words in CLASSES:
            price = getattr(prices, kind)
            counts = [getattr(demand, "uncached" if kind == "input" else kind) for demand in together]
            tokens = np.sum(counts, axis=0)
            hours = np.flatnonzero(tokens)
            if not price or not len(hours):
                continue
            meter = f"USE1-{MODEL_CODES[model]}-{code}"
            owners = [Owner(model, demand.series.team, "inference_online", True, "token_api") for demand in together]
            owner = owners[0]
            if len(together) > 1:
                owner = replace(owner, team=None, split=f"tokens/{account}/{meter}")
                shared[owner.split] = list(zip(owners, counts, strict=True))
            item = Item(
                account=account,
                service="Amazon Bedrock",
                category="AI and Machine Learning",
                subcategory="Generative AI",
                service_code="AmazonBedrock",
                sku=chance.code(16, "sku", meter),
                meter=meter,
                description=f"${price * 1000 / UNIT:.8f}".rstrip("0")
                + f" per 1K {words.lower()} for {TITLES[model]} in {REGION_NAMES['us-east-1']}",
                unit="1K tokens",
                region="us-east-1",
                owner=owner,
                resource_id=profile if endpoint else None,
                resource_type="application-inference-profile" if endpoint else None,
                operation="InvokeModelInference",
                list_price=price * 1000,
                contracted_price=price * 1000,
                tags=(("team", together[0].series.team),) if endpoint else (),
            )
            ledger.add(item, hours, tokens[hours] / 1000, tokens[hours] * price)
    return shared


def charge_other(ledger: Ledger, timeline: Timeline, chance: Chance, scale: float) -> None:
    """Web servers, databases, storage, network, marketplace; then support, credits, a refund and tax on top."""
    _web_servers(ledger, timeline, chance, scale)
    days = np.arange(timeline.days)
    trend = 0.75 + 0.25 * days / timeline.days
    for spend in other_spend.AWS:
        rng = chance.stream("other", spend.code, spend.meter)
        quantity = np.round(spend.per_day * trend * rng.normal(1, 0.05, timeline.days), 3)
        price = units(spend.price)
        cost = np.rint(quantity * 1000).astype(np.int64) * price // 1000
        item = Item(
            account=spend.account,
            service=spend.service,
            category=spend.category,
            subcategory=spend.subcategory,
            service_code=spend.code,
            sku=chance.code(16, "sku", spend.meter),
            meter=spend.meter,
            description=spend.description,
            unit=spend.unit,
            region="us-east-1",
            operation=spend.operation or None,
            owner=Owner(team=spend.team),
            list_price=price,
            contracted_price=price,
            tags=(("team", spend.team),) if spend.team else (),
        )
        ledger.add(item, days * 24, quantity, cost, span=24)
    fee = units("4200")
    datadog = Item(
        account=PAYER,
        service="Datadog Pro",
        category="Management and Governance",
        subcategory="Observability",
        service_code="datadog-pro",
        sku=chance.code(16, "datadog"),
        meter="",
        description="AWS Marketplace software usage: Datadog Pro",
        unit="Month",
        region="us-east-1",
        publisher="Datadog, Inc.",
        owner=Owner(),
        frequency="Recurring",
        list_price=fee,
        contracted_price=fee,
    )
    for month in range(len(timeline.months)):
        ledger.add(datadog, timeline.month_start(month), 1, fee)


def charge_company(ledger: Ledger, timeline: Timeline, chance: Chance) -> None:
    """What hangs on the totals of each month: support, credits, a refund and tax."""
    lines = ledger.lines()
    month_of_line = timeline.month_of_hour[lines.start]
    names = sorted({item.account for item in lines.items})
    accounts = np.array([names.index(item.account) for item in lines.items])[lines.item]
    support = Item(
        account=PAYER,
        service="AWS Support (Business)",
        category="Other",
        subcategory="Other (Other)",
        service_code="AWSSupportBusiness",
        sku=chance.code(16, "support"),
        meter="Dollar",
        unit="Dollar",
        region="us-east-1",
        description="AWS Support (Business), by monthly AWS charges",
        frequency="Recurring",
        owner=Owner(difficulty="support"),
    )
    credit = Item(
        account=TRAINING,
        service="Amazon Elastic Compute Cloud",
        category="Compute",
        subcategory="Virtual Machines",
        service_code="AmazonEC2",
        sku=chance.code(16, "credit"),
        meter="Credit",
        unit="Hours",
        region="us-east-1",
        description="Migration Acceleration Program credit",
        charge_category="Credit",
        frequency="One-Time",
        pricing_category="Other",
        owner=Owner(difficulty="credit", ai=True),
    )
    refund = Item(
        account=SERVING,
        service="Amazon SageMaker",
        category="AI and Machine Learning",
        subcategory="Machine Learning",
        service_code="AmazonSageMaker",
        sku=chance.code(16, "refund"),
        meter="Refund",
        unit="Hours",
        region="us-east-1",
        description="SLA refund for hosting in the previous month",
        charge_category="Adjustment",
        charge_class="Correction",
        frequency="One-Time",
        pricing_category=None,
        owner=Owner(difficulty="refund", ai=True),
    )
    for month in range(len(timeline.months)):
        start = timeline.month_start(month)
        this = month_of_line == month
        # Nine cents of a thousand dollars would be more precise than AWS is: whole cents.
        cent = UNIT // 100
        ledger.add(support, start, 1, int(lines.billed[this].sum()) * 3 // 100 // cent * cent)
        if month < 7:
            ledger.add(credit, start, 0, -units("1800"))
        if month == 8:
            ledger.add(refund, start + 30, 0, -units("412.37"))
        for account in np.flatnonzero(np.bincount(accounts[this])).tolist():
            # Only part of what is bought is taxable where the company sits.
            due = int(lines.billed[this & (accounts == account)].sum()) * 145 // 10_000 // cent * cent
            tax = replace(
                support,
                account=names[account],
                service="Amazon Elastic Compute Cloud",
                category="Compute",
                subcategory="Virtual Machines",
                service_code="AmazonEC2",
                description="US sales tax",
                charge_category="Tax",
                frequency="One-Time",
                pricing_category=None,
                sku=chance.code(16, "tax"),
                meter="Tax",
                owner=Owner(difficulty="tax"),
            )
            ledger.add(tax, start, 0, max(due, cent))


def _web_servers(ledger: Ledger, timeline: Timeline, chance: Chance, scale: float) -> None:
    fleet = Fleet(
        name="web",
        bill="aws",
        account=COMMERCE,
        region="us-east-1",
        machine="m6i.2xlarge",
        model=None,
        team="commerce",
        stage="unknown",
    )
    hours = np.arange(timeline.hours, dtype=np.int64)
    for slot in range(max(1, round(3 * scale))):
        names = identity(fleet, slot, 0, chance, day=timeline.first)
        machine = Running(fleet, slot, 0, *names, hours, np.full(len(hours), 3600))
        item = replace(
            machine_item(machine, chance), owner=Owner(team="commerce"), tags=(("env", "prod"), ("team", "commerce"))
        )
        price = item.list_price or 0
        contracted = price * NEGOTIATED_PERCENT // 100
        ledger.add(item, hours, 1, contracted, list_cost=price, contracted=contracted)
