"""A database with the hand-made company in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from aispend.store import Store
from tests.conftest import Contents
from tests.reports.company import company_alone


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents | None:
    """The hand-made company, for who asks for it."""
    return company_alone if {"company", "exported"} & set(request.fixturenames) else None


@pytest.fixture
def company(database: Store) -> Iterator[Connection]:
    """A connection to the hand-made company."""
    with database.engine.connect() as connection:
        yield connection
