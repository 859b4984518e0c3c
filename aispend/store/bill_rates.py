"""The exchange rates bills name: written with a bill, and gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from aispend.store.loads import Key

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor


@dataclass(frozen=True)
class BillRate:
    """One ``base`` is ``rate`` of ``quote`` from ``valid_from`` on; the bill has so many ``others`` for that day."""

    base: str
    quote: str
    valid_from: date
    rate: Decimal
    others: int


def delete_rates(cursor: Cursor, slice_id: int, halves: Sequence[int]) -> None:
    """Forget what these halves of a bill said; rates of other bills and of people stay."""
    cursor.execute(_DELETE, (slice_id, ",".join(map(str, halves))))


def write_rates(cursor: Cursor, key: Key, slice_id: int, half: int, rates: Sequence[BillRate]) -> None:
    """Write the rates of a slice, whose old ones are deleted; the source names bill and month."""
    provider, scope, month = key
    for one in rates:
        source = f"bill {provider} {scope} {month:%Y-%m}"
        if one.others:
            source += f", the rate of most lines; {one.others} more in it"
        values = (one.base, one.quote, one.valid_from.isoformat(), format(one.rate, "f"), source, slice_id, half)
        cursor.execute(_INSERT, values)


_DELETE = "DELETE FROM exchange_rate WHERE slice_id = $1 AND half = ANY (string_to_array($2, ',')::smallint[])"

_INSERT = """
    INSERT INTO exchange_rate (base, quote, valid_from, rate, source, slice_id, half)
    VALUES ($1, $2, $3::date, $4::numeric, $5, $6, $7)"""
