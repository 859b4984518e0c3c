"""What is said of advice in words: what counts and what does not, what to mind, what is not measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from reports.formats import moment, money
from reports.views import (
    PROMISING_STATES,
    NotCounted,
    Recommendation,
    Recommendations,
    Uncounted,
    Unmeasured,
    WhyNot,
)

_GROUPS: Mapping[Uncounted, tuple[str, str]] = {
    "estimate": ("is an estimate", "are estimates"),
    "gate": ("waits for something to be shown first", "wait for something to be shown first"),
    "evaluation_failed": ("failed its evaluation", "failed their evaluation"),
    "nothing_net": (
        "saves nothing net of commitments you own",
        "save nothing net of commitments you own",
    ),
    "unknown_net": ("has a saving nobody knows", "have savings nobody knows"),
    "overlap": ("cannot be done beside what is counted", "cannot be done beside what is counted"),
    "not_yet": (
        "was decided on since the last aispend recommend, and the next says what it adds",
        "were decided on since the last aispend recommend, and the next says what they add",
    ),
}
_UNMEASURED = {
    "telemetry_missing": ("has too little utilization to judge by", "have too little utilization to judge by"),
    "telemetry_stale": ("has utilization that is too old", "have utilization that is too old"),
    "telemetry_grade": ("has a counter too coarse to size by", "have a counter too coarse to size by"),
    "telemetry_endings": ("has runs whose end nobody recorded", "have runs whose end nobody recorded"),
}


def not_counted(row: Recommendation) -> str | None:
    """Why its saving is not in the total, to stand behind "not counted,"; None where it is in it."""
    match row.uncounted:
        case None:
            return None
        case "estimate":
            return "it is an estimate"
        case "gate":
            return f"to be shown first: {row.gate}"
        case "evaluation_failed":
            return f"its evaluation failed: {row.gate}"
        case "nothing_net":
            return "commitments you own pay for it, so it saves nothing today"
        case "unknown_net":
            return "nobody knows what it saves net of commitments"
        case "overlap":
            return "it cannot be done beside what is counted"
        case "not_yet":
            return "the next aispend recommend says what it adds, as it was decided on since the last"
        case "decided":
            return f"it is {row.state}" + (f": {row.ended_because.rstrip('.')}" if row.ended_because else "")


def as_of_line(found: Recommendations) -> str | None:
    """Up to when what is listed was measured, or billed where it rests on bills alone; None where nobody knows."""
    if found.evidence_ends is None:
        return None
    first, last = (moment(end) for end in found.evidence_ends)
    return f"evidence as of {last}" if first == last else f"evidence as of {first} to {last}"


def outdated_line(found: Recommendations, now: datetime, days: int) -> str | None:
    """That open or accepted advice rests on what ended more than ``days`` ago, where no run has let it expire yet.

    Only a run does, so where none comes any more (a broken timer) old advice would stand as new.
    """
    standing = [row for row in found.rows if row.state in PROMISING_STATES]
    ends = [end for row in standing if (end := row.evidence_as_of) is not None and now - end > timedelta(days=days)]
    if not ends:
        return None
    return (
        f"{len(ends)} of {len(standing)} open or accepted rest on what ended more than {days} days ago, the newest of "
        f"it on {max(ends):%Y-%m-%d}, and are not to be acted on (recommend.expires_after_days). Load newer bills and "
        "telemetry, then aispend recommend."
    )


def lost_line(ended: Recommendations) -> str | None:
    """Accepted advice that is expired or gone, which no list of what stands has; None where there is none."""
    lost = [row for row in ended.rows if row.is_lost]
    if not lost:
        return None
    first, several = lost[0], len(lost) > 1
    return (
        f"Accepted and not found any more: {len(lost)}, the largest {first.id[:8]} ({not_counted(first)}). "
        f"{'All' if several else 'It'}: aispend recommendations list --state expired,gone"
    )


def none_stands_line(ended: Recommendations) -> str | None:
    """That advice expired as what it rests on is old, where some did; None where none did."""
    expired = [row for row in ended.rows if row.state == "expired"]
    ends = [end for row in expired if (end := row.evidence_as_of) is not None]
    if not ends:
        return None
    return (
        f"{len(expired)} expired: what they rest on ends on {max(ends):%Y-%m-%d} at the latest. Load newer bills and "
        "telemetry, then aispend recommend"
    )


def badges(row: Recommendation) -> tuple[str, ...]:
    """What to mind before acting, in a few words each; a gate until it is passed."""
    found = []
    if row.gate is not None and row.evaluation != "evaluation_passed":
        found.append("failed its evaluation" if row.evaluation else f"to be shown first: {row.gate}")
    if row.hard_to_regain:
        found.append("hard to get back")
    if row.estimate_only:
        found.append("estimate")
    return tuple(found)


def counted_line(found: Recommendations, currency: str) -> str | None:
    """What is in the total, in a sentence; None where nothing is."""
    total = next((one for one in found.totals if one.currency == currency), None)
    if total is None:
        return None
    return (
        f"Counted, open and accepted, overlaps once: {money(total.monthly_saving_net)} {currency} a month net "
        f"({money(total.monthly_saving_effective)} at your rates, {money(total.monthly_saving_list)} at list price), "
        f"{total.recommendations} recommendation{'s' if total.recommendations != 1 else ''}."
    )


def not_counted_line(groups: Iterable[NotCounted], currency: str) -> str | None:
    """What is not in the total and why, in a sentence; None where all of it is."""
    told = [_group(one) for one in groups if one.currency == currency]
    return f"Not counted: {'; '.join(told)}. Amounts are what each would save alone." if told else None


def payback_line(reasons: Iterable[WhyNot], currency: str) -> str | None:
    """How many proposals would take too long to pay back, of what no other advice is given; None where none would."""
    slow = sum(row.reason == "payback" and row.currency == currency for row in reasons)
    if not slow:
        return None
    return (
        f"Not proposed: {slow:,} would take longer to pay back than recommend.max_payback_months allows; "
        "they are under why not."
    )


def unmeasured_line(one: Unmeasured) -> str:
    """Resources nobody can advise on, what they cost, and what to do."""
    few, many = _UNMEASURED.get(one.reason, ("is not measured enough", "are not measured enough"))
    several = one.resources != 1
    cost = "of unknown cost" if one.monthly_cost is None else f"{money(one.monthly_cost)} {one.currency} a month"
    of = f". The costliest, {one.first}" if several else ""
    return (
        f"{one.resources:,} resource{'s' if several else ''}, {cost}, {many if several else few}{of}: {one.explanation}"
    )


def _group(one: NotCounted) -> str:
    few, many = _GROUPS[one.reason]
    said = f"{one.recommendations} {few if one.recommendations == 1 else many}"
    return said + (f" ({money(one.monthly_saving_net)} {one.currency})" if one.monthly_saving_net else "")
