"""One anomaly explains another by as much as it can have changed it, and by no more."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
FIRST = date(2026, 8, 31)  # a Monday
DAYS = 80
CHANGE = 70


def two_teams_on_a_machine(ledger: Ledger, after: int, *, chat_spike: bool = False) -> None:
    """24 hours of a machine at 50: 15 of them team t1's and 9 t2's; from day 70 on 6 and 18, an hour at ``after``.

    ``chat_spike``: on one of these days 2 more hours of t2.
    """
    for number in range(DAYS):
        price, hours = (50, {"t1": 15, "t2": 9}) if number < CHANGE else (after, {"t1": 6, "t2": 18})
        if chat_spike and number == CHANGE + 4:
            hours["t2"] += 4
        for team, used in hours.items():
            ledger.charge(
                (FIRST + timedelta(days=number)).isoformat(),
                str(used * price),
                hours=all_hours(),
                quantity=str(used),
                charge_description="p5 hour",
                sku_id="p5",
                tags={"model": "chat", "team": team},
            )
    ledger.analyze()


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    return ledger.rows("SELECT kind, cut, value, round(impact, 2) FROM anomaly ORDER BY impact DESC")


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        # 10 days of 18 hours that were 9: +450 a day; of 6 that were 15: -450
        (50, [("rise", "team", "t2", D(4500)), ("drop", "team", "t1", D(-4500))]),
        # 18 * 60 where 9 * 50 were: +630 a day; 6 * 60 where 15 * 50 were: -390; 24 hours at 10 more: +240
        (
            60,
            [
                ("rise", "team", "t2", D(6300)),
                ("rate", "sku", "p5 hour", D(2400)),
                ("drop", "team", "t1", D(-3900)),
            ],
        ),
    ],
)
def test_a_price_explains_no_more_of_a_rise_than_it_costs(
    ledger: Ledger, price: int, expected: list[tuple[Any, ...]]
) -> None:
    two_teams_on_a_machine(ledger, price)
    assert told(ledger) == expected


def test_a_spike_of_one_day_explains_no_rise_of_ten(ledger: Ledger) -> None:
    """All of t2 is on model chat, which has a spike of 4 hours, 200 of 1,200, on one of the ten days."""
    two_teams_on_a_machine(ledger, 50, chat_spike=True)
    assert told(ledger)[0] == ("rise", "team", "t2", D(4700))
