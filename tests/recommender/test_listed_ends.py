"""What its cloud's listing has no more, or off for days, is not told to be stopped: its bill says so last."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from aispend.clock import Clock
from aispend.schema import recommendation, resource_history, why_not
from aispend.settings import Settings
from aispend.store import Store
from recommender.run import recommend
from recommender.subjects.listed_off import off_since
from tests.recommender.test_late_payers import _machine_of_another_payer
from tests.recommender.test_run import LAST, fleet

__all__ = ["fleet"]

Row = tuple[int, int | None, int, str]


def _at(day: int) -> datetime:
    return datetime(2026, 11, day, 12, tzinfo=UTC)


def _listed(store: Store, *rows: Row, kind: str = "ec2_instance", key: int = 11) -> None:
    """Rows of a listing: from, until (None holds), last seen (days of November, at noon) and state."""
    with store.engine.begin() as connection:
        for begun, ended, seen, state in rows:
            connection.execute(
                insert(resource_history).values(
                    resource_key=key, valid_from=_at(begun), valid_to=ended and _at(ended), kind=kind,
                    scope="us-east-1", state=state, details={}, source="aws/inventory", seen_at=_at(seen),
                )
            )  # fmt: skip


def _since(store: Store) -> datetime | None:
    with store.engine.connect() as connection:
        return off_since(connection).get(11)


@pytest.mark.parametrize(
    ("rows", "kind", "day"),
    [
        ([(1, 20, 19, "running")], "ec2_instance", 20),  # missed on the 20th
        ([(1, 18, 17, "running"), (18, 20, 19, "stopped")], "ec2_instance", 20),
        ([(1, 18, 17, "running"), (18, None, 20, "stopped")], "ec2_instance", 18),
        ([(1, 18, 17, "RUNNING"), (18, None, 20, "TERMINATED")], "gce_instance", 18),
        ([(1, 18, 17, "running"), (18, None, 20, "deallocated")], "azure_vm", 18),
        # in the evening, as every day
        ([(1, 20, 19, "running"), (20, None, 20, "stopped")], "ec2_instance", None),
        # paid for all the same
        ([(1, 18, 17, "running"), (18, None, 20, "stopped")], "azure_vm", None),
        ([(1, None, 20, "running")], "ec2_instance", None),
        # was away, and is back
        ([(1, 10, 9, "running"), (12, None, 20, "running")], "ec2_instance", None),
    ],
)
def test_since_when_a_listing_has_it_no_more(fleet: Store, rows: list[Row], kind: str, day: int | None) -> None:
    _listed(fleet, *rows, kind=kind)
    assert _since(fleet) == (None if day is None else _at(day))


def _said(store: Store, name: str) -> tuple[str | None, str | None]:
    """The state of the advice to stop it, and why there is none."""
    with store.engine.connect() as connection:
        r, w = recommendation.c, why_not.c
        state = connection.scalar(select(r.state).where(r.resource_id == name, r.kind == "stop_idle"))
        reason = connection.scalar(select(w.explanation).where(w.resource_id == name, w.kind == "stop_idle"))
    return state, reason


def test_a_machine_that_was_ended_is_not_told_to_be_stopped(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """Idle, and told to be stopped; ended on the 20th, the last day that is billed. The total has it no more."""
    recommend(fleet.engine, store_settings, clock)
    assert _said(fleet, "i-idle") == ("open", None)
    _listed(fleet, (1, 20, 19, "running"))
    recommend(fleet.engine, store_settings, clock)
    assert _said(fleet, "i-idle") == ("gone", "Its listing has it off or gone since 2026-11-20.")


def test_a_bill_that_goes_on_says_that_a_listing_is_wrong(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    _listed(fleet, (1, 19, 18, "running"))
    recommend(fleet.engine, store_settings, clock)
    assert _said(fleet, "i-idle") == ("open", None)


def test_of_a_bill_that_comes_late_the_listing_says_what_was_stopped_since(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """Billed to the 15th alone, stopped since the 18th."""
    with fleet.engine.begin() as connection:
        _machine_of_another_payer(connection, LAST.replace(day=15))
    recommend(fleet.engine, store_settings, clock)
    assert _said(fleet, "i-late") == ("open", None)
    _listed(fleet, (1, 18, 17, "running"), (18, None, 20, "stopped"), key=14)
    recommend(fleet.engine, store_settings, clock)
    assert _said(fleet, "i-late") == ("gone", "Its listing has it off or gone since 2026-11-18.")
