"""Which costs a row of the roll-ups leaves out, by hand: 1 billed, 2 effective, 4 list, 8 contracted."""

from __future__ import annotations

import pytest

from tests.analyzer.conftest import Ledger

BY_DAY = "SELECT extract(day FROM charge_date)::int, unknown_costs FROM spend_day ORDER BY 1"
BY_RESOURCE = """SELECT r.resource_id, m.unknown_costs FROM spend_resource_month m JOIN resource r USING (resource_key)
    ORDER BY 1"""


def known(ledger: Ledger, *columns: str) -> None:
    """Let every bill give these costs alone."""
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE slice SET columns_known = %s", (list(columns),))


def test_a_null_among_known_costs_is_named_in_both_roll_ups(ledger: Ledger) -> None:
    """5 October: list NULL beside a priced charge of the same cut; the 6th: nothing but an unknown effective cost."""
    ledger.charge("2026-10-05", ("1", "1", "2", "1"), resource_id="i-1", sku_id="a")
    ledger.charge("2026-10-05", ("3", "3", None, "3"), resource_id="i-1", sku_id="b")
    ledger.charge("2026-10-06", ("3", None, "3", "3"), resource_id="i-1")
    ledger.charge("2026-10-07", "5", resource_id="i-2")
    ledger.attribute()

    assert ledger.rows(BY_DAY) == [(5, 4), (6, 2), (7, 0)]
    assert ledger.rows(BY_RESOURCE) == [("i-1", 6), ("i-2", 0)]
    assert ledger.rows("SELECT list_cost FROM spend_day ORDER BY charge_date LIMIT 1") == [(2,)]


def test_shares_of_one_charge_all_lack_what_it_lacks(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", ("8", None, "8", None), resource_id="i-1", gpus=8)
    ledger.workload(range(12), "i-1", "a", requested=4, model="chat")
    ledger.attribute()

    lacking = ledger.rows(
        "SELECT billed_cost IS NULL, effective_cost IS NULL, list_cost IS NULL, contracted_cost IS NULL FROM cost_share"
    )
    assert len(lacking) > 1
    assert set(lacking) == {(False, True, False, True)}
    assert {bits for (bits,) in ledger.rows("SELECT unknown_costs FROM spend_day")} == {10}


def test_a_column_the_bill_never_gives_is_not_named_charge_by_charge(ledger: Ledger) -> None:
    """Contracted cost is unknown to the whole bill, which says so itself; list cost is given, and not here."""
    ledger.charge("2026-10-05", ("1", "1", None, None))
    known(ledger, "billed_cost", "effective_cost", "list_cost")
    ledger.attribute()

    assert ledger.rows(BY_DAY) == [(5, 4)]


def test_of_a_pair_each_half_answers_for_what_it_gives(ledger: Ledger) -> None:
    """The amortised half keeps the list cost, the actual one the contracted cost; billed and effective are theirs."""
    pair: list[tuple[str, int, tuple[str | None, ...], int]] = [
        ("2026-10-01", 1, ("1", None, None, "1"), 0),
        ("2026-10-02", 1, ("1", None, None, None), 8),
        ("2026-10-03", 1, (None, None, None, "1"), 1),
        ("2026-10-04", 2, (None, "1", "2", None), 0),
        ("2026-10-05", 2, (None, "1", None, None), 4),
        ("2026-10-06", 2, (None, None, "2", None), 2),
    ]
    for day, half, cost, _ in pair:
        ledger.charge(day, cost, half=half, provider="azure")  # type: ignore[arg-type]
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE slice SET dataset = 'azure_actual+azure_amortized'")
    ledger.attribute()

    assert ledger.rows(BY_DAY) == [(number, bits) for number, (_, _, _, bits) in enumerate(pair, 1)]


@pytest.mark.parametrize(
    ("half", "columns", "bits"), [(1, ("billed_cost", "list_cost"), 4), (2, ("effective_cost",), 2)]
)
def test_a_half_alone_answers_for_all_it_gives(ledger: Ledger, half: int, columns: tuple[str, ...], bits: int) -> None:
    """Each half without its partner: the actual one lacks a list price, the amortised one its effective cost."""
    ledger.charge("2026-10-05", ("1", None, None, None) if half == 1 else (None,) * 4, provider="azure", half=half)
    known(ledger, *columns)
    ledger.attribute()

    assert ledger.rows(BY_DAY) == [(5, bits)]


def test_a_tax_without_list_price_counts(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "1")
    ledger.charge("2026-10-05", ("2", "2", None, None), category="Tax")
    ledger.attribute()

    assert ledger.rows("SELECT charge_category, unknown_costs FROM spend_day ORDER BY 1") == [("Tax", 12), ("Usage", 0)]
