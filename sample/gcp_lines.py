"""Google Cloud: a machine is billed as GPU, cores and RAM apart; discounts are credits inside the row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sample import other_spend
from sample.aws_machines import owner_of
from sample.catalogue import GCP_PARTS, TOKENS, UNIT, GcpPart, units
from sample.chance import Chance
from sample.demand import Demand
from sample.google_projects import GCP_GENAI, GCP_VISION
from sample.ledger import Commitment, Ints, Item, Ledger, Lines, Owner, priced
from sample.machines import Running
from sample.timeline import Timeline

PACIFIC_HOURS = 8
"""Invoice months begin at midnight Pacific standard time; the sample knows no daylight saving."""
WINDOW = 8
"""Hours of a usage window of anything that is not a machine: three fit a Pacific day."""
CUD_PERCENT = 63
GKE_CLUSTER = "vision-prod"
COMPUTE = ("Compute Engine", "6F81-5844-456A")
VERTEX = ("Vertex AI", "C7E2-9256-1C43")
INVOICE = ("Invoice", "B1A2-07C3-55F0")

GEMINI = (
    ("uncached", "input", "{title} GA Text Input - Predictions"),
    ("cached", "cached", "{title} GA Text Input Caching - Predictions"),
    ("output", "output", "{title} GA Text Output - Predictions"),
)


class Committed(NamedTuple):
    """A one-year commitment to a part of machines in use: GPUs, cores or GiB of memory, more than are used."""

    kind: str
    part: GcpPart
    amount: int

    @property
    def name(self) -> str:
        """Its name."""
        return f"g2-{self.kind.lower()}-1y"


def committed(machines: Sequence[Running]) -> Iterator[Committed]:
    """What was committed to for machines with that purchase: of cores and memory a sixth more than they have."""
    covered = sorted((one for one in machines if one.fleet.purchase == "committed_use"), key=lambda one: one.slot)
    slots = len({machine.slot for machine in covered})
    for part in GCP_PARTS[covered[0].fleet.machine] if covered else ():
        kind = "GPU" if "GPU" in part.description else "Core" if "Core" in part.description else "Ram"
        yield Committed(kind, part, part.amount * slots + (0 if kind == "GPU" else part.amount * slots // 6))


def charge(ledger: Ledger, machines: list[Running], demands: list[Demand], timeline: Timeline, chance: Chance) -> None:
    """All usage rows of the Google bill. ``contracted`` equals cost; credits are billed minus cost."""
    committed: list[Running] = []
    for machine in machines:
        inside = machine.hours >= PACIFIC_HOURS
        hours, seconds = machine.hours[inside], machine.seconds[inside]
        if not len(hours):
            continue
        if machine.fleet.purchase == "committed_use":
            committed.append(machine)
            continue
        for part in GCP_PARTS[machine.fleet.machine]:
            item = _part_item(machine, part)
            cost = priced((item.contracted_price or 0) * part.amount, seconds)
            at_list = priced((item.list_price or 0) * part.amount, seconds)
            ledger.add(item, hours, part.amount * seconds / 3600, cost, list_cost=at_list, contracted=cost)
    _committed_use(ledger, committed, timeline, chance)
    _gemini(ledger, demands)
    _other(ledger, timeline, chance)


def on_spot(part: GcpPart, percent: int) -> tuple[str, int]:
    """What a part's SKU is called on spot, and its price there; ``percent`` of list."""
    description = (
        part.description.replace("GPU running in", "GPU attached to Spot Preemptible VMs running in")
        if "GPU" in part.description
        else f"Spot Preemptible {part.description}"
    )
    return description, part.price * percent // 100 // 10**4 * 10**4


