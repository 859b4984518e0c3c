"""Advice and its ledger against themselves: what it rests on, what came of it, and what a person is told to type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from aispend.schema import recommendation, saving, saving_baseline, slice_
from analyzer.findings import Finding
from analyzer.reconcile_advice import advice_can_be_argued_with, commands_are_for_a_person, unreadable
from analyzer.reconcile_current import results_are_of_what_is_loaded
from analyzer.reconcile_savings import (
    accepted_advice_is_followed,
    realised_savings_add_up,
    savings_rest_on_loaded_bills,
)
from tests.analyzer.bills import LOADED
from tests.analyzer.conftest import Ledger

D = Decimal
LATER = datetime(2026, 11, 21, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)


def advise(connection: Connection, name: str, **columns: Any) -> None:
    values: dict[str, Any] = {
        "kind": "stop_idle", "resource_key": 1, "resource_id": "i-1", "provider": "aws", "current": "p5",
        "proposed": "stop it", "target": "stop", "monthly_cost": D(100), "monthly_saving_net": D(100),
        "saving_p10": D(80), "saving_p50": D(100), "saving_p90": D(100), "currency": "USD", "risk": 1,
        "confidence": "high", "effort": "low", "evidence": {"window": "14 days"}, "acts_on": {},
        "hard_to_regain": False, "estimate_only": False, "reason": "Nothing ran on it.", "undo": "start it again",
        "command": "# in account 111; check first\naws ec2 stop-instances --instance-ids i-1", "state": "open",
        "counted": True, "counted_effective": D(100), "counted_net": D(100), "created_at": LOADED,
        "updated_at": LOADED,
    }  # fmt: skip
    connection.execute(insert(recommendation).values(values | {"id": name} | columns))


def promise(connection: Connection, name: str, **columns: Any) -> None:
    values: dict[str, Any] = {
        "kind": "stop_idle", "provider": "aws", "currency": "USD", "counterfactual": "kept_running",
        "accepted_at": LOADED, "done_on": date(2026, 9, 30), "window_first": date(2026, 9, 1),
        "window_end": date(2026, 9, 30), "days": 29, "unit": "hour", "sku_key": 0, "parts": {}, "scopes": ["payer"],
    }  # fmt: skip
    connection.execute(insert(saving_baseline).values(values | {"recommendation_id": name} | columns))


def realise(connection: Connection, name: str, *, realised: str | None, **columns: Any) -> None:
    values: dict[str, Any] = {
        "month": OCTOBER, "first_day": OCTOBER, "end_day": date(2026, 11, 1), "is_final": True,
        "counterfactual_cost": D(100), "actual_cost": D(10), "price_effect": D(-5), "commitment_effect": D(20),
        "floor_effect": D(0), "realised": None if realised is None else D(realised), "computed_at": LATER,
    }  # fmt: skip
    connection.execute(insert(saving).values(values | {"recommendation_id": name} | columns))


@pytest.fixture
def connection(ledger: Ledger):
    with ledger.store.engine.connect() as opened:
        yield opened


def shown(rows: Any) -> list[tuple[Any, ...]]:
    return [(row.ours, row.theirs, row.holds, row.cause) for row in rows]


def test_advice_says_what_it_rests_on_and_how_to_undo_it(connection: Connection) -> None:
    assert list(advice_can_be_argued_with(connection)) == []
    advise(connection, "a")
    advise(connection, "b", saving_p10=None, saving_p50=None, saving_p90=None, monthly_saving_list=None)
    advise(connection, "gone", state="gone", evidence={}, reason="")
    assert shown(advice_can_be_argued_with(connection)) == [(2, 2, True, "equal")]
    advise(connection, "c", evidence={}, undo=" ")
    advise(connection, "d", saving_p10=D(120), counted_net=D(101))
    assert shown(advice_can_be_argued_with(connection)) == [
        (2, 4, False, "c does not say how to undo it, has no evidence and 1 more; run aispend recommend")
    ]
    (row,) = advice_can_be_argued_with(connection)
    assert (row.number, row.difference) == (5, D(-2))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("# it's in account 111\naws ec2 stop-instances --instance-ids i-1", None),
        ("az vm deallocate --ids '/subscriptions/1/it is'", None),
        ("gcloud compute instances stop 'a", "has a quote that is not closed"),
        ("aws ec2 stop-instances --instance-ids i-1\x1b[2K", "has a control character"),
    ],
)
def test_a_command_reads_as_words_and_hides_nothing(command: str, why: str | None) -> None:
    assert unreadable(command) == why


def test_commands_of_advice_that_is_shown_are_read(connection: Connection) -> None:
    advise(connection, "a")
    advise(connection, "gone", state="gone", command="'")
    assert shown(commands_are_for_a_person(connection)) == [(1, 1, True, "equal")]
    advise(connection, "b", command="stop '", state="accepted")
    assert shown(commands_are_for_a_person(connection)) == [
        (1, 2, False, "b has a quote that is not closed; do not run it; run aispend recommend")
    ]


def test_what_was_decided_is_followed_and_what_was_verified_has_its_outcome(connection: Connection) -> None:
    advise(connection, "open")
    assert list(accepted_advice_is_followed(connection)) == []
    advise(connection, "miss", state="verified")
    promise(connection, "miss", verified_month=OCTOBER, outcome="miss")
    realise(connection, "miss", realised="75")
    assert shown(accepted_advice_is_followed(connection)) == [(1, 1, True, "equal")]
    advise(connection, "lost", state="accepted")
    advise(connection, "unjudged", state="verified")
    promise(connection, "unjudged", verified_month=OCTOBER, outcome="miss")
    ((ours, theirs, holds, cause),) = shown(accepted_advice_is_followed(connection))
    assert (ours, theirs, holds) == (1, 3, False)
    assert cause.startswith("1 accepted or done without what was promised on record; 1 verified without an outcome")


def test_what_realised_is_the_difference_less_what_is_no_merit_of_it(connection: Connection) -> None:
    promise(connection, "a")
    realise(connection, "a", realised="75")  # 100 − 10 + 5 − 20
    promise(connection, "b")
    realise(connection, "b", realised=None, actual_cost=None)
    assert shown(realised_savings_add_up(connection)) == [
        (D(75), D(75), True, "equal; lines whose saving is unknown: 1")
    ]
    promise(connection, "c")
    realise(connection, "c", realised="90", price_effect=None)
    (row,) = realised_savings_add_up(connection)
    assert (row.difference, row.holds, row.cause) == (
        D(20),
        False,
        "lines that do not add up: 1 (c); run aispend recommend",
    )


@pytest.mark.parametrize(
    ("computed", "final", "holds", "attention"),
    [(LATER, True, True, False), (LOADED, True, False, True), (LOADED, False, True, True)],
)
def test_a_line_older_than_a_bill_of_its_days_was_verified_from_another(
    connection: Connection, computed: datetime, final: bool, holds: bool, attention: bool
) -> None:
    bill = {
        "kind": "bill", "source": "files", "provider": "aws", "scope": "payer", "period": OCTOBER, "dataset": "focus",
        "state": "final", "loaded_at": datetime(2026, 11, 20, 12, tzinfo=UTC), "columns_known": [],
    }  # fmt: skip
    connection.execute(insert(slice_).values(bill))
    connection.execute(
        insert(slice_).values(bill | {"scope": "another", "loaded_at": datetime(2026, 12, 1, tzinfo=UTC)})
    )
    promise(connection, "a")
    realise(connection, "a", realised="75", computed_at=computed, is_final=final)
    (row,) = savings_rest_on_loaded_bills(connection)
    assert (row.holds, row.attention, row.number) == (holds, attention, 6)


def test_what_is_shown_is_of_what_is_loaded(ledger: Ledger) -> None:
    def now() -> list[Finding]:
        with ledger.store.engine.connect() as opened:
            return list(results_are_of_what_is_loaded(opened, ledger.settings))

    ledger.charge("2026-10-05", "10")
    assert now() == []
    ledger.analyze()
    assert [(row.holds, row.period) for row in now()] == [(True, OCTOBER)]
    with ledger.store.engine.begin() as opened:
        opened.execute(text("UPDATE slice SET loaded_at = loaded_at + interval '1 hour'"))
    (row,) = now()
    assert (row.holds, row.number) == (False, 7)
    assert row.cause.endswith("have changed since it was analyzed; run aispend analyze")
    ledger.analyze()
    assert [row.holds for row in now()] == [True]
