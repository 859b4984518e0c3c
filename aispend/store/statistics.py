"""The planner's statistics of tables that a load has just filled, before the server's own round has counted their rows.

Without them the first analysis after a load joins millions of rows as if there were a few.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

GROWN = 1.2
"""A table that takes this many times the pages it had when its rows were last counted is counted again."""

_OUTGROWN = """
    SELECT c.oid::regclass::text
    FROM pg_class c
    WHERE c.relkind = 'r' AND pg_relation_size(c.oid) > 0
      AND (c.oid = ANY(CAST(:tables AS regclass[]))
           OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY(CAST(:tables AS regclass[]))))
      AND (:anyway OR c.reltuples < 0
           OR pg_relation_size(c.oid) > :grown * c.relpages * current_setting('block_size')::bigint)
    ORDER BY 1"""


def count_rows(connection: Connection, tables: Iterable[str], *, anyway: bool = False) -> list[str]:
    """Take the statistics of those of ``tables``, and of their partitions, that have none or have grown since.

    ``anyway`` takes those of all that hold rows. Returns their names. A sample is read, of 30,000 rows at most, so that
    the time follows the size only up to there.
    """
    scope = {"tables": list(tables), "grown": GROWN, "anyway": anyway}
    found = list(connection.scalars(text(_OUTGROWN), scope))
    if found:
        connection.execute(text(f"ANALYZE {', '.join(found)}"))
    return found
