"""What a provider's month is analyzed from, in one short text: when it changes, the month is analyzed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from aispend.clock import next_month
from aispend.schema import made_from
from aispend.settings import Allocation, Settings
from analyzer.late_bills import claims_say

ANALYSIS_VERSION = "11"
"""Changes whenever the same facts may give other shares, roll-ups or unit costs."""

_BILLS = """
    SELECT string_agg(concat_ws(' ', slice_id, dataset, loaded_at), ',' ORDER BY slice_id)
    FROM slice WHERE slice_id = ANY(:slices)"""

_TELEMETRY = """
    SELECT string_agg(concat_ws(' ', slice_id, loaded_at), ',' ORDER BY slice_id)
    FROM slice WHERE kind IN ('metrics', 'usage', 'workloads') AND period BETWEEN :first AND :last"""

NAMES_SAY = """
    SELECT concat_ws(' ', count(*), sum(hashtextextended(concat_ws('|', namespace, alias, valid_from, valid_to,
                                                                   resource_key, confidence), 0)))
    FROM resource_alias"""

SKUS_SAY = """
    SELECT sum(hashtextextended(concat_ws('|', sku_key, is_ai, platform, accelerators, model, unit_class,
                                          units_per_pricing_unit, stage), 0))
    FROM sku"""

RESOURCES_SAY = """
    SELECT sum(hashtextextended(concat_ws('|', resource_key, resource_name, fleet, region, instance_type,
                                          accelerator_type, accelerators), 0))
    FROM resource"""

PRICES_SAY = """
    SELECT sum(hashtextextended(concat_ws('|', provider, region, instance_type, currency, valid_from, hourly_price), 0))
    FROM price WHERE term = 'on_demand'"""
"""List prices that divide machines over what they hold."""

_WHAT_CHARGES_NAME = f"""
    WITH named AS MATERIALIZED (
        SELECT DISTINCT resource_key, sku_key FROM charge WHERE billing_month = :month AND slice_id = ANY(:slices))
    SELECT ({NAMES_SAY} WHERE resource_key IN (SELECT resource_key FROM named)
                AND valid_from <= :last AND (valid_to IS NULL OR valid_to >= :first)),
           ({SKUS_SAY} WHERE sku_key IN (SELECT sku_key FROM named)),
           ({RESOURCES_SAY} WHERE resource_key IN (SELECT resource_key FROM named)),
           ({PRICES_SAY} AND valid_from < :last AND (provider, instance_type) IN (
                SELECT provider, instance_type FROM resource
                WHERE resource_key IN (SELECT resource_key FROM named)))"""

_SLICES = "SELECT slice_id FROM slice WHERE kind = 'bill' AND period = :month ORDER BY slice_id"

_DAYS = """
    SELECT min(charge_date), max(greatest(charge_date, charge_end_date - 1))
    FROM charge WHERE billing_month = :month AND slice_id = ANY(:slices)"""


@dataclass(frozen=True)
class Scope:
    """A billing month as loaded: its slices, and the first and last day that matters to their charges."""

    month: date
    slices: list[int]
    first: date
    last: date


def scope_of(connection: Connection, month: date) -> Scope:
    """What is loaded of a month."""
    slices = list(connection.scalars(text(_SLICES), {"month": month}))
    first, last = connection.execute(text(_DAYS), {"month": month, "slices": slices}).one()
    last_of_month = next_month(month) - timedelta(days=1)
    return Scope(month, slices, min(first or month, month), max(last or month, last_of_month))


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


def fingerprint(connection: Connection, scope: Scope, settings: str) -> str:
    """Of a month's bills and all that decides their shares."""
    asked = {"month": scope.month, "slices": scope.slices, "first": scope.first, "last": end_of(scope)}
    loaded = [connection.scalar(text(query), asked) for query in (_BILLS, _TELEMETRY)]
    named = connection.execute(text(_WHAT_CHARGES_NAME), asked).one()
    claimed = claims_say(connection, scope.month)
    return hashlib.sha256("\n".join([settings, *map(str, (*loaded, *named)), claimed]).encode()).hexdigest()


def end_of(scope: Scope) -> date:
    """The day after its last."""
    return scope.last + timedelta(days=1)


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
UNCHANGED = "unchanged "
"""Parts of single months, named with the month: see :mod:`analyzer.unchanged`."""


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


def forget_months(connection: Connection, known: Sequence[date]) -> None:
    """Forget how months that are no longer loaded were divided, and what they were made from."""
    made = made_from.c
    for kind in (_ALLOCATION, UNCHANGED):
        parts = [f"{kind}{month}" for month in known]
        connection.execute(delete(made_from).where(made.part.startswith(kind), made.part.not_in(parts)))
