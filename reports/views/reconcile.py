"""The promises, checked on what is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from reports.views.basis import Window

if TYPE_CHECKING:
    from aispend.settings import Settings
    from analyzer.reconcile import Finding


@dataclass(frozen=True)
class Reconciliation:
    """Findings, broken promises first. ``holds`` is true when every one holds."""

    rows: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether all promises hold."""
        return all(row.holds for row in self.rows)


def reconcile(connection: Connection, window: Window | None = None, settings: Settings | None = None) -> Reconciliation:
    """Check every promise on what is loaded; ``window`` keeps what concerns months beginning in it, or all months.

    ``settings`` say which spend agreements there are, and what is tolerated.
    """
    from analyzer.reconcile import check  # only this view needs the analyzer; the others start faster without

    found = [
        row
        for row in check(connection, settings)
        if window is None or row.period is None or window.first <= row.period < window.end
    ]
    return Reconciliation(tuple(sorted(found, key=lambda row: row.holds)))
