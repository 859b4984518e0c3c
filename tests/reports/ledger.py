"""A small company whose every number is worked out by hand in the tests that use it.

Charges are inserted with their shares; the roll-ups are summed from them here, by SQL of the test's own,
so that views reading a roll-up and views reading the shares can be held against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, event, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert

from aispend.clock import month_of
from aispend.keys import NO_KEY, content_key
from aispend.schema import (
    account,
    charge,
    charge_kind,
    commitment,
    cost_share,
    location,
    resource,
    share_target,
    sku,
    slice_,
    tag_set,
)
from aispend.store.partitions import ensure_partitions

COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
ALL_KNOWN = COSTS


@dataclass(frozen=True)
class Share:
    """A part of a charge: costs as text, in the order of ``COSTS``; None is unknown."""

    costs: tuple[str | None, ...]
    model: str | None = None
    team: str | None = None
    stage: str = "unknown"
    reason: str = "used"
    is_ai: bool = True
    workload: str | None = None
    rung: str = "charge"
    method: str = "tag:model"
    confidence: str = "0.9"


@dataclass
class Ledger:
    """Writes charges and keeps count of what it wrote; they are written all at once before anything else is asked."""

    connection: Connection
    _ordinals: dict[int, int] = field(default_factory=dict)
    _written: set[int] = field(default_factory=set)
    _pending: dict[Table, list[dict[str, Any]]] = field(default_factory=lambda: {charge: [], cost_share: []})

    def __post_init__(self) -> None:
        event.listen(self.connection, "before_execute", self._write)
        event.listen(self.connection, "commit", self._write)

    def bill(
        self,
        provider: str,
        scope: str,
        period: date,
        *,
        known: Sequence[str] = ALL_KNOWN,
        dataset: str = "focus",
        state: str = "provisional",
        loaded_at: datetime = datetime(2026, 11, 20, 6, tzinfo=UTC),
    ) -> int:
        """A loaded billing month; returns its slice id."""
        ensure_partitions(self.connection, [period])
        return int(
            self.connection.execute(
                insert(slice_).values(
                    kind="bill",
                    source="files",
                    provider=provider,
                    scope=scope,
                    period=period,
                    dataset=dataset,
                    columns_known=list(known),
                    state=state,
                    loaded_at=loaded_at,
                )
            ).inserted_primary_key[0]
        )

    def charge(
        self,
        slice_id: int,
        day: date,
        shares: Sequence[Share],
        *,
        provider: str,
        billing_month: date | None = None,
        sub_account: str | None = None,
        billing_account: str = "111",
        service: str | None = None,
        region: str | None = None,
        resource_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        category: str = "Usage",
        currency: str = "USD",
        pricing_quantity: str | None = None,
        commitment_id: str | None = None,
        half: int = 0,
        kind: Mapping[str, Any] | None = None,
        sku_columns: Mapping[str, Any] | None = None,
    ) -> None:
        """One charge; its costs are the sums of its shares."""
        month = billing_month or month_of(day)
        ordinal = self._ordinals[slice_id] = self._ordinals.get(slice_id, 0) + 1
        keys = {
            "account_key": self._dimension(
                account,
                "account_key",
                provider=provider,
                billing_account_id=billing_account,
                billing_account_name="Example Ltd",
                sub_account_id=sub_account,
                invoice_issuer_name="Issuer",
                provider_name={"aws": "AWS", "gcp": "Google Cloud"}.get(provider, provider),
            ),
            "sku_key": self._dimension(
                sku,
                "sku_key",
                provider=provider,
                service_name=service,
                **{"is_ai": any(share.is_ai for share in shares), **(sku_columns or {})},
            ),
            "location_key": NO_KEY
            if region is None
            else self._dimension(location, "location_key", provider=provider, region_id=region),
            "resource_key": NO_KEY
            if resource_id is None
            else self._dimension(resource, "resource_key", provider=provider, resource_id=resource_id),
            "tag_set_key": NO_KEY if not tags else self._dimension(tag_set, "tag_set_key", tags=dict(tags)),
            "commitment_key": NO_KEY
            if commitment_id is None
            else self._dimension(commitment, "commitment_key", provider=provider, commitment_discount_id=commitment_id),
            "charge_kind_key": self._dimension(
                charge_kind,
                "charge_kind_key",
                charge_category=category,
                billing_currency=currency,
                **(kind or {}),
            ),
        }
        place = {"billing_month": month, "slice_id": slice_id, "half": half, "ordinal": ordinal}
        self._pending[charge].append(
            {
                **place,
                "charge_date": day,
                **keys,
                **{name: _total(share.costs[number] for share in shares) for number, name in enumerate(COSTS)},
                "pricing_quantity": pricing_quantity,
                "consumed_quantity": pricing_quantity,
                "line_count": 1,
            }
        )
        for share in shares:
            target = self._dimension(
                share_target,
                "target_key",
                model=share.model,
                team=share.team,
                stage=share.stage,
                workload=share.workload,
                reason=share.reason,
                is_ai=share.is_ai,
                rung=share.rung,
                method=share.method,
                confidence=Decimal(share.confidence),
            )
            self._pending[cost_share].append(
                {**place, "target_key": target, **dict(zip(COSTS, share.costs, strict=True))}
            )

    def roll_up(self) -> None:
        """Make both roll-ups from the shares, and say that every month is analyzed.

        A cost that is NULL on a charge counts as unknown where its bill gives that cost; in a half of a pair, where
        any charge of the same half has it.
        """
        self.connection.execute(text("DELETE FROM spend_day"))
        self.connection.execute(text("DELETE FROM spend_resource_month"))
        self.connection.execute(text(_SPEND_DAY))
        self.connection.execute(text(_SPEND_RESOURCE_MONTH))
        self.connection.execute(text(_ANALYZED))

    def _dimension(self, table: Table, key: str, **values: Any) -> int:
        number = content_key(table.name, *(f"{name}={values[name]}" for name in sorted(values)))
        if number not in self._written:
            self.connection.execute(upsert(table).values({key: number, **values}).on_conflict_do_nothing())
            self._written.add(number)
        return number

    def _write(self, connection: Connection, *_: Any) -> None:
        """What waits to be written, before another statement or the end of the transaction."""
        waiting, self._pending = self._pending, {charge: [], cost_share: []}
        for table, rows in waiting.items():
            if rows:
                connection.execute(insert(table), rows)


def _total(amounts: Any) -> Decimal | None:
    known = [Decimal(amount) for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


_JOINED = """
    FROM cost_share s
    JOIN charge c USING (billing_month, slice_id, half, ordinal)
    JOIN slice b USING (slice_id)
    JOIN share_target t USING (target_key) JOIN account a USING (account_key) JOIN sku USING (sku_key)
    JOIN location l USING (location_key) JOIN charge_kind k USING (charge_kind_key)"""
_SUMS = ", ".join(f"sum(s.{name})" for name in COSTS)
_OTHERS = "SELECT FROM charge o WHERE o.slice_id = c.slice_id AND o.half = c.half"
_UNKNOWN = " + ".join(
    f"{bit} * max((c.{name} IS NULL AND '{name}' = ANY(b.columns_known)"
    f" AND (c.half = 0 OR EXISTS ({_OTHERS} AND o.{name} IS NOT NULL)))::int)"
    for bit, name in zip((1, 2, 4, 8), COSTS, strict=True)
)
_SPEND_DAY = f"""
    INSERT INTO spend_day (billing_month, charge_date, slice_id, provider, account, service, region, charge_category,
        is_ai, model, team, stage, reason, rung, currency, {", ".join(COSTS)}, unknown_costs)
    SELECT c.billing_month, c.charge_date, c.slice_id, a.provider, coalesce(a.sub_account_id, a.billing_account_id),
        sku.service_name, l.region_id, k.charge_category, t.is_ai, t.model, t.team, t.stage, t.reason, t.rung,
        k.billing_currency, {_SUMS}, {_UNKNOWN} {_JOINED}
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"""
_ANALYZED = """
    INSERT INTO analysis_state (period, fingerprint, analyzed_at)
    SELECT period, '', max(loaded_at) FROM slice GROUP BY period"""
_SPEND_RESOURCE_MONTH = f"""
    INSERT INTO spend_resource_month (billing_month, slice_id, resource_key, provider, charge_category, is_ai, model,
        team, stage, reason, currency, {", ".join(COSTS)}, unknown_costs)
    SELECT c.billing_month, c.slice_id, c.resource_key, a.provider, k.charge_category, t.is_ai, t.model, t.team,
        t.stage, t.reason, k.billing_currency, {_SUMS}, {_UNKNOWN} {_JOINED}
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"""
