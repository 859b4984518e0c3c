"""Which exports a connection reads: those of the settings, else one bill for each place that Azure has exports of.

A place (a subscription, a billing account or profile) may have several exports that show the same money. FOCUS is taken
where there is one, else actual and amortised cost, which are the two halves of one bill; what was turned off only where
nothing else delivers; of several alike the active one of the latest version, a finished one before its preview.
Subscriptions may be parts of one bill, which cannot be in two forms: they are read in the best one that all of them
have. What is passed over is said by ``aispend doctor``.

Those that the settings name may show the same money too. Of a place's month one form is loaded: the one it was loaded
in before, else the best there is. Which is left is said with the month, once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from aispend.clock import month_of
from aispend.connections import AzureExport
from aispend.errors import AispendError
from collectors.azure.base import FORBIDDEN, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.deliveries import Days

EXPORTS_VERSION, STORAGE_VERSION = "2025-03-01", "2024-01-01"
FOCUS, ACTUAL, AMORTIZED, USAGE = "focuscost", "actualcost", "amortizedcost", "usage"
_BILLS = ({FOCUS}, {ACTUAL, AMORTIZED}, {USAGE})
"""Types that show all cost, the best first; those of one set belong together."""

_SUFFIXES = {"public": "core.windows.net", "government": "core.usgovcloudapi.net", "china": "core.chinacloudapi.cn"}
_VERSION = re.compile(r"(?P<major>\d+)\.(?P<minor>\d+)(?:r(?P<revision>\d+))?(?P<preview>-preview)?")
_ACCOUNT = re.compile(r"/storageAccounts/([a-z0-9]{3,24})$", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """An export, of which scope and of what kind it is, as far as that is known."""

    export: AzureExport
    scope: str = ""
    kind: str = ""

    @property
    def of_subscription(self) -> bool:
        """Whether it shows a part of an account's bill."""
        return _is_subscription(self.scope)

    @property
    def head(self) -> str:
        """What the names of its blobs begin with."""
        return "".join(f"{part}/" for part in (self.export.root.strip("/"), self.export.name) if part)


def discovered(clients: AzureClients) -> tuple[list[Place], list[str]]:
    """The exports to read, and words on each that is passed over."""
    chosen: list[Place] = []
    passed: list[str] = []
    listed = {
        scope: list(
            _bills(clients.pages(f"/{scope}/providers/Microsoft.CostManagement/exports", api_version=EXPORTS_VERSION))
        )
        for scope in clients.scopes
    }
    for scope, kinds in _chosen(listed).items():
        found = listed[scope]
        for kind in sorted(kinds):
            alike = sorted((one for one in found if _kind(one) == kind), key=_preference, reverse=True)
            chosen += [_place(clients, one, scope, kind) for one in alike[:1]]
            passed += [f"{one['name']} of {scope}: {alike[0]['name']} shows the same" for one in alike[1:]]
        passed += [
            f"{one['name']} of {scope}: another export shows all of it" for one in found if _kind(one) not in kinds
        ]
    return chosen, passed


def _chosen(listed: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, set[str]]:
    """The types to read of each scope; none where it has no exports."""
    ways = {scope: _ways(found) for scope, found in listed.items()}
    parts = [given for scope, given in ways.items() if given and _is_subscription(scope)]
    common = [kinds for kinds in _BILLS if all(kinds in given for given in parts)]
    return {
        scope: (common if common and given and _is_subscription(scope) else [*given, set()])[0]
        for scope, given in ways.items()
    }


def _ways(found: Sequence[Mapping[str, Any]]) -> list[set[str]]:
    """The sets of types a scope can be read in, the best first: those that are delivered, else any there is."""
    given = [one for one in found if _is_active(one)] or found
    return [kinds for kinds in _BILLS if any(_kind(one) in kinds for one in given)]


def _is_subscription(scope: str) -> bool:
    return scope.lower().strip("/").startswith("subscriptions/")


def _is_active(one: Mapping[str, Any]) -> bool:
    return bool(_at(one, "properties", "schedule", "status") == "Active")


