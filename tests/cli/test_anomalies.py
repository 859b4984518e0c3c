"""aispend anomalies and aispend budgets: what they say where there is something, and where there is nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import insert

from aispend.schema import anomaly, budget_status, provider_anomaly
from aispend.store import Store
from tests.cli.conftest import Run

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def insert_anomaly(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(
            insert(anomaly).values(
                id="ab12cd34ef567890", kind="rise", cut="model", value="chat", currency="USD",
                first_day=date(2026, 10, 30), last_day=date(2026, 11, 1), lasting=False,
                actual=Decimal(2700), expected=Decimal(300), impact=Decimal(2400), drivers={},
                explanation="Model chat cost 2,700.00 USD on 3 days from 2026-10-30, 300.00 expected.",
                state="open", found_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
        connection.execute(
            insert(provider_anomaly).values(
                source="aws", slice="2026-11", provider="aws", anomaly_id="p-1", service="Amazon Bedrock",
                started_on=date(2026, 10, 30), impact=Decimal("2310.5"), currency="USD", details={}, as_of=NOW,
            )
        )  # fmt: skip


def test_without_a_bill_it_says_what_to_do(run: Run) -> None:
    assert "Load a bill" in run("anomalies").out
    assert "[[budget]]" in run("budgets").out


def test_without_an_anomaly_it_says_what_is_not_judged(filled: Run) -> None:
    assert "younger than ten days" in " ".join(filled("anomalies").out.split())


def test_ours_and_the_providers_stand_apart(filled: Run, database: Store) -> None:
    insert_anomaly(database)
    words = filled("anomalies").out
    assert "2,400.00 USD" in words
    assert words.index("ab12cd34") < words.index("Amazon Bedrock") < words.index("never added")
    (row,) = json.loads(filled("anomalies", "--format", "json").out)
    assert (row["value"], row["impact"], row["state"]) == ("chat", "2400.00", "open")
    assert "No anomaly in these states; there are 1 open" in filled("anomalies", "--state", "gone").out


def test_a_decision_is_taken_by_its_short_id(filled: Run, database: Store) -> None:
    insert_anomaly(database)
    assert "ab12cd34ef567890: acknowledged" in filled("anomalies", "acknowledge", "ab12cd", "--who", "ada").out
    refused = filled("anomalies", "expected", "ab12cd")
    assert (refused.status, "needs a reason" in refused.err) == (2, True)
    assert filled("anomalies", "expected", "ab12cd", "--reason", "launch").status == 0
    assert filled("anomalies", "reopen", "ab12cd").status == 0
    assert filled("anomalies", "reopen", "ab1").status == 2
    assert filled("anomalies", "--state", "closed").status == 2


_DAYS = [
    {"percent": "50", "reached_on": "2026-11-10", "expected_on": None},
    {"percent": "80", "reached_on": None, "expected_on": "2026-11-16"},
]


def test_a_budget_is_told_with_what_it_does_not_add(filled: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            insert(budget_status).values(
                name="support", period_start=date(2026, 11, 1), period_end=date(2026, 12, 1), period="month",
                covers="AI spend, team support", cost="effective", amount=Decimal(1000), currency="USD",
                known_to=date(2026, 11, 11), actual=Decimal(500), expected_to_date=Decimal("333.33"),
                burn_rate=Decimal("1.5"), forecast_p50=Decimal(1500), forecast_method="burn rate",
                exhausted_on=date(2026, 11, 20), threshold=Decimal(50), thresholds=_DAYS, state="warn",
                burn_state="warn", burn_short=Decimal("1.75"), burn_short_days=3,
                burn_long=Decimal("1.6"), burn_long_days=7,
                reason="50 % spent; the forecast's median is above the budget",
                unconverted={"EUR": "12.5"}, partly_unknown=False, computed_at=NOW,
            )
        )  # fmt: skip
    words = " ".join(filled("budgets").out.split())
    for told in ("50 % reached 2026-11-10, 80 % expected 2026-11-16", "7 days 1.60×", "3 days 1.75×"):
        assert told in words
    for told in ("support: warn", "1.50×", "used up 2026-11-20", "besides 12.50 EUR, not converted", "no band"):
        assert told in words
    (row,) = json.loads(filled("budgets", "--format", "json").out)
    assert (row["unconverted"], row["burn_rate"]) == ("EUR 12.5", 1.5)
    assert (row["burn_long"], row["burn_short"], row["burn_state"]) == (1.6, 1.75, "warn")
    assert row["thresholds"] == "50 % reached 2026-11-10, 80 % expected 2026-11-16 (past, not billed yet)"
