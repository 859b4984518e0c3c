"""Exchange rates from a CSV file: all lines or none; a rate given before for the same pair and day is replaced.

Bills name rates too (``aispend.engine.rates``); those stay beside them, and hold where nobody gave one for the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from sqlalchemy.dialects.postgresql import insert

from aispend.schema import exchange_rate
from aispend.store import Store
from collectors.files.forms import Line, read_form

REQUIRED = ("date", "base", "quote", "rate")


@dataclass(frozen=True)
class DatedRate:
    """One unit of ``base`` is ``rate`` units of ``quote`` from ``valid_from`` on."""

    base: str
    quote: str
    valid_from: date
    rate: Decimal
    source: str


def import_exchange_rates(paths: Sequence[str | Path], store: Store) -> int:
    """Load the rates and return how many. Raises ``InputError`` where a line cannot be used."""
    rates = {(one.base, one.quote, one.valid_from): one for one in read_form(paths, REQUIRED, ("source",), _rate)}
    values = [vars(one) for one in rates.values()]
    statement = insert(exchange_rate)
    statement = statement.on_conflict_do_update(
        index_elements=["base", "quote", "valid_from", "slice_id", "half"],
        set_={"rate": statement.excluded.rate, "source": statement.excluded.source},
    )
    with store.engine.begin() as connection:
        connection.execute(statement, values)
    return len(values)


def _rate(line: Line) -> DatedRate:
    base, quote, rate = line.currency("base"), line.currency("quote"), line.amount("rate")
    if base == quote:
        raise line.wrong("quote", "A rate needs two currencies.", "Leave the line out.")
    if rate <= 0:
        raise line.wrong("rate", "A rate is more than zero.", "Write how many of quote one of base is.")
    return DatedRate(base, quote, line.day("date"), rate, line.text("source") or line.path.name)
