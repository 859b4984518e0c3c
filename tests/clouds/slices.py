"""The promises of every collector about its slices, each as a function that fails where it is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from collectors.base import CloudCollector
from collectors.runner import SourceReport
from tests.clouds.contract import DAYS, MONTHS, Made, asks_what_it_declares, counts, kept_words, told
from tests.clouds.ledgers import KEPT, REPLACED, Ledger
from tests.clouds.servers import SECRETS, CloudServers

MORNING = datetime(2026, 11, 21, 5, tzinfo=UTC)
"""Yesterday may still change."""

NEXT = MORNING + timedelta(days=2)
"""Of another day, and of another week."""


def collect(servers: CloudServers, made: Made, ledger: Ledger, now: datetime) -> SourceReport:
    """A run with new clients, as each has them; by month what is restated for longer than some days."""
    collector: CloudCollector = made(servers.connect(made.kind), lambda: now)
    window = MONTHS if made.restated_for > timedelta(days=7) else DAYS
    report = ledger.collect(collector, now, **window)
    assert not report.failed, told(report)
    asks_what_it_declares(servers, made, report)
    assert not SECRETS.of(told(report) + kept_words(ledger.store)), "a secret is told"
    return report


def asks_all_it_declares(servers: CloudServers, made: Made, report: SourceReport) -> None:
    """A whole run and the doctor ask every operation there is a permission for: nothing is granted for no use."""
    asked = set(report.requests)
    for settled in (True, False):
        clients = servers.connect(made.kind, settled=settled)
        list(made(clients, lambda: MORNING).examine())
        asked |= set(clients.sent)
    unused = set(made.operations) - servers.always - asked
    assert unused == servers.elsewhere.get(made.kind, frozenset()), "declared and never asked"


def reads_nothing_twice(servers: CloudServers, made: Made, ledger: Ledger) -> SourceReport:
    """A second run finds the same tokens: it reads no slice, asks for less, and changes no row; gives the first."""
    first = collect(servers, made, ledger, MORNING)
    assert first.rows, f"the small company has nothing for it: {told(first)}"
    content, counted = ledger.content(), counts(ledger.store)

    second = collect(servers, made, ledger, MORNING + timedelta(minutes=10))

    again = [one.title for one in second.slices if one.outcome != "unchanged"]
    assert not again, f"read again though nothing changed: {again}"
    assert second.requests_sent < first.requests_sent, f"{second.requests}, after {first.requests}"
    assert (ledger.content(), counts(ledger.store)) == (content, counted)
    return first


def replaces_what_is_restated(servers: CloudServers, made: Made, ledger: Ledger, fresh: Ledger) -> None:
    """A slice that says something else takes the old one's place whole, and nothing of another slice changes.

    Afterwards the ledger is as one that never knew what was said before; where history is kept, that is in it.
    """
    collect(servers, made, ledger, MORNING + timedelta(minutes=10))
    before, slices = ledger.content(), ledger.by_slice()

    servers.restate(made.kind)
    collect(servers, made, ledger, NEXT)
    assert ledger.content() != before, "what was restated is not seen"
    changed = [one for one, rows in ledger.by_slice().items() if slices.pop(one, None) != rows] + list(slices)
    for table in REPLACED:
        assert len([one for one in changed if one[0] == table]) <= 1, f"other slices changed with it: {changed}"

    collect(servers, made, fresh, NEXT)
    assert ledger.content(REPLACED) == fresh.content(REPLACED), "something of what was restated stays"
    kept = ledger.content(KEPT)
    for table, rows in fresh.content(KEPT).items():
        assert rows <= kept[table], f"{table}: {rows - kept[table]} is missing of what was restated"
