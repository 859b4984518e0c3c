"""Switch off what nobody uses.

Assumes
    Accelerator activity is measured in the guest. No series means unknown, and gives no advice. An endpoint without
    accelerators does nothing where it has no requests.
Method
    Three independent signals over a window that depends on what the thing is:
    *compute* (no activity in at least 99 % of known slots, and on at most one day; a lone slot below 5 % with nothing
    in memory is a health check), *demand* (no inference request, where most of the window was recorded; for a resource
    without endpoint records, no workload seconds) and *power* (never more than 15 %, or 10 W, over the card's own
    floor, and the floor at most 30 % of its board power, or 40 W).
    All three: high confidence, if the end of a month lies in what is known without work; else medium, as of two.
    Compute alone: low, "suspected".
    A signal that contradicts compute stops the advice. Known for less than the window: low as well,
    however idle, and not counted until the window is over.
    A server with weights in memory and no requests is idle: memory held is not use.
    An endpoint without accelerators: see ``quiet_endpoint.py``. What its own history held against earlier such stops
    is in saving and risk: see ``idle_replay.py``.
    Of machines whose stops were often taken back (over 5 % within a week) the window is half as long again.
Cases
    activity on two or more days of the window: periodic use, not idle, however short each burst is; work that has
    come back by the week or the month (autocorrelation of daily maxima) must be seen idle for two of these;
    a keep tag, a standby for disasters, newly deployed, or no longer billed: no advice, with the reason.
Sources
    docs/advice.md (AWS Compute Optimizer's G/P rule and endpoints; gpu-pruner acting on the owner).
Known drawbacks
    Work that uses neither accelerator nor requests (a licence server on a GPU host) looks idle; use the keep tag.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from aispend.advising import Idle, Recommend
from aispend.percents import percent, percent_apart
from aispend.prices.accelerators import accelerator
from aispend.tag_keys import tag_values
from recommender import terraform
from recommender.actions import describe, switch_off
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Kind, Step, WhyNot
from recommender.evidence import load_evidence, machine_price
from recommender.guards import covered_remark, given_up_too, hard_to_regain, preconditions, refusal
from recommender.kinds.demand import demand_of, last_days, never_measured, states_of
from recommender.kinds.idle_replay import idle_evidence, idle_replay
from recommender.kinds.quiet_endpoint import NAME, evaluate_endpoint
from recommender.methods.idle import MONTH, TWO_MONTHS, next_window, periodicity
from recommender.methods.risk import effective_sample, violation_bound
from recommender.methods.states import (
    SLOTS_PER_DAY,
    SLOTS_PER_HOUR,
    Accelerators,
    State,
    idle_since,
    measured_until,
)
from recommender.savings import Spread, cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.machines import Machine

_FAST_TRACK = {"notebook"}
_ENDPOINT = "managed_endpoint"
_RESERVED = "capacity_reservation"
PERIODIC_INACTIVE_SHARE = 0.9
"""Inactive for longer than this and active on several days: used now and then, which a schedule could serve."""
_DAY_HOURS = 24
"""A day; and what may be missing of the window at its beginning."""
_DID = {
    "resident-idle": "has weights in memory but did no work",
    "allocated-unused": "did no work and holds next to no memory",
    "idle": "did no work (whether it holds memory is not known)",
}
_SLOT = timedelta(minutes=60 / SLOTS_PER_HOUR)
AWS_MEMORY_SHARE = 0.05
"""Memory held from which Compute Optimizer calls no G or P instance idle."""
_CHECK_ACTIVITY = 0.05
"""What a health check, or an answer to the driver, shows in the one slot it falls in."""


def applies(subject: Machine) -> bool:
    """Whatever has accelerators of its own, and endpoints that answer without any."""
    return (bool(subject.accelerator_count) and subject.platform != _RESERVED) or subject.platform == _ENDPOINT


def evaluate(subject: Machine, settings: Recommend) -> Advice | WhyNot:
    """Idle, or why not."""
    idle = settings.idle
    cost = monthly_cost(subject, idle.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if found := refusal(subject, settings):
        return no(*found)
    if not subject.accelerator_count:
        return evaluate_endpoint(subject, idle, cost)
    history = subject.accelerators
    if history is None:
        return no(
            "telemetry_missing",
            "No accelerator utilization is known for it, so nobody can say it is idle. "
            "Run the cloud's GPU agent or DCGM exporter there and collect it, or 'aispend import-metrics'.",
        )
    window_hours = _window_hours(subject, idle)
    window = min(window_hours * SLOTS_PER_HOUR, history.activity_max.shape[1])
    states = states_of(history, idle)
    checks = _health_checks(history, states, idle)
    states[checks] = State.ALLOCATED_UNUSED
    recent = states[-window:]
    known = recent != State.UNKNOWN
    # more can be measured than was billed, and no more than all of it is known
    coverage = min(float(known.sum()) / _expected_slots(subject, window_hours), 1.0)
    if coverage < idle.min_coverage:
        return no(
            "telemetry_missing",
            f"{never_measured(history)}Only {percent_apart(coverage, idle.min_coverage)} of its hours in the last "
            f"{window_hours} h have utilization; {percent(idle.min_coverage)} is needed.",
        )
    active = recent >= State.UNDERUSED
    inactive_share = 1 - float(active.sum()) / float(known.sum())
    # from the end, which is a midnight: the window may begin within a day
    days = np.flatnonzero(active[::-1]) // SLOTS_PER_DAY
    active_days = int((np.diff(days) != 0).sum()) + (days.size > 0)
    active_for = f"It was active in {percent_apart(1 - inactive_share, 0, 1, decimals=1)} of the last {window_hours} h."
    if inactive_share < PERIODIC_INACTIVE_SHARE:
        return no("busy", active_for)
    if active_days > 1:
        return no(
            "periodic_use", f"It worked on {active_days} of the last {math.ceil(window_hours / 24)} days, if briefly."
        )
    if inactive_share < idle.inactive_share:
        return no("busy", active_for)
    since_slot = idle_since(states)
    idle_hours = (states.size - since_slot) / SLOTS_PER_HOUR
    if idle_hours < (least := min(window_hours, _DAY_HOURS)):
        return no(*_too_short(states, idle_hours, least))
    recent_days = _daily_max(history, checks)
    period = periodicity(recent_days) or periodicity(_with_earlier(recent_days, subject), (MONTH,))
    if period is not None and idle_hours < period.window_days * 24:
        return no(
            "periodic_use",
            f"Its work has come back every {period.days} days, and it has been idle for {idle_hours / 24:.0f} days: "
            f"{period.window_days} are needed to know that it stopped.",
        )
    oldest = (subject.as_of - timedelta(hours=window_hours)).date()
    demand = _demand(subject, oldest, window_hours, idle)
    if demand:
        return no("busy", f"It served {demand:,.0f} requests since {oldest}.")
    power = _power_agrees(history, window_hours, subject.accelerator_type, idle)
    if power is False:
        return no("signals_disagree", "No activity is counted, but it draws more power than an idle card does.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    return _advice(
        subject,
        idle=idle,
        states=states,
        window_hours=window_hours,
        coverage=coverage,
        since_slot=since_slot,
        demand=demand,
        power=power,
        cost=cost,
    )


def _state(history: Accelerators, window_hours: int, *, resident: bool) -> str:
    """In which way it is idle; ``idle`` alone where of one card nobody knows what it holds."""
    unknown = np.isnan(history.memory_used_max[:, -window_hours:]).all(axis=1).any()
    return "resident-idle" if resident else "idle" if unknown else "allocated-unused"


def _advice(
    subject: Machine,
    *,
    idle: Idle,
    states: Any,
    window_hours: int,
    coverage: float,
    since_slot: int,
    demand: Decimal | None,
    power: bool | None,
    cost: Decimal,
) -> Advice:
    assert subject.accelerators is not None  # noqa: S101 - the caller has returned otherwise
    history = subject.accelerators
    signals = 1 + (demand is not None) + (power is not None)
    month_end = _sees_month_end(subject, states, since_slot, idle)
    confidence: Confidence = "low" if signals == 1 else "high" if signals == 3 and month_end else "medium"
    window = window_hours * SLOTS_PER_HOUR
    seen_hours = _seen_hours(states[-window:])
    short = seen_hours < window_hours - _DAY_HOURS
    if short:
        confidence = "low"
    hourly = np.nan_to_num(history.activity_max[:, -window:], nan=0.0).max(axis=0).astype(float)
    hourly = hourly[: hourly.size // SLOTS_PER_HOUR * SLOTS_PER_HOUR].reshape(-1, SLOTS_PER_HOUR).max(axis=1)
    violations = int((hourly >= idle.max_activity).sum())
    bound = violation_bound(violations, effective_sample(hourly))
    since = history.start + timedelta(minutes=5 * int(since_slot))
    recent = states[-window:]
    resident = bool((recent == State.RESIDENT_IDLE).sum() > (recent == State.ALLOCATED_UNUSED).sum())
    state = _state(history, window_hours, resident=resident)
    longer = " or longer, as far back as was looked" if since_slot == 0 else ""
    certainty, gate = "" if signals > 1 else " (suspected: only compute is known)", None
    if short:
        unit, hours = ("days", _DAY_HOURS) if window_hours % _DAY_HOURS == 0 else ("hours", 1)
        certainty = f" (suspected: only {seen_hours // hours} of {window_hours // hours} {unit} are known)"
        gate = f"that it stays idle for all {window_hours // hours} {unit}"
    proposed, command, undo = switch_off(subject)
    independent = effective_sample(hourly)
    spread = Spread(short_hours=violations * min(independent / max(hourly.size, 1), 1.0), hours=independent)
    tried = idle_replay(states, history, window, idle)
    needed = tried.needed
    used = saving(subject, idle.window_days, needed.share_off, needed.spread(spread))
    risk, upper = needed.judged(bound)
    covered = covered_remark(used, "stopping")
    scarce = hard_to_regain(subject)
    used_by = last_days(demand_of(history), -(-window_hours // _DAY_HOURS))
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=proposed,
        monthly_cost=cost,
        saving=used,
        risk=risk,
        confidence=confidence,
        effort="very_low",
        reason=f"It {_DID[state]} since {since:%Y-%m-%d %H:%M} UTC{longer}{certainty}.{needed.remark}{covered}"
        f"{cost_remark(subject, idle.window_days)}",
        undo=undo,
        command=preconditions(subject) + command,
        hard_to_regain=scarce is not None,
        violation_bound=upper,
        target="stop",
        gate=", and ".join(one for one in (gate, given_up_too([subject])) if one) or None,
        evidence_until=measured_until(history),
        evidence={
            "state": state,
            "since": since.isoformat(),
            "window_hours": window_hours,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(coverage, 4),
            "counter": history.counter,
            "activity_max": _rounded(np.nanmax(history.activity_max[:, -window:])),
            "activity_p99": _rounded(np.nanpercentile(history.activity_max[:, -window:], 99)),
            "memory_used_max_bytes": _rounded(np.nanmax(history.memory_used_max[:, -window_hours:], initial=0.0)),
            "memory_share_max": _memory_share(history, window_hours),
            "aws_rule_finds_it": _aws_rule(history, window_hours),
            "active_hours": violations,
            "requests": None if demand is None else str(demand),
            "power_at_idle_floor": power,
            "signals": signals,
            "month_end_seen": month_end,
            **terraform.evidence(terraform.stopped(subject)),
            **load_evidence(used_by.load, used_by.concurrent),
            **machine_price(subject),
            **idle_evidence(tried, used.effective),
            "hard_to_regain": scarce,
            "cost_basis": cost_basis(subject, idle.window_days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _window_hours(subject: Machine, idle: Idle) -> int:
    """Hours it has to be idle: a day for development, else the window; more where stops of its kind were regretted."""
    hours = idle.dev_window_hours if _is_fast_track(subject) else idle.window_days * 24
    return round(next_window(hours, *subject.regret))


def _health_checks(history: Accelerators, states: Any, idle: Idle) -> Any:
    """Slots in which only a health check ran: alone, faint, and nothing in memory. Memory unknown: none."""
    active = states >= State.UNDERUSED
    alone = active & ~np.roll(active, 1) & ~np.roll(active, -1)
    faint = np.fmax.reduce(history.activity_max, axis=0) < _CHECK_ACTIVITY
    free = (history.memory_used_max <= idle.resident_bytes).all(axis=0)
    return alone & faint & np.repeat(free, SLOTS_PER_HOUR)[: active.size]


def _daily_max(history: Accelerators, checks: Any) -> Any:
    """The largest activity of each whole day, health checks left out; NaN where a day is unknown."""
    days = history.activity_max.shape[1] // SLOTS_PER_DAY
    if not days:
        return np.empty(0)
    slots = np.fmax.reduce(history.activity_max.astype(float), axis=0)
    slots = np.where(checks, 0.0, slots)[-days * SLOTS_PER_DAY :]
    return np.fmax.reduce(slots.reshape(days, SLOTS_PER_DAY), axis=1)


def _memory_share(history: Accelerators, window_hours: int) -> float | None:
    """The largest share of its accelerators' memory that was held at once; None where either is unknown."""
    held = history.memory_used_max[:, -window_hours:].sum(axis=0)
    total = history.memory_total[:, -window_hours:].sum(axis=0)
    shares = (held / np.where(total > 0, total, np.nan))[~np.isnan(held)]
    return None if not shares.size or np.isnan(shares).all() else _rounded(np.nanmax(shares))


