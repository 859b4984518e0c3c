"""Commands about the database itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aispend.cli import doors
from aispend.cli.doors import DatabaseOption
from aispend.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    group = typer.Typer(name="db", help="The database: upgrade, address, backup.", no_args_is_help=True)
    group.command("upgrade")(upgrade)
    group.command("url")(url)
    group.command("backup")(backup)
    group.command("restore")(restore)
    app.add_typer(group)


def upgrade(database: DatabaseOption = None) -> None:
    """Bring the tables to this version of aispend.

    Every command does so by itself; this one does nothing else.

    Example: aispend db upgrade
    """
    from aispend.store import migrate

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        typer.echo(f"The database is at revision {migrate.current(connection)}.")


def url(database: DatabaseOption = None) -> None:
    """Print the address of the database.

    Passwords are hidden. The embedded database answers while a command runs.

    Example: aispend db url
    """
    from aispend.store.connect import shown

    with doors.opened(database) as door:
        typer.echo(shown(door.store.engine.url.set(drivername="postgresql")))


def backup(
    file: Annotated[Path, typer.Argument(help="File to write.", show_default=False)], database: DatabaseOption = None
) -> None:
    """Write the whole database to one file.

    Example: aispend db backup aispend-2026-11-21.dump
    """
    from aispend.store.backup import backup as write

    with doors.opened(database) as door:
        write(door.store, file)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


def restore(
    file: Annotated[Path, typer.Argument(help="A file written by 'aispend db backup'.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what is in the database without asking.")] = False,
    database: DatabaseOption = None,
) -> None:
    """Replace everything by a backup.

    All or nothing: after an error the database is as it was.

    Example: aispend db restore aispend-2026-11-21.dump --yes
    """
    from aispend.store.backup import restore as read

    if not file.is_file():
        raise UsageError("There is no such file.", where=str(file))
    if not yes:
        typer.confirm("This replaces everything in the database. Go on?", abort=True)
    with doors.opened(database) as door:
        read(door.store, file)
    typer.echo(f"Restored from {file}.")
