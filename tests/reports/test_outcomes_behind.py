"""Cost per outcome where one bill is behind another: days that are not billed yet are not free."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert

from aispend.cli.company import outcome_notes
from aispend.schema import outcome_day
from aispend.store import Store
from reports import records, views
from reports.views import Window
from tests.reports.ledger import Ledger, Share

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))


def spend(store: Store, *rows: tuple[str, str, str, str]) -> None:
    """Provider, model, first and last day in October at 10 a day; each bill is of the last day's month."""
    with store.engine.begin() as connection:
        ledger = Ledger(connection)
        bills: dict[tuple[str, date], int] = {}
        for provider, model, first, last in rows:
            day = date.fromisoformat(first)
            while day <= date.fromisoformat(last):
                key = provider, day.replace(day=1)
                bills[key] = bills.get(key) or ledger.bill(provider, "111", key[1])
                ledger.charge(bills[key], day, [Share(("10",) * 4, model, "support")], provider=provider)
                day += timedelta(days=1)
        ledger.roll_up()


def tickets(store: Store, model: str | None, days: int = 10) -> None:
    """100 a day from 1 October on, each worth 0.20 dollars."""
    with store.engine.begin() as connection:
        connection.execute(
            insert(outcome_day).values(
                source="t", day=date(2026, 10, 1), end_day=date(2026, 10, 1) + timedelta(days=days), outcome="ticket",
                model=model, team=None, count=D(100 * days), value_each=D("0.2"), currency="USD",
            )
        )  # fmt: skip


def found(store: Store, window: Window = OCTOBER) -> views.OutcomeCosts:
    with store.engine.connect() as connection:
        return views.outcome_costs(connection, window, home="USD")


def test_outcomes_end_with_the_bill_of_what_they_cost(database: Store) -> None:
    """AWS is known to the 5th, Azure to the 10th: 500 tickets of chat for 50, worth 100; of all AI spend for 100."""
    spend(database, ("aws", "chat", "2026-10-01", "2026-10-05"), ("azure", "rank", "2026-10-01", "2026-10-10"))
    tickets(database, "chat")
    tickets(database, "rank")
    tickets(database, None)
    rows = {row.model: row for row in found(database).rows}
    of_all, chat, rank = rows[None], rows["chat"], rows["rank"]
    assert (chat.count, chat.days, chat.effective_cost, chat.cost_per_outcome) == (D(500), 5, D(50), D("0.1"))
    assert (chat.value, chat.net_value, chat.known_to) == (D(100), D(50), date(2026, 10, 5))
    assert (rank.count, rank.effective_cost, rank.net_value, rank.known_to) == (D(1000), D(100), D(100), None)
    assert (of_all.count, of_all.effective_cost, of_all.net_value, of_all.known_to) == (
        D(500), D(100), D(0), date(2026, 10, 5),
    )  # fmt: skip
    assert outcome_notes(found(database))[1] == (
        "To the day below a count: a bill of what it cost ends on that day, and nothing later is counted."
    )
    assert [row["known_to"] for row in records.outcome_records([chat, rank])] == [date(2026, 10, 5), None]


def test_what_was_counted_after_its_bill_alone_has_no_cost_and_is_told(database: Store) -> None:
    spend(database, ("aws", "chat", "2026-10-01", "2026-10-05"), ("azure", "rank", "2026-10-01", "2026-10-10"))
    tickets(database, "chat")
    (row,) = found(database, Window(date(2026, 10, 6), date(2026, 10, 11))).rows
    assert (row.count, row.days, row.effective_cost, row.cost_per_outcome) == (D(0), 0, None, None)
    assert (row.value, row.net_value, row.known_to) == (None, None, date(2026, 10, 5))


@pytest.mark.parametrize(
    ("last", "known_to"),
    [
        pytest.param("2026-09-02", date(2026, 9, 2), id="late"),
        pytest.param("2026-08-31", None, id="nothing of the month before: it may have stopped for good"),
    ],
)
def test_a_bill_that_ended_does_not_cut_what_another_goes_on_with(
    database: Store, last: str, known_to: date | None
) -> None:
    spend(database, ("aws", "chat", "2026-08-30", last), ("azure", "chat", "2026-08-20", "2026-10-10"))
    tickets(database, "chat")
    (row,) = found(database).rows
    assert (row.known_to, row.count) == (known_to, D(0) if known_to else D(1000))


def test_a_bill_that_no_longer_has_a_model_does_not_cut_it(database: Store) -> None:
    """AWS goes on to 5 October without chat, which it had last on the first of September."""
    spend(
        database,
        ("aws", "chat", "2026-09-01", "2026-09-01"),
        ("aws", "rank", "2026-10-04", "2026-10-05"),
        ("azure", "chat", "2026-09-01", "2026-10-10"),
    )
    tickets(database, "chat")
    (row,) = found(database).rows
    assert (row.known_to, row.count, row.effective_cost) == (None, D(1000), D(100))
