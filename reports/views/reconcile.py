"""The promises, checked on what is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

if TYPE_CHECKING:
    from analyzer.reconcile import Finding


@dataclass(frozen=True)
class Reconciliation:
    """Findings, broken promises first. ``holds`` is true when every one holds."""

    rows: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether all promises hold."""
        return all(row.holds for row in self.rows)


def reconcile(connection: Connection) -> Reconciliation:
    """Check every promise on what is loaded."""
    from analyzer.reconcile import check  # only this view needs the analyzer; the others start faster without

    return Reconciliation(tuple(sorted(check(connection), key=lambda row: row.holds)))
