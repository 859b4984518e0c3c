"""What lost training runs, things kept and devices at the edge are reckoned with: sections below ``[recommend]``.

Sources of the defaults: docs/advice.md.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrainingWaste(_Section):
    """What would have been done about runs that came to nothing."""

    window_days: int = Field(56, ge=14, le=731, description="training is rare: eight weeks")
    smoke_hours: float = Field(1, gt=0, description="length of a test run that shows what would fail")
    review_hours: float = Field(24, gt=0, description="after which somebody looks whether a run is worth going on with")
    given_up_days: int = Field(
        7, ge=1, le=3653, description="silence after which a run that never ended counts as given up"
    )
    checkpoint_minutes: float = Field(5, gt=0, description="that writing a checkpoint takes")
    restart_minutes: float = Field(10, ge=0, description="until a run goes on from a checkpoint")
    plateau_gain: float = Field(
        0.001, gt=0, lt=1, description="share of all it gained that is still worth going on for"
    )
    plateau_patience: float = Field(0.25, gt=0, lt=1, description="share of a run in which that has to come")
    plateau_points: int = Field(20, ge=10, description="points of a curve before which nothing is said")


class Storage(_Section):
    """When snapshots and checkpoints are old."""

    snapshot_days: int = Field(90, ge=1, le=3653, description="age of a snapshot that may be archived")
    unread_days: int = Field(90, ge=1, le=3653, description="days a checkpoint was neither written nor read")
    expire_days: int = Field(
        180, ge=1, le=3653, description="days in the colder class after which the text lets it expire"
    )


class Edge(_Section):
    """What devices at the edge cost, in the currency of the bill; for `aispend edge`, never for advice."""

    hardware: Decimal | None = Field(None, ge=0, description="price of one device; what it costs is not ours to guess")
    years: Decimal = Field(Decimal(3), gt=0, description="years a device is used")
    watts: Decimal | None = Field(None, ge=0, description="power of one device, as a mean over day and night")
    power_price: Decimal | None = Field(None, ge=0, description="of a kWh")
    management: Decimal | None = Field(None, ge=0, description="of a device and month: updates, connection, repair")
    engineering: Decimal | None = Field(None, ge=0, description="once, to get the model onto the device")
