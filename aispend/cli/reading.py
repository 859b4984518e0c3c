"""Commands that read: spend, unit-costs, idle, reconcile, loads."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, ToOption, note
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reports import views

NO_CHARGES = "No charges yet. Load a bill: aispend import PATH…   or look at a sample company: aispend up"
_OWNERS = {"model", "team", "stage"}


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("spend")(spend)
    app.command("unit-costs")(unit_costs)
    app.command("idle")(idle)
    app.command("reconcile")(reconcile)
    app.command("loads")(loads)


ByOption = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="CUT,…",
        help="Any of provider, account, service, region, resource, model, stage, team, tag:KEY, day, month, "
        "charge_category, reason, rung, ai; separated by commas.",
    ),
]
CostOption = Annotated[
    str,
    typer.Option(
        "--cost", metavar="COST", help="What a table shows and sorts by: effective, billed, list, contracted."
    ),
]
WithoutOption = Annotated[
    str | None,
    typer.Option(
        "--without",
        metavar="CATEGORY,…",
        help="Leave out tax, credit, purchase, adjustment or usage.",
        show_default=False,
    ),
]
AiOnlyOption = Annotated[bool, typer.Option("--ai-only", help="AI spend alone. Default: all, so that it adds up.")]
AxisOption = Annotated[
    str, typer.Option("--axis", metavar="AXIS", help="What the period means: usage (charge day) or billing (month).")
]


def spend(
    by: ByOption = "model",
    cost: CostOption = "effective",
    without: WithoutOption = None,
    ai_only: AiOnlyOption = False,
    axis: AxisOption = "usage",
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    limit: Annotated[int, typer.Option(min=1, help="Rows a table shows; the rest is summed up.")] = 40,
    database: DatabaseOption = None,
) -> None:
    """Any cut of cost.

    Every cut adds up to the bill; currencies are never added to each other. A table prints its terms below.

    \b
    Examples:
      aispend spend --by team,model --from 2026-11 --to 2026-12
      aispend spend --by service --cost billed --axis billing --format json
    """
    from reports import records, views
    from reports.columns import spend_columns

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        query = spend_query(connection, by, cost, without, ai_only, axis, first, end)
        if style is Format.table and _OWNERS & set(query.by) and "ai" not in query.by and not ai_only:
            found = views.spend(connection, replace(query, by=(*query.by, "ai")))
        else:
            found = views.spend(connection, query)
        home = door.settings.reporting_currency
    if style is Format.table:
        spend_table(found, query.by, limit, home)
        return
    show.machine(spend_columns(query.by), records.spend_records(found), style)
    if found.basis.pending:
        from reports.formats import pending

        note(pending(found.basis.pending))
    elif not found.rows:
        note(NO_CHARGES)


def spend_query(
    connection: Connection,
    by: str,
    cost: str,
    without: str | None,
    ai_only: bool,
    axis: str,
    first: str | None,
    end: str | None,
) -> views.SpendQuery:
    """The question as typed. Raises ``UsageError`` for what cannot be asked."""
    from reports import views

    columns: dict[str, views.CostColumn] = {name.removesuffix("_cost"): name for name in views.COSTS}
    axes: dict[str, views.Axis] = {"usage": "usage", "billing": "billing"}
    chosen = cost.removesuffix("_cost")
    if chosen not in columns:
        raise UsageError(f"There is no cost {cost!r}.", next_step=f"Choose from {', '.join(columns)}.")
    if axis not in axes:
        raise UsageError(f"There is no axis {axis!r}.", next_step=f"Choose from {', '.join(axes)}.")
    return views.SpendQuery(
        by=doors.listed(by),
        window=doors.window(first, end, views.newest_window(connection)),
        cost=columns[chosen],
        without=doors.listed(without),
        ai_only=ai_only,
        axis=axes[axis],
    )


def spend_table(found: views.Spend, by: tuple[str, ...], limit: int, home: str) -> None:
    """Spend for people; ``by`` are the cuts to show, the first of the query's; the currency ``home`` comes first."""
    from reports.formats import basis_lines, money, pending, percent

    if not found.rows:
        sentence = pending(found.basis.pending) if found.basis.pending else NO_CHARGES
        show.lines([sentence if found.basis.window is None or found.basis.pending else "No charges in this period."])
        return
    cost = found.query.cost
    totals = {total.currency: total.costs.of(cost) for total in found.totals}
    cells: list[tuple[str, ...]] = []
    dated = by[:1] in (("day",), ("month",))
    rows = found.rows if dated else sorted(found.rows, key=lambda row: row.currency != home)
    for row in rows[:limit]:
        amount = row.costs.of(cost)
        whole = totals[row.currency]
        is_ai = row.cut[-1] is not False if found.query.by != by else True
        star = "*" if cost in row.partly_unknown else ""
        cells.append(
            (
                *(_label(name, value, is_ai) for name, value in zip(by, row.cut, strict=False)),
                money(amount) + star,
                percent(amount / whole, 1) if amount is not None and whole else "",
                row.currency,
            )
        )
    if len(rows) > limit:
        cells.append((f"… and {len(rows) - limit} more rows", *[""] * (len(by) + 2)))
    foot = [
        ("total", *[""] * (len(by) - 1), money(total.costs.of(cost)), "100.0 %", total.currency)
        if by
        else (money(total.costs.of(cost)), "100.0 %", total.currency)
        for total in sorted(found.totals, key=lambda total: total.currency != home)
    ]
    show.table(
        [
            *(Head(name) for name in by),
            Head(cost.replace("_", " "), "right"),
            Head("share", "right"),
            Head("currency"),
        ],
        cells,
        totals=foot,
        notes=[*_ai_lines(found), *basis_lines(found.basis)],
    )


