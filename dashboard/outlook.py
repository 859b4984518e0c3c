"""Outlook: what month and quarter will come to, how budgets stand, and what is out of the ordinary."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import streamlit as st

from aispend.money import in_words
from dashboard import charts, charts_outlook, data, layout, watch
from dashboard.layout import Cell, Figure, Short
from reports.formats import UNKNOWN, moment, money, month, percent
from reports.views import ForecastCut, ForecastRow, Forecasts, SpendQuery, Window

_CUTS: dict[str, ForecastCut] = {
    "Model": "model",
    "Team": "team",
    "Cloud": "provider",
    "Account": "account",
    "Service": "service",
    "Region": "region",
}
_DAYS_BEFORE = 56


def page() -> None:
    """Lay out the outlook."""
    st.title("Outlook")
    currency = data.currency()
    newest = data.newest_window()
    if newest is None:
        layout.nothing_loaded()
        return
    found = data.forecasts("model")
    ai = {row.period: row for row in found.rows if (row.cut, row.currency) == ("ai", currency)}
    _basis(ai.get("month"), currency)
    if ai:
        _figures(ai, found, currency)
        _chart(ai["month"], currency)
        _table(currency)
    elif not found.rows:
        st.info("No forecast yet: it takes a whole day of usage, and is made with every analysis: `aispend analyze`")
    else:
        st.info(f"No AI spend in {layout.markdown_safe(currency)} to forecast.")
    _theirs(found)
    watch.budgets(newest)
    watch.anomalies(newest, currency)


def _basis(row: ForecastRow | None, currency: str) -> None:
    parts = [f"AI spend by effective cost in {currency}, {data.before_tax()}"]
    if row is not None and row.known_to is not None:
        parts += [f"bills known to {_day_before(row.known_to)}", f"made {moment(row.made_at)}"]
    st.caption(layout.markdown_safe(" · ".join(parts)))


def _figures(ai: dict[str, ForecastRow], found: Forecasts, currency: str) -> None:
    everything = next(
        (row for row in found.rows if (row.cut, row.period, row.currency) == ("all", "month", currency)), None
    )
    now = ai["month"]
    rows = [
        (f"{month(now.period_start)}, {currency}", now, "What the whole month will cost."),
        (f"{_short_quarter(ai['quarter'])}, {currency}", ai["quarter"], "What the whole quarter will cost.")
        if "quarter" in ai
        else None,
        (f"All spend, {month(now.period_start)}", everything, "Everything in the bills of the month, AI or not.")
        if everything
        else None,
    ]
    known = "nothing known yet" if now.known_to is None else f"to {_day_before(now.known_to)}"
    so_far = money(now.actual) + layout.star(now.partly_unknown)
    layout.figures(
        [
            Figure(
                f"{month(now.period_start).split()[0]} so far, {currency}", so_far, known, "Whole days of the bills."
            ),
            *(
                Figure(
                    title,
                    money(row.p50) + layout.star(row.partly_unknown),
                    layout.band(row.p10, row.p90, row.level),
                    f"{explained} The band holds in {percent(row.level)} of such cases, as past ones did.",
                )
                for title, row, explained in filter(None, rows)
            ),
        ]
    )
    for row in ai.values():
        if row.reason:
            st.caption(layout.markdown_safe(f"{_period(row)}: {row.reason}."))
    if any(row.partly_unknown for row in ai.values()):
        st.caption("* leaves out charges that have no effective cost in their bill: unknown, not zero.")


def _chart(now: ForecastRow, currency: str) -> None:
    if now.known_to is None:
        return
    first = min(now.known_to - timedelta(days=_DAYS_BEFORE), now.period_start)
    st.subheader(
        "Day by day",
        help="The line is what was charged, the dotted one what is expected; the shade holds a day four times in five. "
        "Upright lines are first days of a month.",
    )
    if first < now.known_to:
        spend = data.spend(SpendQuery(by=("day",), window=Window(first, now.known_to), ai_only=True))
        days = [(row.cut[0], row.costs.effective_cost) for row in spend.rows if row.currency == currency]
    else:
        days = []
    actual = [(day, cost) for day, cost in days if isinstance(day, date) and cost is not None]
    st.plotly_chart(
        charts_outlook.path(actual, data.forecast_days(currency), currency, now.level),
        config=charts.CONFIG,
        key="path",
        alt=f"AI spend in {currency} by day to {_day_before(now.known_to)}, and the days expected after it",
    )
    for step in now.steps:
        until = f" to {_day_before(date.fromisoformat(step['to']))}" if step["to"] else ""
        amount = in_words(Decimal(str(step["amount_per_day"])), step["currency"])
        known = f"Known change from {step['from']}{until}: {amount} a day"
        st.caption(layout.markdown_safe(f"{known}, {step['why']}."))


def _table(currency: str) -> None:
    left, right = st.columns(2)
    with left:
        st.subheader("Month and quarter", help="Each row is forecast by itself: rows need not add up to the whole.")
    with right:
        cut = st.segmented_control("By", list(_CUTS), default="Model") or "Model"
    rows = [row for row in data.forecasts(_CUTS[cut]).rows if row.currency == currency]
    months = {_key(row): row for row in rows if row.period == "month"}
    quarters = {_key(row): row for row in rows if row.period == "quarter"}
    heads = (cut, "So far", "Month end", "Band", "Quarter", "Its band")
    layout.long_table(
        heads,
        [
            (
                _name(row),
                money(row.actual) + layout.star(row.partly_unknown),
                money(row.p50),
                _band(row),
                money(quarters[key].p50) if key in quarters else UNKNOWN,
                _band(quarters.get(key)),
            )
            for key, row in months.items()
        ],
        right=heads[1:],
    )
    level = percent(rows[0].level)
    st.caption(layout.markdown_safe(f"{currency}, whole months and quarters; bands hold in {level} of such cases."))
    reasons = [row for row in rows if row.reason]
    if reasons:
        with st.expander(f"Notes on {len(reasons)} of these forecasts"):
            layout.table(("Forecast", "Of", "Note"), [(_name(row), _period(row), f"{row.reason}.") for row in reasons])


def _theirs(found: Forecasts) -> None:
    if not found.theirs:
        return
    st.subheader(
        "What the clouds expect themselves",
        help="All spend of an account, by the cloud's own cost and method, for the days it was asked about. "
        "It stands beside ours and is in none of our numbers.",
    )
    heads = ("Cloud", "Cost it means", "Days", "It expects", "Its band", "Asked")
    layout.table(
        heads,
        [
            (
                _cloud(row),
                _plain(row.method),
                f"{row.period_start} to {_day_before(row.period_end)}",
                f"{money(row.p50)} {row.currency}",
                layout.band(row.p10, row.p90, row.level) if row.p10 is not None else UNKNOWN,
                moment(row.made_at),
            )
            for row in found.theirs
        ],
        right=heads[3:5],
    )


def _name(row: ForecastRow) -> str:
    if row.cut in ("all", "ai"):
        return "All spend" if row.cut == "all" else "AI spend"
    if row.others:
        return f"{row.others} others"
    if row.cut == "model":
        return layout.model(row.value)
    return layout.provider(row.value) if row.cut == "provider" else row.value or f"no {row.cut} known"


def _key(row: ForecastRow) -> tuple[str, str | None, bool]:
    return row.cut, row.value, row.others > 0


def _band(row: ForecastRow | None) -> Cell:
    if row is None:
        return UNKNOWN
    if row.p10 is None or row.p90 is None:
        return Short("no band", row.reason or "")
    return f"{money(row.p10)} – {money(row.p90)}"


def _cloud(row: ForecastRow) -> str:
    """A provider's name and its account's."""
    name, _, account = (row.value or "").partition(" ")
    return " ".join(part for part in (layout.provider(name), account) if part)


def _plain(metric: str) -> str:
    """A provider's word for a cost, as written in a sentence: ``UNBLENDED_COST`` as ``unblended cost``."""
    return layout.words(metric).lower()


def _period(row: ForecastRow) -> str:
    return month(row.period_start) if row.period == "month" else _quarter(row)


def _quarter(row: ForecastRow) -> str:
    last = row.period_end - timedelta(days=1)
    return f"{month(row.period_start).split()[0]} to {month(last)}"


def _short_quarter(row: ForecastRow) -> str:
    """For a title that must not be long: ``Oct – Dec 2026``."""
    last = month(row.period_end - timedelta(days=1))
    return f"{month(row.period_start)[:3]} – {last[:3]} {last.split()[-1]}"


def _day_before(day: date) -> date:
    return day - timedelta(days=1)
