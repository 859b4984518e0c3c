"""Why cost changed by resource and by tag: each value by itself, adding up to what spend says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

import pytest

from aispend.errors import UsageError
from aispend.store import Store
from reports import views
from reports.views import SpendQuery, Window
from tests.reports.ledger import Ledger, Share

D = Decimal
OCTOBER, NOVEMBER = Window(date(2026, 10, 1), date(2026, 11, 1)), Window(date(2026, 11, 1), date(2026, 12, 1))


@pytest.fixture
def ledger(database: Store) -> Iterator[Ledger]:
    """Machine a grows from 10 to 15 hours at 2; b (4 hours) is replaced by c (3 hours); a fee is of no machine."""
    with database.engine.connect() as connection:
        found = Ledger(connection)
        bills = {month: found.bill("aws", "111", date(2026, month, 1)) for month in (10, 11)}

        def hours(month: int, cost: str, quantity: str, resource: str | None, tags: Mapping[str, str] | None) -> None:
            found.charge(
                bills[month],
                date(2026, month, 5),
                [Share((cost,) * 4, "chat", "search")],
                provider="aws",
                resource_id=resource,
                tags=tags,
                pricing_quantity=quantity,
                sku_columns={"accelerators": 1, "instance_type": "g", "pricing_unit": "Hrs"},
            )

        hours(10, "20", "10", "a", {"user:Env": "prod"})
        hours(11, "30", "15", "a", {"env": "prod"})
        hours(10, "8", "4", "b", {"env": "lab"})
        hours(11, "6", "3", "c", {"env": "lab"})
        hours(11, "1", "1", None, None)
        found.roll_up()
        yield found


def test_each_machine_changes_by_itself(ledger: Ledger) -> None:
    found = views.changes(ledger.connection, OCTOBER, NOVEMBER, by=("resource",))
    rows = {row.cut[0]: (row.before, row.after, dict(row.effects)) for row in found.rows}
    assert rows == {
        "a": (D(20), D(30), {"volume": D(10)}),
        "b": (D(8), D(0), {"volume": D(-8)}),
        "c": (D(0), D(6), {"volume": D(6)}),
        None: (D(0), D(1), {"volume": D(1)}),
    }
    (total,) = found.totals
    assert (total.before, total.after, total.change) == (D(28), D(37), D(9))


@pytest.mark.parametrize("key", ["env", "user:ENV", "e-nv"])
def test_a_tag_is_cut_whatever_the_spelling_of_its_key(ledger: Ledger, key: str) -> None:
    """lab: 4 hours to 3, at 2 each."""
    found = views.changes(ledger.connection, OCTOBER, NOVEMBER, by=(f"tag:{key}", "model"))
    rows = {row.cut: (row.before, row.after, dict(row.effects)) for row in found.rows}
    assert rows == {
        ("prod", "chat"): (D(20), D(30), {"volume": D(10)}),
        ("lab", "chat"): (D(8), D(6), {"volume": D(-2)}),
        (None, "chat"): (D(0), D(1), {"volume": D(1)}),
    }


@pytest.mark.parametrize("by", [("resource",), ("tag:env",), ("resource", "team", "tag:env"), ("tag:no", "resource")])
def test_both_periods_are_what_spend_says(ledger: Ledger, by: tuple[str, ...]) -> None:
    found = views.changes(ledger.connection, OCTOBER, NOVEMBER, by=by)
    for side, window in (("before", OCTOBER), ("after", NOVEMBER)):
        spent = views.spend(ledger.connection, SpendQuery(by=by, window=window, ai_only=True))
        assert {row.cut: getattr(row, side) for row in found.rows if getattr(row, side)} == {
            row.cut: row.costs.effective_cost for row in spent.rows
        }
    assert all(sum(row.effects.values()) == row.change for row in found.rows)


@pytest.mark.parametrize("cut", ["tag:", "day"])
def test_a_cut_there_is_not_is_refused(ledger: Ledger, cut: str) -> None:
    with pytest.raises(UsageError, match="has no cut by"):
        views.changes(ledger.connection, OCTOBER, NOVEMBER, by=(cut,))