def _part_item(machine: Running, part: GcpPart) -> Item:
    fleet, spec = machine.fleet, machine.fleet.spec
    spot = fleet.purchase == "spot"
    description, price = on_spot(part, spec.spot_percent) if spot else (part.description, part.price)
    tags = dict(machine.tags)
    if fleet.platform == "k8s":
        tags |= {"goog-k8s-cluster-name": GKE_CLUSTER, "goog-k8s-cluster-location": fleet.region}
    if fleet.platform == "notebook":
        tags |= {"goog-workbench-instance": machine.name}
    service, sku = COMPUTE, part.sku_id[:-1] + "S" if spot else part.sku_id
    if fleet.platform == "endpoint":
        service, sku = VERTEX, part.sku_id[:-1] + "V"
        description = f"Vertex AI: Online/Batch Prediction {description}"
    return Item(
        account=fleet.account,
        service=service[0],
        category="Compute",
        subcategory="",
        service_code=service[1],
        sku=sku,
        meter=description,
        description=description,
        unit=part.unit,
        region=fleet.region,
        zone=machine.zone or None,
        owner=owner_of(machine),
        resource_id=machine.resource_id,
        resource_name=machine.name,
        list_price=part.price,
        contracted_price=price,
        machine=fleet.machine,
        pricing_category="Dynamic" if spot else "Standard",
        tags=tuple(sorted(tags.items())),
        extra=(("raw_unit", part.raw_unit), ("raw_per_unit", part.raw_per_unit)),
    )


def _committed_use(ledger: Ledger, machines: list[Running], timeline: Timeline, chance: Chance) -> None:
    """A one-year resource commitment: hourly fees under SKUs of their own, a credit on every covered row.

    More cores and memory were committed than are used, so a part of the fee covers nothing.
    """
    if not machines:
        return
    ordered = sorted(machines, key=lambda machine: machine.slot)
    for bought in committed(ordered):
        kind, part, amount = bought
        commitment = Commitment(
            f"projects/{GCP_VISION}/regions/us-central1/commitments/{bought.name}",
            f"Committed Usage Discount: {kind}",
            "CUD",
            "Usage",
            part.unit,
        )
        room = np.full(timeline.hours, amount * 3600, dtype=np.int64)
        rate = part.price * CUD_PERCENT // 100
        used = np.zeros(timeline.hours, dtype=np.int64)
        for machine in ordered:
            inside = machine.hours >= PACIFIC_HOURS
            hours, seconds = machine.hours[inside], machine.seconds[inside]
            item = _part_item(machine, part)
            wanted = part.amount * seconds
            covered = np.minimum(wanted, room[hours])
            room[hours] -= covered
            cost, credit = priced(part.price, wanted), priced(part.price, covered)
            effective = priced(rate, covered)
            used[hours] += effective
            ledger.add(
                replace(item, commitment=commitment, commitment_status="Used", pricing_category="Committed"),
                hours,
                wanted / 3600,
                cost - credit,
                effective=effective + cost - credit,
                list_cost=cost,
                contracted=cost,
            )
        words = {
            "GPU": "Commitment v1: Nvidia L4 GPU running in Americas for 1 Year",
            "Core": "Commitment v1: G2 Cpu in Americas for 1 Year",
            "Ram": "Commitment v1: G2 Ram in Americas for 1 Year",
        }[kind]
        fee = Item(
            account=GCP_VISION,
            service=COMPUTE[0],
            category="Compute",
            subcategory="",
            service_code=COMPUTE[1],
            sku=f"C1Y{kind[0]}-{chance.hex(4, 'cud', kind).upper()}-0A1B",
            meter=words,
            description=words,
            unit=part.unit,
            region="us-central1",
            owner=Owner(difficulty="commitment_unused", ai=True),
            charge_category="Purchase",
            frequency="Recurring",
            pricing_category="Committed",
            commitment=commitment,
            list_price=rate,
            contracted_price=rate,
            extra=(("raw_unit", part.raw_unit), ("raw_per_unit", part.raw_per_unit)),
        )
        starts = np.arange(PACIFIC_HOURS, timeline.hours, WINDOW)
        billed = np.full(len(starts), rate * amount * WINDOW, dtype=np.int64)
        unused = billed - _windows(used)
        ledger.add(fee, starts, amount * WINDOW, billed, effective=unused, span=WINDOW)


def _windows(per_hour: Ints) -> Ints:
    """Sums over the eight-hour windows of Pacific days."""
    result: Ints = per_hour[PACIFIC_HOURS:].reshape(-1, WINDOW).sum(axis=1)
    return result


