"""Things kept that nobody uses: disks no machine has, old snapshots, old checkpoints. Nothing is deleted at first.

Snapshots are in ``old_snapshots.py``, many small ones in ``small_snapshots.py``, checkpoints in
``old_checkpoints.py``. What follows is of disks: keep a snapshot, and delete the disk a month later.

Assumes
    What was unattached for ``recommend.idle.unattached_days`` (32: a month's cycle and more) is not about to be used.
    Its snapshot costs as much as if every block were in use; what is in use is not known.
Method
    Cost: the bill's, where the disk has charges of its own; else its list price, as the bill keeps spend that is not
    AI without its resource. The saving is that cost less the snapshot's. Both are paid for the 30 days between the
    steps: a one-off cost of a month of the snapshot.
    Nothing is deleted in the first step.
Cases
    A keep tag, or unattached for less: the reason. No size, or neither charges nor a list price: the reason. A disk
    that costs no more than its snapshot: the reason.
Sources
    docs/advice.md (AWS Compute Optimizer: volumes unattached for 32 days); ``methods/disk_prices.toml``.
Known drawbacks
    At list price your discount is unknown, and the saving too high by it: it waits for your rate (gate). Restored
    blocks are slow when first read.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from decimal import Decimal

from aispend.advising import Recommend
from aispend.money import in_words
from recommender.comments import comment
from recommender.contract import COST_UNKNOWN, Advice, Kind, Saving, Step, WhyNot
from recommender.evidence import not_replayed, priced, unmeasured
from recommender.guards import decided
from recommender.kinds import old_checkpoints, old_snapshots, small_snapshots
from recommender.kinds.storage_money import at_list, less, without_rate
from recommender.methods.disk_prices import ListPrice, disk_price, snapshot_price, told_remark
from recommender.savings import cost_basis, monthly_cost, saving
from recommender.subjects.checkpoints import CheckpointStore, ObjectStorage
from recommender.subjects.snapshots import Snapshot, SnapshotSet
from recommender.subjects.storage import Stored, Volume

NAME = "storage"
RATE = "the rate you pay for this disk"
WAIT_DAYS = 30
"""Between the snapshot and the disk's end."""


@dataclass(frozen=True)
class _Worth:
    """What a disk costs a month, what its end saves before the snapshot, and how that is known."""

    cost: Decimal
    gross: Saving
    basis: str
    at_list: ListPrice | None


def applies(stored: Stored) -> bool:
    """Everything that is kept."""
    return bool(stored.resource_id)


def evaluate(stored: Stored, settings: Recommend) -> Advice | WhyNot:
    """Advice on what is kept, or why not."""
    if isinstance(stored, Snapshot):
        return old_snapshots.answer(NAME, stored, settings)
    if isinstance(stored, SnapshotSet):
        return small_snapshots.answer(NAME, stored, settings)
    if isinstance(stored, CheckpointStore):
        return old_checkpoints.answer(NAME, stored, settings)
    if isinstance(stored, ObjectStorage):
        return old_checkpoints.unlisted(NAME, stored, settings)
    if isinstance(stored, Volume):
        return _disk(stored, settings)
    raise TypeError(f"No advice is made on {type(stored).__name__}.")


def _disk(volume: Volume, settings: Recommend) -> Advice | WhyNot:
    """Advice to keep a snapshot in the disk's place, or why not."""
    days = settings.idle.unattached_days
    worth = _worth(volume, days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, volume, reason, explanation, worth.cost if worth else None)

    if found := decided(volume, settings):
        return no(*found)
    if volume.unattached_days < days:
        return no(
            "too_new",
            f"No machine is known to have it since {volume.unattached_since:%Y-%m-%d}: {volume.unattached_days} days, "
            f"and {days} are needed (recommend.idle.unattached_days).",
        )
    if volume.size_gib is None:
        return no("size_unknown", "Its size is not known. Give size_gib in the inventory.")
    if worth is None:
        if volume.costs:
            return no("cost_unknown", COST_UNKNOWN)
        return no(
            "price_unknown",
            "The bill names no charges of its own, and no list price of a disk of type "
            f"{volume.volume_type or 'unknown'} in {volume.place} is known "
            f"in {volume.currency}.",
        )
    listed = snapshot_price(volume.provider, volume.region, volume.size_gib)
    kept_as = listed and listed.within(volume.currency, volume.per_dollar)
    if kept_as is None:
        return no(
            "price_unknown",
            f"What a snapshot costs in {volume.place} is not known in {volume.currency}"
            f"{without_rate(listed, volume.currency)}; so nobody can say what would be saved.",
        )
    if worth.gross.effective <= kept_as.monthly:
        return no(
            "no_saving",
            f"It costs {in_words(worth.cost, volume.currency)} a month and a snapshot of it up to "
            f"{in_words(kept_as.monthly)}: delete it without one, if nobody needs what is on it.",
        )
    return _advice(volume, days, worth, kept_as)


