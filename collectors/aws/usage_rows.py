"""Series of CloudWatch as rows of the usage form: whose they are, what each counts, and what counts once.

*Bedrock* names an inference profile by its id, its ARN or both. Two names that agree in every count and in the mean
latency of every hour are one traffic; others are two, and add up.

*Mantle* counts tokens under one name per project and model (``InputTokens``, whose sum over an hour is the hour's
tokens), and under another above that (``TotalInputTokens`` of the account, a project or a model). What projects have is
taken from the lowest level; what a model has beyond the sum of its projects is of no project. The two levels are
published at different moments, so that a count may fall into the hour before or after: what is beyond is told so that
the day adds up and no hour is negative.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from collectors.aws.cloudwatch import Group, Points, Query, Series, Statistic
from collectors.aws.inventory_ec2 import Place

HOUR = 3600
BEDROCK, MANTLE, SAGEMAKER = "AWS/Bedrock", "AWS/BedrockMantle", "AWS/SageMaker"
Meaning = Mapping[str, tuple[str, Statistic, float]]
"""Column, statistic and factor by metric; of one column errors add up, others are one count under two names."""

_BEDROCK: Meaning = {
    "Invocations": ("requests", "Sum", 1),
    "InvocationClientErrors": ("failed_requests", "Sum", 1),
    "InvocationServerErrors": ("failed_requests", "Sum", 1),
    "InputTokenCount": ("uncached_input_tokens", "Sum", 1),
    "OutputTokenCount": ("output_tokens", "Sum", 1),
    "CacheReadInputTokenCount": ("cached_input_tokens", "Sum", 1),
    "CacheReadInputTokens": ("cached_input_tokens", "Sum", 1),
    "CacheWriteInputTokenCount": ("cache_write_tokens", "Sum", 1),
    "CacheWriteInputTokens": ("cache_write_tokens", "Sum", 1),
    "InvocationLatency": ("latency_ms", "Average", 1),
}
_MANTLE: Meaning = {
    "Inferences": ("requests", "Sum", 1),
    "InferenceClientErrors": ("failed_requests", "Sum", 1),
    "InputTokens": ("uncached_input_tokens", "Sum", 1),
    "OutputTokens": ("output_tokens", "Sum", 1),
    "TotalInputTokens": ("uncached_input_tokens", "Sum", 1),
    "TotalOutputTokens": ("output_tokens", "Sum", 1),
}
_SAGEMAKER: Meaning = {
    "Invocations": ("requests", "Sum", 1),
    "Invocation4XXErrors": ("failed_requests", "Sum", 1),
    "Invocation5XXErrors": ("failed_requests", "Sum", 1),
    "ModelLatency": ("latency_ms", "Average", 0.001),  # given in microseconds
}
_MEANINGS = {BEDROCK: _BEDROCK, MANTLE: _MANTLE, SAGEMAKER: _SAGEMAKER}
_COUNTS = (
    "requests",
    "failed_requests",
    "uncached_input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
)
_ADD_UP, _LATENCY = "failed_requests", "latency_ms"
_TEXTS = ("provider", "account", "region", "endpoint", "resource_id", "model", "team")
COLUMNS = (
    {"timestamp": "timestamp", "period_seconds": "number"}
    | dict.fromkeys(_TEXTS, "text")
    | dict.fromkeys((*_COUNTS, _LATENCY), "number")
)


@dataclass(frozen=True)
class Served:
    """Who served: what the rows of one group say besides time and counts."""

    account: str
    region: str
    endpoint: str | None
    resource_id: str | None
    model: str | None
    team: str | None = None


@dataclass(frozen=True)
class InProject(Served):
    """What a model served in a project, which is its ``endpoint``."""


@dataclass(frozen=True)
class InAll(Served):
    """What a model served in all projects and outside of them."""


@dataclass(frozen=True)
class Profile:
    """An application inference profile: the model behind it and its team, where they are known."""

    arn: str
    model: str | None = None
    team: str | None = None


def of_bedrock(series: Iterable[Series], place: tuple[str, str], profiles: Mapping[str, Profile]) -> list[Group]:
    """A group per model or profile; ``profiles`` are the application inference profiles by id and ARN.

    Only series with the dimension ModelId alone: others (with a service tier, say) are parts of the same counts.
    """
    account, region = place
    found: dict[Served, Group] = {}
    for one in series:
        model = one.get("ModelId")
        if model is None or one.names != {"ModelId"}:
            continue
        if known := profiles.get(model):
            served = Served(account, region, last_of(known.arn), known.arn, known.model, known.team)
        elif model.startswith("arn:"):
            resource = "provisioned-model" in model or "application-inference-profile" in model
            served = Served(account, region, last_of(model), model, None if resource else last_of(model))
        else:
            served = Served(account, region, None, None, model)
        _add(found, served, one, _BEDROCK)
    return list(found.values())


def of_mantle(series: Iterable[Series], place: tuple[str, str]) -> list[Group]:
    """A group per project and model, and one per model over all projects; see :class:`Beyond`."""
    found: dict[Served, Group] = {}
    for one in series:
        if one.names == {"Project", "Model"}:
            _add(found, InProject(*place, one.get("Project"), None, one.get("Model")), one, _MANTLE)
        elif one.names == {"Model"}:
            _add(found, InAll(*place, None, None, one.get("Model")), one, _MANTLE)
    return list(found.values())


def of_endpoints(series: Iterable[Series], place: tuple[str, str]) -> list[Group]:
    """A group per SageMaker endpoint and variant; the endpoint is the resource of the bill."""
    account, region = place
    found: dict[Served, Group] = {}
    for one in series:
        name = one.get("EndpointName")
        if name is None or one.names != {"EndpointName", "VariantName"}:
            continue
        arn = Place(account, region).arn("sagemaker", f"endpoint/{name.lower()}")
        _add(found, Served(account, region, f"{name}/{one.get('VariantName')}", arn, None), one, _SAGEMAKER)
    return list(found.values())


def rows(group: Group, answer: Mapping[str, Points]) -> Iterator[dict[str, Any]]:
    """Rows of the usage form: one per hour and name; a count nobody gives is unknown, not zero."""
    named: dict[str | None, dict[str, Points]] = defaultdict(dict)
    for label, points in answer.items():
        series = group.queries[label].series
        named[series.get("ModelId")][series.metric] = points
    meaning = _MEANINGS[next(iter(group.queries.values())).series.namespace]
    told: list[dict[str, Points]] = []
    for counts in named.values():
        if not (counts in told and any(meaning[metric][0] == _LATENCY for metric in counts)):
            told.append(counts)
            yield from _hours(group.key, counts, meaning)


def _hours(served: Served, counts: Mapping[str, Points], meaning: Meaning) -> Iterator[dict[str, Any]]:
    for stamp in sorted({stamp for points in counts.values() for stamp in points}):
        row = _row(served, stamp)
        for metric, points in counts.items():
            if stamp in points:
                column, _, factor = meaning[metric]
                value = points[stamp] * factor
                row[column] = row.get(column, 0.0) + value if column == _ADD_UP else row.get(column, value)
        yield row


@dataclass
class Beyond:
    """What models served beyond the sum of their projects: of rows that pass, those of all projects are held back."""

    _more: dict[InAll, dict[str, dict[datetime, float]]] = field(default_factory=dict)
    _less: dict[InAll, dict[str, dict[datetime, float]]] = field(default_factory=dict)

    def passing(self, served: Served, found: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The rows, but for those of a model in all projects."""
        for row in found:
            if isinstance(served, InAll):
                _count(self._more, served, row)
                continue
            if isinstance(served, InProject):
                _count(self._less, InAll(served.account, served.region, None, None, served.model), row)
            yield row

    def rows(self) -> Iterator[dict[str, Any]]:
        """What is beyond, by the hour: each count of a day is what the model has less what its projects have."""
        for served, counts in self._more.items():
            found: dict[datetime, dict[str, Any]] = {}
            for column, more in counts.items():
                less = self._less.get(served, {}).get(column, {})
                stamps = sorted({*more, *less})
                for stamp, value in zip(stamps, _never_negative(more, less, stamps), strict=True):
                    if value:
                        found.setdefault(stamp, _row(served, stamp))[column] = value
            yield from (found[stamp] for stamp in sorted(found))


