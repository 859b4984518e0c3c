"""Savings: what was promised, what the bill shows came of it, and how well promises were kept; misses are shown."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import charts, charts_savings, data, layout
from dashboard.layout import Cell, Figure, Lines, Mark
from reports.formats import UNKNOWN, kind_name, moment, money, month, outcome_name, percent
from reports.views import Calibration, SavedItem, SavedMonth, Savings

_TONES: dict[str | None, layout.Tone] = {
    "within": "good",
    "above": "good",
    "saved": "careful",
    "miss": "bad",
    None: "quiet",
}


def page() -> None:
    """Lay out the savings page."""
    st.title("Savings")
    currency = data.currency()
    found = data.savings()
    if not data.currencies() and not found.items:
        layout.nothing_loaded()
        return
    _basis(found, currency)
    items = [item for item in found.items if item.currency == currency]
    if not items:
        _none(found, currency)
        return
    months = [row for row in found.months if row.currency == currency]
    _figures(items, months, currency)
    if months:
        _chart(months, currency)
        _months(months, currency)
    else:
        st.info("No bill of the days since has been held against it yet: `aispend analyze` does, once one is loaded.")
    _items(items, currency)
    _calibration(data.calibration(), currency)


def _none(found: Savings, currency: str) -> None:
    """Why there is nothing, and what would fill it."""
    if found.items:
        st.info(f"Nothing in {layout.markdown_safe(currency)} has been accepted or done; choose another currency.")
        return
    st.info("Nothing has been accepted or done yet, so there is no saving to verify.")
    st.markdown("Choose from the recommendations, say what will be done, and when it was:")
    st.code(
        "aispend recommendations\naispend recommendations accept ID\naispend recommendations done ID --on DAY",
        language=None,
    )
    st.markdown("From the day after, the bill is held against what it cost before, with every analysis.")


def _basis(found: Savings, currency: str) -> None:
    written = f" · as of {moment(found.computed_at)}" if found.computed_at else ""
    st.caption(
        layout.markdown_safe(
            f"Effective cost in {currency}, against what it cost before · net of list prices, commitments and floors"
            f"{written}"
        )
    )


def _figures(items: Sequence[SavedItem], months: Sequence[SavedMonth], currency: str) -> None:
    verified = [item for item in items if item.outcome]
    misses = sum(item.outcome == "miss" for item in items)
    unknown = any(row.unknown for row in months)
    final = [row for row in months if row.is_final]
    layout.figures(
        [
            Figure(
                f"Realised in all, {currency}",
                money(months[-1].cumulative if months else None) + layout.star(unknown),
                f"{len(months)} month{'' if len(months) == 1 else 's'}, {len(final)} of them final",
                "What the bill shows was saved since each was done, misses included.",
            ),
            Figure(
                f"Promised for these days, {currency}",
                money(months[-1].promised_cumulative if months else None),
                f"{len(items)} accepted or done",
                "The net saving as it was promised when accepted, for the same days.",
            ),
            Figure(
                "Verified",
                f"{len(verified)}",
                f"{misses} missed" if misses else "none missed",
                "By the first whole month whose bills are final. Missed: below P10, without a range below half.",
            ),
        ]
    )
    if unknown:
        st.caption("* leaves out what is unknown; the table below says why.")


def _chart(months: Sequence[SavedMonth], currency: str) -> None:
    st.subheader(
        "Promised and realised",
        help="Bars are what the bill shows, paler where it is not final; the line is what was promised for these days.",
    )
    st.plotly_chart(
        charts_savings.promised_and_realised(months, currency),
        config=charts.CONFIG,
        key="promised",
        alt=f"Savings by month in {currency}: promised, and realised by the bill",
    )


def _months(months: Sequence[SavedMonth], currency: str) -> None:
    heads = ("Month", "Promised", "Would have cost", "Was paid", "List prices", "Commitments", "Floors", "Realised")
    layout.table(
        heads,
        [
            (
                Lines(month(row.month), _state(row)),
                money(row.predicted_net),
                money(row.counterfactual_cost),
                money(row.actual_cost),
                money(row.price_effect) + layout.star(row.price_unknown > 0),
                money(row.commitment_effect),
                money(row.floor_effect),
                money(row.realised) + layout.star(row.unknown > 0),
            )
            for row in months
        ],
        right=heads[1:],
    )
    says = f"{currency}. Realised is what it would have cost less what was paid, list prices, commitments and floors."
    if any(row.price_unknown for row in months):
        says += " * among list prices: of some, today's is not known, and a change of it is in what is realised."
    st.caption(layout.markdown_safe(says))


def _state(row: SavedMonth) -> str:
    unknown = f", {row.unknown} unknown" if row.unknown else ""
    return ("final" if row.is_final else "provisional") + unknown


def _items(items: Sequence[SavedItem], currency: str) -> None:
    st.subheader("What was done", help="Promised and realised are for the days since it was done that bills cover.")
    promised, realised = f"Promised, {currency}", f"Realised, {currency}"
    layout.long_table(
        ("What", "State", "Done", promised, realised, "To know"),
        [
            (
                Lines(
                    f"{kind_name(item.kind).capitalize()} {layout.called(item.name, item.resource_id, 24)}",
                    item.id[:8],
                    item.resource_id,
                ),
                _mark(item),
                UNKNOWN if item.done_on is None else str(item.done_on),
                money(item.predicted),
                money(item.realised) + layout.star(item.unknown_months > 0),
                item.remark or "",
            )
            for item in sorted(items, key=lambda item: (item.outcome != "miss", item.done_on is None))
        ],
        right=(promised, realised),
        whole=("Done",),
    )


def _mark(item: SavedItem) -> Cell:
    """What became of it; the verified month's amounts below."""
    if item.verified_month is None:
        return Mark(outcome_name(item), "careful" if item.restarted_on or item.still_paid else "quiet")
    low, high = item.verified_p10, item.verified_p90
    between = f" ({money(low)} – {money(high)} promised)" if low is not None and high is not None else ""
    below = f"{month(item.verified_month)}: {money(item.verified_realised)}{between}"
    return Mark(outcome_name(item), _TONES[item.outcome], below)


def _calibration(kept: Calibration, currency: str) -> None:
    st.subheader(
        "How well promises were kept", help="Of all that was verified, by its first whole final month, in any currency."
    )
    rows: list[tuple[str, str, str, str]] = [
        ("Realised within P10 to P90", percent(kept.within_range), f"{kept.promised} verified", "80 % or more"),
        ("Realised at or above P50", percent(kept.at_least_median), f"{kept.with_range} verified", "about 50 %"),
        (
            "Stops started again within a week, or never made",
            percent(kept.regret),
            f"{kept.stops} stops",
            "5 % or less",
        ),
        ("Taken back after being done", str(kept.rollbacks), "", ""),
        *(
            (f"{kind_name(one.kind).capitalize()}: realised of promised", percent(one.factor), f"{one.verified}", "")
            for one in kept.factors
            if one.currency == currency
        ),
    ]
    layout.table(("Promises kept", "Share", "Of", "Goal"), rows, right=("Share",))
    if kept.promised > kept.with_range:
        st.caption(
            f"{kept.promised - kept.with_range} of them had no range, as every week before cost the same: as promised "
            "is within 10 % of the net saving, a miss is below half of it."
        )
