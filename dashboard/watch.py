"""Budgets and anomalies as shown on Outlook."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import streamlit as st

from aispend.watching import TOTALS
from dashboard import data, layout
from dashboard.layout import Cell, Lines, Mark, Tone
from reports.budget_words import known_words, spent, threshold_words, times, window_words
from reports.change_words import signed
from reports.formats import UNKNOWN, money, percent, period, share_spent
from reports.views import ANOMALY_STATES, TOLD_STATES, AnomalyBeside, AnomalyFound, BudgetStatus, Window

_BUDGET_STATES: dict[str, tuple[str, Tone]] = {
    "critical": ("Critical", "bad"),
    "warn": ("Watch", "careful"),
    "ok": ("Within budget", "good"),
}
_ANOMALY_STATES: dict[str, tuple[str, Tone]] = {
    "open": ("Open", "bad"),
    "acknowledged": ("Acknowledged", "careful"),
    "expected": ("Expected", "good"),
    "gone": ("Gone", "quiet"),
}
_KINDS = {
    "rise": "Cost rose",
    "drop": "Cost fell",
    "drift": "Cost drifts up",
    "new": "First spend",
    "rate": "Price per unit rose",
}
_EXAMPLE = """[[budget]]
name = "support, all models"
amount = 20000
currency = "USD"
period = "month"            # month, quarter or year
match = { team = "support" }  # provider, account, service, model, team, stage or tags; none is all AI spend"""


def budgets(newest: Window) -> None:
    """Where each budget stands, the worst first; how to set one where there is none."""
    st.subheader(
        "Budgets",
        help="Burn rate: spent over what was due by now, given how the days of a week differ; above 1 is too fast. "
        "Below it, use in the last days over what is left for use in such days. Critical: used up, sure to be by the "
        "lower end of the band, or critically fast. Watch: by the middle of the forecast, or too fast.",
    )
    rows = data.budgets()
    if not rows:
        _no_budgets()
        return
    heads = ("Budget", "State", "Amount", "Spent", "Forecast", "Burn rate", "Used up")
    layout.table(heads, [_budget(row, newest) for row in rows], right=heads[2:6], whole=heads[6:])
    if any(row.partly_unknown for row in rows):
        st.caption("* leaves out charges that have no such cost in their bill: unknown, not zero.")


def _no_budgets() -> None:
    if data.budgets_are_set():
        st.info("Budgets are set and not worked out yet. Run: `aispend analyze`")
        return
    st.info("No budgets yet. Write one into `aispend.toml`, then run: `aispend analyze`")
    st.code(_EXAMPLE, language="toml")


def _budget(row: BudgetStatus, newest: Window) -> tuple[Cell, ...]:
    word, tone = _BUDGET_STATES[row.state]
    besides = "".join(
        f"; besides {money(Decimal(amount))} {code}, not converted" for code, amount in row.unconverted.items()
    )
    # a line breaks before no per cent sign
    thresholds = threshold_words(row).replace(" %", "\u00a0%")
    return (
        Lines(row.name, f"{row.covers}, {row.cost} cost, {row.period} from {row.period_start}, {known_words(row)}"),
        Mark(word, tone, "; ".join(filter(None, (row.reason + besides, thresholds)))),
        Lines(money(row.amount), row.currency),
        Lines(money(spent(row)) + layout.star(row.partly_unknown), share_spent(spent(row), row.amount)),
        Lines(money(row.forecast_p50), _budget_band(row)),
        Lines(times(row.burn_rate), ", ".join(window_words(row))),
        _used_up(row, newest),
    )


def _budget_band(row: BudgetStatus) -> str:
    if row.forecast_p50 is None:
        return ""
    if row.forecast_p10 is None or row.forecast_p90 is None:
        return "no band, at this pace" if row.forecast_method == "burn rate" else "no band yet"
    return f"{money(row.forecast_p10)} – {money(row.forecast_p90)}"


def _used_up(row: BudgetStatus, newest: Window) -> Cell:
    """The day the money ends, and how far that is from the last known day."""
    if row.exhausted_on is None:
        return UNKNOWN if row.forecast_p50 is None else "not in this period"
    last_known = newest.last if row.known_to is None else row.known_to - timedelta(days=1)
    days = (row.exhausted_on - last_known).days
    if days <= 0:
        return Lines(str(row.exhausted_on), "already used up")
    return Lines(str(row.exhausted_on), f"{days} day{'' if days == 1 else 's'} after the last known")


