"""Which recommendations can be done together, and what each then adds: the best feasible combination.

Assumes
    A saving is a share of the cost of each resource it acts on, the same share of all of them.
Method
    Advice conflicts where it meets on a resource and may not be combined (contract: one of each step, ``alone``,
    ``excludes``). Shares multiply and never add: of what those before it leave, in the order of the steps. Of the
    combinations without a conflict the one that saves most net is taken, exactly, group by group of advice that shares
    resources. What a person has accepted is in it before anything else, and so is what was done and is found as before:
    its evidence is of days before. Who asks counts it no more.
    Commitments come last, at the size they are shown with, and save what they do on the hours that all other counted
    changes leave (``portfolio_commitments.py``). One that was accepted, or bought since the newest bill, keeps its
    usage: spot takes what is beyond, the largest saving first.
    Lines of a group (``whole_groups.py``) are one choice: all of them, or all but those whose machines are removed.
Cases
    Groups of more than ``EXACT`` proposals are combined greedily, the largest saving first.
    Estimates, what waits for its gate, and what saves nothing net count for nothing.
    Proposals look back over windows of their own and may give a resource different costs: that of the shortest window
    holds, the least of equal ones, and each takes its share of that, or of its own where that is more, so that the
    total never exceeds what it costs now. What commitments say, which look back longest, and what some runs cost, which
    is a part of it, holds only where no other proposal acts on it: the largest.
Sources
    docs/advice.md; methods, combining savings (T10.1).
Known drawbacks
    A saving that falls on one part of a resource's cost and another on a different part are taken to overlap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from math import inf, prod
from types import MappingProxyType
from typing import Any

from recommender.contract import Advice, Kind, Step
from recommender.methods.hours_used import HOURS_PER_DAY
from recommender.methods.offered import Left
from recommender.portfolio_commitments import (
    BESIDE_COMMITMENT,
    Commitment,
    Option,
    Pools,
    settle,
    shares_counted,
    together,
)
from recommender.whole_groups import lines_of_groups

EXACT = 16
"""Proposals of one group that are still combined exactly."""
_CENT = Decimal("0.01")
_EXACT_TO = Decimal("0.000001")
"""What is left of a commitment's saving is a share with twelve digits."""
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Counted:
    """What a proposal adds to the total each month, after those before it; all 0 where it does not count.

    ``list_cost`` is None where the saving at list price is unknown. ``by_resource`` is ``net`` on each resource.
    ``remark`` is a sentence on what stands in its way, with a space before it.
    """

    list_cost: Decimal | None
    effective: Decimal
    net: Decimal
    by_resource: Mapping[str, Decimal] = field(default_factory=dict)
    remark: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is part of the best combination."""
        return self.net > 0


NOT_COUNTED = Counted(_NOTHING, _NOTHING, _NOTHING)
BESIDE_DONE = (
    " Not counted: it cannot be done beside what was done already, and the days it rests on are from before that."
)


def combine(
    advice: Sequence[Advice],
    kinds: Iterable[Kind[Any]],
    accepted: Callable[[Advice], bool] = lambda _: False,
    bought: Sequence[Advice] = (),
    done: Callable[[Advice], bool] = lambda _: False,
) -> list[Counted]:
    """What each of ``advice`` adds, in its order; ``bought`` are commitments that no bill shows yet.

    What was ``accepted`` is out of the usage that commitments were sized on. What is ``done`` is accepted too.
    """
    known = {kind.name: kind for kind in kinds}
    able = [
        number
        for number, item in enumerate(advice)
        if item.gate is None and not item.estimate_only and item.saving.net > 0
    ]
    wide = [number for number in able if known[advice[number].kind].step is Step.COMMIT]
    parts = _Parts(advice, known, frozenset(number for number in able if done(advice[number])))
    owned = [*bought, *(advice[number] for number in wide if accepted(advice[number]))]
    choices = parts.choices([number for number in able if number not in wide])
    to_buy: list[_Choice] = []
    for number in sorted(wide, key=lambda item: (not accepted(advice[item]), -advice[item].saving.net, item)):
        if not parts.clash(one := _Choice((number,), frozenset((number,))), to_buy):
            to_buy.append(one)
    offers = [
        Commitment(item, item.commits, line, line is None or accepted(item))
        for item, line in (
            *((item, None) for item in bought),
            *((advice[one.lines[0]], one.lines[0]) for one in to_buy),
        )
        if item.commits is not None
    ]
    pools = Pools(offers)
    options: list[Option] = []
    for group in _groups(parts.beside(choices, owned, accepted), advice):
        forced = _greedy([one for one in group if any(accepted(advice[number]) for number in one.lines)], [], parts)
        free = [one for one in group if one not in forced and not parts.clash(one, forced)]
        best = _best(free, forced, parts) if len(free) <= EXACT else _greedy(free, forced, parts)
        for some, gain in (
            (forced, parts.total(forced)),
            (best[len(forced) :], parts.total(best) - parts.total(forced)),
        ):
            lines = parts.ordered(number for one in some for number in one.lines)
            takes = pools.takes(advice[number] for number in lines if not accepted(advice[number]))
            options.append(Option(tuple(lines), gain, takes, free=some is not forced))
    stands = list(zip(options, settle(options, offers), strict=True))
    found = parts.counted([one for one, stays in stands if stays], pools, accepted)
    remarks = {line: BESIDE_COMMITMENT for one, stays in stands if not stays for line in one.lines}
    carried_out = [one for one in choices if parts.done & set(one.lines)]
    in_force = {line for one, stays in stands if stays for line in one.lines}
    for one in choices:
        if in_force.isdisjoint(one.lines) and parts.clash(one, carried_out):
            remarks |= dict.fromkeys(one.lines, BESIDE_DONE)
    return [replace(one, remark=remarks.get(line, one.remark)) for line, one in enumerate(found)]


@dataclass(frozen=True)
class _Choice:
    """Proposals that are chosen together or not at all: ``lines``; of a group those of ``whole`` that are left."""

    lines: tuple[int, ...]
    whole: frozenset[int]


class _Parts:
    """The shares of all proposals, and how they combine."""

    def __init__(self, advice: Sequence[Advice], kinds: Mapping[str, Kind[Any]], done: frozenset[int]) -> None:
        self.advice, self.kinds, self.done = advice, kinds, done
        self.resources = [item.resources for item in advice]
        newest: dict[str, tuple[float, Decimal]] = {}
        most: dict[str, Decimal] = {}
        for item, own in zip(advice, self.resources, strict=True):
            is_whole = kinds[item.kind].step is not Step.COMMIT and not kinds[item.kind].is_of_part
            for name, cost in own.items():
                if is_whole:
                    newest[name] = min((_window(item), cost), newest.get(name, (inf, cost)))
                else:
                    most[name] = max(cost, most.get(name, cost))
        self.cost = most | {name: cost for name, (_, cost) in newest.items()}

    def choices(self, able: Sequence[int]) -> list[_Choice]:
        """Each of ``able`` by itself; lines of a group as one, once with and once without machines that may go."""
        of_groups = [numbers for numbers in lines_of_groups(self.advice, list(self.kinds.values())) if len(numbers) > 1]
        grouped = {number for numbers in of_groups for number in numbers}
        found = [_Choice((number,), frozenset((number,))) for number in able if number not in grouped]
        ready = set(able)
        going = {name for number in able if self._removes(number) for name in self.resources[number]}
        for numbers in of_groups:
            # one that waits for something keeps all of its group; one that saves nothing net changes with it
            if any(self.advice[number].gate or self.advice[number].estimate_only for number in numbers):
                continue
            lines = tuple(number for number in numbers if number in ready)
            staying = tuple(number for number in lines if going.isdisjoint(self.resources[number]))
            found += [_Choice(some, frozenset(numbers)) for some in dict.fromkeys((lines, staying)) if some]
        return sorted(found, key=lambda one: (one.lines[0], -len(one.lines)))

    def beside(
        self, choices: Sequence[_Choice], owned: Sequence[Advice], accepted: Callable[[Advice], bool]
    ) -> list[_Choice]:
        """Those that leave each commitment the usage it pays for; of spot what is accepted, then what saves most."""
        free = [sum(item.resources.values(), _NOTHING) - (item.pays_for or _NOTHING) for item in owned]
        left_out: set[_Choice] = set()
        on_spot = [one for one in choices if self._step(one) is Step.SPOT]
        rank = {
            one: (not any(accepted(self.advice[number]) for number in one.lines), -self.net(one)) for one in on_spot
        }
        for one in sorted(on_spot, key=lambda choice: (rank[choice], choice.lines)):
            names = {name for number in one.lines for name in self.resources[number]}
            takes = [sum((cost for name, cost in item.resources.items() if name in names), _NOTHING) for item in owned]
            if any(part > room for part, room in zip(takes, free, strict=True)):
                left_out.add(one)
            else:
                free = [room - part for part, room in zip(takes, free, strict=True)]
        return [one for one in choices if one not in left_out]

    def _step(self, one: _Choice) -> Step:
        return self.kinds[self.advice[one.lines[0]].kind].step

    def _removes(self, number: int) -> bool:
        kind = self.kinds[self.advice[number].kind]
        return kind.alone and kind.step is Step.REMOVE

    def clash(self, one: _Choice, others: Iterable[_Choice]) -> bool:
        return any(self._clash(one, other) for other in others)

    def _clash(self, one: _Choice, other: _Choice) -> bool:
        """What removes a machine meets the lines that are left of a group; everything else all of it."""
        if one.whole & other.whole:
            return True
        ours = one.lines if any(map(self._removes, other.lines)) else one.whole
        theirs = other.lines if any(map(self._removes, one.lines)) else other.whole
        return any(self._conflict(a, b) for a in ours for b in theirs)

    def net(self, one: _Choice) -> Decimal:
        return sum((self.advice[number].saving.net for number in one.lines), _NOTHING)

    def _conflict(self, one: int, other: int) -> bool:
        if one == other or self.resources[one].keys().isdisjoint(self.resources[other]):
            return False
        if any(a in self.done and self._removes(b) and not self._removes(a) for a, b in ((one, other), (other, one))):
            # what was made smaller or put on a schedule can be removed still
            return False
        ours, theirs = self.kinds[self.advice[one].kind], self.kinds[self.advice[other].kind]
        if ours.alone or theirs.alone or theirs.name in ours.excludes or ours.name in theirs.excludes:
            return True
        return ours.step is theirs.step and theirs.name not in ours.together and ours.name not in theirs.together

    def ordered(self, chosen: Iterable[int]) -> list[int]:
        """What was done acts first, then each in the order of its step."""
        steps = {number: self.kinds[self.advice[number].kind].step for number in chosen}
        return sorted(steps, key=lambda number: (number not in self.done, steps[number], number))

    def share(self, number: int, name: str, amount: Decimal) -> Decimal:
        """Share of the cost of a resource that a proposal takes away, where it saves ``amount`` on all of its own.

        Where the resource costs less than the proposal says, the share is the proposal's.
        """
        own = self.resources[number]
        whole, of = sum(own.values(), _NOTHING), max(own[name], self.cost[name])
        return min(amount * own[name] / whole / of, Decimal(1)) if whole and of else _NOTHING

    def steps(
        self,
        chosen: Iterable[int],
        amount: Callable[[Advice], Decimal],
        shares: Mapping[int, Decimal] = MappingProxyType({}),
    ) -> tuple[dict[int, dict[str, Decimal]], dict[str, Decimal]]:
        """What each of the chosen changes adds on each of its resources, in the order of the steps, and what is left.

        ``shares`` is the part of what a proposal takes away that is saved, where that is not all of it.
        """
        left = dict(self.cost)
        added: dict[int, dict[str, Decimal]] = {}
        for number in self.ordered(chosen):
            saved = added[number] = {}
            for name in self.resources[number]:
                part = left[name] * self.share(number, name, amount(self.advice[number]))
                left[name] -= part
                saved[name] = part * shares.get(number, Decimal(1))
        return added, left

    def total(self, chosen: Iterable[_Choice]) -> Decimal:
        lines = [number for one in chosen for number in one.lines]
        parts, _ = self.steps(lines, lambda item: item.saving.net)
        return sum((saved for part in parts.values() for saved in part.values()), _NOTHING)

    def counted(self, options: Sequence[Option], pools: Pools, accepted: Callable[[Advice], bool]) -> list[Counted]:
        """What each proposal adds where these changes are done, and each commitment on what they leave.

        The usage of commitments is without what was ``accepted`` already.
        """
        lines = self.ordered(line for one in options for line in one.lines)
        shares = shares_counted(options, pools.commitments)
        net, left = self.steps(lines, lambda item: item.saving.net, shares)
        effective, left_at_rate = self.steps(lines, lambda item: item.saving.effective, shares)
        lefts = pools.lefts(self.advice[line] for line in lines if not accepted(self.advice[line]))
        remarks: dict[int, str] = {}
        for number, one in enumerate(pools.commitments):
            if one.line is None:
                continue
            taken = together(number, options, pools.commitments)
            remarks[one.line] = one.remark(taken)
            if (kept := one.offered.kept(taken)) > 0:
                weights = self._weights(one.line, lefts.get(number, {}))
                net[one.line] = _spread(kept * one.item.saving.net, weights, left)
                effective[one.line] = _spread(kept * one.item.saving.effective, weights, left_at_rate)
        return [
            self._one(item, effective[line], net[line], remarks.get(line, ""))
            if line in net
            else replace(NOT_COUNTED, remark=remarks.get(line, ""))
            for line, item in enumerate(self.advice)
        ]

    def _weights(self, line: int, lefts: Mapping[str, Sequence[Left]]) -> dict[str, Decimal]:
        """What the resources of a commitment still use, by their cost."""
        return {
            name: prod((left.share for left in lefts.get(_plain(name), ())), start=cost)
            for name, cost in self.resources[line].items()
        }

    @staticmethod
    def _one(item: Advice, effective: Mapping[str, Decimal], net: Mapping[str, Decimal], remark: str) -> Counted:
        at_rate = sum(effective.values(), _NOTHING)
        listed = item.saving.list_cost
        if listed is not None and item.saving.effective:
            listed = _down(listed * at_rate / item.saving.effective)
        by_resource = {_plain(name): _down(saved) for name, saved in net.items()}
        return Counted(listed, _down(at_rate), sum(by_resource.values(), _NOTHING), by_resource, remark)


def _best(free: Sequence[_Choice], forced: Sequence[_Choice], parts: _Parts) -> list[_Choice]:
    """The combination that saves most; of equals the one with fewer, then earlier, proposals."""
    best, most = list(forced), parts.total(forced)

    def extend(taken: list[_Choice], rest: Sequence[_Choice]) -> None:
        nonlocal best, most
        for place, one in enumerate(rest):
            if parts.clash(one, taken):
                continue
            larger = [*taken, one]
            total = parts.total(larger)
            if total > most:
                best, most = larger, total
            extend(larger, rest[place + 1 :])

    extend(list(forced), free)
    return best


def _greedy(free: Sequence[_Choice], forced: Sequence[_Choice], parts: _Parts) -> list[_Choice]:
    taken = list(forced)
    for one in sorted(free, key=lambda item: (-parts.net(item), item.lines)):
        if not parts.clash(one, taken):
            taken.append(one)
    return taken


def _groups(choices: Sequence[_Choice], advice: Sequence[Advice]) -> list[list[_Choice]]:
    """Choices that share resources, directly or through others; in order."""
    first: dict[str, int] = {}
    leader = {number: number for number in range(len(choices))}

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    for number, choice in enumerate(choices):
        for name in (name for line in sorted(choice.whole) for name in advice[line].resources):
            one, other = sorted((find(first.setdefault(name, number)), find(number)))
            leader[other] = one
    groups: dict[int, list[_Choice]] = defaultdict(list)
    for number, choice in enumerate(choices):
        groups[find(number)].append(choice)
    return list(groups.values())


def _window(item: Advice) -> float:
    """Days it looks back over; beyond all others where that is not said."""
    hours = item.evidence.get("window_hours")
    return float(item.evidence.get("window_days", inf) if hours is None else hours / HOURS_PER_DAY)


def _spread(amount: Decimal, weights: Mapping[str, Decimal], left: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """An amount by weight, in cents that add up to it; nowhere more than what is left of the cost."""
    whole = sum(weights.values(), _NOTHING)
    if not whole:
        return {}
    known, found = amount.quantize(_EXACT_TO), dict[str, Decimal]()
    reached = given = _NOTHING
    for name, weight in weights.items():
        reached += weight
        part = _down(known * reached / whole) - given
        given += part
        found[name] = min(part, left[name])
    return found


def _plain(name: str) -> str:
    """A resource as its provider names it."""
    return name.rsplit("\x1f", 1)[-1]


def _down(amount: Decimal) -> Decimal:
    """To the cent, never up: rounded savings may not exceed the cost together."""
    return amount.quantize(_CENT, rounding=ROUND_DOWN)
