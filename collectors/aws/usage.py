"""What was inferred, as CloudWatch counts it: Bedrock, Bedrock's OpenAI-compatible endpoint, SageMaker endpoints.

*Bedrock* (``AWS/Bedrock``, per ModelId): a model, an inference profile, or provisioned throughput. Input tokens exclude
cached ones; the names of the cache's metrics differ between accounts, so they are found, not assumed. ``Invocations``
means accepted requests in newer and successful ones in older periods, so failed requests stand beside it and are
never subtracted. *Mantle* (``AWS/BedrockMantle``, per Project and Model) has no latency and no cached tokens.
*SageMaker* counts requests and their latency per endpoint and variant, and no tokens.

An application inference profile is a resource of the bill with tags of its own: its use is given under its ARN and the
model behind it, so that it meets the charges and the tags say whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.aws import cloudwatch
from collectors.aws.base import AwsCollector
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Group, Query, Series, Statistic
from collectors.aws.days import day_slices, table_file, today_and_before
from collectors.aws.listing import left_out, pages
from collectors.contract import Files, Progress, Reading, Seen, Slice, Window

HOUR = 3600
BEDROCK, MANTLE, SAGEMAKER = "AWS/Bedrock", "AWS/BedrockMantle", "AWS/SageMaker"
Meaning = Mapping[str, tuple[str, Statistic, float]]
"""Column, statistic and factor by metric; metrics of one column add up."""

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
    "TotalInputTokens": ("uncached_input_tokens", "Sum", 1),
    "TotalOutputTokens": ("output_tokens", "Sum", 1),
}
_SAGEMAKER: Meaning = {
    "Invocations": ("requests", "Sum", 1),
    "Invocation4XXErrors": ("failed_requests", "Sum", 1),
    "Invocation5XXErrors": ("failed_requests", "Sum", 1),
    "ModelLatency": ("latency_ms", "Average", 0.001),  # given in microseconds
}
_COUNTS = (
    "requests",
    "failed_requests",
    "uncached_input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
)
_TEXTS = ("provider", "account", "region", "endpoint", "resource_id", "model")
_COLUMNS = (
    {"timestamp": "timestamp", "period_seconds": "number"}
    | dict.fromkeys(_TEXTS, "text")
    | dict.fromkeys((*_COUNTS, "latency_ms"), "number")
)


@dataclass(frozen=True)
class Served:
    """Who served: what the rows of one group say besides time and counts."""

    account: str
    region: str
    endpoint: str | None
    resource_id: str | None
    model: str | None


class Usage(AwsCollector):
    """See the module's text."""

    kind = "usage"
    reach = timedelta(days=62)
    restated_for = timedelta(days=1)
    operations = (*cloudwatch.OPERATIONS, "bedrock.ListInferenceProfiles")

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._groups: dict[tuple[str, str], tuple[list[Group], list[str]]] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first; a day that is over is asked for once."""
        yield from day_slices(window, seen, self.clock(), "usage")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The counts of one day by the hour, of all accounts and regions."""
        from botocore.exceptions import ClientError

        start, end = today_and_before(date.fromisoformat(piece.key), self.clock())
        notes: list[str] = []
        refused: ClientError | None = None
        answered = False
        path = folder / "usage.parquet"
        with table_file(path, _COLUMNS) as write:
            for account in self.clients.accounts:
                for region in self.clients.regions:
                    if progress:
                        progress(f"{piece.title}: {account}, {region}", 0, None)
                    try:
                        groups, remarks = self._found(account, region)
                        client = self.clients.client("cloudwatch", region=region, account=account)
                        found = cloudwatch.read(client, groups, start=start, end=end, period=HOUR, notes=notes)
                        for group, answer in found:
                            write(rows(group, answer))
                        notes += remarks
                        answered = True
                    except ClientError as error:
                        notes.append(left_out(error, f"Usage in {account}, {region}"))
                        refused = error
            written = write([])
        if refused is not None and not answered:
            raise refused
        return Reading([Files("usage", [path] if written else [], rows=written)], notes=tuple(dict.fromkeys(notes)))

    def _found(self, account: str, region: str) -> tuple[list[Group], list[str]]:
        """The groups of a place and what to say of it, asked once in a run."""
        from botocore.exceptions import ClientError

        if (account, region) not in self._groups:
            client = self.clients.client("cloudwatch", region=region, account=account)
            remarks: list[str] = []
            bedrock = cloudwatch.discover(client, BEDROCK)
            profiles: dict[str, tuple[str, str | None]] = {}
            if any("application-inference-profile" in (one.get("ModelId") or "") or _is_id(one) for one in bedrock):
                try:
                    profiles = _profiles(self.clients.client("bedrock", region=region, account=account))
                except ClientError as error:
                    remarks.append(
                        left_out(error, f"Which model is behind an inference profile in {account}, {region}")
                    )
            place = (account, region)
            groups = [
                *of_bedrock(bedrock, place, profiles),
                *of_mantle(cloudwatch.discover(client, MANTLE), place),
                *of_endpoints(cloudwatch.discover(client, SAGEMAKER), place),
            ]
            self._groups[place] = (groups, remarks)
        return self._groups[account, region]


