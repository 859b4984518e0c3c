"""The database behind one door: :func:`open_store`."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from aispend.settings import Settings
    from aispend.store.server import EmbeddedServer

__all__ = ["Store", "open_store"]


@dataclass
class Store:
    """An open database.

    ``engine`` is SQLAlchemy's (psycopg 3, sessions in UTC); ``uri`` is the libpq URI, for ADBC and client programs.
    It may hold a password: never print it, print ``engine.url``.
    """

    engine: Engine
    uri: str = field(repr=False)
    _server: EmbeddedServer | None = field(default=None, repr=False)

    def close(self) -> None:
        """Close all connections; the embedded server stops when this was its last user."""
        self.engine.dispose()
        if self._server is not None:
            self._server.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def open_store(settings: Settings, *, migrate: bool = True) -> Store:
    """Open the database of ``settings.database_url``, else the embedded one under ``settings.home``.

    With ``migrate`` its tables are brought to this version first. Raises ``StoreError`` when it cannot be reached,
    is no PostgreSQL 14 or newer, or was written by a newer aispend.
    """
    from aispend.store import connect
    from aispend.store import migrate as migrations

    embedded = None
    if settings.database_url is not None:
        uri = settings.database_url.get_secret_value()
    else:
        from aispend.store import server

        embedded = server.start(settings.home)
        uri = embedded.uri()
    try:
        store = Store(connect.engine_for(uri), connect.libpq_uri(uri), embedded)
    except BaseException:
        if embedded is not None:
            embedded.close()
        raise
    try:
        connect.check(store.engine)
        if migrate:
            migrations.upgrade(store.engine)
    except BaseException:
        store.close()
        raise
    return store
