"""What every collector of Google Cloud promises, whoever wrote it: each is run against the same faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from aispend.clock import Clock
from aispend.connections import GcpCollection
from collectors.gcp.clients import GcpClients
from collectors.gcp.cloud import Gcp
from collectors.gcp.permissions import ALWAYS, PERMISSIONS
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.bill import TABLE
from tests.gcp.double import Google

READING = ("get", "list", "insert", "test", "aggregated", "capacity", "Get", "List", "search", "Search")
OF_EVERY_RUN = {*ALWAYS, "cloudresourcemanager.projects.testIamPermissions"}
ASKING = {"bigquery.jobs.create", "compute.advice.capacityHistory"}
"""To run a query, or have something worked out: neither changes anything without further permissions."""

COLLECTORS = Gcp().collectors()
NAMES = sorted(COLLECTORS)
Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]


def refused(code: str) -> RefusedError:
    """A refusal that gRPC and REST both understand."""
    status = {"PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "UNAVAILABLE": 503}[code]
    return RefusedError(status, code, "Permission bigquery.tables.get denied" if status == 403 else "no")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_what_the_settings_call_it(name: str, connect: Connect, clock: Clock) -> None:
    assert name in get_args(GcpCollection)
    assert COLLECTORS[name](connect(), clock).name == f"gcp/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_operation_has_its_permissions_and_only_reads(name: str) -> None:
    for operation in COLLECTORS[name].operations:
        assert operation in PERMISSIONS, operation
        assert operation.rsplit(".", 1)[-1].startswith(READING), f"{operation} does not look like reading"
        for one in PERMISSIONS[operation]:
            reads = one.name.rsplit(".", 1)[-1].startswith(("get", "list", "search", "use"))
            assert reads or one.name in ASKING, one.name


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE"])
@pytest.mark.parametrize("name", NAMES)
def test_a_cloud_that_refuses_everything_is_reported(
    name: str, code: str, google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    google.everything = refused(code)
    report = run(COLLECTORS[name](connect(export=[{"table": TABLE}]), clock))

    told = [report.error or "", *(one.message + "".join(one.notes) for one in report.slices)]
    assert any(told), "whoever collected nothing says why"
    assert "not expect" not in (report.error or "")
    assert {one for one in report.requests if " " not in one} <= {*COLLECTORS[name].operations, *OF_EVERY_RUN}


@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_never_fails_and_reads_nothing(name: str, google: Google, connect: Connect, clock: Clock) -> None:
    google.everything = refused("PERMISSION_DENIED")
    found = list(COLLECTORS[name](connect(export=[{"table": TABLE}]), clock).examine())

    assert found
    assert all(one.what for one in found)
    assert google.queries() == [], "looking costs nothing"
