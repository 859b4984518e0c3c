"""What a change to a served model would give: throughput with a range, memory, and instances, which alone save money.

Assumes
    A service of equal replicas, each on as many accelerators; load falls on all alike.
Method
    Each technique of ``techniques.toml`` says what it needs and how its factor is found (``effect``). Where bytes or
    operations change, the throughput formula's gain × the share of it that was measured (0.7 for FP8, 0.75 for INT4),
    kept within the published range. Replicas = ⌈load ÷ factor⌉, at least the least allowed; a replica less is a saving
    only where it is an instance less. What is running above need belongs to rightsizing and is not counted here.
Cases
    Load not known: the replicas are taken as full, which finds less.
    A precondition fails, or what it depends on is not known: not suited, with the reason; nothing is saved.
    Two techniques of one group (two quantisations) are never combined.
Sources
    Methods, model-optimisation what-ifs (T6.5); each technique names its own in the data file.
Known drawbacks
    Ranges are of published models and engines. Quality is never predicted: the gate is one's own evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from aispend.prices.accelerators import Accelerator
from aispend.prices.data import read_toml
from recommender.methods.model_memory import WEIGHT_BITS, Precision, accelerators_needed, concurrent_tokens
from recommender.methods.throughput import (
    CALIBRATED_ERROR,
    FITTED,
    Efficiency,
    ServedModel,
    Traffic,
    decode_throughput,
    hardware,
)

_SIXTEEN_BITS = 16


@dataclass(frozen=True)
class Factor:
    """Throughput per accelerator after ÷ before, at equal service level."""

    low: float
    point: float
    high: float


@dataclass(frozen=True)
class Technique:
    """One technique as ``techniques.toml`` describes it; its head says what each field means."""

    name: str
    title: str
    effect: str
    quality: str
    needs_retraining: bool
    needs_evaluation: bool
    one_off: str
    sources: tuple[str, ...]
    group: str | None = None
    range: tuple[float, float] | None = None
    range_large_batch: tuple[float, float] | None = None
    batch_up_to: float | None = None
    batch_from: float | None = None
    batch_below: float | None = None
    point: float | None = None
    realisation: float = 1.0
    weights: Precision | None = None
    compute: Precision | None = None
    architectures: tuple[str, ...] = ()
    absent_feature: str | None = None
    unsuited: str | None = None


@dataclass(frozen=True)
class Service:
    """A model as it is served. ``replicas`` run, on ``accelerators_per_replica`` each; None is unknown.

    ``replicas_needed`` is the load in full replicas; ``traffic`` one replica's (batch: P95 of running sequences);
    ``engine_features`` what its engine is known to have.
    """

    accelerator: Accelerator
    replicas: int
    accelerators_per_replica: int = 1
    replicas_per_instance: int = 1
    model: ServedModel | None = None
    traffic: Traffic | None = None
    replicas_needed: float | None = None
    least_replicas: int = 1
    efficiency: Efficiency = FITTED
    engine_features: frozenset[str] | None = None


@dataclass(frozen=True)
class Change:
    """How far a technique is taken, for those whose effect depends on it; None: not given."""

    smaller_parameters: float | None = None
    batch: float | None = None
    cached_input_share: float | None = None
    kept_token_share: float | None = None


@dataclass(frozen=True)
class Memory:
    """One replica's: bytes of weights, tokens that fit beside them, accelerators that would hold today's tokens."""

    weight_bytes: float
    tokens: int
    accelerators_needed: int | None


@dataclass(frozen=True)
class WhatIf:
    """The answer; ``why_not`` is empty where it is suited. Instances are of the present type.

    ``instances_if_low`` and ``instances_if_high`` are at the ends of the factor's range.
    """

    technique: Technique
    why_not: str
    factor: Factor | None
    memory_before: Memory | None
    memory_after: Memory | None
    step_seconds_before: float | None
    step_seconds_after: float | None
    instances_before: int
    instances_after: int
    instances_if_low: int
    instances_if_high: int

    @property
    def is_suited(self) -> bool:
        """Whether its preconditions are met and its effect can be said."""
        return not self.why_not

    @property
    def saved_share(self) -> Decimal:
        """Share of the service's instances that is no longer needed; 0 where their number stays."""
        return max(Decimal(self.instances_before - self.instances_after) / self.instances_before, Decimal(0))


@lru_cache(maxsize=1)
def techniques() -> Mapping[str, Technique]:
    """Every technique, by name, in the order of the file."""
    return {entry["name"]: _technique(entry) for entry in read_toml("techniques.toml", __package__)["technique"]}


