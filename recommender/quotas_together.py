"""Moves that each fit a quota by itself may be too many together: those that save most stand, the rest says why not.

Assumes
    Recommendations are done one after another, in any order; machines of one group are replaced at once.
Method
    What was accepted comes first, then what counts in the best combination, then the rest; each time the largest net
    saving. A recommendation stands while what runs, what all that stand take more once they are done, and the most that
    one of them takes more while it is done, are within the quota. What does not fit is advised no longer, and the
    combination is sought again without it: another way for the same machine may count then, and is held as well.
    What one of them would set free is counted on by none, as nobody has to do it.
Cases
    A way that does not count beside one that does on the same machine would be done instead of it: it is held without
    that one, and takes no room. What sets free more than it takes needs none.
    Nobody told what is used: what the machines to be changed take is the least that runs.
Sources
    docs/advice.md; ``places.py``, ``to_be_had.py``.
Known drawbacks
    Two ways that do not count, of different machines, are not held against each other. What was done but is billed as
    before takes no room until the cloud tells of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from recommender.contract import Advice, Kind, WhyNot
from recommender.places import Demand, Quota
from recommender.portfolio import Counted
from recommender.to_be_had import asking, of_use, plain, units
from recommender.whole_groups import lines_of_groups

_NOTHING = Decimal(0)
_Name = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class _Unit:
    """Recommendations that are done at once: one, or the lines of a group; what they take by quota."""

    keys: tuple[str, ...]
    resources: frozenset[str]
    machine: str
    number: int
    asks: Mapping[_Name, Demand]


@dataclass(frozen=True)
class _Held:
    """A demand beside others: ``at_once`` is the most that runs, of it ``running`` today and ``others`` for them."""

    asked: Demand
    running: Decimal
    others: Decimal
    at_once: Decimal
    beside: int

    @property
    def fits(self) -> bool:
        return self.asked.peak == 0 or self.at_once <= self.asked.quota.granted


def within_quotas(
    items: Mapping[str, Advice],
    kinds: Sequence[Kind[Any]],
    counted: Callable[[Mapping[str, Advice]], Mapping[str, Counted]],
    accepted: Callable[[str], bool],
) -> tuple[dict[str, Advice], list[WhyNot]]:
    """What may stand, in the same order and with what is taken together in its evidence, and why the rest may not.

    ``counted`` says what each of some recommendations adds to their best combination, ``accepted`` whether somebody
    accepted one.
    """
    units_of = {unit.keys: unit for unit in _units_of(items, kinds)}
    if not units_of:
        return dict(items), []
    left, refused = dict(items), list[WhyNot]()
    while True:
        counts = counted(left)

        def rank(unit: _Unit, counts: Mapping[str, Counted] = counts) -> tuple[bool, bool, Decimal, tuple[str, ...]]:
            net = sum((items[key].saving.net for key in unit.keys), _NOTHING)
            return not any(map(accepted, unit.keys)), not _counts(unit, counts), -net, unit.keys

        standing: list[_Unit] = []
        too_many: list[tuple[_Unit, _Held]] = []
        for unit in sorted(units_of.values(), key=rank):
            is_instead = not _counts(unit, counts)
            others = [one for one in standing if not (is_instead and one.resources & unit.resources)]
            over = [held for held in _held(unit, others) if not held.fits]
            if over:
                too_many.append((unit, min(over, key=_room)))
            elif len(others) == len(standing):
                standing.append(unit)
        for unit, held in too_many:
            del units_of[unit.keys]
            why = _too_many(unit, held)
            for key in unit.keys:
                item = left.pop(key)
                refused.append(WhyNot(item.kind, item.subject, "quota", why, item.monthly_cost))
        if not too_many:
            return left | dict(_with_evidence(left, standing)), refused


def _units_of(items: Mapping[str, Advice], kinds: Sequence[Kind[Any]]) -> Iterator[_Unit]:
    """What needs something of a quota that is known."""
    advice, keys = list(items.values()), list(items)
    grouped = lines_of_groups(advice, kinds)
    alone = sorted(set(range(len(advice))) - {number for numbers in grouped for number in numbers})
    for numbers in (*grouped, *([number] for number in alone)):
        lines = [advice[number] for number in numbers]
        needed = [item.needs for item in lines if item.needs is not None]
        asks: dict[_Name, Demand] = {}
        for item in lines:
            for asked in item.subject.places.demands(item.needs) if item.needs is not None else ():
                name = _name(asked.quota)
                before = asks.get(name)
                asks[name] = asked if before is None else _sum(before, asked)
        if asks:
            yield _Unit(
                tuple(keys[number] for number in numbers),
                frozenset(name for item in lines for name in item.resources),
                f"{needed[0].instance_type}{' on spot' if needed[0].purchase == 'spot' else ''}",
                sum(one.number for one in needed),
                asks,
            )


def _sum(one: Demand, other: Demand) -> Demand:
    return Demand(one.quota, one.present + other.present, one.new + other.new, one.together or other.together)


def _name(quota: Quota) -> _Name:
    return quota.provider, quota.account, quota.region, quota.code, quota.purchase


def _counts(unit: _Unit, counts: Mapping[str, Counted]) -> bool:
    return any(counts[key].counts for key in unit.keys)


def _held(unit: _Unit, others: Sequence[_Unit]) -> Iterator[_Held]:
    """Each of its demands beside those of others on the same quota."""
    for name, asked in unit.asks.items():
        beside = [one.asks[name] for one in others if name in one.asks]
        every = [*beside, asked]
        running = max(asked.quota.used or _NOTHING, sum((one.present for one in every), _NOTHING))
        at_once = running + sum((one.lasting for one in every), _NOTHING) + max(one.peak - one.lasting for one in every)
        yield _Held(asked, running, at_once - running - asked.peak, at_once, len(beside))


def _room(held: _Held) -> tuple[Decimal, str]:
    return held.asked.quota.granted - held.at_once, held.asked.quota.code


def _too_many(unit: _Unit, held: _Held) -> str:
    quota, many = held.asked.quota, f"{unit.number} × " if unit.number > 1 else ""
    parts = [f"the {plain(held.running)} that run"] if held.running else []
    if held.beside:
        which = "another recommendation that comes" if held.beside == 1 else f"{held.beside} others that come"
        parts.append(f"the {plain(held.others)} of {which} first")
    beside = f" beside {' and '.join(parts)}" if parts else ""
    return (
        f"{many}{unit.machine} takes {plain(held.asked.peak)} {units(quota.unit)}{beside}, and {quota.title} "
        f"({quota.code}) grants {plain(quota.granted)} in {quota.region} (told on {quota.as_of:%Y-%m-%d}"
        f"{of_use(quota)}). Ask for {plain(held.at_once)} first: {asking(quota, held.at_once)}."
    )


def _with_evidence(left: Mapping[str, Advice], standing: Sequence[_Unit]) -> Iterator[tuple[str, Advice]]:
    """Those of ``left`` that share a quota, with what all that stand take of the one with least room."""
    sharing: dict[_Name, list[_Unit]] = defaultdict(list)
    for unit in standing:
        for name in unit.asks:
            sharing[name].append(unit)
    for unit in standing:
        found = [
            held
            for name in unit.asks
            if len(sharing[name]) > 1
            for held in _held(unit, [one for one in sharing[name] if one is not unit])
            if _name(held.asked.quota) == name
        ]
        if not found:
            continue
        held = min(found, key=_room)
        quota = held.asked.quota
        others = "1 other recommendation" if held.beside == 1 else f"{held.beside} other recommendations"
        told = (
            f"{plain(held.at_once)} of {plain(quota.granted)} {units(quota.unit)} of {quota.title} ({quota.code}) with "
            f"{others}, one after another"
        )
        for key in unit.keys:
            yield key, replace(left[key], evidence={**left[key].evidence, "quotas_together": told})
