"""What is to come and what is out of the ordinary, after every analysis: forecasts, anomalies, the state of budgets.

They look at bounded windows of the roll-ups (``DAILY.history`` days and less), and what was worked out from the same
numbers by the same code is remembered (``analyzer.remembered``): a refresh costs in proportion to what changed and not
to the history. All of it is asked again when its *fingerprint* differs: the day, the months as analyzed, the settings
of it, the decisions on anomalies, commitments and exchange rates, and the version of the method.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store.locks import exclusive
from analyzer.fingerprint import OUTLOOK, notes_of, remember
from analyzer.remembered import Remembered

if TYPE_CHECKING:
    from analyzer.anomaly_life import WatchReport


OUTLOOK_VERSION = "4"
"""Raise it with any change of code by which the same ledger and settings may give another forecast, anomaly or state
of a budget, or other words about one (``analyzer/forecast*``, ``anomaly*``, ``budget*``, ``series*``, ``whole_days``):
else a home that is upgraded shows what the version before said until a bill changes."""


@dataclass(frozen=True)
class OutlookReport:
    """How many series were forecast, what the watch for anomalies found, and budgets held against the ledger."""

    forecasts: int
    watched: WatchReport
    budgets: int


def look_ahead(engine: Engine, settings: Settings, clock: Clock) -> OutlookReport | None:
    """Bring forecasts, anomalies and budgets up to date; None where nothing they rest on has changed.

    Raises ``SettingsError`` for a budget that is named twice.
    """
    with engine.begin() as connection:
        exclusive(connection, "analyze")
        if notes_of(connection, OUTLOOK, _fingerprint(connection, settings, clock)) is not None:
            return None
        report = _look(connection, settings, clock)
        # finding an anomaly is an event of the outlook itself: what it rests on is taken anew
        remember(connection, OUTLOOK, _fingerprint(connection, settings, clock), clock())
    return report


def _look(connection: Connection, settings: Settings, clock: Clock) -> OutlookReport:
    from analyzer.anomaly import days_needed
    from analyzer.anomaly_life import watch
    from analyzer.anomaly_series import asked_by_watch
    from analyzer.budgets import write_budgets
    from analyzer.forecast_run import asked_by_forecasts, write_forecasts
    from analyzer.series_together import SpendByDay

    ours = settings.anomaly
    asked = (*asked_by_forecasts(), *asked_by_watch(days_needed(ours), ours.ai_only))
    remembered = Remembered(connection)
    spend = SpendByDay(connection, clock().date(), asked, remembered)
    forecasts = write_forecasts(connection, settings, clock, remembered, spend)
    watched = watch(connection, settings, clock, remembered, spend)
    budgets = write_budgets(connection, settings, clock, remembered)
    remembered.keep(connection)
    return OutlookReport(forecasts, watched, budgets)


def _fingerprint(connection: Connection, settings: Settings, clock: Clock) -> str:
    sections = (settings.forecast, settings.anomaly, settings.budget_alerts, *settings.budgets)
    words = [
        OUTLOOK_VERSION,
        clock().date().isoformat(),
        settings.reporting_currency,
        json.dumps([section.model_dump(mode="json") for section in sections], sort_keys=True),
        *(str(connection.scalar(text(query))) for query in _RESTS_ON),
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


_RESTS_ON = (
    "SELECT string_agg(period || fingerprint, ',' ORDER BY period) FROM analysis_state",
    "SELECT max(event_id) FROM anomaly_event",
    "SELECT concat_ws(' ', count(*), max(as_of)) FROM commitment_term",
    "SELECT md5(string_agg(concat_ws(' ', base, quote, valid_from, rate, slice_id, half), ',' "
    "ORDER BY base, quote, valid_from, slice_id, half)) FROM exchange_rate",
)
