"""Figures of what models are worth: prices side by side, and what each model's life cost."""

from __future__ import annotations

import html
from collections.abc import Sequence
from decimal import Decimal

import plotly.graph_objects as go

from dashboard.charts import BAR, CHEAPER, DEARER, GRID, INK, MUTED, frame
from dashboard.layout import trimmed
from reports.formats import money, unit_price

_LABEL = 24
_DATA = "#8a6fb0"
_PAID_BY = {
    "data": _DATA,
    "training": BAR,
    "training that came to nothing": DEARER,
    "serving": CHEAPER,
    "other stages": MUTED,
}


def price_beside_apis(rows: Sequence[tuple[str, Decimal, Decimal | None, Decimal | None]], currency: str) -> go.Figure:
    """Per model its own cost per million tokens, an API's cheapest offer and the middle one, on a logarithmic axis.

    Models without an API to compare with have their own cost alone.
    """
    places = list(range(len(rows)))
    figure = go.Figure()
    for place, (_, own, least, middle) in zip(places, rows, strict=True):
        ends = [float(amount) for amount in (own, least, middle) if amount]
        figure.add_scatter(
            x=[min(ends), max(ends)],
            y=[place, place],
            mode="lines",
            line={"color": GRID, "width": 3},
            hoverinfo="skip",
            showlegend=False,
        )
    series = (
        ("API, middle offer", MUTED, "circle", [middle for *_, middle in rows]),
        ("API, cheapest offer", CHEAPER, "diamond", [least for _, _, least, _ in rows]),
        ("your own machines", BAR, "square", [own for _, own, _, _ in rows]),
    )
    for name, colour, symbol, amounts in series:
        known = [(place, amount) for place, amount in zip(places, amounts, strict=True) if amount]
        figure.add_scatter(
            name=name,
            x=[float(amount) for _, amount in known],
            y=[place for place, _ in known],
            customdata=[f"{html.escape(rows[place][0])}, {name}: {unit_price(amount)}" for place, amount in known],
            mode="markers",
            marker={"color": colour, "size": 11, "symbol": symbol},
            hovertemplate=f"%{{customdata}} {currency} per 1M tokens<extra></extra>",
        )
    _lay_out(figure, [label for label, *_ in rows])
    figure.update_xaxes(
        type="log", title={"text": f"{currency} per 1M tokens"}, gridcolor=GRID, dtick=1, zeroline=False
    )
    return figure


def lives(rows: Sequence[tuple[str, Sequence[Decimal]]], currency: str) -> go.Figure:
    """Per model a bar of what data, training, training that came to nothing, serving and other stages cost."""
    places = list(range(len(rows)))
    figure = go.Figure()
    for number, (name, colour) in enumerate(_PAID_BY.items()):
        amounts = [parts[number] for _, parts in rows]
        if not any(amounts):
            continue
        figure.add_bar(
            name=name,
            orientation="h",
            y=places,
            x=[float(amount) for amount in amounts],
            customdata=[f"{html.escape(rows[place][0])}, {name}: {money(amounts[place])}" for place in places],
            marker={"color": colour},
            hovertemplate=f"%{{customdata}} {currency}<extra></extra>",
        )
    figure.update_layout(barmode="relative", bargap=0.3)
    _lay_out(figure, [label for label, _ in rows])
    figure.update_xaxes(title={"text": currency}, gridcolor=GRID, tickformat="~s", zerolinecolor=GRID)
    return figure


def _lay_out(figure: go.Figure, labels: Sequence[str]) -> None:
    """One line for each label, the first on top, the legend above them."""
    figure.update_layout(
        **frame(height=110 + 34 * len(labels)),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "yref": "container", "traceorder": "normal"},
    )
    figure.update_layout(margin_t=44)
    figure.update_yaxes(
        range=[len(labels) - 0.5, -0.5],
        automargin=True,
        tickvals=list(range(len(labels))),
        ticktext=[html.escape(trimmed(label, _LABEL)) + " " for label in labels],
        tickfont={"color": INK, "size": 13},
        showgrid=False,
        zeroline=False,
    )
