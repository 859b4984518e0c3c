"""Changes: why cost differs from the period before, in effects that add up to the difference."""

from __future__ import annotations

import streamlit as st

from dashboard import charts, data, layout
from dashboard.layout import Lines
from reports import views
from reports.change_words import behind, effect_words, headline, leading_effects, no_demand, signed, told
from reports.formats import money, period
from reports.views import Change, Changes, Window

_CUTS = {
    "Model": "model",
    "Team": "team",
    "Service": "service",
    "Region": "region",
    "Stage": "stage",
    "Cloud": "provider",
}
_THIS_MONTH, _LAST_MONTH = "Newest month", "Month before it"
_AT_FIRST = 12


def page() -> None:
    """Lay out the changes page."""
    st.title("Changes")
    currency = data.currency()
    newest = data.newest_periods()
    if newest is None:
        layout.nothing_loaded()
        return
    left, right = st.columns(2)
    with left:
        which = st.segmented_control("Period", [_THIS_MONTH, _LAST_MONTH], default=_THIS_MONTH) or _THIS_MONTH
    with right:
        cut = st.segmented_control("By", list(_CUTS), default="Model") or "Model"
    before, after = newest if which == _THIS_MONTH else views.same_days_before(_month_of(newest[0]))
    found = data.changes(before, after, _CUTS[cut])
    days = f"charge day {period(after)} against {period(before)}"
    st.caption(layout.markdown_safe(f"AI spend by effective cost in {currency}, {data.before_tax()} · {days}"))
    total = next((total for total in found.totals if total.currency == currency), None)
    if total is None:
        st.info(f"No AI spend in {layout.markdown_safe(currency)} in either period.")
        return
    _why(found, total)
    _rows(found, total, cut)


def _month_of(window: Window) -> Window:
    """The whole month a window begins."""
    return views.whole_month(window.first)


def _why(found: Changes, total: Change) -> None:
    drivers = told(found.drivers[total.currency])
    layout.heading(headline(total, drivers))
    st.plotly_chart(
        charts.waterfall(
            (_start(found.before), total.before),
            [(effect_words(one.effect, one.amount), one.amount) for one in drivers],
            (_start(found.after), total.after),
            total.currency,
        ),
        config=charts.CONFIG,
        key="waterfall",
        alt=headline(total, drivers),
    )
    heads = ("Effect", total.currency, "Mostly")
    layout.table(
        heads,
        [(effect_words(one.effect, one.amount), signed(one.amount), behind(one)) for one in drivers],
        right=heads[1:2],
        total=("In all", signed(total.change), ""),
    )
    if not found.demand_known[total.currency]:
        words = no_demand(total)
        st.caption(f"{words[0].upper()}{words[1:]}.")


def _rows(found: Changes, total: Change, cut: str) -> None:
    currency = total.currency
    st.subheader(f"By {cut.lower()}", help="The largest changes first, each with the two effects that made most of it.")
    heads = (cut, f"Before, {currency}", f"After, {currency}", "Change", "Because of")
    rows = [_row(row, found.by[0]) for row in found.rows if row.currency == currency]
    shown = _AT_FIRST if len(rows) > _AT_FIRST + 1 else len(rows)
    layout.table(
        heads,
        rows[:shown],
        right=heads[1:4],
        total=("In all", money(total.before), money(total.after), signed(total.change), ""),
    )
    if rows[shown:]:
        with st.expander(f"{len(rows) - shown} more"):
            layout.table(heads, rows[shown:], right=heads[1:4])
    if not found.demand_by_cut[currency]:
        st.caption(
            f"Whose the requests or tokens were is not known of every {cut.lower()}: what each took is then in use."
        )
    if any(row.partly_unknown for row in found.rows if row.currency == currency):
        st.caption("* leaves out charges that have no effective cost in their bill: unknown, not zero.")


def _row(row: Change, cut: str) -> tuple[str | Lines, ...]:
    return (
        _label(cut, row.cut[0]),
        money(row.before),
        money(row.after) + layout.star(row.partly_unknown),
        signed(row.change),
        leading_effects(row),
    )


def _label(cut: str, value: str | None) -> str:
    if cut == "model":
        return layout.model(value)
    if cut == "provider":
        return layout.provider(value)
    if cut == "stage" and value is not None:
        return layout.stage(value)
    return value or f"no {cut} known"


def _start(window: Window) -> str:
    return f"{window.first:%-d %b} – {window.last:%-d %b}"
