"""AWS: what running machines are charged, under savings plan, reservations, spot and on demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sample.chance import Chance
from sample.ledger import Commitment, Item, Ledger, Owner, priced
from sample.machines import Running
from sample.story import PAYER, SERVING
from sample.timeline import Hours, Timeline

NEGOTIATED_PERCENT = 95
"""The company's private price on EC2 and SageMaker, as a percentage of list."""
SAVINGS_PLAN_PERCENT = 66
RESERVED_PERCENT = 62

REGION_NAMES = {"us-east-1": "US East (N. Virginia)", "us-west-2": "US West (Oregon)"}
REGION_PREFIX = {"us-east-1": "", "us-west-2": "USW2-"}
SAGEMAKER_PREFIX = {"us-east-1": "USE1-", "us-west-2": "USW2-"}


def owner_of(machine: Running) -> Owner:
    """The truth about a machine's charges, and how hard it is to find out."""
    fleet = machine.fleet
    if fleet.shared:
        return Owner(None, None, None, True, "shared_node", f"{machine.fleet.bill}/{machine.resource_id}")
    if machine.hygiene == "wrong":
        difficulty = "wrong_tag"
    elif machine.hygiene == "tagged":
        difficulty = "tagged"
    else:
        difficulty = "untagged_with_signal" if machine.telemetry else "no_signal"
    return Owner(fleet.model, fleet.team, fleet.stage, True, difficulty)


def machine_item(machine: Running, chance: Chance) -> Item:
    """The on-demand charge of an EC2 instance or a SageMaker endpoint, job or notebook."""
    fleet, spec = machine.fleet, machine.fleet.spec
    region = fleet.region
    contracted = spec.price * NEGOTIATED_PERCENT // 100
    common: dict[str, Any] = {
        "account": fleet.account,
        "region": region,
        "owner": owner_of(machine),
        "unit": "Hours",
        "resource_id": machine.resource_id,
        "list_price": spec.price,
        "contracted_price": contracted,
        "tags": machine.tags,
        "machine": spec.name,
    }
    rate = f"${spec.price / 10**10:.10f}".rstrip("0")
    if fleet.platform in ("endpoint", "training_job", "notebook"):
        kind, words = {
            "endpoint": ("Host", "Hosting"),
            "training_job": ("Train", "Training"),
            "notebook": ("Notebk", "Notebook"),
        }[fleet.platform]
        meter = f"{SAGEMAKER_PREFIX[region]}{kind}:{spec.name}"
        return Item(
            service="Amazon SageMaker",
            category="AI and Machine Learning",
            subcategory="Machine Learning",
            service_code="AmazonSageMaker",
            sku=chance.code(16, "sku", meter),
            meter=meter,
            description=f"{rate} for {words} {spec.name} per hour in {REGION_NAMES[region]}",
            operation="RunInstance",
            resource_type={"endpoint": "endpoint", "training_job": "training-job", "notebook": "notebook-instance"}[
                fleet.platform
            ],
            **common,
        )
    meter = f"{REGION_PREFIX[region]}BoxUsage:{spec.name}"
    return Item(
        service="Amazon Elastic Compute Cloud",
        category="Compute",
        subcategory="Virtual Machines",
        service_code="AmazonEC2",
        sku=chance.code(16, "sku", meter),
        meter=meter,
        description=f"{rate} per On Demand Linux {spec.name} Instance Hour",
        operation="RunInstances",
        zone=machine.zone,
        resource_type="instance",
        **common,
    )


