"""A thousand GPUs take no more memory than a hundred: what is held is one request's answer and one batch of rows."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from aispend.clock import Clock
from collectors import table_file
from collectors.aws.clients import AwsClients
from collectors.aws.inventory_ec2 import Place
from collectors.aws.utilization import AGENT, Utilization
from collectors.contract import Files, Slice

DAY = datetime(2026, 11, 18, tzinfo=UTC)
POINTS = 24


class Fleet:
    """Machines of one GPU with four metrics each, without a network, whose copies of an answer would be measured too.

    Points are made when they are asked for, and each is an object of its own, as they are when they come from AWS.
    """

    def __init__(self, machines: int) -> None:
        self.machines = machines
        self.requests = 0

    def list_metrics(self, **asked: Any) -> dict[str, Any]:
        if asked["Namespace"] != AGENT:
            return {"Metrics": []}
        return {"Metrics": [self._metric(asked["MetricName"], number) for number in range(self.machines)]}

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        self.requests += 1
        return {"MetricDataResults": [self._result(query["Id"], query) for query in asked["MetricDataQueries"]]}

    @staticmethod
    def _metric(name: str, number: int) -> dict[str, Any]:
        dimensions = [{"Name": "InstanceId", "Value": f"i-{number:05}"}, {"Name": "index", "Value": "0"}]
        return {"Namespace": AGENT, "MetricName": name, "Dimensions": dimensions}

    @staticmethod
    def _result(name: str, query: dict[str, Any]) -> dict[str, Any]:
        number = int(query["MetricStat"]["Metric"]["Dimensions"][0]["Value"][2:])
        return {
            "Id": name,
            "StatusCode": "Complete",
            "Timestamps": [DAY + timedelta(hours=place) for place in range(POINTS)],
            "Values": [(number + place) % 100 + 0.5 for place in range(POINTS)],
        }


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_gpus(
    connect: Callable[..., AwsClients], clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the GPUs, ten times the requests and rows, the same peak: 5 x 130 statistics and 5 x 1,300.

    Which series there are is known before (a few hundred bytes each); only the points are measured.
    """
    monkeypatch.setattr(table_file, "_BATCH", 500)
    peaks, requests = [], []
    for machines in (1, 130, 1_300):  # with the first, what is imported
        fleet = Fleet(machines)
        clients = connect(accounts=("111122223333",))
        assert clients.accounts == ("111122223333",)
        monkeypatch.setattr(clients, "client", lambda *_args, fleet=fleet, **_options: fleet)
        collector = Utilization(clients, clock)
        collector._found(fleet, Place("111122223333", "us-east-1"))
        if machines > 1:
            tracemalloc.start()
        (part,) = collector.fetch(Slice(f"{DAY:%Y-%m-%d}", "settled", "a day"), tmp_path, None).parts
        if machines > 1:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        requests.append(fleet.requests)
        assert isinstance(part, Files)
        assert pq.read_metadata(tmp_path / "utilization.parquet").num_rows == machines * POINTS == part.rows
    assert requests == [1, 2, 19], "70 machines in a request, whose answer for a day has 100,800 points at most"
    assert peaks[1] < 1.25 * peaks[0], peaks
