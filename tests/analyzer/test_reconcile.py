"""The promises hold on a sound ledger, and each one is seen to break."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, text

from aispend.schema import invoice, recommendation
from analyzer.reconcile import Finding, check
from tests.analyzer.conftest import COSTS, Ledger

D = Decimal


def findings(ledger: Ledger, promise: str) -> list[Finding]:
    with ledger.store.engine.connect() as connection:
        return [finding for finding in check(connection) if finding.promise == promise]


def sound(ledger: Ledger) -> None:
    """Two charges, loaded as the files say, analyzed."""
    ledger.charge("2026-10-05", "10", tags={"team": "ads", "model": "chat"}, kind={"invoice_id": "A-1"})
    ledger.charge("2026-10-06", "1.5", category="Tax", is_ai=False, kind={"invoice_id": "A-1"})
    ledger.record_load(
        {"USD": dict.fromkeys(COSTS, "11.5000000000004")}, {"USD": dict.fromkeys(COSTS, "0.0000000000004")}
    )
    ledger.analyze()


def test_everything_holds_on_a_sound_ledger(ledger: Ledger) -> None:
    sound(ledger)
    with ledger.store.engine.connect() as connection:
        found = check(connection)
    assert all(finding.holds for finding in found)
    promises = {finding.promise for finding in found}
    assert promises == {
        "matches the export",
        "effective closes to billed",
        "one bill per provider, scope and month",
        "every charge has shares",
        "shares add up to the bill",
        "spend by day adds up to the bill",
        "spend by resource adds up to the bill",
        "shares add up to each charge",
        *(f"spend by {cut} adds up to the bills" for cut in ("model", "team", "stage", "provider")),
    }


def test_the_rounding_of_lines_is_a_named_signed_difference(ledger: Ledger) -> None:
    sound(ledger)
    (row,) = findings(ledger, "matches the export")
    assert (row.ours, row.theirs, row.difference) == (D("11.5"), D("11.5000000000004"), D("-0.0000000000004"))
    assert row.cause.startswith("billed, effective, list, contracted cost: rounding of each line")
    assert (row.scope, row.period, row.currency) == ("aws payer", date(2026, 10, 1), "USD")


def break_it(ledger: Ledger, statement: str) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        ("UPDATE charge SET list_cost = list_cost + 1 WHERE ordinal = 1", "matches the export"),
        ("DELETE FROM load", "matches the export"),
        ("UPDATE cost_share SET list_cost = 0", "shares add up to the bill"),
        ("UPDATE cost_share SET contracted_cost = 0", "shares add up to each charge"),
        ("DELETE FROM cost_share WHERE ordinal = 2", "every charge has shares"),
        ("UPDATE spend_day SET effective_cost = 3", "spend by day adds up to the bill"),
        ("DELETE FROM spend_day WHERE team IS NULL", "spend by team adds up to the bills"),
        ("UPDATE spend_resource_month SET billed_cost = NULL", "spend by resource adds up to the bill"),
        ("DELETE FROM slice WHERE kind = 'bill'", "one bill per provider, scope and month"),
        ("UPDATE slice SET columns_known = '{billed_cost}'", "unknown is not zero"),
    ],
)
def test_each_promise_is_seen_to_break(ledger: Ledger, damage: str, promise: str) -> None:
    sound(ledger)
    break_it(ledger, damage)
    broken = [finding for finding in findings(ledger, promise) if not finding.holds]
    assert broken
    assert all(finding.cause and finding.cause != "equal" for finding in broken)


def test_shifting_cost_between_charges_is_seen_though_the_sum_is_right(ledger: Ledger) -> None:
    sound(ledger)
    break_it(ledger, "UPDATE cost_share SET billed_cost = 11.5 - billed_cost")
    assert all(finding.holds for finding in findings(ledger, "shares add up to the bill"))
    (row,) = findings(ledger, "shares add up to each charge")
    assert (row.ours, row.holds) == (D(2), False)


def type_in(ledger: Ledger, **values: Any) -> None:
    full = {
        "provider": "aws",
        "invoice_id": "A-1",
        "currency": "USD",
        "issuer": "Amazon",
        "scope": "payer",
        "billing_month": date(2026, 10, 1),
        "net": D(10),
        "tax": D("1.5"),
        "source": "typed",
        "entered_at": datetime(2026, 11, 3, tzinfo=UTC),
    } | values
    with ledger.store.engine.begin() as connection:
        connection.execute(insert(invoice).values(full))


@pytest.mark.parametrize(
    ("values", "difference", "holds", "cause"),
    [
        ({}, "0", True, "equal"),
        ({"net": D("10.01")}, "-0.01", True, "-0.01 the invoice is rounded to the cent"),
        ({"net": D(12)}, "-2", False, "-2.0 is unexplained"),
        ({"invoice_id": "B-7"}, None, False, "no billed charge of this invoice is loaded"),
    ],
)
def test_an_invoice_is_closed_to_by_its_number(
    ledger: Ledger, values: dict[str, Any], difference: str | None, holds: bool, cause: str
) -> None:
    sound(ledger)
    type_in(ledger, **values)
    (row,) = findings(ledger, "matches the invoice")
    assert row.difference == (None if difference is None else D(difference))
    assert (row.holds, row.cause) == (holds, cause)


def test_an_invoice_of_a_bill_without_numbers_or_tax_is_closed_to_by_month(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10")
    ledger.analyze()
    type_in(ledger)
    (row,) = findings(ledger, "matches the invoice")
    assert (row.ours, row.theirs, row.difference, row.holds) == (D(10), D("11.5"), D("-1.5"), True)
    assert row.cause == "the bill has no lines for the tax of 1.5"


def test_what_makes_effective_differ_from_billed_is_named(ledger: Ledger) -> None:
    used = {"commitment_discount_status": "Used"}
    ledger.charge("2026-10-05", ("0", "60", "90", "90"), commitment_id="sp", kind=used)
    ledger.charge("2026-10-01", ("100", "0", None, None), commitment_id="sp", category="Purchase", is_ai=False)
    ledger.analyze()
    (row,) = findings(ledger, "effective closes to billed")
    assert (row.ours, row.theirs, row.difference) == (D(60), D(100), D(-40))
    assert row.cause == "commitments bought -100; usage covered by commitments +60"


def test_lines_that_could_not_be_read_are_listed_and_must_all_be_kept(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10")
    load_id = ledger.record_load({"USD": {"billed_cost": "10"}}, {}, rejected=2)
    keep = "INSERT INTO rejected_row (load_id, ordinal, file, reason) VALUES ({}, {}, 'f.csv', 'no number')"
    break_it(ledger, keep.format(load_id, 1))
    (row,) = findings(ledger, "no line is dropped")
    assert (row.ours, row.theirs, row.holds) == (D(1), D(2), False)
    break_it(ledger, keep.format(load_id, 2))
    (row,) = findings(ledger, "no line is dropped")
    assert row.holds


def test_savings_beyond_the_cost_they_act_on_are_seen(ledger: Ledger) -> None:
    base = {
        "kind": "stop_idle", "resource_key": 1, "resource_id": "i-1", "provider": "aws", "current": "on",
        "proposed": "off", "monthly_cost": D(100), "currency": "USD", "risk": 0, "confidence": "high",
        "effort": "low", "evidence": {}, "reason": "idle", "undo": "start it", "state": "open", "counted": True,
        "created_at": datetime(2026, 11, 3, tzinfo=UTC), "updated_at": datetime(2026, 11, 3, tzinfo=UTC),
    }  # fmt: skip
    with ledger.store.engine.begin() as connection:
        connection.execute(insert(recommendation).values(base | {"id": "a", "monthly_saving_net": D(60)}))
    (row,) = findings(ledger, "savings stay within the cost they act on")
    assert (row.ours, row.theirs, row.holds) == (D(60), D(100), True)
    with ledger.store.engine.begin() as connection:
        connection.execute(insert(recommendation).values(base | {"id": "b", "monthly_saving_net": D(50)}))
    (row,) = findings(ledger, "savings stay within the cost they act on")
    assert (row.ours, row.theirs, row.holds) == (D(110), D(100), False)
