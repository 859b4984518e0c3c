"""Tax that cannot be claimed back follows what it is on; all other tax stays a line of the company."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aispend.errors import SettingsError
from aispend.settings import load_settings
from aispend.taxing import NonRecoverableTax
from analyzer.reconcile import check
from analyzer.taxes import TaxLine, is_for
from reports.formats import inclusion
from reports.views import SpendQuery, spend
from tests.analyzer.conftest import Ledger

D = Decimal
WEB = {"service_name": "Web", "is_ai": False}


def company(ledger: Ledger) -> None:
    """60 and 30 of two models, 10 of web pages, a credit of 50 on the first, and tax of 19 on all of it."""
    ledger.charge("2026-10-05", "60", resource_id="i-1", tags={"team": "search", "model": "rank"})
    ledger.charge("2026-10-06", "30", resource_id="i-2", tags={"team": "ads", "model": "click"})
    ledger.charge("2026-10-07", "10", **WEB)
    ledger.charge("2026-10-05", "-50", resource_id="i-1", category="Credit", tags={"team": "search", "model": "rank"})
    ledger.charge(
        "2026-10-31", "19", category="Tax", service_name="Invoice", is_ai=False, charge_description="VAT 19 %"
    )


def lost(**entry: Any) -> dict[str, Any]:
    return {"non_recoverable_tax": [{"name": "branch"} | entry]}


def taxed(ledger: Ledger) -> dict[Any, Decimal]:
    return ledger.shares("team", "is_ai", where="t.reason = 'tax'")


def test_tax_is_a_line_of_its_own_unless_marked(ledger: Ledger) -> None:
    company(ledger)
    ledger.attribute()
    assert taxed(ledger) == {(None, False): D(19)}


def test_tax_nobody_claims_back_follows_the_cost_before_credits(ledger: Ledger) -> None:
    """19 over 60 : 30 : 10; the credit of 50 changes nothing of that."""
    company(ledger)
    ledger.attribute(allocation=lost())
    assert taxed(ledger) == {("search", True): D("11.4"), ("ads", True): D("5.7"), (None, False): D("1.9")}
    assert set(ledger.shares("method", "rung", where="t.reason = 'tax'")) == {
        ("tax:branch spread over the account", "account-day")
    }
    for cost in ("billed_cost", "list_cost", "contracted_cost"):
        assert ledger.shares("team", where="t.reason = 'tax'", cost=cost)["search"] == D("11.4")
    ledger.assert_conserved()
    with ledger.store.engine.connect() as connection:
        found = check(connection)
    # nothing was loaded here, so that no export is there to match
    assert [row.promise for row in found if not row.holds] == ["matches the export"]
    assert ledger.rows("SELECT sum(effective_cost) FROM unit_cost WHERE basis = 'allocation'") == [(D("57.1"),)]


def test_the_part_that_can_be_claimed_back_stays_apart(ledger: Ledger) -> None:
    """A quarter of 19 is 4.75, over 60 : 30 : 10; 14.25 can be claimed back."""
    company(ledger)
    ledger.attribute(allocation=lost(percent="25"))
    assert taxed(ledger) == {("search", True): D("2.85"), ("ads", True): D("1.425"), (None, False): D("14.725")}
    assert ledger.shares("method", where="t.reason = 'tax' AND t.team IS NULL") == {
        "tax:branch spread over the account": D("0.475"),
        "none": D("14.25"),
    }
    ledger.assert_conserved()


LINE = TaxLine(
    date(2026, 10, 31),
    "aws",
    billing_account=("1234", "payer"),
    account=("prod", None),
    issuer="Amazon Web Services EMEA SARL",
    kind=("Tax for product code AmazonEC2", None, "VAT", None),
)


@pytest.mark.parametrize(
    ("entry", "fits"),
    [
        ({}, True),
        ({"provider": "AWS"}, True),
        ({"provider": "gcp"}, False),
        ({"billing_account": "12*"}, True),
        ({"billing_account": "Payer"}, True),
        ({"billing_account": "other"}, False),
        ({"account": "prod"}, True),
        ({"account": "dev"}, False),
        ({"issuer": "amazon*emea*"}, True),
        ({"issuer": "Google*"}, False),
        ({"kind": "vat*"}, True),
        ({"kind": "*gst*"}, False),
        ({"valid_from": "2026-10-31"}, True),
        ({"valid_from": "2026-11-01"}, False),
        ({"valid_to": "2026-10-31"}, False),
        ({"provider": "aws", "kind": "*gst*"}, False),
    ],
)
def test_what_an_entry_is_for(entry: dict[str, str], *, fits: bool) -> None:
    assert is_for(NonRecoverableTax.model_validate({"name": "branch"} | entry), LINE) is fits


def test_the_first_entry_that_fits_decides(ledger: Ledger) -> None:
    company(ledger)
    entries = [
        *(
            {"name": "elsewhere"} | other
            for other in ({"provider": "gcp"}, {"account": "dev"}, {"billing_account": "x"})
        ),
        *({"name": "other"} | other for other in ({"kind": "*gst*"}, {"issuer": "*"}, {"valid_from": "2026-11-01"})),
        {"name": "half", "percent": "50", "account": "PROD", "billing_account": "pay*", "kind": "vat*"},
        {"name": "all"},
    ]
    ledger.attribute(allocation={"non_recoverable_tax": entries})
    assert taxed(ledger)["search", True] == D("5.7")


@pytest.mark.parametrize(
    ("columns", "over", "expected"),
    [
        ({"resource_id": "i-2"}, "the resource", {"ads": "19"}),
        ({"usage_type": "Box:p5"}, "the usage type", {"search": "19"}),
        ({}, "the service", {"search": "12.666666666667", "ads": "6.333333333333"}),
    ],
)
def test_tax_follows_the_closest_it_can_be_on(
    ledger: Ledger, columns: dict[str, str], over: str, expected: dict[str, str]
) -> None:
    ledger.charge("2026-10-05", "60", resource_id="i-1", tags={"team": "search", "model": "rank"}, usage_type="Box:p5")
    ledger.charge("2026-10-06", "30", resource_id="i-2", tags={"team": "ads", "model": "click"}, usage_type="Box:g6")
    ledger.charge("2026-10-07", "10", **WEB)
    ledger.charge("2026-10-31", "19", category="Tax", **columns)
    ledger.attribute(allocation=lost())
    assert ledger.shares("team", where="t.reason = 'tax'") == {team: D(cost) for team, cost in expected.items()}
    assert set(ledger.shares("method", where="t.reason = 'tax'")) == {f"tax:branch spread over {over}"}
    ledger.assert_conserved()


def test_tax_of_an_invoice_is_on_what_the_invoice_has(ledger: Ledger) -> None:
    """The bill has two invoices of two accounts each; the tax line names no account."""
    for account, invoice, cost in (("a", "1", "60"), ("b", "1", "40"), ("c", "2", "100")):
        ledger.charge("2026-10-05", cost, account_id=account, tags={"team": account}, kind={"invoice_id": invoice})
    ledger.charge("2026-10-31", "20", account_id=None, category="Tax", service_name="Tax", kind={"invoice_id": "1"})
    ledger.attribute(allocation=lost())
    assert ledger.shares("team", where="t.reason = 'tax'") == {"a": D(12), "b": D(8)}


def test_tax_on_nothing_positive_stays_with_the_company(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "60", tags={"team": "search"}, currency="EUR")
    ledger.charge("2026-10-31", "19", category="Tax")
    ledger.attribute(allocation=lost())
    assert ledger.shares("team", "is_ai", "method", where="t.reason = 'tax'") == {
        (None, False, "tax:branch (nothing it is on)"): D(19)
    }
    ledger.assert_conserved()


def test_tax_taken_back_is_divided_like_tax(ledger: Ledger) -> None:
    company(ledger)
    ledger.charge("2026-10-31", "-9", category="Tax", service_name="Invoice", is_ai=False)
    ledger.attribute(allocation=lost())
    assert taxed(ledger) == {("search", True): D(6), ("ads", True): D(3), (None, False): D(1)}


def test_an_entry_that_ends_before_it_starts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "aispend.toml"
    path.write_text(
        "[[allocation.non_recoverable_tax]]\nname = 'x'\nvalid_from = 2026-02-01\nvalid_to = 2026-02-01\n",
        encoding="utf-8",
    )
    with pytest.raises(SettingsError, match=r"wrong"):
        load_settings({"AISPEND_CONFIG": str(path), "AISPEND_HOME": str(tmp_path)})


def test_numbers_of_ai_spend_say_which_tax_is_in_them(ledger: Ledger) -> None:
    company(ledger)
    ledger.attribute()
    ours, without = SpendQuery(ai_only=True), SpendQuery(ai_only=True, without=("tax",))
    with ledger.store.engine.connect() as connection:
        assert inclusion(spend(connection, ours).basis) == "before tax, credits included"
    ledger.attribute(allocation=lost())
    with ledger.store.engine.connect() as connection:
        found = spend(connection, ours)
        assert [total.costs.effective_cost for total in found.totals] == [D("57.1")]
        assert inclusion(found.basis) == "before tax that can be claimed back, credits included"
        assert inclusion(spend(connection, without).basis) == "before tax, credits included"
