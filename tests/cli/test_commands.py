"""Commands that change something or write files, tried end to end on the hand-made company."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete, select

from aispend.schema import analysis_state, cost_share, invoice, spend_day
from aispend.store import Store
from reports.advice_columns import RECOMMENDATIONS
from reports.columns import UNIT_COSTS
from tests.cli.conftest import Run
from tests.reports.company import insert_company

PERIOD = ("--from", "2026-10", "--to", "2026-12")


def test_recommendations_live_and_remember(filled: Run) -> None:
    """Accept, done; snooze; dismiss needs a reason; each step shows in the list."""
    assert filled("recommendations", "accept", "00000001", "--who", "ann").out.startswith("00000001aaaa: accepted.")
    assert filled("recommendations", "done", "00000001").status == 0
    assert filled("recommendations", "snooze", "00000002", "--until", "2999-01-01").status == 0
    listed = json.loads(filled("recommendations", "--format", "json").out)

    assert {row["id"]: row["state"] for row in listed} == {"00000001aaaa": "done", "00000002aaaa": "snoozed"}
    assert "needs a reason" in filled("recommendations", "dismiss", "00000002").err
    assert filled("recommendations", "reopen", "00000002").status == 0
    assert filled("recommendations", "dismiss", "00000002", "--reason", "kept").status == 0
    assert json.loads(filled("recommendations", "--state", "open", "--format", "json").out) == []


def test_exported_recommendations_carry_their_proof_and_no_formula(filled: Run, tmp_path: Path) -> None:
    outcome = filled("export", "recommendations", "--output", "advice.csv")
    with (tmp_path / "advice.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}

    assert outcome.out == "advice.csv: 2 rows\n"
    assert list(rows["00000001aaaa"]) == [column.name for column in RECOMMENDATIONS]
    assert rows["00000001aaaa"]["evidence_coverage"] == "0.98"
    assert rows["00000001aaaa"]["evidence_requests"] == "0"
    assert rows["00000001aaaa"]["evidence_power_at_idle_floor"] == "true"
    assert rows["00000001aaaa"]["monthly_saving_net"] == "90.00"
    assert rows["00000002aaaa"]["reason"] == "'=1+1"
    assert rows["00000002aaaa"]["evidence_proposed_price"] == "0.8048"


def test_exported_spend_is_exact_in_both_formats(filled: Run, tmp_path: Path) -> None:
    for suffix in ("csv", "parquet"):
        assert filled("export", "spend", "--by", "provider,month", "--output", f"s.{suffix}", *PERIOD).status == 0
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as stream:
        text = list(csv.DictReader(stream))
    table = pq.read_table(tmp_path / "s.parquet")

    assert [row["effective_cost"] for row in text] == ["116.60", "10.00", "40.000000000001"]
    assert [row["month"] for row in text] == ["2026-11", "2026-10", "2026-11"]
    assert table.schema.field("effective_cost").type == pa.decimal128(38, 12)
    assert table["effective_cost"].to_pylist() == [Decimal(row["effective_cost"]) for row in text]
    assert table["list_cost"].to_pylist()[-1] is None


def test_exported_unit_costs(filled: Run, tmp_path: Path) -> None:
    for suffix in ("csv", "parquet"):
        assert filled("export", "unit-costs", "--output", f"u.{suffix}").status == 0
    with (tmp_path / "u.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert list(rows[0]) == [column.name for column in UNIT_COSTS]
    assert [(row["model"], row["basis"], row["load"]) for row in rows] == [
        ("llama", "allocation", "0.25"),
        ("llama", "usage", "api"),
        ("claude", "allocation", "api"),
    ]
    assert pq.read_table(tmp_path / "u.parquet")["load"].to_pylist() == ["0.25", "api", "api"]


def test_exported_ledger_names_what_the_bill_does_not_give(filled: Run, tmp_path: Path) -> None:
    outcome = filled("export", "focus", "--output", "ledger.parquet")

    assert outcome.out == "ledger.parquet: 9 rows\n"
    assert "ListCost is null in 2 rows: their bill does not give it" in outcome.err
    assert pq.read_table(tmp_path / "ledger.parquet").num_rows == 9
    assert filled("export", "focus", "--output", "x.csv", "--from", "2026-11-01", "--to", "2026-11-02").out == (
        "x.csv: 2 rows\n"
    )


@pytest.mark.parametrize("what", ["spend", "focus", "unit-costs"])
def test_an_export_before_the_analysis_says_what_is_missing(
    run: Run, database: Store, tmp_path: Path, what: str
) -> None:
    with database.engine.begin() as connection:
        insert_company(connection)
        connection.execute(delete(spend_day))
        connection.execute(delete(cost_share))
        connection.execute(delete(analysis_state))

    outcome = run("export", what, "--output", "x.csv")

    assert (outcome.status, outcome.out) == (0, "x.csv: 0 rows\n")
    assert "are loaded but not analyzed, and not in these numbers. Run: aispend analyze" in outcome.err
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 1, "the header"


@pytest.mark.parametrize("what", ["spend", "focus"])
def test_an_export_outside_the_loaded_days_says_which_there_are(filled: Run, what: str) -> None:
    outcome = filled("export", what, "--output", "x.csv", "--from", "2020-01", "--to", "2020-02")

    assert (outcome.status, outcome.out) == (0, "x.csv: 0 rows\n")
    assert "No charges in this period; there are charges from 2026-10-" in outcome.err


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("spend", "No charges yet. Load a bill"),
        ("focus", "No charges yet. Load a bill"),
        ("unit-costs", "No charges yet. Load a bill"),
        ("recommendations", "No recommendations. They need bills"),
    ],
)
def test_an_export_of_nothing_says_what_to_load(run: Run, what: str, says: str) -> None:
    outcome = run("export", what, "--output", "x.csv")

    assert (outcome.status, outcome.out) == (0, "x.csv: 0 rows\n")
    assert says in outcome.err


def test_an_invoice_is_typed_in_and_replaced(filled: Run, database: Store) -> None:
    typed = ("invoice", "add", "--provider", "AWS", "--id", "A-1", "--month", "2026-10", "--who", "ann")
    assert filled(*typed, "--net", "9.99").out == (
        "Invoice A-1 of aws 111 for 2026-10: 9.99 net + 0 tax USD. Check with: aispend reconcile\n"
    )
    assert filled(*typed, "--net", "10", "--tax", "1").status == 0
    with database.engine.connect() as connection:
        (row,) = connection.execute(select(invoice)).all()

    assert (row.scope, row.net, row.tax, row.source, row.entered_by) == ("111", 10, 1, "typed", "ann")
    assert (
        "Name the one the invoice is for with --scope"
        in filled("invoice", "add", "--provider", "azure", "--id", "1", "--month", "2026-10", "--net", "1").err
    )


def test_invoices_from_a_file_all_or_none(filled: Run, tmp_path: Path, database: Store) -> None:
    header = "provider,invoice_id,currency,issuer,scope,billing_month,net,tax\n"
    good = "aws,1,USD,AWS,111,2026-10,10.00,0\n"
    (tmp_path / "good.csv").write_text(header + good, encoding="utf-8")
    (tmp_path / "bad.csv").write_text(header + "aws,2,USD,AWS,111,2026-10,10.00,0\naws,3,USD,AWS,111,2026-10,ten,0\n")
    (tmp_path / "short.csv").write_text("provider,invoice_id\naws,1\n")

    assert filled("invoice", "import", "good.csv").out == "1 invoices. Check with: aispend reconcile\n"
    bad = filled("invoice", "import", "bad.csv")
    assert bad.status == 1
    assert "bad.csv, line 3, column net, value ten" in bad.err
    assert "Columns are missing: currency, issuer" in filled("invoice", "import", "short.csv").err
    assert "no such file" in filled("invoice", "import", "none.csv").err
    with database.engine.connect() as connection:
        assert connection.execute(select(invoice.c.invoice_id)).all() == [("1",)]


@pytest.mark.parametrize("style", ["table", "json", "csv"])
def test_reconcile_exits_1_where_a_promise_does_not_hold(filled: Run, style: str) -> None:
    """October's bill nets 10 USD; an invoice of 9.90 is more than rounding away from it."""
    filled("invoice", "add", "--provider", "aws", "--id", "A-1", "--month", "2026-10", "--net", "9.9")

    outcome = filled("reconcile", "--format", style)

    assert outcome.status == 1
    assert re.search(r"0\.10* is unexplained", " ".join(outcome.out.split()))
    assert "Traceback" not in outcome.err


