"""How right the analysis is: one month of the sample company, loaded as a real bill is, against what really happened.

The truth files name the real user of every charge; no product code opens them. ``benchmarks/rightness.py`` holds
other companies, at full size, against the same bars; here a small one is, so that every change is.
A tag that nothing but telemetry contradicts is believed, so that money is wrong; its method must say so.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import load_settings
from aispend.store import Store
from analyzer.reconcile import check
from analyzer.run import analyze
from benchmarks.rightness import FIELDS, RIGHT, WRONG, Outcome, beside_truth, compare, load
from sample.company import SampleCompany, generate

MONTHS = ("2026-09",)
TODAY = date(2026, 11, 21)

_WRONG_TEAM = """
    SELECT t.method, r.resource_id, t.team, s.effective_cost
    FROM cost_share s
    JOIN charge c USING (billing_month, slice_id, half, ordinal)
    JOIN resource r USING (resource_key)
    JOIN share_target t USING (target_key)
    WHERE t.method LIKE '%team=tag%' AND s.effective_cost > 0"""


@pytest.fixture
def company(tmp_path: Path) -> SampleCompany:
    return generate(tmp_path / "company", seed=7, scale=0.05, today=TODAY)


@pytest.mark.long
def test_almost_all_spend_with_a_signal_is_attributed_right(
    company: SampleCompany, database: Store, clock: Clock, tmp_path: Path
) -> None:
    environment = {"AISPEND_HOME": str(tmp_path / "home"), "AISPEND_CONFIG": str(company.settings_file)}
    settings = load_settings(environment, database_url=database.uri)
    load(company, database, settings, tmp_path, MONTHS)
    report = analyze(database.engine, settings, clock)
    assert report.shares > report.charges > 1000
    with database.engine.connect() as connection:
        assert [row for row in check(connection) if not row.holds] == []
        by_tag = connection.execute(text(_WRONG_TEAM)).all()
    found = compare(company, database, settings, MONTHS)
    for field in FIELDS:
        rows = [one for one in found if one.field == field and one.currency == "USD"]
        told = sum((one.ours for one in rows if one.signal), Outcome())
        every = sum((one.ours for one in rows), Outcome())
        assert told.right >= RIGHT * told.total > 0
        assert every.wrong <= WRONG * every.total
    con = beside_truth(company, database, settings, MONTHS)
    wronged = con.execute(
        "SELECT resource, any_value(team) FROM truth WHERE difficulty = 'wrong_tag' GROUP BY resource"
    ).fetchall()
    owner = dict(wronged)
    misled = [(method, cost) for method, resource, team, cost in by_tag if owner.get(resource, team) != team]
    doubted = sum(cost for method, cost in misled if "(telemetry: " in method or "(siblings: " in method)
    assert doubted >= sum(cost for _, cost in misled) * 9 / 10 > 0
