"""What use costs: unit-costs and idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import (
    AllFromOption,
    DatabaseOption,
    Format,
    FormatOption,
    FromOption,
    InOption,
    ToOption,
)
from aispend.cli.show import Head
from aispend.errors import UsageError
from aispend.money import exact_sum

if TYPE_CHECKING:
    from reports import views


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("unit-costs")(unit_costs)
    app.command("idle")(idle)


def unit_costs(
    model: Annotated[str | None, typer.Option(help="One model.", show_default=False)] = None,
    basis: Annotated[
        str | None,
        typer.Option(
            help="allocation (adds up to the bill, idle included) or usage (active time only). "
            "A table shows allocation unless asked; JSON and CSV both.",
            show_default=False,
        ),
    ] = None,
    first: FromOption = None,
    end: ToOption = None,
    currency: InOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Cost per request and per token, by model.

    Per thousand requests and per million tokens, always beside the load it was measured at.

    Example: aispend unit-costs --model llama-3-70b --from 2026-11
    """
    from reports import records, views
    from reports.columns import UNIT_COSTS, UNIT_COSTS_CONVERTED
    from reports.formats import left_out_line
    from reports.home_first import home_first

    asked = doors.currency(currency) if currency else None
    chosen = _basis(basis) if basis or style is not Format.table else "allocation"
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.unit_costs(connection, window, model=model, basis=chosen, currency=asked)
        found = replace(found, rows=home_first(found.rows, asked or door.settings.reporting_currency))
        missing = "" if found.rows else nothing.no_unit_costs(connection, model)
    columns = UNIT_COSTS_CONVERTED if asked else UNIT_COSTS
    flat = records.unit_cost_records(found.rows) if asked else records.records(UNIT_COSTS, found.rows)
    if asked and (apart := sorted({row.currency for row in found.rows} - {asked})):
        doors.note(f"No rate to {asked}, and left as billed: {', '.join(apart)}. Load rates: aispend import-rates FILE")
    left_out = left_out_line(found.left_out)
    if left_out and style is not Format.table:
        doors.note(left_out)
    if show.answered(columns, flat, style, missing):
        return
    _unit_cost_table(found)


def _basis(text: str | None) -> views.UnitBasis | None:
    known: dict[str, views.UnitBasis] = {"allocation": "allocation", "usage": "usage"}
    if text is not None and text not in known:
        raise UsageError(f"There is no basis {text!r}.", next_step=f"Choose from {', '.join(known)}.")
    return known[text] if text is not None else None


def _unit_cost_table(found: views.UnitCosts) -> None:
    from reports.formats import (
        allocation_line,
        count,
        currencies_apart,
        left_out_line,
        money,
        percent,
        period,
        unit_price,
    )

    served = [row for row in found.rows if row.requests or row.cost_per_1m_tokens is not None]
    cells = []
    for row in served:
        load = row.load if isinstance(row.load, str) else percent(row.load) if row.load is not None else "unknown"
        cells.append(
            (
                f"{row.model or 'unattributed'}\n{row.provider} {row.stage}",
                f"{money(row.effective_cost)}{_star(row)}\n{row.currency}",
                f"{load}\n{count(row.requests)}",
                unit_price(row.cost_per_1k_requests),
                f"{unit_price(row.cost_per_1m_input_tokens)}\n{unit_price(row.cost_per_1m_cached_input_tokens)}",
                unit_price(row.cost_per_1m_output_tokens) + _reasoning(row),
                unit_price(row.cost_per_1m_tokens),
            )
        )
    unpriced = sum((row.unpriced_requests or Decimal(0) for row in found.rows), Decimal(0))
    notes = [
        f"Effective cost on {found.rows[0].basis} basis; usage days {period(found.window)}." if found.window else "",
        "Load: used / paid accelerator hours; api: priced per token; unknown: use was not measured.",
    ]
    if found.oldest_rate:
        notes.append(
            f"Converted at the rate of each day; what has no rate is in its own. Oldest rate used: {found.oldest_rate}."
        )
    if found.allocation:
        notes.append(allocation_line(found.allocation))
    reasons = any(row.cost_per_1m_reasoning_tokens is not None for row in served)
    if reasons:
        notes.append("Reasoning tokens are part of the output: one of them costs what one of the output costs.")
    good = [row for row in found.rows if row.cost_per_1k_good_requests is not None]
    if good:
        told = ", ".join(f"{row.model} {unit_price(row.cost_per_1k_good_requests)} {row.currency}" for row in good)
        notes.append(f"Per 1k requests within the latency target (at most): {told}.")
    failed = sum((row.failed_requests or Decimal(0) for row in found.rows), Decimal(0))
    if failed:
        notes.append(f"{count(failed)} failed requests: what they cost is in the rates of those that succeeded.")
    if left_out := left_out_line(found.left_out):
        notes.append(left_out)
    if unpriced:
        notes.append(f"{count(unpriced)} requests met no charge and are in no rate.")
    if any(row.partly_unknown for row in found.rows):
        notes.append("* the cost of some charges, or of hours nobody measured, is unknown, not zero, and not in these.")
    hours = [row for row in found.rows if row.accelerator_hours_paid]
    notes += currencies_apart(row.currency for row in (*served, *hours))
    notes = [*_not_served(found, served), *notes]
    if not served:
        show.lines([nothing.NOT_SERVED, *notes])
    else:
        _served_table(cells, notes, reasons=reasons)
    if hours:
        typer.echo("")
        _accelerator_table(hours)


