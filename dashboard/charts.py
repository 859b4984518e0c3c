"""Figures. Each axis names its unit; unknown amounts are left out, never drawn as zero."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go

from aispend.clock import next_month
from dashboard.layout import provider, trimmed
from reports.formats import PROVIDERS, money, month, unit_price
from reports.views import MonthFigures, Spend, Window

CONFIG = {"displayModeBar": False, "scrollZoom": False, "staticPlot": False, "responsive": True}
INK, GRID, BAR, MUTED = "#1c2733", "#e3e8ec", "#2b6a99", "#a9b4bd"
DEARER, CHEAPER = "#b8694f", "#559b74"
_LABEL = 14
"""Letters of a label under a bar that fit on one line."""
_YEAR = {"yanchor": "top", "yshift": -34, "showarrow": False, "font": {"size": 12, "color": "#808495"}}
_BAR_MILLISECONDS = 22 * 24 * 3600 * 1000
"""Width of a month's bar: by itself a lone bar would fill the figure."""
_COLOURS = {"aws": "#d0923a", "azure": "#3f78b5", "gcp": "#559b74", "oci": "#a9594f"}
PROVIDER_COLOURS = {PROVIDERS[name]: colour for name, colour in _COLOURS.items()}


def months(spend: Spend, currency: str, figures: MonthFigures | None, current: date | None) -> go.Figure:
    """Stacked bars by month and cloud.

    ``current`` is the month that is not over, if any: it is paler, with what is still expected of it on top.
    """
    cost = spend.query.cost
    figure = go.Figure()
    rows = [row for row in spend.rows if row.currency == currency and row.costs.of(cost) is not None]
    for name in sorted({provider(_text(row.cut[1])) for row in rows}):
        mine = [row for row in rows if provider(_text(row.cut[1])) == name]
        figure.add_bar(
            name=html.escape(name),
            x=[row.cut[0] for row in mine],
            y=[float(row.costs.of(cost) or 0) for row in mine],
            width=_BAR_MILLISECONDS,
            customdata=[f"{money(row.costs.of(cost))} {currency}" for row in mine],
            hovertemplate=f"{html.escape(name)}, %{{x|%B %Y}}: %{{customdata}}<extra></extra>",
            marker={
                "color": PROVIDER_COLOURS.get(name, MUTED),
                "opacity": [0.5 if row.cut[0] == current else 1.0 for row in mine],
            },
        )
    if current is not None:
        _add_expected(figure, figures, currency, current)
    figure.update_layout(
        **frame(height=330, left=56),
        barmode="relative",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    )
    if spend.query.window is not None:
        _month_axis(figure, spend.query.window)
    figure.update_yaxes(title={"text": currency, "standoff": 6}, gridcolor=GRID, tickformat="~s", zerolinecolor=GRID)
    return figure


def _add_expected(figure: go.Figure, figures: MonthFigures | None, currency: str, current: date) -> None:
    if figures is None or figures.forecast is None or figures.month_to_date is None:
        return
    missing = figures.forecast - figures.month_to_date
    if missing <= 0:
        return
    name = "expected by run rate" if figures.by_run_rate else "still expected"
    figure.add_bar(
        name=name,
        x=[current],
        y=[float(missing)],
        width=_BAR_MILLISECONDS,
        customdata=[f"{money(missing)} {currency} more, {money(figures.forecast)} {currency} in all"],
        hovertemplate=f"{name}: %{{customdata}}<extra></extra>",
        marker={"color": "rgba(0,0,0,0)", "line": {"color": MUTED, "width": 1}},
    )


def ranking(rows: Sequence[tuple[str, Decimal | None]], currency: str, quiet: Sequence[str] = ()) -> go.Figure:
    """Horizontal bars in the given order, the amount written beside each; ``quiet`` ones are grey."""
    known = [(label, amount) for label, amount in rows if amount is not None]
    places = list(range(len(known)))
    figure = go.Figure(
        go.Bar(
            orientation="h",
            y=places,
            x=[float(amount) for _, amount in known],
            text=[money(amount) for _, amount in known],
            textposition="outside",
            textfont={"color": INK, "size": 13},
            cliponaxis=False,
            customdata=[html.escape(label) for label, _ in known],
            marker={
                "color": [MUTED if label in quiet else PROVIDER_COLOURS.get(label, BAR) for label, _ in known],
            },
            hovertemplate=f"%{{customdata}}: %{{text}} {currency}<extra></extra>",
        )
    )
    smallest = min((float(amount) for _, amount in known), default=0.0)
    figure.update_layout(**frame(height=20 + 30 * max(len(known), 1), right=84), bargap=0.3)
    figure.update_yaxes(
        autorange="reversed",
        automargin=True,
        tickvals=places,
        ticktext=[html.escape(trimmed(label, 24)) + " " for label, _ in known],
        tickfont={"color": INK, "size": 13},
        showgrid=False,
        zeroline=False,
    )
    largest = max((float(amount) for _, amount in known), default=1.0)
    # an amount below zero is written left of its bar and needs room there, however short the bar
    room = min(smallest * 1.6, smallest - max(largest, 0.0) / 4) if smallest < 0 else 0.0
    figure.update_xaxes(visible=False, range=[room, max(largest, 0.0) or 1.0])
    return figure


