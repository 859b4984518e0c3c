"""``python -m migrations.check``: do the migrations make exactly the tables the schema declares?

Both are built in scratch databases of an embedded server and what Postgres itself says about them is compared, line
by line: columns with type, nullability, default and comment, keys, checks, indexes, partitioning. That sees what
Alembic's own comparison does not (checks, primary keys, partition keys). Partitions are left out: they come with data.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, MetaData, text

from aispend.schema import metadata
from aispend.store import connect, migrate, server

_CATALOGUE = text(
    """
    WITH ours AS (
        SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> 'alembic_version')
    SELECT relname || ': table ' || coalesce('partition by ' || pg_get_partkeydef(oid), '')
           || coalesce(' -- ' || obj_description(oid, 'pg_class'), '') AS line FROM ours
    UNION ALL
    SELECT relname || '.' || attname || ': ' || format_type(atttypid, atttypmod)
           || CASE WHEN attnotnull THEN ' not null' ELSE '' END
           || CASE attidentity WHEN '' THEN '' ELSE ' identity ' || CAST(attidentity AS text) END
           || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
           || coalesce(' -- ' || col_description(attrelid, attnum), '')
    FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    UNION ALL
    SELECT relname || ': constraint ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
    FROM ours JOIN pg_constraint ON conrelid = ours.oid AND contype <> 'n'
    UNION ALL
    SELECT relname || ': ' || pg_get_indexdef(indexrelid) FROM ours JOIN pg_index ON indrelid = ours.oid
    """
)


def differences(empty: Engine, declared: MetaData = metadata) -> list[str]:
    """What the migrations make (-) against what ``declared`` says (+), tried out in the database ``empty``."""
    with empty.begin() as connection:
        declared.create_all(connection)
        wanted = _describe(connection)
        declared.drop_all(connection)
    migrate.upgrade(empty)
    with empty.begin() as connection:
        made = _describe(connection)
    return list(unified_diff(made, wanted, "migrations", "schema", lineterm="", n=0))


@contextmanager
def scratch_server(folder: Path) -> Iterator[Engine]:
    """An empty database that is thrown away."""
    folder.chmod(0o711)  # as root, the service user must pass through
    with server.start(folder, options={"fsync": "off"}, sync=False) as embedded:
        engine = connect.engine_for(embedded.uri())
        try:
            yield engine
        finally:
            engine.dispose()


def _describe(connection: Connection) -> list[str]:
    return sorted(connection.scalars(_CATALOGUE))


def main() -> int:
    """Print the difference; 0 when there is none."""
    with TemporaryDirectory() as folder, scratch_server(Path(folder)) as engine:
        found = differences(engine)
    for line in found:
        sys.stdout.write(line + "\n")
    if found:
        sys.stderr.write("The migrations and aispend/schema disagree: run 'python -m migrations.revise SLUG'.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
