"""Snapshots of disks in the standard tier, as clouds list them (:data:`COMPLETE`), and what became of earlier ones.

Assumes
    Snapshots of one volume in one account and region are one lineage: each holds what changed since the one before.
    A listing of several regions says of each where it is.
Method
    What is listed now and complete, how many of its lineage are older and newer, the images that stand on it, and the
    charges of its own where the bill has any. What became of the place's snapshots since the first listing is kept
    beside each, for the replay.
Cases
    What is archived, or restored from the archive for a while, is no subject. A copy has no volume (AWS writes
    ``vol-ffffffff``), so its lineage is not known.
Known drawbacks
    Ends are known since the first listing. Whether a volume was made from a snapshot is in no listing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from recommender.methods.colder import GIB
from recommender.methods.colder_replay import Life
from recommender.subjects.storage import Stored, currency_of, instant, number, own_costs
from recommender.subjects.token_use import per_dollar

COMPLETE = {"ebs_snapshot": "completed", "gce_snapshot": "READY", "azure_snapshot": "Succeeded"}
"""Kinds of listings, and what each calls a snapshot that is whole."""
NO_VOLUME = "vol-ffffffff"
STANDARD = "standard"


@dataclass(frozen=True, kw_only=True)
class Snapshot(Stored):
    """A snapshot in the standard tier, last listed at ``seen_at``.

    ``full_gib`` is what a restore would bring back, ``volume_gib`` the size of the disk; None is unknown. ``older`` and
    ``newer`` count the standard snapshots of its lineage, None where the lineage is not known. ``images`` are the
    machine images that stand on it. ``lives`` are those of all snapshots of its account and region. ``schedule`` is
    what deletes it by a plan of its own, as its listing says; a tag may say so too.
    """

    name: str | None
    volume: str | None
    volume_gib: Decimal | None
    full_gib: Decimal | None
    taken_at: datetime
    images: tuple[str, ...]
    older: int | None
    newer: int | None
    seen_at: datetime
    lives: Sequence[Life]
    schedule: str | None = None

    @property
    def age_days(self) -> int:
        """Whole days since it was taken, when it was last listed."""
        return max((self.seen_at - self.taken_at).days, 0)


@dataclass(frozen=True, kw_only=True)
class SnapshotSet(Stored):
    """The snapshots of an account and region, two or more, by id: what is little of each may be much of all."""

    snapshots: tuple[Snapshot, ...]


def sets_of(snapshots: Iterable[Snapshot]) -> list[SnapshotSet]:
    """The snapshots of each account, region and currency, where there are several."""
    places: dict[tuple[str, str, str, str], list[Snapshot]] = defaultdict(list)
    for one in snapshots:
        places[one.provider, one.account or "unknown", one.region or "unknown", one.currency].append(one)
    return [
        SnapshotSet(
            resource_key=0,
            resource_id=f"snapshots:{account}/{region}",
            provider=provider,
            account=found[0].account,
            region=found[0].region,
            currency=currency,
            tags={},
            model=None,
            team=None,
            first_seen=min(one.first_seen for one in found),
            costs=[],
            as_of=found[0].as_of,
            snapshots=tuple(sorted(found, key=lambda one: one.resource_id)),
        )
        for (provider, account, region, currency), found in sorted(places.items())
        if len(found) > 1
    ]


def load_snapshots(connection: Connection, as_of: datetime, window_days: int) -> Iterator[Snapshot | SnapshotSet]:
    """Snapshots in the standard tier now, with the charges of their own in the window, by id; then those of a place."""
    found = list(_load(connection, as_of, window_days))
    yield from found
    yield from sets_of(found)


def _load(connection: Connection, as_of: datetime, window_days: int) -> Iterator[Snapshot]:
    since = (as_of - timedelta(days=window_days)).date()
    rows = connection.execute(text(_SNAPSHOTS), {"kinds": list(COMPLETE)}).all()
    times = {row.resource_key: instant((row.details or {}).get("taken_at")) for row in rows}
    taken = {key: time for key, time in times.items() if time is not None}
    rows = [row for row in rows if row.resource_key in taken]
    lives: dict[tuple[str, str], list[Life]] = defaultdict(list)
    for row in rows:
        lives[_place(row)].append(Life(taken[row.resource_key], row.since, row.ended))
    current = [row for row in rows if row.ended is None and _standard(row)]
    lineages: dict[tuple[tuple[str, str], str], list[datetime]] = defaultdict(list)
    for row in current:
        if volume := _volume(row.details):
            lineages[_place(row), volume].append(taken[row.resource_key])
    costs = own_costs(connection, [row.resource_key for row in current], since, as_of.date())
    currencies, dollars = currency_of(connection), per_dollar(connection, as_of.date())
    for row in current:
        details: Mapping[str, Any] = row.details
        account, region = _place(row)
        began, volume = taken[row.resource_key], _volume(details)
        lineage = lineages[_place(row), volume] if volume else None
        full = number(details.get("full_bytes"))
        own = costs.get(row.resource_key, {})
        for currency in own or [currencies.get((row.provider, account), "USD")]:
            yield Snapshot(
                resource_key=row.resource_key,
                resource_id=row.resource_id,
                provider=row.provider,
                account=account,
                region=region,
                currency=currency,
                per_dollar=dollars.get(currency),
                tags={str(key): str(value) for key, value in (details.get("tags") or {}).items()},
                model=None,
                team=None,
                first_seen=began.astimezone(UTC).date(),
                costs=own.get(currency, []),
                as_of=as_of,
                name=details.get("name"),
                volume=volume,
                volume_gib=number(details.get("volume_gib")),
                full_gib=None if full is None else full / GIB,
                taken_at=began,
                images=tuple(details.get("images") or ()),
                older=None if lineage is None else sum(other < began for other in lineage),
                newer=None if lineage is None else sum(other > began for other in lineage),
                seen_at=row.seen_at,
                lives=lives[_place(row)],
                schedule=details.get("schedule"),
            )


def _place(row: Any) -> tuple[str, str]:
    """Account and region: of the listing, else of the snapshot itself."""
    account, _, region = row.scope.partition(" ")
    return account, region or str((row.details or {}).get("region") or "")


def _standard(row: Any) -> bool:
    details = row.details or {}
    return (
        row.state == COMPLETE[row.kind]
        and details.get("tier", STANDARD) == STANDARD
        and details.get("restored_until") is None
    )


def _volume(details: Mapping[str, Any]) -> str | None:
    volume = details.get("volume")
    return None if volume in (None, NO_VOLUME) else str(volume)


_SNAPSHOTS = """
    SELECT DISTINCT ON (r.provider, r.resource_id)
           r.resource_key, r.provider, r.resource_id, h.scope, h.kind, h.state, h.details, h.seen_at,
           min(h.valid_from) OVER w AS since,
           CASE WHEN bool_or(h.valid_to IS NULL) OVER w THEN NULL ELSE max(h.valid_to) OVER w END AS ended
    FROM resource_history h
    JOIN resource r USING (resource_key)
    WHERE h.kind = ANY(:kinds)
    WINDOW w AS (PARTITION BY h.resource_key)
    ORDER BY r.provider, r.resource_id, h.valid_from DESC, h.source"""
