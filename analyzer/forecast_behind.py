"""Bills that are behind, in forecasts and budgets: what they say counts, and the days they do not say yet are forecast.

Assumes     Bills behind as :mod:`analyzer.series` finds them; ``spend_day`` of the days that forecasts remember.
Method      Of such a bill its known days are read to its own last day. It *goes on* where it tells of the month before
            that of the newest known day, or later: then its days after are forecast from its own history.
Cases       One that says nothing of that month may have stopped for good: its days after are in no number, and it is
            named.
Drawbacks   A step known beforehand that falls between the last day of such a bill and that of the others is taken for
            part of the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import Connection

from aispend.clock import month_of
from analyzer.forecast import DAILY
from analyzer.forecast_cuts import Cut, Question
from analyzer.forecast_subjects import Subject, subjects
from analyzer.series import Behind, Coverage, SeriesCut, SeriesSet, bill_series

_ONE_DAY = timedelta(days=1)


def goes_on(bill: Coverage, end: date) -> bool:
    """Whether the days after what is known of it are forecast; ``end``: the day after the last of bills up to date."""
    return bill.end > month_of(month_of(end - _ONE_DAY) - _ONE_DAY)


def late_subjects(
    connection: Connection, question: Question, bill: Coverage, end: date, since: date
) -> dict[Cut, list[Subject]]:
    """What ``bill`` charges for by each cut of ``question``: the days forecasts remember, and all ``since``."""
    first = max(bill.first, min(bill.end - timedelta(days=DAILY.history), since))
    by: tuple[SeriesCut, ...] = (question.by, "charge_category")
    series = bill_series(connection, by, bill, first, ai_only=question.ai_only)
    read, behind = SeriesSet(by, first, bill.end, series, ()), bill.as_behind
    return {
        cut: [
            replace(one, part=replace(one.part, bill=behind, goes_on=goes_on(bill, end))) for one in subjects(cut, read)
        ]
        for cut in question.cuts
    }


def behind_words(known: Sequence[tuple[Behind, bool]]) -> list[str]:
    """What is to be known of bills that are behind, each with whether it goes on."""
    forecast, silent = ([bill for bill, on in known if on is wanted] for wanted in (True, False))
    return [
        *([f"behind, later days forecast: {in_words(forecast)}"] if forecast else []),
        *([f"behind, later days not in it: {in_words(silent)}"] if silent else []),
    ]


def in_words(bills: Sequence[Behind]) -> str:
    """The bills, each with the last day it is known to."""
    return ", ".join(f"{one.provider} {one.scope} (known to {one.last_day})" for one in bills)
