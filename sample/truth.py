"""The answers: who really used what, what is really idle, and the stories of the year.

For tests and measurements only; no product code opens these files. Per raw charge (item) and day the truth holds
one row for each real user, with the money; all rows of a bill add up to it exactly. Where several share a charge,
parts are cut to 1e-10 and what is left goes to the largest part.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aispend.clock import next_month
from sample.arrow import Arrow, pa
from sample.catalogue import MACHINES, UNIT
from sample.demand import RUNAWAY_DAYS, RUNAWAY_FACTOR, RUNAWAY_SERIES
from sample.inventory import is_derivable
from sample.ledger import Ints, Item, Lines, Owner
from sample.machines import Pod, Running
from sample.story import BATCHING_DAY
from sample.telemetry import at_work, pod_hours
from sample.timeline import TELEMETRY_DAYS, Timeline
from sample.usage import provider_of

Split = list[tuple[Owner, Ints]]
"""Real users of a shared charge with their weights, by day."""
IDLE = "idle"
_COST = pa.decimal128(38, 10)


@dataclass(frozen=True)
class Bill:
    """A bill as delivered: its lines, the month each is billed in, its currency."""

    name: str
    currency: str
    lines: Lines
    month: Ints


def node_splits(machines: Iterable[Running], pods: Sequence[Pod], timeline: Timeline) -> dict[str, Split]:
    """Accelerator-seconds of each pod on every shared node by day, and those nobody asked for."""
    splits: dict[str, Split] = {}
    for machine in machines:
        if not machine.fleet.shared:
            continue
        left = machine.seconds * machine.fleet.spec.accelerators
        split: Split = []
        for pod in pods:
            if pod.node != machine.slot:
                continue
            used = np.where(pod_hours(pod, machine.hours, timeline), machine.seconds * pod.requested, 0)
            left = left - used
            owner = Owner(pod.model, pod.team, pod.stage, True, "shared_node")
            split.append((owner, _by_day(machine.hours, used, timeline)))
        split.append((Owner(None, None, IDLE, True, "shared_node"), _by_day(machine.hours, left, timeline)))
        splits[f"{machine.fleet.bill}/{machine.resource_id}"] = split
    return splits


def hourly_split(users: Sequence[tuple[Owner, Ints]], timeline: Timeline) -> Split:
    """Weights by hour of the timeline as weights by day."""
    return [(owner, weights.reshape(timeline.days, 24).sum(axis=1)) for owner, weights in users]


def _by_day(hours: Ints, weights: Ints, timeline: Timeline) -> Ints:
    return np.bincount(hours // 24, weights=weights, minlength=timeline.days).astype(np.int64)


def write_charges(path: Path, bills: Sequence[Bill], splits: Mapping[str, Split], timeline: Timeline) -> int:
    """``charges.parquet``: one row per bill, charge and day and real user."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = [_charges(bill, splits, timeline) for bill in bills]
    table = pa.concat_tables(tables)
    pa.parquet.write_table(table, path, compression="zstd")
    return len(table)


def _charges(bill: Bill, splits: Mapping[str, Split], timeline: Timeline) -> Arrow:
    lines = bill.lines
    day = lines.start // 24
    key = (lines.item * timeline.days + day) * 16 + bill.month
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    billed = np.add.reduceat(lines.billed[order], first)
    effective = np.add.reduceat(lines.effective[order], first)
    unique = ordered[first]
    item, days, month = unique // 16 // timeline.days, unique // 16 % timeline.days, unique % 16
    owners: list[Owner] = [one.owner for one in lines.items]
    split_of = np.array([owner.split for owner in owners])[item]
    single = split_of == ""
    parts = [
        (
            item[single],
            days[single],
            month[single],
            item[single],
            billed[single],
            effective[single],
            np.ones(int(single.sum())),
        )
    ]
    for name in sorted(set(split_of.tolist()) - {""}):
        rows = np.flatnonzero(split_of == name)
        users = splits[name]
        weights = np.array([weight[days[rows]] for _, weight in users])
        base = len(owners)
        owners.extend(owner for owner, _ in users)
        cut_billed, cut_effective = divide(billed[rows], weights), divide(effective[rows], weights)
        share = weights / np.maximum(weights.sum(axis=0), 1)
        for number in range(len(users)):
            has = weights[number] > 0
            chosen = rows[has]
            parts.append(
                (
                    item[chosen],
                    days[chosen],
                    month[chosen],
                    np.full(len(chosen), base + number),
                    cut_billed[number][has],
                    cut_effective[number][has],
                    share[number][has],
                )
            )
    columns = [np.concatenate([part[index] for part in parts]) for index in range(7)]
    order = np.lexsort((columns[3], columns[0], columns[1], columns[2]))
    return _table(bill, owners, [column[order] for column in columns], timeline)