def what_if(service: Service, technique: Technique, change: Change | None = None) -> WhatIf:
    """What the technique would change at this service."""
    change = change or Change()
    factor, why_not = _factor(service, technique, change)
    why_not = technique.unsuited or _missing(service, technique) or why_not
    after = _model_after(service, technique, change)
    before_step, after_step = (_step(service, model, service.traffic) for model in (service.model, after))
    if technique.effect == "batch" and service.traffic and change.batch:
        after_step = _step(service, after, replace(service.traffic, batch=change.batch))
    now = math.ceil(service.replicas / service.replicas_per_instance)

    def instances(gain: float) -> int:
        return now if why_not or factor is None else _instances(service, gain)

    return WhatIf(
        technique=technique,
        why_not=why_not,
        factor=factor,
        memory_before=_memory(service, service.model),
        memory_after=_memory(service, after),
        step_seconds_before=before_step,
        step_seconds_after=after_step,
        instances_before=now,
        instances_after=instances(factor.point if factor else 1.0),
        instances_if_low=instances(factor.low if factor else 1.0),
        instances_if_high=instances(factor.high if factor else 1.0),
    )


def _instances(service: Service, gain: float) -> int:
    """Instances once each accelerator does ``gain`` times as much; present ones above need stay."""
    load = service.replicas if service.replicas_needed is None else service.replicas_needed
    needed, left = (max(math.ceil(round(load / by, 9)), service.least_replicas) for by in (1.0, gain))
    replicas = max(service.replicas - needed + left, left)
    if gain >= 1:
        replicas = min(replicas, service.replicas)
    return math.ceil(replicas / service.replicas_per_instance)


def _missing(service: Service, technique: Technique) -> str:
    """The precondition that is not met, or not known to be."""
    architecture = service.accelerator.architecture
    if technique.architectures and architecture not in technique.architectures:
        able = ", ".join(technique.architectures)
        return f"It needs an accelerator of {able}; {service.accelerator.name} is {architecture or 'none of them'}."
    if technique.weights and service.model and WEIGHT_BITS[service.model.precision] < _SIXTEEN_BITS:
        return f"Its weights are {service.model.precision} already, and no model is quantised twice."
    if technique.batch_below is not None or technique.batch_from is not None:
        if service.traffic is None:
            return "It depends on how many sequences run at once, which is not known."
        if technique.batch_below is not None and service.traffic.batch >= technique.batch_below:
            return (
                f"{service.traffic.batch:.0f} sequences run at once; from {technique.batch_below:.0f} on it slows down."
            )
    if technique.absent_feature and service.engine_features is None:
        return "What the serving engine has already is not known."
    if technique.absent_feature and technique.absent_feature in (service.engine_features or ()):
        return "The serving engine has it already."
    return ""


def _factor(service: Service, technique: Technique, change: Change) -> tuple[Factor | None, str]:
    """The gain, or why none can be said."""
    if technique.effect == "pooling":
        return None, "It needs the loads of all services that share a base model."
    if technique.effect == "parameters":
        return _of_parameters(service, technique, change)
    if technique.effect == "tokens":
        if change.kept_token_share is None or not 0 < change.kept_token_share < 1:
            return None, "It needs the share of tokens that is kept."
        gain = 1 / change.kept_token_share
        return Factor(gain, gain, gain), ""
    if technique.effect == "batch":
        return _of_batch(service, change)
    if technique.effect == "prefix":
        if not change.cached_input_share or service.traffic is None or service.model is None:
            return None, "It needs the share of prompt tokens that repeat, the traffic and the model."
        cached = replace(service.traffic, cached_input_share=change.cached_input_share)
        found = _gain(service, service.model, service.model.precision, cached)
        return (None, "The accelerator's speed is not known.") if found is None else (_half_to(found), "")
    return _of_range(service, technique), ""


def _of_range(service: Service, technique: Technique) -> Factor:
    low, high = _range(technique, None if service.traffic is None else service.traffic.batch)
    gain = None
    if (
        technique.effect == "precision"
        and service.model
        and service.traffic
        and technique.weights
        and technique.compute
    ):
        after = replace(service.model, precision=technique.weights)
        gain = _gain(service, after, technique.compute, service.traffic)
    if gain is not None:
        point = gain * technique.realisation
    else:
        point = (low + high) / 2 if technique.point is None else technique.point
    return Factor(low, min(max(point, low), high), high)


def _range(technique: Technique, batch: float | None) -> tuple[float, float]:
    """The published range at this batch; both together where it lies between them or is not known."""
    low, high = technique.range or (1.0, 1.0)
    large = technique.range_large_batch
    up_to = technique.batch_below if technique.batch_up_to is None else technique.batch_up_to
    from_ = technique.batch_below if technique.batch_from is None else technique.batch_from
    if large is None or up_to is None or from_ is None:
        return low, high
    if batch is not None and batch >= from_:
        return large
    if batch is not None and (batch <= up_to or up_to == from_):
        return low, high
    return min(low, large[0]), max(high, large[1])


