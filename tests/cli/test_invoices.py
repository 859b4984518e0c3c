"""aispend invoices: a list for people and machines, and what is said where there is none."""

from __future__ import annotations

import json

from tests.cli.conftest import Run


def test_an_invoice_stands_beside_its_lines(filled: Run) -> None:
    """October's bill is 10 USD and names no invoice; November's 116.60 USD and 40 EUR."""
    assert (
        filled("invoice", "add", "--provider", "aws", "--id", "A-1", "--month", "2026-10", "--net", "9.90").status == 0
    )
    found = filled("invoices")
    assert (found.status, found.err) == (0, "")
    assert max(map(len, found.out.splitlines())) <= 80
    words = " ".join(found.out.split())
    assert "A-1 2026-10 10.00 9.90 0.00 0.10 USD differs" in words
    assert "no number 2026-11 116.60 – 9.00 – USD no number Issuer 111 provisional" in words
    assert "aws A-1, USD: 0.10 is unexplained." in words
    assert "Billed in all: 126.60 USD, 40.00 EUR." in words


def test_for_machines_amounts_are_exact_and_months_are_chosen(filled: Run) -> None:
    found = filled("invoices", "--from", "2026-11", "--to", "2026-12", "--format", "json")
    euros, dollars = sorted(json.loads(found.out), key=lambda row: str(row["currency"]))
    assert (euros["billed_cost"], euros["provider"], euros["total"]) == ("40.000000000001", "gcp", None)
    assert (dollars["month"], dollars["invoice_id"], dollars["billed_tax"], dollars["state"]) == (
        "2026-11",
        None,
        "9.00",
        "no number",
    )
    header = filled("invoices", "--format", "csv").out.splitlines()[0]
    assert header.startswith("provider,issuer,invoice_id,scope,month,currency,billed_cost")


def test_without_one_it_says_why(run: Run) -> None:
    assert run("invoices").out.startswith("No charges yet.")
    assert json.loads(run("invoices", "--format", "json").out) == []


def test_a_period_without_one_says_so(filled: Run) -> None:
    assert "No invoice of a month in this period" in filled("invoices", "--from", "2025-01", "--to", "2025-02").out
