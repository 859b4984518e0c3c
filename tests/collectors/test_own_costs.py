"""Costs that no cloud bills: from a file into the ledger, exact, attributed, replaced by the month."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.settings import Settings
from aispend.store import Store
from analyzer.run import analyze
from collectors.files.own_costs import import_own_costs

D = Decimal
HEADER = "from,to,category,description,amount,currency,vendor,model,team,stage,resource_id,book\n"


def load(folder: Path, lines: str, store: Store, clock: Clock) -> list[Any]:
    path = folder / "costs.csv"
    path.write_text(HEADER + lines, encoding="utf-8")
    return import_own_costs([path], store, Settings(home=folder), clock)


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_year_of_a_licence_is_paid_by_the_day_and_goes_to_its_team(
    database: Store, clock: Clock, tmp_path: Path
) -> None:
    """100 for three days: 33.333333333334 and twice 33.333333333333; a month of labelling across no other month."""
    reports = load(
        tmp_path,
        "2026-09-29,2026-10-02,licence,Tuner licence,100,USD,Acme,llama,search,training,,\n"
        "2026-10,,data,Labelling of receipts,310,EUR,,,finance,,,\n",
        database,
        clock,
    )
    assert [(one.provider, one.scope, f"{one.month:%Y-%m}", one.lines) for one in reports] == [
        ("own", "costs", "2026-09", 2),
        ("own", "costs", "2026-10", 32),
    ]
    analyze(database.engine, Settings(home=tmp_path), clock)
    found = rows(
        database,
        "SELECT service, model, team, stage, is_ai, currency, sum(effective_cost), sum(billed_cost) FROM spend_day"
        " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1",
    )
    assert found == [
        ("Data and labelling", None, "finance", "unknown", True, "EUR", D(310), D(310)),
        ("Licences", "llama", "search", "training", True, "USD", D(100), D(100)),
    ]
    days = rows(database, "SELECT effective_cost FROM spend_day WHERE currency = 'USD' ORDER BY charge_date")
    assert days == [(D("33.333333333334"),), (D("33.333333333333"),), (D("33.333333333333"),)]


def test_a_month_is_replaced_and_another_book_is_not(database: Store, clock: Clock, tmp_path: Path) -> None:
    load(tmp_path, "2026-10,,seat,Assistants,62,USD,,,,,,seats\n2026-10,,people,Team,31,USD,,,,,,\n", database, clock)
    again = load(tmp_path, "2026-10,,seat,Assistants,93,USD,,,,,,seats\n", database, clock)
    assert [(one.scope, one.outcome, one.replaced_lines) for one in again] == [("seats", "loaded", 31)]
    assert rows(database, "SELECT sum(billed_cost) FROM charge") == [(D(124),)]
    same = load(tmp_path, "2026-10,,seat,Assistants,93,USD,,,,,,seats\n", database, clock)
    assert [one.outcome for one in same] == ["unchanged"]


def test_every_mistake_is_named_and_nothing_is_loaded(database: Store, clock: Clock, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        load(
            tmp_path,
            "2026-10,,seat,Assistants,62,USD,,,,,,\n"
            "2026-10,2026-09,seat,Assistants,62,USD,,,,,,\n"
            "2026-10,,snacks,Fruit,62,USD,,,,,,\n"
            '2026-10,,people,Team,"1,000",USD,,,,,,\n',
            database,
            clock,
        )
    message = str(raised.value)
    assert "The period is empty. Nothing was loaded. 2 more" in message
    assert "line 3, column to, value 2026-09" in message
    assert "line 4, column category, value snacks" in message
    assert "line 5, column amount, value 1,000" in message
    assert rows(database, "SELECT count(*) FROM charge") == [(0,)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("from,category\n", "Columns are missing: description, amount, currency."),
        ("from,category,description,amount,currency,colour\n", "Columns have no meaning here: colour."),
        ("from,category,description,amount,currency,Seats-Used\n", "seats-used: did you mean seats_used\\?"),
        ("from,category,descripton,amount,currency\n", "descripton: did you mean description\\?"),
        ("from,category,description,amount,currency\n2026-10,licenses,a,5,EUR\n", "Did you mean licence\\?"),
        ("from,category,description,amount,currency,from\n", "A column is there twice."),
        ("from,category,description,amount,currency\n", "There is a header but no line."),
        ("from,category,description,amount,currency\n2026-10,seat,a, b,5,USD\n", "another number of fields"),
        ("from,category,description,amount,currency\n2026-10,seat,a,5,EURO\n", "This is not a currency."),
        ("from,category,description,amount,currency\n2026-10,seat,,5,EUR\n", "A value is missing."),
        ("from,category,description,amount,currency\n10/2026,seat,a,5,EUR\n", "This is not a day."),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    content: str, expected: str, database: Store, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=expected):
        import_own_costs([path], database, Settings(home=tmp_path), clock)
