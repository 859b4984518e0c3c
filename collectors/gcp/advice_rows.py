"""A recommendation of Google's Recommender, in its JSON, as a row of provider advice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from aispend.clock import HOURS_PER_MONTH
from aispend.money import cost, exactly, rate
from aispend.resource_id import canonical
from collectors.gcp.listing import instant, last_of

ADVISER = "Recommender"
MONTH = int(HOURS_PER_MONTH) * 3600
"""Seconds of the month that savings are told for."""

_NANO = Decimal("1e-9")
_ACTIONS = (
    (re.compile("SNAPSHOT_AND_DELETE"), "SnapshotAndDelete"),
    (re.compile("DELETE"), "Delete"),
    (re.compile("STOP|SUSPEND"), "Stop"),
    (re.compile("CHANGE_MACHINE_TYPE"), "Rightsize"),
    (re.compile("COMMITMENT|PURCHASE"), "PurchaseCommitment"),
)
Row = dict[str, Any]


def advice(one: Mapping[str, Any], project: str, place: str, named: Mapping[str, str], now: datetime) -> Row:
    """A row of ``provider_advice``; ``named`` are the bill's ids of machines, by the ids that are made of names."""
    operations = list(_operations(one))
    overview = one.get("content", {}).get("overview", {})
    told = next(iter(one.get("targetResources", [])), None) or next(
        (step["resource"] for step in operations if step.get("resource")), None
    )
    subtype = str(one.get("recommenderSubtype", ""))
    saving, currency, basis = _saving(one)
    return {
        "provider": "gcp",
        "adviser": ADVISER,
        "advice_id": one["name"],
        "account": project or None,
        "region": None if place == "global" else place.rpartition("-")[0] if re.search("-[a-z]$", place) else place,
        "resource_id": named.get(canonical("gcp", told), told) if told else None,
        "resource_type": next((step["resourceType"] for step in operations if step.get("resourceType")), None),
        "action": next((action for pattern, action in _ACTIONS if pattern.search(subtype)), subtype or "Unknown"),
        "current": _machine(overview.get("currentMachineType")),
        "proposed": _machine(overview.get("recommendedMachineType")) or _replaced(operations),
        "monthly_saving": saving,
        "currency": currency,
        "effort": None,
        "details": {
            "description": one.get("description"),
            "subtype": subtype or None,
            "priority": one.get("priority"),
            "projection": basis,
            "named": told,
            "overview": overview or None,
            "operations": operations or None,
        },
        "refreshed_at": instant(one.get("lastRefreshTime")),
        "as_of": now,
    }


def _operations(one: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for group in one.get("content", {}).get("operationGroups", []):
        yield from group.get("operations", [])


def _machine(told: Any) -> str | None:
    """A machine type of an overview: a name, or something with a name."""
    return last_of(told.get("name") if isinstance(told, Mapping) else told if isinstance(told, str) else None)


def _replaced(operations: list[Mapping[str, Any]]) -> str | None:
    """What is to be put in the place of what is there, in short."""
    values = (step.get("value") for step in operations if step.get("action") in ("replace", "add"))
    return next((last_of(value) for value in values if isinstance(value, str)), None)


def _saving(one: Mapping[str, Any]) -> tuple[Decimal | None, str | None, str | None]:
    """The saving of a month, its currency, and what Google projects it for; None where it is no matter of cost."""
    projection = one.get("primaryImpact", {}).get("costProjection", {})
    money = projection.get("costInLocalCurrency") or projection.get("cost")
    duration = str(projection.get("duration", "")).removesuffix("s")
    if not money or not duration or Decimal(duration) <= 0:
        return None, None, None
    with exactly():
        amount = -(Decimal(money.get("units", 0)) + Decimal(money.get("nanos", 0)) * _NANO) * MONTH
    return cost(rate(amount, Decimal(duration))), money.get("currencyCode"), f"{duration} seconds"
