"""The sample's lost runs and forgotten disks, from what was delivered to what is advised."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from aispend.advising import Recommend
from aispend.clock import Clock
from aispend.settings import load_settings
from aispend.store import Store
from analyzer.run import analyze
from collectors.files.bills import import_bills
from collectors.files.inventory import import_inventory
from collectors.files.workloads import import_workloads
from recommender.contract import Advice, WhyNot
from recommender.kinds import storage, training_waste
from recommender.subjects.storage import load_volumes
from recommender.subjects.training_runs import load_training_runs
from sample.company import SampleCompany
from tests.sample.conftest import TODAY, Ask


def test_the_scheduler_says_what_the_truth_does(ask: Ask) -> None:
    assert ask("SELECT workload, state, action, failed_attempts, lost_seconds FROM runs ORDER BY 1") == [
        ("moe-sweep-0-0", "given_up", "look_early", 0, 96 * 3600),
        ("ranker-long-0-0", "repeated", "checkpoint", 2, 25 * 3600),
    ]
    told = dict(
        ask("SELECT workload, list(outcome ORDER BY timestamp) FROM workloads JOIN runs USING (workload) GROUP BY 1")
    )
    assert told["moe-sweep-0-0"] == ["running"] * 96
    ranker = told["ranker-long-0-0"]
    assert [hour for hour, outcome in enumerate(ranker, 1) if outcome != "running"] == [14, 25, 48]
    assert (ranker[13], ranker[24], ranker[47]) == ("failed", "failed", "succeeded")


def test_disks_are_in_the_inventory_as_in_the_truth(ask: Ask) -> None:
    listed = ask("SELECT resource_id, size_gib::INT, disk_type FROM inventory WHERE kind = 'disk' ORDER BY 1")
    assert listed == ask("SELECT resource_id, size_gib, disk_type FROM volumes ORDER BY 1")
    assert dict(ask("SELECT name, state FROM volumes")) == {
        "moe-checkpoints": "unattached",
        "assistant-weights": "too_new",
        "call-archive": "keep",
    }


def test_no_more_is_unattached_than_the_bill_has(ask: Ask) -> None:
    """GiB-months of gp3 of the account in the last whole month."""
    (billed,) = ask(
        """SELECT sum(ConsumedQuantity) FROM aws WHERE SkuMeter = 'EBS:VolumeUsage.gp3'
           AND SubAccountId = (SELECT any_value(account) FROM volumes)
           AND ChargePeriodStart >= '2026-10-01' AND ChargePeriodStart < '2026-11-01'"""
    )[0]
    assert billed > ask("SELECT sum(size_gib) FROM volumes")[0][0]


@pytest.fixture
def loaded(company: SampleCompany, database: Store, clock: Clock, tmp_path: Path) -> Store:
    """Two months of the AWS bill, the inventory and what the scheduler knows, analyzed."""
    environment = {"AISPEND_HOME": str(tmp_path / "home"), "AISPEND_CONFIG": str(company.settings_file)}
    settings = load_settings(environment, database_url=database.uri)
    paths = [found for month in ("2026-10", "2026-11") for found in company.bills[0].glob(f"*/*/*={month}")]
    assert paths
    import_bills([path for path in paths if path.is_dir()], database, settings, clock, source="sample")
    import_inventory([company.inventory], database, settings, clock, source="sample")
    import_workloads([company.workloads], database, settings, clock, source="sample")
    analyze(database.engine, settings, clock)
    return database


def test_what_was_lost_is_advised_on_and_nothing_else(ask: Ask, loaded: Store, clock: Clock) -> None:
    the_disk_left_behind_is_found_and_no_other(ask, loaded, clock)
    lost_runs_are_found_and_no_others(ask, loaded, clock)


def the_disk_left_behind_is_found_and_no_other(ask: Ask, loaded: Store, clock: Clock) -> None:
    """4,000 GiB × (0.08 − 0.05) = 120 a month."""
    with loaded.engine.connect() as connection:
        found = list(load_volumes(connection, clock(), 32))
    answers = {one.name: storage.evaluate(one, Recommend()) for one in found}
    reasons = {name: answer.reason for name, answer in answers.items() if isinstance(answer, WhyNot)}
    assert reasons == {"assistant-weights": "too_new", "call-archive": "excluded"}
    advice = answers["moe-checkpoints"]
    assert isinstance(advice, Advice)
    assert advice.saving.net == Decimal(120)
    actions = dict(ask("SELECT name, action FROM volumes"))
    assert advice.target == actions["moe-checkpoints"]


def lost_runs_are_found_and_no_others(ask: Ask, loaded: Store, clock: Clock) -> None:
    as_of = clock().replace(year=TODAY.year, month=TODAY.month, day=TODAY.day, hour=0, minute=0, second=0)
    with loaded.engine.connect() as connection:
        subjects = list(load_training_runs(connection, as_of, 56))
    answers = [training_waste.evaluate(one, Recommend()) for one in subjects]
    advised = {answer.subject.model: answer for answer in answers if isinstance(answer, Advice)}
    assert set(advised) == {model for (model,) in ask("SELECT DISTINCT model FROM runs")}
    for model, workload, lost in ask("SELECT model, workload, lost_seconds FROM runs"):
        (largest,) = advised[model].evidence["largest"]
        assert (largest["run"], largest["lost_hours"] * 3600) == (workload, lost)
        ((paid,),) = ask(
            """SELECT sum(EffectiveCost) * any_value(lost_seconds) / (any_value(m.seconds)) FROM aws
               JOIN machines m ON m.resource_id = ResourceId JOIN runs r ON r.workload = m.fleet || '-0-0'
               WHERE r.workload = ? AND ChargeCategory = 'Usage'""",
            workload,
        )
        assert float(largest["lost_cost"]) == pytest.approx(float(paid), rel=0.001)