def _of_parameters(service: Service, technique: Technique, change: Change) -> tuple[Factor | None, str]:
    if service.model is None or change.smaller_parameters is None:
        return None, "It needs the parameters of the present and of the smaller model."
    ratio = service.model.shape.parameters / change.smaller_parameters
    if ratio <= 1:
        return None, "The other model is not smaller."
    return Factor(1.0, max(ratio * technique.realisation, 1.0), ratio), ""


def _of_batch(service: Service, change: Change) -> tuple[Factor | None, str]:
    traffic, model = service.traffic, service.model
    if traffic is None or model is None or change.batch is None:
        return None, "It needs the model, the traffic and the batch to go to."
    if change.batch <= traffic.batch:
        return None, f"{traffic.batch:.0f} sequences run at once already."
    memory = _memory(service, model)
    wanted = change.batch * (traffic.n_in + traffic.n_out)
    if memory is not None and wanted > memory.tokens:
        return None, f"The cache holds {memory.tokens:,} tokens; {change.batch:.0f} sequences may need {wanted:,.0f}."
    gain = _gain(service, model, model.precision, replace(traffic, batch=change.batch))
    if gain is None:
        return None, "The accelerator's speed is not known."
    return Factor(max(gain * (1 - CALIBRATED_ERROR), 1.0), gain, gain * (1 + CALIBRATED_ERROR)), ""


def _gain(service: Service, after: ServedModel, compute: Precision, traffic: Traffic) -> float | None:
    """The formula's throughput with another model or traffic ÷ the present; None where a speed is not known."""
    if service.model is None or service.traffic is None:
        return None
    ours = hardware(service.accelerator, service.model.precision)
    theirs = hardware(service.accelerator, compute)
    if ours is None or theirs is None:
        return None
    size, efficiency = service.accelerators_per_replica, service.efficiency
    present = decode_throughput(service.model, ours, service.traffic, efficiency, size)
    return decode_throughput(after, theirs, traffic, efficiency, size).tokens_per_second / present.tokens_per_second


def _half_to(gain: float) -> Factor:
    return Factor(1 + (gain - 1) / 2, gain, gain)


def _model_after(service: Service, technique: Technique, change: Change) -> ServedModel | None:
    if service.model is None:
        return None
    if technique.effect == "parameters" and change.smaller_parameters:
        # Layers and heads of the smaller model are not known; the present cache is the careful side of that.
        shape = replace(service.model.shape, parameters=change.smaller_parameters, active_parameters=None)
        return replace(service.model, shape=shape)
    return service.model if technique.weights is None else replace(service.model, precision=technique.weights)


def _memory(service: Service, model: ServedModel | None) -> Memory | None:
    if model is None or service.model is None:
        return None
    device = float(service.accelerator.memory_gb) * 1e9
    size = service.accelerators_per_replica
    fits_now = concurrent_tokens(
        service.model.shape, device, size, service.model.precision, kv_precision=service.model.kv_precision
    )
    held = fits_now
    if service.traffic is not None:
        held = math.ceil(service.traffic.batch * (service.traffic.n_in + service.traffic.n_out))
    return Memory(
        weight_bytes=model.weight_bytes,
        tokens=concurrent_tokens(model.shape, device, size, model.precision, kv_precision=model.kv_precision),
        accelerators_needed=accelerators_needed(
            model.shape, device, model.precision, tokens=held, kv_precision=model.kv_precision
        ),
    )


def _step(service: Service, model: ServedModel | None, traffic: Traffic | None) -> float | None:
    """Seconds between a user's tokens; None where a speed is not known."""
    if model is None or traffic is None:
        return None
    card = hardware(service.accelerator, model.precision)
    if card is None:
        return None
    return decode_throughput(model, card, traffic, service.efficiency, service.accelerators_per_replica).step_seconds


def _technique(entry: Mapping[str, Any]) -> Technique:
    def pair(key: str) -> tuple[float, float] | None:
        return (float(entry[key][0]), float(entry[key][1])) if key in entry else None

    def measure(key: str) -> float | None:
        return float(entry[key]) if key in entry else None

    return Technique(
        name=entry["name"],
        title=entry["title"],
        effect=entry["effect"],
        quality=entry["quality"],
        needs_retraining=entry["needs_retraining"],
        needs_evaluation=entry["needs_evaluation"],
        one_off=entry["one_off"],
        sources=tuple(entry["sources"]),
        group=entry.get("group"),
        range=pair("range"),
        range_large_batch=pair("range_large_batch"),
        batch_up_to=measure("batch_up_to"),
        batch_from=measure("batch_from"),
        batch_below=measure("batch_below"),
        point=measure("point"),
        realisation=measure("realisation") or 1.0,
        weights=entry.get("weights"),
        compute=entry.get("compute"),
        architectures=tuple(entry.get("architectures", ())),
        absent_feature=entry.get("absent_feature"),
        unsuited=entry.get("unsuited"),
    )
