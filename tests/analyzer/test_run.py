"""What is analyzed again, and what is left alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text

from aispend.errors import BusyError
from aispend.store.locks import exclusive
from analyzer.run import Coverage
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
NODE = {"resource_id": "i-1", "gpus": 8, "hours": all_hours(), **GPU_HOUR}
RULE = {"name": "all", "match": {}, "set": {"team": "x"}}


def test_a_second_run_finds_nothing_to_do(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **NODE)
    ledger.charge("2026-09-05", "10", provider="gcp")
    first = ledger.analyze()
    assert first.analyzed == (date(2026, 9, 1), date(2026, 10, 1))
    assert (first.charges, first.shares, first.unchanged) == (2, 2, 0)
    before = ledger.rows("SELECT * FROM cost_share ORDER BY 1, 2, 3, 4, 5")
    second = ledger.analyze()
    assert (second.analyzed, second.unchanged, second.shares) == ((), 2, 0)
    assert ledger.rows("SELECT * FROM cost_share ORDER BY 1, 2, 3, 4, 5") == before


def test_only_the_months_that_changed_are_analyzed_again(ledger: Ledger) -> None:
    ledger.charge("2026-09-05", "10")
    ledger.charge("2026-10-05", "24", **NODE)
    ledger.analyze()
    october = (date(2026, 10, 1),)
    ledger.workload("all", "i-1", "a", requested=8, model="chat")
    assert ledger.analyze().analyzed == october
    assert ledger.shares("model") == {"chat": D(24), None: D(10)}
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE sku SET accelerators = 16 WHERE accelerators = 8"))
    assert ledger.analyze().analyzed == october
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE slice SET loaded_at = now() WHERE period = '2026-09-01'"))
    assert [month.month for month in ledger.analyze().analyzed] == [9]
    assert len(ledger.analyze(rule=[RULE]).analyzed) == 2
    assert ledger.shares("team") == {"x": D(34)}
    ledger.assert_conserved()


def test_a_restated_month_replaces_its_shares_whole(ledger: Ledger) -> None:
    for cost in ("10", "20"):
        ledger.charge("2026-10-05", cost, tags={"team": cost})
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM charge WHERE billed_cost = 20"))
        connection.execute(text("UPDATE slice SET loaded_at = now()"))
    ledger.analyze()
    assert ledger.shares("team") == {"10": D(10)}
    ledger.assert_conserved()


def test_the_shares_of_a_bill_that_is_gone_go_with_it(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "10", scope="one")
    ledger.charge("2026-10-05", "20", scope="two")
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM charge WHERE billed_cost = 20"))
        connection.execute(text("DELETE FROM slice WHERE scope = 'two'"))
    ledger.analyze()
    assert ledger.rows("SELECT effective_cost FROM spend_day") == [(D(10),)]
    ledger.assert_conserved()


def test_months_can_be_chosen(ledger: Ledger) -> None:
    ledger.charge("2026-09-05", "10")
    ledger.charge("2026-10-05", "24")
    from analyzer.run import analyze

    report = analyze(ledger.store.engine, ledger.settings, ledger.clock, months=[date(2026, 9, 1)])
    assert [month.month for month in report.analyzed] == [9]


def test_two_analyses_do_not_run_at_once(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24")
    with ledger.store.engine.begin() as other:
        exclusive(other, "analyze")
        with pytest.raises(BusyError):
            ledger.analyze()


def test_the_report_says_in_money_what_placed_the_cost(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "24", **NODE)
    ledger.charge("2026-10-05", "75", tags={"team": "ads"})
    ledger.charge("2026-10-05", "1")
    ledger.charge("2026-10-05", "9", category="Tax", is_ai=False)
    ledger.workload("all", "i-1", "a", requested=2, model="chat")
    report = ledger.analyze()
    assert report.coverage == (
        Coverage(False, "account-day", "tax", "USD", D(9)),
        Coverage(True, "charge", "direct", "USD", D(75)),
        Coverage(True, "instance-hour", "idle", "USD", D(18)),
        Coverage(True, "instance-hour", "used", "USD", D(6)),
        Coverage(True, "unattributed", "unattributed", "USD", D(1)),
    )
    assert report.attributed_share("USD") == D("0.99")
    assert report.attributed_share("EUR") is None


def test_progress_names_each_month(ledger: Ledger) -> None:
    from analyzer.run import analyze

    ledger.charge("2026-10-05", "24")
    said: list[tuple[str, int, int | None]] = []
    analyze(ledger.store.engine, ledger.settings, ledger.clock, progress=lambda *step: said.append(step))
    assert said == [
        ("joining names", 0, None),
        ("analyze 2026-10", 0, 1),
        ("analyze", 1, 1),
        ("forecasts and anomalies", 0, None),
    ]


def test_unit_costs_of_a_month_no_longer_loaded_are_forgotten(ledger: Ledger) -> None:
    ledger.usage({"requests": 5}, model="chat", provider="openai")
    ledger.analyze()
    assert ledger.rows("SELECT provider, unpriced_requests FROM unit_cost WHERE basis = 'usage'") == [("openai", D(5))]
    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM inference_hour"))
        connection.execute(text("DELETE FROM slice"))
    ledger.analyze()
    assert not ledger.rows("SELECT * FROM unit_cost")


def test_names_are_joined_again_only_when_something_they_rest_on_has_changed(ledger: Ledger) -> None:
    """What telemetry calls a machine is found once; a new alias, a new bill or new telemetry finds it anew."""
    ledger.charge("2026-10-05", "24", resource_id="i-0123456789abcdef0", **GPU_HOUR)
    ledger.workload("all", "old-name", "w", model="chat", requested=8)
    asked = "SELECT fingerprint, made_at FROM made_from WHERE part = 'names'"
    assert "old-name (unknown)" in ledger.analyze().notes[0]
    before = ledger.rows(asked)
    assert "old-name (unknown)" in ledger.analyze().notes[0]
    assert ledger.rows(asked) == before
    alias = {"alias": "old-name", "provider": "aws", "resource_id": "i-0123456789abcdef0"}
    assert ledger.analyze(alias=[alias]).notes == ()
    assert ledger.rows(asked) != before
    assert ledger.shares("model") == {"chat": D(24)}
