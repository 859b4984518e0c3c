"""When advice is given and how careful it is: the section ``[recommend]`` and one below it for each kind.

Sources of the defaults: docs/advice.md.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aispend.buying import Batch, Contracts, OutputLimit, PromptCache, Route, SelfHost
from aispend.moving import Accelerators, AutoStop, IdleCapacity, Relocate, Spot
from aispend.running import Edge, Storage, TrainingWaste
from aispend.sizing import Consolidate, OptimizeModel, Rightsize, Schedule


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


ASKED_DAYS = 30
"""Each AI resource that was billed in these days has advice, or its reason why not."""


class Exclusion(_Section):
    """What is never advised on; every given field must fit. Text fields are globs, case-insensitive."""

    kinds: tuple[str, ...] = Field(("*",), min_length=1, description="kinds of advice, as in stop_idle")
    provider: str = "*"
    account: str = "*"
    region: str = "*"
    resource_id: str = "*"
    team: str = "*"
    model: str = "*"
    tags: dict[str, str] = Field(default_factory=dict, description="tag key → glob on its value")
    why: str = Field(min_length=1, description="shown as the reason why there is no advice")


class Idle(_Section):
    """When an accelerator counts as idle (see docs/advice.md for the sources)."""

    window_days: int = Field(14, ge=1, le=731)
    dev_window_hours: int = Field(24, ge=1, description="fast track for development endpoints, as candidates")
    notebook_window_minutes: int = Field(60, ge=10)
    max_activity: float = Field(0.01, ge=0, le=1, description="activity below this is no activity")
    inactive_share: float = Field(0.99, ge=0, le=1, description="share of known minutes that must be inactive")
    min_coverage: float = Field(0.8, ge=0, le=1)
    resident_mib: float = Field(512, ge=0, description="memory held above which something is loaded, in MiB")
    underused_activity: float = Field(0.20, gt=0, le=1, description="activity below this is not busy")
    power_rise: float = Field(0.15, ge=0, description="share power may rise over the card's own floor")
    power_noise_watts: float = Field(10, ge=0, description="W it may rise in any case: the sensor's noise")
    idle_power_share: float = Field(0.30, gt=0, le=1, description="of its board power that an idle card draws at most")
    idle_power_watts: float = Field(40, ge=0, description="W that may be in any case: small cards with a server loaded")
    unattached_days: int = Field(32, ge=1, le=3653, description="days a volume has to be unattached")
    keep_tags: tuple[str, ...] = (
        "keep", "do-not-stop", "do-not-terminate", "do-not-delete", "dr", "disaster-recovery",
    )  # fmt: skip

    @property
    def resident_bytes(self) -> float:
        """``resident_mib`` in bytes."""
        return self.resident_mib * 2**20


class Commit(_Section):
    """How much usage to commit to, and how carefully."""

    window_days: int = Field(60, ge=14, le=731, description="days of hourly usage it is sized on")
    term: Literal["1y", "3y"] = "1y"
    expiring_days: int = Field(60, ge=0, le=3653, description="what ends within these days is bought anew, or not")
    stress_fall: Decimal = Field(Decimal("0.3"), ge=0, lt=1, description="fall of usage it must survive without loss")
    obsolescence: Decimal = Field(
        Decimal("0.2"), ge=0, lt=1, description="yearly fall of accelerator prices that a 3-year term gives up"
    )
    first_stage: Decimal = Field(Decimal("0.5"), gt=0, le=1, description="share of it to buy first")


class Recommend(_Section):
    """Thresholds of the recommender."""

    min_monthly_saving: Decimal = Field(Decimal(20), ge=0, description="a saving below this is left out")
    max_payback_months: Decimal = Field(Decimal(12), ge=0, description="what takes longer to pay back is left out")
    expires_after_days: int = Field(
        7, ge=1, le=3653, description="days without fresh telemetry after which advice expires"
    )
    new_days: int = Field(7, ge=0, le=3653, description="days after a deployment in which nothing is advised on it")
    exclude: tuple[Exclusion, ...] = ()
    idle: Idle = Idle()
    rightsize: Rightsize = Rightsize()
    schedule: Schedule = Schedule()
    consolidate: Consolidate = Consolidate()
    optimize_model: OptimizeModel = OptimizeModel()
    commit: Commit = Commit()
    batch: Batch = Batch()
    prompt_cache: PromptCache = PromptCache()
    output_limit: OutputLimit = OutputLimit()
    route: Route = Route()
    self_host: SelfHost = SelfHost()
    contracts: Contracts = Contracts()
    auto_stop: AutoStop = AutoStop()
    idle_capacity: IdleCapacity = IdleCapacity()
    spot: Spot = Spot()
    accelerator: Accelerators = Accelerators()
    relocate: Relocate = Relocate()
    training_waste: TrainingWaste = TrainingWaste()
    storage: Storage = Storage()
    edge: Edge = Edge()
