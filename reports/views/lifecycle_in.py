"""Models from training to serving, and training runs, in one currency.

The amounts of :mod:`reports.views.lifecycle` by day, each at the rate of its charge day and rounded once. An amount
without a rate in force is in no number and named apart; where nothing of a cost has one, that cost is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from aispend.money import exact_sum, rate
from analyzer.currency import ExchangeRates, exchange_rates
from reports.views.basis import Window, divided_by, known_days
from reports.views.converted import InOne, in_one
from reports.views.lifecycle import RunFacts, run_costs, stage_costs

_STAGES = ("data", "training", "serving", "other")


@dataclass(frozen=True)
class ModelLifecycleIn:
    """One model over a period, as :class:`reports.views.ModelLifecycle`, in ``currency``.

    A cost is None where nothing of it has a rate, what came to nothing also where nobody said how a run ended.
    ``original`` is all of its cost as billed, by currency; ``unconverted`` what of it is in no number here, and
    ``reason`` says why. ``training_per_serving`` is None too where part of either is unconverted: it would be the ratio
    of something else.
    """

    model: str | None
    currency: str
    data_cost: Decimal | None
    training_cost: Decimal | None
    serving_cost: Decimal | None
    other_cost: Decimal | None
    shared_cost: Decimal | None
    unsuccessful_cost: Decimal | None
    training_per_serving: Decimal | None
    partly_unknown: bool
    original: Mapping[str, Decimal]
    unconverted: Mapping[str, Decimal]
    reason: str | None


@dataclass(frozen=True)
class RunIn(RunFacts):
    """One run, as :class:`reports.views.Run`, in ``currency``; the rest as in :class:`ModelLifecycleIn`."""

    effective_cost: Decimal | None
    lost_cost: Decimal | None
    original: Mapping[str, Decimal]
    unconverted: Mapping[str, Decimal]
    reason: str | None


@dataclass(frozen=True)
class LifecyclesIn:
    """Models in ``currency``, the costliest first; ``unconverted`` is what no rate was in force for.

    ``oldest_rate`` is the day the oldest rate used is from; None where nothing had to be converted.
    """

    rows: tuple[ModelLifecycleIn, ...]
    window: Window | None
    currency: str
    unconverted: Mapping[str, Decimal]
    oldest_rate: date | None
    allocation: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunsIn:
    """Runs in ``currency``, the costliest first; the rest as in :class:`LifecyclesIn`."""

    rows: tuple[RunIn, ...]
    window: Window | None
    currency: str
    unconverted: Mapping[str, Decimal]
    oldest_rate: date | None
    allocation: tuple[str, ...] = ()


def lifecycles_in(connection: Connection, currency: str, window: Window | None = None) -> LifecyclesIn:
    """What each model cost by what it was for, in ``currency``, over ``window`` (None: all that is loaded)."""
    window = window or known_days(connection)
    if window is None:
        return LifecyclesIn((), None, currency, {}, None)
    rates = exchange_rates(connection)
    lost: dict[str | None, list[Row[Any]]] = {}
    for row in run_costs(connection, window, daily=True):
        lost.setdefault(row.model, []).append(row)
    days: dict[str | None, list[Row[Any]]] = {}
    for row in stage_costs(connection, window, daily=True):
        days.setdefault(row.model, []).append(row)
    made = [_model(model, rows, lost.get(model, ()), rates, currency) for model, rows in days.items()]
    made.sort(key=lambda one: (-_known(one[1].values()), one[0].model is None, one[0].model or ""))
    parts = [part for _, stages in made for part in stages.values()]
    return LifecyclesIn(
        tuple(row for row, _ in made),
        window,
        currency,
        _together(part.unconverted for part in parts),
        _oldest(parts),
        divided_by(connection, window),
    )


def runs_in(connection: Connection, currency: str, window: Window | None = None) -> RunsIn:
    """Every run with cost in ``window`` (None: all that is loaded), in ``currency``."""
    window = window or known_days(connection)
    if window is None:
        return RunsIn((), None, currency, {}, None)
    rates = exchange_rates(connection)
    days: dict[tuple[Any, ...], list[Row[Any]]] = {}
    for row in run_costs(connection, window, daily=True):
        days.setdefault((row.workload, row.model, row.team, row.stage), []).append(row)
    made = [_run(rows, rates, currency) for rows in days.values()]
    made.sort(key=lambda one: (-_known([one[1]]), one[0].workload))
    parts = [part for _, part in made]
    return RunsIn(
        tuple(row for row, _ in made),
        window,
        currency,
        _together(part.unconverted for part in parts),
        _oldest(parts),
        divided_by(connection, window),
    )


def _run(days: Sequence[Row[Any]], rates: ExchangeRates, currency: str) -> tuple[RunIn, InOne]:
    one = days[0]
    cost = in_one(rates, currency, ((row.currency, row.day, row.cost) for row in days))
    row = RunIn(
        workload=one.workload,
        model=one.model,
        team=one.team,
        stage=one.stage,
        ending=one.ending,
        repeated=one.repeated,
        lost_attempts=one.lost_attempts,
        first_hour=one.first_hour,
        last_hour=one.last_hour,
        currency=currency,
        effective_cost=cost.amount,
        lost_cost=_lost(days, rates, currency),
        original=cost.original,
        unconverted=cost.unconverted,
        reason=_reason(cost.unconverted, currency),
    )
    return row, cost


def _lost(rows: Iterable[Row[Any]], rates: ExchangeRates, currency: str) -> Decimal | None:
    """What came to nothing; None where nobody said how anything ended, or nothing of it has a rate."""
    told = [row for row in rows if row.lost is not None]
    return _cost(in_one(rates, currency, ((row.currency, row.day, row.lost) for row in told if row.lost)), bool(told))


def _model(
    model: str | None, rows: Sequence[Row[Any]], runs: Iterable[Row[Any]], rates: ExchangeRates, currency: str
) -> tuple[ModelLifecycleIn, Mapping[str, InOne]]:
    def part(name: str) -> InOne:
        return in_one(
            rates, currency, ((row.currency, row.day, getattr(row, name)) for row in rows if getattr(row, name))
        )

    parts = {name: part(name) for name in _STAGES}
    costs = {name: _cost(part) for name, part in parts.items()}
    training, serving = costs["training"], costs["serving"]
    whole = not (parts["training"].unconverted or parts["serving"].unconverted)
    ratio = None
    if whole and training is not None and serving is not None and serving > 0:
        ratio = rate(training, serving)
    unconverted = _together(part.unconverted for part in parts.values())
    is_trained = bool(parts["training"].original)
    row = ModelLifecycleIn(
        model=model,
        currency=currency,
        data_cost=costs["data"],
        training_cost=training,
        serving_cost=serving,
        other_cost=costs["other"],
        shared_cost=_cost(part("shared")),
        unsuccessful_cost=_lost(runs, rates, currency) if is_trained else Decimal(0),
        training_per_serving=ratio,
        partly_unknown=any(row.lacks for row in rows),
        original=_together(part.original for part in parts.values()),
        unconverted=unconverted,
        reason=_reason(unconverted, currency),
    )
    return row, parts


def _cost(part: InOne, is_known: bool = True) -> Decimal | None:
    """Its amount; nothing is nothing in any currency."""
    return part.amount if part.original or not is_known else Decimal(0)


def _reason(unconverted: Mapping[str, Decimal], currency: str) -> str | None:
    return f"no exchange rate from {', '.join(sorted(unconverted))} to {currency}" if unconverted else None


def _known(parts: Iterable[InOne]) -> Decimal:
    return exact_sum(part.amount for part in parts if part.amount is not None)


def _oldest(parts: Iterable[InOne]) -> date | None:
    return min((part.oldest_rate for part in parts if part.oldest_rate is not None), default=None)


def _together(amounts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in amounts:
        for code, amount in part.items():
            found[code] = exact_sum((found.get(code, Decimal(0)), amount))
    return found
