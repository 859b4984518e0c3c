"""Let notebooks and training machines stop by themselves when they have stood idle for a while.

Assumes
    A notebook that has been idle for an hour may stop, as its disk stays; so may a training machine two hours after
    its last work, where no job is queued for it.
Method
    The rule is played on the window's five-minute states: off as soon as it has been idle for the wait, on again with
    the next work. Saved is the time off, less the time that starts take, over the time known, of what it costs. Each
    start is somebody who waits: hours with one, over all hours, are the violations, with their upper 95 % bound.
    The rule is not fitted to the history, so all of it is held out.
Cases
    An unknown slot is not idle and begins the wait anew. Never active in the window: that is another advice.
Sources
    docs/advice.md (SageMaker Studio's shortest idle timeout: 60 minutes; SkyPilot and dstack stop after five).
Known drawbacks
    Whether a job waits in a queue is not recorded; the command says to check. A notebook that is only read is idle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from aispend.advising import Recommend
from aispend.percents import percent, percent_apart
from recommender import terraform
from recommender.actions import describe, stop_when_idle
from recommender.contract import COST_UNKNOWN, Advice, Kind, Step, WhyNot
from recommender.evidence import load_evidence, machine_price
from recommender.guards import covered_remark, hard_to_regain, preconditions, refusal, reserved
from recommender.kinds.demand import demand_of, last_days, states_of
from recommender.methods.risk import effective_sample, risk_level, violation_bound
from recommender.methods.states import (
    SLOTS_PER_DAY,
    SLOTS_PER_HOUR,
    State,
    measured_until,
)
from recommender.savings import Spread, cost_basis, cost_remark, monthly_cost, recent, saving
from recommender.subjects.machines import Machine

NAME = "auto_stop"
_TRAINING = ("training", "fine_tuning")
_SLOT_MINUTES = 5
_WEEK_SLOTS = 7 * SLOTS_PER_DAY


@dataclass(frozen=True)
class Played:
    """The rule on a stretch of history: slots known, slots off, and how often it had to start again."""

    known: int
    off: int
    starts: int
    hours_with_a_start: NDArray[np.float64]

    @property
    def share(self) -> float:
        """Share of the known time it would have been off."""
        return self.off / self.known if self.known else 0.0

    def saved(self, start_minutes: int) -> float:
        """The same less the time that starts take, which is paid for as well."""
        return max(self.off - self.starts * start_minutes / _SLOT_MINUTES, 0.0) / self.known if self.known else 0.0


def play(states: NDArray[np.int8], wait: int) -> Played:
    """Stop after ``wait`` idle slots in a row, start with the next active one."""
    idle = (states == State.ALLOCATED_UNUSED) | (states == State.RESIDENT_IDLE)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], idle, [False]])))
    begins, ends = edges[::2], edges[1::2]
    lengths = ends - begins
    off = int(np.maximum(lengths - wait, 0).sum())
    after = ends[(lengths > wait) & (ends < states.size)]
    starts = after[states[after] >= State.UNDERUSED]
    hourly = np.zeros(math.ceil(states.size / SLOTS_PER_HOUR))
    hourly[starts // SLOTS_PER_HOUR] = 1
    return Played(int((states != State.UNKNOWN).sum()), off, starts.size, hourly)


def _whole_weeks(slots: int) -> range:
    """Where each of the newest whole weeks begins."""
    return range(slots % _WEEK_SLOTS, slots, _WEEK_SLOTS)


def applies(subject: Machine) -> bool:
    """Notebooks, and machines that train; a server may not stop while nobody asks it anything."""
    return (
        bool(subject.accelerator_count)
        and not subject.is_off
        and (subject.platform == "notebook" or subject.stage in (*_TRAINING, "notebook"))
    )


def evaluate(subject: Machine, settings: Recommend) -> Advice | WhyNot:
    """What stopping by itself would have saved, or why not."""
    options = settings.auto_stop
    days = options.window_days
    cost = monthly_cost(subject, days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if found := refusal(subject, settings) or reserved([subject]):
        return no(*found)
    history = subject.accelerators
    if history is None:
        return no("telemetry_missing", "No accelerator utilization is known for it, so nobody can say when it is idle.")
    states = states_of(history, settings.idle)[-days * SLOTS_PER_DAY :]
    billed_hours = max(sum(day.hours for day in recent(subject, days)), 1)
    played = play(states, _wait_minutes(subject, settings) // _SLOT_MINUTES)
    coverage = min(played.known / SLOTS_PER_HOUR / billed_hours, 1.0)
    if coverage < options.min_coverage:
        return no(
            "telemetry_missing",
            f"Utilization is known for {percent_apart(coverage, options.min_coverage)} of its billed hours; "
            f"{percent(options.min_coverage)} is needed.",
        )
    if not (states >= State.UNDERUSED).any():
        return no("idle", "It did no work in the window: whether to switch it off for good is the question.")
    if not played.off:
        return no("busy", f"It never stood idle for longer than {_wait_minutes(subject, settings)} minutes.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    wait = _wait_minutes(subject, settings)
    by_week = [play(states[start : start + _WEEK_SLOTS], wait // _SLOT_MINUTES) for start in _whole_weeks(states.size)]
    spread = Spread(shares=tuple(week.saved(options.start_minutes) for week in by_week if week.known))
    saved_share = Decimal(repr(played.saved(options.start_minutes))).quantize(Decimal("0.0001"))
    used = saving(subject, days, saved_share, spread)
    bound = violation_bound(int(played.hours_with_a_start.sum()), effective_sample(played.hours_with_a_start))
    command, undo = stop_when_idle(subject, wait)
    queue = "" if _is_notebook(subject) else "# only while no job is queued for it\n"
    scarce = hard_to_regain(subject)
    waits = played.starts * options.start_minutes
    demand = last_days(demand_of(history), days)
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=f"stop by itself after {wait} minutes without work",
        monthly_cost=cost,
        saving=used,
        risk=risk_level(bound),
        confidence="medium" if coverage >= settings.idle.inactive_share else "low",
        effort="low",
        reason=f"It stood idle for longer than {wait} minutes in {percent_apart(played.share, 0, 1)} of the known time "
        f"of the last {days} days; stopped then, it would have had to start {played.starts} times, {waits} minutes of "
        f"waiting.{covered_remark(used, 'stopping')}{cost_remark(subject, days)}",
        undo=undo,
        command=queue + preconditions(subject) + command,
        violation_bound=Decimal(repr(round(bound, 6))),
        hard_to_regain=scarce is not None,
        target="auto_stop",
        evidence_until=measured_until(history),
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(coverage, 4),
            "counter": history.counter,
            **load_evidence(demand.load, demand.concurrent),
            "wait_minutes": wait,
            "idle_share": round(played.share, 4),
            "starts": played.starts,
            "hard_to_regain": scarce,
            "replay": {
                "hours": played.known // SLOTS_PER_HOUR,
                "violation_minutes": waits,
                "violation_bound": round(bound, 6),
                "worst_overload": 0.0,
                "saving": str(used.effective),
            },
            **terraform.evidence(terraform.stops_when_idle(subject, wait)),
            **machine_price(subject),
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _is_notebook(subject: Machine) -> bool:
    return subject.platform == "notebook" or subject.stage == "notebook"


def _wait_minutes(subject: Machine, settings: Recommend) -> int:
    return settings.idle.notebook_window_minutes if _is_notebook(subject) else settings.auto_stop.training_wait_minutes


KIND = Kind(
    name=NAME,
    subject=Machine,
    step=Step.SCHEDULE,
    title="Stop by itself when idle",
    needs="accelerator utilization of a notebook or a training machine",
    applies=applies,
    evaluate=evaluate,
)
