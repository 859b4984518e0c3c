"""Cost Management's own totals: what Azure itself adds up, to hold the ledger against, never added to it.

*Questions are few.* Azure answers some four a minute for a place, shared with everybody who asks there, and its data
changes about every four hours. So one question brings a month of a place by subscription and service; each is asked as
actual cost (what is billed) and as amortised cost. A month that ended more than fifteen days ago is asked for once, one
that ended since then once a day, the running month twice a day; a budget for the day holds whatever happens.

*A subscription counts once.* A scope within another one is not asked. What a billing account (else a management group)
shows of a subscription is not taken from the subscription's own scope too. Scopes that the settings name no more lose
their totals where others show the same. All of it is said.

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
from collectors.azure.scopes import SUBSCRIPTION, apart, is_within, kind_of, subscription_in
from collectors.contract import Finding, Progress, Reading, Rows, Seen, Slice, Window
from collectors.days import mark

Row = dict[str, Any]

METRICS = ("ActualCost", "AmortizedCost")
CLOSES_AFTER = timedelta(days=5)
"""After its end, until a month's usage is all there: it comes up to 72 hours late."""
SETTLED_AFTER = timedelta(days=15)
"""After its end, until Azure has invoiced and corrected a month."""

_GROUPS = ("SubscriptionId", "ServiceName")
_NOON = 12
_LEFT = "asked about no more"
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
        self._paid: dict[tuple[str, date], frozenset[str]] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per place and month, the newest month first."""
        if not self.clients.connection.cost_queries_per_day:
            return
        now, (scopes, _) = self.clock(), apart(self.clients.scopes)
        for month in _months(window, now.date()):
            for scope in scopes:
                if self._limited:
                    return  # to ask on only prolongs the wait
                yield Slice(f"{scope} {month:%Y-%m}", self._token(scope, month, now), _title(scope, month))
            for scope in self._left(month, scopes, seen):
                yield Slice(f"{scope} {month:%Y-%m}", _LEFT, _title(scope, month))

    def _token(self, scope: str, month: date, now: datetime) -> str:
        """Changes with the scopes whose word is taken before this one's, too."""
        return " ".join((_token(month, now), *map(mark, self._wider(scope))))

    def _wider(self, scope: str) -> list[str]:
        """The scopes whose word on a subscription is taken before this one's."""
        return [one for one in apart(self.clients.scopes)[0] if kind_of(one) < kind_of(scope)]

    def _left(self, month: date, scopes: Sequence[str], seen: Mapping[str, Seen]) -> Iterator[str]:
        """Scopes asked about no more that have totals of a month which others show now."""
        paid = {one for scope in scopes for one in self._paid.get((scope, month), ())}
        for key, one in seen.items():
            scope, _, of = key.rpartition(" ")
            if of != f"{month:%Y-%m}" or not one.rows or scope in scopes:
                continue
            if kind_of(scope) != SUBSCRIPTION or subscription_in(scope) in paid or is_within(scope, scopes):
                yield scope

    def examine(self) -> Iterator[Finding]:
        """Says how much it may ask; the question itself is left to collecting, as few are answered."""
        allowed = self.clients.connection.cost_queries_per_day
        if allowed and self.clients.connection.billing_scopes:
            yield from (Finding("note", one) for one in apart(self.clients.scopes)[1])
        if allowed:
            said = f"not tried, since Azure answers few questions; at most {allowed} a day are asked"
            yield Finding("note", said, "To try it: aispend collect, which says what is missing.")
        else:
            yield Finding("note", "turned off: cost_queries_per_day is 0")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """Both totals of a place's month, without what a wider one shows."""
        scope, _, text = piece.key.rpartition(" ")
        month = date.fromisoformat(f"{text}-01")
        if piece.token == _LEFT:
            said = f"{scope} is asked about no more: other scopes show its totals of {text}."
            return Reading([Rows("provider_total", [])], (said,), may_be_empty=True)
        elsewhere = {one: wider for wider in self._wider(scope) for one in self._paid_by(wider, month)}
        rows = [row for metric in METRICS for row in self._totals(scope, metric, month)]
        self._paid[scope, month] = frozenset(row["account"] for row in rows if row["account"])
        twice = sorted(self._paid[scope, month] & elsewhere.keys())
        notes = [*(f"{one}: {elsewhere[one]} shows it, so it is not taken from {scope} too." for one in twice)]
        notes += [f"{one}." for one in apart(self.clients.scopes)[1] if one.endswith(f": {scope} shows it")]
        kept = [row for row in rows if row["account"] not in elsewhere]
        return Reading([Rows("provider_total", kept)], tuple(notes), may_be_empty=bool(twice))

    def _paid_by(self, scope: str, month: date) -> frozenset[str]:
        """The subscriptions a scope shows in a month; none where it is denied, since then it has no totals either."""
        if (scope, month) not in self._paid:
            try:
                rows = self._totals(scope, METRICS[0], month)
            except _DeniedError:
                rows = []
            self._paid[scope, month] = frozenset(row["account"] for row in rows if row["account"])
        return self._paid[scope, month]

    def _totals(self, scope: str, metric: str, month: date) -> list[Row]:
        from azure.core.exceptions import HttpResponseError

        now = self.clock()
        where = f"{self.name}, {_title(scope, month)}"
        try:
            return totals(self._questions.answers(scope, question(metric, month, now.date())), metric, month, now)
        except HttpResponseError as error:
            if status_of(error) == THROTTLED:
                self._limited = True
                raise CollectError(
                    "Azure limits the questions to Cost Management, also after waiting; none is asked any more now.",
                    where=where,
                    next_step="The next run goes on from here. If it stays so, another tool may use up the limit.",
                ) from None
            if status_of(error) == FORBIDDEN:
                self._paid[scope, month] = frozenset()
                raise _DeniedError(
                    f"Azure denies the costs of {scope}.",
                    where=f"{self.name}: {needed_for(QUERY)}",
                    next_step="Assign the role there ('aispend policy azure' prints it); "
                    "for a billing account give a role of its own (docs/connect-azure.md).",
                ) from None
            raise


class _DeniedError(CollectError):
    """The costs of a scope may not be read."""


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


def _title(scope: str, month: date) -> str:
    return f"totals of {scope}, {month:%Y-%m}"


def _token(month: date, now: datetime) -> str:
    """Changes as often as the totals of a month may have."""
    today, ended = now.date(), next_month(month)
    if today > ended + SETTLED_AFTER:
        return f"{month:%Y-%m}"
    if today >= ended:
        return f"{today}"
    return f"{today} {'morning' if now.hour < _NOON else 'afternoon'}"
