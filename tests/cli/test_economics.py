"""What models and commitments are worth, as commands show it: on a day whose every number is worked out by hand.

A machine of eight H100 at 768 a day serves ``llama-3.1-70b`` for twelve of 24 hours at 25 % load and 500 W: 12 M tokens
in and 3 M out. Training it took 240 on a machine of its own, of which a failed run 100. A savings plan covers 60.
"""

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
from tests.analyzer.conftest import Ledger, all_hours, on_a_ledger
from tests.cli.conftest import Run
from tests.conftest import Contents

DAY = ("--from", "2026-10-05", "--to", "2026-10-06")
MODEL = "llama-3.1-70b"
H100 = {**GPU_HOUR, "accelerator_type": "nvidia-h100-80gb", "region": "us-east-1"}


@on_a_ledger
def served(ledger: Ledger) -> None:
    """The day, analyzed."""
    ledger.charge(
        "2026-10-05", "768", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", tags={"model": MODEL}, **H100
    )
    ledger.activity(range(24), "i-1", 0.25, gpus=8, power_mean=500)
    ledger.workload(range(12), "i-1", "serve", requested=8, model=MODEL, stage="inference_online")
    ledger.usage({"requests": 1000, "input": 12_000_000, "output": 3_000_000}, alias="i-1", model=MODEL)
    for name, cost, outcome in (("good", "140", "succeeded"), ("bad", "100", "failed")):
        ledger.charge("2026-10-05", cost, resource_id=f"i-{name}", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
        ledger.workload("all", f"i-{name}", name, requested=8, model=MODEL, stage="training", outcome=outcome)
    used = {"commitment_discount_status": "Used"}
    ledger.charge("2026-10-05", ("0", "60", "100", "100"), commitment_id="sp-1", kind=used, is_ai=False)
    ledger.attribute()


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents | None:
    """That day, for who asks for ``serving``."""
    return served if "serving" in request.fixturenames else None


@pytest.fixture
def serving(run: Run) -> Run:
    """``aispend`` on it."""
    return run


def words(text: str) -> str:
    return " ".join(text.split())


def test_serving_stands_beside_buying(serving: Run) -> None:
    found = serving("self-host", *DAY)
    assert (found.status, found.err) == (0, "")
    said = words(found.out)
    assert "llama-3.1-70b 768.00 15.0 M 51.20" in said  # 768 for 15 M tokens is 51.20 a million
    assert "genai-prices" in said
    (row,) = json.loads(serving("self-host", *DAY, "--format", "json").out)
    assert (row["effective_cost"], row["tokens"], row["load"], row["is_reachable"]) == (
        "768.00",
        15_000_000,
        0.25,
        False,
    )
    # 12 M in and 3 M out at the API's price; even where 768 would buy as many as that: 15 M × 768 / its cost
    even = row["break_even_tokens"]
    assert even == pytest.approx(15_000_000 * 768 / float(row["api_cost"]))
    assert row["break_even_tokens_per_month"] == pytest.approx(even * 730 / 24)
    assert row["break_even_requests_per_month"] == pytest.approx(1000 * even / 15_000_000 * 730 / 24)
    assert (row["basis"], row["period_start"], row["period_end"]) == ("allocation", "2026-10-05", "2026-10-06")
    requests = f"{1000 * even / 15e6 * 730 / 24 / 1e6:,.1f} M requests"
    assert f"{even * 730 / 24 / 1e9:,.1f} G tokens" in said
    assert requests in said
    assert "Effective cost on allocation basis, idle hours included; 2026-10-05 to 2026-10-05 (1 day)." in said


def test_training_stands_beside_serving_and_lost_runs_are_told(serving: Run) -> None:
    assert "llama-3.1-70b 0.00 240.00 100.00 384.00 384.00 0.625 USD" in words(serving("lifecycle", *DAY).out)
    said = words(serving("runs", *DAY).out)
    assert "good llama-3.1-70b succeeded 140.00 0.00 USD" in said
    assert "bad llama-3.1-70b failed 100.00 100.00 USD" in said
    assert "1 failed: 100.00 USD, of it lost 100.00" in said


def test_what_is_for_neither_data_nor_training_nor_serving_is_told(serving: Run) -> None:
    """Of 1,008 spent for AI 240 trained, 384 served and 384 were idle hours that nothing used."""
    row = f"{MODEL} 0.00 240.00 100.00 384.00 384.00 0.625 USD"
    for told in (serving("lifecycle", *DAY), serving("lifecycle", *DAY, "--in", "USD")):
        assert row in words(told.out)
        assert "Besides" not in told.out


def test_a_table_of_the_lifecycle_without_a_row_says_so(
    run: Run, database: Store, clock: Clock, tmp_path: Path
) -> None:
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    ledger.charge("2026-10-05", "50", resource_id="i-1", gpus=8, quantity="24", tags={"model": MODEL}, **H100)
    ledger.attribute()
    said = words(run("lifecycle", *DAY).out)
    assert said.startswith("No spend is known to be for data, training or serving.")
    assert "Besides, of other stages or none known: 50.00 USD." in said


def test_what_nobody_said_the_end_of_is_not_known_to_be_lost(
    run: Run, database: Store, clock: Clock, tmp_path: Path
) -> None:
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    tags = {"model": MODEL, "stage": "training"}
    ledger.charge("2026-10-05", "50", resource_id="i-1", gpus=8, quantity="24", tags=tags, **H100)
    ledger.attribute()
    assert f"{MODEL} 0.00 50.00 – 0.00 0.00 USD" in words(run("lifecycle", *DAY).out)
    assert f"{MODEL} 0.00 50.00 – 0.00 0.00 USD" in words(run("lifecycle", *DAY, "--in", "USD").out)
    (row,) = json.loads(run("lifecycle", *DAY, "--format", "json").out)
    assert (row["training_cost"], row["unsuccessful_cost"]) == ("50.00", None)


@pytest.mark.parametrize(
    "command",
    [("spend", "--by", "model"), ("spend", "--by", "team", "--in", "usd"), ("lifecycle",), ("lifecycle", "--in", "USD"),
     ("runs",), ("runs", "--in", "USD")],
)  # fmt: skip
def test_every_row_for_machines_names_the_method_that_made_it(serving: Run, command: tuple[str, ...]) -> None:
    rows = json.loads(serving(*command, *DAY, "--format", "json").out)
    listed = list(csv.DictReader(io.StringIO(serving(*command, *DAY, "--format", "csv").out)))
    assert {row["allocation"] for row in rows} == {"residual, idle separate"}
    assert [row["allocation"] for row in listed] == [row["allocation"] for row in rows]


def test_where_nothing_is_divided_no_method_is_named(serving: Run, tmp_path: Path) -> None:
    (row,) = json.loads(serving("spend", "--by", "provider", *DAY, "--format", "json").out)
    assert row["allocation"] is None
    assert serving("export", "spend", "--by", "model", *DAY, "--output", "spend.csv").status == 0
    with (tmp_path / "spend.csv").open(newline="") as file:
        assert {row["allocation"] for row in csv.DictReader(file)} == {"residual, idle separate"}


def test_unit_costs_in_one_currency_keep_what_was_billed(serving: Run) -> None:
    """768 of dollars for 15 M tokens, 51.20 a million, stay that in dollars; without a rate in euros too."""
    for asked in ("usd", "EUR"):
        rows = json.loads(serving("unit-costs", *DAY, "--basis", "allocation", "--in", asked, "--format", "json").out)
        (row,) = [row for row in rows if row["input_tokens"]]
        assert (row["currency"], row["cost_per_1m_tokens"][:3]) == ("USD", "51.")
    assert "No rate to EUR, and left as billed: USD." in serving("unit-costs", *DAY, "--in", "EUR").err
    assert serving("unit-costs", "--in", "euros").status == 2


def test_energy_is_a_range_with_its_factors(serving: Run) -> None:
    """192 card hours at 500 W: 96 kWh; with hosts (28.8) at PUE 1.15 143.52, from 126.96 to 230.4; at 396.3 g/kWh.

    The machines of the runs are of no known card: their 384 hours are in no figure.
    """
    said = words(serving("energy", *DAY).out)
    rows = json.loads(serving("energy", *DAY, "--format", "json").out)
    sums = {name: round(sum(row[name] or 0 for row in rows), 6) for name in ("kwh_low", "kwh_mid", "kwh_high")}
    assert sums == {"kwh_low": 126.96, "kwh_mid": 143.52, "kwh_high": 230.4}
    assert round(sum(row["carbon_kg_mid"] or 0 for row in rows), 6) == round(143.52 * 0.3963, 6)
    assert sum(row["hours_without_power"] for row in rows) == 384
    assert "* leaves out hours of accelerators whose power limit is not known." in said
    assert "aws us-east-1: PUE 1.15 (Green Software Foundation, real-time-cloud), 396.3 g/kWh 2023" in said
    assert serving("energy", "--basis", "half").status == 2


def test_commitments_say_who_benefits(serving: Run) -> None:
    said = words(serving("commitments", *DAY).out)
    assert "sp-1 – 100 % – 40.00 prod 60.00 USD" in said


def test_payback_names_the_days_its_volume_is_of(serving: Run) -> None:
    """15 M tokens on the one day with usage: 456.25 M in 730 hours. At 51.20 a million, dearer than the API's list."""
    found = words(serving("payback", MODEL, "--instead-of", "gpt-4o").out)
    assert f"Training {MODEL}: 240.00 USD." in found
    assert "At 456.2 M tokens in 730 hours, the volume of 2026-10-05 to 2026-10-05 (1 day), that saves -" in found
    assert "It saves nothing, so that it is never paid for." in found


def test_payback_of_a_run_and_of_training_nobody_recorded(
    run: Run, database: Store, clock: Clock, tmp_path: Path
) -> None:
    """A run of two days at 60, the first failed, of a model of 10 for 10 M tokens where another takes 20: 10 a day."""
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    for name, outcome in (("2026-10-04", "failed"), ("2026-10-05", "succeeded")):
        ledger.charge(name, "60", resource_id=f"i-{name}", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
        ledger.workload(
            "all", f"i-{name}", "ft-1", day=name, requested=8, model="tuned", stage="training", outcome=outcome
        )
    for model, cost in (("tuned", "10"), ("large", "20")):
        tags = {"model": model, "stage": "inference_online"}
        ledger.charge("2026-10-05", cost, resource_id=f"ep-{model}", tags=tags)
        ledger.usage({"requests": 10, "input": 10_000_000}, alias=f"ep-{model}", model=model)
    ledger.attribute()
    said = words(run("payback", "ft-1", "--instead-of", "large").out)
    assert said.startswith("Run ft-1 of tuned (ending: succeeded, repeated): 120.00 USD, of it lost 60.00. Serving:")
    # 10 a day are 304.17 in 730 hours: 120 are paid for after 0.3945 months
    assert "saves 304.17 a month. Paid for after 0.395 months." in said
    unknown = words(run("payback", "large", "--instead-of", "gpt-4o").out)
    assert unknown.startswith("Training large: cost unknown. Tag what trained it with its stage")
    assert "When it is paid for is unknown." in unknown
    assert "0.00" not in unknown.split("Serving")[0]


def test_payback_needs_both_models(serving: Run) -> None:
    found = serving("payback", MODEL, "--instead-of", "gpt-9")
    assert (found.status, found.err) == (0, "")
    assert "No model 'gpt-9' has unit costs" in words(found.out)


def test_own_costs_and_outcomes_go_in_and_meet(serving: Run, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "from,category,description,amount,currency,team\n2026-10-05,people,Labelling,192,USD,support\n"
    )
    (tmp_path / "done.csv").write_text("from,outcome,count,team\n2026-10-05,ticket resolved,96,support\n")
    loaded = serving("import-costs", "own.csv")
    assert (loaded.status, loaded.err) == (0, "")
    assert "own costs 2026-10" in loaded.out
    assert "1 line of outcomes loaded" in serving("import-outcomes", "done.csv").out
    assert "ticket resolved support 96 192.00 2.000 USD" in words(serving("outcomes", *DAY).out)
    (tmp_path / "done.csv").write_text(
        "from,outcome,count,team,value,currency\n2026-10-05,ticket resolved,96,support,2.25,USD\n"
    )
    assert serving("import-outcomes", "done.csv").status == 0
    assert "ticket resolved support 96 192.00 2.000 2.250 24.00 USD" in words(serving("outcomes", *DAY).out)
    wrong = serving("import-costs", "done.csv")
    assert wrong.status == 1
    assert "Columns are missing: category, description, amount." in wrong.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("why",), "No charges yet."),
        (("lifecycle",), "No charges yet."),
        (("runs",), "No charges yet."),
        (("self-host",), "No charges yet."),
        (("energy",), "No charges yet."),
        (("commitments",), "No charges yet."),
        (("outcomes",), "No outcomes yet."),
        (("payback", "a", "--instead-of", "b"), "No charges yet."),
    ],
)
def test_without_data_each_says_what_to_do(run: Run, command: tuple[str, ...], said: str) -> None:
    found = run(*command)
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith(said)
    if command[0] != "payback":
        machine = run(*command, "--format", "json")
        assert (machine.status, machine.out) == (0, "[]\n")
        assert machine.err.startswith(said)


