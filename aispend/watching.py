"""What is watched, and when a person is told.

The sections ``[anomaly]``, ``[budget_alerts]`` and ``[[budget]]`` of ``aispend.toml``.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

TOTALS = {"ai": "all AI spend", "all": "all spend"}
"""The cuts that are everything watched, in words; every other cut has values."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Anomaly(_Section):
    """When a day's cost is out of the ordinary (see docs/methods.md). Money is in the currency of what is watched."""

    k: float = Field(4.0, gt=0, description="robust scales from expectation beyond which a day is out")
    min_impact: Decimal = Field(Decimal(10), gt=0, description="least impact of a run of days, in money")
    min_share: float = Field(0.10, ge=0, description="least impact, as a share of what was expected")
    window_days: int = Field(56, ge=28, le=365, description="days that are learned from")
    min_days: int = Field(10, ge=7, description="a younger series is not judged")
    learn_days: int = Field(14, ge=7, description="days after which a new level is the level")
    watch_days: int = Field(35, ge=1, le=180, description="days judged again by each analysis")
    new_cost: Decimal = Field(Decimal(100), gt=0, description="first spend of two weeks worth a word")
    suppress_share: float = Field(0.8, gt=0.5, le=1, description="of an anomaly, that others explain")
    ai_only: bool = Field(True, description="watch AI spend alone, or everything")

    @property
    def total(self) -> str:
        """The cut that is everything watched."""
        return "ai" if self.ai_only else "all"


class BudgetMatch(_Section):
    """What a budget covers; every given field must fit. Text is a shell glob, case-insensitive."""

    provider: str | None = None
    account: str | None = Field(None, description="sub-account id or name")
    service: str | None = None
    region: str | None = None
    model: str | None = None
    team: str | None = None
    stage: str | None = None
    resource_id: str | None = None
    sku: str | None = Field(None, description="SKU id, or its meter")
    tags: dict[str, str] = Field(default_factory=dict, description="tag key → glob on its value")


class LatencyTarget(_Section):
    """When an answer counts as good: a request answered within the target is goodput."""

    model: str = Field("*", description="glob on the model's name; the first target that fits holds")
    latency_ms: float = Field(gt=0)


def _rising(percents: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    if any(percent <= 0 for percent in percents):
        raise ValueError("thresholds are percentages above 0")
    return tuple(sorted(set(percents)))


Thresholds = Annotated[tuple[Decimal, ...], AfterValidator(_rising)]
"""Percentages of a budget, each once, the least first."""


class BudgetAlerts(_Section):
    """When a person is told of a budget; of all budgets, but for thresholds of their own (see docs/methods.md)."""

    thresholds: Thresholds = Field(
        (Decimal(50), Decimal(80), Decimal(100)), description="percent of a budget whose day is told"
    )
    short_days: int = Field(3, ge=1, le=31, description="days that say whether it still goes on")
    long_days: int = Field(7, ge=2, le=92, description="days that say whether it is more than a bad day")
    warn_burn: Decimal = Field(Decimal("1.5"), gt=1, description="times the pace a budget allows, over both: watch")
    critical_burn: Decimal = Field(Decimal(2), gt=1, description="times that pace, over both: critical")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.short_days >= self.long_days:
            raise ValueError("short_days must be fewer than long_days: they say whether what those found still goes on")
        if self.warn_burn >= self.critical_burn:
            raise ValueError("warn_burn must be below critical_burn")
        return self


class Budget(_Section):
    """An amount for a month, quarter or year of the calendar."""

    name: str
    amount: Decimal = Field(gt=0)
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="default: the reporting currency")
    period: Literal["month", "quarter", "year"] = "month"
    match: BudgetMatch = BudgetMatch()
    cost: Literal["effective", "billed"] = Field("effective", description="amortised, or as invoiced")
    ai_only: bool = Field(True, description="AI spend alone, or everything that matches")
    valid_from: date | None = Field(
        None,
        alias="from",
        description="before it there is no such budget; its whole amount is for what is left of a period",
    )
    thresholds: Thresholds | None = Field(None, description="percent spent; default: those of [budget_alerts]")
