"""What is paid for and does nothing: the accelerators whose present advice is to switch them off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from aispend.percents import percent
from aispend.schema import recommendation, resource
from reports.views.basis import Window

IDLE_KIND = "stop_idle"
_NO_LONGER = ("gone", "expired", "done", "verified")


@dataclass(frozen=True)
class IdleResource:
    """An idle resource.

    ``state`` is allocated-unused, resident-idle or, where nobody knows its memory, idle; ``since`` the last activity
    known; ``coverage`` (0 to 1) how much of the window was measured; ``monthly_cost`` its effective cost per 730 hours;
    ``evidence`` one sentence.
    """

    resource_id: str
    provider: str
    account: str | None
    region: str | None
    type: str | None
    accelerators: Decimal | None
    state: str | None
    since: datetime | None
    coverage: Decimal | None
    monthly_cost: Decimal
    evidence: str
    currency: str
    model: str | None
    team: str | None
    confidence: str
    recommendation_id: str


def idle(connection: Connection, window: Window | None = None) -> tuple[IdleResource, ...]:
    """Idle resources, the costliest first; ``window`` keeps those that fell idle in it (UTC days)."""
    r = recommendation.c
    rows = connection.execute(
        select(
            recommendation,
            resource.c.instance_type,
            resource.c.accelerator_type,
            resource.c.accelerators,
        )
        .outerjoin(resource, resource.c.resource_key == r.resource_key)
        .where(r.kind == IDLE_KIND, r.state.not_in(_NO_LONGER))
        .order_by(r.currency, r.monthly_cost.desc(), r.resource_id)
    )
    found = (
        IdleResource(
            resource_id=row.resource_id,
            provider=row.provider,
            account=row.account,
            region=row.region,
            type=row.instance_type or row.accelerator_type,
            accelerators=row.accelerators,
            state=row.evidence.get("state"),
            since=_instant(row.evidence.get("since")),
            coverage=_decimal(row.evidence.get("coverage")),
            monthly_cost=row.monthly_cost,
            evidence=_sentence(row.evidence),
            currency=row.currency,
            model=row.model,
            team=row.team,
            confidence=row.confidence,
            recommendation_id=row.id,
        )
        for row in rows
    )
    return tuple(row for row in found if window is None or _fell_in(row.since, window))


def _fell_in(since: datetime | None, window: Window) -> bool:
    return since is not None and window.first <= since.astimezone(UTC).date() < window.end


def _instant(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _sentence(evidence: Mapping[str, Any]) -> str:
    """What was measured, in words a person can check against their own monitoring."""
    parts: list[str] = []
    if evidence.get("activity_max") is not None:
        parts.append(
            f"{evidence.get('counter', 'activity')} at most {percent(Decimal(str(evidence['activity_max'])), 1)}"
        )
    if evidence.get("window_hours") is not None:
        parts.append(f"over {evidence['window_hours']} h")
    if evidence.get("requests") is not None:
        parts.append(f"{evidence['requests']} requests")
    if evidence.get("memory_used_max_bytes") is not None:
        parts.append(f"{Decimal(str(evidence['memory_used_max_bytes'])) / 2**30:.1f} GiB held")
    if evidence.get("power_at_idle_floor") is not None:
        parts.append("power at its idle floor" if evidence["power_at_idle_floor"] else "power above its idle floor")
    return ", ".join(parts)
