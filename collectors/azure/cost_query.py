"""Cost Management's own totals: what Azure itself adds up, to hold the ledger against, never added to it.

*Questions are few.* Azure answers some four a minute for a place, shared with everybody who asks there, and its data
changes about every four hours. So one question brings a month of a place by subscription and service; each is asked as
actual cost (what is billed) and as amortised cost. A month that ended more than fifteen days ago is asked for once, one
that ended since then once a day, the running month twice a day; a budget for the day holds whatever happens.

*Answers* are read as ``collectors.azure.questions`` does. Azure adds up in floating point. A group that comes twice
with another amount is an error. No content (204) means that nothing was spent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock, month_of, next_month
from aispend.errors import CollectError, InputError
from aispend.money import cost
from collectors.azure.base import FORBIDDEN, THROTTLED, AzureCollector, needed_for, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.questions import QUERY, Answer, Questions, amount_of, lines, text_of
from collectors.contract import Finding, Progress, Reading, Rows, Seen, Slice, Window

Row = dict[str, Any]

METRICS = ("ActualCost", "AmortizedCost")
CLOSES_AFTER = timedelta(days=5)
"""After its end, until a month's usage is all there: it comes up to 72 hours late."""
SETTLED_AFTER = timedelta(days=15)
"""After its end, until Azure has invoiced and corrected a month."""

_GROUPS = ("SubscriptionId", "ServiceName")
_NOON = 12
_KEPT_MONTHS = 13


class CostQuery(AzureCollector):
    """See the module's text."""

    kind = "cost-query"
    reach = timedelta(days=31)
    restated_for = timedelta(days=31) + SETTLED_AFTER
    operations = ("arm.ListSubscriptions", QUERY)

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._questions = Questions(clients)
        self._limited = False

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per place and month, the newest month first."""
        if not self.clients.connection.cost_queries_per_day:
            return
        now = self.clock()
        for month in _months(window, now.date()):
            for scope in self.clients.scopes:
                if self._limited:
                    return  # to ask on only prolongs the wait
                yield Slice(f"{scope} {month:%Y-%m}", _token(month, now), f"totals of {scope}, {month:%Y-%m}")

    def examine(self) -> Iterator[Finding]:
        """Says how much it may ask; the question itself is left to collecting, as few are answered."""
        allowed = self.clients.connection.cost_queries_per_day
        if allowed:
            said = f"not tried, since Azure answers few questions; at most {allowed} a day are asked"
            yield Finding("note", said, "To try it: aispend collect, which says what is missing.")
        else:
            yield Finding("note", "turned off: cost_queries_per_day is 0")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """Both totals of a place's month."""
        from azure.core.exceptions import HttpResponseError

        scope, _, text = piece.key.rpartition(" ")
        month, now = date.fromisoformat(f"{text}-01"), self.clock()
        rows: list[Row] = []
        try:
            for metric in METRICS:
                rows += totals(self._questions.answers(scope, question(metric, month, now.date())), metric, month, now)
        except HttpResponseError as error:
            if status_of(error) == THROTTLED:
                self._limited = True
                raise CollectError(
                    "Azure limits the questions to Cost Management, also after waiting; none is asked any more now.",
                    where=f"{self.name}, {piece.title}",
                    next_step="The next run goes on from here. If it stays so, another tool may use up the limit.",
                ) from None
            if status_of(error) == FORBIDDEN:
                raise CollectError(
                    f"Azure denies the costs of {scope}.",
                    where=f"{self.name}: {needed_for(QUERY)}",
                    next_step="Assign the role there ('aispend policy azure' prints it); "
                    "for a billing account give a role of its own (docs/connect-azure.md).",
                ) from None
            raise
        return Reading([Rows("provider_total", rows)])


def question(metric: str, month: date, today: date) -> dict[str, Any]:
    """What is asked: a month, or as much of it as there is, by subscription and service."""
    last = min(next_month(month) - timedelta(days=1), max(today, month))
    return {
        "type": metric,
        "timeframe": "Custom",
        "timePeriod": {"from": f"{month}T00:00:00Z", "to": f"{last}T23:59:59Z"},
        "dataset": {
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": name} for name in _GROUPS],
        },
    }


def totals(replies: Iterable[Answer], metric: str, month: date, now: datetime) -> list[Row]:
    """Rows of the pages of one answer.

    Raises ``InputError`` where a column is missing, an amount is no number or a group has two amounts.
    """
    found: dict[tuple[str, ...], Row] = {}
    for said in lines(replies):
        subscription, service, currency = (text_of(said, name) for name in (*_GROUPS, "Currency"))
        row = {
            "provider": "azure",
            "account": subscription.lower() or None,
            "period_start": month,
            "period_end": next_month(month),
            "metric": metric,
            "dimensions": {"account": subscription.lower() or None, "service": service or None},
            "amount": cost(amount_of(said)),
            "currency": currency.upper(),
            "as_of": now,
            "estimated": now.date() < next_month(month) + CLOSES_AFTER,
        }
        known = found.setdefault((subscription.lower(), service, currency), row)
        if known["amount"] != row["amount"]:
            raise InputError(
                "Azure gives two totals for one thing.",
                where=f"Cost Management query, {month:%Y-%m}, {subscription}, {service}, {metric}",
                next_step="The next run asks again; what was collected before stays.",
            )
    return list(found.values())


def _months(window: Window, today: date) -> Sequence[date]:
    """Months of the window, the newest first, as far back as Azure answers."""
    month = min(month_of(window.end - timedelta(days=1)), month_of(today))
    found: list[date] = []
    while month >= month_of(window.first) and len(found) <= _KEPT_MONTHS:
        found.append(month)
        month = month_of(month - timedelta(days=1))
    return found


def _token(month: date, now: datetime) -> str:
    """Changes as often as the totals of a month may have."""
    today, ended = now.date(), next_month(month)
    if today > ended + SETTLED_AFTER:
        return f"{month:%Y-%m}"
    if today >= ended:
        return f"{today}"
    return f"{today} {'morning' if now.hour < _NOON else 'afternoon'}"
