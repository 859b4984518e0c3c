"""Google Cloud's standard and detailed billing export, from BigQuery to JSON, CSV or Parquet.

Assumes
    A line is one row of ``gcp_billing_export_v1`` or ``gcp_billing_export_resource_v1``. ``cost`` is before credits, in
    ``currency``. The slice is billing_account_id × invoice.month: late usage is billed in a later month.

Method
    Billed = cost + Σ credits.amount, added as exact decimals and rounded once; credits are never unnested into lines.
    A line without a list of credits may have one in ``credits_amount``; one with both is kept aside where they differ.
    List = cost_at_list. Contracted = cost_at_effective_price_default, else cost (the price after negotiation, before
    credits). Effective = billed, with commitment fees spread over the usage they covered (``gcp_commitments``).
    currency_conversion_rate is the exchange rate of US dollars in the billing currency.
    Labels, resource-manager tags and project labels make the tags; the first of a repeated key wins, in this order.

Cases
    - cost_type tax → Tax; adjustment, rounding_error (roundoff) → Adjustment; commitment fees → Purchase; else Usage.
      Adjustments of usage from before the invoice month are corrections.
    - Spot and preemptible SKUs → Dynamic; usage with a commitment credit → Committed; else Standard.
    - Corrections take back what they correct: negative usage whose commitment credit is returned counts as covered too.
    - Several currencies in one file are normal. - No invoice.month: the month the usage started in.
    - A detailed export names the resource; a standard one does not.
    - Rows that BigQuery rolled up (``x_lines``) stand for the lines of a day whose amounts are of one sign, so that
      what is asked of an amount (nothing, paid, taken back) is answered for all of them alike.
    - system_labels give the machine type and whether a reservation went unused.

Known drawbacks
    - Rows appended to the BigQuery table after this file was written are missing: export whole invoice months.
    - A commitment is a pool (region and resource), not a single contract; see ``gcp_commitments``.
    - Promotional and sustained-use credits lower the billed cost of their own line; they are no lines of their own.
"""

from __future__ import annotations

from aispend.engine.exact import number_sql, remainder_of_number_sql, units_of_number_sql, units_sql, unreadable_sql
from aispend.engine.line import Check, Flag, LineSql
from collectors.files.dialects.columns import Columns, coalesce, month_sql, none_if_zero, present
from collectors.files.dialects.contract import Dialect, Look, Part
from collectors.files.dialects.gcp_commitments import FLAG, Spread, is_fee_sql, pool_sql, spread
from collectors.files.dialects.gcp_nested import (
    credit_records,
    instant,
    labels_entries,
    number_text,
    records,
    scalar,
    service_category,
)
from collectors.files.dialects.styles import styled
from collectors.files.dialects.tags import json_of_entries

KEYS = (
    "billing_account_id", "service", "sku", "usage_start_time", "usage_end_time", "project", "labels", "system_labels",
    "location", "tags", "transaction_type", "seller_name", "export_time", "cost", "cost_at_list", "currency",
    "currency_conversion_rate", "usage", "credits", "invoice", "cost_type", "adjustment_info", "subscription",
    "consumption_model", "cost_at_effective_price_default", "cost_at_list_consumption_model", "resource", "price",
)  # fmt: skip
"""All keys a JSON line may have; those BigQuery leaves out of a line are NULL."""

RATE = "currency_conversion_rate"
"""Billing currency per US dollar, in which Google prices."""

_NESTED_KEYS = frozenset(
    {"service", "sku", "project", "labels", "system_labels", "location", "tags", "usage", "credits", "invoice"}
    | {"adjustment_info", "subscription", "consumption_model", "resource", "price"}
)
JSON_TYPES = {key: "JSON" if key in _NESTED_KEYS else "VARCHAR" for key in KEYS}


