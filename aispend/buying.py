"""When advice is given on what is bought without a machine: sections below ``[recommend]``.

Sources of the defaults: docs/advice.md.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Stage = Literal[
    "data", "training", "fine_tuning", "evaluation", "inference_online", "inference_batch", "notebook", "unknown"
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Whose(_Section):
    """Whose tokens; every given field must fit. Globs, case-insensitive."""

    provider: str = "*"
    account: str = "*"
    model: str = "*"
    team: str = "*"
    endpoint: str = Field("*", description="as recorded with the use")


class CanWait(Whose):
    """Requests whose answers may wait for a day."""

    share: Decimal = Field(Decimal(1), gt=0, le=1, description="share of them that may")


class Batch(_Section):
    """What may be sent as batches."""

    window_days: int = Field(14, ge=7, le=731)
    stages: tuple[Stage, ...] = Field(("inference_batch",), description="stages nobody waits for")
    tags: dict[str, str] = Field(
        default_factory=lambda: {"workload-type": "batch", "workload_type": "batch", "deferrable": "true"},
        description="tag key → glob on its value that says nobody waits",
    )
    can_wait: tuple[CanWait, ...] = ()


class SharedPrefix(Whose):
    """What was measured of prompts: the share of input that begins alike, and how often it is found again."""

    share: Decimal = Field(gt=0, le=1)
    hit_rate: Decimal | None = Field(None, gt=0, le=1, description="default: hit_rate of the section")


class PromptCache(_Section):
    """What a cache of prompts is reckoned with."""

    window_days: int = Field(14, ge=7, le=731)
    hit_rate: Decimal = Field(Decimal("0.9"), gt=0, le=1)
    what_if_share: Decimal = Field(Decimal("0.5"), gt=0, le=1, description="of the input, where nothing was measured")
    largest_share: Decimal = Field(Decimal("0.9"), gt=0, le=1)
    shared_prefix: tuple[SharedPrefix, ...] = ()


class OutputCut(Whose):
    """Output that a limit cut on one's own calls, with answers still judged good."""

    share: Decimal = Field(gt=0, lt=1, description="of the output tokens")


class OutputLimit(_Section):
    """Shorter answers."""

    window_days: int = Field(14, ge=7, le=731)
    cut: tuple[OutputCut, ...] = ()


class EasyCalls(Whose):
    """Calls a smaller model could answer, and which one."""

    share: Decimal = Field(gt=0, le=1)
    to: str | None = Field(None, description="default: the next smaller model of the provider")


class Route(_Section):
    """What goes to a smaller model."""

    window_days: int = Field(14, ge=7, le=731)
    easy_share: Decimal = Field(Decimal("0.3"), gt=0, le=1, description="a what-if, until somebody has measured it")
    easy: tuple[EasyCalls, ...] = ()


class Replica(_Section):
    """What one machine serves of a model, as measured by a benchmark at the company's own mix of tokens."""

    model: str
    provider: str
    instance_type: str
    output_tokens_per_second: Decimal = Field(gt=0)


class Serverless(_Section):
    """An instance that is paid for only while it works, and the machine that does the same work always on."""

    name: str = Field(min_length=1, description="what is bought, as in Cloud Run with one L4")
    provider: str = Field(min_length=1)
    instance_type: str = Field(min_length=1, description="the machine type whose work one instance does")
    hourly_price: Decimal = Field(gt=0, description="US dollars of one instance for an hour in which it works")
    bought: str = Field("", description="glob on the id of what is bought so already")


class SelfHost(_Section):
    """API or own servers."""

    window_days: int = Field(14, ge=7, le=731)
    least_replicas: int = Field(2, ge=1)
    engineers_per_month: Decimal = Field(Decimal(0), ge=0, description="US dollars a month that serving oneself takes")
    stand_in: dict[str, str] = Field(default_factory=dict, description="model bought → open model that might do")
    replica: tuple[Replica, ...] = ()
    serverless: tuple[Serverless, ...] = ()


class Contracts(_Section):
    """Seats, prepaid credits and agreements."""

    window_days: int = Field(30, ge=7, le=731, description="days whose pace is taken on")
    warn_days: int = Field(
        120, ge=1, le=3653, description="days before its end from which an agreement or credit is looked at"
    )
    spare_seats: Decimal = Field(
        Decimal("0.05"), ge=0, lt=1, description="share of the seats in use that may stand free"
    )
