"""Work of which the right advice is known, of the kinds that rest on bills, tokens, runs, disks, seats and replicas.

Data flow::

    draw(seed)          units of each class of ``CLASSES``: sizes, teams, regions and types vary by the seed
      └ work_files      the files a customer delivers: a second FOCUS bill of AWS, inference usage, workloads, curves,
      │                 accelerator metrics, an inventory with disks and checkpoints, own costs, rules of the settings
      └ its imports     into the database of the sample company, before the analysis and the recommendations
    recommendations ──  work_judge: advice by account (and model) against the class's right answers, a rule beside it

Each unit stands in an account of its own, by which advice on it is recognised, and in regions of which the company has
no market of its own. What no file form brings is written as its collector keeps it: listings of snapshots, and prices
on demand, committed and on spot (interruption bands come from AWS's public file, through the reader of it).

A class says what a careful engineer wants (``Right``); who disagrees changes it there, once. What nobody can know is
said in the class: *measured* by the company and told in its settings, or not. The answers follow from how the work was
drawn, never from what the recommender reckons: that nobody waits, that a run came to nothing, that a seat is empty.

``NOT_JUDGED`` names the kinds without a truth of their own here, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import work_bought, work_machines, work_runs
from benchmarks.work_parts import REGIONS, TEAMS, Unit, Work, one

CLASSES: tuple[Work, ...] = (*work_bought.CLASSES, *work_machines.CLASSES, *work_runs.CLASSES)
BY_NAME = {work.name: work for work in CLASSES}
KINDS = (
    "batch", "prompt_cache", "output_limit", "managed_or_self_host", "seats_and_credits", "storage", "commit", "spot",
    "idle_capacity", "consolidate", "scale_replicas", "training_waste", "past_plateau",
)  # fmt: skip
NOT_JUDGED = {
    "accelerator": "how fast another card does the work is only known by a benchmark, which nothing here has run",
    "arm_host": "as another accelerator: a ratio written down for it would be the answer itself",
    "optimize_model": "whether answers stay good is only known by an evaluation, and it never counts before",
    "route": "as answers of a smaller model: an evaluation nobody can draw, and it never counts before",
    "relocate": "what is cheaper elsewhere is the price list itself, held against itself it is always right",
}
"""Kinds that cannot be labelled honestly here, and why."""


@dataclass(frozen=True)
class LabelledWork:
    """The units of a seed."""

    seed: int
    units: Sequence[Unit]


def draw(seed: int, per_class: int) -> LabelledWork:
    """The work of a seed; the same for the same seed, whatever else is drawn."""
    units = []
    for index, work in enumerate(CLASSES):
        for number in range(min(per_class, work.most)):
            rng = np.random.default_rng([seed, 7_000 + index, number])
            unit = Unit(f"77{index:04d}{number:04d}00", work.name, one(rng, REGIONS), one(rng, TEAMS))
            units.append(work.draw(rng, unit))
    return LabelledWork(seed, units)
