"""What is said beside unit costs and spend by stage: days in no rate, and shared costs under no stage.

A server of eight cards at 400 a day worked from the 5th to the 7th and logged 1,000 requests on the first day and the
last. A gateway of 36, of which no bill says the stage, is the model's too.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aispend.schema import exchange_rate
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, on_a_ledger
from tests.cli.conftest import Run
from tests.conftest import Contents

DAYS = ("--from", "2026-10-05", "--to", "2026-10-08")
LEFT_OUT = "In no rate, for nobody knows what was served: chat (AWS) 1 day (accelerators worked, no request logged).\n"
SHARED = (
    "Stages are as the bill says: {} under no stage known are parts of shared costs; unit-costs puts them where each"
)


@on_a_ledger
def served(ledger: Ledger) -> None:
    """The three days, analyzed."""
    tags = {"model": "chat", "stage": "inference_online"}
    for day in ("2026-10-05", "2026-10-06", "2026-10-07"):
        ledger.charge(day, "400", resource_id="i-1", gpus=8, quantity="10", tags=tags, **GPU_HOUR)
        ledger.activity(range(10), "i-1", 0.5, gpus=8, day=day)
        if day != "2026-10-06":
            ledger.usage({"requests": 1000}, alias="i-1", model="chat", day=day)
    ledger.charge("2026-10-05", "36", service_name="Gateway", is_ai=False)
    gateway = {"name": "gateway", "match": {"service": "Gateway"}, "to": "model", "by": "even", "ai": True}
    with ledger.store.engine.begin() as connection:
        euro = {"base": "USD", "quote": "EUR", "valid_from": date(2026, 1, 1), "rate": Decimal("0.5")}
        connection.execute(insert(exchange_rate).values(source="test", **euro))
    ledger.analyze(allocation={"shared": [gateway]})


@pytest.fixture
def contents() -> Contents:
    """The three days."""
    return served


def words(text: str) -> str:
    return " ".join(text.split())


def test_days_in_no_rate_are_told_beside_a_file(run: Run) -> None:
    """(800 + 36) for 2,000 requests: 418 for a thousand."""
    as_csv = run("unit-costs", *DAYS, "--basis", "allocation", "--format", "csv")
    assert (as_csv.status, as_csv.err) == (0, LEFT_OUT)
    (row,) = csv.DictReader(io.StringIO(as_csv.out))
    assert (row["requests"], row["cost_per_1k_requests"]) == ("2000", "418.00")
    as_json = run("unit-costs", *DAYS, "--format", "json")
    assert as_json.err == LEFT_OUT
    assert len(json.loads(as_json.out)) == 2
    known = run("unit-costs", "--from", "2026-10-05", "--to", "2026-10-06", "--format", "csv")
    assert (known.status, known.err) == (0, "")
    assert words(LEFT_OUT) in words(run("unit-costs", *DAYS).out)


def test_spend_by_stage_says_what_of_it_is_shared(run: Run) -> None:
    assert SHARED.format("36.00 USD") in words(run("spend", "--by", "stage", *DAYS).out)
    assert SHARED.format("36.00 USD") in words(run("spend", "--by", "team,stage", "--ai-only", *DAYS).out)
    assert SHARED.format("18.00 EUR") in words(run("spend", "--by", "stage", "--in", "EUR", *DAYS).out)


def test_other_cuts_and_days_without_a_shared_cost_say_nothing_of_it(run: Run) -> None:
    for asked in (("--by", "model", *DAYS), ("--by", "stage", "--from", "2026-10-06", "--to", "2026-10-08")):
        assert "shared costs" not in run("spend", *asked).out
    found = run("spend", "--by", "stage", *DAYS, "--format", "csv")
    assert "shared costs" not in found.out + found.err
