"""What pages share: the line that says what a number is, tables, names, and what to do when there is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import streamlit as st

from aispend.money import rate
from reports.formats import cost_name, moment, pending, percent
from reports.views import Basis, CostColumn, Spend

_REASONS = {
    "direct": "Used directly",
    "used": "Used, by measured share",
    "idle": "Paid for and idle",
    "shared": "Shared cost",
    "commitment_unused": "Unused commitment",
    "credit": "Credits and refunds",
    "tax": "Tax",
    "support": "Support",
    "unattributed": "Unattributed",
    "not_ai": "Not AI",
}


def basis_line(basis: Basis, currency: str, period_text: str) -> None:
    """One quiet line: period, cost, currency, tax, freshness, finality; and a warning for unknown costs."""
    final = basis.final_share.get(currency)
    parts = [
        period_text,
        f"{cost_name(basis.cost)} in {currency}",
        f"tax {basis.tax}",
        f"data as of {basis.newest_day}" if basis.newest_day else "",
        f"loaded {moment(basis.data_as_of)}",
        f"{percent(final)} final, the rest provisional" if final is not None else "",
    ]
    st.caption(" · ".join(part for part in parts if part))
    unknown = [gap for gap in basis.gaps if basis.cost in gap.unknown]
    if unknown:
        bills = sorted({f"{gap.provider} {gap.scope}" for gap in unknown})
        st.warning(f"These bills give no {cost_name(basis.cost)}; it is unknown there, not zero: {', '.join(bills)}.")
    if basis.pending:
        st.warning(pending(basis.pending))


def nothing_loaded() -> None:
    """The empty state."""
    st.info("Nothing is loaded and analyzed yet.")
    st.markdown("Load a bill, then analyze it:")
    st.code("aispend import PATH…\naispend analyze\naispend recommend", language="bash")


def table(rows: Sequence[Mapping[str, object]], numbers: Sequence[str] = ()) -> None:
    """A table of texts that are already formatted; number columns are set right."""
    config = {name: st.column_config.TextColumn(alignment="right") for name in numbers}
    st.dataframe(list(rows), hide_index=True, column_config=config, width="stretch")


def name(value: object) -> str:
    """A cut's value as text; what nothing is known of is unattributed."""
    return "unattributed" if value is None else _PROVIDERS.get(str(value), str(value))


def reason(value: object) -> str:
    """A share's reason in words."""
    return _REASONS.get(str(value), str(value))


def part(amount: Decimal | None, spend: Spend, currency: str, cost: CostColumn) -> Decimal | None:
    """Share of a row in its currency's total."""
    total = next((item.costs.of(cost) for item in spend.totals if item.currency == currency), None)
    return None if amount is None or not total else rate(amount, total)


_PROVIDERS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "oci": "Oracle Cloud"}
