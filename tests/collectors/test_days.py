"""Which days of a series are asked for: each once it is over, and again for what it was never asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from collectors.contract import Seen, Slice, Window
from collectors.days import day_slices, remembered, without

DAY = date(2026, 11, 10)
LATER = datetime(2026, 11, 21, 6, tzinfo=UTC)
SCOPES = st.sets(st.sampled_from(["111122223333", "us-east-1", "eu-west-1", "ml-prod"]), min_size=1)


def asked(token: str | None, scopes: set[str], *, again: bool = False) -> list[Slice]:
    """The slices of one day that left ``token``."""
    seen = {} if token is None else {f"{DAY}": Seen(token, LATER, 1)}
    window = Window(DAY, DAY + timedelta(days=1))
    return list(day_slices(window, seen, LATER, "usage", scopes=scopes, again=lambda *_: again))


@given(SCOPES, SCOPES)
def test_a_day_comes_again_exactly_where_something_is_asked_about_that_was_not_before(
    before: set[str], now: set[str]
) -> None:
    (first,) = asked(None, before)
    assert bool(asked(first.token, now)) is not (now <= before)


@given(SCOPES, st.lists(st.sampled_from(["a/eastus", "b", "series 1/us-east-1"])), st.booleans())
def test_what_a_day_lacked_is_asked_for_where_it_may_bring_something(
    scopes: set[str], lacking: list[str], again: bool
) -> None:
    (first,) = asked(None, scopes)
    token = without(first.token, lacking)
    assert remembered(token).lacking == ",".join(sorted(set(lacking)))
    assert bool(asked(token, scopes, again=again)) is (bool(lacking) and again)


def test_a_day_read_before_it_was_told_of_what_comes_again() -> None:
    assert [one.key for one in asked("settled", {"ml-prod"})] == ["2026-11-10"]
