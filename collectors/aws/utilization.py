"""How busy accelerators are, as CloudWatch knows it: the agent on machines, Container Insights, SageMaker.

No cloud measures the GPUs of a plain machine without an agent in it: a machine without series is unknown, never idle.

| series | unit | becomes |
|---|---|---|
| CloudWatch agent ``nvidia_smi_*`` | percent of one GPU, MiB, W | a row per machine, GPU and period |
| Container Insights ``node_gpu_*`` | percent of one GPU, bytes, W | the same, where there is no agent |
| SageMaker endpoints and jobs | percent added up over the GPUs of a machine | the mean, for each of its GPUs |

*Drawbacks.* What SageMaker gives is a mean over GPUs and machines: that one of eight works alone is not to be seen.
Series of a machine that was gone for two weeks are not listed any more. Points of five minutes hide peaks within.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.prices.accelerators import accelerators_of
from collectors.aws import cloudwatch
from collectors.aws.base import AwsCollector
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Group, Query, Series
from collectors.aws.days import day_slices, table_file, today_and_before
from collectors.aws.listing import left_out
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window

FINEST = 300
"""Seconds between points."""

MIB = 1024 * 1024
AGENT = "CWAgent"
CONTAINERS = "ContainerInsights"
ENDPOINTS = "/aws/sagemaker/Endpoints"
JOBS = {
    "/aws/sagemaker/TrainingJobs": "training-job",
    "/aws/sagemaker/ProcessingJobs": "processing-job",
    "/aws/sagemaker/TransformJobs": "transform-job",
}
_AGENT_METRICS = {
    "nvidia_smi_utilization_gpu": ("gpu_utilization", 1.0),
    "nvidia_smi_memory_used": ("memory_used_bytes", MIB),
    "nvidia_smi_memory_total": ("memory_total_bytes", MIB),
    "nvidia_smi_power_draw": ("power_watts", 1.0),
}
_NODE_METRICS = {
    "node_gpu_utilization": ("gpu_utilization", 1.0),
    "node_gpu_memory_used": ("memory_used_bytes", 1.0),
    "node_gpu_memory_total": ("memory_total_bytes", 1.0),
    "node_gpu_power_draw": ("power_watts", 1.0),
}
_SAGEMAKER_METRICS = ("GPUUtilization",)
_JOB = {
    "training-job": ("describe_training_job", "TrainingJobName", ("ResourceConfig",)),
    "processing-job": ("describe_processing_job", "ProcessingJobName", ("ProcessingResources", "ClusterConfig")),
    "transform-job": ("describe_transform_job", "TransformJobName", ("TransformResources",)),
}
_COLUMNS = {
    "timestamp": "timestamp",
    "interval_seconds": "number",
    "resource_id": "text",
    "accelerator_index": "integer",
    "gpu_utilization": "number",
    "memory_used_bytes": "number",
    "memory_total_bytes": "number",
    "power_watts": "number",
}


@dataclass(frozen=True)
class Gpu:
    """Whose points a group has: of one GPU, or with ``shared_by`` the sum over so many GPUs of a machine."""

    resource_id: str
    index: int
    shared_by: int | None = None

    def __str__(self) -> str:
        return self.resource_id if self.shared_by else f"{self.resource_id}, GPU {self.index}"


class Utilization(AwsCollector):
    """See the module's text."""

    kind = "utilization"
    reach = timedelta(days=30)
    restated_for = timedelta(days=1)
    operations = (
        *cloudwatch.OPERATIONS,
        "sagemaker.DescribeEndpoint",
        "sagemaker.DescribeEndpointConfig",
        "sagemaker.DescribeProcessingJob",
        "sagemaker.DescribeTrainingJob",
        "sagemaker.DescribeTransformJob",
    )

    def __init__(self, clients: AwsClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._groups: dict[tuple[str, str], tuple[list[Group], list[str]]] = {}

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first; a day that is over is asked for once."""
        yield from day_slices(window, seen, self.clock(), "utilization")

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The points of one day, of all accounts and regions."""
        from botocore.exceptions import ClientError

        start, end = today_and_before(date.fromisoformat(piece.key), self.clock())
        period = cloudwatch.period_for(start, self.clock(), FINEST)
        notes: list[str] = []
        refused: ClientError | None = None
        answered = False
        path = folder / "utilization.parquet"
        with table_file(path, _COLUMNS) as write:
            for account in self.clients.accounts:
                for region in self.clients.regions:
                    if progress:
                        progress(f"{piece.title}: {account}, {region}", 0, None)
                    try:
                        groups, remarks = self._found(account, region)
                        client = self.clients.client("cloudwatch", region=region, account=account)
                        found = cloudwatch.read(client, groups, start=start, end=end, period=period, notes=notes)
                        for group, answer in found:
                            write(rows(group.key, answer, period, _scales(group)))
                        notes += remarks
                        answered = True
                    except ClientError as error:
                        notes.append(left_out(error, f"Utilization in {account}, {region}"))
                        refused = error
            written = write([])
        if refused is not None and not answered:
            raise refused
        return Reading([Files("metrics", [path] if written else [], rows=written)], notes=tuple(dict.fromkeys(notes)))

    def examine(self) -> Iterator[Finding]:
        """Whether there is an agent, and what asking for its metrics costs."""
        yield from super().examine()
        machines: set[str] = set()
        metrics = 0
        for region in self.clients.regions:
            client = self.clients.client("cloudwatch", region=region)
            try:
                found = of_machines(
                    cloudwatch.discover(client, AGENT, tuple(_AGENT_METRICS)),
                    cloudwatch.discover(client, CONTAINERS, tuple(_NODE_METRICS)),
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, the doctor says it and goes on
                yield self.denied(error)
                return
            machines |= {group.key.resource_id for group in found}
            metrics += sum(len(group.queries) for group in found)
        if not machines:
            yield Finding(
                "note",
                "no machine publishes GPU metrics: their use is unknown",
                "Install the CloudWatch agent with its nvidia_gpu section, or import what Prometheus has.",
            )
        else:
            cost = cloudwatch.monthly_cost(metrics, _READS_A_DAY)
            yield Finding(
                "good", f"{len(machines)} machines publish GPU metrics; asking for them costs about {cost} USD a month"
            )

    # ------------------------------------------------------------------------------- what there is

    def _found(self, account: str, region: str) -> tuple[list[Group], list[str]]:
        """The groups of a place and what to say of it, asked once in a run."""
        if (account, region) not in self._groups:
            client = self.clients.client("cloudwatch", region=region, account=account)
            remarks: list[str] = []
            groups = of_machines(
                cloudwatch.discover(client, AGENT, tuple(_AGENT_METRICS)),
                cloudwatch.discover(client, CONTAINERS, tuple(_NODE_METRICS)),
            )
            groups += self._endpoints(client, account, region, remarks)
            for namespace, kind in JOBS.items():
                groups += self._jobs(client, (account, region), (namespace, kind), remarks)
            self._groups[account, region] = (groups, remarks)
        return self._groups[account, region]

    def _endpoints(self, client: Any, account: str, region: str, remarks: list[str]) -> Iterator[Group]:
        sagemaker = self.clients.client("sagemaker", region=region, account=account)
        variants: dict[str, dict[str, str]] = {}
        for series in cloudwatch.discover(client, ENDPOINTS, _SAGEMAKER_METRICS):
            endpoint, variant = series.get("EndpointName"), series.get("VariantName")
            if endpoint is None or series.names != {"EndpointName", "VariantName"}:
                continue
            if endpoint not in variants:
                variants[endpoint] = _described(_endpoint_types, sagemaker, endpoint)
            arn = f"arn:aws:sagemaker:{region}:{account}:endpoint/{endpoint.lower()}"
            yield from _shared(arn, variants[endpoint].get(variant or ""), series, remarks)

    def _jobs(self, client: Any, place: tuple[str, str], job: tuple[str, str], remarks: list[str]) -> Iterator[Group]:
        account, region = place
        namespace, kind = job
        sagemaker = self.clients.client("sagemaker", region=region, account=account)
        types: dict[str, str | None] = {}
        for series in cloudwatch.discover(client, namespace, _SAGEMAKER_METRICS):
            name = (series.get("Host") or "").rpartition("/")[0]
            if not name:
                continue
            if name not in types:
                types[name] = _described(_job_type, sagemaker, name, kind)
            yield from _shared(f"arn:aws:sagemaker:{region}:{account}:{kind}/{name}", types[name], series, remarks)


_READS_A_DAY = 25.0
"""Today's day every hour, and once more when it is over."""


def of_machines(agent: Iterable[Series], containers: Iterable[Series]) -> list[Group]:
    """One group per GPU: of the agent's series, and of Container Insights for machines the agent says nothing of.

    A metric may be published under several sets of dimensions (aggregations): of those that name the machine and the
    GPU the fullest is taken, so that nothing counts twice.
    """
    groups = _by_gpu(agent, _AGENT_METRICS, ("InstanceId", "host"), "index")
    known = {gpu.resource_id for gpu in groups}
    more = _by_gpu(containers, _NODE_METRICS, ("InstanceId",), "GpuDevice")
    groups |= {gpu: group for gpu, group in more.items() if gpu.resource_id not in known}
    return [groups[gpu] for gpu in sorted(groups, key=lambda gpu: (gpu.resource_id, gpu.index))]


def rows(
    gpu: Gpu, answer: Mapping[str, Mapping[datetime, float]], period: int, scales: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """Rows of the utilization form; of a machine's sum one per GPU, each with its mean."""
    for stamp in sorted({stamp for points in answer.values() for stamp in points}):
        values = {
            column: points[stamp] * scales.get(column, 1.0) / (gpu.shared_by or 1)
            for column, points in answer.items()
            if stamp in points
        }
        for index in range(gpu.shared_by) if gpu.shared_by else (gpu.index,):
            yield {
                "timestamp": stamp,
                "interval_seconds": float(period),
                "resource_id": gpu.resource_id,
                "accelerator_index": index,
                **values,
            }


def _by_gpu(
    series: Iterable[Series], metrics: Mapping[str, tuple[str, float]], owners: Sequence[str], index: str
) -> dict[Gpu, Group]:
    fullest: dict[tuple[Gpu, str], Series] = {}
    for one in series:
        owner = next((name for dimension in owners if (name := one.get(dimension))), None)
        number = re.search(r"\d+$", one.get(index) or "")
        if owner is None or number is None or one.metric not in metrics:
            continue
        place = (Gpu(owner, int(number[0])), metrics[one.metric][0])
        if place not in fullest or _rank(one) > _rank(fullest[place]):
            fullest[place] = one
    found: dict[Gpu, Group] = {}
    for (gpu, column), one in fullest.items():
        found.setdefault(gpu, Group(gpu)).queries[column] = Query(one, "Average")
    return found


def _rank(series: Series) -> tuple[int, list[tuple[str, str]]]:
    return len(series.dimensions), sorted(series.dimensions)


def _scales(group: Group) -> dict[str, float]:
    known = _AGENT_METRICS | _NODE_METRICS
    return {
        column: known[query.series.metric][1] for column, query in group.queries.items() if query.series.metric in known
    }


def _shared(arn: str, instance_type: str | None, series: Series, remarks: list[str]) -> Iterator[Group]:
    """The group of a series that adds up over the GPUs of a machine; none where their number is not known."""
    known = accelerators_of("aws", instance_type) if instance_type else None
    if known is None or known[1] < 1:
        remarks.append(f"{arn}: utilization left out, since the number of its GPUs is unknown ({instance_type}).")
        return
    group = Group(Gpu(arn, 0, int(known[1])))
    group.queries["gpu_utilization"] = Query(series, "Average")
    yield group


def _described(read: Any, *arguments: Any) -> Any:
    """What ``read`` finds; nothing where the thing is gone or may not be seen."""
    from botocore.exceptions import ClientError

    try:
        return read(*arguments)
    except ClientError:
        return {} if read is _endpoint_types else None


def _endpoint_types(sagemaker: Any, endpoint: str) -> dict[str, str]:
    """Instance type by variant: an endpoint does not say it, its configuration does."""
    name = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    found: dict[str, str] = defaultdict(str)
    for variant in config.get("ProductionVariants", []):
        pools = [pool["InstanceType"] for pool in variant.get("InstancePools") or []]
        types = {variant["InstanceType"]} if variant.get("InstanceType") else set(pools)
        if len(types) == 1:
            found[variant["VariantName"]] = types.pop()
    return dict(found)


def _job_type(sagemaker: Any, name: str, kind: str) -> str | None:
    operation, parameter, path = _JOB[kind]
    said: Any = getattr(sagemaker, operation)(**{parameter: name})
    for part in path:
        said = said.get(part) or {}
    found = said.get("InstanceType")
    return str(found) if found else None
