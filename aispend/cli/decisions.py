"""Decisions on recommendations: accept, dismiss, snooze, evaluated, done, reopen; each with who and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption
from aispend.cli.imports import login
from aispend.errors import UsageError

if TYPE_CHECKING:
    from recommender.life import Decided, Doing, Event

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Its id, or six characters or more it begins with.", show_default=False)
]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)]
WhoOption = Annotated[
    str | None, typer.Option("--who", metavar="NAME", help="Who decides. Default: your login.", show_default=False)
]


def register(group: typer.Typer) -> None:
    """Add the commands to ``group``."""
    group.command("accept")(accept)
    group.command("dismiss")(dismiss)
    group.command("snooze")(snooze)
    group.command("evaluated")(evaluated)
    group.command("done")(done)
    group.command("reopen")(reopen)


def accept(
    recommendation: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Say that it will be done.

    What it promises, and what its resources cost now, is written down.

    Example: aispend recommendations accept 3f2a91c0
    """
    _change(recommendation, "accepted", reason, who, database)


def dismiss(
    recommendation: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Say that it will not be done, and why.

    Example: aispend recommendations dismiss 3f2a91c0 --reason "kept for the audit"
    """
    _change(recommendation, "dismissed", reason, who, database)


def snooze(
    recommendation: IdArgument,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="First day it is open again.", show_default=False)
    ] = None,
    reason: ReasonOption = None,
    who: WhoOption = None,
    database: DatabaseOption = None,
) -> None:
    """Ask again later.

    Example: aispend recommendations snooze 3f2a91c0 --until 2027-01-15
    """
    _change(recommendation, "snoozed", reason, who, database, until=until)


def evaluated(
    recommendation: IdArgument,
    passed: Annotated[
        bool | None, typer.Option("--passed/--failed", help="What was shown.", show_default=False)
    ] = None,
    reason: ReasonOption = None,
    who: WhoOption = None,
    database: DatabaseOption = None,
) -> None:
    """Say how the evaluation it waits for came out.

    Once passed it counts, from the next aispend recommend on; once failed, with the reason, it does not.

    Example: aispend recommendations evaluated 3f2a91c0 --passed --reason "answers as good on 500 cases"
    """
    from aispend.clock import system_clock
    from recommender.life import evaluate

    if passed is None:
        raise UsageError("Was it passed?", where=recommendation, next_step="Add --passed, or --failed --reason TEXT.")
    verdict = "evaluation_passed" if passed else "evaluation_failed"
    with doors.opened(database) as door, door.store.engine.begin() as connection:
        decided = evaluate(
            connection,
            recommendation,
            "evaluation_passed" if passed else "evaluation_failed",
            who=(who or "").strip() or login(),
            reason=reason,
            clock=system_clock,
        )
    _say(decided, verdict.replace("_", " "))


def done(
    recommendation: IdArgument,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DAY", help="Day it was done. Default: today.", show_default=False),
    ] = None,
    planned_end: Annotated[
        str | None,
        typer.Option(
            "--planned-end",
            metavar="DAY",
            help="First day it would not have run in any case. Default: none, and twelve months are counted.",
            show_default=False,
        ),
    ] = None,
    reason: ReasonOption = None,
    who: WhoOption = None,
    database: DatabaseOption = None,
) -> None:
    """Say that it has been done.

    From the day after, the bill is held against what it cost before: aispend savings

    Example: aispend recommendations done 3f2a91c0 --on 2026-11-02
    """
    from recommender.life import Doing

    doing = Doing(
        doors.day("--on", on) if on else None,
        doors.day("--planned-end", planned_end) if planned_end else None,
    )
    _change(recommendation, "done", reason, who, database, doing=doing)


def reopen(
    recommendation: IdArgument, reason: ReasonOption = None, who: WhoOption = None, database: DatabaseOption = None
) -> None:
    """Take a decision back.

    What was done stays in the ledger of savings up to that day.

    Example: aispend recommendations reopen 3f2a91c0
    """
    _change(recommendation, "reopened", reason, who, database)


def _change(
    recommendation: str,
    event: Event,
    reason: str | None,
    who: str | None,
    database: str | None,
    *,
    until: str | None = None,
    doing: Doing | None = None,
) -> None:
    from aispend.clock import system_clock
    from recommender.life import Doing, change_state

    day = doors.day("--until", until) if until else None
    with doors.opened(database) as door, door.store.engine.begin() as connection:
        decided = change_state(
            connection,
            recommendation,
            event,
            who=(who or "").strip() or login(),
            reason=reason,
            until=day,
            doing=doing or Doing(),
            clock=system_clock,
        )
    _say(decided, event)


def _say(decided: Decided, what: str) -> None:
    from reports.formats import kind_name, money
    from reports.subject_names import subject_name

    name = subject_name(decided.resource_id, decided.model, decided.team)
    show.lines(
        [
            f"{decided.id}: {what}. {kind_name(decided.kind)} {show.short_id(decided.resource_id, name=name)}, "
            f"saves {money(decided.monthly_saving_net)} {decided.currency} a month net",
            *([f"With it, as its group changes as a whole: {', '.join(decided.with_it)}"] if decided.with_it else []),
        ]
    )
