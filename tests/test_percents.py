"""Shares in sentences: one way to write them, on pages, in files and in reasons."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from aispend.percents import percent

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("share", "decimals", "written"),
    [(0.634, 0, "63 %"), (Decimal("0.9047"), 1, "90.5 %"), (Decimal("-0.0001"), 0, "0 %"), (1, 0, "100 %")],
)
def test_a_share(share: Decimal | float, decimals: int, written: str) -> None:
    assert percent(share, decimals) == written


def test_nobody_writes_a_percentage_another_way() -> None:
    """``{share:.0%}`` would put ``63%`` in a reason that stands beside ``63 %`` of the page."""
    own_way = [
        f"{path.relative_to(ROOT)}: {found}"
        for part in ("aispend", "collectors", "analyzer", "recommender", "reports", "dashboard")
        for path in sorted((ROOT / part).rglob("*.py"))
        for found in re.findall(r"\{[^{}]*:\.\d%\}", path.read_text(encoding="utf-8"))
    ]

    assert own_way == []
