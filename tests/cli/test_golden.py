"""What a person sees, word for word.

``UPDATE_GOLDEN=1 pytest tests/cli/test_golden.py`` writes the files anew: read the difference before you keep it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.reports.samples import NOW

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PERIOD = ("--from", "2026-10", "--to", "2026-12")

COMMANDS: dict[str, tuple[str, ...]] = {
    "spend_by_model": ("spend",),
    "spend_by_team_and_model": ("spend", "--by", "team,model", *PERIOD),
    "spend_by_month_list_cost": ("spend", "--by", "month,provider", "--cost", "list", *PERIOD, "--without", "tax"),
    "spend_list_cost_with_tax": ("spend", "--by", "charge_category", "--cost", "list", *PERIOD),
    "spend_by_resource_ai_only": ("spend", "--by", "resource", "--ai-only", *PERIOD),
    "spend_three_rows": ("spend", "--by", "service", "--limit", "3", *PERIOD),
    "spend_json": ("spend", "--by", "provider,month", *PERIOD, "--format", "json"),
    "spend_csv": ("spend", "--by", "tag:team,ai", *PERIOD, "--format", "csv"),
    "spend_outside": ("spend", "--from", "2020-01", "--to", "2020-02"),
    "spend_too_late": ("spend", "--from", "2030-01"),
    "spend_until": ("spend", "--by", "month", "--to", "2026-11-01"),
    "spend_model_csv": ("spend", *PERIOD, "--format", "csv"),
    "unit_costs": ("unit-costs",),
    "unit_costs_json": ("unit-costs", "--model", "claude", "--format", "json"),
    "unit_costs_another_case": ("unit-costs", "--model", "LLAMA"),
    "unit_costs_no_such_model": ("unit-costs", "--model", "nope"),
    "unit_costs_outside": ("unit-costs", "--from", "2020-01", "--to", "2020-02"),
    "idle": ("idle",),
    "idle_outside": ("idle", "--from", "2020-01", "--to", "2020-02"),
    "idle_json": ("idle", "--format", "json"),
    "recommendations": ("recommendations",),
    "recommendations_json": ("recommendations", "list", "--state", "open", "--format", "json"),
    "why_not": ("recommendations", "why-not"),
    "loads": ("loads",),
    "loads_rejected": ("loads", "--rejected"),
}
EMPTY: dict[str, tuple[str, ...]] = {
    "empty_spend": ("spend",),
    "empty_since": ("spend", "--from", "2026-11"),
    "empty_unit_costs": ("unit-costs",),
    "empty_idle": ("idle",),
    "empty_recommendations": ("recommendations",),
    "empty_why_not": ("recommendations", "why-not"),
    "empty_loads": ("loads",),
    "empty_spend_json": ("spend", "--format", "json"),
}
WRONG: dict[str, tuple[str, ...]] = {
    "wrong_cut": ("spend", "--by", "colour"),
    "wrong_no_cut": ("spend", "--by", ","),
    "wrong_cost": ("spend", "--cost", "net"),
    "wrong_axis": ("spend", "--axis", "fiscal"),
    "wrong_day": ("spend", "--from", "11/2026"),
    "wrong_period": ("spend", "--from", "2026-11", "--to", "2026-11"),
    "wrong_basis": ("unit-costs", "--basis", "both"),
    "wrong_state": ("recommendations", "--state", "new"),
    "wrong_id": ("recommendations", "accept", "ffffffff"),
    "wrong_short_id": ("recommendations", "accept", "ffff"),
    "wrong_suffix": ("export", "spend", "--output", "spend.xlsx"),
    "wrong_option": ("spend", "--buy", "model"),
    "wrong_invoice": ("invoice", "add", "--provider", "aws", "--id", "1", "--month", "2026-10", "--net", "1,5"),
}


def test_results(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aispend.clock.system_clock", lambda: NOW)  # advice is told to be old some day
    outcomes = {name: filled(*arguments) for name, arguments in COMMANDS.items()}

    assert {name: outcome.err for name, outcome in outcomes.items() if outcome.status or outcome.err} == {}
    assert_golden({name: outcome.out for name, outcome in outcomes.items()})


def test_empty_states_say_what_to_do(run: Run) -> None:
    outcomes = {name: run(*arguments) for name, arguments in EMPTY.items()}

    assert {outcome.status for outcome in outcomes.values()} == {0}
    assert_golden({name: outcome.out + outcome.err for name, outcome in outcomes.items()})


def test_reconcile_without_a_bill_is_not_a_success(run: Run) -> None:
    for style, out in (("table", ""), ("json", "[]\n")):
        outcome = run("reconcile", "--format", style)

        assert (outcome.status, outcome.out) == (1, out)
        assert outcome.err.startswith("Nothing was checked. No charges yet.")


def test_wrong_use_is_status_2_and_says_what_where_and_next(filled: Run) -> None:
    outcomes = {name: filled(*arguments) for name, arguments in WRONG.items()}

    assert {name: outcome.status for name, outcome in outcomes.items() if outcome.status != 2} == {}
    assert {name: outcome.out for name, outcome in outcomes.items() if outcome.out} == {}
    assert_golden({name: outcome.err for name, outcome in outcomes.items()})


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


def assert_golden(texts: Mapping[str, str]) -> None:
    """Each text is what the file of its name holds (blanks before line ends are not seen, so not compared)."""
    seen = {name: _without_trailing_blanks(text) for name, text in texts.items()}
    if os.environ.get("UPDATE_GOLDEN") == "1":
        for name, text in seen.items():
            (GOLDEN / f"{name}.txt").write_text(text, encoding="utf-8")
    assert seen == {name: (GOLDEN / f"{name}.txt").read_text(encoding="utf-8") for name in seen}


def _without_trailing_blanks(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
