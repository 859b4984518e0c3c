"""What is said beside figures of energy, for a person to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.formats import PROVIDERS

if TYPE_CHECKING:
    from reports.views import EnergyUse

_MODELS_TOLD = 3


def not_per_request_line(found: EnergyUse) -> str | None:
    """How many days of which models are in no rate per request; None where all are."""
    told = [
        f"{row.model} ({PROVIDERS.get(row.provider, row.provider)}) "
        f"{row.days_left_out} day{'s' if row.days_left_out > 1 else ''}"
        for row in found.rows
        if row.days_left_out
    ]
    if not told:
        return None
    more = [f"{len(told) - _MODELS_TOLD} more"] if len(told) > _MODELS_TOLD else []
    models = "; ".join([*told[:_MODELS_TOLD], *more])
    return f"Per request, days are left out of which nobody knows the requests or the energy: {models}."
