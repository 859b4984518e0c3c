"""Closing from the command line: months, refusal, force, opening again, what was published, adjusted and accrued."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.store import Store
from tests.cli.conftest import Run


@pytest.fixture
def october(filled: Run, database: Store) -> Run:
    """The company's October (10 USD) with what its load added up to, so that every check of it holds."""
    with database.engine.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO load (slice_id, dataset, change_token, files, rows_in, rows_out, rows_rejected, totals,
                                     residuals, flags, outcome, started_at, seconds)
                   SELECT s.slice_id, s.dataset, 't', '[]', sum(c.line_count), 1, 0,
                          jsonb_build_object('USD', jsonb_build_object(
                              'billed_cost', sum(c.billed_cost)::text, 'effective_cost', sum(c.effective_cost)::text,
                              'list_cost', sum(c.list_cost)::text, 'contracted_cost', sum(c.contracted_cost)::text)),
                          '{"USD": {}}', '[]', 'loaded', now(), 1
                   FROM slice s JOIN charge c USING (slice_id)
                   WHERE s.kind = 'bill' AND s.period = '2026-10-01' GROUP BY s.slice_id"""
            )
        )
        connection.execute(
            text(
                """INSERT INTO unit_cost (billing_month, day, provider, model, stage, basis, currency, effective_cost,
                                          partly_unknown)
                   VALUES ('2026-10-01', '2026-10-31', 'aws', 'llama-3-70b', 'inference_online', 'allocation', 'USD',
                           10, false)"""
            )
        )
        # its shares were written by hand, from nothing that could be held against what is loaded
        connection.execute(text("DELETE FROM analysis_state WHERE period = '2026-10-01'"))
    return filled


def test_months_and_their_state(filled: Run) -> None:
    outcome = filled("close")
    assert outcome.status == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["month", "state", "billed", "accrued", "adjusted", "closed"]
    # November: 7.5 + 5 + 0.1 + 100 - 5 + 9 dollars and 40 euros
    assert [line.split()[:3] for line in lines[2:5]] == [
        ["2026-11", "provisional", "116.60"],
        ["2026-11", "provisional", "40.00"],
        ["2026-10", "final", "10.00"],
    ]
    assert max(map(len, lines)) <= 80


def test_a_month_is_closed_shown_and_opened_again(october: Run) -> None:
    outcome = october("close", "2026-10", "--who", "ada", "--note", "sent")
    assert (outcome.status, outcome.out) == (0, "2026-10 closed: version 1, 1 amounts by ada\n"), outcome.err

    (row,) = [row for row in json.loads(october("close", "--format", "json").out) if row["month"] == "2026-10"]
    assert {name: row[name] for name in ("state", "published", "adjusted", "version", "closed_by", "note")} == {
        "state": "closed",
        "published": "10.00",
        "adjusted": "0.00",
        "version": 1,
        "closed_by": "ada",
        "note": "sent",
    }
    (amount,) = json.loads(october("close", "2026-10", "--published", "--format", "json").out)
    assert (amount["model"], amount["billed_cost"], amount["list_cost"]) == ("llama-3-70b", "10.00", "20.00")
    assert "llama-3-70b 10.00" in " ".join(october("close", "2026-10", "--published").out.split())
    assert october("close", "--adjustments").out == "No adjustments: no closed month has changed since.\n"

    twice = october("close", "2026-10")
    assert (twice.status, "2026-10 is closed" in twice.err) == (2, True)
    opened = october("close", "2026-10", "--reopen", "wrong rates")
    assert opened.out == "2026-10 is open again; version 1 stays on record.\n"


def test_an_adjustment_is_shown_with_its_cause(october: Run, database: Store) -> None:
    october("close", "2026-10")
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE charge SET billed_cost = 12 WHERE billed_cost = 10"))
        connection.execute(text("UPDATE slice SET loaded_at = '2026-11-20 06:00Z', state = 'restated'"))
    october("analyze")

    outcome = october("close", "--adjustments")
    assert "2026-10, adjustment 1: aws 111" in outcome.out
    assert "bill restated on 2026-11-20" in " ".join(outcome.out.split())
    rows = json.loads(october("close", "2026-10", "--adjustments", "--format", "json").out)
    assert sum(float(row["billed_cost"]) for row in rows) == 2.0


def test_a_month_that_does_not_close_is_refused_until_forced(filled: Run) -> None:
    outcome = filled("close", "2026-10")
    assert (outcome.status, outcome.out) == (1, "")
    assert "2026-10 was not closed" in outcome.err
    assert "matches the export, aws 111: no loading of this bill is on record" in outcome.err
    forced = filled("close", "2026-10", "--force", "no export kept", "--who", "ada")
    assert "checks did not hold, closed by force" in forced.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("2026-10-02",), "This is not a month"),
        (("2026-13",), "This is not a month"),
        (("--force", "x"), "Which month?"),
        (("--published",), "Which month?"),
        (("2026-10", "--force", "x", "--reopen", "y"), "These do not go together"),
        (("2026-10", "--force", " "), "A reason is needed"),
        (("2030-01",), "2030-01 has not ended"),
    ],
)
def test_wrong_use(filled: Run, arguments: tuple[str, ...], says: str) -> None:
    outcome = filled("close", *arguments)
    assert (outcome.status, says in outcome.err) == (2, True), outcome.err


def test_accruals_are_shown_apart(filled: Run) -> None:
    outcome = filled("close", "--accrued")
    assert outcome.status == 0
    assert "nothing to estimate from" in " ".join(outcome.out.split())


def test_agreements(filled: Run, tmp_path: Path) -> None:
    assert filled("agreements").out.startswith("No spend agreements.")
    (tmp_path / "aispend.toml").write_text(
        '[[agreement]]\nname = "EDP"\nprovider = "aws"\nfrom = 2026-10-01\nto = 2026-12-01\ncommitted = 1000\n'
    )
    (row,) = json.loads(filled("agreements", "--format", "json").out)
    # 10 on October 31st, the bill's first day, 12.5 on November 1st: 22.5 in two days is 11.25 a day, 326.25 in the 29
    # days left. Of them the 2nd, which is not whole, says 100.1 already: 122.6 is drawn, 877.4 in 29 days are needed
    assert (row["drawn"], row["per_day"], row["expected"], row["status"]) == ("122.60", "11.25", "348.75", "short")
    table = filled("agreements").out
    assert "EDP: through 2026-11-01, 11.25 a day, 30.26 a day needed" in table
    assert max(map(len, table.splitlines())) <= 80


def test_without_anything_loaded(run: Run) -> None:
    assert run("close").out.startswith("No charges yet.")
    assert run("close", "--format", "json").out == "[]\n"
