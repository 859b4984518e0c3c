"""What a change would save a month, three ways, with a range.

Assumes
    The days of the evidence window are like the days to come.
Method
    Daily usage cost × the share saved, averaged over the window and scaled to 730 hours: of a machine that was changed
    to another type, over the days since. A day without a charge cost nothing; a day whose cost the bill does not give
    is unknown and left out of the average.
    *list*: at public price. *effective*: at your amortised rate, or as billed where the bill gives no such rate, which
    the basis says. *net*: only the part no commitment covers, because covered hours save nothing until the
    commitment ends or other usage takes it. Where commitments may be left behind (another type, tokens bought) they
    stay paid for, and what their hours cost anew is taken off: (share × uncovered) − (1 − share) × hours left behind.
    P10/P50/P90: bootstrap of weeks, seven days in a row from any day of the window, in which each day counts as often
    as in the average (``methods.drawn_weeks``). Days apart would take a weekend for chance. Each resample is multiplied
    by what else a kind says is uncertain (``Spread``): the share that the change saved in one of the parts it was
    replayed on, and the share of hours it does not fall short in, drawn from Jeffreys' posterior; an hour that falls
    short saves nothing.
    The point is always within the range.
Cases
    Weeks that all cost the same differ in nothing: the range is of the spread alone, and without one there is none, as
    one number is no range. Fewer than two whole weeks, or an unknown day: no range. ``range_from`` says which.
Sources
    docs/advice.md; Politis & Romano 1992 (circular block bootstrap); Brown, Cai & DasGupta 2001 (Jeffreys' interval).
Known drawbacks
    A trend in the cost is not extrapolated. What lies before a resource's first charge counts as costing nothing, so
    one younger than the window is underestimated. Two weeks are few: the range is of the weeks seen, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from numpy.typing import NDArray

from aispend.money import in_words
from recommender.contract import COST_UNKNOWN, HOURS_PER_MONTH, DailyCost, Saving, Subject
from recommender.methods.drawn_weeks import DRAWS, WEEK, mean_days

CENT = Decimal("0.01")
_MIN_WEEKS = 2
_SAME = 1e-9
_NO_WEEKS = "fewer than two whole weeks of its cost are known"
_NO_DAY = "the cost of a day is unknown"
_NOTHING_NET = "nothing is saved net of commitments"
_SAME_WEEKS = "every week cost the same"
_LEFT_BEHIND = "what the hours commitments cover would cost anew is not known"
_CERTAIN = f"{_SAME_WEEKS}, and nothing else of it is uncertain"


@dataclass(frozen=True)
class Spread:
    """What a saving may differ by beside its weeks.

    ``shares`` of the cost that the change saved on parts of history it was not chosen from; empty where it was not
    tried. ``short_hours`` of ``hours`` independent ones in which it fell short; no hours: that is not asked.
    ``beside`` names in words what is uncertain too and nobody measured, so that no range can hold it.
    """

    shares: tuple[float, ...] = ()
    short_hours: float = 0.0
    hours: float = 0.0
    beside: str = ""


NO_SPREAD = Spread()
Behind = Callable[[DailyCost], Decimal | None]
"""What the hours of a day whose commitments a change leaves behind cost now without these; None is unknown."""


def recent(subject: Subject, days: int) -> Sequence[DailyCost]:
    """The subject's costs in the last ``days`` of the evidence, since it has its machine type."""
    first = _first(subject, days)
    return [cost for cost in subject.costs if cost.day >= first]


def _first(subject: Subject, days: int) -> date:
    first = (subject.as_of - timedelta(days=days)).date()
    return first if subject.costs_since is None else max(first, subject.costs_since)


def _days(subject: Subject, days: int) -> int:
    """So many of the last ``days`` count."""
    return (subject.as_of.date() - _first(subject, days)).days


def monthly_cost(subject: Subject, days: int) -> Decimal | None:
    """Effective cost of the last ``days`` per 730 hours; None where it is known for no day with a charge."""
    costs = recent(subject, days)
    return _monthly([cost.effective_cost for cost in costs], _days(subject, days))