def spot_item(item: Item, machine: Running, chance: Chance) -> Item:
    """The same machine bought on the spot market; the price moves from month to month."""
    wobble = int(chance.hex(4, "spot", machine.fleet.machine, machine.first_hour // 720), 16) % 9 - 4
    price = machine.fleet.spec.price * (machine.fleet.spec.spot_percent + wobble) // 100 // 10**4 * 10**4
    meter = item.meter.replace("BoxUsage", "SpotUsage")
    return replace(
        item,
        meter=meter,
        sku=chance.code(16, "sku", meter),
        description=f"{machine.fleet.machine} Linux/UNIX Spot Instance-hour in {REGION_NAMES[item.region]}",
        operation="RunInstances:SV001",
        pricing_category="Dynamic",
        contracted_price=price,
    )


@dataclass(frozen=True)
class Covered:
    """Hours of one machine that a savings plan may cover."""

    machine: Running
    item: Item


def charge_machines(ledger: Ledger, machines: list[Running], timeline: Timeline, chance: Chance) -> None:
    """All machine charges of the AWS bill, with the fees of its savings plan and reservations."""
    eligible: list[Covered] = []
    for machine in machines:
        item = machine_item(machine, chance)
        purchase = machine.fleet.purchase
        if purchase == "spot":
            item = spot_item(item, machine, chance)
        if purchase == "savings_plan":
            eligible.append(Covered(machine, item))
        elif purchase == "reserved":
            _reserved(ledger, machine, item, timeline, chance)
        else:
            _on_demand(ledger, item, machine.hours, machine.seconds)
    _savings_plan(ledger, eligible, timeline, chance)


def _on_demand(ledger: Ledger, item: Item, hours: Hours, seconds: Hours) -> None:
    contracted = priced(item.contracted_price or 0, seconds)
    ledger.add(
        item, hours, seconds / 3600, contracted, list_cost=priced(item.list_price or 0, seconds), contracted=contracted
    )


def _savings_plan(ledger: Ledger, eligible: list[Covered], timeline: Timeline, chance: Chance) -> None:
    """A no-upfront compute savings plan, bought at the start of the third month and sized to the usage of then.

    Each hour it pays for usage in a fixed order until the hour's commitment is spent; one machine may be covered
    in part. What the hour does not use is an Unused line, so that effective closes to the fee hour by hour.
    """
    plan = Commitment(
        f"arn:aws:savingsplans::{PAYER}:savingsplan/{chance.uuid('savings plan')}",
        "Compute Savings Plan 1 year",
        "Savings Plan",
        "Spend",
        "USD",
    )
    which = np.concatenate([np.full(len(c.machine.hours), i) for i, c in enumerate(eligible)])
    hour = np.concatenate([c.machine.hours for c in eligible])
    seconds = np.concatenate([c.machine.seconds for c in eligible])
    rates = np.array([(c.item.list_price or 0) * SAVINGS_PLAN_PERCENT // 100 for c in eligible], dtype=np.int64)
    order = np.lexsort((which, hour))
    which, hour, seconds = which[order], hour[order], seconds[order]
    cost = (rates[which] * seconds + 1800) // 3600
    start = timeline.month_start(2)
    early = np.bincount(hour, weights=cost, minlength=timeline.hours)[start : start + 24 * 60]
    commit = int(np.percentile(early, 55) // (5 * 10**9)) * 5 * 10**9
    running = np.cumsum(cost)
    before = running - cost
    first_of_hour = np.concatenate(([True], hour[1:] != hour[:-1]))
    spent_before = before - np.repeat(
        before[first_of_hour], np.diff(np.append(np.flatnonzero(first_of_hour), len(hour)))
    )
    room = np.where(hour >= start, np.clip(commit - spent_before, 0, cost), 0)
    covered = np.where(room == cost, seconds, room * 3600 // rates[which])
    effective = np.where(room == cost, cost, (rates[which] * covered) // 3600)
    for index, entry in enumerate(eligible):
        mine = which == index
        item, hours_here, seconds_here, covered_here = entry.item, hour[mine], seconds[mine], covered[mine]
        some = covered_here > 0
        ledger.add(
            replace(
                item,
                pricing_category="Committed",
                commitment=plan,
                commitment_status="Used",
                description=f"{item.machine} Linux/UNIX instance hour covered by Compute Savings Plans",
            ),
            hours_here[some],
            covered_here[some] / 3600,
            0,
            effective=effective[mine][some],
            list_cost=priced(item.list_price or 0, covered_here[some]),
            contracted=priced(item.contracted_price or 0, covered_here[some]),
        )
        rest = seconds_here - covered_here
        _on_demand(ledger, item, hours_here[rest > 0], rest[rest > 0])
    used = np.bincount(hour, weights=effective.astype(np.float64), minlength=timeline.hours).astype(np.int64)
    hours = np.arange(start, timeline.hours, dtype=np.int64)
    fee = _commitment_item(plan, "Savings Plans for AWS Compute usage", "ComputeSavingsPlans", PAYER, chance)
    ledger.add(
        replace(fee, description="1 year No Upfront Compute Savings Plan", frequency="Recurring"),
        hours,
        1,
        commit,
        effective=0,
    )
    unused = commit - used[hours]
    left = unused > 0
    ledger.add(
        replace(
            fee,
            charge_category="Usage",
            frequency="Usage-Based",
            pricing_category="Committed",
            commitment_status="Unused",
            description="Unused Compute Savings Plan commitment",
            owner=Owner(difficulty="commitment_unused", ai=True),
        ),
        hours[left],
        1,
        0,
        effective=unused[left],
        list_cost=0,
        contracted=0,
    )


def _commitment_item(commitment: Commitment, service: str, code: str, account: str, chance: Chance) -> Item:
    return Item(
        account=account,
        service=service,
        category="Compute",
        subcategory="Virtual Machines",
        service_code=code,
        sku=chance.code(16, "sku", code, commitment.id),
        meter=code,
        description=commitment.name,
        unit="Hours",
        region="us-east-1",
        resource_id=commitment.id,
        resource_type="reserved-instances" if code == "AmazonEC2" else "savingsplan",
        charge_category="Purchase",
        frequency="One-Time",
        pricing_category="Committed",
        commitment=commitment,
        owner=Owner(difficulty="commitment"),
    )


def _reserved(ledger: Ledger, machine: Running, item: Item, timeline: Timeline, chance: Chance) -> None:
    """Reserved hours of one machine: paid up front for a year from the very first day, or monthly without upfront."""
    rate = machine.fleet.spec.price * RESERVED_PERCENT // 100
    terms: list[tuple[int, int, bool]]
    if machine.fleet.first_day is None:
        terms = [(0, 8760, True), (8760, 17_520, True)]
    else:
        month = int(timeline.month_of_hour[machine.first_hour]) + 1
        terms = [(timeline.month_start(month), timeline.month_start(month) + 8760, False)]
    covered = np.zeros(len(machine.hours), dtype=bool)
    for number, (start, end, upfront) in enumerate(terms):
        inside = (machine.hours >= start) & (machine.hours < end)
        if not inside.any():
            continue
        covered |= inside
        uuid = chance.uuid("reservation", machine.fleet.name, number)
        reservation = Commitment(
            f"arn:aws:ec2:{machine.fleet.region}:{SERVING}:reserved-instances/{uuid}",
            f"{machine.fleet.machine} standard 1 year",
            "Reserved",
            "Usage",
            "Hours",
        )
        fee = _commitment_item(reservation, "Amazon Elastic Compute Cloud", "AmazonEC2", SERVING, chance)
        if upfront:
            ledger.add(
                replace(fee, description=f"Sign up charge for {machine.fleet.machine} reserved instance, All Upfront"),
                start,
                1,
                rate * 8760,
                effective=0,
            )
        else:
            for month in range(int(timeline.month_of_hour[start]), len(timeline.months)):
                begin = timeline.month_start(month)
                length = _month_hours(timeline, month)
                ledger.add(
                    replace(
                        fee,
                        frequency="Recurring",
                        description=f"{machine.fleet.machine} reserved instance, No Upfront, monthly fee",
                    ),
                    begin,
                    length,
                    rate * length,
                    effective=0,
                    span=length,
                )
        hours, seconds = machine.hours[inside], machine.seconds[inside]
        effective = priced(rate, seconds)
        ledger.add(
            replace(
                item,
                pricing_category="Committed",
                commitment=reservation,
                commitment_status="Used",
                description=f"Linux/UNIX, {machine.fleet.machine} reserved instance applied",
            ),
            hours,
            seconds / 3600,
            0,
            effective=effective,
            list_cost=priced(item.list_price or 0, seconds),
            contracted=priced(item.contracted_price or 0, seconds),
        )
        idle = rate - effective
        ledger.add(
            replace(
                fee,
                charge_category="Usage",
                frequency="Usage-Based",
                commitment_status="Unused",
                description=f"{machine.fleet.machine} reserved instance, unused",
                owner=Owner(difficulty="commitment_unused", ai=True),
            ),
            hours[idle > 0],
            idle[idle > 0] / rate,
            0,
            effective=idle[idle > 0],
            list_cost=0,
            contracted=0,
        )
    _on_demand(ledger, item, machine.hours[~covered], machine.seconds[~covered])


def _month_hours(timeline: Timeline, month: int) -> int:
    first = timeline.months[month]
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return (following - first).days * 24
