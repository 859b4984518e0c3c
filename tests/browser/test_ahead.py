"""Outlook and Economics in a real browser: their numbers are the views', and those worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import BrowserContext, expect

from aispend.prices.token_prices import api_offers
from aispend.store import open_store
from reports import views
from reports.formats import count, figure, money, unit_price
from tests.browser import company, results
from tests.browser.conftest import Served, Visitor

Visit = Callable[[Served], Visitor]
Readers = Callable[[str], Visitor]
HOSTILE = company.HOSTILE


@pytest.fixture(scope="module")
def readers(context: BrowserContext, filled: Served) -> Iterator[Readers]:
    """Somebody at each page, who has opened it once and only reads; at the end nothing may have gone wrong."""
    opened: dict[str, Visitor] = {}

    def at(title: str) -> Visitor:
        if title not in opened:
            opened[title] = Visitor(context.new_page(), filled.address)
            opened[title].page.set_viewport_size({"width": 1440, "height": 900})
            opened[title].open()
            opened[title].go(title)
        return opened[title]

    yield at
    for visitor in opened.values():
        visitor.page.close()
    assert [problem for visitor in opened.values() for problem in visitor.problems] == []


def test_month_and_quarter_stand_with_their_band_or_the_reason_for_none(readers: Readers) -> None:
    visitor = readers("Outlook")

    assert visitor.figure("November so far") == ("12.00", "to 2026-11-02")
    assert visitor.figure("November 2026, USD") == ("190.00", "80 %: 170.00 – 210.00")
    assert visitor.figure("Oct – Dec 2026") == ("400.00", "no band yet")
    assert visitor.figure("All spend, November 2026") == ("195.50", "80 %: 175.00 – 215.00")
    assert f"October to December 2026: {results.NO_BAND}." in visitor.text()
    assert visitor.rows("Month end") == [
        ["All spend", "12.00", "195.50", "175.00 – 215.00", "–", "–"],
        ["AI spend", "12.00", "190.00", "170.00 – 210.00", "400.00", "no band"],
        ["llama-3-70b", "12.00", "185.00", "165.00 – 205.00", "–", "–"],
        [HOSTILE, "12.00", "3.00", "no band", "–", "–"],
        ["4 others", "12.00", "2.00", "1.00 – 3.00", "–", "–"],
    ]
    step = "Known change from 2026-11-10 to 2026-11-10: 10.00 USD a day, a *trial* of <b>chips</b>."
    assert step in visitor.text()
    assert visitor.rows("Cost it means") == [
        [
            "AWS 111",
            "unblended cost",
            "2026-11-03 to 2026-11-30",
            "171.25 USD",
            "80 %: 160.00 – 180.00",
            "2026-11-03 06:00 UTC",
        ]
    ]
    expect(visitor.page.get_by_test_id("stPlotlyChart")).to_have_count(1)
    visitor.page.get_by_text("Notes on 2 of these forecasts").click()
    note = visitor.page.locator(".aispend-table").filter(has_text="Note")
    expect(note).to_be_visible()
    assert visitor.rows("Note") == [
        [HOSTILE, "November 2026", f"{results.NO_BAND}."],
        ["AI spend", "October to December 2026", f"{results.NO_BAND}."],
    ]


def test_a_budget_says_how_it_stands_in_words_and_by_when_it_is_used_up(readers: Readers) -> None:
    """12 of 10 is 120 %; 12 of 240 is 5 %; 42 of 50 EUR is 84 %, and used up on the day after the newest data."""
    visitor = readers("Outlook")

    place = "AI spend, effective cost, month from 2026-11-01, bills known to 2026-11-02"
    band = "170.00 – 210.00"
    assert visitor.rows("Burn rate") == [
        [
            f"{HOSTILE}\n{place}",
            "■ Critical\n120 % spent",
            "10.00\nUSD",
            "12.00\n120 %",
            f"190.00\n{band}",
            "15.00×",
            "2026-11-01\nalready used up",
        ],
        [
            f"vision\n{place}",
            "▲ Watch\n84 % spent; the forecast's median is above the budget",
            "50.00\nEUR",
            "42.00\n84 %",
            "630.00\nno band, at this pace",
            "12.00×",
            "2026-11-03\n1 day after the last known",
        ],
        [
            f"search, llama\n{place}",
            "● Within budget\n5 % spent; besides 42.00 EUR, not converted; 5\u00a0% reached 2026-11-02, "
            "50\u00a0% expected 2026-11-20, 100\u00a0% not in this period",
            "240.00\nUSD",
            "12.00\n5 %",
            f"190.00\n{band}",
            "0.75×\n7 days 0.80×, 3 days 0.70×",
            "not in this period",
        ],
    ]


def test_what_is_out_of_the_ordinary_comes_by_money_with_what_is_behind_it(readers: Readers) -> None:
    visitor = readers("Outlook")

    assert visitor.rows("Behind it") == [
        [
            "Cost rose: llama-3-70b\nModel llama-3-70b cost 12.50 USD.",
            "2026-11-01\nto 2026-11-02, lasts",
            "+7.50",
            "12.50",
            "5.00",
            "i-1\n90 % of it: AWS, 222, Amazon EC2",
            "■ Open\naaaa1111",
        ],
        [
            f"Cost fell: {HOSTILE}\nModel {HOSTILE} cost 1.00 USD.",
            "2026-11-01\nto 2026-11-02",
            "-3.00",
            "1.00",
            "4.00",
            "–\nAWS, 222, Amazon EC2",
            "▲ Acknowledged\nbbbb2222",
        ],
    ]
    expect(visitor.page.get_by_test_id("stMain")).to_contain_text("aispend anomalies acknowledge aaaa1111")
    assert visitor.rows("It expected") == [[HOSTILE, "AWS, 222, us-east-1", "from 2026-11-01", "+6.40 USD", "5.00 USD"]]


def test_economics_of_serving_training_and_outcomes(readers: Readers) -> None:
    """llama served 10 M tokens for 30 USD: 3 a million. Trained for 20, of which 8 failed; served for 21.90."""
    visitor = readers("Economics")

    llama = ["llama\nAWS", "30.00", "10.0 M", "25 %", "3.000"]
    assert visitor.rows("Middle API") == [[*llama, "–", "–", "–\nno API is known to sell it by the token", "–", "–"]]
    assert visitor.rows("Of it lost") == [
        ["llama-3-70b", "0.00", "20.00", "8.00", "21.90", "0.00", "0.913"],
        ["claude", "0.00", "0.00", "0.00", "0.10", "0.00", "0"],
    ]
    assert visitor.rows("How it ended") == [["tune-1", "8.00", "8.00", "failed", "llama-3-70b", "search", "2026-10-20"]]
    assert "1 of 2 training runs of these days." in visitor.text()
    assert visitor.rows("Counted") == [
        [HOSTILE, "7", "2", "–", "–", "nobody"],
        ["ticket resolved", "24", "2", "11.90", "0.4958", "search"],
    ]


def test_energy_is_a_range_with_its_boundary_and_sources(readers: Readers, filled: Served) -> None:
    with open_store(filled.settings, migrate=False) as store, store.engine.connect() as connection:
        found = views.energy(connection)
    llama = found.rows[0]
    assert llama.kwh is not None
    assert llama.carbon_kg is not None
    visitor = readers("Economics")

    shown = visitor.rows("Accelerator hours")
    first, second = (row for row in shown if row[1] != "per token")
    unknown = [row for row in shown if row[1] == "per token"]
    assert len(unknown) == len([row for row in found.rows if row.accelerator_hours is None and row.why_unknown]) > 0
    assert all(row[2] == "–" for row in unknown)
    assert first[:2] == ["llama\nAWS, online inference", "8\n75 % measured"]
    assert first[2] == f"{figure(llama.kwh.mid)}\n{figure(llama.kwh.low)} – {figure(llama.kwh.high)}"
    assert first[3].startswith(f"{figure(llama.carbon_kg.mid)}\n")
    assert second == [f"{HOSTILE}\nAWS, training", "2\n0 % measured", "–", "–", "–", "–"]
    visitor.page.get_by_text("What is in it, and where the factors come from").click()
    expect(visitor.page.get_by_text("Factors by place")).to_be_visible()
    assert visitor.rows("Factors by place") == [[source] for source in found.sources]


def test_choices_and_another_currency_change_what_is_shown(visit: Visit, filled: Served) -> None:
    """In EUR there is neither forecast nor anomaly; budgets are shown whatever the currency.

    The model served there took 50 EUR for 8 M input and 2 M output tokens at half load; a dollar is half a euro.
    """
    prices = sorted((8 * offer.input + 2 * offer.output) / 2 for offer in api_offers("llama-3.3-70b"))
    assert prices, "the catalogue of token prices knows it no more; choose another model"
    least, middle = prices[0], prices[len(prices) // 2]
    visitor = visit(filled)
    visitor.open()
    visitor.go("Outlook")
    visitor.page.get_by_test_id("stButtonGroup").get_by_text("Open", exact=True).click()
    expect(visitor.page.get_by_text("Cost rose: llama-3-70b")).to_have_count(0)
    visitor.settle()
    assert [row[6] for row in visitor.rows("Behind it")] == ["▲ Acknowledged\nbbbb2222"]

    visitor.choose_currency("EUR")

    assert "No AI spend in EUR to forecast." in visitor.text()
    assert "Nothing out of the ordinary." in visitor.text()
    assert len(visitor.rows("Burn rate")) == 3
    visitor.go("Economics")
    (row,) = visitor.rows("Middle API")
    assert row[:5] == ["llama-3.3-70b\nGoogle Cloud", "50.00", "10.0 M", "50 %", "5.000"]
    assert row[5].split("\n")[0] == unit_price(least / 10)
    assert row[6].split("\n")[0] == unit_price(middle / 10)
    assert row[7].endswith(f"save {money(Decimal(50) - least)}")
    assert row[9] == f"{count(10_000_000 * 50 / least * 730 / 720)} tokens"
    assert "Even a month: the tokens, and the requests of the present size, of 730 hours" in visitor.text()
    assert visitor.rows("How it ended") == [[HOSTILE, "2.00", "2.00", "failed", HOSTILE, "no team known", "2026-10-20"]]
