"""Which runs count and what is loaded together: promises over any folders Azure may write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.errors import InputError
from collectors.azure.blobs import Blob
from collectors.azure.deliveries import Days, clusters, days_of, manifest_of, named, newest_run, together, token_of

NOVEMBER = Days(date(2026, 11, 1), date(2026, 11, 30))
FIRST = date(2026, 1, 1)
SPANS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 70)).map(
        lambda one: Days(FIRST + timedelta(days=one[0]), FIRST + timedelta(days=sum(one)))
    ),
    max_size=12,
)


def months(days: Days) -> set[str]:
    number = (days.last - days.first).days + 1
    return {f"{days.first + timedelta(days=one):%Y-%m}" for one in range(number)}


@given(SPANS)
def test_each_span_is_loaded_once_and_no_month_by_two(found: list[Days]) -> None:
    made = clusters(found)
    assert sorted(one for cluster in made for one in cluster) == sorted(set(found))
    seen = [set[str]().union(*(months(one) for one in cluster)) for cluster in made]
    assert sum(len(one) for one in seen) == len(set[str]().union(*seen))
    assert [min(cluster) for cluster in made] == sorted((min(cluster) for cluster in made), reverse=True)
    assert len({named(cluster) for cluster in made}) == len(made), "each has a key of its own"


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_folders_are_called_after_their_days(first: date, more: int) -> None:
    days = Days(first, first + timedelta(days=more))
    assert days_of(days.folder) == days


@pytest.mark.parametrize("name", ["20261131-20261201", "20261130-20261101", "202611-202612", "final", ""])
def test_other_folders_are_none(name: str) -> None:
    assert days_of(name) is None


def test_a_cluster_is_called_after_its_months() -> None:
    assert named([NOVEMBER]) == "2026-11"
    assert named([NOVEMBER, Days(date(2026, 11, 20), date(2027, 1, 3))]) == "2026-11 to 2027-01"


def blob(name: str, minute: int = 0, size: int = 1, etag: str = "1") -> Blob:
    return Blob(name, etag, size, datetime(2026, 11, 20, 3, minute, tzinfo=UTC))


def test_the_run_that_began_last_counts_even_if_a_copy_of_it_came_first() -> None:
    older, newer = blob("a/202611200301/x/manifest.json", 9), blob("a/202611200302/y/manifest.json", 1)
    run = newest_run(NOVEMBER, [older, newer])
    assert run is not None
    assert run.manifest == newer


def test_without_a_time_in_its_name_the_manifest_that_came_last_counts() -> None:
    run = newest_run(NOVEMBER, [blob("a/x/Manifest.json", 9), blob("a/y/manifest.json", 1)])
    assert run is not None
    assert run.manifest is not None
    assert run.manifest.name == "a/x/Manifest.json"


STAMPED = ("a/202611200301/v/manifest.json", "a/202611200302/w/manifest.json")


@pytest.mark.parametrize(
    ("minutes", "counts"),
    [
        pytest.param((1, 2, 9), "a/x/manifest.json", id="from new reports to overwriting"),
        pytest.param((8, 9, 1), STAMPED[1], id="from overwriting to new reports"),
        pytest.param((9, 2, 5), "a/x/manifest.json", id="an older report copied late does not stand for the newest"),
    ],
)
def test_an_export_that_changed_its_layout_goes_on_with_what_was_written_last(
    minutes: tuple[int, int, int], counts: str
) -> None:
    found = [blob(name, minute) for name, minute in zip((*STAMPED, "a/x/manifest.json"), minutes, strict=True)]
    for order in permutations(found):
        run = newest_run(NOVEMBER, order)
        assert run is not None
        assert run.manifest is not None
        assert run.manifest.name == counts


def test_folders_kept_as_empty_blobs_are_no_run() -> None:
    assert newest_run(NOVEMBER, [blob("a", size=0), blob("a/x", size=0)]) is None
    assert newest_run(NOVEMBER, []) is None


@given(st.permutations(["a", "b", "c"]))
def test_the_token_is_of_the_manifests_whatever_their_order(names: list[str]) -> None:
    runs = [newest_run(NOVEMBER, [blob(f"{name}/manifest.json"), blob(f"{name}/part")]) for name in names]
    assert token_of(one for one in runs if one) == token_of(one for one in sorted(runs, key=str) if one)
    changed = newest_run(NOVEMBER, [blob("a/manifest.json", etag="2")])
    assert changed is not None
    assert token_of([changed]) != token_of(one for one in runs[:1] if one)


def test_exports_of_subscriptions_become_one_manifest() -> None:
    def said(number: int, rows: Any) -> dict[str, Any]:
        return {
            "exportConfig": {"exportName": f"e{number}", "resourceId": f"r{number}", "type": "ActualCost"},
            "runInfo": {"runId": f"run-{number}", "submittedTime": f"2026-11-2{number}", "startDate": "2026-11-01"},
            "blobs": [{"blobName": f"{number}/part"}],
            "dataRowCount": rows,
        }

    one = together([said(1, 3), said(2, 4)], "all")
    assert one["exportConfig"] == {"exportName": "all", "resourceId": "all", "type": "ActualCost"}
    assert one["runInfo"] == {"runId": "run-1+run-2", "submittedTime": "2026-11-22", "startDate": "2026-11-01"}
    assert ([each["blobName"] for each in one["blobs"]], one["blobCount"], one["dataRowCount"]) == (
        ["1/part", "2/part"],
        2,
        7,
    )
    assert together([said(1, 3), said(2, None)], "all")["dataRowCount"] is None


@given(st.binary(max_size=60))
def test_whatever_a_manifest_is_it_is_read_or_refused(content: bytes) -> None:
    try:
        found = manifest_of(content, "here")
    except InputError as error:
        assert error.where.startswith("here")  # noqa: PT017 - both ways out are right
    else:
        assert isinstance(found["blobs"], list)
