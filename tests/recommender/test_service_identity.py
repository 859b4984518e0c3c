"""A service is known by its name: what was decided of it stays where machines join, end or are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from aispend.advising import Exclusion, Recommend
from aispend.errors import UsageError
from aispend.schema import recommendation, recommendation_event, saving_baseline, why_not
from aispend.store import Store
from recommender.contract import Advice, WhyNot
from recommender.guards import exclusion_of
from recommender.kinds import schedule
from recommender.life import Doing, change_state
from recommender.lives import identity
from recommender.record import keep
from recommender.subjects.services import Service
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.services import Make, member, office, service, weekly

NAME = "service:111122223333/us-east-1/llama/inference_online"
NOW = AS_OF + timedelta(hours=6)
ID = identity(("schedule", "aws", NAME, "USD", "on-off"))


def serving(make_subject: Make, *names: str, name: str | None = NAME) -> Service:
    """Machines that work from 9 to 18 of working days, as one service."""
    members = [
        member(
            make_subject(
                resource_id=one, resource_key=int(one.removeprefix("i-")), model="llama", stage="inference_online"
            ),
            weekly(office(9, 18)),
        )
        for one in names
    ]
    subject = service(make_subject, members, name=name)
    return subject if len(names) == 1 else replace(subject, resource_id=NAME)


def advice(make_subject: Make, *names: str, name: str | None = NAME) -> Advice:
    """On by the clock for one machine; told of several as the same proposal, whichever kind would make it."""
    said = schedule.evaluate(serving(make_subject, names[0], name=name), Recommend())
    assert isinstance(said, Advice), said
    subject = serving(make_subject, *names, name=name)
    costs = dict.fromkeys(names, said.monthly_cost) if len(names) > 1 else {}
    return replace(said, subject=subject, acts_on=costs)


def in_group(item: Advice) -> Advice:
    """The same of machines of an auto-scaling group."""
    owned = {"fleet": "chat", "tags": {"aws:autoscaling:groupName": "chat"}}
    assert isinstance(item.subject, Service)
    members = tuple(replace(one, machine=replace(one.machine, **owned)) for one in item.subject.members)
    return replace(item, subject=replace(item.subject, members=members))


def found(store: Store, *said: Advice | WhyNot, now: datetime = NOW) -> dict[str, Any]:
    """All that is kept after a run that found this."""
    with store.engine.begin() as connection:
        keep(
            connection,
            [one for one in said if isinstance(one, Advice)],
            [one for one in said if isinstance(one, WhyNot)],
            now,
        )
        return {row.id: row for row in connection.execute(select(recommendation))}


def decide(store: Store, key: str, event: Any, **more: Any) -> None:
    with store.engine.begin() as connection:
        change_state(connection, key, event, who="ana", clock=lambda: NOW, **more)


def events(store: Store, key: str) -> list[str]:
    e = recommendation_event.c
    with store.engine.connect() as connection:
        return list(connection.scalars(select(e.event).where(e.recommendation_id == key).order_by(e.event_id)))


def reasons(store: Store) -> Sequence[Any]:
    with store.engine.connect() as connection:
        return connection.execute(select(why_not).order_by(why_not.c.resource_id, why_not.c.kind)).all()


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("dismissed", {"reason": "always on"}),
        ("snoozed", {"until": date(2026, 12, 31)}),
        ("accepted", {}),
        ("done", {"doing": Doing(date(2026, 11, 20))}),
    ],
)
def test_what_was_decided_stays_where_machines_join_and_are_replaced(
    database: Store, make_subject: Make, event: Any, more: dict[str, Any]
) -> None:
    """One machine, then two, then one that is neither of them: one recommendation, and nothing is proposed anew."""
    assert found(database, advice(make_subject, "i-1"))[ID].state == "open"
    decide(database, ID, event, **more)
    for names in (("i-1", "i-2"), ("i-3",)):
        rows = found(database, advice(make_subject, *names))
        assert list(rows) == [ID]
        assert rows[ID].state == event
        # the row tells what it would act on now; what was done, what it was done to
        told = ("i-1",) if event == "done" else names
        assert (rows[ID].resource_id, rows[ID].resource_key) == (
            ("i-" + told[0][2:], int(told[0][2:])) if len(told) == 1 else (NAME, 0)
        )
        assert set(rows[ID].acts_on) == set(told)
    assert events(database, ID) == ["proposed", event]


def test_a_machine_by_itself_is_known_by_its_id(database: Store, make_subject: Make) -> None:
    """Nobody knows its model, or several models share it: what was decided of it says nothing of the next."""
    rows = found(database, advice(make_subject, "i-1", name=None), advice(make_subject, "i-2", name=None))
    assert len(rows) == 2
    assert not any("identified_by" in row.evidence for row in rows.values())


def test_why_it_is_not_found_is_told_of_whichever_machine_it_has(database: Store, make_subject: Make) -> None:
    """Accepted for two machines; of the one that is left nothing is measured: expired and not gone, with the reason."""
    found(database, advice(make_subject, "i-1", "i-2"))
    decide(database, ID, "accepted")
    left = serving(make_subject, "i-2")
    row = found(database, WhyNot("schedule", left, "telemetry_missing", "Nothing is measured.", Decimal(14600)))[ID]
    assert row.state == "expired"
    e = recommendation_event.c
    with database.engine.connect() as connection:
        said = connection.execute(select(e.event, e.reason).order_by(e.event_id.desc()).limit(1)).one()
    assert tuple(said) == ("expired", "Nothing is measured.")


def test_what_took_the_place_of_a_machine_on_a_schedule_has_its_reasons(database: Store, make_subject: Make) -> None:
    """What was done names the first machine; of the next one other kinds' reasons are all there is to be told."""
    first = advice(make_subject, "i-1")
    found(database, first)
    decide(database, ID, "done", doing=Doing(date(2026, 11, 20)))
    busy = WhyNot("rightsize", serving(make_subject, "i-1"), "busy", "It is busy.", Decimal(14600))
    found(database, first, busy)
    assert reasons(database) == []
    found(database, advice(make_subject, "i-2"), replace(busy, subject=serving(make_subject, "i-2")))
    assert [(row.resource_id, row.reason) for row in reasons(database)] == [("i-2", "busy")]


