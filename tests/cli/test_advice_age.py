"""How old advice is, and what was accepted and is not found any more, in the list."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from aispend.schema import recommendation, recommendation_event
from aispend.store import Store
from reports import views
from reports.views import AdviceFilter
from tests.cli.conftest import Run
from tests.recommender.ledger.machines_paid import Paid
from tests.reports.samples import NOW, advice


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _set(store: Store, number: int, **values: object) -> None:
    with store.engine.begin() as connection:
        one = recommendation.c.id == f"{number:08d}aaaa"
        connection.execute(update(recommendation).values(**values).where(one))


def test_the_list_says_up_to_when_its_evidence_is(filled: Run, database: Store) -> None:
    """One was measured up to the present run, the other, which rests on the bill alone, up to the 20th."""
    assert "Evidence as of 2026-11-21 06:00 UTC." in _one_line(filled("recommendations").out)
    with database.engine.begin() as connection:
        connection.execute(insert(recommendation).values(advice(7, evidence_until=None)))
    text = _one_line(filled("recommendations").out)
    assert "Evidence as of 2026-11-20 00:00 UTC to 2026-11-21 06:00 UTC." in text


def test_where_all_expired_it_says_up_to_when_they_were_measured(filled: Run, database: Store) -> None:
    with database.engine.begin() as connection:
        connection.execute(update(recommendation).values(state="expired", evidence_until=NOW - timedelta(days=9)))
    text = _one_line(filled("recommendations").out)
    assert text.startswith("No recommendation stands.")
    assert "expired: what they rest on ends on 2026-11-12 at the latest. Load newer bills and telemetry" in text
    assert "at the latest" not in _one_line(filled("recommendations", "list", "--state", "open").out)


def test_advice_that_no_run_has_let_expire_is_said_to_be_too_old(
    filled: Run, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured to the 21st at six: seven days later it stands, a day later it does not, though no run has said so."""
    with database.engine.connect() as connection:
        standing = len(views.recommendations(connection, AdviceFilter(states=("open", "accepted"))).rows)
    old = (
        f"{standing} of {standing} open or accepted rest on what ended more than 7 days ago, the newest of it on "
        "2026-11-21, and are not to be acted on (recommend.expires_after_days)."
    )
    for day, is_said in ((28, False), (29, True)):
        monkeypatch.setattr("aispend.clock.system_clock", lambda day=day: datetime(2026, 11, day, 6, tzinfo=UTC))
        assert (old in _one_line(filled("recommendations").out)) is is_said
        exported = filled("export", "recommendations", "--output", "advice.csv")
        assert (exported.status, old in _one_line(exported.err)) == (0, is_said)
    with database.engine.begin() as connection:
        connection.execute(update(recommendation).values(state="dismissed"))
    assert "not to be acted on" not in filled("recommendations").out


def test_what_was_accepted_and_is_gone_is_told_with_the_reason(filled: Run, database: Store) -> None:
    assert "Accepted and not found any more" not in filled("recommendations").out
    key = f"{1:08d}aaaa"
    _set(database, 1, state="gone", counted=False)
    with database.engine.begin() as connection:
        for event, who, why in (("accepted", "ana", "agreed"), ("gone", "aispend", "Your settings exclude it: DR.")):
            said = {"recommendation_id": key, "at": NOW, "event": event, "who": who, "reason": why}
            connection.execute(insert(recommendation_event).values(said))
    text = _one_line(filled("recommendations").out)
    assert (
        "Accepted and not found any more: 1, the largest 00000001 (it is gone: Your settings exclude it: DR). " in text
    )
    (row,) = json.loads(filled("recommendations", "list", "--state", "gone", "--format", "json").out)
    assert row["not_counted_because"] == "it is gone: Your settings exclude it: DR"
    assert (row["decision"], row["decided_by"], row["decision_reason"]) == ("accepted", "ana", "agreed")


def test_a_run_on_an_old_bill_says_that_nothing_stands_on_it(
    run: Run, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bill ends on November 15: a week later is early enough, nine days later is not."""
    with database.engine.begin() as connection:
        Paid(connection).known_to(date(2026, 11, 15))
    for day, is_said in ((22, False), (24, True)):
        monkeypatch.setattr("aispend.clock.system_clock", lambda day=day: datetime(2026, 11, day, tzinfo=UTC))
        said = run("recommend")
        assert "evidence to 2026-11-16" in said.out, said.err
        assert ("Nothing stands on a bill that ends so long ago" in _one_line(said.out)) is is_said
