"""The command line in process: arguments in, exit status and both streams out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from aispend import cli
from aispend.store import Store
from tests.reports.company import insert_company
from tests.reports.samples import insert_results


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
def filled(run: Run, database: Store) -> Run:
    """The same on the hand-made company with its results."""
    with database.engine.begin() as connection:
        insert_company(connection)
        insert_results(connection)
    return run
