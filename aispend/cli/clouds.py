"""Connecting a cloud: what to grant, and whether it works."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, show
from aispend.cli.choices import one_of
from aispend.cli.doors import DatabaseOption, Format, FormatOption

if TYPE_CHECKING:
    from collectors.doctor import Diagnosis


class Cloud(StrEnum):
    """The clouds that can be connected."""

    aws = "aws"
    azure = "azure"
    gcp = "gcp"


class Style(StrEnum):
    """How a policy is written."""

    json = "json"
    terraform = "terraform"


CloudArgument = Annotated[Cloud, typer.Argument(help="The cloud.", show_default=False, parser=one_of(Cloud))]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("policy")(policy)
    app.command("doctor")(doctor)


def policy(
    cloud: CloudArgument,
    style: Annotated[
        Style,
        typer.Option("--format", help="As a document, or as Terraform with a role.", parser=one_of(Style, "--format")),
    ] = Style.json,
) -> None:
    """Print the permissions to grant.

    Exactly what the collectors declare, and only to read; limited to the buckets named in aispend.toml.

    Example: aispend policy aws --format terraform > aispend.tf
    """
    from aispend.settings import load_settings
    from collectors.registry import clouds, operations

    settings, chosen = load_settings(), clouds()[cloud.value]
    for connection in chosen.connections(settings) or (chosen.example(),):
        sys.stdout.write(chosen.grant(connection, operations(chosen, connection), style.value))


def doctor(
    cloud: Annotated[
        Cloud | None, typer.Argument(help="One cloud. Default: all.", show_default=False, parser=one_of(Cloud))
    ] = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Prove each source: reachable, permitted, fresh, complete.

    Names the permission that is missing, the export that is not delivered yet, the agent that is not installed, and
    what asking for metrics costs. Exit status 1 where something must be done.

    Example: aispend doctor aws
    """
    from aispend.clock import system_clock
    from collectors.doctor import diagnose
    from reports.columns import DIAGNOSIS
    from reports.records import records

    with doors.opened(database) as door, doors.progress_bars() as bars:
        found = diagnose(door.settings, door.store, system_clock, cloud=cloud.value if cloud else None, progress=bars)
    if style is not Format.table:
        show.machine(DIAGNOSIS, records(DIAGNOSIS, found), style)
    else:
        _tell(found)
    if any(one.state == "broken" for one in found):
        raise typer.Exit(1)


_SIGNS = {"good": "✓", "note": "·", "broken": "✗"}


def _tell(found: list[Diagnosis]) -> None:
    for one in found:
        show.lines([f"{_SIGNS[one.state]} {one.source}: {one.what}"])
        if one.next_step:
            show.lines([f"    next: {one.next_step}"])
    broken = sum(one.state == "broken" for one in found)
    works = any(one.state == "good" for one in found)
    show.lines(["", f"{broken} to put right." if broken else "Everything works." if works else "Nothing was checked."])
