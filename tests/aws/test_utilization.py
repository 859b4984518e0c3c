"""Utilization from CloudWatch: found, paged, scaled by unit, a day at a time, and never more than once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import CollectError
from aispend.store import Store
from collectors.aws.clients import AwsClients
from collectors.aws.cloudwatch import Series, period_for
from collectors.aws.utilization import AGENT, CONTAINERS, Utilization, of_machines
from collectors.aws.utilization_rows import Gpu
from collectors.contract import Files, Slice
from collectors.runner import SourceReport
from tests.aws.double import Aws, RefusalError

DAY = date(2026, 11, 18)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
Connect = Callable[..., AwsClients]
Run = Callable[..., SourceReport]


def series(namespace: str, metric: str, **dimensions: str) -> Series:
    return Series(namespace, metric, frozenset(dimensions.items()))


def agent(metric: str, machine: str = "i-1", index: str = "0", **more: str) -> Series:
    return series(AGENT, f"nvidia_smi_{metric}", InstanceId=machine, index=index, name="NVIDIA L4", **more)


class CloudWatch:
    """Answers ListMetrics and GetMetricData from points by series, in pages and by exact dimensions."""

    def __init__(
        self, aws: Aws, points: dict[Series, list[tuple[datetime, float]]], *, per_page: int = 100_800
    ) -> None:
        self.points, self.per_page = points, per_page
        self.status: dict[Series, list[str]] = {}
        self.maxima: dict[Series, list[tuple[datetime, float]]] = {}
        aws.on("cloudwatch.ListMetrics", self.list_metrics)
        aws.on("cloudwatch.GetMetricData", self.get_metric_data)

    def list_metrics(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [
            one
            for one in self.points
            if one.namespace == asked["Namespace"] and asked.get("MetricName", one.metric) == one.metric
        ]
        place = int(asked.get("NextToken", "0"))
        page = [
            {
                "Namespace": one.namespace,
                "MetricName": one.metric,
                "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(one.dimensions)],
            }
            for one in found[place : place + 500]
        ]
        more = {"NextToken": str(place + 500)} if place + 500 < len(found) else {}
        return {"Metrics": page, **more}

    def get_metric_data(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A page of points; a query that goes on on the next page is named on both, as partial on the first."""
        assert len(asked["MetricDataQueries"]) <= 500
        start, end = (asked[name].replace(tzinfo=UTC) for name in ("StartTime", "EndTime"))
        points: list[tuple[str, datetime | None, float]] = []
        status: dict[str, str] = {}
        for query in asked["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            dimensions = frozenset((one["Name"], one["Value"]) for one in metric["Dimensions"])
            wanted = Series(metric["Namespace"], metric["MetricName"], dimensions)
            kept = self.points | (self.maxima if query["MetricStat"]["Stat"] == "Maximum" else {})
            inside = [(query["Id"], *point) for point in kept.get(wanted, []) if start <= point[0] < end]
            points += inside or [(query["Id"], None, 0.0)]
            said = self.status.get(wanted, [])
            status[query["Id"]] = said.pop(0) if said else "Complete"
        first = int(asked.get("NextToken", "0"))
        page, rest = points[first : first + self.per_page], points[first + self.per_page :]
        results: dict[str, dict[str, Any]] = {}
        for name, stamp, value in page:
            one = results.setdefault(name, {"Id": name, "Label": name, "Timestamps": [], "Values": []})
            one["StatusCode"] = "PartialData" if rest and rest[0][0] == name else status[name]
            if stamp is not None:
                one["Timestamps"].append(stamp)
                one["Values"].append(value)
        more = {"NextToken": str(first + self.per_page)} if rest else {}
        return {"MetricDataResults": list(results.values()), **more}


def steady(value: float, points: int = 12) -> list[tuple[datetime, float]]:
    return [(NOON + timedelta(minutes=5 * place), value) for place in range(points)]


def fetched(collector: Utilization, folder: Path) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    reading = collector.fetch(Slice(f"{DAY}", "settled", "a day"), folder, None)
    (part,) = reading.parts
    assert isinstance(part, Files)
    rows = pq.read_table(part.paths[0]).to_pylist() if part.paths else []
    assert part.rows == len(rows)
    return rows, reading.notes


@pytest.fixture
def collector(connect: Connect, clock: Clock) -> Utilization:
    return Utilization(connect(), clock)


def test_the_agents_series_become_one_row_per_gpu_and_period(aws: Aws, collector: Utilization, tmp_path: Path) -> None:
    double = CloudWatch(
        aws,
        {
            agent("utilization_gpu"): [(NOON, 37.5)],
            agent("memory_used"): [(NOON, 2.0)],
            agent("memory_total"): [(NOON, 24.0)],
            agent("power_draw"): [(NOON, 71.0)],
            agent("utilization_gpu", index="1"): [(NOON, 0.0)],
            agent("utilization_memory"): [(NOON, 99.0)],  # how busy the memory is, not how full
        },
    )
    double.maxima = {agent("memory_used"): [(NOON, 11.0)], agent("utilization_gpu"): [(NOON, 100.0)]}
    rows, notes = fetched(collector, tmp_path)

    assert notes == ()
    assert rows == [
        {
            "timestamp": NOON,
            "interval_seconds": 300.0,
            "resource_id": "i-1",
            "accelerator_index": 0,
            "gpu_utilization": 37.5,
            "memory_used_bytes": 2.0 * 1024**2,
            "memory_used_max_bytes": 11.0 * 1024**2,
            "memory_total_bytes": 24.0 * 1024**2,
            "power_watts": 71.0,
        },
        {
            "timestamp": NOON,
            "interval_seconds": 300.0,
            "resource_id": "i-1",
            "accelerator_index": 1,
            "gpu_utilization": 0.0,
            "memory_used_bytes": None,
            "memory_used_max_bytes": None,
            "memory_total_bytes": None,
            "power_watts": None,
        },
    ]


def test_of_several_sets_of_dimensions_one_counts_and_the_agent_before_the_cluster() -> None:
    groups = of_machines(
        [
            agent("utilization_gpu", host="ip-10-0-0-1", ImageId="ami-1"),
            agent("utilization_gpu"),
            series(AGENT, "nvidia_smi_utilization_gpu", InstanceId="i-1"),  # all GPUs of the machine in one
        ],
        [
            series(CONTAINERS, "node_gpu_utilization", InstanceId="i-1", GpuDevice="nvidia0", ClusterName="c"),
            series(CONTAINERS, "node_gpu_utilization", InstanceId="i-2", GpuDevice="nvidia3", ClusterName="c"),
            series(CONTAINERS, "node_gpu_utilization", ClusterName="c"),
        ],
    )
    assert [group.key for group in groups] == [Gpu("i-1", 0), Gpu("i-2", 3)]
    assert groups[0].queries["gpu_utilization"].series.get("host") == "ip-10-0-0-1"


def test_a_machine_known_by_two_names_counts_once() -> None:
    """By host alone and by instance; by the host of the agent and the node of the cluster."""
    load = "nvidia_smi_utilization_gpu"
    groups = of_machines(
        [
            agent("utilization_gpu", host="ip-10-0-0-1"),
            series(AGENT, load, host="ip-10-0-0-1", index="0"),
            series(AGENT, load, host="ip-10-0-0-2", index="0"),
        ],
        [
            series(CONTAINERS, "node_gpu_utilization", InstanceId=f"i-{n}", GpuDevice="nvidia0", NodeName=node)
            for n, node in ((1, "ip-10-0-0-1.ec2.internal"), (2, "ip-10-0-0-2.ec2.internal"), (3, "ip-10-0-0-3"))
        ],
    )
    assert [group.key for group in groups] == [Gpu("i-1", 0), Gpu("i-3", 0), Gpu("ip-10-0-0-2", 0)]


@pytest.mark.parametrize("per_page", [100_800, 7, 1])
def test_pages_that_name_a_query_again_add_to_it(
    aws: Aws, collector: Utilization, tmp_path: Path, per_page: int
) -> None:
    CloudWatch(aws, {agent("utilization_gpu", index=str(n)): steady(float(n)) for n in range(3)}, per_page=per_page)

    rows, notes = fetched(collector, tmp_path)

    assert notes == ()
    assert len(rows) == 36
    assert sum(row["gpu_utilization"] for row in rows) == 12 * (0 + 1 + 2)


def test_series_that_cannot_be_read_are_asked_again_and_then_named(
    aws: Aws, collector: Utilization, tmp_path: Path
) -> None:
    good, bad, shut = (agent("utilization_gpu", index=str(n)) for n in range(3))
    double = CloudWatch(aws, {good: steady(1.0, 1), bad: steady(2.0, 1), shut: []})
    double.status = {good: ["InternalError", "Complete"], bad: ["InternalError"] * 9, shut: ["Forbidden"] * 9}

    rows, notes = fetched(collector, tmp_path)

    assert [row["gpu_utilization"] for row in rows] == [1.0, 2.0], "points that came with it are kept"
    assert [note.partition(", among")[0] for note in notes] == [
        "1 series are incomplete (Forbidden)",
        "1 series are incomplete (InternalError)",
    ]


def test_a_day_that_is_over_is_asked_for_once_and_today_every_hour(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    CloudWatch(aws, {agent("utilization_gpu"): steady(40.0)})
    window = {"first": DAY, "end": date(2026, 11, 21)}

    first = run(Utilization(connect(), clock), **window)
    second = run(Utilization(connect(), clock), **window)

    assert (first.error, first.loaded) == (None, 3)
    assert {one.outcome for one in second.slices} <= {"unchanged"}
    assert second.requests == {"sts.GetCallerIdentity": 1}
    with database.engine.connect() as connection:
        found = connection.execute(
            text("SELECT alias, hour, activity_mean, coverage, namespace FROM accelerator_hour")
        ).all()
    ((alias, hour, activity, coverage, namespace),) = found
    assert (alias, hour, namespace) == ("i-1", NOON, "aws/utilization")
    assert (round(activity, 6), coverage) == (0.4, 1.0)


def test_an_idle_day_is_percent_and_not_taken_for_a_ratio(
    aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    CloudWatch(aws, {agent("utilization_gpu"): steady(0.5)})
    report = run(Utilization(connect(), clock), first=DAY, end=DAY + timedelta(days=1))
    with database.engine.connect() as connection:
        activity = connection.scalar(text("SELECT activity_max FROM accelerator_hour"))
    assert (report.error, report.failures, round(activity, 6)) == (None, 0, 0.005)


def test_memory_is_known_by_its_peaks(aws: Aws, connect: Connect, clock: Clock, run: Run, database: Store) -> None:
    """4 GiB as a mean over an hour, 20 GiB for a moment of it: a card of 16 GiB would not do."""
    gib = 1024.0
    used = agent("memory_used")
    double = CloudWatch(aws, {agent("utilization_gpu"): steady(40.0), used: steady(4 * gib)})
    double.maxima = {used: [*steady(4 * gib, 11), (NOON + timedelta(minutes=55), 20 * gib)]}
    run(Utilization(connect(), clock), first=DAY, end=DAY + timedelta(days=1))
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT memory_used_mean, memory_used_max FROM accelerator_hour")).one()
    assert tuple(found) == pytest.approx((4 * gib**3, 20 * gib**3))


def test_a_region_that_is_not_enabled_is_a_note(aws: Aws, connect: Connect, clock: Clock, tmp_path: Path) -> None:
    double = CloudWatch(aws, {agent("utilization_gpu"): steady(1.0, 1)})
    calls = iter([RefusalError("UnrecognizedClientException")])

    def listed(asked: dict[str, Any]) -> dict[str, Any]:
        for error in calls:
            raise error
        return double.list_metrics(asked)

    aws.on("cloudwatch.ListMetrics", listed)
    rows, notes = fetched(Utilization(connect(regions=("me-south-1", "us-east-1")), clock), tmp_path)

    assert len(rows) == 1
    assert "Utilization in 111122223333, me-south-1 is unknown: the region is not enabled" in notes[0]


@pytest.mark.parametrize(
    ("age", "finest", "period"),
    [
        (14.9, 60, 60), (15, 60, 300), (62.9, 60, 300), (63, 60, 3600), (500, 60, 3600),
        (1, 300, 300), (20, 300, 300), (63, 300, 3600), (1, 3600, 3600),
    ],
)  # fmt: skip
def test_the_period_follows_the_age(age: float, finest: int, period: int) -> None:
    assert period_for(NOON - timedelta(days=age), NOON, finest) == period


def test_a_page_that_comes_twice_adds_nothing_and_one_that_comes_forever_ends(
    aws: Aws, collector: Utilization, tmp_path: Path
) -> None:
    double = CloudWatch(aws, {agent("utilization_gpu"): steady(30.0)}, per_page=6)
    names = iter(["6", "6 ", "6  "])

    def repeated(asked: dict[str, Any]) -> dict[str, Any]:
        """The first page once more, under new names for the next one, and then the second."""
        again = asked.get("NextToken", "0") in ("6", "6 ")
        reply = double.get_metric_data(asked | {"NextToken": "0"} if again else asked)
        return reply | ({"NextToken": next(names)} if "NextToken" in reply else {})

    aws.on("cloudwatch.GetMetricData", repeated)
    rows, notes = fetched(collector, tmp_path)
    assert (len(rows), notes) == (12, ())

    aws.on("cloudwatch.GetMetricData", {"MetricDataResults": [], "NextToken": "again"})
    with pytest.raises(CollectError, match="same page"):
        fetched(collector, tmp_path)
