"""Why cost changed, in one currency: by hand, and against spend in the same currency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection, text

from aispend.store import Store
from reports import views
from reports.change_words import behind, effect_words
from reports.views import Changes, SpendQuery, Window
from tests.reports.ledger import Ledger, Share

D = Decimal
OCTOBER, NOVEMBER = Window(date(2026, 10, 1), date(2026, 11, 1)), Window(date(2026, 11, 1), date(2026, 12, 1))
MACHINE = {"accelerators": 1, "instance_type": "g", "pricing_unit": "Hrs"}


class Company:
    """Charges of machines by day, and rates."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.ledger = Ledger(connection)
        self.bills = {
            (provider, month): self.ledger.bill(provider, "111", date(2026, month, 1))
            for provider in ("aws", "gcp", "azure")
            for month in (10, 11)
        }

    def hours(
        self, month: int, day: int, cost: str, hours: str | None, currency: str = "EUR", model: str = "chat"
    ) -> None:
        provider = {"EUR": "aws", "USD": "gcp"}.get(currency, "azure")
        self.ledger.charge(
            self.bills[provider, month],
            date(2026, month, day),
            [Share((cost,) * 4, model, "search")],
            provider=provider,
            currency=currency,
            pricing_quantity=hours,
            category="Usage" if hours else "Credit",
            sku_columns=MACHINE,
        )

    def rate(self, day: str, rate: str, base: str = "EUR", quote: str = "USD") -> None:
        self.connection.execute(
            text("INSERT INTO exchange_rate (base, quote, valid_from, rate, source) VALUES (:b, :q, :d, :r, 'test')"),
            {"b": base, "q": quote, "d": date.fromisoformat(day), "r": D(rate)},
        )

    def why(self, currency: str, by: Sequence[str] = ("model",)) -> Changes:
        """The changes of November; both periods are what spend says in that currency, row by row."""
        self.ledger.roll_up()
        found = views.changes(self.connection, OCTOBER, NOVEMBER, by=by, currency=currency)
        for row in (*found.rows, *found.totals):
            assert row.currency == currency
            assert sum(row.effects.values()) == row.change
        for side, window in (("before", OCTOBER), ("after", NOVEMBER)):
            query = SpendQuery(by=tuple(by), window=window, ai_only=True)
            spent = views.spend_in(self.connection, query, currency)
            assert sum(getattr(total, side) for total in found.totals) == spent.total
            closed = dict(
                spent.unconverted
            )  # every amount of a currency is an original or named: closed, then converted
            for row in spent.rows:
                for code, amount in row.original.items():
                    closed[code] = closed.get(code, D(0)) + amount
            assert closed == {total.currency: total.costs.effective_cost for total in spent.spend.totals}
            amounts = {row.cut: row.amount for row in spent.rows}
            assert {row.cut: getattr(row, side) for row in found.rows if row.cut in amounts} == amounts
            place = ("before", "after").index(side)
            lacking = {code: both[place] for code, both in found.unconverted.items() if both[place]}
            assert lacking == dict(spent.unconverted)
        return found


@pytest.fixture
def books(database: Store):  # type: ignore[no-untyped-def]
    with database.engine.connect() as connection:
        yield Company(connection)


def test_a_hundred_euros_at_110_then_120_at_120(books: Company) -> None:
    """10 to 12 hours at 10 EUR, 1.10 to 1.20 USD: +2 hours × 10 × 1.10 = +22; 120 × 0.10 = +12; 110 to 144."""
    books.hours(10, 5, "100", "10")
    books.hours(11, 5, "120", "12")
    books.rate("2026-10-01", "1.10")
    books.rate("2026-11-01", "1.20")
    found = books.why("USD")
    (row,) = found.rows
    assert (row.before, row.after, row.effects) == (D(110), D(144), {"volume": D(22), "currency": D(12)})
    assert (found.oldest_rate, found.unconverted) == (date(2026, 10, 1), {})
    told = {one.effect: behind(one) for one in found.drivers["USD"]}
    assert told["currency"] == "EUR +12.00: 1 EUR = 1.1 → 1.2"
    assert effect_words("currency", D(12)) == "dearer currency"


