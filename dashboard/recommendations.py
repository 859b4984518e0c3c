"""Recommendations: what to do, the proof beside every number, and why some costly things have no advice."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import data, layout
from reports.export import recommendations_csv
from reports.formats import moment, money, percent
from reports.views import Recommendation, SavingsTotal

_STATES = ("open", "accepted", "snoozed", "dismissed", "done", "gone")
_KINDS = {"stop_idle": "Switch off", "rightsize": "Make smaller"}
_RISKS = ("none", "very low", "low", "medium", "high")


def page() -> None:
    """Lay out the recommendations page."""
    st.title("Recommendations")
    currency = data.currency()
    chosen = st.pills("State", _STATES, default=["open", "accepted"], selection_mode="multi") or list(_STATES)
    found = data.recommendations(tuple(chosen))
    rows = [row for row in found.rows if row.currency == currency]
    newest = max((row.updated_at for row in rows), default=None)
    st.caption(f"Monthly figures are per 730 hours, in {currency} · evidence as of {moment(newest)}")
    _totals(found.totals, currency)
    if not rows:
        st.info("No recommendations in this state. Compute them with: aispend recommend")
    else:
        selected = _table(rows, currency)
        st.download_button(
            "Download CSV",
            recommendations_csv(rows),
            file_name="aispend-recommendations.csv",
            mime="text/csv",
            help="All digits, with the evidence columns.",
        )
        _detail(rows[selected] if selected is not None else rows[0], currency)
    _without_advice(currency)


def _totals(totals: Sequence[SavingsTotal], currency: str) -> None:
    total = next((item for item in totals if item.currency == currency), None)
    at_list, effective, net = st.columns(3)
    at_list.metric(f"At list price, {currency} a month", money(total.monthly_saving_list if total else None))
    effective.metric(
        f"At your effective rate, {currency} a month", money(total.monthly_saving_effective if total else None)
    )
    net.metric(
        f"Net of your commitments, {currency} a month",
        money(total.monthly_saving_net if total else None),
        help="What the next bill shows: hours a commitment already covers save nothing today. Overlaps count once.",
    )


def _table(rows: list[Recommendation], currency: str) -> int | None:
    numbers = (f"Net saving, {currency}", f"P10–P90, {currency}")
    event = st.dataframe(
        [
            {
                "What": _KINDS.get(row.kind, row.kind),
                "Resource": row.resource_id.rsplit("/", 1)[-1],
                "Cloud": layout.name(row.provider),
                "Team": row.team or "unattributed",
                "Now": row.current,
                "Proposed": row.proposed,
                numbers[0]: money(row.monthly_saving_net),
                numbers[1]: f"{money(row.saving_p10)} – {money(row.saving_p90)}",
                "Risk": _RISKS[row.risk],
                "Confidence": row.confidence,
                "State": row.state,
            }
            for row in rows
        ],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        column_config={name: st.column_config.TextColumn(alignment="right") for name in numbers},
        key="recommendations",
    )
    selected = event.selection.rows
    return selected[0] if selected and selected[0] < len(rows) else None


def _detail(row: Recommendation, currency: str) -> None:
    st.subheader(f"{_KINDS.get(row.kind, row.kind)}: {row.resource_id}")
    st.markdown(row.reason.replace("$", "\\$"))
    facts, proof = st.columns(2, gap="large")
    with facts:
        layout.table(
            [
                {"What": "Account", "Value": row.account or "unknown"},
                {"What": "Region", "Value": row.region or "unknown"},
                {"What": "Model", "Value": row.model or "unattributed"},
                {"What": "Costs now a month", "Value": f"{money(row.monthly_cost)} {currency}"},
                {"What": "Saves at list price", "Value": f"{money(row.monthly_saving_list)} {currency}"},
                {"What": "Saves at your effective rate", "Value": f"{money(row.monthly_saving_effective)} {currency}"},
                {"What": "Saves net of commitments", "Value": f"{money(row.monthly_saving_net)} {currency}"},
                {"What": "One-off cost", "Value": f"{money(row.one_off_cost)} {currency}"},
                {"What": "Effort", "Value": row.effort.replace("_", " ")},
                {
                    "What": "Would have fallen short, at most",
                    "Value": f"{percent(row.violation_bound)} of hours (95 %)",
                },
                {"What": "Counted in the total", "Value": "yes" if row.counted else "no, it overlaps another"},
                {"What": "To undo", "Value": row.undo},
            ]
        )
    with proof:
        layout.table([{"Evidence": key.replace("_", " "), "Value": _shown(row.evidence[key])} for key in row.evidence])
    if row.command:
        st.markdown("The command, for a person to check and run:")
        st.code(row.command, language="bash")
    st.caption(f"Accept it: aispend recommendations accept {row.id}")


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)


def _without_advice(currency: str) -> None:
    rows = [row for row in data.why_not() if row.currency == currency]
    with st.expander(f"Why not: {len({row.resource_id for row in rows})} costly resources without advice"):
        layout.table(
            [
                {
                    "Resource": row.resource_id.rsplit("/", 1)[-1],
                    "Kind": _KINDS.get(row.kind, row.kind),
                    f"Costs a month, {currency}": money(row.monthly_cost),
                    "Why not": row.explanation,
                }
                for row in rows
            ],
            numbers=(f"Costs a month, {currency}",),
        )
