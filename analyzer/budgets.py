"""Budgets: spent to date, what was due, what the period will come to, and when the money is used up.

Assumes     ``spend_day`` as the last analysis left it (charges for a budget by tag, resource or SKU).
Method      Of the present period of the calendar: actual cost of the whole days known; *burn rate* = actual / the
            part of the budget due by the profile of weekdays of usage over the last eight weeks; the days left as
            :mod:`analyzer.budget_path` expects them, its band as P10 and P90 of the period; the day on which actual
            and median path together reach the amount, and those of its thresholds; whether the last days were too fast
            (:mod:`analyzer.budget_alerts`). Critical: spent, P10 above the budget, or critically fast. Warn: P50 above
            it, or too fast.
Cases       The profile is that of clouds: own costs are known and have none. Cost in another currency is converted by
            the day; what has no rate is named apart (``analyzer.budget_currency``), and the state is never *ok* then.
            Where a bill it covers is behind, what it says counts, and the days it does not say yet are expected as in
            forecasts (``analyzer.budget_known``); the bill is named, and there is no burn rate, which would be too low
            by what it will say. That no charge fits a budget is told. Where no day is whole yet, nothing is known. A
            budget that begins within a period counts from its first day on: its whole amount is for the days left. Net
            spend below zero is no share of a budget and burns at no rate: the amounts are told
            (``analyzer.budget_credits``).
Drawbacks   A period starts as if its bill had no memory: fees of a later day of the month are due only by the profile.
Sources     The rule of P50 and P10 and the burn rate: docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, insert, text

from aispend.clock import Clock, next_month
from aispend.errors import SettingsError
from aispend.money import COST_QUANTUM, exact_sum, in_words
from aispend.percents import percent
from aispend.schema import budget_status
from aispend.settings import Settings
from aispend.watching import Budget, BudgetAlerts
from analyzer.budget_alerts import Burn, Pace, State, Threshold, burning, reached, too_fast
from analyzer.budget_cover import covered, covers
from analyzer.budget_credits import below_zero, taken_off
from analyzer.budget_currency import InCurrency, in_currency
from analyzer.budget_known import Known, known_of, oldest
from analyzer.budget_path import Path, burn_path, certain_path, changes_ahead, forecast_path, with_missing
from analyzer.budget_steps import Placed, place_steps
from analyzer.currency import ExchangeRates, exchange_rates
from analyzer.forecast_behind import behind_words, goes_on
from analyzer.forecast_steps import Ahead, without_begun
from analyzer.remembered import Remembered
from analyzer.series import OWN, Coverage, SeriesSet, bills_behind, coverage, daily_series

PROFILE_DAYS = 56
_LEAST_HISTORY = 14
_STATES: Sequence[State] = ("ok", "warn", "critical")
_MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Standing:
    """Where a budget stands; see ``budget_status`` for each figure."""

    actual: Decimal
    expected_to_date: Decimal
    burn_rate: Decimal | None
    p10: Decimal | None
    p50: Decimal | None
    p90: Decimal | None
    exhausted_on: date | None
    threshold: Decimal | None
    thresholds: tuple[Threshold, ...]
    burn: Burn
    state: State
    reason: str


def period_of(day: date, period: str) -> tuple[date, date]:
    """First day of the calendar's month, quarter or year ``day`` lies in, and the day after its last."""
    months = _MONTHS[period]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    end = first
    for _ in range(months):
        end = next_month(end)
    return first, end


