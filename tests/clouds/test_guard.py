"""The contract can fail: a collector that breaks one of its promises is found out, in every cloud."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from aispend.clock import Clock
from aispend.errors import CollectError
from aispend.store import Store
from collectors.contract import Seen, Slice, Window
from collectors.registry import clouds
from tests.clouds import contract, slices
from tests.clouds.contract import Made, Run
from tests.clouds.ledgers import NewLedger
from tests.clouds.servers import SECRETS, CloudServers


@pytest.fixture(params=sorted(clouds()))
def cloud(request: pytest.FixtureRequest) -> str:
    """Each cloud."""
    return str(request.param)


@pytest.fixture
def sound(cloud: str) -> Made:
    """A collector as it is, to break a copy of."""
    return clouds()[cloud].collectors()["commitments"]


def broken(made: Made, **changes: Any) -> Made:
    """A copy with something changed."""
    return type("Broken", (made,), changes)


def test_one_that_asks_what_it_does_not_declare(
    sound: Made, servers: CloudServers, clock: Clock, attempt: Run, ledger: Store, caplog: pytest.LogCaptureFixture
) -> None:
    silent = broken(sound, operations=())
    with pytest.raises(AssertionError, match="not declared"):
        contract.says_why_when_refused(servers, silent, clock, attempt, ledger, caplog)


def test_one_that_declares_what_it_has_no_permission_for(sound: Made, servers: CloudServers) -> None:
    service = sound.operations[-1].partition(".")[0]
    with pytest.raises(AssertionError, match="no permission is known"):
        contract.declares_what_it_needs(servers, broken(sound, operations=(f"{service}.DeleteEverything",)))


@pytest.mark.parametrize("where", ["log", "error"])
def test_one_that_tells_a_secret(
    where: str,
    sound: Made,
    servers: CloudServers,
    clock: Clock,
    attempt: Run,
    ledger: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def find(self: Any, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        if where == "log":
            logging.getLogger("collectors.broken").debug("signed with %s", SECRETS.given)
        else:
            raise CollectError("It failed.", where=f"asked with {SECRETS.given}", next_step="Ask again.")
        yield from sound.find(self, window, seen)

    with pytest.raises(AssertionError, match="a secret is"):
        contract.says_why_when_refused(servers, broken(sound, find=find), clock, attempt, ledger, caplog)


def test_one_that_takes_a_page_of_a_proxy_for_an_answer(
    sound: Made, servers: CloudServers, clock: Clock, attempt: Run, ledger: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def find(self: Any, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        yield from ()

    with pytest.raises(AssertionError, match="taken for an answer"):
        contract.says_what_is_garbled(servers, broken(sound, find=find), clock, attempt, ledger, caplog)


def test_one_whose_token_changes_each_time(sound: Made, servers: CloudServers, new_ledger: NewLedger) -> None:
    numbers = itertools.count()

    def find(self: Any, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        for piece in sound.find(self, window, seen):
            yield replace(piece, token=f"{piece.token} {next(numbers)}")

    with pytest.raises(AssertionError, match="read again"):
        slices.reads_nothing_twice(servers, broken(sound, find=find), new_ledger())


def test_one_that_leaves_what_was_before(sound: Made, servers: CloudServers, new_ledger: NewLedger) -> None:
    def find(self: Any, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        yield from () if seen else sound.find(self, window, seen)

    with pytest.raises(AssertionError, match="restated"):
        slices.replaces_what_is_restated(servers, broken(sound, find=find), new_ledger(), new_ledger())
