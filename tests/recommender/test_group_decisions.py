"""What is decided of one line of a group is decided of all of them, with the same who, when and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from aispend.clock import Clock
from aispend.errors import UsageError
from aispend.schema import recommendation, recommendation_event, why_not
from aispend.settings import Settings
from aispend.store import Store
from recommender import run
from recommender.contract import DailyCost
from recommender.kinds import rightsize
from recommender.life import Doing, change_state, evaluate
from recommender.subjects.machines import Machine
from tests.recommender.conftest import AS_OF, history
from tests.recommender.kinds.served import Make
from tests.recommender.kinds.sizes import CHAT, two_of_eight

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(day: int = 0) -> Clock:
    return lambda: NOW + timedelta(days=day)


@pytest.fixture
def lines(
    database: Store, store_settings: Settings, make_subject: Make, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """A run over machines of one group, all of which two of their eight accelerators are enough for: type advice."""
    monkeypatch.setattr(run, "evidence_end", lambda _: AS_OF)
    # the bill stays the same for weeks
    lasting = store_settings.recommend.model_copy(update={"expires_after_days": 30})
    settings = store_settings.model_copy(update={"recommend": lasting})
    monkeypatch.setattr(run, "KINDS", (rightsize.KIND,))

    def found(*names: str, day: int = 0, fleet: str = "shared", **more: Any) -> dict[str, Any]:
        machines = [machine(make_subject, name, len(names) - 1, fleet, **more) for name in names]
        monkeypatch.setattr(run, "load_subjects", lambda *_: iter(machines))
        run.recommend(database.engine, settings, at(day))
        return kept(database)

    return found


def machine(make_subject: Make, name: str, siblings: int, fleet: str, **more: Any) -> Machine:
    return make_subject(
        resource_id=name,
        resource_key=int(name.removeprefix("i-")),
        siblings=siblings,
        fleet=fleet,
        tags={"aws:autoscaling:groupName": fleet},
        accelerators=history(two_of_eight(), memory_bytes=1e9),
        **(CHAT | more),
    )


def kept(store: Store) -> dict[str, Any]:
    """Type advice by machine."""
    r = recommendation.c
    with store.engine.connect() as connection:
        rows = connection.execute(select(recommendation).where(r.kind == "rightsize")).all()
    return {row.resource_id: row for row in rows}


def newest(store: Store, key: str) -> Any:
    e = recommendation_event.c
    with store.engine.connect() as connection:
        return connection.execute(
            select(recommendation_event).where(e.recommendation_id == key).order_by(e.event_id.desc()).limit(1)
        ).one()


def decide(store: Store, row: Any, event: Any, **more: Any) -> Any:
    with store.engine.begin() as connection:
        return change_state(connection, row.id, event, who="ana", clock=at(), **more)


def states(store: Store) -> dict[str, str]:
    return {name: row.state for name, row in kept(store).items()}


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("dismissed", {"reason": "too small"}),
        ("snoozed", {"until": date(2026, 12, 1), "reason": "after the release"}),
        ("accepted", {"reason": "agreed"}),
        ("done", {}),
    ],
)
def test_members_follow_with_who_when_and_why(
    database: Store, lines: Callable[..., dict[str, Any]], event: Any, more: dict[str, Any]
) -> None:
    rows = lines("i-1", "i-2", "i-3")
    decided = decide(database, rows["i-1"], event, **more)
    assert sorted(decided.with_it) == sorted(rows[name].id for name in ("i-2", "i-3"))
    assert set(states(database).values()) == {event}
    for row in rows.values():
        said = newest(database, row.id)
        assert (said.event, said.who, said.at) == (event, "ana", NOW)
        assert (said.reason, said.until) == (more.get("reason"), more.get("until"))


def test_nothing_of_a_group_that_was_refused_counts_in_the_next_run(
    database: Store, lines: Callable[..., dict[str, Any]]
) -> None:
    decide(database, lines("i-1", "i-2", "i-3")["i-2"], "dismissed", reason="too small")
    after = lines("i-1", "i-2", "i-3", day=1)
    assert {row.state for row in after.values()} == {"dismissed"}
    assert not any(row.counted for row in after.values())


def test_a_machine_that_takes_another_s_place_asks_nothing_anew(
    database: Store, lines: Callable[..., dict[str, Any]]
) -> None:
    """i-1 to i-3 were refused; a week later i-4 has taken i-3's place, and then all of them are others."""
    decide(database, lines("i-1", "i-2", "i-3")["i-1"], "dismissed", reason="too small")
    after = lines("i-1", "i-2", "i-4", day=7)
    said = newest(database, after["i-4"].id)
    assert (after["i-4"].state, after["i-4"].counted) == ("dismissed", False)
    assert (said.event, said.who, said.at, said.reason) == ("dismissed", "ana", NOW, "too small")
    later = lines("i-5", "i-6", day=14)
    assert (later["i-5"].state, later["i-6"].state) == ("dismissed", "dismissed")


