"""Evidence in words and units: what was measured, how much, when, and what the prices were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from reports.formats import UNKNOWN, count, moment, percent, unit_price

_COUNTERS = {
    "sm_active": "SM activity",
    "tensor_active": "tensor core activity",
    "gpu_utilization": "GPU utilization",
}
_STATES = {
    "resident-idle": "weights in memory, no work",
    "allocated-unused": "no memory held, no work",
}


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value))


def _instant(value: Any) -> str:
    return moment(datetime.fromisoformat(value))


def _share(value: Any) -> str:
    return percent(_decimal(value), 1)


def _gibibytes(value: Any) -> str:
    return f"{_decimal(value) / 2**30:,.1f} GiB"


def _accelerators(value: Any) -> str:
    return f"{_decimal(value):.2f} accelerators' worth"


def _yes_no(value: Any) -> str:
    return "yes" if value else "no"


def _number(value: Any) -> str:
    return count(_decimal(value))


def _unit(unit: str) -> Callable[[Any], str]:
    return lambda value: f"{_number(value)} {unit}"


_WORDS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "state": ("State", lambda value: _STATES.get(value, str(value))),
    "since": ("Without work since", _instant),
    "window_days": ("Looked at", _unit("days")),
    "window_hours": ("Looked at", _unit("hours")),
    "window_end": ("Up to", _instant),
    "coverage": ("Part of it that was measured", _share),
    "counter": ("Counter", lambda value: _COUNTERS.get(value, str(value))),
    "activity_max": ("Activity at most", _share),
    "activity_p99": ("Activity, 99th percentile", _share),
    "active_hours": ("Hours with activity", _number),
    "requests": ("Requests served", _number),
    "power_at_idle_floor": ("Power at its idle floor", _yes_no),
    "memory_used_max_bytes": ("Memory in use, at most", _gibibytes),
    "signals": ("Signals that agree, of three", _number),
    "concurrent_max": ("Accelerators at work at once, at most", _number),
    "load_p50": ("Load, median", _accelerators),
    "load_p95": ("Load, 95th percentile", _accelerators),
    "load_p99_5": ("Load, 99.5th percentile", _accelerators),
    "load_max": ("Load at most", _accelerators),
    "replay_hours": ("Replayed on held-out use", _unit("hours")),
    "replay_violation_minutes": ("Over capacity in the replay", _unit("minutes")),
    "replay_risk_minutes": ("In its reserve in the replay", _unit("minutes")),
    "replay_worst_overload": ("Worst overload in the replay", _share),
    "cost_basis": ("Cost taken from", str),
    "cost_until": ("Cost up to", str),
    "price_date": ("Price of", str),
    "price_source": ("Price from", str),
}
_PRICES = {"current_price": "List price now", "proposed_price": "List price proposed"}


def in_words(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each item of evidence as its name and value, in an order that reads well; what is not known is said to be."""
    for key, (title, shown) in _WORDS.items():
        if key in evidence:
            yield title, "unknown" if evidence[key] is None else shown(evidence[key])
    currency = evidence.get("price_currency", "")
    for key, title in _PRICES.items():
        if key in evidence:
            value = evidence[key]
            yield (
                title,
                UNKNOWN if value is None else f"{unit_price(_decimal(value))} {currency} an hour".replace("  ", " "),
            )
    for key in sorted(evidence.keys() - _WORDS.keys() - _PRICES.keys() - {"price_currency"}):
        yield key.replace("_", " ").capitalize(), "unknown" if evidence[key] is None else str(evidence[key])
