"""What models and commitments are worth: commitments, lifecycle, runs, payback and self-host."""

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
from aispend.cli.payback import payback
from aispend.cli.show import Head
from aispend.money import exact_sum

if TYPE_CHECKING:
    from reports import views


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("commitments")(commitments)
    app.command("lifecycle")(lifecycle)
    app.command("runs")(runs)
    app.command("payback")(payback)
    app.command("self-host")(self_host)


def commitments(
    first: FromOption = None, end: ToOption = None, style: FormatOption = Format.table, database: DatabaseOption = None
) -> None:
    """Savings plans and reservations: terms, use and who benefits.

    Expiry, the part that is used, what it saves, and whose usage it covers; the next to expire first.

    Example: aispend commitments --from 2026-10 --to 2026-11
    """
    from reports import records, views
    from reports.economics_columns import COMMITMENTS
    from reports.formats import UNKNOWN, money, percent, period

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.commitments(connection, doors.window(first, end, views.newest_window(connection)))
        missing = "" if found.rows else nothing.no_commitments(connection)
    if show.answered(COMMITMENTS, records.commitment_records(found), style, missing) or found.window is None:
        return
    show.table(
        [
            Head("commitment", wrap=True),
            Head("ends"),
            Head("used", "right"),
            Head("unused", "right"),
            Head("saved", "right"),
            Head("who benefits", wrap=True),
            Head("currency"),
        ],
        [
            (
                f"{show.short_id(row.commitment_id, 24)}\n{row.description or row.kind or ''}",
                f"{row.ends_at:%Y-%m-%d}" if row.ends_at else UNKNOWN,
                percent(row.utilisation),
                money(row.unused_cost),
                money(row.saved),
                ", ".join(f"{one.account or '?'} {money(one.effective_cost)}" for one in row.beneficiaries[:3])
                + (" …" if len(row.beneficiaries) > 3 else ""),
                row.currency or "",
            )
            for row in found.rows
        ],
        notes=[
            f"Effective cost, charge day {period(found.window)}. Saved: covered usage at list price less all it cost.",
            "Ends and owners come from the provider's list: aispend collect.",
        ],
    )


