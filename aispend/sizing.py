"""When and how much machines are changed: sizes, schedules, fewer of them, and the models on them.

Sources of the defaults: docs/advice.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Preset = Literal["max_savings", "balanced", "default", "max_performance"]
Precision = Literal["fp32", "bf16", "fp16", "fp8", "int8", "int4", "fp4"]

PRESETS: Mapping[Preset, Mapping[str, float]] = MappingProxyType(
    {
        "max_savings": {"percentile": 0.90, "compute_headroom": 0.0, "memory_headroom": 0.10},
        "balanced": {"percentile": 0.95, "compute_headroom": 0.30, "memory_headroom": 0.30},
        "default": {"percentile": 0.995, "compute_headroom": 0.20, "memory_headroom": 0.10},
        "max_performance": {"percentile": 0.995, "compute_headroom": 0.30, "memory_headroom": 0.30},
    }
)
"""AWS Compute Optimizer's, by its names. Its default leaves 20 % of memory above a percentile; ours 10 % above the
largest peak of all, which a percentile never reaches."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rightsize(_Section):
    """How much smaller is still safe. A value given by itself comes before the preset's."""

    preset: Preset = Field("default", description="max_savings, balanced, default or max_performance")
    window_days: int = Field(14, ge=7, le=731)
    percentile: float = Field(0.995, gt=0, le=1)
    compute_headroom: float = Field(0.20, ge=0, lt=1)
    memory_headroom: float = Field(0.10, ge=0, lt=1)
    min_hours: int = Field(30, ge=1, description="hours of metrics below which no advice is given")
    min_coverage: float = Field(0.8, ge=0, le=1)
    violation_hour_cost: Decimal | None = Field(
        None, ge=0, description="money an hour over capacity costs; default: what the machine costs in it"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        asked = values.get("preset", "default")  # of any type: what it may be is checked after this
        preset = next((own for name, own in PRESETS.items() if name == asked), {})
        return {**preset, **values}

    @property
    def in_words(self) -> str:
        """The preset, whether values were given beside it, and the thresholds that hold."""
        is_own = any(getattr(self, name) != value for name, value in PRESETS[self.preset].items())
        return (
            f"{self.preset}{', with values of its own' if is_own else ''}: load at p{self.percentile * 100:g}, "
            f"headroom {self.compute_headroom * 100:g} %, of memory {self.memory_headroom * 100:g} %"
        )


class LocalTime(_Section):
    """Whose working hours follow another clock; every given field must fit. Globs, case-insensitive."""

    timezone: str
    team: str = "*"
    tags: dict[str, str] = Field(default_factory=dict, description="tag key → glob on its value")

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        return _zone(name)


class Schedule(_Section):
    """When something runs by the clock, and what a start costs."""

    window_days: int = Field(28, ge=14, le=731, description="weeks of the past a week to come is read from")
    timezone: str = Field("UTC", description="whose clock people work by, as in Europe/Berlin")
    local: tuple[LocalTime, ...] = Field((), description="teams and tags with another clock; the first that fits")
    active: float = Field(0.01, ge=0, lt=1, description="load, in accelerators, above which an hour is one of work")
    target: float = Field(0.7, gt=0, le=1, description="share of their capacity replicas are planned for")
    min_coverage: float = Field(0.8, ge=0, le=1)
    min_hours_off: int = Field(12, ge=1, description="hours of the week it would have to be off for a schedule")
    node_minutes: float = Field(5, ge=0, description="until a machine has started")
    image_minutes: float = Field(3, ge=0, description="until its image is pulled")
    weights_gb_per_second: float = Field(1.0, gt=0, description="at which weights are read into memory")
    cold_start_penalty: Decimal = Field(Decimal(0), ge=0, description="money that one request's cold start costs")
    max_cold_share: float = Field(0.01, ge=0, le=1, description="share of requests that may start cold")

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        return _zone(name)


class Consolidate(_Section):
    """How full machines may be filled with several services."""

    percentile: float = Field(0.95, gt=0, le=1)
    target: float = Field(0.8, gt=0, le=1, description="share of a machine they may use together at the percentile")
    memory_headroom: float = Field(0.10, ge=0, lt=1)
    min_coverage: float = Field(0.8, ge=0, le=1)
    bases: dict[str, str] = Field(
        default_factory=dict, description="model → the base model it is an adapter (LoRA) of, where they are served so"
    )


class ServedAs(_Section):
    """A model's shape, where it is not one of the published ones known, and how it is served."""

    name: str = Field(min_length=1, description="the model, as in aispend spend --by model")
    parameters: float | None = Field(None, gt=0)
    active_parameters: float | None = Field(None, gt=0, description="that take part in one token")
    layers: int | None = Field(None, gt=0)
    kv_heads: int | None = Field(None, gt=0)
    head_dim: int | None = Field(None, gt=0)
    attention_heads: int | None = Field(None, gt=0)
    precision: Precision | None = Field(None, description="of the weights as they are served")
    engine_features: tuple[str, ...] | None = Field(None, description="what the engine has, as in paged_attention")


class OptimizeModel(_Section):
    """What changing a model costs once."""

    hourly_rate: Decimal = Field(Decimal(100), ge=0, description="of an engineer, in the currency of the bill")
    hours_low: int = Field(
        16, ge=0, description="engineering hours of a quantisation or a setting, evaluation included"
    )
    hours_medium: int = Field(60, ge=0)
    hours_high: int = Field(320, ge=0, description="of what needs training")
    target: float = Field(0.8, gt=0, le=1, description="share of a replica's capacity that is planned for")
    models: tuple[ServedAs, ...] = ()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone; one is Europe/Berlin") from error
    return name
