"""Figures of savings: what was promised by month, and what the bill shows."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts import CHEAPER, DEARER, GRID, INK, frame
from reports.formats import money, month
from reports.views import SavedMonth

_WIDTH = 0.5


def promised_and_realised(months: Sequence[SavedMonth], currency: str) -> go.Figure:
    """Realised as bars, paler where provisional and red where it is a loss; promised as a line above them."""
    names = [month(row.month) for row in months]
    figure = go.Figure()
    figure.add_bar(
        name="realised",
        x=names,
        y=[float(row.realised) for row in months],
        width=_WIDTH,
        customdata=[
            f"{money(row.realised)} {currency} realised" + ("" if row.is_final else ", provisional") for row in months
        ],
        hovertemplate="%{x}: %{customdata}<extra></extra>",
        marker={
            "color": [CHEAPER if row.realised >= 0 else DEARER for row in months],
            "opacity": [1.0 if row.is_final else 0.5 for row in months],
        },
    )
    figure.add_scatter(
        name="promised",
        x=names,
        y=[float(row.predicted_net) for row in months],
        customdata=[f"{money(row.predicted_net)} {currency} promised" for row in months],
        hovertemplate="%{x}: %{customdata}<extra></extra>",
        mode="lines+markers",
        line={"color": INK, "width": 1.5, "dash": "dot"},
        marker={"size": 7},
    )
    figure.update_layout(
        **frame(height=300, left=64),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    )
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(
        title={"text": f"{currency} a month", "standoff": 6},
        gridcolor=GRID,
        rangemode="tozero",
        separatethousands=True,
        zerolinecolor=GRID,
    )
    return figure
