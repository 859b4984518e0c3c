"""What every collector of AWS promises, whoever wrote it: each is run against the same faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import botocore.session
import pytest
from sqlalchemy import func, select

from aispend.clock import Clock
from aispend.connections import AwsCollection
from aispend.schema import metadata
from aispend.store import Store
from collectors.aws.base import actions_for
from collectors.aws.clients import AwsClients
from collectors.aws.cloud import Aws as Cloud
from collectors.aws.questions import QUESTIONS
from collectors.runner import SourceReport
from tests.aws.double import Aws, RefusalError

READING = ("Get", "List", "Describe", "Head", "Lookup", "Search")
OF_EVERY_RUN = {"sts.GetCallerIdentity", "ec2.DescribeRegions", "organizations.ListAccounts"}
"""What the clients ask for all collectors."""

COLLECTORS = Cloud().collectors()
NAMES = sorted(COLLECTORS)
Connect = Callable[..., AwsClients]
Run = Callable[..., SourceReport]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_what_the_settings_call_it(name: str, connect: Connect, clock: Clock) -> None:
    assert name in get_args(AwsCollection)
    assert COLLECTORS[name](connect(), clock).name == f"aws/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_operation_exists_and_only_reads(name: str) -> None:
    session = botocore.session.get_session()
    for operation in COLLECTORS[name].operations:
        service, _, called = operation.partition(".")
        assert called in session.get_service_model(service).operation_names, operation
        assert called.startswith(READING), f"{operation} does not look like reading"


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDeniedException", 400), ("InternalServerException", 500), ("ExpiredTokenException", 400)],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_cloud_that_refuses_everything_is_reported_and_nothing_is_written(
    name: str,
    code: str,
    status: int,
    aws: Aws,
    connect: Connect,
    clock: Clock,
    run: Run,
    database: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    collector = COLLECTORS[name]
    for operation in collector.operations:
        aws.on(operation, [RefusalError(code, "no", status=status)])

    report = run(collector(connect(), clock))

    told = [report.error or "", *(one.message + "".join(one.notes) for one in report.slices)]
    assert any(told), "whoever collected nothing says why"
    assert "not expect" not in (report.error or "")
    assert set(aws.operations()) <= {*collector.operations, *OF_EVERY_RUN}
    assert rows(database) == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_doctor_never_fails_and_names_a_permission(name: str, aws: Aws, connect: Connect, clock: Clock) -> None:
    collector = COLLECTORS[name]
    for operation in collector.operations:
        aws.on(operation, [RefusalError("AccessDeniedException", "no")])

    found = list(collector(connect(), clock).examine())

    assert found
    assert all(one.what for one in found)
    assert not [name for name in aws.operations() if name.startswith("ce.")], "looking costs nothing"


@pytest.mark.parametrize("name", ["commitments", "invoices", "prices", "spot", "usage", "utilization"])
def test_the_doctor_proves_each_permission_it_can_prove_for_nothing(
    name: str, aws: Aws, connect: Connect, clock: Clock
) -> None:
    """What no question is known for needs no permission, or is asked with another one of its service."""
    collector = COLLECTORS[name]
    needed = {operation for operation in collector.operations if operation.partition(".")[2] not in _FREE}
    for operation in needed:
        aws.on(operation, [RefusalError("AccessDeniedException", "no")])
    found = [one.what for one in collector(connect(), clock).examine() if one.state == "broken"]
    named = {actions_for(operation)[0] for operation in needed}
    assert {action for action in named if not any(action in one for one in found)} == set()
    assert not any("can be read" in one for one in found)


@pytest.mark.parametrize("name", ["commitments", "invoices", "prices", "spot", "usage", "utilization"])
def test_the_doctor_says_good_where_what_it_names_is_not_there(
    name: str, aws: Aws, connect: Connect, clock: Clock
) -> None:
    """Nothing has the names that are asked for, which only one who may ask is told."""
    for operation in QUESTIONS:
        code = "DryRunOperation" if operation.startswith("ec2.") else "ResourceNotFoundException"
        aws.on(operation, [RefusalError(code, "no")])
    found = list(COLLECTORS[name](connect(), clock).examine())
    assert any(one.state == "good" and one.what.startswith("can be read") for one in found)


_FREE = {"GetCallerIdentity", "DescribeRegions"}


def rows(store: Store) -> dict[str, int]:
    """Rows of the tables that collectors write, where there are any."""
    kept = {"collection", "request_day", "location", "resource", "tag_set", "commitment"}  # the last four have a row 0
    counts: dict[str, Any] = {}
    with store.engine.connect() as connection:
        for table in metadata.tables.values():
            if table.name not in kept and (count := connection.scalar(select(func.count()).select_from(table))):
                counts[table.name] = count
    return counts
