"""The files in which labelled work reaches the product, each in the form a customer delivers, and their imports."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from aispend.settings import Settings
from aispend.store import Store
from aispend.store.collections import merge_rows, write_history
from benchmarks import rightness
from benchmarks.labelled_work import LabelledWork
from benchmarks.work_bought import REPLICA
from benchmarks.work_machines import CHEAP_ON_SPOT, DEAR_ON_SPOT
from benchmarks.work_parts import CARDS, FIRST, ON_DEMAND, REGIONS, Charge, Unit
from collectors.aws.spot import read_advisor
from collectors.files.bills import import_bills
from collectors.files.curves import import_curves
from collectors.files.inventory import import_inventory
from collectors.files.metrics import import_metrics
from collectors.files.own_costs import import_own_costs
from collectors.files.usage import import_usage
from collectors.files.workloads import import_workloads

PAYER = "780000000000"
"""No unit's account: a record of use under a payer is about all of its accounts."""
COMMITTED, ON_SPOT, DEAR = Decimal("0.62"), Decimal("0.4"), Decimal("0.95")
"""Of the price on demand: an hour committed for a year, an hour on spot, and of the type that is dear there."""
_SOURCE = "labelled work"
_CARD_BYTES = 24e9

Row = Mapping[str, object]


@dataclass(frozen=True)
class Delivered:
    """The work, and where its files are."""

    work: LabelledWork
    folder: Path
    settings_file: Path


def deliver(work: LabelledWork, folder: Path, company_settings: Path, *, order: int | None = None) -> Delivered:
    """Write all files into the folder; with ``order`` every file's rows in another place.

    The settings are the company's, with what it says of the work.
    """
    folder.mkdir()
    units = work.units
    forms: dict[str, Iterable[Row]] = {
        "bill.csv": _bill(units),
        "usage.csv": _usage(units),
        "workloads.csv": _workloads(units),
        "metrics.csv": _metrics(units),
        "curves.csv": _curves(units),
        "inventory.csv": (row for unit in units for row in unit.inventory),
        "costs.csv": (row for unit in units for row in unit.costs),
    }
    for number, (name, rows) in enumerate(forms.items()):
        content = list(rows)
        if order is not None:
            np.random.default_rng([order, number]).shuffle(content)
        _write(folder / name, content)
    bands = {"ranges": [{"index": 0, "label": "<5%"}, {"index": 1, "label": "5-10%"}]}
    types = {name: {"s": 60, "r": int(name == DEAR_ON_SPOT)} for name in (*CHEAP_ON_SPOT, DEAR_ON_SPOT)}
    advisor = bands | {"spot_advisor": {region: {"Linux": types} for region in REGIONS}}
    (folder / "spot-advisor-data.json").write_text(json.dumps(advisor), encoding="utf-8")
    rules = [company_settings.read_text(encoding="utf-8"), *(unit.settings for unit in units), REPLICA]
    (folder / "aispend.toml").write_text("\n".join(rules), encoding="utf-8")
    return Delivered(work, folder, folder / "aispend.toml")


def load_work(delivered: Delivered, store: Store, settings: Settings) -> None:
    """Each file by its import; listings and prices as collectors keep them."""
    folder, now = delivered.folder, rightness.now
    import_bills([folder / "bill.csv"], store, settings, now)
    import_inventory([folder / "inventory.csv"], store, settings, now)
    import_metrics([folder / "metrics.csv"], store, settings, now, utilization_unit="percent")
    import_usage([folder / "usage.csv"], store, settings, now)
    import_workloads([folder / "workloads.csv"], store, settings, now)
    import_curves([folder / "curves.csv"], store, settings, now)
    import_own_costs([folder / "costs.csv"], store, settings, now)
    with store.engine.begin() as connection:
        merge_rows(connection, "price", _SOURCE, list(_prices()))
        bands = read_advisor(folder / "spot-advisor-data.json", rightness.TODAY - timedelta(days=1))
        merge_rows(connection, "spot_risk", _SOURCE, bands)
        for unit in delivered.work.units:
            if unit.snapshots:
                write_history(
                    connection, source=_SOURCE, kind="ebs_snapshot", scope=f"{unit.account} {unit.region}",
                    rows=unit.snapshots, now=now(),
                )  # fmt: skip


def _write(path: Path, rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows[:1] for name in row))
    names += [name for name in dict.fromkeys(name for row in rows for name in row) if name not in names]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _at(hour: float) -> str:
    return (FIRST + timedelta(hours=float(hour))).isoformat()


def _bill(units: Sequence[Unit]) -> Iterator[Row]:
    for unit in units:
        for charge in unit.charges:
            yield from _lines(unit, charge)


