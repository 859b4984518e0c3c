"""What a change saves: per 730 hours of known days, with a range only where weeks differ."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from recommender.contract import Advice, DailyCost, Subject, WhyNot
from recommender.kinds import stop_idle
from recommender.savings import Spread, cost_basis, monthly_cost, saving
from recommender.subjects.machines import Machine
from tests.recommender.conftest import AS_OF

Make = Callable[..., Machine]


def days(*amounts: int | None, billed: bool = False) -> list[DailyCost]:
    """Whole days up to the end of the evidence; None is a day whose cost the bill does not give."""
    return [
        DailyCost(
            day=(AS_OF - timedelta(days=len(amounts) - number)).date(),
            hours=24,
            list_cost=None,
            effective_cost=None if amount is None else Decimal(amount),
            uncovered_effective_cost=None if amount is None else Decimal(amount),
            is_spot=False,
            billed=billed,
        )
        for number, amount in enumerate(amounts)
    ]


def anything_at(costs: list[DailyCost]) -> Subject:
    """Anything that is paid for."""
    return Subject(
        resource_key=1,
        resource_id="r",
        provider="aws",
        account=None,
        region=None,
        currency="USD",
        tags={},
        model=None,
        team=None,
        first_seen=costs[0].day,
        costs=costs,
        as_of=AS_OF,
    )


def test_what_changed_its_type_costs_what_it_costs_since(make_subject: Make) -> None:
    """Nine days at 480 and five at 24: 24 a day is 730 a month; by all days it would be 9,646.43. Five days are too few
    for a range, and the basis says since when."""
    costs = days(*[480] * 9, *[24] * 5)
    subject = make_subject(costs=costs, costs_since=costs[9].day)
    assert monthly_cost(subject, 14) == Decimal("730.00")
    found = saving(subject, 14, Decimal("0.5"))
    assert (found.effective, found.net, found.p10) == (Decimal("365.00"), Decimal("365.00"), None)
    assert found.range_from == "none: fewer than two whole weeks of its cost are known"
    assert (
        cost_basis(subject, 14) == "effective cost of the bill's last days, from 2026-11-16 on, when its type changed"
    )
    # a change before the window is none of it
    assert monthly_cost(replace(subject, costs_since=costs[0].day), 14) == Decimal("9646.43")


def test_a_month_is_730_hours_of_the_window_and_not_of_days_before_it(make_subject: Make) -> None:
    """Four weeks are loaded, of which the last two are asked for: 240 a day is 10 an hour is 7,300."""
    subject = make_subject(costs=days(*[1000] * 14, *[240] * 14))
    assert monthly_cost(subject, 14) == Decimal("7300.00")
    assert saving(subject, 14, Decimal("0.5")).effective == Decimal("3650.00")


def test_a_day_off_costs_nothing(make_subject: Make) -> None:
    """One day of 336 in a fortnight is 24 a day is 1 an hour is 730."""
    assert monthly_cost(make_subject(costs=days(336)), 14) == Decimal("730.00")


def test_a_day_of_unknown_cost_is_left_out_and_not_zero(make_subject: Make) -> None:
    """Seven days of 240 and seven unknown: 240 a day, 7,300 a month, where zero for unknown would say 3,650."""
    subject = make_subject(costs=days(*[240, None] * 7))
    assert monthly_cost(subject, 14) == Decimal("7300.00")
    assert saving(subject, 14, Decimal(1)).net == Decimal("7300.00")
    assert cost_basis(subject, 14) == (
        "effective cost of the bill's last days; 7 of 14 days have no known cost and are left out"
    )


def test_a_cost_known_on_no_day_is_unknown(make_subject: Make) -> None:
    subject = make_subject(costs=days(*[None] * 14))
    assert monthly_cost(subject, 14) is None
    answer = stop_idle.evaluate(subject, Recommend())
    assert isinstance(answer, WhyNot)
    assert (answer.reason, answer.monthly_cost) == ("cost_unknown", None)


def test_billed_cost_that_stands_in_is_named(make_subject: Make) -> None:
    subject = make_subject(costs=[*days(*[240] * 14)[:4], *days(*[240] * 10, billed=True)])
    assert cost_basis(subject, 14) == "billed cost on 10 of 14 days, where the bill gives no effective cost"
    answer = stop_idle.evaluate(subject, Recommend())
    assert isinstance(answer, Advice)
    assert answer.evidence["cost_basis"] == cost_basis(subject, 14)
    assert "billed cost on 10 of 14 days" in answer.reason


def test_weeks_that_differ_give_a_range(make_subject: Make) -> None:
    """A week of 100 a day, then one of 200.

    Seven days in a row from any of 14 starts are 100 + 100 x/7 a day, x = 0 and 7 once and 1 to 6 twice. The sum of
    two draws is at most 2 in 13 of 196 cases and at most 3 in 25: P10 is 3, P50 is 7, P90 is 11. A day of 150 is
    4,562.50 a month, one of 100 + 100 × 1.5 / 7 is 3,693.45, one of 100 + 100 × 5.5 / 7 is 5,431.55.
    """
    found = saving(make_subject(costs=days(*[100] * 7, *[200] * 7)), 14, Decimal(1))
    assert found.net == Decimal("4562.50")
    assert (found.p10, found.p50, found.p90) == (Decimal("3693.45"), Decimal("4562.50"), Decimal("5431.55"))


def test_days_beside_whole_weeks_are_in_the_range_as_in_the_point(make_subject: Make) -> None:
    """Sixteen days, of which the first two cost 800 and the others 100: 187.50 a day is 5,703.12 a month.

    Seven days in a row from any of 16 starts hold none of the two dear days 8 times, one 2 times and both 6 times. Of
    the 64 sums of two draws (weights 4, 1 and 3 of 8) 16 are 0, 8 are 1, 25 are 2, 6 are 3 and 9 are 4: P10 is 0, P50
    is 2 and P90 is 4 dear days in 14, which is 100, 200 and 300 a day.
    """
    found = saving(make_subject(costs=days(*[800] * 2, *[100] * 14)), 16, Decimal(1))
    assert found.net == Decimal("5703.12")
    assert (found.p10, found.p50, found.p90) == (Decimal("3041.67"), Decimal("6083.33"), Decimal("9125.00"))


def test_weeks_that_cost_alike_have_no_range_in_a_window_of_other_length(make_subject: Make) -> None:
    """Five days of 100 and two free ones, sixteen days long: twelve of 100 are 75 a day is 2,281.25 a month."""
    subject = make_subject(costs=days(*([100] * 5 + [0] * 2) * 2, 100, 100))
    alone = saving(subject, 16, Decimal(1))
    assert (alone.net, alone.p10, alone.range_from) == (
        Decimal("2281.25"),
        None,
        "none: every week cost the same, and nothing else of it is uncertain",
    )
    tried = saving(subject, 16, Decimal(1), Spread(shares=(0.5, 1.0, 1.0)))
    assert (tried.p10, tried.p50, tried.p90) == (Decimal("1140.62"), Decimal("2281.25"), Decimal("2281.25"))
    assert tried.range_from == "parts of history it was tried on"


def test_an_unknown_day_beside_whole_weeks_leaves_no_range(make_subject: Make) -> None:
    found = saving(make_subject(costs=days(None, 100, *[100] * 7, *[200] * 7)), 16, Decimal(1))
    assert (found.p10, found.range_from) == (None, "none: the cost of a day is unknown")


@pytest.mark.parametrize(
    "costs",
    [
        pytest.param(days(*[240] * 14), id="the same every day"),
        pytest.param(days(*[100, 100, 100, 100, 100, 0, 0] * 2), id="the same every week"),
        pytest.param(days(*[100, 300] * 3, 100), id="no two weeks"),
        pytest.param(days(*[100] * 7, *[200] * 6, None), id="a day unknown"),
    ],
)
def test_what_shows_no_spread_has_no_range(make_subject: Make, costs: list[DailyCost]) -> None:
    subject = make_subject(costs=costs, first_seen=costs[0].day)
    found = saving(subject, 14, Decimal(1))
    assert (found.p10, found.p50, found.p90) == (None, None, None)


def test_where_there_is_no_range_it_is_said_why(make_subject: Make) -> None:
    def said(costs: list[DailyCost]) -> str:
        return saving(make_subject(costs=costs, first_seen=costs[0].day), 14, Decimal(1)).range_from

    assert said(days(*[240] * 14)) == "none: every week cost the same, and nothing else of it is uncertain"
    assert said(days(*[100, 300] * 3, 100)) == "none: fewer than two whole weeks of its cost are known"
    assert said(days(*[100] * 13, None)) == "none: the cost of a day is unknown"
    assert said(days(*[0] * 14)) == "none: nothing is saved net of commitments"
    assert said(days(*[100] * 7, *[200] * 7)) == "the weeks of the bill"


def test_what_nobody_measured_is_said_beside_the_range(make_subject: Make) -> None:
    def said(*costs: int) -> str:
        beside = Spread(beside="whether a discount holds there")
        return saving(make_subject(costs=days(*costs)), 14, Decimal(1), beside).range_from

    assert said(*[240] * 14) == "none: every week cost the same; not in it: whether a discount holds there"
    assert said(*[100] * 7, *[200] * 7) == "the weeks of the bill; not in it: whether a discount holds there"
    assert said(*[0] * 14) == "none: nothing is saved net of commitments"


def test_what_the_folds_saved_is_a_range_of_weeks_that_cost_alike(make_subject: Make) -> None:
    """Half of 7,300 is chosen today; of three folds one would have saved a quarter and two the half."""
    subject = make_subject(costs=days(*[240] * 14))
    found = saving(subject, 14, Decimal("0.5"), Spread(shares=(0.25, 0.5, 0.5)))
    assert (found.net, found.p10, found.p50, found.p90) == tuple(
        map(Decimal, ("3650.00", "1825.00", "3650.00", "3650.00"))
    )
    assert found.range_from == "parts of history it was tried on"
    alike = saving(subject, 14, Decimal("0.5"), Spread(shares=(0.5, 0.5, 0.5)))
    assert alike.p10 is None


def test_an_hour_that_falls_short_saves_nothing(make_subject: Make) -> None:
    """None of 100 independent hours: Beta(0.5, 100.5) has its 90th percentile at 1.34 % and its median at 0.23 %."""
    found = saving(make_subject(costs=days(*[240] * 14)), 14, Decimal(1), Spread(hours=100))
    assert found.p10 == pytest.approx(Decimal(7202), abs=10)
    assert found.p50 == pytest.approx(Decimal(7283), abs=3)
    assert found.p90 == found.net == Decimal("7300.00")
    often = saving(make_subject(costs=days(*[240] * 14)), 14, Decimal(1), Spread(short_hours=20, hours=100))
    assert often.p50 == pytest.approx(Decimal(7300) * Decimal("0.8"), abs=30)


@given(
    share=st.decimals(Decimal("0.01"), 1, places=2),
    shares=st.lists(st.floats(0, 1), max_size=4).map(tuple),
    short=st.floats(0, 50),
    hours=st.floats(0, 500),
    week=st.integers(0, 500),
)
def test_the_point_is_within_the_range(
    share: Decimal, shares: tuple[float, ...], short: float, hours: float, week: int
) -> None:
    costs = days(*[240] * 7, *[week] * 7)
    found = saving(anything_at(costs), 14, share, Spread(shares, short, hours))
    if found.p10 is not None and found.p50 is not None and found.p90 is not None:
        assert 0 <= found.p10 <= found.p50 <= found.p90 <= sum((c.effective_cost or 0) for c in costs) * 730
        assert found.p10 <= found.net <= found.p90
        assert found.range_from
    else:
        assert found.range_from.startswith("none: ")


def test_a_window_below_two_weeks_has_no_range(make_subject: Make) -> None:
    assert saving(make_subject(costs=days(*range(100, 114))), 13, Decimal(1)).p10 is None


def test_a_commitment_covers_the_net_saving_and_not_the_effective(make_subject: Make) -> None:
    covered = [replace(cost, uncovered_effective_cost=Decimal(0)) for cost in days(*[240] * 14)]
    found = saving(make_subject(costs=covered), 14, Decimal(1))
    assert (found.effective, found.net) == (Decimal("7300.00"), Decimal("0.00"))
