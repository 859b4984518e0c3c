"""What is behind a change: the resource, SKU, model, team and account with the largest part of it.

Each day of the anomaly is held against the mean of up to four of the same weekdays before it, per resource and SKU;
the differences of all of them add up to the change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum, exactly
from analyzer.anomaly_series import COST, NOT_OWN, SKU_NAME, Watched
from analyzer.remembered import Remembered, key_of

DIMENSIONS = ("provider", "account", "service", "model", "team", "accelerator", "sku", "resource")
Analyzed = Mapping[date, Sequence[str]]
"""Per day, the fingerprints of the months whose bills have charges of it."""
WEEKS = 4
_KEPT = 5
_PART = "drivers of a change"
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


@dataclass(frozen=True)
class Change:
    """What is to be taken apart: the cost of one value of one cut from ``first`` to ``last``.

    ``without``: days before it that were out of the ordinary themselves.
    """

    cut: str
    value: str | None
    currency: str
    first: date
    last: date
    without: Collection[date] = ()


def drivers(
    connection: Connection, seen: Watched, changes: Sequence[Change], *, ai_only: bool, remembered: Remembered
) -> list[Drivers]:
    """Each change taken apart; those not taken apart before, of the same bills, together."""
    if not changes:
        return []
    analyzed = _analyzed(connection, seen)
    weights = [day_weights(one.first, one.last, seen.first, one.without) for one in changes]
    keys = [
        key_of(
            _CHANGES, repr((one.cut, one.value, one.currency, ai_only, seen.left_out, days)), *_months(days, analyzed)
        )
        for one, days in zip(changes, weights, strict=True)
    ]
    unknown = [number for number, key in enumerate(keys) if remembered.get(_PART, key) is None]
    if unknown:
        asked = [(changes[number], weights[number]) for number in unknown]
        for number, cells in zip(unknown, _cells(connection, seen, asked, ai_only=ai_only), strict=True):
            remembered.put(_PART, keys[number], cells)
    told = (remembered.get(_PART, key) for key in keys)
    return [taken_apart([(tuple(cell[:-1]), Decimal(cell[-1])) for cell in cells]) for cells in told]


def _cells(
    connection: Connection, seen: Watched, asked: Sequence[tuple[Change, Mapping[date, Decimal]]], *, ai_only: bool
) -> list[list[list[str | None]]]:
    """For each change, what every combination of values has in it, the amount as text."""
    days = [(number, day, weight) for number, (_, weights) in enumerate(asked) for day, weight in weights.items()]
    scope = {
        "numbers": list(range(len(asked))),
        "cuts": [one.cut for one, _ in asked],
        "values": [one.value for one, _ in asked],
        "currencies": [one.currency for one, _ in asked],
        "of": [number for number, _, _ in days],
        "days": [day for _, day, _ in days],
        "weights": [weight for _, _, weight in days],
        "first_month": min(day for _, day, _ in days) - _LONGEST_CHARGE,
        "end_month": max(day for _, day, _ in days) + _LONGEST_CHARGE,
        "left_out": list(seen.left_out),
        "ai_only": ai_only,
    }
    found: list[list[list[str | None]]] = [[] for _ in asked]
    for number, *values, amount in connection.execute(text(_CHANGES), scope).all():
        found[number].append([*values, str(amount)])
    return found


def _analyzed(connection: Connection, seen: Watched) -> Analyzed:
    """What the bills of each day watched were analyzed from."""
    found: dict[date, list[str]] = {}
    for day, month in connection.execute(text(_ANALYZED), {"first": seen.first, "end": seen.end}).all():
        found.setdefault(day, []).append(month)
    return found


def _months(days: Iterable[date], analyzed: Analyzed) -> list[str]:
    return sorted({month for day in days for month in analyzed.get(day, ())})


def taken_apart(cells: Sequence[tuple[tuple[Any, ...], Decimal]]) -> Drivers:
    """Changes of cells, each with its value in every dimension, added up per dimension."""
    total = exact_sum(change for _, change in cells)
    parts: dict[str, tuple[Part, ...]] = {}
    sign = -1 if total < 0 else 1
    for number, dimension in enumerate(DIMENSIONS):
        changes: dict[str | None, Decimal] = {}
        with exactly():
            for cut, change in cells:
                changes[cut[number]] = changes.get(cut[number], Decimal(0)) + change
        ordered = sorted(changes.items(), key=lambda item: (-sign * item[1], item[0] or ""))
        parts[dimension] = tuple(
            Part(value, change, (change / total).quantize(Decimal("0.0001")) if total else None)
            for value, change in ordered
            if change
        )
    return Drivers(total, parts)


_ANALYZED = """
    SELECT d.charge_date, a.period || a.fingerprint
    FROM (SELECT DISTINCT charge_date, billing_month FROM spend_day
          WHERE charge_date >= :first AND charge_date < :end) AS d
    JOIN analysis_state a ON a.period = d.billing_month"""

_CHANGES = f"""
    WITH spent AS MATERIALIZED (
        SELECT c.charge_date AS day, ck.billing_currency AS currency, k.provider,
               coalesce(a.sub_account_id, a.billing_account_id) AS account, k.service_name AS service, t.model, t.team,
               k.accelerator_type AS accelerator, {SKU_NAME} AS sku, c.resource_key, sum({COST}) AS cost
        FROM charge c
        JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
        JOIN slice b USING (slice_id)
        JOIN share_target t USING (target_key)
        JOIN sku k USING (sku_key)
        JOIN account a USING (account_key)
        JOIN charge_kind ck USING (charge_kind_key)
        WHERE c.billing_month BETWEEN :first_month AND :end_month
          AND s.billing_month BETWEEN :first_month AND :end_month AND c.charge_date = ANY(CAST(:days AS date[]))
          AND c.slice_id <> ALL(:left_out) AND (ck.charge_category = 'Usage' OR ck.charge_category IS NULL)
          AND {NOT_OWN} AND (t.is_ai OR NOT :ai_only) AND {COST} IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    SELECT w.number, d.provider, d.account, d.service, d.model, d.team, d.accelerator, d.sku, r.resource_id,
           sum(w.weight * d.cost)
    FROM unnest(CAST(:of AS int[]), CAST(:days AS date[]), CAST(:weights AS numeric[])) AS w(number, day, weight)
    JOIN unnest(CAST(:numbers AS int[]), CAST(:cuts AS text[]), CAST(:values AS text[]), CAST(:currencies AS text[]))
         AS q(number, cut, value, currency) USING (number)
    JOIN spent d USING (day, currency)
    LEFT JOIN resource r USING (resource_key)
    WHERE CASE q.cut WHEN 'model' THEN d.model WHEN 'team' THEN d.team WHEN 'service' THEN d.service
                     WHEN 'account' THEN d.account WHEN 'accelerator' THEN d.accelerator
                     WHEN 'sku' THEN d.sku ELSE q.value END IS NOT DISTINCT FROM q.value
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9"""
