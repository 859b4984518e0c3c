"""Which recommendations can be done together, and what each then adds: the best feasible combination.

Assumes
    A saving is a share of the cost of each resource it acts on, the same share of all of them.
Method
    Advice conflicts where it meets on a resource and may not be combined (contract: one of each step, ``alone``,
    ``excludes``). Shares multiply and never add: of what those before it leave, in the order of the steps. Of the
    combinations without a conflict the one that saves most net is taken, exactly, group by group of advice that shares
    resources. What a person has accepted is in it before anything else.
    Commitments come last and only buy what is left: of a resource that a chosen spot proposal acts on, nothing.
Cases
    Groups of more than ``EXACT`` proposals are combined greedily, the largest saving first.
    Estimates, what waits for its gate, and what saves nothing net count for nothing.
    Proposals look back over windows of their own and may give a resource different costs: the least of them holds (of
    commitments', which look back longest, only where no other proposal acts on it), so that the total never exceeds
    what any of them says it costs.
Sources
    docs/advice.md; methods, combining savings (T10.1).
Known drawbacks
    A saving that falls on one part of a resource's cost and another on a different part are taken to overlap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

from recommender.contract import Advice, Kind, Step

EXACT = 16
"""Proposals of one group that are still combined exactly."""
_CENT = Decimal("0.01")
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Counted:
    """What a proposal adds to the total each month, after those before it; all 0 where it does not count.

    ``list_cost`` is None where the saving at list price is unknown. ``by_resource`` is ``net`` on each resource.
    """

    list_cost: Decimal | None
    effective: Decimal
    net: Decimal
    by_resource: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether it is part of the best combination."""
        return self.net > 0


NOT_COUNTED = Counted(_NOTHING, _NOTHING, _NOTHING)


def combine(
    advice: Sequence[Advice], kinds: Iterable[Kind[Any]], accepted: Callable[[Advice], bool] = lambda _: False
) -> list[Counted]:
    """What each of ``advice`` adds, in its order."""
    known = {kind.name: kind for kind in kinds}
    able = [
        number
        for number, item in enumerate(advice)
        if item.gate is None and not item.estimate_only and item.saving.net > 0
    ]
    wide = [number for number in able if known[advice[number].kind].step is Step.COMMIT]
    parts = _Parts(advice, known)
    chosen: list[int] = []
    for group in _groups([number for number in able if number not in wide], advice):
        forced = _greedy([number for number in group if accepted(advice[number])], [], parts)
        free = [number for number in group if number not in forced and not parts.clash(number, forced)]
        chosen += _best(free, forced, parts) if len(free) <= EXACT else _greedy(free, forced, parts)
    for number in sorted(wide, key=lambda item: (not accepted(advice[item]), -advice[item].saving.net, item)):
        if not parts.clash(number, [other for other in chosen if other in wide]):
            chosen.append(number)
    return parts.counted(chosen)


