"""The promises hold on a sound ledger, and each one is seen to break."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, insert, text

from aispend.schema import invoice, recommendation
from analyzer.reconcile import Finding, check
from tests.analyzer.bills import COSTS
from tests.analyzer.conftest import Ledger, on_a_ledger
from tests.conftest import begins_with

D = Decimal


def findings(ledger: Ledger, promise: str) -> list[Finding]:
    with ledger.store.engine.connect() as connection:
        return [finding for finding in check(connection) if finding.promise == promise]


@on_a_ledger
def sound(ledger: Ledger) -> None:
    """Two charges, loaded as the files say, analyzed."""
    ledger.charge("2026-10-05", "10", tags={"team": "ads", "model": "chat"}, kind={"invoice_id": "A-1"})
    ledger.charge("2026-10-06", "1.5", category="Tax", is_ai=False, kind={"invoice_id": "A-1"})
    ledger.record_load(
        {"USD": dict.fromkeys(COSTS, "11.5000000000004")}, {"USD": dict.fromkeys(COSTS, "0.0000000000004")}
    )
    ledger.analyze()


@begins_with(sound)
def test_everything_holds_on_a_sound_ledger(ledger: Ledger) -> None:
    with ledger.store.engine.connect() as connection:
        found = check(connection)
    assert all(finding.holds for finding in found)
    promises = {finding.promise for finding in found}
    assert promises == {
        "matches the export",
        "no line is dropped",
        "effective closes to billed",
        "one bill per provider, scope and month",
        "every amount has its currency",
        "every charge has shares",
        "shares add up to the bill",
        "spend by day adds up to the bill",
        "spend by resource adds up to the bill",
        "shares add up to each charge",
        "unit costs add up to AI spend",
        *(f"spend by {cut} adds up to the bills" for cut in ("model", "team", "stage", "provider")),
    }


@begins_with(sound)
def test_every_check_is_of_a_numbered_promise(ledger: Ledger) -> None:
    ledger.usage({"input": 5}, model="claude")
    with ledger.store.engine.connect() as connection:
        assert {finding.number for finding in check(connection)} == {1, 2, 3, 4, 8}


@begins_with(sound)
def test_the_rounding_of_lines_is_a_named_signed_difference(ledger: Ledger) -> None:
    (row,) = findings(ledger, "matches the export")
    assert (row.ours, row.theirs, row.difference) == (D("11.5"), D("11.5000000000004"), D("-0.0000000000004"))
    assert row.cause.startswith("billed, effective, list, contracted cost: rounding of each line")
    assert (row.scope, row.period, row.currency) == ("aws payer", date(2026, 10, 1), "USD")


def break_it(ledger: Ledger, statement: str) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text(statement))


@begins_with(sound)
@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        ("UPDATE charge SET list_cost = list_cost + 1 WHERE ordinal = 1", "matches the export"),
        ("DELETE FROM load", "matches the export"),
        ("DELETE FROM charge", "matches the export"),
        ("DELETE FROM charge", "no line is dropped"),
        ("DELETE FROM charge WHERE ordinal = 2", "no line is dropped"),
        ("UPDATE charge_kind SET billing_currency = 'EUR'", "matches the export"),
        ("DELETE FROM charge; DELETE FROM load", "matches the export"),
        ("UPDATE charge SET effective_cost = effective_cost + 1 WHERE ordinal = 1", "effective closes to billed"),
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
    break_it(ledger, damage)
    broken = [finding for finding in findings(ledger, promise) if not finding.holds]
    assert broken
    assert all(finding.cause and finding.cause != "equal" for finding in broken)


@begins_with(sound)
def test_shifting_cost_between_charges_is_seen_though_the_sum_is_right(ledger: Ledger) -> None:
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


@begins_with(sound)
@pytest.mark.parametrize(
    ("values", "difference", "holds", "cause"),
    [
        ({}, "0", True, "equal"),
        ({"net": D("10.01")}, "-0.01", True, "-0.01 the invoice is rounded to the cent"),
        (
            {"net": D(12)},
            "-2",
            False,
            "-2.0 is unexplained: the bill of the month is provisional, last loaded on 2026-11-20; load it again",
        ),
        ({"invoice_id": "B-7"}, None, False, "no billed charge of this invoice is loaded"),
    ],
)
def test_an_invoice_is_closed_to_by_its_number(
    ledger: Ledger, values: dict[str, Any], difference: str | None, holds: bool, cause: str
) -> None:
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


@pytest.mark.parametrize(("marketplace", "difference", "holds"), [("4", "0", True), ("4.03", "-0.03", False)])
def test_the_invoices_of_a_month_without_numbers_are_closed_to_together(
    ledger: Ledger, marketplace: str, difference: str, holds: bool
) -> None:
    """Which of 10 is on which invoice is not to be told: 6 and 4 are 10 as one."""
    ledger.charge("2026-10-05", "10")
    ledger.analyze()
    type_in(ledger, net=D(6), tax=D(0))
    type_in(ledger, invoice_id="M-2", issuer="AWS Marketplace", net=D(marketplace), tax=D(0))
    type_in(ledger, invoice_id="E-3", currency="EUR", net=D(5), tax=D(0))
    euros, dollars = sorted(findings(ledger, "matches the invoice"), key=lambda row: row.currency or "")
    assert (dollars.scope, dollars.ours) == ("Amazon A-1, AWS Marketplace M-2", D(10))
    assert (dollars.difference, dollars.holds) == (D(difference), holds)
    assert (euros.ours, euros.holds) == (None, False), "another currency is not added"
    assert euros.cause == "the bill of the month is in USD, not in EUR"


@begins_with(sound)
@pytest.mark.parametrize(("state", "said"), [("open", "open"), ("provisional", "provisional"), ("final", None)])
def test_what_an_invoice_has_more_of_may_be_late(ledger: Ledger, state: str, said: str | None) -> None:
    break_it(ledger, f"UPDATE slice SET state = '{state}', loaded_at = '2026-10-20 06:00Z'")
    type_in(ledger, net=D(12))
    (row,) = findings(ledger, "matches the invoice")
    late = f": the bill of the month is {said}, last loaded on 2026-10-20; load it again"
    assert (row.difference, row.holds, row.cause) == (D(-2), False, f"-2.0 is unexplained{late if said else ''}")


@begins_with(sound)
def test_lines_that_name_no_invoice_are_named_where_they_make_the_difference(ledger: Ledger) -> None:
    ledger.charge("2026-10-07", "2", tags={"team": "ads"})
    ledger.analyze()
    break_it(ledger, "UPDATE slice SET state = 'final'")
    type_in(ledger, net=D(12))
    (row,) = findings(ledger, "matches the invoice")
    assert (row.difference, row.holds) == (D(-2), False)
    assert row.cause == "-2.0 is unexplained: lines of 2 in the month name no invoice"


@begins_with(sound)
def test_unit_costs_that_are_not_ai_spend_are_seen(ledger: Ledger) -> None:
    """Of 11.5 billed 10 are AI spend: half a dollar more in its unit costs, or none of them, is a broken promise."""
    (row,) = findings(ledger, "unit costs add up to AI spend")
    assert (row.ours, row.theirs, row.number, row.holds) == (D(10), D(10), 2, True)
    break_it(ledger, "UPDATE unit_cost SET effective_cost = effective_cost + 0.5 WHERE basis = 'allocation'")
    (row,) = findings(ledger, "unit costs add up to AI spend")
    assert (row.difference, row.holds) == (D("0.5"), False)
    break_it(ledger, "DELETE FROM unit_cost")
    (row,) = findings(ledger, "unit costs add up to AI spend")
    assert (row.ours, row.difference, row.cause) == (None, D(-10), "effective cost: nothing is there")


@begins_with(sound)
def test_an_analysis_of_what_no_bill_has_is_seen(ledger: Ledger) -> None:
    """What stays behind of a bill whose charges are gone stands against nothing."""
    break_it(ledger, "DELETE FROM charge")
    for promise in ("spend by day adds up to the bill", "spend by resource adds up to the bill"):
        (row,) = findings(ledger, promise)
        assert (row.ours, row.theirs, row.difference, row.holds) == (D("11.5"), None, D("11.5"), False)
    for cut in ("model", "team", "stage", "provider"):
        (row,) = findings(ledger, f"spend by {cut} adds up to the bills")
        assert (row.ours, row.theirs, row.holds) == (D("11.5"), None, False)


def test_an_invoice_from_before_the_first_bill_is_named_and_not_compared(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10")
    ledger.analyze()
    type_in(ledger, invoice_id="OLD", billing_month=date(2026, 9, 1))
    (row,) = findings(ledger, "matches the invoice")
    assert (row.ours, row.holds, row.attention) == (None, True, True)
    assert row.cause == "the bills of payer begin with 2026-10: not compared"


@begins_with(sound)
def test_a_bill_whose_charges_vanished_is_not_passed(ledger: Ledger) -> None:
    break_it(ledger, "DELETE FROM charge")
    (row,) = findings(ledger, "matches the export")
    assert (row.ours, row.theirs, row.currency, row.holds) == (None, D("11.5000000000004"), "USD", False)
    assert row.cause == "billed, effective, list, contracted cost: nothing is there"
    (lines,) = findings(ledger, "no line is dropped")
    assert (lines.ours, lines.theirs, lines.cause) == (D(0), D(2), "-2 lines in charges (focus)")


@begins_with(sound)
def test_charges_in_a_currency_the_files_do_not_have_are_seen(ledger: Ledger) -> None:
    break_it(ledger, "UPDATE charge_kind SET billing_currency = 'EUR' WHERE charge_category = 'Tax'")
    found = {row.currency: row for row in findings(ledger, "matches the export")}
    assert (found["EUR"].ours, found["EUR"].theirs, found["EUR"].holds) == (D("1.5"), None, False)
    assert not found["USD"].holds


def pair(ledger: Ledger) -> None:
    """5 on demand; a reservation bought for 100, of which 60 was used this month."""
    on_demand = {"charge_frequency": "Usage-Based"}
    ledger.charge("2026-10-05", ("5", None, None, None), half=1, kind=on_demand)
    bought = ("100", None, None, None)
    ledger.charge("2026-10-05", bought, half=1, commitment_id="ri", category="Purchase", is_ai=False)
    ledger.charge("2026-10-05", (None, "5", "6", "5"), half=2, kind=on_demand)
    ledger.charge("2026-10-05", (None, "60", "90", None), half=2, commitment_id="ri")
    ledger.record_load({"USD": {"billed_cost": "105"}}, {}, half=1)
    amortised = {"effective_cost": "65", "list_cost": "96", "contracted_cost": "5.0000000000001"}
    ledger.record_load({"USD": amortised}, {"USD": {"contracted_cost": "0.0000000000001"}}, half=2)
    break_it(ledger, "UPDATE slice SET dataset = 'azure_actual+azure_amortized' WHERE kind = 'bill'")
    ledger.analyze()


def test_a_good_pair_holds_each_cost_against_the_half_that_gives_it(ledger: Ledger) -> None:
    pair(ledger)
    with ledger.store.engine.connect() as connection:
        found = check(connection)
    assert [row for row in found if not row.holds] == []
    assert {(row.ours, row.theirs) for row in found if row.promise == "matches the export"} == {(D(105), D(105))}
    assert [(row.ours, row.theirs) for row in found if row.promise == "no line is dropped"] == [(2, 2), (2, 2)]
    (row,) = (row for row in found if row.promise == "effective closes to billed")
    assert (row.ours, row.theirs, row.difference) == (D(65), D(105), D(-40))


@pytest.mark.parametrize(
    ("damage", "promise", "cause"),
    [
        ("UPDATE charge SET billed_cost = 101 WHERE billed_cost = 100", "matches the export", "billed_cost: +1 is"),
        ("UPDATE charge SET effective_cost = 6 WHERE effective_cost = 5", "matches the export", "effective_cost: +1"),
        (
            "UPDATE charge SET effective_cost = 6 WHERE effective_cost = 5",
            "effective closes to billed",
            "usage without commitment or flag (1 times): +1 is unexplained",
        ),
        ("DELETE FROM load WHERE dataset = 'azure_actual'", "matches the export", "no loading of this bill"),
        ("DELETE FROM charge WHERE half = 2 AND ordinal = 1", "no line is dropped", "-1 lines in charges"),
    ],
)
def test_each_half_of_a_pair_is_seen_to_break(ledger: Ledger, damage: str, promise: str, cause: str) -> None:
    pair(ledger)
    break_it(ledger, damage)
    broken = [finding for finding in findings(ledger, promise) if not finding.holds]
    assert any(cause in finding.cause for finding in broken)


def test_list_cost_is_held_against_the_first_half_where_the_second_gives_none(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", ("5", None, "7", None), half=1)
    ledger.charge("2026-10-05", (None, "5", None, None), half=2)
    ledger.record_load({"USD": {"billed_cost": "5", "list_cost": "7"}}, {}, half=1)
    ledger.record_load({"USD": {"effective_cost": "5"}}, {}, half=2)
    break_it(ledger, "UPDATE slice SET dataset = 'azure_actual+azure_amortized' WHERE kind = 'bill'")
    (row,) = findings(ledger, "matches the export")
    assert (row.holds, row.cause) == (True, "billed, effective, list cost: equal")


def test_lines_that_could_not_be_read_are_listed_and_must_all_be_kept(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10")
    load_id = ledger.record_load({"USD": {"billed_cost": "10"}}, {}, rejected=2)
    keep = "INSERT INTO rejected_row (load_id, ordinal, file, reason) VALUES ({}, {}, 'f.csv', 'no number')"
    break_it(ledger, keep.format(load_id, 1))
    (row,) = findings(ledger, "no line is dropped")
    assert (row.ours, row.theirs, row.cause, row.holds) == (D(2), D(3), "-1 unreadable lines kept", False)
    break_it(ledger, keep.format(load_id, 2))
    (row,) = findings(ledger, "no line is dropped")
    assert (row.ours, row.theirs, row.holds, row.attention) == (D(3), D(3), True, True)
    assert row.cause == "2 of 3 lines could not be read; see aispend loads --rejected"


def test_savings_beyond_the_cost_they_act_on_are_seen(ledger: Ledger) -> None:
    base = {
        "kind": "stop_idle", "resource_key": 1, "resource_id": "i-1", "provider": "aws", "current": "on",
        "proposed": "off", "monthly_cost": D(100), "currency": "USD", "risk": 0, "confidence": "high",
        "effort": "low", "evidence": {}, "reason": "idle", "undo": "start it", "state": "open", "counted": True,
        "target": "stop", "hard_to_regain": False, "estimate_only": False, "counted_effective": D(0),
        "created_at": datetime(2026, 11, 3, tzinfo=UTC), "updated_at": datetime(2026, 11, 3, tzinfo=UTC),
    }  # fmt: skip

    def on(saved: int) -> dict[str, dict[str, str]]:
        return {"i-1": {"monthly_cost": "100", "counted_net": str(saved)}}

    with ledger.store.engine.begin() as connection:
        connection.execute(insert(recommendation).values(base | {"id": "a", "counted_net": D(60), "acts_on": on(60)}))
    (row,) = findings(ledger, "savings stay within the cost they act on")
    assert (row.ours, row.theirs, row.holds) == (D(60), D(100), True)
    with ledger.store.engine.begin() as connection:
        connection.execute(insert(recommendation).values(base | {"id": "b", "counted_net": D(50), "acts_on": on(50)}))
    (row,) = findings(ledger, "savings stay within the cost they act on")
    assert (row.ours, row.theirs, row.holds) == (D(110), D(100), False)

    # by other days, of advice that does not count, it costs more
    other = base | {"id": "c", "counted": False, "counted_net": D(0)}
    other |= {"acts_on": {"i-1": {"monthly_cost": "120", "counted_net": "0"}}}
    with ledger.store.engine.begin() as connection:
        connection.execute(insert(recommendation).values(other))
    (row,) = findings(ledger, "savings stay within the cost they act on")
    assert (row.ours, row.theirs, row.holds) == (D(110), D(120), True)

    # two teams' runs cost 100 and 40 of one machine; of the first team's two proposals are about the same 100
    runs = [("a", "search", 60, 100), ("b", "search", 40, 100), ("c", "ads", 35, 40), ("d", "ads", 6, 40)]
    for number, holds in ((3, True), (4, False)):
        rows = [
            base
            | {"id": name, "resource_id": f"training:1/ranker/{team}", "counted_net": D(saved)}
            | {"acts_on": {"i-1": {"monthly_cost": str(cost), "counted_net": str(saved)}}}
            for name, team, saved, cost in runs[:number]
        ]
        with ledger.store.engine.begin() as connection:
            connection.execute(delete(recommendation))
            connection.execute(insert(recommendation), rows)
        (row,) = findings(ledger, "savings stay within the cost they act on")
        assert (row.theirs, row.holds) == (D(140), holds)
