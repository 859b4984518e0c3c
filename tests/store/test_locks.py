"""One command at a time, and no lock outlives its transaction."""

from __future__ import annotations

import pytest

from aispend.errors import BusyError
from aispend.store import Store
from aispend.store.locks import exclusive


def test_the_second_is_told_at_once(database: Store) -> None:
    """The message names the work and what to do; another name is free; the same session may ask again."""
    with database.engine.begin() as first, database.engine.begin() as second:
        exclusive(first, "import aws 123")
        exclusive(first, "import aws 123")
        exclusive(second, "import aws 456")
        with pytest.raises(BusyError) as caught:
            exclusive(second, "import aws 123")

    assert "busy with: import aws 123" in str(caught.value)
    assert "try again" in str(caught.value)


def test_the_lock_ends_with_the_transaction(database: Store) -> None:
    """Committed or rolled back: the next one gets it."""
    with database.engine.connect() as first, database.engine.connect() as second:
        exclusive(first, "analyze")
        first.rollback()
        exclusive(second, "analyze")
        second.commit()
        exclusive(first, "analyze")
