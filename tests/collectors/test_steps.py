"""Steps of prices and their means, computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as some

from collectors.steps import daily_mean, time_weighted

D = Decimal
DAY, NEXT = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def test_each_price_weighs_as_long_as_it_held() -> None:
    steps = [(at(-30), D("1.00")), (at(6), D("2.00")), (at(18), D("4.00"))]
    # 6 h at 1, 12 h at 2, 6 h at 4: (6 + 24 + 24) / 24
    assert time_weighted(steps, DAY, NEXT) == D("2.25")
    # the plain mean of the three would be 2.33
    assert time_weighted(reversed(steps), DAY, NEXT) == D("2.25"), "in whatever order AWS lists them"


def test_a_step_before_the_day_holds_on_into_it_and_one_after_it_does_not_count() -> None:
    assert time_weighted([(at(-30), D("1.5"))], DAY, NEXT) == D("1.5")
    assert time_weighted([(at(-30), D(9)), (at(-1), D(1)), (at(24), D(7))], DAY, NEXT) == D(1)


def test_time_without_a_price_does_not_count_and_none_at_all_is_unknown() -> None:
    assert time_weighted([(at(20), D(3)), (at(22), D(5))], DAY, NEXT) == D(4), "2 h at 3, 2 h at 5"
    assert time_weighted([], DAY, NEXT) is None
    assert time_weighted([(at(24), D(7))], DAY, NEXT) is None


def test_thirds_are_rounded_half_even_to_twelve_decimals() -> None:
    # 8 h at 1, 16 h at 2: 40 / 24
    assert time_weighted([(at(0), D(1)), (at(8), D(2))], DAY, NEXT) == D("1.666666666667")


def test_zones_weigh_alike_whatever_the_number_of_their_changes() -> None:
    calm, busy = [(at(-1), D(1))], [(at(-1), D(2)), (at(6), D(4)), (at(12), D(6))]
    # busy: 6 h at 2, 6 h at 4, 12 h at 6: 108 / 24 = 4.5; with calm's 1 that is 5.5 / 2
    assert daily_mean([calm, busy, []], DAY, NEXT) == D("2.75")
    assert daily_mean([[]], DAY, NEXT) is None


prices = some.decimals(min_value=D("0.0001"), max_value=100, places=4)


@given(some.lists(some.tuples(some.integers(-48, 24).map(at), prices), min_size=1, unique_by=lambda step: step[0]))
def test_the_mean_lies_between_the_prices(steps: list[tuple[datetime, Decimal]]) -> None:
    mean = time_weighted(steps, DAY, NEXT)
    if mean is not None:
        assert min(price for _, price in steps) <= mean <= max(price for _, price in steps)
    halves = [time_weighted([*steps, (at(-100), D(1))], *half) for half in ((DAY, at(12)), (at(12), NEXT))]
    whole = time_weighted([*steps, (at(-100), D(1))], DAY, NEXT)
    assert halves[0] is not None
    assert halves[1] is not None
    assert whole is not None
    assert abs(whole - (halves[0] + halves[1]) / 2) <= D("2e-12")
