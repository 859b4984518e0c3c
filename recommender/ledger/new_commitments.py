"""Which of the coverage the bill shows is a commitment's that was made: not that of commitments there were before.

Method
    A commitment began on the day the provider lists it from, or where it lists none, with its first charge. Hours that
    one covers which began on the day the advice was done or later count. Of coverage whose commitment the bill does
    not name, the hours beyond what was covered before count: more of them a day, and a larger share.
Cases
    None of either: nobody made the commitment, and nothing is saved.
Known drawbacks
    Coverage without a name that a commitment of before grew into (it was in part unused) counts as new. Any
    commitment of these days counts, whichever advice it was made for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import rate
from recommender.ledger.billed import Line, sum_up


@dataclass(frozen=True)
class NewCover:
    """Hours newly covered and their effective cost; ``unused`` is what new commitments left over."""

    hours: Decimal
    cost: Decimal
    unused: Decimal

    @property
    def is_there(self) -> bool:
        """Whether the bill shows any commitment that was made."""
        return bool(self.hours or self.unused)


def new_cover(connection: Connection, item: Any, found: Sequence[Line], first: date, end: date) -> NewCover:
    """What commitments that began on ``item.done_on`` or later cover of the lines, from ``first`` to before ``end``."""
    keys = _began_since(connection, item.provider, item.done_on)
    new, unnamed = _covered(found, keys), _covered(found, {0})
    every = sum_up(found)
    existing = every.covered_hours - new[0]
    before = max(
        rate(item.quantity * item.covered_share * (end - first).days, Decimal(item.days)),
        rate(every.hours * item.covered_share, Decimal(1)),
    )
    grown = min(unnamed[0], max(existing - before, Decimal(0)))
    cost = rate(unnamed[1] * grown, unnamed[0]) if grown else Decimal(0)
    period = {"keys": sorted(keys), "currency": item.currency, "first": first, "end": end}
    unused = Decimal(connection.scalar(text(_UNUSED), period) or 0)
    return NewCover(new[0] + grown, new[1] + cost, unused)


def _began_since(connection: Connection, provider: str, since: date) -> set[int]:
    return {key for (key,) in connection.execute(text(_BEGAN), {"provider": provider, "since": since})}


def _covered(found: Sequence[Line], keys: Collection[int]) -> tuple[Decimal, Decimal]:
    """Hours that these commitments cover, and what they cost; key 0 is coverage without a name."""
    own = sum_up(replace(line, covered=line.covered and line.commitment_key in keys) for line in found)
    return own.covered_hours, own.effective - own.uncovered


_BEGAN = """
    WITH seen AS (
        SELECT c.commitment_key, min(c.charge_date) AS first
        FROM charge c JOIN commitment m USING (commitment_key)
        WHERE c.commitment_key <> 0 AND m.provider = :provider
        GROUP BY c.commitment_key)
    SELECT commitment_key
    FROM seen JOIN commitment m USING (commitment_key)
    LEFT JOIN commitment_term t ON t.provider = m.provider AND lower(t.commitment_id) = lower(m.commitment_discount_id)
    WHERE coalesce(CAST(t.starts_at AT TIME ZONE 'UTC' AS date), seen.first) >= :since"""

_UNUSED = """
    SELECT sum(c.effective_cost)
    FROM charge c JOIN charge_kind k USING (charge_kind_key)
    WHERE c.commitment_key = ANY(:keys) AND k.commitment_discount_status = 'Unused' AND k.billing_currency = :currency
      AND c.charge_date >= :first AND c.charge_date < :end"""
