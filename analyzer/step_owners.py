"""What the owner of a change that a person wrote down cost lately: by this a step falls on places and on budgets.

Assumes     Steps name a provider, model or team, and no place.
Method      A step is divided as the usage of its provider, model and team fell in the last 28 known days: over places
            for forecasts, which are by currency, as its cost in the step's currency; over a budget and the rest as all
            of its cost, each currency at the rate of the last known day.
Cases       A step that names nobody, or whose owner has cost nothing yet, falls nowhere: it is in the whole alone.
Drawbacks   A step is taken to fall where the cost of its owner fell so far: what is new takes none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from aispend.money import COST_QUANTUM, split_exact
from analyzer.currency import ExchangeRates
from analyzer.forecast_steps import STEP_DAYS, KnownStep

OWNERS = ("provider", "model", "team")
"""What a step may name."""


class Spent(NamedTuple):
    """What an owner cost at a place (None: not known, or not asked for), in a currency."""

    place: str | None
    currency: str
    cost: Decimal


def at_places(
    connection: Connection, steps: Iterable[KnownStep], known_to: date, cuts: Sequence[str]
) -> list[KnownStep]:
    """The part of each step that falls on each place of ``cuts`` (columns of ``spend_day``); owners are the place."""
    return [
        replace(step, amount=part.normalize(), owners={cut: place})
        for step in steps
        for cut in cuts
        for place, part in _parts(step, _spent(connection, step, known_to, by=cut))
        if part
    ]


def share_of(
    connection: Connection,
    step: KnownStep,
    known_to: date,
    *,
    source: str,
    only: str,
    parameters: Mapping[str, Any],
    currency: str,
    rates: ExchangeRates,
) -> Fraction | None:
    """Part of the cost of a step's owner, 0 to 1, that is in ``source`` under ``only``; None where nothing says it.

    ``currency``: that in which it is added up; what has no rate to it is left out.
    """
    whole, of_it = (
        _converted(found, currency, known_to, rates)
        for found in (
            _spent(connection, step, known_to),
            _spent(connection, step, known_to, source=source, only=only, parameters=parameters),
        )
    )
    return min(max(of_it / whole, Fraction(0)), Fraction(1)) if whole > 0 else None


def _parts(step: KnownStep, spent: Iterable[Spent]) -> list[tuple[str | None, Decimal]]:
    """Less than nothing is nothing."""
    by_place = {one.place: max(one.cost, Decimal(0)) for one in spent if one.currency == step.currency}
    if not any(by_place.values()):
        return []
    return list(zip(by_place, split_exact(step.amount, list(by_place.values()), COST_QUANTUM), strict=True))


def _converted(spent: Iterable[Spent], currency: str, day: date, rates: ExchangeRates) -> Fraction:
    quotes = ((one.cost, rates.quote(one.currency, currency, day)) for one in spent)
    return sum((Fraction(cost) * quote.rate for cost, quote in quotes if quote is not None), Fraction(0))


def _spent(
    connection: Connection,
    step: KnownStep,
    known_to: date,
    *,
    by: str | None = None,
    source: str = "spend_day",
    only: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> list[Spent]:
    """Known cost of the step's owner; nothing where it names none."""
    owners = {name: owner for name in OWNERS if (owner := step.owners.get(name)) is not None}
    if not owners:
        return []
    conditions = "".join(f" AND lower(d.{name}) = lower(:its_{name})" for name in owners) + only
    place = "CAST(NULL AS text)" if by is None else f"d.{by}"
    given = {
        **(parameters or {}),
        **{f"its_{name}": owner for name, owner in owners.items()},
        "since": known_to - timedelta(days=STEP_DAYS),
        "known_to": known_to,
        "its_ai": step.is_ai,
    }
    rows = connection.execute(text(_SPENT.format(place=place, source=source, only=conditions)), given)
    return [Spent(*row) for row in rows if row.cost is not None]


_SPENT = """
    SELECT {place} AS place, d.currency, sum(coalesce(d.effective_cost,
           CASE WHEN NOT 'effective_cost' = ANY(b.columns_known) THEN d.billed_cost END)) AS cost
    FROM {source} AS d JOIN slice b USING (slice_id)
    WHERE d.charge_date >= :since AND d.charge_date < :known_to AND coalesce(d.charge_category, 'Usage') = 'Usage'
      AND d.is_ai = :its_ai{only}
    GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2"""
