"""Series of Cloud Monitoring as rows of the usage form: what each counts, by the hour, model and tier.

*Publisher models* (Gemini and partners') are counted by project, location and model, and by ``request_type``:
``dedicated`` is provisioned throughput. What was read from a cache is not told apart from other input.

*Endpoints* are counted by deployed model. Requests are the responses, by their code; an endpoint that gives none has
its predictions, of which one request may hold several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from collectors.gcp.monitoring import Question, Series, grouped

HOUR = 3600
_COUNTS = ("requests", "failed_requests", "uncached_input_tokens", "output_tokens", "latency_ms")
_TEXTS = ("provider", "account", "region", "endpoint", "resource_id", "model", "service_tier")
COLUMNS = (
    {"timestamp": "timestamp", "period_seconds": "number"}
    | dict.fromkeys(_TEXTS, "text")
    | dict.fromkeys(_COUNTS, "number")
)
_SERVING = "aiplatform.googleapis.com/publisher/online_serving"
_ONLINE = "aiplatform.googleapis.com/prediction/online"
_MODEL = ("r.publisher", "r.model_user_id", "r.location", "m.request_type")
_ENDPOINT = ("r.resource_container", "r.location", "r.endpoint_id", "m.deployed_model_id")


def _sum(metric: str, *by: str) -> Question:
    return Question(metric, "ALIGN_DELTA", reducer="REDUCE_SUM", by=grouped(by))


TOKENS = _sum(f"{_SERVING}/token_count", *_MODEL, "m.type")
INVOCATIONS = _sum(f"{_SERVING}/model_invocation_count", *_MODEL, "m.response_code")
LATENCIES = _sum(f"{_SERVING}/model_invocation_latencies", *_MODEL, "m.latency_type")
RESPONSES = _sum(f"{_ONLINE}/response_count", *_ENDPOINT, "m.response_code")
PREDICTIONS = _sum(f"{_ONLINE}/prediction_count", *_ENDPOINT)
ENDPOINT_LATENCIES = _sum(f"{_ONLINE}/prediction_latencies", *_ENDPOINT, "m.latency_type")
EVERY = (TOKENS, INVOCATIONS, LATENCIES, RESPONSES, PREDICTIONS, ENDPOINT_LATENCIES)

_TIERS = {"dedicated": "provisioned", "shared": "standard"}
_TOKENS = {"input": "uncached_input_tokens", "output": "output_tokens"}
_LATENCY_TYPES = ("total", "", "model")
"""Which latency is taken where there are several: of the whole request, else what has no type, else the model's."""


@dataclass(frozen=True)
class Served:
    """Who served: what rows say besides time and counts."""

    region: str
    model: str | None = None
    service_tier: str | None = None
    endpoint: str | None = None
    resource_id: str | None = None


@dataclass
class Counted:
    """The counts of a project, by who served and hour; as many as there are models and hours."""

    _counts: dict[Served, dict[datetime, dict[str, float]]] = field(default_factory=dict)
    _latencies: dict[Served, dict[datetime, dict[str, float]]] = field(default_factory=dict)
    _predictions: dict[Served, dict[datetime, float]] = field(default_factory=dict)

    @property
    def has_input(self) -> bool:
        """Whether input tokens were counted."""
        return any("uncached_input_tokens" in row for hours in self._counts.values() for row in hours.values())

    def add(self, question: Question, found: Iterable[Series]) -> None:
        """Count what a question found."""
        for one in found:
            served = _endpoint(one) if question in (RESPONSES, PREDICTIONS, ENDPOINT_LATENCIES) else _model(one)
            if served is None:
                continue
            if question in (LATENCIES, ENDPOINT_LATENCIES):
                kind = one.labels.get("latency_type", "")
                for at, mean in one.points.items():
                    if one.counts.get(at):
                        self._latencies.setdefault(served, {}).setdefault(at, {})[kind] = mean
            elif question is PREDICTIONS:
                for at, value in one.points.items():
                    hours = self._predictions.setdefault(served, {})
                    hours[at] = hours.get(at, 0.0) + value
            elif column := _column(question, one):
                for at, value in one.points.items():
                    row = self._counts.setdefault(served, {}).setdefault(at, {})
                    row[column] = row.get(column, 0.0) + value

    def rows(self, project: str) -> Iterator[dict[str, Any]]:
        """Rows of the form; a count that nobody gives is unknown, not zero."""
        for served, times in self._predictions.items():
            if served not in self._counts:
                self._counts[served] = {at: {"requests": value} for at, value in times.items()}
        for served, hours in self._counts.items():
            for at, counts in sorted(hours.items()):
                latency = self._latency(served, at)
                yield {
                    "timestamp": at,
                    "period_seconds": float(HOUR),
                    "provider": "gcp",
                    "account": project,
                    "region": served.region,
                    "endpoint": served.endpoint,
                    "resource_id": served.resource_id,
                    "model": served.model,
                    "service_tier": served.service_tier,
                    **counts,
                    **({} if latency is None else {"latency_ms": latency}),
                }

    def _latency(self, served: Served, at: datetime) -> float | None:
        """The mean latency of an hour; of all tiers where Google does not tell them apart."""
        for one in (served, replace(served, service_tier=None)):
            told = self._latencies.get(one, {}).get(at, {})
            for kind in _LATENCY_TYPES:
                if kind in told:
                    return told[kind]
        return None


def _column(question: Question, one: Series) -> str | None:
    if question is TOKENS:
        return _TOKENS.get(one.labels.get("type", ""))
    code = one.labels.get("response_code", "")
    return "requests" if code.startswith("2") else "failed_requests" if code else None


def _model(one: Series) -> Served | None:
    name, tier = one.labels.get("model_user_id"), one.labels.get("request_type", "")
    return Served(one.labels.get("location", ""), name, _TIERS.get(tier, tier or None)) if name else None


def _endpoint(one: Series) -> Served | None:
    told = one.labels
    number = told.get("endpoint_id")
    if not number:
        return None
    place = told.get("location", "")
    itself = f"projects/{told.get('resource_container')}/locations/{place}/endpoints/{number}"
    named = "/".join(filter(None, (number, told.get("deployed_model_id"))))
    return Served(place, endpoint=named, resource_id=itself)