def test_two_currencies_are_one_row_and_one_total(books: Company) -> None:
    """50 to 60 USD of the same model beside 100 to 120 EUR, both for two hours in ten more: 22 + 10 volume."""
    for month, hours, euros, dollars in ((10, "10", "100", "50"), (11, "12", "120", "60")):
        books.hours(month, 5, euros, hours)
        books.hours(month, 5, dollars, hours, "USD")
    books.rate("2026-10-01", "1.10")
    books.rate("2026-11-01", "1.20")
    (row,) = books.why("USD").rows
    assert (row.before, row.after, row.effects) == (D(160), D(204), {"volume": D(32), "currency": D(12)})


def test_what_has_no_rate_is_named_apart(books: Company) -> None:
    """Euros have a rate from 15 October on; pounds none: 30 EUR of October's and all pounds stand apart."""
    for day, cost in ((5, "30"), (20, "70")):
        books.hours(10, day, cost, "1")
    books.hours(11, 5, "100", "2")
    books.hours(11, 5, "9", "2", "GBP", "rank")
    books.rate("2026-10-15", "1.10")
    found = books.why("USD")
    assert found.unconverted == {"EUR": (D(30), D(0)), "GBP": (D(0), D(9))}
    assert [(row.cut, row.before, row.after) for row in found.rows] == [(("chat",), D(77), D(110))]


def test_a_rate_that_changes_within_a_month_and_a_credit(books: Company) -> None:
    """October: 40 at 1 and 60 at 1.5, less 10 of credit at 1.5, is 115. Of the size of all 110, worth 145: 1.3181…"""
    books.hours(10, 5, "40", "4")
    books.hours(10, 25, "60", "6")
    books.hours(10, 25, "-10", None)
    books.hours(11, 5, "100", "10")
    books.rate("2026-10-01", "1")
    books.rate("2026-10-20", "1.5")
    found = books.why("USD")
    (total,) = found.totals
    assert (total.before, total.after) == (D(115), D(150))
    assert total.effect("credits") == (D(10) * 145 / 110).quantize(D("1e-12"))
    assert total.effect("currency") == D(35) - total.effect("credits")
    (told,) = (one.moved for one in found.drivers["USD"] if one.effect == "currency")
    assert told is not None
    assert (round(told.before, 6), told.after) == (D("1.318182"), D("1.5"))


def test_rates_that_never_end_still_add_up(books: Company) -> None:
    """Thirds and sevenths of a unit, in three models: rows and total are spend's to the last digit."""
    for number, model in enumerate(("chat", "rank", "embed")):
        for day in range(1, 8):
            books.hours(10, day, f"{number + 1}.{day}1", "1", model=model)
            books.hours(11, day, f"{number + 2}.{day}3", "2", model=model)
    books.rate("2026-10-01", "3", "USD", "EUR")
    books.rate("2026-10-04", "7", "USD", "EUR")
    books.rate("2026-11-03", "6.999", "USD", "EUR")
    assert len(books.why("USD", ("model", "team")).rows) == 3


def test_new_spend_in_a_currency_has_no_currency_effect(books: Company) -> None:
    books.hours(11, 5, "100", "2")
    books.rate("2026-10-01", "1.10")
    (row,) = books.why("USD").rows
    assert row.effects == {"volume": D(110)}


def test_one_currency_asked_for_itself_is_as_without(books: Company) -> None:
    books.hours(10, 5, "100", "10")
    books.hours(11, 5, "150", "12")
    converted = books.why("EUR")
    plain = views.changes(books.connection, OCTOBER, NOVEMBER)
    assert converted.rows == plain.rows
    assert converted.totals == plain.totals
    assert converted.oldest_rate is None
