"""What is forecast one by one: series of a cut, use apart from fees, each with the bills of it that are behind.

Assumes     Series of the bills that are up to date, all of one span; of each bill behind those of its own span.
Method      Series of one cut by charge category are put together by value and currency. The largest of each currency
            stay by themselves, the others are summed up as its rest, and so are their bills behind, each to its own.
Cases       What only bills behind charge for is known to the last day of the newest of them.
Drawbacks   What only bills charge for that do not go on has no series: the whole it is part of names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from aispend.money import exact_sum, exactly
from analyzer.forecast import History
from analyzer.forecast_cuts import Cut
from analyzer.forecast_steps import KnownStep
from analyzer.series import Behind, Series, SeriesSet


@dataclass(frozen=True)
class Part:
    """What clouds charged day by day from ``first`` on: by use, and everything else.

    ``bill`` is one that is behind, None of all that are up to date. ``goes_on``: the days after are forecast.
    """

    first: date
    usage: tuple[Decimal, ...]
    fees: tuple[Decimal, ...]
    bill: Behind | None = None
    goes_on: bool = True

    @property
    def end(self) -> date:
        """The day after the last known one."""
        return self.first + timedelta(days=len(self.usage))

    @property
    def is_charged(self) -> bool:
        """Whether anything was charged on any day."""
        return any((*self.usage, *self.fees))

    @property
    def total(self) -> Decimal:
        """All its days together."""
        return exact_sum((*self.usage, *self.fees))

    @property
    def history(self) -> History:
        """As forecasts take it."""
        import numpy as np

        return History(np.array(self.usage, dtype=float), np.array(self.fees, dtype=float), self.first)

    def between(self, first: date, end: date) -> Decimal:
        """What was charged from ``first`` up to, not including, ``end``."""
        start, stop = (max(0, (day - self.first).days) for day in (first, end))
        return exact_sum((*self.usage[start:stop], *self.fees[start:stop]))


@dataclass(frozen=True)
class Subject:
    """One series to forecast; ``others`` are how many are summed up in it.

    ``own`` are the company's own costs, by day, known for days to come too; ``members`` the values summed up in it;
    ``late`` what bills that are behind charged for it, each to its own last day.
    """

    cut: Cut
    value: str | None
    others: int
    currency: str
    part: Part
    partly_unknown: bool
    own: Mapping[date, Decimal] = field(default_factory=dict)
    members: tuple[str | None, ...] = ()
    late: tuple[Part, ...] = ()

    @property
    def name(self) -> tuple[str, str | None]:
        """Currency and value: what it is known by in its cut."""
        return self.currency, self.value

    @property
    def parts(self) -> tuple[Part, ...]:
        """What clouds charged, that of bills behind after that of the others."""
        return self.part, *self.late

    @property
    def total(self) -> Decimal:
        """All its days together."""
        return exact_sum((*(part.total for part in self.parts), *self.own.values()))

    @property
    def is_written_down(self) -> bool:
        """Whether it is own costs alone, but for bills behind: nothing of it is uncertain."""
        return bool(self.own) and not self.part.is_charged

    @property
    def values(self) -> tuple[str | None, ...]:
        """Those of its cut that are in it."""
        return self.members or (self.value,)

    def takes(self, step: KnownStep) -> bool:
        """Whether a known step is part of it."""
        return any(step.is_of(self.cut, value, self.currency) for value in self.values)

    def own_between(self, first: date, end: date) -> Decimal:
        """Own costs from ``first`` up to, not including, ``end``."""
        return exact_sum(cost for day, cost in self.own.items() if first <= day < end) if self.own else Decimal(0)

    def known_by_the_newest(self) -> Subject:
        """The same, with the newest bill behind in the place of those up to date where these charge nothing."""
        if self.part.is_charged or self.own or not self.late:
            return self
        newest, *others = sorted(self.late, key=lambda part: part.end, reverse=True)
        return replace(self, part=newest, late=tuple(others))


def subjects(cut: Cut, found: SeriesSet, own: Sequence[Series] = ()) -> list[Subject]:
    """Series of one cut by charge category, put together: use, and everything else; or all of them in one."""
    groups: dict[tuple[str, str | None], tuple[list[Series], list[Series]]] = {}
    for side, series in enumerate((found.series, own)):
        for one in series:
            name = (one.currency, None if cut in ("all", "ai") else one.cut[0])
            groups.setdefault(name, ([], []))[side].append(one)
    return [
        Subject(
            cut=cut,
            value=value,
            others=0,
            currency=currency,
            part=Part(
                found.first,
                _added((one.costs for one in group if one.cut[-1] == "Usage"), found),
                _added((one.costs for one in group if one.cut[-1] != "Usage"), found),
            ),
            partly_unknown=any(one.partly_unknown for one in (*group, *ours)),
            own=_by_day(day for one in ours for day in one.days()),
        )
        for (currency, value), (group, ours) in groups.items()
    ]


def with_late(found: Sequence[Subject], late: Sequence[Subject], span: tuple[date, date]) -> list[Subject]:
    """``found``, of the days of ``span``, with what bills behind charge for the same.

    What only these charge for is a series of its own where they go on: else nothing can be said of days to come.
    """
    every = {one.name: one for one in found}
    nothing = (Decimal(0),) * (span[1] - span[0]).days
    for one in late:
        same = every.get(one.name) or replace(one, part=Part(span[0], nothing, nothing), partly_unknown=False)
        unknown = same.partly_unknown or one.partly_unknown
        every[one.name] = replace(same, late=(*same.late, one.part), partly_unknown=unknown)
    known = {one.name for one in found}
    return [one for one in every.values() if one.name in known or any(part.goes_on for part in one.late)]


def largest(found: Sequence[Subject], count: int) -> list[Subject]:
    """The ``count`` largest of each currency, and the sum of its others; a single other is told by itself."""
    chosen: list[Subject] = []
    for currency in sorted({one.currency for one in found}):
        ours = sorted((one for one in found if one.currency == currency), key=lambda one: (-one.total, one.value or ""))
        rest = ours[count:]
        if len(rest) > 1:
            ours = ours[:count]
            first = rest[0]
            bills = dict.fromkeys(part.bill for one in rest for part in one.late)
            ours.append(
                replace(
                    first,
                    value=None,
                    others=len(rest),
                    members=tuple(one.value for one in rest),
                    part=_together([one.part for one in rest]),
                    late=tuple(
                        _together([part for one in rest for part in one.late if part.bill == bill]) for bill in bills
                    ),
                    partly_unknown=any(one.partly_unknown for one in rest),
                    own=_by_day(day for one in rest for day in one.own.items()),
                )
            )
        chosen += ours
    return [one.known_by_the_newest() for one in chosen]


def _together(parts: Sequence[Part]) -> Part:
    """Parts of the same days added up; at least one."""
    usage, fees = (_by_day_sums(sides) for sides in ([one.usage for one in parts], [one.fees for one in parts]))
    return replace(parts[0], usage=usage, fees=fees)


def _added(costs: Iterable[tuple[Decimal, ...]], found: SeriesSet) -> tuple[Decimal, ...]:
    parts = list(costs)
    return _by_day_sums(parts) if parts else (Decimal(0),) * (found.end - found.first).days


def _by_day_sums(parts: Iterable[tuple[Decimal, ...]]) -> tuple[Decimal, ...]:
    """Parts of one length added up day by day; at least one."""
    with exactly():
        return tuple(sum(day, Decimal(0)) for day in zip(*parts, strict=True))


def _by_day(costs: Iterable[tuple[date, Decimal]]) -> dict[date, Decimal]:
    found: dict[date, Decimal] = {}
    for day, cost in costs:
        if cost:
            found[day] = exact_sum((found.get(day, Decimal(0)), cost))
    return found