def line(look: Look, part: Part) -> LineSql:
    """The mapping of a Google Cloud export."""
    columns = styled(look, costs=("cost",), charged=("usage_start_time",), begins=(), ends=())
    description = columns.repeat(scalar(columns, "sku", "description") or "NULL")
    fee = columns.repeat(is_fee_sql(description))
    region = coalesce(scalar(columns, "location", "region"), scalar(columns, "location", "location"))
    start = instant(columns, "usage_start_time") or "NULL"
    month = _invoice_month(columns, start)
    cost, credited, committed = _amounts(columns)
    net = units_of_number_sql(f"{cost} + {credited}") if credited else columns.units("cost") or "NULL"
    covered = f"({committed} <> 0)" if committed else "FALSE"
    spend = _spend_based(columns, description)
    pool = columns.repeat(pool_sql(description, region or "NULL", spend_based=spend))
    commitments = _commitments(
        look, columns, description=description, pool=pool, month=month, net=net, committed=committed
    )
    contracted = coalesce(columns.units("cost_at_effective_price_default"), columns.units("cost"))
    paid = f"{columns.units('cost')} > 0"  # in the ledger's decimals, as a roll-up has them
    if service := scalar(columns, "service", "description"):
        columns.repeat(f"lower({service})")
    select: dict[str, str | None] = {
        "x_provider": "'gcp'",
        "x_scope": columns.text("billing_account_id"),
        "x_billing_month": month,
        "billing_account_id": columns.text("billing_account_id"),
        "sub_account_id": scalar(columns, "project", "id"),
        "sub_account_name": scalar(columns, "project", "name"),
        "publisher_name": columns.text("seller_name"),
        "provider_name": "'Google Cloud'",
        "service_name": service,
        "service_category": service_category(service) if service else None,
        "sku_id": scalar(columns, "sku", "id"),
        "charge_description": description,
        "pricing_unit": scalar(columns, "usage", "pricing_unit"),
        "consumed_unit": scalar(columns, "usage", "unit"),
        "x_instance_type": _system_label(columns, "compute.googleapis.com/machine_spec"),
        "region_id": region,
        "availability_zone": scalar(columns, "location", "zone"),
        "resource_id": coalesce(scalar(columns, "resource", "global_name"), scalar(columns, "resource", "name")),
        "resource_name": scalar(columns, "resource", "name"),
        "commitment_discount_id": f"CASE WHEN {fee} OR {covered} THEN 'cud ' || {pool} END",
        "commitment_discount_name": f"CASE WHEN {fee} THEN {description} END",
        "commitment_discount_type": f"CASE WHEN {fee} OR {covered} THEN 'CUD' END",
        "commitment_discount_category": f"CASE WHEN NOT ({fee} OR {covered}) THEN NULL "
        f"WHEN {spend} THEN 'Spend' ELSE 'Usage' END",
        "commitment_discount_status": f"CASE WHEN {fee} THEN 'Unused' WHEN {covered} THEN 'Used' END",
        "charge_category": _charge_category(columns, fee),
        "charge_class": _charge_class(columns, start, month),
        "charge_frequency": f"CASE WHEN {fee} THEN 'Recurring' ELSE 'Usage-Based' END",
        "pricing_category": _pricing_category(columns, description, fee, covered),
        "capacity_reservation_status": _reservation_status(columns),
        "billing_currency": f"upper({columns.text('currency')})",
        "x_flag": f"CASE WHEN {commitments.derived} THEN '{FLAG}' END" if commitments.found else None,
        "charge_period_start": start,
        "charge_period_end": instant(columns, "usage_end_time"),
        "tags": labels_entries(columns),
        "billed_cost": net,
        "effective_cost": commitments.effective,
        "list_cost": none_if_zero(columns.units("cost_at_list"), columns.units("cost_at_list"), paid),
        "contracted_cost": none_if_zero(contracted, columns.units("cost_at_effective_price_default", "cost"), paid),
        "pricing_quantity": _units(columns, "usage", "amount_in_pricing_units"),
        "consumed_quantity": _units(columns, "usage", "amount"),
    }
    known = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
    return LineSql(
        dataset="gcp_detailed" if columns.has("resource", "resource_name", "resource_global_name") else "gcp_standard",
        select=present(select),
        columns_known=tuple(name for name in known if select[name]),
        tags_json=json_of_entries("tags") if select["tags"] else "NULL",
        checks=_checks(columns, start, month),
        flags=(
            Flag(FLAG, f"x_flag = '{FLAG}'", "effective_cost",
                 "Commitment fees are spread over the usage they covered, by commitment credit; "
                 "the unused part stays on the fee."),
        )
        if commitments.found
        else (),
        notes=part.notes,
        rate=columns.rate((RATE,), "'USD'"),
        remainders=present(
            {
                "billed_cost": columns.number("x_billed_remainder")
                or (remainder_of_number_sql(f"{cost} + {credited}") if credited else columns.remainder("cost")),
                "list_cost": columns.number("x_list_remainder") or columns.remainder("cost_at_list"),
            }
        ),
        lines=columns.lines_before(),
        hours=columns.hours_before(),
        repeated=columns.repeated,
    )  # fmt: skip