def _worth(volume: Volume, days: int) -> _Worth | None:
    """By the bill, else by the list; None where neither says."""
    if volume.costs:
        cost = monthly_cost(volume, days)
        if cost is None:
            return None
        return _Worth(cost, saving(volume, days, Decimal(1)), cost_basis(volume, days), None)
    if volume.size_gib is None:
        return None
    found = disk_price(
        volume.provider,
        volume.region,
        volume.volume_type,
        volume.size_gib,
        iops=volume.iops,
        mbps=volume.throughput,
    )
    found = found and found.within(volume.currency, volume.per_dollar)
    if found is None:
        return None
    basis = f"list price of {found.checked} ({found.source}); your rate is unknown"
    return _Worth(found.monthly, at_list(found.monthly), basis, found)


def _advice(volume: Volume, days: int, worth: _Worth, kept_as: ListPrice) -> Advice:
    command, undo = _texts(volume)
    remark = (
        f" The saving is at list price of {worth.at_list.checked} and unknown at your rate: the bill keeps no charges "
        "of the disk's own."
        if worth.at_list
        else ""
    )
    size = f"{volume.size_gib:,f} GiB"
    return Advice(
        kind=NAME,
        subject=volume,
        current=f"{volume.volume_type or 'disk'}, {size}, no machine",
        proposed=f"keep a snapshot, delete the disk after {WAIT_DAYS} days",
        monthly_cost=worth.cost,
        saving=less(worth.gross, kept_as.monthly),
        risk=1,
        confidence="medium" if worth.at_list else "high",
        effort="low",
        reason=f"No machine has had it since {volume.unattached_since:%Y-%m-%d} or longer, {volume.unattached_days} "
        f"days. Its snapshot costs up to {in_words(kept_as.monthly, volume.currency)} a month, which is taken "
        f"off.{remark}{told_remark(*([worth.at_list] if worth.at_list else []), kept_as)}",
        undo=undo,
        command=command,
        target="snapshot_then_delete",
        gate=RATE if worth.at_list else None,
        one_off_cost=kept_as.monthly,
        evidence_until=volume.seen_at,
        evidence={
            "window_days": days,
            "unattached_since": volume.unattached_since.isoformat(),
            "unattached_days": volume.unattached_days,
            "last_listed": volume.seen_at.isoformat(),
            "size_gib": str(volume.size_gib),
            "volume_type": volume.volume_type,
            "disk_monthly_cost": str(worth.cost),
            "snapshot_monthly_cost": str(kept_as.monthly),
            "snapshot_price_checked": kept_as.checked.isoformat(),
            "snapshot_price_source": kept_as.source,
            **priced(kept_as.source, kept_as.checked),
            **unmeasured("that no machine has it is what the cloud's listing says"),
            **not_replayed("no listing tells whether a disk that lay as long was needed again"),
            "cost_basis": worth.basis,
            "rate": "list" if worth.at_list else "effective",
        },
    )


def _texts(volume: Volume) -> tuple[str, str]:
    """The commands, of which those that delete are comments, and how to undo it."""
    place = " ".join(f"account {volume.account or 'unknown'}, region {volume.region or 'unknown'}".split())
    name = shlex.quote(volume.resource_id.rsplit("/", 1)[-1])
    region = shlex.quote(volume.region or "REGION")
    zone = shlex.quote(volume.zone or "ZONE")
    if volume.provider == "aws":
        take = (
            f"aws ec2 create-snapshot --volume-id {name} --region {region}"
            " --description 'kept before the volume is deleted'"
        )
        look = f"aws ec2 describe-volumes --volume-ids {name} --region {region}"
        end = f"aws ec2 delete-volume --volume-id {name} --region {region}"
        undo = f"aws ec2 create-volume --snapshot-id SNAPSHOT --availability-zone {zone} --region {region}"
    elif volume.provider == "gcp":
        project = re.search(r"/projects/([^/]+)", volume.resource_id)
        found = re.search(r"/zones/([^/]+)", volume.resource_id)
        zone = shlex.quote(found[1]) if found else zone
        at = f"--zone {zone} --project {shlex.quote(project[1] if project else volume.account or 'PROJECT')}"
        take = (
            f"gcloud compute snapshots create SNAPSHOT --source-disk {name} --source-disk-{at.removeprefix('--')}"
            f" --storage-location {region}"  # else in several regions, which costs more than is taken off
        )
        look = f"gcloud compute disks describe {name} {at}"
        end = f"gcloud compute disks delete {name} {at}"
        undo = f"gcloud compute disks create {name} --source-snapshot SNAPSHOT {at}"
    else:
        whole = shlex.quote(volume.resource_id)
        take = f"az snapshot create --name SNAPSHOT --resource-group GROUP --source {whole} --sku Standard_LRS"
        look = f"az disk show --ids {whole}"
        end = f"az disk delete --ids {whole}"
        undo = f"az disk create --name {name} --resource-group GROUP --source SNAPSHOT"
    command = (
        f"# {place}; check first that nobody keeps it for a reason\n{take}\n"
        f"# {WAIT_DAYS} days later, once the snapshot is complete, nobody missed the disk and no machine has it:\n"
        f"{comment(look)}\n{comment(end)}"
    )
    return command, f"restore it from the snapshot: {undo}"


KIND = Kind(
    name=NAME,
    subject=Stored,
    step=Step.REMOVE,
    alone=True,
    title="Old disks, snapshots and checkpoints",
    needs="an inventory that lists unattached disks, snapshots or checkpoints, with sizes, and what they cost",
    applies=applies,
    evaluate=evaluate,
)
