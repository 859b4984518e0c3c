"""Figures hold exactly the known amounts, in their order."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection

from aispend.store import Store
from dashboard import charts
from reports import views
from tests.browser import company


def overview(connection: Connection) -> tuple[views.Overview, views.Spend]:
    found = views.overview(connection)
    assert found is not None
    query = views.SpendQuery(by=("month", "provider"), window=found.trend.query.window, ai_only=True)
    return found, views.spend(connection, query)


def test_months_are_stacked_by_cloud_in_one_currency_with_the_expected_rest_on_top(database: Store) -> None:
    """October 30, November 12 and 178 more as forecast; in EUR 42, with 42 a day for 28 days to come by run rate."""
    with database.engine.begin() as connection:
        company.insert(connection)
        found, spend = overview(connection)
    drawn = {}
    for currency in ("USD", "EUR"):
        figures = next(item for item in found.figures if item.currency == currency)
        figure = charts.months(spend, currency, figures, found.month)
        drawn[currency] = {bar.name: list(zip(bar.x, bar.y, strict=True)) for bar in figure.data}

    october, november = company.OCTOBER, company.NOVEMBER
    assert drawn == {
        "USD": {"AWS": [(october, 30.0), (november, 12.0)], "still expected": [(november, 178.0)]},
        "EUR": {"Google Cloud": [(november, 42.000000000001)], "expected by run rate": [(november, 1176.000000000028)]},
    }


def test_every_month_has_its_tick_and_the_year_where_it_begins(database: Store) -> None:
    with database.engine.begin() as connection:
        company.insert(connection)
        found, spend = overview(connection)
    layout = charts.months(spend, "USD", None, found.month).layout
    ticks = list(layout.xaxis.ticktext)

    assert ticks[:3] == ["Nov", "Dec", "Jan"]
    assert (len(ticks), ticks[-1]) == (13, "Nov")
    assert [(note.x, note.text) for note in layout.annotations] == [
        (date(2025, 11, 1), "2025"),
        (date(2026, 1, 1), "2026"),
    ]


def test_unknown_amounts_are_left_out_and_equal_names_stay_apart() -> None:
    long = "a" * 40
    figure = charts.ranking([(long, Decimal(3)), (long + "b", Decimal("-1.5")), ("unknown", None)], "USD")

    assert list(figure.data[0].x) == [3.0, -1.5]
    assert list(figure.data[0].y) == [0, 1]
    assert list(figure.data[0].text) == ["3.00", "-1.50"]
    assert figure.layout.xaxis.range[0] < -1.5


def test_a_lone_month_is_as_wide_as_one_of_thirteen(database: Store) -> None:
    """22 days wide on an axis from the middle of October 2025 to the middle of November 2026."""
    with database.engine.begin() as connection:
        company.insert(connection)
        _, spend = overview(connection)
    figure = charts.months(spend, "EUR", None, None)

    assert [(bar.width, bar.marker.opacity) for bar in figure.data] == [(22 * 86_400_000, (1.0,))]
    assert list(figure.layout.xaxis.range) == [date(2025, 10, 16), date(2026, 11, 17)]


def test_a_small_amount_below_zero_is_not_written_over_its_name() -> None:
    """-0.15 beside 11.71 leaves a quarter of 11.71 free at the left, not 1.6 times 0.15."""
    figure = charts.ranking([("AWS", Decimal("11.71")), ("Azure", Decimal("-0.15"))], "USD")

    assert figure.layout.xaxis.range[0] == pytest.approx(-0.15 - 11.71 / 4)


def test_names_are_not_read_as_markup() -> None:
    figure = charts.ranking([("<b>x</b>", Decimal(1))], "USD")

    assert figure.layout.yaxis.ticktext[0].strip() == "&lt;b&gt;x&lt;/b&gt;"


def test_a_month_without_a_unit_cost_is_a_gap() -> None:
    points = [(date(2026, 9, 1), Decimal("1.5")), (date(2026, 10, 1), None), (date(2026, 11, 1), Decimal("0.00012"))]
    line = charts.unit_cost_trend(points, "per 1k requests", "USD").data[0]

    assert list(line.y) == [1.5, None, 0.00012]
    assert line.connectgaps is False
    assert list(line.customdata) == [
        "1.500 USD per 1k requests",
        "– USD per 1k requests",
        "0.0001200 USD per 1k requests",
    ]


@pytest.mark.parametrize(
    ("before", "step", "said"),
    [("81904.75", "4692.37", "USD, not from 0"), ("10", "-30", "USD")],
)
def test_an_axis_that_does_not_begin_at_zero_says_so(before: str, step: str, said: str) -> None:
    """Bars of 81,904.75 and 86,597.12 differ by 5.7 %, and look as if one were twice the other."""
    start, change = Decimal(before), Decimal(step)
    axis = charts.waterfall(("Oct", start), [("more use", change)], ("Nov", start + change), "USD").layout.yaxis

    assert axis.title.text == said
    assert (axis.range[0] > 0) == (said != "USD")
