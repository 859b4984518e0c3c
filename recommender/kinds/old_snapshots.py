"""Archive the old snapshot of a disk: an answer of the kind ``storage``.

Assumes
    What nobody restored for ``recommend.storage.snapshot_days`` (90) can wait (on AWS 72 hours) when it is needed.
Method
    Archived, the whole of what was written is billed at the archive's price, for 90 days at least. Of the only snapshot
    of a disk that is what it holds now, so the saving is its cost less that; cost is the bill's, else the list price,
    which waits for your rate. One between others holds what changed, of which later ones may use a part: the bill's
    charges are the most its end saves, behind a gate.
    *Replay*: earlier snapshots of the place on the day they were as old; wrong where one was gone before it paid.
Cases
    An image stands on it, a tag keeps it or names a standby, a backup plan or schedule manages it: the reason.
    So where it is the newest (the one to restore) or the first of several (later ones rest on it, so that nothing is
    freed), its lineage or what is written is not known, or the archive costs as much.
Sources
    Amazon EBS User Guide, guidelines for archiving snapshots; ``methods/colder_prices.toml``. How each cloud archives:
    ``snapshot_archives.py``.
Known drawbacks
    Whether it was restored lately is in no listing. Accounts it is shared with lose it while it is archived.
"""

from __future__ import annotations

from decimal import Decimal

from aispend.advising import Recommend
from aispend.money import in_words
from recommender.contract import COST_UNKNOWN, Advice, Saving, WhyNot
from recommender.evidence import not_replayed, priced, unmeasured
from recommender.guards import decided
from recommender.kinds import snapshot_archives as archives
from recommender.kinds.storage_money import at_list, less, without_rate
from recommender.methods.colder import Tier, tier
from recommender.methods.colder_replay import ended_early
from recommender.methods.disk_prices import told_remark
from recommender.methods.tried import Tried
from recommender.savings import cost_basis, monthly_cost, saving
from recommender.subjects.snapshots import Snapshot

RATE = "the rate you pay for this snapshot"
SHARED = "how much of it later snapshots of the disk still use"
MANAGERS = {"aws:backup:": "AWS Backup", "aws:dlm:": "a Data Lifecycle Manager policy"}
"""Tags of those who archive and delete by a plan of their own."""
ENOUGH = 3
"""Earlier snapshots from which on their ends say something."""
_TENTH = Decimal("0.1")


def answer(kind: str, snapshot: Snapshot, settings: Recommend) -> Advice | WhyNot:
    """Advice to archive it, or why not."""
    days, options = settings.idle.unattached_days, settings.storage
    listed = tier(snapshot.provider, "snapshot", snapshot.region)
    price = listed and listed.within(snapshot.currency, snapshot.per_dollar)
    cost = monthly_cost(snapshot, days) if snapshot.costs else _list_cost(snapshot, price)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(kind, snapshot, reason, explanation, cost)

    found = decided(snapshot, settings) or _left_alone(snapshot, options.snapshot_days)
    if found:
        return no(*found)
    if snapshot.provider in archives.NONE:
        return no("no_archive", archives.none_to_move_to(snapshot))
    if price is None:
        where = f"{snapshot.place} is not known in {snapshot.currency}"
        missing = without_rate(listed, snapshot.currency)
        return no("price_unknown", f"What an archived snapshot costs in {where}{missing}.")
    if snapshot.full_gib is None:
        return no("size_unknown", archives.size_unknown(snapshot))
    between = bool(snapshot.newer)
    if between and not snapshot.costs:
        return no(
            "own_blocks_unknown",
            f"It is one of {(snapshot.older or 0) + (snapshot.newer or 0) + 1} of its disk and holds what changed, "
            f"which the archive would bill as a whole. {archives.own_blocks_unknown(snapshot)}",
        )
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    kept_as = price.cold_cost(snapshot.full_gib)
    if cost <= kept_as:
        return no(
            "no_saving",
            f"It costs {in_words(cost, snapshot.currency)} a month, and {in_words(kept_as)} in the archive, which "
            f"bills all {snapshot.full_gib:,.0f} GiB and not what changed.",
        )
    lasting = price.pays_after_days(cost, kept_as) or Decimal(price.min_days)
    tried = ended_early(
        snapshot.lives, after_days=options.snapshot_days, within_days=float(lasting), until=snapshot.seen_at
    )
    if tried.trials >= ENOUGH and tried.wrong * 2 > tried.trials:
        return no(
            "short_lived",
            f"Of {tried.trials} snapshots that were as old, {tried.wrong} were deleted within {lasting:.1f} days: the "
            f"archive bills {price.min_days} days at least and would have cost more.",
        )
    gross = saving(snapshot, days, Decimal(1)) if snapshot.costs else at_list(cost)
    return _advice(kind, snapshot, days, price, cost=cost, kept_as=kept_as, gross=gross, tried=tried)


