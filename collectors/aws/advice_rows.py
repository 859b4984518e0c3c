"""Rows of provider advice from what Cost Optimization Hub and Compute Optimizer reply.

Numbers are binary in the replies: savings are taken by their shortest text, and so are numbers in ``details``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aispend.money import cost

Row = dict[str, Any]
Replies = Iterable[Mapping[str, Any]]

HUB, OPTIMIZER = "Cost Optimization Hub", "Compute Optimizer"
_IDLE_ACTIONS = {"EC2Instance": "Stop", "AutoScalingGroup": "ScaleIn"}
"""What to do with something idle, as the Hub calls it; Compute Optimizer says only that it is. Others: Delete."""

_UNRANKED = 99


def hub(replies: Replies, now: datetime) -> list[Row]:
    """Rows from replies to ListRecommendations."""
    return [
        {
            "provider": "aws",
            "adviser": HUB,
            "advice_id": one["recommendationId"],
            "account": one.get("accountId"),
            "region": one.get("region"),
            "resource_id": one.get("resourceArn") or one.get("resourceId") or None,
            "resource_type": one.get("currentResourceType"),
            "action": one.get("actionType") or "Unknown",
            "current": one.get("currentResourceSummary"),
            "proposed": one.get("recommendedResourceSummary"),
            "monthly_saving": _number(one.get("estimatedMonthlySavings")),
            "currency": one.get("currencyCode"),
            "effort": one.get("implementationEffort"),
            "details": _told(
                one,
                "source",
                "recommendedResourceType",
                "estimatedMonthlyCost",
                "estimatedSavingsPercentage",
                "restartNeeded",
                "rollbackPossible",
                "recommendationLookbackPeriodInDays",
            ),
            "refreshed_at": _instant(one.get("lastRefreshTimestamp")),
            "as_of": now,
        }
        for reply in replies
        for one in reply.get("items", [])
    ]


def machines(replies: Replies, now: datetime) -> list[Row]:
    """Rows from replies to GetEC2InstanceRecommendations; it gives no ids, so the machine's stands in their place."""
    rows: list[Row] = []
    for one in (found for reply in replies for found in reply.get("instanceRecommendations", [])):
        right = one.get("finding") == "Optimized"
        if right and not _has_gpus(one):
            continue
        options = sorted(one.get("recommendationOptions", []), key=lambda option: option.get("rank", _UNRANKED))
        best: Mapping[str, Any] = options[0] if options and not right else {}
        rows.append(
            _of_optimizer(one, "machine", one["instanceArn"], now, saving=best)
            | {
                "resource_type": "EC2Instance",
                "action": "Keep" if right else "Rightsize",
                "current": one.get("currentInstanceType"),
                "proposed": best.get("instanceType"),
                "effort": best.get("migrationEffort"),
                "details": _told(
                    one,
                    "finding",
                    "findingReasonCodes",
                    "utilizationMetrics",
                    "lookBackPeriodInDays",
                    "currentPerformanceRisk",
                    "currentInstanceGpuInfo",
                    "inferredWorkloadTypes",
                    "instanceName",
                    "instanceState",
                    "idle",
                )
                | {"options": [_plain(option) for option in options]}
                | _saving_of(best)
                | _told(one.get("effectiveRecommendationPreferences") or {}, "savingsEstimationMode"),
            }
        )
    return rows


def idle(replies: Replies, now: datetime) -> list[Row]:
    """Rows from replies to GetIdleRecommendations."""
    rows = []
    for one in (found for reply in replies for found in reply.get("idleRecommendations", [])):
        kind = one.get("resourceType", "")
        rows.append(
            _of_optimizer(one, "idle", one.get("resourceArn") or one["resourceId"], now, saving=one)
            | {
                "resource_type": kind or None,
                "action": _IDLE_ACTIONS.get(kind, "Delete"),
                "current": one.get("finding"),
                "details": _told(
                    one, "finding", "findingDescription", "utilizationMetrics", "lookBackPeriodInDays", "resourceId"
                )
                | _saving_of(one),
            }
        )
    return rows


def unanswered(replies: Replies) -> list[str]:
    """Remarks on what Compute Optimizer could not say."""
    errors = [error for reply in replies for error in reply.get("errors", [])]
    return [
        f"{OPTIMIZER}: {one.get('identifier')}: {one.get('code')} {one.get('message', '')}".strip() for one in errors
    ]


def _of_optimizer(one: Mapping[str, Any], kind: str, arn: str, now: datetime, *, saving: Mapping[str, Any]) -> Row:
    """What all rows of Compute Optimizer share."""
    said = _savings(saving)[1]
    region = arn.split(":")[3] if arn.startswith("arn:") else ""
    return {
        "provider": "aws",
        "adviser": OPTIMIZER,
        "advice_id": f"{kind} {arn}",
        "account": one.get("accountId"),
        "region": region or None,
        "resource_id": arn,
        "proposed": None,
        "monthly_saving": _number(said.get("value")),
        "currency": said.get("currency"),
        "effort": None,
        "refreshed_at": _instant(one.get("lastRefreshTimestamp")),
        "as_of": now,
    }


def _savings(one: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Which saving AWS gives, and it: after discounts where it knows them."""
    for name, said in (
        ("savingsOpportunityAfterDiscounts", "after discounts"),
        ("savingsOpportunity", "at list price"),
    ):
        amount = (one.get(name) or {}).get("estimatedMonthlySavings") or {}
        if amount.get("value") is not None:
            return said, amount
    return "", {}


def _saving_of(one: Mapping[str, Any]) -> Row:
    basis, _ = _savings(one)
    told = _told(one, "savingsOpportunity", "savingsOpportunityAfterDiscounts", "performanceRisk")
    return told | ({"saving_basis": basis} if basis else {})


def _has_gpus(one: Mapping[str, Any]) -> bool:
    named = (metric.get("name", "") for metric in one.get("utilizationMetrics", []))
    return bool((one.get("currentInstanceGpuInfo") or {}).get("gpus")) or any(name.startswith("GPU") for name in named)


def _told(one: Mapping[str, Any], *names: str) -> Row:
    """What is given of these, as JSON can keep it."""
    return {name: _plain(one[name]) for name in names if one.get(name) not in (None, [], {})}


def _plain(value: Any) -> Any:
    """As given; a binary number as its shortest text, an instant in UTC."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return repr(value)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _number(value: float | None) -> Decimal | None:
    return None if value is None else cost(value)


def _instant(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)
