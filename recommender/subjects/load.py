"""Everything advice could be about, one subject after the other; memory does not grow with the fleet's history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from aispend.drawn import Drawn
from aispend.settings import Settings
from recommender.contract import Subject
from recommender.places import load_places
from recommender.prices import load_prices
from recommender.subjects.capacity import load_capacity
from recommender.subjects.checkpoints import load_checkpoints
from recommender.subjects.contracts import load_contracts
from recommender.subjects.ends import evidence_end, load_ends
from recommender.subjects.machines import load_machines
from recommender.subjects.served_tokens import load_served_tokens
from recommender.subjects.services import Gathering, pools
from recommender.subjects.snapshots import load_snapshots
from recommender.subjects.storage import load_volumes
from recommender.subjects.token_use import load_token_use
from recommender.subjects.training_runs import load_training_runs
from recommender.subjects.unanswered import machine_days
from recommender.subjects.usage_pools import load_usage_pools

__all__ = ["evidence_end", "load_subjects", "load_usage"]


def load_subjects(
    connection: Connection, as_of: datetime, settings: Settings, drawn: Sequence[Drawn] = ()
) -> Iterator[Subject]:
    """Machines first, as their telemetry is streamed; then what they are parts of, and what is bought without any.

    All but the usage that could be committed to, which is what the rest leaves (``load_usage``). Each as of the end of
    its own payer's bills (``ends.py``), of which the newest ends at ``as_of``. ``drawn``: of the agreements.
    """
    prices, places = load_prices(connection, as_of.date()), load_places(connection)
    window = machine_days(settings.recommend)
    ends = load_ends(connection, as_of)
    for end in ends.each:

        def ends_here(provider: str, account: str | None, end: datetime = end) -> bool:
            return ends.of(provider, account) == end

        gathering = Gathering(settings.recommend.schedule.window_days)
        for machine in load_machines(connection, end, window, prices, of=ends_here):
            placed = replace(machine, places=places)
            gathering.add(placed)
            yield placed
        for subject in _others(connection, end, settings, gathering, drawn):
            if ends_here(subject.provider, subject.account):
                yield replace(subject, prices=prices, places=places)


def load_usage(
    connection: Connection, as_of: datetime, settings: Settings, without: Collection[tuple[str, str]] = frozenset()
) -> Iterator[Subject]:
    """Usage that a commitment could cover, less what is accepted or done: as the states are when it is called.

    ``without`` are resources, by provider and id, that are left out.
    """
    options, ends = settings.recommend.commit, load_ends(connection, as_of)
    for end in ends.each:
        for pool in load_usage_pools(connection, end, options.window_days, options.expiring_days, without):
            if ends.of(pool.provider, pool.account) == end:
                yield pool


def _others(
    connection: Connection, as_of: datetime, settings: Settings, gathering: Gathering, drawn: Sequence[Drawn]
) -> Iterator[Subject]:
    options = settings.recommend
    services = list(gathering.services(connection))
    yield from services
    yield from pools(services)
    yield from load_capacity(connection, as_of, options.idle_capacity.window_days)
    yield from load_volumes(connection, as_of, options.idle.unattached_days)
    yield from load_snapshots(connection, as_of, options.idle.unattached_days)
    yield from load_checkpoints(connection, as_of, options.idle.unattached_days)
    yield from load_training_runs(connection, as_of, options.training_waste.window_days)
    bought = max(
        options.batch.window_days,
        options.prompt_cache.window_days,
        options.output_limit.window_days,
        options.route.window_days,
    )
    yield from load_token_use(connection, as_of, max(bought, options.self_host.window_days))
    yield from load_served_tokens(connection, as_of, options.self_host.window_days)
    yield from load_contracts(connection, as_of, options.contracts.window_days, settings.agreements, drawn)
