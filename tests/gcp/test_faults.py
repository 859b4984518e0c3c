"""What every collector beside the bill does when Google asks to wait, or grants some permissions only.

Projects and regions are named, so that a refusal meets the collector's own requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.cloud import Gcp
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from sample.google_cloud import HELD
from tests.gcp.double import Google, served

COLLECTORS = {name: made for name, made in Gcp().collectors().items() if name != "bills"}
NAMES = sorted(COLLECTORS)
Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
HERE = {"projects": ["ml-prod"], "regions": ["us-central1"]}


@pytest.fixture
def google() -> Iterator[Google]:
    with served() as double:
        yield double


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_with_a_wait_is_waited_for_as_long_as_it_says(
    name: str, google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    slow = RefusedError(429, "RESOURCE_EXHAUSTED", "slow down", {"Retry-After": "7"})
    google.turns = {operation: [slow] for operation in COLLECTORS[name].operations}
    clients = connect(**HERE)
    report = run(COLLECTORS[name](clients, clock), first=clock().date().replace(day=20), end=clock().date())

    assert report.error is None
    assert [one.message for one in report.slices if one.message] == []
    assert set(clients.waited) == {7.0}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_says_good_where_all_is_granted_and_names_what_is_not(
    name: str, google: Google, connect: Connect, clock: Clock
) -> None:
    found = list(COLLECTORS[name](connect(**HERE), clock).examine())
    assert [one.what for one in found if one.state == "broken"] == []
    google.permissions = set()
    google.everything = None
    missing = [one.what for one in COLLECTORS[name](connect(**HERE), clock).examine() if one.state == "broken"]
    assert missing
    assert all("is missing in ml-prod" in one for one in missing)


@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_within_the_hour_asks_nothing(
    name: str, google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    days = {"first": clock().date().replace(day=19), "end": clock().date()}
    assert run(COLLECTORS[name](connect(**HERE), clock), **days).error is None
    google.calls.clear()
    again = run(COLLECTORS[name](connect(**HERE), clock), **days)
    assert (again.error, again.loaded, google.operations()) == (None, 0, [])


def test_a_permission_no_project_can_grant_is_not_told_as_missing(google: Google, connect: Connect) -> None:
    def answer(_: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        wanted = json.loads(asked["body"])["permissions"]
        if "of.an.account" in wanted:
            raise RefusedError(400, "badRequest", "Permission of.an.account is not valid for this resource.")
        return {"permissions": [one for one in wanted if one != "not.held.here"]}

    google.listings[HELD] = answer
    held = connect(**HERE).held("ml-prod", ["is.held.here", "not.held.here", "of.an.account"])
    assert held == {"is.held.here", "of.an.account"}
