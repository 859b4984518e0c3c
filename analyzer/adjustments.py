"""Prior-period adjustments: what changed in a month after it was closed, with its cause (promise 3).

Assumes     the month was just analyzed, in the same transaction.
Method      The ledger by the cuts of the published version, less all that is booked for it (published and earlier
            adjustments), is what changed since. It is booked bill by bill, so that
            published + adjustments = ledger holds after every analysis.
Cases       The cause is told from what differs from the last comparison: the bill (restated, added, gone), the
            rules (named), or neither: then telemetry, names or catalogues. A change that moves no amount is not booked.
Drawbacks   Where a bill and the rules changed between two analyses, both are named for their common difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from aispend.settings import Settings
from analyzer.closing import bills_of_month, rules_now
from analyzer.exact_sql import COSTS
from analyzer.reconcile_closing import CUT, DIFFERENCES

_Bill = Mapping[str, Any]


def book_adjustments(connection: Connection, months: Iterable[date], settings: Settings, now: datetime) -> int:
    """Book what changed in those of ``months`` that are closed; returns how many adjustments that makes."""
    booked = 0
    for month in months:
        closing = connection.execute(text(_STANDING), {"month": month}).mappings().one_or_none()
        if closing is not None:
            booked += _book(connection, dict(closing), settings, now)
    return booked


def book_months_gone(connection: Connection, known: Sequence[date], settings: Settings, now: datetime) -> int:
    """The same for closed months of which nothing is loaded any more."""
    gone = connection.scalars(
        text("SELECT month FROM closing WHERE reopened_at IS NULL AND month <> ALL(:known) ORDER BY month"),
        {"known": list(known)},
    ).all()
    return book_adjustments(connection, gone, settings, now)


def _book(connection: Connection, closing: Mapping[str, Any], settings: Settings, now: datetime) -> int:
    closing_id, month = closing["closing_id"], closing["month"]
    bills, rules = bills_of_month(connection, month), rules_now(settings)
    scope = {"id": closing_id, "month": month}
    connection.execute(text(f"CREATE TEMP TABLE changed_since AS {DIFFERENCES}"), scope)
    changed = connection.execute(text("SELECT DISTINCT provider, scope FROM changed_since ORDER BY 1, 2")).all()
    first = 1 + int(connection.scalar(text(_BOOKED), scope) or 0)
    about_rules = rules_changed(closing["compared_rules"], rules)
    for number, (provider, bill_scope) in enumerate(changed, start=first):
        then, present = (_of(side, provider, bill_scope) for side in (closing["compared_bills"], bills))
        about_bill = bill_changed(then, present)
        kinds = [kind for kind, cause in (("bill", about_bill), ("rules", about_rules)) if cause]
        values = scope | {
            "number": number,
            "now": now,
            "provider": provider,
            "scope": bill_scope,
            "kind": " and ".join(kinds) or "signals",
            "cause": "; ".join(cause for cause in (about_bill, about_rules) if cause)
            or "telemetry, names or catalogues changed",
            "author": (present or then or {}).get("source") if about_bill else None,
        }
        connection.execute(text(_ADJUSTMENT), values)
        connection.execute(text(_AMOUNTS), values)
    connection.execute(text("DROP TABLE changed_since"))
    compared = {"bills": json.dumps(bills), "rules": json.dumps(rules)}
    connection.execute(text(_COMPARED), scope | compared)
    return len(changed)


def bill_changed(then: _Bill | None, now: _Bill | None) -> str | None:
    """What became of a bill; None where it is the same."""
    if now is None:
        return "bill no longer loaded" if then is not None else None
    if then is not None and (then["loads"], then["loaded_at"]) == (now["loads"], now["loaded_at"]):
        return None
    fresh = [number for number in now["loads"] if then is None or number not in then["loads"]]
    by = f" by load {', '.join(map(str, fresh))}" if fresh else ""
    return f"bill {'added' if then is None else 'restated'}{by} on {now['loaded_at'][:10]}"


def rules_changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Which rules and settings differ, by name; None where none does."""
    if then == now:
        return None
    before, after = ({rule["name"]: rule for rule in side["rules"]} for side in (then, now))
    parts = [f"{name} added" for name in after if name not in before]
    parts += [f"{name} removed" for name in before if name not in after]
    parts += [f"{name} altered" for name in after if name in before and after[name] != before[name]]
    if not parts and then["rules"] != now["rules"]:
        parts.append("their order")
    names = sorted({*then["settings"], *now["settings"]})
    parts += [f"setting {name}" for name in names if then["settings"].get(name) != now["settings"].get(name)]
    if then["method"] != now["method"]:
        parts.append(f"method of the analysis {then['method']} to {now['method']}")
    return f"rules changed: {', '.join(parts)}"


def _of(bills: Sequence[_Bill], provider: str, scope: str) -> _Bill | None:
    return next((bill for bill in bills if (bill["provider"], bill["scope"]) == (provider, scope)), None)


_STANDING = "SELECT * FROM closing WHERE month = :month AND reopened_at IS NULL FOR UPDATE"
_BOOKED = "SELECT max(adjustment) FROM closing_adjustment WHERE closing_id = :id"
_COLUMNS = ", ".join((*CUT, *COSTS, "unknown_costs"))

_ADJUSTMENT = """
    INSERT INTO closing_adjustment (closing_id, adjustment, found_at, provider, scope, kind, cause, author)
    VALUES (:id, :number, :now, :provider, :scope, :kind, :cause, :author)"""

_AMOUNTS = f"""
    INSERT INTO closing_amount (closing_id, adjustment, ordinal, {_COLUMNS})
    SELECT :id, :number, row_number() OVER (ORDER BY {", ".join(CUT)}), {_COLUMNS}
    FROM changed_since WHERE provider = :provider AND scope = :scope"""

_COMPARED = """
    UPDATE closing SET compared_bills = CAST(:bills AS jsonb), compared_rules = CAST(:rules AS jsonb)
    WHERE closing_id = :id"""