def test_the_next_life_is_the_services_and_not_another_machines(database: Store, make_subject: Make) -> None:
    """Done on October 23, and seen on the 28 days from the 24th on, by then on another machine."""
    found(database, advice(make_subject, "i-1"))
    decide(database, ID, "done", doing=Doing(date(2026, 10, 23)))
    rows = found(database, advice(make_subject, "i-2"))
    second = identity(("schedule", "aws", NAME, "USD", "on-off"), 2)
    assert {key: row.state for key, row in rows.items()} == {ID: "done", second: "open"}
    with pytest.raises(UsageError, match=f"proposed anew as {second}"):
        decide(database, ID, "reopened")


def test_a_rule_on_a_service_keeps_advice_away_from_its_one_machine(make_subject: Make) -> None:
    settings = Recommend(exclude=(Exclusion(resource_id=NAME, why="batch team"),))
    assert exclusion_of(serving(make_subject, "i-1", "i-2"), "schedule", settings) is not None
    assert exclusion_of(serving(make_subject, "i-1"), "schedule", settings) is not None


@pytest.mark.parametrize(
    ("event", "more"), [("dismissed", {"reason": "always on"}), ("done", {"doing": Doing(date(2026, 10, 23))})]
)
def test_what_was_decided_of_a_machine_stays_once_its_model_is_known(
    database: Store, make_subject: Make, event: Any, more: dict[str, Any]
) -> None:
    """All lives of it: what was done on October 23 came back, and its second life is there under the name as well."""
    alone = advice(make_subject, "i-1", name=None)
    (old,) = found(database, alone)
    decide(database, old, event, **more)
    before = found(database, alone)
    rows = found(database, advice(make_subject, "i-1"))
    second = identity(("schedule", "aws", NAME, "USD", "on-off"), 2)
    assert {key: row.state for key, row in rows.items()} == {ID: event} | ({second: "open"} if event == "done" else {})
    assert len(before) == len(rows)
    assert events(database, ID) == ["proposed", event]
    assert events(database, old) == []
    # and of a service it stays with other machines
    assert found(database, advice(make_subject, "i-2", "i-3")).keys() == rows.keys()
    if event == "done":
        with database.engine.connect() as connection:
            assert connection.scalars(select(saving_baseline.c.recommendation_id)).all() == [ID]
        with pytest.raises(UsageError, match=f"proposed anew as {second}"):
            decide(database, ID, "reopened")


def test_what_was_decided_of_a_group_of_one_stays_once_its_model_is_known(database: Store, make_subject: Make) -> None:
    """Dismissed for the group's machine, which is another one by the day somebody tags its model."""
    group = "group:111122223333/us-east-1/chat"
    (old,) = found(database, in_group(advice(make_subject, "i-1", name=group)))
    decide(database, old, "dismissed", reason="a demonstration")
    rows = found(database, in_group(advice(make_subject, "i-2", name=group)))
    assert {key: row.state for key, row in rows.items()} == {old: "dismissed"}
    rows = found(database, in_group(advice(make_subject, "i-3")))
    assert {key: row.state for key, row in rows.items()} == {ID: "dismissed"}
    assert events(database, ID) == ["proposed", "dismissed"]


def test_an_earlier_life_of_a_group_on_another_machine_is_not_taken_back(database: Store, make_subject: Make) -> None:
    """Done on one machine of its group on October 23, and again on two others: the second alone is taken back."""

    def on_spot(*names: str) -> Advice:
        return replace(in_group(advice(make_subject, *names)), kind="spot", target="spot")

    (first,) = found(database, on_spot("i-1"))
    decide(database, first, "done", doing=Doing(date(2026, 10, 23)))
    (second,) = found(database, on_spot("i-2", "i-3")).keys() - {first}
    decide(database, second, "done", doing=Doing(date(2026, 11, 20)))
    decide(database, second, "reopened")
    rows = found(database, on_spot("i-2", "i-3"))
    assert (rows[first].state, rows[second].state) == ("done", "open")
    assert rows[first].evidence["groups"] == ["chat"]
