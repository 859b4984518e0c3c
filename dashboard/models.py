"""Models: what each costs, how much it serves, and what a unit costs, always beside its load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import streamlit as st

from aispend.clock import month_of, next_month
from dashboard import charts, data, layout
from reports.formats import count, money, percent, period, unit_price
from reports.views import CostColumn, SpendQuery, SpendRow, UnitBasis, UnitCost, Window

_BASES: dict[str, UnitBasis] = {"Allocation": "allocation", "Usage": "usage"}
_BASIS_HELP = (
    "Allocation adds up to the bill: idle time is part of the price. Usage counts active time only, "
    "and shows what the price would be at full load."
)
_RATES = {
    "per 1k requests": "cost_per_1k_requests",
    "per 1M tokens": "cost_per_1m_tokens",
    "per 1M input tokens": "cost_per_1m_input_tokens",
    "per 1M output tokens": "cost_per_1m_output_tokens",
}
_TREND_MONTHS = 13


def page() -> None:
    """Lay out the models page."""
    st.title("Models")
    currency, cost = data.currency(), data.cost()
    by_model = data.spend(SpendQuery(by=("model", "stage"), cost=cost, ai_only=True))
    if by_model.query.window is None and not by_model.rows:
        layout.nothing_loaded()
        return
    window = by_model.basis.window
    assert window is not None  # noqa: S101 - there are rows, so there is a window
    layout.basis_line(by_model.basis, currency, period(window))
    basis = _BASES[st.segmented_control("Basis", list(_BASES), default="Allocation", help=_BASIS_HELP) or "Allocation"]
    st.subheader("Cost of each model")
    _spend_table(by_model.rows, currency, cost)
    st.subheader("Cost of a unit", help="Cost and volume of the same days. Load: accelerator hours used ÷ paid.")
    units = [row for row in data.unit_costs(window, basis).rows if row.currency == currency]
    if not units:
        st.info("No inference usage is loaded for these days. Load some: aispend import-usage PATH…")
        return
    _unit_table(units, currency)
    _trend(units, window, basis, currency)


def _spend_table(rows: Sequence[SpendRow], currency: str, cost: CostColumn) -> None:
    mine = [row for row in rows if row.currency == currency]
    layout.table(
        [
            {
                "Model": layout.name(row.cut[0]),
                "Stage": str(row.cut[1]).replace("_", " "),
                f"Cost, {currency}": money(row.costs.of(cost)),
                f"At list price, {currency}": money(row.costs.list_cost),
                "Final": percent(row.final_share),
            }
            for row in mine
        ],
        numbers=(f"Cost, {currency}", f"At list price, {currency}", "Final"),
    )


def _unit_table(units: list[UnitCost], currency: str) -> None:
    numbers = ("Requests", "Tokens in", "Tokens out", *(f"{currency} {name}" for name in _RATES), "Load")
    layout.table(
        [
            {
                "Model": layout.name(row.model),
                "Cloud": layout.name(row.provider),
                "Stage": row.stage.replace("_", " "),
                "Requests": count(row.requests),
                "Tokens in": count(_tokens_in(row)),
                "Tokens out": count(row.output_tokens),
                **{f"{currency} {name}": unit_price(getattr(row, field)) for name, field in _RATES.items()},
                "Load": percent(row.load) if isinstance(row.load, Decimal) else (row.load or "unknown"),
            }
            for row in units
        ],
        numbers=numbers,
    )
    unpriced = sum((row.unpriced_requests or Decimal(0) for row in units), Decimal(0))
    if unpriced:
        st.caption(f"{count(unpriced)} requests met no charge and are in no price above.")


def _tokens_in(row: UnitCost) -> Decimal | None:
    parts = [row.input_tokens, row.cached_input_tokens, row.cache_write_tokens]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if known else None


def _trend(units: list[UnitCost], window: Window, basis: UnitBasis, currency: str) -> None:
    st.subheader("How a unit's cost moved")
    left, right = st.columns(2)
    choices = list(dict.fromkeys(row.model for row in units if row.model))
    if not choices:
        return
    model = left.selectbox("Model", choices)
    label = right.selectbox("Unit", list(_RATES))
    field = _RATES[label]
    points = []
    month = month_of(window.last)
    for _ in range(_TREND_MONTHS):
        rows = data.unit_costs(Window(month, next_month(month)), basis).rows
        mine = [row for row in rows if row.model == model and row.currency == currency]
        points.append((month, getattr(mine[0], field) if mine else None))
        month = month_of(month - timedelta(days=1))
    st.plotly_chart(charts.unit_cost_trend(points[::-1], label, currency), config=charts.CONFIG, key="unit-trend")
    if len([row for row in units if row.model == model]) > 1:
        st.caption("The line is the costliest provider and stage of this model; the table above has them all.")
