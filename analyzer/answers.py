"""How the bill's answer and telemetry's answer become one, per field, in SQL.

Order     the user's rule → the bill's tag, on a resource with one user → what telemetry says → the bill's tag →
          the platform. A tag on a resource that several users share cannot be true for all of them, so there what
          the workload or the usage says of itself comes first; a rule is the user's own word and always stands.
Conflict  On a resource with one user the tag stands although telemetry says otherwise; the confidence drops to
          ``CONTRADICTED`` and the method names what telemetry says, so that finance can find it. Against two
          witnesses no tag stands: where the other machines of its fleet are tagged as telemetry says
          (:mod:`analyzer.siblings`), telemetry is believed, and the method names the tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CONTRADICTED = "0.5"
"""Confidence of a tag that telemetry contradicts."""


BILLED_REASON = "CASE WHEN c.model IS NULL AND c.team IS NULL THEN 'unattributed' ELSE 'direct' END"
BILLED_RUNG = "CASE WHEN c.model IS NULL AND c.team IS NULL THEN 'unattributed' ELSE 'charge' END"
"""Reason and rung of what the bill alone decides: without model and team it is nobody's, whatever its stage."""


@dataclass(frozen=True)
class Said:
    """What telemetry says of a field: SQL for the value, the method's name, and how sure it is."""

    value: str
    method: str
    confidence: str


def resolved(field: str, said: Said, users: str) -> tuple[str, str, str]:
    """SQL for value, method and confidence of ``field``; ``users`` counts its distinct values on the resource.

    Expects the charge as ``c``.
    """
    value, source = said.value, f"c.{field}_source"
    contradicts = f"lower({value}) <> lower(c.{field})"
    alike = f"lower({value}) = lower(c.{field}_siblings)"
    tag_stands = f"{source} = 'tag' AND (coalesce({users}, 0) <= 1 OR {value} IS NULL) AND coalesce(NOT {alike}, true)"
    told = f"{source} <> 'rule' AND {value} IS NOT NULL"
    return (
        f"CASE WHEN {source} = 'rule' OR ({tag_stands}) THEN c.{field} WHEN {told} THEN {value} ELSE c.{field} END",
        f"CASE WHEN {tag_stands} AND {contradicts} THEN c.{field}_method || ' (telemetry: ' || {value} || ')'"
        f" WHEN {tag_stands} THEN c.{field}_method"
        f" WHEN {told} AND {alike} THEN '{said.method} (with siblings, against '"
        f" || split_part(c.{field}_method, ' (siblings', 1) || '=' || c.{field} || ')'"
        f" WHEN {told} THEN '{said.method}' ELSE c.{field}_method END",
        f"CASE WHEN {tag_stands} AND {contradicts} THEN {CONTRADICTED}"
        f" WHEN {tag_stands} THEN c.{field}_confidence WHEN {told} THEN {said.confidence}"
        f" ELSE c.{field}_confidence END",
    )


def target_sql(
    relation: str,
    fields: Sequence[tuple[str, tuple[str, str, str]]],
    *,
    workload: str,
    reason: str,
    rung: str,
    weight: str,
    note: str = "NULL::text",
) -> str:
    """An INSERT into ``share_weight`` from ``relation`` (which has the charge as ``c``), fields resolved.

    The method lists what decided each decided field, says where tags contradict each other, and ends with ``note``;
    the confidence is the least sure of what decided, 0 where nothing did.
    """
    selected = ", ".join(
        f"{value} AS {field}, {method} AS {field}_by, {confidence} AS {field}_sure"
        for field, (value, method, confidence) in fields
    )
    decided = ", ".join(
        f"CASE WHEN {field} IS NOT NULL OR {field}_by LIKE 'none (%' THEN '{field}=' || {field}_by END"
        for field, _ in fields
    )
    sureness = ", ".join(f"CASE WHEN {field} IS NOT NULL THEN {field}_sure END" for field, _ in fields)
    return f"""
        INSERT INTO share_weight
        SELECT cid, model, team, coalesce(stage, 'unknown'), workload, reason, is_ai, rung,
               coalesce(nullif(concat_ws('; ', {decided}, note), ''), 'none'), coalesce(least({sureness}), 0), w
        FROM (SELECT c.cid, c.is_ai, {selected}, {workload} AS workload, {reason} AS reason, {rung} AS rung,
                     {weight} AS w, {note} AS note
              FROM {relation}) AS told
        WHERE w > 0"""


def as_billed() -> list[tuple[str, tuple[str, str, str]]]:
    """All fields as the bill alone decides them."""
    return [
        (field, (f"c.{field}", f"c.{field}_method", f"c.{field}_confidence")) for field in ("model", "team", "stage")
    ]
