"""What is said where there is nothing to show, or only part of it: on one small ledger, as a person asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours
from tests.cli.conftest import Run

OCTOBER = ("--from", "2026-10", "--to", "2026-11")


@pytest.fixture
def ledger(run: Run, database: Store, clock: Clock, tmp_path: Path) -> Ledger:
    return Ledger(database, Settings(home=tmp_path), clock)


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_bill_without_ai_spend_says_that_and_not_that_there_are_no_charges(run: Run, ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "9", category="Tax", is_ai=False)
    ledger.analyze()
    assert run("why", *OCTOBER).out == "No AI spend in this period; of all spend: aispend why --all\n"
    assert run("lifecycle", *OCTOBER).out == "No AI spend in this period; of all spend: aispend spend\n"
    machine = run("lifecycle", *OCTOBER, "--format", "json")
    assert (machine.out, machine.err.startswith("No AI spend in this period")) == ("[]\n", True)
    assert run("why", "--from", "2030-01", "--to", "2030-02").out.startswith("No charges in this period")


def test_where_nothing_has_a_rate_there_is_no_total_of_nothing(run: Run, ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "9", tags={"model": "chat"})
    ledger.analyze()
    said = run("spend", *OCTOBER, "--in", "EUR").out
    assert said.startswith("Not in it, for want of a rate: 9.00 USD. Load rates: aispend import-rates FILE\n")
    assert "total" not in said
    assert "0.00" not in said


def test_machines_without_usage_have_no_cost_per_request_and_are_all_told(run: Run, ledger: Ledger) -> None:
    """40 of a machine that serves nothing known, and 2.5 of a service without accelerators."""
    ledger.charge("2026-10-05", "40", resource_id="i-1", gpus=8, quantity="24", tags={"model": "chat"}, **GPU_HOUR)
    ledger.charge("2026-10-05", "2.5", tags={"model": "chat"})
    ledger.analyze()
    said = run("unit-costs", *OCTOBER).out
    assert said.startswith("No inference usage meets a bill in this period: no cost per request or token.")
    assert "Besides, of what served no requests or tokens: 42.50 USD." in words(said)
    assert "chat 192 unknown 0.22" in words(said)  # 42.50 for eight accelerators and 24 hours


def test_what_served_nothing_stands_beside_what_did(run: Run, ledger: Ledger) -> None:
    for name, model in (("i-1", "chat"), ("i-2", "other")):
        tags = {"model": model, "stage": "inference_online"}
        ledger.charge("2026-10-05", "40", resource_id=name, hours=all_hours(), gpus=8, tags=tags, **GPU_HOUR)
    ledger.charge("2026-10-05", "3", currency="EUR", tags={"model": "other"})
    ledger.usage({"requests": 10}, alias="i-1", model="chat")
    ledger.analyze()
    said = words(run("unit-costs", *OCTOBER).out)
    assert "Besides, of what served no requests or tokens: 40.00 USD, 3.00 EUR." in said
    rows = json.loads(run("unit-costs", *OCTOBER, "--basis", "allocation", "--format", "json").out)
    assert sum(float(row["effective_cost"]) for row in rows if row["currency"] == "USD") == 80


def test_a_period_without_a_bill_was_not_checked(run: Run, ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "9")
    ledger.analyze()
    found = run("reconcile", "--from", "2030-01", "--to", "2030-02")
    assert (found.status, found.out) == (1, "")
    assert found.err.startswith("Nothing was checked. No bill of a month in this period is loaded.")
    machine = run("reconcile", "--from", "2030-01", "--to", "2030-02", "--format", "json")
    assert (machine.status, machine.out) == (1, "[]\n")


def test_without_a_bill_a_machine_gets_an_empty_list_of_checks(run: Run) -> None:
    found = run("reconcile", "--format", "json")
    assert (found.status, found.out) == (1, "[]\n")


def test_a_month_that_changed_by_nothing_has_no_because(run: Run, ledger: Ledger) -> None:
    """Nine a day in both months; a resource's whole name would leave its amounts no room."""
    name = f"/subscriptions/{'c47b1e58-' * 6}/virtualmachines/vm-1"
    for day in ("2026-09-05", "2026-10-05"):
        ledger.charge(day, "9", tags={"model": "chat"}, resource_id=name)
    ledger.analyze()
    said = run("why", *OCTOBER).out
    assert said.startswith("0.00 USD: nothing changed.\n")
    by_name = words(run("why", *OCTOBER, "--by", "resource").out)
    assert "9.00 9.00 0.00" in by_name
    assert name not in by_name


def test_a_forecast_that_is_not_there_says_what_it_takes(run: Run, ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "9", tags={"model": "chat"})
    ledger.analyze()
    said = words(run("forecast").out)
    assert said == "No forecast yet: it takes a whole day of usage, and is made with every analysis: aispend analyze"
