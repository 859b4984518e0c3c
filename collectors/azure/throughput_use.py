"""How many units of provisioned throughput are used, as Azure Monitor knows it: by day, the most in any minute.

*Method.* Azure says by deployment what percentage of its units was used; of each hour the highest minute is asked for.
Percentages of a deployment's units, added up over the deployments of an account in an hour, are the units the account
used; the highest hour of a day stands for it. Bills name the account, so the account has them. Of the two families of
metrics the one that says more counts, since both measure the same.

*Drawbacks.* What a deployment had of units on a past day is taken for what it has now. Minutes of two deployments that
are highest at different times count as if they were the same: the units used may be fewer, never more. A day without
traffic has no point: it is missing here, and known to be idle by what was asked (``usage``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from collectors.azure.base import status_of
from collectors.azure.metrics import Metrics, Question, Resource, Series, Span
from collectors.azure.usage_rows import AI
from collectors.days import midnight

DAYS = 28
_STEP = timedelta(hours=1)
_UNKNOWN_METRIC = 400
FAMILIES = tuple(
    Question(AI, (metric,), ("ModelDeploymentName",), ("Average", "Maximum"))
    for metric in ("ProvisionedUtilization", "AzureOpenAIProvisionedManagedUtilizationV2")
)

Units = Mapping[str, float]
"""Of an account: units by deployment, in lower case."""


def read(
    metrics: Metrics, accounts: Sequence[Resource], units: Mapping[str, Units], now: datetime, notes: list[str]
) -> dict[str, dict[str, float]]:
    """By account and day, the most units used, of the last :data:`DAYS` whole days; accounts are of one place."""
    from azure.core.exceptions import HttpResponseError

    end = midnight(now.date())
    found: list[Series] = []
    for asked in FAMILIES:
        try:
            found += metrics.read(accounts, asked, Span(end - timedelta(days=DAYS), end, _STEP), notes)
        except HttpResponseError as error:
            if status_of(error) != _UNKNOWN_METRIC:
                raise  # else Azure has no metric of this name there
    return by_day(found, units)


def by_day(found: Iterable[Series], units: Mapping[str, Units]) -> dict[str, dict[str, float]]:
    """The most units used in an hour of each day, by account; what is no deployment with units is left out."""
    percent: dict[tuple[str, datetime, str], float] = {}
    for one in found:
        deployment = (one.get("ModelDeploymentName") or "").lower()
        for points in (one.points.get("Average", {}), one.points.get("Maximum", {})):
            for at, value in points.items():
                key = (one.resource_id, at, deployment)
                percent[key] = max(value, percent.get(key, 0.0))
    hours: dict[tuple[str, datetime], float] = defaultdict(float)
    for (account, at, deployment), value in percent.items():
        if deployment in units.get(account, {}):
            hours[account, at] += value / 100 * units[account][deployment]
    most: dict[str, dict[str, float]] = defaultdict(dict)
    for (account, at), used in sorted(hours.items()):
        day = f"{at.date()}"
        most[account][day] = round(max(used, most[account].get(day, 0.0)), 6)
    return dict(most)
