"""All kinds of recommendation. A new one is a module in ``recommender/kinds`` and a name here."""

from __future__ import annotations

from typing import Any

from recommender.contract import Kind
from recommender.kinds import (
    accelerator,
    arm_host,
    auto_stop,
    batch,
    commit,
    consolidate,
    idle_capacity,
    managed_or_self_host,
    optimize_model,
    output_limit,
    past_plateau,
    prompt_cache,
    relocate,
    rightsize,
    route,
    scale_replicas,
    schedule,
    seats_and_credits,
    spot,
    stop_idle,
    storage,
    training_waste,
)

KINDS: tuple[Kind[Any], ...] = (
    stop_idle.KIND,
    storage.KIND,
    training_waste.KIND,
    past_plateau.KIND,
    rightsize.KIND,
    optimize_model.KIND,
    idle_capacity.KIND,
    consolidate.KIND,
    relocate.KIND,
    accelerator.KIND,
    arm_host.KIND,
    schedule.KIND,
    scale_replicas.KIND,
    spot.KIND,
    auto_stop.KIND,
    batch.KIND,
    prompt_cache.KIND,
    output_limit.KIND,
    route.KIND,
    managed_or_self_host.KIND,
    seats_and_credits.KIND,
    commit.KIND,
)