def without_cost(subject: Subject, days: int) -> tuple[str, str] | None:
    """Reason and explanation where the cost of the last ``days`` is unknown, or nothing; None where there is some."""
    cost = monthly_cost(subject, days)
    if cost is None:
        return "cost_unknown", COST_UNKNOWN
    if cost <= 0:
        said = f"The last {days} days of its bill come to {in_words(cost, subject.currency)} a month"
        return "costs_nothing", f"{said}: nothing can be saved.{cost_remark(subject, days)}"
    return None


def saving(
    subject: Subject, days: int, share: Decimal, spread: Spread = NO_SPREAD, behind: Behind | None = None
) -> Saving:
    """Saving when ``share`` of each day's cost goes away; the cost has to be known for a day at least.

    ``behind`` where commitments may not follow the change: net is never below nothing.
    """
    costs, days = recent(subject, days), _days(subject, days)
    effective = _monthly([cost.effective_cost for cost in costs], days, share)
    net = _monthly([cost.uncovered_effective_cost for cost in costs], days, share) or Decimal(0)
    lists = [cost.list_cost for cost in costs]
    anew = Decimal(0) if behind is None else paid_anew(subject, days, share, behind)
    point = Decimal(0) if anew is None else max(net - anew, Decimal(0))
    weeks = _weeks(subject, days, lambda cost: cost.uncovered_effective_cost)
    left = _weeks(subject, days, behind) if anew and behind else None
    if anew is None or isinstance(left, str):
        weeks, left = left if isinstance(left, str) else _LEFT_BEHIND, None
    p10, p50, p90, of = (
        (None, None, None, f"none: {weeks}") if isinstance(weeks, str) else _range(weeks, share, spread, point, left)
    )
    return Saving(
        list_cost=None if None in lists else _monthly(lists, days, share),
        effective=Decimal(0) if effective is None else effective,
        net=point,
        p10=p10,
        p50=p50,
        p90=p90,
        range_from=of,
    )


def widened(saved: Saving, of: str, *, low: Saving, high: Saving | None = None) -> Saving:
    """The saving, its range down to that of ``low`` and up to that of ``high``: the same with ``of`` at its ends."""
    p10, p50, p90 = (saved.net if one is None else one for one in (saved.p10, saved.p50, saved.p90))
    p10 = min(p10, low.net if low.p10 is None else low.p10)
    if high is not None:
        p90 = max(p90, high.net if high.p90 is None else high.p90)
    if p10 == p90:
        return saved
    told = of if saved.p10 is None else f"{saved.range_from}, {of}"
    return replace(saved, p10=p10, p50=p50, p90=p90, range_from=told)


def paid_anew(subject: Subject, days: int, share: Decimal, behind: Behind) -> Decimal | None:
    """What the hours that commitments are left behind from cost a month after the change; None where it is unknown."""
    costs = [cost for cost in recent(subject, days) if cost.uncovered_effective_cost is not None]
    amounts = [behind(cost) for cost in costs]
    unknown = len(recent(subject, days)) - len(costs)
    if None in amounts:
        return None
    return _monthly([*amounts, *[None] * unknown], _days(subject, days), 1 - share) or Decimal(0)


def covered_share(costs: Sequence[DailyCost]) -> Decimal:
    """Share of the known effective cost that commitments pay for; 0 where none is known."""
    known = [(one.effective_cost, one.uncovered_effective_cost) for one in costs]
    both = [(cost, bare) for cost, bare in known if cost is not None and bare is not None]
    whole = sum((cost for cost, _ in both), Decimal(0))
    return 1 - sum((bare for _, bare in both), Decimal(0)) / whole if whole > 0 else Decimal(0)


def cost_basis(subject: Subject, days: int) -> str:
    """Which cost the figures are made of, in words."""
    costs = recent(subject, days)
    billed = sum(cost.billed for cost in costs)
    unknown = sum(cost.effective_cost is None for cost in costs)
    basis = "effective cost of the bill's last days"
    if billed:
        basis = f"billed cost on {billed} of {len(costs)} days, where the bill gives no effective cost"
    if unknown:
        basis += f"; {unknown} of {len(costs)} days have no known cost and are left out"
    if subject.costs_since is not None and _days(subject, days) < days:
        basis += f", from {subject.costs_since} on, when its type changed"
    return basis


