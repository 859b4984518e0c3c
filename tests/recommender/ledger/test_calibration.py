"""How well promises were kept, counted by hand, and what is learned from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from aispend.schema import recommendation, recommendation_event
from aispend.settings import Settings
from aispend.store import Store
from recommender.growth import note_growth
from recommender.ledger.calibration import Stops, calibration, learned, stops_so_far
from recommender.life import change_state
from reports.formats import outcome_name
from reports.views import savings
from tests.recommender.ledger.machines_paid import NOW, OCTOBER, Paid, now

DONE = date(2026, 9, 10)


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        yield world


def _stop(paid: Paid, name: str, promised: str, *, comes_back: bool = False) -> None:
    """Two days at 240 before; in October it would have cost 7,440, and two days of it did where it comes back."""
    paid.hours(name, DONE - timedelta(days=2), DONE)
    if comes_back:
        paid.hours(name, DONE + timedelta(days=4), DONE + timedelta(days=5))
        paid.hours(name, OCTOBER, OCTOBER + timedelta(days=2))
    paid.done(paid.advise(f"stop-{name}", name, net=promised), DONE)


def test_shares_misses_regret_and_factors_are_counted(paid: Paid) -> None:
    """Realised 7,440 thrice and 6,960 once; promised for October 7,440, 7,032, 9,172 (a miss) and 7,440."""
    for name, promised, back in (("i-1", "7300", False), ("i-2", "6900", False), ("i-3", "9000", False)):
        _stop(paid, name, promised, comes_back=back)
    _stop(paid, "i-4", "7300", comes_back=True)
    paid.lines("stop-i-1")

    found = calibration(paid.connection)

    assert (found.verified, found.with_range) == (4, 4)
    # i-1 and i-2 reach the median; i-4 is within 6,696 to 8,184 and below it
    assert (found.within_range, found.at_least_median) == (Decimal("0.75"), Decimal("0.5"))
    assert [(one.recommendation_id, one.realised) for one in found.misses] == [("stop-i-3", Decimal(7440))]
    assert (found.stops, found.restarts, found.regret) == (4, 1, Decimal("0.25"))
    (factor,) = found.factors
    promised_in_all = Decimal(30500) * 744 / 730
    assert factor.realised == 3 * 7440 + 6960
    assert factor.factor is not None
    assert abs(factor.factor - factor.realised / promised_in_all) < Decimal("1e-9")


def test_nothing_verified_has_no_share(paid: Paid) -> None:
    found = calibration(paid.connection)
    assert (found.verified, found.within_range, found.at_least_median, found.regret) == (0, None, None, None)


def test_what_is_taken_back_is_a_rollback_and_stays_in_the_ledger(paid: Paid) -> None:
    _stop(paid, "i-1", "7300")
    change_state(paid.connection, "stop-i-1", "reopened", who="ana", clock=now)
    assert calibration(paid.connection).rollbacks == 1
    assert paid.baseline("stop-i-1").undone_on == NOW.date()
    assert paid.lines("stop-i-1")["2026-10"].realised == 7440
    # only accepted and taken back is none
    paid.advise("stop-i-2", "i-1")
    change_state(paid.connection, "stop-i-2", "accepted", who="ana", clock=now)
    change_state(paid.connection, "stop-i-2", "reopened", who="ana", clock=now)
    assert calibration(paid.connection).rollbacks == 1


def test_regretted_stops_make_the_next_wait_half_as_long_again(paid: Paid, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    _stop(paid, "i-1", "7300")
    paid.lines("stop-i-1")
    assert stops_so_far(paid.connection) == Stops(1, 0, 0)
    assert learned(paid.connection, settings).recommend.idle.window_days == 14
    _stop(paid, "i-2", "7300", comes_back=True)
    paid.lines("stop-i-2")
    wider = learned(paid.connection, settings).recommend.idle
    assert (wider.window_days, wider.dev_window_hours) == (21, 36)


def test_a_stop_that_was_never_made_is_no_regret_of_the_window_and_counted(paid: Paid, tmp_path: Path) -> None:
    """Promised 7,300, realised nothing, paid for on every day: a miss; one stop of two was not kept."""
    _stop(paid, "i-1", "7300")
    paid.hours("i-2", DONE - timedelta(days=2), date(2026, 11, 1))
    paid.done(paid.advise("stop-i-2", "i-2"), DONE)
    paid.lines("stop-i-2")
    found = calibration(paid.connection)
    assert (found.stops, found.restarts, found.not_stopped, found.regret) == (2, 0, 1, Decimal("0.5"))
    assert [one.recommendation_id for one in found.misses] == ["stop-i-2"]
    assert learned(paid.connection, Settings(home=tmp_path)).recommend.idle.window_days == 14
    (item,) = [one for one in savings(paid.connection).items if one.id == "stop-i-2"]
    assert (item.still_paid, item.restarted_on) == (True, None)
    assert outcome_name(item) == "verified: a miss, still paid for"


def test_a_promise_without_a_range_is_kept_within_a_tenth(paid: Paid) -> None:
    """Realised 7,440 each; promised for October 7,338, 8,153 (0.91 of it), 9,172 (0.81) and 15,287 (0.49: a miss)."""
    for name, promised in (("i-1", "7200"), ("i-2", "8000"), ("i-3", "9000"), ("i-4", "15000")):
        paid.hours(name, DONE - timedelta(days=2), DONE)
        no_range: dict[str, Any] = dict.fromkeys(("saving_p10", "saving_p50", "saving_p90"))
        paid.done(paid.advise(f"stop-{name}", name, net=promised, **no_range), DONE)
    paid.lines("stop-i-1")
    outcomes = [paid.baseline(f"stop-i-{number}").outcome for number in (1, 2, 3, 4)]
    assert outcomes == ["within", "within", "saved", "miss"]
    found = calibration(paid.connection)
    assert (found.promised, found.with_range, found.within_range) == (4, 0, Decimal("0.5"))
    assert found.at_least_median is None


def test_growth_is_told_once_it_is_a_fifth(paid: Paid) -> None:
    """100 when proposed; 119 is not told, 120 is; from then on 144."""
    paid.advise("stop-1", "i-1", net="100")
    paid.connection.execute(
        insert(recommendation_event).values(recommendation_id="stop-1", at=NOW, event="proposed", who="aispend")
    )
    told = []
    for amount in (100, 119, 120, 143, 144):
        paid.connection.execute(update(recommendation).values(monthly_saving_net=amount))
        told.append(note_growth(paid.connection, Decimal(20), NOW))
    assert told == [0, 0, 1, 0, 1]
    events = paid.connection.execute(
        select(recommendation_event.c.event, recommendation_event.c.monthly_saving_net).order_by(
            recommendation_event.c.event_id
        )
    ).all()
    assert events == [("proposed", 100), ("grew", 120), ("grew", 144)]
