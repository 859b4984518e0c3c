"""Energy and carbon as shown on Economics: ranges, with boundary, factors and sources."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from analyzer.energy import Range
from dashboard import data, layout
from dashboard.layout import Cell, Lines
from reports.energy_words import not_per_request_line
from reports.formats import UNKNOWN, carbon_free_line, count, figure, percent, period
from reports.views import Energy, EnergyUse, UnitBasis

_BASES: dict[str, UnitBasis] = {"With idle hours": "allocation", "Without": "usage"}
_BOUNDARY = """
- **In it:** accelerators, the machines they are in, and the data centre around them. Power that was measured is taken
  as measured; else it is a range, from the power limit and the activity known.
- **Carbon** is of operation, by the grid the region draws from (location-based): certificates and contracts do not
  lower it. What was carbon-free by the provider's word stands below the table, where it says so by region. The making
  of the servers stands apart.
- **Priced per token:** output tokens alone, estimated by the model's published size (EcoLogits); without carbon, for
  nobody says where an API runs, and unknown where no size is published.
- **Not in it:** networks, storage, and people's screens.
- The middle is the best guess, low and high are what the factors allow. Nothing here is a measurement of a meter.
"""


def energy() -> None:
    """Energy and carbon by model, the most energy first."""
    left, right = st.columns(2)
    with left:
        st.subheader("Energy and carbon", help="An estimate in ranges; what it covers and its factors stand below.")
    with right:
        chosen = st.segmented_control("Hours", list(_BASES), default=next(iter(_BASES))) or next(iter(_BASES))
    found = data.energy(_BASES[chosen])
    if not found.rows or found.window is None:
        st.info("No accelerator hours are billed and no usage counted on these days: there is no energy to work out.")
        return
    st.caption(layout.markdown_safe(f"Whatever the currency · charge day {period(found.window)}"))
    heads = ("Model", "Accelerator hours", "kWh", "kg CO₂e", "Wh per 1k requests", "g CO₂e per 1k requests")
    layout.long_table(heads, [_energy(row) for row in found.rows], right=heads[1:])
    _left_out(found)
    with st.expander("What is in it, and where the factors come from"):
        st.markdown(_BOUNDARY)
        made = [row.embodied_kg for row in found.rows if row.embodied_kg is not None]
        if made:
            st.markdown(f"Making the servers, by the hours used: {figure(sum(made, Decimal(0)))} kg CO₂e.")
        layout.table(("Factors by place",), [(source,) for source in found.sources])


def _energy(row: Energy) -> tuple[Cell, ...]:
    return (
        Lines(layout.model(row.model), f"{layout.provider(row.provider)}, {layout.stage(row.stage)}"),
        "per token"
        if row.accelerator_hours is None
        else Lines(count(row.accelerator_hours), f"{percent(row.measured_share)} measured"),
        _spread(row.kwh, "*" if row.hours_without_power else ""),
        _spread(row.carbon_kg, "†" if row.hours_without_grid else ""),
        UNKNOWN if row.wh_per_1k_requests is None else figure(row.wh_per_1k_requests),
        UNKNOWN if row.g_per_1k_requests is None else figure(row.g_per_1k_requests),
    )


def _spread(amounts: Range | None, sign: str) -> Cell:
    if amounts is None:
        return UNKNOWN
    return Lines(figure(amounts.mid) + sign, f"{figure(amounts.low)} – {figure(amounts.high)}")


def _left_out(found: EnergyUse) -> None:
    if any(row.hours_without_power for row in found.rows):
        st.caption(r"\* leaves out hours of accelerators whose power limit is not known: unknown, not zero.")
    if left_out := not_per_request_line(found):
        st.caption(layout.markdown_safe(left_out))
    if free := carbon_free_line(found):
        st.caption(layout.markdown_safe(free))
    if any(row.hours_without_grid for row in found.rows):
        st.caption("† leaves out hours in regions without a known grid factor.")
