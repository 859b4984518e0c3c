"""Shares in sentences: one way to write them, on pages, in files and in reasons."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from aispend.percents import percent, percent_apart

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("share", "decimals", "written"),
    [(0.634, 0, "63 %"), (Decimal("0.9047"), 1, "90.5 %"), (Decimal("-0.0001"), 0, "0 %"), (1, 0, "100 %")],
)
def test_a_share(share: Decimal | float, decimals: int, written: str) -> None:
    assert percent(share, decimals) == written


@pytest.mark.parametrize(
    ("share", "marks", "written"),
    [
        (0.797, (0.8,), "79.7 %"),
        (Decimal("0.7996"), (Decimal("0.8"),), "79.96 %"),
        (0.5, (0.8,), "50 %"),
        (0.8, (Decimal("0.8"),), "80 %"),
        (0.998, (0, 1), "99.8 %"),
        (0.0004, (0, 1), "0.04 %"),
        (1.0, (0, 1), "100 %"),
        (0, (0, 1), "0 %"),
        (0.99999999, (1,), "100.0000 %"),
    ],
)
def test_a_share_is_told_from_what_it_is_not(
    share: Decimal | float, marks: tuple[Decimal | float, ...], written: str
) -> None:
    """ "Covers 80 %; 80 % is needed" says nothing, and 3 hours of 1,440 are not "100 % of hours"."""
    assert percent_apart(share, *marks) == written


def test_nobody_writes_a_percentage_another_way() -> None:
    """``{share:.0%}`` would put ``63%`` in a reason that stands beside ``63 %`` of the page."""
    own_way = [
        f"{path.relative_to(ROOT)}: {found}"
        for part in ("aispend", "collectors", "analyzer", "recommender", "reports", "dashboard")
        for path in sorted((ROOT / part).rglob("*.py"))
        for found in re.findall(r"\{[^{}]*:\.\d%\}", path.read_text(encoding="utf-8"))
    ]

    assert own_way == []
