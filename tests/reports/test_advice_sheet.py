"""One recommendation in words, as page and command line lay it out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reports import advice_sheet, views
from tests.reports.samples import advice


def row(evidence: dict[str, Any], **given: Any) -> views.Recommendation:
    values = advice(1, evidence=evidence, **given)
    names = views.Recommendation.__dataclass_fields__
    return views.Recommendation(**{name: values[name] for name in names if name in values})


@pytest.mark.parametrize(
    ("evidence", "ends", "said"),
    [
        ({"range_from": "the weeks of the bill"}, ("80", "95"), "80.00 – 95.00 USD a month"),
        ({"range_from": "none: its weeks do not differ"}, (None, None), "no range: its weeks do not differ"),
        ({"range_from": "none: its weeks do not differ"}, ("90", "90"), "no range: its weeks do not differ"),
        ({}, (None, None), "– (no range is known)"),
    ],
)
def test_a_saving_without_a_range_says_why(
    evidence: dict[str, Any], ends: tuple[str | None, str | None], said: str
) -> None:
    p10, p90 = (None if end is None else Decimal(end) for end in ends)
    shown = dict(advice_sheet.savings(row(evidence, saving_p10=p10, saving_p90=p90)))
    assert shown["Likely between (P10, P90)"] == said
