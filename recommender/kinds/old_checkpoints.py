"""Move checkpoints nobody reads to a colder class: an answer of the kind ``storage``.

Assumes
    What nobody wrote or read for ``recommend.storage.unread_days`` (90, as Autoclass and Intelligent-Tiering have it
    for classes that bill 90 days at least) is rarely read again, and may cost something when it is.
Method
    Of each run the newest stays, and what is marked as kept or best. All else that is unread moves to the class that
    still answers at once (Glacier Instant Retrieval, Coldline). Saving: size × the difference of the prices, at list
    price with the lowest step of the list, or as that share of the bucket's charges; it never exceeds these.
    *Replay*: each checkpoint on the day the rule would have moved it; wrong where it was read afterwards. Readings to
    come are reckoned at that share, once, with the requests of the move: the one-off cost.
Cases
    Nothing known of readings or of runs, no price, or all in use: the reason, with what to load. A name that another
    one begins with is left out, as a rule for it would take both.
    A cloud where somebody trains and no checkpoints are listed: how to list them.
Sources
    docs/advice.md; ``methods/colder_prices.toml``; Cloud Storage Autoclass; S3 Intelligent-Tiering.
Known drawbacks
    Old versions of objects are not seen. Which checkpoint is best is known only where somebody marked it, so without a
    mark nothing is said of an end.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from aispend.advising import Recommend
from aispend.clock import HOURS_PER_MONTH
from aispend.money import in_words
from aispend.percents import percent
from recommender.contract import COST_UNKNOWN, Advice, DailyCost, WhyNot
from recommender.evidence import not_replayed, priced, unmeasured
from recommender.guards import decided
from recommender.kinds.storage_money import at_list, without_rate
from recommender.methods.colder import GIB, Tier, tier
from recommender.methods.colder_replay import Held, read_again, unread
from recommender.methods.disk_prices import told_remark
from recommender.methods.tried import Tried
from recommender.savings import Spread, cost_basis, monthly_cost, saving
from recommender.subjects.checkpoints import Checkpoint, CheckpointStore, ObjectStorage

RATE = "the rate you pay for this bucket"
HOT = (None, "standard", "hot", "regional", "multi_regional")
"""Classes that cost most; all others are left as they are."""
ENOUGH = 3
"""Checkpoints tried from which on their readings say something."""
SHOWN = 50
_PLACES_A_RULE = 10
"""Azure takes no more of them in a rule of a lifecycle policy."""
_WEEK = 7
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class _Plan:
    """What moves, its size, why the rest stays, and how the rule did on history."""

    moved: Sequence[Checkpoint]
    stays: Counter[str]
    tried: Tried

    @property
    def gib(self) -> Decimal:
        return Decimal(sum(one.size_bytes for one in self.moved)) / GIB

    @property
    def objects(self) -> int | None:
        counts = [one.objects for one in self.moved]
        return None if None in counts else sum(count or 0 for count in counts)


def unlisted(kind: str, subject: ObjectStorage, settings: Recommend) -> WhyNot:
    """What is missing where somebody trains and no checkpoints are listed."""
    cost = monthly_cost(subject, settings.idle.unattached_days)
    change = _growth(subject.costs)
    grown = (
        ""
        if change is None
        else f", {percent(abs(change) / 100)} {'more' if change >= 0 else 'less'} than four weeks before"
    )
    return WhyNot(
        kind,
        subject,
        "checkpoints_unlisted",
        "Object storage of the account costs "
        f"{'an unknown amount' if cost is None else in_words(cost, subject.currency)} a month{grown}. The bill does "
        "not say in which buckets, what of it is checkpoints, or when they were read. List them with run and last "
        "reading: aispend import-inventory, rows of kind checkpoint (docs/telemetry.md).",
        cost,
    )


def answer(kind: str, store: CheckpointStore, settings: Recommend) -> Advice | WhyNot:
    """Advice to move what nobody reads, or why not."""
    days, options = settings.idle.unattached_days, settings.storage
    cost = monthly_cost(store, days) if store.costs else None

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(kind, store, reason, explanation, cost)

    if found := decided(store, settings):
        return no(*found)
    if not any(one.read_at for one in store.checkpoints):
        return no(
            "reads_unknown",
            f"{len(store.checkpoints)} checkpoints are listed and of none when it was read. Give read_at from the "
            "access logs of the bucket, or modified_at where these reach back so far and name no reading.",
        )
    if not any(one.run for one in store.checkpoints):
        return no(
            "runs_unknown",
            f"{len(store.checkpoints)} checkpoints are listed and of none which run it is of, so the newest of each, "
            "which stays, is not known. Give run.",
        )
    listed = tier(store.provider, "object", store.region)
    price = listed and listed.within(store.currency, store.per_dollar)
    if price is None:
        return no(
            "price_unknown",
            f"What a colder class costs in {store.place} is not known in {store.currency}"
            f"{without_rate(listed, store.currency)}.",
        )
    plan = _plan(store, settings)
    if not plan.moved:
        said = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in plan.stays.items())
        return no("in_use", f"None of {len(store.checkpoints)} checkpoints can move: {said}.")
    if plan.tried.trials >= ENOUGH and plan.tried.wrong * 2 > plan.tried.trials:
        return no(
            "read_again",
            f"Of {plan.tried.trials} checkpoints that were unread for {options.unread_days} days, {plan.tried.wrong} "
            "were read afterwards: reading from a colder class costs more than it saves in a month "
            "(recommend.storage.unread_days).",
        )
    if store.costs and cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    return _advice(kind, store, settings, price=price, plan=plan, cost=cost)


def _plan(store: CheckpointStore, settings: Recommend) -> _Plan:
    """Each checkpoint either moves or has one reason to stay."""
    days = settings.storage.unread_days
    by_path = {one.path: one for one in store.checkpoints}
    held = [_held(one, settings) for one in store.checkpoints]
    quiet = {one.name for one in unread(held, store.seen_at, days)}
    newest = {run: max(one.written for one in held if one.run == run) for run in {one.run for one in held if one.run}}
    moved, stays = [], Counter[str]()
    for one in held:
        checkpoint = by_path[one.name]
        if one.kept:
            stays["kept"] += 1
        elif checkpoint.storage_class not in HOT:
            stays["in_another_class"] += 1
        elif one.run is None:
            stays["of_an_unknown_run"] += 1
        elif one.written == newest[one.run]:
            stays["newest_of_a_run"] += 1
        elif not one.reads:
            stays["of_unknown_reading"] += 1
        elif one.name not in quiet:
            stays[f"in_use_within_{days}_days"] += 1
        elif any(other != one.name and other.startswith(one.name) for other in by_path):
            stays["named_as_another_one_begins"] += 1
        else:
            moved.append(checkpoint)
    return _Plan(sorted(moved, key=lambda one: one.path), stays, read_again(held, days, store.seen_at))


def _held(one: Checkpoint, settings: Recommend) -> Held:
    reads = () if one.read_at is None else (*one.earlier, one.read_at)
    kept = one.kept is not None or decided(one, settings) is not None
    return Held(one.path, one.run, one.written_at, reads, kept, one.size_bytes)


def _advice(
    kind: str, store: CheckpointStore, settings: Recommend, *, price: Tier, plan: _Plan, cost: Decimal | None
) -> Advice:
    days, options = settings.idle.unattached_days, settings.storage
    hot, cold = price.hot_cost(plan.gib), price.cold_cost(plan.gib)
    if cost is None:
        whole, left = hot, at_list(hot - cold)
        basis = f"list price of {price.checked} ({price.source})"
    else:
        whole, basis = cost, cost_basis(store, days)
        listed = saving(store, days, Decimal(1)).list_cost or cost
        part = min(hot / listed, Decimal(1)) if listed > 0 else _NOTHING
        share = part * (hot - cold) / hot if hot > 0 else _NOTHING
        # what is read again saves nothing
        left = saving(store, days, share, Spread(short_hours=plan.tried.wrong, hours=plan.tried.trials))
    again = (price.restore_cost(plan.gib) * Decimal(repr(plan.tried.share))).quantize(Decimal("0.01"))
    requests = _NOTHING if plan.objects is None else price.move_cost(Decimal(plan.objects))
    runs = len({one.run for one in plan.moved})
    bound = plan.tried.bound
    replay = (
        not_replayed("no checkpoint that is known was as quiet before")
        if bound is None
        else {
            "replay": {
                "tried": plan.tried.trials,
                "wrong": plan.tried.wrong,
                "violation_bound": round(bound, 6),
                "of": f"checkpoints unread for {options.unread_days} days",
                "wrong_where": "read afterwards",
            }
        }
    )
    unpriced = "" if plan.objects is not None else " What the requests of the move cost is not known (objects)."
    remark = "" if cost is not None else (
        f" The saving is at list price of {price.checked} and unknown at your rate: the bill keeps no charges of the "
        "bucket's own."
    )  # fmt: skip
    return Advice(
        kind=kind,
        subject=store,
        current=f"{len(plan.moved)} of {len(store.checkpoints)} checkpoints unread, {plan.gib:,.0f} GiB of {runs} "
        f"run{'' if runs == 1 else 's'}",
        proposed=f"move them to {price.to}, the newest and the best of each run stay",
        monthly_cost=whole,
        saving=left,
        risk=1,
        confidence="high" if cost is not None and plan.tried.trials >= ENOUGH else "medium",
        effort="low",
        reason=f"Nobody wrote or read them for {options.unread_days} days. Of {plan.tried.trials} checkpoints that "
        f"were as quiet before, {plan.tried.wrong} were read again. Reading all of it once costs "
        f"{in_words(price.restore_cost(plan.gib), store.currency)}, and {price.min_days} days are billed at "
        f"least.{unpriced}{remark}{told_remark(price)}",
        undo="copy them back to the standard class: "
        f"{in_words(price.restore_cost(plan.gib), store.currency)} for reading",
        command=_command(store, options.unread_days, options.expire_days, price, plan),
        target=price.to,
        gate=None if cost is not None else RATE,
        one_off_cost=again + requests,
        violation_bound=None if bound is None else Decimal(repr(round(bound, 6))),
        evidence_until=store.seen_at,
        evidence={
            "window_days": options.unread_days,
            "window_end": store.seen_at.isoformat(),
            "checkpoints": {"listed": len(store.checkpoints), "moved": len(plan.moved), **plan.stays},
            "moved_gib": f"{plan.gib:.3f}",
            "monthly_cost_now": str(hot),
            "monthly_cost_colder": str(cold),
            "minimum_days": price.min_days,
            "restore_cost": str(price.restore_cost(plan.gib)),
            "readings_to_come": str(again),
            "account_object_storage_monthly": _storage_cost(store),
            "account_object_storage_growth_percent": _rounded(_growth(store.account_storage or store.costs)),
            "price_checked": price.checked.isoformat(),
            **priced(price.source, price.checked),
            **unmeasured("age and readings are what the listing and the access logs say"),
            "cost_basis": basis,
            "rate": "list" if cost is None else "effective",
            **replay,
        },
    )


def _storage_cost(store: CheckpointStore) -> str | None:
    known = [cost.effective_cost for cost in store.account_storage if cost.effective_cost is not None]
    mean = sum(known, _NOTHING) / len(known) if known else None
    return None if mean is None else str((mean * HOURS_PER_MONTH / 24).quantize(Decimal("0.01")))


def _growth(costs: Sequence[DailyCost]) -> Decimal | None:
    """Percent the last week costs more than the first of four; None where these weeks are not known."""
    known = [cost.effective_cost for cost in sorted(costs, key=lambda one: one.day)]
    known = known[-4 * _WEEK :]
    if len(known) < 4 * _WEEK or None in known:
        return None
    before, after = (sum((one or _NOTHING for one in part), _NOTHING) for part in (known[:_WEEK], known[-_WEEK:]))
    return (after / before - 1) * 100 if before > 0 else None


def _rounded(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _command(store: CheckpointStore, days: int, expire: int, price: Tier, plan: _Plan) -> str:
    """The lifecycle rules there are, and as comments what to add: writing a configuration replaces the whole of it."""
    bucket = shlex.quote(store.bucket.partition("://")[2])
    place = " ".join(f"account {store.account or 'unknown'}, bucket {store.bucket}".split())
    lines = [f"# {place}: {len(plan.moved)} checkpoints; the newest and the best of each run stay"]
    paths = [one.path for one in sorted(plan.moved, key=lambda one: (-one.size_bytes, one.path))[:SHOWN]]
    more = len(plan.moved) - len(paths)
    if store.provider == "gcp":
        lines.append(f"gcloud storage buckets describe gs://{bucket} --raw --format='json(lifecycle)' > lifecycle.json")
        lines.append('# add to its rules (where there are none yet: {"lifecycle": {"rule": []}}):')
        action = {"type": "SetStorageClass", "storageClass": price.to}
        condition = {"age": days, "matchesPrefix": sorted(paths)}
        lines.append(f"# {json.dumps({'action': action, 'condition': condition})}")
        write = f"gcloud storage buckets update gs://{bucket} --lifecycle-file=lifecycle.json"
    elif store.provider == "azure":
        account, _, container = store.bucket.partition("://")[2].partition("/")
        policy = f"--account-name {shlex.quote(account)} --resource-group GROUP"
        lines.append(f"az storage account management-policy show {policy} --query policy > policy.json")
        lines.append('# add to its rules (where there are none yet: {"rules": []}):')
        places = sorted(f"{container}/{path}" for path in paths)
        for number, first in enumerate(range(0, len(places), _PLACES_A_RULE), start=1):
            moved = {"baseBlob": {f"tierTo{price.to}": {"daysAfterModificationGreaterThan": days}}}
            meant = {"blobTypes": ["blockBlob"], "prefixMatch": places[first : first + _PLACES_A_RULE]}
            rule = {
                "name": f"unreadCheckpoints{number}",
                "enabled": True,
                "type": "Lifecycle",
                "definition": {"filters": meant, "actions": moved},
            }
            lines.append(f"# {json.dumps(rule)},")
        write = f"az storage account management-policy create {policy} --policy @policy.json"
    else:
        # beside its rules the answer has what is no part of a configuration
        only = "--query '{Rules: Rules}'"
        lines.append(f"aws s3api get-bucket-lifecycle-configuration --bucket {bucket} {only} > lifecycle.json")
        lines.append('# add to its Rules (where there are none yet: {"Rules": []}):')
        for number, path in enumerate(sorted(paths), start=1):
            rule = {
                "ID": f"unread-checkpoint-{number}",
                "Status": "Enabled",
                "Filter": {"Prefix": path},
                "Transitions": [{"Days": days, "StorageClass": price.to}],
            }
            lines.append(f"# {json.dumps(rule)},")
        write = (
            f"aws s3api put-bucket-lifecycle-configuration --bucket {bucket}"
            " --lifecycle-configuration file://lifecycle.json"
        )
    if more:
        lines.append(f"# and {more} smaller ones the same way")
    lines.append(f"# then, once somebody looked at it: {write}")
    marked = {one.run for one in store.checkpoints if one.kept == "best"}
    runs = sorted({one.run or "" for one in plan.moved if one.run in marked})
    if runs:
        named = ", ".join(json.dumps(run) for run in runs[:SHOWN])
        lines.append(
            f"# {expire} days later, if nobody read them: the same rules may let them expire, in runs whose best is "
            f"marked: {named}"
        )
    return "\n".join(lines)