def test_what_was_put_off_is_open_again_as_a_whole(database: Store, lines: Callable[..., dict[str, Any]]) -> None:
    decide(database, lines("i-1", "i-2")["i-1"], "snoozed", until=date(2026, 11, 25))
    after = lines("i-1", "i-2", "i-3", day=2)
    assert {row.state for row in after.values()} == {"snoozed"}
    again = lines("i-1", "i-2", "i-3", day=5)
    assert {row.state for row in again.values()} == {"open"}


def test_taking_it_back_takes_all_of_it_back(database: Store, lines: Callable[..., dict[str, Any]]) -> None:
    rows = lines("i-1", "i-2", "i-3")
    decide(database, rows["i-1"], "dismissed", reason="too small")
    decide(database, rows["i-3"], "reopened")
    assert set(states(database).values()) == {"open"}
    assert {row.state for row in lines("i-1", "i-2", "i-3", day=1).values()} == {"open"}


def test_a_line_decided_on_before_groups_were_known_decides_for_its_group(
    database: Store, lines: Callable[..., dict[str, Any]]
) -> None:
    """A refusal of one line alone, as an older run left it: the others follow it."""
    rows = lines("i-1", "i-2")
    with database.engine.begin() as connection:
        connection.execute(recommendation.update().values(evidence={}))
        change_state(connection, rows["i-1"].id, "dismissed", who="ana", reason="too small", clock=at())
    assert sorted(states(database).values()) == ["dismissed", "open"]
    after = lines("i-1", "i-2", day=1)
    assert {row.state for row in after.values()} == {"dismissed"}
    assert newest(database, after["i-2"].id).reason == "too small"


def test_a_group_that_is_accepted_is_not_put_off_by_one_of_its_lines(
    database: Store, lines: Callable[..., dict[str, Any]]
) -> None:
    decide(database, lines("i-1", "i-2")["i-1"], "accepted")
    joined = lines("i-1", "i-2", "i-3", day=1)["i-3"]
    assert joined.state == "open"
    with pytest.raises(UsageError, match="group is accepted"):
        decide(database, joined, "snoozed", until=date(2026, 12, 1))
    decide(database, joined, "accepted")
    assert set(states(database).values()) == {"accepted"}


def test_another_group_and_a_machine_of_no_group_are_decided_by_themselves(
    database: Store, lines: Callable[..., dict[str, Any]]
) -> None:
    first = lines("i-1", "i-2")
    lines("i-3", "i-4", fleet="other")
    lines("i-5", day=0, fleet="lone")
    decide(database, first["i-1"], "accepted")
    assert states(database) == {"i-1": "accepted", "i-2": "gone", "i-3": "gone", "i-4": "gone", "i-5": "open"}


def test_an_evaluation_is_of_all_lines_that_wait_for_it(database: Store, lines: Callable[..., dict[str, Any]]) -> None:
    rows = lines("i-1", "i-2")
    with database.engine.begin() as connection:
        connection.execute(recommendation.update().values(gate="a benchmark of your own"))
        evaluate(connection, rows["i-1"].id, "evaluation_failed", who="ana", reason="slower", clock=at())
    assert {newest(database, row.id).event for row in rows.values()} == {"evaluation_failed"}


@pytest.mark.parametrize(("daily", "advised"), [("0.60", 3), ("0.20", 0)])
def test_the_least_saving_is_asked_of_the_group(
    database: Store, lines: Callable[..., dict[str, Any]], daily: str, advised: int
) -> None:
    """At 0.60 a day each of three costs 18.25 a month, and saves less than 20; at 0.20 all three cost 18.25."""
    costs = [
        DailyCost((AS_OF - timedelta(days=14 - n)).date(), 24, *[Decimal(daily)] * 3, is_spot=False) for n in range(14)
    ]
    found = lines("i-1", "i-2", "i-3", costs=costs)
    assert len(found) == advised
    with database.engine.connect() as connection:
        reasons = connection.execute(
            select(why_not.c.reason, why_not.c.explanation).where(why_not.c.kind == "rightsize")
        ).all()
    assert {row.reason for row in reasons} == (set() if advised else {"small"})
    if not advised:
        assert "with all 3 of its group together" in reasons[0].explanation
    assert all(Decimal(0) < row.monthly_saving_effective < 20 for row in found.values())


def test_taking_back_what_came_back_takes_no_earlier_life_back(
    database: Store, lines: Callable[..., dict[str, Any]]
) -> None:
    """Done on the 6th; the 14 days that are looked at begin on the 7th and show the same: two lines, in two lives."""
    earlier = {row.id for row in lines("i-1", "i-2").values()}
    decide(database, next(iter(kept(database).values())), "done", doing=Doing(date(2026, 11, 6)))
    lines("i-1", "i-2", day=1)
    with database.engine.connect() as connection:
        later = [row for row in connection.execute(select(recommendation)) if row.id not in earlier]
    assert {row.state for row in later} == {"open"}

    assert decide(database, later[0], "done").with_it == (later[1].id,)
    assert decide(database, later[0], "reopened").with_it == (later[1].id,)
    with database.engine.connect() as connection:
        after = {row.id: row.state for row in connection.execute(select(recommendation))}
    assert {key: state for key, state in after.items() if key in earlier} == dict.fromkeys(earlier, "done")