def _list_cost(snapshot: Snapshot, price: Tier | None) -> Decimal | None:
    """At list price, of the only one of its disk; of another nobody knows what it holds."""
    only = snapshot.newer == 0 and snapshot.older == 0
    if price is None or snapshot.full_gib is None or not only:
        return None
    return price.hot_cost(snapshot.full_gib)


def _left_alone(snapshot: Snapshot, days: int) -> tuple[str, str] | None:
    """Reason and explanation where it stays as it is, whatever it costs."""
    if snapshot.images:
        return "image_in_use", (
            f"The machine image {', '.join(snapshot.images[:3])} stands on it. Deregister the image first, if nobody "
            "starts machines from it."
        )
    manager = f"The schedule {snapshot.schedule}" if snapshot.schedule else None
    manager = manager or next(
        (who for key in snapshot.tags for start, who in MANAGERS.items() if key.startswith(start)), None
    )
    if manager:
        return "managed", f"{manager} manages it. Archiving and keeping are set there."
    if snapshot.age_days < days:
        return "too_new", (
            f"It is {snapshot.age_days} days old, and {days} are needed (recommend.storage.snapshot_days)."
        )
    if snapshot.older is None or snapshot.newer is None:
        return "lineage_unknown", (
            "It is a copy without a disk of its own, so which snapshots share its blocks is not known."
        )
    if snapshot.older and not snapshot.newer:
        return (
            "newest",
            f"It is the newest of its disk: the one to restore from, {archives.hard_to_restore(snapshot.provider)}.",
        )
    if snapshot.newer and not snapshot.older:
        return "first_of_disk", (
            "It is the first of several of its disk: later ones rest on its blocks, so archiving it frees little."
        )
    return None


def _advice(
    kind: str,
    snapshot: Snapshot,
    days: int,
    price: Tier,
    *,
    cost: Decimal,
    kept_as: Decimal,
    gross: Saving,
    tried: Tried,
) -> Advice:
    full = snapshot.full_gib or Decimal(0)
    left, restore = less(gross, kept_as), price.restore_cost(full)
    lasting = price.pays_after_days(cost, kept_as) or Decimal(price.min_days)
    eats = (restore / (cost - kept_as)).quantize(_TENTH)
    between = bool(snapshot.newer)
    at_rate = bool(snapshot.costs)
    remark = "" if at_rate else (
        f" The saving is at list price of {price.checked} and unknown at your rate: the bill keeps no charges of its "
        "own."
    )  # fmt: skip
    history = (
        f" Of {tried.trials} snapshots that were as old, {tried.wrong} were gone before that." if tried.trials else ""
    )
    evidence = {
        "window_days": days,
        "window_end": snapshot.as_of.isoformat(),
        "taken_at": snapshot.taken_at.isoformat(),
        "last_listed": snapshot.seen_at.isoformat(),
        "full_gib": f"{full:.3f}",
        "incremental_gib": "unknown" if between else f"{full:.3f}",
        "older_of_its_disk": snapshot.older,
        "newer_of_its_disk": snapshot.newer,
        "monthly_cost_now": str(cost),
        "monthly_cost_archived": str(kept_as),
        "minimum_days": price.min_days,
        "pays_after_days": f"{lasting:.1f}",
        "restore_cost": str(restore),
        "months_a_restore_eats": str(eats),
        "price_checked": price.checked.isoformat(),
        **priced(price.source, price.checked),
        **unmeasured("its age and what stands on it are what the cloud's listing says"),
        "cost_basis": cost_basis(snapshot, days) if at_rate else f"list price of {price.checked} ({price.source})",
        "rate": "effective" if at_rate else "list",
    }
    if tried.trials:
        evidence["replay"] = {
            "tried": tried.trials,
            "wrong": tried.wrong,
            "violation_bound": round(tried.bound or 0.0, 6),
            "of": "snapshots as old",
            "wrong_where": "deleted before the archive would have paid",
        }
    else:
        evidence |= not_replayed("no earlier snapshot of its account and region was as old")
    return Advice(
        kind=kind,
        subject=snapshot,
        current=f"standard tier, {full:,.0f} GiB written, {snapshot.age_days} days old",
        proposed="move it to the archive tier",
        monthly_cost=cost,
        saving=left,
        risk=1,
        confidence="high" if at_rate and not between else "medium",
        effort="low",
        reason=f"It was taken on {snapshot.taken_at:%Y-%m-%d} and no image stands on it. The archive bills "
        f"{price.min_days} days at least, which pays if it is kept {lasting:.1f} days more.{history} Restoring it"
        f"{archives.waits(snapshot.provider)} costs {in_words(restore, snapshot.currency)}: {eats} months of the "
        f"saving.{remark}{told_remark(price)}",
        undo=archives.undo(snapshot, restore),
        command=archives.command(snapshot, between=between),
        target=price.to,
        gate=SHARED if between else None if at_rate else RATE,
        violation_bound=None if tried.bound is None else Decimal(repr(round(tried.bound, 6))),
        evidence_until=snapshot.seen_at,
        evidence=evidence,
    )