def test_reconcile_says_per_promise_what_failed_and_shows_those_rows(filled: Run) -> None:
    filled("invoice", "add", "--provider", "aws", "--id", "A-1", "--month", "2026-10", "--net", "9.9")

    outcome = filled("reconcile")

    assert all(len(line) <= 80 for line in outcome.out.splitlines())
    assert re.search(r"^ *1 +matches the invoice +1 +0 +1 ! +\+0\.10 USD$", outcome.out, re.MULTILINE)
    assert re.search(r"^ *2 +shares add up to the bill +(\d+) +\1 +0 +0$", outcome.out, re.MULTILINE)
    told = " ".join(outcome.out.split())
    assert re.search(r"Does not hold: .*matches the invoice, \w+ A-1, 2026-10 10\.00 USD against 9\.90 USD", told)
    every = filled("reconcile", "--all")
    checks = len(json.loads(filled("reconcile", "--format", "json").out))
    assert every.out.count(" against ") == checks
    assert every.status == 1


def test_backup_and_restore(filled: Run, tmp_path: Path) -> None:
    before = filled("spend", *PERIOD, "--format", "json").out
    assert filled("db", "backup", "all.dump").status == 0
    filled("recommendations", "accept", "00000001")

    assert "no such file" in filled("db", "restore", "none.dump").err
    assert filled("db", "restore", "all.dump", "--yes").out == "Restored from all.dump.\n"
    assert filled("spend", *PERIOD, "--format", "json").out == before
    assert {row["state"] for row in json.loads(filled("recommendations", "--format", "json").out)} == {"open"}


