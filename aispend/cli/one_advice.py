"""One recommendation in full, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from aispend.cli import doors, show
from aispend.cli.decisions import IdArgument
from aispend.cli.doors import DatabaseOption, Format, FormatOption
from aispend.cli.show import Head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports import views

_NAMED = 6
"""Resources a sheet names."""


def register(group: typer.Typer) -> None:
    """Add the command to ``group``."""
    group.command("show")(show_one)


def show_one(recommendation: IdArgument, style: FormatOption = Format.table, database: DatabaseOption = None) -> None:
    """Show one recommendation in full.

    What to do and what that saves, the replay on history and all it was measured by, risk and how to undo it, its life
    so far with who and why, and the command or Terraform to check and run.

    Example: aispend recommendations show 3f2a91c0
    """
    from reports import views
    from reports.advice_columns import RECOMMENDATIONS
    from reports.advice_records import recommendation_records

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.one_recommendation(connection, recommendation)
    if style is Format.table:
        _sheet(found.row, found.life)
    else:
        show.machine(RECOMMENDATIONS, recommendation_records([found.row]), style)


def _sheet(row: views.Recommendation, life: Sequence[views.AdviceStep]) -> None:
    from reports import advice_sheet
    from reports.advice_words import badges
    from reports.formats import change_name, moment, money
    from reports.kinds import kind_title

    named = f"{row.name} ({row.resource_id})" if row.name and row.name != row.resource_id else row.resource_id
    show.lines([f"{kind_title(row.kind)}: {named}", f"{row.id}, {row.state}", row.reason])
    show.lines(f"! {text}" for text in badges(row))
    facts = [*advice_sheet.savings(row), *advice_sheet.facts(row)]
    if len(row.acts_on) > 1:
        facts.append(("Acts on", _acted_on(row)))
    for title, pairs in (("what to do", facts), ("evidence", advice_sheet.proof(row))):
        show.lines([""])
        show.table([Head(title), Head("", wrap=True)], pairs)
    show.lines([""])
    show.table(
        [Head("when"), Head("what"), Head("who"), Head("saves/month", "right"), Head("why", wrap=True)],
        [
            (
                moment(step.at),
                change_name(step.event) + (f" to {step.until}" if step.until else ""),
                step.who or "aispend",
                "" if step.monthly_saving_net is None else f"{money(step.monthly_saving_net)} {row.currency}",
                step.reason or "",
            )
            for step in life
        ],
    )
    if row.command:
        _verbatim("Command, for a person to check and run:", row.command)
    if terraform := row.evidence.get("terraform"):
        _verbatim("Terraform, what to set:", str(terraform))
    _verbatim("Decide, with the reason if there is one:", "\n".join(advice_sheet.decisions(row)))


def _acted_on(row: views.Recommendation) -> str:
    names = sorted(row.acts_on)
    more = f" and {len(names) - _NAMED} more (all: --format json)" if len(names) > _NAMED else ""
    return f"{len(names)} resources: {', '.join(show.short_id(name) for name in names[:_NAMED])}{more}"


def _verbatim(title: str, text: str) -> None:
    """As it is to be copied: no line is broken."""
    show.lines(["", title])
    typer.echo(text)
