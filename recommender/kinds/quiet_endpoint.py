"""Endpoints without accelerators of their own that nobody calls: a part of ``stop_idle``.

Assumes
    Requests are recorded for the endpoint, a count of 0 included, or a connection that lists it read the usage of a day
    whole and found none (``subjects/watched.py``).
Method
    No request in the window, recorded on most of its days. Requests that came after an earlier such window are in
    saving and risk (``idle_replay.py``).
Cases
    Requests not recorded, known for less than the window, cost unknown: no advice, with the reason.
Sources
    docs/advice.md (AWS Compute Optimizer: no invocation for 14 days).
Known drawbacks
    One signal alone: of medium confidence at most.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from aispend.advising import Idle
from aispend.percents import percent, percent_apart
from recommender import terraform
from recommender.actions import describe, switch_off
from recommender.contract import COST_UNKNOWN, Advice, WhyNot
from recommender.evidence import machine_price
from recommender.guards import covered_remark, preconditions
from recommender.kinds.idle_replay import quiet_evidence, quiet_replay
from recommender.methods.risk import violation_bound
from recommender.savings import Spread, cost_basis, cost_remark, saving
from recommender.subjects.machines import Machine

NAME = "stop_idle"


def evaluate_endpoint(subject: Machine, idle: Idle, cost: Decimal | None) -> Advice | WhyNot:
    """An endpoint without accelerators: nobody has called it for a whole window, and calls are recorded."""

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    days = idle.window_days
    first = (subject.as_of - timedelta(days=days)).date()
    billed = {day.day for day in subject.costs if day.day >= first}
    asked_on = dict.fromkeys(subject.looked_at, Decimal(0)) | dict(subject.requests or {})
    recorded = {day: count for day, count in asked_on.items() if day >= first}
    coverage = len(billed & recorded.keys()) / max(len(billed), 1)
    if coverage < idle.min_coverage:
        return no(
            "telemetry_missing",
            f"Requests are recorded on {percent_apart(coverage, idle.min_coverage)} of its days in the last {days}; "
            f"{percent(idle.min_coverage)} is needed, a count of 0 included. Collect its invocations, or 'aispend "
            "import-usage'.",
        )
    asked = sum(recorded.values(), Decimal(0))
    if asked:
        return no("busy", f"It answered {asked:,.0f} requests in the last {days} days.")
    if len(recorded) < days - 1:
        return no("too_new", f"It is known for {len(recorded)} days without a request; {days} are needed.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    proposed, command, undo = switch_off(subject)
    tried = quiet_replay([count > 0 for _, count in sorted(asked_on.items())], days)
    used = saving(subject, days, tried.needed.share_off, tried.needed.spread(Spread(hours=float(len(recorded)))))
    risk, upper = tried.needed.judged(violation_bound(0, float(len(recorded))))
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=proposed,
        monthly_cost=cost,
        saving=used,
        risk=risk,
        confidence="medium",
        effort="very_low",
        reason=f"Nobody has called it on {len(recorded)} recorded days.{tried.needed.remark}"
        f"{covered_remark(used, 'stopping')}{cost_remark(subject, days)}",
        undo=undo,
        command=preconditions(subject) + command,
        violation_bound=upper,
        target="stop",
        evidence_until=subject.as_of,
        evidence={
            "state": "not called",
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(coverage, 4),
            "requests": "0",
            "signals": 1,
            **terraform.evidence(terraform.stopped(subject)),
            **machine_price(subject),
            **quiet_evidence(tried),
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )
