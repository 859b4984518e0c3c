"""The ledger against itself: counted twice, free though paid, in no currency, ids as given."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection, insert, text

from aispend.schema import inference_request
from analyzer.findings import Finding
from analyzer.reconcile_ledger import (
    every_amount_has_its_currency,
    no_account_is_counted_twice,
    paid_usage_is_never_free,
    request_ids_are_hashed,
)
from tests.analyzer.conftest import Ledger

D = Decimal


def twice(ledger: Ledger) -> list[Finding]:
    with ledger.store.engine.connect() as connection:
        return list(no_account_is_counted_twice(connection))


def test_the_bill_of_a_member_beside_that_of_its_payer_is_counted_twice(ledger: Ledger) -> None:
    for scope in ("payer", "member"):
        ledger.charge("2026-10-05", "10", scope=scope, account_id="member", sku_id="gpu", quantity="2")
        ledger.charge("2026-10-06", "4", scope=scope, account_id="member", sku_id="gpu")
    ledger.charge("2026-10-06", "50", scope="payer", account_id="other")

    (row,) = twice(ledger)
    assert (row.scope, row.period, row.currency) == ("aws member in member and payer", date(2026, 10, 1), "USD")
    assert (row.ours, row.holds) == (D(14), False)
    assert row.cause == "the same charges are in both: one bill is part of the other"


def test_an_account_that_changed_its_payer_is_not(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", scope="old", account_id="member", sku_id="gpu")
    ledger.charge("2026-10-05", "1", scope="old", account_id="member", sku_id="disk")
    ledger.charge("2026-10-05", "1", scope="new", account_id="member", sku_id="disk")
    ledger.charge("2026-10-20", "12", scope="new", account_id="member", sku_id="gpu")

    (row,) = twice(ledger)
    assert (row.ours, row.holds, row.attention) == (D(1), True, True)


def test_the_same_account_in_two_months_or_once_says_nothing(ledger: Ledger) -> None:
    ledger.charge("2026-09-05", "10")
    ledger.charge("2026-10-05", "10", scope="another")
    assert twice(ledger) == []


@pytest.mark.parametrize(
    ("pricing", "flag", "commitment", "broken"),
    [
        ("Standard", None, None, True),
        ("Dynamic", None, None, True),
        ("Standard", "effective_zero_on_paid_usage", None, False),
        ("Committed", None, "sp-1", False),
    ],
)
def test_paid_usage_without_effective_cost_is_seen_unless_it_is_flagged(
    ledger: Ledger, pricing: str, flag: str | None, commitment: str | None, broken: bool
) -> None:
    kind = {"pricing_category": pricing, "flag": flag}
    ledger.charge("2026-10-05", ("3", "0", "3", "3"), kind=kind, commitment_id=commitment)
    with ledger.store.engine.connect() as connection:
        found = list(paid_usage_is_never_free(connection))
    assert [(row.ours, row.holds) for row in found] == ([(D(1), False)] if broken else [])


def currencies(connection: Connection) -> list[tuple[str | None, bool]]:
    return [(row.currency, row.holds) for row in every_amount_has_its_currency(connection)]


def test_amounts_stay_in_their_currency(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "3")
    ledger.charge("2026-10-05", "3", currency="EUR")
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        assert currencies(connection) == [("EUR", True), ("USD", True)]
        connection.execute(text("UPDATE spend_day SET currency = 'GBP' WHERE currency = 'EUR'"))
        assert ("GBP", False) in currencies(connection)
        connection.execute(text("UPDATE charge_kind SET billing_currency = 'euro' WHERE billing_currency = 'EUR'"))
        assert ("euro", False) in currencies(connection)


def test_a_request_id_as_it_was_given_is_seen(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        assert not list(request_ids_are_hashed(connection))
        for request_id in ("ab" * 32, "chatcmpl-1"):
            values = {"namespace": "gateway", "request_id": request_id, "day": date(2026, 10, 5), "slice_id": 1}
            connection.execute(insert(inference_request).values(values))
        (row,) = request_ids_are_hashed(connection)
    assert (row.ours, row.holds, row.cause) == (D(1), False, "1 request ids are not hashed")
