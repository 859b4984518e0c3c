"""A look ahead says the same whether months came one after the other, one of them restated, or all at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from analyzer.anomaly_score import find_runs
from analyzer.forecast import project_each
from tests.analyzer.conftest import Ledger, all_hours

FIRST, LAST = date(2026, 8, 1), date(2026, 11, 19)
RESTATED = date(2026, 9, 1)
BUDGET = {"name": "AI", "amount": 9000, "period": "quarter"}
MODELS = ("chat", "search", "vision")
TABLES = {
    "forecast": "made_at",
    "anomaly": "found_at, updated_at",
    "budget_status": "computed_at",
    "worked_out": "part",
}
"""What a look ahead writes, and of it the times, which differ (and a column that says nothing)."""


def costs(seed: int, restated: bool) -> Iterator[tuple[date, str, str]]:
    """Three noisy models; one runs away in November, another was billed too low in September at first."""
    random = np.random.default_rng(seed)
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        for model, noise in zip(MODELS, random.normal(0, 0.05, len(MODELS)).tolist(), strict=True):
            cost = (30 if day.weekday() < 5 else 12) * (1 + noise)
            if model == "chat" and day.month == 11 and day.day in (9, 10):
                cost *= 6
            if model == "search" and day.month == RESTATED.month and not restated:
                cost *= 0.7
            yield day, model, f"{cost:.4f}"


def load(ledger: Ledger, seed: int, month: int, *, restated: bool) -> None:
    for day, model, cost in costs(seed, restated):
        if day.month == month:
            ledger.charge(f"{day}", cost, hours=all_hours(), tags={"model": model}, sku_id=model)


def restate(ledger: Ledger, seed: int) -> None:
    with ledger.store.engine.begin() as connection:
        for day, model, cost in costs(seed, restated=True):
            if day.month == RESTATED.month and model == "search":
                connection.execute(
                    text(
                        "UPDATE charge SET billed_cost = :cost, effective_cost = :cost, list_cost = :cost,"
                        " contracted_cost = :cost FROM sku WHERE sku.sku_key = charge.sku_key AND sku_id = 'search'"
                        " AND charge_date = :day"
                    ),
                    {"cost": cost, "day": day},
                )
        connection.execute(
            text("UPDATE slice SET loaded_at = loaded_at + interval '1 hour' WHERE period = :month"),
            {"month": RESTATED},
        )


def told(ledger: Ledger) -> dict[str, list[dict[str, Any]]]:
    with ledger.store.engine.begin() as connection:
        return {
            table: [dict(row) for row in connection.execute(text(_ROWS.format(table=table, but=but))).mappings()]
            for table, but in TABLES.items()
        }


_ROWS = "SELECT to_jsonb(t) - CAST(string_to_array('{but}', ', ') AS text[]) AS told FROM {table} t ORDER BY 1"


@pytest.mark.parametrize("seed", [1, 2])
def test_steps_make_no_difference(ledger: Ledger, seed: int) -> None:
    for month in (8, 9, 10, 11):
        load(ledger, seed, month, restated=False)
        ledger.analyze(budget=[BUDGET])
    restate(ledger, seed)
    assert ledger.analyze(budget=[BUDGET]).outlook is not None
    stepwise = told(ledger)
    with ledger.store.engine.begin() as connection:
        for table in (*TABLES, "anomaly_event", "made_from"):
            connection.execute(text(f"DELETE FROM {table}"))
    ledger.analyze(budget=[BUDGET])
    at_once = told(ledger)
    assert {one["told"]["value"] for one in at_once["anomaly"]} >= {"chat"}
    # what was found once stays in the list: as gone, or as it was where it lies before the days judged now
    since = f"{LAST - timedelta(days=ledger.settings.anomaly.watch_days - 1)}"
    stepwise["anomaly"] = [
        one for one in stepwise["anomaly"] if one["told"]["last_day"] >= since and one["told"]["state"] != "gone"
    ]
    assert stepwise == at_once


def test_only_what_a_restated_month_changed_is_worked_out_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in (8, 9, 10, 11):
        load(ledger, 1, month, restated=False)
    ledger.analyze()
    judged: list[float] = []
    projected: list[int] = []

    def judging(costs: Any, *rest: Any) -> Any:
        judged.append(sum(costs))
        return find_runs(costs, *rest)

    def projecting(histories: Any, *rest: Any) -> Any:
        projected.extend(len(one) for one in histories)
        return project_each(histories, *rest)

    monkeypatch.setattr("analyzer.anomaly.find_runs", judging)
    monkeypatch.setattr("analyzer.forecast_remembered.project_each", projecting)
    restate(ledger, 1)
    ledger.analyze()
    # the model restated, and the one service of all models, which is also the one team (nobody's)
    assert len(judged) == 2
    # of it, all spend and the rest (AI spend, provider and team are all spend): the forecast of today, and those of
    # the eleven weeks since the first of September; those before know nothing of it
    assert len(projected) == 2 * 12
    assert min(projected) > (RESTATED - FIRST).days
