"""What the use of AI was for, counted, from a CSV file: tickets resolved, documents read, whatever a company values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from sqlalchemy import delete, insert

from aispend.prices.models import canonical_model
from aispend.schema import outcome_day
from aispend.store import Store
from collectors.files.forms import Line, read_form

REQUIRED = ("from", "outcome", "count")
OPTIONAL = ("to", "model", "team", "value", "currency")


@dataclass(frozen=True)
class Outcome:
    """So many of ``outcome`` from ``day`` to the day before ``end_day``, by a model, for a team.

    ``value_each``: what one is worth to the company, in ``currency``; None where nobody says.
    """

    day: date
    end_day: date
    outcome: str
    model: str | None
    team: str | None
    count: Decimal
    value_each: Decimal | None
    currency: str | None


def import_outcomes(paths: Sequence[str | Path], store: Store, *, source: str = "outcomes") -> int:
    """Load the files in place of what ``source`` gave before; returns how many lines.

    Raises ``InputError`` where a line cannot be used.
    """
    found = read_form(paths, REQUIRED, OPTIONAL, _outcome)
    with store.engine.begin() as connection:
        connection.execute(delete(outcome_day).where(outcome_day.c.source == source))
        connection.execute(insert(outcome_day), [{**vars(one), "source": source} for one in found])
    return len(found)


def _outcome(line: Line) -> Outcome:
    first, end = line.days("from", "to")
    count = line.amount("count")
    if count < 0:
        raise line.wrong("count", "A count is not below zero.", "Write how many there were.")
    value = line.amount("value") if line.text("value") else None
    if value is not None and value < 0:
        raise line.wrong("value", "A value is not below zero.", "Write what one outcome is worth, or leave it out.")
    if value is not None and line.text("currency") is None:
        raise line.wrong(
            "currency", "Nothing says in which currency.", "Write its three letters beside the value: USD."
        )
    model = line.text("model")
    return Outcome(
        first,
        end,
        line.need("outcome"),
        canonical_model(model) if model else None,
        line.text("team"),
        count,
        value,
        line.currency("currency") if value is not None else None,
    )
