"""What cannot be decided, asked for or written says what stands in the way, and what to do."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from aispend.store import Store
from tests.cli.conftest import Run
from tests.recommender.ledger.machines_paid import Paid


def words(text: str) -> str:
    return " ".join(text.split())


def test_what_was_decided_before_is_told_with_who_and_when(filled: Run) -> None:
    assert filled("recommendations", "accept", "00000001", "--who", "ann").status == 0
    again = filled("recommendations", "accept", "00000001", "--who", "ben")
    assert again.status == 2
    assert "It is accepted already, by ann on 20" in words(again.err)
    assert "aispend recommendations reopen 00000001aaaa" in words(again.err)
    snoozed = filled("recommendations", "snooze", "00000001", "--until", "2999-01-01")
    assert "cannot become snoozed" in words(snoozed.err)
    assert "Take that back first: aispend recommendations reopen 00000001aaaa" in words(snoozed.err)


def test_what_nobody_decided_on_has_nothing_to_take_back(filled: Run) -> None:
    found = filled("recommendations", "reopen", "00000001")
    assert found.status == 2
    assert "It is open: there is nothing to take back." in words(found.err)


def test_what_waits_for_no_evaluation_is_told_how_to_decide_on_it(paid: Run) -> None:
    found = paid("recommendations", "evaluated", "aaaaaaaa", "--passed")
    assert "aispend recommendations accept aaaaaaaaaaaa" in words(found.err)


@pytest.mark.parametrize("blank", ["", "   ", "\t\n"])
def test_a_blank_reason_is_none(filled: Run, blank: str) -> None:
    found = filled("recommendations", "dismiss", "00000001", "--reason", blank)
    assert (found.status, "needs a reason" in found.err) == (2, True)


def test_who_and_why_are_kept_without_the_space_around_them(filled: Run) -> None:
    assert filled("recommendations", "dismiss", "00000001", "--who", " ann ", "--reason", " audit\n").status == 0
    (row,) = json.loads(filled("recommendations", "--state", "dismissed", "--format", "json").out)
    assert (row["decided_by"], row["decision_reason"]) == ("ann", "audit")
    assert filled("recommendations", "reopen", "00000001", "--who", "  ").status == 0


@pytest.fixture
def paid(run: Run, database: Store) -> Run:
    """A machine paid for from 11 August to 10 September, to be stopped."""
    with database.engine.begin() as connection:
        bill = Paid(connection)
        bill.known_to(date(2026, 8, 31), date(2026, 9, 30))
        bill.hours("i-1", date(2026, 8, 11), date(2026, 9, 10) + timedelta(days=1))
        bill.advise("aaaaaaaaaaaa", "i-1")
        bill.advise("bbbbbbbbbbbb", "nobody-bills-this", kind="storage")
    return run


@pytest.mark.parametrize("day", ["2020-01-01", "2026-08-11"])
def test_a_day_before_anything_was_paid_is_no_day_it_was_done(paid: Run, day: str) -> None:
    """A year mistyped: the 28 days before know no cost, and nothing after could be held against them."""
    found = paid("recommendations", "done", "aaaaaaaa", "--on", day)
    assert found.status == 2
    assert f"where: --on {day}" in words(found.err)
    assert "was paid for in the 28 days before" in words(found.err)
    assert "first paid for on 2026-08-11" in words(found.err)


@pytest.mark.parametrize(
    ("one", "day"), [("aaaaaaaa", "2026-08-12"), ("aaaaaaaa", "2026-09-20"), ("bbbbbbbb", "2020-01-01")]
)
def test_a_day_after_it_was_paid_is_taken_and_so_is_any_of_what_the_bill_does_not_name(
    paid: Run, one: str, day: str
) -> None:
    assert paid("recommendations", "done", one, "--on", day).status == 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--kind", "stop_idel"), "Did you mean stop_idle?"),
        (("--state", "opne"), "Did you mean open, gone or done?"),
        (("--team", "SEARCHH"), "--team SEARCHH: did you mean search?"),
        (("--provider", "awz"), "--provider awz: did you mean aws?"),
    ],
)
def test_names_that_do_not_exist_are_answered_with_the_nearest(filled: Run, asked: tuple[str, str], told: str) -> None:
    found = filled("recommendations", "list", *asked)
    assert told in words(found.out + found.err)


@pytest.mark.parametrize("asked", [("--kind", "Stop-Idle"), ("--state", "OPEN")])
def test_the_case_of_a_kind_or_state_does_not_matter(filled: Run, asked: tuple[str, str]) -> None:
    found = filled("recommendations", "list", *asked, "--format", "json")
    assert found.status == 0
    assert json.loads(found.out)


def test_an_id_alone_is_told_what_shows_it(filled: Run) -> None:
    found = filled("recommendations", "00000001")
    assert found.status == 2
    assert "aispend recommendations show 00000001" in words(found.err)
    assert "show 00000001" not in words(filled("recommendations", "acept").err)


def test_a_file_that_cannot_be_written_says_so(filled: Run, tmp_path: Path) -> None:
    (tmp_path / "there.csv").mkdir()
    for what in ("recommendations", "spend", "focus"):
        found = filled("export", what, "--output", "there.csv")
        assert (found.status, "there.csv" in found.err) == (2, True)
        assert "It is a folder." in found.err
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


def test_a_full_or_strange_disk_is_no_unexpected_error(filled: Run) -> None:
    """No file can be made below /proc."""
    found = filled("export", "recommendations", "--output", "/proc/advice.csv")
    assert found.status == 2
    assert "The file cannot be written" in found.err
    assert "did not expect" not in found.err


def test_a_file_is_not_named_as_one_format_and_written_as_another(filled: Run, tmp_path: Path) -> None:
    found = filled("export", "recommendations", "--format", "json", "--output", "advice.csv")
    assert found.status == 2
    assert "named .csv and asked for as json" in found.err
    assert not (tmp_path / "advice.csv").exists()
    assert filled("export", "recommendations", "--format", "json", "--output", "advice.txt").status == 0


@pytest.mark.parametrize(
    ("what", "option", "said"),
    [
        ("recommendations", ("--by", "team"), "--by is for spend."),
        ("recommendations", ("--cost", "list"), "--cost is for spend."),
        ("recommendations", ("--axis", "billing"), "--axis is for spend and focus."),
        ("unit-costs", ("--ai-only",), "--ai-only is for spend."),
        ("focus", ("--without", "tax"), "--without is for spend."),
        ("spend", ("--risk", "low"), "--risk is for recommendations."),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(filled: Run, what: str, option: tuple[str, ...], said: str) -> None:
    """Advice asked for at list price would come at all three, by team as by none."""
    found = filled("export", what, "--output", "x.csv", *option)
    assert found.status == 2
    assert said in found.err