def _units(columns: Columns, *path: str) -> str | None:
    found = number_text(columns, *path)
    return units_sql(*found) if found else None


def _amounts(columns: Columns) -> tuple[str, str | None, str | None]:
    """Cost and sum of credits as exact numbers, and the commitment credits of a line in units, positive where they
    lower its cost."""
    cost = columns.number("cost") or "NULL"
    listed = credit_records(columns, ("name", "amount", "type"))
    if listed is None:
        return cost, None, None
    amount = number_sql("credit.amount", "VARCHAR")
    credited = columns.repeat(f"coalesce(list_sum(list_transform({listed}, lambda credit: {amount})), 0)")
    is_commitment = (
        "(upper(coalesce(credit.type, '')) LIKE 'COMMITTED%' "
        "OR (credit.type IS NULL AND lower(credit.name) LIKE 'committed us%'))"
    )
    only = f"list_transform(list_filter({listed}, lambda credit: {is_commitment}), lambda credit: {amount})"
    return cost, credited, columns.repeat(units_of_number_sql(f"-coalesce(list_sum({only}), 0)"))


def _spend_based(columns: Columns, description: str) -> str:
    listed = credit_records(columns, ("type",))
    by_credit = (
        f" OR coalesce(len(list_filter({listed}, lambda credit: credit.type LIKE '%DOLLAR_BASE%')), 0) > 0"
        if listed
        else ""
    )
    return columns.repeat(f"({description} ILIKE 'commitment - %'{by_credit})")


def _commitments(
    look: Look, columns: Columns, *, description: str, pool: str, month: str, net: str, committed: str | None
) -> Spread:
    if committed is None:
        return Spread(False, net, "FALSE")
    key = f"concat_ws('|', {columns.text('billing_account_id')}, {month}, {columns.text('currency')}, {pool})"
    found = number_text(columns, "usage", "amount")
    return spread(
        look,
        key=key,
        is_fee=_spreadable(columns, is_fee_sql(description)),
        net_units=net,
        credit_units=committed,
        quantity=f"TRY_CAST({found[0]} AS DOUBLE)" if found else "NULL",
        cost=columns.about("cost") or "NULL",
        unit=scalar(columns, "usage", "unit") or "NULL",
        covered=columns.about("x_covered_quantity"),
    )


def _spreadable(columns: Columns, fee: str) -> str:
    """A fee that no credit of its own offsets where it was used. CASE asks only fees for their credits."""
    listed = credit_records(columns, ("type",))
    if listed is None:
        return fee
    offset = f"list_filter({listed}, lambda credit: credit.type = 'FEE_UTILIZATION_OFFSET')"
    return f"(CASE WHEN {fee} THEN coalesce(len({offset}), 0) = 0 ELSE FALSE END)"


def _invoice_month(columns: Columns, start: str) -> str:
    month = scalar(columns, "invoice", "month")
    used = month_sql(start)
    if month is None:
        return used
    digits = f"regexp_replace({month}, '[^0-9]', '', 'g')"
    return f"CASE WHEN {month} IS NULL THEN {used} ELSE CAST(try_strptime(left({digits}, 6), '%Y%m') AS DATE) END"


