"""Bills written by hand: a charge a call, kept until somebody asks for the database, then written all at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert

from aispend.clock import month_of
from aispend.keys import NO_KEY, content_key
from aispend.schema import account, charge, charge_kind, commitment, location, resource, sku, slice_, tag_set
from aispend.store import Store
from aispend.store.partitions import ensure_partitions

LOADED = datetime(2026, 11, 20, 6, tzinfo=UTC)
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
GPU_HOUR = {"is_ai": True, "platform": "gpu_vm", "accelerators": Decimal(8), "consumed_unit": "Hours"}
"""A SKU of an eight-GPU machine, priced by the hour."""


class Bills:
    """Writes charges into one test's database, after those that are there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: set[date | tuple[str, int | str]] = set()
        """Months that have partitions, and rows of dimensions and names: what is there needs no second statement."""
        self._months: list[date] = []
        self._dimensions: dict[tuple[Table, tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
        self._charges: list[dict[str, Any]] = []
        with store.engine.connect() as connection:
            lines = "SELECT slice_id, half, max(ordinal) FROM charge GROUP BY 1, 2"
            self._ordinals: dict[tuple[int, int], int] = {
                (slice_id, half): last for slice_id, half, last in connection.execute(text(lines))
            }
            bills = "SELECT kind, provider, scope, period, slice_id FROM slice WHERE kind = 'bill'"
            rows = connection.execute(text(bills)).all()
        self._slices: dict[tuple[object, ...], int] = {tuple(key): slice_id for *key, slice_id in rows}

    @property
    def store(self) -> Store:
        """The database, with all that was charged so far."""
        self.write()
        return self._store

    def charge(
        self,
        day: str,
        cost: str | tuple[str | None, str | None, str | None, str | None] | None,
        *,
        provider: str = "aws",
        scope: str = "payer",
        account_id: str | None = "prod",
        resource_id: str | None = None,
        fleet: str | None = None,
        gpus: int | None = None,
        tags: Mapping[str, str] | None = None,
        region: str | None = None,
        commitment_id: str | None = None,
        category: str = "Usage",
        currency: str = "USD",
        hours: int | None = None,
        quantity: str | None = None,
        half: int = 0,
        end: str | None = None,
        month: str | None = None,
        kind: Mapping[str, Any] | None = None,
        issuer: str | None = None,
        **sku_columns: Any,
    ) -> int:
        """One charge; ``cost`` is all four costs alike, or each. Returns its ordinal."""
        costs = cost if isinstance(cost, tuple) else (cost,) * 4
        date_ = date.fromisoformat(day)
        billing_month = date.fromisoformat(month) if month else month_of(date_)
        if billing_month not in self._known:
            self._months.append(billing_month)
            self._known.add(billing_month)
        slice_id = self._bill(provider, scope, billing_month)
        ordinal = self._ordinals[slice_id, half] = self._ordinals.get((slice_id, half), 0) + 1
        payer = {"provider": provider, "billing_account_id": scope, "sub_account_id": account_id}
        what = {"provider": provider, "service_name": "Compute", "is_ai": True} | sku_columns
        of = {"charge_category": category, "billing_currency": currency, **(kind or {})}
        machine = {"provider": provider, "resource_id": resource_id, "fleet": fleet, "accelerators": gpus}
        covers = {"provider": provider, "commitment_discount_id": commitment_id}
        self._charges.append(
            {
                "billing_month": billing_month,
                "slice_id": slice_id,
                "half": half,
                "ordinal": ordinal,
                "charge_date": date_,
                "charge_end_date": date.fromisoformat(end) if end else None,
                "account_key": self._dimension(account, payer | ({"invoice_issuer_name": issuer} if issuer else {})),
                "sku_key": self._dimension(sku, what),
                "location_key": self._dimension(location, {"provider": provider, "region_id": region}, region),
                "resource_key": self._dimension(resource, machine, resource_id, of=("provider", "resource_id")),
                "tag_set_key": self._dimension(tag_set, {"tags": dict(tags or {})}, tags),
                "commitment_key": self._dimension(commitment, covers, commitment_id),
                "charge_kind_key": self._dimension(charge_kind, of),
                "hours": hours,
                "pricing_quantity": quantity,
                "consumed_quantity": quantity,
                "line_count": 1,
                **dict(zip(COSTS, costs, strict=True)),
            }
        )
        return ordinal

    def forget(self) -> None:
        """Start over: the slices known so far are gone."""
        self.write()
        self._slices.clear()
        self._ordinals.clear()
        self._known.clear()

    def _bill(self, provider: str, scope: str, month: date) -> int:
        key = ("bill", provider, scope, month)
        if key not in self._slices:
            values = {"kind": "bill", "source": "files", "provider": provider, "scope": scope, "period": month}
            with self._store.engine.begin() as connection:
                self._slices[key] = new_slice(connection, {**values, "columns_known": list(COSTS)})
        return self._slices[key]

    def _dimension(
        self, table: Table, values: Mapping[str, Any], named: object = True, *, of: tuple[str, ...] | None = None
    ) -> int:
        """The key of a row, which is to be written where it was not yet; that of none where nothing is ``named``."""
        if not named:
            return NO_KEY
        (key_column,) = table.primary_key
        key = content_key(*(str(values[name]) for name in (of or sorted(values))))
        if (table.name, key) not in self._known:
            self._dimensions[table, tuple(values)].append({key_column.name: key, **values})
            self._known.add((table.name, key))
        return key

    def write(self) -> None:
        """Write what was charged since the last time, and what it names."""
        if not self._charges:
            return
        with self._store.engine.begin() as connection:
            if self._months:
                ensure_partitions(connection, self._months)
            for (table, _), rows in self._dimensions.items():
                connection.execute(upsert(table).on_conflict_do_nothing(), rows)
            connection.execute(insert(charge), self._charges)
        for written in (self._months, self._dimensions, self._charges):
            written.clear()


def new_slice(connection: Connection, values: Mapping[str, Any]) -> int:
    """A slice as loaded; its id."""
    full = {"dataset": "focus", "state": "provisional", "loaded_at": LOADED, **values}
    return int(connection.execute(insert(slice_).values(full).returning(slice_.c.slice_id)).scalar_one())
