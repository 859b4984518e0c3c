"""The filter controls of the recommendations page: the same filter as the command line's and the files'."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

import streamlit as st

from dashboard import data, layout
from reports.formats import risk_name
from reports.kinds import kind_order, kind_title
from reports.views import PROMISING_STATES, STATES, AdviceFilter, Recommendation

_ANY_RISK = 4
Value = TypeVar("Value", str, str | None)


def chosen(currency: str) -> AdviceFilter:
    """What the controls ask for, in ``currency``; what there is to choose from is what these states have."""
    picked = st.pills(
        "State", STATES, default=list(PROMISING_STATES), selection_mode="multi", format_func=str.capitalize
    )
    states = tuple(picked) or STATES
    rows = data.recommendations(AdviceFilter(states=states, currency=currency)).rows
    with st.expander("Filter by kind, cloud, account, team, model, saving or risk", key="advice_filters"):
        first, second, third = st.columns(3, gap="medium")
        with first:
            kinds = _several("Kind", (row.kind for row in rows), kind_title, kind_order)
            providers = _several("Cloud", (row.provider for row in rows), layout.provider)
            accounts = _several("Account", (row.account for row in rows), _or("no account known"))
        with second:
            teams = _several("Team", (row.team for row in rows), _or("no team known"))
            models = _several("Model", (row.model for row in rows), layout.model)
        with third:
            least = st.number_input(
                f"Saves at least, {currency} a month",
                min_value=0,
                value=0,
                step=100,
                help="Net of commitments, each alone. At 0 those stay whose saving is nothing or not known.",
            )
            risk = st.select_slider(
                "Risk of acting, at most", options=range(_ANY_RISK + 1), value=_ANY_RISK, format_func=risk_name
            )
            counted = st.toggle("Only what counts in the total")
    return AdviceFilter(
        states=states,
        kinds=kinds,
        providers=providers,
        accounts=accounts,
        teams=teams,
        models=models,
        currency=currency,
        min_saving=Decimal(least) if least else None,
        max_risk=None if risk == _ANY_RISK else int(risk),
        counted_only=counted,
    )


def counts_of(rows: Iterable[Recommendation]) -> str:
    """How many, and of how many kinds."""
    listed = list(rows)
    kinds = len({row.kind for row in listed})
    return f"{len(listed):,} recommendation{'' if len(listed) == 1 else 's'} of {kinds} kind{'' if kinds == 1 else 's'}"


def _several(
    title: str, there: Iterable[Value], words: Callable[[Value], str], order: Callable[[Value], int] = lambda _: 0
) -> tuple[Value, ...]:
    """Any of what there is, in its order and then by name; none chosen asks for nothing."""
    options = sorted(set(there), key=lambda value: (order(value), value is None, str(value)))
    return tuple(st.multiselect(title, options, format_func=words, placeholder="Any"))


def _or(nothing: str) -> Callable[[str | None], str]:
    return lambda value: nothing if value is None else value