def standing(
    budget: Budget,
    first: date,
    spent: Sequence[Decimal],
    weights: Sequence[Decimal],
    path: Path | None,
    *,
    credited: Mapping[str, Decimal] | None = None,
    alerts: BudgetAlerts | None = None,
    pace: Pace | None = None,
    used: Decimal = Decimal(0),
    missing: Sequence[Decimal] = (),
) -> Standing:
    """Where a budget stands after ``spent``, a cost for each day from ``first``.

    ``weights``: profile of the whole period, a weight for each day; the amount is due in proportion to them.
    ``credited``: what took cost off to date, by charge category; needed where ``spent`` comes to less than nothing.
    ``alerts``: default those of the settings. ``pace``: usage of the last days known, None where nothing is said of
    it; ``used``: usage of ``spent``. ``missing``: what bills behind are expected to say of the days spent, a cost for
    each, whose band is in that of ``path``; empty where no bill is.
    """
    alerts = alerts or BudgetAlerts()
    actual = exact_sum(spent)
    known, whole = exact_sum(weights[: len(spent)]), exact_sum(weights)
    due = budget.amount * known / whole
    p50 = None if path is None else exact_sum((actual, *missing, *path.days))
    p10 = None if path is None or path.low is None else actual + path.low
    p90 = None if path is None or path.high is None else actual + path.high
    ahead = () if path is None else path.days
    percents = alerts.thresholds if budget.thresholds is None else budget.thresholds
    thresholds = reached(percents, budget.amount, first, spent, ahead, missing=missing)
    (whole_of_it,) = reached((Decimal(100),), budget.amount, first, spent, ahead, missing=missing)
    left = exact_sum((budget.amount, actual.copy_negate(), used))
    used = exact_sum((used, *missing))
    burn = burning(pace or Pace((), ()), alerts, left=left, known=known, whole=whole, used=used)
    state: State = "ok"
    if not spent:
        reason = "no whole day of this period is billed yet"
    else:
        reason = _share_spent(actual, budget.amount) if actual >= 0 else below_zero(actual, credited or {})
    if actual >= budget.amount:
        state = "critical"
    elif p10 is not None and p10 > budget.amount:
        state, reason = "critical", f"{reason}; the forecast is above the budget even at its 10th percentile"
    elif p50 is not None and p50 > budget.amount:
        state, reason = "warn", f"{reason}; the forecast's median is above the budget"
    elif path is not None and p50 is not None and p50 < 0:
        reason = f"{reason}; {_forecast_below_zero(actual, p50, path)}"
    if actual < budget.amount and (fast := too_fast(burn, alerts)):
        state, reason = max(state, burn.state, key=_STATES.index), f"{reason}; {fast}"
    return Standing(
        actual=actual,
        expected_to_date=due.quantize(COST_QUANTUM),
        burn_rate=(actual / due).quantize(Decimal("0.0001")) if due and actual >= 0 and not missing else None,
        p10=p10,
        p50=p50,
        p90=p90,
        exhausted_on=whole_of_it.reached_on or whole_of_it.expected_on,
        threshold=max((one.percent for one in thresholds if one.reached_on is not None), default=None),
        thresholds=thresholds,
        burn=burn,
        state=state,
        reason=reason,
    )


def _share_spent(actual: Decimal, amount: Decimal) -> str:
    """What is not spent yet is not said to be, however near."""
    share = percent(actual / amount)
    return f"{'nearly ' if actual < amount and share == '100 %' else ''}{share} spent"


def _forecast_below_zero(actual: Decimal, p50: Decimal, path: Path) -> str:
    if actual < 0:
        return f"so is the forecast of the whole period, {in_words(p50)}"
    off = exact_sum(day for day in path.days if day < 0).copy_negate()
    return f"the forecast of the whole period is below zero, {in_words(p50)}: {in_words(off)} to come off"


def weekday_profile(costs: Sequence[Decimal], end: date) -> tuple[Decimal, ...]:
    """Weights of Monday to Sunday, from the last ``PROFILE_DAYS`` before ``end``; alike where few are known."""
    recent = costs[-PROFILE_DAYS:]
    alike = (Decimal(1),) * 7
    if len(recent) < _LEAST_HISTORY:
        return alike
    sums, counts = [Decimal(0)] * 7, [0] * 7
    for number, cost in enumerate(recent):
        weekday = (end - timedelta(days=len(recent) - number)).weekday()
        sums[weekday] += max(cost, Decimal(0))
        counts[weekday] += 1
    return tuple(total / count for total, count in zip(sums, counts, strict=True)) if any(sums) else alike


