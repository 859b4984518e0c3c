"""aispend forecast: what a person reads, what a machine reads, and what is said where there is nothing."""

from __future__ import annotations

import json

from aispend.store import Store
from tests.cli.conftest import Run
from tests.reports.test_forecast import NOW, QUARTER, tell, tell_provider


def test_month_and_quarter_with_their_terms(run: Run, database: Store) -> None:
    step = {"from": "2026-11-25", "to": None, "amount_per_day": "5", "currency": "USD", "why": "launch"}
    with database.engine.begin() as connection:
        tell(connection, "all", None, "1234.5", steps=[step])
        tell(connection, "team", "support", "20", partly_unknown=True)
        tell(connection, "team", None, "7")
        tell(connection, "team", None, "50", others=3, p10=None, p90=None, reason="no band: 9 days are too few")
        tell(connection, "all", None, "2000", **QUARTER)
        tell_provider(connection, "75", NOW)
    found = run("forecast", "--by", "team")
    assert (found.status, found.err) == (0, "")
    assert [" ".join(line.split()) for line in found.out.splitlines() if "──" not in line] == [
        "November 2026:",
        "effective cost so far expected band currency",
        "all spend 5.00 1,234.50 1,233.50 – 1,235.50 USD",
        "support 5.00* 20.00 19.00 – 21.00 USD",
        "no team known 5.00 7.00 6.00 – 8.00 USD",
        "the other 3 teams 5.00 50.00 – USD",
        "",
        "Quarter from October 2026:",
        "effective cost so far expected band currency",
        "all spend 5.00 2,000.00 1,999.00 – 2,001.00 USD",
        "",
        "Bills known to 2026-11-19; made 2026-11-21 06:00 UTC. The whole period is in the",
        "band in 80 % of such cases, as past forecasts were.",
        "No band: 9 days are too few (the other 3 teams).",
        "In it from 2026-11-25: 5.00 USD a day, launch.",
        "* some charges have no effective cost: unknown, not zero, and not in it.",
        "aws itself, 2026-11-21 to 2026-11-30, UNBLENDED_COST: 75.00 USD (73.00 – 77.00,",
        "80 %).",
    ]


def test_with_several_currencies_a_note_says_of_which_amounts_it_is(run: Run, database: Store) -> None:
    """The euros of all spend have no band; both currencies of AI spend are taken to have ended."""
    ended = "no usage since 2026-11-01: taken to have ended, so that only what is known is expected"
    with database.engine.begin() as connection:
        tell(connection, "all", None, "90")
        tell(connection, "all", None, "30", currency="EUR", p10=None, p90=None, reason="no band: 9 days are too few")
        tell(connection, "ai", None, "8", reason=ended)
        tell(connection, "ai", None, "7", currency="EUR", reason=ended)
    said = " ".join(run("forecast").out.split())
    assert "No band: 9 days are too few (all spend in EUR)." in said
    assert "only what is known is expected (AI spend in EUR, AI spend in USD)." in said


def test_for_machines_ours_and_theirs_tell_their_source(run: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        launch = {"from": "2026-11-25", "to": None, "amount_per_day": "5", "currency": "USD", "why": "launch"}
        sale = launch | {"from": "2026-11-27", "to": "2026-11-30", "amount_per_day": "-2", "why": "sale"}
        tell(connection, "all", None, "90", p10=None, p90=None, steps=[launch, sale])
        tell_provider(connection, "75", NOW)
    ours, theirs = json.loads(run("forecast", "--format", "json").out)
    assert (ours["source"], ours["p10"], ours["p50"], ours["reason"]) == ("aispend", None, "90.00", None)
    assert ours["steps"] == "from 2026-11-25: 5 USD a day, launch; from 2026-11-27 to 2026-11-30: -2 USD a day, sale"
    assert theirs["steps"] is None
    assert (theirs["source"], theirs["method"], theirs["actual"]) == ("aws", "UNBLENDED_COST", None)


def test_nothing_to_tell_says_what_to_do(run: Run, filled: Run) -> None:
    assert filled("forecast").out == (
        "No forecast yet: it takes a whole day of usage, and is made with every analysis:\naispend analyze\n"
    )


def test_an_empty_database_asks_for_a_bill(run: Run) -> None:
    assert run("forecast").out.startswith("No charges yet.")


def test_there_is_no_forecast_by_colour(run: Run) -> None:
    found = run("forecast", "--by", "colour")
    assert found.status == 2
    assert "Choose from provider, account, service, region, model, team" in found.err


def test_in_one_currency_what_has_no_rate_is_named(run: Run, database: Store) -> None:
    """Euros without known days of their own bills cannot be converted day by day, pounds have no rate at all."""
    with database.engine.begin() as connection:
        tell(connection, "all", None, "90")
        tell(connection, "all", None, "30", currency="GBP", actual=0)
        tell(connection, "team", "search", "12", currency="GBP", actual=0)
    said = " ".join(run("forecast", "--in", "usd", "--by", "team").out.split())
    assert "all spend 5.00 90.00 89.00 – 91.00 USD search – – – USD" in said
    assert "Not in it, for want of a rate: 30.00 GBP. Load rates: aispend import-rates FILE" in said
    assert "In USD: known days at the rate of each, days to come at that of the last known day." in said
    assert "No exchange rate from GBP to USD." in said
    assert "are not added here" not in said
    found = run("forecast", "--in", "USD", "--by", "team", "--format", "json")
    whole, team = json.loads(found.out)
    assert (whole["p50"], whole["original"], whole["unconverted"]) == ("90.00", "30 GBP; 90 USD", "30 GBP")
    assert (team["p50"], team["currency"], team["reason"]) == (None, "USD", "no exchange rate from GBP to USD")
    assert "Not in it, for want of a rate: 30.00 GBP." in found.err
    assert run("forecast", "--in", "euros").status == 2
