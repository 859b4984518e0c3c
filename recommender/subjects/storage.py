"""Volumes: disks that no machine has, as an inventory lists them.

Assumes
    A listing of a cloud (``ebs_volume``, ``azure_disk``, ``gce_disk``) or an inventory file (``disk``) says what is
    unattached. Since when is the first listing that said so without a break, so it is at least that; Azure and Google
    tell themselves when a disk was detached, which is earlier where nobody listed it then.
Method
    What is listed now, what it is, and the charges of its own that the bill has. Spend that is not AI is kept without
    its resource, so most have none; the price table stands in (``methods/disk_prices.py``).
Cases
    A disk that got a machine again, or is gone, is no subject. Of two sources that list a disk the newer counts.
    A change of size or tags does not break the time. A charge of a month is on its days (``charged_days.py``).
Known drawbacks
    Whether a disk was AI's is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, text

from aispend.monthly_bills import CHARGED_UNTIL, JOIN_TO_DATE
from recommender.contract import DailyCost, Subject
from recommender.subjects.charged_days import by_the_month, on_its_days, one_a_day
from recommender.subjects.token_use import per_dollar

OF_ACCOUNTS = ("azure_disk", "gce_disk")
"""Kinds that are listed for a whole account at once: its name is the listing's, and each disk says its region."""

KINDS = ("ebs_volume", *OF_ACCOUNTS, "disk")
UNATTACHED = ("available", "unattached")
"""States of a disk that no machine has."""


@dataclass(frozen=True, kw_only=True)
class Stored(Subject):
    """Something that is kept: a disk, a snapshot, checkpoints in a bucket. A charge of every month is on its days.

    ``per_dollar`` is what a US dollar is worth in ``currency``, None unknown.
    """

    per_dollar: Decimal | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "costs", by_the_month(self.costs, self.as_of.date()))


@dataclass(frozen=True, kw_only=True)
class Volume(Stored):
    """A disk that no machine has, from ``unattached_since`` until it was last listed (``seen_at``).

    Size in GiB, ``throughput`` in MiB/s; None is unknown, and for performance what the type includes.
    """

    name: str | None
    size_gib: Decimal | None
    volume_type: str | None
    iops: Decimal | None
    throughput: Decimal | None
    zone: str | None
    unattached_since: datetime
    seen_at: datetime

    @property
    def unattached_days(self) -> int:
        """Whole days it is known to be unattached."""
        return max((self.seen_at - self.unattached_since).days, 0)


def load_volumes(connection: Connection, as_of: datetime, window_days: int) -> Iterator[Volume]:
    """Disks unattached now, with the charges of their own in the window, by id."""
    since = (as_of - timedelta(days=window_days)).date()
    found = connection.execute(text(_VOLUMES), {"kinds": list(KINDS), "states": list(UNATTACHED)}).all()
    costs = own_costs(connection, [row.resource_key for row in found], since, as_of.date())
    currencies, dollars = currency_of(connection), per_dollar(connection, as_of.date())
    for row in found:
        details: Mapping[str, Any] = row.details or {}
        account, region = row.account, row.region
        if row.kind == "ebs_volume" and row.scope.count(" ") == 1:
            account, region = row.scope.split(" ")
        elif row.kind in OF_ACCOUNTS:
            account, region = row.scope, details.get("region")
        detached = instant(details.get("unattached_since"))
        own = costs.get(row.resource_key, {})
        created = details.get("created_at")
        for currency in own or [currencies.get((row.provider, account), "USD")]:
            yield Volume(
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
                first_seen=(instant(created) or row.since).astimezone(UTC).date(),
                costs=own.get(currency, []),
                as_of=as_of,
                name=details.get("name"),
                size_gib=number(details.get("size_gib")),
                volume_type=details.get("volume_type"),
                iops=number(details.get("iops")),
                throughput=number(details.get("throughput")),
                zone=details.get("zone"),
                unattached_since=min(row.since, detached) if detached else row.since,
                seen_at=row.seen_at,
            )


def currency_of(connection: Connection) -> dict[tuple[str, str | None], str]:
    """The currency an account was last billed in, by provider and account."""
    return {(row.provider, row.account): row.currency for row in connection.execute(text(_CURRENCIES))}


