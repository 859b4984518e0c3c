"""What the analysis leaves behind for the hand-made company of ``company.py``: outlook, energy, outcomes.

AI spend in USD, known to the end of 2 November: 12 so far; 6 a day expected, 4 to 8 with its band, for 28 days: the
month is 12 + 178 = 190 (not 180: one day has a known step of 10), its band 170 to 210; the quarter 400 without a band.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert

from aispend.schema import (
    anomaly,
    budget_status,
    energy_day,
    exchange_rate,
    forecast,
    outcome_day,
    provider_anomaly,
    provider_forecast,
    workload_hour,
)
from tests.reports.samples import add_unit_cost

KNOWN_TO = date(2026, 11, 3)
MADE = datetime(2026, 11, 3, 6, tzinfo=UTC)
NO_BAND = "no band: 34 days since the first charge are too few for 12 past forecasts of this length"
STEP = {
    "from": "2026-11-10",
    "to": "2026-11-11",
    "amount_per_day": "10",
    "currency": "USD",
    "why": "a *trial* of <b>chips</b>",
}
_PERIODS = {
    "month": (date(2026, 11, 1), date(2026, 12, 1)),
    "quarter": (date(2026, 10, 1), date(2027, 1, 1)),
}


def add_forecast(
    connection: Connection, cut: str, value: str | None, p50: str, band: tuple[str, str] | None, **words: Any
) -> None:
    """A row of the forecast: of November in USD unless told otherwise; no band has a reason."""
    period = words.get("period", "month")
    start, end = _PERIODS.get(period, (words.get("period_start"), words.get("period_end")))
    row = {
        "cut": cut,
        "value": value,
        "others": 0,
        "currency": "USD",
        "period": period,
        "period_start": start,
        "period_end": end,
        "known_to": KNOWN_TO,
        "actual": Decimal(12),
        "p10": Decimal(band[0]) if band else None,
        "p50": Decimal(p50),
        "p90": Decimal(band[1]) if band else None,
        "level": Decimal("0.8"),
        "method": "middle of members",
        "history_days": 34,
        "reason": None if band else NO_BAND,
        "steps": [],
        "partly_unknown": False,
        "made_at": MADE,
    }
    connection.execute(insert(forecast).values(row | words))


def insert_outlook(connection: Connection, hostile: str) -> None:
    """Forecasts, the providers' own, budgets and anomalies; ``hostile`` is a name nobody should trust."""
    add_forecast(connection, "ai", None, "190", ("170", "210"), steps=[STEP])
    add_forecast(connection, "ai", None, "400", None, period="quarter", actual=Decimal(42), steps=[STEP])
    add_forecast(connection, "all", None, "195.5", ("175", "215"))
    add_forecast(connection, "model", "llama-3-70b", "185", ("165", "205"))
    add_forecast(connection, "model", hostile, "3", None)
    add_forecast(connection, "model", None, "2", ("1", "3"), others=4)
    for number in range(28):
        day = KNOWN_TO + timedelta(days=number)
        expected = Decimal(16 if day.isoformat() == STEP["from"] else 6)
        ends = (str(expected - 2), str(expected + 2))
        span = {"period": "day", "period_start": day, "period_end": day + timedelta(days=1)}
        add_forecast(connection, "ai", None, str(expected), ends, actual=Decimal(0), **span)
    connection.execute(
        insert(provider_forecast).values(
            source="aws/forecast",
            slice="2026-11",
            provider="aws",
            account="111",
            period_start=KNOWN_TO,
            period_end=date(2026, 12, 1),
            metric="UNBLENDED_COST",
            mean=Decimal("171.25"),
            low=Decimal(160),
            high=Decimal(180),
            level=Decimal("0.8"),
            currency="USD",
            as_of=MADE,
        )
    )
    _insert_budgets(connection, hostile)
    _insert_anomalies(connection, hostile)


def insert_economics(connection: Connection, hostile: str) -> None:
    """Runs, a served model in EUR that APIs sell too, outcomes, and eight hours of accelerators.

    The failed run cost 8 and the other 12 (``company.py``). 24 tickets on two days, for which team search paid
    7.5 + 5 − 0.6 = 11.90: 0.4958 each.
    """
    for workload, hour, outcome in (("tune-1", 3, "failed"), ("tune-2", 5, "succeeded"), (hostile, 6, "failed")):
        connection.execute(
            insert(workload_hour).values(
                slice_id=1,
                hour=datetime(2026, 10, 20, hour, tzinfo=UTC),
                namespace="cluster",
                alias="node-1",
                workload=workload,
                seconds=3600,
                outcome=outcome,
            )
        )
    add_unit_cost(
        connection,
        1,
        model="llama-3.3-70b",
        currency="EUR",
        provider="gcp",
        effective_cost="50",
        input_tokens="8000000",
        output_tokens="2000000",
        accelerator_hours_paid="10",
        accelerator_hours_used="5",
    )
    connection.execute(
        insert(exchange_rate).values(
            base="USD", quote="EUR", valid_from=date(2026, 10, 1), rate=Decimal("0.5"), source="test"
        )
    )
    span = {"day": date(2026, 11, 1), "end_day": date(2026, 11, 3), "source": "test"}
    connection.execute(
        insert(outcome_day),
        [
            {"outcome": "ticket resolved", "team": "search", "count": Decimal(24), **span},
            {"outcome": hostile, "team": "nobody", "count": Decimal(7), **span},
        ],
    )
    hours = {"day": date(2026, 11, 1), "billing_month": date(2026, 11, 1), "provider": "aws", "region": "us-east-1"}
    known = {"accelerator_type": "nvidia-h100-80gb", "is_idle": False, "known_hours": 0, "busy_hours": 0}
    connection.execute(
        insert(energy_day),
        [
            hours
            | known
            | {"stage": "inference_online", "model": "llama", "accelerator_hours": 8}
            | {"measured_hours": 6, "measured_wh": 3000},
            hours
            | known
            | {"stage": "training", "model": hostile, "accelerator_hours": 2, "accelerator_type": None}
            | {"measured_hours": 0, "measured_wh": 0},
        ],
    )


