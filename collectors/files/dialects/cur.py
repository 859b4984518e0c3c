"""AWS Cost and Usage Reports: CUR 1 (``lineItem/UnblendedCost``) and CUR 2.0 (``line_item_unblended_cost``).

Assumes
    One line is one CUR line item. Athena's and warehouse loaders' spellings are the same columns with other separators;
    loaders' own columns (``_file``, ``_line`` …) are ignored. The scope is the payer account, the slice the month of
    bill_billing_period_start_date.

Method
    Billed is unblended cost, the column that adds up to the invoice. Where the net columns are filled for a payer's
    month, private discounts are inside them: then billed is net_unblended_cost (unblended where a line has no net), and
    the discount lines (EdpDiscount, BundledDiscount, PrivateRateDiscount) count only their own net, usually 0. Never
    both. Effective, by line type:

    ========================  ===============================================================================
    SavingsPlanCoveredUsage   savings_plan_effective_cost (net_ where net columns are in use)
    SavingsPlanRecurringFee   total_commitment_to_date − used_commitment: the unused commitment (less private
                              discounts where net columns are in use)
    SavingsPlanNegation       0 (it takes the on-demand price of covered usage off again)
    SavingsPlanUpfrontFee     0, as is a Fee that buys a reservation
    DiscountedUsage           reservation_effective_cost (net_ likewise)
    RIFee                     unused amortised upfront fee + unused recurring fee (net_ likewise)
    anything else             billed
    ========================  ===============================================================================

    List is pricing_public_on_demand_cost of usage. Contracted is the billed basis of usage before commitments: plain
    usage and savings-plan-covered usage at their unblended cost; unknown for reservations.

Cases
    - Covered usage and its negation: where they cancel exactly in a payer's month, both are billed 0 (FOCUS: covered
      usage is not billed); where they do not, both keep what they say, so that billed still adds up to the invoice.
    - Fee lines whose used commitment contradicts the covered lines of their plan and month: what went unused is the
      commitment less what these cost; flagged ``used_commitment_derived``. The rule stands above ``cur_evidence``.
    - Split cost allocation lines (with split_line_item_parent_resource_id) say their parents' money again: left out,
      and counted in the load's notes.
    - Credits, refunds, tax, support and marketplace fees are lines of their own with billed = effective.

Known drawbacks
    - Unused commitment stays on the fee line (status Unused, category Purchase): FOCUS would make it a usage line.
    - A member account's own report shows commitment that other accounts used as unused, where it holds covered lines.
    - Member accounts' own reports name the payer too: two of them for one month look like one bill.
"""

from __future__ import annotations

from collections.abc import Sequence

from aispend.engine.line import Check, Flag, LineSql, identifier, literal
from collectors.files.dialects.columns import Columns, coalesce, month_sql, present
from collectors.files.dialects.contract import Dialect, Look, Part
from collectors.files.dialects.cur_costs import costs, remainders
from collectors.files.dialects.cur_evidence import DISCOUNTS, gather
from collectors.files.dialects.styles import styled
from collectors.files.dialects.tags import entries_of_json, entries_of_map, json_of_entries

FLAG = "used_commitment_derived"
_FEE = "SavingsPlanRecurringFee"
_TAG_PREFIXES = {
    "resourcetags/": "",
    "resource_tags_": "",
    "costcategory/": "cost_category/",
    "cost_category_": "cost_category/",
}
_COVERED = "('SavingsPlanCoveredUsage', 'DiscountedUsage')"


