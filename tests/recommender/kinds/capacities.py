"""Reserved capacity built by hand: units of throughput, and machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from aispend.advising import Recommend
from aispend.moving import IdleCapacity
from recommender.contract import Advice, DailyCost, WhyNot
from recommender.kinds.idle_capacity import evaluate
from recommender.subjects.capacity import Capacity
from recommender.subjects.served_use import Use
from tests.recommender.conftest import AS_OF

SETTINGS = Recommend()
HOURS = 28 * 24


def use(tokens_per_minute: float | np.ndarray) -> Use:
    """So many tokens every minute, a tenth of them output."""
    tokens = np.zeros(HOURS) + np.asarray(tokens_per_minute) * 60.0
    return Use(requests=tokens / 1000, input_tokens=tokens * 0.9, output_tokens=tokens * 0.1, running=tokens * 0)


def units(asked: Use | None, **more: Any) -> Capacity:
    """Ten units at 24 a day each: 7,300 a month."""
    return capacity([Decimal(240)] * 14, **({"use": asked} | more))


def capacity(costs: Sequence[Decimal], **more: Any) -> Capacity:
    """Units that cost so much on each day."""
    days = [
        DailyCost(
            day=(AS_OF - timedelta(days=len(costs) - number)).date(),
            hours=24,
            list_cost=cost,
            effective_cost=cost,
            uncovered_effective_cost=cost,
            is_spot=False,
        )
        for number, cost in enumerate(costs)
    ]
    values: dict[str, Any] = {
        "resource_key": 1,
        "resource_id": "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc",
        "provider": "aws",
        "account": "111122223333",
        "region": "us-east-1",
        "currency": "USD",
        "tags": {},
        "model": "claude-haiku-4.5",
        "team": None,
        "first_seen": date(2026, 1, 1),
        "costs": days,
        "as_of": AS_OF,
        "what": "provisioned_throughput",
        "instance_type": None,
        "accelerator_type": None,
        "units": Decimal(10),
    }
    return Capacity(**(values | more))


def reserved(costs: Sequence[Decimal], **more: Any) -> Capacity:
    """A reservation of machines of which so much stood empty on each day."""
    given: dict[str, Any] = {
        "what": "capacity_reservation",
        "instance_type": "p5.48xlarge",
        "accelerator_type": "nvidia-h100-80gb",
        "resource_id": "arn:aws:ec2:us-east-1:111122223333:capacity-reservation/cr-1",
    }
    return capacity(costs, **(given | more))


def told(per_unit: float) -> Recommend:
    """Settings that say what a unit can do, in tokens a minute."""
    return Recommend(idle_capacity=IdleCapacity(tokens_per_unit_minute={"claude-*": per_unit}))


def advise(subject: Capacity, settings: Recommend = SETTINGS) -> Advice:
    """The advice there is on it."""
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Capacity, settings: Recommend = SETTINGS) -> str:
    """Why there is none."""
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer.reason
