"""aispend budgets: net spend below zero."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import insert

from aispend.schema import budget_status
from aispend.store import Store
from reports.formats import share_spent
from tests.cli.conftest import Run

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_budget_below_zero_has_no_percentage(filled: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            insert(budget_status).values(
                name="ai", period_start=date(2026, 11, 1), period_end=date(2026, 12, 1), period="month",
                covers="AI spend", cost="effective", amount=Decimal(1000), currency="USD", known_to=date(2026, 11, 11),
                actual=Decimal(-30430), expected_to_date=Decimal("333.33"), state="ok",
                thresholds=[], burn_short_days=3, burn_long_days=7, burn_state="ok",
                reason="net spend is below zero, -30,430.00: 100.00 charged, -30,530.00 of credits",
                unconverted={}, partly_unknown=False, computed_at=NOW,
            )
        )  # fmt: skip
    table = filled("budgets").out.split("Burn:")[0]
    assert "%" not in table
    assert "below zero" in " ".join(table.split())
    assert "of credits" in " ".join(table.split())


def test_what_is_spent_is_a_share_from_zero_on() -> None:
    shown = [share_spent(Decimal(actual), Decimal(1000)) for actual in ("-30430", "-0.01", "0", "845", "1200")]
    assert shown == ["below zero", "below zero", "0 %", "84 %", "120 %"]
