"""Commitments from bill and listing: used, unused, saved, and who benefits; by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import insert

from aispend.schema import commitment_term
from reports import views
from reports.views import Beneficiary, Window
from tests.analyzer.conftest import Ledger

D = Decimal
PLAN = "arn:aws:savingsplans::111:savingsplan/one"
OCTOBER = Window(date(2026, 10, 1), date(2026, 11, 1))


def term(ledger: Ledger, name: str, **values: object) -> None:
    given = {
        "provider": "aws",
        "commitment_id": name,
        "kind": "savings_plan",
        "description": "Compute, three years",
        "owner_account": "111",
        "currency": "USD",
        "starts_at": datetime(2025, 1, 1, tzinfo=UTC),
        "ends_at": datetime(2028, 1, 1, tzinfo=UTC),
        "state": "active",
        "source": "aws/commitments",
        "as_of": datetime(2026, 11, 20, tzinfo=UTC),
        "hourly_commitment": D("0.5"),
    }
    with ledger.store.engine.begin() as connection:
        connection.execute(insert(commitment_term).values(**(given | values)))


def test_a_plan_is_told_with_its_terms_its_use_and_who_benefits(ledger: Ledger) -> None:
    """Covered usage of 60 and 20 in two accounts at list 200, 20 unused: 80 % used, 200 − 100 saved."""
    used, unused = {"commitment_discount_status": "Used"}, {"commitment_discount_status": "Unused"}
    for account, cost, listed in (("prod", "60", "150"), ("lab", "20", "50")):
        ledger.charge("2026-10-05", ("0", cost, listed, listed), account_id=account, commitment_id=PLAN, kind=used)
    ledger.charge("2026-10-06", ("0", "20", None, None), account_id="111", commitment_id=PLAN, kind=unused, sku_id="sp")
    ledger.charge("2026-11-06", ("0", "9", "9", "9"), account_id="lab", commitment_id=PLAN, kind=used)
    ledger.charge("2026-10-01", ("400", "0", None, None), category="Purchase", commitment_id=PLAN, sku_id="fee")
    term(ledger, PLAN)
    with ledger.store.engine.connect() as connection:
        (row,) = views.commitments(connection, OCTOBER).rows
    assert (row.used_cost, row.unused_cost, row.utilisation, row.saved) == (D(80), D(20), D("0.8"), D(100))
    assert row.beneficiaries == (Beneficiary("prod", D(60)), Beneficiary("lab", D(20)))
    assert (row.owner_account, row.kind, row.ends_at) == ("111", "savings_plan", datetime(2028, 1, 1, tzinfo=UTC))


def test_what_only_one_side_knows_is_shown_with_what_it_knows(ledger: Ledger) -> None:
    ledger.charge(
        "2026-10-05", ("0", "60", None, None), commitment_id="ri-1", kind={"commitment_discount_status": "Used"}
    )
    term(ledger, "sp-idle", ends_at=datetime(2026, 12, 1, tzinfo=UTC))
    with ledger.store.engine.connect() as connection:
        idle, bill_only = views.commitments(connection, OCTOBER).rows
    assert (idle.commitment_id, idle.used_cost, idle.utilisation, idle.beneficiaries) == ("sp-idle", None, None, ())
    assert (bill_only.commitment_id, bill_only.ends_at, bill_only.utilisation, bill_only.saved) == (
        "ri-1",
        None,
        D(1),
        None,
    )


def test_without_any_data_there_are_none(ledger: Ledger) -> None:
    with ledger.store.engine.connect() as connection:
        assert views.commitments(connection).rows == ()