def test_database_commands(run: Run) -> None:
    assert run("db", "upgrade").out.startswith("The database is at revision ")
    assert run("db", "url").out.startswith("postgresql://")


def test_a_period_given_by_one_end(filled: Run) -> None:
    """--from alone runs to the newest day, --to alone begins where the default period does."""
    october = filled("spend", "--by", "day", "--to", "2026-11-01", "--format", "json")
    november = filled("spend", "--by", "day", "--from", "2026-11-02", "--format", "json")

    assert [row["day"] for row in json.loads(october.out)] == ["2026-10-31"]
    assert [row["day"] for row in json.loads(november.out)] == ["2026-11-02", "2026-11-02"]


def test_metrics_go_in_and_tell_what_was_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gpu.csv").write_text(
        "timestamp,resource_id,gpu_utilization\n2026-11-01T00:00:00Z,node-1,97\n2026-11-01T00:01:00Z,node-1,98\n",
        encoding="utf-8",
    )

    first = run("import-metrics", "gpu.csv")
    again = run("import-metrics", "gpu.csv")

    assert first.out == "loaded: metrics of 1 file(s), 2 rows read, 1 written, 0 unreadable, 2026-11-01 to 2026-11-01\n"
    assert again.out.startswith("unchanged: metrics of 1 file(s)")
    assert "metrics" in run("loads").out
    assert run("import-metrics", "missing.csv").status == 1


def test_an_inventory_tells_its_disks_and_checkpoints(run: Run, tmp_path: Path) -> None:
    """Only where there are any: machines alone are told as before."""
    head = "provider,resource_id,kind,account,region,size_bytes,modified_at,run"
    checkpoint = "aws,s3://ml/a/step-{n}/,checkpoint,111,us-east-1,5,2026-06-01,a"
    rows = [head, *(checkpoint.format(n=number) for number in (1, 2)), "aws,i-1,,111,us-east-1,,,"]
    (tmp_path / "there.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "machines.csv").write_text(f"{rows[0]}\n{rows[-1]}\n", encoding="utf-8")

    found = run("import-inventory", "there.csv", "--no-analyze")
    assert found.out.splitlines()[0].endswith(" names, 2 checkpoints"), found.err
    assert run("import-inventory", "machines.csv", "--no-analyze").out.splitlines()[0].endswith(" names")
