"""What the pages read: the store, opened once, and the views, cached for a minute.

A page never computes a number; it asks a view. Views return frozen dataclasses, so caching them is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import streamlit as st

from aispend.settings import load_settings
from aispend.store import Store, open_store
from reports import formats, views
from reports.home_first import currency_order

CACHE_SECONDS = 60
ICON = Path(__file__).with_name("icon.png")
LOGO = Path(__file__).with_name("logo.svg")
STYLE = Path(__file__).with_name("style.css")
COSTS: dict[str, views.CostColumn] = {
    "Effective": "effective_cost",
    "Billed": "billed_cost",
    "List": "list_cost",
    "Contracted": "contracted_cost",
}
COST_HELP = (
    "Effective spreads commitment purchases over the usage they cover: use it for trends and allocation. "
    "Billed is what the invoice charges. List is the public price. Contracted is your negotiated price."
)


@st.cache_resource(show_spinner="Opening the database …")
def store() -> Store:
    """The store, one for all sessions."""
    return open_store(load_settings())


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def overview(cost: views.CostColumn) -> views.Overview | None:
    """The overview of AI spend."""
    with store().engine.connect() as connection:
        return views.overview(connection, cost=cost)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def spend(query: views.SpendQuery) -> views.Spend:
    """A cut of cost."""
    with store().engine.connect() as connection:
        return views.spend(connection, query)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def unit_costs(window: views.Window | None, basis: views.UnitBasis) -> views.UnitCosts:
    """Unit costs of every model."""
    with store().engine.connect() as connection:
        return views.unit_costs(connection, window, basis=basis)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_periods() -> tuple[views.Window, views.Window] | None:
    """The newest month so far, and what it is held against: the earlier first."""
    with store().engine.connect() as connection:
        return views.month_against_month(connection)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def changes(before: views.Window, after: views.Window, cut: str) -> views.Changes:
    """Why AI spend changed, by one cut."""
    with store().engine.connect() as connection:
        return views.changes(connection, before, after, by=(cut,))


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def forecasts(by: views.ForecastCut) -> views.Forecasts:
    """What month and quarter will cost: the wholes and one cut."""
    with store().engine.connect() as connection:
        return views.forecasts(connection, by)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def forecast_days(of: str) -> tuple[views.ForecastDay, ...]:
    """The days ahead of AI spend in a currency."""
    with store().engine.connect() as connection:
        return views.forecast_days(connection, of)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def budgets() -> tuple[views.BudgetStatus, ...]:
    """All budgets, the worst first."""
    with store().engine.connect() as connection:
        return views.budgets(connection)


def budgets_are_set() -> bool:
    """Whether the settings name any budget."""
    return bool(load_settings().budgets)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def anomalies(states: Sequence[str], window: views.Window) -> tuple[views.AnomalyFound, ...]:
    """Anomalies in the given states with a day in ``window``."""
    with store().engine.connect() as connection:
        return views.found_anomalies(connection, states=states, window=window)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def anomalies_beside(window: views.Window) -> tuple[views.AnomalyBeside, ...]:
    """Anomalies the providers found, with a day in ``window``."""
    with store().engine.connect() as connection:
        return views.anomalies_beside(connection, window)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def newest_window() -> views.Window | None:
    """The last thirty days with data."""
    with store().engine.connect() as connection:
        return views.newest_window(connection)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def before_tax() -> str:
    """How AI spend treats tax, in words."""
    with store().engine.connect() as connection:
        return formats.before_tax(has_lost_tax=views.has_lost_tax(connection))


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def self_hosting() -> views.SelfHosting:
    """Models served on accelerators beside the same tokens at an API, last thirty days."""
    with store().engine.connect() as connection:
        return views.self_hosting(connection)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def lifecycles() -> views.Lifecycles:
    """What each model cost by what it was for, in all that is loaded."""
    with store().engine.connect() as connection:
        return views.lifecycles(connection)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def runs(window: views.Window) -> views.Runs:
    """What each training run cost and how it ended."""
    with store().engine.connect() as connection:
        return views.runs(connection, window)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def outcome_costs(window: views.Window, currency: str) -> views.OutcomeCosts:
    """What a counted outcome cost; what was billed in several currencies in this one."""
    with store().engine.connect() as connection:
        return views.outcome_costs(connection, window, home=currency)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def energy(basis: views.UnitBasis) -> views.EnergyUse:
    """Energy and carbon of the last thirty days."""
    with store().engine.connect() as connection:
        return views.energy(connection, basis=basis)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def recommendations(asked: views.AdviceFilter) -> views.Recommendations:
    """The recommendations asked for."""
    with store().engine.connect() as connection:
        return views.recommendations(connection, asked)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def advice_changes(since: date) -> views.AdviceChanges:
    """What changed about the advice since a day."""
    with store().engine.connect() as connection:
        return views.advice_changes(connection, since)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def savings() -> views.Savings:
    """What was promised and what the bill shows came of it."""
    with store().engine.connect() as connection:
        return views.savings(connection)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def calibration() -> views.Calibration:
    """How well promises were kept."""
    with store().engine.connect() as connection:
        return views.calibration(connection)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner="Reading …")
def why_not() -> tuple[views.WhyNot, ...]:
    """Resources without advice that cost at least what advice must save."""
    with store().engine.connect() as connection:
        return views.why_not(connection, load_settings().recommend.min_monthly_saving)


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def why_not_below() -> tuple[views.Below, ...]:
    """How many cost less than that, and how much together."""
    with store().engine.connect() as connection:
        return views.why_not_below(connection, load_settings().recommend.min_monthly_saving)


def expires_after_days() -> int:
    """How old what advice rests on may be."""
    return load_settings().recommend.expires_after_days


@st.cache_data(ttl=CACHE_SECONDS, show_spinner=False)
def currencies() -> tuple[str, ...]:
    """Currencies of the last thirteen months, the reporting currency first."""
    found = overview("effective_cost")
    codes = [total.currency for total in found.trend.totals] if found else []
    reporting = load_settings().reporting_currency
    return tuple(sorted(codes, key=currency_order(reporting)))


def sidebar() -> None:
    """The two choices every page shares: which currency and which cost."""
    with st.sidebar:
        codes = currencies()
        if len(codes) > 1:
            st.radio(
                "Currency",
                codes,
                key="currency",
                horizontal=True,
                help="Amounts in different currencies are never added unconverted.",
            )
        st.selectbox("Cost", list(COSTS), key="cost", help=COST_HELP)


def currency() -> str:
    """The chosen currency."""
    codes = currencies()
    chosen = st.session_state.get("currency")
    return chosen if chosen in codes else (codes[0] if codes else "USD")


def cost() -> views.CostColumn:
    """The chosen cost column."""
    return COSTS[st.session_state.get("cost", "Effective")]