def last_of(arn: str) -> str:
    """What an ARN, or a name, ends with."""
    return arn.rpartition("/")[2]


def _never_negative(
    more: Mapping[datetime, float], less: Mapping[datetime, float], stamps: Iterable[datetime]
) -> list[float]:
    """The differences with each negative one taken off those before it, or after it: their sum is kept if positive."""
    sums = list(accumulate(more.get(stamp, 0.0) - less.get(stamp, 0.0) for stamp in stamps))
    highest = list(accumulate(reversed(sums), min))[::-1]  # no more than this is left of it at the end of the day
    reached = [max(0.0, one) for one in highest]
    return [one - before for one, before in zip(reached, [0.0, *reached], strict=False)]


def _count(counted: dict[InAll, dict[str, dict[datetime, float]]], served: InAll, row: Mapping[str, Any]) -> None:
    columns = counted.setdefault(served, {})
    for column in _COUNTS:
        if column in row:
            hours = columns.setdefault(column, {})
            hours[row["timestamp"]] = hours.get(row["timestamp"], 0.0) + row[column]


def _row(served: Served, stamp: datetime) -> dict[str, Any]:
    return {
        "timestamp": stamp,
        "period_seconds": float(HOUR),
        "provider": "aws",
        "account": served.account,
        "region": served.region,
        "endpoint": served.endpoint,
        "resource_id": served.resource_id,
        "model": served.model,
        "team": served.team,
    }


def _add(found: dict[Served, Group], served: Served, series: Series, meaning: Meaning) -> None:
    if series.metric in meaning:
        group = found.setdefault(served, Group(served))
        label = f"{series.metric} {series.get('ModelId') or ''}"  # one profile may be named in two ways
        group.queries[label] = Query(series, meaning[series.metric][1])