def _lines(unit: Unit, charge: Charge) -> Iterator[Row]:
    covered, dynamic = charge.pricing == "Committed", charge.pricing == "Dynamic"
    same = {
        "BillingAccountId": unit.payer or PAYER, "BillingCurrency": "USD", "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based", "ProviderName": "AWS", "InvoiceIssuerName": "Amazon Web Services, Inc.",
        "PublisherName": "Amazon Web Services, Inc.", "ServiceName": charge.service,
        "ServiceCategory": "Compute" if charge.machine else "AI and Machine Learning",
        "SubAccountId": unit.account, "RegionId": unit.region, "AvailabilityZone": charge.zone,
        "ResourceId": charge.resource or charge.reservation, "ResourceType": "instance" if charge.machine else "",
        "PricingCategory": charge.pricing, "PricingUnit": charge.unit, "ConsumedUnit": charge.unit,
        "SkuId": charge.meter, "SkuPriceId": f"{charge.meter}.1", "SkuMeter": charge.meter,
        "ChargeDescription": f"${charge.price} per {charge.meter}",
        "SkuPriceDetails": json.dumps({"InstanceType": charge.machine}) if charge.machine else "",
        "x_ServiceCode": "AmazonEC2" if charge.machine else "AmazonBedrock",
        "x_Operation": "RunInstances:SV001" if dynamic else "RunInstances" if charge.machine else "InvokeModel",
        "CommitmentDiscountId": f"arn:aws:savingsplans::{unit.account}:savingsplan/own" if covered else "",
        "CommitmentDiscountType": "EC2 Instance Savings Plan" if covered else "",
        "CommitmentDiscountCategory": "Spend" if covered else "",
        "CommitmentDiscountStatus": "Used" if covered else "", "Tags": json.dumps(dict(charge.tags)),
        "CapacityReservationId": charge.reservation,
        "CapacityReservationStatus": "" if not charge.reservation else "Used" if charge.resource else "Unused",
    }  # fmt: skip
    for start, quantity in zip(charge.start, charge.quantity, strict=True):
        amount = Decimal(repr(round(float(quantity), 6)))
        listed = amount * charge.price
        paid = listed * charge.paid
        begin = FIRST + timedelta(hours=int(start))
        month = begin.replace(day=1, hour=0)
        yield same | {
            "BillingPeriodStart": month.isoformat(), "BillingPeriodEnd": _next(month).isoformat(),
            "ChargePeriodStart": begin.isoformat(), "ChargePeriodEnd": _at(int(start) + charge.span),
            "BilledCost": "0" if covered else f"{paid:f}", "EffectiveCost": f"{paid:f}", "ListCost": f"{listed:f}",
            "ContractedCost": f"{paid if dynamic else listed:f}", "PricingQuantity": f"{amount:f}",
            "ConsumedQuantity": f"{amount:f}",
        }  # fmt: skip


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def _usage(units: Sequence[Unit]) -> Iterator[Row]:
    for unit in units:
        for asked in unit.asked:
            same = {
                "period_seconds": 3600, "provider": "aws", "account": unit.account, "region": unit.region,
                "endpoint": asked.endpoint, "resource_id": asked.resource, "model": asked.model,
                "team": unit.team, "service_tier": asked.tier, "latency_ms": 900,
            }  # fmt: skip
            for place, start in enumerate(asked.start):
                plain, cached, written, output = (int(counts[place]) for counts in asked.tokens)
                yield {
                    "timestamp": _at(start), **same, "requests": int(asked.requests[place]),
                    "uncached_input_tokens": plain, "cached_input_tokens": cached, "cache_write_tokens": written,
                    "output_tokens": output,
                }  # fmt: skip


def _workloads(units: Sequence[Unit]) -> Iterator[Row]:
    for unit in units:
        kinds = {charge.resource: charge.machine for charge in unit.charges}
        for attempt in unit.attempts:
            yield {
                "timestamp": _at(attempt.start), "period_seconds": round(attempt.hours * 3600),
                "resource_id": attempt.resource, "workload": attempt.workload, "kind": "job", "stage": unit.stage,
                "model": unit.model, "team": unit.team, "accelerators_requested": CARDS.get(kinds[attempt.resource], 1),
                "outcome": attempt.outcome,
            }  # fmt: skip


def _metrics(units: Sequence[Unit]) -> Iterator[Row]:
    for unit in units:
        for one in unit.measured:
            for place in np.flatnonzero(~np.isnan(one.activity)):
                busy = float(one.activity[place])
                for card in range(one.cards):
                    yield {
                        "timestamp": _at(one.start + place / 4), "resource_id": one.resource,
                        "accelerator_index": card, "interval_seconds": 900, "gpu_utilization": round(100 * busy, 2),
                        "sm_active": round(busy, 4), "memory_used_bytes": int(one.memory * _CARD_BYTES),
                        "memory_total_bytes": int(_CARD_BYTES), "power_watts": round(60 + 200 * busy, 1),
                    }  # fmt: skip


def _curves(units: Sequence[Unit]) -> Iterator[Row]:
    for unit in units:
        for curve in unit.curves:
            count = curve.values.size
            for place, value in enumerate(curve.values):
                yield {
                    "workload": curve.workload, "metric": "val_loss",
                    "timestamp": _at(curve.start + curve.hours * (place + 1) / (count + 1)), "step": place + 1,
                    "value": f"{value:.6f}",
                }  # fmt: skip


def _prices() -> Iterator[dict[str, Any]]:
    """What a year's commitment, spot and demand cost in the regions, as a collector of prices keeps it."""
    for region in REGIONS:
        for name, listed in ON_DEMAND.items():
            on_spot = DEAR if name == DEAR_ON_SPOT else ON_SPOT
            for term, share in (("on_demand", Decimal(1)), ("1y", COMMITTED), ("spot", on_spot)):
                yield {
                    "provider": "aws", "region": region, "instance_type": name, "term": term, "currency": "USD",
                    "valid_from": (datetime(2026, 11, 20, tzinfo=UTC)).date(), "hourly_price": Decimal(listed) * share,
                }  # fmt: skip
