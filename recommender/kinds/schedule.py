"""On by the clock, or when asked: one machine that works in some hours of the week and is paid for in all.

Assumes
    The weeks to come are like those seen, hour by hour of the local week. A stop ends what runs.
Method
    *Windows*: an hour of the week is on where load was above a threshold, or a request came, in any week, and in the
    hour before (a start takes node, image and weights). Two weeks at least, on the clock of the team or tag. The same
    rule is replayed on days it was not made from: an hour of work that it would have been off for is a violation.
    *On request*: where requests are known, the cost of scaling to zero with a keep-alive long enough that no more than
    the allowed share starts cold (Poisson, the rate of each hour of the week), against always on: the hours it stays
    warm after the last request of a day or week cost as well.
    The better of the two is the advice, the other is in its evidence. The saving is of the hours that were billed:
    an hour that is not billed today saves nothing, one that commitments cover saves nothing net.
Cases
    Work in one week only, or none in the last two: it may come back by the month, or be over; no windows.
    Billed only when it works: it runs by the clock already. Work in nearly all hours of the week: no schedule. No work:
    switching it off is other advice. Work at hours that differ from week to week: the replay fails and says so.
Sources
    docs/advice.md; methods 5.1, 5.2, T4.3 (50 of 168 hours: 70.24 % less); ``methods/schedule``, ``methods/queueing``.
Known drawbacks
    Month ends and holidays are not in the week. Scarce types may not start when they should.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from aispend.advising import Recommend
from aispend.percents import percent, percent_apart
from recommender.actions import describe
from recommender.contract import COST_UNKNOWN, HOURS_PER_MONTH, Advice, Confidence, Kind, Step, WhyNot
from recommender.evidence import load_evidence, machine_price, not_replayed
from recommender.guards import covered_remark, hard_to_regain, loses_disks, preconditions, refusal_of_service, reserved
from recommender.kinds.clock import in_words, on_off_commands
from recommender.kinds.replayed import MAX_BOUND, replay_evidence, spread_of
from recommender.kinds.weeks import Weeks, start_hours, weeks_of
from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity, Demand, DemandAt, Slots
from recommender.methods.queueing import asked_before, cold_start_cost, cost_of_hour, ski_rental_timeout, warm_above
from recommender.methods.replay import Policy, Replay, replay
from recommender.methods.risk import sees_month_end
from recommender.methods.schedule import GOOD_WEEKS, HOURS_PER_WEEK, Series, on_hours, on_off_saving, windows
from recommender.owners import owner_of
from recommender.savings import cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service

NAME = "schedule"
_TRAIN_DAYS = 14
_FULL = HOURS_PER_WEEK * 0.98
"""Hours of the week from which on it is billed all the time."""
_WEEK_APART = HOURS_PER_WEEK - 24
"""Hours between the first and the last work that shows it comes back by the week."""


@dataclass(frozen=True)
class OnRequest:
    """Scaling to zero: share of cost saved, requests that start cold, idle hours kept warm, and the break-even rate."""

    saved_share: float
    cold_share: float
    keep_alive_hours: float
    cold_start_hours: float
    requests_per_hour: float
    break_even_per_hour: float


def applies(subject: Service) -> bool:
    """One machine with accelerators that runs now."""
    return len(subject.current) == 1


def evaluate(subject: Service, settings: Recommend) -> Advice | WhyNot:
    """Windows of the week, or on request, or why neither."""
    options = settings.schedule
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if refused := refusal_of_service(subject, settings) or reserved([subject.current[0].machine]):
        return no(*refused)
    week = weeks_of(subject, options)
    if week.coverage < options.min_coverage:
        return no(
            "telemetry_missing",
            f"Utilization covers {percent_apart(week.coverage, options.min_coverage)} of its billed hours in "
            f"{options.window_days} days; {percent(options.min_coverage)} is needed to know when it works.",
        )
    ahead = math.ceil(start_hours(subject, settings))
    on = on_hours(week.load, week.week_hours, threshold=options.active, lookahead_hours=ahead)
    if on is None:
        return no("too_short", "Less than two weeks of it are known, and a schedule repeats by the week.")
    if not (week.load > options.active).any():
        return no("idle", "It did no work in the window: a schedule would have no hour to be on.")
    machine = subject.current[0].machine
    owner = owner_of(machine)
    if owner is not None and machine.siblings:
        return no(
            "shared_group",
            f"{owner.name} decides how many there are and runs {machine.siblings} more: a size by the clock would end "
            "any of them. Give it a group of its own, and look again.",
        )
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    billed = float(week.billed.sum())
    saved_hours = float(np.where(on, 0.0, week.billed).sum())
    request = _on_request(subject, settings, week, cost)
    if saved_hours < options.min_hours_off and request is None:
        worked = int(on.sum())
        if worked > HOURS_PER_WEEK - options.min_hours_off or billed > _FULL:
            return no("always_needed", f"In one week or another it worked in {worked} of the 168 hours of the week.")
        return no(
            "already_scheduled",
            f"It is billed for {billed:.0f} of 168 hours a week on average, and nearly only for those in which it "
            "works: it is switched on and off already.",
        )
    found = _replayed(week, options.active, ahead)
    share = saved_hours / billed if billed else 0.0
    seldom = _seldom(week, options.active)
    failed = seldom or _failed(found)
    if request is not None and (failed or request.saved_share > share):
        return _advice_on_request(subject, settings, week, request, cost=cost, windows_share=0.0 if failed else share)
    if seldom:
        return no("not_weekly", seldom)
    if failed or found is None:
        return no("replay_failed" if found else "too_short", failed)
    return _advice(subject, settings, week, on=on, share=share, found=found, request=request, cost=cost)


def on_off_policy(week: Weeks, lookahead_hours: int) -> Policy:
    """The rule as a policy: capacity is 1 when it is on, demand 1 when it works."""

    def plan(train: DemandAt, test: Slots) -> Capacity | None:
        on = on_hours(train.load, week.week_hours[train.slots], threshold=0.5, lookahead_hours=lookahead_hours)
        if on is None:
            return None
        planned = on[week.week_hours[test]].astype(float)
        return Capacity(load=planned, cost=planned, target=1.0)

    return plan


def _replayed(week: Weeks, active: float, lookahead_hours: int) -> Replay | None:
    """The rule on the days after those it was made from; None where no part is long enough to make it from."""
    known = week.since_known()
    works = np.where(np.isnan(known.load), np.nan, (known.load > active).astype(float))
    folds = make_folds(works.size, 1, min_train_days=_TRAIN_DAYS)
    if folds.low_evidence:
        return None
    found = replay(
        on_off_policy(known, lookahead_hours),
        Demand(load=works, slots_per_hour=1),
        folds,
        current=Capacity(load=1.0, cost=1.0, target=1.0),
    )
    return found if any(found.capacities) else None


def _seldom(week: Weeks, active: float) -> str:
    """Why its work does not repeat by the week; empty where it does: in two weeks or more that lie a week apart, one of
    them of the last two."""
    works = (week.load > active)[::-1]
    weeks = [bool(works[start : start + HOURS_PER_WEEK].any()) for start in range(0, works.size, HOURS_PER_WEEK)]
    if not any(weeks[:2]):
        return "It did no work in the last two weeks: it may have ended, or come back by the month."
    at = np.flatnonzero(works)
    # what goes on over the end of a week is one stretch of work
    if sum(weeks) < 2 or at[-1] - at[0] < _WEEK_APART:
        return "It worked in one week of those known: nothing shows that it comes back every week."
    return ""


def _failed(found: Replay | None) -> str:
    """Why the windows are not to be advised; empty where they held."""
    if found is None:
        return "Less than three weeks of it are known: two to read the week from, and days after them to try it on."
    outcome = found.outcome
    if outcome.violation_minutes and outcome.bound > MAX_BOUND:
        return (
            f"It would have been off for {outcome.violation_hours} of {outcome.hours:.0f} held-out hours in which it "
            f"worked (upper bound {percent(outcome.bound, 1)}): its work does not keep to hours of the week."
        )
    return ""


def _on_request(subject: Service, settings: Recommend, week: Weeks, cost: Decimal) -> OnRequest | None:
    """Scale to zero, where requests are known and it saves more than it costs; by the rate of each hour of the week."""
    options = settings.schedule
    if subject.stage != "inference_online" or subject.use is None:
        return None
    paid = ~np.isnan(week.running) & (week.running > 0)
    recorded = subject.use.recorded
    known = paid if recorded is None else paid & (week.clock.mean(recorded.astype(float)) == 1)
    if known.sum() < options.min_coverage * paid.sum():
        return None
    by_hour = week.clock.mean(subject.use.requests)
    requests = float(by_hour[known].sum())
    if not requests:
        return None
    price = float(cost / HOURS_PER_MONTH) / max(float(week.billed.mean()), 1e-9)
    start = start_hours(subject, settings)
    of_start = cold_start_cost(price, start, float(options.cold_start_penalty))
    seen = np.bincount(week.week_hours[known], minlength=HOURS_PER_WEEK)
    total = np.bincount(week.week_hours[known], by_hour[known], minlength=HOURS_PER_WEEK)
    # an hour of the week that is never paid for asks for nothing, but is kept warm after others
    rates = total / np.maximum(seen, 1)
    paid_hours = int((seen > 0).sum())
    busy = float(np.nansum(week.clock.mean(subject.use.running)[known]))
    keep = max(ski_rental_timeout(price, of_start), _keep_alive(rates, options.max_cold_share))
    asked = asked_before(rates, keep)
    hours = cost_of_hour(price, rates, service=busy / requests, asked=asked, cold_start=start)
    share = 1 - float(np.minimum(hours, price).sum()) / (price * paid_hours)
    if share * HOURS_PER_WEEK < options.min_hours_off:
        return None
    mean = float(rates.sum()) / paid_hours
    return OnRequest(share, _cold(rates, keep), keep, start, mean, warm_above(price, of_start))


def _keep_alive(rates: Series, allowed: float) -> float:
    """Hours to stay warm after a request so that the allowed share of all requests starts cold, by bisection."""
    low, high = 0.0, float(HOURS_PER_WEEK)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _cold(rates, middle) > allowed else (low, middle)
    return high


def _cold(rates: Series, keep_alive: float) -> float:
    """Share of the requests of a week that start cold."""
    return float((rates * np.exp(-asked_before(rates, keep_alive))).sum() / rates.sum())


def _advice(
    subject: Service,
    settings: Recommend,
    week: Weeks,
    *,
    on: np.ndarray[Any, np.dtype[np.bool_]],
    share: float,
    found: Replay,
    request: OnRequest | None,
    cost: Decimal,
) -> Advice:
    options = settings.schedule
    machine = subject.current[0].machine
    stretches = windows(on)
    words = in_words(stretches)
    outcome = found.outcome
    command, terraform = on_off_commands(machine, stretches, week.zone)
    part = Decimal(repr(round(share, 12)))
    # the folds count hours of an always-on week, the saving those that were billed
    off = on_off_saving(float(on.sum()))
    saved = saving(subject, options.window_days, part, spread_of(found, share / off if off else 1.0))
    weeks = int((~np.isnan(week.load)).sum()) // HOURS_PER_WEEK
    serves = subject.stage == "inference_online"
    month_end = sees_month_end(subject.as_of.date(), weeks * 7)
    sure = weeks >= GOOD_WEEKS and month_end and not serves
    confidence: Confidence = "high" if sure else "medium" if weeks > 2 else "low"
    asked = " Whoever asks it at another hour gets no answer." if serves else ""
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{describe(machine)}, billed {week.billed.sum():.0f} of 168 hours a week",
        proposed=f"on {words} ({week.zone}), {int(on.sum())} of 168 hours a week",
        monthly_cost=cost,
        saving=saved,
        risk=outcome.risk,
        confidence=confidence,
        effort="low",
        reason=(
            f"In {weeks} weeks it worked in {int(on.sum())} of the 168 hours of the week at most, the time to start "
            f"included, and was billed for {week.billed.sum():.0f}. Tried on {outcome.hours:.0f} held-out hours it "
            f"would have been off for {outcome.violation_hours} in which it worked. {_of_disks(machine)}"
            f"{asked}"
            f"{covered_remark(saved, 'switching it off')}{cost_remark(subject, options.window_days)}"
        ),
        undo="delete the schedule and start it",
        command=preconditions(machine) + command,
        violation_bound=Decimal(repr(round(outcome.bound, 6))),
        target="on-off",
        evidence={
            **_evidence(subject, settings, week),
            "hours_on": int(on.sum()),
            "windows": words,
            **({} if terraform is None else {"terraform": terraform}),
            **replay_evidence(found, saved.effective),
            **({} if request is None else {"on_request": _request_evidence(request)}),
        },
        hard_to_regain=hard_to_regain(machine) is not None,
        evidence_until=week.measured_until,
    )


def _advice_on_request(
    subject: Service, settings: Recommend, week: Weeks, request: OnRequest, *, cost: Decimal, windows_share: float
) -> Advice:
    options = settings.schedule
    machine = subject.current[0].machine
    minutes = request.cold_start_hours * 60
    part = Decimal(repr(round(max(request.saved_share, 0.0), 12)))
    saved = saving(subject, options.window_days, part)
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{describe(machine)}, always on",
        proposed=f"scale to zero after {request.keep_alive_hours * 60:.0f} idle minutes",
        monthly_cost=cost,
        saving=saved,
        risk=3,
        confidence="low",
        effort="medium",
        reason=(
            f"{request.requests_per_hour:.1f} requests an hour came on average. Kept warm for "
            f"{request.keep_alive_hours:.1f} h after each, {percent_apart(request.cold_share, 0, decimals=1)} of them "
            f"would wait about {minutes:.0f} minutes for a start; requests are taken to come by themselves and not in "
            f"bursts. Above {request.break_even_per_hour:.0f} an hour staying warm is cheaper."
            f"{covered_remark(saved, 'switching it off')}{cost_remark(subject, options.window_days)}"
        ),
        undo="set its smallest size back to one",
        command=preconditions(machine)
        + (
            "# smallest size 0 where it is served: SageMaker inference components or asynchronous endpoints,\n"
            "# Vertex AI min replicas 0, Cloud Run min instances 0, KEDA or Knative on Kubernetes;\n"
            f"# keep-alive {request.keep_alive_hours * 60:.0f} minutes"
        ),
        target="scale-to-zero",
        gate=f"your agreement that a first answer may take {minutes:.0f} minutes",
        evidence={
            **_evidence(subject, settings, week),
            **_request_evidence(request),
            **not_replayed("requests are known by the hour: how they come within one is calculated"),
            "windows_saved_share": round(windows_share, 4),
        },
        hard_to_regain=hard_to_regain(machine) is not None,
        evidence_until=week.measured_until,
    )


def _of_disks(machine: Machine) -> str:
    """What a stop leaves of its disks."""
    lost = loses_disks(machine)
    if lost is None:
        return (
            "Disks stay and keep their cost, but for those inside the host, if it has any: they are emptied each time."
        )
    if lost:
        return "Disks inside the host are empty after each stop; the others stay and keep their cost."
    return "Disks stay and keep their cost."


def _request_evidence(request: OnRequest) -> dict[str, float]:
    return {
        "saved_share": round(request.saved_share, 4),
        "cold_share": round(request.cold_share, 6),
        "keep_alive_hours": round(request.keep_alive_hours, 3),
        "cold_start_minutes": round(request.cold_start_hours * 60, 1),
        "requests_per_hour": round(request.requests_per_hour, 3),
        "break_even_per_hour": round(request.break_even_per_hour, 3),
    }


def _evidence(subject: Service, settings: Recommend, week: Weeks) -> dict[str, Any]:
    days = settings.schedule.window_days
    return {
        "window_days": days,
        "window_end": subject.as_of.isoformat(),
        "coverage": round(week.coverage, 4),
        "timezone": week.zone,
        "billed_hours_of_week": round(float(week.billed.sum()), 1),
        "start_minutes": round(start_hours(subject, settings) * 60, 1),
        **load_evidence(week.load, subject.demand("concurrent")),
        **machine_price(subject.current[0].machine),
        "hard_to_regain": hard_to_regain(subject.current[0].machine),
        "cost_basis": cost_basis(subject, days),
        "cost_until": subject.costs[-1].day.isoformat(),
    }


KIND = Kind(
    name=NAME,
    subject=Service,
    step=Step.SCHEDULE,
    title="On by the clock, or when asked",
    needs="accelerator utilization of two weeks and more; hours billed; requests for scaling to zero",
    applies=applies,
    evaluate=evaluate,
)
