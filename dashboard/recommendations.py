"""Recommendations: what to do, the proof beside every number, and why some costly things have no advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import streamlit as st

from aispend import clock
from dashboard import advice_filters, data, evidence, layout
from dashboard.layout import Figure, Lines
from reports import advice_sheet
from reports.advice_words import (
    as_of_line,
    badges,
    lost_line,
    none_stands_line,
    not_counted_line,
    outdated_line,
    payback_line,
    unmeasured_line,
)
from reports.export import recommendations_csv
from reports.formats import UNKNOWN, change_name, kind_name, money, risk_name, saving_range
from reports.kinds import kind_title
from reports.views import (
    ENDED_STATES,
    PROMISING_STATES,
    STATES,
    AdviceFilter,
    Recommendation,
    Recommendations,
    Undecided,
    undecided,
    unmeasured,
)

_LIST_HEIGHT = 420
_ROWS_SEEN = 12
_NAME_LENGTH = 40
_WIDTHS = {"What": 213, "Name": 223}
"""Pixels: with them a screen of 1440 shows whole columns up to the confidence, none cut in its middle."""
_HINT = """<div class="aispend-hint">Choose a row to see its evidence below.
<span class="sideways">Move the list sideways to see all its columns.</span></div>"""


def page() -> None:
    """Lay out the recommendations page."""
    st.title("Recommendations")
    currency = data.currency()
    if not data.currencies() and not data.recommendations(AdviceFilter(states=STATES)).rows:
        layout.nothing_loaded()
        return
    asked = advice_filters.chosen(currency)
    found = data.recommendations(asked)
    rows = found.rows
    newest = max((row.updated_at for row in rows), default=None)
    told = (as_of_line(found), advice_filters.counts_of(rows)) if newest else ()
    fresh = "".join(f" · {text}" for text in told if text)
    st.caption(layout.markdown_safe(f"Per month of 730 hours, in {currency}{fresh}"))
    if outdated := outdated_line(found, clock.system_clock(), data.expires_after_days()):
        st.warning(layout.markdown_safe(outdated))
    if newest:
        _changed(newest.date() - timedelta(days=7), currency)
    if not rows:
        _none(asked, currency)
    else:
        _totals(found, currency)
        selected = _table(rows, currency)
        st.download_button(
            "Download CSV",
            recommendations_csv(rows),
            file_name="aispend-recommendations.csv",
            mime="text/csv",
            on_click="ignore",
            help="These rows, all digits, with their evidence; as aispend export recommendations writes them.",
        )
        evidence.panel(rows[selected])
    if lost := lost_line(data.recommendations(replace(asked, states=ENDED_STATES))):
        st.caption(layout.markdown_safe(lost))
    _without_advice(currency, expanded=not rows)


def _changed(since: date, currency: str) -> None:
    """What changed in the week before the newest run, in a line, and behind it each."""
    found = data.advice_changes(since)
    counts = found.counts(currency)
    if not counts:
        return
    told = ", ".join(
        f"{one.recommendations} {change_name(one.event)} ({money(one.monthly_saving_net)})" for one in counts
    )
    rows = [row for row in found.rows if row.currency == currency]
    heads = ("What", "Name", f"Saves a month, {currency}", "When", "Who", "Why")
    with st.expander(layout.markdown_safe(f"Since {since}, each alone and net a month: {told}")):
        layout.long_table(
            heads,
            [
                (
                    change_name(row.event),
                    Lines(
                        f"{kind_name(row.kind).capitalize()} {layout.called(row.name, row.resource_id, 24)}",
                        row.id,
                        row.resource_id,
                    ),
                    money(row.monthly_saving_net)
                    + (f" (was {money(row.saving_before)})" if row.event == "grew" else ""),
                    f"{row.at:%Y-%m-%d}",
                    row.who or UNKNOWN,
                    row.reason or "",
                )
                for row in rows
            ],
            right=heads[2:3],
        )


def _none(asked: AdviceFilter, currency: str) -> None:
    """Why the list is empty, and what would fill it."""
    if data.recommendations(AdviceFilter(states=STATES, currency=currency)).rows:
        ended = data.recommendations(AdviceFilter(states=ENDED_STATES, currency=currency))
        old = none_stands_line(ended) if set(asked.states) <= set(PROMISING_STATES) else None
        st.info("No recommendation fits these states and filters; choose others above." + (f" {old}." if old else ""))
        return
    st.info("No recommendations yet. Beside the bill they need what the accelerators were measured to do.")
    st.code("aispend import-metrics PATH…\naispend recommend", language=None)


def _totals(found: Recommendations, currency: str) -> None:
    """What counts three ways, what does not and why, and both by kind."""
    total = next((item for item in found.totals if item.currency == currency), None)
    if total is not None:
        note = f"a month, {total.recommendations} open or accepted"
        layout.figures(
            [
                Figure(
                    f"At list price, {currency}",
                    money(total.monthly_saving_list),
                    note,
                    "At public prices; overlaps are counted once.",
                ),
                Figure(
                    f"At your rates, {currency}",
                    money(total.monthly_saving_effective),
                    note,
                    "At the effective cost of what runs now: discounts, and commitments spread over their use.",
                ),
                Figure(
                    f"Net of commitments, {currency}",
                    money(total.monthly_saving_net),
                    note,
                    "What bills show once all of it is done, later stages of commitments included: hours a commitment "
                    "already covers save nothing today.",
                ),
            ],
        )
    missing = not_counted_line(found.not_counted(), currency)
    for line in (missing, payback_line(data.why_not(), currency)):
        if line:
            st.caption(layout.markdown_safe(line))
    kinds = found.by_kind()
    if len(kinds) > 1:
        with st.expander("By kind of advice"):
            counted, alone = f"Counted, {currency}", f"Each alone, {currency}"
            layout.table(
                ("Kind", counted, alone, "How many"),
                [
                    (
                        kind_title(one.kind),
                        money(one.counted_net),
                        money(one.monthly_saving_net),
                        f"{one.counted:,} of {one.recommendations:,} counted",
                    )
                    for one in kinds
                ],
                right=(counted, alone),
                total=(
                    ("Counted in all", money(total.monthly_saving_net), "", f"{total.recommendations:,}")
                    if total
                    else None
                ),
            )


def _table(rows: Sequence[Recommendation], currency: str) -> int:
    """The list; returns which row is chosen, the first one where none is."""
    counted, net, between = f"Counted, {currency}", f"Saves alone, {currency}", f"P10 to P90, {currency}"
    st.html(_HINT)
    event = st.dataframe(
        [
            {
                "What": kind_title(row.kind),
                "Name": layout.called(row.name, row.resource_id, _NAME_LENGTH),
                counted: "no" if row.uncounted else money(row.counted_net),
                net: money(row.monthly_saving_net),
                between: saving_range(row.saving_p10, row.saving_p90),
                advice_sheet.RISK: risk_name(row.risk),
                advice_sheet.CONFIDENCE: row.confidence,
                "To mind": "; ".join(badges(row)),
                "Team": row.team or "no team known",
                "State": row.state,
                "Model": layout.model(row.model),
                "Cloud": layout.provider(row.provider),
                "Id": layout.shortened(row.resource_id, 24),
            }
            for row in rows
        ],
        hide_index=True,
        width="stretch",
        height=38 + 35 * min(len(rows), _ROWS_SEEN),
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [0]}},
        column_config={
            **{name: st.column_config.TextColumn(width=width) for name, width in _WIDTHS.items()},
            **{name: st.column_config.TextColumn(alignment="right") for name in (counted, net, between)},
        },
        key="recommendations",
        alt="Recommendations; choose one to see its evidence",
    )
    selected = event.selection.rows
    return selected[0] if selected and selected[0] < len(rows) else 0


def _without_advice(currency: str, *, expanded: bool) -> None:
    resources = undecided(row for row in data.why_not() if row.currency == currency)
    if not resources:
        return
    title = f"Why not: {len(resources):,} costly resource{'' if len(resources) == 1 else 's'} without advice"
    with st.expander(title, expanded=expanded):
        for blind in unmeasured(resources):
            st.markdown(layout.markdown_safe(unmeasured_line(blind)))
        every = any(one.others for one in resources) and st.toggle("What every kind of advice says of each")
        cost = f"Costs a month, {currency}"
        with st.container(height=_LIST_HEIGHT if len(resources) > _ROWS_SEEN else "content", border=False):
            layout.table(
                ("Resource", "Advice", cost, "Why not"),
                [cells for one in resources for cells in _reasons(one, every=every)],
                right=(cost,),
            )
        for below in data.why_not_below():
            if below.currency == currency:
                st.caption(
                    f"{below.resources:,} more cost less than the least saving worth advice: "
                    f"{money(below.monthly_cost)} {currency} a month together."
                )


def _reasons(one: Undecided, *, every: bool) -> list[tuple[layout.Cell, ...]]:
    """The reason that decides, and below it the others where all are wanted."""
    first = one.decides
    name = first.name or ""
    shown = layout.resource(first.name, first.resource_id) if first.billed else Lines(name, "", first.resource_id)
    rows: list[tuple[layout.Cell, ...]] = [
        (
            shown,
            kind_title(first.kind),
            money(one.monthly_cost),
            first.explanation,
        )
    ]
    return rows + [("", kind_title(row.kind), "", row.explanation) for row in one.others if every]
