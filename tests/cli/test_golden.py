"""What a person sees, word for word.

``UPDATE_GOLDEN=1 pytest tests/cli/test_golden.py`` writes the files anew: read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PERIOD = ("--from", "2026-10", "--to", "2026-12")

COMMANDS: dict[str, tuple[str, ...]] = {
    "spend_by_model": ("spend",),
    "spend_by_team_and_model": ("spend", "--by", "team,model", *PERIOD),
    "spend_by_month_list_cost": ("spend", "--by", "month,provider", "--cost", "list", *PERIOD, "--without", "tax"),
    "spend_by_resource_ai_only": ("spend", "--by", "resource", "--ai-only", *PERIOD),
    "spend_three_rows": ("spend", "--by", "service", "--limit", "3", *PERIOD),
    "spend_json": ("spend", "--by", "provider,month", *PERIOD, "--format", "json"),
    "spend_csv": ("spend", "--by", "tag:team,ai", *PERIOD, "--format", "csv"),
    "spend_outside": ("spend", "--from", "2020-01", "--to", "2020-02"),
    "unit_costs": ("unit-costs",),
    "unit_costs_json": ("unit-costs", "--model", "claude", "--format", "json"),
    "idle": ("idle",),
    "idle_json": ("idle", "--format", "json"),
    "recommendations": ("recommendations",),
    "recommendations_json": ("recommendations", "list", "--state", "open", "--format", "json"),
    "why_not": ("recommendations", "why-not"),
    "loads": ("loads",),
    "loads_rejected": ("loads", "--rejected"),
}
EMPTY: dict[str, tuple[str, ...]] = {
    "empty_spend": ("spend",),
    "empty_unit_costs": ("unit-costs",),
    "empty_idle": ("idle",),
    "empty_recommendations": ("recommendations",),
    "empty_why_not": ("recommendations", "why-not"),
    "empty_loads": ("loads",),
    "empty_spend_json": ("spend", "--format", "json"),
}
WRONG: dict[str, tuple[str, ...]] = {
    "wrong_cut": ("spend", "--by", "colour"),
    "wrong_cost": ("spend", "--cost", "net"),
    "wrong_axis": ("spend", "--axis", "fiscal"),
    "wrong_day": ("spend", "--from", "11/2026"),
    "wrong_period": ("spend", "--from", "2026-11", "--to", "2026-11"),
    "wrong_basis": ("unit-costs", "--basis", "both"),
    "wrong_state": ("recommendations", "--state", "new"),
    "wrong_id": ("recommendations", "accept", "ffff"),
    "wrong_suffix": ("export", "spend", "--output", "spend.xlsx"),
    "wrong_option": ("spend", "--buy", "model"),
    "wrong_invoice": ("invoice", "add", "--provider", "aws", "--id", "1", "--month", "2026-10", "--net", "1,5"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_results(name: str, filled: Run) -> None:
    outcome = filled(*COMMANDS[name])

    assert outcome.status == 0, outcome.err
    assert outcome.err == ""
    assert_golden(name, outcome.out)


@pytest.mark.parametrize("name", EMPTY)
def test_empty_states_say_what_to_do(name: str, run: Run) -> None:
    outcome = run(*EMPTY[name])

    assert outcome.status == 0
    assert_golden(name, outcome.out + outcome.err)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_status_2_and_says_what_where_and_next(name: str, filled: Run) -> None:
    outcome = filled(*WRONG[name])

    assert outcome.status == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert_golden(name, outcome.err)


def test_tables_fit_80_columns() -> None:
    texts = [path for path in GOLDEN.glob("*.txt") if "json" not in path.stem and "csv" not in path.stem]
    assert len(texts) > 20

    too_wide = [
        f"{path.name}: {line}"
        for path in texts
        for line in path.read_text(encoding="utf-8").splitlines()
        if len(line) > 80 and not path.name.startswith("wrong_")
    ]
    assert too_wide == []


def test_every_golden_file_is_used() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {*COMMANDS, *EMPTY, *WRONG}


def assert_golden(name: str, text: str) -> None:
    """``text`` is what the file of that name holds (spaces before line ends are not seen, so not compared)."""
    path = GOLDEN / f"{name}.txt"
    seen = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(seen, encoding="utf-8")
    assert seen == path.read_text(encoding="utf-8")
