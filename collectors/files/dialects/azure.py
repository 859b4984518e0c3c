"""Azure cost exports: actual and amortised, Enterprise, Microsoft Customer Agreement and pay-as-you-go, in any
language and spelling of their headers.

Assumes
    Columns carry Microsoft's names, in any case, with or without a localised name in front
    (``Ressourcengruppe (ResourceGroup)``). Cost is in the billing currency. The scope is the billing profile (the
    enrolment itself in Enterprise), else the billing account, else the subscription; the slice is the month of
    BillingPeriodStartDate, else of the charge.

Method
    Actual and amortised are two halves of one bill (``azure_parts`` tells them apart by content). Billed cost comes
    from the actual half. Effective, list and contracted cost and the quantities come from the amortised half, where
    every unit of usage is priced once: in the actual half usage under a commitment costs nothing and its purchase is
    beside it, so list cost would be counted twice. A file without any commitment is a whole bill: billed = effective.
    List = PayGPrice × Quantity (paygCostInBillingCurrency where given), contracted = UnitPrice × Quantity, both turned
    into the billing currency by exchangeRatePricingToBilling where prices are in another one; that, from the day
    exchangeRateDate on, is the bill's exchange rate.

Cases
    - PayGPrice or UnitPrice 0 on a line that cost something, or on committed usage: not given, NULL.
    - UnusedReservation, UnusedSavingsPlan → Usage, Unused. Refund → Purchase, Correction. RoundingAdjustment →
      Adjustment.
    - Dates as M/d/yyyy, d/M/yyyy or ISO (``styles``). - Decimal commas and semicolons of localised exports.
    - Tags and AdditionalInfo without their outer braces are repaired; the VM size is AdditionalInfo's ServiceType.
    - Regions are told by their id, however they are written (``azure_regions``).
    - Without a currency column an amount means nothing: refused.

Known drawbacks
    - With the actual half alone, effective and list cost are unknown, also for usage that has nothing to do with
      commitments.
    - Exports scoped to single subscriptions carry the same account: importing two of them one after the other
      replaces the first. Import them together.
"""

from __future__ import annotations

from aispend.engine.line import Check, LineSql
from collectors.files.dialects.azure_parts import COSTS, WHOLE, charge_type_sql, committed_sql, parts
from collectors.files.dialects.azure_regions import region_sql
from collectors.files.dialects.azure_sets import ACTUAL, AMORTIZED
from collectors.files.dialects.columns import Columns, coalesce, month_sql, present, scope_sql, times_sql
from collectors.files.dialects.contract import Dialect, Look, Part
from collectors.files.dialects.styles import styled
from collectors.files.dialects.tags import entries_of_json, json_of_entries

CURRENCIES = ("BillingCurrency", "BillingCurrencyCode", "Currency")
DATES = ("Date", "UsageDateTime", "UsageDate")
SUBSCRIPTIONS = ("SubscriptionId", "SubscriptionGuid")
RESOURCES = ("ResourceId", "InstanceId", "InstanceName")
QUANTITIES = ("Quantity", "UsageQuantity")
RATES = ("exchangeRatePricingToBilling", "exchangeRate")
_FAMILIES = {
    "AI + Machine Learning": "AI and Machine Learning",
    "Analytics": "Analytics",
    "Compute": "Compute",
    "Containers": "Compute",
    "Databases": "Databases",
    "Networking": "Networking",
    "Storage": "Storage",
    "Security": "Security",
    "Management and Governance": "Management and Governance",
}
_DATASETS = {WHOLE: ("azure", 0), ACTUAL: ("azure_actual", 1), AMORTIZED: ("azure_amortized", 2)}


