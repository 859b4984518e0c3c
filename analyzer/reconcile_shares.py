"""The analysis against what is loaded, and the advice against the analysis (promises 2 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from analyzer.exact_sql import COSTS
from analyzer.findings import Finding, compare, minus


def every_charge_has_shares(connection: Connection) -> Iterator[Finding]:
    """No charge without a share."""
    query = """
        SELECT s.provider, s.scope, s.period, count(*) AS charges, count(x.slice_id) AS shared
        FROM slice s
        JOIN charge c ON c.billing_month = s.period AND c.slice_id = s.slice_id
        LEFT JOIN (SELECT DISTINCT billing_month, slice_id, half, ordinal FROM cost_share) AS x
               ON x.billing_month = c.billing_month AND x.slice_id = c.slice_id AND x.half = c.half
              AND x.ordinal = c.ordinal
        WHERE s.kind = 'bill'
        GROUP BY s.slice_id
        ORDER BY s.provider, s.scope, s.period"""
    for row in connection.execute(text(query)):
        missing = row.charges - row.shared
        yield Finding(
            promise="every charge has shares",
            scope=f"{row.provider} {row.scope}",
            period=row.period,
            currency=None,
            ours=Decimal(row.shared),
            theirs=Decimal(row.charges),
            difference=Decimal(-missing),
            cause=f"{missing} charges are not analyzed; run aispend analyze" if missing else "equal",
            holds=not missing,
        )


def _by_slice(source: str, joins: str) -> str:
    sums = ", ".join(f"sum(x.{column}) AS {column}" for column in COSTS)
    return f"""
        SELECT s.provider, s.scope, s.period, x.currency, {sums}
        FROM slice s JOIN ({source}) AS x ON x.billing_month = s.period AND x.slice_id = s.slice_id {joins}
        WHERE s.kind = 'bill' GROUP BY 1, 2, 3, 4"""


_CHARGES = """
    SELECT c.billing_month, c.slice_id, k.billing_currency AS currency, c.billed_cost, c.effective_cost, c.list_cost,
           c.contracted_cost
    FROM charge c JOIN charge_kind k USING (charge_kind_key)"""
_COST_SHARES = """
    SELECT c.billing_month, c.slice_id, k.billing_currency AS currency, t.billed_cost, t.effective_cost, t.list_cost,
           t.contracted_cost
    FROM charge c JOIN charge_kind k USING (charge_kind_key)
    JOIN cost_share t USING (billing_month, slice_id, half, ordinal)"""

_UNEQUAL = """
    SELECT c.slice_id, count(*) AS charges
    FROM charge c
    JOIN (SELECT billing_month, slice_id, half, ordinal, {sums} FROM cost_share GROUP BY 1, 2, 3, 4) AS x
    USING (billing_month, slice_id, half, ordinal)
    WHERE {differ}
    GROUP BY c.slice_id"""


def shares_add_up(connection: Connection) -> Iterator[Finding]:
    """Shares, and both roll-ups of them, add up to the charges in all four costs; so does each single charge."""
    charges = _keyed(connection, _by_slice(_CHARGES, ""))
    for promise, source in (
        ("shares add up to the bill", _COST_SHARES),
        ("spend by day adds up to the bill", "SELECT * FROM spend_day"),
        ("spend by resource adds up to the bill", "SELECT * FROM spend_resource_month"),
    ):
        found = _keyed(connection, _by_slice(source, ""))
        for provider, scope, period, currency in _of_either(charges, found):
            key = (provider, scope, period, currency)
            ours, theirs = found.get(key, {}), charges.get(key, {})
            yield from compare(promise, f"{provider} {scope}", period, currency, ours=ours, theirs=theirs)
    sums = ", ".join(f"sum({column}) AS {column}" for column in COSTS)
    differ = " OR ".join(f"c.{column} IS DISTINCT FROM x.{column}" for column in COSTS)
    unequal = connection.execute(text(_UNEQUAL.format(sums=sums, differ=differ))).all()
    count = Decimal(sum(row.charges for row in unequal))
    yield Finding(
        promise="shares add up to each charge",
        scope=None,
        period=None,
        currency=None,
        ours=count,
        theirs=Decimal(0),
        difference=count,
        cause=f"{count} charges differ from the sum of their shares" if count else "equal",
        holds=not count,
    )


_CUTS = ("model", "team", "stage", "provider")


def cuts_add_up(connection: Connection) -> Iterator[Finding]:
    """By model = by team = by stage = by provider = the bill, month by month and currency by currency."""
    sums = ", ".join(f"sum({column}) AS {column}" for column in COSTS)
    bill = connection.execute(
        text(f"SELECT billing_month, currency, {sums} FROM ({_CHARGES}) AS c GROUP BY 1, 2 ORDER BY 1, 2")
    ).mappings()
    totals = {(row["billing_month"], row["currency"]): dict(row) for row in bill}
    for cut in _CUTS:
        groups = connection.execute(
            text(
                f"SELECT billing_month, currency, {sums} FROM (SELECT billing_month, currency, {cut}, {sums}"
                f" FROM spend_day GROUP BY 1, 2, 3) AS g GROUP BY 1, 2"
            )
        ).mappings()
        found = {(row["billing_month"], row["currency"]): dict(row) for row in groups}
        for month, currency in _of_either(totals, found):
            ours, theirs = found.get((month, currency), {}), totals.get((month, currency), {})
            yield from compare(f"spend by {cut} adds up to the bills", None, month, currency, ours=ours, theirs=theirs)


def unit_costs_add_up(connection: Connection) -> Iterator[Finding]:
    """Unit costs on the allocation basis add up to AI spend, month by month and currency by currency.

    Both have the effective cost of AI spend, of an Azure pair that of the amortised half; unit costs put what is idle
    upon the models that used the machine.
    """
    ours, theirs = (
        {(row.billing_month, row.currency): {"effective_cost": row.cost} for row in connection.execute(text(query))}
        for query in (_UNIT_COSTS, _AI_SPEND)
    )
    for month, currency in _of_either(theirs, ours):
        key = (month, currency)
        yield from compare(
            "unit costs add up to AI spend", None, month, currency, ours=ours.get(key, {}), theirs=theirs.get(key, {})
        )


_UNIT_COSTS = """
    SELECT billing_month, currency, sum(effective_cost) AS cost FROM unit_cost WHERE basis = 'allocation'
    GROUP BY 1, 2 ORDER BY 1, 2"""
_AI_SPEND = """
    SELECT c.billing_month, k.billing_currency AS currency, sum(s.effective_cost) AS cost
    FROM cost_share s
    JOIN share_target t USING (target_key)
    JOIN charge c USING (billing_month, slice_id, half, ordinal)
    JOIN charge_kind k USING (charge_kind_key)
    WHERE t.is_ai AND (c.half <> 1 OR c.slice_id NOT IN (SELECT slice_id FROM charge WHERE half = 2))
    GROUP BY 1, 2 ORDER BY 1, 2"""


def savings_stay_within_cost(connection: Connection) -> Iterator[Finding]:
    """Counted savings never exceed the cost they act on, in total or on any resource.

    Advice looks back over windows of its own: a resource costs the most that any says, counted or not. Advice on
    training runs acts on what they cost of it: several teams' on the sum of theirs.
    """
    query = """
        SELECT currency, sum(saving) AS savings, sum(cost) AS cost, bool_or(saving > cost) AS exceeded
        FROM (SELECT currency, provider, key, sum(saving) AS saving,
                     greatest(max(cost) FILTER (WHERE runs = ''), sum(cost) FILTER (WHERE runs <> '')) AS cost
              FROM (SELECT currency, provider, part.key,
                           CASE WHEN starts_with(resource_id, 'training:') THEN resource_id ELSE '' END AS runs,
                           sum((part.value ->> 'counted_net')::numeric) FILTER (WHERE counted) AS saving,
                           max((part.value ->> 'monthly_cost')::numeric) AS cost
                    FROM recommendation, jsonb_each(acts_on) AS part
                    WHERE state IN ('open', 'accepted')
                    GROUP BY currency, provider, part.key, runs) AS one
              GROUP BY currency, provider, key HAVING sum(saving) IS NOT NULL) AS r
        GROUP BY currency ORDER BY currency"""
    for row in connection.execute(text(query)):
        yield Finding(
            promise="savings stay within the cost they act on",
            scope=None,
            period=None,
            currency=row.currency,
            ours=row.savings,
            theirs=row.cost,
            difference=minus(row.savings, row.cost),
            cause="a resource would save more than it costs" if row.exceeded else "what would remain to be paid",
            holds=not row.exceeded,
        )


def _of_either(charged: Iterable[tuple[Any, ...]], analyzed: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Keys of the charges, and of what the analysis has beyond them: of a bill that is gone."""
    return list(dict.fromkeys((*charged, *analyzed)))


def _keyed(connection: Connection, query: str) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    rows = connection.execute(text(f"{query} ORDER BY 1, 2, 3, 4")).mappings()
    return {(row["provider"], row["scope"], row["period"], row["currency"]): dict(row) for row in rows}
