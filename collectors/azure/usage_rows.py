"""Series of Azure Monitor as rows of the usage form: one per hour and deployment, each count once.

*Two families of metrics* count the same traffic of an account: an older one of Azure OpenAI, and a newer one of all
models. Of a day the one is taken that counted more requests, the newer where they agree; never both. Of the older its
tokens are asked for only where they may be taken. It has no name of the model beside its tokens: that is known from its
requests.

*Cached tokens* of the newer family are within its input tokens, as OpenAI counts them, unless its total says that they
stand beside them. The older family does not tell them apart, so there all input is told as uncached.

*Tiers* are those of the deployments' SKUs as they are now: provisioned, batch, else standard; *teams* are those of
their tags. Of what is not there any more both are unknown.

*Failed* requests are those that were not answered with a 2xx; those are not among ``requests``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from collectors.azure.graph import name_of
from collectors.azure.metrics import Place, Question, Series

HOUR = 3600
AI = "Microsoft.CognitiveServices/accounts"
ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_MODEL = ("ModelDeploymentName", "ModelName", "ModelVersion")

NEWER = (
    Question(AI, ("ModelRequests",), (*_MODEL, "StatusCode")),
    Question(
        AI,
        (
            "InputTokens",
            "OutputTokens",
            "TotalTokens",
            "cacheReadInputTokens",
            "ephemeral5mInputTokens",
            "ephemeral1hInputTokens",
        ),
        _MODEL,
    ),
    Question(AI, ("TimeToLastByte",), _MODEL, ("Average",)),
)
OLDER = (
    Question(AI, ("AzureOpenAIRequests",), (*_MODEL, "StatusCode")),
    Question(AI, ("ProcessedPromptTokens", "GeneratedTokens"), ("ModelDeploymentName", "ModelVersion")),
    Question(AI, ("AzureOpenAITTLTInMS",), _MODEL, ("Average",)),
)
OF_ENDPOINTS = (
    Question(ENDPOINTS, ("RequestsPerMinute",), ("deployment", "statusCodeClass")),
    Question(ENDPOINTS, ("RequestLatency",), ("deployment",), ("Average",)),
)

_REQUESTS = frozenset({"ModelRequests", "AzureOpenAIRequests", "RequestsPerMinute"})
_COLUMN = {
    "InputTokens": "uncached_input_tokens",
    "ProcessedPromptTokens": "uncached_input_tokens",
    "OutputTokens": "output_tokens",
    "GeneratedTokens": "output_tokens",
    "TotalTokens": "total_tokens",
    "cacheReadInputTokens": "cached_input_tokens",
    "ephemeral5mInputTokens": "cache_write_tokens",
    "ephemeral1hInputTokens": "cache_write_tokens",
    "TimeToLastByte": "latency_ms",
    "AzureOpenAITTLTInMS": "latency_ms",
    "RequestLatency": "latency_ms",
}
_INPUT, _CACHED, _WRITTEN = "uncached_input_tokens", "cached_input_tokens", "cache_write_tokens"
_COUNTS = ("requests", "failed_requests", _INPUT, _CACHED, _WRITTEN, "output_tokens", "latency_ms")
COLUMNS = (
    {"timestamp": "timestamp", "period_seconds": "number"}
    | dict.fromkeys(
        ("provider", "account", "region", "endpoint", "resource_id", "model", "team", "service_tier"), "text"
    )
    | dict.fromkeys(_COUNTS, "number")
)


class Served(NamedTuple):
    """Who served: a deployment of an account or of an endpoint."""

    resource_id: str
    deployment: str


class Deployed(NamedTuple):
    """What is known of a deployment beside what it served: how it is paid for, and whose its tags say it is."""

    tier: str | None = None
    team: str | None = None


Deployments = Mapping[tuple[str, str], Deployed]
"""By account and name in lower case; none that was deleted."""

_UNKNOWN = Deployed()

Hours = dict[datetime, dict[str, float]]


class Counted:
    """What deployments served by the hour, and their models, of one family of metrics.

    ``complete`` unless Azure did not know some of its counts.
    """

    def __init__(self) -> None:
        self.complete = True
        self.hours: dict[Served, Hours] = defaultdict(lambda: defaultdict(dict))
        self.models: dict[Served, str] = {}

    def add(self, found: Iterable[Series]) -> None:
        """Count series: of versions of a model counts add up; of their latencies the last is taken."""
        for one in found:
            served = Served(one.resource_id, one.get("ModelDeploymentName") or one.get("deployment") or "")
            if model := one.get("ModelName"):
                self.models[served] = model
            column = _column(one)
            for points in one.points.values():
                for at, value in points.items():
                    row = self.hours[served][at]
                    row[column] = value if column == "latency_ms" else row.get(column, 0.0) + value

    def requests(self, resource_id: str) -> float:
        """Requests of an account, answered or not; where it has none its tokens, so that what counted them counts."""
        rows = [row for served, hours in self.hours.items() if served.resource_id == resource_id
                for row in hours.values()]  # fmt: skip
        asked = sum(row.get("requests", 0.0) + row.get("failed_requests", 0.0) for row in rows)
        return asked or sum(row.get("output_tokens", 0.0) for row in rows)

    def rows(self, place: Place, accounts: Iterable[str], known: Deployments) -> Iterator[dict[str, Any]]:
        """Rows of the usage form of these accounts or endpoints; hours in which nothing happened have none."""
        wanted = set(accounts)
        for served in sorted(one for one in self.hours if one.resource_id in wanted):
            for at, row in sorted(self.hours[served].items()):
                counts = {name: value for name, value in _apart(row).items() if name in _COUNTS}
                if any(value for name, value in counts.items() if name != "latency_ms"):
                    deployed = known.get((served.resource_id, served.deployment.lower()), _UNKNOWN)
                    told = {"team": deployed.team, "service_tier": deployed.tier}
                    yield _row(place, served, at, self.models.get(served)) | told | counts


def tier_of(sku: str | None) -> str | None:
    """How a deployment of a SKU is paid for; None where it has none.

    >>> [tier_of(sku) for sku in ("GlobalProvisionedManaged", "DataZoneBatch", "Standard", None)]
    ['provisioned', 'batch', 'standard', None]
    """
    named = (sku or "").lower()
    return next((tier for tier in ("provisioned", "batch") if tier in named), "standard" if named else None)


def chosen(newer: Counted, older: Counted, accounts: Iterable[str]) -> tuple[set[str], set[str]]:
    """The accounts to tell by the newer family, and those by the older."""
    by_older = {one for one in accounts if older.requests(one) > newer.requests(one)}
    return set(accounts) - by_older, by_older


def _column(one: Series) -> str:
    if one.metric not in _REQUESTS:
        return _COLUMN[one.metric]
    status = one.get("StatusCode") or one.get("statusCodeClass") or ""
    return "requests" if status.startswith("2") or not status else "failed_requests"


def _apart(row: Mapping[str, float]) -> dict[str, float]:
    """Counts with cached tokens taken out of the input where they are within it."""
    found = dict(row)
    cached = found.get(_CACHED, 0.0) + found.get(_WRITTEN, 0.0)
    given = found.get(_INPUT, 0.0)
    beside = given + found.get("output_tokens", 0.0) + cached <= found.get("total_tokens", -1.0)
    if cached and not beside and cached <= given:
        found[_INPUT] = given - cached
    return found


def _row(place: Place, served: Served, at: datetime, model: str | None) -> dict[str, Any]:
    return {
        "timestamp": at,
        "period_seconds": float(HOUR),
        "provider": "azure",
        "account": place[0],
        "region": place[1],
        "endpoint": f"{name_of(served.resource_id)}/{served.deployment}".rstrip("/"),
        "resource_id": served.resource_id,
        "model": model,
    }
