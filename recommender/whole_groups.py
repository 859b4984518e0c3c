"""Advice on what a group sets once for all of its machines, their type or that they are spot: all of them, or none.

Assumes
    A fleet whose owner the bill proves (``owners.py``) starts its machines alike: a change of one is of them all.
Method
    Advice of one kind to one target stands where it names every running machine of the group, in one line or several.
    Lines that share a group, directly or through others, stand and fall together: they are as large as their sum, wait
    for what any of them waits for, and are decided on as one (``group_decisions.py``).
Cases
    One of them needs what it has, was never measured, or would do with another target: none of them stands.
    Together below ``recommend.min_monthly_saving``: none, however many there are; else all, however little each saves.
    A machine alone in its group, or of no proven owner, stands for itself.
Known drawbacks
    A group of mixed types that could change one of them is taken for one of a single type.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aispend.money import in_words
from recommender.contract import Advice, Kind, Subject, WhyNot
from recommender.owners import owner_of
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service

_Group = tuple[str, str | None, str | None, str, str]


def whole_groups(
    advice: Sequence[Advice], kinds: Sequence[Kind[Any]], least: Decimal = Decimal(0)
) -> tuple[list[Advice], list[WhyNot]]:
    """What may stand, in the same order, and why the rest may not; ``least`` is what a group has to save a month."""
    lines = lines_of_groups(advice, kinds)
    named: dict[tuple[str, str, _Group], set[str]] = defaultdict(set)
    for item in (advice[number] for numbers in lines for number in numbers):
        for machine in _in_groups(item):
            named[item.kind, item.target, _group(item, machine)].add(machine.resource_id)
    kept: dict[int, Advice] = dict(enumerate(advice))
    refused: dict[int, WhyNot] = {}
    for numbers in lines:
        together = [advice[number] for number in numbers]
        left_out = next(
            (
                (machine, len(ours))
                for item in together
                for machine in _in_groups(item)
                if len(ours := named[item.kind, item.target, _group(item, machine)]) <= machine.siblings
            ),
            None,
        )
        saved = sum((item.saving.effective for item in together), Decimal(0))
        gate = "; ".join(sorted({item.gate for item in together if item.gate})) or None
        for number in numbers:
            item = advice[number]
            if left_out is not None:
                refused[number] = _incomplete(item, *left_out)
            elif saved < least:
                refused[number] = _small(item, saved, least, len(numbers))
            else:
                kept[number] = _reworded(item if item.gate == gate else replace(item, gate=gate), together, kinds)
    return (
        [item for number, item in kept.items() if number not in refused],
        [refused[number] for number in sorted(refused)],
    )


def lines_of_groups(advice: Sequence[Advice], kinds: Sequence[Kind[Any]]) -> list[list[int]]:
    """Numbers of the lines that stand and fall together, each set in order; what acts on no group is in none."""
    asked = {kind.name for kind in kinds if kind.is_of_whole_group}
    first: dict[tuple[str, str, _Group], int] = {}
    leader: dict[int, int] = {}

    def find(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    for number, item in enumerate(advice):
        if item.kind not in asked:
            continue
        for machine in _in_groups(item):
            leader.setdefault(number, number)
            before = first.setdefault((item.kind, item.target, _group(item, machine)), number)
            one, other = sorted((find(before), find(number)))
            leader[other] = one
    together: dict[int, list[int]] = defaultdict(list)
    for number in leader:
        together[find(number)].append(number)
    return list(together.values())


def groups_of(item: Advice, kinds: Sequence[Kind[Any]]) -> list[str]:
    """Names of the groups it changes a setting of, those of a single machine included; none for other kinds.

    A name is of one group together with the provider, account and region of the line.
    """
    if not any(kind.name == item.kind and kind.is_of_whole_group for kind in kinds):
        return []
    return sorted({machine.fleet for machine in _owned(item.subject, item) if machine.fleet})


def is_shared(kind: Kind[Any], subject: Subject) -> bool:
    """Whether what a kind says of it is a part of what it says of a group with more machines."""
    return kind.is_of_whole_group and any(machine.siblings for machine in _owned(subject))


def _reworded(item: Advice, together: Sequence[Advice], kinds: Sequence[Kind[Any]]) -> Advice:
    """The line with the size of its group; of lines that reach beyond one group nobody can say whose it is."""
    reword = next(kind.of_group for kind in kinds if kind.name == item.kind)
    owned = [_group(one, machine) for one in together for machine in _in_groups(one)]
    if reword is None or len(set(owned)) > 1 or len(owned) < sum(max(len(one.acts_on), 1) for one in together):
        return item
    return reword(item, sum(int(one.evidence["machines"]) for one in together))


def _incomplete(item: Advice, machine: Machine, ours: int) -> WhyNot:
    owner = owner_of(machine)
    name = owner.name if owner else machine.fleet
    return WhyNot(
        item.kind,
        item.subject,
        "shared_group",
        f"{name} starts all of its machines alike, and {ours} of its {machine.siblings + 1} machines would do with "
        f"{item.target}: the others would not, or it is not known of them. Give these a group of their own, and look "
        "again.",
        item.monthly_cost,
    )


def _small(item: Advice, saved: Decimal, least: Decimal, lines: int) -> WhyNot:
    currency = item.subject.currency
    of_all = f", with all {lines} of its group together" if lines > 1 else ""
    return WhyNot(
        item.kind,
        item.subject,
        "small",
        f"It would save {in_words(saved, currency)} a month{of_all}, below the minimum of {in_words(least)} "
        "(recommend.min_monthly_saving).",
        item.monthly_cost,
    )


def _in_groups(item: Advice) -> Iterator[Machine]:
    """The machines it acts on that a group with more of them starts."""
    return (machine for machine in _owned(item.subject, item) if machine.siblings)


def _owned(subject: Subject, item: Advice | None = None) -> Iterator[Machine]:
    """Its machines, of a line those it acts on, that a group starts."""
    if isinstance(subject, Service):
        machines = [one.machine for one in subject.current]
        if item is not None and item.acts_on:
            machines = [one for one in machines if one.resource_id in item.acts_on]
    else:
        machines = [subject] if isinstance(subject, Machine) else []
    return (one for one in machines if one.fleet and owner_of(one) is not None)


def _group(item: Advice, machine: Machine) -> _Group:
    return machine.provider, machine.account, machine.region, machine.fleet or "", item.subject.currency
