"""What was inferred, as Azure Monitor counts it: deployments of Azure OpenAI and Foundry, online endpoints of ML.

*Deployments* are told by the hour under the account they are of, since that is what bills name, and under their own
name as endpoint; which of them are paid for by capacity and not by the token their SKU tells, and whose they are their
tags. See ``usage_rows`` for the two families of metrics and what counts once.

*Online endpoints* count requests and their latency by deployment, and no tokens. Azure publishes their requests minute
by minute; added up, these are the hour's.

A day is told whole for each subscription and region, and takes the place of what was there; where it is not whole (see
``daily``), what is there stays beside what is new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from aispend.clock import Clock
from collectors.azure.access import GRANT, PERMISSIONS, left_out
from collectors.azure.base import ABSENT, status_of
from collectors.azure.clients import AzureClients
from collectors.azure.daily import DailySeries, Told
from collectors.azure.inventory import DEPLOYMENTS
from collectors.azure.inventory_models import ACCOUNTS, DEPLOYMENTS_VERSION, ENDPOINTS
from collectors.azure.metrics import OPERATION, Place, Question, Resource, Span, by_place
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
from collectors.contract import Files, Finding, Part
from collectors.table_file import Write
from collectors.tags import first_tag

Row = dict[str, Any]
COUNTING = ("Total",)
_UNKNOWN_METRIC = 400


class Usage(DailySeries):
    """See the module's text."""

    kind = "usage"
    title = "Usage"
    reach = timedelta(days=62)
    operations = (DEPLOYMENTS, PERMISSIONS, "arm.ListSubscriptions", OPERATION, "accounts.Query", "endpoints.Query")
    actions = (
        "Microsoft.CognitiveServices/accounts/read",
        "Microsoft.Insights/metrics/read",
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/read",
    )
    step = timedelta(seconds=HOUR)
    columns = COLUMNS

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._deployed: dict[str, Deployments] = {}
        self._known: tuple[dict[Place, list[Resource]], dict[Place, list[Resource]]] | None = None

    @property
    def places(self) -> Sequence[Place]:
        """Where anything serves."""
        accounts, endpoints = self._served()
        return sorted({*accounts, *endpoints})

    def look(self) -> Iterator[Finding]:
        """Whether there is anything to read, and that metrics may be read."""
        accounts, endpoints = self._served()
        found = sum(map(len, (*accounts.values(), *endpoints.values())))
        if not found:
            yield Finding("note", "there is no account of Azure OpenAI or Foundry and no online endpoint")
            return
        now = self.clock()
        asked = NEWER[:1] if accounts else OF_ENDPOINTS[:1]
        some = next(iter((accounts or endpoints).values()))
        self._count(some[:1], asked, Span(now - self.step, now, self.step), Told([]))
        yield Finding("good", f"can be read; {found} accounts and online endpoints serve")
        yield from (Finding("note", one, GRANT) for one in self.readable.remarks)

    def read_place(self, place: Place, span: Span, write: Write, told: Told) -> None:
        """The counts of one day by the hour."""
        accounts, endpoints = self._served()
        write(self._models(place, accounts.get(place, []), span, told))
        write(self._endpoints(place, endpoints.get(place, []), span, told))

    def parts(self, paths: Sequence[Path], rows: int, whole: Collection[Place]) -> Sequence[Part]:
        """Usage, which takes the place of what whole places had."""
        return [Files("usage", paths, rows=rows, whole_places=whole)]

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
                counted.add(self.metrics.read(resources, one, span, told.cut))
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
            readable = self.readable.subscriptions
            accounts, endpoints = (
                by_place(
                    Resource(str(row["id"]).lower(), row["location"])
                    for row in self.graph.rows("resources", query, readable)
                )
                for query in (ACCOUNTS, ENDPOINTS)
            )
            self._known = accounts, endpoints
        return self._known
