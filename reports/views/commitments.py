"""Savings plans, reservations and other commitments: owner, terms and expiry, how much is used, and who benefits.

What a commitment covers, and for whom, is read from the bill; its terms from what the provider lists. One that only one
of the two knows is shown with what it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, text

from aispend.money import exact_sum, rate
from reports.views.basis import Window, newest_window


@dataclass(frozen=True)
class Beneficiary:
    """An account whose usage a commitment covered, and the effective cost of that usage."""

    account: str | None
    effective_cost: Decimal


@dataclass(frozen=True)
class CommitmentUse:
    """One commitment over the period; costs in ``currency``.

    ``used_cost`` and ``unused_cost`` are effective cost of its covered usage and of what nothing used of it;
    ``utilisation`` the used part, None where the bill shows neither. ``saved`` is covered usage at list price less what
    it cost, the unused part included; None where a list price is missing. ``beneficiaries`` the largest first.
    """

    commitment_id: str
    provider: str
    kind: str | None
    description: str | None
    owner_account: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    state: str | None
    payment_option: str | None
    hourly_commitment: Decimal | None
    currency: str | None
    used_cost: Decimal | None
    unused_cost: Decimal | None
    utilisation: Decimal | None
    saved: Decimal | None
    beneficiaries: tuple[Beneficiary, ...]


@dataclass(frozen=True)
class Commitments:
    """Commitments, the next to expire first, those without an end last; over ``window``."""

    rows: tuple[CommitmentUse, ...]
    window: Window | None


def commitments(connection: Connection, window: Window | None = None) -> Commitments:
    """Every commitment that is listed, or covered something in ``window`` (None: the last 30 days with data)."""
    window = window or newest_window(connection)
    scope = {"first": window.first if window else None, "end": window.end if window else None}
    used: dict[tuple[str, str, str | None], list[Beneficiary]] = {}
    for row in connection.execute(text(_BENEFICIARIES), scope):
        used.setdefault((row.provider, row.id, row.currency), []).append(Beneficiary(row.account, row.cost))
    rows = []
    for row in connection.execute(text(_COMMITMENTS), scope):
        ours = used.get((row.provider, row.id, row.currency), [])
        used_cost = exact_sum(one.effective_cost for one in ours) if ours else None
        whole = exact_sum(amount for amount in (used_cost, row.unused) if amount is not None)
        rows.append(
            CommitmentUse(
                commitment_id=row.id,
                provider=row.provider,
                kind=row.kind,
                description=row.description,
                owner_account=row.owner_account,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                state=row.state,
                payment_option=row.payment_option,
                hourly_commitment=row.hourly_commitment,
                currency=row.currency,
                used_cost=used_cost,
                unused_cost=row.unused,
                utilisation=rate(used_cost or Decimal(0), whole) if whole else None,
                saved=None if row.listed is None or not whole else exact_sum((row.listed, whole.copy_negate())),
                beneficiaries=tuple(ours),
            )
        )
    return Commitments(tuple(rows), window)


_COVERED = """
    FROM charge c
    JOIN commitment m USING (commitment_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    JOIN slice s USING (slice_id)
    WHERE c.commitment_key <> 0 AND c.charge_date >= :first AND c.charge_date < :end
      AND c.billing_month >= date_trunc('month', CAST(:first AS date)) - interval '1 month'
      AND c.billing_month <= date_trunc('month', CAST(:end AS date)) + interval '1 month'
      AND k.charge_category = 'Usage' AND (c.half <> 1 OR position('+' IN s.dataset) = 0)"""

_BENEFICIARIES = f"""
    SELECT m.provider, m.commitment_discount_id AS id, k.billing_currency AS currency,
           coalesce(a.sub_account_id, a.billing_account_id) AS account, sum(c.effective_cost) AS cost
    {_COVERED} AND k.commitment_discount_status IS DISTINCT FROM 'Unused' AND c.effective_cost IS NOT NULL
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, cost DESC, 4"""

_COMMITMENTS = f"""
    WITH covered AS (
        SELECT m.provider, m.commitment_discount_id AS id, k.billing_currency AS currency,
               max(m.commitment_discount_type) AS kind, max(m.commitment_discount_name) AS name,
               sum(c.effective_cost) FILTER (WHERE k.commitment_discount_status = 'Unused') AS unused,
               CASE WHEN bool_and(c.list_cost IS NOT NULL)
                    FILTER (WHERE k.commitment_discount_status IS DISTINCT FROM 'Unused')
                    THEN sum(c.list_cost) FILTER (WHERE k.commitment_discount_status IS DISTINCT FROM 'Unused') END
               AS listed
        {_COVERED}
        GROUP BY 1, 2, 3)
    SELECT coalesce(t.provider, u.provider) AS provider, coalesce(t.commitment_id, u.id) AS id,
           coalesce(t.kind, u.kind) AS kind, coalesce(t.description, u.name) AS description, t.owner_account,
           t.starts_at, t.ends_at, t.state, t.payment_option, t.hourly_commitment,
           coalesce(u.currency, t.currency) AS currency, u.unused, u.listed
    FROM covered u FULL JOIN commitment_term t ON t.provider = u.provider AND lower(t.commitment_id) = lower(u.id)
    ORDER BY t.ends_at NULLS LAST, 1, 2, currency"""
