"""JSON lines that leave out what is empty: columns that begin late, keys that repeat or differ in case."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from aispend.errors import InputError
from collectors.files.intake import deliveries
from tests.collectors.bill_lines import FOCUS_LINE, one

CUR_LINE = {
    "bill_payer_account_id": "900000000004",
    "bill_billing_period_start_date": "2026-01-01T00:00:00Z",
    "line_item_usage_account_id": "111",
    "line_item_line_item_type": "Usage",
    "line_item_usage_start_date": "2026-01-01T00:00:00Z",
    "line_item_currency_code": "USD",
    "line_item_unblended_cost": "0.5",
}


def lines(path: Path, objects: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("\n".join(map(json.dumps, objects)) + "\n", encoding="utf-8")
    return path


def test_a_column_that_begins_after_hundreds_of_lines_is_read(tmp_path: Path) -> None:
    plain = {name: FOCUS_LINE[name] for name in FOCUS_LINE if name not in ("EffectiveCost", "Tags")}
    late = {**FOCUS_LINE, "EffectiveCost": "1.25", "Tags": {"team": "late"}}
    found = one(lines(tmp_path / "bill.json", [*[plain] * 600, late, late]), tmp_path / "work")

    assert found.delivery.line.columns_known == ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
    assert found.total("billed_cost") == 903  # 602 × 1.5
    assert found.total("effective_cost") == Decimal("2.5")  # 2 × 1.25; 600 lines do not say
    assert found.lines[-1]["tags"] == {"team": "late"}


def test_savings_plan_columns_that_begin_late_are_read(tmp_path: Path) -> None:
    covered = CUR_LINE | {
        "line_item_line_item_type": "SavingsPlanCoveredUsage",
        "line_item_unblended_cost": "10",
        "savings_plan_savings_plan_a_r_n": "sp",
        "savings_plan_savings_plan_effective_cost": "6.5",
    }
    negation = CUR_LINE | {
        "line_item_line_item_type": "SavingsPlanNegation",
        "line_item_unblended_cost": "-10",
        "savings_plan_savings_plan_a_r_n": "sp",
    }
    found = one(lines(tmp_path / "bill.json", [*[CUR_LINE] * 600, covered, negation]), tmp_path / "work")

    assert found.total("effective_cost") == Decimal("306.5")  # 600 × 0.5 + 6.5 + 0


def test_a_key_null_in_the_first_lines_and_an_object_later(tmp_path: Path) -> None:
    rows: list[Mapping[str, object]] = [*[{**FOCUS_LINE, "Tags": None}] * 600, {**FOCUS_LINE, "Tags": {"team": "late"}}]
    found = one(lines(tmp_path / "bill.json", rows), tmp_path / "work")

    assert found.delivery.files[0].header.types["Tags"] == "JSON"
    assert found.lines[-1]["tags"] == {"team": "late"}


def test_a_repeated_key_is_named(tmp_path: Path) -> None:
    line = json.dumps(FOCUS_LINE)
    (tmp_path / "bill.json").write_text(f'{line}\n{line[:-1]}, "BilledCost": "7"}}\n')

    with pytest.raises(InputError, match=r"key BilledCost .* more than once") as refused:
        one(tmp_path / "bill.json", tmp_path / "work")
    assert "bill.json" in str(refused.value.where)


def test_keys_that_differ_in_case_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"BilledCost and billedcost differ only in case"):
        one(lines(tmp_path / "bill.json", [FOCUS_LINE, FOCUS_LINE | {"billedcost": "9"}]), tmp_path / "work")


def test_keys_that_differ_only_in_case_from_file_to_file_are_refused_with_both(tmp_path: Path) -> None:
    """The files of a bill are read as one, so that one of the two spellings would have no say."""
    other = {"billedcost" if name == "BilledCost" else name: value for name, value in FOCUS_LINE.items()}
    for name, line in (("a.json", FOCUS_LINE), ("b.json", other)):
        (tmp_path / name).write_text(json.dumps(line) + "\n")

    with pytest.raises(InputError, match=r"BilledCost and billedcost differ only in case") as refused:
        deliveries([tmp_path / "a.json", tmp_path / "b.json"], tmp_path / "work")

    assert refused.value.where == f"{tmp_path / 'a.json'} and {tmp_path / 'b.json'}"