def write_budgets(
    connection: Connection, settings: Settings, clock: Clock, remembered: Remembered | None = None
) -> int:
    """Replace the state of all budgets; returns how many there are. Raises ``SettingsError`` for a name given twice."""
    names = [budget.name for budget in settings.budgets]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SettingsError("Two budgets have the same name.", where=f"[[budget]] name = {twice!r}")
    connection.execute(delete(budget_status))
    bills = coverage(connection, clock().date()) if settings.budgets else []
    known = daily_series(connection, days=1, bills=bills)
    ahead = None
    if known is not None:
        _, end = period_of(max(known.end, clock().date()), "year")
        ahead = Ahead.look(connection, settings.forecast.steps, known.end, end, settings.reporting_currency)
    began = connection.scalar(text("SELECT min(charge_date) FROM spend_day")) if settings.budgets else None
    behind = {} if known is None else {one: goes_on(one, known.end) for one in bills_behind(bills, known.behind)}
    whole = known is not None and (known.first < known.end or any(bill.provider == OWN for bill in bills))
    look = _Look(known, whole, behind, began, ahead, exchange_rates(connection), remembered or Remembered())
    found = (_row(connection, settings, budget, look=look, clock=clock) for budget in settings.budgets)
    rows = [row for row in found if row is not None]
    if rows:
        connection.execute(insert(budget_status), rows)
    return len(rows)


@dataclass(frozen=True)
class _Look:
    """What all budgets of a run rest on.

    The days known and whether there are any, the bills behind and whether they go on, the ledger's first day, changes
    known beforehand, rates.
    """

    known: SeriesSet | None
    has_whole_days: bool
    behind: Mapping[Coverage, bool]
    began: date | None
    ahead: Ahead | None
    rates: ExchangeRates
    remembered: Remembered


def _present(budget: Budget, known: SeriesSet | None, today: date) -> tuple[date, date] | None:
    """The period of the last day known, or of today, and the day after it; None before the budget begins.

    One that begins within it has all of its amount for the days left.
    """
    begins = budget.valid_from or date.min
    if begins > today:
        return None
    last = today if known is None else max(min(known.end - timedelta(days=1), today), begins)
    first, end = period_of(last, budget.period)
    if known is not None and known.end >= end and today >= end:  # the period is known whole: the next has begun
        first, end = period_of(end, budget.period)
    return max(first, begins), end


def _row(
    connection: Connection,
    settings: Settings,
    budget: Budget,
    *,
    look: _Look,
    clock: Clock,
) -> dict[str, Any] | None:
    """The present period of a budget; None before the budget begins."""
    known, today = look.known, clock().date()
    present = _present(budget, known, today)
    if present is None:
        return None
    first, end = present
    currency = budget.currency or settings.reporting_currency
    seen_to = first if known is None or not look.has_whole_days else min(known.end, end)
    cover = covered(connection, budget, oldest(first), end)
    theirs = known_of(connection, budget, cover, first=oldest(first), upto=seen_to, end=end, behind=look.behind)
    upto, own = theirs.end, theirs.own
    length, start = (upto - oldest(first)).days, (first - oldest(first)).days
    clouds = in_currency(theirs.clouds, currency, first, look.rates)
    late = [in_currency(one.cost, currency, first, look.rates) for one in theirs.late]
    cost = clouds.with_others(late)
    written = in_currency(own.part(0, length), currency, first, look.rates)
    to_come = in_currency(own.part(length, own.length), currency, upto, look.rates)
    seen = cost.with_others([written])
    spent = [exact_sum(day) for day in zip(seen.usage[start:], seen.fees[start:], strict=True)]
    told_by_all = (theirs.told_by_all - oldest(first)).days
    profile = weekday_profile(cost.usage[:told_by_all], theirs.told_by_all)
    weights = [profile[(first + timedelta(days=number)).weekday()] for number in range((end - first).days)]
    known_steps = Placed([], [])
    if look.ahead is not None:
        known_steps = place_steps(connection, budget, look.ahead, cover, currency=currency, rates=look.rates, upto=upto)
    changes = changes_ahead(known_steps.steps, upto, (end - upto).days)
    fees = without_begun(clouds.fees, known_steps.steps, upto)
    skipped = max((first - upto).days, 0)  # days of earlier periods that the bills behind do not tell of
    path: Path | None
    if own.usage and not any((*clouds.usage, *clouds.fees)):
        path = certain_path(changes[skipped:])
    elif (path := forecast_path(clouds.usage, fees, oldest(first), changes, look.remembered, skipped=skipped)) is None:
        pace = burn_path(clouds.usage[start:], weights)
        path = pace and pace.with_known(changes[skipped:])
    path = path and path.with_known([a + b for a, b in zip(to_come.usage, to_come.fees, strict=True)][skipped:])
    missing: tuple[Decimal, ...] = ()
    if path is not None and any(one.goes_on for one in theirs.late):
        paths = _late_paths(theirs, late, first, end, look.remembered)
        missing, path = with_missing(path, paths, len(spent))
    credited: dict[str, Decimal] = {}
    if exact_sum(spent) < 0:
        column = f"{budget.cost}_cost"
        credited = taken_off(connection, cover, column, first=first, upto=upto, currency=currency, rates=look.rates)
    stands = standing(
        budget,
        first,
        spent,
        weights,
        path,
        credited=credited,
        alerts=settings.budget_alerts,
        pace=_pace(seen.usage[:told_by_all], profile, theirs.told_by_all, look.began),
        used=exact_sum(seen.usage[start:]),
        missing=missing,
    )
    state, notes = _told(stands, theirs, seen.unconverted)
    if known is not None and theirs.has_unfinished and theirs.is_empty:
        notes.append("what fits it is of days that are not whole yet")
    elif known is not None and theirs.is_empty:  # its match may be misspelt
        notes.append(f"no charge since {oldest(first)} fits it")
    if known_steps.left_out:
        notes.append(f"known but not in the forecast: {', '.join(known_steps.left_out)}")
    return {
        "name": budget.name,
        "period_start": first,
        "period_end": end,
        "period": budget.period,
        "covers": covers(budget),
        "cost": budget.cost,
        "amount": budget.amount,
        "currency": currency,
        "known_to": None if known is None else upto,
        "actual": stands.actual,
        "expected_to_date": stands.expected_to_date,
        "burn_rate": stands.burn_rate,
        "forecast_p10": stands.p10,
        "forecast_p50": stands.p50,
        "forecast_p90": stands.p90,
        "forecast_method": None if path is None else path.method,
        "exhausted_on": stands.exhausted_on,
        "threshold": stands.threshold,
        "thresholds": [_as_stored(one) for one in stands.thresholds],
        "burn_short": stands.burn.short,
        "burn_short_days": settings.budget_alerts.short_days,
        "burn_long": stands.burn.long,
        "burn_long_days": settings.budget_alerts.long_days,
        "burn_state": stands.burn.state,
        "state": state,
        "reason": "; ".join(notes),
        "unconverted": {name: str(amount) for name, amount in seen.unconverted.items()},
        "partly_unknown": seen.partly_unknown,
        "computed_at": clock(),
    }


