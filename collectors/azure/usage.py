"""What was inferred, as Azure Monitor counts it: deployments of Azure OpenAI and Foundry, online endpoints of ML.

*Deployments* are told by the hour under the account they are of, since that is what bills name, and under their own
name as endpoint; which of them are paid for by capacity and not by the token their SKU tells, and whose they are their
tags. See ``usage_rows`` for the two families of metrics and what counts once.

*Online endpoints* count requests and their latency by deployment, and no tokens. Azure publishes their requests minute
by minute; added up, these are the hour's.

A day is told whole for each subscription and region, and takes the place of what was there. What of a subscription may
not be read is a remark, and stays as it was; its days are read again once it may. Where an answer may be cut off, or is
refused all the same, what is there stays beside what is new, and the day is asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from aispend.errors import AispendError
from collectors.azure.access import GRANT, PERMISSIONS, Access, Readable, left_out, limited, was_refused
from collectors.azure.base import ABSENT, THROTTLED, AzureCollector, explained, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.graph import Graph
from collectors.azure.inventory import DEPLOYMENTS
from collectors.azure.inventory_models import ACCOUNTS, DEPLOYMENTS_VERSION, ENDPOINTS
from collectors.azure.metrics import OPERATION, Metrics, Place, Question, Resource, Span, by_place
from collectors.azure.usage_rows import (
    COLUMNS,
    HOUR,
    NEWER,
    OF_ENDPOINTS,
    OLDER,
    Counted,
    Deployed,
    Deployments,
    chosen,
    tier_of,
)
from collectors.contract import Files, Finding, Progress, Reading, Seen, Slice, Window
from collectors.days import day_slices, today_and_before, without
from collectors.table_file import table_file
from collectors.tags import first_tag

Row = dict[str, Any]
COUNTING = ("Total",)
_STEP = timedelta(seconds=HOUR)
_UNKNOWN_METRIC = 400
_ACTIONS = (
    "Microsoft.CognitiveServices/accounts/read",
    "Microsoft.Insights/metrics/read",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read",
)


@dataclass
class Told:
    """What is to be said of a place: remarks, what was cut off, and whether its counts are all there."""

    notes: list[str]
    cut: list[str] = field(default_factory=list)
    whole: bool = True


class Usage(AzureCollector):
    """See the module's text."""

    kind = "usage"
    reach = timedelta(days=62)
    restated_for = timedelta(days=1)
    operations = (DEPLOYMENTS, PERMISSIONS, "arm.ListSubscriptions", OPERATION, "resources.Query")

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._graph = Graph(clients)
        self._metrics = Metrics(clients)
        self._access = Access(clients)
        self._limited = False
        self._deployed: dict[str, Deployments] = {}
        self._known: tuple[dict[Place, list[Resource]], dict[Place, list[Resource]]] | None = None

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per UTC day, the newest first, where there is anything that serves."""
        accounts, endpoints = self._served()
        if accounts or endpoints:
            scopes = self._readable.subscriptions
            days = day_slices(window, seen, self.clock(), self.kind, scopes=scopes, again=was_refused)
            for piece in days:
                if self._limited:
                    return
                yield piece

    def examine(self) -> Iterator[Finding]:
        """Whether there is anything to read, and that metrics may be read."""
        from azure.core.exceptions import HttpResponseError

        try:
            with explained(self.name):
                try:
                    accounts, endpoints = self._served()
                    found = sum(map(len, (*accounts.values(), *endpoints.values())))
                    if not found:
                        yield Finding("note", "there is no account of Azure OpenAI or Foundry and no online endpoint")
                        return
                    now = self.clock()
                    asked = NEWER[:1] if accounts else OF_ENDPOINTS[:1]
                    some = next(iter((accounts or endpoints).values()))
                    self._count(some[:1], asked, Span(now - _STEP, now, _STEP), Told([]))
                    yield Finding("good", f"can be read; {found} accounts and online endpoints serve")
                    yield from (Finding("note", one, GRANT) for one in self._readable.remarks)
                except HttpResponseError as error:
                    yield self.denied(error)
        except AispendError as error:
            yield Finding("broken", error.what, error.next_step)

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """The counts of one day by the hour."""
        from azure.core.exceptions import HttpResponseError

        span = Span(*today_and_before(date.fromisoformat(piece.key), self.clock()), _STEP)
        accounts, endpoints = self._served()
        places = sorted({*accounts, *endpoints})
        notes = list(self._readable.remarks)
        whole: list[Place] = []
        refused: HttpResponseError | None = None
        path = folder / "usage.parquet"
        with table_file(path, COLUMNS) as write:
            for place in places:
                if progress:
                    progress(f"{piece.title}: {', '.join(place)}", 0, None)
                told = Told(notes)
                try:
                    write(self._models(place, accounts.get(place, []), span, told))
                    write(self._endpoints(place, endpoints.get(place, []), span, told))
                except HttpResponseError as error:
                    if status_of(error) == THROTTLED:
                        self._limited = True
                        raise limited(f"{self.name}, {piece.title}") from None
                    notes.append(left_out(error, f"Usage in {', '.join(place)}", OPERATION))
                    refused = error
                    continue
                notes += told.cut
                whole += [place] if told.whole and not told.cut else []
            written = write([])
        if refused is not None and not whole:
            raise refused
        lacking = [*self._readable.lacking, *map("/".join, set(places) - set(whole))]
        return Reading(
            [Files("usage", [path] if written else [], rows=written, whole_places=whole)],
            tuple(dict.fromkeys(notes)),
            may_be_empty=True,
            token=without(piece.token, lacking),
        )

    def _models(self, place: Place, accounts: Sequence[Resource], span: Span, told: Told) -> Iterator[Row]:
        if accounts:
            newer, older = self._count(accounts, NEWER, span, told), self._count(accounts, OLDER[:1], span, told)
            ids = [one.id for one in accounts]
            if any(not newer.requests(one) or older.requests(one) > newer.requests(one) for one in ids):
                self._count(accounts, OLDER[1:], span, told, older)
            told.whole &= newer.complete or older.complete
            by_newer, by_older = chosen(newer, older, ids)
            known = {name: found for one in accounts for name, found in self._deployments(one.id, told.notes).items()}
            yield from newer.rows(place, by_newer, known)
            yield from older.rows(place, by_older, known)

    def _endpoints(self, place: Place, endpoints: Sequence[Resource], span: Span, told: Told) -> Iterator[Row]:
        if endpoints:
            counted = self._count(endpoints, OF_ENDPOINTS, span, told)
            told.whole &= counted.complete
            yield from counted.rows(place, [one.id for one in endpoints], {})

    def _deployments(self, account: str, notes: list[str]) -> Deployments:
        """How deployments of an account are paid for and whose they are, asked once; a remark where that is denied."""
        from azure.core.exceptions import HttpResponseError

        if account not in self._deployed:
            found: dict[tuple[str, str], Deployed] = {}
            try:
                for one in self.clients.pages(f"{account}/deployments", api_version=DEPLOYMENTS_VERSION):
                    tier, team = (
                        tier_of((one.get("sku") or {}).get("name")),
                        first_tag(one.get("tags") or {}, self.tag_keys.team),
                    )
                    found[account, str(one.get("name")).lower()] = Deployed(tier, team)
            except HttpResponseError as error:
                found.clear()
                if status_of(error) != ABSENT:  # the account was deleted since
                    notes.append(left_out(error, f"How deployments of {account} are paid for and whose", DEPLOYMENTS))
            self._deployed[account] = found
        return self._deployed[account]

    def _count(
        self,
        resources: Sequence[Resource],
        asked: Iterable[Question],
        span: Span,
        told: Told,
        counted: Counted | None = None,
    ) -> Counted:
        """What these questions bring, added to what was ``counted`` already."""
        from azure.core.exceptions import HttpResponseError

        counted = counted or Counted()
        for one in asked:
            try:
                counted.add(self._metrics.read(resources, one, span, told.cut))
            except HttpResponseError as error:
                if status_of(error) != _UNKNOWN_METRIC:
                    raise
                # Azure refuses a question that names a metric it does not have there (any more)
                told.notes.append(f"Azure does not know {', '.join(one.metrics)} in {resources[0].region}.")
                counted.complete &= one.aggregations != COUNTING
        return counted

    def _served(self) -> tuple[dict[Place, list[Resource]], dict[Place, list[Resource]]]:
        """Accounts and online endpoints by place, asked once in a run."""
        if self._known is None:
            readable = self._readable.subscriptions
            accounts, endpoints = (
                by_place(
                    Resource(str(row["id"]).lower(), row["location"])
                    for row in self._graph.rows("resources", query, readable)
                )
                for query in (ACCOUNTS, ENDPOINTS)
            )
            self._known = accounts, endpoints
        return self._known

    @property
    def _readable(self) -> Readable:
        return self._access.readable(self.name, "Usage", _ACTIONS)
