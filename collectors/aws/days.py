"""Series day by day: which days there are to ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from collectors.aws.cloudwatch import LONGEST_KEPT, period_for
from collectors.aws.gaps import NAMING, Probe, is_unlisted, told_by
from collectors.contract import Seen, Slice, Window
from collectors.days import SETTLES, midnight


def day_slices(
    window: Window, seen: Mapping[str, Seen], now: datetime, what: str, *, probe: Probe, finest: int
) -> Iterator[Slice]:
    """A slice per UTC day, the newest first: a settled day once, one that is not anew every hour.

    A day that lacks something comes again once the ``probe`` finds that it answers, as long as it can be told by points
    of the same period, of ``finest`` seconds or more. Whose counts they are is not asked again once series of the day
    may not be listed any more: told anew, they could not take the place of those.
    """
    last = min(window.end, now.date() + timedelta(days=1)) - timedelta(days=1)
    for back in range((last - window.first).days + 1):
        day = last - timedelta(days=back)
        settled = now >= midnight(day + timedelta(days=1)) + SETTLES
        known = seen.get(f"{day}")
        token = "settled" if settled else f"{now:%Y-%m-%dT%H}"
        content, gaps = told_by(known.token) if known else ("", ())
        if is_unlisted(midnight(day), now):
            gaps = tuple(gap for gap in gaps if gap.operation not in NAMING)
        if known is not None and content == token:
            over = midnight(day + timedelta(days=1)) + SETTLES
            if gaps and not (
                still_kept(midnight(day), known.at, now, finest) and probe.may_bring_more(gaps, over, known.at)
            ):
                continue
            if settled and not gaps:
                continue
        yield Slice(f"{day}", token, f"{what} of {day}")


def still_kept(start: datetime, before: datetime, now: datetime, finest: int) -> bool:
    """Whether the points of a day are still there in the period they were read by at ``before``."""
    return now - start < LONGEST_KEPT and period_for(start, before, finest) == period_for(start, now, finest)
