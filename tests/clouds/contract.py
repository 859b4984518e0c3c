"""The promises of every collector, each as a function that fails where it is broken."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from aispend.clock import Clock
from aispend.schema import collection, load, metadata
from aispend.store import Store
from collectors.base import CloudCollector
from collectors.runner import SourceReport
from tests.clouds.servers import FAULTS, GARBLED, SECRETS, CloudServers

Run = Callable[..., SourceReport]
Made = type[CloudCollector]
DAYS = {"first": date(2026, 11, 19), "end": date(2026, 11, 21)}
"""Days enough to see that one is told from another."""

MONTHS = {"first": date(2026, 9, 1), "end": date(2026, 11, 22)}
"""For what is restated for longer than some days."""

_UNFORESEEN = "did not expect"


def told(report: SourceReport) -> str:
    """Everything a run says to a person."""
    return "\n".join([report.error or "", *("\n".join([one.title, one.message, *one.notes]) for one in report.slices)])


def troubles(report: SourceReport) -> list[str]:
    """What went wrong in a run, each in its own words."""
    said = [report.error or "", *(one.message for one in report.slices)]
    return [one for one in dict.fromkeys(said) if one]


def counts(store: Store) -> dict[str, int]:
    """Rows of all tables but the record of what was tried."""
    tables = [table for table in metadata.tables.values() if table.name not in ("collection", "request_day")]
    with store.engine.connect() as connection:
        columns = [select(func.count()).select_from(table).scalar_subquery().label(table.name) for table in tables]
        return dict(connection.execute(select(*columns)).mappings().one())


def kept_words(store: Store) -> str:
    """The record of what was collected and loaded, as text."""
    with store.engine.connect() as connection:
        return "\n".join(str(row) for table in (collection, load) for row in connection.execute(select(table)))


def declares_what_it_needs(servers: CloudServers, made: Made) -> None:
    """Every operation exists, has its permissions in the cloud's table, and only reads."""
    assert made.operations
    for operation in made.operations:
        assert servers.permissions(operation) is not None, f"{operation}: no permission is known for it"
        assert servers.reads(operation), f"{operation} does not look like reading"


def asks_what_it_declares(servers: CloudServers, made: Made, report: SourceReport) -> None:
    """Nothing was sent that is not declared, and everything that came was counted."""
    sent = {operation for operation in report.requests if " " not in operation}
    assert sent <= {*made.operations, *servers.always}, f"not declared: {sent - {*made.operations, *servers.always}}"
    assert report.requests_sent == servers.asked(), "each request is counted, and each try"


def says_why_when_refused(
    servers: CloudServers, made: Made, clock: Clock, run: Run, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Denied, expired, broken or limited: told in words with a next step, nothing is written, no secret is told."""
    before = counts(store)
    for fault in FAULTS:
        for settled in (True, False) if fault in ("denied", "expired") else (True,):
            servers.refuse(fault, but=servers.always - set(made.operations) if settled else ())
            with caplog.at_level(logging.DEBUG):
                report = run(made(servers.connect(made.kind, settled=settled), clock), **DAYS)
            said = told(report)
            assert said.strip(), f"{fault}: whoever collected nothing says why"
            if fault == "denied":
                sent = [operation for operation in report.requests if " " not in operation]
                _names_a_permission(servers, sent, [said])
            assert _UNFORESEEN not in said, f"{fault}: {said}"
            assert "Traceback" not in said + caplog.text, f"{fault}: {said}"
            for one in troubles(report):
                assert "  next:  " in one, f"{fault}: no next step in {one!r}"
            asks_what_it_declares(servers, made, report)
            assert counts(store) == before, f"{fault}: something was written"
            assert not SECRETS.of(said), f"{fault}: a secret is told"
            assert not SECRETS.of(caplog.text), f"{fault}: a secret is in the log"
    assert not SECRETS.of(kept_words(store)), "a secret is kept"


def says_what_is_garbled(
    servers: CloudServers, made: Made, clock: Clock, run: Run, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy's page, half an answer, another one's: told with the operation and a next step, nothing is written."""
    before = counts(store)
    window = MONTHS if made.restated_for > timedelta(days=7) else DAYS
    for how in GARBLED:
        servers.garble(how, but=servers.always - set(made.operations))
        with caplog.at_level(logging.DEBUG):
            report = run(made(servers.connect(made.kind), clock), **window)
        said = told(report)
        assert troubles(report), f"{how}: taken for an answer"
        assert _UNFORESEEN not in said, f"{how}: {said}"
        for one in troubles(report):
            assert "  next:  " in one, f"{how}: no next step in {one!r}"
            assert made.kind in one, f"{how}: not told what was collected in {one!r}"
            named = [name for name in made.operations if name in one or name.partition(".")[2] in one]
            assert named, f"{how}: not told what was asked in {one!r}"
        assert counts(store) == before, f"{how}: something was written"
        assert not SECRETS.of(said), f"{how}: a secret is told: {said}"
        assert not SECRETS.of(caplog.text), f"{how}: a secret is in the log"
        with caplog.at_level(logging.DEBUG):
            found = list(made(servers.connect(made.kind), clock).examine())
        assert all(one.next_step for one in found if one.state == "broken"), f"{how}: no next step in {found}"
        assert not SECRETS.of(f"{found}{caplog.text}"), f"{how}: a secret is told"
    assert not SECRETS.of(kept_words(store)), "a secret is kept"


def is_looked_at_in_peace(servers: CloudServers, made: Made, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The doctor never raises, costs nothing, and names a missing permission."""
    named: list[str] = []
    for fault in (None, *FAULTS):
        for settled in (True, False) if fault == "denied" else (True,):
            servers.refuse(fault, but=servers.always - set(made.operations) if settled else ())
            with caplog.at_level(logging.DEBUG):
                found = list(made(servers.connect(made.kind, settled=settled), clock).examine())
            assert found, f"{fault}: nothing was found"
            assert all(one.what for one in found)
            assert not servers.costly(), "looking costs nothing"
            assert not SECRETS.of(f"{found}{caplog.text}"), f"{fault}: a secret is told"
            broken = [one for one in found if one.state == "broken"]
            assert all(one.next_step for one in broken), f"{fault}: no next step in {broken}"
            if fault == "denied":
                named += [one.what for one in found if one.state != "note"]
                assert "good" not in {one.state for one in found}, f"denied, and yet {found}"
    _names_a_permission(servers, made.operations, named)


def _names_a_permission(servers: CloudServers, operations: Iterable[str], said: list[str]) -> None:
    """Where something was tried; in looking, what costs is left to collecting, and that is told as a note."""
    needed = {name for operation in operations for name in servers.permissions(operation) or ()}
    if said and needed:
        names = {name.rpartition(":")[2] for name in needed}  # AWS's are known by their action: ``s3:ListBucket``
        assert any(name in one for one in said for name in names), f"no permission is named in {said!r}"
