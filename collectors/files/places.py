"""What zones offer and what quotas grant, from CSV files: for accounts that nobody lets us collect these from.

*Forms.* ``OFFERING``: a line per machine type and region, with the zones that offer it. ``QUOTA``: a line per limit,
with the types it covers as patterns of their names. See ``docs/telemetry.md``.

*Replaced* is all that this source told of the accounts and regions in the file. Of what a cloud told and a file says of
the same type or limit the newer holds. All lines are read or none; a mistake is named with file, line, column and
value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, or_
from sqlalchemy.dialects.postgresql import insert

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.schema import quota, type_offering
from aispend.store import Store
from collectors.files.forms import Line, read_form

PROVIDERS = ("aws", "azure", "gcp")
PURCHASES = ("on_demand", "spot")
UNITS = {"vcpu": "vCPU", "accelerator": "accelerator", "machine": "machine"}
NO_ZONE, NO_ZONES = "none", "region"
"""Words for a type that no zone offers, and for a region that has no zones."""

_BETWEEN = re.compile(r"[\s;|]+")
_BLOCK = 5_000


@dataclass(frozen=True)
class Form:
    """The columns of a file, and the table its lines go into."""

    table: Table
    required: Sequence[str]
    optional: Sequence[str]
    parse: Callable[[Line, datetime], dict[str, Any]]


@dataclass(frozen=True)
class _Row:
    """A row of a table, and the line it is from."""

    line: Line
    values: dict[str, Any]


def import_offerings(paths: Sequence[str | Path], store: Store, clock: Clock, *, source: str = "files") -> int:
    """Load which zones offer which machine types; how many lines. Raises ``InputError`` where one cannot be used."""
    return _load(OFFERING, paths, store, clock(), source)


def import_quotas(paths: Sequence[str | Path], store: Store, clock: Clock, *, source: str = "files") -> int:
    """Load how much may run at once; how many lines. Raises ``InputError`` where one cannot be used."""
    return _load(QUOTA, paths, store, clock(), source)


def _load(form: Form, paths: Sequence[str | Path], store: Store, now: datetime, source: str) -> int:
    found = read_form(paths, form.required, form.optional, lambda line: _Row(line, form.parse(line, now)))
    keys = [column.name for column in form.table.primary_key]
    seen: set[tuple[Any, ...]] = set()
    for row in found:
        key = tuple(row.values[name] for name in keys)
        if key in seen:
            raise InputError(
                f"{' '.join(key)} is there more than once. Nothing was loaded.",
                where=f"{row.line.path}, line {row.line.number}",
                next_step="Keep one of its lines.",
            )
        seen.add(key)
    rows = [{**row.values, "source": source} for row in found]
    with store.engine.begin() as connection:
        _replace(connection, form.table, keys, rows, source)
    return len(rows)


def _replace(
    connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]], source: str
) -> None:
    c = table.c
    places = {(row["provider"], row["account"], row["region"]) for row in rows}
    of_places = or_(
        *(and_(c.provider == one, c.account == two, c.region == three) for one, two, three in sorted(places))
    )
    connection.execute(delete(table).where(c.source == source, of_places))
    for start in range(0, len(rows), _BLOCK):
        statement = insert(table).values(list(rows[start : start + _BLOCK]))
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(keys), set_=changed, where=statement.excluded.as_of >= c.as_of
            )
        )


def _place(line: Line, now: datetime) -> dict[str, Any]:
    return {
        "provider": line.one_of("provider", PROVIDERS),
        "account": line.need("account"),
        "region": line.need("region").lower(),
        "as_of": _as_of(line, now),
    }


def _offering(line: Line, now: datetime) -> dict[str, Any]:
    return _place(line, now) | {"instance_type": line.need("instance_type"), "zones": _zones(line)}


def _zones(line: Line) -> list[str]:
    words = _BETWEEN.split(line.text("zones") or "")
    if not words[0]:
        raise line.wrong(
            "zones",
            "Which zones offer it is missing.",
            f"Name them with blanks between; {NO_ZONE} where no zone offers it, {NO_ZONES} where the region has none.",
        )
    plain = [word.lower() for word in words]
    for word, meant in ((NO_ZONE, list[str]()), (NO_ZONES, [""])):
        if word in plain:
            if len(plain) > 1:
                raise line.wrong("zones", f"{word} stands beside a zone.", f"Write {word} alone, or zones.")
            return meant
    return sorted(set(words))


def _quota(line: Line, now: datetime) -> dict[str, Any]:
    return _place(line, now) | {
        "code": line.need("code"),
        "title": line.text("title") or line.need("code"),
        "covers": _covers(line),
        "purchase": line.one_of("purchase", PURCHASES) if line.text("purchase") else "on_demand",
        "unit": UNITS[line.one_of("unit", UNITS)] if line.text("unit") else "vCPU",
        "granted": _count(line, "granted"),
        "used": _count(line, "used") if line.text("used") else None,
    }


def _covers(line: Line) -> list[str]:
    """Patterns of names as machine types are compared: Azure's without what its texts write differently."""
    found = [one for one in _BETWEEN.split(line.need("covers").lower()) if one]
    if line.need("provider").lower() != "azure":
        return found
    return [one.removeprefix("standard").replace("_", "") for one in found]


def _count(line: Line, column: str) -> Decimal:
    found = line.amount(column)
    if found < 0:
        raise line.wrong(column, "This cannot be.", "Write a number of 0 or more.")
    return found


def _as_of(line: Line, now: datetime) -> datetime:
    if line.text("as_of") is None:
        return now
    day = line.day("as_of")
    if day > now.date():
        raise line.wrong("as_of", "This day is to come.", "Write today or before, or leave it empty: today.")
    return datetime.combine(day, time(), UTC)


OFFERING = Form(type_offering, ("provider", "account", "region", "instance_type", "zones"), ("as_of",), _offering)
QUOTA = Form(
    quota,
    ("provider", "account", "region", "code", "granted", "covers"),
    ("title", "purchase", "unit", "used", "as_of"),
    _quota,
)
