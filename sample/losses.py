"""The answers about what was lost: runs that failed, were repeated or given up, and disks no machine has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sample.chance import Chance
from sample.machines import Running
from sample.telemetry import run_name
from sample.timeline import Timeline
from sample.truth import write_table
from sample.volumes import Volume


def write_losses(
    folder: Path, machines: Sequence[Running], volumes: Sequence[Volume], timeline: Timeline, chance: Chance
) -> None:
    """``runs.csv`` and ``volumes.csv``: runs that were lost or repeated, disks without a machine, and what to do."""
    write_table(
        folder / "runs.csv",
        (
            "workload",
            "resource_id",
            "account",
            "model",
            "team",
            "state",
            "action",
            "failed_attempts",
            "lost_seconds",
            "why",
        ),
        (
            (
                run_name(one),
                one.resource_id,
                one.fleet.account,
                one.fleet.model,
                one.fleet.team,
                one.fleet.verdict.state,
                one.fleet.verdict.action,
                len(one.fleet.failures),
                int(one.seconds.sum() if one.fleet.abandoned else one.seconds[: max(one.fleet.failures)].sum()),
                one.fleet.verdict.why,
            )
            for one in machines
            if one.fleet.verdict and one.fleet.is_loss
        ),
    )
    write_table(
        folder / "volumes.csv",
        ("resource_id", "name", "account", "size_gib", "disk_type", "since", "state", "action", "why"),
        (
            (
                one.resource_id(chance),
                one.name,
                one.account,
                one.size_gib,
                one.disk_type,
                one.since(timeline),
                one.state,
                one.action,
                one.why,
            )
            for one in volumes
        ),
    )
