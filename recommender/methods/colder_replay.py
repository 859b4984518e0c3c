"""What nobody reads, and what a rule that moves it would have done on the history that is known.

Assumes
    A reading that no listing tells of did not happen before the last one that is known; those between writing and the
    last reading may be missing, so a gap seems longer than it was and the rule worse than it is: it errs on the safe
    side.
Method
    *Unread*: neither written nor read for so many days, and neither kept by somebody nor the newest of its run.
    *Replay*: on the first day on which the rule, knowing only what came before, would have moved a checkpoint, it
    counts as tried, and as wrong where it was read afterwards. A checkpoint that is newest is not moved before a newer
    one is written. *Snapshots* are tried on the day they were old enough, and wrong where they were gone before the
    archive would have paid.
    The bound is the upper 95 % one of the share that went wrong (``tried.py``); each counts once.
Cases
    Of which run it is, or whether it was read, is not known: never moved. Not followed for long enough: not tried.
Sources
    docs/advice.md; Google Cloud Storage Autoclass and S3 Intelligent-Tiering, which move what was unread for 90 days.
Known drawbacks
    Which checkpoint was kept in the past is not known: what is kept now counts as kept always.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from recommender.methods.tried import Tried


@dataclass(frozen=True)
class Held:
    """A checkpoint: when it was written, when it is known to have been read (in any order), and its size in bytes.

    ``reads`` is empty where it is not known whether it was; a checkpoint nobody ever read has the time it was written.
    """

    name: str
    run: str | None
    written: datetime
    reads: tuple[datetime, ...]
    kept: bool
    size: int


@dataclass(frozen=True)
class Life:
    """A snapshot: when it was taken, first listed, and listed no more; None where it still is."""

    taken: datetime
    listed: datetime
    ended: datetime | None


def unread(listing: Sequence[Held], now: datetime, days: int) -> list[Held]:
    """What would be moved now."""
    return [one for one in listing if (when := _movable_from(one, listing, days, one.reads)) and when <= now]


def read_again(listing: Sequence[Held], days: int, until: datetime) -> Tried:
    """How often a checkpoint would have been moved until then, and was read afterwards."""
    trials = wrong = 0
    for one in listing:
        first = _first_move(one, listing, days)
        if first is None or first > until:
            continue
        trials += 1
        wrong += any(read > first for read in one.reads)
    return Tried(trials, wrong)


def ended_early(lives: Iterable[Life], *, after_days: float, within_days: float, until: datetime) -> Tried:
    """How often a snapshot was old enough to be archived, and gone before ``within_days`` more."""
    trials = wrong = 0
    for life in lives:
        moved = max(life.taken + timedelta(days=after_days), life.listed)
        pays = moved + timedelta(days=within_days)
        if life.ended is not None and life.ended <= moved:
            continue
        if life.ended is not None and life.ended < pays:
            wrong += 1
        elif pays > until:
            continue
        trials += 1
    return Tried(trials, wrong)


def _first_move(one: Held, listing: Sequence[Held], days: int) -> datetime | None:
    """The first day the rule would have moved it; each known reading begins the wait anew."""
    if not one.reads:
        return None
    known = sorted({one.written, *one.reads})
    for number, following in enumerate([*known[1:], None], start=1):
        when = _movable_from(one, listing, days, known[:number])
        if when is not None and (following is None or when < following):
            return when
    return None


def _movable_from(one: Held, listing: Sequence[Held], days: int, reads: Sequence[datetime]) -> datetime | None:
    """From when on it may be moved, going by these readings; None where never."""
    if one.kept or one.run is None or not reads:
        return None
    newer = [other.written for other in listing if other.run == one.run and other.written > one.written]
    if not newer:
        return None
    return max(max(one.written, *reads) + timedelta(days=days), min(newer))