def _aws_rule(history: Accelerators, window_hours: int) -> bool | None:
    """False where memory held rules it out for AWS's rule; None where processor and network would decide."""
    share = _memory_share(history, window_hours)
    return False if share is not None and share >= AWS_MEMORY_SHARE else None


def _rounded(value: Any) -> float | None:
    number = float(value)
    return None if np.isnan(number) else round(number, 4)


def _is_fast_track(subject: Machine) -> bool:
    said = tag_values(subject.tags, "env") or tag_values(subject.tags, "environment")
    return subject.platform in _FAST_TRACK or (bool(said) and {value.lower() for value in said} <= {"dev", "test"})


def _expected_slots(subject: Machine, window_hours: int) -> int:
    """Slots of the window in which it was billed; where the bill knows no hours of a day, as many as may lie in it."""
    begin = subject.as_of - timedelta(hours=window_hours)
    billed_hours = 0
    for cost in subject.costs:
        midnight = datetime.combine(cost.day, time(), UTC)
        inside = [hour for hour in range(_DAY_HOURS) if begin <= midnight + timedelta(hours=hour) < subject.as_of]
        if cost.hours_mask is None:
            billed_hours += min(cost.hours, len(inside))
        else:
            billed_hours += sum(cost.hours_mask >> hour & 1 for hour in inside)
    return max(billed_hours, 1) * SLOTS_PER_HOUR


