"""Rows of the result tables for tests that look at what people see."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert

from aispend.schema import load, recommendation, rejected_row, resource, unit_cost, why_not
from aispend.store import Store
from tests.reports.company import insert_company

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def add_unit_cost(connection: Connection, day: int, **values: Any) -> None:
    """A row of unit_cost in November; amounts as text."""
    given = {"provider": "aws", "model": "llama", "stage": "inference_online", "basis": "allocation", "currency": "USD"}
    given |= {"partly_unknown": False}
    connection.execute(
        insert(unit_cost).values(billing_month=date(2026, 11, 1), day=date(2026, 11, day), **{**given, **values})
    )


def advice(number: int, **values: Any) -> dict[str, Any]:
    """A recommendation row, its amounts multiples of ``number``."""
    return {
        "id": f"{number:08d}aaaa",
        "kind": "stop_idle",
        "resource_key": number,
        "resource_id": f"i-{number}",
        "provider": "aws",
        "account": "222",
        "region": "us-east-1",
        "model": None,
        "team": "search",
        "current": "p5.48xlarge (8 × nvidia-h100-80gb)",
        "proposed": "stop it (disks stay and keep their cost)",
        "monthly_cost": Decimal(100 * number),
        "monthly_saving_list": Decimal(120 * number),
        "monthly_saving_effective": Decimal(100 * number),
        "monthly_saving_net": Decimal(90 * number),
        "saving_p10": Decimal(80 * number),
        "saving_p50": Decimal(90 * number),
        "saving_p90": Decimal(95 * number),
        "currency": "USD",
        "risk": 1,
        "confidence": "high",
        "effort": "very_low",
        "one_off_cost": Decimal(0),
        "payback_months": None,
        "violation_bound": Decimal("0.01"),
        "evidence": {
            "state": "resident-idle",
            "since": "2026-11-01T00:00:00+00:00",
            "window_hours": 336,
            "window_end": "2026-11-20T00:00:00+00:00",
            "coverage": 0.98,
            "counter": "sm_active",
            "activity_max": 0.004,
            "memory_used_max_bytes": 42949672960,
            "requests": "0",
            "power_at_idle_floor": True,
            "signals": 3,
        },
        "reason": "It has weights in memory but did no work since 2026-11-01 00:00 UTC.",
        "undo": "start it again",
        "command": "aws ec2 stop-instances --instance-ids i-1",
        "state": "open",
        "counted": True,
        "counted_list": Decimal(120 * number),
        "counted_effective": Decimal(100 * number),
        "counted_net": Decimal(90 * number),
        "target": "stop",
        "acts_on": {f"i-{number}": {"monthly_cost": str(100 * number), "counted_net": str(90 * number)}},
        "gate": None,
        "hard_to_regain": False,
        "estimate_only": False,
        "evidence_until": NOW,
        "created_at": NOW,
        "updated_at": NOW,
        **values,
    }


def add_load(connection: Connection, slice_id: int | None, outcome: str, rows: int, **values: Any) -> None:
    """A load record."""
    given = {
        "slice_id": slice_id,
        "dataset": "focus",
        "change_token": "t",
        "files": [],
        "rows_in": rows,
        "rows_out": rows,
        "rows_rejected": 1,
        "totals": {},
        "residuals": {},
        "flags": [],
        "outcome": outcome,
        "started_at": NOW,
        "seconds": 1,
    }
    connection.execute(insert(load).values(**{**given, **values}))


def company_with_results(store: Store) -> None:
    """The hand-made company and its results, for tests that begin with them."""
    with store.engine.begin() as connection:
        insert_company(connection)
        insert_results(connection)


def insert_results(connection: Connection) -> None:
    """Unit costs, advice, a reason for none, loads and an unreadable line."""
    add_unit_cost(
        connection,
        1,
        effective_cost="30",
        requests="1000",
        input_tokens="8000000",
        output_tokens="2000000",
        input_cost="18.461538461539",
        output_cost="11.538461538461",
        accelerator_hours_paid="8",
        accelerator_hours_used="2",
    )
    add_unit_cost(
        connection,
        1,
        model="claude",
        effective_cost="0.1",
        requests="40",
        input_tokens="20000",
        cached_input_tokens="1000",
        output_tokens="2000",
        input_cost="0.06",
        cached_input_cost="0.01",
        output_cost="0.03",
    )
    add_unit_cost(connection, 1, basis="usage", effective_cost="7.5", requests="1000")
    connection.execute(
        insert(resource).values(
            resource_key=1, provider="aws", resource_id="i-1", instance_type="p5.48xlarge", accelerators=8
        )
    )
    connection.execute(
        insert(recommendation),
        [
            advice(1, model="llama"),
            advice(
                2,
                kind="rightsize",
                resource_id="arn:aws:sagemaker:us-east-1:222:endpoint/embedding-service-production",
                proposed="g6.xlarge (1 × nvidia-l4)",
                counted=False,
                counted_net=Decimal(0),
                confidence="low",
                risk=2,
                evidence={"load_p95": 0.4, "price_date": "2026-09-01", "proposed_price": "0.8048", "coverage": 1},
                reason="=1+1",
            ),
        ],
    )
    connection.execute(
        insert(why_not).values(
            resource_key=9,
            provider="aws",
            resource_id="i-9",
            kind="stop_idle",
            reason="telemetry_missing",
            explanation="No accelerator utilization is known for it, so nobody can say it is idle.",
            monthly_cost=Decimal("1234.5"),
            currency="USD",
            at=NOW,
        )
    )
    add_load(connection, 2, "loaded", 12_345)
    add_load(connection, None, "failed", 3, load_id=77)
    connection.execute(
        insert(rejected_row).values(
            load_id=77,
            ordinal=1,
            file="november.csv",
            line=3,
            column_name="BilledCost",
            value="twelve",
            reason="is no number",
        )
    )
