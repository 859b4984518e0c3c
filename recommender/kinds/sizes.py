"""The sizes a machine could have instead, and what the model on it needs of one."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np

from aispend.advising import Recommend
from aispend.prices.accelerators import accelerator
from aispend.prices.prices import Candidate, smaller_types
from recommender.kinds.limits import ModelNeed, Size
from recommender.methods.model_shapes import served_model
from recommender.methods.realised_ratio import realised_ratio
from recommender.methods.replay import Capacity
from recommender.prices import PriceBook
from recommender.subjects.machines import Machine

BURST = 4.0
"""Requests at once in the busiest minute ÷ the hour's mean (Azure's public traces: 1.5 for chat, 3.8 for code)."""
_SERVES = frozenset({"inference_online", "inference_batch"})


def model_need(subject: Machine, settings: Recommend) -> ModelNeed | None:
    """Weights and cache to hold, where the model's shape and what runs at once are known."""
    if subject.stage not in _SERVES or subject.use is None:
        return None
    model = served_model(subject.model, settings.optimize_model.models)
    per_request = subject.use.tokens_per_request
    running = np.fmax.reduce(subject.use.running, initial=-np.inf)
    if model is None or per_request is None or not running > 0:
        return None
    return ModelNeed(model, int(np.ceil(max(running * BURST, 1) * sum(per_request))))


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
) -> tuple[Size, ...]:
    """Cheaper types, the cheapest first; the fleet has few different ones and asks for each often."""
    found = sorted(
        smaller_types(provider, region, name, on, prices.price_at),
        key=lambda item: (item.price.hourly_price, item.instance_type),
    )
    return tuple(
        _size(candidate, float(candidate.accelerators) * _relative_speed(candidate, card, on), target, check_memory)
        for candidate in found
    )


def _size(candidate: Candidate, load: float, target: float, check_memory: bool) -> Size:
    devices = max(float(candidate.accelerators), 1.0)
    memory = float(candidate.memory_gb) * 1e9 if check_memory else np.inf
    cost = float(candidate.price.hourly_price)
    return Size(candidate, Capacity(load=load, devices=devices, memory=memory, cost=cost, target=target), load, devices)


def _relative_speed(candidate: Candidate, card: str, on: date) -> float:
    """Speed of one of the candidate's cards relative to a present one, at most 1; 0 where it cannot be said."""
    if candidate.accelerator_type == card:
        return 1.0
    present, target = accelerator(card), accelerator(candidate.accelerator_type)
    if present is None or target is None:
        return 0.0
    found = realised_ratio(present, target, precision="bf16", phase="serving", on=on)
    return 0.0 if found is None else min(found.ratio.planned, 1.0)