def _too_short(states: Any, idle_hours: float, least: int) -> tuple[str, str]:
    """Why what has been idle for less than ``least`` hours is none: active before, or not known before."""
    if (states >= State.UNDERUSED).any():
        return "busy", f"It was active {idle_hours:.0f} h ago."
    return "telemetry_missing", f"It is known for {idle_hours:.0f} h; {least} are needed."


def _sees_month_end(subject: Machine, states: Any, since_slot: int, idle: Idle) -> bool:
    """Whether the last day of a month was measured and without work, in what it has been idle for or before that."""
    assert subject.accelerators is not None  # noqa: S101 - the caller has returned otherwise
    last = subject.as_of.date().replace(day=1) - timedelta(days=1)
    slot = (datetime.combine(last, time(), UTC) - subject.accelerators.start) // _SLOT
    if slot >= 0:
        day = states[slot : slot + SLOTS_PER_DAY]
        return slot >= since_slot and float((day != State.UNKNOWN).mean()) >= idle.min_coverage
    never_active = not (states >= State.UNDERUSED).any()
    return never_active and (subject.earlier or {}).get(last, 1.0) < idle.max_activity


def _seen_hours(states: Any) -> int:
    """Hours from the first known slot to the end."""
    known = np.flatnonzero(states != State.UNKNOWN)
    return (states.size - int(known[0])) // SLOTS_PER_HOUR if known.size else 0


