"""Forecasts from past origins, made once: each rests on the history before it alone, whatever is restated after."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzer import (
    forecast,
    forecast_calendar,
    forecast_ended,
    forecast_fees,
    forecast_members,
    forecast_season,
    month_places,
)
from analyzer.forecast import History, Plan, project_each
from analyzer.remembered import Remembered, key_of, method_of

if TYPE_CHECKING:
    from analyzer.forecast import Projector
    from analyzer.forecast_members import Floats

_PART = "past forecast"
_METHOD = (forecast, forecast_calendar, forecast_fees, month_places, forecast_ended, forecast_members, forecast_season)
_TOGETHER = 400
"""Histories forecast at once: more do not get cheaper, and their windows fill the memory."""


def remembering(remembered: Remembered) -> Projector:
    """A :func:`analyzer.forecast.project_each` that makes only the forecasts not made before."""

    def project_known(histories: Sequence[History], horizon: int, plan: Plan) -> Floats:
        import numpy as np

        method = method_of(*_METHOD)
        words = f"{method} bytes {horizon} {plan.season} {plan.memory} {[member.__name__ for member in plan.members]}"
        recent = [one.recent(plan.memory) for one in histories]
        keys = [key_of(words, one.usage.tobytes(), one.fees.tobytes(), str(one.first)) for one in recent]
        unknown = {key: one for key, one in zip(keys, recent, strict=True) if remembered.get(_PART, key) is None}
        names = list(unknown)
        for start in range(0, len(names), _TOGETHER):
            some = names[start : start + _TOGETHER]
            made = project_each([unknown[name] for name in some], horizon, plan)
            for name, values in zip(some, made, strict=True):
                remembered.put(_PART, name, base64.b64encode(values.tobytes()).decode())
        # as bytes, which a database reads and writes in a fifth of the time of as many numbers
        known = b"".join(base64.b64decode(remembered.get(_PART, key)) for key in keys)
        return np.frombuffer(known).reshape(len(keys), horizon)

    return project_known
