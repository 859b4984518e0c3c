"""Why costly resources have no advice: a line each, what is not measured first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption
from aispend.cli.show import Head

if TYPE_CHECKING:
    from reports import views

_TERMS = "Cost: what the last days of the bill cost, scaled to 730 hours."


def register(group: typer.Typer) -> None:
    """Add the command to ``group``."""
    group.command("why-not")(why_not)


def why_not(
    limit: Annotated[int, typer.Option(min=1, help="Resources a table shows; the rest is summed up.")] = 15,
    every: Annotated[bool, typer.Option("--all", help="What every kind of advice says of each.")] = False,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Why a costly resource has no advice.

    Each with the reason that decides, and what to enable: that it is not measured comes first. JSON and CSV have every
    reason. What costs less a month than advice has to save (recommend.min_monthly_saving) is left out and summed up.

    Example: aispend recommendations why-not --limit 40 --all
    """
    from reports import views
    from reports.advice_columns import WHY_NOT
    from reports.advice_records import why_not_records
    from reports.home_first import home_first

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        floor = door.settings.recommend.min_monthly_saving
        home = door.settings.reporting_currency
        found = views.undecided(home_first(views.why_not(connection, floor), home))
        below = _below_floor(home_first(views.why_not_below(connection, floor), home), floor)
    if style is not Format.table:
        show.machine(WHY_NOT, why_not_records(found), style)
        for sentence in below:
            doors.note(f"note: {sentence}")
    elif not found:
        show.lines(
            ["No costly resource is without advice.", *below]
            if below
            else ["No costly resource is without advice, or nothing was looked at yet: aispend recommend"]
        )
    else:
        _reasons_table(found, limit, below, every=every)


def _reasons_table(found: Sequence[views.Undecided], limit: int, below: list[str], *, every: bool) -> None:
    """What is not measured, then a resource at a time with the reason that decides."""
    from reports.advice_words import unmeasured_line
    from reports.formats import money
    from reports.views import unmeasured

    blind = [unmeasured_line(one) for one in unmeasured(found)]
    if blind:
        show.lines([*blind, ""])
    rest: dict[str, list[views.Undecided]] = {}
    for one in found[limit:]:
        rest.setdefault(one.decides.currency, []).append(one)
    more = sum(len(one.others) for one in found[:limit])
    show.table(
        [Head("resource, and why not", wrap=True), Head("cost/month", "right")],
        [
            ("\n".join(_said(one, every=every)), f"{money(one.monthly_cost)} {one.decides.currency}")
            for one in found[:limit]
        ],
        notes=[
            *(_rest(left, currency) for currency, left in rest.items()),
            *below,
            *([f"{more} more reasons of other kinds of advice: --all"] if more and not every else []),
            _TERMS,
        ],
    )


def _said(one: views.Undecided, *, every: bool) -> list[str]:
    from reports.kinds import kind_title

    rows = (one.decides, *one.others) if every else (one.decides,)
    return [_called(one.decides), *(f"{kind_title(row.kind)}: {row.explanation}" for row in rows)]


def _called(row: views.WhyNot) -> str:
    """The end of its id, with the name people have for it where that is another."""
    end = show.short_id(row.resource_id, 32)
    if row.name and not row.billed:
        return row.name
    return f"{end} ({row.name})" if row.name and row.name != end else end


def _rest(left: Sequence[views.Undecided], currency: str) -> str:
    """What is not shown; a service and the like costs what its machines cost, so it is not added."""
    from reports.formats import money

    billed = [one.monthly_cost for one in left if one.decides.billed]
    known = [cost for cost in billed if cost is not None]
    unknown = f", {len(billed) - len(known)} of unknown cost" if len(known) < len(billed) else ""
    few = f"{len(left)} more resource{'' if len(left) == 1 else 's'}"
    if len(billed) < len(left):
        few = f"{len(left)} more, of which {len(billed)} resource{'' if len(billed) == 1 else 's'} of the bill"
    return f"{few}, {money(sum(known, Decimal(0)))} {currency} a month together{unknown}. See them with --limit."


def _below_floor(below: Sequence[views.Below], floor: Decimal) -> list[str]:
    from reports.formats import money

    return [
        (f"{row.resources} resources cost" if row.resources > 1 else "1 resource costs")
        + f" less than {floor} {row.currency} a month{' each' if row.resources > 1 else ''} "
        f"(recommend.min_monthly_saving), {money(row.monthly_cost)} {row.currency} together: too little for advice."
        for row in below
    ]
