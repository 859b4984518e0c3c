"""The method that divided machines is named beside what it divided: as it was analyzed, not as settings are now."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.settings import Allocation, Settings
from aispend.store import Store
from analyzer.run import analyze
from reports import views
from reports.formats import allocation_line, basis_lines
from reports.views import SpendQuery, Window
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours

BOTH = Window(date(2026, 10, 1), date(2026, 12, 1))
WEIGHTED = {"method": "95_3_2", "idle": "weighted"}


@pytest.fixture
def ledger(database: Store, clock: Clock, tmp_path: Path) -> Ledger:
    built = Ledger(database, Settings(home=tmp_path), clock)
    for day in ("2026-10-05", "2026-11-05"):
        built.charge(day, "768", resource_id="i-1", gpus=8, hours=all_hours(), quantity="24", **GPU_HOUR)
        built.workload("all", "i-1", "a", requested=4, model="chat", team="search", stage="training", day=day)
    return built


def told(ledger: Ledger, *by: str, window: Window = BOTH) -> tuple[str, ...]:
    with ledger.store.engine.connect() as connection:
        return views.spend(connection, SpendQuery(by=by, window=window)).basis.allocation


def test_shares_name_the_method_they_were_made_with(ledger: Ledger) -> None:
    ledger.analyze(allocation=WEIGHTED)
    for cut in ("model", "team", "stage"):
        assert told(ledger, cut) == ("95_3_2, idle weighted",)
    assert told(ledger, "service") == told(ledger) == ()  # nothing is divided in it
    with ledger.store.engine.connect() as connection:
        basis = views.spend(connection, SpendQuery(by=("team",), window=BOTH)).basis
        found = views.unit_costs(connection, BOTH)
        assert found.allocation == views.lifecycles(connection, BOTH).allocation == basis.allocation
    assert basis_lines(basis)[1] == (
        "Machines divided by fixed parts (95 % accelerators, 3 % CPUs, 2 % memory), "
        "idle time with those who held the machine, by what they held."
    )
    assert {row.allocation for row in found.rows} == {"95_3_2, idle weighted"}


def test_settings_changed_since_are_not_what_is_named(ledger: Ledger) -> None:
    ledger.analyze()
    ledger.settings = Settings.model_validate(ledger.settings.model_dump(by_alias=True) | {"allocation": WEIGHTED})
    assert told(ledger, "model") == ("residual, idle separate",)
    ledger.analyze(allocation={"method": "aws_plain", "idle": "even", "stranded": "idle"})
    assert told(ledger, "model") == ("aws_plain, idle even, stranded idle",)


def test_months_made_with_different_methods_name_each(ledger: Ledger) -> None:
    ledger.analyze()
    values = ledger.settings.model_dump(by_alias=True) | {"allocation": WEIGHTED}
    analyze(ledger.store.engine, Settings.model_validate(values), ledger.clock, months=[date(2026, 11, 1)])
    assert told(ledger, "model") == ("95_3_2, idle weighted", "residual, idle separate")
    october = Window(date(2026, 10, 1), date(2026, 11, 1))
    assert told(ledger, "model", window=october) == ("residual, idle separate",)


def test_what_was_not_recorded_is_recorded_with_the_next_analysis_and_goes_with_its_month(ledger: Ledger) -> None:
    ledger.analyze()
    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM made_from WHERE part LIKE 'allocation %'"))
    assert told(ledger, "model") == ()
    assert allocation_line(()) == ""
    assert ledger.analyze().analyzed == ()
    assert told(ledger, "model") == ("residual, idle separate",)
    with ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM charge"))
        connection.execute(text("DELETE FROM slice"))
    ledger.analyze()
    assert not ledger.rows("SELECT part FROM made_from WHERE part LIKE 'allocation %'")


def test_the_line_for_people_is_in_plain_words() -> None:
    """Every method and idle mode there is a setting for; months that differ are told apart."""
    assert allocation_line(("residual, idle separate",)) == (
        "Machines divided by list price (CPUs and memory at their own rate, accelerators the rest), idle time apart."
    )
    assert allocation_line(("aws_plain, idle even, stranded idle", "accelerators, idle owner")) == (
        "Machines divided by AWS's weights without accelerators (9 a vCPU, 1 a GiB), idle time with those who held the "
        "machine, in equal parts, CPUs and memory left beside taken accelerators idle too; in other months by "
        "accelerators alone, idle time with its owner."
    )
    fields = Allocation.model_fields
    for mode in (
        *get_args(fields["method"].annotation),
        *(f"idle {one}" for one in get_args(fields["idle"].annotation)),
    ):
        assert mode not in allocation_line((mode,)).replace("accelerators alone", ""), mode