def _late_paths(known: Known, late: Sequence[InCurrency], first: date, end: date, remembered: Remembered) -> list[Path]:
    """The days that bills behind do not tell of yet, of each that goes on; those before the period are in none."""
    paths = [
        forecast_path(
            cost.usage,
            cost.fees,
            one.cost.first,
            (Decimal(0),) * (end - one.bill.end).days,
            remembered,
            skipped=max((first - one.bill.end).days, 0),
            least=0,
        )
        for one, cost in zip(known.late, late, strict=True)
        if one.goes_on
    ]
    return [path for path in paths if path is not None]


def _told(stands: Standing, known: Known, unconverted: Mapping[str, Decimal]) -> tuple[State, list[str]]:
    """State and reasons, once what is not counted in ``stands`` is."""
    state, notes = stands.state, [stands.reason]
    if unconverted:  # it may be more than the budget: that all is well cannot be said
        state = max(state, "warn", key=_STATES.index)
        notes.append("what has no exchange rate is not counted")
    return state, [*notes, *behind_words([(one.bill.as_behind, one.goes_on) for one in known.behind])]


def _pace(usage: Sequence[Decimal], profile: Sequence[Decimal], upto: date, began: date | None) -> Pace:
    """The days up to ``upto`` of which there is a ledger: of days before it nothing is known."""
    days = 0 if began is None else min(len(usage), max((upto - began).days, 0))
    weights = [profile[(upto - timedelta(days=number)).weekday()] for number in range(days, 0, -1)]
    return Pace(usage[len(usage) - days :], weights)


def _as_stored(one: Threshold) -> dict[str, str | None]:
    return {
        "percent": f"{one.percent.normalize():f}",
        "reached_on": None if one.reached_on is None else one.reached_on.isoformat(),
        "expected_on": None if one.expected_on is None else one.expected_on.isoformat(),
    }
