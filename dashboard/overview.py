"""Overview: where the month stands, where it is heading, what changed, and who spent it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import streamlit as st

from aispend.clock import month_of
from aispend.money import exact_sum
from dashboard import charts, data, layout
from dashboard.layout import Figure
from reports import views
from reports.formats import change as relative_change
from reports.formats import cost_name, money, month
from reports.views import AdviceFilter, SpendQuery

_BARS = 9


def page() -> None:
    """Lay out the overview."""
    st.title("AI spend")
    currency, cost = data.currency(), data.cost()
    found = data.overview(cost)
    if found is None:
        layout.nothing_loaded()
        return
    days = f"first {found.days_elapsed} of {found.days_in_month}" if _not_over(found) else f"all {found.days_in_month}"
    first_days = f"{month(found.month)}, {days} days"
    layout.basis_line(found.by_provider.basis, currency, first_days)
    if not found.trend.totals:
        st.info(layout.NO_AI)
        return
    figures = next((item for item in found.figures if item.currency == currency), None)
    if figures is None:
        st.info(f"No AI spend in {layout.markdown_safe(currency)} this month.")
    else:
        _figures(figures, found)
    _others(found, currency)
    _trend(found, figures, currency, cost)
    if figures is not None:
        left, right = st.columns(2, gap="large")
        with left:
            _by_cloud(found.by_provider, currency, cost)
            _explained(found, currency, cost)
        with right:
            _by_model(found.by_model, currency, cost)


def _figures(figures: views.MonthFigures, found: views.Overview) -> None:
    currency = figures.currency
    previous = month(month_of(found.month - timedelta(days=1)))
    saving = next(
        (item for item in data.recommendations(AdviceFilter(states=("open",))).totals if item.currency == currency),
        None,
    )
    count = saving.recommendations if saving else 0
    layout.figures(
        [
            Figure(
                f"Month to date, {currency}",
                money(figures.month_to_date) + layout.star(figures.partly_unknown),
                f"{found.month} to {found.as_of}",
                "Before tax, which is billed on everything together; credits on AI services are included.",
            ),
            _month_end(figures, found),
            Figure(
                "Against the same days before",
                relative_change(figures.change),
                f"{previous.split()[0]}: "
                + ("nothing known" if figures.previous_same_days is None else money(figures.previous_same_days)),
                f"Beside the first {found.days_elapsed} days of {previous}.",
            ),
            Figure(
                f"Open savings a month, {currency}",
                money(saving.monthly_saving_net if saving else None),
                f"{count or 'no'} recommendation{'' if count == 1 else 's'}",
                "Net of commitments you already own, overlaps counted once. See Recommendations.",
            ),
        ]
    )


def _month_end(figures: views.MonthFigures, found: views.Overview) -> Figure:
    expected = money(figures.forecast) + layout.star(figures.partly_unknown)
    if figures.by_run_rate:
        return Figure(
            f"Month end by run rate, {figures.currency}",
            expected,
            f"{money(figures.run_rate_per_day)} a day lately",
            f"Month to date plus {found.days_in_month - found.days_elapsed} days at the mean of the last seven.",
        )
    return Figure(
        f"Month end expected, {figures.currency}",
        expected,
        layout.band(figures.forecast_p10, figures.forecast_p90, figures.forecast_level),
        "The forecast of the analysis, and the band that holds as often as it says. See Outlook.",
    )


def _others(found: views.Overview, currency: str) -> None:
    others = [
        f"{money(item.month_to_date)}{layout.star(item.partly_unknown)} {item.currency}"
        for item in found.figures
        if item.currency != currency
    ]
    if others:
        st.caption(
            layout.markdown_safe(
                f"Besides this, month to date: {', '.join(others)}. Currencies are never added; choose one at the left."
            )
        )


def _trend(found: views.Overview, figures: views.MonthFigures | None, currency: str, cost: views.CostColumn) -> None:
    by_cloud = data.spend(
        SpendQuery(by=("month", "provider"), window=found.trend.query.window, cost=cost, ai_only=True)
    )
    st.subheader(
        "Thirteen months",
        help="Each bar is a calendar month of charges. A pale one is not over; its outline is what is still expected.",
    )
    if not any(row.costs.of(cost) is not None for row in _in(by_cloud, currency)):
        st.caption(layout.markdown_safe(f"No {cost_name(cost)} is known in {currency}; another is at the left."))
        return
    st.plotly_chart(
        charts.months(by_cloud, currency, figures, found.month if _not_over(found) else None),
        config=charts.CONFIG,
        key="trend",
        alt=f"AI spend in {currency} by month and cloud, thirteen months to {month(found.month)}",
    )


def _by_cloud(spend: views.Spend, currency: str, cost: views.CostColumn) -> None:
    st.subheader("By cloud")
    rows = [(layout.provider(_text(row.cut[0])), row.costs.of(cost)) for row in _in(spend, currency)]
    alt = f"Month to date by cloud in {currency}: {_read_aloud(rows)}"
    st.plotly_chart(charts.ranking(rows, currency), config=charts.CONFIG, key="by-cloud", alt=alt)


def _by_model(spend: views.Spend, currency: str, cost: views.CostColumn) -> None:
    st.subheader("By model")
    every = [(layout.model(row.cut[0]), row.costs.of(cost)) for row in _in(spend, currency)]
    rows = every
    if len(every) > _BARS + 1:
        rest = exact_sum(amount for _, amount in every[_BARS:] if amount is not None)
        rows = [*every[:_BARS], (f"{len(every) - _BARS} others", rest)]
    quiet = [label for label, _ in rows[_BARS:]] + [layout.NO_MODEL]
    alt = f"Month to date by model in {currency}: {_read_aloud(rows)}"
    st.plotly_chart(charts.ranking(rows, currency, quiet), config=charts.CONFIG, key="by-model", alt=alt)


def _explained(found: views.Overview, currency: str, cost: views.CostColumn) -> None:
    reasons = data.spend(SpendQuery(by=("reason",), window=found.by_provider.query.window, cost=cost, ai_only=True))
    st.subheader(
        "How it is explained", help="Every part of every AI charge has one reason; together they are the AI spend."
    )
    everything = layout.whole(reasons, currency).of(cost)
    heads = ("Reason", currency, "Share")
    layout.table(
        heads,
        [
            (layout.reason(row.cut[0]), layout.amount(row, cost), layout.part(row.costs.of(cost), everything))
            for row in _in(reasons, currency)
            if row.costs.of(cost) != 0
        ],
        right=heads[1:],
        total=("In all", layout.total(reasons, currency, cost), layout.part(everything, everything)),
    )


def _not_over(found: views.Overview) -> bool:
    return found.days_elapsed < found.days_in_month


def _in(spend: views.Spend, currency: str) -> Iterable[views.SpendRow]:
    return (row for row in spend.rows if row.currency == currency)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _read_aloud(rows: Iterable[tuple[str, Decimal | None]]) -> str:
    return ", ".join(f"{label} {money(amount)}" for label, amount in rows)
