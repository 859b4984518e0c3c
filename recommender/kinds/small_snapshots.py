"""Archive the old snapshots that each save too little for a line of their own: an answer of the kind ``storage``.

Assumes
    What holds for one (``old_snapshots.py``) holds for each of them, by itself.
Method
    Every snapshot of an account and region is asked; those that may be archived and save less than
    ``recommend.min_monthly_saving`` each are one proposal, with the sum of what they save. Of those that wait for
    nothing where their sum is above the minimum, else of all, behind what any of them waits for.
Cases
    What saves the minimum by itself has advice of its own, and what the settings exclude is left out. Two or more.
    The range is the sum of theirs, as if all were low at once; none where one of them has none.
Known drawbacks
    Which are in it changes from run to run while its identity stays: accepting it accepts what the day's list has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aispend.advising import Recommend
from aispend.money import in_words
from recommender.contract import Advice, Confidence, Saving, WhyNot
from recommender.guards import exclusion_of
from recommender.kinds import old_snapshots
from recommender.kinds import snapshot_archives as archives
from recommender.methods.colder import tier
from recommender.methods.disk_prices import told_remark
from recommender.subjects.snapshots import SnapshotSet

_NOTHING = Decimal(0)
_SHARED = ("window_days", "window_end", "price_checked", "price_source", "price_date", "coverage_none_because")
"""Evidence that all snapshots of an account and region have alike."""
_CONFIDENCE: tuple[Confidence, ...] = ("low", "medium", "high")


def answer(kind: str, place: SnapshotSet, settings: Recommend) -> Advice | WhyNot:
    """One proposal for all of them, or why not."""
    least = settings.min_monthly_saving
    asked = [one for one in place.snapshots if exclusion_of(one, kind, settings) is None]
    answers = [old_snapshots.answer(kind, one, settings) for one in asked]
    small = [one for one in answers if isinstance(one, Advice) and one.saving.effective < least]
    if len(small) < 2:
        return WhyNot(
            kind,
            place,
            "nothing_small",
            f"Of its {len(place.snapshots)} snapshots {len(small) or 'none'} may be archived and saves less than "
            f"{in_words(least, place.currency)} a month by itself.",
            None,
        )
    known = [one for one in small if one.gate is None]
    chosen = known if len(known) > 1 and _sum(one.saving.effective for one in known) >= least else small
    saved = _sum(one.saving.effective for one in chosen)
    if saved < least:
        return WhyNot(
            kind,
            place,
            "small",
            f"Archiving its {len(chosen)} snapshots would save {in_words(saved, place.currency)} a month together, "
            f"below the minimum of {in_words(least)} (recommend.min_monthly_saving).",
            _sum(one.monthly_cost for one in chosen),
        )
    return _advice(place, chosen)


def _advice(place: SnapshotSet, chosen: Sequence[Advice]) -> Advice:
    first = chosen[0]
    restore = _sum(Decimal(str(one.evidence["restore_cost"])) for one in chosen)
    bounds = [one.violation_bound for one in chosen if one.violation_bound is not None]
    ends = [one.evidence_until for one in chosen if one.evidence_until is not None]
    gates = sorted({one.gate for one in chosen if one.gate is not None})
    saving = _together([one.saving for one in chosen])
    return replace(
        first,
        subject=place,
        current=f"standard tier, {len(chosen)} old snapshots",
        proposed=f"move {len(chosen)} snapshots to the archive tier",
        monthly_cost=_sum(one.monthly_cost for one in chosen),
        saving=saving,
        risk=max(one.risk for one in chosen),
        confidence=min((one.confidence for one in chosen), key=_CONFIDENCE.index),
        reason=f"Each of {len(chosen)} old snapshots saves too little for a line of its own; together "
        f"{in_words(saving.effective, place.currency)} a month. The archive bills {first.evidence['minimum_days']} "
        f"days at least. Restoring all of them{archives.waits(place.provider)} costs "
        f"{in_words(restore, place.currency)}."
        f"{told_remark(*filter(None, [tier(place.provider, 'snapshot', first.subject.region)]))}",
        undo="\n".join(one.undo for one in chosen),
        command=_commands(chosen),
        gate="; ".join(gates) or None,
        violation_bound=max(bounds, default=None),
        evidence_until=min(ends, default=None),
        acts_on={one.subject.resource_id: one.monthly_cost for one in chosen},
        evidence={
            **{name: first.evidence[name] for name in _SHARED},
            **_least_sure(chosen),
            "snapshots": len(chosen),
            "full_gib": f"{_sum(Decimal(str(one.evidence['full_gib'])) for one in chosen):.3f}",
            "monthly_cost_archived": str(_sum(Decimal(str(one.evidence["monthly_cost_archived"])) for one in chosen)),
            "minimum_days": first.evidence["minimum_days"],
            "restore_cost": str(restore),
            "cost_basis": "; ".join(sorted({str(one.evidence["cost_basis"]) for one in chosen})),
        },
    )


def _least_sure(chosen: Sequence[Advice]) -> dict[str, Any]:
    """The replay of the one that may go wrong most often; the reason why none where none of them has one."""
    name = "replay"
    tried = [one.evidence[name] for one in chosen if name in one.evidence]
    if not tried:
        name = f"{name}_none_because"
        return {name: chosen[0].evidence[name]}
    return {name: max(tried, key=lambda one: float(one["violation_bound"]))}


def _together(savings: Sequence[Saving]) -> Saving:
    def all_of(amounts: Iterable[Decimal | None]) -> Decimal | None:
        given = list(amounts)
        return None if None in given else _sum(amount for amount in given if amount is not None)

    p10, p50, p90 = (all_of(getattr(one, name) for one in savings) for name in ("p10", "p50", "p90"))
    of = "the sum of their ranges" if p10 is not None else "none: one of them has none"
    return Saving(
        list_cost=all_of(one.list_cost for one in savings),
        effective=_sum(one.effective for one in savings),
        net=_sum(one.net for one in savings),
        p10=p10,
        p50=p50,
        p90=p90,
        range_from=of,
    )


def _commands(chosen: Sequence[Advice]) -> str:
    """The commands one after the other; a remark that all of them share stands once."""
    return "\n".join(dict.fromkeys(line for one in chosen for line in one.command.splitlines()))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, _NOTHING)
