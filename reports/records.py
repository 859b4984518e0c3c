"""From view rows to flat records: one mapping per row, keyed by published column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analyzer.variance import EFFECTS
from reports.budget_words import spent, threshold_words
from reports.columns import BUDGETS, FORECAST, UNIT_COSTS, Column, spend_columns
from reports.economics_columns import COMMITMENTS, ENERGY, LIFECYCLE, LIFECYCLE_IN, OUTCOMES, RUNS, RUNS_IN, SELF_HOST
from reports.views import (
    BudgetStatus,
    Changes,
    Commitments,
    Converted,
    EnergyUse,
    ForecastRow,
    Lifecycles,
    LifecyclesIn,
    OutcomeCost,
    Runs,
    RunsIn,
    SelfHosting,
    Spend,
    SpendRow,
    UnitCost,
)

Record = Mapping[str, Any]


def records(columns: Sequence[Column], rows: Iterable[object]) -> list[Record]:
    """Rows whose attributes are the columns."""
    return [{column.name: getattr(row, column.name) for column in columns} for row in rows]


def budget_records(rows: Iterable[BudgetStatus]) -> list[Record]:
    """Budgets; as text the day of each threshold, and what is in other currencies: ``EUR 12.50; GBP 3``.

    What is spent of a period is None where no day of it is known.
    """
    return [
        {column.name: getattr(row, column.name) for column in BUDGETS}
        | {
            "actual": spent(row),
            "thresholds": threshold_words(row) or None,
            "unconverted": "; ".join(f"{name} {amount}" for name, amount in row.unconverted.items()) or None,
        }
        for row in rows
    ]


def forecast_records(rows: Iterable[ForecastRow]) -> list[Record]:
    """Forecasts; the known changes in them as text: ``from 2026-11-25: 5 USD a day, launch; from …``."""
    return [
        {column.name: getattr(row, column.name) for column in FORECAST}
        | {"steps": "; ".join(step_words(step) for step in row.steps) or None}
        for row in rows
    ]


def lifecycle_records(found: Lifecycles | Runs) -> list[Record]:
    """Models from training to serving, or runs, with the method that divided their machines."""
    columns = LIFECYCLE if isinstance(found, Lifecycles) else RUNS
    return [_divided(columns, row, found.allocation) for row in found.rows]


def lifecycle_in_records(found: LifecyclesIn | RunsIn) -> list[Record]:
    """The same in one currency, with what the cost was billed as, and what of it has no rate, as text."""
    columns = LIFECYCLE_IN if isinstance(found, LifecyclesIn) else RUNS_IN
    return [
        {**_divided(columns, row, found.allocation)}
        | {"original": _amounts(row.original), "unconverted": _amounts(row.unconverted)}
        for row in found.rows
    ]


def _divided(columns: Sequence[Column], row: object, allocation: Iterable[str]) -> Record:
    """A row whose attributes are the columns, but for how machines were divided in it."""
    values = {column.name: getattr(row, column.name) for column in columns if column.name != "allocation"}
    return {**values, "allocation": _method(allocation)}


def _method(allocation: Iterable[str]) -> str | None:
    """How machines were divided, as text; None where nothing is."""
    return "; ".join(allocation) or None


def forecast_in_records(rows: Iterable[ForecastRow]) -> list[Record]:
    """Forecasts in one currency; what is expected in each, and what of it has no rate, as text: ``30 GBP; 90 USD``."""
    listed = list(rows)
    return [
        {**flat, "original": _amounts(row.original or {}), "unconverted": _amounts(row.unconverted or {})}
        for row, flat in zip(listed, forecast_records(listed), strict=True)
    ]


def self_host_records(found: SelfHosting) -> list[Record]:
    """Models served beside an API, with the basis and the days they hold for."""
    first, end = (found.window.first, found.window.end) if found.window else (None, None)
    shared = {"basis": "allocation", "period_start": first, "period_end": end}
    return [
        {column.name: getattr(row, column.name) for column in SELF_HOST if column.name not in shared} | shared
        for row in found.rows
    ]


def outcome_records(rows: Iterable[OutcomeCost]) -> list[Record]:
    """Outcomes; what the cost was billed as, and what no rate is known for, as text: ``12.50 EUR; 3 GBP``."""
    return [
        {column.name: getattr(row, column.name) for column in OUTCOMES}
        | {"original": _amounts(row.original), "unconverted": _amounts(row.unconverted)}
        for row in rows
    ]


def step_words(step: Mapping[str, Any]) -> str:
    """A known change of cost, as kept beside a forecast: ``from 2026-11-25: 5 USD a day, launch``."""
    end = f" to {step['to']}" if step["to"] else ""
    return f"from {step['from']}{end}: {step['amount_per_day']} {step['currency']} a day, {step['why']}"


def unit_cost_records(rows: Iterable[UnitCost]) -> list[Record]:
    """Unit costs in one currency; the effective cost as billed as text."""
    return [
        {column.name: getattr(row, column.name) for column in UNIT_COSTS} | {"original": _amounts(row.original or {})}
        for row in rows
    ]


def _amounts(by_currency: Mapping[str, Any]) -> str | None:
    return "; ".join(f"{amount:f} {currency}" for currency, amount in sorted(by_currency.items())) or None


def spend_records(spend: Spend) -> list[Record]:
    """Spend, a key per cut and then the costs."""
    names = [column.name for column in spend_columns(spend.query.by)]
    divided = _method(spend.basis.allocation)
    return [dict(zip(names, (*_spend_values(row), divided), strict=True)) for row in spend.rows]


def converted_records(found: Converted) -> list[Record]:
    """Spend in one currency, a key per cut, then the amount and what it was billed as."""
    return [
        {
            **dict(zip(found.query.by, row.cut, strict=True)),
            "converted_cost": row.amount,
            "converted_currency": found.currency,
            "cost": found.query.cost,
            "original": "; ".join(f"{amount:f} {currency}" for currency, amount in sorted(row.original.items())),
            "allocation": _method(found.spend.basis.allocation),
        }
        for row in found.rows
    ]


def _spend_values(row: SpendRow) -> tuple[Any, ...]:
    costs = row.costs
    return (
        *row.cut,
        costs.billed_cost,
        costs.effective_cost,
        costs.list_cost,
        costs.contracted_cost,
        row.currency,
        row.final_share,
        ",".join(row.partly_unknown) or None,
    )


def change_records(changes: Changes) -> list[Record]:
    """Changes, a key per cut, then the costs and the effects."""
    return [
        {
            **dict(zip(changes.by, row.cut, strict=True)),
            "before_cost": row.before,
            "after_cost": row.after,
            "change": row.change,
            **{f"{effect}_effect": row.effect(effect) for effect in EFFECTS},
            "currency": row.currency,
            "before_from": changes.before.first,
            "before_to": changes.before.end,
            "after_from": changes.after.first,
            "after_to": changes.after.end,
            "partly_unknown": row.partly_unknown,
        }
        for row in changes.rows
    ]


def energy_records(found: EnergyUse) -> list[Record]:
    """Energy, its ranges as three columns each."""
    return [
        {
            **{column.name: getattr(row, column.name, None) for column in ENERGY},
            **{f"kwh_{end}": getattr(row.kwh, end, None) for end in ("low", "mid", "high")},
            **{f"carbon_kg_{end}": getattr(row.carbon_kg, end, None) for end in ("low", "mid", "high")},
        }
        for row in found.rows
    ]


def commitment_records(found: Commitments) -> list[Record]:
    """Commitments; who benefits as text: ``prod 60.00; lab 20.00``."""
    return [
        {column.name: getattr(row, column.name) for column in COMMITMENTS}
        | {
            "beneficiaries": "; ".join(
                f"{one.account or 'unknown account'} {one.effective_cost:f}" for one in row.beneficiaries
            )
            or None
        }
        for row in found.rows
    ]
