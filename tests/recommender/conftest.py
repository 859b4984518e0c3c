"""Subjects built by hand: one resource, its cost a day, and five-minute activity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.contract import DailyCost
from recommender.methods.states import Accelerators
from recommender.subjects.machines import Machine

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
GIB = 2**30


def history(
    activity: NDArray[Any],
    *,
    memory_bytes: float = 40 * GIB,
    power: float | NDArray[Any] | None = 60.0,
    counter: str = "sm_active",
) -> Accelerators:
    """Accelerators with the given activity per (accelerator, slot), ending at AS_OF."""
    count, slots = activity.shape
    hours = slots // 12
    watts = np.full((count, hours), np.nan if power is None else power, dtype=np.float32)
    return Accelerators(
        start=AS_OF - timedelta(hours=hours),
        counter=counter,
        activity_mean=activity.astype(np.float32),
        activity_max=activity.astype(np.float32),
        memory_used_max=np.full((count, hours), memory_bytes),
        memory_total=np.full((count, hours), 80e9),
        power_mean=watts,
    )


@pytest.fixture
def make_subject() -> Callable[..., Machine]:
    """A p4d.24xlarge at $20 effective an hour, first seen in January, with overrides."""

    def make(**overrides: Any) -> Machine:
        days = overrides.pop("days", 14)
        uncovered = overrides.pop("uncovered", Decimal(480))
        costs = [
            DailyCost(
                day=(AS_OF - timedelta(days=days - index)).date(),
                hours=24,
                list_cost=Decimal(600),
                effective_cost=Decimal(480),
                uncovered_effective_cost=uncovered,
                is_spot=False,
            )
            for index in range(days)
        ]
        values: dict[str, Any] = {
            "resource_key": 1,
            "resource_id": "i-0a1b2c3d",
            "provider": "aws",
            "account": "111122223333",
            "region": "us-east-1",
            "currency": "USD",
            "platform": "gpu_vm",
            "instance_type": "p4d.24xlarge",
            "accelerator_type": "nvidia-a100-40gb",
            "accelerator_count": Decimal(8),
            "fleet": None,
            "tags": {},
            "model": None,
            "team": None,
            "first_seen": date(2026, 1, 1),
            "costs": costs,
            "accelerators": history(np.zeros((8, 14 * 288))),
            "requests": {},
            "workload_seconds": None,
            "as_of": AS_OF,
        }
        return Machine(**(values | overrides))

    return make
