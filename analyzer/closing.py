"""Closing a month: what was published stays what it was, whatever is loaded or decided later (promise 3).

Assumes     bills are loaded and analyzed; the checks of ``analyzer.reconcile`` say whether the month may be closed.
Method      Amounts of the month are copied from ``spend_day``, summed by provider, scope, account, service, model,
            team, stage, charge category, AI spend or not, and currency, with all four costs; beside them the rules
            in force, the bills with the loads behind them, and a fingerprint of the amounts. The bills
            become *closed*; what replaces one of them is *restated*.
Cases       A month that has not ended is never closed. One whose checks fail, or whose bill was last loaded before the
            month ended, is closed by force only, and the reason is kept with the checks that failed. Opening a
            month again leaves its version as a record; closing it then publishes the next one.
Drawbacks   A published version knows days and resources no more; those are in the ledger, as it is now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import DBAPIError

from aispend.clock import Clock, next_month
from aispend.errors import AispendError, BusyError, UsageError
from aispend.schema import closing
from aispend.settings import Settings
from aispend.store.bills import state_of
from aispend.store.locks import exclusive
from analyzer.exact_sql import COSTS
from analyzer.findings import Finding
from analyzer.fingerprint import ANALYSIS_VERSION
from analyzer.reconcile import check
from analyzer.reconcile_closing import CLOSING_PROMISES, CONTENT, CUT, LEDGER

_TOLD = 8
"""Failed checks named in a refusal: enough to know where to look; aispend reconcile has them all."""
_CHANGED_MEANWHILE = "40001"
_DECIDING = ("tags", "allocation", "reporting_currency")
_OF_ADVICE = (5, 6, 9)
"""The promises about what is advised, what it saved, and in which words: no month's money depends on them."""


class NotClosedError(AispendError):
    """The month was not closed; ``failed`` are the checks that stood against it."""

    def __init__(self, what: str, *, failed: Sequence[Finding], next_step: str) -> None:
        self.failed = tuple(failed)
        told = [f"{row.promise}, {row.scope or 'all bills'}: {row.cause}" for row in failed[:_TOLD]]
        more = [f"and {len(failed) - _TOLD} more"] if len(failed) > _TOLD else []
        where = "\n         ".join((*told, *more))
        super().__init__(what, where=where, next_step=next_step)


@dataclass(frozen=True)
class Closed:
    """What was published: ``amounts`` counts its rows, ``failed`` the checks it was closed in spite of."""

    month: date
    version: int
    amounts: int
    failed: int
    states: tuple[str, ...]
    """States of its bills until then, e.g. ``final`` or ``provisional``."""


def close_month(
    engine: Engine,
    settings: Settings,
    clock: Clock,
    month: date,
    *,
    who: str,
    note: str | None = None,
    force_reason: str | None = None,
) -> Closed:
    """Publish ``month`` (its first day) as it is now.

    Raises ``UsageError`` where it is closed already, has no bill or has not ended; ``NotClosedError`` where a check of
    the month fails and no ``force_reason`` is given; ``BusyError`` while an analysis runs, and where
    a bill of the month comes in between.
    """
    now = clock()
    if now.date() < next_month(month):
        raise UsageError(
            f"{month:%Y-%m} has not ended.",
            where=f"today is {now:%Y-%m-%d}",
            next_step="Close it once its bill is final.",
        )
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            exclusive(connection, "analyze")
            return _publish(connection, settings, month, now, who=who, note=note, force_reason=force_reason)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _CHANGED_MEANWHILE:
            raise
        raise BusyError(
            f"A bill of {month:%Y-%m} was loaded while the month was being closed; nothing was published.",
            next_step="Run aispend analyze, then close it again.",
        ) from error


def _publish(
    connection: Connection,
    settings: Settings,
    month: date,
    now: datetime,
    *,
    who: str,
    note: str | None,
    force_reason: str | None,
) -> Closed:
    _refuse_twice(connection, month)
    bills = bills_of_month(connection, month)
    if not bills:
        raise UsageError(f"No bill of {month:%Y-%m} is loaded.", next_step="Load one: aispend import PATH…")
    failed = [*_unfinished(month, bills), *_failures(connection, settings, month)]
    if failed and force_reason is None:
        raise NotClosedError(
            f"{month:%Y-%m} was not closed: {len(failed)} checks do not hold.",
            failed=failed,
            next_step="Mend them (aispend reconcile), or close it all the same: --force REASON",
        )
    rules = rules_now(settings)
    version = 1 + int(
        connection.scalar(text("SELECT count(*) FROM closing WHERE month = :month"), {"month": month}) or 0
    )
    values: dict[str, Any] = {
        "month": month,
        "version": version,
        "closed_at": now,
        "closed_by": who,
        "note": note,
        "forced_reason": force_reason if failed else None,
        "failed_checks": [f"{row.promise}, {row.scope or 'all bills'}: {row.cause}" for row in failed],
        "bills": bills,
        "rules": rules,
        "rules_fingerprint": hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest(),
        "content_fingerprint": "",
        "compared_bills": bills,
        "compared_rules": rules,
    }
    closing_id = connection.scalar(insert(closing).values(values).returning(closing.c.closing_id))
    amounts = connection.execute(text(_PUBLISH), {"id": closing_id, "month": month}).rowcount
    connection.execute(text(_FINGERPRINT), {"id": closing_id})
    connection.execute(text("UPDATE slice SET state = 'closed' WHERE kind = 'bill' AND period = :m"), {"m": month})
    return Closed(month, version, amounts, len(failed), tuple(sorted({bill["state"] for bill in bills})))


