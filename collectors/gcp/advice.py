"""What Google advises: its Recommender on machines, disks and commitments; beside our own advice, never added to it.

*Asked* once a day for each project: machines in the zones that have any, disks in the zones and regions that have any
(an idle one may be where no machine is left), commitments to resources in the machines' regions; and for each billing
account commitments to spend. What is not active (claimed, dismissed) is left out.

*Savings* are Google's projection, told by the month of 730 hours; it gives a cost that is negative for a saving, and
what time that is for. The Recommender leaves most machines with GPUs out, and knows no use of GPUs.

*Denied* kinds of advice are remarks, and what was advised before stays. Where all are denied the source fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from aispend.clock import Clock
from aispend.errors import CollectError
from collectors.answers import ASKS_AGAIN
from collectors.contract import Progress, Reading, Rows, Seen, Slice, Window
from collectors.gcp import places
from collectors.gcp.advice_rows import advice
from collectors.gcp.base import GcpCollector
from collectors.gcp.clients import GcpClients
from collectors.gcp.listing import UnreachableError, last_of, left_out, of_compute
from collectors.gcp.places import Places
from collectors.refusals import Refusals

ASK = "recommender.ListRecommendations"
DISKS = "compute.disks.aggregatedList"
_AT_ONCE = 500


class _Kind(NamedTuple):
    """A recommender: what it is about, its id, and of what its places are."""

    what: str
    recommender: str
    of: str


KINDS = (
    _Kind("idle machines", "google.compute.instance.IdleResourceRecommender", "zone"),
    _Kind("machine types", "google.compute.instance.MachineTypeRecommender", "zone"),
    _Kind("idle disks", "google.compute.disk.IdleResourceRecommender", "disks"),
    _Kind("commitments", "google.compute.commitment.UsageCommitmentRecommender", "region"),
)
SPEND = _Kind("commitments to spend", "google.cloudbilling.commitment.SpendBasedCommitmentRecommender", "account")


class Advice(GcpCollector):
    """See the module's text."""

    kind = "advice"
    reach = timedelta(days=1)
    restated_for = timedelta(days=1)
    operations = (ASK, DISKS, places.NUMBER, places.OPERATION)

    def __init__(self, clients: GcpClients, clock: Clock) -> None:
        super().__init__(clients, clock)
        self._places = Places(clients)
        self._refusals = Refusals[Exception]()

    def find(self, window: Window, seen: Mapping[str, Seen]) -> Iterator[Slice]:
        """A slice per kind of advice and project or billing account; new every day."""
        today = f"{self.clock().date()}"
        asked = [(f"projects/{project}", kind) for project in self.clients.projects for kind in KINDS]
        asked += [(f"billingAccounts/{account}", SPEND) for account in self._accounts()]
        for owner, kind in asked:
            key = f"{owner} {kind.what}"
            known = seen.get(key)
            self._refusals.read(known is not None and known.token == today)
            yield Slice(key, today, f"advice on {kind.what} of {owner.partition('/')[2]}")
        if refused := self._refusals.by_all:
            raise refused[0]

    def fetch(self, piece: Slice, folder: Path, progress: Progress | None) -> Reading:
        """One kind of advice for one project or billing account."""
        from google.api_core.exceptions import Forbidden, InvalidArgument, NotFound

        owner, _, what = piece.key.partition(" ")
        kind = next(one for one in (*KINDS, SPEND) if one.what == what)
        project = owner.removeprefix("projects/") if kind is not SPEND else ""
        rows: list[dict[str, Any]] = []
        notes: list[str] = []
        asked: list[str] = []
        try:
            asked = self._in(kind, project)
            for place in asked:
                try:
                    found = self._ask(f"{owner}/locations/{place}/recommenders/{kind.recommender}")
                    named = self._places.named(project)
                    rows += [advice(one, project, place, named, self.clock()) for one in found]
                except (InvalidArgument, NotFound):
                    notes.append(f"Google gives no advice on {what} in {place}.")
        except UnreachableError as error:  # what was advised where nothing answers stays
            note = left_out(error, f"the disks of {project}")
            return Reading([], (note,), may_be_empty=True, token=f"{piece.token} in part")
        except Forbidden as error:
            self._refusals.add(error)
            note = left_out(error, f"what Google advises on {what} of {owner}")
            return Reading([], (note,), may_be_empty=True, token=f"{piece.token} refused")
        if project in self._places.closed:
            self._refusals.add(self._places.closed[project])
            return Reading([], tuple(self._places.notes), may_be_empty=True, token=f"{piece.token} refused")
        if project in self._places.silent:  # what was advised where nothing answers stays
            return Reading([], tuple(self._places.notes), may_be_empty=True, token=f"{piece.token} in part")
        self._refusals.read(bool(asked))
        return Reading([Rows("provider_advice", rows)], tuple(notes), may_be_empty=True)

    def _accounts(self) -> tuple[str, ...]:
        """Billing accounts; where projects are named alone, none."""
        connection = self.clients.connection
        if connection.projects and not connection.billing_accounts:
            return ()
        return self.clients.billing_accounts

    def _in(self, kind: _Kind, project: str) -> list[str]:
        if kind.of == "account":
            return ["global"]
        if kind.of == "disks":
            found = of_compute(self.clients, "disks", project, "disks")
            return sorted({str(last_of(one.zone or one.region)) for one in found})
        zones = self._places.zones(project)
        return list(zones) if kind.of == "zone" else sorted({zone.rpartition("-")[0] for zone in zones})

    def _ask(self, parent: str) -> Iterator[Mapping[str, Any]]:
        from google.protobuf.json_format import MessageToDict

        request = {"parent": parent, "filter": "stateInfo.state = ACTIVE", "page_size": _AT_ONCE}
        seen: set[str] = set()
        for page in self.clients.grpc("recommender_v1", "recommender").list_recommendations(request=request).pages:
            for one in page.recommendations:
                yield MessageToDict(type(one).pb(one))
            if page.next_page_token and page.next_page_token in seen:
                raise CollectError("Google gives the same page of advice again.", where=parent, next_step=ASKS_AGAIN)
            seen.add(page.next_page_token)