def divide(amounts: Ints, weights: Ints) -> Ints:
    """Divide each amount over the weights in its column; what whole units leave goes to the heaviest."""
    scaled = weights.astype(np.int64)
    while scaled.max() > 1_000_000:
        scaled = np.where(scaled > 0, np.maximum(scaled // 10, 1), 0)
    parts: Ints = amounts * scaled // np.maximum(scaled.sum(axis=0), 1)
    heaviest = scaled.argmax(axis=0)
    parts[heaviest, np.arange(len(amounts))] += amounts - parts.sum(axis=0)
    return parts


def _table(bill: Bill, owners: list[Owner], columns: list[npt.NDArray[Any]], timeline: Timeline) -> Arrow:
    item, day, month, owner, billed, effective, share = columns
    picked, owned = pa.array(item), pa.array(owner)

    def of_item(values: Iterable[str | None]) -> Arrow:
        return pa.array(list(values), pa.string()).take(picked)

    def of_owner(values: Iterable[str | None]) -> Arrow:
        return pa.array(list(values), pa.string()).take(owned)

    def amount(units: Ints) -> Arrow:
        whole = pa.array(units).cast(pa.decimal128(19, 0))
        return pa.compute.multiply(whole, pa.scalar("0.0000000001").cast(pa.decimal128(11, 10))).cast(_COST)

    items = bill.lines.items
    dates = pa.array([timeline.date(number) for number in range(timeline.days)], pa.date32())
    months = pa.array(list(timeline.months), pa.date32())
    count = len(item)
    return pa.table(
        {
            "provider": pa.repeat(pa.scalar(provider_of(bill.name)), count),
            "bill": pa.repeat(pa.scalar(bill.name), count),
            "currency": pa.repeat(pa.scalar(bill.currency), count),
            "billing_month": months.take(pa.array(month)),
            "charge_date": dates.take(pa.array(day)),
            "account": of_item(one.account for one in items),
            "resource_id": of_item(one.resource_id for one in items),
            "service": of_item(one.service for one in items),
            "sku_id": of_item(one.sku for one in items),
            "meter": of_item(one.meter for one in items),
            "charge_category": of_item(one.charge_category for one in items),
            "pricing_category": of_item(one.pricing_category for one in items),
            "commitment_status": of_item(one.commitment_status for one in items),
            "accelerator_type": of_item(_accelerator(one) for one in items),
            "is_ai": pa.array([one.ai for one in owners]).take(owned),
            "model": of_owner(one.model for one in owners),
            "team": of_owner(one.team for one in owners),
            "stage": of_owner(one.stage for one in owners),
            "difficulty": of_owner(one.difficulty for one in owners),
            "share": pa.array(share.astype(np.float64)),
            "billed_cost": amount(billed),
            "effective_cost": amount(effective),
        }
    )


def _accelerator(item: Item) -> str | None:
    return (MACHINES[item.machine].accelerator_type or None) if item.machine else None


def write_machines(folder: Path, machines: Sequence[Running], timeline: Timeline) -> None:
    """``machines.csv``, ``verdicts.csv`` and ``names.csv``: what ran, what to do about it, what it is called."""
    write_table(
        folder / "machines.csv",
        (
            "provider",
            "resource_id",
            "alias",
            "fleet",
            "group",
            "instance_type",
            "model",
            "team",
            "stage",
            "purchase",
            "shared",
            "tags",
            "wrong_team",
            "telemetry",
            "first",
            "last",
            "seconds",
            "list_value",
        ),
        (
            (
                provider_of(one.fleet.bill),
                one.resource_id,
                one.alias,
                one.fleet.name,
                one.fleet.group,
                one.fleet.machine,
                one.fleet.model,
                one.fleet.team,
                one.fleet.stage,
                one.fleet.purchase,
                one.fleet.shared,
                one.hygiene,
                one.wrong_team,
                one.telemetry,
                timeline.at(one.first_hour).isoformat(),
                timeline.at(one.end_hour).isoformat(),
                int(one.seconds.sum()),
                one.list_value / UNIT,
            )
            for one in machines
        ),
    )
    write_table(
        folder / "verdicts.csv",
        (
            "provider",
            "account",
            "resource_id",
            "alias",
            "fleet",
            "instance_type",
            "accelerators",
            "state",
            "action",
            "to_instance_type",
            "from",
            "to",
            "looks_idle",
            "telemetry",
            "why",
        ),
        (_verdict(one, timeline) for one in machines if one.end_hour == timeline.hours and not one.fleet.shared),
    )
    since = timeline.day_ago(TELEMETRY_DAYS)
    write_table(
        folder / "names.csv",
        ("provider", "alias", "resource_id", "from", "to", "known_from"),
        (
            (
                provider_of(one.fleet.bill),
                one.alias,
                one.resource_id,
                timeline.at(one.first_hour).isoformat(),
                timeline.at(one.end_hour).isoformat(),
                _known_from(one),
            )
            for one in machines
            if one.end_hour > since
        ),
    )


def _known_from(machine: Running) -> str:
    if is_derivable(machine):
        return "bill"
    if machine.fleet.mapped:
        return "inventory"
    return "settings" if machine.fleet.name == "pricing-lab" else "nowhere"


def _verdict(machine: Running, timeline: Timeline) -> tuple[Any, ...]:
    fleet, verdict = machine.fleet, machine.fleet.verdict
    since = timeline.at(
        machine.first_hour if verdict is None else max(machine.first_hour, timeline.day_ago(verdict.from_days))
    )
    quiet = not at_work(machine, machine.hours[-24:], timeline).any()
    return (
        provider_of(fleet.bill),
        fleet.account,
        machine.resource_id,
        machine.alias,
        fleet.name,
        fleet.machine,
        fleet.spec.accelerators,
        verdict.state if verdict else "busy",
        verdict.action if verdict else "none",
        verdict.to_machine if verdict else None,
        since.isoformat(),
        timeline.at(machine.end_hour).isoformat(),
        verdict.looks_idle if verdict else quiet,
        machine.telemetry,
        verdict.why if verdict else "",
    )


def write_stories(path: Path, machines: Sequence[Running], restated_month: int, timeline: Timeline) -> None:
    """``stories.json``: what happened, when, and the stated shares as they came out."""
    owned = [one for one in machines if not one.fleet.shared]
    total = sum(one.list_value for one in owned)

    def share(state: str) -> float:
        return sum(one.list_value for one in owned if one.hygiene == state) / total

    since = timeline.day_ago(TELEMETRY_DAYS)

    def recent(one: Running) -> int:
        return int(one.seconds[one.hours >= since].sum()) * one.fleet.spec.accelerators

    stories = {
        "first_day": timeline.first.isoformat(),
        "last_day": (timeline.today - timedelta(days=1)).isoformat(),
        "runaway": {
            "series": RUNAWAY_SERIES,
            "model": "claude-sonnet-4",
            "from": (timeline.today - timedelta(days=RUNAWAY_DAYS[0])).isoformat(),
            "to": (timeline.today - timedelta(days=RUNAWAY_DAYS[1])).isoformat(),
            "factor": RUNAWAY_FACTOR,
        },
        "cheaper_model": {
            "model": "mistral-7b",
            "endpoint": "reply-gen",
            "day": (timeline.today - timedelta(days=BATCHING_DAY)).isoformat(),
            "machines_before": 4,
            "machines_after": 2,
        },
        "restated_month": timeline.months[restated_month].isoformat(),
        "restated_until": (next_month(timeline.months[restated_month]) - timedelta(days=1)).isoformat(),
        "shares": {
            "missing_tags_of_dedicated_list_value": share("missing"),
            "wrong_tags_of_dedicated_list_value": share("wrong"),
            "missing_telemetry_of_recent_accelerator_time": sum(recent(one) for one in machines if not one.telemetry)
            / sum(recent(one) for one in machines),
        },
    }
    path.write_text(json.dumps(stories, indent=1), encoding="utf-8")


def write_invoices(path: Path, rows: Iterable[tuple[Any, ...]]) -> None:
    """The invoices as finance has them: whole cents, tax apart."""
    write_table(path, ("provider", "invoice_id", "issuer", "scope", "billing_month", "currency", "net", "tax"), rows)


def write_table(path: Path, header: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """A CSV file of the truth; what is None is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(("" if value is None else value for value in row) for row in rows)
