"""Forecasts of real demand: hourly requests of clients of a production service."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from analyzer.forecast import HOURLY, History, project
from analyzer.forecast_members import seasonal_naive
from analyzer.forecast_metrics import mase

CLIENTS = (8, 12, 14, 16, 26, 36)
"""Of even number, at work in most hours: those that were looked at."""


def test_two_days_of_busy_clients_are_told_better_than_as_a_day_ago(public_data: Path) -> None:
    ours, naive = [], []
    for client in CLIENTS:
        path = public_data / "llm_servegen_clients" / "language" / "m-small" / f"chunk-{client}-trace.csv"
        rates = [float(line.split(",")[1]) for line in path.read_text(encoding="utf-8").splitlines()]
        hours = np.array(rates).reshape(-1, 6).sum(axis=1) * 600
        assert len(hours) == 14 * 24
        for origin in range(192, len(hours) - 48 + 1, 24):
            past, came = hours[:origin], list(hours[origin : origin + 48])
            told = project(History(past, np.zeros(origin), None), 48, HOURLY)
            assert np.isfinite(told).all()
            assert (told >= 0).all()
            history = list(past[-HOURLY.memory :])
            ours.append(mase(came, list(told), history, 24))
            naive.append(mase(came, list(seasonal_naive(past, 48, 24)), history, 24))
    known = [value for value in ours if value is not None]
    assert statistics.median(known) < statistics.median(value for value in naive if value is not None)
