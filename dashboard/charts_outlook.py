"""Figures of what is to come: days that were, days expected, and the band they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import plotly.graph_objects as go

from dashboard.charts import BAR, GRID, INK, MUTED, frame
from reports.formats import money, percent
from reports.views import ForecastDay

_BAND = "rgba(43, 106, 153, 0.18)"


def path(
    actual: Sequence[tuple[date, Decimal]], ahead: Sequence[ForecastDay], currency: str, level: Decimal | None
) -> go.Figure:
    """Daily cost so far as a line, then the expected days as a dashed one within their band, which holds at ``level``.

    A day without any charge is a gap; days without a band have none drawn.
    """
    figure = go.Figure()
    _add_band(
        figure,
        [day for day in ahead if day.p10 is not None and day.p90 is not None],
        "band" if level is None else f"{percent(level)} band",
    )
    known = dict(actual)
    days = (
        [min(known) + timedelta(days=number) for number in range((max(known) - min(known)).days + 1)] if known else []
    )
    amounts = [known.get(day) for day in days]
    figure.add_scatter(
        name="actual",
        x=days,
        y=[None if amount is None else float(amount) for amount in amounts],
        customdata=[money(amount) for amount in amounts],
        mode="lines+markers",
        connectgaps=False,
        line={"color": BAR, "width": 2},
        marker={"size": 4},
        hovertemplate=f"%{{x|%a %-d %B}}: %{{customdata}} {currency}<extra></extra>",
    )
    figure.add_scatter(
        name="expected",
        x=[day.day for day in ahead],
        y=[float(day.p50) for day in ahead],
        customdata=[_in_words(day, currency) for day in ahead],
        mode="lines",
        line={"color": INK, "width": 1.5, "dash": "dot"},
        hovertemplate="%{x|%a %-d %B}: %{customdata}<extra></extra>",
    )
    for first in (day.day for day in ahead if day.day.day == 1):
        figure.add_vline(x=first, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.update_layout(
        **frame(height=320, left=64),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    )
    figure.update_xaxes(showgrid=False, tickformat="%-d %b", nticks=8)
    figure.update_yaxes(
        title={"text": f"{currency} a day", "standoff": 6},
        gridcolor=GRID,
        rangemode="tozero",
        separatethousands=True,
        zerolinecolor=GRID,
    )
    return figure


def _add_band(figure: go.Figure, ahead: Sequence[ForecastDay], title: str) -> None:
    if not ahead:
        return
    for name, amounts in (("", [day.p10 for day in ahead]), (title, [day.p90 for day in ahead])):
        figure.add_scatter(
            name=name,
            x=[day.day for day in ahead],
            y=[float(amount) for amount in amounts if amount is not None],
            mode="lines",
            line={"width": 0},
            fill="tonexty" if name else None,
            fillcolor=_BAND,
            showlegend=bool(name),
            hoverinfo="skip",
        )


def _in_words(day: ForecastDay, currency: str) -> str:
    band = "" if day.p10 is None or day.p90 is None else f", between {money(day.p10)} and {money(day.p90)}"
    return f"{money(day.p50)} {currency} expected{band}"
