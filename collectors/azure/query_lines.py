"""A month's bill from questions to Cost Management, for subscriptions Azure writes no report for (pay as you go).

*Method.* Cost and quantity by day, resource and meter: the finest a question may ask, of one window of a month, which
is within the 31 days Azure answers day by day. A second question tells the service of each meter; a meter of several
services has none. Actual and amortised cost are asked for alike and are the halves of the bill.

*Known drawbacks.* There are no tags, list prices, units or commitments: what was bought and what it covered look like
usage, so advice on commitments has nothing to stand on. Each thousand lines take a question of the few Azure answers.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import next_month
from aispend.errors import InputError
from collectors.answers import ASKS_AGAIN
from collectors.azure.questions import Answer, Questions, amount_of, lines, text_of

COLUMNS = (
    "SubscriptionId",
    "BillingPeriodStartDate",
    "BillingPeriodEndDate",
    "Date",
    "MeterCategory",
    "MeterName",
    "ResourceId",
    "Quantity",
    "Cost",
    "BillingCurrency",
    "ChargeType",
)
"""As an export of a pay-as-you-go subscription calls them, as far as they are known."""


def write_lines(questions: Questions, scope: str, metric: str, month: date, last: date, *, path: Path) -> int:
    """Write the lines of a subscription's month as an export's; gives how many there are."""
    services = services_of(questions.answers(scope, _question(metric, month, last, "ServiceName", daily=False)))
    daily = questions.answers(scope, _question(metric, month, last, "ResourceId", daily=True))
    subscription = scope.rpartition("/")[2]
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for said in lines(daily):
            writer.writerow(line_of(said, subscription, services, month))
            count += 1
    return count


def _question(metric: str, month: date, last: date, by: str, *, daily: bool) -> dict[str, Any]:
    return {
        "type": metric,
        "timeframe": "Custom",
        "timePeriod": {"from": f"{month}T00:00:00Z", "to": f"{last}T23:59:59Z"},
        "dataset": {
            **({"granularity": "Daily"} if daily else {}),
            "aggregation": {
                "totalCost": {"name": "Cost", "function": "Sum"},
                "totalQuantity": {"name": "UsageQuantity", "function": "Sum"},
            },
            "grouping": [{"type": "Dimension", "name": name} for name in (by, "Meter")],
        },
    }


def services_of(answers: Iterable[Answer]) -> dict[str, str]:
    """The service of each meter that has one alone."""
    found: dict[str, set[str]] = defaultdict(set)
    for said in lines(answers):
        found[text_of(said, "Meter")].add(text_of(said, "ServiceName"))
    return {meter: next(iter(services)) for meter, services in found.items() if len(services) == 1}


def line_of(said: Mapping[str, Any], subscription: str, services: Mapping[str, str], month: date) -> dict[str, str]:
    """One line as an export writes it."""
    day, meter = _day(text_of(said, "UsageDate")), text_of(said, "Meter")
    quantity = said.get("usagequantity", said.get("totalquantity"))
    return {
        "SubscriptionId": subscription,
        "BillingPeriodStartDate": f"{month}",
        "BillingPeriodEndDate": f"{next_month(month) - timedelta(days=1)}",
        "Date": f"{day}",
        "MeterCategory": services.get(meter, ""),
        "MeterName": meter,
        "ResourceId": text_of(said, "ResourceId"),
        "Quantity": "" if quantity is None else f"{quantity}",
        "Cost": f"{amount_of(said):f}",
        "BillingCurrency": text_of(said, "Currency").upper(),
        "ChargeType": "Usage",
    }


def _day(said: str) -> date:
    """A day as Azure counts it: the number 20261103, or a text that begins with 2026-11-03."""
    try:
        return date.fromisoformat(said[:10])
    except ValueError:
        raise InputError(
            "Azure gives a day that is none.", where=f"Cost Management query: {said!r}", next_step=ASKS_AGAIN
        ) from None