def line(look: Look, part: Part) -> LineSql:
    """The mapping of a CUR header of either generation."""
    columns = styled(
        look,
        costs=("line_item_unblended_cost",),
        charged=("line_item_usage_start_date",),
        begins=("bill_billing_period_start_date",),
        ends=(),
    )
    line_type = f"coalesce({columns.text('line_item_line_item_type')}, 'Usage')"
    payer = columns.aws_account("bill_payer_account_id") or "NULL"
    started = columns.instant("line_item_usage_start_date") or "NULL"
    month = coalesce(columns.period_month("bill_billing_period_start_date"), month_sql(started)) or "NULL"
    plan = columns.text("savings_plan_savings_plan_a_r_n")
    reservation = columns.text("reservation_reservation_a_r_n")
    split = columns.text("split_line_item_parent_resource_id")
    evidence = gather(look, columns, line_type=line_type, account=payer, month=month, plan=plan, split=split)
    commitment = coalesce(plan, reservation)
    select: dict[str, str | None] = {
        "x_provider": "'aws'",
        "x_scope": payer,
        "x_billing_month": month,
        "billing_account_id": payer,
        "billing_account_name": columns.text("bill_payer_account_name"),
        "sub_account_id": columns.aws_account("line_item_usage_account_id"),
        "sub_account_name": columns.text("line_item_usage_account_name"),
        "invoice_issuer_name": columns.text("bill_invoicing_entity", "line_item_legal_entity"),
        "publisher_name": columns.text("line_item_legal_entity"),
        "provider_name": "'AWS'",
        "service_name": _product(columns, "product_name", "line_item_product_code"),
        "service_subcategory": _product(columns, "product_family"),
        "sku_id": _product(columns, "sku"),
        "sku_price_id": columns.text("pricing_rate_code", "pricing_rate_id"),
        "sku_meter": columns.text("line_item_usage_type"),
        "charge_description": columns.text("line_item_line_item_description"),
        "pricing_unit": columns.text("pricing_unit"),
        "consumed_unit": columns.text("pricing_unit"),
        "pricing_currency": columns.text("pricing_currency"),
        "x_instance_type": _product(columns, "instance_type"),
        "x_operation": columns.text("line_item_operation"),
        "x_usage_type": columns.text("line_item_usage_type"),
        "region_id": coalesce(_product(columns, "region_code"), _product(columns, "region")),
        "region_name": _product(columns, "location"),
        "availability_zone": columns.text("line_item_availability_zone"),
        "resource_id": columns.text("line_item_resource_id"),
        "commitment_discount_id": commitment,
        "commitment_discount_type": _of_commitment(plan, reservation, "Savings Plan", "Reserved"),
        "commitment_discount_category": _of_commitment(plan, reservation, "Spend", "Usage"),
        "commitment_discount_status": f"CASE WHEN {line_type} IN {_COVERED} THEN 'Used' "
        f"WHEN {line_type} IN ('SavingsPlanRecurringFee', 'RIFee') THEN 'Unused' END",
        "charge_category": _category(line_type),
        "charge_class": f"CASE WHEN {line_type} = 'Refund' THEN 'Correction' END",
        "charge_frequency": f"CASE WHEN {line_type} IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Recurring' "
        f"WHEN {line_type} IN ('Fee', 'SavingsPlanUpfrontFee') THEN 'One-Time' "
        f"WHEN {line_type} LIKE '%Usage' OR {line_type} = 'SavingsPlanNegation' THEN 'Usage-Based' END",
        "pricing_category": _pricing(columns, line_type),
        "capacity_reservation_id": columns.text("capacity_reservation_capacity_reservation_arn"),
        "capacity_reservation_status": _capacity(columns),
        "billing_currency": f"upper({columns.text('line_item_currency_code')})",
        "invoice_id": columns.text("bill_invoice_id"),
        "x_flag": f"CASE WHEN {line_type} = '{_FEE}' THEN CASE WHEN {evidence.unused} IS NOT NULL THEN '{FLAG}' END END"
        if evidence.unused
        else None,
        "charge_period_start": coalesce(started, columns.instant("bill_billing_period_start_date")),
        "charge_period_end": columns.instant("line_item_usage_end_date"),
        "pricing_quantity": columns.units("line_item_usage_amount"),
        "consumed_quantity": columns.units("line_item_usage_amount"),
    }
    select |= costs(columns, evidence, line_type)
    select["tags"], tags_json = _tags(columns)
    known = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
    notes = [*part.notes, *evidence.notes]
    if evidence.net != "FALSE":
        notes.append(
            "Billed cost is net_unblended_cost: private discounts are inside it, discount lines are not counted again."
        )
    return LineSql(
        dataset="cur1" if any(name.lower() == "lineitem/unblendedcost" for name in columns.header.columns) else "cur2",
        select=present(select),
        columns_known=tuple(name for name in known if select[name]),
        tags_json=tags_json,
        where=f"({split}) IS NULL" if split else "TRUE",
        checks=_checks(columns, payer, month, started),
        flags=(
            Flag(
                FLAG,
                f"x_flag = '{FLAG}'",
                "effective_cost",
                "Fee lines' used commitment contradicts the lines the plan covers: what went unused is the "
                "commitment less the covered lines' effective cost, per plan and month. "
                f"Plans: {_few(evidence.contradicted)}.",
            ),
        )
        if evidence.unused
        else (),
        notes=tuple(notes),
        remainders=remainders(columns, evidence, line_type),
        net=evidence.payers,
        repeated=columns.repeated,
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _product(columns: Columns, attribute: str, *others: str) -> str | None:
    """A product attribute from its own column or from CUR 2.0's ``product`` map."""
    flat = columns.text(f"product_{attribute}")
    column = columns.find("product")
    mapped = None
    if column is not None:
        quoted, kind = identifier(column), columns.kind(column)
        if kind == "MAP":
            mapped = f"{quoted}[{literal(attribute)}]"
        else:
            text = f"CAST({quoted} AS VARCHAR)"
            pattern = f'"{attribute}"\\s*:\\s*"([^"]*)"'
            mapped = f"nullif(regexp_extract({text}, {literal(pattern)}, 1), '')"
    return coalesce(flat, mapped, columns.text(*others) if others else None)


def _of_commitment(plan: str | None, reservation: str | None, of_plan: str, of_reservation: str) -> str | None:
    """SQL: one word for lines of a savings plan, another for lines of a reservation."""
    known = [
        f"WHEN ({arn}) IS NOT NULL THEN '{word}'"
        for arn, word in ((plan, of_plan), (reservation, of_reservation))
        if arn
    ]
    return f"CASE {' '.join(known)} END" if known else None


def _category(line_type: str) -> str:
    discounts = ", ".join(literal(name) for name in DISCOUNTS)
    return (
        f"CASE WHEN {line_type} LIKE '%Usage' OR {line_type} = 'SavingsPlanNegation' THEN 'Usage' "
        f"WHEN {line_type} IN ('Fee', 'RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') THEN 'Purchase' "
        f"WHEN {line_type} = 'Tax' THEN 'Tax' WHEN {line_type} = 'Credit' THEN 'Credit' "
        f"WHEN {line_type} IN ('Refund', {discounts}) THEN 'Adjustment' ELSE 'Adjustment' END"
    )


def _pricing(columns: Columns, line_type: str) -> str:
    usage_type, term = columns.text("line_item_usage_type") or "NULL", columns.text("pricing_term") or "NULL"
    return (
        f"CASE WHEN {line_type} IN ('SavingsPlanCoveredUsage', 'DiscountedUsage') THEN 'Committed' "
        f"WHEN {line_type} <> 'Usage' THEN NULL "
        f"WHEN {usage_type} LIKE '%SpotUsage%' OR {term} = 'Spot' THEN 'Dynamic' ELSE 'Standard' END"
    )


def _capacity(columns: Columns) -> str | None:
    status = columns.text("capacity_reservation_capacity_reservation_status")
    return f"CASE WHEN {status} IN ('Used', 'Unused') THEN {status} END" if status else None


def _tags(columns: Columns) -> tuple[str | None, str]:
    """Tag columns as one STRUCT, or CUR 2.0's maps; cost categories beside them under ``cost_category/``."""
    maps = [
        (name, prefix)
        for name, prefix in (("resource_tags", ""), ("cost_category", "cost_category/"))
        if columns.has(name)
    ]
    if maps:
        fields, entries = [], []
        for name, prefix in maps:
            column = columns.find(name) or name
            fields.append(f"{identifier(name)}: {identifier(column)}")
            value = f"tags.{identifier(name)}"
            if columns.kind(column) == "MAP":
                pair = f"{{'key': {literal(prefix)} || tag.key, 'value': tag.value}}"
                keyed = f"list_transform({entries_of_map(value)}, lambda tag: {pair})"
                entries.append(f"coalesce({keyed}, [])")
            else:
                entries.append(entries_of_json(f"CAST({value} AS VARCHAR)", prefix))
        return f"{{{', '.join(fields)}}}", json_of_entries(
            f"list_concat({', '.join(entries)})" if len(entries) > 1 else entries[0]
        )
    tagged = _tag_columns(columns.header.columns)
    if not tagged:
        return None, "NULL"
    packed = ", ".join(f"{literal(f't{place}')}: {columns.cell(column)}" for place, (column, _) in enumerate(tagged))
    pairs = ", ".join(f"{{'key': {literal(key)}, 'value': tags.t{place}}}" for place, (_, key) in enumerate(tagged))
    return f"{{{packed}}}", json_of_entries(f"list_filter([{pairs}], lambda tag: tag.value IS NOT NULL)")


def _tag_columns(names: Sequence[str]) -> list[tuple[str, str]]:
    """(column, tag key) of every tag column; the provider's ``user:`` prefix is kept."""
    found = []
    for name in names:
        for prefix, kept in _TAG_PREFIXES.items():
            if name.lower().startswith(prefix):
                found.append((name, kept + name[len(prefix) :].rstrip()))
    return found


def _checks(columns: Columns, payer: str, month: str, started: str) -> tuple[Check, ...]:
    currency = columns.text("line_item_currency_code")

    def named(name: str) -> str:
        return columns.find(name) or name

    cost = named("line_item_unblended_cost")
    checks = [
        Check(cost, columns.no_number("line_item_unblended_cost"), "no unblended cost, or not a number"),
        Check(named("bill_payer_account_id"), f"{payer} IS NULL", "no payer account"),
        Check(
            named("line_item_currency_code"),
            f"NOT coalesce(regexp_full_match({currency}, '[A-Za-z]{{3}}'), FALSE)",
            "no ISO 4217 currency of three letters",
        ),
        Check(named("bill_billing_period_start_date"), f"{month} IS NULL", "no billing period, or not a date"),
        Check(
            named("line_item_usage_start_date"),
            f"coalesce({started}, {month}) IS NULL",
            "no usage start, or not a date",
        ),
    ]
    numbers = (
        "line_item_net_unblended_cost",
        "line_item_usage_amount",
        "pricing_public_on_demand_cost",
        "reservation_effective_cost",
        "savings_plan_savings_plan_effective_cost",
        "savings_plan_total_commitment_to_date",
        "savings_plan_used_commitment",
    )
    return (*checks, *(check for name in numbers if (check := columns.unreadable(name))))


DIALECT = Dialect(
    name="cur",
    title="AWS Cost and Usage Report",
    needs=(
        ("lineItem/UnblendedCost", "line_item_unblended_cost"),
        ("lineItem/LineItemType", "line_item_line_item_type"),
        ("lineItem/CurrencyCode", "line_item_currency_code"),
        ("lineItem/UsageStartDate", "line_item_usage_start_date"),
        ("bill/PayerAccountId", "bill_payer_account_id"),
        ("bill/BillingPeriodStartDate", "bill_billing_period_start_date"),
    ),
    line=line,
)
