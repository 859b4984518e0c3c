"""A real bill through the command line: in, cut, exported as FOCUS, and in again elsewhere."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.cli.conftest import Run

BILLED = {"aws": Decimal("18.0066386184"), "azure": Decimal("1.97651418586"), "oci": Decimal("0.53707392473")}
"""Sums of BilledCost over the file's 1,000 lines, by provider; 20.52 in all."""


def by_provider(run: Run, *options: str) -> dict[str, Any]:
    outcome = run("spend", "--by", "provider", "--from", "2024-09", "--to", "2024-11", "--format", "json", *options)
    return {row["provider"]: row for row in json.loads(outcome.out)}


def test_a_bill_goes_in_and_comes_out_as_focus(run: Run, public_data: Path, empty_database: str) -> None:
    """1,000 anonymised FOCUS 1.0 lines of three providers; what is exported is read again to the last digit."""
    outcome = run("import", str(public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz"))
    assert outcome.status == 0, outcome.err
    before = by_provider(run)
    again = run("import", str(public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz"))

    assert {provider: Decimal(row["billed_cost"]) for provider, row in before.items()} == BILLED
    assert "unchanged" in again.out
    assert by_provider(run) == before
    assert run("reconcile").status == 0

    assert run("export", "focus", "--output", "ledger.parquet").status == 0
    elsewhere = run("import", "ledger.parquet", "--database", empty_database)
    assert elsewhere.status == 0, elsewhere.err
    there = by_provider(run, "--database", empty_database)

    for provider, row in before.items():
        for cost in ("billed_cost", "effective_cost", "list_cost"):
            assert there[provider][cost] == row[cost], (provider, cost)


def test_what_is_loaded_without_analysis_is_said(run: Run, public_data: Path) -> None:
    run("import", "--no-analyze", str(public_data / "billing_focus10_sample1k" / "focus_sample.csv.gz"))

    assert "4 billing months are loaded but not analyzed" in " ".join(run("spend").out.split())
    assert "Run: aispend analyze" in run("spend", "--format", "json").err
    assert "2 months analyzed" in run("analyze").out
    assert by_provider(run).keys() == BILLED.keys()


def test_a_wrong_file_is_refused_with_the_reason(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("name,colour\na,blue\n", encoding="utf-8")

    outcome = run("import", "notes.csv")

    assert outcome.status == 1
    assert "notes.csv" in outcome.err
    assert "next:" in outcome.err
    assert "Traceback" not in outcome.err
