"""A hand-built ledger: charges, names and telemetry, one call each; and what the analyzer made of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert

from aispend.clock import Clock
from aispend.money import exact_sum
from aispend.schema import (
    accelerator_hour,
    commitment_term,
    inference_hour,
    load,
    resource_alias,
    workload_hour,
)
from aispend.settings import Settings
from aispend.store import Store
from analyzer.run import AnalysisReport, analyze, attribute
from tests.analyzer.bills import COSTS, LOADED, Bills, new_slice
from tests.conftest import Contents, standing_clock


def all_hours(*hours: int) -> int:
    """The bitmask of these hours of a day; without any, of all."""
    return sum(1 << hour for hour in (hours or range(24)))


class Ledger(Bills):
    """Writes facts into one test's database, after those that are there."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        super().__init__(store)
        self.settings = settings
        self.clock = clock

    def workload(
        self,
        hours: str | range,
        alias: str,
        workload: str,
        *,
        day: str = "2026-10-05",
        requested: float | None = 1,
        used: float | None = None,
        seconds: float = 3600,
        namespace: str = "k8s",
        **columns: Any,
    ) -> None:
        """What ran on ``alias`` in these hours of ``day``."""
        with self.store.engine.begin() as connection:
            self._names(connection, alias)
            slice_id = self._telemetry(connection, "workloads", day)
            row = {
                "slice_id": slice_id,
                "namespace": namespace,
                "alias": alias,
                "workload": workload,
                "seconds": seconds,
                "accelerators_requested": requested,
                "accelerators_used": used,
                **columns,
            }
            of_day = range(24) if hours == "all" else hours
            _write(connection, workload_hour, [row | {"hour": _hour(day, int(hour))} for hour in of_day])

    def activity(
        self, hours: range, alias: str, mean: float, *, day: str = "2026-10-05", gpus: int = 1, **columns: Any
    ) -> None:
        """Measured activity of the accelerators of ``alias``."""
        with self.store.engine.begin() as connection:
            self._names(connection, alias)
            slice_id = self._telemetry(connection, "metrics", day)
            row = {
                "slice_id": slice_id,
                "namespace": "dcgm",
                "alias": alias,
                "interval_seconds": 60,
                "activity_mean": mean,
                "coverage": 1,
                **columns,
            }
            places = [{"hour": _hour(day, hour), "accelerator_index": index} for hour in hours for index in range(gpus)]
            _write(connection, accelerator_hour, [row | place for place in places])

    def usage(
        self,
        quantities: Mapping[str, int],
        *,
        alias: str | None = None,
        day: str = "2026-10-05",
        hour: int = 10,
        provider: str | None = "aws",
        account_id: str | None = "prod",
        **columns: Any,
    ) -> None:
        """Inference usage of one hour."""
        with self.store.engine.begin() as connection:
            if alias:
                self._names(connection, alias)
            slice_id = self._telemetry(connection, "usage", day)
            row = {
                "slice_id": slice_id,
                "hour": _hour(day, hour),
                "namespace": "gateway",
                "alias": alias,
                "provider": provider,
                "account": account_id,
                **columns,
            }
            counted = [{"unit_class": name, "quantity": quantity} for name, quantity in quantities.items()]
            _write(connection, inference_hour, [row | count for count in counted])

    def analyze(self, **settings: Any) -> AnalysisReport:
        """Analyze all months with these settings on top of the test's own."""
        self._set(settings)
        return analyze(self.store.engine, self.settings, self.clock)

    def attribute(self, **settings: Any) -> AnalysisReport:
        """The same without looking ahead, which takes a third of the time."""
        self._set(settings)
        return attribute(self.store.engine, self.settings, self.clock)

    def _set(self, settings: Mapping[str, Any]) -> None:
        self.settings = Settings.model_validate(self.settings.model_dump(by_alias=True) | settings)

    def shares(self, *columns: str, where: str = "true", cost: str = "effective_cost") -> dict[Any, Decimal]:
        """Cost by these columns of charge and target, over all months."""
        names = ", ".join(columns)
        query = f"""SELECT {names}, sum(s.{cost}) FROM cost_share s JOIN share_target t USING (target_key)
            JOIN charge c USING (billing_month, slice_id, half, ordinal)
            JOIN (SELECT sku_key, sku_id, consumed_unit FROM sku) k USING (sku_key)
            WHERE {where} GROUP BY {names}"""
        with self.store.engine.connect() as connection:
            found = connection.execute(text(query)).all()
        return {row[0] if len(columns) == 1 else tuple(row[:-1]): row[-1] for row in found}

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        """Rows of a query, as tuples."""
        with self.store.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def record_load(
        self, totals: Mapping[str, Any], residuals: Mapping[str, Any], *, rejected: int = 0, half: int = 0
    ) -> int:
        """The load record of the only bill loaded so far, or of a half of it; its lines are those stored now."""
        (slice_id,) = self._slices.values()
        with self.store.engine.begin() as connection:
            stored = connection.scalar(
                text("SELECT coalesce(sum(line_count), 0) FROM charge WHERE slice_id = :id AND half = :half"),
                {"id": slice_id, "half": half},
            )
            return int(
                connection.execute(
                    insert(load).values(
                        slice_id=slice_id,
                        dataset={0: "focus", 1: "azure_actual", 2: "azure_amortized"}[half],
                        change_token="t",
                        files=[],
                        rows_in=int(stored or 0) + rejected,
                        rows_out=1,
                        rows_rejected=rejected,
                        totals=dict(totals),
                        residuals=dict(residuals),
                        flags=[],
                        outcome="loaded",
                        started_at=LOADED,
                        seconds=1,
                    )
                ).inserted_primary_key[0]
            )

    def assert_conserved(self) -> None:
        """Every charge has shares, and they add up to it exactly in all four costs, NULL included."""
        sums = ", ".join(f"sum(s.{column}) AS {column}" for column in COSTS)
        differs = " OR ".join(f"c.{column} IS DISTINCT FROM s.{column}" for column in COSTS)
        wrong = self.rows(
            f"""SELECT c.*, s.* FROM charge c LEFT JOIN (SELECT billing_month, slice_id, half, ordinal, {sums}
                FROM cost_share s GROUP BY 1, 2, 3, 4) s USING (billing_month, slice_id, half, ordinal)
                WHERE s.slice_id IS NULL OR {differs}"""
        )
        assert not wrong
        for table in ("spend_day", "spend_resource_month"):
            for column in COSTS:
                (ours,), (theirs,) = (
                    self.rows(f"SELECT coalesce(sum({column}), 0) FROM {name}")[0] for name in (table, "charge")
                )
                assert exact_sum([ours]) == exact_sum([theirs])

    def plan_ends(self, ends_at: datetime, commitment_id: str = "sp-1") -> None:
        """AWS lists a savings plan of a year that ends then."""
        with self.store.engine.begin() as connection:
            connection.execute(
                insert(commitment_term).values(
                    provider="aws",
                    commitment_id=commitment_id,
                    kind="savings_plan",
                    description="compute",
                    currency="USD",
                    starts_at=ends_at - timedelta(days=365),
                    ends_at=ends_at,
                    state="active",
                    source="aws/commitments",
                    as_of=ends_at - timedelta(days=5),
                )
            )

    def _telemetry(self, connection: Connection, kind: str, day: str) -> int:
        values = {"kind": kind, "source": "files", "provider": "any", "scope": "files", "period": day}
        found = connection.scalar(
            text("SELECT slice_id FROM slice WHERE kind = :kind AND period = CAST(:day AS date)"),
            {"kind": kind, "day": day},
        )
        return found or new_slice(connection, values | {"columns_known": []})

    def _names(self, connection: Connection, alias: str) -> None:
        """The alias means the resource whose id it is, if there is one."""
        if ("names", alias) in self._known:
            return
        key = connection.scalar(text("SELECT resource_key FROM resource WHERE resource_id = :id"), {"id": alias})
        if key:
            self._known.add(("names", alias))
            connection.execute(
                upsert(resource_alias)
                .values(
                    namespace="*",
                    alias=alias,
                    valid_from=datetime(2020, 1, 1, tzinfo=UTC),
                    resource_key=key,
                    method="inventory",
                    confidence=1,
                )
                .on_conflict_do_nothing()
            )


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _hour(day: str, hour: int) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=hour)


def on_a_ledger(write: Callable[[Ledger], object]) -> Contents:
    """What tests of a module begin with, written by way of a ledger."""

    @functools.wraps(write)
    def contents(store: Store) -> None:
        ledger = Ledger(store, Settings(home=Path()), standing_clock)
        write(ledger)
        ledger.write()

    return contents


@pytest.fixture
def ledger(database: Store, clock: Clock, tmp_path: Path) -> Ledger:
    """An empty ledger on the test's own database."""
    return Ledger(database, Settings(home=tmp_path), clock)
