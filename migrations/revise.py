"""``python -m migrations.revise SLUG``: write the next step, the difference between the migrations and the schema.

Read what it wrote before committing it: Alembic does not see renamed columns, changed checks or partition keys.
``python -m migrations.check`` then says whether step and schema agree.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.operations import ops

from aispend.clock import system_clock
from aispend.errors import UsageError
from aispend.store import migrate
from migrations.check import scratch_server

NONE_ROWS = (
    "INSERT INTO location (location_key, provider) VALUES (0, '')",
    "INSERT INTO resource (resource_key, provider, resource_id) VALUES (0, '', '')",
    "INSERT INTO tag_set (tag_set_key, tags) VALUES (0, '{}')",
    "INSERT INTO commitment (commitment_key, provider, commitment_discount_id) VALUES (0, '', '')",
)
"""Key 0 means "none" in these dimensions: with a row for it, every join from ``charge`` is an inner join."""


LONGEST_REVISION = 32
"""Alembic keeps the revision in a column so wide."""


def revision_of(slug: str, today: date, newest: str) -> str:
    """``YYYY_MM_DD_SLUG``; raises ``UsageError`` where it is too long, or not the last in the order of names."""
    revision = f"{today:%Y_%m_%d}_{slug}"
    if len(revision) > LONGEST_REVISION:
        raise UsageError(f"The slug {slug!r} is longer than {LONGEST_REVISION - 11} characters.")
    if revision <= newest:
        raise UsageError(
            f"The step {revision} would come before {newest}: steps are read in the order of their names.",
            next_step="Choose a slug that sorts after it.",
        )
    return revision


def revise(slug: str) -> Path:
    """Write ``versions/YYYY-MM-DD_SLUG.py`` with revision ``YYYY_MM_DD_SLUG`` and return its path."""
    revision = revision_of(slug, system_clock().date(), migrate.expected())
    config = migrate.alembic_config()
    with TemporaryDirectory() as folder, scratch_server(Path(folder)) as engine, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, slug, autogenerate=True, rev_id=revision, process_revision_directives=_with_none_rows)
    migrate.steps.cache_clear()
    path = migrate.steps()[revision]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(path)], check=True)
    return path


def _with_none_rows(_context: Any, heads: Any, directives: list[Any]) -> None:
    if not heads:
        directives[0].upgrade_ops.ops += [ops.ExecuteSQLOp(sql) for sql in NONE_ROWS]


if __name__ == "__main__":
    print(revise(sys.argv[1]))  # noqa: T201 - a command
