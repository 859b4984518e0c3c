"""What accepted and done changes take out of the usage of the resources they act on.

Method      Of a machine to be stopped, to go to spot, to another family, or whose work is to be bought, all; of what is
            switched off by the hour all but the machines that never are; of runs that share a machine what they save of
            all of its usage; else the share that is saved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import rate
from recommender.methods.offered import Left
from recommender.subjects.families import family_of

_DECIDED = ("accepted", "done", "verified")
_EXPIRED = "expired"
"""Nobody measured it lately: what was accepted, and not taken back, is still to come."""
_LEAVING = ("stop_idle", "spot", "accelerator", "managed_or_self_host", "relocate")
"""Kinds after which nothing of a resource's usage is left to commit to where it was."""
_RESIZING = ("rightsize", "consolidate", "arm_host")
_OF_EVERY_HOUR = (*_RESIZING, "optimize_model")
"""Kinds that take the same share of every hour."""
_OF_SOME_RUNS = ("training_waste", "past_plateau")
"""Kinds that save a share of what some runs cost of a resource, and not of all that it is used for."""
_BY_HOUR = ("schedule", "scale_replicas", "auto_stop")
"""Kinds that switch off by the hour: in which hours is not looked at."""
_SAME_TYPE = "replicas"
"""Target of what keeps the type and takes machines away."""


@dataclass(frozen=True)
class Decided:
    """An accepted or done change: what it leaves of a usage (0 to 1), and when it was done; None is to come."""

    leaves: Decimal
    done_on: date | None

    def of(self, day: date) -> Decimal:
        return self.leaves if self.done_on is None or day <= self.done_on else Decimal(1)


def decisions_of(connection: Connection) -> Sequence[Any]:
    """Each accepted or done change on each resource it acts on."""
    return connection.execute(text(_DECISIONS), {"decided": list(_DECIDED), "expired": _EXPIRED}).all()


def usage_left(kind: str, target: str, saved: Decimal, *, provider: str, family: str | None) -> Left:
    """What a change that takes ``saved`` (0 to 1) off the cost of a machine of a family leaves to commit to there."""
    if kind in _LEAVING or (kind in _RESIZING and family is not None and _leaves(provider, family, target)):
        return Left(Decimal(0))
    return Left(1 - min(saved, Decimal(1)), of_every_hour=kind in _OF_EVERY_HOUR)


def _leaves(provider: str, family: str, target: str) -> bool:
    """Whether a change of size goes to another family: what a commitment for the present one does not cover."""
    return target != _SAME_TYPE and family_of(provider, target) != family


def saved_of(kind: str, saved: Decimal, cost: Decimal, usage: Decimal) -> Decimal:
    """The share of a resource's monthly ``usage`` that a change takes, which saves a share of a ``cost`` on it."""
    return min(rate(saved * cost, usage), Decimal(1)) if kind in _OF_SOME_RUNS and usage > 0 else saved


def decided_of(
    decisions: Sequence[Any], usage: Mapping[tuple[str, str], Decimal]
) -> dict[tuple[str, str], list[Decided]]:
    """Accepted and done changes of each resource; of what is on by the hour, the machines that always are stay."""
    decided: dict[tuple[str, str], list[Decided]] = defaultdict(list)
    for row in decisions:
        family = family_of(row.provider, row.instance_type) if row.instance_type else None
        used = usage.get((row.provider, row.resource_id), Decimal(0))
        saved = saved_of(row.kind, rate(row.saved, row.cost), Decimal(row.part), used)
        left = usage_left(row.kind, row.target, saved, provider=row.provider, family=family)
        share = rate(Decimal(row.always), Decimal(row.machines)) if row.kind in _BY_HOUR else left.share
        decided[row.provider, row.resource_id].append(Decided(min(share, left.share), row.done_on))
    return decided


_DECISIONS = """
    SELECT n.provider, part.key AS resource_id, part.value ->> 'monthly_cost' AS part, n.kind, n.target,
           n.monthly_saving_effective AS saved, n.monthly_cost AS cost, r.instance_type,
           coalesce((n.evidence ->> 'replicas_least')::int, 0) AS always,
           (SELECT count(*) FROM jsonb_object_keys(n.acts_on)) AS machines,
           CASE WHEN n.state <> 'accepted' THEN b.done_on END AS done_on
    FROM recommendation AS n
    CROSS JOIN jsonb_each(n.acts_on) AS part
    LEFT JOIN saving_baseline AS b ON b.recommendation_id = n.id
    LEFT JOIN resource AS r ON r.provider = n.provider AND r.resource_id = part.key
    WHERE (n.state = ANY(:decided)
           OR (n.state = :expired AND b.recommendation_id IS NOT NULL AND b.done_on IS NULL))
      AND n.kind <> 'commit' AND n.monthly_cost > 0"""
