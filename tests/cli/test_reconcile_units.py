"""The largest difference of a promise names what it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from aispend.cli.checks import largest_difference
from analyzer.findings import Finding

D = Decimal
ONE = Finding("it", None, date(2026, 10, 1), None, D(8), D(5), D(3), "equal", True)


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        (ONE, "+3"),
        (replace(ONE, unit="days"), "+3 days"),
        (replace(ONE, difference=D(-12_000), unit="tokens"), "-12,000 tokens"),
        (replace(ONE, difference=D(0), unit="tokens"), "0"),
        (replace(ONE, currency="USD"), "+3.00 USD"),
        (replace(ONE, difference=None), "–"),
    ],
)
def test_the_largest_difference_has_its_unit(finding: Finding, says: str) -> None:
    assert largest_difference([finding]) == says
