"""Bringing a database to this version's tables (Alembic, the folder ``migrations``)."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from aispend.errors import StoreError
from aispend.store.locks import wait_for

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "alembic_version"


def current(connection: Connection) -> str | None:
    """The revision the database is at; None for an empty one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return None if found is None else str(found)


@cache
def steps() -> dict[str, Path]:
    """Every step by revision, oldest first, read off the file names: Alembic itself takes half a second to load.

    ``2026-11-21_initial.py`` is revision ``2026_11_21_initial``; a test holds the names to what the files say.
    """
    files = sorted((_folder() / "versions").glob("????-??-??_*.py"))
    return {path.stem[:10].replace("-", "_") + path.stem[10:]: path for path in files}


def expected() -> str:
    """The revision this version of aispend works with."""
    return list(steps())[-1]


def upgrade(engine: Engine) -> None:
    """Bring the database to :func:`expected`; a no-op when it is there. All or nothing, and once at a time.

    Raises ``StoreError`` when the database was written by a newer aispend.
    """
    with engine.begin() as connection:
        if current(connection) == expected():
            return
        wait_for(connection, "migrations")
        found = current(connection)
        if found == expected():
            return
        if found is not None and found not in steps():
            raise StoreError(
                "The database was written by a newer version of aispend.",
                where=f"its tables are at revision {found}; this version knows up to {expected()}",
                next_step="Install the newer aispend again, or restore a backup made before the change.",
            )
        from alembic import command

        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def alembic_config() -> Config:
    """Alembic's configuration, made here rather than in a file: it is the same for everybody."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.set_main_option("file_template", "%%(year)d-%%(month).2d-%%(day).2d_%%(slug)s")
    return config


def _folder() -> Path:
    spec = importlib.util.find_spec("migrations")
    if spec is None or spec.origin is None:
        raise StoreError(
            "The package 'migrations' is missing from this installation.", next_step="Install aispend again."
        )
    return Path(spec.origin).parent
