"""Advice on a machine's type where a group sets one type for all of its machines: all of them, or none.

Assumes
    A fleet whose owner the bill proves (``owners.py``) has one machine type: a change of it is one of them all.
Method
    Advice of one kind to one type stands where it names every running machine of the group, in one line or several.
Cases
    One of them needs what it has, was never measured, or would do with another type: none of it stands.
    A machine alone in its group, or of no proven owner, stands for itself.
Known drawbacks
    A group of mixed types that could change one of them is taken for one of a single type. One whose machines each save
    less than ``recommend.min_monthly_saving`` has no advice, whatever they save together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from recommender.contract import Advice, Kind, WhyNot
from recommender.owners import owner_of
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service

_Group = tuple[str, str | None, str | None, str]


def whole_groups(advice: Sequence[Advice], kinds: Sequence[Kind[Any]]) -> tuple[list[Advice], list[WhyNot]]:
    """What may stand, in the same order, and why the rest may not."""
    asked = {kind.name for kind in kinds if kind.is_of_whole_group}
    named: dict[tuple[str, str, _Group], set[str]] = defaultdict(set)
    for item in advice:
        if item.kind in asked:
            for machine in _in_groups(item):
                named[item.kind, item.target, _group(machine)].add(machine.resource_id)
    kept: list[Advice] = []
    refused: list[WhyNot] = []
    for item in advice:
        left_out = None
        if item.kind in asked:
            left_out = next(
                (
                    (machine, len(ours))
                    for machine in _in_groups(item)
                    if len(ours := named[item.kind, item.target, _group(machine)]) <= machine.siblings
                ),
                None,
            )
        if left_out is None:
            kept.append(item)
        else:
            refused.append(_why_not(item, *left_out))
    return kept, refused


def _why_not(item: Advice, machine: Machine, ours: int) -> WhyNot:
    owner = owner_of(machine)
    name = owner.name if owner else machine.fleet
    return WhyNot(
        item.kind,
        item.subject,
        "shared_group",
        f"{name} sets one type for all, and {ours} of its {machine.siblings + 1} machines would do with {item.target}: "
        "the others would not, or it is not known of them. Give these a group of their own, and look again.",
        item.monthly_cost,
    )


def _in_groups(item: Advice) -> Iterator[Machine]:
    """The machines it acts on that a group with more of them starts."""
    subject = item.subject
    if isinstance(subject, Service):
        machines = [one.machine for one in subject.current]
        machines = [one for one in machines if not item.acts_on or one.resource_id in item.acts_on]
    else:
        machines = [subject] if isinstance(subject, Machine) else []
    return (one for one in machines if one.fleet and one.siblings and owner_of(one) is not None)


def _group(machine: Machine) -> _Group:
    return machine.provider, machine.account, machine.region, machine.fleet or ""
