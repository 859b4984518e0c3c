"""Recommendations do not depend on the order in which bills, shares and telemetry were written."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select

from aispend.clock import Clock, month_of
from aispend.schema import (
    accelerator_hour,
    account,
    charge,
    charge_kind,
    cost_share,
    location,
    recommendation,
    resource,
    resource_alias,
    share_target,
    sku,
    tag_set,
    why_not,
    workload_hour,
)
from aispend.settings import Settings
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.run import recommend

END = date(2026, 11, 21)
DAYS = 15
MACHINES = (11, 12, 13)
TIMES = ("created_at", "updated_at", "at")


def _dimensions() -> dict[Table, list[dict[str, Any]]]:
    """Two of each that a charge may belong to, so that a machine's newest charges do not agree."""
    machine = {
        "provider": "aws", "instance_type": "p4d.24xlarge", "accelerator_type": "nvidia-a100-40gb", "accelerators": 8,
    }  # fmt: skip
    return {
        account: [{"account_key": n, "provider": "aws", "sub_account_id": f"account-{n}"} for n in (1, 2)],
        location: [{"location_key": n, "provider": "aws", "region_id": f"us-east-{n}"} for n in (1, 2)],
        tag_set: [{"tag_set_key": n, "tags": {"team": f"team-{n}"}} for n in (1, 2)],
        sku: [machine | {"sku_key": 1, "service_name": "EC2", "is_ai": True, "platform": "gpu_vm"}],
        charge_kind: [
            {"charge_kind_key": 1, "charge_category": "Usage", "pricing_category": "Standard",
             "billing_currency": "USD"}
        ],
        resource: [
            machine | {"resource_key": key, "resource_id": f"i-{key}", "first_seen": date(2026, 1, 1)}
            for key in MACHINES
        ],
        resource_alias: [
            {"namespace": "*", "alias": f"{name}-{key}", "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
             "resource_key": key, "method": "bill", "confidence": 1}
            for key in MACHINES for name in ("gpu", "host")
        ],
        share_target: [
            {"target_key": n, "model": f"model-{n}", "team": f"team-{n}", "stage": "training", "reason": "used",
             "is_ai": True, "rung": "instance-hour", "method": "workload", "confidence": 1}
            for n in (1, 2)
        ],
    }  # fmt: skip


def _facts(chance: random.Random) -> dict[Table, list[dict[str, Any]]]:
    """Two charges a day for each machine, each shared by two owners alike, and activity measured under two names."""
    charges, shares, hours, workloads = [], [], [], []
    for key in MACHINES:
        for number in range(2 * DAYS):
            day = END - timedelta(days=1 + number // 2)
            which = 1 + number % 2
            fact = {"billing_month": month_of(day), "slice_id": 1, "half": 0, "ordinal": key * 100 + number}
            charges.append(fact | {
                "charge_date": day, "account_key": which, "sku_key": 1, "location_key": which, "tag_set_key": which,
                "resource_key": key, "commitment_key": 0, "charge_kind_key": 1, "hours": (1 << 24) - 1,
                "billed_cost": 240, "effective_cost": 240, "list_cost": 300, "line_count": 24,
            })  # fmt: skip
            shares += [fact | {"target_key": n, "billed_cost": 120, "effective_cost": 120} for n in (1, 2)]
        for hour in range(24 * DAYS):
            at = datetime(END.year, END.month, END.day, tzinfo=UTC) - timedelta(hours=hour + 1)
            workloads += [
                {"slice_id": 2, "hour": at, "namespace": "k8s", "alias": f"gpu-{key}", "workload": f"pod-{pod}",
                 "seconds": chance.uniform(0, 3600)}
                for pod in range(2)
            ]  # fmt: skip
            for index in range(2):
                activity = 0.0 if key == MACHINES[0] else chance.random() / 4
                hours += [{
                    "slice_id": 2, "namespace": "files", "alias": f"{name}-{key}", "accelerator_index": index,
                    "hour": at, "interval_seconds": 300, "counter": counter, "coverage": 1,
                    "slot_mean": [activity] * 12, "slot_max": [activity * chance.random() for _ in range(12)],
                    "memory_used_max": 1e9 * chance.random(), "memory_total": 4e10, "power_mean": 60,
                } for name, counter in (("gpu", "sm_active"), ("host", "gpu_utilization"))]  # fmt: skip
    return {charge: charges, cost_share: shares, accelerator_hour: hours, workload_hour: workloads}


def _write(connection: Connection, rows: Mapping[Table, Sequence[dict[str, Any]]]) -> None:
    for table, values in rows.items():
        connection.execute(insert(table), list(values))


def _answers(store: Store, settings: Settings, clock: Clock) -> list[dict[str, Any]]:
    recommend(store.engine, settings, clock)
    with store.engine.connect() as connection:
        found = [
            {name: value for name, value in row.items() if name not in TIMES}
            for table in (recommendation, why_not)
            for row in connection.execute(select(table)).mappings()
        ]
    return sorted(found, key=repr)


@pytest.mark.parametrize("seed", [3, 4])
def test_the_order_of_rows_changes_nothing(database: Store, store_settings: Settings, clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    rows = _facts(chance)
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 11, 1)])
        _write(connection, _dimensions())
        _write(connection, rows)
    before = _answers(database, store_settings, clock)
    assert any(row.get("kind") == "stop_idle" and row.get("monthly_cost") == Decimal("14600.00") for row in before)
    with database.engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(delete(table))
            chance.shuffle(values)
        _write(connection, rows)
    assert _answers(database, store_settings, clock) == before
