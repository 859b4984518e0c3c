"""The sample company: the same bytes from the same seed, the stories told, the shares stated."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest

from aispend.settings import load_settings
from sample.company import SampleCompany, generate
from sample.demand import RUNAWAY_FACTOR
from tests.sample.conftest import SCALE, TODAY, Ask


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(company: SampleCompany, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    again = generate(tmp_path / "again", seed=7, scale=SCALE, today=TODAY, progress=lambda *step: told.append(step))
    assert digests(again.root) == digests(company.root)
    assert [done for _, done, _ in told] == list(range(8))
    assert {total for _, _, total in told} == {7}


def test_another_seed_is_another_company_and_any_day_can_be_today(company: SampleCompany, tmp_path: Path) -> None:
    """Today the first day of a month after a leap day: yesterday ends the thirteenth month, and none is open."""
    other = generate(tmp_path / "other", seed=8, scale=0.01, today=date(2028, 3, 1))
    months = sorted(path.name for path in other.bills[0].glob("*/data/*"))
    assert (months[0], months[-1], len(months)) == ("BILLING_PERIOD=2027-02", "BILLING_PERIOD=2028-02", 13)
    first, second = digests(company.root), digests(other.root)
    alike = {name for name in first if second.get(name) == first[name]}
    assert alike == {
        *("aispend.toml", "azure/prices.json", "google/skus.json"),
        "google/points/models.json",  # who sells which models where
    }, "settings, and what is everybody's"
    ours, theirs = (
        {row.split(",")[1] for row in path.read_text().splitlines()} for path in (company.inventory, other.inventory)
    )
    assert not {name for name in ours & theirs if name.startswith("i-0")}


def test_a_scale_that_is_not_positive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scale must be positive"):
        generate(tmp_path, scale=0, today=TODAY)


def test_the_looping_agent_burned_a_multiple_of_its_tokens(company: SampleCompany, ask: Ask) -> None:
    story = json.loads((company.truth / "stories.json").read_text())["runaway"]
    per_day = """SELECT avg(billed) FROM (SELECT charge_date, sum(billed_cost) AS billed FROM truth
                 WHERE model = 'claude-sonnet-4' AND team = 'support' AND charge_date >= ? AND charge_date < ?
                 GROUP BY 1)"""
    during = ask(per_day, story["from"], story["to"])[0][0]
    before = ask(per_day, "2026-10-14", story["from"])[0][0]
    assert during / before == pytest.approx(RUNAWAY_FACTOR, rel=0.15)


def test_one_model_became_cheaper_per_token(company: SampleCompany, ask: Ask) -> None:
    day = json.loads((company.truth / "stories.json").read_text())["cheaper_model"]["day"]
    unit = """SELECT (SELECT sum(list_value) FROM (SELECT sum(ListCost) AS list_value FROM aws
                 WHERE Tags['aws:autoscaling:groupName'] = 'reply-gen-asg'
                   AND ChargePeriodStart >= ? AND ChargePeriodStart < ?))
              / (SELECT sum(output_tokens) FROM usage
                 WHERE endpoint = 'reply-gen' AND timestamp >= ? AND timestamp < ?)"""
    before = ask(unit, *["2026-07-01", day] * 2)[0][0]
    after = ask(unit, *[day, "2026-09-20"] * 2)[0][0]
    assert after / before == pytest.approx(0.5, abs=0.06)


def test_stated_shares_are_met(company: SampleCompany, ask: Ask) -> None:
    shares = json.loads((company.truth / "stories.json").read_text())["shares"]
    assert shares["missing_tags_of_dedicated_list_value"] == pytest.approx(0.12, abs=0.02)
    assert shares["wrong_tags_of_dedicated_list_value"] == pytest.approx(0.03, abs=0.01)
    assert shares["missing_telemetry_of_recent_accelerator_time"] == pytest.approx(0.08, abs=0.02)
    # The bill says so too, and not only the list of machines.
    by_tag = dict(
        ask(
            """SELECT tags, sum(list_value) / sum(sum(list_value)) OVER ()
               FROM machines WHERE NOT shared AND provider = 'aws' GROUP BY 1"""
        )
    )
    on_bill = ask(
        """SELECT sum(ListCost) FILTER (Tags['team'] IS NULL) / sum(ListCost) FROM aws
           WHERE ChargeCategory = 'Usage' AND Tags['eks:cluster-name'] IS NULL
             AND ResourceId IN (SELECT resource_id FROM machines)"""
    )
    assert on_bill[0][0] == pytest.approx(by_tag["missing"], abs=0.001)
    wrong = ask("SELECT count(*) FROM machines WHERE tags = 'wrong' AND (wrong_team IS NULL OR wrong_team = team)")
    assert wrong == [(0,)]


def test_the_settings_file_is_valid(company: SampleCompany, tmp_path: Path) -> None:
    settings = load_settings({"AISPEND_CONFIG": str(company.settings_file), "AISPEND_HOME": str(tmp_path)})
    assert {rule.name for rule in settings.rules} == {"research account", "notebooks", "document index"}
    assert settings.aliases[0].alias == "pricing-lab-01"
