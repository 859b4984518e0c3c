"""The inventory: which name meant which machine, from when to when, and the disks no machine has."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from sample.chance import Chance
from sample.machines import Running
from sample.timeline import Timeline
from sample.usage import provider_of
from sample.volumes import Volume

COLUMNS = (
    "provider", "resource_id", "alias", "namespace", "valid_from", "valid_to", "instance_type", "accelerators",
    "accelerator_type", "fleet", "region", "account", "resource_name", "kind", "state", "size_gib", "disk_type", "tags",
)  # fmt: skip


def is_derivable(machine: Running) -> bool:
    """Whether telemetry's name can be told from the bill's own id or name."""
    if machine.resource_id == machine.alias or machine.resource_id.endswith(f"/{machine.alias}"):
        return True
    # AWS leaves ResourceName empty; the others write the machine's name on the bill.
    return machine.fleet.bill != "aws" and machine.alias == machine.name


def write_inventory(
    path: Path, machines: list[Running], volumes: Sequence[Volume], timeline: Timeline, chance: Chance
) -> int:
    """One row per machine and name, and one per disk no machine has.

    Fleets nobody inventoried are left out; their names stay unexplained.
    """
    rows, seen = [], set()
    for machine in machines:
        fleet = machine.fleet
        if not fleet.mapped or (machine.alias, machine.first_hour) in seen:
            continue
        seen.add((machine.alias, machine.first_hour))
        ended = machine.end_hour < timeline.hours
        rows.append(
            (
                provider_of(fleet.bill),
                machine.resource_id,
                machine.alias,
                "*",
                timeline.at(machine.first_hour).isoformat() + "Z",
                timeline.at(machine.end_hour).isoformat() + "Z" if ended else "",
                fleet.machine,
                fleet.spec.accelerators or "",
                fleet.spec.accelerator_type,
                fleet.group or fleet.name,
                fleet.region,
                *[""] * 7,
            )
        )
    for volume in volumes:
        tags = ",".join(f"{key}={value}" for key, value in volume.tags)
        rows.append(
            (
                *("aws", volume.resource_id(chance), "", "", volume.since(timeline) + "Z", *[""] * 5, volume.region),
                *(volume.account, volume.name, "disk", "unattached", volume.size_gib, volume.disk_type, tags),
            )
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return len(rows)
