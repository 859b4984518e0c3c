"""Tokens bought, built by hand: ten million of input and one of output a day, at 3 and 15 dollars a million."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from recommender.contract import DailyCost
from recommender.subjects.token_use import TokenUse
from tests.recommender.conftest import AS_OF

DAYS = 14
PRICES = {"input": "3", "cached_input": "0.3", "cache_write": "3.75", "output": "15"}


def tokens_bought(*, millions: dict[str, str] | None = None, days: int = DAYS, **overrides: Any) -> TokenUse:
    """Claude on Bedrock, 2,000 requests of 5,000 tokens a day; $45 a day; millions of tokens a day by class."""
    millions = millions or {"input": "10", "output": "1"}
    dates = [(AS_OF - timedelta(days=days - number)).date() for number in range(days)]
    cost = {name: Decimal(count) * Decimal(PRICES[name]) for name, count in millions.items()}
    whole = sum(cost.values(), Decimal(0))
    stages = overrides.pop("stages", {"inference_online": Decimal(1)})
    values: dict[str, Any] = {
        "resource_key": 0,
        "resource_id": "tokens:111122223333/us-east-1/claude-sonnet-4/support/standard",
        "provider": "aws",
        "account": "111122223333",
        "region": "us-east-1",
        "currency": "USD",
        "tags": {},
        "model": "claude-sonnet-4",
        "team": "support",
        "first_seen": date(2026, 1, 1),
        "costs": [DailyCost(day, 24, whole, whole, whole, is_spot=False) for day in dates],
        "as_of": AS_OF,
        "service_tier": "standard",
        "stages": {name: share * whole * days for name, share in stages.items()},
        "tokens": {name: dict.fromkeys(dates, Decimal(count) * 1_000_000) for name, count in millions.items()},
        "class_costs": {name: dict.fromkeys(dates, amount) for name, amount in cost.items()},
        "requests": dict.fromkeys(dates, Decimal(2000)),
        "prompt_tokens": Decimal(5000),
        "endpoints": {"support-agent": Decimal(11_000_000)},
        "per_dollar": Decimal(1),
    }
    return TokenUse(**(values | overrides))


def two_weeks(first: dict[str, str], second: dict[str, str], **overrides: Any) -> TokenUse:
    """Another mix in each week: millions of tokens a day by class."""
    early, late = tokens_bought(millions=first, **overrides), tokens_bought(millions=second, **overrides)
    half = early.costs[7].day
    return replace(
        late,
        costs=[*early.costs[:7], *late.costs[7:]],
        tokens=_joined(early.tokens, late.tokens, half),
        class_costs=_joined(early.class_costs, late.class_costs, half),
    )


def for_nothing(subject: TokenUse) -> TokenUse:
    """The same on a bill that says 0."""
    free = Decimal(0)
    return replace(
        subject,
        costs=[replace(cost, effective_cost=free, uncovered_effective_cost=free) for cost in subject.costs],
        class_costs={name: dict.fromkeys(found, free) for name, found in subject.class_costs.items()},
    )


def partly_unknown(subject: TokenUse, *unit_classes: str, days: int = 7) -> TokenUse:
    """The same where the bill gives no cost of these classes on the first days: so of the whole of these days."""
    unknown = [cost.day for cost in subject.costs[:days]]
    return replace(
        subject,
        costs=[
            replace(cost, effective_cost=None, uncovered_effective_cost=None, list_cost=None)
            if cost.day in unknown
            else cost
            for cost in subject.costs
        ],
        class_costs={
            name: {
                day: Decimal(0) if day in unknown and name in unit_classes else amount for day, amount in found.items()
            }
            for name, found in subject.class_costs.items()
        },
    )


def counted_on_last(subject: TokenUse, days: int) -> TokenUse:
    """The same where nobody counted tokens but on the last days, by a log that stands in for the bill."""
    last = {cost.day for cost in subject.costs[-days:]}
    return replace(
        subject,
        tokens={
            name: {day: count for day, count in found.items() if day in last} for name, found in subject.tokens.items()
        },
        requests={day: count for day, count in (subject.requests or {}).items() if day in last},
    )


def _joined(early: Any, late: Any, half: date) -> dict[str, dict[date, Decimal]]:
    return {
        name: {
            **{day: amount for day, amount in early.get(name, {}).items() if day < half},
            **{day: amount for day, amount in late.get(name, {}).items() if day >= half},
        }
        for name in {*early, *late}
    }