def cost_remark(subject: Subject, days: int) -> str:
    """A sentence for the reason where the figures are not plainly effective cost; else nothing."""
    is_changed = _days(subject, days) < days
    if is_changed or any(cost.billed or cost.effective_cost is None for cost in recent(subject, days)):
        return f" Cost: {cost_basis(subject, days)}."
    return ""


def _monthly(amounts: Sequence[Decimal | None], days: int, share: Decimal = Decimal(1)) -> Decimal | None:
    """Amounts of single days of ``days`` scaled to 730 hours, to the cent; unknown ones are left out of both."""
    known = [amount for amount in amounts if amount is not None]
    known_days = days - (len(amounts) - len(known))
    if (amounts and not known) or known_days <= 0:
        return None
    total = sum(known, Decimal(0)) * share
    return (total * HOURS_PER_MONTH / (24 * known_days)).quantize(CENT, rounding=ROUND_HALF_EVEN)


def _weeks(subject: Subject, days: int, amount: Behind) -> NDArray[np.float64] | str:
    """An amount of a day in each draw of weeks of the window; in words why there are none."""
    whole = days // WEEK
    if whole < _MIN_WEEKS or subject.first_seen > (subject.as_of - timedelta(weeks=whole)).date():
        return _NO_WEEKS
    first = (subject.as_of - timedelta(days=days)).date()
    by_day: dict[date, Decimal | None] = {cost.day: amount(cost) for cost in recent(subject, days)}
    series = [by_day.get(first + timedelta(days=number), Decimal(0)) for number in range(days)]
    known = [float(amount) for amount in series if amount is not None]
    return mean_days(np.array(known)) if len(known) == days else _NO_DAY


def _range(
    means: NDArray[np.float64], share: Decimal, spread: Spread, point: Decimal, behind: NDArray[np.float64] | None
) -> tuple[Decimal, Decimal, Decimal, str] | tuple[None, None, None, str]:
    """P10, P50 and P90 of the net saving around ``point``, and what they are from.

    ``behind``: of the same resamples, what commitments are left behind from; it costs anew what is not saved of it.
    """
    rng = np.random.default_rng(1992)
    of = []
    if any(_money(part.min()) != _money(part.max()) for part in (means, behind) if part is not None):
        of.append("the weeks of the bill")
    parts = np.array(spread.shares)
    differs = parts.size > 0 and float(np.ptp(np.append(parts, float(share)))) > _SAME
    if differs:
        of.append("parts of history it was tried on")
    left = share if not differs and behind is None else Decimal(1)
    saved = rng.choice(parts, size=DRAWS) if differs else np.full(DRAWS, float(share) if behind is not None else 1.0)
    draws = means * saved
    if behind is not None:
        draws = np.maximum(draws - (1 - saved) * behind, 0)
    if spread.hours > 0:
        of.append("hours in which it may fall short")
        short = min(spread.short_hours, spread.hours)
        draws = draws * (1 - rng.beta(short + 0.5, spread.hours - short + 0.5, DRAWS))
    p10, p50, p90 = (_money(value, left) for value in np.percentile(draws, (10, 50, 90)))
    beside = f"; not in it: {spread.beside}" if spread.beside else ""
    if not point and (not of or p10 == p90):
        return None, None, None, f"none: {_NOTHING_NET}"
    if not of or p10 == p90 == point:
        return None, None, None, f"none: {_SAME_WEEKS}{beside}" if beside else f"none: {_CERTAIN}"
    return min(p10, point), p50, max(p90, point), ", ".join(of) + beside


def _money(daily: float, share: Decimal = Decimal(1)) -> Decimal:
    """A day's cost as a month's, to the cent."""
    return (Decimal(repr(float(daily))) * share * HOURS_PER_MONTH / 24).quantize(CENT)
