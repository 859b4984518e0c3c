"""What a model cost from training to serving; and what its runs cost, those that failed or were given up included.

Cost is effective, of AI spend. A run is a workload of a training stage; how it ended is what the scheduler said last.
A run that was last heard of *running* more than ``GIVEN_UP_DAYS`` before the newest workload of its source, and never
said to have ended, counts as given up. Runs of one name under one model that ran again after a failure are *repeated*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, text

from aispend.money import rate
from aispend.prices.break_even import payback_months
from reports.views.basis import Window, charge_days, newest_window
from reports.views.unit_costs import PER_TOKENS, unit_costs

GIVEN_UP_DAYS = 7
TRAINING_STAGES = ("training", "fine_tuning", "evaluation")
Ending = Literal["succeeded", "failed", "retried", "given_up", "running", "unknown"]
WASTED: tuple[Ending, ...] = ("failed", "retried", "given_up")


@dataclass(frozen=True)
class ModelLifecycle:
    """One model in one currency over a period.

    ``unsuccessful_cost`` is the part of the training cost whose runs came to nothing;
    ``training_per_serving`` is training cost ÷ serving cost, None where nothing was served.
    """

    model: str | None
    currency: str
    data_cost: Decimal
    training_cost: Decimal
    serving_cost: Decimal
    other_cost: Decimal
    unsuccessful_cost: Decimal
    training_per_serving: Decimal | None
    partly_unknown: bool


@dataclass(frozen=True)
class Run:
    """One run: what it cost in the period, how it ended, and whether the same was tried before."""

    workload: str
    model: str | None
    team: str | None
    stage: str
    ending: Ending
    repeated: bool
    first_hour: datetime | None
    last_hour: datetime | None
    currency: str
    effective_cost: Decimal


@dataclass(frozen=True)
class Lifecycles:
    """Models, the costliest first, over ``window``."""

    rows: tuple[ModelLifecycle, ...]
    window: Window | None


@dataclass(frozen=True)
class Runs:
    """Runs, the costliest first, over ``window``."""

    rows: tuple[Run, ...]
    window: Window | None


def lifecycles(connection: Connection, window: Window | None = None) -> Lifecycles:
    """What each model cost by what it was for, over ``window`` (None: all that is loaded)."""
    window = window or charge_days(connection)
    if window is None:
        return Lifecycles((), None)
    lost: dict[tuple[str | None, str], Decimal] = {}
    for run in runs(connection, window).rows:
        if run.ending in WASTED:
            lost[run.model, run.currency] = lost.get((run.model, run.currency), Decimal(0)) + run.effective_cost
    scope = {"first": window.first, "end": window.end, "training": list(TRAINING_STAGES)}
    rows = [
        ModelLifecycle(
            model=row.model,
            currency=row.currency,
            data_cost=row.data,
            training_cost=row.training,
            serving_cost=row.serving,
            other_cost=row.other,
            unsuccessful_cost=lost.get((row.model, row.currency), Decimal(0)),
            training_per_serving=rate(row.training, row.serving) if row.serving > 0 else None,
            partly_unknown=row.lacks,
        )
        for row in connection.execute(text(_STAGES), scope)
    ]
    return Lifecycles(tuple(rows), window)


def runs(connection: Connection, window: Window | None = None) -> Runs:
    """Every run with cost in ``window`` (None: the last 30 days with data)."""
    window = window or newest_window(connection)
    if window is None:
        return Runs((), None)
    scope = {
        "first": window.first,
        "end": window.end,
        "training": list(TRAINING_STAGES),
        "given_up": GIVEN_UP_DAYS,
    }
    return Runs(tuple(Run(*row) for row in connection.execute(text(_RUNS), scope)), window)


@dataclass(frozen=True)
class Payback:
    """Whether a model's training pays: its cost against what serving it saves over serving ``instead_of``.

    ``monthly_saving`` is at the volume of the last 30 days with usage; ``months`` None where nothing is saved.
    """

    model: str
    instead_of: str
    currency: str
    training_cost: Decimal
    cost_per_1m_tokens: Decimal
    instead_cost_per_1m_tokens: Decimal
    monthly_tokens: Decimal
    monthly_saving: Decimal
    months: Decimal | None


def payback(connection: Connection, model: str, instead_of: str) -> Payback | None:
    """Payback of training ``model`` to serve it instead of another; None where either serves no priced tokens."""
    prices = {}
    for name in (model, instead_of):
        served = [row for row in unit_costs(connection, model=name, basis="allocation").rows if row.cost_per_1m_tokens]
        tokens = sum((_tokens(row) for row in served), Decimal(0))
        cost = sum((row.effective_cost or Decimal(0) for row in served), Decimal(0))
        if not tokens or len({row.currency for row in served}) != 1:
            return None
        prices[name] = (rate(cost, tokens, PER_TOKENS), tokens, served[0].currency)
    (own, tokens, currency), (other, _, other_currency) = prices[model], prices[instead_of]
    if currency != other_currency:
        return None
    trained = [
        row.training_cost
        for row in lifecycles(connection).rows
        if row.currency == currency and (row.model or "").lower() == model.lower()
    ]
    one_off = sum(trained, Decimal(0))
    saving = rate((other - own) * tokens, Decimal(PER_TOKENS))
    return Payback(
        model=model,
        instead_of=instead_of,
        currency=currency,
        training_cost=one_off,
        cost_per_1m_tokens=own,
        instead_cost_per_1m_tokens=other,
        monthly_tokens=tokens,
        monthly_saving=saving,
        months=payback_months(one_off, saving),
    )


def _tokens(row: object) -> Decimal:
    names = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")
    return sum((getattr(row, name) or Decimal(0) for name in names), Decimal(0))


def _known(stages: str) -> str:
    return f"coalesce(sum(effective_cost) FILTER (WHERE {stages}), 0)"


_OTHER = "stage <> ALL(:training) AND stage NOT IN ('data', 'inference_online', 'inference_batch')"
_STAGES = f"""
    SELECT model, currency, {_known("stage = 'data'")} AS data,
           {_known("stage = ANY(:training)")} AS training,
           {_known("stage IN ('inference_online', 'inference_batch')")} AS serving,
           {_known(_OTHER)} AS other,
           bool_or(unknown_costs & 2 = 2) AS lacks
    FROM spend_day
    WHERE is_ai AND charge_date >= :first AND charge_date < :end
    GROUP BY model, currency
    ORDER BY currency, sum(effective_cost) DESC NULLS LAST, model"""

_RUNS = """
    WITH paid AS (
        SELECT t.workload, t.model, t.team, t.stage, k.billing_currency AS currency,
               sum(s.effective_cost) AS cost
        FROM charge c
        JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
        JOIN share_target t USING (target_key)
        JOIN charge_kind k USING (charge_kind_key)
        WHERE c.charge_date >= :first AND c.charge_date < :end
          AND c.billing_month >= date_trunc('month', CAST(:first AS date)) - interval '1 month'
          AND c.billing_month <= date_trunc('month', CAST(:end AS date)) + interval '1 month'
          AND t.workload IS NOT NULL AND t.stage = ANY(:training)
        GROUP BY 1, 2, 3, 4, 5),
    newest AS (SELECT namespace, max(hour) AS hour FROM workload_hour GROUP BY namespace),
    seen AS (
        SELECT w.workload, w.namespace, min(w.hour) AS first_hour, max(w.hour) AS last_hour,
               (array_agg(w.outcome ORDER BY w.hour DESC) FILTER (WHERE w.outcome IS NOT NULL))[1] AS outcome,
               bool_or(w.outcome IN ('failed', 'retried')) AS failed_once
        FROM workload_hour w
        WHERE w.workload IN (SELECT workload FROM paid)
        GROUP BY w.workload, w.namespace),
    ended AS (
        SELECT DISTINCT ON (s.workload) s.workload, s.first_hour, s.last_hour, s.failed_once,
               CASE WHEN s.outcome IN ('succeeded', 'failed', 'retried') THEN s.outcome
                    WHEN s.last_hour < n.hour - make_interval(days => :given_up) THEN 'given_up'
                    WHEN s.outcome = 'running' THEN 'running' ELSE 'unknown' END AS ending
        FROM seen s JOIN newest n USING (namespace)
        ORDER BY s.workload, s.last_hour DESC)
    SELECT p.workload, p.model, p.team, p.stage, coalesce(e.ending, 'unknown'),
           coalesce(e.failed_once AND e.ending <> 'failed', false), e.first_hour, e.last_hour, p.currency, p.cost
    FROM paid p LEFT JOIN ended e USING (workload)
    WHERE p.cost IS NOT NULL
    ORDER BY p.currency, p.cost DESC, p.workload"""
