"""Amounts in several currencies, as commands show them: apart, or in one with what had no rate named."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours
from tests.cli.conftest import Run
from tests.reports.test_change_converted import Company
from tests.reports.test_forecast import tell

PERIOD = ("--from", "2026-11", "--to", "2026-12")


@pytest.fixture
def company(run: Run, database: Store, tmp_path: Path) -> Run:
    """100, then 120 EUR of chat, for a fifth more hours, at 1.10 and 1.20; 9 GBP of rank in November."""
    with database.engine.begin() as connection:
        made = Company(connection)
        made.hours(10, 5, "100", "10")
        made.hours(11, 5, "120", "12")
        made.hours(11, 5, "9", "2", "GBP", "rank")
        made.ledger.roll_up()
    path = tmp_path / "rates.csv"
    path.write_text("date,base,quote,rate\n2026-10,EUR,USD,1.10\n2026-11,EUR,USD,1.20\n")
    assert run("import-rates", str(path)).status == 0
    return run


def words(text: str) -> str:
    return " ".join(text.split())


def test_why_in_one_currency_tells_what_rates_did(company: Run) -> None:
    found = company("why", "--in", "usd", *PERIOD)
    assert (found.status, found.err) == (0, "")
    said = words(found.out)
    assert "+34.00 USD (+30.9 %), because of" in said
    assert "+22.00 more use chat +22.00" in said
    assert "+12.00 dearer currency EUR +12.00: 1 EUR = 1.1 → 1.2" in said
    assert "total 110.00 144.00 +34.00" in said
    assert "In USD at the rate of each charge's day, converted once. Oldest rate used: 2026-10-01." in said
    assert "Not in it, for want of a rate: 0.00 GBP before and 9.00 GBP after." in said


def test_why_for_machines_has_one_currency_and_notes_the_rest(company: Run) -> None:
    found = company("why", "--in", "USD", *PERIOD, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(found.out))
    assert (row["model"], row["currency"]) == ("chat", "USD")
    assert [float(row[name]) for name in ("before_cost", "after_cost", "currency_effect")] == [110, 144, 12]
    assert "9.00 GBP after" in found.err


def test_both_months_are_what_spend_says(company: Run) -> None:
    for month, amount in (("2026-10", "110.00"), ("2026-11", "144.00")):
        end = f"2026-{int(month[-2:]) + 1}"
        assert f"total {amount}" in words(company("spend", "--in", "USD", "--from", month, "--to", end).out)


def test_where_nothing_has_a_rate_that_is_all_there_is_to_say(company: Run) -> None:
    found = company("why", "--in", "JPY", *PERIOD)
    assert words(found.out).startswith(
        "Not in it, for want of a rate: 100.00 EUR before and 120.00 EUR after, 0.00 GBP"
    )


@pytest.mark.parametrize("typed", ["euros", "XXX", "ABC"])
def test_what_is_no_currency_is_refused(company: Run, typed: str) -> None:
    found = company("why", "--in", typed, *PERIOD)
    assert found.status != 0
    assert "This is not a currency." in found.err


def test_forecasts_of_several_currencies_say_where_they_come_in_one(run: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        tell(connection, "all", None, "10")
        assert "not added" not in run("forecast").out
        tell(connection, "all", None, "20", currency="EUR")
    said = words(run("forecast").out)
    assert "EUR and USD are not added here." in said
    assert "aispend spend --in EUR, aispend why --in EUR" in said


def test_training_and_runs_in_one_currency(run: Run, database: Store, clock: Clock, tmp_path: Path) -> None:
    """100 EUR of training at 1.25 and 7 GBP without a rate."""
    built = Ledger(database, Settings(home=tmp_path), clock)
    for name, cost, currency in (("long", "100", "EUR"), ("pounds", "7", "GBP")):
        whole = {"hours": all_hours(), "quantity": "24", **GPU_HOUR}
        built.charge("2026-10-05", cost, resource_id=f"i-{name}", gpus=8, currency=currency, **whole)
        built.workload("all", f"i-{name}", name, requested=8, model=name, stage="training", outcome="failed")
    built.analyze()
    (tmp_path / "rates.csv").write_text("date,base,quote,rate\n2026-10,EUR,USD,1.25\n")
    assert run("import-rates", "rates.csv").status == 0
    period = ("--from", "2026-10", "--to", "2026-11")
    said = words(run("lifecycle", "--in", "usd", *period).out)
    assert "long 0.00 125.00 125.00 0.00 0.00 USD pounds 0.00 – – 0.00 0.00 USD" in said
    assert "In USD at the rate of each charge's day, converted once. Oldest rate used: 2026-10-01." in said
    assert "Not in it, for want of a rate: 7.00 GBP. Load rates" in said
    said = words(run("runs", "--in", "USD", *period).out)
    assert "long long failed 125.00 125.00 USD pounds pounds failed – – USD" in said
    assert "2 failed: 125.00 USD, of it lost 125.00" in said
    assert "Not in it, for want of a rate: 7.00 GBP." in said
    for command in ("lifecycle", "runs"):
        found = run(command, "--in", "USD", *period, "--format", "json")
        known, unknown = json.loads(found.out)
        assert (known["original"], known["unconverted"], known["reason"]) == ("100 EUR", None, None)
        assert (unknown["unconverted"], unknown["reason"]) == ("7 GBP", "no exchange rate from GBP to USD")
        assert found.err.startswith("Not in it, for want of a rate: 7.00 GBP.")
        assert "EUR and GBP are not added here." in words(run(command, *period).out)
        assert run(command, "--in", "euros").status == 2