def _not_served(found: views.UnitCosts, served: Sequence[views.UnitCost]) -> list[str]:
    """What has no row above, so that all of it adds up to AI spend; nothing on the usage basis, which does not."""
    from reports.formats import money

    sums: dict[str, list[Decimal]] = {}  # in the order of the rows
    for row in found.rows:
        if row.basis == "allocation" and row not in served and row.effective_cost:
            sums.setdefault(row.currency, []).append(row.effective_cost)
    told = [f"{money(exact_sum(costs))} {currency}" for currency, costs in sums.items()]
    return [f"Besides, of what served no requests or tokens: {', '.join(told)}."] if told else []


def _reasoning(row: views.UnitCost) -> str:
    """A second line below the price of output, where reasoning tokens were counted."""
    from reports.formats import unit_price

    price = row.cost_per_1m_reasoning_tokens
    return f"\n{unit_price(price)}" if price is not None else ""


def _served_table(cells: Sequence[tuple[str, ...]], notes: Sequence[str], *, reasons: bool) -> None:
    show.table(
        [
            Head("model"),
            Head("cost", "right"),
            Head("load\nrequests", "right"),
            Head("per 1k\nreq", "right"),
            Head("per 1M\nin\ncached", "right"),
            Head("per 1M\nout\nreason" if reasons else "per 1M\nout", "right"),
            Head("per 1M\ntokens", "right"),
        ],
        cells,
        notes=notes,
    )


def _star(row: views.UnitCost) -> str:
    return "*" if row.partly_unknown else ""


def _accelerator_table(rows: Sequence[views.UnitCost]) -> None:
    from reports.formats import count, money, percent

    show.table(
        [
            Head("model"),
            Head("accelerator\nhours", "right"),
            Head("load", "right"),
            Head("per paid\nhour", "right"),
            Head("per used\nhour", "right"),
            Head("currency"),
        ],
        [
            (
                f"{row.model or 'unattributed'}\n{row.provider} {row.stage}",
                count(row.accelerator_hours_paid),
                percent(row.load) if isinstance(row.load, Decimal) else "unknown",
                money(row.cost_per_accelerator_hour_paid) + _star(row),
                money(row.cost_per_accelerator_hour_used),
                row.currency,
            )
            for row in rows
        ],
    )


def idle(
    first: AllFromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What is paid for and does nothing.

    With the evidence; a period keeps what fell idle in it.

    Example: aispend idle --format csv
    """
    from reports import records, views
    from reports.advice_columns import IDLE
    from reports.formats import money, percent
    from reports.home_first import home_first

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = home_first(views.idle(connection, window), door.settings.reporting_currency)
        missing = "" if found else nothing.no_idle(connection)
    if show.answered(IDLE, records.records(IDLE, found), style, missing):
        return
    show.table(
        [
            Head("resource\ntype"),
            Head("state"),
            Head("since"),
            Head("covered", "right"),
            Head("cost/month", "right"),
        ],
        [
            (
                f"{show.short_id(row.resource_id, 24)}\n{row.type or '–'}",
                row.state or "–",
                f"{row.since:%Y-%m-%d}" if row.since else "–",
                percent(row.coverage),
                f"{money(row.monthly_cost)} {row.currency}",
            )
            for row in found
        ],
        notes=[
            "Cost: effective, per 730 hours. Covered: part of the window with utilization. "
            "Evidence: --format json; what to do: aispend recommendations"
        ],
    )
