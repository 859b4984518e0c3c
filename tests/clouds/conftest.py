"""Every collector of every cloud, and the servers each is tried against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store, open_store, server
from collectors.base import CloudCollector
from collectors.registry import clouds
from collectors.runner import SourceReport
from tests.clouds.ledgers import Ledger, NewLedger
from tests.clouds.running import collecting
from tests.clouds.servers import CloudServers
from tests.conftest import TEMPLATE, fresh_database

EVERY = [(cloud, kind) for cloud, one in clouds().items() for kind in one.collectors()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that wants ``made`` is run for every collector of every cloud."""
    if "made" in metafunc.fixturenames:
        metafunc.parametrize(("cloud", "kind"), EVERY, ids=[f"{cloud}/{kind}" for cloud, kind in EVERY])


@pytest.fixture
def made(cloud: str, kind: str) -> type[CloudCollector]:
    """The collector."""
    return clouds()[cloud].collectors()[kind]


@pytest.fixture(scope="module")
def all_servers() -> Iterator[Callable[[str], CloudServers]]:
    """The servers of a cloud by its name, started when they are wanted first."""
    running: dict[str, CloudServers] = {}
    with ExitStack() as stack:

        def started(cloud: str) -> CloudServers:
            if cloud not in running:
                found: type[CloudServers] = import_module(f"tests.{cloud}.servers").Servers
                running[cloud] = stack.enter_context(found.serving())
            return running[cloud]

        yield started


@pytest.fixture
def servers(cloud: str, all_servers: Callable[[str], CloudServers], monkeypatch: pytest.MonkeyPatch) -> CloudServers:
    """The cloud's servers, as if nothing had happened; what an SDK waits for takes no time."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    found = all_servers(cloud)
    found.refuse(None)
    found.fill()
    return found


@pytest.fixture
def new_ledger(embedded: server.EmbeddedServer, tmp_path: Path) -> Iterator[NewLedger]:
    """Makes empty ledgers."""
    with ExitStack() as stack:

        def fresh() -> Ledger:
            uri = stack.enter_context(contextmanager(fresh_database)(embedded, TEMPLATE))
            settings = Settings(home=tmp_path, database_url=uri)
            return Ledger(stack.enter_context(open_store(settings, migrate=False)), settings)

        yield fresh


@pytest.fixture(scope="module")
def ledger(embedded: server.EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A database for all tests of a module that write nothing into it."""
    home = tmp_path_factory.mktemp("home")
    for uri in fresh_database(embedded, TEMPLATE):
        with open_store(Settings(home=home, database_url=uri), migrate=False) as store:
            yield store


@pytest.fixture
def attempt(ledger: Store, tmp_path: Path, clock: Clock) -> Callable[..., SourceReport]:
    """Collect into :func:`ledger`."""
    return collecting(ledger, Settings(home=tmp_path, database_url=ledger.uri), clock)
