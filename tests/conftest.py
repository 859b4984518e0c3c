"""What every test gets: a clean environment, a shut network, a clock that stands still, and a database of its own.

One embedded Postgres serves the whole run, whichever worker starts it first; it stops by itself when the last worker
is gone. A template database is migrated once; each test that asks for ``database`` gets a copy and loses it after. What
many tests begin with is written once too: ``contents`` names who writes it, and they get copies of that.
"""

from __future__ import annotations

import fcntl
import functools
import gc
import hashlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, Engine, text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store, connect, migrate, open_store, server

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
SOAK = os.environ.get("AISPEND_SOAK") == "1"
PUBLIC_DATA = Path(os.environ.get("AISPEND_PUBLIC_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
TEMPLATE = "aispend_template"
Contents = Callable[[Store], None]
"""Writes what tests begin with into an empty, migrated database; a function of a module, known by its name."""

settings.register_profile(
    "default",
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("soak", settings.get_profile("default"), max_examples=5000, derandomize=False)
settings.load_profile("soak" if SOAK else "default")


# ---------------------------------------------------------------------------------------- the run


def pytest_configure(config: pytest.Config) -> None:
    """Agree with all workers on one folder for the run's server; clean the environment before anything reads it."""
    os.environ.setdefault("AISPEND_TEST_RUN", uuid4().hex[:12])
    for name in [name for name in os.environ if _is_foreign(name.upper())]:
        del os.environ[name]


def _is_foreign(name: str) -> bool:
    ours = ("AISPEND_TEST_RUN", "AISPEND_PUBLIC_DATA", "AISPEND_SOAK")
    prefixes = ("AISPEND_", "AWS_", "GOOGLE_", "AZURE_", "PG")
    return name not in ours and (name.startswith(prefixes) or name.endswith("_PROXY"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started the run removes its folder, once the server is gone."""
    if hasattr(config, "workerinput"):
        return
    folder = _run_folder()
    if folder.exists():
        server.wait_until_stopped(folder / "home" / "postgres")
        shutil.rmtree(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked as long goes first."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and tests live to the end: looking through them for garbage again and again takes a tenth of the run.

    What a test leaves is little beside them: looking for it often takes another.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """In CI a skipped test is a failed one: a guard must be able to fail."""
    return _failed_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """And so is a skipped module."""
    return _failed_if_skipped((yield))


def _failed_if_skipped(report: Any) -> Any:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {report.longrepr}"
    return report


def _run_folder() -> Path:
    return _scratch() / f"aispend-test-{os.environ['AISPEND_TEST_RUN']}"


def _scratch() -> Path:
    """Memory where there is plenty (a database per test is four times faster there), else the temporary folder."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        found = os.statvfs(memory)
        # containers often mount it small, or so that programs copied there may not run
        if found.f_frsize * found.f_blocks > 4 * 2**30 and not found.f_flag & os.ST_NOEXEC:
            return memory
    return Path(tempfile.gettempdir())


# ------------------------------------------------------------------------------- what is kept out


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only unix sockets and this machine: a test that reaches further fails, whatever it catches."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _local_only(getattr(socket.socket, name)))


def _local_only(original: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        host = address[0] if isinstance(address, tuple) else ""
        local = host in ("localhost", "::1", "") or host.startswith("127.")
        if self.family != socket.AF_UNIX and not local:
            pytest.fail(f"a test tried to reach {host!r}; only this machine may be reached")
        return original(self, address)

    return guarded


# ---------------------------------------------------------------------------------- small helpers


def standing_clock() -> datetime:
    """2026-11-21 06:00 UTC, always."""
    return datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    """2026-11-21 06:00 UTC, always."""
    return standing_clock


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of real bills and traces (``AISPEND_PUBLIC_DATA``)."""
    if not (PUBLIC_DATA / "README.md").is_file():
        pytest.skip(f"the public data is not at {PUBLIC_DATA}; name its folder in AISPEND_PUBLIC_DATA")
    return PUBLIC_DATA


@pytest.fixture(scope="session")
def new_home() -> Callable[[], Path]:
    """Makes empty data directories that a service user can reach (``tmp_path`` of root is closed to it)."""

    def make() -> Path:
        run = _run_folder()
        run.mkdir(exist_ok=True)
        run.chmod(0o711)
        folder = Path(tempfile.mkdtemp(prefix="home-", dir=run))
        folder.chmod(0o711)
        return folder

    return make


@pytest.fixture(scope="session", autouse=True)
def _services_read_once() -> Iterator[None]:
    """What botocore knows of AWS's services is the same for all sessions: megabytes of JSON, read once a worker."""
    read = functools.cache(partial(JSONFileLoader.load_file, JSONFileLoader()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield


@pytest.fixture(scope="session")
def soak_count() -> Callable[[int, int], int]:
    """``soak_count(normal, full)``: how often a fuzzing or kill test goes round; ``full`` under ``make soak``."""
    return lambda normal, full: full if SOAK else normal


# ------------------------------------------------------------------------------------ the database


@pytest.fixture(scope="session")
def embedded() -> Iterator[server.EmbeddedServer]:
    """The run's embedded server, with the migrated template in it."""
    folder = _run_folder()
    home = folder / "home"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    options = {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "64MB",
        "autovacuum": "off",  # no database lives long enough to need it
        "checkpoint_timeout": "1h",
        "bgwriter_lru_maxpages": "0",
    }
    with server.start(home, options=options, sync=False) as running:
        with _locked("template"):
            _make_template(running)
        yield running
        _maintenance(running.uri("postgres")).dispose()


@pytest.fixture
def empty_database(embedded: server.EmbeddedServer) -> Iterator[str]:
    """The libpq URI of a fresh database without any table."""
    yield from fresh_database(embedded, "template1")


def begins_with(write: Contents) -> pytest.MarkDecorator:
    """Marks a test whose database holds what this function writes."""
    return pytest.mark.begins_with.with_args(write)


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents | None:
    """Who writes what ``database`` holds before the test: the function its mark ``begins_with`` names, else nobody."""
    mark = request.node.get_closest_marker("begins_with")
    return mark.args[0] if mark else None


@pytest.fixture
def database(embedded: server.EmbeddedServer, contents: Contents | None, tmp_path: Path) -> Iterator[Store]:
    """A Store on a fresh, migrated database with its ``contents``, dropped after the test."""
    template = TEMPLATE if contents is None else _template_of(embedded, contents)
    for uri in fresh_database(embedded, template):
        with open_store(Settings(home=tmp_path, database_url=uri), migrate=False) as store:
            yield store


@pytest.fixture
def store_settings(database: Store, tmp_path: Path) -> Settings:
    """Settings whose database is this test's ``database`` and whose home is its ``tmp_path``."""
    return Settings(home=tmp_path, database_url=database.uri)


def _template_of(running: server.EmbeddedServer, contents: Contents) -> str:
    """The name of a database with these contents, written by the first test of the run that asks."""
    told = f"{contents.__module__}.{contents.__qualname__}"
    name = f"with_{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    with _locked(name), _administrator(running) as connection:
        if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
            connection.execute(text(f"CREATE DATABASE making_{name} TEMPLATE {TEMPLATE}"))
            with open_store(Settings(home=_run_folder(), database_url=running.uri(f"making_{name}"))) as store:
                contents(store)
            connection.execute(text(f"ALTER DATABASE making_{name} RENAME TO {name}"))
    return name


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """One worker of the run at a time."""
    with (_run_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_template(running: server.EmbeddedServer) -> None:
    with _administrator(running) as connection:
        known = text("SELECT 1 FROM pg_database WHERE datname = :name")
        if connection.scalar(known, {"name": TEMPLATE}):
            return
        connection.execute(text("CREATE DATABASE making"))
        engine = connect.engine_for(running.uri("making"))
        migrate.upgrade(engine)
        engine.dispose()
        connection.execute(text(f"ALTER DATABASE making RENAME TO {TEMPLATE}"))


def fresh_database(running: server.EmbeddedServer, template: str) -> Iterator[str]:
    """The URI of a database made from ``template``, dropped afterwards."""
    name = f"test_{uuid4().hex[:16]}"
    with _administrator(running) as connection:
        # the other strategy leaves dirty pages, and dropping them takes a tenth of a second
        copy = "STRATEGY file_copy" if int(connection.scalar(text("SHOW server_version_num"))) >= 150000 else ""
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} {copy}"))
    yield running.uri(name)
    with _administrator(running) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _administrator(running: server.EmbeddedServer) -> Iterator[Connection]:
    """This worker's connection to the maintenance database, outside any transaction."""
    with _maintenance(running.uri("postgres")).connect() as connection:
        yield connection


@functools.cache
def _maintenance(uri: str) -> Engine:
    """Made once, as a connection takes as long as a database: a worker keeps it as long as the server."""
    return connect.engine_for(uri).execution_options(isolation_level="AUTOCOMMIT")
