"""A backup brings back exactly what was there; what is no backup, or not possible now, changes nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.errors import InputError, StoreError
from aispend.store import Store, backup, migrate
from aispend.store.partitions import ensure_partitions

INSERT = text("INSERT INTO cost_share (billing_month, slice_id, half, ordinal, target_key) VALUES (:month, 1, 0, 1, 7)")
MONTHS = text("SELECT billing_month FROM cost_share ORDER BY 1")


def _add(store: Store, month: date) -> None:
    with store.engine.begin() as connection:
        ensure_partitions(connection, [month])
        connection.execute(INSERT, {"month": month})


def _months(store: Store) -> list[date]:
    with store.engine.connect() as connection:
        return list(connection.scalars(MONTHS))


def test_there_and_back(database: Store, tmp_path: Path) -> None:
    """Rows and partitions made since are gone; those of then are back; the tables are this version's."""
    january, february = date(2026, 1, 1), date(2026, 2, 1)
    _add(database, january)
    backup.backup(database, tmp_path / "costs.backup")
    _add(database, february)
    backup.restore(database, tmp_path / "costs.backup")
    restored = _months(database)
    _add(database, february)
    with database.engine.connect() as connection:
        revision = migrate.current(connection)

    assert restored == [january]
    assert _months(database) == [january, february]
    assert revision == migrate.expected()
    assert [path.name for path in tmp_path.iterdir()] == ["costs.backup"]


def test_no_backup_file(database: Store, tmp_path: Path) -> None:
    """Refused before anything is touched."""
    (tmp_path / "bill.csv").write_text("a,b\n")
    with pytest.raises(InputError, match=r"bill\.csv"):
        backup.restore(database, tmp_path / "bill.csv")


def test_a_broken_backup_leaves_the_database_as_it_was(database: Store, tmp_path: Path) -> None:
    """Half a file: an error, and every row still there."""
    _add(database, date(2026, 1, 1))
    backup.backup(database, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="as it was"):
        backup.restore(database, tmp_path / "half")

    assert _months(database) == [date(2026, 1, 1)]


def test_restore_does_not_wait_for_ever(database: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody reads: restore gives up in time and says so."""
    monkeypatch.setattr(backup, "LOCK_MILLISECONDS", 100)
    _add(database, date(2026, 1, 1))
    backup.backup(database, tmp_path / "copy")
    with database.engine.connect() as reading:
        reading.execute(MONTHS)
        with pytest.raises(StoreError, match="lock timeout"):
            backup.restore(database, tmp_path / "copy")

    assert _months(database) == [date(2026, 1, 1)]


def test_a_backup_that_fails_leaves_no_file(database: Store, tmp_path: Path) -> None:
    """The old backup stays until the new one is complete."""
    target = tmp_path / "missing" / "copy"
    with pytest.raises(StoreError, match="pg_dump failed"):
        backup.backup(database, target)

    assert not target.parent.exists()
