"""The exchange rates of a bill: one for each pair and day, the same whichever way the bill is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.engine import run
from aispend.engine.duck import DuckEngine
from aispend.engine.exact import number_sql
from aispend.engine.line import RateSql
from aispend.engine.rates import Counted, of_a_month
from aispend.engine.result import BilledRate
from aispend.engine.scan import Delivery
from aispend.settings import Engine
from tests.engine.bills import bill_line, classify, csv_delivery, csv_text, mapping

D = Decimal
SEPTEMBER = date(2026, 9, 1)
NAMED = RateSql('"resource"', number_sql('"region"', "VARCHAR"), 'TRY_CAST("invoice" AS DATE)')
"""In these bills the columns of resource, region and invoice say the currency of prices, the rate and its day."""


def test_a_rate_without_a_day_holds_from_the_first_of_the_month() -> None:
    said = [Counted("USD", "EUR", D("0.92"), None, 3)]
    assert of_a_month(SEPTEMBER, said) == (BilledRate("USD", "EUR", SEPTEMBER, D("0.92"), 0),)


def test_the_earliest_rate_holds_from_the_first_and_later_ones_from_their_day() -> None:
    said = [
        Counted("USD", "EUR", D("0.90"), date(2026, 8, 31), 1),
        Counted("USD", "EUR", D("0.95"), date(2026, 9, 20), 9),
        Counted("GBP", "EUR", D("1.15"), date(2026, 9, 15), 1),
        Counted("USD", "SEK", D("9.5"), date(2026, 10, 3), 1),
    ]
    assert of_a_month(SEPTEMBER, said) == (
        BilledRate("GBP", "EUR", SEPTEMBER, D("1.15"), 0),
        BilledRate("USD", "EUR", SEPTEMBER, D("0.90"), 0),
        BilledRate("USD", "EUR", date(2026, 9, 20), D("0.95"), 0),
        BilledRate("USD", "SEK", SEPTEMBER, D("9.5"), 0),
    )


def test_of_several_rates_of_a_day_that_of_most_lines() -> None:
    said = [Counted("USD", "EUR", D(rate), None, lines) for rate, lines in (("0.91", 2), ("0.92", 5), ("0.93", 2))]
    assert of_a_month(SEPTEMBER, said) == (BilledRate("USD", "EUR", SEPTEMBER, D("0.92"), 2),)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["0.9", "0.95", "1.1"]),
            st.none() | st.dates(date(2026, 7, 1), date(2026, 11, 1)),
            st.integers(1, 9),
        ),
        min_size=1,
    ),
    st.randoms(),
)
def test_every_day_of_the_month_has_one_rate_in_whatever_order(
    said: list[tuple[str, date | None, int]], mix: object
) -> None:
    counted = [Counted("USD", "EUR", D(rate), day, lines) for rate, day, lines in said]
    found = of_a_month(SEPTEMBER, counted)
    mix.shuffle(counted)  # type: ignore[attr-defined]
    assert of_a_month(SEPTEMBER, counted) == found
    days = [one.valid_from for one in found]
    assert days[0] == SEPTEMBER
    assert days == sorted(set(days))
    assert all(day.month == 9 for day in days)
    assert {one.rate for one in found} <= {one.rate for one in counted}


def dear(rate: str | None, base: str = "USD", day: str | None = None, **values: str) -> dict[str, str | None]:
    return bill_line(**{"currency": "EUR", "resource": base, "region": rate, "invoice": day} | values)


LINES = [
    *(dear("0.92", billed=str(number)) for number in range(30)),
    dear("0.91"),
    dear("0.94", day="2026-09-15"),
    dear("1", currency="USD"),
    dear("0"),
    dear("-1"),
    dear(None),
    dear("7", base="Tokens"),
    dear("1.3", base=" gbp "),
    dear("0.5", billed="no number"),
    dear("0.89", month="2026-10-01", start="2026-10-02 05:00:00", end="2026-10-02 06:00:00"),
]


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("broken", [True, False])
def test_rates_are_read_with_the_bill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: bool, broken: bool
) -> None:
    if not small:
        monkeypatch.setattr(run, "_SMALL_BYTES", 0)
    lines = [line for line in LINES if broken or line["billed"] != "no number"]
    delivery: Delivery = csv_delivery(tmp_path / "a.csv", csv_text(lines), line=replace(mapping(), rate=NAMED))

    with DuckEngine(Engine(), tmp_path / "work").roll_up(delivery, classify) as rolled:
        found = {one.key.month: one.rates for one in rolled.summary.slices}

    assert found == {
        SEPTEMBER: (
            BilledRate("GBP", "EUR", SEPTEMBER, D("1.3"), 0),
            BilledRate("USD", "EUR", SEPTEMBER, D("0.92"), 1),
            BilledRate("USD", "EUR", date(2026, 9, 15), D("0.94"), 0),
        ),
        date(2026, 10, 1): (BilledRate("USD", "EUR", date(2026, 10, 1), D("0.89"), 0),),
    }
