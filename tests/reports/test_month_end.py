"""The month's end on the overview is the forecast where there is one, and the run rate where there is none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from aispend.store import Store
from reports import views
from reports.views import CostColumn, MonthFigures
from tests.browser import results
from tests.reports.ledger import Ledger, Share

D = Decimal


def spend_six(connection: Connection) -> None:
    """Six USD on the 2nd of November; by run rate the month comes to 6 + 28 × 6 = 174."""
    ledger = Ledger(connection)
    bill = ledger.bill("aws", "111", date(2026, 11, 1))
    ledger.charge(bill, date(2026, 11, 2), [Share(("6", "6", "12", "12"))], provider="aws")
    ledger.roll_up()


def dollars(connection: Connection, cost: CostColumn = "effective_cost", *, ai_only: bool = True) -> MonthFigures:
    found = views.overview(connection, ai_only=ai_only, cost=cost)
    assert found is not None
    return found.figures[0]


def test_without_a_forecast_it_is_the_run_rate(database: Store) -> None:
    with database.engine.begin() as connection:
        spend_six(connection)
        figures = dollars(connection)

    assert (figures.forecast, figures.by_run_rate) == (D(174), True)
    assert (figures.forecast_p10, figures.forecast_p90, figures.forecast_level) == (None, None, None)


def test_the_forecast_comes_with_its_band(database: Store) -> None:
    with database.engine.begin() as connection:
        spend_six(connection)
        results.add_forecast(connection, "ai", None, "190", ("170", "210"))
        results.add_forecast(connection, "all", None, "195.5", None)
        ai, everything, by_list = (
            dollars(connection),
            dollars(connection, ai_only=False),
            dollars(connection, "list_cost"),
        )

    assert (ai.forecast, ai.forecast_p10, ai.forecast_p90, ai.forecast_level) == (D(190), D(170), D(210), D("0.8"))
    assert not ai.by_run_rate
    assert (everything.forecast, everything.forecast_p10, everything.by_run_rate) == (D("195.5"), None, False)
    assert (by_list.forecast, by_list.by_run_rate) == (D(348), True), "a forecast is of effective cost: 12 + 28 × 12"


def test_a_forecast_of_another_month_or_currency_is_not_of_this_one(database: Store) -> None:
    with database.engine.begin() as connection:
        spend_six(connection)
        results.add_forecast(connection, "ai", None, "500", ("400", "600"), currency="EUR")
        results.add_forecast(connection, "ai", None, "900", None, period_start=date(2026, 12, 1))
        figures = dollars(connection)

    assert (figures.forecast, figures.by_run_rate) == (D(174), True)
