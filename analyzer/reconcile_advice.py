"""Advice that is shown can be argued with, and its commands are for a person to read (promises 5 and 9).

Method      Of each recommendation that is open or accepted: there is a reason, how to undo it and what it rests on; the
            tenth percentile of its saving is not above the median, nor that above the ninetieth; bounds and risks are
            within what they can be; what it counts for is not more than the cost it acts on. Of each of their commands:
            it reads as the words of a shell, with its quotes closed, and has no control character in it.
Cases       A command of remarks alone (``# …``) is a direction, and has no words to read.
Drawbacks   Whether a command does what it says is no matter of data: tests read each kind's. That the clouds are only
            read is held by tests of every collector and by the policies made from what they ask.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import Connection, text

from analyzer.findings import Finding

ARGUED = "advice can be argued with"
READABLE = "commands are for a person to read"

_SHOWN = "state IN ('open', 'accepted')"
_PRINTABLE = {"\n", "\t"}


def advice_can_be_argued_with(connection: Connection) -> Iterator[Finding]:
    """One finding for all advice that is open or accepted, with what the first one lacks."""
    row = connection.execute(text(_ARGUED)).one()
    if row.shown:
        yield _finding(ARGUED, row.shown, list(row.lacking or []), "run aispend recommend")


def commands_are_for_a_person(connection: Connection) -> Iterator[Finding]:
    """One finding for all commands of advice that is open or accepted."""
    rows = connection.execute(text(_COMMANDS)).all()
    if rows:
        wrong = [f"{row.id} {said}" for row in rows if (said := unreadable(row.command))]
        yield _finding(READABLE, len(rows), wrong, "do not run it; run aispend recommend")


def unreadable(command: str) -> str | None:
    """Why a command should not be given to anybody; None where nothing is wrong with it.

    >>> unreadable("# in account 111\\naws ec2 stop-instances --instance-ids i-1")
    >>> unreadable("aws ec2 stop-instances --instance-ids 'i-1")
    'has a quote that is not closed'
    """
    if any(not (mark.isprintable() or mark in _PRINTABLE) for mark in command):
        return "has a control character"
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return "has a quote that is not closed"
    return None


def _finding(promise: str, count: int, wrong: list[str], next_step: str) -> Finding:
    bad = Decimal(len(wrong))
    return Finding(
        promise=promise,
        scope=None,
        period=None,
        currency=None,
        ours=count - bad,
        theirs=Decimal(count),
        difference=bad.copy_negate(),
        cause=f"{wrong[0]}{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}; {next_step}" if wrong else "equal",
        holds=not wrong,
    )


_ARGUED = f"""
    SELECT count(*) AS shown, array_agg(id || ' ' || lacks ORDER BY id) FILTER (WHERE lacks <> '') AS lacking
    FROM (SELECT id, concat_ws(', ',
                 CASE WHEN trim(reason) = '' THEN 'has no reason' END,
                 CASE WHEN trim(undo) = '' THEN 'does not say how to undo it' END,
                 CASE WHEN evidence = '{{}}' THEN 'has no evidence' END,
                 CASE WHEN saving_p10 > saving_p50 OR saving_p50 > saving_p90 THEN 'has a range upside down' END,
                 CASE WHEN risk NOT BETWEEN 0 AND 4 THEN 'has no risk of 0 to 4' END,
                 CASE WHEN violation_bound NOT BETWEEN 0 AND 1 THEN 'has a bound that is no share' END,
                 CASE WHEN counted AND monthly_saving_net IS NULL THEN 'counts without a saving' END,
                 CASE WHEN counted_net > monthly_cost THEN 'would save more than it costs' END) AS lacks
          FROM recommendation WHERE {_SHOWN}) AS advice"""

_COMMANDS = f"""
    SELECT id, command FROM recommendation WHERE {_SHOWN} AND trim(command) <> '' ORDER BY id"""
