"""How a snapshot comes into a cloud's archive and back: commands, and what a person is told of it.

Assumes
    AWS moves a snapshot there as it is, and back within 72 hours. Google moves none: an archive snapshot is taken of a
    disk, so that one is made of the old snapshot first; it is read like any other, for a fee.
Sources
    Amazon EBS User Guide, archiving snapshots; Compute Engine, about archive and standard disk snapshots.
Known drawbacks
    The disk that stands between on Google is paid for by the hour, which is not in the saving.
"""

from __future__ import annotations

import shlex
from decimal import Decimal

from aispend.money import in_words
from recommender.comments import comment
from recommender.subjects.snapshots import Snapshot

NONE = frozenset({"azure"})
"""Clouds that keep no snapshot anywhere for less."""

_SLOW = frozenset({"aws"})
"""Clouds that take up to three days to bring one back."""


def none_to_move_to(snapshot: Snapshot) -> str:
    """What is left to do where a cloud has no archive."""
    return (
        f"It is {snapshot.age_days} days old, and Azure has no archive for snapshots. If nobody will restore it, "
        f"delete it: az snapshot delete --ids {shlex.quote(snapshot.resource_id)}."
    )


def waits(provider: str) -> str:
    """How long one takes to be restored, as words between ``takes`` and what it costs; empty where at once."""
    return " takes up to 72 hours and" if provider in _SLOW else ""


def hard_to_restore(provider: str) -> str:
    """Why the newest of a disk is not archived."""
    return "which the archive takes 72 hours to do" if provider in _SLOW else "for which the archive charges"


def size_unknown(snapshot: Snapshot) -> str:
    """What is missing where nobody knows how much a restore would bring back."""
    said = "How much of the disk is written is not known, and the archive bills all of it."
    if snapshot.provider == "gcp":
        return f"{said} Google tells what each of several stores itself, which is what changed."
    return (
        f"{said} Ask with: aws ec2 describe-snapshots --snapshot-ids {_name(snapshot)} "
        "--query 'Snapshots[].FullSnapshotSizeInBytes'."
    )


def own_blocks_unknown(snapshot: Snapshot) -> str:
    """What is missing of one between others: how much of it is its own."""
    said = "How much that is neither bill nor listing says"
    if snapshot.provider != "aws":
        return f"{said}."
    return f"{said}: aws ebs list-changed-blocks --first-snapshot-id BEFORE --second-snapshot-id {_name(snapshot)}."


def command(snapshot: Snapshot, *, between: bool) -> str:
    """What archives it; what deletes anything is a remark, for later. ``between``: others of its disk come after it."""
    named = "project" if snapshot.provider == "gcp" else "account"
    place = " ".join(f"{named} {snapshot.account or 'unknown'}, region {snapshot.region or 'unknown'}".split())
    if snapshot.provider == "gcp":
        return _of_google(snapshot, place)
    lines = [f"# {place}; check first that nobody needs it within 72 hours, and no other account uses it"]
    if between:
        lines.append("# what the next snapshot of the disk does not share is what is freed:")
        known = f"--first-snapshot-id {_name(snapshot)} --second-snapshot-id NEXT"
        lines.append(comment(f"aws ebs list-changed-blocks {known}"))
    lines.append(
        f"aws ec2 modify-snapshot-tier --snapshot-id {_name(snapshot)} --storage-tier archive"
        f" --region {_region(snapshot)}"
    )
    return "\n".join(lines)


def undo(snapshot: Snapshot, restore: Decimal) -> str:
    """How to have it back, and what that costs."""
    if snapshot.provider == "gcp":
        return (
            f"gcloud compute disks create DISK --source-snapshot {_archived(snapshot)} --zone ZONE"
            f"{_project(snapshot)}: {in_words(restore, snapshot.currency)}"
        )
    return (
        f"aws ec2 restore-snapshot-tier --snapshot-id {_name(snapshot)} --permanent-restore "
        f"--region {_region(snapshot)}: up to 72 hours, {in_words(restore, snapshot.currency)}"
    )


def _of_google(snapshot: Snapshot, place: str) -> str:
    project = _project(snapshot)
    return "\n".join(
        (
            f"# {place}; check first that no instance template or script makes disks of it",
            "# Google archives disks, not snapshots: one is made of it, archived, and paid for by the hour until then",
            f"gcloud compute disks create {_between(snapshot)} --source-snapshot {_name(snapshot)} "
            f"--zone ZONE{project}",
            f"gcloud compute snapshots create {_archived(snapshot)} --source-disk {_between(snapshot)} "
            f"--source-disk-zone ZONE --snapshot-type ARCHIVE --storage-location {_region(snapshot)}{project}",
            "# once the archive is READY, and a disk made of it was looked at:",
            comment(f"gcloud compute disks delete {_between(snapshot)} --zone ZONE{project}"),
            comment(f"gcloud compute snapshots delete {_name(snapshot)}{project}"),
        )
    )


def _name(snapshot: Snapshot, suffix: str = "") -> str:
    """What commands call it: Google by its name, AWS by the id its name ends with."""
    known = snapshot.name if snapshot.provider == "gcp" else None
    return shlex.quote(f"{known or snapshot.resource_id.rsplit('/', 1)[-1]}{suffix}")


def _between(snapshot: Snapshot) -> str:
    return _name(snapshot, "-restored")


def _archived(snapshot: Snapshot) -> str:
    return _name(snapshot, "-archive")


def _project(snapshot: Snapshot) -> str:
    return f" --project {shlex.quote(snapshot.account or 'PROJECT')}"


def _region(snapshot: Snapshot) -> str:
    return shlex.quote(snapshot.region or "REGION")
