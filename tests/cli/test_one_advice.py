"""One recommendation in full on the command line."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import update

from aispend.schema import recommendation
from aispend.store import Store
from tests.cli.conftest import Run


def words(text: str) -> str:
    return " ".join(text.split())


def test_all_of_one_is_shown_with_its_life(filled: Run) -> None:
    """Its id may be cut short; what was decided stands in its life, with who and why."""
    assert filled("recommendations", "accept", "00000001", "--who", "ana", "--reason", "agreed on Monday").status == 0
    shown = filled("recommendations", "show", "000000")
    assert shown.status == 2
    assert "recommendations begin with this id." in shown.err
    text = words(filled("recommendations", "show", "00000001").out)
    for said in (
        "Switch off what nobody uses: i-1",
        "00000001aaaa, accepted",
        "Costs now 100.00 USD a month",
        "Saves at list price 120.00 USD a month",
        "Saves at your rates 100.00 USD a month",
        "Saves net of commitments 90.00 USD a month",
        "One-off cost none known beside the work it takes",
        "To undo start it again",
        "accepted ana",
        "agreed on Monday",
        "aispend recommendations dismiss 00000001aaaa --reason TEXT",
    ):
        assert said in text


def test_of_many_resources_some_are_named_and_all_counted(filled: Run, database: Store) -> None:
    """61 lines of paths that begin alike told nobody anything."""
    names = {f"projects/1/zones/us-central1-a/instances/{number:02d}": {} for number in range(61)}
    with database.engine.begin() as connection:
        one = update(recommendation).where(recommendation.c.id == "00000001aaaa")
        connection.execute(one.values(acts_on=names))
    shown = words(filled("recommendations", "show", "00000001").out)
    assert "Acts on 61 resources: 00, 01, 02, 03, 04, 05 and 55 more (all: --format json)" in shown


def test_until_when_it_is_put_off_stands_with_who_and_why(filled: Run) -> None:
    given = ("--until", "2099-01-15", "--who", "ana", "--reason", "the audit")
    assert filled("recommendations", "snooze", "00000001", *given).status == 0
    text = words(filled("recommendations", "show", "00000001").out)
    assert "Decided snoozed until 2099-01-15 by ana, " in text
    assert filled("recommendations", "reopen", "00000001").status == 0
    assert "until 2099-01-15 by ana" not in words(filled("recommendations", "show", "00000001").out)


def test_machines_get_the_row_that_lists_have(filled: Run) -> None:
    (one,) = json.loads(filled("recommendations", "show", "00000001", "--format", "json").out)
    listed = json.loads(filled("recommendations", "--format", "json").out)
    assert one == next(row for row in listed if row["id"] == "00000001aaaa")


@pytest.mark.parametrize(("given", "said"), [("ffffff", "No recommendation has this id."), ("0000", "An id needs")])
def test_an_id_that_names_none_is_told(filled: Run, given: str, said: str) -> None:
    found = filled("recommendations", "show", given)
    assert found.status == 2
    assert said in found.err


def offered(run: Run) -> list[str]:
    """The decisions that the first one shows, without its id."""
    lines = run("recommendations", "show", "00000001").out.splitlines()
    return [line.split()[2] for line in lines if line.startswith("aispend recommendations ")]


def test_only_what_may_be_decided_as_it_stands_is_offered(filled: Run) -> None:
    """And each of them is taken: accepted, done, taken back, dismissed."""
    assert offered(filled) == ["accept", "dismiss", "snooze", "done"]
    for step, then in (
        (("accept",), ["dismiss", "done", "reopen"]),
        (("done",), ["reopen"]),
        (("reopen",), ["accept", "dismiss", "snooze", "done"]),
        (("snooze", "--until", "2099-01-01"), ["accept", "dismiss", "done", "reopen"]),
        (("reopen",), ["accept", "dismiss", "snooze", "done"]),
        (("dismiss", "--reason", "no"), ["reopen"]),
    ):
        name, *more = step
        assert filled("recommendations", name, "00000001", *more).status == 0
        assert offered(filled) == then


@pytest.mark.parametrize("state", ["expired", "gone"])
def test_what_is_not_found_any_more_can_be_decided_against(filled: Run, database: Store, state: str) -> None:
    """Else it would be accepted again by itself once it is found."""
    assert filled("recommendations", "accept", "00000001").status == 0
    with database.engine.begin() as connection:
        connection.execute(update(recommendation).where(recommendation.c.id == "00000001aaaa").values(state=state))
    assert offered(filled)[:2] == ["accept", "dismiss"]
    assert filled("recommendations", "dismiss", "00000001", "--reason", "kept").status == 0
