"""What only the whole of a CUR can say: asked once, in one pass, before its lines are mapped.

- Net columns: for which payers and months they are filled. Where they are, private discounts are inside
  ``net_unblended_cost`` and the discount lines (EdpDiscount, …) say the same money again; where they are not, the
  discount lines are the only place.
- Negation: whether covered usage and SavingsPlanNegation cancel exactly in a payer's month. If so neither was billed;
  if not, both keep what they say, so that the sum stays the invoice's.
- Savings plans whose fee lines report no used commitment although covered lines exist in the month: what was used
  is then the covered lines' effective cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from aispend.engine.line import literal
from collectors.files.dialects.columns import Columns
from collectors.files.dialects.contract import Look

DISCOUNTS = ("EdpDiscount", "BundledDiscount", "PrivateRateDiscount", "Discount")
DECIMALS = 15
_SCALE = 10**DECIMALS


@dataclass(frozen=True)
class Evidence:
    """``net`` and ``cancelled``: SQL booleans over a line; ``unused``: SQL for the share of a fee line's commitment
    that went unused, as a count of 1e-15, for plans whose own figures contradict the lines (NULL for all others)."""

    net: str = "FALSE"
    cancelled: str = "FALSE"
    unused: str | None = None
    contradicted: tuple[str, ...] = ()


def gather(look: Look, columns: Columns, *, line_type: str, account: str, month: str, plan: str | None) -> Evidence:
    """One grouped pass over the whole bill; nothing is asked where the header leaves no question."""
    net = columns.find("line_item_net_unblended_cost")
    if net is None and plan is None:
        return Evidence()
    filled = f"({columns.text(net)}) IS NOT NULL AND {line_type} NOT IN {_texts(DISCOUNTS)}" if net else "FALSE"
    moved = f"{line_type} IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')"
    total = columns.units("savings_plan_total_commitment_to_date") or "NULL"
    used = columns.units("savings_plan_used_commitment") or "NULL"
    covered = columns.units("savings_plan_savings_plan_effective_cost") or "NULL"
    is_fee, is_covered = f"{line_type} = 'SavingsPlanRecurringFee'", f"{line_type} = 'SavingsPlanCoveredUsage'"
    unblended = columns.units("line_item_unblended_cost") or "NULL"
    net_units = columns.units(net) if net else None
    rows = look.ask(
        f"SELECT coalesce({account}, '') || '|' || coalesce(CAST({month} AS VARCHAR), '') AS payer, "
        f"CASE WHEN {is_fee} OR {moved} THEN {plan or 'NULL'} END AS plan, bool_or({filled}), "
        f"sum({unblended}) FILTER ({moved}), sum({net_units or 'CAST(NULL AS HUGEINT)'}) FILTER ({moved}), "
        f"count(*) FILTER ({line_type} = 'SavingsPlanNegation'), "
        f"sum({total}) FILTER ({is_fee}), sum({used}) FILTER ({is_fee}), sum({covered}) FILTER ({is_covered}) "
        f"FROM raw GROUP BY ALL ORDER BY ALL"
    )
    by_payer: dict[str, list[tuple[object, ...]]] = {}
    for row in rows:
        by_payer.setdefault(str(row[0]), []).append(row)
    uses_net = [payer for payer, group in by_payer.items() if any(row[2] for row in group)]
    cancelled = [
        payer
        for payer, group in by_payer.items()
        if any(row[5] for row in group) and sum(_whole(row[4] if payer in uses_net else row[3]) for row in group) == 0
    ]
    unused: dict[str, int] = {}
    for payer, name, _, _, _, _, commitment, said, effective in rows:
        if name is not None and _whole(said) == 0 and _whole(effective) > 0 and _whole(commitment) > 0:
            left = max(0, _whole(commitment) - _whole(effective))
            unused[f"{payer}|{name}"] = (left * _SCALE + _whole(commitment) // 2) // _whole(commitment)
    key = f"coalesce({account}, '') || '|' || coalesce(CAST({month} AS VARCHAR), '')"
    share = None
    if unused:
        names, numbers = ", ".join(map(literal, unused)), ", ".join(map(str, unused.values()))
        share = f"MAP([{names}], [{numbers}])[{key} || '|' || {plan}]"
    return Evidence(_among(key, uses_net, by_payer), _among(key, cancelled, by_payer), share, tuple(unused))


def _among(key: str, chosen: list[str], known: dict[str, list[tuple[object, ...]]]) -> str:
    if not chosen:
        return "FALSE"
    return "TRUE" if len(chosen) == len(known) else f"({key}) IN ({', '.join(map(literal, chosen))})"


def _texts(values: tuple[str, ...]) -> str:
    return f"({', '.join(map(literal, values))})"


def _whole(value: object) -> int:
    return 0 if value is None else int(str(value))
