"""The first bill of a month makes its partition: complete, once, and only if the load succeeds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import OverlapError
from aispend.store import Store
from tests.engine.bills import bill_line
from tests.store.test_bills import bill, load, rows

INDEXES = """
    SELECT count(*) FROM pg_index WHERE indrelid = to_regclass('{}') AND indisvalid"""


def test_a_new_month_has_the_indexes_and_checks_of_the_others(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, bill(tmp_path / "a.csv", [bill_line()]), tmp_path, clock)

    assert rows(database, INDEXES.format("charge_2026_09")) == rows(database, INDEXES.format("charge"))
    checks = "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass('{}')"
    assert rows(database, checks.format("charge_2026_09")) == rows(database, checks.format("charge"))
    assert rows(database, "SELECT tableoid::regclass::text FROM charge") == [("charge_2026_09",)]


def test_a_bill_of_old_and_new_months_goes_to_each(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, bill(tmp_path / "a.csv", [bill_line(billed="1")]), tmp_path, clock)
    october = bill_line(month="2026-10-01", start="2026-10-03 05:00:00", end="2026-10-03 06:00:00", billed="4")
    november = bill_line(month="2026-11-01", start="2026-11-03 05:00:00", end="2026-11-03 06:00:00", billed="8")

    load(database, bill(tmp_path / "b.csv", [bill_line(billed="2"), october, november], "t2"), tmp_path, clock)

    assert rows(database, "SELECT tableoid::regclass::text, billed_cost FROM charge ORDER BY 1") == [
        ("charge_2026_09", Decimal(2)),
        ("charge_2026_10", Decimal(4)),
        ("charge_2026_11", Decimal(8)),
    ]


def test_a_load_that_fails_leaves_no_month_behind(database: Store, tmp_path: Path, clock: Clock) -> None:
    load(database, bill(tmp_path / "a.csv", [bill_line()]), tmp_path, clock)
    october = bill_line(month="2026-10-01", start="2026-10-03 05:00:00", end="2026-10-03 06:00:00")
    other = bill(tmp_path / "b.csv", [bill_line(), october], "t2", dataset="another")

    with pytest.raises(OverlapError):
        load(database, other, tmp_path, clock)

    assert rows(database, "SELECT to_regclass('charge_2026_10')::text") == [(None,)]


def test_two_accounts_bring_the_same_new_month_at_once(
    database: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second waits until the first has made the month, then adds to it."""
    from aispend.store import bills

    begun, waited = Event(), Event()
    real = bills.begin_month

    def slow(cursor: object, month: object) -> str:
        name = real(cursor, month)  # type: ignore[arg-type]
        begun.set()
        assert waited.wait(30)
        return name

    monkeypatch.setattr(bills, "begin_month", slow)
    first = bill(tmp_path / "a.csv", [bill_line(account="111")])
    second = bill(tmp_path / "b.csv", [bill_line(account="222")], "t2")
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(load, database, first, tmp_path / "1", clock)
        assert begun.wait(30)
        two = pool.submit(load, database, second, tmp_path / "2", clock)
        with database.engine.connect() as connection:
            while not two.done() and not connection.scalar(waiting):
                pass
        waited.set()
        one.result()
        two.result()

    assert rows(database, "SELECT count(*) FROM charge_2026_09") == [(2,)]
