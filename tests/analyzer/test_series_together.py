"""Series read together and by the month are those read one by one, whatever was remembered of the months."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, event

from analyzer.remembered import Remembered
from analyzer.series import coverage, daily_series
from analyzer.series_together import Asked, SpendByDay
from tests.analyzer.conftest import Ledger, all_hours

TODAY = date(2026, 11, 21)
FIRST = date(2026, 8, 20)
ASKED = tuple(
    Asked(by, ai_only, days)  # type: ignore[arg-type]
    for by, ai_only, days in (
        ("provider", False, 80),
        ("service", False, 80),
        ("service", True, 12),
        ("model", True, 12),
        ("model", True, 80),
    )
)


def fill(ledger: Ledger, seed: int) -> None:
    """Three months of two clouds, with own costs, days without charges, fees and costs that are not known."""
    random = np.random.default_rng(seed)
    for number in range(92):
        day = f"{FIRST + timedelta(days=number)}"
        for model in ("chat", "rank", None):
            if random.random() < 0.5:
                continue
            words: dict[str, Any] = {"tags": {"model": model}} if model else {}
            if random.random() < 0.1:
                words["category"] = "Purchase"
            cost = None if random.random() < 0.1 else f"{random.normal(20, 9):.5f}"
            provider, scope = ("gcp", "billing") if random.random() < 0.3 else ("aws", "1")
            ledger.charge(
                day,
                cost,
                provider=provider,
                scope=scope,
                hours=all_hours(),
                is_ai=bool(model),
                sku_id=f"{model}",
                **words,
            )
        ledger.charge(day, "3", provider="own", scope="costs", hours=all_hours())


def compare(ledger: Ledger, remembered: Remembered) -> None:
    with ledger.store.engine.connect() as connection:
        together = SpendByDay(connection, TODAY, ASKED, remembered)
        bills = coverage(connection, TODAY)
        for one in ASKED:
            alone = daily_series(
                connection, (one.by, "charge_category"), days=one.days, bills=bills, ai_only=one.ai_only, own=False
            )
            assert together.series(one) == alone


@pytest.mark.parametrize("seed", [1, 2])
def test_read_together_or_one_by_one(ledger: Ledger, seed: int) -> None:
    fill(ledger, seed)
    ledger.analyze()
    compare(ledger, Remembered())


def test_only_a_month_that_changed_is_read_again(ledger: Ledger) -> None:
    fill(ledger, 3)
    ledger.analyze()
    remembered = Remembered()
    compare(ledger, remembered)
    ledger.charge("2026-10-07", "1234.5", hours=all_hours(), sku_id="disk", is_ai=False)
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE slice SET loaded_at = now() WHERE period = '2026-10-01'")
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        assert months_read(connection, remembered) == [date(2026, 10, 1)]
    compare(ledger, remembered)


def months_read(connection: Connection, remembered: Remembered) -> list[date]:
    read: list[date] = []

    def told(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
        if "GROUPING SETS" in statement:
            read.append(parameters["month"])

    event.listen(connection, "before_cursor_execute", told)
    SpendByDay(connection, TODAY, ASKED, remembered).series(ASKED[0])
    event.remove(connection, "before_cursor_execute", told)
    return read


def test_no_bill_no_series(ledger: Ledger) -> None:
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        assert SpendByDay(connection, TODAY, ASKED).series(ASKED[0]) is None


def test_questions_of_all_spend_alone(ledger: Ledger) -> None:
    ledger.charge("2026-11-02", "2", hours=all_hours())
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        (one,) = SpendByDay(connection, TODAY, ASKED[:2]).series(ASKED[1]).series  # type: ignore[union-attr]
    assert one.total == 2
