"""aispend why, as a person reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger
from tests.analyzer.test_drivers_by_cut import shared_machine
from tests.cli.conftest import Run

NOVEMBER = ("--from", "2026-11", "--to", "2026-12")
NOT_KNOWN = "Whose the requests or tokens were is not known of every team"


@pytest.fixture
def ledger(run: Run, database: Store, clock: Clock, tmp_path: Path) -> Ledger:
    return Ledger(database, Settings(home=tmp_path), clock)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("named", [True, False])
def test_a_team_whose_requests_nobody_names_is_said_to_be_told_by_its_use(
    run: Run, ledger: Ledger, *, named: bool
) -> None:
    shared_machine(ledger, named=named)
    ledger.analyze()
    by_team = words(run("why", "--by", "team", *NOVEMBER).out)
    assert ("t1 150.00 60.00 -90.00 less use -75.00, less per request -15.00" in by_team) is named
    assert ("t1 150.00 60.00 -90.00 less use -90.00" in by_team) is not named
    assert (NOT_KNOWN in by_team) is not named
    assert NOT_KNOWN.removesuffix("team") not in words(run("why", *NOVEMBER).out)


def test_requests_that_are_known_are_not_said_to_be_missing(run: Run, ledger: Ledger) -> None:
    """Both months have their requests; one charge of November has no effective cost."""
    for day, effective in (("2026-10-05", "9"), ("2026-11-05", "9"), ("2026-11-06", None)):
        costs = ("9", effective, "9", "9")
        ledger.charge(day, costs, tags={"model": "chat", "stage": "inference_online"}, resource_id="i-1", **GPU_HOUR)
        ledger.usage({"requests": 1000}, alias="i-1", model="chat", day=day)
    ledger.analyze()
    said = words(run("why", *NOVEMBER).out)
    assert "no requests or tokens meet" not in said
    assert "what the charges without effective cost served is not told from the rest" in said


def test_a_fee_divided_over_its_days_does_not_change_by_what_rounding_leaves(run: Run, ledger: Ledger) -> None:
    """12,000 over 365 days: two days in a row are 32.876712328767 or a last digit more."""
    for day, cost in (("2026-10-05", "32.876712328768"), ("2026-11-05", "32.876712328767")):
        ledger.charge(day, cost, tags={"model": "chat"})
    ledger.analyze()
    assert "chat 32.88 32.88 0.00" in words(run("why", *NOVEMBER).out)


def test_a_share_of_nothing_has_no_sign(run: Run, ledger: Ledger) -> None:
    """Nothing for a machine beside a credit of 7."""
    ledger.charge("2026-11-05", "0", tags={"model": "chat"})
    ledger.charge("2026-11-05", "-7", tags={"model": "rank"}, category="Credit")
    ledger.analyze()
    said = words(run("spend", "--by", "model", *NOVEMBER).out)
    assert "chat 0.00 0.0 % USD" in said
    assert "-0.0 %" not in said
