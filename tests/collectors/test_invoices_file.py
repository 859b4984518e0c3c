"""Invoice totals from a file: all or none, each mistake named, columns of one's own left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.files.invoices import import_invoices

HEADER = "provider,invoice_id,currency,issuer,scope,billing_month,net,tax,booked\n"


def load(folder: Path, lines: str, store: Store, clock: Clock) -> int:
    path = folder / "invoices.csv"
    path.write_text(HEADER + lines, encoding="utf-8")
    return import_invoices(path, store, clock, entered_by="ada")


def test_invoices_are_stored_and_a_known_number_is_replaced(database: Store, clock: Clock, tmp_path: Path) -> None:
    load(tmp_path, "AWS,1,usd,Amazon,111,2026-10,10,1,x\n", database, clock)
    assert (
        load(
            tmp_path,
            "aws,1,USD,Amazon,111,2026-10-15,41234.56,0,\naws,2,USD,Amazon,111,2026-09,5,0,\n",
            database,
            clock,
        )
        == 2
    )
    with database.engine.connect() as connection:
        found = connection.execute(
            text("SELECT invoice_id, billing_month::text, net::text FROM invoice ORDER BY 1")
        ).all()
    assert [tuple(row) for row in found] == [("1", "2026-10-01", "41234.56"), ("2", "2026-09-01", "5")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("aws,1,USD,Amazon,111,10/2026,10,1,\n", "line 3, column billing_month, value 10/2026"),
        ("aws,1,USD,Amazon,111,2026-10,1 000,1,\n", "line 3, column net, value 1 000"),
        ("aws,,USD,Amazon,111,2026-10,10,1,\n", "line 3, column invoice_id"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_stored(
    line: str, expected: str, database: Store, clock: Clock, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        load(tmp_path, "aws,9,USD,Amazon,111,2026-10,10,1,\n" + line, database, clock)
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM invoice")) == 0
