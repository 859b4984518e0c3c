"""The one join: which resource of the bill a name in telemetry means, and when.

*Assumes* that a bill names a resource by one canonical id, that telemetry may use that id or a name derived from it,
and that names and private addresses are used again for other machines.

*Method.* In this order, each only for times the ones before left open: what an inventory says; the aliases in the
settings; the canonical id itself; names derived from id and name of the resource (``aispend.resource_id``). A derived
name holds while the bill knows the resource, a day of grace before and after where no other claims it; without end
while the resource was charged on the last or last but one day of its provider's bill. Where two resources could be
meant at a time, neither is: the name is *ambiguous* then. A host name of another domain is never a match.

*Known drawbacks.* Derived names are guesses (confidence below 1). The account is not compared, as telemetry seldom
has one. A name that changes hands within one day is ambiguous on that day.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from aispend.clock import Clock
from aispend.resource_id import ShortName, canonical, lower, measured_names, short_names
from aispend.settings import Settings
from aispend.store import names
from aispend.store.locks import wait_for
from aispend.store.names import BEGINNING, BILL, SETTINGS, AliasRow, KnownResource, SeenName
from aispend.store.telemetry import ANY_SOURCE
from analyzer.fingerprint import NAMES, notes_of, remember

EXAMPLES = 20
NAMES_VERSION = "1"
"""Changes whenever the same telemetry and resources may give other names."""

_DAY = timedelta(days=1)
_END = datetime(9999, 1, 1, tzinfo=UTC)
_CUT_SHORT = 0.8  # a host part or an address: the rest of the name was thrown away
_SCALE_SET_HOST = re.compile(r"(.+?)(?:_\d+|[0-9a-z]{6})")


@dataclass(frozen=True)
class Unmatched:
    """A name that means nothing in some of its hours; ``reason`` is ``unknown``, ``ambiguous`` or ``other_time``."""

    namespace: str
    alias: str
    first_hour: datetime
    last_hour: datetime
    reason: str
    candidates: tuple[str, ...] = ()


@dataclass
class AliasReport:
    """What :func:`refresh_aliases` found.

    ``matched`` and ``unmatched`` count names of telemetry; ``examples`` are up to 20 of the unmatched, ``by_method``
    counts the rows written or kept per method. ``notes`` are sentences for a person.
    """

    matched: int = 0
    unmatched: int = 0
    by_method: dict[str, int] = field(default_factory=dict)
    examples: list[Unmatched] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def join_names(engine: Engine, settings: Settings, clock: Clock) -> list[str]:
    """:func:`refresh_aliases` in a transaction of its own; returns its notes, and a sentence on what meets nothing.

    Where telemetry, resources, inventories and the settings' aliases are as they were, so are the names: nothing is
    read then but the notes of the last time.
    """
    with engine.begin() as connection:
        wait_for(connection, names.LOCK)
        known = notes_of(connection, NAMES, _made_from(connection, settings))
        if known is not None:
            return known
        notes = _said(refresh_aliases(connection, settings))
        remember(connection, NAMES, _made_from(connection, settings), clock(), notes)
    return notes


def _made_from(connection: Connection, settings: Settings) -> str:
    given = json.dumps([alias.model_dump(mode="json") for alias in settings.aliases], sort_keys=True)
    words = f"{NAMES_VERSION} {given} {names.fingerprint(connection)}"
    return hashlib.sha256(words.encode()).hexdigest()


def _said(report: AliasReport) -> list[str]:
    if not report.unmatched:
        return report.notes
    some = ", ".join(f"{one.alias} ({one.reason.replace('_', ' ')})" for one in report.examples[:5])
    return [
        *report.notes,
        f"{report.unmatched:,} of {report.matched + report.unmatched:,} names in telemetry meet no resource of the"
        f" bills in some of their hours: {some}{' …' if report.unmatched > 5 else ''}. Name them: import-inventory.",
    ]


class Span(NamedTuple):
    """A half-open stretch of time."""

    start: datetime
    end: datetime


class Candidate(NamedTuple):
    """A resource a name may mean: surely within ``core``, possibly within ``grace``."""

    resource_key: int
    confidence: Decimal
    core: Span
    grace: Span


def refresh_aliases(connection: Connection, settings: Settings) -> AliasReport:
    """Find the resource behind every name in telemetry, in the caller's transaction.

    Rows from settings and bills are written anew, so that they follow the bill; an inventory's stay.
    """
    wait_for(connection, names.LOCK)
    report = AliasReport()
    inventory = names.inventory_names(connection)
    stated = inventory + _from_settings(connection, settings, inventory, report)
    taken: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in stated:
        taken[row.namespace, row.alias].append(Span(row.valid_from, row.valid_to or _END))
    seen = names.seen_names(connection)
    forms = {name.alias: measured_names(name.alias) for name in seen}
    known = names.resources_named(connection, _tokens(forms))
    by_name = _by_name(known)
    ids = {resource.resource_key: f"{resource.provider} {resource.resource_id}" for resource in known}
    derived: list[AliasRow] = []
    for name in seen:
        busy = taken[name.namespace, name.alias] + taken[ANY_SOURCE, name.alias]
        candidates = _candidates(forms[name.alias], by_name)
        found = resolve(name.namespace, name.alias, candidates, busy)
        derived += found
        asked = Span(name.first_hour, name.last_hour + timedelta(hours=1))
        covered = [*busy, *(Span(row.valid_from, row.valid_to or _END) for row in found)]
        open_time = subtract(asked, covered)
        if not open_time:
            report.matched += 1
        elif name.named:
            report.unmatched += 1
            if len(report.examples) < EXAMPLES:
                report.examples.append(_unmatched(name, open_time, candidates, ids))
    from_settings = stated[len(inventory) :]
    names.replace_found(connection, [*from_settings, *derived])
    for row in [*stated, *derived]:
        report.by_method[row.method] = report.by_method.get(row.method, 0) + 1
    return report


def resolve(namespace: str, alias: str, candidates: Sequence[Candidate], busy: Sequence[Span]) -> list[AliasRow]:
    """The rows of one name: at any time the surest candidate that is alone there, and none within ``busy``."""
    edges = sorted(
        {edge for one in candidates for span in (one.core, one.grace) for edge in span}
        | {edge for span in busy for edge in span}
    )
    rows: list[AliasRow] = []
    for start, end in pairwise(edges):
        if any(span.start <= start < span.end for span in busy):
            continue
        chosen = _chosen(candidates, start)
        if chosen is None:
            continue
        last = rows[-1] if rows else None
        if last and last.valid_to == start and last.resource_key == chosen.resource_key:
            rows[-1] = last._replace(valid_to=end)
        else:
            rows.append(AliasRow(namespace, alias, start, end, chosen.resource_key, BILL, chosen.confidence))
    return [row._replace(valid_to=None) if row.valid_to == _END else row for row in rows]


def subtract(span: Span, others: Iterable[Span]) -> list[Span]:
    """The parts of ``span`` that lie in none of ``others``."""
    parts = []
    start = span.start
    for other in sorted(others):
        if other.start >= span.end:
            break
        if other.start > start:
            parts.append(Span(start, other.start))
        start = max(start, other.end)
    if start < span.end:
        parts.append(Span(start, span.end))
    return parts


def _chosen(candidates: Sequence[Candidate], at: datetime) -> Candidate | None:
    """The candidate meant at an instant: of those surely there the surest, if it is alone; else of those possibly."""
    here = [one for one in candidates if one.core.start <= at < one.core.end] or [
        one for one in candidates if one.grace.start <= at < one.grace.end
    ]
    if not here:
        return None
    best = max(one.confidence for one in here)
    surest = [one for one in here if one.confidence == best]
    return surest[0] if len(surest) == 1 else None


def _candidates(forms: Sequence[ShortName], by_name: dict[str, list[tuple[KnownResource, float]]]) -> list[Candidate]:
    best: dict[int, tuple[KnownResource, float]] = {}
    for form in forms:
        for resource, sureness in by_name.get(form.alias, ()):
            if form.confidence <= _CUT_SHORT and sureness <= _CUT_SHORT:
                continue  # both were cut short: gpu-1.lab.example and gpu-1.example are different machines
            confidence = form.confidence * sureness
            if confidence > best.get(resource.resource_key, (resource, 0.0))[1]:
                best[resource.resource_key] = (resource, confidence)
    return [_candidate(resource, confidence) for resource, confidence in best.values()]


def _candidate(resource: KnownResource, confidence: float) -> Candidate:
    always = Span(BEGINNING, _END)
    rounded = Decimal(str(round(confidence, 4)))
    if confidence == 1 or resource.first_seen is None or resource.last_seen is None:
        return Candidate(resource.resource_key, rounded, always, always)
    start = _midnight(resource.first_seen)
    end = _END if resource.open else _midnight(resource.last_seen) + _DAY
    grace = Span(start - _DAY, end if end == _END else end + _DAY)
    return Candidate(resource.resource_key, rounded, Span(start, end), grace)


def _by_name(known: Sequence[KnownResource]) -> dict[str, list[tuple[KnownResource, float]]]:
    found: dict[str, list[tuple[KnownResource, float]]] = defaultdict(list)
    for resource in known:
        found[lower(resource.resource_id)].append((resource, 1.0))
        for short in short_names(resource.provider, resource.resource_id, resource.resource_name):
            found[short.alias].append((resource, short.confidence))
    return found


def _tokens(forms: dict[str, list[ShortName]]) -> set[str]:
    """What a resource that any of these names means must be found by: see ``names.resources_named``."""
    tokens = set()
    for written in forms.values():
        for form in written:
            tokens |= {form.alias, re.sub("^.*[/:]", "", form.alias), form.alias.split(".", 1)[0]}
            if match := _SCALE_SET_HOST.fullmatch(form.alias):
                tokens.add(match[1])
    return {token for token in tokens if token}


def _from_settings(
    connection: Connection, settings: Settings, inventory: Sequence[AliasRow], report: AliasReport
) -> list[AliasRow]:
    """The aliases of the settings, where an inventory leaves room; what contradicts or leads nowhere is noted."""
    rows: dict[tuple[str, str], list[AliasRow]] = defaultdict(list)
    for row in inventory:
        rows[row.namespace, row.alias].append(row)
    keys = [_key(alias.provider.lower(), alias.resource_id) for alias in settings.aliases]
    known = names.known_keys(connection, keys)
    written = []
    for alias, key in zip(settings.aliases, keys, strict=True):
        if key not in known:
            report.notes.append(
                f"The alias {alias.alias!r} in the settings means {alias.resource_id}, which no bill has."
            )
            continue
        name = (alias.namespace, lower(alias.alias.strip()))
        span = Span(
            _midnight(alias.valid_from) if alias.valid_from else BEGINNING,
            _midnight(alias.valid_to) if alias.valid_to else _END,
        )
        others = [row for row in rows[name] if row.resource_key != key]
        parts = subtract(span, [Span(row.valid_from, row.valid_to or _END) for row in rows[name]])
        if any(row.valid_from < span.end and span.start < (row.valid_to or _END) for row in others):
            report.notes.append(
                f"The alias {alias.alias!r} in the settings contradicts another that was stated before; that one holds."
            )
        for part in parts:
            end = None if part.end == _END else part.end
            row = AliasRow(*name, part.start, end, key, SETTINGS, Decimal(1))
            rows[name].append(row)
            written.append(row)
    return written


def _unmatched(
    name: SeenName, open_time: Sequence[Span], candidates: Sequence[Candidate], ids: dict[int, str]
) -> Unmatched:
    there = [
        one for one in candidates if any(one.core.start < gap.end and gap.start < one.core.end for gap in open_time)
    ]
    reason = "ambiguous" if there else "other_time" if candidates else "unknown"
    meant = tuple(sorted(ids[one.resource_key] for one in there or candidates))[:3]
    return Unmatched(name.namespace, name.alias, name.first_hour, name.last_hour, reason, meant)


def _key(provider: str, resource_id: str) -> int:
    return names.resource_key(provider, canonical(provider, resource_id))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
