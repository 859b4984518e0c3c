"""Economics: serving beside buying, training beside serving, what an outcome cost, and energy."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from aispend.money import exact_sum
from dashboard import charts, charts_economics, data, footprint, layout
from dashboard.layout import Cell, Lines, Mark
from reports.formats import UNKNOWN, allocation_line, count, figure, money, percent, period, shared_line, unit_price
from reports.views import ModelLifecycle, OutcomeCost, Run, SelfHosted, Window

_DRAWN = 10
_ENDINGS = {
    "failed": "failed",
    "retried": "retried",
    "given_up": "given up: a week without a word",
}
_STAR = "* leaves out charges that have no effective cost in their bill: unknown, not zero."


def page() -> None:
    """Lay out the economics page."""
    st.title("Economics")
    currency = data.currency()
    window = data.newest_window()
    if window is None:
        layout.nothing_loaded()
        return
    st.caption(
        layout.markdown_safe(
            f"AI spend by effective cost in {currency}, {data.before_tax()} · charge day {period(window)}, "
            "if nothing else is said"
        )
    )
    _serving(currency)
    _lives(currency)
    _runs(window, currency)
    _outcomes(window, currency)
    footprint.energy()


def _serving(currency: str) -> None:
    st.subheader(
        "Serving a model, or buying its tokens",
        help="What the tokens served cost on your accelerators, idle hours included, beside the list price of the very "
        "same tokens, class by class, at APIs that sell the model. Even at: the load at which both cost the same.",
    )
    rows = [row for row in data.self_hosting().rows if row.currency == currency]
    if not rows:
        st.info("No model is known to have served tokens on accelerators. Load usage: `aispend import-usage PATH…`")
        return
    compared = [row for row in rows if row.api_cost_per_1m_tokens is not None]
    if compared:
        st.plotly_chart(
            charts_economics.price_beside_apis(
                [
                    (row.model, row.cost_per_1m_tokens, row.api_cost_per_1m_tokens, row.api_middle_cost_per_1m_tokens)
                    for row in compared[:_DRAWN]
                ],
                currency,
            ),
            config=charts.CONFIG,
            key="beside-apis",
            alt=f"{currency} per million tokens, served beside bought: "
            + ", ".join(f"{row.model} {unit_price(row.cost_per_1m_tokens)}" for row in compared[:_DRAWN]),
        )
    heads = (
        "Model",
        "Cost",
        "Tokens",
        "Load",
        "Per 1M tokens",
        "Cheapest API",
        "Middle API",
        "Buying would",
        "Even at",
        "Even a month",
    )
    layout.long_table(heads, [_served(row) for row in rows], right=heads[1:7])
    days = data.self_hosting().window
    if days is not None:
        st.caption(
            layout.markdown_safe(
                f"Effective cost on allocation basis, idle hours included, charge day {period(days)}. What commitments "
                "pay for is paid on where tokens are bought: Recommendations has what is saved net of them. Even a "
                "month: the tokens, and the requests of the present size, of 730 hours at which serving costs what the "
                "cheapest API charges."
            )
        )
    if any(row.partly_unknown for row in rows):
        st.caption(layout.markdown_safe(_STAR))
    sources = ", ".join(sorted({row.source for row in rows if row.source}))
    if sources:
        st.caption(
            layout.markdown_safe(
                f"List prices: {sources}. A cheap offer may be slower, quantized or elsewhere. Above 100 % load these "
                "machines cannot serve so much that they cost less than the API."
            )
        )


def _served(row: SelfHosted) -> tuple[Cell, ...]:
    return (
        Lines(row.model, layout.provider(row.provider)),
        money(row.effective_cost) + layout.star(row.partly_unknown),
        count(row.tokens),
        percent(row.load),
        unit_price(row.cost_per_1m_tokens),
        Lines(unit_price(row.api_cost_per_1m_tokens), row.api_provider or ""),
        Lines(unit_price(row.api_middle_cost_per_1m_tokens), _offers(row.api_offers)),
        _verdict(row),
        _even(row),
        _even_month(row),
    )


def _offers(number: int) -> str:
    return f"of {number} offer{'' if number == 1 else 's'}" if number else ""


def _even(row: SelfHosted) -> Cell:
    if row.break_even_load is None:
        return UNKNOWN
    return Lines(f"{percent(row.break_even_load)} load", "" if row.is_reachable else "out of reach")


def _even_month(row: SelfHosted) -> Cell:
    """The volume, with its unit; requests where all were counted."""
    if row.break_even_tokens_per_month is None:
        return UNKNOWN
    requests = row.break_even_requests_per_month
    return Lines(
        f"{count(row.break_even_tokens_per_month)} tokens", "" if requests is None else f"{count(requests)} requests"
    )


def _verdict(row: SelfHosted) -> Cell:
    if row.saving is None:
        return Lines(UNKNOWN, row.why_not)
    if row.saving > 0:
        return Mark(f"save {money(row.saving)}", "careful")
    return Mark(f"cost {money(-row.saving)} more", "good")


def _lives(currency: str) -> None:
    found = data.lifecycles()
    st.subheader(
        "Training beside serving",
        help="What each model cost for data, training (with fine-tuning and evaluation) and serving. Lost: training "
        "whose attempts failed, were repeated, or went silent for a week, as far as workloads tell. Other stages: "
        "notebooks, and what nobody knows the stage of. Ratio: training over serving.",
    )
    ours = [row for row in found.rows if row.currency == currency]
    rows = [row for row in ours if any(_parts(row)[:-1])]
    left = exact_sum(row.other_cost for row in ours if row not in rows)
    besides = (
        f"Not listed: {money(left)} {currency} of models of which nothing is known to be for data, training or "
        "serving: it is for notebooks, or nobody knows what for."
    )
    if not rows or found.window is None:
        if left:
            st.caption(layout.markdown_safe(besides))
        st.info("No spend is known to be for data, training or serving. Stages come from tags, rules and workloads.")
        return
    divided = allocation_line(found.allocation).removesuffix(".")
    basis = [f"All that is loaded: charge day {period(found.window)}", divided]
    st.caption(layout.markdown_safe(" · ".join(part for part in basis if part)))
    drawn = [row for row in rows if row.model is not None][:_DRAWN]
    if drawn:
        st.plotly_chart(
            charts_economics.lives([(layout.model(row.model), _parts(row)) for row in drawn], currency),
            config=charts.CONFIG,
            key="lives",
            alt=f"{currency} for data, training and serving: "
            + ", ".join(f"{layout.model(row.model)} {money(exact_sum(_parts(row)))}" for row in drawn),
        )
    heads = ("Model", "Data", "Training", "Of it lost", "Serving", "Other stages", "Ratio")
    layout.long_table(
        heads,
        [
            (
                layout.model(row.model),
                money(row.data_cost),
                money(row.training_cost),
                _lost(row),
                money(row.serving_cost) + layout.star(row.partly_unknown),
                money(row.other_cost),
                UNKNOWN if row.training_per_serving is None else figure(row.training_per_serving),
            )
            for row in rows
        ],
        right=heads[1:],
        more="more models",
    )
    if left:
        st.caption(layout.markdown_safe(besides))
    if shared := shared_line(ours):
        st.caption(layout.markdown_safe(shared))
    if any(row.partly_unknown for row in rows):
        st.caption(layout.markdown_safe(_STAR))


def _lost(row: ModelLifecycle) -> str:
    """Runs nobody said the end of may have come to nothing too: none known is not none."""
    return "none known" if row.unsuccessful_cost is None else money(row.unsuccessful_cost)


def _runs(window: Window, currency: str) -> None:
    st.subheader(
        "Runs that came to nothing",
        help="Training runs of these days that failed, were repeated or given up, "
        "and what their lost attempts cost, by machine time.",
    )
    every = [row for row in data.runs(window).rows if row.currency == currency]
    lost = [row for row in every if row.lost_attempts]
    lost.sort(key=lambda row: (-(row.lost_cost or Decimal(0)), row.workload))
    if not every:
        st.info("No training run meets a charge of these days. Load what ran where: `aispend import-workloads PATH…`")
    elif not lost:
        unknown = sum(row.ending == "unknown" for row in every)
        untold = f" How {unknown} of them ended nobody said." if unknown else ""
        st.info(f"None of {len(every)} training runs is known to have come to nothing.{untold}")
    else:
        heads = ("Run", f"Cost, {currency}", f"Lost, {currency}", "How it ended", "Model", "Team", "Last heard of")
        layout.long_table(heads, [_run(row) for row in lost], right=heads[1:3], more="more runs")
        st.caption(f"{len(lost)} of {len(every)} training runs of these days. All of them: aispend runs")


def _run(row: Run) -> tuple[Cell, ...]:
    return (
        layout.Short(layout.trimmed(row.workload, 34), row.workload),
        money(row.effective_cost),
        money(row.lost_cost),
        _ENDINGS.get(row.ending, row.ending) + (", tried before" if row.repeated else ""),
        layout.model(row.model),
        row.team or "no team known",
        UNKNOWN if row.last_hour is None else str(row.last_hour.date()),
    )


def _outcomes(window: Window, currency: str) -> None:
    st.subheader(
        "Cost of an outcome",
        help="AI spend of the outcome's model and team, or all of it where it names none, on the days counted. What "
        "was billed in several currencies is converted at the rate of each day; what has no rate stands below it. What "
        "an outcome is worth is what your file says of it.",
    )
    found = data.outcome_costs(window, currency)
    rows = [row for row in found.rows if row.currency in (currency, None)]
    if rows:
        is_valued = any(row.value_each is not None for row in rows)
        worth = (f"Worth each, {currency}", f"Worth − spend, {currency}") if is_valued else ()
        heads = ("Outcome", "Counted", "On days", f"AI spend, {currency}", f"{currency} each", *worth, "Of")
        layout.long_table(heads, [_outcome(row, is_valued) for row in rows], right=heads[1:-1])
        if any(row.partly_unknown for row in rows):
            st.caption(layout.markdown_safe(_STAR))
    elif found.counted:
        st.info(f"No outcome was counted on these days that has AI spend in {layout.markdown_safe(currency)}.")
    else:
        st.info("No outcomes yet. Count what AI was used for in a small file: `aispend import-outcomes PATH…`")
        st.code(
            "from,to,outcome,count,model,team,value,currency\n2026-11,,ticket resolved,18234,,support,1.20,USD",
            language=None,
        )


def _outcome(row: OutcomeCost, is_valued: bool) -> tuple[Cell, ...]:
    net = money(row.net_value) + layout.star(row.partly_unknown and row.net_value is not None)
    return (
        row.outcome,
        count(row.count),
        Lines(count(row.days), f"to {row.known_to}: later days are not billed yet")
        if row.known_to
        else count(row.days),
        Lines(
            money(row.effective_cost) + layout.star(row.partly_unknown),
            ", ".join(f"besides {money(amount)} {name}" for name, amount in sorted(row.unconverted.items())),
        )
        if row.unconverted
        else money(row.effective_cost) + layout.star(row.partly_unknown),
        unit_price(row.cost_per_outcome),
        *((unit_price(row.value_each), net) if is_valued else ()),
        ", ".join(part for part in (row.model, row.team) if part) or "all AI spend",
    )


def _parts(row: ModelLifecycle) -> tuple[Decimal, ...]:
    lost = row.unsuccessful_cost or Decimal(0)
    return row.data_cost, row.training_cost - lost, lost, row.serving_cost, row.other_cost
