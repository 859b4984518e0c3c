"""The sizes a machine could have instead, and what the model on it needs of one."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np

from aispend.advising import Recommend
from aispend.prices.accelerators import accelerator
from aispend.prices.prices import Candidate, smaller_types
from recommender.kinds.limits import TRAINING, ModelNeed, Size, computes, smaller_card
from recommender.methods.model_shapes import served_model
from recommender.methods.outcome import Capacity
from recommender.methods.realised_ratio import RealisedRatio, realised_ratio
from recommender.prices import PriceBook
from recommender.subjects.machines import Machine

BURST = 4.0
"""Requests at once in the busiest minute ÷ the hour's mean (Azure's public traces: 1.5 for chat, 3.8 for code)."""
_HOURS_PER_DAY = 24
_SERVES = frozenset({"inference_online", "inference_batch"})


def model_need(subject: Machine, settings: Recommend) -> ModelNeed | None:
    """Weights and cache to hold, where the model's shape and what runs at once are known for as long as load has to be.

    And where it has the machine alone: what other models hold there is in neither.
    """
    if subject.stage not in _SERVES or subject.use is None or not subject.is_models_own:
        return None
    told = ~np.isnan(subject.use.running) & (True if subject.use.recorded is None else subject.use.recorded)
    if told[-settings.rightsize.window_days * _HOURS_PER_DAY :].mean() < settings.rightsize.min_coverage:
        return None
    model = served_model(subject.model, settings.optimize_model.models)
    per_request = subject.use.tokens_per_request
    running = np.fmax.reduce(subject.use.running, initial=-np.inf)
    if model is None or per_request is None or not running > 0:
        return None
    return ModelNeed(model, int(np.ceil(max(running * BURST, 1) * sum(per_request))))


def may_spread(subject: Machine, concurrent: int) -> bool:
    """Whether what one card does may lie on several, of a model that has the machine alone: replicas that serve it may,
    and a training that lies on several already."""
    is_alone = subject.model is not None and subject.is_models_own
    return is_alone and (subject.stage in _SERVES or (subject.stage in TRAINING and concurrent > 1))


@lru_cache(maxsize=4096)
def sizes(
    provider: str,
    region: str,
    name: str,
    *,
    card: str,
    on: date,
    prices: PriceBook,
    target: float,
    check_memory: bool,
    may_spread: bool = True,
) -> tuple[Size, ...]:
    """Cheaper types: those that wait for nothing, then those behind a gate; of each the cheapest first.

    ``may_spread`` says that what one card does may lie on several slower ones.

    The fleet has few different ones and asks for each often.
    """
    found = (
        _size(candidate, card=card, on=on, target=target, check_memory=check_memory, may_spread=may_spread)
        for candidate in smaller_types(provider, region, name, on, prices.price_at)
    )
    return tuple(
        sorted(
            found,
            key=lambda one: (
                one.gate is not None, one.candidate.price.hourly_price, one.candidate.instance_type,
            ),
        )
    )  # fmt: skip


def _size(candidate: Candidate, *, card: str, on: date, target: float, check_memory: bool, may_spread: bool) -> Size:
    """What a type carries. ``check_memory`` says that the model on it, and so its precision, is not known."""
    count = float(candidate.accelerators)
    same = candidate.accelerator_type == card
    speed = None if same else _speed(candidate, card, on)
    # never above one of the present, 0 where it cannot be said
    planned = 1.0 if same else 0.0 if speed is None else min(speed.ratio.planned, 1.0)
    least = planned if speed is None else min(speed.ratio.low, planned)
    # a card as quick as now does what one did
    planned_on_one, least_on_one = (np.inf if may_spread or part >= 1 else part for part in (planned, least))
    return Size(
        candidate,
        Capacity(
            load=count * planned,
            devices=max(count, 1.0),
            memory=float(candidate.memory_gb) * 1e9 if check_memory else np.inf,
            on_one=smaller_card(candidate, card) if check_memory else np.inf,
            load_on_one=planned_on_one,
            cost=float(candidate.price.hourly_price),
            target=target,
        ),
        load=count * planned,
        devices=max(count, 1.0),
        speed=speed,
        gate=None if same or _is_proven(candidate, speed, check_memory) else _gate(candidate),
        least_load=count * least,
        least_on_one=least_on_one,
    )


def _speed(candidate: Candidate, card: str, on: date) -> RealisedRatio | None:
    """Speed of one of the candidate's cards relative to a present one; None where it cannot be said."""
    present, target = accelerator(card), accelerator(candidate.accelerator_type)
    if present is None or target is None:
        return None
    return realised_ratio(present, target, precision="bf16", phase="serving", on=on)


def _is_proven(candidate: Candidate, speed: RealisedRatio | None, precision_unknown: bool) -> bool:
    """Whether its speed was measured of late, and it computes in whatever precision may run there."""
    measured = speed is not None and speed.basis == "measured"
    return measured and not (precision_unknown and lacks_bf16(candidate.accelerator_type))


def _gate(candidate: Candidate) -> str:
    return f"a benchmark of your own on {candidate.accelerator_type}"


def lacks_bf16(accelerator_type: str) -> bool:
    """Whether a card has no bf16: of a model whose precision nobody knows, it may not compute at all."""
    card = accelerator(accelerator_type)
    return card is None or not computes(card, "bf16")
