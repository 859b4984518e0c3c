"""A commitment is sized on what is decided and found in the same run, not on the state that the run before left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from aispend.clock import Clock
from aispend.schema import accelerator_hour, price, recommendation, recommendation_event
from aispend.settings import Settings
from aispend.store import Store
from recommender.life import change_state
from recommender.run import recommend
from tests.recommender.test_run import LAST, fleet

__all__ = ["fleet"]

STOPPED = Decimal("14600.00")
"""A month of a machine of 480 a day."""


@pytest.fixture
def run(fleet: Store, store_settings: Settings, clock: Clock) -> Callable[[], tuple[str, str, Decimal]]:
    """Three machines of 480 a day over a fortnight, of which i-idle's stop was found and accepted.

    A run says the stop's state, the commitment's, and how much a month was taken out of the usage it is sized on.
    """
    with fleet.engine.begin() as connection:
        for term, hourly in (("on_demand", "20"), ("1y", "12")):
            connection.execute(
                insert(price).values(
                    provider="aws", region="us-east-1", instance_type="p4d.24xlarge", term=term, currency="USD",
                    valid_from=LAST - timedelta(days=30), hourly_price=hourly, source="price list",
                )
            )  # fmt: skip
    commit = store_settings.recommend.commit.model_copy(update={"window_days": 14})
    options = store_settings.recommend.model_copy(update={"commit": commit})
    settings = store_settings.model_copy(update={"recommend": options})

    def one() -> tuple[str, str, Decimal]:
        recommend(fleet.engine, settings, clock)
        with fleet.engine.connect() as connection:
            rows: dict[Any, Any] = {
                (row.kind, row.resource_id): row for row in connection.execute(select(recommendation))
            }
        stop, plan = rows["stop_idle", "i-idle"], rows["commit", "usage:unknown/us-east-1/p4d"]
        return stop.state, plan.state, Decimal(plan.evidence["decided_monthly"]).quantize(Decimal("0.01"))

    assert one() == ("open", "open", Decimal(0))
    decide(fleet, "accepted", clock)
    return one


def decide(store: Store, event: Any, clock: Clock) -> None:
    """Of the stop of i-idle."""
    with store.engine.begin() as connection:
        of = recommendation.c.kind == "stop_idle", recommendation.c.resource_id == "i-idle"
        name = connection.scalar(select(recommendation.c.id).where(*of))
        assert name is not None
        change_state(connection, name, event, who="ana", reason="agreed", clock=clock)


def steps(store: Store, kind: str = "stop_idle") -> list[str]:
    """What is told of the stop of i-idle, or of the commitment."""
    of = recommendation.c.kind == kind, recommendation.c.resource_id.in_(("i-idle", "usage:unknown/us-east-1/p4d"))
    with store.engine.connect() as connection:
        return list(
            connection.scalars(
                select(recommendation_event.c.event)
                .join(recommendation, recommendation.c.id == recommendation_event.c.recommendation_id)
                .where(*of)
                .order_by(recommendation_event.c.event_id)
            )
        )


def active(store: Store, share: float) -> None:
    """What i-idle does, at all times."""
    with store.engine.begin() as connection:
        connection.execute(
            update(accelerator_hour).values(slot_max=[share] * 12).where(accelerator_hour.c.alias == "i-idle")
        )


def test_what_is_found_no_more_is_usage_again_in_the_same_run(fleet: Store, run: Callable[[], Any]) -> None:
    """The stop of one of three is out of the size while it holds, and in it in the run that finds it at work."""
    assert run() == ("accepted", "open", STOPPED)
    active(fleet, 0.9)
    assert run() == ("gone", "open", 0)
    assert run() == ("gone", "open", 0)


def test_what_is_found_again_is_taken_out_in_the_same_run(fleet: Store, run: Callable[[], Any]) -> None:
    active(fleet, 0.9)
    assert run() == ("gone", "open", 0)
    active(fleet, 0)
    assert run() == ("accepted", "open", STOPPED)


def test_what_was_accepted_and_expired_stays_out_until_it_is_measured(fleet: Store, run: Callable[[], Any]) -> None:
    """Nobody measures it: the decision holds. Measured at work again, it does not."""
    assert run()[2] == STOPPED
    with fleet.engine.begin() as connection:
        kept = connection.execute(select(accelerator_hour).where(accelerator_hour.c.alias == "i-idle")).mappings().all()
        connection.execute(delete(accelerator_hour).where(accelerator_hour.c.alias == "i-idle"))
    assert run() == ("expired", "open", STOPPED)
    assert run() == ("expired", "open", STOPPED)
    assert steps(fleet) == ["proposed", "accepted", "expired"]
    with fleet.engine.begin() as connection:
        connection.execute(insert(accelerator_hour), [dict(row) for row in kept])
    active(fleet, 0.9)
    assert run() == ("gone", "open", 0)
    assert steps(fleet) == ["proposed", "accepted", "expired", "gone"]


def test_what_was_withdrawn_is_usage_again(fleet: Store, run: Callable[[], Any], clock: Clock) -> None:
    """Taken back, and dismissed once it expired."""
    decide(fleet, "reopened", clock)
    assert run() == ("open", "open", 0)
    decide(fleet, "accepted", clock)
    with fleet.engine.begin() as connection:
        connection.execute(delete(accelerator_hour).where(accelerator_hour.c.alias == "i-idle"))
    assert run() == ("expired", "open", STOPPED)
    decide(fleet, "dismissed", clock)
    assert run() == ("dismissed", "open", 0)


def test_trying_the_decisions_first_leaves_no_trace(fleet: Store, run: Callable[[], Any]) -> None:
    """Each step is told once."""
    run()
    active(fleet, 0.9)
    run()
    assert steps(fleet) == ["proposed", "accepted", "gone"]
    assert steps(fleet, "commit") == ["proposed"]
