"""SageMaker's jobs as workloads: when they ran, on how much, and how they ended.

A job's time is what is billed: ``BillableTimeInSeconds`` where SageMaker says it, which for managed spot is less than
lay between start and end; else that time itself. Both are wall clock: ``accelerators_requested`` are those of all the
job's instances. A job that was stopped neither succeeded nor failed. A warm pool after a job is a workload of its own
that uses nothing.

Asked for are the jobs that changed since the last reading and those in progress.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from collectors.aws.inventory_ec2 import known_hardware
from collectors.aws.inventory_sagemaker import unless_gone

OPERATIONS = (
    "sagemaker.DescribeProcessingJob",
    "sagemaker.DescribeTrainingJob",
    "sagemaker.DescribeTransformJob",
    "sagemaker.ListProcessingJobs",
    "sagemaker.ListTrainingJobs",
    "sagemaker.ListTransformJobs",
)
HISTORY = timedelta(days=90)
"""How far back a first run goes."""

LATE = timedelta(hours=2)
"""Read again each time."""

WARM_POOL = "warm_pool"


@dataclass(frozen=True)
class _Kind:
    name: str
    stage: str

    @property
    def key(self) -> str:
        return f"{self.name}JobName"


_KINDS = (_Kind("Training", "training"), _Kind("Processing", "data"), _Kind("Transform", "inference_batch"))
KINDS = tuple(kind.name for kind in _KINDS)
_OUTCOMES = {"Completed": "succeeded", "Failed": "failed", "InProgress": "running", "Stopping": "running"}


def job_replies(sagemaker: Any, kind_name: str, since: datetime) -> Iterator[Mapping[str, Any]]:
    """The description of each job of a kind that changed or runs, once."""
    kind = _kind(kind_name)
    known: set[str] = set()
    for asked in ({"LastModifiedTimeAfter": since}, {"StatusEquals": "InProgress"}):
        pages = sagemaker.get_paginator(f"list_{kind.name.lower()}_jobs").paginate(
            **asked, PaginationConfig={"PageSize": 100}
        )
        for page in pages:
            for one in page[f"{kind.name}JobSummaries"]:
                name = one[kind.key]
                if name in known:
                    continue
                known.add(name)
                found = unless_gone(getattr(sagemaker, f"describe_{kind.name.lower()}_job"), **{kind.key: name})
                if found is not None:
                    yield found


def token_of(hour: str, unread: Mapping[str, datetime]) -> str:
    """The change token of a reading that left kinds of jobs ``unread``, each with the time from which on.

    >>> token_of("2026-11-21T06", {"Processing": datetime(2026, 8, 23, 6, tzinfo=UTC)})
    '2026-11-21T06 Processing>2026-08-23T06:00:00+00:00'
    """
    return " ".join((hour, *(f"{kind}>{since.isoformat()}" for kind, since in unread.items())))


def unread_by(token: str) -> dict[str, datetime]:
    """The kinds of jobs a reading left unread, and from when on."""
    parts = (part.split(">") for part in token.split(" ")[1:])
    return {kind: datetime.fromisoformat(since) for kind, since in parts}


def workloads(kind_name: str, job: Mapping[str, Any], now: datetime) -> Iterator[dict[str, Any]]:
    """Rows of the workloads form; none for a job that never started."""
    kind = _kind(kind_name)
    start = job.get(f"{kind.name}StartTime")
    if start is None:
        return
    status = str(job[f"{kind.name}JobStatus"])
    end = job.get(f"{kind.name}EndTime")
    outcome = _OUTCOMES.get(status)
    seconds = job.get("BillableTimeInSeconds") if end is not None else None
    if seconds is None:
        seconds = ((end or now) - start).total_seconds()
    base = {
        "resource_id": job[f"{kind.name}JobArn"],
        "workload": job[kind.key],
        "stage": kind.stage,
        "model": job.get("ModelName") if kind.name == "Transform" else None,
        "accelerators_requested": accelerators(kind.name, job),
    }
    if seconds > 0:
        yield base | {"timestamp": _utc(start), "period_seconds": seconds, "kind": "job", "outcome": outcome}
    kept = _kept_seconds(job, end, now)
    if end is not None and kept > 0:
        yield base | {
            "timestamp": _utc(end),
            "period_seconds": kept,
            "workload": f"{job[kind.key]} warm pool",
            "kind": WARM_POOL,
            "accelerators_used": 0,
        }


def job_life(kind_name: str, job: Mapping[str, Any]) -> dict[str, Any] | None:
    """A row of ``resource_life``; None where the job never started."""
    start, end = job.get(f"{kind_name}StartTime"), job.get(f"{kind_name}EndTime")
    if start is None:
        return None
    return {
        "provider": "aws",
        "resource_id": job[f"{kind_name}JobArn"],
        "started_at": start.astimezone(UTC),
        "ended_at": end.astimezone(UTC) if end else None,
        "method": "event",
    }


def accelerators(kind_name: str, job: Mapping[str, Any]) -> Decimal | None:
    """Accelerators of all instances of a job; None where a machine type is not known to have any."""
    counts = []
    for machine, instances in _machines(kind_name, job):
        known = known_hardware(machine)
        if known is None or instances is None:
            return None
        counts.append(known.accelerators * instances)
    return sum(counts, Decimal(0)) if counts else None


def _kind(name: str) -> _Kind:
    return next(one for one in _KINDS if one.name == name)


def _machines(kind_name: str, job: Mapping[str, Any]) -> Iterable[tuple[str | None, int | None]]:
    if kind_name == "Transform":
        used = job.get("TransformResources", {})
    elif kind_name == "Processing":
        used = job.get("ProcessingResources", {}).get("ClusterConfig", {})
    else:
        used = job.get("ResourceConfig", {})
        if groups := used.get("InstanceGroups"):
            return [(group.get("InstanceType"), group.get("InstanceCount")) for group in groups]
    # where a job may run on one of several types, the one it got is named apart
    machine = used.get("SelectedInstanceType") or used.get("InstanceType")
    instances = used.get("SelectedInstanceCount") or used.get("InstanceCount")
    return [(machine, instances)] if machine else []


def _kept_seconds(job: Mapping[str, Any], end: datetime | None, now: datetime) -> float:
    pool = job.get("WarmPoolStatus") or {}
    billed = pool.get("ResourceRetainedBillableTimeInSeconds")
    if billed is not None:
        return float(billed)
    return (now - end).total_seconds() if end is not None and pool.get("Status") == "Available" else 0.0


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
