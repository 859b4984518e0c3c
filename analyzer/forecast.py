"""What a cost will be: the steps ahead, and how far off such forecasts have been.

Assumes     A history without holes that ends with the last whole step.
Method      Fees (``forecast_fees``) and what recurs on a day of the month (``forecast_calendar``) are taken out, the
            rest is the median of its members (``forecast_members``), and they are added back. The same is done from
            past origins, each with nothing but the history before it, for bands (``forecast_bands``).
Cases       Steps before the first charge are no history. Costs that were never negative are not forecast so. Days
            whose usage has ended (``forecast_ended``) are forecast at what is known: nothing, and the fees of each
            month, without a band.
Drawbacks   Those of its parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.forecast_bands import Backtest
from analyzer.forecast_calendar import events_ahead, shares_ahead, take_out_events_of_each, take_out_share
from analyzer.forecast_ended import silent_steps
from analyzer.forecast_fees import fees_ahead, is_daily, monthly_fees
from analyzer.forecast_members import OF_DAYS, OF_HOURS, Method, ahead_of_each, method_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.forecast_members import Floats, Member

    Projector = Callable[["Sequence[History]", int, "Plan"], Floats]
    """As :func:`project_each`."""


@dataclass(frozen=True)
class Plan:
    """How to forecast: steps of one ``season``, learned from the last ``memory`` steps.

    Past forecasts start ``stride`` steps apart, at most ``origins`` of them, each with at least ``least`` steps of
    history. ``buckets`` are the last steps of the horizon buckets but the last. ``members`` are asked for what comes.
    """

    season: int = 7
    memory: int = 112
    origins: int = 26
    stride: int = 7
    least: int = 28
    buckets: tuple[int, ...] = (7, 14, 30)
    members: tuple[Member, ...] = OF_DAYS

    @property
    def history(self) -> int:
        """Steps worth having: the memory of the oldest origin, up to now."""
        return self.memory + self.origins * self.stride


DAILY = Plan()
HOURLY = Plan(season=24, memory=240, origins=26, stride=6, least=72, buckets=(24, 48), members=OF_HOURS)
_LEAST_SCALE = 0.01
"""Share of the mean: a history that repeats itself has no error of its own to measure the next one in."""

_WEIGHT_OF_LAST_SEASON = 0.25
_LEAST_OF_LAST_SEASON = 0.05
"""Share of the usual error: a season in which nothing moved does not promise another."""


@dataclass(frozen=True)
class History:
    """What was charged, step by step: by use, and as fees (purchases, tax, credits, adjustments).

    ``first`` is the day of the first step; None where steps are no days: then nothing can recur by the month.
    """

    usage: Floats
    fees: Floats
    first: date | None

    def __len__(self) -> int:
        return len(self.usage)

    @property
    def total(self) -> Floats:
        """Usage and fees."""
        total: Floats = self.usage + self.fees
        return total

    def before(self, step: int) -> History:
        """What was known when ``step`` began."""
        return History(self.usage[:step], self.fees[:step], self.first)

    def since(self, step: int) -> History:
        """From ``step`` on."""
        first = self.first + timedelta(days=step) if self.first else None
        return History(self.usage[step:], self.fees[step:], first)

    def recent(self, memory: int) -> History:
        """What of it a forecast with that ``memory`` learns from."""
        return self.since(max(0, len(self) - memory)).since_first_charge()

    def silent(self, plan: Plan) -> int | None:
        """Days since the last usage where it has ended, as the memory shows it; hours have no end."""
        if self.first is None:
            return None
        recent = self.usage[-plan.memory :]
        return silent_steps(recent if recent.any() else self.usage, plan.season)

    def since_first_charge(self) -> History:
        """Without what is before the first charge."""
        import numpy as np

        charged = np.flatnonzero(self.total)
        return self.since(int(charged[0]) if len(charged) else len(self))


@dataclass(frozen=True)
class Forecast:
    """The steps ahead. ``half_widths`` of the band of each step are None where no honest one exists.

    ``known`` is the history since the first charge; ``silent`` the days since the last usage where that has ended: what
    is told is known then, and no band is around it.
    """

    values: Floats
    level: float
    method: Method
    steps_known: int
    half_widths: tuple[float | None, ...]
    backtest: Backtest
    known: Floats
    silent: int | None = None

    def width_of_total(self, start: int, end: int) -> float | None:
        """Half of the band of the sum over steps ``start`` up to, not including, ``end``; None where none is honest."""
        return 0.0 if self.silent is not None else self.backtest.half_width_of_total(start, end, self.level)

    def lowest(self, steps: int) -> float:
        """The least that many steps have come to: no band ends below, nor above zero for that."""
        if steps not in self._lowest:
            self._lowest[steps] = self._lowest_of(steps)
        return self._lowest[steps]

    @cached_property
    def _lowest(self) -> dict[int, float]:
        return {}

    def _lowest_of(self, steps: int) -> float:
        import numpy as np

        if len(self.known) <= steps:
            return float(np.minimum(self.known, 0.0).sum())
        sums = np.cumsum(np.concatenate(([0.0], self.known)))
        return min(0.0, float((sums[steps:] - sums[:-steps]).min()))


def forecast(history: History, horizon: int, plan: Plan = DAILY, level: float = 0.8) -> Forecast:
    """The next ``horizon`` steps, with bands that hold with probability ``level``."""
    return forecast_each([history], horizon, plan, level)[0]


def forecast_each(
    histories: Sequence[History],
    horizon: int,
    plan: Plan = DAILY,
    level: float = 0.8,
    projector: Projector | None = None,
) -> list[Forecast]:
    """As :func:`forecast` of each: together, which costs less than one after the other.

    ``projector`` makes the forecasts, those of past origins among them; it may know some of them already.
    """
    known = [history.since_first_charge() for history in histories]
    asked = [[one, *(one.before(origin) for origin in _origins(one, plan))] for one in known]
    told = (projector or project_each)([history for ours in asked for history in ours], horizon, plan)
    found, row = [], 0
    for one, ours in zip(known, asked, strict=True):
        values, *_ = rows = told[row : row + len(ours)]
        row += len(ours)
        tested = _backtest(one, rows[1:], plan)
        silent = one.silent(plan)
        widths = tested.half_widths(plan.buckets, level) if silent is None else [0.0] * horizon
        found.append(
            Forecast(
                values=values,
                level=level,
                method=method_for(len(one), plan.season) if silent is None else "nothing charged",
                steps_known=len(one),
                half_widths=tuple(widths),
                backtest=tested,
                known=one.total,
                silent=silent,
            )
        )
    return found


def project(history: History, horizon: int, plan: Plan) -> Floats:
    """The forecast alone, from nothing but ``history``."""
    found: Floats = project_each([history], horizon, plan)[0]
    return found


def project_each(histories: Sequence[History], horizon: int, plan: Plan) -> Floats:
    """As :func:`project`, a row for each history."""
    import numpy as np

    recent = [one.recent(plan.memory) for one in histories]
    ended = [one.silent(plan) is not None for one in recent]
    usages, monthly = [one.usage for one in recent], np.zeros((len(recent), horizon))
    of_length: dict[int, list[int]] = {}
    shares: dict[int, tuple[date, float]] = {}
    for row, one in enumerate(recent):
        if one.first is not None and ended[row]:
            usages[row] = np.zeros(0)
            monthly[row] = fees_ahead(one.fees, one.first, horizon, seen_once=False)
        elif one.first is not None:
            of_length.setdefault(len(one), []).append(row)
    for rows in of_length.values():
        same = _by_the_month([recent[row] for row in rows], horizon, plan)
        for row, (usage, ahead, share) in zip(rows, same, strict=True):
            usages[row], monthly[row] = usage, ahead
            if share and (first := recent[row].first):
                shares[row] = first, share
    found = ahead_of_each(usages, horizon, plan.season, plan.members)
    for row, (first, share) in shares.items():
        monthly[row] += shares_ahead(share, usages[row], found[row], first)
    found += monthly
    never_negative = np.array([(one.total >= 0).all() for one in recent], dtype=bool)
    found[never_negative] = np.maximum(found[never_negative], 0.0)
    return found


def _by_the_month(same: Sequence[History], horizon: int, plan: Plan) -> Iterator[tuple[Floats, Floats, float]]:
    """Of histories of days of one length: the usage without what recurs by the month, what that and the fees add to
    the steps ahead, and the share of its usage that each month ends with besides."""
    import numpy as np

    firsts = [one.first for one in same if one.first is not None]
    usages, events = take_out_events_of_each(np.array([one.usage for one in same]), firsts, plan.season)
    for one, first, usage, by_use in zip(same, firsts, usages, events, strict=True):
        end = first + timedelta(days=len(one))
        ours, share = take_out_share(by_use, one.usage - usage, usage, first)
        if is_daily(one.fees, first):
            fees, of_fees = fees_ahead(one.fees, first, horizon), 0.0
        else:
            monthly, of_fees = take_out_share(monthly_fees(one.fees, first), one.fees, usage, first)
            fees = events_ahead(monthly, end, horizon)
        yield usage, events_ahead(ours, end, horizon) + fees, share + of_fees


def backtest(history: History, horizon: int, plan: Plan) -> Backtest:
    """Forecasts from past origins against what came."""
    told = project_each([history.before(origin) for origin in _origins(history, plan)], horizon, plan)
    return _backtest(history, told, plan)


def _origins(history: History, plan: Plan) -> list[int]:
    """Steps at which past forecasts begin, the latest first."""
    origins = (len(history) - plan.stride * number for number in range(1, plan.origins + 1))
    return [origin for origin in origins if origin >= plan.least]


def _backtest(history: History, told: Floats, plan: Plan) -> Backtest:
    """``told``: a row for each of :func:`_origins`."""
    import numpy as np

    total, end, horizon = history.total, len(history), told.shape[1]
    origins = _origins(history, plan)
    came = np.full((len(origins), horizon), np.nan)
    for row, origin in enumerate(origins):
        steps = min(horizon, end - origin)
        came[row, :steps] = total[origin : origin + steps]
    scales = np.array([_scale(total[:origin], plan) for origin in origins])
    return Backtest(came - told, scales, _scale(total, plan), plan.stride)


def _scale(total: Floats, plan: Plan) -> float:
    """Seasonal-naive error of the remembered part, a quarter of it (in logs) that of the last season.

    So bands widen when a series grows restless, and do not wait for the memory to say so. Never quite zero, so that
    scores stay numbers.
    """
    import numpy as np

    recent = total[-plan.memory :]
    if len(recent) <= plan.season:
        return 1.0
    errors = np.abs(recent[plan.season :] - recent[: -plan.season])
    usual = max(float(errors.mean()), _LEAST_SCALE * float(np.abs(recent).mean()), 1e-12)
    last = max(float(errors[-plan.season :].mean()), _LEAST_OF_LAST_SEASON * usual)
    return float(usual ** (1 - _WEIGHT_OF_LAST_SEASON) * last**_WEIGHT_OF_LAST_SEASON)
