"""How series are divided among requests: as few as the limits of the API leave, and none that goes over them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors.aws.cloudwatch import Group, Query, Series, read

DAY = datetime(2026, 11, 18, tzinfo=UTC)
COLUMNS = ("gpu_utilization", "memory_used_bytes", "memory_total_bytes", "power_watts")


class Limits:
    """GetMetricData without points, that notes how many queries came with each request."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(len(asked["MetricDataQueries"]))
        return {"MetricDataResults": []}


def groups(count: int) -> list[Group]:
    def series(number: int, column: str) -> Series:
        return Series("CWAgent", column, frozenset({("InstanceId", f"i-{number}")}))

    return [
        Group(number, {name: Query(series(number, name), "Average") for name in COLUMNS}) for number in range(count)
    ]


@pytest.mark.parametrize(
    ("span", "period", "requests", "largest"),
    [
        # 100,800 points a page are 350 series of 288 points: 87 GPUs of four metrics; 4,000 x 288 / 100,800 = 11.4
        (timedelta(days=1), 300, 12, 348),
        # half a day has 144 points, 700 series a page: 500 queries a request are fewer
        (timedelta(hours=12), 300, 8, 500),
        # 1,440 points a day leave 70 series a page; 4,000 x 1,440 / 100,800 = 57.1, in groups of four 59
        (timedelta(days=1), 60, 59, 68),
        # a moment after midnight there is less than one point
        (timedelta(seconds=10), 300, 8, 500),
        # more points than a page has of a single series: a group in each request, its answer in pages
        (timedelta(days=90), 60, 1000, 4),
    ],
)
def test_a_request_asks_for_what_one_page_can_answer(span: timedelta, period: int, requests: int, largest: int) -> None:
    client = Limits()
    assert not list(read(client, groups(1_000), start=DAY, end=DAY + span, period=period, notes=[]))
    assert (len(client.asked), max(client.asked), sum(client.asked)) == (requests, largest, 4_000)
