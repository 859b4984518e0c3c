"""Where a change of cost that a person wrote down falls: on which accounts, services and regions.

Assumes     Steps name a provider, model or team, and no place.
Method      A step is divided over places as the cost of its provider, model and team in its currency was in the last
            28 known days: the same that a budget of such a place takes of it (:mod:`analyzer.budget_steps`).
Cases       A step that names nobody, or whose owner has cost nothing yet, falls nowhere: it is in the whole alone.
Drawbacks   A place that is new takes none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import COST_QUANTUM, split_exact
from analyzer.forecast_steps import STEP_DAYS, KnownStep

_OWNERS = ("provider", "model", "team")


def place_written(
    connection: Connection, steps: Iterable[KnownStep], known_to: date, cuts: Sequence[str]
) -> list[KnownStep]:
    """The part of each step that falls on each place of ``cuts`` (columns of ``spend_day``); owners are the place."""
    return [
        replace(step, amount=part, owners={cut: place})
        for step in steps
        for cut in cuts
        for place, part in _parts(connection, step, known_to, cut)
        if part
    ]


def _parts(connection: Connection, step: KnownStep, known_to: date, cut: str) -> list[tuple[str | None, Decimal]]:
    owners = {name: owner for name in _OWNERS if (owner := step.owners.get(name)) is not None}
    if not owners:
        return []
    spent = _spent(connection, step, owners, known_to, cut)
    if not any(spent.values()):
        return []
    parts = split_exact(step.amount, list(spent.values()), COST_QUANTUM)
    return [(place, part.normalize()) for place, part in zip(spent, parts, strict=True)]


def _spent(
    connection: Connection, step: KnownStep, owners: Mapping[str, str], known_to: date, cut: str
) -> dict[str | None, Decimal]:
    """Cost of the step's owners by place; less than nothing is nothing."""
    only = "".join(f" AND d.{name} = :its_{name}" for name in owners)
    given: dict[str, Any] = {f"its_{name}": owner for name, owner in owners.items()}
    given |= {"since": known_to - timedelta(days=STEP_DAYS), "known_to": known_to}
    given |= {"currency": step.currency, "is_ai": step.is_ai}
    rows = connection.execute(text(_SPENT.format(cut=cut, only=only)), given)
    return {row.place: max(row.cost or Decimal(0), Decimal(0)) for row in rows}


_SPENT = """
    SELECT d.{cut} AS place, sum(coalesce(d.effective_cost,
                                 CASE WHEN NOT 'effective_cost' = ANY(b.columns_known) THEN d.billed_cost END)) AS cost
    FROM spend_day d JOIN slice b USING (slice_id)
    WHERE d.charge_date >= :since AND d.charge_date < :known_to AND d.charge_category = 'Usage'
      AND d.currency = :currency AND d.is_ai = :is_ai{only}
    GROUP BY 1 ORDER BY 1 NULLS LAST"""
