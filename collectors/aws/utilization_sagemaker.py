"""GPUs of SageMaker's endpoints and jobs, which CloudWatch adds up: 240 may be four GPUs at 60 percent, or three at 80.

So every sum is divided by the number of GPUs of its machine, which the machine type says, and where that is not known
the series is left out and named. An endpoint does not know its type, its configuration does; and only since that was
made, so that points from before it are left out too. Each variant of an endpoint, and each machine of a job, has GPUs
of its own: the first variant's come first, then the next one's.

What an endpoint's variant has is the mean of its machines, so it is told of the GPUs of all of them: one idle machine
and three busy ones are busy to three quarters. How many there are is what the endpoint has when it is asked; of a day
that is collected later this is not how many there were, where the number changes by itself.

Described is what has points on the day that is read: two weeks of finished jobs are listed beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aispend.prices.accelerators import accelerator, accelerators_of
from collectors.aws.base import DENIED, code_of
from collectors.aws.cloudwatch import Group, Series
from collectors.aws.gaps import Missing
from collectors.aws.inventory_ec2 import Place
from collectors.aws.utilization_rows import Shared, ask

OPERATIONS = (
    "sagemaker.DescribeEndpoint",
    "sagemaker.DescribeEndpointConfig",
    "sagemaker.DescribeProcessingJob",
    "sagemaker.DescribeTrainingJob",
    "sagemaker.DescribeTransformJob",
)
METRICS = {"GPUUtilization": "gpu_utilization", "GPUMemoryUtilization": "memory"}
ENDPOINTS = "/aws/sagemaker/Endpoints"
JOBS = {
    "/aws/sagemaker/TrainingJobs": "training-job",
    "/aws/sagemaker/ProcessingJobs": "processing-job",
    "/aws/sagemaker/TransformJobs": "transform-job",
}
_JOB = {
    "training-job": ("describe_training_job", "TrainingJobName", ("ResourceConfig",)),
    "processing-job": ("describe_processing_job", "ProcessingJobName", ("ProcessingResources", "ClusterConfig")),
    "transform-job": ("describe_transform_job", "TransformJobName", ("TransformResources",)),
}
_GONE = {"ValidationException", "ResourceNotFound", "ResourceNotFoundException"}
"""How SageMaker says that there is no such thing."""

_BYTES = 10**9
_OF_A_VARIANT = 3_000
"""GPUs a variant is given numbers for, so that those of the next one stay when it grows; there are at most ten."""


@dataclass(frozen=True)
class Hosted:
    """A variant of an endpoint, or one machine of a job; ``number`` counts a job's machines from 0."""

    place: Place
    kind: str
    name: str
    part: str
    number: int = 0

    @property
    def arn(self) -> str:
        """The ARN as the bill has it, where the names of endpoints are in lower case."""
        return self.place.arn("sagemaker", f"{self.kind}/{self.name.lower() if self.kind == 'endpoint' else self.name}")

    def __str__(self) -> str:
        return f"{self.arn}, {self.part}"


@dataclass(frozen=True)
class _Machine:
    gpus: int
    memory: float


@dataclass(frozen=True)
class _Described:
    """Machine types by variant (of a job: under the empty name); None where a type is not one, or not known.

    ``machines`` is how many machines a variant has.
    """

    types: Mapping[str, str | None]
    machines: Mapping[str, int] = field(default_factory=dict)
    since: datetime | None = None


def of_endpoints(series: Iterable[Series], place: Place) -> list[Group]:
    """A group per endpoint and variant; series of single instances and containers are parts of these."""
    found: dict[Hosted, Group] = {}
    for one in series:
        if one.names == {"EndpointName", "VariantName"}:
            _add(found, Hosted(place, "endpoint", one.get("EndpointName") or "", one.get("VariantName") or ""), one)
    return list(found.values())


def of_jobs(series: Iterable[Series], place: Place, kind: str) -> list[Group]:
    """A group per job and machine, which are called ``algo-1`` and so on, or by their instances."""
    jobs: dict[str, list[tuple[str, Series]]] = defaultdict(list)
    for one in series:
        name, _, machine = (one.get("Host") or "").rpartition("/")
        if name and one.names == {"Host"}:
            jobs[name].append((machine, one))
    found: dict[Hosted, Group] = {}
    for name, machines in jobs.items():
        unnumbered = sorted({machine for machine, _ in machines if not _number(machine)})
        for machine, one in machines:
            number = _number(machine) - 1 if _number(machine) else unnumbered.index(machine)
            _add(found, Hosted(place, kind, name, machine, number), one)
    return list(found.values())