def reopen_month(engine: Engine, clock: Clock, month: date, *, who: str, reason: str) -> int:
    """Let ``month`` change again; returns the version that stood. Its record and its adjustments stay.

    Raises ``UsageError`` where the month is not closed.
    """
    with engine.begin() as connection:
        exclusive(connection, "analyze")
        row = connection.execute(text(_STANDING), {"month": month}).mappings().one_or_none()
        if row is None:
            raise UsageError(f"{month:%Y-%m} is not closed.", next_step="See which are: aispend close")
        connection.execute(
            text(
                "UPDATE closing SET reopened_at = :now, reopened_by = :who, reopened_reason = :reason"
                " WHERE closing_id = :id"
            ),
            {"now": clock(), "who": who, "reason": reason, "id": row["closing_id"]},
        )
        before = {(bill["provider"], bill["scope"]): bill for bill in row["bills"]}
        for slice_id, provider, scope, loaded_at in connection.execute(text(_SLICES), {"month": month}).all():
            was_final = before.get((provider, scope), {}).get("state") == "final"
            connection.execute(
                text("UPDATE slice SET state = :state WHERE slice_id = :id"),
                {"state": state_of(month, loaded_at, invoiced=was_final), "id": slice_id},
            )
        return int(row["version"])


def rules_now(settings: Settings) -> dict[str, Any]:
    """What decides whose a charge is, as it stands: method of the analysis, rules, settings."""
    return {
        "method": ANALYSIS_VERSION,
        "rules": [rule.model_dump(mode="json") for rule in settings.rules],
        "settings": settings.model_dump(mode="json", include=set(_DECIDING)),
    }


def bills_of_month(connection: Connection, month: date) -> list[dict[str, Any]]:
    """The bills of ``month`` with the ids of the loads that gave their content."""
    return [dict(row) for row in connection.execute(text(_BILLS), {"month": month}).mappings()]


def _refuse_twice(connection: Connection, month: date) -> None:
    standing = connection.execute(text(_STANDING), {"month": month}).mappings().one_or_none()
    if standing is not None:
        raise UsageError(
            f"{month:%Y-%m} is closed.",
            where=f"version {standing['version']}, by {standing['closed_by']} on {standing['closed_at']:%Y-%m-%d}",
            next_step="To publish it again, open it first: aispend close MONTH --reopen REASON",
        )


def _unfinished(month: date, bills: Sequence[dict[str, Any]]) -> list[Finding]:
    """Bills that were last loaded while the month was running."""
    return [
        Finding(
            promise="the month is whole",
            scope=f"{bill['provider']} {bill['scope']}",
            period=month,
            currency=None,
            ours=None,
            theirs=None,
            difference=None,
            cause=f"the bill was last loaded on {bill['loaded_at'][:10]}, before the month ended: load it again",
            holds=False,
        )
        for bill in bills
        if bill["state"] == "open"
    ]


def _failures(connection: Connection, settings: Settings, month: date) -> list[Finding]:
    return [
        row
        for row in check(connection, settings)
        if not row.holds and row.period in (month, None)
        if row.promise not in CLOSING_PROMISES and row.number not in _OF_ADVICE
    ]


_BILLS = """
    SELECT s.provider, s.scope, s.dataset, s.source, s.state,
           to_char(s.loaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS loaded_at,
           coalesce((SELECT jsonb_agg(newest.load_id ORDER BY newest.load_id)
                     FROM (SELECT max(l.load_id) AS load_id FROM load l
                           WHERE l.slice_id = s.slice_id AND l.outcome = 'loaded'
                             AND l.dataset = ANY(string_to_array(s.dataset, '+'))
                           GROUP BY l.dataset) AS newest), '[]') AS loads
    FROM slice s
    WHERE s.kind = 'bill' AND s.period = :month
    ORDER BY s.provider, s.scope"""

_SLICES = "SELECT slice_id, provider, scope, loaded_at FROM slice WHERE kind = 'bill' AND period = :month"
_STANDING = "SELECT * FROM closing WHERE month = :month AND reopened_at IS NULL"
_COSTS = ", ".join(COSTS)

_PUBLISH = f"""
    INSERT INTO closing_amount (closing_id, adjustment, ordinal, {", ".join(CUT)}, {_COSTS}, unknown_costs)
    SELECT :id, 0, row_number() OVER (ORDER BY {", ".join(CUT)}), {", ".join(CUT)},
           {", ".join(f"sum({column})" for column in COSTS)}, bit_or(unknown_costs)
    FROM ({LEDGER}) AS ledger
    GROUP BY {", ".join(CUT)}"""

_FINGERPRINT = f"""
    UPDATE closing SET content_fingerprint = (SELECT {CONTENT} FROM closing_amount a
                                              WHERE a.closing_id = closing.closing_id AND a.adjustment = 0)
    WHERE closing_id = :id"""
