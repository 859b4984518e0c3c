"""What every collector promises, of whichever cloud and whoever wrote it, when all is well and when nothing is."""

from __future__ import annotations

from typing import get_args

import pytest

from aispend import connections
from aispend.clock import Clock
from aispend.store import Store
from tests.clouds import contract
from tests.clouds.contract import Made, Run
from tests.clouds.servers import CloudServers


def test_it_is_called_what_the_settings_call_it(
    servers: CloudServers, made: Made, clock: Clock, cloud: str, kind: str
) -> None:
    assert kind in get_args(getattr(connections, f"{cloud.capitalize()}Collection"))
    assert made(servers.connect(kind), clock).name == f"{cloud}/{kind}"


def test_it_declares_what_it_needs_and_only_reads(servers: CloudServers, made: Made) -> None:
    contract.declares_what_it_needs(servers, made)


def test_a_cloud_that_refuses_everything_is_told_in_words_and_nothing_is_written(
    servers: CloudServers, made: Made, clock: Clock, attempt: Run, ledger: Store, caplog: pytest.LogCaptureFixture
) -> None:
    contract.says_why_when_refused(servers, made, clock, attempt, ledger, caplog)


def test_an_answer_that_is_garbled_is_told_in_words_and_nothing_is_written(
    servers: CloudServers, made: Made, clock: Clock, attempt: Run, ledger: Store, caplog: pytest.LogCaptureFixture
) -> None:
    contract.says_what_is_garbled(servers, made, clock, attempt, ledger, caplog)


def test_the_doctor_looks_in_peace(
    servers: CloudServers, made: Made, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    contract.is_looked_at_in_peace(servers, made, clock, caplog)
