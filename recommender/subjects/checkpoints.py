"""Checkpoints by bucket, as inventory files list them, and the object storage of accounts that list none.

Assumes
    A listing names all checkpoints of its bucket. What it once said was read then was read then.
Method
    What is listed now, with every reading any listing told of, and the charges of the bucket's own where the bill has
    any. The bill keeps spend that is not AI without its resource, so object storage is known by account: that stands
    beside each bucket, and alone (``ObjectStorage``) where training is paid for in a cloud and no bucket there is
    listed: data often has an account of its own.
Cases
    Account and region are those most rows of the bucket give.
Known drawbacks
    What else than checkpoints lies in a bucket is not known, nor are old versions of objects.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from aispend.resource_id import canonical
from aispend.store.names import resource_key
from recommender.contract import DailyCost
from recommender.subjects.charged_days import on_its_days, one_a_day
from recommender.subjects.storage import Stored, currency_of, instant, own_costs
from recommender.subjects.token_use import per_dollar

KIND = "checkpoint"
SERVICES = ("Amazon Simple Storage Service", "AmazonS3", "Cloud Storage", "Storage Accounts", "Storage")
"""Object storage, as bills call it."""
_TRAINS = ("training", "fine_tuning")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: its place within the bucket, bytes, when it was written and is known to have been read.

    ``read_at`` is the newest reading, None where it is not known whether it was read; ``earlier`` are those before.
    ``kept`` is ``best``, ``yes`` or None.
    """

    path: str
    size_bytes: int
    written_at: datetime
    read_at: datetime | None
    earlier: tuple[datetime, ...] = ()
    run: str | None = None
    kept: str | None = None
    storage_class: str | None = None
    objects: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckpointStore(Stored):
    """The checkpoints of a bucket, last listed at ``seen_at``; ``account_storage`` is all object storage there."""

    bucket: str
    checkpoints: Sequence[Checkpoint]
    seen_at: datetime
    account_storage: Sequence[DailyCost]


@dataclass(frozen=True, kw_only=True)
class ObjectStorage(Stored):
    """Object storage of an account where somebody trains and lists no checkpoints; ``costs`` are all of it."""


def load_checkpoints(connection: Connection, as_of: datetime, window_days: int) -> Iterator[Stored]:
    """Buckets with a listing by name, then object storage in clouds that have none and where somebody trains."""
    since = (as_of - timedelta(days=window_days)).date()
    storage = _account_storage(connection, since, as_of.date())
    currencies, dollars = currency_of(connection), per_dollar(connection, as_of.date())
    listed = set()
    buckets = list(_buckets(connection, currencies, as_of))
    keys = {bucket: _bill_keys(found["provider"], bucket) for bucket, found in buckets}
    costs = own_costs(connection, [key for ours in keys.values() for key in ours], since, as_of.date())
    for bucket, found in buckets:
        own = next((costs[key] for key in keys[bucket] if key in costs), {})
        place = (found["provider"], found["account"])
        listed.add(found["provider"])
        for currency in own or [found["currency"]]:
            charged = own.get(currency, [])
            yield CheckpointStore(
                **(found | {"currency": currency}),
                per_dollar=dollars.get(currency),
                costs=charged,
                account_storage=storage.get((*place, currency), []),
            )
    for (provider, account, currency), days in sorted(storage.items(), key=lambda item: tuple(map(str, item[0]))):
        if provider not in listed:
            yield ObjectStorage(
                **_common(provider, account, None, currency, as_of),
                resource_id=f"object-storage:{account or 'unknown'}",
                first_seen=days[0].day,
                costs=days,
            )


def _buckets(
    connection: Connection, currencies: Mapping[tuple[str, str | None], str], as_of: datetime
) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = connection.execute(text(_LISTED), {"kind": KIND}).all()
    by_bucket: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rows:
        by_bucket[row.provider, row.scope].append(row)
    for (provider, bucket), ours in by_bucket.items():
        account, region = (_most(row.details.get(name) for row in ours) for name in ("account", "region"))
        checkpoints = [one for row in ours if (one := _checkpoint(row)) is not None]
        yield (
            bucket,
            {
                **_common(provider, account, region, currencies.get((provider, account), "USD"), as_of),
                "resource_id": bucket,
                "first_seen": min(one.written_at for one in checkpoints).date() if checkpoints else as_of.date(),
                "bucket": bucket,
                "checkpoints": checkpoints,
                "seen_at": max(row.seen_at for row in ours),
            },
        )


