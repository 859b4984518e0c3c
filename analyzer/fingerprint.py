"""What a provider's month is analyzed from, in one short text: when it changes, the month is analyzed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from aispend.schema import made_from
from aispend.settings import Allocation, Settings

ANALYSIS_VERSION = "5"
"""Changes whenever the same facts may give other shares, roll-ups or unit costs."""

_BILLS = """
    SELECT string_agg(concat_ws(' ', slice_id, dataset, loaded_at), ',' ORDER BY slice_id)
    FROM slice WHERE slice_id = ANY(:slices)"""

_TELEMETRY = """
    SELECT string_agg(concat_ws(' ', slice_id, loaded_at), ',' ORDER BY slice_id)
    FROM slice WHERE kind IN ('metrics', 'usage', 'workloads') AND period BETWEEN :first AND :last"""

_NAMES = """
    SELECT concat_ws(' ', count(*), sum(hashtextextended(concat_ws('|', namespace, alias, valid_from, valid_to,
                                                                   resource_key, confidence), 0)))
    FROM resource_alias
    WHERE resource_key IN (SELECT resource_key FROM charge WHERE billing_month = :month AND slice_id = ANY(:slices))
      AND valid_from <= :last AND (valid_to IS NULL OR valid_to >= :first)"""

_SKUS = """
    SELECT sum(hashtextextended(concat_ws('|', sku_key, is_ai, platform, accelerators, model, unit_class,
                                          units_per_pricing_unit, stage), 0))
    FROM sku
    WHERE sku_key IN (SELECT sku_key FROM charge WHERE billing_month = :month AND slice_id = ANY(:slices))"""

_RESOURCES = """
    SELECT sum(hashtextextended(concat_ws('|', resource_key, resource_name, fleet, region, instance_type,
                                          accelerator_type, accelerators), 0))
    FROM resource
    WHERE resource_key IN (SELECT resource_key FROM charge WHERE billing_month = :month AND slice_id = ANY(:slices))"""

_PRICES = """
    SELECT sum(hashtextextended(concat_ws('|', provider, region, instance_type, currency, valid_from, hourly_price), 0))
    FROM price
    WHERE term = 'on_demand' AND valid_from < :last AND (provider, instance_type) IN (
        SELECT provider, instance_type FROM resource WHERE resource_key IN (
            SELECT resource_key FROM charge WHERE billing_month = :month AND slice_id = ANY(:slices)))"""
"""List prices that divide machines over what they hold."""


def settings_words(settings: Settings) -> str:
    """The settings that decide shares and unit costs: rules, tag keys, allocation, currency, latency targets."""
    return json.dumps(
        [
            ANALYSIS_VERSION,
            [rule.model_dump(mode="json") for rule in settings.rules],
            settings.tags.model_dump(mode="json"),
            settings.allocation.model_dump(mode="json"),
            settings.reporting_currency,
            [target.model_dump(mode="json") for target in settings.latency_targets],
        ],
        sort_keys=True,
    )


def fingerprint(
    connection: Connection, *, month: date, slices: list[int], first: date, last: date, settings: str
) -> str:
    """Of bills ``slices`` with charges from ``first`` to ``last``, and all that decides their shares."""
    scope = {"month": month, "slices": slices, "first": first, "last": last + timedelta(days=1)}
    queries = (_BILLS, _TELEMETRY, _NAMES, _SKUS, _RESOURCES, _PRICES)
    words = [settings, *(str(connection.scalar(text(query), scope)) for query in queries)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


NAMES, OUTLOOK = "names", "outlook"
"""Parts of an analysis that are of no single month."""


def notes_of(connection: Connection, part: str, fingerprint: str) -> list[str] | None:
    """What was said when ``part`` was last made, where it was made from the same; else None."""
    made = made_from.c
    found: list[str] | None = connection.scalar(
        select(made.notes).where(made.part == part, made.fingerprint == fingerprint)
    )
    return found


def remember(connection: Connection, part: str, fingerprint: str, now: datetime, notes: Sequence[str] = ()) -> None:
    """``part`` is made from this now."""
    values = {"fingerprint": fingerprint, "notes": list(notes), "made_at": now}
    statement = insert(made_from).values(part=part, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["part"], set_=values))


_ALLOCATION = "allocation "


def remember_allocation(connection: Connection, month: date, allocation: Allocation, now: datetime) -> None:
    """The month's machines are divided like this."""
    stranded = ", stranded idle" if allocation.stranded == "idle" else ""
    words = f"{allocation.method}, idle {allocation.idle}{stranded}"
    part = f"{_ALLOCATION}{month}"
    if notes_of(connection, part, words) is None:
        remember(connection, part, words, now)


def allocation_words(connection: Connection, first: date, end: date) -> tuple[str, ...]:
    """How machines were divided in the months that begin from ``first`` to before ``end``: method, idle mode."""
    made = made_from.c
    months = (made.part >= f"{_ALLOCATION}{first}", made.part < f"{_ALLOCATION}{end}")
    return tuple(connection.scalars(select(made.fingerprint).where(*months).distinct().order_by(made.fingerprint)))


def forget_allocations(connection: Connection, known: Sequence[date]) -> None:
    """Forget how months that are no longer loaded were divided."""
    parts = [f"{_ALLOCATION}{month}" for month in known]
    made = made_from.c
    connection.execute(delete(made_from).where(made.part.startswith(_ALLOCATION), made.part.not_in(parts)))
