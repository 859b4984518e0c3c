"""Whatever happens after a month was closed: published + adjustments = the ledger, and published stays as it was."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from analyzer.closing import close_month, reopen_month
from analyzer.reconcile_closing import adjustments_explain_the_ledger, closed_months_are_unchanged
from tests.analyzer.bills import COSTS
from tests.analyzer.conftest import Ledger

OCTOBER = date(2026, 10, 1)
_CUT = "provider, scope, account, service, model, team, stage, charge_category, is_ai, currency"
_AMOUNT = st.decimals("-100", "100", places=12, allow_nan=False, allow_infinity=False)
_CHANGE = st.one_of(
    st.tuples(st.just("restate"), st.integers(1, 4), st.lists(st.none() | _AMOUNT, min_size=4, max_size=4)),
    st.tuples(st.just("drop"), st.integers(1, 4), st.none()),
    st.tuples(st.just("add"), st.sampled_from(["payer", "late"]), _AMOUNT),
    st.tuples(st.just("rule"), st.sampled_from(["ads", "web"]), st.sampled_from(["shop", "lab"])),
)


def apply(ledger: Ledger, change: tuple[str, Any, Any], moment: int) -> None:
    kind, which, value = change
    if kind == "add":
        ledger.charge("2026-10-09", str(value), scope=which, tags={"team": "ads"})
    elif kind == "rule":
        ledger.attribute(rule=[{"name": "moved", "match": {"tags": {"team": which}}, "set": {"team": value}}])
    with ledger.store.engine.begin() as connection:
        if kind == "restate":
            costs = ", ".join(f"{column} = :{column}" for column in COSTS)
            values = dict(zip(COSTS, value, strict=True)) | {"ordinal": which}
            connection.execute(text(f"UPDATE charge SET {costs} WHERE ordinal = :ordinal"), values)
        elif kind == "drop":
            connection.execute(text("DELETE FROM cost_share WHERE ordinal = :ordinal"), {"ordinal": which})
            connection.execute(text("DELETE FROM charge WHERE ordinal = :ordinal"), {"ordinal": which})
        connection.execute(
            text("UPDATE slice SET loaded_at = loaded_at + make_interval(secs => :s) WHERE kind = 'bill'"),
            {"s": moment},
        )


def sums(ledger: Ledger, table: str, where: str) -> dict[Any, list[Decimal]]:
    costs = ", ".join(f"coalesce(sum({column}), 0)" for column in COSTS)
    rows = ledger.rows(f"SELECT {_CUT}, {costs} FROM {table} WHERE {where} GROUP BY {_CUT}")
    return {row[:-4]: list(row[-4:]) for row in rows if any(row[-4:])}


@settings(max_examples=4)
@given(st.lists(_CHANGE, min_size=1, max_size=3))
@pytest.mark.long
def test_published_and_adjustments_are_always_the_ledger(ledger: Ledger, changes: list[tuple[str, Any, Any]]) -> None:
    engine, clock = ledger.store.engine, ledger.clock
    if not ledger.rows("SELECT 1 FROM closing"):
        for number, team in enumerate(("ads", "web", "ads", None), start=5):
            ledger.charge(f"2026-10-{number:02}", f"{number}.25", tags={"team": team} if team else None)
        ledger.attribute()
    else:
        reopen_month(engine, clock, OCTOBER, who="ada", reason="next example")
        ledger.attribute()
    close_month(engine, ledger.settings, clock, OCTOBER, who="ada", force_reason="no load is on record")
    published = ledger.rows("SELECT * FROM closing_amount WHERE adjustment = 0 ORDER BY 1, 2, 3")

    for moment, change in enumerate(changes, start=1):
        apply(ledger, change, moment)
        ledger.attribute()
        present = "spend_day JOIN (SELECT slice_id, scope FROM slice) AS s USING (slice_id)"
        standing = "closing_id = (SELECT closing_id FROM closing WHERE reopened_at IS NULL)"
        assert sums(ledger, "closing_amount", standing) == sums(ledger, present, "billing_month = '2026-10-01'")
        assert ledger.rows("SELECT * FROM closing_amount WHERE adjustment = 0 ORDER BY 1, 2, 3") == published
        with engine.connect() as connection:
            assert all(row.holds for row in adjustments_explain_the_ledger(connection))
            assert all(row.holds for row in closed_months_are_unchanged(connection))
