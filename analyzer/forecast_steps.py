"""Changes of cost that are known before they come: steps a person wrote down, and commitments that end.

The one source of them (:class:`Ahead`) for forecasts (:mod:`analyzer.forecast_run`) and budgets
(:mod:`analyzer.budget_steps`); :mod:`analyzer.step_owners` says where what is written down falls.

Assumes     A commitment that ends is not renewed, and what it covered goes on as before, at the negotiated price.
Method      Of the last 28 known days: the usage the commitment covered at contracted cost, less the effective cost
            of all its charges (the unused part too), per day. From its end on that difference is added, to each
            series by its own shares.
Cases       A step that is in the history already and ends ahead is taken off from its end on.
            A commitment that ends after the forecast, has no end, or no contracted cost to go by, adds nothing.
Drawbacks   A plan already bought to follow is not known here; a step may be written down against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from aispend.foresight import Step

if TYPE_CHECKING:
    from analyzer.forecast_members import Floats

STEP_DAYS = 28
"""The last known days that say what a change is of."""
_OWNERS_OF_COMMITMENTS = ("provider", "account", "service", "region", "model", "team")


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
    """By cut; what is written down names provider, model and team, the end of a commitment account, service and region
    too. A cut that is not among them has no part of it."""

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
        KnownStep(
            first=row.ends_on,
            end=None,
            amount=(row.difference / STEP_DAYS).quantize(Decimal("0.000001")),
            currency=row.currency,
            why=f"{row.kind.replace('_', ' ')} {row.name} ends: what it covers goes to the price without it",
            is_ai=row.is_ai,
            owners={name: getattr(row, name) for name in _OWNERS_OF_COMMITMENTS},
        )
        for row in rows
        if row.difference
    ]


@dataclass(frozen=True)
class Ahead:
    """All that is known to change between two days: steps written down, and commitments that end."""

    known_to: date
    end: date
    written: Sequence[KnownStep]
    ending: Sequence[KnownStep]

    @classmethod
    def look(cls, connection: Connection, steps: Iterable[Step], known_to: date, end: date, currency: str) -> Ahead:
        """From ``known_to`` up to ``end``; ``currency`` is that of steps that name none."""
        ending = commitments_that_end(connection, known_to, end)
        return cls(known_to, end, steps_written_down(steps, known_to, currency), ending)


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
