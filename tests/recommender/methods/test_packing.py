"""Packing: what turns are worth, what memory forbids, and the best there is on small cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.packing import (
    Packing,
    Server,
    Tenant,
    balance,
    first_fit_decreasing,
    fits_together,
    lower_bound,
    pack,
    replay_packing,
)

FULL = Server(memory=80, target=1.0, memory_headroom=0.0)


def tenant(key: str, memory: float, activity: list[float] | np.ndarray, apart: str | None = None) -> Tenant:
    return Tenant(key, memory, np.atleast_2d(np.asarray(activity, dtype=float)), apart)


def test_two_that_work_by_turns_fit_on_one_server() -> None:
    """Each has P95 1, and so has their sum: not 2."""
    turns = np.tile([1.0, 0.0], 50)
    one, other = tenant("a", 20, turns), tenant("b", 20, 1 - turns)
    assert pack([one, other], FULL).servers == (("a", "b"),)
    assert pack([one, tenant("b", 20, turns)], FULL).servers == (("a",), ("b",))


def test_memory_adds_up_by_maxima() -> None:
    idle = np.zeros(100)
    models = [tenant(key, 30, idle) for key in "abcd"]
    assert pack(models, FULL).servers == (("a", "b"), ("c", "d"))
    assert not fits_together(models[:2], Server(memory=60))


TWO_CARDS = Server(memory=80, devices=2, target=1.0, memory_headroom=0.0)


def test_what_lies_on_one_card_is_not_split_over_two() -> None:
    """Three of 25 are 75 of 80, but a card of 40 takes one of them; of 20 it takes two."""
    idle = np.zeros(100)
    assert [len(keys) for keys in pack([tenant(key, 25, idle) for key in "abc"], TWO_CARDS).servers] == [2, 1]
    assert [len(keys) for keys in pack([tenant(key, 20, idle) for key in "abcd"], TWO_CARDS).servers] == [4]
    # two halves of 25 of one model beside 10 on a card, not beside 30
    both = Tenant("both", 50, np.zeros((1, 100)), on_each=(25, 25))
    assert fits_together([both, tenant("a", 10, idle), tenant("b", 15, idle)], TWO_CARDS)
    assert not fits_together([both, tenant("a", 30, idle)], TWO_CARDS)
    # what fills a card past the headroom now has one of its own again, and nothing beside it
    careful = Server(memory=80, devices=2, target=1.0, memory_headroom=0.1)
    assert pack([tenant("full", 39, idle), tenant("a", 1, idle)], careful).servers == (("full", "a"),)
    assert not fits_together([tenant("full", 39, idle), tenant("a", 1, idle), tenant("b", 36, idle)], careful)


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=3), min_size=1, max_size=6),
    st.integers(1, 3),
)
def test_no_card_of_a_packing_overflows(rows: list[list[int]], devices: int) -> None:
    """Each part of each tenant has a card, by trying all there are."""
    server = Server(memory=40 * devices, devices=devices, target=1.0, memory_headroom=0.0)
    tenants = [Tenant(str(at), sum(parts), np.zeros((1, 10)), on_each=tuple(parts)) for at, parts in enumerate(rows)]
    for keys in pack(tenants, server).servers:
        parts = [part for key in keys for part in rows[int(key)]]
        assert fewest(sorted(parts, reverse=True), 40) <= devices


def test_replicas_of_a_service_stay_apart() -> None:
    idle = np.zeros(100)
    found = pack([tenant("a1", 10, idle, "a"), tenant("a2", 10, idle, "a"), tenant("b", 5, idle)], FULL)
    assert found.servers == (("a1", "b"), ("a2",))
    assert not fits_together([tenant("a1", 10, idle, "a"), tenant("a2", 10, idle, "a")], FULL)


def test_the_unknown_and_the_too_large_are_not_placed() -> None:
    unknown = np.full(100, np.nan)
    found = pack(
        [
            tenant("unknown", 10, unknown),
            tenant("memory", float("nan"), np.zeros(100)),
            tenant("large", 90, np.zeros(100)),
            tenant("fine", 10, np.zeros(100)),
        ],
        FULL,
    )
    assert found.servers == (("fine",),)
    assert found.not_placed == ("large", "memory", "unknown")


def test_what_is_seldom_known_together_is_not_put_together() -> None:
    first, second = np.full(100, 0.1), np.full(100, 0.1)
    first[:30], second[70:] = np.nan, np.nan
    assert pack([tenant("a", 1, first), tenant("b", 1, second)], FULL).servers == (("a",), ("b",))


def test_a_second_dimension_may_forbid_it() -> None:
    busy = np.array([np.full(100, 0.1), np.full(100, 0.7)])
    assert len(pack([Tenant("a", 1, busy), Tenant("b", 1, busy)], FULL).servers) == 2


def test_a_packing_is_replayed_on_the_sum() -> None:
    """Packed by turns; on other hours both work at once in 12 of 1,200 slots: an hour over, at twice the server."""
    later = np.tile(np.repeat([1.0, 0.0], 12), 50)
    other = 1 - later
    other[:12] = 1
    demand = {"a": tenant("a", 20, later), "b": tenant("b", 20, other)}
    (found,) = replay_packing(Packing((("a", "b"),), ()), demand, FULL)
    assert (found.violation_minutes, found.violation_hours, found.hours) == (60, 1, 100)
    assert found.worst_overload == pytest.approx(1)


def test_one_key_is_one_tenant() -> None:
    with pytest.raises(ValueError, match="one key"):
        pack([tenant("a", 1, [0.0]), tenant("a", 1, [0.0])], FULL)


def test_an_uneven_load_needs_more_replicas_than_an_even_one() -> None:
    """0.6, 0.1, 0.1 and 0 of one each: 0.8 in all, one replica at 80 %; as it lies 4 × 0.6/0.8 = 3."""
    found = balance(np.tile([[0.6], [0.1], [0.1], [0.0]], 100), per_replica=1)
    assert found.hottest == pytest.approx(0.75)
    assert found.ratio == pytest.approx(3)
    assert (found.needed, found.needed_as_is) == (1, 3)
    with pytest.raises(ValueError, match="nowhere"):
        balance(np.zeros((2, 10)), per_replica=1)


def test_first_fit_decreasing_by_hand() -> None:
    """Of 10: 7, 6, 4, 3, 2, 1 are two bins and one more: 7+3, 6+4, 2+1."""
    bins, large = first_fit_decreasing(np.array([[1.0], [2], [3], [4], [6], [7], [11]]), [10])
    assert [sorted(one) for one in bins] == [[2, 5], [3, 4], [0, 1]]
    assert large == [6]
    assert lower_bound(np.array([[1.0], [2], [3], [4], [6], [7]]), [10]) == 3
    assert lower_bound(np.empty((0, 1)), [10]) == 0


def fewest(sizes: list[int], capacity: int) -> int:
    """The best there is, by trying: the next item into each bin of another level, or a new one."""
    best = len(sizes)

    def place(item: int, levels: tuple[int, ...]) -> None:
        nonlocal best
        if len(levels) >= best:
            return
        if item == len(sizes):
            best = len(levels)
            return
        for level in set(levels):
            if level + sizes[item] <= capacity:
                at = levels.index(level)
                place(item + 1, (*levels[:at], level + sizes[item], *levels[at + 1 :]))
        place(item + 1, (*levels, sizes[item]))

    place(0, ())
    return best


def test_first_fit_decreasing_is_nearly_the_best() -> None:
    """300 random cases of up to nine items: within 11/9 and one, and the best itself in at least 95 of 100."""
    rng = np.random.default_rng(2)
    best = 0
    for _ in range(300):
        sizes = sorted(rng.integers(1, 60, rng.integers(1, 10)).tolist(), reverse=True)
        ours = len(first_fit_decreasing(np.array(sizes, dtype=float)[:, None], [60])[0])
        optimum = fewest(sizes, 60)
        assert optimum <= ours <= 11 / 9 * optimum + 1
        best += ours == optimum
    assert best / 300 >= 0.95


SIZES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=40).map(
    lambda rows: np.array(rows).reshape(-1, 2)
)


@given(SIZES, st.lists(st.sampled_from([None, "a", "b"]), min_size=40, max_size=40))
def test_every_item_has_one_place_and_no_bin_overflows(sizes: np.ndarray, apart: list[str | None]) -> None:
    bins, large = first_fit_decreasing(sizes, [1.0, 1.0], apart[: len(sizes)])
    assert not large
    assert sorted(item for one in bins for item in one) == list(range(len(sizes)))
    assert len(bins) >= lower_bound(sizes, [1.0, 1.0])
    for one in bins:
        assert (sizes[one].sum(axis=0) <= 1 + 1e-6).all()
        groups = [apart[item] for item in one if apart[item]]
        assert len(groups) == len(set(groups))


@given(
    st.lists(st.tuples(st.floats(0, 60), st.lists(st.floats(0, 1), min_size=12, max_size=12)), max_size=8),
    st.sampled_from([0.6, 0.9]),
)
def test_what_is_packed_fits_together(rows: list[tuple[float, list[float]]], target: float) -> None:
    server = Server(memory=80, target=target)
    tenants = {str(at): tenant(str(at), memory, activity) for at, (memory, activity) in enumerate(rows)}
    found = pack(list(tenants.values()), server)
    assert sorted([*found.not_placed, *(key for keys in found.servers for key in keys)]) == sorted(tenants)
    for keys in found.servers:
        assert fits_together([tenants[key] for key in keys], server)
    for key in found.not_placed:
        assert not fits_together([tenants[key]], server)
