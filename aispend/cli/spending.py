"""aispend spend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, InOption, ToOption, note
from aispend.cli.show import Head
from aispend.errors import UsageError
from aispend.money import exact_sum

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reports import views

_OWNERS = {"model", "team", "stage"}


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("spend")(spend)


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
    str,
    typer.Option(
        "--axis",
        metavar="AXIS",
        help="What the period means: usage (charge day) or billing (month; by default the newest).",
    ),
]


def spend(
    by: ByOption = "model",
    cost: CostOption = "effective",
    without: WithoutOption = None,
    ai_only: AiOnlyOption = False,
    axis: AxisOption = "usage",
    first: FromOption = None,
    end: ToOption = None,
    currency: InOption = None,
    style: FormatOption = Format.table,
    limit: Annotated[int, typer.Option(min=1, help="Rows a table shows; the rest is summed up.")] = 40,
    database: DatabaseOption = None,
) -> None:
    """Any cut of cost.

    Every cut adds up to the bill; currencies are never added to each other, unless you ask for one of them (--in). A
    table prints its terms below.

    \b
    Examples:
      aispend spend --by team,model --from 2026-11 --to 2026-12
      aispend spend --by service --cost billed --axis billing --format json
    """
    from reports import records, views
    from reports.columns import converted_columns, spend_columns
    from reports.formats import basis_lines, shared_stage_line, unconverted_lines

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        query = spend_query(connection, by, cost, without, ai_only, axis, first, end)
        converted = views.spend_in(connection, query, doors.currency(currency)) if currency else None
        found = converted.spend if converted else views.spend(connection, query)
        missing = "" if found.rows else nothing.no_charges(connection)
        home = door.settings.reporting_currency
        shared = None
        if style is Format.table and "stage" in query.by:
            shared = shared_stage_line(
                views.shared_without_stage(connection, query, converted.currency if converted else None)
            )
    found = replace(found, rows=in_order(found, home))
    if style is not Format.table:
        if converted:
            show.machine(converted_columns(query.by), records.converted_records(converted), style)
            show.say_unconverted(converted.unconverted)
        else:
            show.machine(spend_columns(query.by), records.spend_records(found), style)
        if missing or found.basis.pending:
            from reports.formats import pending

            note(missing or pending(found.basis.pending))
    elif missing:
        show.lines([missing])
    elif converted and not converted.rows:
        show.lines([*unconverted_lines(converted.unconverted), *basis_lines(found.basis)])
    elif converted:
        _converted_table(converted, doors.listed(by), limit, shared)
    else:
        spend_table(found, doors.listed(by), limit, home, shared)


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
    """The question as typed. Raises ``UsageError`` for what cannot be asked.

    A cut by model, team or stage is cut by ``ai`` too: what has no model because it is no AI, and AI whose model is
    not known, are two things, in files as in tables.
    """
    from reports import views

    cuts = doors.listed(by)
    if by.strip() and not cuts:
        raise UsageError("There is no cut in it.", where=f"--by {by}", next_step="Write --by model or --by team,model.")
    if _OWNERS & set(cuts) and "ai" not in cuts and not ai_only:
        cuts = (*cuts, "ai")

    columns: dict[str, views.CostColumn] = {name.removesuffix("_cost"): name for name in views.COSTS}
    axes: dict[str, views.Axis] = {"usage": "usage", "billing": "billing"}
    chosen = cost.removesuffix("_cost")
    if chosen not in columns:
        raise UsageError(f"There is no cost {cost!r}.", next_step=f"Choose from {', '.join(columns)}.")
    if axis not in axes:
        raise UsageError(f"There is no axis {axis!r}.", next_step=f"Choose from {', '.join(axes)}.")
    return views.SpendQuery(
        by=cuts,
        window=doors.window(first, end, views.newest_window(connection, axis=axes[axis])),
        cost=columns[chosen],
        without=doors.listed(without),
        ai_only=ai_only,
        axis=axes[axis],
    )


def in_order(found: views.Spend, home: str) -> tuple[views.SpendRow, ...]:
    """The currency ``home`` first; by day and month, first on each of them."""
    from reports.home_first import home_first

    rows = home_first(found.rows, home)
    dated = found.query.by[:1] in (("day",), ("month",))
    return tuple(sorted(rows, key=lambda row: str(row.cut[0]))) if dated else rows


def spend_table(found: views.Spend, by: tuple[str, ...], limit: int, home: str, shared: str | None = None) -> None:
    """Spend for people; ``by`` are the cuts to show, the first of the query's; the currency ``home`` comes first.

    ``shared`` is the line on shared costs under no stage, if there is one.
    """
    from reports.formats import basis_lines, money, percent
    from reports.home_first import home_first

    cost = found.query.cost
    totals = {total.currency: total.costs.of(cost) for total in found.totals}
    starred = {total.currency: "*" if cost in total.partly_unknown else "" for total in found.totals}
    cells: list[tuple[str, ...]] = []
    rows = in_order(found, home)
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
    for currency, rest in _by_currency(rows[limit:]).items():
        amount, whole = _sum_known(rest, cost), totals[currency]
        star = "*" if any(cost in row.partly_unknown for row in rest) else ""
        cells.append(
            (
                f"… and {len(rest)} more row{'s' if len(rest) > 1 else ''}",
                *[""] * (len(by) - 1),
                money(amount) + star,
                percent(amount / whole, 1) if amount is not None and whole else "",
                currency,
            )
        )
    foot = [
        (
            "total",
            *[""] * (len(by) - 1),
            money(total.costs.of(cost)) + starred[total.currency],
            "100.0 %",
            total.currency,
        )
        if by
        else (money(total.costs.of(cost)) + starred[total.currency], "100.0 %", total.currency)
        for total in home_first(found.totals, home)
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
        notes=[*_ai_lines(found), *([shared] if shared else []), *basis_lines(found.basis)],
    )


def _converted_table(found: views.Converted, by: tuple[str, ...], limit: int, shared: str | None) -> None:
    from reports.formats import basis_lines, conversion_lines, money, percent

    whole = found.total
    cells = [
        (
            *(_label(name, value, row.cut[-1] is not False) for name, value in zip(by, row.cut, strict=False)),
            money(row.amount),
            percent(row.amount / whole, 1) if whole else "",
            ", ".join(f"{money(amount)} {code}" for code, amount in sorted(row.original.items())),
        )
        for row in found.rows[:limit]
    ]
    rest = found.rows[limit:]
    if rest:
        amount = exact_sum(row.amount for row in rest)
        named = f"… and {len(rest)} more row{'s' if len(rest) > 1 else ''}"
        cells.append((named, *[""] * (len(by) - 1), money(amount), percent(amount / whole, 1) if whole else "", ""))
    notes = conversion_lines(found.currency, found.oldest_rate, found.unconverted)
    show.table(
        [
            *(Head(name) for name in by),
            Head(f"{found.query.cost.replace('_', ' ')}, {found.currency}", "right"),
            Head("share", "right"),
            Head("billed as", wrap=True),
        ],
        cells,
        totals=[("total", *[""] * (len(by) - 1), money(whole), "100.0 %", "")] if by else [],
        notes=[*notes, *([shared] if shared else []), *basis_lines(found.spend.basis)],
    )


def _by_currency(rows: Iterable[views.SpendRow]) -> dict[str, list[views.SpendRow]]:
    found: dict[str, list[views.SpendRow]] = {}
    for row in rows:
        found.setdefault(row.currency, []).append(row)
    return found


def _sum_known(rows: Iterable[views.SpendRow], cost: views.CostColumn) -> Decimal | None:
    """The sum of the costs that are known; None where none is."""
    known = [amount for row in rows if (amount := row.costs.of(cost)) is not None]
    return exact_sum(known) if known else None


def _ai_lines(found: views.Spend) -> list[str]:
    from reports.formats import money, percent

    if found.query.ai_only:
        return []
    parts = []
    for total in found.totals:
        ai, whole = total.ai, total.costs.of(found.query.cost)
        share = f" ({percent(ai / whole)})" if ai is not None and whole else ""
        star = "*" if total.ai_is_partly_unknown else ""
        parts.append(f"{money(ai)}{star} {total.currency}{share}")
    return [f"AI spend in it: {', '.join(parts)}."]


def _label(name: str, value: object, is_ai: bool) -> str:
    nobody = value is None or (name == "stage" and value == "unknown")
    if nobody and name in _OWNERS:
        return f"no {name} known" if is_ai else "not AI"
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "AI" if value else "not AI"
    if name == "month" and isinstance(value, date):
        return f"{value:%Y-%m}"
    return show.short_id(str(value), 36) if name == "resource" else str(value)
