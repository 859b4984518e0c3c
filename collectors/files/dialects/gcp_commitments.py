"""Google's commitment fees, spread over the usage they paid for.

Assumes
    A commitment is billed as a fee SKU ("Commitment v1: Cpu in Americas for 1 Year"); the usage it covers is billed at
    its on-demand price with a credit of type COMMITTED_USAGE_DISCOUNT that takes the price off again. The export
    does not say which commitment covered which line, so fees and covered usage meet in a *pool*: billing account ×
    invoice month × currency × region × resource (series and cpu, ram, gpu, local ssd; spend-based commitments
    are one pool without region).

Method
    Within a pool the used part of the fees is min(1, covered quantity ÷ committed quantity), the covered quantity of
    a line being usage × |credit| ÷ cost. The used part is spread over the covered lines in proportion to
    their commitment credits; the rest stays on the fee lines as unused commitment.

    Quantities, credits and fees count with their sign, and the spread is linear in the credit: a correction that takes
    covered usage back takes its share of the fee back, so effective adds up to billed in every pool. Each line is
    rounded to 1e-12, and the two ratios of a pool to 1e-18 (1e-17 where a line exceeds a million): more than that,
    lines × 1e-12, is never between the two sums for pools below a million.

Cases
    - Fees without any covered usage, credits that corrections take back altogether, fees that are paid back: where a
      pool's fees or credits are not positive nothing is spread.
    - Credits without any fee in the file: the fee was paid elsewhere; effective stays billed net of credits.
    - Where units differ or quantities are missing (spend-based pools), the fees count as used up to the amount of the
      credits: a commitment is not dearer than the on-demand price it takes off. Where quantities tell, a negotiated
      price may be below the commitment's: up to twice the credits. This also keeps a pool sane whose corrections
      leave next to nothing of its credits.
    - Newer spend-based commitments offset their fee by FEE_UTILIZATION_OFFSET credits and price usage at the
      discounted rate: what is left of the fee is its unused part, and stays where it is.

Known drawbacks
    - A spend-based commitment that is partly unused counts as used up to the credits, which is more than it was.
    - Several commitments of one pool share their unused part evenly by fee.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from aispend.engine.line import literal
from collectors.files.dialects.columns import times_sql
from collectors.files.dialects.contract import Look

FLAG = "commitment_fee_spread"
_DECIMALS = 18
_DIGITS = 36
"""Decimal digits of a line's units × ratio, a ratio being below 10: what every HUGEINT has room for, less one."""
_MOST, _MOST_BY_QUANTITY = 1, 2
"""How much of a fee a unit of credit bears at most: on its own word, and where quantities say the fee was used."""
_SERIES = "n1|n2d|n2|n4|e2|c2d|c2|c3d|c3|c4a|c4d|c4|t2d|t2a|m1|m2|m3|m4|a2|a3|a4|g2|g4|h3|z3|x4"


def pool_sql(description: str, region: str, *, spend_based: str) -> str:
    """SQL: region and resource of a commitment or of usage, as one text; the same for both sides."""
    text = f"regexp_replace(lower({description}), '^commitment v1: *', '')"
    series = f"coalesce(nullif(regexp_extract({text}, '^({_SERIES})\\b', 1), ''), 'n1')"
    resource = (
        f"CASE WHEN {text} LIKE '%gpu%' OR {text} LIKE '%nvidia%' THEN 'gpu ' || "
        f"coalesce(nullif(regexp_extract({text}, '\\b([a-z]{{1,2}}\\d{{1,3}}[a-z]?|k80)\\b', 1), ''), '') "
        f"WHEN {text} LIKE '%local ssd%' OR {text} LIKE '%ssd backed%' THEN 'local ssd' "
        f"WHEN {text} LIKE '%ram%' OR {text} LIKE '%memory%' THEN {series} || ' ram' "
        f"WHEN {text} LIKE '%cpu%' OR {text} LIKE '%core%' THEN {series} || ' cpu' ELSE 'other' END"
    )
    return f"CASE WHEN {spend_based} THEN 'spend' ELSE coalesce({region}, 'global') || ' ' || {resource} END"


def is_fee_sql(description: str) -> str:
    """SQL boolean: the SKU is a commitment fee."""
    return f"({description} ILIKE 'commitment v1:%' OR {description} ILIKE 'commitment - %')"


