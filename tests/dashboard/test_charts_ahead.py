"""Figures of Outlook and Economics hold exactly what is known: gaps stay gaps, and what has no band gets none."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from dashboard import charts_economics, charts_outlook
from reports.views import ForecastDay

D = Decimal


def november(day: int) -> date:
    return date(2026, 11, day)


def test_the_path_goes_from_actual_days_over_into_expected_ones_within_their_band() -> None:
    """The 2nd has no charge and is a gap; the 5th has no band; December begins at a line of its own."""
    ahead = [
        ForecastDay(november(4), D(4), D(6), D(8)),
        ForecastDay(november(5), None, D(7), None),
        ForecastDay(date(2026, 12, 1), D(5), D(7), D(9)),
    ]
    figure = charts_outlook.path([(november(1), D("12.5")), (november(3), D("-0.5"))], ahead, "USD", D("0.8"))
    drawn = {line.name: (list(line.x), list(line.y)) for line in figure.data}

    assert drawn["actual"] == ([november(1), november(2), november(3)], [12.5, None, -0.5])
    assert drawn["expected"] == ([november(4), november(5), date(2026, 12, 1)], [6.0, 7.0, 7.0])
    assert drawn["80 % band"] == ([november(4), date(2026, 12, 1)], [8.0, 9.0])
    assert drawn[""][1] == [4.0, 5.0], "the lower end, up to which the band is filled"
    assert [line.x0 for line in figure.layout.shapes] == [date(2026, 12, 1)]
    assert figure.layout.yaxis.separatethousands, "5,000 as in the tables"
    words = next(line.customdata for line in figure.data if line.name == "expected")
    assert list(words)[:2] == ["6.00 USD expected, between 4.00 and 8.00", "7.00 USD expected"]


def test_a_path_of_nothing_known_and_nothing_expected_is_empty() -> None:
    assert [len(line.x) for line in charts_outlook.path([], [], "USD", D("0.8")).data] == [0, 0]


def test_prices_stand_beside_each_other_and_an_unknown_one_is_left_out() -> None:
    rows = [("<b>llama</b>", D("2.158"), D("0.3483"), D("0.72")), ("own", D(3), None, None)]
    figure = charts_economics.price_beside_apis(rows, "USD")
    marks = {line.name: (list(line.x), list(line.y)) for line in figure.data if line.mode == "markers"}

    assert marks == {
        "your own machines": ([2.158, 3.0], [0, 1]),
        "API, cheapest offer": ([0.3483], [0]),
        "API, middle offer": ([0.72], [0]),
    }
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.yaxis.ticktext[0].strip() == "&lt;b&gt;llama&lt;/b&gt;"


def test_a_life_is_a_bar_of_its_stages_and_stages_nobody_paid_for_are_not_named() -> None:
    """Training of 20 of which 8 came to nothing: 12 and 8 apart."""
    rows = [("llama", (D(0), D(12), D(8), D("21.9"), D(0))), ("claude", (D(0), D(0), D(0), D("0.1"), D(0)))]
    figure = charts_economics.lives(rows, "USD")

    assert {bar.name: list(bar.x) for bar in figure.data} == {
        "training": [12.0, 0.0],
        "training that came to nothing": [8.0, 0.0],
        "serving": [21.9, 0.1],
    }