def _bills(listed: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    every = set[str]().union(*_BILLS)
    return (one for one in listed if _kind(one) in every)


def _kind(one: Mapping[str, Any]) -> str:
    return str(_at(one, "properties", "definition", "type") or "").lower()


def _preference(one: Mapping[str, Any]) -> tuple[bool, tuple[int, int, bool, int], str]:
    version = _at(one, "properties", "definition", "dataSet", "configuration", "dataVersion")
    return _is_active(one), version_order(str(version or "")), str(one.get("name"))


def version_order(version: str) -> tuple[int, int, bool, int]:
    """What versions of Azure's FOCUS are ordered by.

    >>> sorted(["1.2", "1.0r2", "1.10", "1.2-preview", "1.0", ""], key=version_order)
    ['', '1.0', '1.0r2', '1.2-preview', '1.2', '1.10']
    """
    told = _VERSION.match(version)
    if told is None:
        return 0, 0, False, 0
    return int(told["major"]), int(told["minor"]), not told["preview"], int(told["revision"] or 0)


def _place(clients: AzureClients, one: Mapping[str, Any], scope: str, kind: str) -> Place:
    where = _at(one, "properties", "deliveryInfo", "destination") or {}
    export = AzureExport(
        account_url=_account_url(clients, str(where.get("resourceId") or "")),
        container=str(where.get("container") or ""),
        root=str(where.get("rootFolderPath") or "").strip("/"),
        name=str(one["name"]),
    )
    return Place(export, scope, kind)


def _account_url(clients: AzureClients, resource: str) -> str:
    """The Blob endpoint of a storage account: as Azure says, else as it is called by default."""
    from azure.core.exceptions import HttpResponseError

    match = _ACCOUNT.search(resource)
    if match is None:
        raise AispendError(
            "An export has no storage account.",
            where=resource or "deliveryInfo.destination.resourceId",
            next_step="Give the export a storage account in Azure, or name one that has under [[azure.export]].",
        )
    try:
        said = clients.get(f"/{resource.strip('/')}", api_version=STORAGE_VERSION)
    except HttpResponseError as error:
        if status_of(error) != FORBIDDEN:
            raise
        return f"https://{match[1].lower()}.blob.{_SUFFIXES[clients.connection.cloud]}"
    return str(_at(said, "properties", "primaryEndpoints", "blob")).rstrip("/")


def _at(said: Any, *path: str) -> Any:
    for name in path:
        said = said.get(name) if isinstance(said, Mapping) else None
    return said


@dataclass(frozen=True)
class Group:
    """Exports whose files are one bill: a single one, or those of one kind of several subscriptions."""

    name: str
    places: tuple[Place, ...]

    @property
    def kind(self) -> str:
        """Of what kind they are, as far as that is known."""
        return self.places[0].kind

    @property
    def scopes(self) -> frozenset[str]:
        """Whose cost they show, in lower case."""
        return frozenset(one.scope.strip("/").lower() for one in self.places)

    @property
    def bill(self) -> str:
        """What exports of one bill have in common: its scope; subscriptions may all be parts of one."""
        return "subscriptions" if self.places[0].of_subscription else min(self.scopes)


def grouped(places: Sequence[Place]) -> list[Group]:
    """The places by what must be loaded together: subscriptions of one account share its slice of a month."""
    parts = [one for one in places if one.of_subscription]
    kinds = list(dict.fromkeys(one.kind for one in parts))
    groups: list[tuple[Place, ...]] = [(one,) for one in places if not one.of_subscription]
    groups += [tuple(one for one in parts if one.kind == kind) for kind in kinds]
    names = [one[0].export.name if len(one) == 1 else f"{one[0].kind} of subscriptions" for one in groups]
    return [
        Group(name if names.count(name) == 1 else f"{one[0].export.container}/{one[0].head.rstrip('/')}", one)
        for name, one in zip(names, groups, strict=True)
    ]


def same_money(planned: Mapping[str, tuple[Group, Sequence[Days]]], loaded: Collection[str]) -> dict[str, str]:
    """Of what is planned, by name, what is left out, and what shows the same in its place.

    ``loaded`` are the names of what was loaded before: a month stays in its form. Else that counts which shows most, in
    the best form, and of forms alike the first. What shows something that the other one does not is never left out, nor
    what does not say whose cost it shows.
    """
    rivals: dict[tuple[str, date], list[str]] = defaultdict(list)
    for name, (group, cluster) in planned.items():
        for month in {month_of(day) for days in cluster for day in (days.first, days.last)}:
            if group.kind and all(group.scopes):
                rivals[group.bill, month].append(name)
    left: dict[str, str] = {}
    kept: set[str] = set()
    for names in rivals.values():
        found = {name: planned[name][0] for name in names}
        best = min(names, key=lambda name: (name not in loaded, -len(planned[name][0].scopes), _form(planned[name][0])))
        taken: set[str] = set()
        for name in (best, *(one for one in names if one != best)):
            group = found[name]
            if group.scopes <= found[best].scopes and (_form(group) != _form(found[best]) or group.kind in taken):
                left[name] = best
            else:
                taken.add(group.kind)
                kept.add(name)
    return {name: by for name, by in left.items() if name not in kept}


def _form(group: Group) -> int:
    return next((place for place, kinds in enumerate(_BILLS) if group.kind in kinds), len(_BILLS))
