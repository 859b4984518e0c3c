"""What every recommendation shows of itself: how much was measured, how it was tried, which price its money rests on.

Where a kind has none of one it says why in words, under the name with ``_none_because``; it is never silently blank.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.contract import Subject
from recommender.prices import price_evidence
from recommender.subjects.machines import Machine

AS_BILLED = "as billed"
"""No price but what the bill says was paid; its day is the last of that cost."""
NOTHING_FALLS_SHORT = "it changes what is paid for the same work, and no work could go short"


def unmeasured(because: str) -> dict[str, Any]:
    """Why there is no share of the window that was measured."""
    return {"coverage_none_because": because}


def not_replayed(because: str) -> dict[str, Any]:
    """Why it was not tried on held-out history."""
    return {"replay_none_because": because}


def load_evidence(load: NDArray[np.float64], concurrent: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """Percentiles of the load, in accelerators, and how many worked at once at most; None where nothing is known."""
    shares = (("load_p50", 0.5), ("load_p95", 0.95), ("load_p99_5", 0.995), ("load_max", 1.0))
    known = load[~np.isnan(load)]
    found = np.quantile(known, [share for _, share in shares]) if known.size else [None] * len(shares)
    told = {
        name: None if value is None else round(float(value), 4) for (name, _), value in zip(shares, found, strict=True)
    }
    most = None if concurrent is None or np.isnan(concurrent).all() else int(np.nanmax(concurrent))
    return {**told, "concurrent_max": most}


def as_billed(subject: Subject) -> dict[str, Any]:
    """The bill as the source of its money, with the last day of it."""
    days = [cost.day for cost in subject.costs]
    return {"price_source": AS_BILLED, "price_date": (max(days) if days else subject.as_of.date()).isoformat()}


def priced(source: str, on: date | None) -> dict[str, Any]:
    """Where a price is from and the day it is of; None: its source is dated by a version alone."""
    if on is None:
        return {"price_source": source, "price_date_none_because": "the catalogue is dated by its version"}
    return {"price_source": source, "price_date": on.isoformat()}


def machine_price(machine: Machine) -> dict[str, Any]:
    """The list price of an hour of it with its day and source; where nobody knows one, the bill's is meant."""
    found = price_evidence(machine.price)
    if machine.price is not None:
        return {**found}
    billed = as_billed(machine)
    return {**found, **billed, "price_source": f"{AS_BILLED}: no list price of it is known"}
