"""Spot replicas and spares: the published case, small cases by hand, and where zones fail together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.spot_serving import (
    available_replicas,
    mean_field_saving,
    serving_cost,
    smallest_spare,
    spare_for_a_zone,
    spread,
)


def test_ten_needed_and_two_to_spare() -> None:
    """12 × 0.9 = 10.8 are there on the mean, and cost 3.78 of 10: the true saving is lower."""
    assert mean_field_saving(10, 2, 0.9, 0.35) == pytest.approx(0.622, abs=5e-4)
    found = serving_cost(10, 2, 0.9, 0.35)
    # P(X ≤ 9) of Binomial(12, 0.9) is 0.110870
    assert found.shortfall == pytest.approx(0.110870, abs=1e-6)
    assert found.saving < 0.622
    assert found.saving == pytest.approx(1 - (3.78 + found.fallback) / 10)


def test_two_replicas_by_hand() -> None:
    """One needed of two, each there half the time: none with ¼, so ¼ replica on demand and 1 × 0.4 of spot."""
    found = serving_cost(1, 1, 0.5, 0.4)
    assert (found.shortfall, found.fallback) == (0.25, 0.25)
    assert found.saving == pytest.approx(1 - 0.4 - 0.25)


def test_zones_fail_as_a_whole() -> None:
    """Two zones of 2 and 1, there with 0.9 and 0.8: X is 0, 1, 2, 3 with 0.02, 0.08, 0.18, 0.72."""
    assert available_replicas([2, 1], [0.9, 0.8]) == pytest.approx([0.02, 0.08, 0.18, 0.72])
    found = serving_cost(2, 1, [0.9, 0.8], 0.3, domains=[2, 1])
    assert found.shortfall == pytest.approx(0.10)
    assert found.fallback == pytest.approx(2 * 0.02 + 0.08)
    assert found.cost_share == pytest.approx(((2 * 0.9 + 0.8) * 0.3 + 0.12) / 2)


def test_all_in_one_zone_promises_no_more_than_the_zone() -> None:
    for spare in (0, 5, 50):
        assert serving_cost(10, spare, 0.9, 0.3, domains=[10 + spare]).shortfall == pytest.approx(0.1)
    assert smallest_spare(10, 0.9, 0.95, zones=1) is None
    assert smallest_spare(10, 0.9, 0.9, zones=1) == 0


def test_spare_for_a_target() -> None:
    """One by one: P(X ≥ 2) of two is 0.81, of three 0.972, of four 0.9963."""
    assert smallest_spare(2, 0.9, 0.8) == 0
    assert smallest_spare(2, 0.9, 0.97) == 1
    assert smallest_spare(2, 0.9, 0.99) == 2
    # in two zones only a whole replacement survives one: 4 and 4 of 4, 1 − 0.1² = 0.99
    assert smallest_spare(4, 0.9, 0.98, zones=2) == 4
    assert smallest_spare(4, 0.9, 0.995, zones=2) is None
    assert smallest_spare(4, 0.9, 0.97, zones=3) == 2
    assert smallest_spare(4, 1.0, 1.0) == 0
    assert smallest_spare(4, 0.9, 1.0) is None


def test_replicas_are_spread_evenly() -> None:
    assert spread(7, 3) == (3, 2, 2)


def test_domains_must_hold_all_replicas() -> None:
    with pytest.raises(ValueError, match="hold 3 replicas"):
        serving_cost(3, 1, 0.9, 0.3, domains=[2, 1])


@given(st.integers(1, 30), st.integers(0, 10), st.floats(0.01, 0.99), st.floats(0.05, 0.95))
def test_chance_never_saves_more_than_the_mean(needed: int, spare: int, share: float, ratio: float) -> None:
    found, mean = serving_cost(needed, spare, share, ratio), mean_field_saving(needed, spare, share, ratio)
    assert found.saving <= mean + 1e-9
    if spare and 0.1 < share < 0.9 and needed + spare < 15:
        assert found.saving < mean
    binomial = [
        math.comb(needed + spare, x) * share**x * (1 - share) ** (needed + spare - x) for x in range(needed + spare + 1)
    ]
    np.testing.assert_allclose(available_replicas([1] * (needed + spare), [share] * (needed + spare)), binomial)


@given(st.integers(1, 15), st.floats(0.3, 0.99), st.floats(0.5, 0.999), st.one_of(st.none(), st.integers(1, 4)))
def test_the_smallest_spare_is_enough_and_one_less_is_not(
    needed: int, share: float, target: float, zones: int | None
) -> None:
    spare = smallest_spare(needed, share, target, zones=zones)
    if spare is None:
        assert zones is not None
        assert 1 - (1 - share) ** zones < target + 1e-9
        return

    def shortfall(count: int) -> float:
        return serving_cost(
            needed, count, share, 0.3, domains=spread(needed + count, zones) if zones else None
        ).shortfall

    assert shortfall(spare) <= 1 - target + 1e-9
    assert not spare or shortfall(spare - 1) > 1 - target - 1e-9


@pytest.mark.parametrize(
    ("needed", "zones", "spare"),
    # 2, 2, 1 of three; 2, 2, 1, 1 of four; a whole set in the other of two zones
    [(3, 3, 2), (4, 4, 2), (4, 3, 2), (4, 2, 4), (1, 5, 1)],
)
def test_spare_for_the_loss_of_a_zone_by_hand(needed: int, zones: int, spare: int) -> None:
    assert spare_for_a_zone(needed, zones) == spare


@given(st.integers(1, 60), st.integers(2, 12))
def test_no_fewer_outlive_the_loss_of_any_zone(needed: int, zones: int) -> None:
    """Tried one by one: the first number of which any zone may go."""

    def outlives(spare: int) -> bool:
        domains = spread(needed + spare, zones)
        return all(sum(domains) - lost >= needed for lost in domains)

    assert spare_for_a_zone(needed, zones) == next(spare for spare in range(needed + 1) if outlives(spare))
