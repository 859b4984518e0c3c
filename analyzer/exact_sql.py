"""The two exact operations the analyzer needs inside Postgres: a content key, and dividing money.

Both say in SQL what :func:`aispend.keys.content_key` and :func:`aispend.money.split_exact` say in Python;
tests hold the pairs together.
"""

from __future__ import annotations

from collections.abc import Sequence

COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


def content_key_pg(expressions: Sequence[str]) -> str:
    """Postgres SQL for :func:`aispend.keys.content_key` over text expressions."""
    parts = ", ".join(f"coalesce({expression}, chr(30))" for expression in expressions)
    digest = f"decode(md5(concat_ws(chr(31), {parts})), 'hex')"
    high, *rest = (f"get_byte(digest, {index})::bigint" for index in range(15, 7, -1))
    terms = [f"(({high} & 127) << 56)"]
    terms += [f"({byte} << {48 - 8 * place})" for place, byte in enumerate(rest)]
    return f"(SELECT {' | '.join(terms)} FROM (SELECT {digest} AS digest) AS hashed)"


def split_exact_sql(source: str, owner: str, position: str, weight: str, columns: Sequence[str] = COSTS) -> str:
    """A SELECT of ``owner``, ``position`` and ``columns`` divided by ``weight`` within each owner.

    ``source`` is a relation with these columns, the amounts repeated on every row of an owner. The parts of each
    column add up to it exactly: each is cut down to 1e-12, the units left over go to the largest remainders, ties
    to the lower ``position``. NULL stays NULL. The weights of an owner must not all be zero.
    """
    whole = ", ".join(
        f"abs(w.{column}) * 1000000000000 AS {column}_units, "
        f"div(abs(w.{column}) * 1000000000000 * w.{weight}, w.weights) AS {column}_floor"
        for column in columns
    )
    ranked = ", ".join(
        f"{column}_units - sum({column}_floor) OVER (PARTITION BY {owner}) AS {column}_left, "
        f"row_number() OVER (PARTITION BY {owner} ORDER BY "
        f"{column}_units * {weight} - {column}_floor * weights DESC, {position}) AS {column}_rank"
        for column in columns
    )
    parts = ", ".join(
        f"sign({column}) * ({column}_floor + CASE WHEN {column}_rank <= {column}_left THEN 1 ELSE 0 END)"
        f" * 0.000000000001 AS {column}"
        for column in columns
    )
    return f"""
        SELECT {owner}, {position}, {parts}
        FROM (SELECT *, {ranked}
              FROM (SELECT w.*, {whole}
                    FROM (SELECT *, sum({weight}) OVER (PARTITION BY {owner}) AS weights FROM {source}) AS w
                   ) AS cut
             ) AS counted"""
