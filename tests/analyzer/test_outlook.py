"""Forecasts, anomalies and budgets come with every analysis, and only when something they rest on has changed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.analyzer.conftest import Ledger, all_hours

BUDGET = {"name": "AI", "amount": 1000, "period": "month"}


def fill(ledger: Ledger) -> None:
    for number in range(60):
        day = date(2026, 9, 21) + timedelta(days=number)
        ledger.charge(f"{day}", "20", hours=all_hours(), tags={"model": "chat"})


def test_an_analysis_looks_ahead_once_for_the_same_ledger(ledger: Ledger) -> None:
    fill(ledger)
    first = ledger.analyze(budget=[BUDGET]).outlook
    assert first is not None
    assert (first.forecasts > 0, first.watched.found, first.budgets) == (True, 0, 1)
    assert ledger.analyze().outlook is None
    changed = ledger.analyze(budget=[{**BUDGET, "amount": 2000}]).outlook
    assert changed is not None
    ledger.charge("2026-11-19", "500", hours=all_hours(), tags={"model": "chat"}, sku_id="other")
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE slice SET loaded_at = now()")
    found = ledger.analyze().outlook
    assert found is not None
    assert found.watched.new >= 1


def test_what_another_version_of_the_method_said_is_told_anew(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that is upgraded has rows of the version before: the same bills do not keep them."""
    fill(ledger)
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE forecast SET reason = 'of before'")
    assert ledger.analyze().outlook is None
    monkeypatch.setattr("analyzer.outlook.OUTLOOK_VERSION", "of tomorrow")
    assert ledger.analyze().outlook is not None
    assert not ledger.rows("SELECT * FROM forecast WHERE reason = 'of before'")
    assert ledger.analyze().outlook is None


def test_an_empty_ledger_has_nothing_ahead(ledger: Ledger) -> None:
    report = ledger.analyze().outlook
    assert report is not None
    assert (report.forecasts, report.watched.found, report.budgets) == (0, 0, 0)