def lifecycle(
    first: AllFromOption = None,
    end: ToOption = None,
    currency: InOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Training against serving, by model.

    What each model cost for data, training and serving, and how much of the training came to nothing.

    \b
    Examples:
      aispend lifecycle --from 2026-10
      aispend lifecycle --in EUR --format json
    """
    from reports import views
    from reports.formats import allocation_line, figure, money, period, shared_line
    from reports.home_first import home_first

    asked = doors.currency(currency) if currency else None
    found: views.Lifecycles | views.LifecyclesIn
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.known_days(connection))
        if asked:
            found = views.lifecycles_in(connection, asked, window)
        else:
            found = views.lifecycles(connection, window)
            found = replace(found, rows=home_first(found.rows, door.settings.reporting_currency))
        missing = "" if found.rows else nothing.no_ai_spend(connection, window, "aispend spend")
    if _answered(found, style, missing) or found.window is None:
        return
    shown = [row for row in found.rows if row.data_cost != 0 or row.training_cost != 0 or row.serving_cost != 0]
    notes = [
        *_other_stages([row for row in found.rows if row not in shown]),
        *([shared] if (shared := shared_line(found.rows)) else []),
        f"Effective cost of AI spend, charge day {period(found.window)}.",
        *_conversion(found),
        *([allocation_line(found.allocation)] if found.allocation else []),
    ]
    if not shown:
        show.lines([nothing.NO_STAGES, *notes])
        return
    show.table(
        [
            Head("model"),
            Head("data", "right"),
            Head("training", "right"),
            Head("of it lost", "right"),
            Head("serving", "right"),
            Head("other", "right"),
            Head("ratio", "right"),
            Head("currency"),
        ],
        [
            (
                row.model or "no model known",
                money(row.data_cost),
                money(row.training_cost),
                money(row.unsuccessful_cost),
                money(row.serving_cost) + ("*" if row.partly_unknown else ""),
                money(row.other_cost),
                "" if row.training_per_serving is None else figure(row.training_per_serving),
                row.currency,
            )
            for row in shown
        ],
        notes=[
            *notes,
            "Of it lost: attempts that failed, were repeated, or went silent for a week; –: no word on how a run "
            "ended. Other: other stages, or none known. Ratio: training / serving.",
            *(
                ["* leaves out charges whose effective cost the bill does not give: unknown, not zero."]
                if any(row.partly_unknown for row in found.rows)
                else []
            ),
        ],
    )


def _other_stages(left_out: Sequence[views.ModelLifecycle | views.ModelLifecycleIn]) -> list[str]:
    """What the table has no row for, so that it adds up to AI spend with it."""
    from reports.formats import money

    sums: dict[str, list[Decimal]] = {}  # in the order of the rows
    for row in left_out:
        if row.other_cost:
            sums.setdefault(row.currency, []).append(row.other_cost)
    told = [f"{money(exact_sum(costs))} {currency}" for currency, costs in sums.items()]
    return [f"Besides, of other stages or none known: {', '.join(told)}."] if told else []


def runs(
    first: AllFromOption = None,
    end: ToOption = None,
    currency: InOption = None,
    style: FormatOption = Format.table,
    limit: Annotated[int, typer.Option(min=1, help="Rows a table shows.")] = 30,
    database: DatabaseOption = None,
) -> None:
    """What each training run cost, and how it ended.

    Failed, repeated and given-up runs are cost too. Needs workloads: aispend import-workloads PATH…

    \b
    Examples:
      aispend runs --from 2026-11 --format csv
      aispend runs --in EUR
    """
    from reports import views
    from reports.formats import allocation_line, money, period
    from reports.home_first import home_first

    asked = doors.currency(currency) if currency else None
    found: views.Runs | views.RunsIn
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.known_days(connection))
        if asked:
            found = views.runs_in(connection, asked, window)
        else:
            found = views.runs(connection, window)
            found = replace(found, rows=home_first(found.rows, door.settings.reporting_currency))
        missing = "" if found.rows else nothing.no_runs(connection)
    if _answered(found, style, missing) or found.window is None:
        return
    hidden = len(found.rows) - limit
    show.table(
        [
            Head("run"),
            Head("model"),
            Head("ended"),
            Head("cost", "right"),
            Head("of it lost", "right"),
            Head("currency"),
        ],
        [
            (
                show.short_id(row.workload, 34),
                row.model or "",
                row.ending.replace("_", " ") + (", repeated" if row.repeated else ""),
                money(row.effective_cost) + ("*" if row.goes_beyond(found.window) else ""),
                money(row.lost_cost),
                row.currency,
            )
            for row in found.rows[:limit]
        ],
        notes=[
            *([f"… and {hidden} more; show them with --limit."] if hidden > 0 else []),
            *_by_ending(found),
            f"Effective cost, charge day {period(found.window)}. Given up: no word for a week after running.",
            *_conversion(found),
            *([allocation_line(found.allocation)] if found.allocation else []),
            "Of it lost: attempts that failed, were repeated or given up, by their machine time. –: no word on an end.",
            *(
                ["* also ran outside these days: what that cost is not here."]
                if any(row.goes_beyond(found.window) for row in found.rows[:limit])
                else []
            ),
        ],
    )


def _answered(
    found: views.Lifecycles | views.LifecyclesIn | views.Runs | views.RunsIn, style: Format, missing: str
) -> bool:
    """As :func:`show.answered`; for machines, what has no exchange rate goes to stderr."""
    from reports import economics_columns as columns
    from reports import records, views

    if isinstance(found, views.LifecyclesIn | views.RunsIn):
        if style is not Format.table:
            show.say_unconverted(found.unconverted)
        heads = columns.LIFECYCLE_IN if isinstance(found, views.LifecyclesIn) else columns.RUNS_IN
        return show.answered(heads, records.lifecycle_in_records(found), style, missing)
    heads = columns.LIFECYCLE if isinstance(found, views.Lifecycles) else columns.RUNS
    return show.answered(heads, records.lifecycle_records(found), style, missing)


def _conversion(found: views.Lifecycles | views.LifecyclesIn | views.Runs | views.RunsIn) -> list[str]:
    from reports import views
    from reports.formats import conversion_lines, currencies_apart

    if isinstance(found, views.LifecyclesIn | views.RunsIn):
        return conversion_lines(found.currency, found.oldest_rate, found.unconverted)
    return currencies_apart(row.currency for row in found.rows)


def _by_ending(found: views.Runs | views.RunsIn) -> list[str]:
    from reports.formats import money

    sums: dict[tuple[str, str], list[views.Run | views.RunIn]] = {}
    for row in found.rows:
        sums.setdefault((row.currency, row.ending), []).append(row)
    lines = []
    codes = list(dict.fromkeys(row.currency for row in found.rows))
    for (currency, ending), rows in sorted(sums.items(), key=lambda one: (codes.index(one[0][0]), one[0][1])):
        lost = exact_sum(row.lost_cost for row in rows if row.lost_cost is not None)
        known = [row.effective_cost for row in rows if row.effective_cost is not None]
        lines.append(
            f"{len(rows)} {ending.replace('_', ' ')}: {money(exact_sum(known) if known else None)} {currency}"
            + (f", of it lost {money(lost)}" if lost else "")
        )
    return lines


def self_host(
    first: FromOption = None, end: ToOption = None, style: FormatOption = Format.table, database: DatabaseOption = None
) -> None:
    """Serving a model beside buying its tokens.

    For each model served on accelerators: what its tokens cost, what an API would have charged for the very same, and
    at which volume a month the two are even.

    Example: aispend self-host --from 2026-11
    """
    from reports import records, views
    from reports.economics_columns import SELF_HOST
    from reports.home_first import home_first

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.self_hosting(connection, doors.window(first, end, views.newest_window(connection)))
        found = replace(found, rows=home_first(found.rows, door.settings.reporting_currency))
        missing = "" if found.rows else nothing.no_unit_costs(connection, None)
    if not show.answered(SELF_HOST, records.self_host_records(found), style, missing):
        _self_host_table(found)


def _self_host_table(found: views.SelfHosting) -> None:
    from reports.formats import UNKNOWN, count, money, percent, period, unit_price

    cells = []
    for row in found.rows:
        even = UNKNOWN if row.break_even_load is None else percent(row.break_even_load)
        if row.break_even_tokens_per_month is not None:
            even += f"\n{count(row.break_even_tokens_per_month)} tokens"
            if row.break_even_requests_per_month is not None:
                even += f"\n{count(row.break_even_requests_per_month)} requests"
            even += "\na month"
        cells.append(
            (
                f"{row.model}\n{row.provider}",
                f"{money(row.effective_cost)}{'*' if row.partly_unknown else ''}\n{row.currency}",
                f"{count(row.tokens)}\n{percent(row.load)}",
                unit_price(row.cost_per_1m_tokens),
                f"{unit_price(row.api_cost_per_1m_tokens)}\n{unit_price(row.api_middle_cost_per_1m_tokens)}",
                row.why_not or f"{row.api_provider}, {row.api_offers} offers\n{even}",
            )
        )
    show.table(
        [
            Head("model"),
            Head("cost", "right"),
            Head("tokens\nload", "right"),
            Head("per 1M", "right"),
            Head("API:\nleast\nmiddle", "right"),
            Head("API\neven at load,\na month", wrap=True),
        ],
        cells,
        notes=[
            *(
                [f"Effective cost on allocation basis, idle hours included; {period(found.window)}."]
                if found.window
                else []
            ),
            "API: list price of the same tokens, class by class. A cheap offer may be slower, quantized or elsewhere.",
            "Even: the load, and the tokens (and requests of the present size) of 730 hours, at which both cost the "
            "same. Above 100 % this fleet cannot serve so much that it costs less than the API.",
            *sorted({row.source for row in found.rows if row.source}),
        ],
    )
