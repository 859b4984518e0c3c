"""What was done and is there again is proposed anew, in a life of its own; what was accepted ends like any advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from aispend.advising import Exclusion, Recommend
from aispend.errors import UsageError
from aispend.schema import charge, recommendation, recommendation_event, resource
from aispend.settings import Settings
from aispend.store import Store
from recommender import run
from recommender.contract import Answer, Subject, WhyNot
from recommender.kinds import schedule, stop_idle
from recommender.ledger.months import update_ledger
from recommender.life import Doing, change_state
from recommender.lives import identity, identity_of
from recommender.record import keep
from reports import views
from reports.formats import outcome_name
from reports.views.advice_changes import advice_changes
from tests.recommender.conftest import AS_OF, history
from tests.recommender.kinds.served import Make
from tests.recommender.kinds.test_commit import PUBLISHED, pool
from tests.recommender.kinds.test_commit import advise as committing
from tests.recommender.ledger.machines_paid import Paid

NAME = "i-0a1b2c3d"
DONE = date(2026, 9, 30)
FIRST = identity(("stop_idle", "aws", NAME, "USD", "stop"))
SECOND = identity(("stop_idle", "aws", NAME, "USD", "stop"), 2)
Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(database: Store, store_settings: Settings, make_subject: Make, monkeypatch: pytest.MonkeyPatch) -> Look:
    """A run on a day of evidence, six hours after it; what is kept of it by id. Unless told otherwise: idle."""
    monkeypatch.setattr(run, "KINDS", (stop_idle.KIND,))

    def on(end: datetime, *, now: datetime | None = None, exclude: Sequence[Exclusion] = (), **given: Any) -> Any:
        late = AS_OF - end
        with database.engine.connect() as connection:
            key = connection.scalar(select(resource.c.resource_key).where(resource.c.resource_id == NAME))
        daily = given.pop("daily", None)
        subject = make_subject(resource_key=key or 1, **given)
        if daily is not None:
            subject = replace(subject, costs=[replace(cost, effective_cost=Decimal(daily)) for cost in subject.costs])
        measured = subject.accelerators
        if measured is not None:
            measured = replace(measured, start=measured.start - late)
        costs = [replace(cost, day=cost.day - late) for cost in subject.costs]
        subject = replace(subject, as_of=end, costs=costs, accelerators=measured)
        monkeypatch.setattr(run, "evidence_end", lambda _: end)
        monkeypatch.setattr(run, "load_subjects", lambda *_: iter([subject]))
        settings = store_settings.model_copy(
            update={"recommend": store_settings.recommend.model_copy(update={"exclude": tuple(exclude)})}
        )
        run.recommend(database.engine, settings, lambda: now or end + timedelta(hours=6))
        return kept(database)

    return on


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def kept(store: Store) -> dict[str, Any]:
    with store.engine.connect() as connection:
        return {row.id: row for row in connection.execute(select(recommendation))}


def decide(store: Store, key: str, event: Any, now: datetime, **more: Any) -> None:
    with store.engine.begin() as connection:
        change_state(connection, key, event, who="ana", clock=lambda: now, **more)


def steps(store: Store, key: str) -> list[tuple[str, str | None]]:
    e = recommendation_event.c
    with store.engine.connect() as connection:
        rows = connection.execute(select(e.event, e.reason).where(e.recommendation_id == key).order_by(e.event_id))
        return [tuple(row) for row in rows]


def paid(store: Store, *periods: tuple[date, date], **more: Any) -> None:
    """The machine is on the bill of these days, each from the first to before the second; another always is."""
    with store.engine.begin() as connection:
        bill = Paid(connection)
        bill.known_to(DONE, date(2026, 10, 31), date(2026, 11, 20))
        for first, end in periods:
            bill.hours(NAME, first, end, rate="20", **more)


def stopped(store: Store, look: Look, *periods: tuple[date, date], **more: Any) -> None:
    """It ran in September, was proposed to be stopped, and was said to be stopped on the 30th."""
    paid(store, (date(2026, 9, 1), date(2026, 10, 1)), *periods, **more)
    assert look(day(9, 30))[FIRST].state == "open"
    decide(store, FIRST, "done", day(9, 30) + timedelta(hours=12), doing=Doing(DONE))


def test_what_was_stopped_and_is_idle_again_is_proposed_anew(database: Store, look: Look) -> None:
    """Off from October 1 and verified by October; paid for again from the 20th of it, idle all the time."""
    stopped(database, look, (date(2026, 10, 20), date(2026, 11, 21)))
    with database.engine.begin() as connection:
        update_ledger(connection, [], day(11, 21))
        before = views.savings(connection)
    assert kept(database)[FIRST].state == "verified"

    rows = look(day(11, 21))
    assert (rows[FIRST].state, rows[FIRST].counted) == ("verified", False)
    assert (rows[SECOND].state, rows[SECOND].counted_net) == ("open", Decimal("14600.00"))
    says = f"Came back on 2026-10-20, after it was done on 2026-09-30 (as {FIRST[:8]})."
    assert steps(database, SECOND) == [("proposed", says)]
    with database.engine.connect() as connection:
        (change,) = (row for row in advice_changes(connection, date(2026, 11, 21)).rows if row.event == "proposed")
        assert (change.id, change.reason) == (SECOND, says)
        assert [row.recommendation_id for row in views.idle(connection)] == [SECOND]
        (item,) = views.savings(connection).items
    # what was realised of the first life stays to the digit, and says what it became
    assert (item.realised, item.predicted) == (before.items[0].realised, before.items[0].predicted)
    assert f"came back, proposed anew as {SECOND[:8]}" in outcome_name(item)
    # 19 days at 480 that it was off in October
    assert next(line.realised for line in before.lines if line.month == date(2026, 10, 1)) == Decimal(9120)

    # a second run says nothing anew
    look(day(11, 21))
    assert len(steps(database, SECOND)) == 1


def test_each_life_is_promised_and_judged_by_itself(database: Store, look: Look) -> None:
    stopped(database, look, (date(2026, 10, 20), date(2026, 11, 15)))
    assert look(day(11, 14))[SECOND].state == "open"
    decide(database, SECOND, "done", day(11, 14) + timedelta(hours=12), doing=Doing(date(2026, 11, 14)))
    with database.engine.begin() as connection:
        update_ledger(connection, [], day(11, 21))
        found = views.savings(connection)
    items = {item.id: item for item in found.items}
    assert (items[FIRST].done_on, items[SECOND].done_on) == (DONE, date(2026, 11, 14))
    # the first: 19 days off; the second: six days from the 15th on, at 480; the first's line ends where it begins
    assert (items[FIRST].realised, items[SECOND].realised) == (Decimal(19 * 480), Decimal(6 * 480))
    assert max(line.end_day for line in found.lines if line.id == FIRST) == date(2026, 11, 14)


def test_what_is_still_paid_for_is_proposed_anew_after_a_whole_day(database: Store, look: Look) -> None:
    stopped(database, look, (date(2026, 10, 1), date(2026, 10, 3)))
    # the bill ends on the day it was done: nothing is known of any day after it
    assert set(look(day(10, 1))) == {FIRST}
    rows = look(day(10, 3))
    assert (rows[FIRST].state, rows[SECOND].state) == ("done", "open")
    ((_, says),) = steps(database, SECOND)
    assert says == (
        f"Still paid for on every day from 2026-10-01 to 2026-10-02, after it was done on 2026-09-30 (as {FIRST[:8]})."
    )


def test_the_last_hours_of_a_stop_are_no_return(database: Store, look: Look) -> None:
    """Stopped in the evening west of UTC: the bill has six hours of the next day."""
    stopped(database, look, (date(2026, 10, 1), date(2026, 10, 2)))
    with database.engine.begin() as connection:
        connection.execute(update(charge).values(hours=0b111111).where(charge.c.charge_date == date(2026, 10, 1)))
    assert set(look(day(10, 2))) == {FIRST}


@pytest.mark.parametrize(
    ("hours", "is_back"), [({20: 0b1}, False), ({20: 0xFFF}, False), ({20: 0xFFF, 24: 0xFFF}, True)]
)
def test_hours_of_less_than_a_day_are_no_return(
    database: Store, look: Look, hours: Mapping[int, int], *, is_back: bool
) -> None:
    """Off for weeks, then an hour, half a day, or two half days of October."""
    stopped(database, look, *((date(2026, 10, number), date(2026, 10, number + 1)) for number in hours))
    with database.engine.begin() as connection:
        for number, mask in hours.items():
            here = charge.c.charge_date == date(2026, 10, number)
            connection.execute(update(charge).values(hours=mask).where(here))
    assert (SECOND in look(day(11, 14))) is is_back


@pytest.mark.parametrize(("quantity", "is_back"), [("3", False), ("24", True)])
def test_a_bill_without_hours_tells_a_day_by_its_quantity(
    database: Store, look: Look, quantity: str, *, is_back: bool
) -> None:
    stopped(database, look, (date(2026, 10, 1), date(2026, 10, 2)))
    with database.engine.begin() as connection:
        connection.execute(update(charge).values(hours=None, pricing_quantity=Decimal(quantity)))
    assert (SECOND in look(day(10, 2))) is is_back


def test_the_rest_of_a_month_that_is_paid_for_is_no_return(database: Store, look: Look) -> None:
    """Stopped on 30 September, charged on the 15th for a month to come: paid for to 14 October all the same."""
    stopped(database, look)
    with database.engine.begin() as connection:
        connection.execute(
            update(charge).where(charge.c.charge_date == date(2026, 9, 15)).values(charge_end_date=date(2026, 10, 15))
        )
    assert SECOND not in look(day(10, 5))


def test_what_is_paid_for_no_longer_did_not_come_back(database: Store, look: Look) -> None:
    """It was off from the next day on; what is left of it in the window is measured, and looks idle."""
    stopped(database, look)
    assert set(look(day(10, 3))) == {FIRST}


def test_what_was_not_measured_since_says_nothing(database: Store, look: Look) -> None:
    stopped(database, look, (date(2026, 10, 1), date(2026, 10, 8)))
    activity = np.zeros((8, 14 * 288))
    activity[:, -2 * 288 :] = np.nan
    assert set(look(day(10, 3), accelerators=history(activity))) == {FIRST}


def test_an_earlier_life_is_not_taken_back(database: Store, look: Look) -> None:
    stopped(database, look, (date(2026, 10, 1), date(2026, 10, 3)))
    look(day(10, 3))
    with pytest.raises(UsageError, match=f"proposed anew as {SECOND}"):
        decide(database, FIRST, "reopened", day(10, 3))


def test_a_life_that_goes_and_comes_is_the_same(database: Store, look: Look) -> None:
    stopped(database, look, (date(2026, 10, 1), date(2026, 10, 9)))
    look(day(10, 3))
    assert look(day(10, 5), accelerators=history(np.full((8, 14 * 288), 0.9)))[SECOND].state == "gone"
    rows = look(day(10, 8))
    assert (set(rows), rows[SECOND].state) == ({FIRST, SECOND}, "open")


@pytest.mark.parametrize(("end", "is_back"), [(28, False), (29, True)])
def test_what_rests_on_a_window_waits_for_a_whole_one_after_it(
    database: Store, look: Look, monkeypatch: pytest.MonkeyPatch, end: int, *, is_back: bool
) -> None:
    """A schedule looks at 28 days: done on September 30, all of them lie after it from October 29 on."""

    def say(subject: Subject, settings: Any) -> Answer:
        found = stop_idle.evaluate(subject, settings)  # type: ignore[arg-type]
        evidence = {**found.evidence, "window_days": 28}  # type: ignore[union-attr]
        return replace(found, kind="schedule", target="schedule", evidence=evidence)  # type: ignore[call-arg]

    paid(database, (date(2026, 9, 1), date(2026, 11, 1)))
    of_machines = replace(stop_idle.KIND, name="schedule", step=schedule.KIND.step, evaluate=say)
    monkeypatch.setattr(run, "KINDS", (of_machines,))
    what = ("schedule", "aws", NAME, "USD", "schedule")
    first, second = identity(what), identity(what, 2)
    look(day(9, 30))
    decide(database, first, "done", day(9, 30) + timedelta(hours=12), doing=Doing(DONE))
    look(day(10, end))
    assert (second in kept(database)) is is_back


def accepted(store: Store, look: Look) -> None:
    assert look(AS_OF)[FIRST].state == "open"
    decide(store, FIRST, "accepted", AS_OF + timedelta(hours=7), reason="agreed")


def told(store: Store) -> views.Recommendation:
    with store.engine.connect() as connection:
        (row,) = views.recommendations(connection, views.AdviceFilter(states=views.STATES)).rows
    return row


def excluded() -> Mapping[str, Any]:
    return {"exclude": [Exclusion(resource_id=NAME, why="it is the judge's")]}


def busy() -> Mapping[str, Any]:
    return {"accelerators": history(np.full((8, 14 * 288), 0.9))}


@pytest.mark.parametrize(
    ("given", "state", "because"),
    [
        (lambda: {"accelerators": None}, "expired", "No accelerator utilization is known for it"),
        (busy, "gone", "It was active in 100.0 % of the last 336 h"),
        (excluded, "gone", "Your settings exclude it: it is the judge's"),
    ],
)
def test_what_was_accepted_ends_as_all_advice_does_and_says_why(
    database: Store, look: Look, given: Callable[[], Mapping[str, Any]], state: str, because: str
) -> None:
    accepted(database, look)
    later = AS_OF + timedelta(days=1)
    look(later, **given())
    row = told(database)
    assert (row.state, row.counted, row.counted_net, row.uncounted) == (state, False, 0, "decided")
    assert (row.ended_because or "").startswith(because)
    assert (row.decision, row.decided_by, row.decision_reason) == ("accepted", "ana", "agreed")
    assert row.is_lost
    # found again, it is what somebody accepted, with the promise of then
    look(later)
    again = told(database)
    assert (again.state, again.counted, again.ended_because) == ("accepted", True, None)
    assert (again.decision, again.decided_by) == ("accepted", "ana")


def test_what_was_done_does_not_end(database: Store, look: Look) -> None:
    """Nor do its figures change: they tell what was done."""
    look(AS_OF)
    decide(database, FIRST, "done", AS_OF + timedelta(hours=7), doing=Doing(date(2026, 11, 20)))
    look(AS_OF, daily=720)
    look(AS_OF + timedelta(days=1), **busy())
    (row,) = kept(database).values()
    assert (row.state, row.counted, row.monthly_cost) == ("done", False, Decimal("14600.00"))


@pytest.mark.parametrize(
    ("days", "hours", "state"), [(3, 0, "open"), (7, 0, "open"), (7, 1, "expired"), (34, 9, "expired")]
)
def test_a_bill_that_ends_more_than_a_week_ago_holds_no_advice(
    database: Store, look: Look, days: int, hours: int, state: str
) -> None:
    look(AS_OF)
    (row,) = look(AS_OF, now=AS_OF + timedelta(days=days, hours=hours)).values()
    assert (row.state, row.counted) == (state, state == "open")
    assert told(database).evidence_as_of == AS_OF
    if state == "expired":
        assert "ends on 2026-11-21, more than 7 days ago" in (told(database).ended_because or "")


def test_a_bill_that_is_old_is_its_own_reason(make_subject: Make) -> None:
    said = run.answer(stop_idle.KIND, make_subject(), Recommend(), AS_OF + timedelta(days=8))
    assert isinstance(said, WhyNot)
    assert said.reason == "bill_stale"


def test_of_what_is_done_in_stages_the_first_is_promised(database: Store) -> None:
    stages = {"first_stage_saves": {"net": "584.00", "p10": "500.00", "p50": "580.00", "p90": "600.00"}}
    with database.engine.begin() as connection:
        bill = Paid(connection)
        bill.hours(NAME, date(2026, 11, 1), date(2026, 11, 21))
        bill.advise("commit-1", NAME, kind="commit", net="876", target="commit 1y", evidence=stages)
        decided = change_state(connection, "commit-1", "done", who="ana", clock=lambda: day(11, 21))
        promised = bill.baseline("commit-1")
    assert decided.monthly_saving_net == Decimal("584.00")
    assert (promised.predicted_net, promised.predicted_p10, promised.predicted_p50, promised.predicted_p90) == (
        Decimal(584), Decimal(500), Decimal(580), Decimal(600),
    )  # fmt: skip


@pytest.mark.parametrize(("done_on", "is_proposed"), [(date(2026, 9, 22), False), (date(2026, 9, 21), True)])
def test_the_next_stage_of_a_commitment_is_proposed_once_its_days_lie_behind_the_first(
    database: Store, done_on: date, *, is_proposed: bool
) -> None:
    """It looks at 60 days, of which the first here is September 22: nothing of the days before may be in it."""
    advice = committing(pool(PUBLISHED))
    first, second = identity_of(advice), identity_of(advice, 2)
    with database.engine.begin() as connection:
        keep(connection, [advice], [], AS_OF)
        change_state(connection, first, "done", who="ana", doing=Doing(done_on), clock=lambda: AS_OF)
        keep(connection, [advice], [], AS_OF)
    rows = kept(database)
    assert (second in rows) is is_proposed
    assert rows[first].state == "done"
    if is_proposed:
        assert (rows[second].state, rows[second].evidence["done_before"]) == ("open", f"{done_on} as {first[:8]}")
        with database.engine.connect() as connection:
            of = recommendation_event.c.recommendation_id == second
            (said,) = connection.scalars(select(recommendation_event.c.reason).where(of))
        assert said == (
            "Next stage: this is left to commit to since 2026-09-22, all of it after what was bought on 2026-09-21 "
            f"(as {first[:8]})."
        )
        decide(database, second, "accepted", AS_OF)
