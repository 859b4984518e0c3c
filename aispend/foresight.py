"""What is to come, as far as a person knows it: the sections ``[forecast]`` and ``[[forecast.step]]``."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Section):
    """A change of cost that is known before it comes: it is added to everything it belongs to.

    ``amount`` is per day, in the reporting currency where none is given, and negative for what falls away. A step
    that begins before the last known day is in the history already and is not added again; where it ends ahead, it is
    taken off from then on.
    """

    valid_from: date = Field(alias="from", description="first day")
    valid_to: date | None = Field(None, alias="to", description="exclusive; default: for good")
    amount: Decimal = Field(description="per day")
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="default: the reporting currency")
    provider: str | None = None
    model: str | None = None
    team: str | None = None
    ai: bool = Field(True, description="AI spend, or other spend")
    why: str = Field(min_length=1, description="shown beside the forecast")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Step:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError(f"the step {self.why!r} ends before it begins")
        return self


class Forecast(_Section):
    """Forecasts of the month and the quarter (see docs/methods.md)."""

    level: float = Field(0.8, ge=0.5, le=0.95, description="probability a band holds with")
    largest: int = Field(
        8, ge=1, le=50, description="providers, accounts, models … told one by one; the rest is one series"
    )
    steps: tuple[Step, ...] = Field((), alias="step")
