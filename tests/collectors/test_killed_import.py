"""Imports that are killed: the old bill or the new is there, and nothing is left behind."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aispend.settings import Settings
from aispend.store import Store
from aispend.store.locks import wait_for
from tests.collectors.test_import_bills import CONTENT, Imported, focus, rows

_WORKING = """
import sys
from pathlib import Path
from collectors.files.workfolder import work_folder

with work_folder(Path(sys.argv[1]), "import-") as folder:
    (folder / "spill").write_text("left over")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_import_left_is_removed_by_the_next(
    imported: Imported, store_settings: Settings, tmp_path: Path
) -> None:
    """And nothing of an import that is still at work."""
    home = store_settings.home
    arguments = [sys.executable, "-c", _WORKING, str(home)]
    children = [subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, alive = children
    folders = [Path(child.stdout.readline().strip()) for child in children if child.stdout]
    killed.kill()
    killed.communicate()
    assert all((folder / "spill").is_file() for folder in folders)

    imported(focus(tmp_path / "bill.csv", [{}]))

    assert list(home.glob("import-*")) == [folders[1]]
    assert (folders[1] / "spill").is_file()
    alive.communicate()
    assert not list(home.glob("import-*"))


_CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from aispend.settings import Settings
from aispend.store import open_store
from collectors.files.bills import import_bills
import adbc_driver_postgresql.dbapi, duckdb, aispend.engine.duck, aispend.store.bills, aispend.prices.classify

uri, home, path = sys.argv[1:]
settings = Settings(home=Path(home), database_url=uri)
with open_store(settings, migrate=False) as store:
    print("ready", flush=True)
    import_bills([path], store, settings, lambda: datetime(2026, 11, 21, tzinfo=UTC))
    print("done", flush=True)
"""


def start_import(store: Store, settings: Settings, path: Path) -> subprocess.Popen[str]:
    """A process that has everything loaded and begins to import ``path`` now."""
    arguments = [sys.executable, "-c", _CHILD, store.uri, str(settings.home), str(path)]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.long
def test_killed_at_any_instant_the_old_bill_or_the_new_is_there(
    imported: Imported,
    database: Store,
    store_settings: Settings,
    tmp_path: Path,
    soak_count: Callable[[int, int], int],
) -> None:
    """``kill -9`` of a real process, at instants spread over an import's whole duration."""
    chance = random.Random(20261121)
    old_lines = [{"ResourceId": f"i-{n}", "ChargePeriodStart": f"2026-09-{1 + n % 28:02}"} for n in range(3000)]
    new_lines = [line | {"BilledCost": "2", "EffectiveCost": "2"} for line in old_lines[:2500]]
    old, new = focus(tmp_path / "old.csv", old_lines), focus(tmp_path / "new.csv", new_lines)
    imported(old)
    before = rows(database, CONTENT)
    with start_import(database, store_settings, new) as child:
        started = time.monotonic()
        assert child.wait() == 0
        duration = time.monotonic() - started
    after = rows(database, CONTENT)
    assert len(before) == 3000
    assert len(after) == 2500
    kept = 0
    for _ in range(soak_count(3, 60)):
        imported(old)
        with start_import(database, store_settings, new) as child:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0.0, 0.95) * duration)
            child.kill()
        with database.engine.begin() as connection:
            wait_for(connection, "bill aws 999")  # until the server has let go of the killed session
        content = rows(database, CONTENT)
        assert content in (before, after)
        assert content == after or child.returncode != 0
        kept += content == before
    assert kept, "no import was killed before its commit: the test has lost its point"
