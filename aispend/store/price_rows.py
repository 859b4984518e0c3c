"""Prices are never edited, only superseded: of what a price list says today, the rows that say something new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from aispend.schema import price

_KEY = ("provider", "region", "instance_type", "term", "currency")


def superseding(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows to write. Rows with ``published`` (the day a list was) are only written where the price changed.

    A change holds from its ``valid_from``; where a price is already known from that day on, from the day it was
    published. One that would still edit a known price is left to a later list. Rows without ``published`` are
    measured, and are written as they are.
    """
    given = [dict(row) for row in rows]
    listed = [row for row in given if "published" in row]
    known = _latest(connection, listed)
    written = [row for row in given if "published" not in row]
    for row in sorted(listed, key=lambda one: (one["valid_from"], one["published"])):
        published, key = row.pop("published"), tuple(row[name] for name in _KEY)
        before = known.get(key)
        if before is not None:
            if before[1] == row["hourly_price"]:
                continue
            if row["valid_from"] <= before[0]:
                row["valid_from"] = published
            if row["valid_from"] <= before[0]:
                continue
        known[key] = (row["valid_from"], row["hourly_price"])
        written.append(row)
    return written


def _latest(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, Any]]:
    """First day and amount of the latest price of each machine and term named."""
    c = price.c
    named = {name: {row[name] for row in rows} for name in ("provider", "instance_type", "term")}
    query = (
        select(*(c[name] for name in _KEY), c.valid_from, c.hourly_price)
        .where(*(c[name].in_(values) for name, values in named.items()))
        .order_by(c.valid_from)
    )
    return {tuple(row[:5]): (row[5], row[6]) for row in connection.execute(query)} if named["term"] else {}
