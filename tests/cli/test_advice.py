"""Recommendations on the command line: what is said of them, of those left out, and of a decision."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from aispend.schema import recommendation, resource, why_not
from aispend.store import Store
from tests.cli.conftest import Run
from tests.reports.samples import NOW


def _reasons(store: Store, *costs: str | None) -> None:
    """Two reasons for each resource, costing that much a month."""
    with store.engine.begin() as connection:
        connection.execute(delete(why_not))
        for key, cost in enumerate(costs, start=1):
            for kind in ("rightsize", "stop_idle"):
                connection.execute(
                    insert(why_not).values(
                        resource_key=key,
                        provider="aws",
                        resource_id=f"i-{key}",
                        kind=kind,
                        reason="busy",
                        explanation=f"Reason {kind}.",
                        monthly_cost=None if cost is None else Decimal(cost),
                        currency="USD",
                        at=NOW,
                    )
                )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_resources_under_the_floor_are_left_out_and_summed_up(filled: Run, database: Store) -> None:
    """19.99 and 0.20 are under 20; each is counted once, though two kinds have a reason."""
    _reasons(database, "19.99", "20", "0.20", None)
    text = _one_line(filled("recommendations", "why-not").out)

    assert "i-2" in text
    assert "i-4" in text
    assert "i-1 " not in text
    assert "2 resources cost less than 20 USD a month each (recommend.min_monthly_saving), 20.19 USD together" in text


def test_the_floor_is_a_setting(filled: Run, database: Store, tmp_path: Path) -> None:
    _reasons(database, "19.99", "20", "0.20")
    (tmp_path / "aispend.toml").write_text("[recommend]\nmin_monthly_saving = 19.99\n", encoding="utf-8")
    outcome = filled("recommendations", "why-not", "--format", "json")

    assert [row["resource_id"] for row in json.loads(outcome.out)] == ["i-2", "i-2", "i-1", "i-1"]
    assert [(row["kind"], row["decides"]) for row in json.loads(outcome.out)][:2] == [
        ("stop_idle", True),
        ("rightsize", False),
    ]
    assert (
        "1 resource costs less than 19.99 USD a month (recommend.min_monthly_saving), 0.20 USD together" in outcome.err
    )


def test_a_limit_counts_resources_and_sums_up_the_rest(filled: Run, database: Store) -> None:
    _reasons(database, "400", "300", "200", "100")
    text = _one_line(filled("recommendations", "why-not", "--limit", "2").out)

    assert "i-2" in text
    assert "i-3" not in text
    assert text.count("Reason stop_idle.") == 2
    assert "Reason rightsize." not in text
    assert "2 more reasons of other kinds of advice: --all" in text
    assert _one_line(filled("recommendations", "why-not", "--all").out).count("Reason rightsize.") == 4
    assert "2 more resources, 300.00 USD a month together" in text


def test_a_name_that_is_the_id_is_said_once(filled: Run, database: Store) -> None:
    _reasons(database, "400", "300")
    with database.engine.begin() as connection:
        connection.execute(update(resource).where(resource.c.resource_key == 1).values(resource_name="i-1"))
    assert "i-1 (i-1)" not in filled("recommendations", "why-not").out


def test_why_not_has_a_limit_of_its_own(filled: Run, database: Store) -> None:
    _reasons(database, *["100"] * 50)
    lines = filled("recommendations", "why-not").out.splitlines()
    assert len(lines) < 80


@pytest.mark.parametrize("given", ["0", "00000", ""])
def test_a_decision_needs_six_characters_of_an_id(filled: Run, given: str) -> None:
    outcome = filled("recommendations", "accept", given)
    assert outcome.status == 2
    assert "at least 6 characters" in outcome.err
    assert {row["state"] for row in json.loads(filled("recommendations", "--format", "json").out)} == {"open"}


def test_an_ambiguous_id_lists_the_candidates(filled: Run) -> None:
    error = _one_line(filled("recommendations", "accept", "000000").err)
    assert "00000001aaaa (stop_idle of i-1)" in error
    assert "00000002aaaa (rightsize of embedding-service-production)" in error


def test_a_decision_says_what_was_decided(filled: Run) -> None:
    outcome = filled("recommendations", "accept", "00000001")
    assert _one_line(outcome.out) == "00000001aaaa: accepted. switch off i-1, saves 90.00 USD a month net"


def test_a_state_without_recommendations_is_not_a_missing_bill(filled: Run) -> None:
    text = _one_line(filled("recommendations", "list", "--state", "gone").out)
    assert "Load a bill" not in text
    assert "aispend import" not in text
    assert text == (
        "No recommendation is gone. There are 2 open. "
        "States: open, accepted, snoozed, dismissed, done, verified, expired, gone; choose with --state."
    )


def test_a_period_without_recommendations_says_so(filled: Run) -> None:
    text = _one_line(filled("recommendations", "list", "--from", "2020-01-01", "--to", "2020-02-01").out)
    assert text.startswith("No recommendation was last confirmed in this period. There are 2 open.")


def test_looked_at_and_nothing_found_is_not_a_missing_bill(filled: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(delete(recommendation))
    text = _one_line(filled("recommendations").out)
    assert text == "No recommendations: nothing was found to save. Why not: aispend recommendations why-not"


def test_advice_that_saves_nothing_net_says_why_and_is_not_counted(filled: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            update(recommendation)
            .where(recommendation.c.resource_id == "i-1")
            .values(monthly_saving_net=0, counted=False, counted_net=0, saving_p10=None, saving_p90=None)
        )
    listed = filled("recommendations")
    rows = {row["id"]: row["counted"] for row in json.loads(filled("recommendations", "--format", "json").out)}

    assert "not counted, commitments you own pay for it, so it saves nothing today" in _one_line(listed.out)
    assert rows["00000001aaaa"] is False


def test_no_range_is_a_dash_and_risk_and_confidence_say_of_what(filled: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(update(recommendation).values(saving_p10=90, saving_p90=90))
    text = _one_line(filled("recommendations").out)
    assert "risk of acting very low, confidence in the finding high" in text
    assert "90.00–90.00" not in text