def anomalies(window: Window, currency: str) -> None:
    """What is out of the ordinary, the most money first, and what providers found beside it."""
    st.subheader(
        "Out of the ordinary",
        help="Days that cost far more or less than such days do, first spend, and higher prices per unit. Impact: cost "
        "less what was expected. Say what one is in a terminal: aispend anomalies acknowledge ID, or "
        "aispend anomalies expected ID --reason TEXT, by the first letters of its id.",
    )
    states = st.pills(
        "State of anomalies",
        ANOMALY_STATES,
        default=list(TOLD_STATES),
        selection_mode="multi",
        format_func=str.capitalize,
    )
    rows = [row for row in data.anomalies(tuple(states) or ANOMALY_STATES, window) if row.currency == currency]
    st.caption(layout.markdown_safe(f"Effective cost in {currency}, with a day in {period(window)}"))
    if rows:
        heads = ("What", "When", "Impact", "Cost", "Expected", "Behind it", "State")
        layout.long_table(heads, [_anomaly(row) for row in rows], right=heads[2:5], whole=(heads[1], heads[6]))
        st.code(
            f"aispend anomalies acknowledge {rows[0].id[:8]}\n"
            f"aispend anomalies expected {rows[0].id[:8]} --reason TEXT",
            language=None,
            wrap_lines=True,
        )
    else:
        _no_anomalies(window, currency)
    _beside(data.anomalies_beside(window))


def _no_anomalies(window: Window, currency: str) -> None:
    if any(row.currency == currency for row in data.anomalies(ANOMALY_STATES, window)):
        st.info("Nothing in these states; choose others above.")
        return
    st.info(
        "Nothing out of the ordinary. What is younger than ten days is judged for first spend alone, and nothing is "
        "new in the first four weeks of a ledger."
    )


def _anomaly(row: AnomalyFound) -> tuple[Cell, ...]:
    word, tone = _ANOMALY_STATES[row.state]
    return (
        Lines(f"{_KINDS[row.kind]}: {_called(row)}", row.explanation),
        Lines(str(row.first_day), _until(row)),
        signed(row.impact),
        money(row.actual),
        money(row.expected),
        _behind(row),
        Mark(word, tone, row.id[:8]),
    )


def _until(row: AnomalyFound) -> str:
    until = "" if row.first_day == row.last_day else f"to {row.last_day}"
    return f"{until}, lasts".removeprefix(", ") if row.lasting else until


def _called(row: AnomalyFound) -> str:
    if row.cut in TOTALS:
        return TOTALS[row.cut]
    if row.cut == "model":
        return layout.model(row.value)
    return row.value or f"no {row.cut} known"


def _behind(row: AnomalyFound) -> Cell:
    """The resource that made most of it, or the model, and below it where."""
    parts = [layout.provider(row.provider) if row.provider else "", row.account or "", row.service or ""]
    below = ", ".join(part for part in parts if part)
    if row.resource_id:
        return Lines(layout.shortened(row.resource_id), _part(row) + below, row.resource_id)
    return Lines(row.model or row.team or row.sku or UNKNOWN, below)


def _part(row: AnomalyFound) -> str:
    """How much of the change is the resource's: a share, or where others offset some of it, the amount."""
    if row.resource_share is None:
        return ""
    if row.resource_share <= 1 or row.resource_change is None:
        return f"{percent(min(row.resource_share, Decimal(1)))} of it: "
    return f"{signed(row.resource_change)}, partly offset elsewhere: "


def _days(first: date, last: date | None) -> str:
    if last is None:
        return f"from {first}"
    return str(first) if first == last else f"{first} to {last}"


def _beside(rows: tuple[AnomalyBeside, ...]) -> None:
    if not rows:
        return
    st.markdown("**Found by the clouds themselves**, on their own expectations; in none of our numbers:")
    heads = ("Service", "Cloud", "When", "Impact", "It expected")
    layout.long_table(
        heads,
        [
            (
                row.service or "no service told",
                ", ".join(part for part in (layout.provider(row.provider), row.account, row.region) if part),
                _days(row.started_on, row.ended_on),
                UNKNOWN if row.impact is None else f"{signed(row.impact)} {row.currency}",
                UNKNOWN if row.expected is None else f"{money(row.expected)} {row.currency}",
            )
            for row in rows
        ],
        right=heads[3:],
    )
