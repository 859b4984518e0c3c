"""Changes of cost that are known before they come: steps a person wrote down, commitments that end, and new prices.

The one source of them (:class:`Ahead`) for forecasts (:mod:`analyzer.forecast_run`) and budgets
(:mod:`analyzer.budget_steps`); :mod:`analyzer.step_owners` says where what is written down falls.

Assumes     A commitment that ends is not renewed, and what it covered goes on as before, at the negotiated price.
Method      Of the last 28 known days: the usage the commitment covered at contracted cost, less the effective cost
            of all its charges (the unused part too), per day. From its end on that difference is added, to each
            series by its own shares.
            A plan (a recurring purchase) of each of the newest eight days that on the last of them, and on no other of
            the last three, cost another amount for as many units as the day before has a new unit price: the
            difference is added to each day to come. From its second day on it is in the history (``forecast_fees``).
Cases       More units, or a line that does not say how many, may be a double charge or a correction: that is no new
            price, and without a second day no plan. A step that is in the history already and ends ahead is taken off
            from its end on. A commitment that ends after the forecast, has no end, or no contracted cost to go by, adds
            nothing.
Drawbacks   More units of a plan, and a new price of one that is not of every day, count from the second day on. A plan
            already bought to follow is not known here; a step may be written down against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, text

from aispend.clock import month_of
from aispend.foresight import Step
from aispend.money import exact_sum
from analyzer.series import OWN

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats

STEP_DAYS = 28
"""The last known days that say what a change is of."""
_PLAN_DAYS = 8
"""A plan that comes on each of so many days in a row is one of every day."""
_OWNERS = ("provider", "account", "service", "region", "model", "team")


@dataclass(frozen=True)
class KnownStep:
    """An amount per day from ``first`` up to, not including, ``end`` (None is for good), and whose it is."""

    first: date
    end: date | None
    amount: Decimal
    currency: str
    why: str
    is_ai: bool
    owners: Mapping[str, str | None]
    """By cut; what is written down names provider, model and team, what bills tell of account, service and region too.
    A cut that is not among them has no part of it."""
    has_begun: bool = False
    """Whether the last known day has it already: then it is no fee of that day of the month."""

    def is_of(self, cut: str, value: str | None, currency: str) -> bool:
        """Whether it is part of that series, written in any case; ``all`` and ``ai`` are the wholes."""
        if currency != self.currency or (cut in ("ai", "model", "team") and not self.is_ai):
            return False
        return cut in ("all", "ai") or (cut in self.owners and _alike(self.owners[cut], value))

    def told(self) -> dict[str, str | None]:
        """As kept beside a forecast."""
        end = self.end.isoformat() if self.end else None
        return {
            "from": self.first.isoformat(),
            "to": end,
            "amount_per_day": f"{self.amount:f}",
            "currency": self.currency,
            "why": self.why,
        }


def _alike(owner: str | None, value: str | None) -> bool:
    return owner == value if owner is None or value is None else owner.lower() == value.lower()


def steps_written_down(steps: Iterable[Step], known_to: date, currency: str) -> list[KnownStep]:
    """Those that begin after the known days, and the end of those the history contains."""
    return [
        KnownStep(
            first=first,
            end=end,
            amount=amount,
            currency=step.currency or currency,
            why=why,
            is_ai=step.ai,
            owners={"provider": step.provider, "model": step.model, "team": step.team},
        )
        for step in steps
        for first, end, amount, why in _ahead(step, known_to)
    ]


def _ahead(step: Step, known_to: date) -> Iterator[tuple[date, date | None, Decimal, str]]:
    if step.valid_from >= known_to:
        yield step.valid_from, step.valid_to, step.amount, step.why
    elif step.valid_to is not None and step.valid_to >= known_to:
        yield step.valid_to, None, step.amount.copy_negate(), f"{step.why} ends"


def commitments_that_end(
    connection: Connection, known_to: date, end: date, only: str = "", parameters: Mapping[str, Any] | None = None
) -> list[KnownStep]:
    """What goes to the negotiated price when a commitment ends before ``end``.

    ``only``: further conditions, with their ``parameters``, over the charge ``c`` and what it is of as ``d``: provider,
    account, service, region, model, team, stage, is_ai.
    """
    days = {"since": known_to - timedelta(days=STEP_DAYS), "known_to": known_to, "before": end}
    rows = connection.execute(text(_ENDING.format(only=only)), {**(parameters or {}), **days})
    return [
        _step(
            row,
            row.ends_on,
            row.difference / STEP_DAYS,
            f"{row.kind.replace('_', ' ')} {row.name} ends: what it covers goes to the price without it",
        )
        for row in rows
        if row.difference
    ]


def plans_at_a_new_price(
    connection: Connection, known_to: date, only: str = "", parameters: Mapping[str, Any] | None = None
) -> list[KnownStep]:
    """What plans of every day cost more from ``known_to`` on, whose price is of the last known day alone.

    ``only`` and its ``parameters`` as of :func:`commitments_that_end`.
    """
    last = known_to - timedelta(days=1)
    days = {"last": last, "before": last - timedelta(days=1), "own": OWN}
    bills = connection.execute(text(_MOVED), days).all()
    if not bills:
        return []
    since = known_to - timedelta(days=_PLAN_DAYS)
    scope = {
        "since": since,
        "known_to": known_to,
        "month": month_of(since),
        "slices": [number for bill in bills for number in bill.slices],
        "days": _PLAN_DAYS,
        "third": last - timedelta(days=2),
    }
    rows = connection.execute(text(_NEW_PRICES.format(only=only)), {**(parameters or {}), **days, **scope})
    return [
        replace(_step(row, known_to, row.difference, f"{row.plan} has another price since {last}"), has_begun=True)
        for row in rows
        if row.difference
    ]


def changes_of_clouds(
    connection: Connection, known_to: date, end: date, only: str = "", parameters: Mapping[str, Any] | None = None
) -> list[KnownStep]:
    """All that bills tell of days to come: :func:`commitments_that_end` and :func:`plans_at_a_new_price`."""
    ending = commitments_that_end(connection, known_to, end, only, parameters)
    return [*ending, *plans_at_a_new_price(connection, known_to, only, parameters)]


def without_begun(fees: Sequence[Decimal], steps: Iterable[KnownStep], known_to: date) -> tuple[Decimal, ...]:
    """``fees`` of the days up to ``known_to`` without what the last has of ``steps``: these are added as steps."""
    begun = exact_sum(step.amount for step in steps if step.has_begun and step.first == known_to)
    return (*fees[:-1], exact_sum((fees[-1], -begun))) if begun else tuple(fees)


def _step(row: Row[Any], first: date, amount: Decimal, why: str) -> KnownStep:
    return KnownStep(
        first=first,
        end=None,
        amount=amount.quantize(Decimal("0.000001")),
        currency=row.currency,
        why=why,
        is_ai=row.is_ai,
        owners={name: getattr(row, name) for name in _OWNERS},
    )


@dataclass(frozen=True)
class Ahead:
    """All that is known to change between two days: steps written down, and what bills tell of."""

    known_to: date
    end: date
    written: Sequence[KnownStep]
    told_by_bills: Sequence[KnownStep]

    @classmethod
    def look(cls, connection: Connection, steps: Iterable[Step], known_to: date, end: date, currency: str) -> Ahead:
        """From ``known_to`` up to ``end``; ``currency`` is that of steps that name none."""
        told = changes_of_clouds(connection, known_to, end)
        return cls(known_to, end, steps_written_down(steps, known_to, currency), told)


def steps_ahead(steps: Sequence[KnownStep], first: date, horizon: int) -> Floats:
    """What the steps add to each of ``horizon`` days from ``first``."""
    import numpy as np

    found = np.zeros(horizon)
    for step in steps:
        start = max(0, (step.first - first).days)
        stop = horizon if step.end is None else max(0, (step.end - first).days)
        found[start:stop] += float(step.amount)
    return found


def told_once(steps: Sequence[KnownStep]) -> list[dict[str, Any]]:
    """Steps of one cause, time and currency as one, for keeping: a commitment has one for each of its users."""
    sums: dict[tuple[date, date | None, str, str], KnownStep] = {}
    for step in steps:
        key = (step.first, step.end, step.why, step.currency)
        before = sums[key].amount if key in sums else Decimal(0)
        sums[key] = KnownStep(
            step.first, step.end, before + step.amount, step.currency, step.why, step.is_ai, step.owners
        )
    return [step.told() for _, step in sorted(sums.items(), key=lambda item: (item[0][0], *item[0][2:]))]


_ENDING = """
    SELECT ct.ends_at::date AS ends_on, ct.kind, coalesce(m.commitment_discount_name, ct.commitment_id) AS name,
           ct.provider, d.account, d.service, d.region, t.model, t.team, t.is_ai, k.billing_currency AS currency,
           CASE WHEN bool_and(s.effective_cost IS NOT NULL AND (unused OR s.contracted_cost IS NOT NULL))
                THEN sum(CASE WHEN unused THEN 0 ELSE s.contracted_cost END) - sum(s.effective_cost) END AS difference
    FROM commitment_term ct
    JOIN commitment m ON m.provider = ct.provider AND m.commitment_discount_id = ct.commitment_id
    JOIN charge c USING (commitment_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    JOIN account a USING (account_key)
    JOIN sku USING (sku_key)
    LEFT JOIN location l USING (location_key)
    CROSS JOIN LATERAL (SELECT coalesce(k.commitment_discount_status = 'Unused', false) AS unused) AS u
    CROSS JOIN LATERAL (
        SELECT ct.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account, sku.service_name AS service,
               l.region_id AS region, t.model, t.team, t.stage, t.is_ai) AS d
    WHERE ct.ends_at >= :known_to AND ct.ends_at < :before AND ct.state = 'active'
      AND c.charge_date >= :since AND c.charge_date < :known_to AND k.charge_category = 'Usage'{only}
    GROUP BY ct.provider, ct.commitment_id, 1, 2, 3, d.account, d.service, d.region, t.model, t.team, t.is_ai,
             k.billing_currency
    ORDER BY 1, 3, t.is_ai, t.model, t.team, d.account, d.service, d.region"""

_MOVED = """
    SELECT b.provider, b.scope, array_agg(DISTINCT slice_id) AS slices
    FROM spend_day d JOIN slice b USING (slice_id)
    WHERE d.charge_date IN (:last, :before) AND d.charge_category = 'Purchase' AND b.provider <> :own
    GROUP BY b.provider, b.scope, d.currency
    HAVING sum(coalesce(d.effective_cost, d.billed_cost)) FILTER (WHERE d.charge_date = :last)
           <> sum(coalesce(d.effective_cost, d.billed_cost)) FILTER (WHERE d.charge_date = :before)"""
"""Bills whose purchases cost another amount on the last day: of others no line is read."""

_NEW_PRICES = """
    WITH lines AS MATERIALIZED (
        SELECT c.billing_month, c.slice_id, c.half, c.ordinal, c.charge_date, b.provider, b.scope, c.account_key,
               k.billing_currency AS currency,
               concat_ws(', ', coalesce(s.charge_description, s.service_name, 'Recurring fee'),
                         nullif(m.commitment_discount_id, '')) AS plan,
               'effective_cost' = ANY(b.columns_known) AS given,
               coalesce(c.effective_cost, CASE WHEN NOT 'effective_cost' = ANY(b.columns_known)
                                               THEN c.billed_cost END) AS cost,
               c.pricing_quantity
        FROM charge c JOIN slice b USING (slice_id)
        JOIN charge_kind k USING (charge_kind_key) JOIN sku s USING (sku_key)
        LEFT JOIN commitment m USING (commitment_key)
        WHERE c.billing_month >= :month AND c.charge_date >= :since AND c.charge_date < :known_to
          AND (b.provider, b.scope) IN (SELECT provider, scope FROM slice WHERE slice_id = ANY(:slices))
          AND k.charge_category = 'Purchase' AND k.charge_frequency = 'Recurring'),
    days AS (
        SELECT provider, scope, account_key, currency, plan, charge_date, sum(cost) AS cost,
               CASE WHEN bool_and(pricing_quantity IS NOT NULL) THEN sum(pricing_quantity) END AS units
        FROM lines GROUP BY 1, 2, 3, 4, 5, 6),
    changed AS (
        SELECT provider, scope, account_key, currency, plan
        FROM days GROUP BY 1, 2, 3, 4, 5
        HAVING count(cost) = :days
           AND max(cost) FILTER (WHERE charge_date = :last) <> max(cost) FILTER (WHERE charge_date = :before)
           AND max(cost) FILTER (WHERE charge_date = :before) = max(cost) FILTER (WHERE charge_date = :third)
           AND max(units) FILTER (WHERE charge_date = :last) = max(units) FILTER (WHERE charge_date = :before))
    SELECT l.plan, l.currency, d.provider, d.account, d.service, d.region, t.model, t.team, t.is_ai,
           sum(coalesce(h.effective_cost, CASE WHEN NOT l.given THEN h.billed_cost END)
               * CASE WHEN l.charge_date = :last THEN 1 ELSE -1 END) AS difference
    FROM changed JOIN lines l USING (provider, scope, account_key, currency, plan)
    JOIN charge c USING (billing_month, slice_id, half, ordinal)
    JOIN cost_share h USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    JOIN account a ON a.account_key = c.account_key
    JOIN sku USING (sku_key)
    LEFT JOIN location r USING (location_key)
    CROSS JOIN LATERAL (
        SELECT l.provider, coalesce(a.sub_account_id, a.billing_account_id) AS account, sku.service_name AS service,
               r.region_id AS region, t.model, t.team, t.stage, t.is_ai) AS d
    WHERE l.charge_date IN (:last, :before){only}
    GROUP BY l.plan, l.currency, d.provider, d.account, d.service, d.region, t.model, t.team, t.is_ai
    ORDER BY l.plan, t.is_ai, t.model, t.team, d.account, d.service, d.region"""
