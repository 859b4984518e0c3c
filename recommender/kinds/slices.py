"""Slices of cards (MIG) for small work on a node that others share: capacity set free, not yet money."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from aispend.advising import Recommend
from aispend.percents import percent
from aispend.sizing import Rightsize
from aispend.tag_keys import is_part
from recommender.actions import describe
from recommender.contract import Advice
from recommender.evidence import load_evidence, machine_price, not_replayed
from recommender.kinds.demand import demand_of, last_days
from recommender.kinds.limits import load_at
from recommender.methods.mig import Profile, cards_needed, profiles, smallest
from recommender.methods.states import SLOTS_PER_DAY, SLOTS_PER_HOUR, measured_until
from recommender.savings import saving
from recommender.subjects.machines import Machine

MIN_FREED = Decimal("0.25")
"""Share of the node below which slicing is not worth draining its cards."""
_SHARED = ("eks:cluster-name", "eks:nodegroup-name", "karpenter.sh/nodepool", "kubernetes.io/cluster", "goog-k8s-",
           "goog-gke-", "aks-managed-")  # fmt: skip


@dataclass(frozen=True)
class _Sliced:
    slices: tuple[Profile, ...]
    whole: int
    idle: int


def is_shared(subject: Machine) -> bool:
    """Whether the bill proves a Kubernetes node, where other work can take what is left of a card."""
    by_tag = any(is_part(mark, key) for key in subject.tags for mark in _SHARED)
    return by_tag or "/managedclusters/" in subject.resource_id.lower()


def sliced(subject: Machine, settings: Recommend, cost: Decimal) -> Advice | None:
    """The slices that are enough for what runs on each card; None where that frees little, or nobody could use it."""
    history, count = subject.accelerators, int(subject.accelerator_count or 0)
    card = subject.accelerator_type or ""
    if history is None or not count or not profiles(card) or not is_shared(subject):
        return None
    options = settings.rightsize
    found = _slice(subject, options)
    cards = None if found is None else found.whole + cards_needed(found.slices)
    if found is None or cards is None or not found.slices:
        return None
    taken = found.whole + found.idle + sum((one.share for one in found.slices), start=0 * found.slices[0].share)
    freed = 1 - Decimal(taken.numerator) / taken.denominator / count
    if freed < MIN_FREED:
        return None
    names = ", ".join(one.name for one in found.slices)
    used = last_days(demand_of(history), options.window_days)
    return Advice(
        kind="rightsize",
        subject=subject,
        current=describe(subject),
        proposed=f"MIG slices {names} of {cards} cards; the rest of the node for other pods",
        monthly_cost=cost,
        saving=saving(subject, options.window_days, freed),
        risk=4,
        confidence="low",
        effort="medium",
        reason=(
            f"What runs on {len(found.slices)} of its {count} cards would fit slices of {cards} of them. "
            f"The node costs the same: this is worth {percent(freed)} of it only once other pods use the rest."
        ),
        undo="set the profile all-disabled and let the pods ask for whole cards again",
        command=(
            "# drain the node first; every pod has to ask for its slice (nvidia.com/mig-…) instead of a card\n"
            "# with NVIDIA's operator, MIG strategy mixed: label the node nvidia.com/mig.config with these profiles"
        ),
        target="mig",
        evidence={
            "window_days": options.window_days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(float((~np.isnan(used.load)).mean()), 4),
            **load_evidence(used.load, used.concurrent),
            **not_replayed("what other pods would do with the rest of its cards is in no history"),
            **machine_price(subject),
            "slices": [one.name for one in found.slices],
            "cards_needed": cards,
            "freed_share": str(freed.quantize(Decimal("0.0001"))),
        },
        estimate_only=True,
        evidence_until=measured_until(history),
    )


def _slice(subject: Machine, options: Rightsize) -> _Sliced | None:
    """The profile of each card's work; None where activity or memory of one is unknown."""
    history = subject.accelerators
    if history is None:
        return None
    days = options.window_days
    activity = history.activity_max[:, -days * SLOTS_PER_DAY :]
    memory = history.memory_used_max[:, -days * SLOTS_PER_DAY // SLOTS_PER_HOUR :]
    slices, whole, idle = [], 0, 0
    for used, held in zip(activity, memory, strict=True):
        load = load_at(used.astype(np.float64), options.percentile, by_work=False)
        most = float(np.fmax.reduce(held, initial=-np.inf))
        if np.isnan(load) or np.isinf(most):
            return None
        if not load > 0:
            idle += 1
            continue
        profile = smallest(
            subject.accelerator_type or "",
            load,
            most,
            compute_headroom=options.compute_headroom,
            memory_headroom=options.memory_headroom,
        )
        if profile is None or profile.share == 1:
            whole += 1
        else:
            slices.append(profile)
    return _Sliced(tuple(slices), whole, idle)
