"""What a commitment still saves beside the changes that are counted, and which of the two are worth more.

Assumes
    A commitment is bought at the size it is shown with, or in stages: its first is what is paid for until the next is
    proposed by itself. What was accepted or done is out of its usage already.
Method
    A commitment is worth what it saves on the hours that the changes leave (``methods/offered.py``). All changes with
    what commitments are worth then are held against the commitment alone with what still adds beside it, the largest
    first: the better of the two stands, and of equals the changes, as the commitment can be sized anew after them, but
    one that is owned before them.
Cases
    What is worth nothing beside the changes is left out, and says so. One that was accepted or bought is paid for all
    the same: what it loses is taken off the changes that take its usage.
Known drawbacks
    The changes of a group that share resources stand or fall together. Commitments are looked at one by one, those that
    save most first.
Sources
    docs/advice.md; methods, commitments: rightsize first, then commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from aispend.clock import HOURS_PER_MONTH
from aispend.money import in_words
from recommender.contract import Advice
from recommender.methods.offered import Left, Offered, Taken
from recommender.subjects.decided_usage import saved_of, usage_left

_NOTHING = Decimal(0)
_CENT = Decimal("0.01")
BESIDE_COMMITMENT = " Not counted: it takes more usage from a commitment that is counted than it adds to the total."


@dataclass(frozen=True)
class Commitment:
    """A commitment that is offered, accepted or bought, with its size; the last two are ``owned``: paid in any case.

    ``line`` is its number in the advice, None where it was bought and counts there no more.
    """

    item: Advice
    offered: Offered
    line: int | None
    owned: bool

    def worth(self, taken: Taken) -> Decimal:
        """What it adds a month after that; nobody buys one that is not owned where it costs more than it saves."""
        left = self.item.saving.net * self.offered.kept(taken)
        return left if self.owned else max(left, _NOTHING)

    def remark(self, taken: Taken) -> str:
        """What the changes beside it leave of it, and when it can be sized anew; nothing where they take nothing."""
        if not taken.whole:
            return ""
        currency, left = self.item.subject.currency, self.item.saving.net * self.offered.kept(taken)
        takes = f"take {in_words(self.offered.monthly(taken.whole), currency)} a month of the usage it is sized on"
        anew = "Once they are accepted it is sized anew on what is left."
        if left > 0:
            return f" Changes that are counted too {takes}: beside them it adds {in_words(left)}. {anew}"
        return (
            f" Not counted: changes that are counted {takes}, and at this size it would then cost "
            f"{in_words(-left)} a month more than it saves. {anew}"
        )


def as_bought(item: Advice, evidence: Mapping[str, Any]) -> Advice:
    """A commitment as far as it was bought: the first of its stages, as its ``evidence`` told them on that day.

    What is proposed today is sized on what is used today, and may be another size.
    """
    stages = evidence.get("stages")
    if not stages or item.commits is None:
        return item
    part, share = item.commits.bought(Decimal(stages[0]))
    pays_for = min((part.covers * HOURS_PER_MONTH).quantize(_CENT), item.monthly_cost)
    net, effective = ((amount * share).quantize(_CENT) for amount in (item.saving.net, item.saving.effective))
    saving = replace(item.saving, net=net, effective=effective)
    return replace(item, saving=saving, pays_for=pays_for, commits=part)


@dataclass(frozen=True)
class Option:
    """Changes that stand or fall together: what they add to the total, and what they take of each commitment.

    ``lines`` are their numbers. One that is not ``free`` stands in any case.
    """

    lines: tuple[int, ...]
    gain: Decimal
    takes: Mapping[int, Taken]
    free: bool


class Pools:
    """The usage of all commitments, by resource."""

    def __init__(self, commitments: Sequence[Commitment]) -> None:
        self.commitments = commitments
        self._of: dict[tuple[str, str, str], list[int]] = {}
        for number, one in enumerate(commitments):
            for name in one.offered.parts:
                where = (one.offered.provider, one.item.subject.currency, name)
                self._of.setdefault(where, []).append(number)

    def lefts(self, changes: Iterable[Advice]) -> dict[int, dict[str, list[Left]]]:
        """What changes, in the order they are done, leave of the resources of each commitment that they meet."""
        found: dict[int, dict[str, list[Left]]] = {}
        for item in changes:
            saved = item.saving.effective / item.monthly_cost if item.monthly_cost else _NOTHING
            provider = item.subject.provider
            for name, cost in (item.acts_on or {item.subject.resource_id: item.monthly_cost}).items():
                for number in self._of.get((provider, item.subject.currency, name), ()):
                    offered = self.commitments[number].offered
                    share = saved_of(item.kind, saved, cost, offered.used_by(name))
                    left = usage_left(item.kind, item.target, share, provider=provider, family=offered.family)
                    found.setdefault(number, {}).setdefault(name, []).append(left)
        return found

    def takes(self, changes: Iterable[Advice]) -> dict[int, Taken]:
        """What changes, in the order they are done, take of each commitment's usage."""
        return {
            number: self.commitments[number].offered.taken(by_name) for number, by_name in self.lefts(changes).items()
        }


