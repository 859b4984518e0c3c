"""Closing a month: what is published stays; what changes later is booked beside it, with its cause."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.errors import BusyError, UsageError
from analyzer.adjustments import rules_changed
from analyzer.closing import Closed, NotClosedError, close_month, reopen_month, rules_now
from analyzer.findings import Finding
from analyzer.fingerprint import settings_words
from analyzer.reconcile import check
from tests.analyzer.bills import COSTS
from tests.analyzer.conftest import Ledger, on_a_ledger
from tests.conftest import begins_with

D = Decimal
OCTOBER = date(2026, 10, 1)
DECEMBER_FIRST = datetime(2026, 12, 1, 9, tzinfo=UTC)


@on_a_ledger
def october(ledger: Ledger) -> None:
    """Chat 10, search 4, tax 1.5: 15.5 dollars, loaded as the files say."""
    ledger.charge("2026-10-05", "10", tags={"team": "ads", "model": "chat"}, sku_id="gpu")
    ledger.charge("2026-10-06", "4", tags={"team": "web", "model": "search"}, sku_id="gpu")
    ledger.charge("2026-10-06", "1.5", category="Tax", is_ai=False)
    record(ledger, "15.5")
    ledger.attribute()


def record(ledger: Ledger, total: str) -> int:
    none = {"USD": dict.fromkeys(COSTS, "0")}
    return ledger.record_load({"USD": dict.fromkeys(COSTS, total)}, none)


def close(ledger: Ledger, month: date = OCTOBER, **how: Any) -> Closed:
    return close_month(ledger.store.engine, ledger.settings, ledger.clock, month, who="ada", **how)


def restate(ledger: Ledger, old: str, new: str, total: str) -> int:
    """The bill comes again with another amount in one charge, as a load leaves it: without shares."""
    with ledger.store.engine.begin() as connection:
        for table in ("cost_share", "spend_day", "spend_resource_month"):
            connection.execute(text(f"DELETE FROM {table}"))
        costs = ", ".join(f"{column} = {new}" for column in COSTS)
        connection.execute(text(f"UPDATE charge SET {costs} WHERE billed_cost = {old}"))
        connection.execute(
            text("UPDATE slice SET state = 'restated', loaded_at = :at WHERE kind = 'bill'"),
            {"at": datetime(2026, 11, 20, 18, tzinfo=UTC)},
        )
    return record(ledger, total)


def adjustments(ledger: Ledger) -> list[Any]:
    return ledger.rows(
        """SELECT j.adjustment, a.model, a.team, a.charge_category, a.billed_cost, a.effective_cost, j.kind, j.cause,
                  j.author
           FROM closing_adjustment j JOIN closing_amount a USING (closing_id, adjustment)
           ORDER BY j.adjustment, a.ordinal"""
    )


def published(ledger: Ledger) -> list[Any]:
    return ledger.rows("SELECT * FROM closing_amount WHERE adjustment = 0 ORDER BY closing_id, ordinal")


def broken(ledger: Ledger) -> list[Finding]:
    with ledger.store.engine.connect() as connection:
        return [finding for finding in check(connection, ledger.settings) if not finding.holds]


@begins_with(october)
def test_a_closed_month_is_published_by_every_cut(ledger: Ledger) -> None:
    closed = close(ledger, note="as agreed")

    assert (closed.version, closed.amounts, closed.failed, closed.states) == (1, 3, 0, ("provisional",))
    rows = ledger.rows(
        """SELECT provider, scope, account, service, model, team, charge_category, is_ai, currency, billed_cost,
                  effective_cost, list_cost, contracted_cost FROM closing_amount ORDER BY billed_cost"""
    )
    of_all = ("aws", "payer", "prod", "Compute")
    assert rows == [
        (*of_all, None, None, "Tax", False, "USD", *[D("1.5")] * 4),
        (*of_all, "search", "web", "Usage", True, "USD", *[D(4)] * 4),
        (*of_all, "chat", "ads", "Usage", True, "USD", *[D(10)] * 4),
    ]
    ((month, who, note, forced, bills),) = ledger.rows(
        "SELECT month, closed_by, note, forced_reason, bills FROM closing"
    )
    assert (month, who, note, forced) == (OCTOBER, "ada", "as agreed", None)
    ((load_id,),) = ledger.rows("SELECT load_id FROM load")
    assert [(bill["scope"], bill["loads"], bill["state"]) for bill in bills] == [("payer", [load_id], "provisional")]
    assert ledger.rows("SELECT state FROM slice WHERE kind = 'bill'") == [("closed",)]
    assert not broken(ledger)


@begins_with(october)
def test_a_restated_bill_is_an_adjustment_and_never_changes_what_was_published(ledger: Ledger) -> None:
    close(ledger)
    before = published(ledger)

    load_id = restate(ledger, "10", "12.25", "17.75")
    assert {finding.promise for finding in broken(ledger)} >= {"published and adjustments are the ledger"}
    ledger.attribute()

    assert published(ledger) == before
    cause = f"bill restated by load {load_id} on 2026-11-20"
    assert adjustments(ledger) == [(1, "chat", "ads", "Usage", D("2.25"), D("2.25"), "bill", cause, "files")]
    assert not broken(ledger)
    ledger.attribute()
    assert len(adjustments(ledger)) == 1


@begins_with(october)
def test_changed_rules_move_cost_and_add_up_to_nothing(ledger: Ledger) -> None:
    close(ledger)

    ledger.attribute(rule=[{"name": "web is shop", "match": {"tags": {"team": "web"}}, "set": {"team": "shop"}}])

    cause = "rules changed: web is shop added"
    assert sorted(adjustments(ledger), key=lambda row: row[4]) == [
        (1, "search", "web", "Usage", D(-4), D(-4), "rules", cause, None),
        (1, "search", "shop", "Usage", D(4), D(4), "rules", cause, None),
    ]
    assert not broken(ledger)


@begins_with(october)
def test_a_restated_bill_after_changed_rules_is_booked_by_itself(ledger: Ledger) -> None:
    close(ledger)
    rule = {"name": "web is shop", "match": {"tags": {"team": "web"}}, "set": {"team": "shop"}}
    ledger.attribute(rule=[rule])
    restate(ledger, "4", "5", "16.5")
    ledger.attribute()

    assert [(row[0], row[2], row[4], row[6]) for row in adjustments(ledger)][-1] == (2, "shop", D(1), "bill")
    restate(ledger, "5", "6", "17.5")
    ledger.attribute(rule=[])
    moved = [(row[2], row[4], row[6]) for row in adjustments(ledger) if row[0] == 3]
    assert sorted(moved) == [("shop", D(-5), "bill and rules"), ("web", D(6), "bill and rules")]
    assert not broken(ledger)


@begins_with(october)
def test_a_bill_added_to_a_closed_month_and_one_that_is_gone(ledger: Ledger) -> None:
    close(ledger)
    ledger.charge("2026-10-07", "3", scope="late", tags={"team": "ads", "model": "chat"})
    ledger.attribute()
    ((_, _, _, _, amount, _, kind, cause, author),) = adjustments(ledger)
    assert (amount, kind, cause, author) == (D(3), "bill", "bill added on 2026-11-20", "files")

    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM charge"))
        connection.execute(text("DELETE FROM slice WHERE kind = 'bill'"))
    ledger.attribute()
    gone = [row for row in adjustments(ledger) if row[0] > 1]
    assert {row[7] for row in gone} == {"bill no longer loaded"}
    assert sum(row[4] for row in gone) == D("-18.5")


@begins_with(october)
def test_a_cost_that_becomes_unknown_is_taken_back_and_stays_unknown(ledger: Ledger) -> None:
    close(ledger)
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE charge SET list_cost = NULL"))
        connection.execute(
            text(
                "UPDATE slice SET loaded_at = now(), columns_known = '{billed_cost,effective_cost,contracted_cost}'"
                " WHERE kind = 'bill'"
            )
        )
    totals = dict.fromkeys((name for name in COSTS if name != "list_cost"), "15.5")
    ledger.record_load({"USD": totals}, {"USD": {}})
    ledger.attribute()

    assert ledger.rows("SELECT sum(list_cost), sum(billed_cost) FROM closing_amount WHERE adjustment > 0") == [
        (D("-15.5"), D(0))
    ]
    assert not broken(ledger)


@begins_with(october)
def test_a_month_with_failing_checks_is_closed_by_force_only(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE charge SET list_cost = list_cost + 1 WHERE billed_cost = 10"))

    with pytest.raises(NotClosedError, match="2026-10 was not closed") as refusal:
        close(ledger)
    assert "matches the export" in {finding.promise for finding in refusal.value.failed}
    assert not ledger.rows("SELECT * FROM closing")

    closed = close(ledger, force_reason="list cost does not matter")
    ((reason, checks),) = ledger.rows("SELECT forced_reason, failed_checks FROM closing")
    assert (reason, len(checks)) == ("list cost does not matter", closed.failed)
    assert checks[0].startswith("matches the export, aws payer: list_cost: +1 is unexplained")


@begins_with(october)
def test_force_without_need_is_not_remembered_as_force(ledger: Ledger) -> None:
    assert close(ledger, force_reason="in a hurry").failed == 0
    assert ledger.rows("SELECT forced_reason FROM closing") == [(None,)]


@begins_with(october)
def test_a_failure_of_another_month_does_not_keep_this_one_open(ledger: Ledger) -> None:
    ledger.charge("2026-11-02", "7", scope="other", tags={"team": "ads"})
    assert close(ledger).failed == 0


@begins_with(october)
@pytest.mark.parametrize(
    ("month", "what"),
    [(date(2026, 11, 1), "2026-11 has not ended"), (date(2026, 9, 1), "No bill of 2026-09 is loaded")],
)
def test_what_cannot_be_closed_is_wrong_use(ledger: Ledger, month: date, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        close(ledger, month, force_reason="please")


@begins_with(october)
def test_a_bill_last_loaded_before_the_month_ended_is_not_whole(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE slice SET state = 'open', loaded_at = '2026-10-20 06:00Z' WHERE kind = 'bill'"))
    with pytest.raises(NotClosedError, match="last loaded on 2026-10-20, before the month ended"):
        close(ledger)


@begins_with(october)
def test_a_bill_that_comes_while_the_month_is_being_closed_stops_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def a_load_comes(*_: Any) -> list[Finding]:
        with ledger.store.engine.begin() as connection:
            connection.execute(text("UPDATE slice SET loaded_at = now() WHERE kind = 'bill'"))
        return []

    monkeypatch.setattr("analyzer.closing._failures", a_load_comes)
    with pytest.raises(BusyError, match="was loaded while the month was being closed"):
        close(ledger)
    assert not ledger.rows("SELECT * FROM closing")


@begins_with(october)
def test_a_month_is_closed_once_and_opened_with_a_reason(ledger: Ledger) -> None:
    close(ledger)
    with pytest.raises(UsageError, match="2026-10 is closed"):
        close(ledger)

    assert reopen_month(ledger.store.engine, lambda: DECEMBER_FIRST, OCTOBER, who="bob", reason="wrong rates") == 1
    assert ledger.rows("SELECT state FROM slice WHERE kind = 'bill'") == [("final",)]
    with pytest.raises(UsageError, match="2026-10 is not closed"):
        reopen_month(ledger.store.engine, ledger.clock, OCTOBER, who="bob", reason="again")

    restate(ledger, "10", "11", "16.5")
    ledger.attribute()
    assert close(ledger).version == 2
    assert ledger.rows("SELECT version, reopened_by, reopened_reason FROM closing ORDER BY version") == [
        (1, "bob", "wrong rates"),
        (2, None, None),
    ]
    assert ledger.rows("SELECT closing_id, sum(billed_cost) FROM closing_amount GROUP BY 1 ORDER BY 1") == [
        (1, D("15.5")),
        (2, D("16.5")),
    ]
    assert not adjustments(ledger)
    assert not broken(ledger)


@begins_with(october)
@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        ("UPDATE closing_amount SET list_cost = list_cost + 1 WHERE ordinal = 1", "closed months are unchanged"),
        ("DELETE FROM closing_amount WHERE ordinal = 2", "closed months are unchanged"),
        ("UPDATE closing_amount SET team = 'me'", "closed months are unchanged"),
        ("UPDATE spend_day SET team = 'me'", "published and adjustments are the ledger"),
        ("UPDATE charge SET billed_cost = 9 WHERE billed_cost = 10", "published and adjustments are the ledger"),
        ("UPDATE closing_amount SET currency = 'EUR'", "published and adjustments are the ledger"),
    ],
)
def test_each_promise_of_closed_months_is_seen_to_break(ledger: Ledger, damage: str, promise: str) -> None:
    close(ledger)
    with ledger.store.engine.begin() as connection:
        connection.execute(text(damage))
    assert promise in {finding.promise for finding in broken(ledger)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"rules": [{"name": "b"}]}, "rules changed: b added, a removed"),
        ({"rules": [{"name": "a", "set": 1}]}, "rules changed: a altered"),
        ({"settings": {"tags": 2}}, "rules changed: setting tags"),
        ({"method": "3", "settings": {}}, "rules changed: setting tags, method of the analysis 2 to 3"),
    ],
)
def test_rules_that_changed_are_named(changes: dict[str, Any], said: str | None) -> None:
    then = {"method": "2", "rules": [{"name": "a"}], "settings": {"tags": 1}}
    assert rules_changed(then, then | changes) == said


def test_all_that_decides_shares_is_kept_with_a_closing(ledger: Ledger) -> None:
    kept = rules_now(ledger.settings)
    for word in json.loads(settings_words(ledger.settings)):
        assert word in (kept["method"], kept["rules"], *kept["settings"].values())
