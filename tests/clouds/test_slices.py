"""What every collector promises of its slices: read once, replaced whole when they change, and no other with them."""

from __future__ import annotations

from tests.clouds import slices
from tests.clouds.contract import Made
from tests.clouds.ledgers import NewLedger
from tests.clouds.servers import CloudServers


def test_what_is_unchanged_is_not_read_again_and_what_is_restated_takes_its_place(
    servers: CloudServers, made: Made, new_ledger: NewLedger
) -> None:
    ledger = new_ledger()
    first = slices.reads_nothing_twice(servers, made, ledger)
    slices.asks_all_it_declares(servers, made, first)
    servers.asked()
    slices.replaces_what_is_restated(servers, made, ledger, new_ledger())
