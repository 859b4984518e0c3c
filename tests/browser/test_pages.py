"""Every page in a real browser: nothing goes wrong in it, and its numbers are those worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import expect

from aispend import cli
from aispend.store import open_store
from dashboard import layout
from reports import views
from tests.browser import company
from tests.browser.conftest import Served, Visitor

Visit = Callable[[Served], Visitor]
PAGES = ("Overview", "Models", "Changes", "Outlook", "Economics", "Recommendations", "Savings")
PATHS = ("", "/models", "/changes", "/outlook", "/economics", "/recommendations")
WIDTHS = (1280, 800, 375)
FITS = """() => [...document.querySelectorAll('[data-testid=stMain], .aispend-table')]
    .every(part => part.scrollWidth <= part.clientWidth)"""
STANDS = "() => [...document.querySelectorAll('[data-testid=stMain]')].every(p => p.scrollWidth <= p.clientWidth)"
TABLES = """() => [...document.querySelectorAll('.aispend-table')].map(part => {
    const style = getComputedStyle(part);
    return [style.overflowX, style.backgroundImage, getComputedStyle(part.querySelector('td')).position];
})"""
APART = """() => {
    const boxes = [...document.querySelectorAll('.xtick text')].map(label => label.getBoundingClientRect());
    return boxes.every((box, at) => at === 0 || boxes[at - 1].right <= box.left + 1);
}"""
RAW = ("None", "NaN", "nan", "Decimal", "_online", "_cost", "stop_idle", "very_low", "given_up", "+00:00")
"""What a program says and a person does not."""


def in_two_lines(reason: str) -> str:
    """A reason as its cell is read: its name and below it what it means."""
    cell = layout.reason(reason)
    return f"{cell.shown}\n{cell.below}"


def test_every_page_opens_and_speaks_plainly(visit: Visit, filled: Served) -> None:
    visitor = visit(filled)
    visitor.page.set_viewport_size({"width": 1024, "height": 768})
    visitor.open()
    for currency in ("EUR", "USD"):
        visitor.choose_currency(currency)
        for title in PAGES:
            visitor.go(title)
            assert [word for word in RAW if word in visitor.text()] == [], title
            visitor.page.wait_for_function(FITS)


def test_every_page_without_data_says_what_to_do(visit: Visit, empty: Served) -> None:
    visitor = visit(empty)
    visitor.open()
    for title in PAGES:
        visitor.go(title)
        assert "Nothing is loaded and analyzed yet." in visitor.text()
        # code is coloured by a part of the page that comes a moment later
        expect(visitor.page.get_by_test_id("stMain")).to_contain_text("aispend import PATH…")


@pytest.mark.parametrize("path", PATHS)
def test_on_every_screen_a_wider_table_shows_that_it_moves(visit: Visit, filled: Served, path: str) -> None:
    """The page never moves sideways; a table may, under its first column and with a shadow where more is."""
    visitor = visit(filled)
    visitor.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    visitor.page.goto(filled.address + path)
    visitor.settle()
    if path != "/recommendations":  # its list is drawn on a canvas
        expect(visitor.page.locator(".aispend-table").first).to_be_visible()
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.page.wait_for_function(STANDS)
        looks = visitor.page.evaluate(TABLES)
        assert looks or path == "/recommendations", "a page without a table shows nothing of this"
        assert {overflow for overflow, _, _ in looks} <= {"auto"}
        assert {image.count("linear-gradient") for _, image, _ in looks} <= {4}
        assert {position for _, _, position in looks} <= {"sticky" if width < 1000 else "static"}
    # Streamlit looks for its own address below the page's first
    visitor.problems = [problem for problem in visitor.problems if "/_stcore/" not in problem]


def test_no_label_of_a_month_overprints_the_next(visit: Visit, filled: Served) -> None:
    visitor = visit(filled)
    visitor.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    visitor.page.goto(f"{filled.address}/models")
    visitor.settle()
    labels = visitor.page.locator(".xtick text")
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 900})
        expect(labels).to_have_count(13)
        visitor.page.wait_for_function(APART)
    # Streamlit looks for its own address below the page's first
    visitor.problems = [problem for problem in visitor.problems if "/_stcore/" not in problem]


def test_the_overview_shows_what_the_view_says(visit: Visit, filled: Served) -> None:
    with open_store(filled.settings, migrate=False) as store, store.engine.connect() as connection:
        found = views.overview(connection)
    assert found is not None
    figures = next(item for item in found.figures if item.currency == "USD")
    assert (figures.month_to_date, figures.forecast, figures.change) == (Decimal(12), Decimal(190), Decimal("0.2"))

    visitor = visit(filled)
    visitor.open()

    assert visitor.figure("Month to date, USD") == ("12.00", "2026-11-01 to 2026-11-02")
    assert visitor.figure("Month end expected, USD") == ("190.00", "80 %: 170.00 – 210.00")
    assert visitor.figure("Against the same days before") == ("+20.0 %", "October: 10.00")
    assert visitor.figure("Open savings a month, USD") == ("90.00", "1 recommendation")
    assert visitor.rows("Reason") == [
        [in_two_lines("used"), "7.50", "62.5 %"],
        [in_two_lines("idle"), "5.00", "41.7 %"],
        [in_two_lines("direct"), "0.10", "0.8 %"],
        [in_two_lines("credit"), "-0.60", "-5.0 %"],
        ["In all", "12.00", "100.0 %"],
    ]
    line = "November 2026, first 2 of 30 days · effective cost in USD · before tax, credits included"
    assert line in visitor.text()
    assert "provisional" in visitor.text()
    bars = visitor.page.get_by_test_id("stPlotlyChart").nth(2).locator("text.bartext")
    expect(bars).to_have_text(["11.90", "0.10"])


def test_currencies_are_shown_apart_and_names_as_they_are(visit: Visit, filled: Served) -> None:
    visitor = visit(filled)
    visitor.open()
    assert "Besides this, month to date: 42.00 EUR." in visitor.text()

    visitor.choose_currency("EUR")

    assert visitor.figure("Month to date, EUR") == ("42.00", "2026-11-01 to 2026-11-02")
    assert visitor.figure("Against the same days before")[0] == "–"
    assert "Besides this, month to date: 12.00 USD." in visitor.text()
    visitor.go("Models")
    assert visitor.rows("At list price") == [
        ["gemma", "training", "40.00", "95.2 %", "–"],
        [company.HOSTILE, "training", "2.00", "4.8 %", "–"],
        ["In all", "", "42.00", "100.0 %", "–"],
    ]


def test_another_cost_is_another_number_and_unknown_is_not_zero(visit: Visit, filled: Served) -> None:
    visitor = visit(filled)
    visitor.open()
    visitor.page.get_by_test_id("stSelectbox").get_by_role("combobox").click()
    visitor.page.get_by_role("option", name="List").click()
    expect(visitor.page.get_by_test_id("stMetric").first).to_contain_text("24.00")
    visitor.settle()
    assert "list cost in USD" in visitor.text()
    assert visitor.figure("Month end by run rate, USD") == ("360.00", "12.00 a day lately")

    visitor.choose_currency("EUR")

    assert visitor.figure("Month to date, EUR")[0] == "–"
    assert "These bills give no list cost; it is unknown there, not zero" in visitor.text()
    assert "Google Cloud BA-1" in visitor.text()
    assert "No list cost is known in EUR; another is at the left." in visitor.text()


def test_a_unit_costs_what_the_view_says_on_both_bases(visit: Visit, filled: Served) -> None:
    visitor = visit(filled)
    visitor.open()
    visitor.go("Models")

    assert visitor.rows("At list price") == [
        ["llama-3-70b", "fine-tuning, online inference", "31.90", "99.7 %", "63.80"],
        ["claude", "online inference", "0.10", "0.3 %", "0.20"],
        ["In all", "", "32.00", "100.0 %", "64.00"],
    ]
    llama = ["llama\nAWS, online inference", "1,000", "8.0 M", "2.0 M"]
    claude = ["claude\nAWS, online inference", "40", "21,000", "2,000"]
    assert visitor.rows("Tokens in") == [
        [*llama, "30.00", "3.000", "2.308", "5.769", "25 %"],
        [*claude, "2.500", "4.348", "3.000\ncached 10.00", "15.00", "API"],
    ]
    both = {row[0]: row[1:] for row in visitor.rows("Allocation")}
    assert both["per 1k requests"] == ["30.00", "7.500"]
    assert both["per accelerator hour paid"] == ["3.750", "–"]
    assert "8 accelerator hours paid, 2 used: load 25 %." in visitor.text()

    visitor.page.get_by_role("radio", name="Usage").click()
    expect(visitor.page.locator(".aispend-table table").nth(1)).to_contain_text("7.500")
    visitor.settle()
    assert [row[4] for row in visitor.rows("Tokens in")] == ["7.500"]


def test_choosing_a_recommendation_shows_its_evidence(visit: Visit, filled: Served) -> None:
    visitor = visit(filled)
    visitor.open()
    visitor.go("Recommendations")

    assert visitor.figure("At list price, USD") == ("120.00", "a month, 1 open or accepted")
    assert visitor.figure("At your rates, USD")[0] == "100.00"
    assert visitor.figure("Net of commitments, USD")[0] == "90.00"
    caption = visitor.page.get_by_text("Not counted: 1 cannot be done beside what is counted (180.00 USD).")
    expect(caption).to_be_visible()
    expect(visitor.page.locator(".aispend-heading")).to_have_text("Switch off what nobody uses: search-canaryi-1")
    facts = {row[0]: row[1] for row in visitor.rows("What to do")}
    assert facts["Costs now"] == "100.00 USD a month"
    assert facts["Saves at list price"] == "120.00 USD a month"
    assert facts["Saves at your rates"] == "100.00 USD a month"
    assert facts["Saves net of commitments"] == "90.00 USD a month"
    assert facts["Likely between (P10, P90)"] == ("80.00 – 95.00 USD a month, as likely above as below 90.00 (P50)")
    assert facts["Risk of acting"] == "very low: falls short in at most 1.0 % of hours (95\u00a0%\u00a0sure)"
    assert facts["Confidence in finding"] == "high"
    proof = {row[0]: row[1] for row in visitor.rows("Evidence")}
    assert proof["Without work since"] == "2026-11-01 00:00 UTC"
    assert proof["Activity at most"] == "0.4 %"
    assert proof["Memory in use, at most"] == "40.0 GiB"
    assert proof["Counter"] == "SM activity"
    assert "aws ec2 stop-instances --instance-ids i-1" in visitor.text()

    visitor.page.get_by_test_id("stDataFrame").locator(".dvn-scroller").click(
        position={"x": 15, "y": 36 + 35 + 17}
    )  # the box before the second row
    title = "Fewer or smaller accelerators: embedding-service-production"
    expect(visitor.page.locator(".aispend-heading")).to_contain_text(title)
    visitor.settle()
    assert "arn:aws:sagemaker:us-east-1:222:endpoint/embedding-service-production" in visitor.text()
    facts = {row[0]: row[1] for row in visitor.rows("What to do")}
    assert facts["Counted in the total"] == "no, it cannot be done beside what is counted"
    assert visitor.rows("Evidence") == [
        ["Part of it that was measured", "100.0 %"],
        ["Load, 95th percentile", "0.40 accelerators' worth"],
        ["List price proposed", "0.8048 an hour"],
        ["Price of", "2026-09-01"],
        ["Measured until", "2026-11-21 06:00 UTC"],
    ]

    visitor.page.get_by_text("Why not: 1 costly resource without advice").click()
    why = "No accelerator utilization is known for it, so nobody can say it is idle."
    blind = "1 resource, 1,234.50 USD a month, has too little utilization to judge by: " + why
    expect(visitor.page.get_by_text(blind)).to_be_visible()
    assert visitor.rows("Why not") == [["batch-pool\ni-9", "Switch off what nobody uses", "1,234.50", why]]


def test_the_download_is_the_export(visit: Visit, filled: Served, tmp_path: Path) -> None:
    """With the page's own states and currency, and with what its controls ask for."""
    visitor = visit(filled)
    visitor.open()
    visitor.go("Recommendations")
    shown = ("--state", "open,accepted", "--currency", "USD")
    assert downloaded(visitor) == exported(filled, tmp_path, *shown)

    visitor.page.get_by_text("Filter by kind, cloud").click()
    visitor.settle()
    visitor.page.get_by_label("Kind").click()
    visitor.page.get_by_role("option", name="Fewer or smaller accelerators").click()
    visitor.page.keyboard.press("Escape")
    title = "Fewer or smaller accelerators: embedding-service-production"
    expect(visitor.page.locator(".aispend-heading")).to_contain_text(title)
    visitor.settle()
    narrowed = exported(filled, tmp_path, *shown, "--kind", "rightsize")
    assert downloaded(visitor) == narrowed
    assert narrowed.count(b"\r\n") == 2

    visitor.page.get_by_text("Only what counts in the total").click()
    expect(visitor.page.get_by_text("No recommendation fits these states and filters")).to_be_visible()
    visitor.settle()


def downloaded(visitor: Visitor) -> bytes:
    """What the page gives for download."""
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "aispend-recommendations.csv"
    return download.value.path().read_bytes()


def exported(served: Served, folder: Path, *options: str) -> bytes:
    """What the command writes."""
    database = served.settings.database_url
    assert database is not None
    path = folder / "advice.csv"
    given = ("--output", str(path), "--database", database.get_secret_value())
    assert cli.run(("export", "recommendations", *options, *given)) == 0
    return path.read_bytes()


def test_a_pages_address_can_be_kept(visit: Visit, filled: Served) -> None:
    visitor = visit(filled)
    visitor.page.goto(f"{filled.address}/models")
    visitor.settle()

    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Models")
    # Streamlit looks for its own address below the page's first
    visitor.problems = [problem for problem in visitor.problems if "/models/_stcore/" not in problem]
