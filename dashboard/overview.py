"""Overview: where the month stands, where it is heading, what changed, and who spent it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import streamlit as st

from dashboard import charts, data, layout
from reports import views
from reports.formats import change as relative_change
from reports.formats import money, month, percent
from reports.views import SpendQuery, Window


def page() -> None:
    """Lay out the overview."""
    st.title("AI spend")
    currency, cost = data.currency(), data.cost()
    found = data.overview(cost)
    if found is None:
        layout.nothing_loaded()
        return
    layout.basis_line(found.by_provider.basis, currency, f"{month(found.month)}, first {found.days_elapsed} days")
    figures = next((item for item in found.figures if item.currency == currency), None)
    if figures is None:
        st.info(f"No AI spend in {currency} this month.")
        return
    _figures(figures, currency, found)
    _trend(found, currency, cost)
    left, right = st.columns(2, gap="large")
    with left:
        _cut("By cloud", found.by_provider, currency, cost)
    with right:
        _cut("By model", found.by_model, currency, cost)
    _coverage(found, currency, cost)


def _figures(figures: views.MonthFigures, currency: str, found: views.Overview) -> None:
    so_far, forecast, change, saving = st.columns(4)
    so_far.metric(
        f"Month to date, {currency}",
        money(figures.month_to_date),
        help=f"{found.month} to {found.as_of}, tax and credits included.",
    )
    forecast.metric(
        f"Month end by run rate, {currency}",
        money(figures.forecast),
        help=(
            f"Month to date plus {found.days_in_month - found.days_elapsed} days at the mean of the last seven days "
            f"({money(figures.run_rate_per_day)} {currency} a day)."
        ),
    )
    change.metric(
        "Against the same days last month",
        relative_change(figures.change),
        help=f"The same days of the month before cost {money(figures.previous_same_days)} {currency}.",
    )
    total = next((item for item in data.recommendations(("open",)).totals if item.currency == currency), None)
    saving.metric(
        f"Open savings a month, {currency}",
        money(total.monthly_saving_net if total else None),
        help="Net of commitments you already own, overlaps counted once. See Recommendations.",
    )


def _trend(found: views.Overview, currency: str, cost: views.CostColumn) -> None:
    trend = found.trend.query.window
    by_cloud = data.spend(SpendQuery(by=("month", "provider"), window=trend, cost=cost, ai_only=True))
    st.subheader("Thirteen months", help="Each bar is a calendar month of charges; the last one is not over.")
    st.plotly_chart(charts.months(by_cloud, currency, found.month), config=charts.CONFIG, key="trend")


def _cut(title: str, spend: views.Spend, currency: str, cost: views.CostColumn) -> None:
    st.subheader(title)
    rows = [(layout.name(row.cut[0]), row.costs.of(cost)) for row in spend.rows if row.currency == currency]
    st.plotly_chart(charts.ranking(_top(rows), currency), config=charts.CONFIG, key=title)


def _top(rows: Iterable[tuple[str, Decimal | None]], limit: int = 9) -> list[tuple[str, Decimal | None]]:
    items = list(rows)
    rest = [amount for _, amount in items[limit:] if amount is not None]
    if len(items) <= limit + 1:
        return items
    return [*items[:limit], (f"{len(items) - limit} others", sum(rest, Decimal(0)))]


def _coverage(found: views.Overview, currency: str, cost: views.CostColumn) -> None:
    window = Window(found.month, found.by_provider.query.window.end) if found.by_provider.query.window else None
    reasons = data.spend(SpendQuery(by=("reason",), window=window, cost=cost, ai_only=True))
    st.subheader("How it is explained", help="Every share of every charge has a reason; together they are the bill.")
    layout.table(
        [
            {
                "Reason": layout.reason(row.cut[0]),
                f"Month to date, {currency}": money(row.costs.of(cost)),
                "Share": percent(layout.part(row.costs.of(cost), reasons, currency, cost)),
            }
            for row in reasons.rows
            if row.currency == currency
        ],
        numbers=(f"Month to date, {currency}", "Share"),
    )
