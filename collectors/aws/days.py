"""Series day by day: which days there are to ask for, and of which places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from collectors import days
from collectors.aws.cloudwatch import LONGEST_KEPT, period_for
from collectors.aws.gaps import NAMING, Gap, Probe, gaps_of, is_unlisted
from collectors.aws.inventory_ec2 import Place
from collectors.contract import Seen, Slice, Window
from collectors.days import SETTLES, mark, midnight, remembered


def day_slices(
    window: Window,
    seen: Mapping[str, Seen],
    now: datetime,
    what: str,
    *,
    scopes: Iterable[str],
    probe: Probe,
    finest: int,
) -> Iterator[Slice]:
    """A slice per UTC day, the newest first: a settled day once, one that is not anew every hour.

    ``scopes`` are the accounts and regions that are read: a day comes again for those it was not asked for. A day that
    lacks something comes again once the ``probe`` finds that it answers, as long as it can be told by points of the
    same period, of ``finest`` seconds or more. Whose counts they are is not asked again once series of the day may not
    be listed any more: told anew, they could not take the place of those.
    """

    def again(day: date, lacking: str, at: datetime) -> bool:
        start, over = midnight(day), midnight(day + timedelta(days=1)) + SETTLES
        unlisted = is_unlisted(start, now)
        gaps = [gap for gap in gaps_of(f" without {lacking}") if not (unlisted and gap.operation in NAMING)]
        return bool(gaps) and still_kept(start, at, now, finest) and probe.may_bring_more(gaps, over, at)

    yield from days.day_slices(window, seen, now, what, scopes=scopes, again=again)


class Before(NamedTuple):
    """How a day was read before, when it was as complete as now: of which scopes, and what it lacked."""

    scopes: frozenset[str]
    gaps: tuple[Gap, ...]

    def lacks(self, place: Place, *, naming: bool) -> bool:
        """Whether a place is to be asked again: it was added since, or lacked something (``naming``: also whose)."""
        if not {mark(place.account), mark(place.region)} <= self.scopes:
            return True
        return any(
            gap.account == place.account and gap.region in ("", place.region)
            for gap in self.gaps
            if naming or gap.operation not in NAMING
        )


def before(piece: Slice, seen: Mapping[str, Seen]) -> Before | None:
    """None where a day is read for the first time, or was not over then."""
    known = seen.get(piece.key)
    told = remembered(known.token) if known else None
    if known is None or told is None or told.content != remembered(piece.token).content:
        return None
    return Before(told.scopes, gaps_of(known.token))


def still_kept(start: datetime, before: datetime, now: datetime, finest: int) -> bool:
    """Whether the points of a day are still there in the period they were read by at ``before``."""
    return now - start < LONGEST_KEPT and period_for(start, before, finest) == period_for(start, now, finest)
