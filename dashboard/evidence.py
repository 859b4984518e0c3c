"""One recommendation in full: what to do, what it saves, its proof, what to mind, how to do it and to undo it."""

from __future__ import annotations

import streamlit as st

from dashboard import layout
from dashboard.layout import Cell, Lines
from reports.advice_words import badges, not_counted
from reports.evidence import measured, replay_sentence
from reports.formats import UNKNOWN, change_name, moment, money, percent, risk_name, saving_range
from reports.kinds import kind_title
from reports.views import Recommendation

RISK = "Risk of acting"
CONFIDENCE = "Confidence in finding"
_NAMED = 6
_NAME_LENGTH = 60


def panel(row: Recommendation, currency: str) -> None:
    """Lay it out."""
    name = layout.called(row.name, row.resource_id, _NAME_LENGTH)
    layout.heading(f"{kind_title(row.kind)}: {name}", row.resource_id if name != row.resource_id else "")
    marks(row)
    st.text(row.reason)
    facts, proof = st.columns(2, gap="large")
    with facts:
        layout.table(("What to do", ""), [*_savings(row, currency), *_facts(row, currency)])
    with proof:
        layout.table(("Evidence", ""), _proof(row))
    if row.command:
        st.markdown("**Command**, for a person to check and run:")
        st.code(row.command, language="bash", wrap_lines=True)
    if terraform := row.evidence.get("terraform"):
        st.markdown("**Terraform**, what to set:")
        st.code(str(terraform), language="hcl", wrap_lines=True)
    st.markdown("**Decide**, with the reason if there is one:")
    st.code(_decisions(row), language=None, wrap_lines=True)


def marks(row: Recommendation) -> None:
    """What to mind before acting, as badges."""
    found = badges(row)
    if not found:
        return
    with st.container(horizontal=True, gap="small"):
        for text in found:
            st.badge(layout.markdown_safe(text[0].upper() + text[1:]), color="orange", icon=":material/warning:")


def _savings(row: Recommendation, currency: str) -> list[tuple[str, str]]:
    between = saving_range(row.saving_p10, row.saving_p90)
    missing = not_counted(row)
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
        (
            "Counted in the total",
            f"no, {missing}" if missing else f"{money(row.counted_net)} {currency} a month",
        ),
    ]


def _facts(row: Recommendation, currency: str) -> list[tuple[str, Cell]]:
    payback = f"{row.payback_months:,.1f} months" if row.payback_months is not None else UNKNOWN
    bound = row.violation_bound
    short = f": falls short in at most {percent(bound, 1)} of hours (95\u00a0%\u00a0sure)" if bound is not None else ""
    facts: list[tuple[str, Cell]] = [
        ("One-off cost", f"{money(row.one_off_cost)} {currency}, paid back in {payback}")
        if row.one_off_cost
        else ("One-off cost", UNKNOWN if row.one_off_cost is None else "none"),
        (RISK, f"{risk_name(row.risk)}{short}"),
        (CONFIDENCE, row.confidence),
        ("Effort", layout.words(row.effort)),
        ("To undo", row.undo),
        ("Account, region", f"{row.account or 'unknown'}, {row.region or 'unknown'}"),
        ("Model, team", f"{layout.model(row.model)}, {row.team or 'no team known'}"),
    ]
    if len(row.acts_on) > 1:
        facts.append(("Acts on", _acted_on(row)))
    if row.decision is not None and row.decided_at is not None:
        why = f": {row.decision_reason}" if row.decision_reason else ""
        who = f" by {row.decided_by}" if row.decided_by else ""
        facts.append(("Decided", f"{change_name(row.decision)}{who}, {moment(row.decided_at)}{why}"))
    return facts


def _acted_on(row: Recommendation) -> Lines:
    names = sorted(row.acts_on)
    shown = ", ".join(layout.shortened(name, 24) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Lines(f"{len(names)} resources: {shown}{more}", "", "\n".join(names))


def _proof(row: Recommendation) -> list[tuple[str, str]]:
    found = list(measured(row.evidence))
    replayed = replay_sentence(row.evidence, row.violation_bound)
    if replayed is not None:
        found.insert(0, ("Replay on history", replayed))
    if row.evidence_until is not None:
        found.append(("Measured until", moment(row.evidence_until)))
    return found


def _decisions(row: Recommendation) -> str:
    shown = [f"aispend recommendations accept {row.id}", f"aispend recommendations dismiss {row.id} --reason TEXT"]
    if row.gate is not None and row.evaluation is None:
        shown.append(f"aispend recommendations evaluated {row.id} --passed --reason TEXT")
    return "\n".join(shown)
