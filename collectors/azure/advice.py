"""What Azure advises: Advisor's recommendations on cost. They stand beside our own advice, never added to it.

Resource Graph has them of all subscriptions, and leaves out without a word those of which advice may not be read: so
that is asked first, and what Azure advised there before stays. Advisor computes once a day and is asked once a day. It
knows processor and network, and says nothing about accelerators. Savings are Advisor's estimate a month, at the prices
it knows; where it gives only a year's, a twelfth of that.

*Kept too* is advice that somebody dismissed: ``details`` says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import AispendError
from aispend.money import cost, rate
from collectors.azure.access import PERMISSIONS, Access, denied, nothing_may_be_read
from collectors.azure.base import AzureCollector
from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph, Row, subscription_of
from collectors.azure.inventory_machines import instant
from collectors.base import finding_of
from collectors.contract import Finding, Progress, Reading, Rows, Seen, Slice, Window
from collectors.refusals import Refusals

ADVISER = "Azure Advisor"
TABLE = "advisorresources"
QUERY = """| where type =~ 'microsoft.advisor/recommendations' and tostring(properties.category) =~ 'Cost'
 | project id, properties | order by id asc"""
_ACTIONS = ("Microsoft.Advisor/recommendations/read",)
_TYPES = {"skuchange": "Rightsize", "shutdown": "Stop"}
_SAID = (
    ("savings plan", "PurchaseSavingsPlans"),
    ("reserv", "PurchaseReservedInstances"),
    ("delete", "Delete"),
    ("remove", "Delete"),
    ("shut down", "Stop"),
    ("shutdown", "Stop"),
    ("resize", "Rightsize"),
    ("right-size", "Rightsize"),
)
"""What a solution's words mean, the first that is in them."""


class Advice(AzureCollector):
    """See the module's text."""

    kind = "advice"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (PERMISSIONS, "arm.ListSubscriptions", "advisorresources.Query")

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._graph = Graph(clients)
        self._access = Access(clients)
        self._found: dict[str, list[Row]] | None = None
        self._refusals = Refusals[str]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per subscription; new every day."""
        today = f"{self.clock().date()}"
        for one in self.clients.subscriptions:
            known = seen.get(one.id)
            self._refusals.read(known is not None and known.token == today)
            yield Slice(one.id, today, f"{ADVISER} of {one.name}")
        if refused := self._refusals.by_all:
            raise nothing_may_be_read(self.name, refused)

    def examine(self) -> Iterator[Finding]:
        """Of which subscriptions advice may be read."""
        from azure.core.exceptions import HttpResponseError

        try:
            with self.explained(self.name):
                try:
                    for one in self.clients.subscriptions:
                        missing = self._access.missing(one.id, _ACTIONS)
                        for name in missing:
                            said = f"{one.name}: the permission {name} is missing"
                            yield Finding("broken", said, f"Grant {name}: aispend policy azure prints the role.")
                        if not missing:
                            yield Finding("good", f"{one.name}: what {ADVISER} says can be read")
                except HttpResponseError as error:
                    yield self.denied(error)
        except AispendError as error:
            yield finding_of(error, self.name)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The advice of one subscription."""
        if missing := self._access.missing(piece.key, _ACTIONS):
            self._refusals.add(*missing)
            said = denied(f"What {piece.title} says", missing)
            return Reading([], (said,), may_be_empty=True, token=f"{piece.token} refused")
        if self._found is None:
            found: dict[str, list[Row]] = defaultdict(list)
            for row in self._graph.rows(TABLE, QUERY, [one.id for one in self.clients.subscriptions]):
                found[subscription_of(row["id"])].append(row)
            self._found = found
        self._refusals.read()
        rows = advice_rows(self._found.get(piece.key, []), self.clock())
        return Reading([Rows("provider_advice", rows)], may_be_empty=True)


def advice_rows(found: Iterable[Row], now: datetime) -> list[dict[str, Any]]:
    """Rows of ``provider_advice``."""
    rows = []
    for row in found:
        about: Mapping[str, Any] = row.get("properties") or {}
        more: Mapping[str, Any] = about.get("extendedProperties") or {}
        words: Mapping[str, Any] = about.get("shortDescription") or {}
        resource = (about.get("resourceMetadata") or {}).get("resourceId")
        details = {
            **{name: str(value) for name, value in more.items() if value not in (None, "")},
            "problem": words.get("problem"),
            "solution": words.get("solution"),
            "impact": about.get("impact"),
            "recommendation_type": about.get("recommendationTypeId"),
            "dismissed": bool(about.get("suppressionIds")) or None,
        }
        rows.append(
            {
                "provider": "azure",
                "adviser": ADVISER,
                "advice_id": row["id"],
                "account": subscription_of(str(resource or row["id"])) or None,
                "region": more.get("regionId") or more.get("region") or more.get("location") or None,
                "resource_id": resource or None,
                "resource_type": about.get("impactedField") or None,
                "action": action(more, words),
                "current": more.get("currentSku") or more.get("sku") or None,
                "proposed": more.get("targetSku") or more.get("displaySKU") or None,
                "monthly_saving": saving(more),
                "currency": more.get("savingsCurrency") or None,
                "effort": None,
                "details": {name: value for name, value in details.items() if value is not None},
                "refreshed_at": instant(about.get("lastUpdated")),
                "as_of": now,
            }
        )
    return rows


def action(more: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    """What it advises to do, in the words all clouds' advice is told in; ``Unknown`` where nothing says it.

    >>> action({"recommendationType": "SkuChange"}, {}), action({}, {"solution": "Buy a savings plan"})
    ('Rightsize', 'PurchaseSavingsPlans')
    """
    if (kind := str(more.get("recommendationType") or "").lower()) in _TYPES:
        return _TYPES[kind]
    said = " ".join(str(words.get(name) or "") for name in ("solution", "problem")).lower()
    return next((meaning for word, meaning in _SAID if word in said), "Unknown")


def saving(more: Mapping[str, Any]) -> Decimal | None:
    """What it would save a month; None where Advisor does not say, or not as a number.

    >>> saving({"savingsAmount": "120.5"}), saving({"annualSavingsAmount": "1200"})
    (Decimal('120.500000000000'), Decimal('100.000000000000'))
    """
    monthly, yearly = _number(more.get("savingsAmount")), _number(more.get("annualSavingsAmount"))
    if monthly is None and yearly is not None:
        return rate(yearly, Decimal(12))
    return monthly


def _number(said: Any) -> Decimal | None:
    try:
        found = cost(str(said)) if said not in (None, "") else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None
