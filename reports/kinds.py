"""What people call the kinds of recommendation: a title for a heading, and what to do in a few words for a list.

Written out here, and held against the kinds themselves by a test: the recommender takes seconds to load.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KindWords:
    """``title`` stands alone; ``does`` stands before the name of a resource: ``switch off i-1``."""

    title: str
    does: str


KINDS: dict[str, KindWords] = {
    "stop_idle": KindWords("Switch off what nobody uses", "switch off"),
    "storage": KindWords("Old disks, snapshots and checkpoints", "spend less on keeping"),
    "training_waste": KindWords("Lose less with runs that come to nothing", "waste less training of"),
    "past_plateau": KindWords("End runs that have stopped getting better", "stop training early of"),
    "rightsize": KindWords("Fewer or smaller accelerators", "make smaller"),
    "optimize_model": KindWords("The same model, made quicker", "make quicker"),
    "idle_capacity": KindWords("Give up reserved capacity nobody uses", "give up the capacity"),
    "consolidate": KindWords("Fewer machines for the same work", "use fewer machines for"),
    "relocate": KindWords("A cheaper region under the same law", "relocate"),
    "accelerator": KindWords("Another accelerator", "change the accelerator of"),
    "arm_host": KindWords("An Arm processor for work on processors", "move to an Arm processor"),
    "schedule": KindWords("On by the clock, or when asked", "run by the clock"),
    "scale_replicas": KindWords("As many machines as the hour asks for", "scale by the hour"),
    "spot": KindWords("Run on spot", "run on spot"),
    "auto_stop": KindWords("Stop by itself when idle", "stop when idle"),
    "batch": KindWords("Send what can wait as batches", "batch the calls of"),
    "prompt_cache": KindWords("Cache the part of prompts that repeats", "cache the prompts of"),
    "output_limit": KindWords("Shorter answers", "limit the answers of"),
    "route": KindWords("A smaller model for the easy calls", "route the easy calls of"),
    "managed_or_self_host": KindWords("Buy a model's tokens, or serve it oneself", "buy or serve"),
    "seats_and_credits": KindWords("Unused seats, and credits that will be lost", "use or end"),
    "commit": KindWords("Commit to what always runs", "commit to"),
}
"""By their names, in the order in which they are asked."""


def kind_title(kind: str) -> str:
    """A kind as a heading: ``stop_idle`` is ``Switch off what nobody uses``."""
    known = KINDS.get(kind)
    return known.title if known else kind.replace("_", " ").capitalize()


def kind_order(kind: str) -> int:
    """Its place among the kinds; what is not known comes last."""
    return list(KINDS).index(kind) if kind in KINDS else len(KINDS)
