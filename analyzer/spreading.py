"""Credits, refunds and fees follow what they apply to.

Assumes     the shares of all other charges are known.
Method      A credit (or adjustment) is divided over the positive cost, before credits, of the closest of: the same
            resource, SKU and tags on its day; the same resource and SKU in its month; the same account and SKU;
            the same account and service. A commitment's purchase or recurring fee is divided over the usage its
            commitment covered, unused part included. Within what it applies to: by effective cost, where there is
            none by billed, else list.
Cases       What a rule says of a credit or fee itself stands, and so does a tag of a credit that is on no resource with
            cost: it is divided over what is of the same team and model alone, and has the stage said. A tag of a
            resource is its credits' tag too, so on the resource they follow its shares, whatever these made of the tag.
            Credits of what is declared shared follow its shares.
            Where nothing positive is found it stays a share of the whole company, with the model and team that are
            said of it, if any.
            A credit's shares have reason ``credit``; a positive adjustment's ``shared``; a fee's ``shared``, or what
            the usage it covers says: ``commitment_unused``, ``not_ai``.
            Nothing is spread over tax, and tax over nothing here (see :mod:`analyzer.taxes`).
Drawbacks   A promotional credit for a whole account is taken as company-level unless it names a service.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_AMOUNT = "coalesce(nullif(s.effective_cost, 0), nullif(s.billed_cost, 0), nullif(s.list_cost, 0), s.contracted_cost)"

_BASE = f"""
    CREATE TEMP TABLE spread_base ON COMMIT DROP AS
    SELECT c.slice_id, c.half, c.currency, c.account_key, c.sku_key, c.resource_key, c.tag_set_key, c.commitment_key,
           c.charge_date, c.service, t.model, t.team, t.stage, t.reason, t.is_ai, sum({_AMOUNT}) AS w
    FROM share_now s
    JOIN charge_now c USING (cid)
    JOIN target_now t USING (target_key)
    WHERE {_AMOUNT} > 0 AND c.route NOT IN ('tax', 'lost_tax')
      AND (c.slice_id IN (SELECT slice_id FROM charge_now WHERE route IN ('credit', 'fee')))
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"""

_PLACE = """
    INSERT INTO share_weight
    SELECT c.cid, b.model, b.team, {stage}, NULL, {reason}, b.is_ai, '{rung}', {method}, {confidence}, sum(b.w)
    FROM charge_now c
    JOIN spread_base b ON b.slice_id = c.slice_id AND b.currency = c.currency AND {meets}
    WHERE c.route = '{route}' AND NOT EXISTS (SELECT FROM share_weight AS placed WHERE placed.cid = c.cid)
    GROUP BY c.cid, b.model, b.team, {stage}, {reason}, b.is_ai, {method}"""

_SAID_BY = "c.shared_cost IS NULL AND c.{field}_source IN ({sources})"
_RULE, _RULE_OR_TAG = "'rule'", "'rule', 'tag'"
"""Whose word on a credit or fee stands."""

_CREDIT_REASON = """CASE WHEN c.charge_category = 'Credit'
    OR coalesce(c.billed_cost, c.effective_cost, c.list_cost, 0) <= 0 THEN 'credit' ELSE 'shared' END"""
_FEE_REASON = "CASE WHEN b.reason IN ('commitment_unused', 'not_ai') THEN b.reason ELSE 'shared' END"

_SAME_HALF = "b.half = c.half AND b.account_key = c.account_key"
_CREDIT_STEPS = (
    (
        f"{_SAME_HALF} AND b.sku_key = c.sku_key AND b.resource_key = c.resource_key AND c.resource_key <> 0"
        " AND b.tag_set_key = c.tag_set_key AND b.charge_date = c.charge_date",
        "charge",
        "the resource on its day",
        "0.9",
        _RULE,
    ),
    (
        f"{_SAME_HALF} AND b.sku_key = c.sku_key AND b.resource_key = c.resource_key AND c.resource_key <> 0",
        "charge",
        "the resource",
        "0.8",
        _RULE,
    ),
    (f"{_SAME_HALF} AND b.sku_key = c.sku_key", "sku-day", "the SKU", "0.7", _RULE_OR_TAG),
    (f"{_SAME_HALF} AND b.service = c.service", "account-day", "the service", "0.6", _RULE_OR_TAG),
)
_FEE_STEP = (
    "b.commitment_key = c.commitment_key AND b.half IN (0, 2)",
    "account-day",
    "what the commitment covers",
    "0.8",
    _RULE,
)

_COMPANY = f"""
    INSERT INTO share_weight
    SELECT c.cid, CASE WHEN c.model_source IN ('rule', 'tag') THEN c.model END, c.team,
           CASE WHEN c.stage_source IN ('rule', 'tag') THEN c.stage ELSE 'unknown' END, NULL,
           CASE WHEN c.route = 'credit' THEN {_CREDIT_REASON} WHEN NOT c.is_ai THEN 'not_ai' ELSE 'shared' END,
           c.is_ai, 'account-day',
           coalesce(nullif(concat_ws('; ',
               CASE WHEN c.model_source IN ('rule', 'tag') THEN 'model=' || c.model_method END,
               CASE WHEN c.team IS NOT NULL THEN 'team=' || c.team_method END,
               CASE WHEN c.stage_source IN ('rule', 'tag') THEN 'stage=' || c.stage_method END), ''), 'none'),
           c.team_confidence, 1
    FROM charge_now c
    WHERE c.route IN ('credit', 'fee')
      AND NOT EXISTS (SELECT FROM share_weight AS placed WHERE placed.cid = c.cid)"""


def spread_credits_and_fees(connection: Connection) -> None:
    """Weigh credits, adjustments and commitment fees over the shares already made."""
    if connection.scalar(text("SELECT EXISTS (SELECT FROM charge_now WHERE route IN ('credit', 'fee'))")):
        connection.execute(text(_BASE))
        connection.execute(text("ANALYZE spread_base"))
        for step in _CREDIT_STEPS:
            connection.execute(text(_step("credit", _CREDIT_REASON, step)))
        connection.execute(text(_step("fee", _FEE_REASON, _FEE_STEP)))
        connection.execute(text(_COMPANY))


def _step(route: str, reason: str, step: tuple[str, str, str, str, str]) -> str:
    meets, rung, over, confidence, sources = step
    said = {field: _SAID_BY.format(field=field, sources=sources) for field in ("model", "team", "stage")}
    alike = "".join(f" AND (NOT ({said[one]}) OR lower(b.{one}) = lower(c.{one}))" for one in ("model", "team"))
    told = ", ".join(f"CASE WHEN {by} THEN '{one}=' || c.{one}_method END" for one, by in said.items())
    return _PLACE.format(
        route=route,
        reason=reason,
        meets=meets + alike,
        rung=rung,
        stage=f"CASE WHEN {said['stage']} THEN c.stage ELSE b.stage END",
        method=f"concat_ws('; ', {told}, 'spread over {over}')",
        confidence=confidence,
    )
