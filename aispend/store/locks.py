"""One aispend command at a time for what must not run twice at once."""

from __future__ import annotations

from sqlalchemy import Connection, text

from aispend.errors import BusyError
from aispend.keys import content_key


def exclusive(connection: Connection, name: str) -> None:
    """Hold the lock ``name`` until the end of the connection's transaction, however it ends.

    Raises ``BusyError`` at once when another session holds it; it never waits.
    """
    if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key_of(name)}):
        raise BusyError(
            f"Another aispend command is busy with: {name}.",
            where="the database's advisory lock",
            next_step="Wait until it has finished, then try again; nothing was changed.",
        )


def wait_for(connection: Connection, name: str) -> None:
    """Like :func:`exclusive`, but wait for the other session: for work that takes moments."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key_of(name)})


def key_of(name: str) -> int:
    """The number Postgres knows the lock by."""
    return content_key("aispend lock", name)
