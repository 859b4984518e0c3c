"""From a database URL to an engine, without ever showing its password."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from aispend.errors import StoreError
from aispend.store.binaries import OLDEST_MAJOR

_TOLD = ("host", "port", "user", "dbname", "service", "sslmode")
"""Parameters of a URL that may be shown; all others might be a secret, or one in the wrong place."""


def engine_for(url: str) -> Engine:
    """An engine for ``url``; nothing is connected yet. Raises ``StoreError`` for what is no Postgres URL."""
    parsed = _parse(url)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        use_native_hstore=False,  # to look for its type takes longer than the rest of the first connection
        connect_args={"application_name": "aispend"} if "application_name" not in parsed.query else {},
    )
    event.listen(engine, "connect", _speak_utc)
    return engine


def libpq_uri(url: str) -> str:
    """``url`` as libpq, ADBC and psql understand it, password included."""
    return _parse(url).set(drivername="postgresql").render_as_string(hide_password=False)


def shown(url: URL) -> str:
    """The URL as a person may see it."""
    hidden = [name for name in url.query if name not in _TOLD]
    return url.difference_update_query(hidden).render_as_string(hide_password=True)


def check(engine: Engine) -> None:
    """Connect once. Raises ``StoreError`` when the server does not answer or is too old."""
    try:
        with engine.connect() as connection:
            version = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10000
    except DBAPIError as error:
        # the chain is cut: the driver's own text may repeat the URL
        raise StoreError(
            "The database cannot be reached.",
            where=f"{shown(engine.url)}: {_without_secrets(str(error.orig), engine.url)}",
            next_step="Check that it runs and that AISPEND_DATABASE_URL names host, user, password and database.",
        ) from None
    if version < OLDEST_MAJOR:
        raise StoreError(
            f"The database is PostgreSQL {version}; aispend needs {OLDEST_MAJOR} or newer.", where=shown(engine.url)
        )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername.split("+")[0] not in ("postgresql", "postgres"):
        raise StoreError(
            "The database URL is not one of PostgreSQL.",
            where="AISPEND_DATABASE_URL or --database",
            next_step="Write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE.",
        ) from None
    if parsed.password is not None and "@" in _behind_password(url):
        # which @ ends the password is anybody's guess, so nothing behind the first may be shown as a host
        raise StoreError(
            "The database URL has more than one @, so its password and its host cannot be told apart.",
            where="AISPEND_DATABASE_URL or --database",
            next_step="Write an @ within the password (or anywhere behind it) as %40.",
        )
    password = parsed.query.get("password")
    if isinstance(password, str):
        # where SQLAlchemy knows to hide it
        parsed = parsed.difference_update_query(["password"]).set(password=password)
    return parsed


def _behind_password(url: str) -> str:
    """What follows the password, were it to end at the first @."""
    credentials = url.partition("://")[2].partition(":")[2]
    return credentials.partition("@")[2]


def _without_secrets(message: str, url: URL) -> str:
    secrets = [url.password, *(value for name, value in url.query.items() if name not in _TOLD)]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            message = message.replace(secret, "***")
    return message.strip()


def _speak_utc(connection: Any, _record: object) -> None:
    """The session's zone, by statement: start-up options are refused by connection poolers."""
    before, connection.autocommit = connection.autocommit, True
    connection.execute("SET TIME ZONE 'UTC'")
    connection.autocommit = before