def _common(provider: str, account: str | None, region: str | None, currency: str, as_of: datetime) -> dict[str, Any]:
    return {
        "resource_key": 0,
        "provider": provider,
        "account": account,
        "region": region,
        "currency": currency,
        "tags": {},
        "model": None,
        "team": None,
        "as_of": as_of,
    }


def _checkpoint(row: Any) -> Checkpoint | None:
    details: Mapping[str, Any] = row.details
    written = instant(details.get("modified_at"))
    if written is None:
        return None
    kept = details.get("kept")
    known = sorted({found for value in row.reads if value and (found := instant(value)) and found >= written})
    read = instant(details.get("read_at"))
    return Checkpoint(
        path=str(details["path"]),
        size_bytes=int(details["size_bytes"]),
        written_at=written,
        read_at=read,
        earlier=tuple(one for one in known if read is None or one < read),
        run=details.get("run"),
        kept=None if kept == "no" else kept,
        storage_class=details.get("storage_class"),
        objects=details.get("objects"),
        tags={str(key): str(value) for key, value in (details.get("tags") or {}).items()},
    )


def _most(values: Iterator[str | None]) -> str | None:
    counted = Counter(value for value in values if value)
    return min(counted, key=lambda name: (-counted[name], name)) if counted else None


def _bill_keys(provider: str, bucket: str) -> list[int]:
    """The resources a bill may charge a bucket as."""
    name = bucket.partition("://")[2]
    forms = {
        "aws": (name, f"arn:aws:s3:::{name}"),
        "gcp": (name, f"projects/_/buckets/{name}"),
    }.get(provider, ())
    return [resource_key(provider, canonical(provider, form)) for form in forms]


def _account_storage(
    connection: Connection, since: date, until: date
) -> dict[tuple[str, str | None, str], list[DailyCost]]:
    """Object storage in clouds where somebody trains, by provider, account and currency."""
    found: dict[tuple[str, str | None, str], list[DailyCost]] = defaultdict(list)
    scope = {
        "services": list(SERVICES),
        "stages": list(_TRAINS),
        "since": since,
        "until": until,
        "month": since.replace(day=1),
    }
    for row in connection.execute(text(_STORAGE), scope):
        cost = Decimal(row.cost) if row.cost is not None else None
        of_line = DailyCost(row.charge_date, 24, row.listed, cost, cost, is_spot=False, billed=row.billed)
        found[row.provider, row.account, row.currency] += on_its_days(
            of_line, row.charge_end_date, since=since, until=until
        )
    return {place: one_a_day(costs) for place, costs in found.items() if costs}


_LISTED = """
    SELECT r.provider, n.scope, n.details, n.seen_at, n.resource_key,
           (SELECT array_agg(DISTINCT h.details->>'read_at') FROM resource_history h
            WHERE h.resource_key = n.resource_key AND h.kind = :kind) AS reads
    FROM (SELECT DISTINCT ON (resource_key) * FROM resource_history
          WHERE kind = :kind AND valid_to IS NULL
          ORDER BY resource_key, seen_at DESC, source) n
    JOIN resource r USING (resource_key)
    ORDER BY r.provider, n.scope, r.resource_id"""

_STORAGE = f"""
    WITH trains AS (
        SELECT DISTINCT provider FROM spend_day
        WHERE is_ai AND stage = ANY(:stages) AND charge_date >= :since AND charge_date < :until)
    SELECT a.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account, k.billing_currency AS currency,
           c.charge_date, {CHARGED_UNTIL} AS charge_end_date,
           CASE WHEN bool_and(c.list_cost IS NOT NULL) THEN sum(c.list_cost) END AS listed,
           CASE WHEN bool_and(coalesce(c.effective_cost, c.billed_cost) IS NOT NULL)
                THEN sum(coalesce(c.effective_cost, c.billed_cost)) END AS cost,
           bool_or(c.effective_cost IS NULL) AS billed
    FROM charge c
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    JOIN sku s USING (sku_key)
    JOIN trains t ON t.provider = a.provider
    {JOIN_TO_DATE}
    WHERE s.service_name = ANY(:services) AND NOT s.is_ai AND k.charge_category = 'Usage'
      AND greatest(c.charge_end_date, c.charge_date + 1) > :since AND c.charge_date < :until
      AND c.billing_month >= :month
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE position('+' in dataset) > 0))
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
