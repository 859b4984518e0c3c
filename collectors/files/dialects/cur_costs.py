"""The four costs of a CUR line; the method stands above :mod:`collectors.files.dialects.cur`."""

from __future__ import annotations

from aispend.engine.exact import units_of_number_sql
from aispend.engine.line import literal
from collectors.files.dialects.columns import Columns, coalesce, none_if_zero, present, times_sql
from collectors.files.dialects.cur_evidence import DISCOUNTS, Evidence

_TOTAL = "savings_plan_total_commitment_to_date"


def costs(columns: Columns, evidence: Evidence, line_type: str) -> dict[str, str | None]:
    """SQL for each cost column in units; None where the report has nothing for it."""
    basis = _basis(columns, evidence, line_type)
    moved = f"{line_type} IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')"
    billed = basis
    if evidence.cancelled != "FALSE":
        billed = f"CASE WHEN {moved} AND {evidence.cancelled} THEN 0 ELSE {basis} END"
    priced = f"{line_type} IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage')"
    listed = none_if_zero(
        columns.units("pricing_public_on_demand_cost"),
        columns.about("pricing_public_on_demand_cost"),
        f"{columns.about('line_item_unblended_cost')} > 0",
    )
    return {
        "billed_cost": billed,
        "effective_cost": _effective(columns, evidence, line_type, billed),
        "list_cost": f"CASE WHEN {priced} THEN {listed} END" if listed else None,
        "contracted_cost": f"CASE WHEN {line_type} IN ('Usage', 'SavingsPlanCoveredUsage') THEN {basis} END",
    }


def remainders(columns: Columns, evidence: Evidence, line_type: str) -> dict[str, str]:
    """Of the columns that are billed as they stand; where net or cancelled lines decide, rounding is not told apart."""
    if (evidence.net, evidence.cancelled) != ("FALSE", "FALSE"):
        return {}
    unblended = columns.remainder("line_item_unblended_cost")
    usage = f"CASE WHEN {line_type} = 'Usage' THEN {unblended} END"
    return present({"billed_cost": unblended, "effective_cost": usage, "contracted_cost": usage})


def _basis(columns: Columns, evidence: Evidence, line_type: str) -> str:
    """What a line adds to the invoice: unblended, or net where the net columns are in use."""
    unblended = columns.units("line_item_unblended_cost") or "NULL"
    net = columns.units("line_item_net_unblended_cost")
    if net is None or evidence.net == "FALSE":
        return unblended
    discounts = ", ".join(literal(name) for name in DISCOUNTS)
    own = f"coalesce({net}, CASE WHEN {line_type} IN ({discounts}) THEN 0 ELSE {unblended} END)"
    return own if evidence.net == "TRUE" else f"CASE WHEN {evidence.net} THEN {own} ELSE {unblended} END"


def _effective(columns: Columns, evidence: Evidence, line_type: str, billed: str) -> str:
    def covered(gross_name: str, net_name: str) -> str:
        gross, net = columns.units(gross_name) or "NULL", columns.units(net_name)
        if net is None or evidence.net == "FALSE":
            return gross
        return f"CASE WHEN {evidence.net} THEN coalesce({net}, {gross}) ELSE {gross} END"

    by_plan = covered("savings_plan_savings_plan_effective_cost", "savings_plan_net_savings_plan_effective_cost")
    by_reservation = covered("reservation_effective_cost", "reservation_net_effective_cost")
    reservation = columns.text("reservation_reservation_a_r_n")
    bought = f"{line_type} = 'Fee' AND ({reservation}) IS NOT NULL" if reservation else "FALSE"
    return (
        f"CASE {line_type} WHEN 'SavingsPlanCoveredUsage' THEN {by_plan} WHEN 'DiscountedUsage' THEN {by_reservation} "
        f"WHEN 'SavingsPlanRecurringFee' THEN {_unused_of_plan(columns, evidence)} "
        f"WHEN 'RIFee' THEN {_unused_of_reservation(columns, evidence)} "
        f"WHEN 'SavingsPlanNegation' THEN 0 WHEN 'SavingsPlanUpfrontFee' THEN 0 "
        f"ELSE CASE WHEN {bought} THEN 0 ELSE {billed} END END"
    )


def _unused_of_plan(columns: Columns, evidence: Evidence) -> str:
    total, used = columns.number(_TOTAL), columns.number("savings_plan_used_commitment")
    units = columns.units(_TOTAL)
    own = units_of_number_sql(f"{total} - {used}") if total and used else "NULL"
    if evidence.kept is not None:
        left = times_sql(own, evidence.kept, evidence.decimals)
        own = f"CASE WHEN {evidence.kept} IS NOT NULL THEN {left} ELSE {own} END"
    if evidence.unused is None or units is None:
        return own
    derived = times_sql(units, evidence.unused, evidence.decimals)
    return f"CASE WHEN {evidence.unused} IS NOT NULL THEN {derived} ELSE {own} END"


def _unused_of_reservation(columns: Columns, evidence: Evidence) -> str:
    names = ("unused_amortized_upfront_fee_for_billing_period", "unused_recurring_fee")
    gross = [columns.number(f"reservation_{name}") for name in names]
    net = [columns.number(f"reservation_net_{name}") for name in names]
    said = _sum_of(gross)
    if evidence.net == "FALSE" or net == [None, None]:
        return said
    after = _sum_of([coalesce(left, whole) for left, whole in zip(net, gross, strict=True)])
    return after if evidence.net == "TRUE" else f"CASE WHEN {evidence.net} THEN {after} ELSE {said} END"


def _sum_of(parts: list[str | None]) -> str:
    """Units of a sum in which a missing part counts as 0; NULL where all are missing or a column is not there."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return "NULL"
    both = units_of_number_sql(" + ".join(f"coalesce({part}, 0)" for part in known))
    return f"CASE WHEN coalesce({', '.join(known)}) IS NULL THEN NULL ELSE {both} END"
