"""The command line in process: arguments in, exit status and both streams out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from aispend import cli
from aispend.store import Store
from tests.conftest import Contents
from tests.reports.samples import company_with_results


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(database: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``aispend`` on this test's database, in an empty folder, 80 columns wide."""
    monkeypatch.setenv("AISPEND_HOME", str(tmp_path))
    monkeypatch.setenv("AISPEND_DATABASE_URL", database.uri)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        status = cli.run(arguments)
        streams = capsys.readouterr()
        return Outcome(status, streams.out, streams.err)

    return call


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents | None:
    """The hand-made company with its results, for who asks for ``filled``."""
    return company_with_results if "filled" in request.fixturenames else None


@pytest.fixture
def filled(run: Run) -> Run:
    """The same on the hand-made company with its results."""
    return run