def line(look: Look, part: Part) -> LineSql:
    """The mapping of an Azure header, for the half its lines are."""
    columns = styled(
        look,
        costs=(*COSTS, *QUANTITIES),
        charged=DATES,
        begins=("BillingPeriodStartDate", "BillingPeriodStart"),
        ends=("BillingPeriodEndDate", "BillingPeriodEnd"),
    )
    charged = columns.instant(*DATES) or "NULL"
    period = columns.instant("BillingPeriodStartDate", "BillingPeriodStart")
    month = month_sql(coalesce(period, charged) or "NULL")
    account = columns.text("BillingAccountId", "EnrollmentNumber")
    subscription = columns.text(*SUBSCRIPTIONS)
    scope = coalesce(columns.text("BillingProfileId"), account, subscription) or "NULL"
    kind, committed = charge_type_sql(columns), committed_sql(columns)
    model = columns.text("PricingModel")
    savings = f"coalesce(lower({model}) LIKE 'savings%', FALSE)" if model else "FALSE"
    category = columns.text("MeterCategory")
    family = columns.text("ServiceFamily")
    region = columns.text("ResourceLocation", "MeterRegion")
    select: dict[str, str | None] = {
        "x_provider": "'azure'",
        "x_scope": f"lower({scope_sql(scope)})",
        "x_billing_month": month,
        "billing_account_id": account,
        "billing_account_name": columns.text("BillingAccountName"),
        "sub_account_id": subscription,
        "sub_account_name": columns.text("SubscriptionName"),
        "publisher_name": columns.text("PublisherName"),
        "provider_name": "'Microsoft'",
        "service_name": coalesce(category, columns.text("ServiceName"), columns.text("ConsumedService")),
        "service_category": _service_category(family) if family else None,
        "service_subcategory": columns.text("MeterSubCategory"),
        "sku_id": columns.text("MeterId"),
        "sku_price_id": columns.text("PartNumber", "ProductId"),
        "sku_meter": columns.text("MeterName"),
        "charge_description": columns.text("ProductName", "Product"),
        "pricing_unit": columns.text("UnitOfMeasure"),
        "consumed_unit": columns.text("UnitOfMeasure"),
        "pricing_currency": columns.text("PricingCurrency"),
        "x_instance_type": _vm_size(columns),
        "region_id": region_sql(region) if region else None,
        "availability_zone": columns.text("AvailabilityZone"),
        "resource_id": columns.text(*RESOURCES),
        "resource_name": columns.text("ResourceName"),
        "resource_type": columns.text("ResourceType", "ConsumedService"),
        "commitment_discount_id": columns.text("benefitId", "ReservationId"),
        "commitment_discount_name": columns.text("benefitName", "ReservationName"),
        "commitment_discount_type": f"CASE WHEN {savings} THEN 'Savings Plan' WHEN {committed} THEN 'Reservation' END",
        "commitment_discount_category": f"CASE WHEN {savings} THEN 'Spend' WHEN {committed} THEN 'Usage' END",
        "commitment_discount_status": f"CASE WHEN {kind} LIKE 'unused%' THEN 'Unused' "
        f"WHEN {committed} AND {kind} = 'usage' THEN 'Used' END",
        "charge_category": f"CASE WHEN {kind} = 'usage' OR {kind} LIKE 'unused%' THEN 'Usage' "
        f"WHEN {kind} IN ('purchase', 'refund') THEN 'Purchase' WHEN {kind} = 'tax' THEN 'Tax' "
        f"WHEN {kind} = 'credit' THEN 'Credit' ELSE 'Adjustment' END",
        "charge_class": f"CASE WHEN {kind} = 'refund' THEN 'Correction' END",
        "charge_frequency": _frequency(columns),
        "pricing_category": _pricing(columns, model, committed, kind),
        "billing_currency": f"upper({columns.text(*CURRENCIES)})",
        "invoice_id": columns.text("InvoiceId"),
        "charge_period_start": charged,
        "charge_period_end": f"{charged} + INTERVAL 1 DAY",
        "tags": columns.text("Tags"),
    }
    dataset, half = _DATASETS[part.name or WHOLE]
    measures = _measures(columns, committed)
    given = {1: ("billed_cost",), 2: tuple(name for name in measures if name != "billed_cost"), 0: tuple(measures)}[
        half
    ]
    select |= {name: measures[name] for name in given}
    costs = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
    return LineSql(
        dataset=dataset,
        select=present(select),
        columns_known=tuple(name for name in costs if select.get(name)),
        tags_json=json_of_entries(entries_of_json("tags")),
        half=half,
        remainders=present(
            {name: columns.remainder(*COSTS) for name in given if name in ("billed_cost", "effective_cost")}
        ),
        checks=_checks(columns, scope, month, charged),
        notes=part.notes,
        rate=columns.rate(RATES, columns.text("PricingCurrency"), ("exchangeRateDate",)),
        repeated=columns.repeated,
    )


