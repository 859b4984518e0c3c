"""What is behind a change: the resource, SKU, model, team and account with the largest part of it.

Each day of the anomaly is held against the mean of up to four of the same weekdays before it, per resource and SKU;
the differences of all of them add up to the change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum
from analyzer.anomaly_series import COST, SKU_NAME, Watched

DIMENSIONS = ("provider", "account", "service", "model", "team", "accelerator", "sku", "resource")
WEEKS = 4
_KEPT = 5
_LONGEST_CHARGE = timedelta(days=62)


@dataclass(frozen=True)
class Part:
    """Part of a change that is one value's; ``share`` of the whole change, None where that is zero."""

    value: str | None
    change: Decimal
    share: Decimal | None


@dataclass(frozen=True)
class Drivers:
    """A change taken apart: ``total``, and per dimension the change of each value, the largest first."""

    total: Decimal
    parts: Mapping[str, tuple[Part, ...]]

    def largest(self, dimension: str) -> Part | None:
        """The value with the largest part in the direction of the change."""
        parts = self.parts.get(dimension, ())
        return parts[0] if parts and parts[0].share is not None and parts[0].share > 0 else None

    def share_of(self, dimension: str, value: str | None) -> Decimal | None:
        """Part of the change that is one value's, 0 where it has none; None where nothing changed."""
        if self.total == 0:
            return None
        return next((part.share for part in self.parts.get(dimension, ()) if part.value == value), Decimal(0))

    def as_json(self) -> dict[str, list[dict[str, str | None]]]:
        """The largest parts per dimension, amounts as text."""
        return {
            dimension: [
                {
                    "value": part.value,
                    "change": str(part.change),
                    "share": None if part.share is None else str(part.share),
                }
                for part in parts[:_KEPT]
            ]
            for dimension, parts in self.parts.items()
        }


def day_weights(first: date, last: date, oldest: date, without: Collection[date] = ()) -> dict[date, Decimal]:
    """Weight of each day in the change: 1 for the days from ``first`` to ``last``, minus their share for those before.

    Those before are up to four same weekdays of the last eight weeks, but for days in ``without``, themselves out
    of the ordinary. Where there is none, a day is held against nothing.
    """
    weights: dict[date, Decimal] = {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        weights[day] = Decimal(1)
        weeks = -(-(number + 1) // 7)
        past = [day - timedelta(days=7 * (weeks + week)) for week in range(2 * WEEKS)]
        before = [one for one in past if one >= oldest and one not in without][:WEEKS]
        for one in before:
            weights[one] = weights.get(one, Decimal(0)) - 1 / Decimal(len(before))
    return weights


def drivers(
    connection: Connection,
    seen: Watched,
    *,
    cut: str,
    value: str | None,
    currency: str,
    first: date,
    last: date,
    ai_only: bool,
    without: Collection[date] = (),
) -> Drivers:
    """The change of one value of one cut over these days, taken apart.

    ``without``: days before it that were out of the ordinary themselves.
    """
    weights = day_weights(first, last, seen.first, without)
    rows = connection.execute(
        text(_CHANGE.format(condition=_CONDITIONS[cut])),
        {
            "days": list(weights),
            "weights": list(weights.values()),
            "first_month": min(weights) - _LONGEST_CHARGE,
            "end_month": max(weights) + _LONGEST_CHARGE,
            "left_out": list(seen.left_out),
            "currency": currency,
            "value": value,
            "ai_only": ai_only,
        },
    )
    return taken_apart([(tuple(row[:-1]), row[-1]) for row in rows])


def taken_apart(cells: Sequence[tuple[tuple[Any, ...], Decimal]]) -> Drivers:
    """Changes of cells, each with its value in every dimension, added up per dimension."""
    total = exact_sum(change for _, change in cells)
    parts: dict[str, tuple[Part, ...]] = {}
    sign = -1 if total < 0 else 1
    for number, dimension in enumerate(DIMENSIONS):
        changes: dict[str | None, Decimal] = {}
        for cut, change in cells:
            changes[cut[number]] = exact_sum((changes.get(cut[number], Decimal(0)), change))
        ordered = sorted(changes.items(), key=lambda item: (-sign * item[1], item[0] or ""))
        parts[dimension] = tuple(
            Part(value, change, (change / total).quantize(Decimal("0.0001")) if total else None)
            for value, change in ordered
            if change
        )
    return Drivers(total, parts)


_CONDITIONS: Mapping[str, str] = {
    "model": "t.model IS NOT DISTINCT FROM CAST(:value AS text)",
    "team": "t.team IS NOT DISTINCT FROM CAST(:value AS text)",
    "service": "k.service_name IS NOT DISTINCT FROM CAST(:value AS text)",
    "accelerator": "k.accelerator_type = CAST(:value AS text)",
    "sku": f"{SKU_NAME} = CAST(:value AS text)",
}

_CHANGE = f"""
    SELECT k.provider, coalesce(a.sub_account_id, a.billing_account_id), k.service_name, t.model, t.team,
           k.accelerator_type, {SKU_NAME}, r.resource_id, sum(w.weight * {COST})
    FROM unnest(CAST(:days AS date[]), CAST(:weights AS numeric[])) AS w(day, weight)
    JOIN charge c ON c.charge_date = w.day AND c.billing_month BETWEEN :first_month AND :end_month
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
    JOIN slice b USING (slice_id)
    JOIN share_target t USING (target_key)
    JOIN sku k USING (sku_key)
    JOIN account a USING (account_key)
    JOIN charge_kind ck USING (charge_kind_key)
    LEFT JOIN resource r USING (resource_key)
    WHERE s.billing_month BETWEEN :first_month AND :end_month AND c.slice_id <> ALL(:left_out)
      AND ck.billing_currency = :currency
      AND (ck.charge_category = 'Usage' OR ck.charge_category IS NULL) AND (t.is_ai OR NOT :ai_only) AND {{condition}}
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"""
