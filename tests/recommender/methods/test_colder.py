"""Moving what is kept to a colder tier: prices, from when on it pays, and how often it would have been wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.colder import Tier, tier
from recommender.methods.colder_replay import Held, Life, ended_early, read_again, unread

D = Decimal
START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def found(provider: str, what: str, region: str = "us-east-1") -> Tier:
    price = tier(provider, what, region)
    assert price is not None
    return price


def test_two_terabytes_of_snapshot() -> None:
    """2,000 × (0.05 − 0.0125) = 75 a month; one restore 2,000 × 0.03 = 60; 90 × 0.0125 / 0.05 = 22.5 days."""
    archive = found("aws", "snapshot")
    assert archive.to == "archive"
    assert archive.hot_cost(D(2000)) == D("100.00")
    assert archive.cold_cost(D(2000)) == D("25.00")
    assert archive.restore_cost(D(2000)) == D("60.00")
    assert archive.pays_after_days(D("100.00"), D("25.00")) == D("22.5")


def test_objects_are_priced_where_the_table_knows_the_region() -> None:
    """1,000 × 0.021 (the lowest step of the list) − 1,000 × 0.004 = 17; reading it once costs 30."""
    colder = found("aws", "object")
    assert colder.to == "GLACIER_IR"
    assert colder.hot_cost(D(1000)) - colder.cold_cost(D(1000)) == D("17.00")
    assert colder.restore_cost(D(1000)) == D("30.00")
    assert colder.move_cost(D(5000)) == D("0.10")
    assert found("gcp", "object", "us-central1").to == "COLDLINE"
    assert tier("aws", "object", "eu-west-3") is None
    assert tier("azure", "object", "westeurope") is None
    assert tier("aws", "snapshot", None) is None


def test_azure_s_cold_tier_at_the_redundancy_that_saves_least() -> None:
    """1,000 × (0.019136 − 0.0036) = 15.54 of what is kept in one place; kept in more, the two are further apart.

    Moving 10,000 objects costs 0.38 where it costs most (kept in zones and a second region).
    """
    cold = found("azure", "object", "eastus")
    assert cold.to == "Cold"
    assert (cold.hot_cost(D(1000)), cold.cold_cost(D(1000))) == (D("19.14"), D("3.60"))
    assert cold.restore_cost(D(1000)) == D("30.00")
    assert cold.move_cost(D(10_000)) == D("0.38")


def test_what_costs_less_than_its_archive_never_pays() -> None:
    assert found("aws", "snapshot").pays_after_days(D(0), D("25.00")) is None


@given(hot=st.decimals("0.01", 1000, places=2), cold=st.decimals("0.01", 1000, places=2))
def test_kept_longer_than_the_day_it_pays_the_archive_is_never_dearer(hot: Decimal, cold: Decimal) -> None:
    archive = found("aws", "snapshot")
    days = archive.pays_after_days(hot, cold)
    if hot <= cold:
        assert days is None
    else:
        assert days is not None
        assert 0 < days <= archive.min_days
        # what is billed at least, against what the standard tier costs for as long
        assert abs(hot * days - cold * archive.min_days) < D("0.001")


def test_snapshots_that_went_soon_after_they_would_have_been_archived() -> None:
    lives = [
        Life(taken=day(0), listed=day(0), ended=day(100)),  # 10 days after it was 90 days old
        Life(taken=day(0), listed=day(0), ended=day(150)),
        Life(taken=day(0), listed=day(0), ended=None),
        Life(taken=day(0), listed=day(110), ended=day(120)),  # first seen 110 days old
        Life(taken=day(0), listed=day(0), ended=day(50)),  # never old enough
        Life(taken=day(100), listed=day(100), ended=None),  # old enough for 10 days only: nobody knows yet
    ]
    tried = ended_early(lives, after_days=90, within_days=22.5, until=day(200))
    assert (tried.trials, tried.wrong) == (4, 2)
    assert ended_early([], after_days=90, within_days=22.5, until=day(200)).bound is None


def held(name: str, run: str | None, written: float, *reads: float, kept: bool = False, size: int = 10) -> Held:
    return Held(name, run, day(written), tuple(day(read) for read in reads), kept, size)


def test_the_newest_and_the_kept_of_each_run_stay() -> None:
    listing = [
        held("a/1", "a", 0, 0),
        held("a/2", "a", 10, 10, kept=True),
        held("a/3", "a", 20, 20),
        held("b/1", "b", 0, 0),  # the only one
        held("a/0", "a", -5, 150),  # read 50 days ago
        held("c/1", None, 0, 0),  # of which run is not known
        held("a/x", "a", 5),  # whether it was read is not known
    ]
    assert [one.name for one in unread(listing, day(200), 90)] == ["a/1"]


def test_what_would_have_been_moved_and_was_read_again() -> None:
    listing = [
        held("a/1", "a", 0, 0, 95),  # unread for 90 days on day 90, read on day 95
        held("a/2", "a", 0, 0, 80),  # from day 170 on, and not since
        held("a/3", "a", 1, 1),  # newest from day 1 on: never moved
        held("b/1", "b", 0, 150),  # overtaken on day 100; whether it was read before day 150 is not known
        held("b/3", "b", 0),  # whether it was ever read is not known
        held("b/2", "b", 100, 100),
    ]
    tried = read_again(listing, 90, day(200))
    assert (tried.trials, tried.wrong) == (3, 2)
    # Clopper-Pearson, two of three: 1 − p³ = 0.05
    assert tried.bound == pytest.approx(0.95 ** (1 / 3), abs=0.0005)


def test_a_checkpoint_overtaken_later_is_moved_from_then_on() -> None:
    """Unread since day 0 and newest until day 100: moved on day 100, read on day 120."""
    listing = [held("a/1", "a", 0, 0, 120), held("a/2", "a", 100, 100)]
    tried = read_again(listing, 90, day(200))
    assert (tried.trials, tried.wrong) == (1, 1)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 200), st.lists(st.integers(0, 200), max_size=3), st.booleans()),
        max_size=8,
    )
)
def test_a_run_keeps_its_newest_and_what_is_moved_was_unread(
    given_ones: list[tuple[str, int, list[int], bool]],
) -> None:
    listing = [
        held(f"{run}/{number}", run, written, *(read for read in reads if read >= written), kept=kept)
        for number, (run, written, reads, kept) in enumerate(given_ones)
    ]
    moved = unread(listing, day(200), 30)
    for run in {one.run for one in listing}:
        newest = max(one.written for one in listing if one.run == run)
        assert not any(one.run == run and one.written == newest for one in moved)
    assert not any(one.kept for one in moved)
    assert all(max(one.reads) <= day(170) for one in moved)
    tried = read_again(listing, 30, day(200))
    assert 0 <= tried.wrong <= tried.trials <= len(listing)
