"""What a replay says, in the words all kinds use for it."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any

from recommender.methods.outcome import Outcome
from recommender.methods.replay import Replay
from recommender.savings import Spread

MAX_BOUND = 0.05
"""Violation bound above which a size that was ever too small is not offered; one that never was has risk 4 there."""


def spread_of(found: Replay, scale: float = 1.0) -> Spread:
    """What the folds saved, times ``scale`` where they count another cost than the saving does; and how often short.

    Hours in violation are thinned as the others are.
    """
    outcome = found.outcome
    independent = min(outcome.effective_hours / outcome.hours, 1.0) if outcome.hours else 0.0
    return Spread(
        shares=tuple(min(max(saved * scale, 0.0), 1.0) for saved in found.fold_savings),
        short_hours=outcome.violation_hours * independent,
        hours=outcome.effective_hours,
    )


def outcome_evidence(outcome: Outcome) -> dict[str, Any]:
    """Hours it was tried on and what went wrong in them."""
    return {
        "replay_hours": int(outcome.hours),
        "replay_violation_minutes": int(outcome.violation_minutes),
        "replay_risk_minutes": int(outcome.risk_minutes),
        "replay_worst_overload": _overload(outcome),
    }


def replay_evidence(found: Replay, monthly_saving: Decimal) -> dict[str, Any]:
    """The same, and in one piece with the bound, what it saves a month and what hindsight would have saved more."""
    outcome = found.outcome
    return {
        **outcome_evidence(outcome),
        "replay": {
            "hours": int(outcome.hours),
            "folds": len(found.capacities),
            "low_evidence": found.low_evidence,
            "violation_minutes": int(outcome.violation_minutes),
            "violation_bound": round(outcome.bound, 6),
            "worst_overload": _overload(outcome),
            "slack": None if outcome.slack is None else round(outcome.slack, 4),
            "saving": str(monthly_saving),
            "regret_share": None if found.regret is None else round(max(found.regret, 0.0), 4),
        },
    }


def _overload(outcome: Outcome) -> float | None:
    """None where demand met no capacity at all (it was switched off): no number says how far above that is."""
    return round(outcome.worst_overload, 4) if isfinite(outcome.worst_overload) else None
