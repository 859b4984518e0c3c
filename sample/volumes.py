"""Disks that no machine has: rows of the inventory, and what a careful engineer would say about them."""

from __future__ import annotations

from dataclasses import dataclass

from sample.chance import Chance
from sample.timeline import Timeline


@dataclass(frozen=True)
class Volume:
    """A disk of AWS, unattached since ``days`` ago. ``state``, ``action`` and ``why`` are for the truth file."""

    name: str
    account: str
    region: str
    disk_type: str
    size_gib: int
    days: int
    state: str
    action: str
    why: str
    tags: tuple[tuple[str, str], ...] = ()

    def resource_id(self, chance: Chance) -> str:
        """Its id on the bill."""
        return "vol-0" + chance.hex(16, "ebs", self.name)

    def since(self, timeline: Timeline) -> str:
        """When it was first seen without a machine."""
        return timeline.at(timeline.day_ago(self.days)).isoformat()
