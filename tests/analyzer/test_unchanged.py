"""Which months are left alone: told from what they rest on, and as their charges would tell it; nothing else moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, text

from analyzer.fingerprint import fingerprint, scope_of, settings_words
from analyzer.names import stage_names
from analyzer.unchanged import find_unchanged
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours, on_a_ledger
from tests.conftest import Contents

D = Decimal
AUGUST, SEPTEMBER, OCTOBER = (date(2026, month, 1) for month in (8, 9, 10))
MONTHS = (AUGUST, SEPTEMBER, OCTOBER)
RESULTS = ("cost_share", "spend_day", "spend_resource_month", "unit_cost", "energy_day")
"""What an analysis writes of a month."""

_LOADED = "UPDATE slice SET loaded_at = loaded_at {} interval '1 hour' WHERE "
_PRINT = "UPDATE analysis_state SET fingerprint = {}(fingerprint) WHERE period = '2026-08-01'"

CHANGES: dict[str, tuple[str, str, tuple[date, ...]]] = {
    "a bill": (
        _LOADED.format("+") + "kind = 'bill' AND period = '2026-09-01'",
        _LOADED.format("-") + "kind = 'bill' AND period = '2026-09-01'",
        (AUGUST, OCTOBER),
    ),
    "telemetry": (
        _LOADED.format("+") + "kind = 'metrics'",
        _LOADED.format("-") + "kind = 'metrics'",
        (AUGUST, SEPTEMBER),
    ),
    "a SKU of one month": (
        "UPDATE sku SET accelerators = 16 WHERE service_name = 'Other'",
        "UPDATE sku SET accelerators = 8 WHERE service_name = 'Other'",
        (AUGUST, OCTOBER),
    ),
    "a machine of one month": (
        "UPDATE resource SET fleet = 'x' WHERE resource_id = 'i-8'",
        "UPDATE resource SET fleet = NULL WHERE resource_id = 'i-8'",
        (SEPTEMBER, OCTOBER),
    ),
    "a machine of no month": (
        "INSERT INTO resource (resource_key, provider, resource_id) VALUES (7, 'aws', 'x')",
        "DELETE FROM resource WHERE resource_key = 7",
        MONTHS,
    ),
    "a name of one month": (
        "INSERT INTO resource_alias SELECT 'k8s', 'n', '2026-10-01Z', NULL, resource_key, 'inventory', 1"
        " FROM resource WHERE resource_id = 'i-10'",
        "DELETE FROM resource_alias WHERE namespace = 'k8s'",
        (AUGUST, SEPTEMBER),
    ),
    "a list price of one machine": (
        "INSERT INTO price VALUES ('aws', 'x', 'p5', 'on_demand', 'USD', '2026-01-01', 9, 'file')",
        "DELETE FROM price",
        (AUGUST, SEPTEMBER),
    ),
    "what was analyzed": (_PRINT.format("upper"), _PRINT.format("lower"), (SEPTEMBER, OCTOBER)),
}
"""What changes, how that is undone, and the months it does not concern."""


@on_a_ledger
def three_months_written(ledger: Ledger) -> None:
    """A machine of its own in each month, one of them measured; all analyzed, and once looked at again."""
    for month in MONTHS:
        sku: dict[str, Any] = GPU_HOUR | {"service_name": "Other" if month == SEPTEMBER else f"S{month.month}"}
        ledger.charge(
            f"{month:%Y-%m}-05", "24", resource_id=f"i-{month.month}", gpus=8, hours=all_hours(), quantity="24", **sku
        )
    ledger.activity(range(24), "i-10", 0.5, gpus=8)
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE resource SET instance_type = 'p5', region = 'x' WHERE resource_id = 'i-10'"))
    assert ledger.analyze().analyzed == MONTHS
    assert ledger.analyze().analyzed == ()


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents | None:
    """What tests of ``three_months`` begin with."""
    return three_months_written if "three_months" in request.fixturenames else None


@pytest.fixture
def three_months(ledger: Ledger) -> Ledger:
    """The ledger with it."""
    return ledger


@contextmanager
def statements(ledger: Ledger) -> Iterator[list[str]]:
    """Every statement run inside."""
    said: list[str] = []

    def note(*arguments: Any) -> None:
        said.append(arguments[2])

    event.listen(ledger.store.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(ledger.store.engine, "before_cursor_execute", note)


def unchanged_by_their_charges(ledger: Ledger) -> set[date]:
    """Months whose fingerprint, made anew, is the one they were analyzed with."""
    words = settings_words(ledger.settings)
    with ledger.store.engine.connect() as connection:
        then = {row[0]: row[1] for row in connection.execute(text("SELECT period, fingerprint FROM analysis_state"))}
        now = {month: fingerprint(connection, scope_of(connection, month), words) for month in MONTHS}
    return {month for month in MONTHS if now[month] == then.get(month)}


def test_charges_of_a_month_found_unchanged_once_are_not_read_again(three_months: Ledger) -> None:
    with statements(three_months) as said:
        assert three_months.analyze().unchanged == 3
    assert said
    assert not [statement for statement in said if "FROM charge " in statement]


def test_months_are_unchanged_where_their_charges_say_so(three_months: Ledger) -> None:
    def judged(change: str) -> set[date]:
        with three_months.store.engine.begin() as connection:
            connection.execute(text(change))
        found = find_unchanged(three_months.store.engine, MONTHS, settings_words(three_months.settings))
        assert found.unchanged == unchanged_by_their_charges(three_months), change
        assert set(found.news) <= found.unchanged
        return set(found.unchanged)

    for what, (change, undo, expected) in CHANGES.items():
        assert (what, judged(change)) == (what, set(expected))
        assert (what, judged(undo)) == (what, set(MONTHS))
    assert not find_unchanged(three_months.store.engine, MONTHS, "other settings").unchanged


def test_a_restated_month_moves_no_row_of_another(three_months: Ledger) -> None:
    """The rows of other months are not even written anew: they are where they were, from the same transaction."""
    places = [
        f"SELECT '{table}', billing_month, ctid::text, xmin::text, md5(r::text) FROM {table} AS r" for table in RESULTS
    ]
    places.append("SELECT 'analysis_state', period, ctid::text, xmin::text, md5(r::text) FROM analysis_state AS r")
    query = " UNION ALL ".join(places) + " ORDER BY 1, 2, 3"
    before = three_months.rows(query)
    with three_months.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE charge SET billed_cost = 30, effective_cost = 30 WHERE billing_month = '2026-09-01'")
        )
        connection.execute(text("UPDATE slice SET loaded_at = now() WHERE kind = 'bill' AND period = '2026-09-01'"))
    assert three_months.analyze().analyzed == (SEPTEMBER,)
    after = three_months.rows(query)
    assert {row[0] for row in before if row[1] != SEPTEMBER} >= {"cost_share", "spend_day", "unit_cost", "energy_day"}
    assert [row for row in after if row[1] != SEPTEMBER] == [row for row in before if row[1] != SEPTEMBER]
    assert [row for row in after if row[1] == SEPTEMBER] != [row for row in before if row[1] == SEPTEMBER]
    assert three_months.rows("SELECT sum(effective_cost) FROM spend_day") == [(D(78),)]


def test_what_was_kept_of_a_month_goes_with_it(three_months: Ledger) -> None:
    kept = "SELECT part FROM made_from WHERE part LIKE 'unchanged %' ORDER BY 1"
    assert three_months.rows(kept) == [(f"unchanged {month}",) for month in MONTHS]
    with three_months.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM slice WHERE period = '2026-08-01'"))
    three_months.analyze()
    assert three_months.rows(kept) == [(f"unchanged {month}",) for month in (SEPTEMBER, OCTOBER)]


def test_only_names_of_the_month_are_joined_to_its_telemetry(ledger: Ledger) -> None:
    """[first, end): what ended with the first instant of the month, or begins after it, means nothing in it."""
    rows = {
        "before": ("2026-08-01Z", "2026-09-01Z"),
        "into": ("2026-08-01Z", "2026-09-01 00:00:01Z"),
        "still": ("2026-08-01Z", None),
        "last": ("2026-09-30 23:59Z", None),
        "after": ("2026-10-01Z", None),
    }
    with ledger.store.engine.begin() as connection:
        for name, (start, end) in rows.items():
            connection.execute(
                text("INSERT INTO resource_alias VALUES ('*', :name, :start, :end, 1, 'inventory', 1)"),
                {"name": name, "start": start, "end": end},
            )
        stage_names(connection, first=SEPTEMBER, last=OCTOBER)
        found = connection.scalars(text("SELECT alias FROM name_now ORDER BY valid_from, alias")).all()
    assert found == ["into", "still", "last"]