class Machines:
    """The GPUs behind a sum, as SageMaker describes them; each endpoint and job is asked for once."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker
        self._described: dict[tuple[str, str], _Described] = {}
        self._denied: dict[str, Exception] = {}

    def of(self, hosted: Hosted, missing: Missing) -> Shared | None:
        """The GPUs of a machine; None, with a remark, where they are not known."""
        described = self._describe(hosted)
        if hosted.kind in self._denied:
            place = hosted.place
            whose = f"{hosted.kind.replace('-', ' ')}s in {place.account}, {place.region}"
            missing.refused(self._denied[hosted.kind], f"Utilization of {whose}", place.account, place.region)
            return None
        part = hosted.part if hosted.kind == "endpoint" else ""
        machine = _machine(described.types.get(part))
        if machine is None:
            named = described.types.get(part) or "its machine type is not known"
            missing.notes.append(
                f"{hosted.arn}: utilization left out, since the number of its GPUs is unknown ({named})."
            )
            return None
        if hosted.kind != "endpoint":
            return Shared(hosted.arn, hosted.number * machine.gpus, machine.gpus, machine.memory, described.since)
        before = sum(name < part for name in described.types)  # variants, by their names
        most = _OF_A_VARIANT // machine.gpus
        machines = min(max(described.machines.get(part, 1), 1), most)  # it has points, so there was one
        first = before * _OF_A_VARIANT
        return Shared(hosted.arn, first, machine.gpus, machine.memory, described.since, machines)

    def _describe(self, hosted: Hosted) -> _Described:
        from botocore.exceptions import ClientError

        key = (hosted.kind, hosted.name)
        if key not in self._described and hosted.kind not in self._denied:
            try:
                reply = self._endpoint(hosted.name) if hosted.kind == "endpoint" else self._job(*key)
            except ClientError as error:
                reply = _Described({})
                if code_of(error) in DENIED:
                    self._denied[hosted.kind] = error
                elif code_of(error) not in _GONE:
                    raise
            self._described[key] = reply
        return self._described.get(key, _Described({}))

    def _endpoint(self, name: str) -> _Described:
        endpoint = self._sagemaker.describe_endpoint(EndpointName=name)
        config = self._sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        return endpoint_types(config, endpoint.get("ProductionVariants", []))

    def _job(self, kind: str, name: str) -> _Described:
        operation, parameter, _ = _JOB[kind]
        return job_types(kind, getattr(self._sagemaker, operation)(**{parameter: name}))


def endpoint_types(config: Mapping[str, Any], running: Iterable[Mapping[str, Any]]) -> _Described:
    """Machine types of a configuration by variant, how many of it are ``running``, and since when they are these."""
    types = {}
    machines = {}
    for variant in config.get("ProductionVariants", []):
        machines[variant["VariantName"]] = variant.get("InitialInstanceCount", 1)
        listed = variant.get("InstanceType") or [pool["InstanceType"] for pool in variant.get("InstancePools") or []]
        types[variant["VariantName"]] = _only({listed} if isinstance(listed, str) else set(listed))
    machines |= {one["VariantName"]: one["CurrentInstanceCount"] for one in running if "CurrentInstanceCount" in one}
    return _Described(types, machines, config["CreationTime"].astimezone(UTC))


def job_types(kind: str, job: Mapping[str, Any]) -> _Described:
    """The machine type of a job, where all its machines are of one."""
    used: Any = job
    for part in _JOB[kind][2]:
        used = used.get(part) or {}
    groups = {group.get("InstanceType") for group in used.get("InstanceGroups") or []}
    chosen = used.get("SelectedInstanceType") or used.get("InstanceType")  # of several, the one the job got
    return _Described({"": chosen or _only(groups)})


def _only(types: set[Any]) -> str | None:
    return next(iter(types)) if len(types) == 1 else None


def _machine(instance_type: str | None) -> _Machine | None:
    known = accelerators_of("aws", instance_type) if instance_type else None
    if known is None or known[1] < 1:
        return None
    card = accelerator(known[0])
    return _Machine(int(known[1]), float(card.memory_gb * _BYTES)) if card else None


def _number(machine: str) -> int:
    """``algo-3`` is 3; 0 for a name without a number of this kind."""
    found = re.fullmatch(r"algo-(\d+)", machine)
    return int(found[1]) if found else 0


def _add(found: dict[Hosted, Group], hosted: Hosted, series: Series) -> None:
    if column := METRICS.get(series.metric):
        ask(found.setdefault(hosted, Group(hosted)), column, series)