def _ai_lines(found: views.Spend) -> list[str]:
    from reports.formats import money, percent

    if found.query.ai_only:
        return []
    parts = []
    for total in found.totals:
        ai, whole = total.ai.of(found.query.cost), total.costs.of(found.query.cost)
        share = f" ({percent(ai / whole)})" if ai is not None and whole else ""
        parts.append(f"{money(ai or Decimal(0))} {total.currency}{share}")
    return [f"AI spend in it: {', '.join(parts)}."]


def _label(name: str, value: object, is_ai: bool) -> str:
    nobody = value is None or (name == "stage" and value == "unknown")
    if nobody and name in _OWNERS:
        return "unattributed" if is_ai else "not AI"
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "AI" if value else "not AI"
    if name == "month" and isinstance(value, date):
        return f"{value:%Y-%m}"
    return show.short_id(str(value), 36) if name == "resource" else str(value)


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
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Cost per request and per token, by model.

    Per thousand requests and per million tokens, always beside the load it was measured at.

    Example: aispend unit-costs --model llama-3-70b --from 2026-11
    """
    from reports import records, views
    from reports.columns import UNIT_COSTS

    chosen = _basis(basis) if basis or style is not Format.table else "allocation"
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.unit_costs(connection, window, model=model, basis=chosen)
    if style is not Format.table:
        show.machine(UNIT_COSTS, records.records(UNIT_COSTS, found.rows), style)
        if not found.rows:
            note(_NO_USAGE)
        return
    if not found.rows or found.window is None:
        show.lines([_NO_USAGE])
        return
    _unit_cost_table(found)


_NO_USAGE = (
    "No unit costs: no inference usage meets a bill in this period. Load usage: aispend import-usage PATH…, "
    "then aispend analyze"
)


def _basis(text: str | None) -> views.UnitBasis | None:
    known: dict[str, views.UnitBasis] = {"allocation": "allocation", "usage": "usage"}
    if text is not None and text not in known:
        raise UsageError(f"There is no basis {text!r}.", next_step=f"Choose from {', '.join(known)}.")
    return known[text] if text is not None else None


def _unit_cost_table(found: views.UnitCosts) -> None:
    from reports.formats import count, money, percent, period, unit_price

    served = [row for row in found.rows if row.requests or row.cost_per_1m_tokens is not None]
    cells = []
    for row in served:
        load = row.load if isinstance(row.load, str) else percent(row.load) if row.load is not None else "unknown"
        cells.append(
            (
                f"{row.model or 'unattributed'}\n{row.provider} {row.stage}",
                f"{money(row.effective_cost)}\n{row.currency}",
                f"{load}\n{count(row.requests)}",
                unit_price(row.cost_per_1k_requests),
                f"{unit_price(row.cost_per_1m_input_tokens)}\n{unit_price(row.cost_per_1m_cached_input_tokens)}",
                unit_price(row.cost_per_1m_output_tokens),
                unit_price(row.cost_per_1m_tokens),
            )
        )
    unpriced = sum((row.unpriced_requests or Decimal(0) for row in found.rows), Decimal(0))
    notes = [
        f"Effective cost on {found.rows[0].basis} basis; usage days {period(found.window)}." if found.window else "",
        "Load: used / paid accelerator hours; api: priced per token; unknown: use was not measured.",
    ]
    if unpriced:
        notes.append(f"{count(unpriced)} requests met no charge and are in no rate.")
    show.table(
        [
            Head("model"),
            Head("cost", "right"),
            Head("load\nrequests", "right"),
            Head("per 1k\nreq", "right"),
            Head("per 1M\nin\ncached", "right"),
            Head("per 1M\nout", "right"),
            Head("per 1M\ntokens", "right"),
        ],
        cells,
        notes=notes,
    )
    hours = [row for row in found.rows if row.accelerator_hours_paid]
    if hours:
        typer.echo("")
        show.table(
            [
                Head("model"),
                Head("stage"),
                Head("GPU hours", "right"),
                Head("load", "right"),
                Head("per paid h", "right"),
                Head("per used h", "right"),
                Head("currency"),
            ],
            [
                (
                    row.model or "unattributed",
                    row.stage,
                    count(row.accelerator_hours_paid),
                    percent(row.load) if isinstance(row.load, Decimal) else "unknown",
                    money(row.cost_per_accelerator_hour_paid),
                    money(row.cost_per_accelerator_hour_used),
                    row.currency,
                )
                for row in hours
            ],
        )


def idle(
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What is paid for and does nothing.

    With the evidence; a period keeps what fell idle in it.

    Example: aispend idle --format csv
    """
    from reports import records, views
    from reports.columns import IDLE
    from reports.formats import money, percent

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.idle(connection, window)
    if style is not Format.table:
        show.machine(IDLE, records.records(IDLE, found), style)
        return
    if not found:
        show.lines(
            ["Nothing is known to be idle. Idle needs utilization: aispend import-metrics PATH…, then recommend."]
        )
        return
    show.table(
        [
            Head("resource"),
            Head("type"),
            Head("state"),
            Head("since"),
            Head("covered", "right"),
            Head("cost/month", "right"),
        ],
        [
            (
                show.short_id(row.resource_id, 22),
                row.type or "–",
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


def reconcile(
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Check that the numbers close.

    The promises, checked on what is loaded: the bill closes to the invoice, shares add up to the bill.
    Exit status 1 where one does not hold.

    Example: aispend reconcile
    """
    from reports import records, views
    from reports.columns import RECONCILE
    from reports.formats import money

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.reconcile(connection, window)
    if style is not Format.table:
        show.machine(RECONCILE, records.records(RECONCILE, found.rows), style)
    elif not found.rows:
        show.lines([NO_CHARGES])
    else:
        show.table(
            [
                Head("promise", wrap=True),
                Head("scope", wrap=True),
                Head("period"),
                Head("ours", "right"),
                Head("theirs", "right"),
                Head("difference", "right"),
                Head("holds"),
            ],
            [
                (
                    row.promise,
                    row.scope or "",
                    str(row.period or ""),
                    f"{money(row.ours)} {row.currency or ''}".strip(),
                    money(row.theirs),
                    money(row.difference),
                    "yes" if row.holds else "NO",
                )
                for row in found.rows
            ],
        )
        show.lines(f"{row.promise} {row.scope or ''}: {row.cause}" for row in found.rows if row.cause and not row.holds)
        broken = sum(not row.holds for row in found.rows)
        show.lines([f"{broken} of {len(found.rows)} checks do not hold." if broken else "Every check holds."])
    if not found.holds:
        raise typer.Exit(1)


def loads(
    rejected: Annotated[bool, typer.Option("--rejected", help="The lines that could not be read instead.")] = False,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """What is loaded, and what could not be read.

    Example: aispend loads --rejected --format csv
    """
    from reports import records, views
    from reports.columns import FRESHNESS, REJECTED
    from reports.formats import count, moment

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        lines = views.rejected_rows(connection) if rejected else ()
        sources = () if rejected else views.freshness(connection)
    if style is not Format.table:
        columns = REJECTED if rejected else FRESHNESS
        show.machine(columns, records.records(columns, lines if rejected else sources), style)
    elif rejected:
        show.lines(
            [f"{row.file}, line {row.line}, {row.column or 'line'}: {row.value or ''} – {row.reason}" for row in lines]
            or ["Every line could be read."]
        )
    elif not sources:
        show.lines([NO_CHARGES])
    else:
        show.table(
            [
                Head("kind"),
                Head("source"),
                Head("scope"),
                Head("newest"),
                Head("loaded"),
                Head("rows", "right"),
                Head("unread", "right"),
            ],
            [
                (
                    row.kind,
                    row.source,
                    show.short_id(f"{row.provider} {row.scope}".strip(), 20),
                    str(row.newest_day),
                    moment(row.loaded_at),
                    count(row.rows_in),
                    count(row.rows_rejected),
                )
                for row in sources
            ],
        )
