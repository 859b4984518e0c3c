"""What of the sample company is in a cloud, by the collectors of real accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aispend.cli import doors

if TYPE_CHECKING:
    from aispend.clock import Clock
    from aispend.connections import Connection
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.base import Cloud
    from collectors.contract import Window
    from collectors.runner import SourceReport


def collect_from(
    cloud: Cloud,
    connection: Connection,
    store: Store,
    settings: Settings,
    bars: doors.Progress | None,
    *,
    kinds: Sequence[str] = (),
    window: Window | None = None,
    clock: Clock | None = None,
) -> list[SourceReport]:
    """Collect from a connection as ``aispend collect`` does: all its collectors, or these kinds, in their order.

    ``window`` None: as far back as each asks. Raises ``CollectError`` where any of it fails.
    """
    from aispend.clock import system_clock
    from collectors import registry
    from collectors.runner import collect

    now = clock or system_clock
    chosen = connection.model_copy(update={"collect": tuple(kinds)})
    sources = registry.of_connection(cloud, chosen, settings.tags, store, now)
    return all_of(collect(sources, store, settings, now, window=window, progress=bars))


def all_of(reports: list[SourceReport]) -> list[SourceReport]:
    """The reports, of which none may lack anything. Raises ``CollectError`` where one does."""
    from aispend.errors import CollectError

    for report in reports:
        problems = [one.message for one in report.slices if one.outcome in ("failed", "waiting")]
        if report.error or problems:
            what = f"What the sample has there could not be collected: {report.source}."
            raise CollectError(what, where=report.error or problems[0])
    return reports
