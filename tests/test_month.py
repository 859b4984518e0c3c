"""One month, wherever a rate is said of one: 730 hours, a twelfth of 8,760."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

from aispend.clock import HOURS_PER_MONTH
from aispend.prices.break_even import per_month
from recommender import contract

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("aispend", "analyzer", "collectors", "recommender", "reports", "dashboard")
SEEDS = {"recommender/methods/drawn_weeks.py"}
"""Files whose 730 begins a random series."""


def test_a_month_is_a_twelfth_of_a_year_of_hours() -> None:
    assert Decimal(730) * 12 == HOURS_PER_MONTH * 12 == 8760
    assert contract.HOURS_PER_MONTH is HOURS_PER_MONTH
    assert per_month(Decimal(72), 30) == 73


def test_it_is_written_down_once() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in PRODUCT
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in (730, 730.0) and not isinstance(node.value, bool)
    ]
    assert "aispend/clock.py" in found
    assert set(found) - SEEDS == {"aispend/clock.py"}
