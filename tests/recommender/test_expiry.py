"""Advice lives as long as its telemetry is fresh, and what became of it since last week can be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from aispend.advising import Recommend
from aispend.schema import recommendation, recommendation_event
from aispend.settings import Settings
from aispend.store import Store
from recommender import run
from recommender.contract import Advice, Answer, DailyCost, WhyNot
from recommender.kinds import stop_idle
from recommender.subjects.machines import Machine
from reports.views.advice_changes import advice_changes
from tests.recommender.conftest import AS_OF, history
from tests.recommender.kinds.served import Make

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "reason"),
    [(timedelta(0), None), (timedelta(days=7), None), (timedelta(days=7, minutes=5), "telemetry_stale")],
)
def test_advice_rests_on_a_week_at_most(make_subject: Make, age: timedelta, reason: str | None) -> None:
    """Whatever a kind says: measured seven days ago it stands, five minutes earlier it does not."""

    def say(subject: Machine, settings: Recommend) -> Answer:
        found = stop_idle.evaluate(subject, settings)
        assert isinstance(found, Advice)
        return replace(found, evidence_until=AS_OF - age)

    answer = run.answer(replace(stop_idle.KIND, evaluate=say), make_subject(), Recommend(), AS_OF)
    assert (answer.reason if isinstance(answer, WhyNot) else None) == reason
    if isinstance(answer, WhyNot):
        assert "telemetry, ends on 2026-11-13, more than 7 days ago" in answer.explanation
        assert answer.monthly_cost == Decimal("14600.00")


@pytest.mark.parametrize(("days", "is_told"), [(7, False), (8, True)])
def test_what_old_bills_hide_is_not_said_to_be_missing_alone(make_subject: Make, days: int, is_told: bool) -> None:
    """Bills to 20 November, 8 days later: its telemetry may have begun since, and nobody looks at it."""
    answer = run.answer(stop_idle.KIND, make_subject(accelerators=None), Recommend(), AS_OF + timedelta(days=days))
    assert isinstance(answer, WhyNot)
    assert answer.reason == "telemetry_missing"
    assert ("Its bills end with 2026-11-20, and what was measured since" in answer.explanation) == is_told


@pytest.fixture
def week(
    database: Store, store_settings: Settings, make_subject: Make, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """A run of a day over one machine, idle where it is measured; what is kept of it."""
    monkeypatch.setattr(run, "evidence_end", lambda _: AS_OF)
    # the bill stays the same for weeks
    lasting = store_settings.recommend.model_copy(update={"expires_after_days": 30})
    settings = store_settings.model_copy(update={"recommend": lasting})
    monkeypatch.setattr(run, "KINDS", (stop_idle.KIND,))

    def on(day: int, *, daily: int = 480, **given: Any) -> Any:
        costs = [
            DailyCost((AS_OF - timedelta(days=14 - n)).date(), 24, *[Decimal(daily)] * 3, is_spot=False)
            for n in range(14)
        ]
        subject = make_subject(costs=costs, **given)
        monkeypatch.setattr(run, "load_subjects", lambda *_: iter([subject]))
        run.recommend(database.engine, settings, lambda: NOW + timedelta(days=day))
        with database.engine.connect() as connection:
            return connection.execute(select(recommendation)).one_or_none()

    return on


def steps(store: Store) -> list[tuple[str, date]]:
    with store.engine.connect() as connection:
        rows = connection.execute(select(recommendation_event).order_by(recommendation_event.c.event_id))
        return [(row.event, row.at.date()) for row in rows]


def test_advice_whose_telemetry_stops_expires_and_is_proposed_again_when_it_is_back(
    database: Store, week: Callable[..., Any]
) -> None:
    assert week(0).state == "open"
    dark = week(8, accelerators=None)
    assert (dark.state, dark.counted, dark.counted_net) == ("expired", False, 0)
    assert week(9).state == "open"
    assert [step for step, _ in steps(database)] == ["proposed", "expired", "proposed"]


def test_what_is_put_to_work_is_gone_and_did_not_expire(database: Store, week: Callable[..., Any]) -> None:
    week(0)
    busy = week(1, accelerators=history(np.full((8, 14 * 288), 0.9)))
    assert busy.state == "gone"
    assert [step for step, _ in steps(database)] == ["proposed", "gone"]


def test_what_changed_since_last_week_is_told(database: Store, week: Callable[..., Any]) -> None:
    """14,600 a month at 480 a day; at 528 a tenth more, which is no news, and at 600 a quarter more, which is."""
    week(0)
    week(1, daily=528)
    assert [step for step, _ in steps(database)] == ["proposed"]
    week(8, daily=600)
    assert steps(database)[-1] == ("grew", date(2026, 11, 29))
    with database.engine.connect() as connection:
        since = advice_changes(connection, date(2026, 11, 28))
        (grew,) = since.rows
        assert (grew.event, grew.saving_before, grew.monthly_saving_net) == (
            "grew",
            Decimal("14600.00"),
            Decimal("18250.00"),
        )
        whole = advice_changes(connection, date(2026, 11, 21))
        assert [row.event for row in whole.rows] == ["proposed", "grew"]


def changed(store: Store, since: date) -> list[str]:
    with store.engine.connect() as connection:
        return [row.event for row in advice_changes(connection, since).rows]


def test_a_day_without_telemetry_is_no_new_advice_of_the_week(database: Store, week: Callable[..., Any]) -> None:
    """Proposed on November 21; its telemetry stops on the 29th and is back the day after: as it was on the 28th."""
    week(0)
    week(8, accelerators=None)
    assert changed(database, date(2026, 11, 28)) == ["expired"]
    week(9)
    assert changed(database, date(2026, 11, 28)) == []
    # before the 21st there was none; on the 29th it had expired, and on the 30th it was back
    assert changed(database, date(2026, 11, 21)) == ["proposed"]
    assert changed(database, date(2026, 11, 30)) == ["proposed"]
    # it comes and goes for good
    week(10, accelerators=history(np.full((8, 14 * 288), 0.9)))
    assert changed(database, date(2026, 11, 28)) == ["gone"]
    assert changed(database, date(2026, 11, 30)) == ["proposed", "gone"]