def of_bedrock(
    series: Iterable[Series], place: tuple[str, str], profiles: Mapping[str, tuple[str, str | None]]
) -> list[Group]:
    """A group per ModelId; ``profiles`` gives ARN and model of application inference profiles by id and ARN.

    Only series with the dimension ModelId alone: others (with a service tier, say) are parts of the same counts.
    """
    account, region = place
    found: dict[Served, Group] = {}
    for one in series:
        model = one.get("ModelId")
        if model is None or one.names != {"ModelId"}:
            continue
        if model in profiles:
            arn, behind = profiles[model]
            served = Served(account, region, arn.rpartition("/")[2], arn, behind)
        elif model.startswith("arn:"):
            known = None if "provisioned-model" in model or "application-inference-profile" in model else _last(model)
            served = Served(account, region, _last(model), model, known)
        else:
            served = Served(account, region, None, None, model)
        _add(found, served, one, _BEDROCK)
    return list(found.values())


def of_mantle(series: Iterable[Series], place: tuple[str, str]) -> list[Group]:
    """A group per project and model: the levels above are sums of these."""
    found: dict[Served, Group] = {}
    for one in series:
        if one.names == {"Project", "Model"}:
            _add(found, Served(*place, one.get("Project"), None, one.get("Model")), one, _MANTLE)
    return list(found.values())


def of_endpoints(series: Iterable[Series], place: tuple[str, str]) -> list[Group]:
    """A group per SageMaker endpoint and variant; the endpoint is the resource of the bill."""
    account, region = place
    found: dict[Served, Group] = {}
    for one in series:
        name = one.get("EndpointName")
        if name is None or one.names != {"EndpointName", "VariantName"}:
            continue
        arn = f"arn:aws:sagemaker:{region}:{account}:endpoint/{name.lower()}"
        _add(found, Served(account, region, f"{name}/{one.get('VariantName')}", arn, None), one, _SAGEMAKER)
    return list(found.values())


def rows(group: Group, answer: Mapping[str, Mapping[datetime, float]]) -> Iterator[dict[str, Any]]:
    """Rows of the usage form: one per hour; a count nobody gives is unknown, not zero."""
    served: Served = group.key
    for stamp in sorted({stamp for points in answer.values() for stamp in points}):
        row: dict[str, Any] = {
            "timestamp": stamp,
            "period_seconds": float(HOUR),
            "provider": "aws",
            "account": served.account,
            "region": served.region,
            "endpoint": served.endpoint,
            "resource_id": served.resource_id,
            "model": served.model,
        }
        for metric, points in answer.items():
            if stamp in points:
                column, _, factor = _MEANINGS[group.queries[metric].series.namespace][metric]
                row[column] = row.get(column, 0.0) + points[stamp] * factor
        yield row


_MEANINGS = {BEDROCK: _BEDROCK, MANTLE: _MANTLE, SAGEMAKER: _SAGEMAKER}


def _add(found: dict[Served, Group], served: Served, series: Series, meaning: Meaning) -> None:
    if series.metric in meaning:
        group = found.setdefault(served, Group(served))
        group.queries[series.metric] = Query(series, meaning[series.metric][1])


def _profiles(bedrock: Any) -> dict[str, tuple[str, str | None]]:
    """ARN and model of each application inference profile, by its ARN and by its id: CloudWatch names it by either."""
    found: dict[str, tuple[str, str | None]] = {}
    for page in pages(bedrock.list_inference_profiles, typeEquals="APPLICATION"):
        for one in page.get("inferenceProfileSummaries", []):
            models = {_last(model["modelArn"]) for model in one.get("models", []) if model.get("modelArn")}
            means = (one["inferenceProfileArn"], models.pop() if len(models) == 1 else None)
            found[one["inferenceProfileArn"]] = found[one["inferenceProfileId"]] = means
    return found


def _is_id(series: Series) -> bool:
    """Whether a ModelId may be the bare id of an application inference profile, which has no dot and no slash."""
    model = series.get("ModelId") or ""
    return bool(model) and "." not in model and "/" not in model


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]
