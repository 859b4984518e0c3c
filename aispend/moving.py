"""When machines stop by themselves, move to spot, other accelerators or regions; when reserved capacity is given up.

Sources of the defaults: docs/advice.md.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AutoStop(_Section):
    """How long a notebook (``idle.notebook_window_minutes``) or a training machine may stand idle before it stops."""

    window_days: int = Field(14, ge=7, le=731)
    training_wait_minutes: int = Field(120, ge=10, description="after the last work of a training machine")
    start_minutes: int = Field(5, ge=0, description="somebody waits for when it has to start again")
    min_coverage: float = Field(0.8, ge=0, le=1)


class Spot(_Section):
    """What may run on capacity that can be taken away."""

    window_days: int = Field(14, ge=7, le=731)
    min_saving: float = Field(0.15, ge=0, lt=1, description="share that must be left after what interruptions cost")
    checkpoint_minutes: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="glob on model, team or resource id → minutes a checkpoint takes; it is known to resume",
    )
    assumed_checkpoint_minutes: float = Field(5, gt=0, description="where nobody has said")
    restart_minutes: float = Field(10, ge=0, description="until the work goes on after an interruption")
    deadline: float = Field(1.25, ge=1, description="time a job may take, in times of its work")
    availability: float = Field(0.99, gt=0, lt=1, description="of all replicas that a service needs")
    quote_hours: int = Field(24, ge=1, description="age above which a price is said to be old")


class OwnRatio(_Section):
    """A benchmark of one's own: how many times as fast one accelerator did one's work as another."""

    present: str = Field(min_length=1, description="accelerator, as in nvidia-a100-80gb, or a machine type without one")
    target: str = Field(min_length=1)
    ratio: float = Field(gt=0, description="throughput of the target over that of the present one, each")
    on: date
    source: str = Field(min_length=1, description="where the measurement is written down")


class Accelerators(_Section):
    """Other generations, families and makers."""

    window_days: int = Field(14, ge=7, le=731)
    percentile: float = Field(0.995, gt=0, le=1)
    headroom: float = Field(0.20, ge=0, lt=1, description="of compute, above the percentile")
    memory_headroom: float = Field(0.10, ge=0, lt=1, description="above the most that was ever held")
    min_coverage: float = Field(0.8, ge=0, le=1)
    min_hours: int = Field(30, ge=1)
    min_saving: float = Field(0.10, ge=0, lt=1)
    measured: tuple[OwnRatio, ...] = ()


class Relocate(_Section):
    """The same machine elsewhere."""

    window_days: int = Field(14, ge=7, le=731)
    min_saving: float = Field(0.05, ge=0, lt=1, description="share that must be left after moving data")
    also: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description='legal geography → others its work may move to, as in UK = ["EU"]'
    )
    gb_per_month: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(
        default_factory=dict,
        description="glob on model, team or resource id → GB it would read and write across regions",
    )
    price_per_gb: Decimal | None = Field(None, ge=0, description="of such data, in USD; default: published rates")
    data_in: dict[str, str] = Field(
        default_factory=dict,
        description="glob on model, team or resource id → region its data lies in; default: its own",
    )


class IdleCapacity(_Section):
    """Capacity that is reserved and paid for whether used or not."""

    window_days: int = Field(14, ge=7, le=731)
    percentile: float = Field(0.995, gt=0, le=1)
    headroom: float = Field(0.20, ge=0, lt=1)
    peak_factor: float = Field(
        2.0, ge=1, description="the busiest minute of an hour over its mean, as only hours are known"
    )
    tokens_per_unit_minute: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="glob on model → tokens a minute that one unit of throughput serves"
    )
    min_coverage: float = Field(0.8, ge=0, le=1)
