"""Samples are rolled up some days at a time: as many as their rows and their hours of accelerators let into memory."""

from __future__ import annotations

from datetime import date

from collectors.files.metrics import HOURS_AT_ONCE, SAMPLES_AT_ONCE, _stretches

DAYS = [date(2026, 11, day) for day in range(1, 5)]


def test_many_samples_of_few_hours_are_cut_by_their_rows() -> None:
    each = SAMPLES_AT_ONCE // 2
    assert _stretches(dict.fromkeys(DAYS, each), dict.fromkeys(DAYS, 10)) == [(DAYS[0], DAYS[1]), (DAYS[2], DAYS[3])]


def test_one_sample_an_hour_is_cut_by_its_hours() -> None:
    """Each hour of an accelerator keeps slots and percentiles, however few samples it has."""
    each = HOURS_AT_ONCE // 3 + 1
    found = _stretches(dict.fromkeys(DAYS, each), dict.fromkeys(DAYS, each))
    assert found == [(DAYS[0], DAYS[1]), (DAYS[2], DAYS[3])]


def test_a_day_too_large_stands_alone() -> None:
    hours = dict.fromkeys(DAYS, 1) | {DAYS[1]: 2 * HOURS_AT_ONCE}
    found = _stretches(dict.fromkeys(DAYS, 1), hours)
    assert found == [(DAYS[0], DAYS[0]), (DAYS[1], DAYS[1]), (DAYS[2], DAYS[3])]
