"""Which other machine types would do the same work, how many of them, and what is known of their speed.

A target's speed is a benchmark of one's own, else a published measurement, else an estimate within one maker. One that
has no such speed, that does not hold the work, or whose price rises by more than its speed is no move.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Recommend
from aispend.moving import Accelerators, OwnRatio
from aispend.prices.accelerators import Accelerator, InstanceType, accelerator, instance_types
from aispend.prices.prices import Candidate, Price
from recommender.kinds.limits import TRAINING, ModelNeed, computes, degree_of
from recommender.kinds.parts import Parts
from recommender.machine_facts import has_fast_link
from recommender.methods.hardware_cost import move_pays
from recommender.methods.model_memory import Precision
from recommender.methods.realised_ratio import Phase, Ratio, realised_ratio
from recommender.subjects.services import Hourly


@dataclass(frozen=True)
class Speed:
    """How many times as fast a target is, each; ``basis`` own, measured, measured long ago or estimated."""

    ratio: Ratio
    basis: str
    source: str


@dataclass(frozen=True)
class Work:
    """What a service asks of machines: ``per_machine`` is bytes held by one, ``on_one`` the most on a device of it.

    ``joined`` says that the devices of one work together, ``shared`` that all of them do the work of one model; where
    they do not, ``load_on_one`` is the most that one of them does, at the percentile. ``in_parts`` is bytes held by all
    machines where each holds a part of one thing, as those that train together may.
    """

    demand: Hourly
    concurrent: Hourly
    per_machine: float
    on_one: float
    joined: bool
    model: ModelNeed | None
    precision: Precision
    least_machines: int
    shared: bool
    coverage: float = 1.0
    """Share of the hours it ran in which it was measured."""
    load_on_one: float = 0.0
    in_parts: float = 0.0


@dataclass(frozen=True)
class Move:
    """So many machines of a type instead, at the price of an hour of all; ``slow``: at the low end of the speed."""

    target: InstanceType
    price: Price
    speed: Speed
    machines: int
    hourly: Decimal
    slow: int


def moves_of(
    parts: Parts, present: InstanceType, price: Price, work: Work, settings: Recommend
) -> tuple[list[Move], list[str]]:
    """Moves that save enough, the cheapest first; and types that are cheap, whose speed nobody measured."""
    options, first = settings.accelerator, parts.machines[0]
    on = first.as_of.date()
    now = price.hourly_price * len(parts.machines)
    moves: list[Move] = []
    untried: list[str] = []
    for target in instance_types().values():
        if target.provider != first.provider or target.accelerator_type == present.accelerator_type:
            continue
        theirs = accelerator(target.accelerator_type)
        offer = first.price_of(target.instance_type)
        if (
            theirs is None
            or offer is None
            or offer.currency != price.currency
            or not _holds(target, theirs, offer, work, options, present=present.accelerator_type)
        ):
            continue
        speed = _speed(present.accelerator_type, theirs, work=work, stage=parts.whole.stage, on=on, options=options)
        if speed is None:
            if offer.hourly_price < price.hourly_price:
                untried.append(f"{target.instance_type} ({target.accelerator_type})")
            continue
        each_now, each = price.hourly_price / present.accelerators, offer.hourly_price / target.accelerators
        # a slower device does not do what one does now, and who may split it nobody knows
        too_slow = speed.ratio.low < 1 and work.load_on_one > speed.ratio.low * (1 - options.headroom)
        if too_slow or not move_pays(each_now, each, speed.ratio.planned):
            continue
        count = machines_for(work.demand, work.concurrent, target=target, speed=speed, work=work, options=options)
        hourly = offer.hourly_price * count
        if hourly <= now * Decimal(repr(1 - options.min_saving)):
            low = replace(speed, ratio=Ratio(speed.ratio.low, speed.ratio.low, speed.ratio.low))
            slow = machines_for(work.demand, work.concurrent, target=target, speed=low, work=work, options=options)
            moves.append(Move(target, offer, speed, count, hourly, slow))
    moves.sort(key=lambda move: (move.hourly, move.machines, move.target.instance_type))
    return moves, sorted(untried)


def _holds(
    target: InstanceType, card: Accelerator, offer: Price, work: Work, options: Accelerators, *, present: str
) -> bool:
    """Whether one machine of the type holds what each holds now, in its precision and joined as the work asks."""
    if not computes(card, work.precision) or target.vcpus is None or target.memory_gib is None:
        return False
    if work.model is not None:
        shape = Candidate(
            instance_type=target.instance_type,
            accelerator_type=target.accelerator_type,
            accelerators=target.accelerators,
            memory_gb=target.accelerators * card.memory_gb,
            vcpus=target.vcpus,
            memory_gib=target.memory_gib,
            price=offer,
            change="other_card",
        )
        split = degree_of(work.model, shape) if target.accelerators >= 1 else None
        return split is not None and (has_fast_link(card.name) or split == 1)
    each = _room(card, options)
    ours = accelerator(present)
    if work.on_one > each and (ours is None or card.memory_gb < ours.memory_gb) and not _own(present, card, options):
        # whether it may be split over smaller cards nobody knows but who ran it there
        return False
    degree = math.ceil(work.per_machine / each)
    # the number of heads is not known, and a power of two divides most
    degree = 1 << (degree - 1).bit_length()
    if degree > target.accelerators:
        return False
    return has_fast_link(card.name) or not (work.joined or degree > 1)


def _room(card: Accelerator | None, options: Accelerators) -> float:
    """Bytes that one card may hold."""
    return float(card.memory_gb) * 1e9 * (1 - options.memory_headroom) if card else 0.0


def _speed(
    present: str, target: Accelerator, *, work: Work, stage: str | None, on: date, options: Accelerators
) -> Speed | None:
    """One's own benchmark first, then what others measured, then an estimate within one maker."""
    if own := _own(present, target, options):
        newest = max(own, key=lambda row: row.on)
        return Speed(Ratio(newest.ratio, newest.ratio, newest.ratio), "own", f"{newest.source}, {newest.on}")
    card = accelerator(present)
    phase: Phase = "prefill" if stage in TRAINING else "serving"
    found = card and realised_ratio(card, target, precision=work.precision, phase=phase, on=on)
    return Speed(found.ratio, found.basis, found.source) if found else None


def _own(present: str, target: Accelerator, options: Accelerators) -> list[OwnRatio]:
    """Benchmarks of one's own on the target."""
    return [row for row in options.measured if (row.present, row.target) == (present, target.name)]


def machines_for(
    load: NDArray[np.float64],
    concurrent: NDArray[np.float64],
    *,
    target: InstanceType,
    speed: Speed,
    work: Work,
    options: Accelerators,
) -> int:
    """Whole machines for this demand and for the replicas there have to be.

    Devices that serve one model share its work; what runs on several devices without a known model may be several
    things, each of which keeps a device of its own. What lies on them in parts lies on as many as hold all of it.
    """
    percentile = float(np.nanpercentile(load, options.percentile * 100))
    carried = float(target.accelerators) * speed.ratio.planned * (1 - options.headroom)
    at_once = 0.0 if work.shared else float(np.nanmax(concurrent)) / max(float(target.accelerators), 1.0)
    room = float(target.accelerators) * _room(accelerator(target.accelerator_type), options)
    in_parts = work.in_parts / room if room else 0.0
    # what a rounding error adds is no reason for one more
    return max(*(math.ceil(number - 1e-9) for number in (percentile / carried, at_once, in_parts)), work.least_machines)
