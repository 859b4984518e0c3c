"""The columns of advice are those that docs/advice.md explains, in that order."""

from __future__ import annotations

import re
from pathlib import Path

from reports.advice_columns import RECOMMENDATIONS, WHY_NOT

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "advice.md"
_ROW = re.compile(r"\| `([a-z0-9_]+)` \| ([a-z_]+) \| \S.* \|")


def test_every_column_is_explained_with_its_type() -> None:
    section = DOCUMENT.read_text("utf-8").partition("## Advice as a list and as a file")[2].partition("\n## ")[0]
    columns, reasons = section.split("| column | type | meaning |")[1:]

    assert _ROW.findall(columns) == [(column.name, column.kind) for column in RECOMMENDATIONS]
    assert _ROW.findall(reasons) == [(column.name, column.kind) for column in WHY_NOT]


def test_no_column_stands_twice() -> None:
    names = [column.name for column in RECOMMENDATIONS]
    assert len(names) == len(set(names))