def own_costs(
    connection: Connection, keys: list[int], since: date, until: date
) -> dict[int, dict[str, list[DailyCost]]]:
    """Usage cost by resource and currency, as that of machines is: a charge of a longer time on each of its days."""
    result: dict[int, dict[str, list[DailyCost]]] = defaultdict(lambda: defaultdict(list))
    if not keys:
        return {}
    scope = {"keys": keys, "since": since, "until": until, "month": since.replace(day=1)}
    for row in connection.execute(text(_COSTS), scope):
        cost = DailyCost(
            day=row.charge_date,
            hours=24,
            list_cost=row.listed,
            effective_cost=row.cost,
            uncovered_effective_cost=row.uncovered,
            is_spot=False,
            billed=row.billed,
        )
        result[row.resource_key][row.currency] += on_its_days(cost, row.charge_end_date, since=since, until=until)
    return {
        key: {currency: one_a_day(costs) for currency, costs in parts.items() if costs} for key, parts in result.items()
    }


def number(value: Any) -> Decimal | None:
    """A size or rate of a listing's details; None where it is none: no number, without end, or below 0."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None


def instant(value: Any) -> datetime | None:
    """A time of a listing's details, in UTC unless it says otherwise; None where it is none."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_VOLUMES = """
    WITH listed AS (
        SELECT h.*, lower(h.state) = ANY(:states) AS free,
               lag(h.valid_to) OVER w AS before, lag(lower(h.state) = ANY(:states)) OVER w AS free_before
        FROM resource_history h
        WHERE h.kind = ANY(:kinds)
        WINDOW w AS (PARTITION BY h.resource_key, h.source ORDER BY h.valid_from)),
    begun AS (
        SELECT resource_key, source, max(valid_from) AS since FROM listed
        WHERE free AND (before IS DISTINCT FROM valid_from OR NOT coalesce(free_before, false))
        GROUP BY resource_key, source)
    SELECT DISTINCT ON (r.provider, r.resource_id)
           r.resource_key, r.provider, r.resource_id, r.account, r.region, l.kind, l.scope, l.details,
           l.seen_at, b.since
    FROM listed l
    JOIN begun b USING (resource_key, source)
    JOIN resource r USING (resource_key)
    WHERE l.free AND l.valid_to IS NULL
    ORDER BY r.provider, r.resource_id, l.seen_at DESC, l.source"""

_CURRENCIES = """
    SELECT DISTINCT ON (provider, account) provider, account, currency
    FROM spend_day WHERE account IS NOT NULL ORDER BY provider, account, charge_date DESC, currency"""

_COSTS = f"""
    WITH line AS (
        SELECT c.resource_key, k.billing_currency AS currency, c.charge_date,
               {CHARGED_UNTIL} AS charge_end_date, c.list_cost, c.effective_cost,
               coalesce(k.pricing_category = 'Committed', false) OR c.commitment_key <> 0 AS covered, c.billed_cost
        FROM charge c JOIN charge_kind k USING (charge_kind_key) {JOIN_TO_DATE}
        WHERE c.resource_key = ANY(:keys) AND k.charge_category = 'Usage'
          AND greatest(c.charge_end_date, c.charge_date + 1) > :since AND c.charge_date < :until
          AND c.billing_month >= :month
          AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM slice WHERE position('+' in dataset) > 0))),
    valued AS (
        SELECT *, coalesce(effective_cost, CASE WHEN NOT (covered AND billed_cost = 0) THEN billed_cost END) AS paid
        FROM line)
    SELECT resource_key, currency, charge_date, charge_end_date,
           CASE WHEN bool_and(list_cost IS NOT NULL) THEN sum(list_cost) END AS listed,
           CASE WHEN bool_and(paid IS NOT NULL) THEN sum(paid) END AS cost,
           CASE WHEN bool_and(covered OR paid IS NOT NULL)
                THEN coalesce(sum(paid) FILTER (WHERE NOT covered), 0) END AS uncovered,
           bool_or(effective_cost IS NULL AND paid IS NOT NULL) AS billed
    FROM valued GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
