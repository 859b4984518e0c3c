"""The reporting currency comes first wherever several are listed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text

from aispend.cli.analysis import analysis_sentence
from aispend.schema import recommendation, recommendation_event, why_not
from aispend.store import Store
from analyzer.run import AnalysisReport, Coverage
from reports.formats import currencies_apart
from reports.home_first import currency_order, home_first
from tests.cli.conftest import Run
from tests.reports.samples import NOW, advice


@dataclass(frozen=True)
class Row:
    currency: str | None
    number: int


@given(st.lists(st.sampled_from(["CHF", "EUR", "USD", None])), st.sampled_from(["CHF", "EUR", "USD"]))
def test_home_is_first_the_others_by_code_and_rows_of_one_stay_in_their_order(codes: list[Any], home: str) -> None:
    rows = [Row(code, number) for number, code in enumerate(codes)]
    found = home_first(rows, home)
    assert sorted(found, key=lambda row: row.number) == rows
    listed = [row.currency for row in found]
    assert listed == sorted(listed, key=currency_order(home))
    assert home not in listed or listed[0] == home
    for code in set(codes):
        numbers = [row.number for row in found if row.currency == code]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize(("home", "first", "second"), [("USD", "USD", "EUR"), ("EUR", "EUR", "USD")])
def test_every_list_begins_with_it(
    filled: Run, database: Store, tmp_path: Path, home: str, first: str, second: str
) -> None:
    """The company is paid for in USD and EUR; two unit costs and two anomalies in each are all that is added."""
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM unit_cost"))
        for number, code in enumerate(("USD", "EUR")):
            connection.execute(
                text(
                    "INSERT INTO unit_cost (billing_month, day, provider, model, stage, basis, currency, requests,"
                    " effective_cost, partly_unknown) VALUES ('2026-11-01', '2026-11-02', 'aws', 'm',"
                    " 'inference_online', 'allocation', :code, 10, 5, false)"
                ),
                {"code": code},
            )
            connection.execute(
                text(
                    "INSERT INTO anomaly (id, kind, cut, value, currency, first_day, last_day, lasting, actual,"
                    " expected, impact, drivers, explanation, state, found_at, updated_at) VALUES (:id, 'rise',"
                    " 'model', 'm', :code, '2026-11-02', '2026-11-02', false, 9, 1, 8, '{}', 'x', 'open', now(), now())"
                ),
                {"id": f"a{number}", "code": code},
            )
    (tmp_path / "aispend.toml").write_text(f'reporting_currency = "{home}"\n')
    for command in ("unit-costs", "lifecycle", "anomalies", "spend --by provider", "spend --by month --from 2026-11"):
        found = json.loads(filled(*command.split(), "--format", "json").out)
        assert list(dict.fromkeys(row["currency"] for row in found)) == [first, second], command
    months = [row for row in json.loads(filled("close", "--format", "json").out) if row["month"] == "2026-11"]
    assert [row["currency"] for row in months] == [first, second]
    billed = " ".join(filled("invoices").out.split())
    assert billed.index(f" {first}, ", billed.index("Billed in all")) < billed.index(
        f" {second}.", billed.index("Billed in")
    )


def test_the_first_listed_is_the_one_that_is_offered() -> None:
    (line,) = currencies_apart(["USD", "EUR", "USD"])
    assert line.startswith("USD and EUR are not added here.")
    assert "aispend spend --in USD" in line


@pytest.mark.parametrize(("home", "first", "second"), [("USD", "USD", "EUR"), ("EUR", "EUR", "USD")])
def test_idle_reasons_and_what_changed_begin_with_it_too(
    filled: Run, database: Store, tmp_path: Path, home: str, first: str, second: str
) -> None:
    """Of each currency one idle machine, one that is not measured, one too cheap for advice, and a step of advice."""
    with database.engine.begin() as connection:
        for table in ("recommendation_event", "recommendation", "why_not"):
            connection.execute(text(f"DELETE FROM {table}"))
        for number, code in enumerate(("USD", "EUR"), start=1):
            given = advice(number, currency=code)
            connection.execute(insert(recommendation).values(given))
            connection.execute(
                insert(recommendation_event).values(recommendation_id=given["id"], at=NOW, event="proposed")
            )
            reasons = [("blind", "telemetry_missing", 500 * number), ("cheap", "busy", 1)]
            connection.execute(
                insert(why_not),
                [
                    {"resource_key": 0, "provider": "aws", "resource_id": f"{name}-{code}", "kind": "stop_idle",
                     "reason": reason, "explanation": "x", "currency": code, "monthly_cost": cost, "at": NOW}
                    for name, reason, cost in reasons
                ],
            )  # fmt: skip
        connection.execute(text("UPDATE recommendation SET monthly_cost = 1 WHERE currency = 'EUR'"))
    (tmp_path / "aispend.toml").write_text(f'reporting_currency = "{home}"\n')
    for command in ("idle", "recommendations why-not", "recommendations changes --since 2026-11-01", "why"):
        found = json.loads(filled(*command.split(), "--format", "json").out)
        assert list(dict.fromkeys(row["currency"] for row in found)) == [first, second], command
    told = " ".join(filled("recommendations", "why-not").out.split())
    for beginning in ("1 resource, ", "1 resource costs less than "):
        sentences = [part[:40] for part in told.split(beginning)[1:]]
        assert [next(code for code in ("USD", "EUR") if code in one) for one in sentences] == [first, second]


@pytest.mark.parametrize(("home", "known"), [("USD", "in USD, 75.0 % of the AI spend in EUR"), ("EUR", "in EUR, ")])
def test_what_an_analysis_did_is_said_of_it_first(home: str, known: str) -> None:
    """All of the dollars and three quarters of the euros are somebody's."""
    rows = [("EUR", "direct", 3), ("EUR", "unattributed", 1), ("USD", "direct", 5)]
    coverage = tuple(Coverage(True, "account-day", reason, code, Decimal(cost)) for code, reason, cost in rows)
    assert known in analysis_sentence(AnalysisReport((), 0, 0, 0, coverage), home)