def settle(options: Sequence[Option], commitments: Sequence[Commitment]) -> list[bool]:
    """Which of the options stand beside the commitments, in their order."""
    stands = [True] * len(options)
    for number in sorted(range(len(commitments)), key=lambda one: (-commitments[one].item.saving.net, one)):
        there = [place for place, one in enumerate(options) if stands[place] and one.free and number in one.takes]
        touched = sorted({other for place in there for other in options[place].takes})

        def worth(taken: Mapping[int, Taken], touched: Sequence[int] = touched) -> Decimal:
            return sum((commitments[one].worth(taken[one]) for one in touched), _NOTHING)

        apart = set(there)
        others = [one for place, one in enumerate(options) if stands[place] and place not in apart]
        taken = {one: together(one, others, commitments) for one in touched}
        with_all = [*others, *(options[place] for place in there)]
        everything = worth({one: together(one, with_all, commitments) for one in touched})
        everything += sum((options[place].gain for place in there), _NOTHING)
        beside: list[int] = []
        total, first = worth(taken), commitments[number].owned
        for place in sorted(there, key=lambda one: (-options[one].gain, one)):
            more = {**taken, **{one: taken[one].plus(part) for one, part in options[place].takes.items()}}
            added = options[place].gain + worth(more) - worth(taken)
            if _is_more(added, _NOTHING, or_as_much=not first):
                beside.append(place)
                taken, total = more, total + added
        if _is_more(total, everything, or_as_much=first):
            for place in apart - set(beside):
                stands[place] = False
    return stands


def _is_more(one: Decimal, other: Decimal, *, or_as_much: bool) -> bool:
    """Whether it is more to the cent: what commitments leave is a share with twelve digits."""
    difference = (one - other).quantize(_CENT)
    return difference > 0 or (or_as_much and not difference)


def together(number: int, options: Iterable[Option], commitments: Sequence[Commitment]) -> Taken:
    """What options take of a commitment."""
    found = commitments[number].offered.nothing
    for one in options:
        if number in one.takes:
            found = found.plus(one.takes[number])
    return found


def shares_counted(options: Sequence[Option], commitments: Sequence[Commitment]) -> dict[int, Decimal]:
    """The share of each line's saving (1 where none is told) that is not eaten up by what owned commitments lose.

    One whose own saving is in the total charges only what falls below nothing, one that was bought all that it loses.
    """
    shares: dict[int, Decimal] = {}
    for number, one in enumerate(commitments):
        if not one.owned:
            continue
        kept = one.offered.kept(together(number, options, commitments))
        lost = one.item.saving.net * (1 - kept if one.line is None else max(-kept, _NOTHING))
        takers = [option for option in options if option.free and number in option.takes]
        gains = sum((option.gain for option in takers), _NOTHING)
        if lost > 0 and gains > 0:
            left = max(1 - lost / gains, _NOTHING)
            for line in (line for option in takers for line in option.lines):
                shares[line] = shares.get(line, Decimal(1)) * left
    return shares
