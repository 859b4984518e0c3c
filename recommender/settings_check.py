"""Names and days in the settings that cannot be meant, told from the kinds, catalogues and bills there are.

What a value may be by itself is said where settings are declared (``aispend/advising.py``); this is what only the
product's data, a bill or the calendar can tell. A wrong name would fit nothing, and nobody would notice.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, select, union

from aispend.advising import Recommend
from aispend.buying import Replica, Serverless
from aispend.errors import SettingsError
from aispend.misnamed import did_you_mean
from aispend.prices.accelerators import accelerators, instance_type, instance_types
from aispend.prices.machine_sizes import machine_size, machine_sizes
from aispend.schema import account, price, resource, sku
from aispend.settings import Settings
from aispend.settings_errors import at_line
from recommender.machine_facts import geographies
from recommender.registry import KINDS

CLOUDS = ("aws", "azure", "gcp")
PROVIDERS = (*CLOUDS, "oci", "own")
"""Those that may be named before their first bill; any other is one a bill names."""


def check_settings(connection: Connection, settings: Settings, today: date) -> None:
    """Refuse settings of advice that cannot be meant, beside what is loaded.

    Raises:
        SettingsError: with the file, the key, the value and what could be meant.
    """
    if settings.recommend != Recommend():
        refuse_what_cannot_be(settings, today, providers=_providers(connection), types=_types(connection))


@dataclass(frozen=True)
class _Wrong:
    """A setting below ``[recommend]`` that cannot be meant, its value as written, and what could be."""

    what: str
    key: str
    value: str
    next_step: str


def refuse_what_cannot_be(
    settings: Settings, today: date, *, providers: Collection[str], types: Collection[str]
) -> None:
    """The same; ``providers`` are those that bills name, ``types`` the machine types of bills and price lists."""
    options = settings.recommend
    found = itertools.chain(
        _unknown_kinds(options),
        _unknown_providers(options, sorted({*PROVIDERS, *providers})),
        _wrong_benchmarks(options, today, types),
        _unknown_replicas(options, types),
        _unknown_laws(options),
    )
    if wrong := next(found, None):
        key = f"recommend.{wrong.key}"
        place = [int(part) if part.isdecimal() else part for part in key.split(".")]
        line = at_line(settings.read_from, place)
        where = f"{settings.read_from or 'settings'}: {line}{key} = {wrong.value}"
        raise SettingsError(wrong.what, where=where, next_step=wrong.next_step)


def _unknown_kinds(options: Recommend) -> Iterator[_Wrong]:
    names = [kind.name for kind in KINDS]
    for number, rule in enumerate(options.exclude):
        for place, pattern in enumerate(rule.kinds):
            if not _fits_one(pattern, names):
                key = f"exclude.{number}.kinds.{place}"
                yield _name("No kind of advice has this name.", key, pattern, names, f"Kinds: {', '.join(names)}.")


def _unknown_providers(options: Recommend, known: Sequence[str]) -> Iterator[_Wrong]:
    for key, pattern in _providers_named(options):
        if not _fits_one(pattern, known):
            told = f"Providers: {', '.join(known)}."
            yield _name("No provider of this name bills you.", key, pattern, known, told)


def _wrong_benchmarks(options: Recommend, today: date, types: Collection[str]) -> Iterator[_Wrong]:
    for number, row in enumerate(options.accelerator.measured):
        key = f"accelerator.measured.{number}"
        for end, name in (("present", row.present), ("target", row.target)):
            if name not in accelerators() and not _is_type(name, types):
                yield _name(
                    "No accelerator and no machine type of this name is known.",
                    f"{key}.{end}",
                    name,
                    {*accelerators(), *_catalogue(), *types},
                    "Accelerators are named as in nvidia-a100-80gb, machine types as the bill names them.",
                )
        if row.on > today:
            told = f"Write the day it was measured: {today} at the latest."
            yield _Wrong("A benchmark cannot be of a day to come.", f"{key}.on", row.on.isoformat(), told)


def _unknown_replicas(options: Recommend, types: Collection[str]) -> Iterator[_Wrong]:
    tables: Mapping[str, Sequence[Replica | Serverless]] = {
        "replica": options.self_host.replica,
        "serverless": options.self_host.serverless,
    }
    for table, rows in tables.items():
        for number, row in enumerate(rows):
            if not _is_type(row.instance_type, types):
                key, names = f"self_host.{table}.{number}.instance_type", {*_catalogue(), *types}
                told = "Name it as the bill does."
                yield _name("No machine type of this name is known.", key, row.instance_type, names, told)


def _unknown_laws(options: Recommend) -> Iterator[_Wrong]:
    known = sorted(geographies())
    for law, others in options.relocate.also.items():
        key = "relocate.also"
        for place, name in ((key, law), *((f"{key}.{law}.{number}", other) for number, other in enumerate(others))):
            if name not in known:
                told = f"Geographies: {', '.join(known)}."
                yield _name("No legal geography has this name.", place, name, known, told)


def _name(what: str, key: str, value: str, names: Iterable[str], told: str) -> _Wrong:
    return _Wrong(what, key, json.dumps(value, ensure_ascii=False), f"{did_you_mean(value, names)}{told}")


def _fits_one(pattern: str, names: Iterable[str]) -> bool:
    """As rules are matched: a glob, case-insensitive."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for name in names)


def _providers_named(section: BaseModel, before: str = "") -> Iterator[tuple[str, str]]:
    """Key and value of every provider that the settings name, however deep."""
    for name in type(section).model_fields:
        value: Any = getattr(section, name)
        if name == "provider":
            yield f"{before}{name}", value
        elif isinstance(value, BaseModel):
            yield from _providers_named(value, f"{before}{name}.")
        elif isinstance(value, tuple):
            for number, part in enumerate(value):
                if isinstance(part, BaseModel):
                    yield from _providers_named(part, f"{before}{name}.{number}.")


def _is_type(name: str, types: Collection[str]) -> bool:
    return name in types or any(instance_type(cloud, name) or machine_size(cloud, name) for cloud in CLOUDS)


def _catalogue() -> set[str]:
    return {name for _, name in (*instance_types(), *machine_sizes())}


def _providers(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute(union(select(sku.c.provider), select(account.c.provider)))}


def _types(connection: Connection) -> set[str]:
    columns = (sku.c.instance_type, resource.c.instance_type, price.c.instance_type)
    return {name for (name,) in connection.execute(union(*(select(column) for column in columns))) if name}
