"""A bill that is behind is in no forecast; those it would be in name it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import text

from analyzer.forecast_run import write_forecasts
from analyzer.series import OWN
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_budget_behind import fill

NAMED = "behind and not in it: aws payer (known to 2026-10-31)"


def _reasons(ledger: Ledger, period: str = "quarter") -> dict[tuple[Any, ...], str | None]:
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        write_forecasts(connection, ledger.settings, lambda: datetime(2026, 11, 21, 6, tzinfo=UTC))
        rows = connection.execute(text("SELECT * FROM forecast WHERE period = :period"), {"period": period}).all()
    return {(row.cut, row.value, row.currency): row.reason for row in rows}


def test_a_loaded_month_that_is_not_in_a_forecast_is_named_by_those_it_would_be_in(ledger: Ledger) -> None:
    """AWS in dollars for the model chat is known to October 31st; Azure serves rank, and chat on the same days."""
    november = date(2026, 11, 20)
    fill(ledger, "100", to=date(2026, 10, 31), tags={"model": "chat"})
    azure = {"provider": "azure", "scope": "sub", "account_id": "lab", "service_name": "Models"}
    fill(ledger, "10", to=november, tags={"model": "chat"}, **azure)
    fill(ledger, "4", to=november, tags={"model": "rank"}, currency="EUR", **azure)
    fill(ledger, "5", to=november, provider=OWN, scope="costs", account_id=None, is_ai=False, service_name="Staff")
    found = _reasons(ledger)
    told = {name: reason for name, reason in found.items() if reason and "behind" in reason}
    theirs = {("all", None), ("ai", None), ("model", "chat"), ("team", None), ("region", None)}
    assert set(told) == {(cut, value, "USD") for cut, value in theirs}
    assert all(reason.endswith(NAMED) for reason in told.values())
    assert ("provider", "azure", "USD") in found
    assert not [reason for reason in _reasons(ledger, "day").values() if reason and "behind" in reason]


def test_with_all_bills_up_to_date_none_is_named(ledger: Ledger) -> None:
    fill(ledger, "100", to=date(2026, 11, 20))
    assert not [reason for reason in _reasons(ledger).values() if reason and "behind" in reason]