@dataclass(frozen=True)
class Spread:
    """SQL for the effective cost in units and for whether a line's is derived; ``found`` is False where no fee is
    spread."""

    found: bool
    effective: str
    derived: str


def spread(
    look: Look,
    *,
    key: str,
    is_fee: str,
    net_units: str,
    credit_units: str,
    quantity: str,
    cost: str,
    unit: str,
    covered: str | None = None,
) -> Spread:
    """Ask the whole bill for its pools, and make the effective cost of a line from them.

    All arguments are SQL over ``raw``: the pool of a line, whether it is a fee to be spread, its net billed cost and
    its commitment credit in units (positive where it lowers the cost), its quantity and cost before credits as
    doubles (only their ratios are used), and the quantity's unit. ``covered`` is the covered quantity as a double where
    a row stands for several lines and it was added up line by line.
    """
    by_line = "quantity * least(1, abs(credit / nullif(cost, 0) / 1e12))"
    rows = look.ask(
        "SELECT pool, sum(net) FILTER (fee), sum(credit) FILTER (NOT fee), sum(quantity) FILTER (fee), "
        f"sum({'covered_by_line' if covered else by_line}) FILTER (NOT fee AND credit <> 0), "
        "count(DISTINCT unit) FILTER (fee OR credit <> 0), "
        "greatest(max(abs(net)) FILTER (fee), max(abs(credit)) FILTER (NOT fee)) "
        f"FROM (SELECT {key} AS pool, {is_fee} AS fee, "
        f"{net_units} AS net, {credit_units} AS credit, {quantity} AS quantity, {cost} AS cost, {unit} AS unit, "
        f"{covered or 'NULL'} AS covered_by_line "
        "FROM raw) GROUP BY pool HAVING count(*) FILTER (fee) > 0 ORDER BY pool"
    )
    if not rows:
        return Spread(False, net_units, "FALSE")
    decimals = max(0, min(_DECIMALS, _DIGITS - max(len(str(row[6] or 0)) for row in rows)))
    per_credit: dict[str, int] = {}
    left_on_fee: dict[str, int] = {}
    for pool, fees, credits, committed, used, units_of_measure, _ in rows:
        fee, credit = Fraction(str(fees or 0)), Fraction(str(credits or 0))
        if fee <= 0 or credit <= 0:
            continue
        part = _used(committed, used) if units_of_measure == 1 else None
        moved = min(fee, credit * _MOST) if part is None else min(fee * part, credit * _MOST_BY_QUANTITY)
        left_on_fee[str(pool)] = round((1 - moved / fee) * 10**decimals)
        per_credit[str(pool)] = round(moved / credit * 10**decimals)
    if not per_credit:
        return Spread(False, net_units, "FALSE")
    # Net cost, credit and pool are computed once per line and bound to names: they are long expressions.
    bound = f"{{'fee': {is_fee}, 'net': {net_units}, 'credit': {credit_units}, 'pool': {key}}}"
    kept = times_sql("line.net", _look_up(left_on_fee, "line.pool", 10**decimals), decimals)
    gained = times_sql("line.credit", _look_up(per_credit, "line.pool", 0), decimals)
    effective = (
        f"list_transform([{bound}], lambda line: CASE WHEN line.fee THEN {kept} "
        f"WHEN line.credit <> 0 THEN line.net + {gained} ELSE line.net END)[1]"
    )
    known = ", ".join(map(literal, per_credit))
    return Spread(True, effective, f"(({is_fee} OR {credit_units} <> 0) AND {key} IN ({known}))")


def _used(committed: object, covered: object) -> Fraction | None:
    """The used part of a commitment; None where quantities do not tell. (Sums of doubles depend on their order in the
    last digits, so those are left out.)"""
    if committed is None or covered is None:
        return None
    of, used = float(str(committed)), float(str(covered))
    if not (isfinite(of) and isfinite(used)) or of <= 0 or used <= 0:
        return None
    return min(Fraction(1), Fraction(f"{used / of:.12f}"))


def _look_up(values: dict[str, int], key: str, otherwise: int) -> str:
    keys = ", ".join(literal(name) for name in values)
    numbers = ", ".join(str(value) for value in values.values())
    return f"coalesce(MAP([{keys}], [{numbers}])[{key}], {otherwise})"
