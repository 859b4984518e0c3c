"""Models: what each costs, how much it serves, and what a unit costs, always beside its load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import streamlit as st

from aispend.clock import month_of, next_month
from aispend.money import exact_sum
from dashboard import charts, data, layout
from dashboard.layout import Lines
from reports.formats import UNKNOWN, count, left_out_line, money, percent, period, unit_price
from reports.views import Spend, SpendQuery, UnitBasis, UnitCost, Window

_BASES: dict[str, UnitBasis] = {"Allocation": "allocation", "Usage": "usage"}
_BASIS_HELP = (
    "Allocation adds up to the bill: idle time is part of the price. "
    "Usage counts active time only: what the price would be if nothing stood idle."
)
_PAID_HOUR, _USED_HOUR = "per accelerator hour paid", "per accelerator hour used"
_RATES = {
    "per 1k requests": "cost_per_1k_requests",
    "per 1M tokens": "cost_per_1m_tokens",
    "per 1M input tokens": "cost_per_1m_input_tokens",
    "per 1M cached input tokens": "cost_per_1m_cached_input_tokens",
    "per 1M cache write tokens": "cost_per_1m_cache_write_tokens",
    "per 1M output tokens": "cost_per_1m_output_tokens",
    "per 1M reasoning tokens": "cost_per_1m_reasoning_tokens",
    _PAID_HOUR: "cost_per_accelerator_hour_paid",
    _USED_HOUR: "cost_per_accelerator_hour_used",
}
_STAR = "* The cost of some charges, or of hours nobody measured, is unknown, not zero, and not in numbers with *."
_TREND_MONTHS = 13
_AT_FIRST = 10


def page() -> None:
    """Lay out the models page."""
    st.title("Models")
    currency, cost = data.currency(), data.cost()
    by_model = data.spend(SpendQuery(by=("model",), cost=cost, ai_only=True))
    window = by_model.basis.window
    if window is None:
        layout.nothing_loaded()
        return
    layout.basis_line(by_model.basis, currency, period(window))
    if not by_model.rows:
        st.info(layout.NO_AI)
        return
    st.subheader(
        "Cost of each model",
        help=f"Every stage of it, from data and training to serving; {data.before_tax()}, "
        "credits on AI services included.",
    )
    _spend_table(by_model, currency)
    st.subheader("Cost of a unit", help="Cost and volume of the same days. Load: accelerator hours used ÷ paid.")
    basis = _BASES[st.segmented_control("Basis", list(_BASES), default="Allocation", help=_BASIS_HELP) or "Allocation"]
    found = data.unit_costs(window, basis)
    rows = [row for row in found.rows if row.currency == currency]
    served = [row for row in rows if row.requests or _tokens_in(row) or row.output_tokens]
    if served:
        _unit_table(served, currency)
        if left_out := left_out_line(found.left_out):
            st.caption(layout.markdown_safe(left_out))
    else:
        st.info("No inference usage is loaded for these days. Load some: `aispend import-usage PATH…`")
    others = [row for row in rows if row not in served and row.accelerator_hours_paid]
    if served or others:
        _one_model([*served, *others], window, basis, currency)


def _spend_table(spend: Spend, currency: str) -> None:
    cost = spend.query.cost
    stages: dict[str, list[str]] = {}
    by_stage = data.spend(SpendQuery(by=("model", "stage"), window=spend.basis.window, cost=cost, ai_only=True))
    for row in by_stage.rows:
        if row.currency == currency:
            stages.setdefault(layout.model(row.cut[0]), []).append(layout.stage(str(row.cut[1])))
    everything = layout.whole(spend, currency)
    heads = ("Model", "Stages, the costliest first", f"Cost, {currency}", "Share", f"At list price, {currency}")
    rows = [
        (
            layout.model(row.cut[0]),
            ", ".join(stages.get(layout.model(row.cut[0]), ())),
            layout.amount(row, cost),
            layout.part(row.costs.of(cost), everything.of(cost)),
            layout.amount(row, "list_cost"),
        )
        for row in spend.rows
        if row.currency == currency
    ]
    total = (
        "In all",
        "",
        layout.total(spend, currency, cost),
        layout.part(everything.of(cost), everything.of(cost)),
        layout.total(spend, currency, "list_cost"),
    )
    shown = _AT_FIRST if len(rows) > _AT_FIRST + 1 else len(rows)
    layout.table(heads, rows[:shown], right=heads[2:], total=total)
    if rows[shown:]:
        with st.expander(f"{len(rows) - shown} more models"):
            layout.table(heads, rows[shown:], right=heads[2:])
    if cost != "list_cost":
        layout.star_line(spend.basis, "list_cost")


def _unit_table(served: Iterable[UnitCost], currency: str) -> None:
    rows = list(served)
    st.caption(
        layout.markdown_safe(
            f"Effective cost in {currency}, whatever cost is chosen at the left. – is unknown or does not apply."
        )
    )
    reasons = any(row.cost_per_1m_reasoning_tokens is not None for row in rows)
    heads = (
        "Model",
        "Requests",
        "Tokens in",
        "Tokens out",
        f"{currency} per 1k requests",
        f"{currency} per 1M tokens",
        f"{currency} per 1M input",
        f"{currency} per 1M output",
        "Load",
    )
    layout.table(
        heads,
        [
            (
                Lines(layout.model(row.model), _place(row)),
                count(row.requests),
                count(_tokens_in(row)),
                count(row.output_tokens),
                _rate(row, row.cost_per_1k_requests),
                _rate(row, row.cost_per_1m_tokens),
                with_part(row, row.cost_per_1m_input_tokens, "cached", row.cost_per_1m_cached_input_tokens),
                with_part(row, row.cost_per_1m_output_tokens, "reasoning", row.cost_per_1m_reasoning_tokens),
                _load(row),
            )
            for row in rows
        ],
        right=heads[1:],
    )
    if any(row.partly_unknown for row in rows):
        st.caption(layout.markdown_safe(_STAR))
    if reasons:
        st.caption("Reasoning tokens are part of the output: one of them costs what one of the output costs.")
    unpriced = exact_sum(row.unpriced_requests for row in rows if row.unpriced_requests)
    if unpriced:
        st.caption(f"{count(unpriced)} requests met no charge and are in no price above.")


def _rate(row: UnitCost | None, price: Decimal | None) -> str:
    return unit_price(price) + layout.star(row is not None and row.partly_unknown and price is not None)


def with_part(row: UnitCost, price: Decimal | None, below: str, part: Decimal | None) -> str | Lines:
    """The price of a class of tokens, with that of the class within it below, where it is known."""
    return _rate(row, price) if part is None else Lines(_rate(row, price), f"{below} {_rate(row, part)}")


def _amount(row: UnitCost | None) -> str:
    return money(row.effective_cost) + layout.star(row.partly_unknown) if row else UNKNOWN


def _tokens_in(row: UnitCost) -> Decimal | None:
    parts = [row.input_tokens, row.cached_input_tokens, row.cache_write_tokens]
    known = [part for part in parts if part is not None]
    return exact_sum(known) if known else None


def _load(row: UnitCost) -> str:
    if isinstance(row.load, Decimal):
        return percent(row.load)
    return row.load.upper() if row.load else UNKNOWN


def _one_model(choice: Sequence[UnitCost], window: Window, basis: UnitBasis, currency: str) -> None:
    st.subheader(
        "One model", help="Of models that serve nothing, such as those in training, the accelerator hour is the unit."
    )
    left, right = st.columns(2)
    labels = {_key(row): f"{layout.model(row.model)}, {_place(row)}" for row in choice}
    chosen = left.selectbox("Model", list(labels), format_func=lambda key: labels[key], key=f"model {currency}")
    mine = {
        name: next(
            (row for row in data.unit_costs(window, of).rows if _key(row) == chosen and row.currency == currency), None
        )
        for name, of in _BASES.items()
    }
    known = [
        label
        for label, field in _RATES.items()
        if any(row and getattr(row, field) is not None for row in mine.values())
    ]
    unit = right.selectbox("Unit", known or list(_RATES), key=f"unit {currency}")
    table, chart = st.columns([2, 3], gap="large")
    with table:
        _both_bases(mine, known, currency)
    with chart:
        _trend(chosen, unit, window, basis, currency)


def _place(row: UnitCost) -> str:
    return f"{layout.provider(row.provider)}, {layout.stage(row.stage)}"


def _key(row: UnitCost) -> tuple[str | None, str, str]:
    return row.model, row.provider, row.stage


def _both_bases(mine: dict[str, UnitCost | None], rates: Sequence[str], currency: str) -> None:
    heads = (currency, *mine)
    rows = [("Effective cost", *(_amount(row) for row in mine.values()))]
    shown = [*rates, _USED_HOUR] if _PAID_HOUR in rates and _USED_HOUR not in rates else rates
    rows += [
        (label, *(_rate(row, getattr(row, _RATES[label]) if row else None) for row in mine.values())) for label in shown
    ]
    layout.table(heads, rows, right=heads[1:])
    row = next((row for row in mine.values() if row is not None), None)
    if row is not None and row.accelerator_hours_paid is not None:
        st.caption(layout.markdown_safe(hours_line(row)))
    if any(row and row.partly_unknown for row in mine.values()):
        st.caption(layout.markdown_safe(_STAR))


def hours_line(row: UnitCost) -> str:
    """What the accelerators were paid for, and why an hour of use has no price where it has none."""
    paid = f"{count(row.accelerator_hours_paid)} accelerator hours paid"
    if row.accelerator_hours_used is None:
        return f"{paid}; no load measured, so an hour of use has no price."
    used = f"{paid}, {count(row.accelerator_hours_used)} used: load {_load(row)}."
    if row.cost_per_accelerator_hour_used is None:
        used += " With no load measured, an hour of use has no price."
    return used


def _trend(chosen: tuple[str | None, str, str], unit: str, window: Window, basis: UnitBasis, currency: str) -> None:
    points: list[tuple[date, Decimal | None]] = []
    month = month_of(window.last)
    for _ in range(_TREND_MONTHS):
        rows = data.unit_costs(Window(month, next_month(month)), basis).rows
        mine = next((row for row in rows if _key(row) == chosen and row.currency == currency), None)
        points.append((month, getattr(mine, _RATES[unit]) if mine else None))
        month = month_of(month - timedelta(days=1))
    st.plotly_chart(
        charts.unit_cost_trend(points[::-1], unit, currency),
        config=charts.CONFIG,
        key="unit-trend",
        alt=f"{layout.model(chosen[0])}: {currency} {unit} by month",
    )
    over = window.end == next_month(month_of(window.last))
    st.caption(f"By month, on the basis of {basis}{'' if over else '; the last month is not over'}.")
