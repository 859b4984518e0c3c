"""A database with the hand-made company in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from aispend.store import Store
from tests.reports.company import insert_company


@pytest.fixture
def company(database: Store) -> Iterator[Connection]:
    """A connection to the hand-made company."""
    with database.engine.begin() as connection:
        insert_company(connection)
    with database.engine.connect() as connection:
        yield connection
