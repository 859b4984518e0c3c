"""Numbers of GPUs: a day that goes on changes none of those it had."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collectors.azure.metrics import Series
from collectors.azure.utilization_rows import OF_A_DEPLOYMENT, Deployment, deployment_rows, job_rows

BEGIN = datetime(2026, 11, 19, tzinfo=UTC)
WORKSPACE = "/subscriptions/s/ws"
SEEN = st.dictionaries(st.tuples(st.sampled_from("abcd"), st.integers(0, 1)), st.sets(st.integers(0, 20), min_size=1))


def day(seen: dict[tuple[str, int], set[int]], until: int) -> list[Series]:
    """The series of GPUs seen in these steps of five minutes, up to one of them."""
    found = []
    for (machine, device), steps in seen.items():
        points = {BEGIN + timedelta(minutes=5 * step): 50.0 for step in steps if step < until}
        named = {"computename": "train", "instanceid": machine, "deviceid": str(device)}
        found.append(Series(WORKSPACE, "GpuUtilizationPercentage", named, {"Average": points}))
    return found


@given(SEEN, st.integers(0, 21))
def test_later_gpus_change_no_number(seen: dict[tuple[str, int], set[int]], until: int) -> None:
    early = {(row["timestamp"], row["accelerator_index"]) for row in job_rows(day(seen, until), Counter())}
    whole = {(row["timestamp"], row["accelerator_index"]) for row in job_rows(day(seen, 21), Counter())}
    assert early == {one for one in whole if one[0] < BEGIN + timedelta(minutes=5 * until)}
    assert len(whole) == sum(map(len, seen.values())), "every point is told once"


@given(st.integers(1, 8), st.integers(1, 5))
def test_deployments_of_an_endpoint_never_share_a_number(gpus: int, machines: int) -> None:
    deployments = [Deployment(f"/e/deployments/{name}", gpus, None) for name in "ab"]
    found = [
        Series(one.id, "GpuUtilizationPercentage", {"instanceid": str(number)}, {"Average": {BEGIN: 10.0}})
        for one in deployments
        for number in range(machines)
    ]
    numbers = [row["accelerator_index"] for row in deployment_rows(found, deployments, Counter())]
    assert sorted(numbers) == [
        *range(gpus * machines),
        *range(OF_A_DEPLOYMENT, OF_A_DEPLOYMENT + gpus * machines),
    ]
