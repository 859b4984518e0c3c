"""The judging of advice: what was said of a machine, against what is known of it, with simple rules beside it.

A size is right where it would have held the last thirty days: in every slot the memory really needed fits, and in all
but 0.5 % the work does, another card reckoned at the smaller of its ratios of dense bf16 and bandwidth.

The rules beside it are AWS's of idle instances (processor and network are what a machine of the class would have, as
nobody measures them here) and, for sizes, an average utilization below 40 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aispend.prices.accelerators import accelerator, instance_type
from benchmarks.labelled_fleet import BY_NAME
from recommender.methods.idle import cloud_rule_finds

WINDOW_DAYS = 14
OVER_CAPACITY = 0.005
"""Share of slots in which a right size may be too small for the work; never for the memory."""
AVERAGE = 0.4
"""Average utilization below which the naive rule calls a machine too large."""
QUIET = (0.02, 1e6)
"""Processor, and bytes of network a day, of a machine nobody uses."""
IN_USE = (0.4, 5e9)
"""And of any other."""


class Resource(NamedTuple):
    """What bills and truth both know a machine by."""

    provider: str
    id: str


@dataclass(frozen=True)
class Really:
    """What a machine did in the last thirty days, by five-minute slot: what no advice may contradict."""

    stamps: NDArray[Any]
    memory: NDArray[np.float64]
    """Bytes needed on all accelerators together."""
    one_card: NDArray[np.float64]
    total: NDArray[np.float64]
    load: NDArray[np.float64]
    """In accelerators of its type."""
    busiest: NDArray[np.float64]

    def recent(self, days: int) -> NDArray[np.bool_]:
        """The slots of the last days."""
        edge = self.stamps.max() - np.timedelta64(days, "D") if self.stamps.size else None
        return self.stamps > edge if edge is not None else np.zeros(0, dtype=bool)


@dataclass(frozen=True)
class Labelled:
    """A machine with its class; ``really`` is None where nothing was measured."""

    resource: Resource
    fleet: str
    label: str
    machine: str
    really: Really | None


@dataclass(frozen=True)
class Said:
    """One recommendation, or a baseline's."""

    kind: str
    target: str
    net: Decimal | None = None
    confidence: str = ""


@dataclass(frozen=True)
class Carries:
    """What a proposed size would have met: slots in which memory did not fit, and whether it is a right size at all."""

    memory_slots: int
    card_slots: int
    """Slots in which one accelerator held more than one of the proposed has."""
    holds: bool


@dataclass(frozen=True)
class Judged:
    """The verdict on one kind of advice for one machine, and on the baseline's; None where it cannot be told."""

    kind: str
    label: str
    resource: Resource
    fleet: str
    wanted: bool
    right: bool | None
    baseline: bool
    baseline_right: bool | None
    carries: Carries | None = None
    said: Said | None = None


def carries(really: Really, provider: str, present: str, target: str) -> Carries | None:
    """What a size would have met; None where the type or its accelerators are not known."""
    now, then = instance_type(provider, present), instance_type(provider, target)
    if now is None or then is None:
        return None
    ours, theirs = accelerator(now.accelerator_type), accelerator(then.accelerator_type)
    if ours is None or theirs is None:
        return None
    ratio = 1.0
    if ours is not theirs:
        speeds = [(ours.bf16_tflops, theirs.bf16_tflops), (ours.bandwidth_gb_s, theirs.bandwidth_gb_s)]
        known = [float(new / old) for old, new in speeds if old and new]
        ratio = min(known, default=0.0)
    each = float(theirs.memory_gb) * 1e9
    count = max(float(then.accelerators), 1.0)
    memory = int((really.memory > each * float(then.accelerators)).sum())
    card = int((really.one_card > each).sum())
    over = float((really.load > count * ratio).mean())
    return Carries(memory, card, memory == 0 and over <= OVER_CAPACITY)


def judge(machine: Labelled, said: Sequence[Said], kind: str) -> Judged:
    """One kind of advice for one machine against its class, with the baseline beside it."""
    right = BY_NAME[machine.label].right.of(kind)
    mine = next((one for one in said if one.kind == kind), None)
    found = None
    if mine is not None and kind == "rightsize" and machine.really is not None:
        found = carries(machine.really, machine.resource.provider, machine.machine, mine.target)
    told: bool | None = None
    if mine is not None and right != "fine":
        told = right != "wrong"
        if told and kind == "rightsize" and found is not None:
            told = found.holds
        if right == "if it carries" and found is None:
            told = None
    baseline = _baseline(machine, kind)
    naive = {"wanted": True, "wrong": False, "if it carries": False, "fine": None}[right] if baseline else None
    return Judged(
        kind, machine.label, machine.resource, machine.fleet, right == "wanted", told,
        baseline, naive, found, mine,
    )  # fmt: skip


def _baseline(machine: Labelled, kind: str) -> bool:
    if machine.really is None or not machine.really.stamps.size:
        return False
    recent = machine.really.recent(WINDOW_DAYS)
    if kind == "stop_idle":
        processor, network = QUIET if _is_quiet(machine) else IN_USE
        return cloud_rule_finds(
            inactive_share=float((machine.really.busiest[recent] < 0.01).mean()),
            memory_share=float((machine.really.memory / machine.really.total)[recent].max()),
            processor_max=processor,
            network_bytes_per_day=network,
        )
    if kind == "rightsize":
        count = instance_type(machine.resource.provider, machine.machine)
        cards = float(count.accelerators) if count else 1.0
        return float(machine.really.load[recent].mean()) / cards < AVERAGE
    return False


def _is_quiet(machine: Labelled) -> bool:
    """Whether processor and network would be still in the window: what class and accelerators say."""
    assert machine.really is not None
    worked = bool((machine.really.busiest[machine.really.recent(WINDOW_DAYS)] > 0.1).any())
    return not worked and machine.label not in (
        "requests without visible use", "power without counted activity", "low steady load",
    )  # fmt: skip


@dataclass(frozen=True)
class Score:
    """Machines a kind of advice is wanted on, those that got it, and advice told right and wrong; of ours or a rule."""

    wanted: int
    found: int
    right: int
    wrong: int

    @property
    def precision(self) -> float | None:
        """Percent of the advice that is right; None where there is none."""
        return 100 * self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """Percent of the wanted that was found; None where none is wanted."""
        return 100 * self.found / self.wanted if self.wanted else None


def score(judged: Iterable[Judged], *, baseline: bool = False) -> Score:
    """What is counted of some verdicts."""
    wanted = found = right = wrong = 0
    for one in judged:
        told = one.baseline_right if baseline else one.right
        wanted += one.wanted
        found += one.wanted and told is True
        right += told is True
        wrong += told is False
    return Score(wanted, found, right, wrong)
