"""Switch off what nobody uses.

Assumes
    Accelerator activity is measured in the guest. No series means unknown, and gives no advice.
Method
    Three independent signals over a window that depends on what the thing is:
    *compute* (no activity in at least 99 % of known slots, and on at most one day), *demand* (no inference
    request; for a resource without endpoint records, no workload seconds) and *power* (never more than 15 %, or
    10 W, over the card's own floor). All three: high confidence. Two: medium. Compute alone: low, "suspected".
    A signal that contradicts compute stops the advice. Known for less than the window: low as well, however idle.
    A server with weights in memory and no requests is idle: memory held is not use.
Cases
    activity on two or more days of the window: periodic use, not idle, however short each burst is;
    a keep tag, less than a day old, or no longer billed: no advice, with the reason.
Sources
    docs/advice.md (AWS Compute Optimizer's G/P rule; gpu-pruner acting on the owner).
Known drawbacks
    Work that uses neither accelerator nor requests (a licence server on a GPU host) looks idle; use the keep tag.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from aispend.advising import Idle, Recommend
from recommender.actions import describe, switch_off
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Kind, Step, WhyNot
from recommender.methods.risk import effective_sample, risk_level, violation_bound
from recommender.methods.states import (
    SLOTS_PER_HOUR,
    Accelerators,
    State,
    idle_since,
    measured_until,
    resource_states,
    slot_states,
)
from recommender.savings import cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.machines import Machine

NAME = "stop_idle"
_FAST_TRACK = {"notebook"}
PERIODIC_INACTIVE_SHARE = 0.9
"""Inactive for longer than this and active on several days: used now and then, which a schedule could serve."""
_DAY_HOURS = 24
"""What may be missing of the window at its beginning."""
_POWER_MARGIN = 1.15
_POWER_NOISE_WATTS = 10.0
"""Below this a rise is the sensor's noise: 15 % of a small card's floor is a watt or two."""


def applies(subject: Machine) -> bool:
    """Whatever has accelerators of its own."""
    return bool(subject.accelerator_count)


def evaluate(subject: Machine, settings: Recommend) -> Advice | WhyNot:
    """Idle, or why not."""
    idle = settings.idle
    cost = monthly_cost(subject, idle.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    kept = [key for key in subject.tags if key.lower() in idle.keep_tags]
    if kept:
        return no("excluded", f"Tag {kept[0]} asks to keep it.")
    if subject.is_off:
        return no("off", "It is no longer billed.")
    if (subject.as_of.date() - subject.first_seen).days < 1:
        return no("too_new", "It is less than a day old.")
    history = subject.accelerators
    if history is None:
        return no(
            "telemetry_missing",
            "No accelerator utilization is known for it, so nobody can say it is idle. "
            "Run the cloud's GPU agent or DCGM exporter there and collect it, or 'aispend import-metrics'.",
        )
    window_hours = idle.dev_window_hours if _is_fast_track(subject) else idle.window_days * 24
    window = min(window_hours * SLOTS_PER_HOUR, history.activity_max.shape[1])
    states = resource_states(slot_states(history, idle.max_activity))
    recent = states[-window:]
    known = recent != State.UNKNOWN
    coverage = float(known.sum()) / _expected_slots(subject, window_hours)
    if coverage < idle.min_coverage:
        return no(
            "telemetry_missing",
            f"Only {coverage:.0%} of its hours in the last {window_hours} h have utilization; "
            f"{idle.min_coverage:.0%} is needed.",
        )
    active = recent >= State.UNDERUSED
    inactive_share = 1 - float(active.sum()) / float(known.sum())
    active_days = np.unique(np.flatnonzero(active) // (24 * SLOTS_PER_HOUR)).size
    if inactive_share < PERIODIC_INACTIVE_SHARE:
        return no("busy", f"It was active in {1 - inactive_share:.1%} of the last {window_hours} h.")
    if active_days > 1:
        return no("periodic_use", f"It worked on {active_days} of the last {window_hours // 24} days, if briefly.")
    if inactive_share < idle.inactive_share:
        return no("busy", f"It was active in {1 - inactive_share:.1%} of the last {window_hours} h.")
    since_slot = idle_since(states)
    idle_hours = (states.size - since_slot) / SLOTS_PER_HOUR
    if idle_hours < min(window_hours, 24):
        return no("busy", f"It was active {idle_hours:.0f} h ago.")
    demand = _demand(subject, window_hours)
    if demand:
        return no("busy", f"It served {demand:,.0f} requests in the last {window_hours} h.")
    power = _power_agrees(history, window_hours)
    if power is False:
        return no("signals_disagree", "No activity is counted, but its power draw rose above the card's idle floor.")
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
    confidence: Confidence = "high" if signals == 3 else "medium" if signals == 2 else "low"
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
    state = "resident-idle" if resident else "allocated-unused"
    what = "has weights in memory but did no work" if resident else "did no work and holds no memory"
    longer = " or longer, as far back as was looked" if since_slot == 0 else ""
    certainty = "" if signals > 1 else " (suspected: only compute is known)"
    if short:
        certainty = f" (suspected: only {seen_hours // _DAY_HOURS} of {window_hours // _DAY_HOURS} days are known)"
    proposed, command, undo = switch_off(subject)
    used = saving(subject, idle.window_days, Decimal(1))
    covered = " Commitments cover it, so stopping saves nothing today." if used.net == 0 and used.effective > 0 else ""
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=proposed,
        monthly_cost=cost,
        saving=used,
        risk=risk_level(bound),
        confidence=confidence,
        effort="very_low",
        reason=f"It {what} since {since:%Y-%m-%d %H:%M} UTC{longer}{certainty}.{covered}"
        f"{cost_remark(subject, idle.window_days)}",
        undo=undo,
        command=command,
        violation_bound=Decimal(repr(round(bound, 6))),
        target="stop",
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
            "active_hours": violations,
            "requests": None if demand is None else str(demand),
            "power_at_idle_floor": power,
            "signals": signals,
            "cost_basis": cost_basis(subject, idle.window_days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _rounded(value: Any) -> float | None:
    number = float(value)
    return None if np.isnan(number) else round(number, 4)


def _is_fast_track(subject: Machine) -> bool:
    environment = {key.lower(): value.lower() for key, value in subject.tags.items()}
    return subject.platform in _FAST_TRACK or environment.get("env", environment.get("environment")) in {"dev", "test"}


def _expected_slots(subject: Machine, window_hours: int) -> int:
    days = max(window_hours // 24, 1)
    oldest = (subject.as_of - timedelta(days=days)).date()
    billed_hours = sum(cost.hours for cost in subject.costs if cost.day >= oldest)
    return max(min(billed_hours, window_hours), 1) * SLOTS_PER_HOUR


def _seen_hours(states: Any) -> int:
    """Hours from the first known slot to the end."""
    known = np.flatnonzero(states != State.UNKNOWN)
    return (states.size - int(known[0])) // SLOTS_PER_HOUR if known.size else 0


def _demand(subject: Machine, window_hours: int) -> Decimal | None:
    """Requests in the window; with no inference records, 0 where workload records say nothing ran; None unknown."""
    oldest = (subject.as_of - timedelta(hours=window_hours)).date()
    if subject.requests is not None:
        return sum((count for day, count in subject.requests.items() if day >= oldest), Decimal(0))
    if subject.workload_seconds is not None:
        ran = any(seconds > 0 for day, seconds in subject.workload_seconds.items() if day >= oldest)
        return None if ran else Decimal(0)
    return None


def _power_agrees(history: Accelerators, window_hours: int) -> bool | None:
    """Whether power stayed at the card's own floor; None where power is unknown."""
    power = history.power_mean
    recent = power[:, -window_hours:]
    if np.isnan(recent).all():
        return None
    floor = np.nanpercentile(power, 5, axis=1, keepdims=True)
    return bool(np.nanmax(recent - np.maximum(floor * _POWER_MARGIN, floor + _POWER_NOISE_WATTS)) <= 0)


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
