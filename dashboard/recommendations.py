"""Recommendations: what to do, the proof beside every number, and why some costly things have no advice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import streamlit as st

from dashboard import data, evidence, layout
from dashboard.layout import Figure, Lines
from reports.export import recommendations_csv
from reports.formats import UNKNOWN, change_name, kind_name, moment, money, percent, risk_name, saving_range
from reports.views import PROMISING_STATES, STATES, Recommendation, SavingsTotal

_LIST_HEIGHT = 420
_ROWS_SEEN = 12
_HINT = """<div class="aispend-hint">Choose a row to see its evidence below.
<span class="sideways">Move the list sideways to see all its columns.</span></div>"""
RISK = "Risk of acting"
CONFIDENCE = "Confidence in finding"


def page() -> None:
    """Lay out the recommendations page."""
    st.title("Recommendations")
    currency = data.currency()
    if not data.currencies() and not data.recommendations(STATES).rows:
        layout.nothing_loaded()
        return
    states = st.pills("State", STATES, default=["open", "accepted"], selection_mode="multi", format_func=str.capitalize)
    found = data.recommendations(tuple(states) or STATES)
    rows = [row for row in found.rows if row.currency == currency]
    newest = max((row.updated_at for row in rows), default=None)
    fresh = f" · evidence as of {moment(newest)}" if newest else ""
    st.caption(layout.markdown_safe(f"Per month of 730 hours, in {currency}{fresh}"))
    if newest:
        _changed(newest.date() - timedelta(days=7), currency)
    if not rows:
        _none(currency)
    else:
        _totals(found.totals, rows, currency)
        selected = _table(rows, currency)
        st.download_button(
            "Download CSV",
            recommendations_csv(rows),
            file_name="aispend-recommendations.csv",
            mime="text/csv",
            on_click="ignore",
            help="These rows, all digits, with their evidence; as aispend export recommendations writes them.",
        )
        _detail(rows[selected], currency)
    _without_advice(currency, expanded=not rows)


def _changed(since: date, currency: str) -> None:
    """What changed in the week before the newest evidence, in a line, and behind it each."""
    found = data.advice_changes(since)
    counts = found.counts(currency)
    if not counts:
        return
    told = ", ".join(
        f"{one.recommendations} {change_name(one.event)} ({money(one.monthly_saving_net)})" for one in counts
    )
    rows = [row for row in found.rows if row.currency == currency]
    heads = ("What", "Name", f"Saves a month, {currency}", "When", "Who", "Why")
    with st.expander(layout.markdown_safe(f"Since {since}: {told}")):
        layout.long_table(
            heads,
            [
                (
                    change_name(row.event),
                    Lines(f"{_kind(row.kind)} {layout.called(row.name, row.resource_id, 24)}", row.id, row.resource_id),
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


def _none(currency: str) -> None:
    """Why the list is empty, and what would fill it."""
    if any(row.currency == currency for row in data.recommendations(STATES).rows):
        st.info("No recommendations in these states; choose others above.")
        return
    st.info("No recommendations yet. Beside the bill they need what the accelerators were measured to do.")
    st.code("aispend import-metrics PATH…\naispend recommend", language=None)


def _totals(totals: Sequence[SavingsTotal], rows: Sequence[Recommendation], currency: str) -> None:
    total = next((item for item in totals if item.currency == currency), None)
    if total is None:
        return
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
                "What the next bill shows: hours a commitment already covers save nothing today.",
            ),
        ],
    )
    nothing = sum(
        not row.estimate_only and row.monthly_saving_net == 0 and row.state in PROMISING_STATES for row in rows
    )
    if nothing:
        st.caption(
            f"{nothing} of the list save{'s' if nothing == 1 else ''} nothing net of the commitments you own, "
            f"and {'is' if nothing == 1 else 'are'} not counted here."
        )


def _table(rows: Sequence[Recommendation], currency: str) -> int:
    """The list; returns which row is chosen, the first one where none is."""
    net, between = f"Net saving, {currency}", f"P10 to P90, {currency}"
    st.html(_HINT)
    event = st.dataframe(
        [
            {
                "What": _kind(row.kind),
                "Name": layout.called(row.name, row.resource_id, 24),
                net: money(row.monthly_saving_net),
                between: saving_range(row.saving_p10, row.saving_p90),
                RISK: risk_name(row.risk),
                CONFIDENCE: row.confidence,
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
        column_config={name: st.column_config.TextColumn(alignment="right") for name in (net, between)},
        key="recommendations",
        alt="Recommendations; choose one to see its evidence",
    )
    selected = event.selection.rows
    return selected[0] if selected and selected[0] < len(rows) else 0


def _kind(kind: str) -> str:
    return kind_name(kind).capitalize()


def _detail(row: Recommendation, currency: str) -> None:
    name = layout.called(row.name, row.resource_id)
    layout.heading(f"{_kind(row.kind)}: {name}", row.resource_id if name != row.resource_id else "")
    st.text(row.reason)
    facts, proof = st.columns(2, gap="large")
    with facts:
        layout.table(("What to do", ""), _facts(row, currency))
    with proof:
        layout.table(("Evidence", ""), list(evidence.in_words(row.evidence)))
    if row.command:
        st.markdown("**Command**, for a person to check and run:")
        st.code(row.command, language="bash", wrap_lines=True)
    st.markdown("**Decide**, with the reason if there is one:")
    st.code(
        f"aispend recommendations accept {row.id}\naispend recommendations dismiss {row.id} --reason TEXT",
        language=None,
        wrap_lines=True,
    )


def _facts(row: Recommendation, currency: str) -> list[tuple[str, str]]:
    between = saving_range(row.saving_p10, row.saving_p90)
    payback = f"{row.payback_months:,.1f} months" if row.payback_months is not None else UNKNOWN
    return [
        ("Now", row.current),
        ("Proposed", row.proposed),
        ("Costs now", f"{money(row.monthly_cost)} {currency} a month"),
        ("Saves at list price", f"{money(row.monthly_saving_list)} {currency} a month"),
        ("Saves at your rates", f"{money(row.monthly_saving_effective)} {currency} a month"),
        ("Saves net of commitments", f"{money(row.monthly_saving_net)} {currency} a month"),
        (
            "Likely between (P10, P90)",
            f"{between} {currency} a month" if between != UNKNOWN else f"{UNKNOWN} (no range is known)",
        ),
        ("One-off cost", f"{money(row.one_off_cost)} {currency}, paid back in {payback}")
        if row.one_off_cost
        else ("One-off cost", UNKNOWN if row.one_off_cost is None else "none"),
        (
            RISK,
            f"{risk_name(row.risk)}: falls short in at most {percent(row.violation_bound, 1)} of hours "
            "(95\u00a0%\u00a0sure)",
        ),
        (CONFIDENCE, row.confidence),
        ("Effort", layout.words(row.effort)),
        ("To undo", row.undo),
        ("Counted in the total", _counted(row)),
        ("Account, region", f"{row.account or 'unknown'}, {row.region or 'unknown'}"),
        ("Model, team", f"{layout.model(row.model)}, {row.team or 'no team known'}"),
    ]


def _counted(row: Recommendation) -> str:
    if row.estimate_only:
        return "no, it is an estimate"
    if row.monthly_saving_net == 0:
        return "no, it saves nothing net of your commitments"
    if row.counted:
        return "yes" if row.counted_net == row.monthly_saving_net else f"yes, with {money(row.counted_net)} of it"
    if row.gate is not None:
        return f"no, until shown: {row.gate}"
    return "no, it cannot be done beside what is counted"


def _without_advice(currency: str, *, expanded: bool) -> None:
    rows = [row for row in data.why_not() if row.currency == currency]
    resources = len({row.resource_id for row in rows})
    if not resources:
        return
    title = f"Why not: {resources} costly resource{'' if resources == 1 else 's'} without advice of a kind"
    with st.expander(title, expanded=expanded):
        cost = f"Costs a month, {currency}"
        with st.container(height=_LIST_HEIGHT if len(rows) > _ROWS_SEEN else "content", border=False):
            layout.table(
                ("Resource", "Advice", cost, "Why not"),
                [
                    (
                        layout.resource(row.name, row.resource_id),
                        _kind(row.kind),
                        money(row.monthly_cost),
                        row.explanation,
                    )
                    for row in rows
                ],
                right=(cost,),
            )
        for below in data.why_not_below():
            if below.currency == currency:
                st.caption(
                    f"{below.resources:,} more cost less than the least saving worth advice: "
                    f"{money(below.monthly_cost)} {currency} a month together."
                )
