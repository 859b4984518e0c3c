"""Since when a machine is what it is."""

from __future__ import annotations

from datetime import date

import pytest

from recommender.subjects.changed_type import since, was_another_card


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ("bbbb", None),
        ("aabb", 3),
        # both on the day of the change: the next one is the first of the present type alone
        ("aacb", 4),
        # both on the newest day: it is all that is known of the present type
        ("aaac", 4),
        # changed there and back: since the last change
        ("babb", 3),
        # two types side by side on every day
        ("cccc", None),
        # days whose lines name no type say nothing
        ("--bb", None),
        ("a-bb", 2),
    ],
)
def test_since_the_last_day_on_which_it_was_another_alone(types: str, expected: int | None) -> None:
    """a is a type before, b the present one, c both, of 1 to 4 November."""
    named = {"a": {"old"}, "b": {"Standard_New"}, "c": {"old", "Standard_New"}, "-": set()}
    days = {date(2026, 11, number): named[kind] for number, kind in enumerate(types, 1)}
    found = since("azure", days, "standard_new", date(2026, 11, 4))
    assert found == (None if expected is None else date(2026, 11, expected))


def test_where_the_present_type_is_not_told_nothing_is() -> None:
    assert since("aws", {date(2026, 11, 1): {"a"}}, None, date(2026, 11, 1)) is None


def test_another_card_is_one_of_a_type_before() -> None:
    types = {date(2026, 11, 1): {"p4d.24xlarge"}, date(2026, 11, 2): {"g5.xlarge"}}
    changed = date(2026, 11, 2)
    assert was_another_card("aws", types, changed, "nvidia-a10g")
    assert not was_another_card("aws", types, changed, "nvidia-a100-40gb")
    assert not was_another_card("aws", types, None, "nvidia-a10g")
    # of a type that nobody knows nobody can say what it had
    assert not was_another_card("aws", {date(2026, 11, 1): {"g9.xlarge"}}, changed, "nvidia-a10g")