class _Parts:
    """The shares of all proposals, and how they combine."""

    def __init__(self, advice: Sequence[Advice], kinds: Mapping[str, Kind[Any]]) -> None:
        self.advice, self.kinds = advice, kinds
        self.resources = [item.resources for item in advice]
        self.cost: dict[str, Decimal] = {}
        others_first = sorted(
            range(len(advice)), key=lambda number: (kinds[advice[number].kind].step is Step.COMMIT, number)
        )
        for number in others_first:
            is_wide = kinds[advice[number].kind].step is Step.COMMIT
            for name, cost in self.resources[number].items():
                known = self.cost.get(name)
                if known is None or (cost < known and not is_wide):
                    self.cost[name] = cost

    def clash(self, number: int, others: Iterable[int]) -> bool:
        return any(self._conflict(number, other) for other in others)

    def _conflict(self, one: int, other: int) -> bool:
        if one == other or self.resources[one].keys().isdisjoint(self.resources[other]):
            return False
        ours, theirs = self.kinds[self.advice[one].kind], self.kinds[self.advice[other].kind]
        if ours.alone or theirs.alone or theirs.name in ours.excludes or ours.name in theirs.excludes:
            return True
        return ours.step is theirs.step and theirs.name not in ours.together and ours.name not in theirs.together

    def ordered(self, chosen: Iterable[int]) -> list[int]:
        return sorted(chosen, key=lambda number: (self.kinds[self.advice[number].kind].step, number))

    def share(self, number: int, name: str, amount: Decimal) -> Decimal:
        """Share of the cost of a resource that a proposal takes away, where it saves ``amount`` on all of its own."""
        own = self.resources[number]
        whole = sum(own.values(), _NOTHING)
        if not whole or not self.cost[name]:
            return _NOTHING
        return min(amount * own[name] / whole / self.cost[name], Decimal(1))

    def steps(self, chosen: Iterable[int], amount: Callable[[Advice], Decimal]) -> dict[int, dict[str, Decimal]]:
        """What each of the chosen adds on each of its resources, in the order of the steps."""
        left = dict(self.cost)
        bought = {
            name
            for number in chosen
            if self.kinds[self.advice[number].kind].step is Step.SPOT
            for name in self.resources[number]
        }
        added: dict[int, dict[str, Decimal]] = {}
        for number in self.ordered(chosen):
            saved = added[number] = {}
            for name in self.resources[number]:
                if self.kinds[self.advice[number].kind].step is Step.COMMIT and name in bought:
                    continue
                part = left[name] * self.share(number, name, amount(self.advice[number]))
                left[name] -= part
                saved[name] = part
        return added

    def total(self, chosen: Iterable[int]) -> Decimal:
        parts = self.steps(chosen, lambda item: item.saving.net).values()
        return sum((saved for part in parts for saved in part.values()), _NOTHING)

    def counted(self, chosen: Sequence[int]) -> list[Counted]:
        net = self.steps(chosen, lambda item: item.saving.net)
        effective = self.steps(chosen, lambda item: item.saving.effective)
        return [
            self._one(item, effective[number], net[number]) if number in net else NOT_COUNTED
            for number, item in enumerate(self.advice)
        ]

    @staticmethod
    def _one(item: Advice, effective: Mapping[str, Decimal], net: Mapping[str, Decimal]) -> Counted:
        at_rate = sum(effective.values(), _NOTHING)
        listed = item.saving.list_cost
        if listed is not None and item.saving.effective:
            listed = _down(listed * at_rate / item.saving.effective)
        by_resource = {name.rsplit("\x1f", 1)[-1]: _down(saved) for name, saved in net.items()}
        return Counted(listed, _down(at_rate), sum(by_resource.values(), _NOTHING), by_resource)


def _best(free: Sequence[int], forced: Sequence[int], parts: _Parts) -> list[int]:
    """The combination that saves most; of equals the one with fewer, then earlier, proposals."""
    best, most = list(forced), parts.total(forced)

    def extend(taken: list[int], rest: Sequence[int]) -> None:
        nonlocal best, most
        for place, number in enumerate(rest):
            if parts.clash(number, taken):
                continue
            larger = [*taken, number]
            total = parts.total(larger)
            if total > most:
                best, most = larger, total
            extend(larger, rest[place + 1 :])

    extend(list(forced), free)
    return best


def _greedy(free: Sequence[int], forced: Sequence[int], parts: _Parts) -> list[int]:
    taken = list(forced)
    for number in sorted(free, key=lambda item: (-parts.advice[item].saving.net, item)):
        if not parts.clash(number, taken):
            taken.append(number)
    return taken


def _groups(numbers: Sequence[int], advice: Sequence[Advice]) -> list[list[int]]:
    """Proposals that share resources, directly or through others; in order."""
    first: dict[str, int] = {}
    leader = {number: number for number in numbers}

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = leader[leader[number]]
            number = leader[number]
        return number

    for number in numbers:
        for name in advice[number].resources:
            one, other = sorted((find(first.setdefault(name, number)), find(number)))
            leader[other] = one
    groups: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        groups[find(number)].append(number)
    return list(groups.values())


def _down(amount: Decimal) -> Decimal:
    """To the cent, never up: rounded savings may not exceed the cost together."""
    return amount.quantize(_CENT, rounding=ROUND_DOWN)
