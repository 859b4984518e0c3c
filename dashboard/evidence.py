"""One recommendation in full: what to do, what it saves, its proof, what to mind, how to do it and to undo it."""

from __future__ import annotations

import streamlit as st

from dashboard import layout
from dashboard.layout import Cell, Lines
from reports import advice_sheet
from reports.advice_words import badges
from reports.kinds import kind_title
from reports.views import Recommendation

_NAMED = 6
_NAME_LENGTH = 60


def panel(row: Recommendation) -> None:
    """Lay it out."""
    name = layout.called(row.name, row.resource_id, _NAME_LENGTH)
    layout.heading(f"{kind_title(row.kind)}: {name}", row.resource_id if name != row.resource_id else "")
    marks(row)
    st.text(row.reason)
    facts, proof = st.columns(2, gap="large")
    with facts:
        layout.table(("What to do", ""), _facts(row))
    with proof:
        layout.table(("Evidence", ""), advice_sheet.proof(row))
    if row.command:
        st.markdown("**Command**, for a person to check and run:")
        st.code(row.command, language="bash", wrap_lines=True)
    if terraform := row.evidence.get("terraform"):
        st.markdown("**Terraform**, what to set:")
        st.code(str(terraform), language="hcl", wrap_lines=True)
    st.markdown("**Decide**, with the reason if there is one:")
    st.code("\n".join(advice_sheet.decisions(row)), language=None, wrap_lines=True)


def marks(row: Recommendation) -> None:
    """What to mind before acting, as badges."""
    found = badges(row)
    if not found:
        return
    with st.container(horizontal=True, gap="small"):
        for text in found:
            st.badge(layout.markdown_safe(text[0].upper() + text[1:]), color="orange", icon=":material/warning:")


def _facts(row: Recommendation) -> list[tuple[str, Cell]]:
    found: list[tuple[str, Cell]] = [*advice_sheet.savings(row), *advice_sheet.facts(row)]
    if len(row.acts_on) > 1:
        found.append(("Acts on", _acted_on(row)))
    return found


def _acted_on(row: Recommendation) -> Lines:
    names = sorted(row.acts_on)
    shown = ", ".join(layout.shortened(name, 24) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Lines(f"{len(names)} resources: {shown}{more}", "", "\n".join(names))
