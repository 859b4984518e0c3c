"""Forecasts as read: order, the rest, the providers' own beside, and the days of one series."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert

from aispend.schema import forecast as forecast_table
from aispend.schema import provider_forecast
from aispend.store import Store
from reports import views

D = Decimal
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def tell(connection: Connection, cut: str, value: str | None, p50: str, **words: Any) -> None:
    """One row of the forecast."""
    values = {
        "others": 0,
        "currency": "USD",
        "period": "month",
        "period_start": date(2026, 11, 1),
        "period_end": date(2026, 12, 1),
        "known_to": date(2026, 11, 20),
        "actual": D(5),
        "p10": D(p50) - 1,
        "p90": D(p50) + 1,
        "level": D("0.8"),
        "method": "middle of members",
        "history_days": 200,
        "steps": [],
        "partly_unknown": False,
        "made_at": NOW,
    }
    connection.execute(insert(forecast_table).values(values | {"cut": cut, "value": value, "p50": D(p50)} | words))


def tell_provider(connection: Connection, mean: str, as_of: datetime, **words: Any) -> None:
    """A provider's own forecast."""
    values = {
        "source": "aws/forecast",
        "slice": "2026-11",
        "provider": "aws",
        "account": None,
        "period_start": date(2026, 11, 21),
        "period_end": date(2026, 12, 1),
        "metric": "UNBLENDED_COST",
        "mean": D(mean),
        "low": D(mean) - 2,
        "high": D(mean) + 2,
        "level": D("0.8"),
        "currency": "USD",
        "as_of": as_of,
    }
    connection.execute(insert(provider_forecast).values(values | words))


QUARTER = {"period": "quarter", "period_start": date(2026, 10, 1), "period_end": date(2027, 1, 1)}


def test_wholes_come_first_then_the_largest_and_the_rest_last(database: Store) -> None:
    with database.engine.begin() as connection:
        tell(connection, "all", None, "90", **QUARTER)
        tell(connection, "team", None, "50", others=3)
        tell(connection, "team", "search", "10")
        tell(connection, "team", "support", "20")
        tell(connection, "ai", None, "80")
        tell(connection, "all", None, "90")
        tell(connection, "model", "chat", "30")
        found = views.forecasts(connection, "team")
        assert [(row.period, row.cut, row.value, row.others) for row in found.rows] == [
            ("month", "all", None, 0),
            ("month", "ai", None, 0),
            ("month", "team", "support", 0),
            ("month", "team", "search", 0),
            ("month", "team", None, 3),
            ("quarter", "all", None, 0),
        ]
        assert [row.cut for row in views.forecasts(connection).rows] == ["all", "ai", "all"]


def test_a_step_of_several_series_is_told_once(database: Store) -> None:
    step = {"from": "2026-11-25", "to": None, "amount_per_day": "5", "currency": "USD", "why": "launch"}
    with database.engine.begin() as connection:
        tell(connection, "all", None, "90", steps=[step])
        tell(connection, "ai", None, "90", steps=[step])
        assert views.forecasts(connection).steps == (step,)


def test_steps_of_one_day_and_cause_in_two_currencies_are_both_told(database: Store) -> None:
    step = {"from": "2026-11-25", "to": None, "amount_per_day": "5", "currency": "USD", "why": "launch"}
    euros = step | {"currency": "EUR", "amount_per_day": "3"}
    with database.engine.begin() as connection:
        tell(connection, "all", None, "90", steps=[step])
        tell(connection, "all", None, "30", currency="EUR", steps=[euros])
        assert views.forecasts(connection).steps == (euros, step)


def test_the_providers_own_stands_beside_as_last_asked(database: Store) -> None:
    with database.engine.begin() as connection:
        tell_provider(connection, "70", datetime(2026, 11, 20, tzinfo=UTC))
        assert views.forecasts(connection) == views.Forecasts((), ())
        tell(connection, "all", None, "90")
        tell_provider(connection, "75", NOW)
        tell_provider(connection, "3", NOW, period_end=date(2026, 11, 22))  # a day: not shown here
        tell_provider(connection, "9", NOW, period_start=date(2026, 9, 1), period_end=date(2026, 10, 1))
        (own,) = views.forecasts(connection).theirs
    assert (own.source, own.value, own.p10, own.p50, own.p90, own.method) == (
        "aws",
        "aws",
        D(73),
        D(75),
        D(77),
        "UNBLENDED_COST",
    )
    assert own.actual is None


def test_days_of_one_series_in_order(database: Store) -> None:
    def a_day(number: int) -> dict[str, Any]:
        return {"period": "day", "period_start": date(2026, 11, number), "period_end": date(2026, 11, number + 1)}

    with database.engine.begin() as connection:
        tell(connection, "ai", None, "4", **a_day(21))
        tell(connection, "ai", None, "3", **(a_day(20) | {"p10": None, "p90": None}))
        tell(connection, "ai", None, "9", **(a_day(20) | {"currency": "EUR"}))
        tell(connection, "team", None, "8", **(a_day(20) | {"others": 2}))
        tell(connection, "team", None, "7", **a_day(20))
        assert views.forecast_days(connection, "USD") == (
            views.ForecastDay(date(2026, 11, 20), None, D(3), None),
            views.ForecastDay(date(2026, 11, 21), D(3), D(4), D(5)),
        )
        assert [day.p50 for day in views.forecast_days(connection, "USD", "team")] == [D(7)]
        assert views.forecast_days(connection, "USD", "team", "search") == ()


def test_of_a_period_of_which_no_day_is_known_nothing_is_said_to_be_spent(database: Store) -> None:
    """Bills to October 31st say nothing of November; with its first day known and free, nothing was spent."""
    with database.engine.begin() as connection:
        tell(connection, "all", None, "90", known_to=date(2026, 11, 1), actual=D(0))
        tell(connection, "all", None, "99", known_to=date(2026, 11, 1), actual=D(9), **QUARTER)
        tell(connection, "ai", None, "80", known_to=date(2026, 11, 2), actual=D(0))
        rows = views.forecasts(connection).rows
    assert [(row.cut, row.period, row.actual) for row in rows] == [
        ("all", "month", None),
        ("ai", "month", D(0)),
        ("all", "quarter", D(9)),
    ]