def _demand(subject: Machine, oldest: date, window_hours: int, idle: Idle) -> Decimal | None:
    """Requests since a day; with no inference records, 0 where workload records say nothing ran; None unknown.

    That none is recorded says that nobody asked where most of the window was recorded: a log may have ended before.
    """
    if subject.requests is not None:
        asked = sum((count for day, count in subject.requests.items() if day >= oldest), Decimal(0))
        recorded = None if subject.use is None else subject.use.recorded
        is_known = recorded is None or float(recorded[-window_hours:].mean()) >= idle.min_coverage
        return asked if asked or is_known else None
    if sum(day >= oldest for day in subject.looked_at) >= idle.min_coverage * window_hours / _DAY_HOURS:
        return Decimal(0)
    if subject.workload_seconds is not None:
        ran = any(seconds > 0 for day, seconds in subject.workload_seconds.items() if day >= oldest)
        days, known = (subject.as_of.date() - oldest).days, subject.workload_days
        is_known = known is None or sum(day >= oldest for day in known) >= idle.min_coverage * days
        return Decimal(0) if is_known and not ran else None
    return None


def _with_earlier(recent_days: Any, subject: Machine) -> Any:
    """The days before as well, as far as they are needed to see a month come back."""
    if not subject.earlier:
        return recent_days
    first = subject.as_of.date() - timedelta(days=recent_days.size)
    before = max(TWO_MONTHS - recent_days.size, 0)
    earlier = [subject.earlier.get(first - timedelta(days=days), np.nan) for days in range(before, 0, -1)]
    return np.concatenate([earlier, recent_days])


def _power_agrees(history: Accelerators, window_hours: int, card: str | None, idle: Idle) -> bool | None:
    """Whether power stayed at the card's own floor, and that is one of an idle card; None where power is unknown."""
    power = history.power_mean
    recent = power[:, -window_hours:]
    if np.isnan(recent).all():
        return None
    floor = np.nanpercentile(power, 5, axis=1, keepdims=True)
    known = accelerator(card) if card else None
    if known is not None and known.tdp_watts is not None:
        most = max(idle.idle_power_share * float(known.tdp_watts), idle.idle_power_watts)
        if np.nanmax(floor) > most:
            return False
    allowed = np.maximum(floor * (1 + idle.power_rise), floor + idle.power_noise_watts)
    return bool(np.nanmax(recent - allowed) <= 0)


KIND = Kind(
    name=NAME,
    subject=Machine,
    step=Step.REMOVE,
    alone=True,
    title="Switch off what nobody uses",
    needs="accelerator utilization for the window; requests and power make it certain",
    applies=applies,
    evaluate=evaluate,
)