def _charge_category(columns: Columns, fee: str) -> str:
    kind = columns.text("cost_type")
    by_type = (
        f"WHEN lower({kind}) = 'tax' THEN 'Tax' "
        f"WHEN lower({kind}) IN ('adjustment', 'rounding_error', 'roundoff') THEN 'Adjustment' "
        if kind
        else ""
    )
    return f"CASE {by_type}WHEN {fee} THEN 'Purchase' ELSE 'Usage' END"


def _charge_class(columns: Columns, start: str, month: str) -> str | None:
    """Correction: an adjustment of usage from before the invoice month. Usage that is only billed late is none."""
    adjusted = coalesce(scalar(columns, "adjustment_info", "mode"), scalar(columns, "adjustment_info", "type"))
    return (
        f"CASE WHEN ({adjusted}) IS NOT NULL AND {month_sql(start)} < {month} THEN 'Correction' END"
        if adjusted
        else None
    )


def _pricing_category(columns: Columns, description: str, fee: str, covered: str) -> str:
    model = scalar(columns, "consumption_model", "description")
    spot = f"{description} ILIKE '%spot preemptible%' OR {description} ILIKE '%preemptible%'"
    if model:
        spot += f" OR {model} ILIKE '%spot%'"
    return f"CASE WHEN {spot} THEN 'Dynamic' WHEN {covered} AND NOT {fee} THEN 'Committed' ELSE 'Standard' END"


def _system_label(columns: Columns, key: str) -> str | None:
    listed = records(columns, ("system_labels",), ("key", "value"))
    return f"list_filter({listed}, lambda label: label.key = '{key}')[1].value" if listed else None


def _reservation_status(columns: Columns) -> str | None:
    unused = _system_label(columns, "compute.googleapis.com/is_unused_reservation")
    return f"CASE lower({unused}) WHEN 'true' THEN 'Unused' END" if unused else None


def _checks(columns: Columns, start: str, month: str) -> tuple[Check, ...]:
    no_currency = f"NOT coalesce(regexp_full_match({columns.text('currency')}, '[A-Za-z]{{3}}'), FALSE)"
    checks = [
        Check(columns.find("cost") or "cost", columns.no_number("cost"), "no cost, or not a number"),
        Check("billing_account_id", f"{columns.text('billing_account_id')} IS NULL", "no billing account"),
        Check("currency", no_currency, "no ISO 4217 currency of three letters"),
        Check("usage_start_time", f"{start} IS NULL", "no usage start, or not a time"),
        Check("invoice.month", f"{month} IS NULL", "the invoice month is not YYYYMM"),
    ]  # fmt: skip
    checks += [
        check
        for name in ("credits_amount", "cost_at_list", "cost_at_effective_price_default", RATE)
        if (check := columns.unreadable(name))
    ]
    return (*checks, *_credit_checks(columns))


def _credit_checks(columns: Columns) -> list[Check]:
    """What is no list of credits, a credit that is no number, and the amount beside a list that it contradicts."""
    cell, listed = columns.find("credits"), records(columns, ("credits",), ("amount",))
    if cell is None or listed is None:
        return []
    wrong = unreadable_sql("credit.amount", "VARCHAR")
    bad = f"len(list_filter({listed}, lambda credit: {wrong})) > 0"
    checks = [Check("credits.amount", bad, "a credit is not a number")]
    if columns.kind(cell) in ("VARCHAR", "JSON"):
        no_array = f"({columns.cell(cell)}) IS NOT NULL AND {listed} IS NULL"
        checks.append(Check(cell, no_array, "credits are not a JSON array"))
    if beside := columns.number("credits_amount"):
        total = f"list_sum(list_transform({listed}, lambda credit: {number_sql('credit.amount', 'VARCHAR')}))"
        contradicts = f"len({listed}) > 0 AND {beside} <> coalesce({total}, 0)"
        checks.append(Check(cell, contradicts, "credits and credits_amount give two amounts"))
    return checks


DIALECT = Dialect(
    name="gcp",
    title="Google Cloud billing export",
    needs=(
        ("billing_account_id",),
        ("service", "service.description", "service_description"),
        ("sku", "sku.description", "sku_description"),
        ("usage_start_time",),
        ("cost",),
        ("currency",),
        ("export_time", "currency_conversion_rate"),
    ),
    line=line,
)