def _measures(columns: Columns, committed: str) -> dict[str, str | None]:
    cost = columns.units(*COSTS)
    about = columns.about(*COSTS)
    quantity = columns.units(*QUANTITIES)
    rate = columns.units(*RATES)

    def priced(name: str) -> str | None:
        price, zero = columns.units(name), columns.about(name)
        if price is None or quantity is None:
            return None
        amount = times_sql(price, quantity)
        if rate:
            amount = times_sql(amount, f"coalesce({rate}, 1000000000000)")
        return f"CASE WHEN {zero} = 0 AND ({about} <> 0 OR {committed}) THEN NULL ELSE {amount} END"

    given = columns.units("paygCostInBillingCurrency")
    return {
        "billed_cost": cost,
        "effective_cost": cost,
        "list_cost": given or priced("PayGPrice"),
        "contracted_cost": priced("UnitPrice"),
        "pricing_quantity": columns.units(*QUANTITIES),
        "consumed_quantity": columns.units(*QUANTITIES),
    }


def _service_category(family: str) -> str:
    whens = " ".join(f"WHEN '{name}' THEN '{category}'" for name, category in _FAMILIES.items())
    return f"CASE {family} {whens} END"


def _frequency(columns: Columns) -> str | None:
    given = columns.text("Frequency")
    if given is None:
        return None
    return (
        f"CASE lower({given}) WHEN 'usagebased' THEN 'Usage-Based' WHEN 'recurring' THEN 'Recurring' "
        f"WHEN 'onetime' THEN 'One-Time' END"
    )


def _pricing(columns: Columns, model: str | None, committed: str, kind: str) -> str:
    meter = columns.text("MeterName") or "NULL"
    by_model = f"WHEN lower({model}) = 'spot' THEN 'Dynamic' " if model else ""
    return (
        f"CASE {by_model}WHEN {committed} AND ({kind} = 'usage' OR {kind} LIKE 'unused%') THEN 'Committed' "
        f"WHEN {meter} LIKE '% Spot' THEN 'Dynamic' ELSE 'Standard' END"
    )


def _vm_size(columns: Columns) -> str | None:
    info = columns.text("AdditionalInfo")
    if info is None:
        return None
    pattern = '"ServiceType"\\s*:\\s*"((?:Standard|Basic)_[^"]+)"'
    return f"nullif(regexp_extract({info}, '{pattern}', 1), '')"


def _checks(columns: Columns, scope: str, month: str, charged: str) -> tuple[Check, ...]:
    def named(*names: str) -> str:
        return columns.find(*names) or names[0]

    currency = columns.text(*CURRENCIES)
    checks = [
        Check(named(*COSTS), columns.no_number(*COSTS), f"no cost, or {columns.no_number_reason(*COSTS)}"),
        Check(
            named(*CURRENCIES),
            f"NOT coalesce(regexp_full_match({currency}, '[A-Za-z]{{3}}'), FALSE)",
            "no ISO 4217 currency of three letters",
        ),
        Check(named("BillingAccountId", *SUBSCRIPTIONS), f"{scope} IS NULL", "no billing account and no subscription"),
        Check(named(*DATES), f"{charged} IS NULL", "no charge date, or written in another order than the rest"),
        Check(named("BillingPeriodStartDate", *DATES), f"{month} IS NULL", "no billing period, or not a date"),
    ]
    numbers = (QUANTITIES, ("PayGPrice",), ("UnitPrice",), RATES, ("paygCostInBillingCurrency",))
    return (*checks, *(check for names in numbers if (check := columns.unreadable(*names))))


DIALECT = Dialect(
    name="azure",
    title="Azure cost export",
    needs=(
        COSTS,
        CURRENCIES,
        DATES,
        (*SUBSCRIPTIONS, "BillingAccountId"),
        ("MeterCategory", "MeterId"),
    ),
    line=line,
    parts=parts,
)
