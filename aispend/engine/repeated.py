"""What several columns of a line are made from, worked out once.

Planning a query costs by the length of its SQL, for a small bill more than running it; and DuckDB computes a repeated
expression again in each branch of a CASE. So expressions that a dialect knows to repeat (``LineSql.repeated``) become
columns of the relation the line is read from.
"""

from __future__ import annotations

from collections.abc import Iterable

_WORTHWHILE = 40
"""Characters from which on an expression is worth a column of its own."""


def once_per_line(columns: str, raw: str, repeated: Iterable[str]) -> tuple[str, str]:
    """The same ``columns`` over a FROM item that has the ``repeated`` expressions among its columns.

    Shorter expressions first: a longer one is made from their columns, in a SELECT around theirs. Each must be whole (a
    call, a CASE, or in parentheses), so that it means the same wherever it stands.
    """
    waiting = sorted({sql for sql in repeated if len(sql) >= _WORTHWHILE}, key=lambda sql: (len(sql), sql))
    made: list[tuple[int, str, str]] = []
    for place, sql in enumerate(waiting):
        if columns.count(sql) < 2:
            continue
        name = f'"repeated {len(made) + 1}"'
        made.append((1 + max((level for level, one, _ in made if one in sql), default=0), name, sql))
        columns = columns.replace(sql, name)
        waiting[place + 1 :] = [longer.replace(sql, name) for longer in waiting[place + 1 :]]
    for level in range(1, 1 + max((level for level, _, _ in made), default=0)):
        own = ", ".join(f"{sql} AS {name}" for at, name, sql in made if at == level)
        raw = f"(SELECT *, {own} FROM {raw} AS raw)"
    return columns, raw