def _insert_budgets(connection: Connection, hostile: str) -> None:
    """One spent on its first day, one that lasts, and one in EUR that runs out a day after the data."""
    row = {
        "period_start": date(2026, 11, 1),
        "period_end": date(2026, 12, 1),
        "period": "month",
        "covers": "AI spend",
        "cost": "effective",
        "currency": "USD",
        "known_to": KNOWN_TO,
        "actual": Decimal(12),
        "forecast_p10": Decimal(170),
        "forecast_p50": Decimal(190),
        "forecast_p90": Decimal(210),
        "forecast_method": "forecast",
        "exhausted_on": None,
        "threshold": None,
        "thresholds": [],
        "burn_short": None,
        "burn_short_days": 3,
        "burn_long": None,
        "burn_long_days": 7,
        "burn_state": "ok",
        "unconverted": {},
        "partly_unknown": False,
        "computed_at": MADE,
    }
    connection.execute(
        insert(budget_status),
        [
            row
            | {"name": hostile, "amount": Decimal(10), "expected_to_date": Decimal("0.8"), "burn_rate": Decimal(15)}
            | {"state": "critical", "reason": "120 % spent", "exhausted_on": date(2026, 11, 1)},
            row
            | {"name": "search, llama", "amount": Decimal(240), "expected_to_date": Decimal(16)}
            | {"burn_long": Decimal("0.8"), "burn_short": Decimal("0.7"), "thresholds": _THRESHOLDS}
            | {"burn_rate": Decimal("0.75"), "state": "ok", "reason": "5 % spent", "unconverted": {"EUR": "42"}},
            row
            | {"name": "vision", "amount": Decimal(50), "expected_to_date": Decimal("3.5"), "currency": "EUR"}
            | {
                "burn_rate": Decimal(12),
                "state": "warn",
                "reason": "84 % spent; the forecast's median is above the budget",
            }
            | {"actual": Decimal(42), "forecast_p10": None, "forecast_p50": Decimal(630), "forecast_p90": None}
            | {"forecast_method": "burn rate", "exhausted_on": KNOWN_TO},
        ],
    )


_THRESHOLDS = [
    {"percent": "5", "reached_on": "2026-11-02", "expected_on": None},
    {"percent": "50", "reached_on": None, "expected_on": "2026-11-20"},
    {"percent": "100", "reached_on": None, "expected_on": None},
]


def _insert_anomalies(connection: Connection, hostile: str) -> None:
    row = {
        "cut": "model",
        "currency": "USD",
        "first_day": date(2026, 11, 1),
        "last_day": date(2026, 11, 2),
        "lasting": False,
        "provider": "aws",
        "account": "222",
        "service": "Amazon EC2",
        "model": None,
        "resource_id": None,
        "resource_share": None,
        "drivers": {},
        "state": "open",
        "found_at": MADE,
        "updated_at": MADE,
    }
    connection.execute(
        insert(anomaly),
        [
            row
            | {"id": "bbbb2222cccc", "kind": "drop", "value": hostile, "actual": Decimal(1), "expected": Decimal(4)}
            | {"impact": Decimal(-3), "explanation": f"Model {hostile} cost 1.00 USD.", "state": "acknowledged"},
            row
            | {"id": "aaaa1111bbbb", "kind": "rise", "value": "llama-3-70b", "actual": Decimal("12.5")}
            | {"expected": Decimal(5), "impact": Decimal("7.5"), "explanation": "Model llama-3-70b cost 12.50 USD."}
            | {"lasting": True, "resource_id": "i-1", "resource_share": Decimal("0.9"), "model": "llama-3-70b"},
        ],
    )
    connection.execute(
        insert(provider_anomaly).values(
            source="aws/anomalies",
            slice="2026-11",
            provider="aws",
            anomaly_id="an-1",
            account="222",
            service=hostile,
            region="us-east-1",
            started_on=date(2026, 11, 1),
            impact=Decimal("6.4"),
            expected=Decimal(5),
            currency="USD",
            details={},
            as_of=MADE,
        )
    )
