"""What a company adds by file: exchange rates and outcomes, through to spend in one currency and cost per outcome."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aispend.errors import InputError
from aispend.store import Store
from collectors.files.exchange_rates import import_exchange_rates
from collectors.files.outcomes import import_outcomes
from reports import records, views
from reports.views import SpendQuery, Window
from tests.reports.ledger import Ledger, Share

D = Decimal
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))


def file(folder: Path, content: str) -> Path:
    path = folder / "given.csv"
    path.write_text(content, encoding="utf-8")
    return path


def fill(database: Store, *, pages: bool) -> Store:
    """10 and 20 EUR of chat on two days, 5 USD of rank and 7 GBP of chat; all for support but rank, for search.

    ``pages``: on the second day the other two bills have web pages, so that all are known to it.
    """
    with database.engine.begin() as connection:
        ledger = Ledger(connection)
        bills = {name: ledger.bill(name, "111", date(2026, 10, 1)) for name in ("aws", "gcp", "azure")}
        for provider, currency, day, cost, model, team in (
            ("aws", "EUR", 5, "10", "chat", "support"),
            ("aws", "EUR", 25, "20", "chat", "support"),
            ("gcp", "USD", 5, "5", "rank", "search"),
            ("azure", "GBP", 5, "7", "chat", "support"),
        ):
            shares = [Share((cost,) * 4, model, team)]
            ledger.charge(bills[provider], date(2026, 10, day), shares, provider=provider, currency=currency)
        for provider in ("gcp", "azure") if pages else ():
            ledger.charge(bills[provider], date(2026, 10, 25), [Share(("1",) * 4, is_ai=False)], provider=provider)
        ledger.roll_up()
    return database


@pytest.fixture
def filled(database: Store) -> Store:
    """What outcomes cost, and nothing else."""
    return fill(database, pages=False)


@pytest.fixture
def known(database: Store) -> Store:
    """The same, of bills that are all known to the 25th."""
    return fill(database, pages=True)


def test_spend_in_one_currency_is_each_day_at_its_rate(filled: Store, tmp_path: Path) -> None:
    """10 × 1.25 + 20 × 1.20 = 36.5 USD of chat, and 5 of rank; pounds have no rate and are named."""
    given = "date,base,quote,rate\n2026-10,EUR,USD,1.25\n2026-10-20,EUR,USD,1.10\n2026-10-20,EUR,USD,1.20\n"
    assert import_exchange_rates([file(tmp_path, given)], filled) == 2
    with filled.engine.connect() as connection:
        found = views.spend_in(connection, SpendQuery(by=("model",), window=OCTOBER), "USD")
        again = views.spend_in(connection, SpendQuery(by=("month",), window=OCTOBER), "USD")
    assert [(row.cut, row.amount, dict(row.original)) for row in found.rows] == [
        (("chat",), D("36.5"), {"EUR": D(30)}),
        (("rank",), D(5), {"USD": D(5)}),
    ]
    assert (found.total, dict(found.unconverted), found.oldest_rate) == (D("41.5"), {"GBP": D(7)}, date(2026, 10, 1))
    assert [(row.cut, row.amount) for row in again.rows] == [((date(2026, 10, 1),), D("41.5"))]


def test_without_rates_nothing_is_added_to_another_currency(filled: Store) -> None:
    with filled.engine.connect() as connection:
        found = views.spend_in(connection, SpendQuery(by=(), window=OCTOBER), "USD")
    assert (found.total, dict(found.unconverted), found.oldest_rate) == (D(5), {"EUR": D(30), "GBP": D(7)}, None)


def test_cost_per_outcome_over_the_days_that_were_counted(known: Store, tmp_path: Path) -> None:
    """31 tickets in October are one a day; over the first ten days ten, for 10 EUR and 7 GBP of chat; 4 documents of
    the fifth for all AI spend of that day. At 1.25 dollars a euro 10 EUR are 12.50; pounds have no rate."""
    given = (
        "from,to,outcome,count,model,team\n"
        "2026-10,,ticket resolved,31,chat,support\n"
        "2026-10-05,,document read,4,,\n"
        "2026-10-06,,document read,0,,\n"
        "2026-10-07,,call,3,none,\n"
    )
    assert import_outcomes([file(tmp_path, given)], known) == 4
    days = Window(date(2026, 10, 1), date(2026, 10, 11))

    def shown(currency: str | None = None) -> list[tuple[Any, ...]]:
        with known.engine.connect() as connection:
            found = views.outcome_costs(connection, days, home="USD", currency=currency)
        return [
            (
                row.outcome,
                row.currency,
                row.count,
                row.days,
                row.effective_cost,
                row.cost_per_outcome,
                dict(row.unconverted),
            )
            for row in found.rows
        ]

    pounds = {"GBP": D(7)}
    assert shown() == [
        ("call", None, D(3), 1, None, None, {}),
        ("document read", "USD", D(4), 2, D(5), D("1.25"), {"EUR": D(10), **pounds}),
        ("ticket resolved", "USD", D(10), 10, None, None, {"EUR": D(10), **pounds}),
    ]
    rates = "date,base,quote,rate\n2026-10,EUR,USD,1.25\n"
    import_exchange_rates([file(tmp_path, rates)], known)
    assert shown()[1:] == [
        ("document read", "USD", D(4), 2, D("17.5"), D("4.375"), pounds),
        ("ticket resolved", "USD", D(10), 10, D("12.5"), D("1.25"), pounds),
    ]
    assert shown("EUR")[1:] == [
        ("document read", "EUR", D(4), 2, D(14), D("3.5"), pounds),
        ("ticket resolved", "EUR", D(10), 10, D(10), D(1), pounds),
    ]


def test_an_outcome_billed_in_one_currency_stays_in_it_unless_asked(known: Store, tmp_path: Path) -> None:
    """20 EUR of the 25th for 5 documents are 4 each; at 1.20 dollars a euro 24 and 4.80, the euros kept beside."""
    import_outcomes([file(tmp_path, "from,outcome,count\n2026-10-25,document read,5\n")], known)
    import_exchange_rates([file(tmp_path, "date,base,quote,rate\n2026-10-20,EUR,USD,1.20\n")], known)
    with known.engine.connect() as connection:
        own = views.outcome_costs(connection, OCTOBER, home="USD")
        asked = views.outcome_costs(connection, OCTOBER, home="USD", currency="USD")
    assert [(row.currency, row.cost_per_outcome) for row in own.rows] == [("EUR", D(4))]
    assert own.oldest_rate is None
    assert [(row.currency, row.effective_cost, row.cost_per_outcome) for row in asked.rows] == [
        ("USD", D(24), D("4.8"))
    ]
    (record,) = records.outcome_records(asked.rows)
    assert (record["original"], record["unconverted"], asked.oldest_rate) == ("20 EUR", None, date(2026, 10, 20))


def test_an_import_of_outcomes_takes_the_place_of_its_last(known: Store, tmp_path: Path) -> None:
    for count in (3, 5):
        import_outcomes([file(tmp_path, f"from,outcome,count\n2026-10-05,call,{count}\n")], known)
    with known.engine.connect() as connection:
        assert {row.count for row in views.outcome_costs(connection, OCTOBER, home="USD").rows} == {D(5)}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-10,EUR,EUR,1", "two currencies"),
        ("2026-10,EUR,USD,0", "more than zero"),
        ("2026-10,EUR,USD,x", "not an amount"),
    ],
)
def test_rates_that_cannot_be_are_refused(line: str, expected: str, database: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=expected):
        import_exchange_rates([file(tmp_path, f"date,base,quote,rate\n{line}\n")], database)


def test_what_outcomes_are_worth_stands_beside_what_they_cost(known: Store, tmp_path: Path) -> None:
    """31 tickets in October at 2.50 EUR, ten of them in ten days: 25 EUR for 10 EUR and 7 GBP of chat, 24 EUR; in
    dollars 31.25 for 30. Documents without a value for a part of the days have none, nor have calls in yen, for want of
    a rate.
    """
    given = (
        "from,to,outcome,count,model,team,value,currency\n"
        "2026-10,,ticket resolved,31,chat,support,2.50,eur\n"
        "2026-10-05,,document read,4,rank,,3,USD\n"
        "2026-10-06,,document read,1,rank,,,\n"
        "2026-10-05,,call,2,rank,,300,JPY\n"
        "2026-10-05,,answer,2,rank,,4,USD\n"
    )
    import_outcomes([file(tmp_path, given)], known)
    days = Window(date(2026, 10, 1), date(2026, 10, 11))

    def shown(currency: str | None = None) -> dict[str, tuple[Any, ...]]:
        with known.engine.connect() as connection:
            found = views.outcome_costs(connection, days, home="USD", currency=currency)
        return {
            row.outcome: (row.currency, row.effective_cost, row.value, row.value_each, row.net_value)
            for row in found.rows
        }

    assert shown()["ticket resolved"] == ("USD", None, None, None, None)  # nothing has a rate
    assert shown()["answer"] == ("USD", D(5), D(8), D(4), D(3))
    rates = "date,base,quote,rate\n2026-10,EUR,USD,1.25\n2026-10,GBP,EUR,2\n"
    import_exchange_rates([file(tmp_path, rates)], known)
    assert shown() == {
        "answer": ("USD", D(5), D(8), D(4), D(3)),
        "call": ("USD", D(5), None, None, None),
        "document read": ("USD", D(5), None, None, None),
        "ticket resolved": ("USD", D(30), D("31.25"), D("3.125"), D("1.25")),
    }
    assert shown("EUR")["ticket resolved"] == ("EUR", D(24), D(25), D("2.5"), D(1))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-10-05,call,2,3,", "Nothing says in which currency."),
        ("2026-10-05,call,2,-3,USD", "A value is not below zero."),
        ("2026-10-05,call,2,3,EURO", "This is not a currency."),
        ("2026-10-05,call,2,much,USD", "This is not an amount."),
    ],
)
def test_a_value_that_cannot_be_used_is_told_by_line_and_column(
    known: Store, tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        import_outcomes([file(tmp_path, f"from,outcome,count,value,currency\n{line}\n")], known)
    assert said in str(caught.value)
    assert "line 2" in str(caught.value)


def test_days_that_no_bill_tells_of_are_not_free(known: Store, tmp_path: Path) -> None:
    """Bills end on 25 October: of 31 tickets 25 cost 30 EUR and 7 GBP, and are worth 50; six nobody was billed for."""
    given = "from,to,outcome,count,model,team,value,currency\n2026-10,,ticket,31,chat,support,2,EUR\n"
    import_outcomes([file(tmp_path, given)], known)
    rates = "date,base,quote,rate\n2026-10,GBP,EUR,1\n"
    import_exchange_rates([file(tmp_path, rates)], known)
    with known.engine.connect() as connection:
        found = views.outcome_costs(connection, OCTOBER, home="EUR")
        later = views.outcome_costs(connection, Window(date(2026, 10, 26), date(2026, 11, 1)), home="EUR")
    (row,) = found.rows
    assert found.window == Window(date(2026, 10, 1), date(2026, 10, 26))
    assert (row.count, row.days, row.effective_cost, row.cost_per_outcome) == (D(25), 25, D(37), D("1.48"))
    assert (row.value, row.net_value) == (D(50), D(13))
    assert (later.rows, later.counted) == ((), True)
