"""Give up reserved capacity that nobody uses: throughput units, and reserved machines that stand empty.

Assumes
    What was not used on any day of the window will not be missed on the next.
Method
    *Throughput*: no request in the window, though most of its days were looked at, or have records of others of its
    account: all of its units.
    Else, where the cloud measures what is used of them (Azure), as many units as its busiest minutes used, by the day.
    Else, where settings say how many tokens a minute a unit serves: as many units as the busiest minutes ask for, taken
    as the hour's mean times ``peak_factor``, at the percentile with headroom; played on rolling origins.
    *Reserved machines*: as many as stood empty in every hour of every day of the window (``empty_machines.py``), by the
    hours of the bill: a day's mean says nothing of its busiest hour.
    The range is of the weeks, and of the hours or days in which what is left may fall short.
Cases
    A commitment to it still runs, or it was paid in advance (capacity blocks): nothing is saved before it ends, and the
    reason says when. Units at the price of a term (``1MonthCommit``) whose end no listing tells may be within it: no
    advice. Use not recorded: unknown, never idle. Bought within the window: whoever it is for may not have
    begun. A bill by the month says of no day that any stood empty, unless nothing ran at all. One without hours or
    machine-hours does not tell a reservation that is empty every night: the least of its days, of medium confidence.
    Warm pools end by themselves within the hour. Units that changed in the window: its days count at the number there
    is now.
Sources
    docs/advice.md; FOCUS, capacity reservation status; AWS Compute Optimizer's fortnight.
Known drawbacks
    A limit is by the minute and use is by the hour: the peak factor is an assumption. A reservation kept for a failure
    of another region looks idle: use the keep tag.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from aispend.advising import Recommend
from aispend.money import in_words
from aispend.moving import IdleCapacity
from aispend.percents import percent
from recommender.contract import COST_UNKNOWN, Advice, DailyCost, Kind, Step, WhyNot
from recommender.evidence import as_billed, not_replayed, unmeasured
from recommender.guards import covered_remark, decided
from recommender.kinds.capacity_change import change_command, terraform_of
from recommender.kinds.replayed import MAX_BOUND, replay_evidence, spread_of
from recommender.kinds.units_needed import asked, need, of_other_sizes, told_by, units_used
from recommender.machine_facts import scarcity
from recommender.methods.empty_machines import Ran, empty_all_day
from recommender.methods.folds import make_folds
from recommender.methods.outcome import Capacity as Size
from recommender.methods.outcome import Demand, DemandAt, Slots
from recommender.methods.replay import replay
from recommender.methods.risk import risk_level, sees_month_end, violation_bound
from recommender.savings import Spread, cost_basis, cost_remark, monthly_cost, recent, saving
from recommender.subjects.capacity import Capacity
from recommender.subjects.services import Hourly
from recommender.terraform import evidence

NAME = "idle_capacity"
_HOURS_PER_DAY = 24


def applies(_: Capacity) -> bool:
    """All that is paid for whether used or not."""
    return True


def evaluate(subject: Capacity, settings: Recommend) -> Advice | WhyNot:
    """How much of it nobody would miss, or why it stays."""
    options = settings.idle_capacity
    subject = _at_present_size(subject)
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if found := decided(subject, settings):
        return no(*found)
    if not subject.costs or subject.costs[-1].day < (subject.as_of - timedelta(days=2)).date():
        return no("off", "It is no longer billed, or all of it is used.")
    if subject.what == "warm_pool":
        return no("ends_by_itself", "Machines kept after a training job are given up within the hour.")
    if subject.details.get("reservation_type") == "capacity-block" or subject.details.get("capacity_block"):
        return no("prepaid", f"A capacity block is paid in advance{_until(subject)}: giving it up saves nothing.")
    if subject.ends_at is not None and subject.ends_at > subject.as_of:
        return no("committed", f"It is committed to{_until(subject)}: until then giving it up saves nothing.")
    if subject.ends_at is None and subject.sold_for is not None:
        return no("term_unknown", _term_unknown(subject))
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    answer = (
        _throughput(subject, options, cost)
        if subject.what == "provisioned_throughput"
        else _reserved(subject, options, cost)
    )
    return no(*answer) if isinstance(answer, tuple) else answer


def _at_present_size(subject: Capacity) -> Capacity:
    """Units of throughput as if all days had had as many as there are now: cost is by the unit and hour."""
    factors = of_other_sizes(subject)
    if not factors:
        return subject

    def scaled(day: DailyCost) -> DailyCost:
        factor = factors.get(day.day, Decimal(1))
        return replace(
            day,
            list_cost=None if day.list_cost is None else day.list_cost * factor,
            effective_cost=None if day.effective_cost is None else day.effective_cost * factor,
            uncovered_effective_cost=None
            if day.uncovered_effective_cost is None
            else day.uncovered_effective_cost * factor,
        )

    return replace(subject, costs=[scaled(day) for day in subject.costs])


def _throughput(subject: Capacity, options: IdleCapacity, cost: Decimal) -> Advice | tuple[str, str]:
    """Units against what was asked of them, or against what the cloud says was used of them."""
    first = (subject.as_of - timedelta(days=options.window_days)).date()
    hours = options.window_days * _HOURS_PER_DAY
    measured = units_used(subject, first, options.window_days)
    if measured is None and subject.use is None:
        return "telemetry_missing", (
            "What was asked of it is not recorded, so nobody can say that it is idle. Collect the invocations of the "
            "model, or 'aispend import-usage'."
        )
    if max(subject.first_seen, subject.costs[0].day) > first:
        return "too_new", (
            f"It is paid for since {max(subject.first_seen, subject.costs[0].day)}, and {options.window_days} days are "
            "needed (recommend.idle_capacity.window_days)."
        )
    requests, tokens = asked(subject.use, hours)
    if measured is not None and np.isfinite(measured).sum() < options.min_coverage * hours:
        measured = None
    recorded = np.isfinite(tokens if measured is None else measured)
    known = int(recorded.sum())
    if known < options.min_coverage * hours:
        return "telemetry_missing", (
            f"What its account was asked is known of {known} of the last {hours} hours; "
            f"{percent(options.min_coverage)} are needed (recommend.idle_capacity.min_coverage). That nobody recorded "
            "an hour does not say that nobody asked in it: collect the invocations again, or 'aispend import-usage'."
        )
    until = subject.as_of - timedelta(hours=int(np.argmax(recorded[::-1])))
    seen: dict[str, Any] = {"coverage": round(known / hours, 4), "until": until}
    if np.nansum(requests) == 0 and np.nansum(tokens) == 0 and (measured is None or np.nansum(measured) == 0):
        independent = known / _HOURS_PER_DAY
        return _advice(
            subject,
            options,
            cost,
            share=Decimal(1),
            target="release",
            said=f"Nobody asked anything of it in {known} recorded hours.",
            bound=violation_bound(0, independent),
            spread=Spread(hours=independent),
            found=seen
            | not_replayed("nobody asked anything of it in all hours that are known: no part of them differs"),
        )
    needed = need(subject, options, tokens) if measured is None else measured
    if isinstance(needed, tuple):
        return needed
    if subject.units is None:
        return "capacity_unknown", "How many units it has is not known: its listing and its bill do not say."
    units = _units_for(needed, options)
    if units >= subject.units:
        return "busy", f"It asks for {units} of {_plain(subject.units)} units, headroom included."
    price = float(cost) / float(subject.units)

    def chosen(train: DemandAt, test: Slots) -> Size | None:
        del test
        if np.isnan(train.load).all():
            return None
        number = _units_for(train.load, options)
        return Size(load=number, cost=number * price, target=1 - options.headroom)

    now = Size(load=float(subject.units), cost=float(cost), target=1 - options.headroom)
    played = replay(chosen, Demand(load=needed, slots_per_hour=1), make_folds(needed.size, 1), current=now)
    if played.outcome.violation_minutes and played.outcome.bound > MAX_BOUND:
        return "replay_failed", (
            f"{units} units would have been too few for {played.outcome.violation_minutes:.0f} minutes of days they "
            "were not chosen from."
        )
    share = round(1 - Decimal(units) / subject.units, 4)
    found = {
        **seen,
        "units_needed": units,
        **told_by(subject, options, tokens, measured),
        "load_p50": round(float(np.nanpercentile(needed, 50)), 4),
        "load_p95": round(float(np.nanpercentile(needed, 95)), 4),
        "load_max": round(float(np.nanmax(needed)), 4),
        **replay_evidence(played, saving(subject, options.window_days, share).effective),
    }
    said = f"Its busiest minutes ask for {units} of {_plain(subject.units)} units."
    return _advice(
        subject,
        options,
        cost,
        share=share,
        target="fewer_units",
        said=said,
        bound=played.outcome.bound,
        spread=spread_of(played),
        found=found,
    )


def _units_for(need: Hourly, options: IdleCapacity) -> int:
    units = float(np.nanpercentile(need, options.percentile * 100)) / (1 - options.headroom)
    # what a rounding error adds is no reason for one more
    return max(math.ceil(units - 1e-9), 1)


def _reserved(subject: Capacity, options: IdleCapacity, cost: Decimal) -> Advice | tuple[str, str]:
    """The machines that stood empty in every hour of every day."""
    days = recent(subject, options.window_days)
    if any(day.effective_cost is None for day in days):
        return "cost_unknown", COST_UNKNOWN
    if not subject.is_by_day and (subject.ran is None or subject.ran):
        return "not_by_day", (
            "Its bill says what stood empty of several days together, and of none of them: it may all have been in use "
            "at one time. Have the bill by the day or hour, or look at the hours themselves."
        )
    costs = [day.effective_cost or Decimal(0) for day in days]
    if len(days) < options.window_days or not min(costs):
        return "used", (
            f"It stood empty on {len(days)} of the last {options.window_days} days: on the others all of it was used."
        )
    shortest = min(day.hours for day in days)
    if shortest < _HOURS_PER_DAY:
        return "used", f"There is a day on which something of it stood empty in {shortest} of 24 hours, and not in all."
    empty = _always_empty(subject, days)
    if empty == 0:
        return "used", "There is an hour in which each of its machines ran, though not all of them on any day."
    if empty is None:
        least = min(costs)
        share = round(least * len(costs) / sum(costs, Decimal(0)), 4)
        said = (
            f"On each of the last {len(days)} days at least {in_words(least, subject.currency)} of it stood empty, by "
            "the bill. It does not say how many machines in which hours: look at the hours before."
        )
        found = unmeasured("what stood empty is what the bill says")
    else:
        hours = Decimal(empty * _HOURS_PER_DAY)
        by_machine = [part * hours / subject.unit_hours[day.day] for part, day in zip(costs, days, strict=True)]
        least = min(by_machine).quantize(Decimal("0.01"))
        share = min(round(sum(by_machine, Decimal(0)) / sum(costs, Decimal(0)), 4), Decimal(1))
        said = f"In every hour of the last {len(days)} days at least {empty} of its machines stood empty, by the bill."
        found = {"machines_empty": empty} | unmeasured("what stood empty is what the bill says")
        if (total := _listed(subject)) is not None:
            found["units_needed"] = max(total - empty, 0)
    found |= not_replayed("it stood empty in every hour that was looked at: no part of them differs")
    found |= {"unused_cost_least": str(least), "unused_cost_most": str(max(costs)), "days_unused": len(days)}
    return _advice(
        subject,
        options,
        cost,
        share=share,
        target="release",
        said=said,
        bound=violation_bound(0, float(len(days))),
        spread=Spread(hours=float(len(days))),
        found=found,
    )


def _always_empty(subject: Capacity, days: Sequence[DailyCost]) -> int | None:
    """Machines that stood empty in every hour of the days; None where the bill has no hours, or counts other things."""
    total = _listed(subject)
    least: list[int] = []
    for day in days:
        hours = subject.unit_hours.get(day.day)
        if day.hours_mask is None or not hours:
            return None
        if total is not None and hours > total * _HOURS_PER_DAY:
            return None  # cores, or a size it no longer has
        nothing = None if subject.ran is None else Ran(0.0, 0)
        ran = nothing if subject.ran is None else subject.ran.get(day.day, nothing)
        least.append(empty_all_day(float(hours), day.hours, total=total, ran=ran))
    return min(least)


def _listed(subject: Capacity) -> int | None:
    """The number of machines it is set to, as its listing says."""
    total = subject.details.get("total")
    return None if total is None else int(total)


def _advice(
    subject: Capacity,
    options: IdleCapacity,
    cost: Decimal,
    *,
    share: Decimal,
    target: str,
    said: str,
    bound: float,
    spread: Spread,
    found: dict[str, Any],
) -> Advice:
    days = options.window_days
    used = saving(subject, days, share, spread)
    until = found.pop("until", subject.as_of)
    sure = "machines_empty" in found and sees_month_end(subject.as_of.date(), days)
    scarce = scarcity(subject.accelerator_type)
    all_of_it = share == 1
    what = (
        "units of throughput" if subject.what == "provisioned_throughput" else f"reserved {subject.instance_type or ''}"
    )
    units = f"{_plain(subject.units)} " if subject.units is not None else ""
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{units}{what.strip()}",
        proposed="give it up" if all_of_it else f"give up {percent(share)} of it",
        monthly_cost=cost,
        saving=used,
        risk=risk_level(bound),
        confidence="high" if subject.what == "capacity_reservation" and sure else "medium",
        effort="very_low",
        reason=f"{said}{covered_remark(used, 'giving it up')}{cost_remark(subject, days)}",
        undo="reserve it again; scarce capacity may not be there" if scarce else "reserve it again",
        command=change_command(subject, found.get("units_needed"), scarce),
        violation_bound=Decimal(repr(round(bound, 6))),
        hard_to_regain=scarce is not None,
        target=target,
        evidence_until=until,
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "what": subject.what,
            "units": None if subject.units is None else str(subject.units),
            **found,
            **as_billed(subject),
            **evidence(terraform_of(subject, found.get("units_needed"), all_of_it=all_of_it)),
            "hard_to_regain": scarce,
            "cost_basis": cost_basis(subject, days)
            + (
                f"; {others} days at the number of units there is now"
                if (others := len(of_other_sizes(subject)))
                else ""
            ),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _term_unknown(subject: Capacity) -> str:
    how = (
        "List it: aispend collect aws/inventory."
        if subject.provider == "aws"
        else "Look at its order, which can be left to end with its term."
    )
    return (
        f"Its price is one for {subject.sold_for} at a time, and when this term ends nobody told: until then it is "
        f"paid for all the same. {how}"
    )


def _until(subject: Capacity) -> str:
    return f" until {subject.ends_at:%Y-%m-%d}" if subject.ends_at else ""


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


KIND = Kind(
    name=NAME,
    subject=Capacity,
    step=Step.REMOVE,
    title="Give up reserved capacity nobody uses",
    needs="the bill's unused hours of a reservation; or what was asked of throughput units",
    applies=applies,
    evaluate=evaluate,
)
