"""Figures. Each axis names its unit; unknown amounts are left out, never drawn as zero."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from dashboard.layout import name
from reports.formats import money
from reports.views import Spend

CONFIG = {"displayModeBar": False, "scrollZoom": False}
_INK, _GRID = "#1c2733", "#e3e8ec"
_MUTED = "#9aa7b2"
PROVIDER_COLOURS = {"AWS": "#c77f1a", "Azure": "#2f6db5", "Google Cloud": "#3f8f5f", "Oracle Cloud": "#a2473f"}
_BAR = "#1f5f8b"


def months(spend: Spend, currency: str, current: date) -> go.Figure:
    """Stacked bars by month and cloud; the month that is not over is paler."""
    cost = spend.query.cost
    figure = go.Figure()
    rows = [row for row in spend.rows if row.currency == currency and row.costs.of(cost) is not None]
    for provider in sorted({name(row.cut[1]) for row in rows}):
        mine = [row for row in rows if name(row.cut[1]) == provider]
        months_ = [row.cut[0] for row in mine]
        figure.add_bar(
            name=provider,
            x=months_,
            y=[float(row.costs.of(cost) or 0) for row in mine],
            customdata=[money(row.costs.of(cost)) for row in mine],
            hovertemplate=f"{provider} %{{x|%B %Y}}: %{{customdata}} {currency}<extra></extra>",
            marker={
                "color": PROVIDER_COLOURS.get(provider, _MUTED),
                "opacity": [0.45 if month == current else 1.0 for month in months_],
            },
        )
    figure.update_layout(**_layout(height=300), barmode="stack", legend={"orientation": "h", "y": 1.12, "x": 0})
    figure.update_xaxes(tickformat="%b %y", dtick="M1", showgrid=False)
    figure.update_yaxes(title=currency, gridcolor=_GRID, tickformat="~s")
    return figure


def ranking(rows: Sequence[tuple[str, Decimal | None]], currency: str) -> go.Figure:
    """Horizontal bars, largest on top, with the amount written beside each."""
    known = [(label, amount) for label, amount in rows if amount is not None]
    figure = go.Figure(
        go.Bar(
            orientation="h",
            y=[label for label, _ in known],
            x=[float(amount) for _, amount in known],
            text=[money(amount) for _, amount in known],
            textposition="outside",
            cliponaxis=False,
            marker={
                "color": [
                    PROVIDER_COLOURS.get(label, _MUTED if label == "unattributed" else _BAR) for label, _ in known
                ]
            },
            hovertemplate=f"%{{y}}: %{{text}} {currency}<extra></extra>",
        )
    )
    largest = max((float(amount) for _, amount in known), default=1.0)
    figure.update_layout(**_layout(height=60 + 32 * max(len(known), 2)))
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(visible=False, range=[min(0.0, *(float(a) for _, a in known), 0.0), largest * 1.3])
    return figure


def unit_cost_trend(points: Sequence[tuple[date, Decimal | None]], label: str, currency: str) -> go.Figure:
    """One model's cost per unit by month; gaps where it is unknown."""
    figure = go.Figure(
        go.Scatter(
            x=[month for month, _ in points],
            y=[None if value is None else float(value) for _, value in points],
            mode="lines+markers",
            connectgaps=False,
            line={"color": _BAR, "width": 2},
            hovertemplate=f"%{{x|%B %Y}}: %{{y:.4f}} {currency}<extra></extra>",
        )
    )
    figure.update_layout(**_layout(height=280))
    figure.update_xaxes(tickformat="%b %y", dtick="M1", showgrid=False)
    figure.update_yaxes(title=f"{currency} {label}", gridcolor=_GRID, rangemode="tozero")
    return figure


def _layout(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": {"color": _INK, "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": "#ffffff"},
    }
