"""Savings on the command line: the life of a recommendation up to its verification, and what is said of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from aispend.schema import recommendation
from aispend.store import Store
from tests.cli.conftest import Run
from tests.recommender.ledger.machines_paid import Paid

DONE = date(2026, 9, 10)


@pytest.fixture
def advised(run: Run, database: Store) -> Run:
    """A machine that was stopped on 10 September, as proposed; and one that waits for an evaluation."""
    with database.engine.begin() as connection:
        paid = Paid(connection)
        paid.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))
        paid.hours("i-1", DONE - timedelta(days=2), DONE + timedelta(days=1))
        paid.advise("aaaaaaaaaaaa", "i-1")
        paid.advise("bbbbbbbbbbbb", "i-other", kind="rightsize", net="100", gate="an evaluation of quality")
    return run


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_nothing_done_says_what_to_do(run: Run) -> None:
    text = _one_line(run("savings").out)
    assert text.startswith("Nothing has been accepted or done yet")
    assert "aispend recommendations done ID --on DAY" in text
    machine = run("savings", "--format", "json")
    assert (json.loads(machine.out), machine.status) == ([], 0)
    assert "Nothing has been accepted" in machine.err


def test_from_done_to_verified(advised: Run) -> None:
    """20 days of September, October and 15 of November at 240 a day."""
    assert advised("recommendations", "accept", "aaaaaaaa").status == 0
    assert "accepted, not done yet" in advised("savings").out
    assert "done. switch off" in _one_line(advised("recommendations", "done", "aaaaaaaa", "--on", "2026-09-10").out)
    outcome = advised("recommend")
    assert "1 done earlier is verified now" in outcome.out, outcome.err
    assert "0 recommendations for" in outcome.out
    assert "0 of them counted, evidence to 2026-11-16" in outcome.out

    months = json.loads(advised("savings", "--format", "json").out)
    assert [(row["month"], row["realised"], row["cumulative"], row["is_final"]) for row in months] == [
        ("2026-09-01", "4800.00", "4800.00", True),
        ("2026-10-01", "7440.00", "12240.00", True),
        ("2026-11-01", "3600.00", "15840.00", False),
    ]
    (item,) = csv.DictReader(io.StringIO(advised("savings", "--by", "recommendation", "--format", "csv").out))
    assert (item["state"], item["outcome"], item["verified_month"]) == ("verified", "within", "2026-10-01")
    table = advised("savings").out
    assert "15,840.00" in table
    assert "verified: as promised" in table
    assert "* provisional" in table
    calibration = _one_line(advised("savings", "--calibration").out)
    assert "realised within P10 to P90 100 % 1 verified" in calibration
    assert "1 verified, 0 misses" in calibration


def test_a_day_to_come_is_no_day_it_was_done(advised: Run) -> None:
    outcome = advised("recommendations", "done", "aaaaaaaa", "--on", "2999-01-01")
    assert (outcome.status, "has not come yet" in outcome.err) == (2, True)
    ended = advised("recommendations", "done", "aaaaaaaa", "--on", "2026-09-10", "--planned-end", "2026-09-10")
    assert "nothing is saved" in _one_line(ended.err)


def test_an_evaluation_is_recorded_where_one_is_waited_for(advised: Run) -> None:
    assert "waits for no evaluation" in advised("recommendations", "evaluated", "aaaaaaaa", "--passed").err
    assert "needs a reason" in advised("recommendations", "evaluated", "bbbbbbbb", "--failed").err
    assert "Was it passed?" in advised("recommendations", "evaluated", "bbbbbbbb").err
    said = advised("recommendations", "evaluated", "bbbbbbbb", "--passed", "--reason", "as good on 500 cases")
    assert "evaluation passed" in said.out
    changed = json.loads(advised("recommendations", "changes", "--format", "json").out)
    assert [(row["event"], row["reason"]) for row in changed] == [("evaluation_passed", "as good on 500 cases")]


def test_what_changed_is_told_since_a_day(advised: Run, database: Store) -> None:
    assert "Nothing about the advice has changed since" in advised("recommendations", "changes").out
    advised("recommendations", "accept", "aaaaaaaa", "--who", "ana", "--reason", "agreed")
    with database.engine.begin() as connection:
        connection.execute(update(recommendation).values(monthly_saving_net=900))
    text = _one_line(advised("recommendations", "changes", "--since", "2026-01-01").out)
    assert "accepted" in text
    assert "ana: agreed" in text
    assert "7,300.00 USD" in text, "as it was promised on that day, whatever a later run finds"


def test_an_unknown_cut_says_which_there_are(run: Run) -> None:
    outcome = run("savings", "--by", "team")
    assert (outcome.status, "month, recommendation, line" in outcome.err) == (2, True)
