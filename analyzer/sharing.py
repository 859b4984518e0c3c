"""Costs the user declared shared: a gateway, a control plane, egress, put upon those who use them.

Assumes     the shares of all that is nobody's shared cost, and the month's usage in ``used_day``.
Method      ``[[allocation.shared]]`` says which charges (their route is ``shared``), whether teams or models carry
            them, and in which proportion: all alike, by percentages, by the AI spend that is theirs (effective cost,
            where there is none billed, else list; before credits, for who pays changes nothing of what was used), by
            requests or by tokens, each over the billing month.
Cases       The other of model and team, and the stage, stay what the bill says of the charge. Spend counts in the
            charge's own currency, for amounts of two are never added. Where nobody named has spend or usage, the charge
            stays what the bill says, with the reason ``shared``. Tax, credits, commitment fees and unused commitments
            are never shared out this way: credits follow the shares of what they apply to.
            Shared costs are no part of the spend they follow, and none goes to another (settings refuse that).
            Unit costs take what a model carries to the stages it served at (:mod:`analyzer.serving`).
Drawbacks   Usage is counted by the month, so a team that came on the last day carries by what it used since.

Source: AWS Cost Categories, split charge rules (even, proportional, fixed; no source may be a target).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.prices.models import canonical_model
from aispend.settings import SharedCost

_AMOUNT = "coalesce(nullif(s.effective_cost, 0), nullif(s.billed_cost, 0), nullif(s.list_cost, 0), s.contracted_cost)"

_SPENT = f"""
    CREATE TEMP TABLE spent_by ON COMMIT DROP AS
    SELECT f.field, f.name, c.currency, sum({_AMOUNT}) AS w
    FROM share_now s
    JOIN charge_now c USING (cid)
    JOIN target_now t USING (target_key)
    CROSS JOIN LATERAL (VALUES ('team', t.team), ('model', t.model)) AS f (field, name)
    WHERE t.is_ai AND c.route = 'use' AND f.name IS NOT NULL AND {_AMOUNT} > 0
      AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM charge_now WHERE half = 2))
    GROUP BY f.field, f.name, c.currency"""

_NAMED = """
    SELECT coalesce((SELECT min(b.name) FROM spent_by b WHERE b.field = :to AND lower(b.name) = lower(v.name)), v.name)
           AS name, NULL AS currency, v.w
    FROM unnest(CAST(:names AS text[]), CAST(:weights AS numeric[])) AS v (name, w)"""
"""Those written down, in the spelling the bill has for them."""

_ONLY_NAMED = "(CAST(:names AS text[]) = '{}' OR lower(name) = ANY(CAST(:names AS text[])))"
_BY_SPEND = f"SELECT name, currency, w FROM spent_by WHERE field = :to AND {_ONLY_NAMED}"
_EVENLY = "SELECT DISTINCT name, NULL AS currency, 1::numeric AS w FROM spent_by WHERE field = :to"
_USED = """
    SELECT name, NULL AS currency, sum(quantity) AS w
    FROM (SELECT {to} AS name, quantity FROM used_day WHERE unit_class IN ({classes})) AS used
    WHERE name IS NOT NULL AND {only_named}
    GROUP BY name"""
_CLASSES = {"requests": "'request'", "tokens": "'input', 'cached_input', 'cache_write', 'output'"}

_OTHER = {"team": "model", "model": "team"}

_PLACE = """
    INSERT INTO share_weight
    SELECT c.cid, {model}, {team}, coalesce(c.stage, 'unknown'), NULL, 'shared', c.is_ai, 'charge',
           concat_ws('; ', CASE WHEN c.{other} IS NOT NULL THEN '{other}=' || c.{other}_method END,
                     '{to}=shared:' || c.shared_cost || ' (' || :by || ')',
                     CASE WHEN c.stage IS NOT NULL THEN 'stage=' || c.stage_method END),
           least(CASE WHEN c.{other} IS NOT NULL THEN c.{other}_confidence END,
                 CASE WHEN c.stage IS NOT NULL THEN c.stage_confidence END, 1), b.w
    FROM charge_now c
    JOIN ({carriers}) AS b ON b.currency IS NULL OR b.currency = c.currency
    WHERE c.route = 'shared' AND c.shared_cost = :name AND b.w > 0"""

_NOBODY = """
    INSERT INTO share_weight
    SELECT c.cid, c.model, c.team, coalesce(c.stage, 'unknown'), NULL, 'shared', c.is_ai, 'charge',
           concat_ws('; ', CASE WHEN c.model IS NOT NULL THEN 'model=' || c.model_method END,
                     CASE WHEN c.team IS NOT NULL THEN 'team=' || c.team_method END,
                     CASE WHEN c.stage IS NOT NULL THEN 'stage=' || c.stage_method END,
                     'shared:' || c.shared_cost || ' (nobody to carry it)'),
           coalesce(least(CASE WHEN c.model IS NOT NULL THEN c.model_confidence END,
                          CASE WHEN c.team IS NOT NULL THEN c.team_confidence END,
                          CASE WHEN c.stage IS NOT NULL THEN c.stage_confidence END), 0), 1
    FROM charge_now c
    WHERE c.route = 'shared' AND NOT EXISTS (SELECT FROM share_weight AS placed WHERE placed.cid = c.cid)"""


def share_out(connection: Connection, sources: Sequence[SharedCost]) -> None:
    """Weigh the charges that ``sources`` declare shared, over the shares and the usage already known."""
    met = set(connection.scalars(text("SELECT DISTINCT shared_cost FROM charge_now WHERE route = 'shared'")))
    if not met:
        return
    connection.execute(text(_SPENT))
    for source in sources:
        if source.name in met:
            place = _PLACE.format(
                to=source.to,
                other=_OTHER[source.to],
                model="b.name" if source.to == "model" else "c.model",
                team="b.name" if source.to == "team" else "c.team",
                carriers=_carriers(source),
            )
            connection.execute(text(place), {"name": source.name, "by": source.by} | _asked(source))
    connection.execute(text(_NOBODY))


def _carriers(source: SharedCost) -> str:
    """SELECT of name, currency (NULL for any) and weight of those who carry ``source``."""
    if source.by in _CLASSES:
        return _USED.format(to=source.to, classes=_CLASSES[source.by], only_named=_ONLY_NAMED)
    if source.by == "proportional":
        return _BY_SPEND
    return _NAMED if source.named_targets else _EVENLY


def _asked(source: SharedCost) -> dict[str, Any]:
    """Parameters of :func:`_carriers`: the names as they are compared, and the weights written down."""
    names = [canonical_model(name) if source.to == "model" else name for name in source.named_targets]
    if source.by in ("even", "fixed"):
        weights = [source.percent.get(name, Decimal(1)) for name in source.named_targets]
        return {"to": source.to, "names": names, "weights": weights}
    return {"to": source.to, "names": [name.lower() for name in names]}