def _gemini(ledger: Ledger, demands: list[Demand]) -> None:
    for demand in demands:
        series = demand.series
        if series.bill != "gcp" or not series.token_api:
            continue
        prices = TOKENS[series.model]
        title = series.model.replace("-", " ").title()
        for count, kind, words in GEMINI:
            price = getattr(prices, kind)
            tokens = _windows(getattr(demand, count))
            some = np.flatnonzero(tokens)
            if not price or not len(some):
                continue
            description = words.format(title=title)
            item = Item(
                account=series.account,
                service=VERTEX[0],
                category="AI and Machine Learning",
                subcategory="",
                service_code=VERTEX[1],
                sku=f"{series.model[7:10].upper()}{kind[0].upper()}-2F5C-{len(description):02d}E8",
                meter=description,
                description=description,
                unit="count",
                region=series.region,
                owner=Owner(series.model, series.team, "inference_online", True, "token_api"),
                list_price=price,
                contracted_price=price,
                tags=(("app", series.endpoint), ("team", series.team)),
                extra=(("raw_unit", "requests"), ("raw_per_unit", 1)),
            )
            ledger.add(item, PACIFIC_HOURS + some * WINDOW, tokens[some], tokens[some] * price, span=WINDOW)


def _other(ledger: Ledger, timeline: Timeline, chance: Chance) -> None:
    starts = np.arange(PACIFIC_HOURS, timeline.hours, WINDOW)
    for spend in other_spend.GCP:
        rng = chance.stream("gcp other", spend.sku)
        trend = 0.7 + 0.3 * starts / timeline.hours
        quantity = np.round(spend.per_day / 3 * trend * rng.normal(1, 0.06, len(starts)), 3)
        price = units(spend.price)
        item = Item(
            account=spend.project,
            service=spend.service,
            category="",
            subcategory="",
            service_code=spend.service_id,
            sku="-".join(chance.hex(4, part, spend.sku).upper() for part in "abc"),
            meter=spend.sku,
            description=spend.sku,
            unit=spend.unit,
            region="us-central1",
            owner=Owner(team=spend.team),
            list_price=price,
            contracted_price=price,
            tags=(("team", spend.team),) if spend.team else (),
            extra=(("raw_unit", spend.unit), ("raw_per_unit", 1)),
        )
        ledger.add(item, starts, quantity, np.rint(quantity * 1000).astype(np.int64) * price // 1000, span=WINDOW)


def invoice_month(lines: Lines, timeline: Timeline) -> Ints:
    """The invoice month of each row: Pacific time; a few hours of the tenth month came too late for it."""
    month = timeline.month_of_hour[np.maximum(lines.start - PACIFIC_HOURS, 0)]
    cut = timeline.month_start(10) + PACIFIC_HOURS
    core = np.array(["Core" in item.description and item.commitment is None for item in lines.items])[lines.item]
    late: Ints = np.where(core & (lines.start >= cut - 5) & (lines.start < cut), 10, month)
    return late


def charge_invoice(ledger: Ledger, timeline: Timeline) -> None:
    """Per month: a goodwill adjustment once, tax, and the rounding that makes the invoice whole cents."""
    lines = ledger.lines()
    month_of_line = invoice_month(lines, timeline)
    base = Item(
        account="",
        service=INVOICE[0],
        category="",
        subcategory="",
        service_code=INVOICE[1],
        sku="",
        meter="",
        description="",
        unit="",
        region="",
        owner=Owner(),
        frequency=None,
        pricing_category=None,
        extra=(("raw_unit", None), ("raw_per_unit", 1)),
    )
    tax = replace(
        base,
        sku="EA0E-4F21-9B37",
        description="Tax",
        charge_category="Tax",
        owner=Owner(difficulty="tax"),
        account=GCP_GENAI,
    )
    rounding = replace(
        base,
        sku="F3B5-9D40-1C2E",
        description="Rounding error",
        charge_category="Adjustment",
        owner=Owner(difficulty="rounding"),
    )
    goodwill = replace(
        base,
        sku="A7D1-3E58-6F09",
        description="Goodwill for the incident of last month",
        charge_category="Adjustment",
        charge_class="Correction",
        owner=Owner(difficulty="refund", ai=True),
        account=GCP_VISION,
        service=COMPUTE[0],
        service_code=COMPUTE[1],
    )
    cent = UNIT // 100
    for month in range(len(timeline.months)):
        total = int(lines.billed[month_of_line == month].sum())
        start = timeline.month_start(month) + PACIFIC_HOURS
        if start >= timeline.hours:
            continue
        if month == 7:
            ledger.add(goodwill, start + 40, 0, -units("230"))
            total -= units("230")
        due = total * 3 // 100 // cent * cent
        ledger.add(tax, start, 0, due)
        ledger.add(rounding, start, 0, -(total % cent) if total % cent < cent // 2 else cent - total % cent)