def waterfall(
    start: tuple[str, Decimal], steps: Sequence[tuple[str, Decimal]], end: tuple[str, Decimal], currency: str
) -> go.Figure:
    """From one amount to another by steps; the axis begins where the steps can be seen, and says if not at zero."""
    labels = [start[0], *(label for label, _ in steps), end[0]]
    amounts = [start[1], *(amount for _, amount in steps), end[1]]
    figure = go.Figure(
        go.Waterfall(
            x=list(range(len(labels))),
            y=[float(amount) for amount in amounts],
            measure=["absolute", *["relative"] * len(steps), "total"],
            text=[money(start[1]), *(f"{amount:+,.2f}" for _, amount in steps), money(end[1])],
            textposition="outside",
            cliponaxis=False,
            customdata=[html.escape(label) for label in labels],
            hovertemplate=f"%{{customdata}}: %{{text}} {currency}<extra></extra>",
            connector={"line": {"color": GRID}},
            increasing={"marker": {"color": DEARER}},
            decreasing={"marker": {"color": CHEAPER}},
            totals={"marker": {"color": BAR}},
        )
    )
    levels = [float(start[1])]
    for _, amount in steps:
        levels.append(levels[-1] + float(amount))
    span = max(levels) - min(levels)
    floor = max(min(levels) - max(span, max(levels) * 0.02) * 0.6, 0.0) if min(levels) > 0 else min(levels) * 1.15
    figure.update_layout(**frame(height=340, left=64), showlegend=False)
    figure.update_xaxes(
        tickvals=list(range(len(labels))), ticktext=[_wrapped(label) for label in labels], showgrid=False
    )
    figure.update_yaxes(
        title={"text": f"{currency}, not from 0" if floor > 0 else currency, "standoff": 6},
        range=[floor, max(levels) + (span or max(levels) * 0.1) * 0.25],
        gridcolor=GRID,
        zerolinecolor=GRID,
    )
    return figure


def _wrapped(label: str) -> str:
    """A label under a bar, broken between words where it is long."""
    lines = [""]
    for word in label.split():
        if len(lines[-1]) + len(word) > _LABEL and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(html.escape(line) for line in lines)


def unit_cost_trend(points: Sequence[tuple[date, Decimal | None]], unit: str, currency: str) -> go.Figure:
    """One model's cost per unit by month; gaps where it is unknown."""
    figure = go.Figure(
        go.Scatter(
            x=[first for first, _ in points],
            y=[None if value is None else float(value) for _, value in points],
            customdata=[f"{unit_price(value)} {currency} {unit}" for _, value in points],
            mode="lines+markers",
            connectgaps=False,
            line={"color": BAR, "width": 2},
            marker={"size": 7},
            hovertemplate="%{x|%B %Y}: %{customdata}<extra></extra>",
        )
    )
    figure.update_layout(**frame(height=310, left=64))
    _month_axis(figure, Window(points[0][0], next_month(points[-1][0])))
    figure.update_yaxes(
        title={"text": f"{currency} {unit}", "standoff": 6},
        gridcolor=GRID,
        rangemode="tozero",
        separatethousands=True,
        zerolinecolor=GRID,
    )
    return figure


def _month_axis(figure: go.Figure, window: Window) -> None:
    """A tick for every month, turned where they would run into each other; the year under January and the first."""
    firsts = [window.first]
    while next_month(firsts[-1]) < window.end:
        firsts.append(next_month(firsts[-1]))
    figure.update_xaxes(
        type="date",
        tickvals=firsts,
        ticktext=[month(first)[:3] for first in firsts],
        autotickangles=[0, 90],
        range=[firsts[0] - timedelta(days=16), firsts[-1] + timedelta(days=16)],
        showgrid=False,
    )
    for first in firsts:
        # a first month before January has no room for a year of its own
        if first.month == 1 or (first == firsts[0] and first.month != 12):
            figure.add_annotation(x=first, y=0, yref="paper", text=str(first.year), **_YEAR)
    figure.update_layout(margin_b=56)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def frame(height: int, left: int = 8, right: int = 8) -> dict[str, Any]:
    """What all figures share: height and room at the sides in pixels, ink, no background."""
    return {
        "height": height,
        "margin": {"l": left, "r": right, "t": 8, "b": 8},
        "font": {"color": INK, "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": "#ffffff"},
    }