def test_energy_names_what_is_priced_per_token(run: Run, database: Store, clock: Clock, tmp_path: Path) -> None:
    """2 M output tokens of llama-3.1-8b are an estimate; of claude nobody can say, and a row says so."""
    ledger = Ledger(database, Settings(home=tmp_path), clock)
    api = {"unit_class": "output", "is_ai": True, "units_per_pricing_unit": 1_000_000, "quantity": "2"}
    for model in ("llama-3.1-8b", "claude-sonnet-4"):
        tags = {"model": model, "stage": "inference_online"}
        ledger.charge("2026-10-05", "10", sku_id=model, model=model, tags=tags, **api)
        ledger.usage({"requests": 4000, "output": 2_000_000}, model=model)
    ledger.attribute()
    said = words(run("energy", *DAY).out)
    assert "claude-sonnet-4 at aws: unknown; no size of it is published, and nobody says what it runs on." in said
    assert "per token: output tokens alone, by the published size of the model; no carbon, for want of a place." in said
    llama, claude = json.loads(run("energy", *DAY, "--format", "json").out)
    assert (llama["model"], llama["output_tokens"], llama["carbon_kg_mid"]) == ("llama-3.1-8b", 2_000_000, None)
    assert 0 < llama["kwh_low"] < llama["kwh_mid"] < llama["kwh_high"]
    assert llama["boundary"] == "accelerators, hosts and data centre, for output tokens"
    assert (claude["kwh_mid"], claude["source"] or None) == (None, None)
    assert claude["why_unknown"].startswith("no size of it is published")
