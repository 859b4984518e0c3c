"""FOCUS 1.0 to 1.3, as AWS, Azure and Google Cloud export it and as any other provider may.

Assumes
    Columns are named as in the specification (case and order do not matter; more columns do no harm). The four
    costs are in BillingCurrency. The scope is BillingAccountId (Azure: the billing profile, in Enterprise the
    enrolment); the slice is the month of BillingPeriodStart.

Method
    Costs are taken as they stand. The provider comes from ProviderName (1.3: ServiceProviderName, HostProviderName),
    else from the ``x_`` columns only one cloud writes, else from InvoiceIssuerName or PublisherName.
    What an exporter lacks is filled from its own columns: Azure's meter and VM size (x_SkuMeterName, x_SkuDetails),
    Google's service category, labels and commitment credits (x_Labels, x_Tags, x_Credits).
    The exchange rate from the pricing to the billing currency is Azure's x_BillingExchangeRate.

Cases
    - EffectiveCost 0 on paid on-demand usage (Usage, billed > 0, no commitment): the amortised cost of on-demand usage
      is what was billed for it. Effective is set to billed and flagged ``effective_zero_on_paid_usage``.
    - ListCost or ContractedCost 0 on a line that was paid for (Azure Marketplace and reservations; rounded exports):
      "not given", NULL, never a discount of 100 %. A free line (all costs 0) keeps its zeros.
    - The literal ``NULL`` and empty text are missing. An amount that is no number as its column writes them rejects its
      line (``numbers``).
    - ChargeCategory and the other columns with values of the specification's own are spelt as there (``TAX``,
      ``Usage ``). Another category stays as it is, flagged ``unknown_charge_category``.
    - PricingCurrency may be a token or credit; costs are always in BillingCurrency, which must be given.
    - Azure tags without their outer braces are repaired; MAP columns and JSON text give the same tags.

Known drawbacks
    - ListCost and ContractedCost of commitment purchases stay in the ledger as the export has them, although the usage
      they pay for has list cost as well: leave out Purchase rows when adding list cost.
    - Costs an exporter rounded to something other than 0 are not repaired: effective totals of such a file are as wrong
      as the file.
    - x_Discounts (AWS) is not read: it explains the difference between columns that are read.
    - Commitments of Google's export have no id: usage covered by a commitment credit is marked, but not tied to one.
"""

from __future__ import annotations

from aispend.engine.line import Check, Flag, LineSql, identifier, literal
from aispend.errors import InputError
from collectors.files.dialects.columns import (
    Columns,
    coalesce,
    none_if_zero,
    padded_account_sql,
    present,
    scope_sql,
)
from collectors.files.dialects.contract import Dialect, Look, Part
from collectors.files.dialects.gcp_nested import labels_entries, records, service_category
from collectors.files.dialects.styles import styled
from collectors.files.dialects.tags import entries_of_json, entries_of_map, json_of_entries

PROVIDERS = ("ProviderName", "ServiceProviderName", "HostProviderName")
ISSUERS = ("InvoiceIssuerName", "PublisherName")
MARKS = {
    "gcp": ("x_Credits", "x_CostType", "x_ServiceId", "x_ConsumptionModelId"),
    "azure": ("x_SkuMeterCategory", "x_SkuMeterId", "x_BillingProfileId", "x_SkuOrderId"),
    "aws": ("x_Discounts", "x_ServiceCode", "x_Operation"),
}
"""``x_`` columns that only one cloud's export has."""

RATE = "x_BillingExchangeRate"
"""Azure's: billing currency per unit of the pricing currency."""

_FLAG = "effective_zero_on_paid_usage"
UNKNOWN_CATEGORY = "unknown_charge_category"
"""Flag of charges whose ChargeCategory is empty or none of the specification's."""

_SAME_NAME = {
    "billing_account_name": "BillingAccountName",
    "billing_account_type": "BillingAccountType",
    "sub_account_name": "SubAccountName",
    "sub_account_type": "SubAccountType",
    "invoice_issuer_name": "InvoiceIssuerName",
    "service_name": "ServiceName",
    "service_subcategory": "ServiceSubcategory",
    "sku_price_id": "SkuPriceId",
    "charge_description": "ChargeDescription",
    "pricing_unit": "PricingUnit",
    "consumed_unit": "ConsumedUnit",
    "x_operation": "x_Operation",
    "x_usage_type": "x_UsageType",
    "region_id": "RegionId",
    "region_name": "RegionName",
    "availability_zone": "AvailabilityZone",
    "resource_id": "ResourceId",
    "resource_name": "ResourceName",
    "commitment_discount_id": "CommitmentDiscountId",
    "commitment_discount_name": "CommitmentDiscountName",
    "commitment_discount_unit": "CommitmentDiscountUnit",
    "charge_class": "ChargeClass",
    "charge_frequency": "ChargeFrequency",
    "capacity_reservation_id": "CapacityReservationId",
    "capacity_reservation_status": "CapacityReservationStatus",
}


SPELLINGS = {
    "charge_category": ("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    "charge_class": ("Correction",),
    "charge_frequency": ("One-Time", "Recurring", "Usage-Based"),
    "pricing_category": ("Standard", "Dynamic", "Committed", "Other"),
    "commitment_discount_status": ("Used", "Unused"),
    "commitment_discount_category": ("Spend", "Usage"),
    "capacity_reservation_status": ("Used", "Unused"),
    "service_category": (
        "AI and Machine Learning",
        "Analytics",
        "Business Applications",
        "Compute",
        "Databases",
        "Developer Tools",
        "Identity",
        "Integration",
        "Internet of Things",
        "Management and Governance",
        "Media",
        "Migration",
        "Mobile",
        "Multicloud",
        "Networking",
        "Security",
        "Storage",
        "Web",
        "Other",
    ),
}
"""The values FOCUS 1.0 to 1.3 allow."""


def provider_sql(name: str) -> str:
    """Our name of a provider from any name it goes by: aws, gcp, azure, oci, else a slug of the name."""
    lower = f"lower({name})"
    return (
        f"CASE {name} WHEN 'AWS' THEN 'aws' WHEN 'Microsoft' THEN 'azure' WHEN 'Google Cloud' THEN 'gcp' "
        f"ELSE CASE WHEN {lower} LIKE 'amazon%' OR {lower} LIKE 'aws%' THEN 'aws' "
        f"WHEN {lower} LIKE '%microsoft%' OR {lower} LIKE '%azure%' THEN 'azure' "
        f"WHEN {lower} LIKE 'google%' OR {lower} LIKE 'gcp%' THEN 'gcp' "
        f"WHEN {lower} LIKE 'oracle%' OR {lower} = 'oci' THEN 'oci' "
        f"ELSE nullif(trim(regexp_replace({lower}, '[^a-z0-9]+', '_', 'g'), '_'), '') END END"
    )


def line(look: Look, part: Part) -> LineSql:
    """The mapping of a FOCUS header."""
    columns = styled(
        look,
        costs=("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"),
        charged=("ChargePeriodStart",),
        begins=("BillingPeriodStart",),
        ends=("BillingPeriodEnd",),
    )
    family = next((cloud for cloud, marks in MARKS.items() if columns.has(*marks)), None)
    named = [provider_sql(name) for column in PROVIDERS if (name := columns.text(column))]
    issued = [provider_sql(name) for column in ISSUERS if (name := columns.text(column))]
    provider = coalesce(*named, literal(family)) if family else coalesce(*named, *issued)
    if provider is None:
        raise InputError("The provider of these charges is not named.", where=look.shown_as)
    columns.repeat(provider)
    select = {name: columns.text(column) for name, column in _SAME_NAME.items()}
    billing_account = _aws_padded(columns.text("BillingAccountId"), provider)
    scope = scope_sql(billing_account or "NULL")
    select |= {
        "x_provider": provider,
        "x_scope": f"CASE WHEN {provider} = 'azure' THEN lower({scope}) ELSE {scope} END",
        "x_billing_month": columns.period_month("BillingPeriodStart"),
        "billing_account_id": billing_account,
        "sub_account_id": _aws_padded(columns.text("SubAccountId"), provider),
        "publisher_name": columns.text("PublisherName"),
        "provider_name": columns.text(*PROVIDERS),
        "service_category": _service_category(columns, family),
        "sku_id": columns.text("SkuId", "x_SkuMeterId"),
        "sku_meter": columns.text("SkuMeter", "x_SkuMeterName"),
        "pricing_currency": columns.text("PricingCurrency", "x_PricingCurrency"),
        "x_instance_type": _vm_size(columns),
        "resource_type": columns.text("ResourceType", "x_ResourceType"),
        "charge_category": _charge_category(columns, family),
        "billing_currency": f"upper({columns.text('BillingCurrency')})",
        "invoice_id": columns.text("InvoiceId", "x_InvoiceId"),
        "charge_period_start": columns.instant("ChargePeriodStart"),
        "charge_period_end": columns.instant("ChargePeriodEnd"),
        "pricing_quantity": columns.units("PricingQuantity"),
        "consumed_quantity": columns.units("ConsumedQuantity"),
        "commitment_discount_quantity": columns.units("CommitmentDiscountQuantity"),
    }
    select |= _commitment(columns, family)
    select |= _costs(columns, select)
    select["tags"], tags_json = _tags(columns)
    select["sku_price_details"], finish = _sku_details(columns)
    known = tuple(name for name in ("billed_cost", "effective_cost", "list_cost", "contracted_cost") if select[name])
    return LineSql(
        dataset="focus",
        select=present(select),
        columns_known=known,
        tags_json=tags_json,
        checks=_checks(columns, provider),
        flags=(
            Flag(
                _FLAG,
                f"x_flag = '{_FLAG}'",
                "effective_cost",
                "EffectiveCost was 0 on on-demand usage that was billed; effective cost is set to the billed cost.",
            ),
        )
        if select["x_flag"]
        else (),
        notes=part.notes,
        rate=columns.rate((RATE,), select["pricing_currency"], ("x_BillingExchangeRateDate",)),
        finish=finish | _spelt(),
        remainders=_remainders(columns, select["x_flag"]),
        lines=columns.lines_before(),
        hours=columns.hours_before(),
        repeated=columns.repeated,
    )


def _aws_padded(account: str | None, provider: str) -> str | None:
    return f"CASE WHEN {provider} = 'aws' THEN {padded_account_sql(account)} ELSE {account} END" if account else None


def _spelt() -> dict[str, str]:
    """The specification's spelling of its own values, once per distinct value; others stay as written.

    A charge category that is none of them is flagged: nothing else tells usage from tax.
    """

    def key(text: str) -> str:
        return "".join(filter(str.isalpha, text.lower()))

    spelt = {}
    for name, values in SPELLINGS.items():
        whens = " ".join(f"WHEN '{key(value)}' THEN '{value}'" for value in values)
        spelt[name] = f"CASE regexp_replace(lower({name}), '[^a-z]', '', 'g') {whens} ELSE {name} END"
    known = ", ".join(map(literal, SPELLINGS["charge_category"]))
    spelt["x_flag"] = (
        f"CASE WHEN x_flag IS NULL AND coalesce({spelt['charge_category']}, '') NOT IN ({known}) "
        f"THEN '{UNKNOWN_CATEGORY}' ELSE x_flag END"
    )
    return spelt


def _remainders(columns: Columns, flag: str | None) -> dict[str, str]:
    billed, effective = columns.remainder("BilledCost"), columns.remainder("EffectiveCost")
    return present(
        {
            "billed_cost": billed,
            "effective_cost": f"CASE WHEN ({flag}) IS NOT NULL THEN {billed} ELSE {effective} END"
            if flag
            else effective,
            "list_cost": columns.remainder("ListCost"),
            "contracted_cost": columns.remainder("ContractedCost"),
        }
    )


def _costs(columns: Columns, select: dict[str, str | None]) -> dict[str, str | None]:
    billed, effective = columns.about("BilledCost"), columns.about("EffectiveCost")
    paid = " OR ".join(f"{cost} > 0" for cost in (billed, effective) if cost)
    suspicious = None
    if effective:
        usage = f"lower(trim({columns.text('ChargeCategory')})) = 'usage'"
        conditions = [usage, f"{effective} = 0", f"{billed} > 0"]
        if committed := select["commitment_discount_id"]:
            conditions.append(f"({committed}) IS NULL")
        if pricing := select["pricing_category"]:
            conditions.append(f"lower(trim({pricing})) IS DISTINCT FROM 'committed'")
        suspicious = columns.repeat(f"({' AND '.join(conditions)})")
    effective_units = columns.units("EffectiveCost")
    return {
        "billed_cost": columns.units("BilledCost"),
        "effective_cost": f"CASE WHEN {suspicious} THEN {columns.units('BilledCost')} ELSE {effective_units} END"
        if suspicious
        else effective_units,
        "list_cost": none_if_zero(columns.units("ListCost"), columns.about("ListCost"), paid),
        "contracted_cost": none_if_zero(columns.units("ContractedCost"), columns.about("ContractedCost"), paid),
        "x_flag": f"CASE WHEN {suspicious} THEN '{_FLAG}' END" if suspicious else None,
    }


def _charge_category(columns: Columns, family: str | None) -> str | None:
    category = columns.text("ChargeCategory")
    if family != "gcp" or category is None:
        return category
    usage = f"lower(trim({category})) = 'usage'"
    description = columns.text("ChargeDescription") or "NULL"
    kind = columns.text("x_CostType") or "NULL"
    return (
        f"CASE WHEN {usage} AND {kind} = 'tax' THEN 'Tax' "
        f"WHEN {usage} AND {description} ILIKE 'commitment%v1:%' THEN 'Purchase' ELSE {category} END"
    )


def _commitment(columns: Columns, family: str | None) -> dict[str, str | None]:
    status, kind = columns.text("CommitmentDiscountStatus"), columns.text("CommitmentDiscountType")
    category, pricing = columns.text("CommitmentDiscountCategory"), columns.text("PricingCategory")
    credits_column = columns.find("x_Credits")
    if family == "gcp" and credits_column and not columns.has("CommitmentDiscountId"):
        listed = _credit_types(columns, credits_column)
        covered = f"len(list_filter({listed}, lambda kind: upper(kind) LIKE 'COMMITTED%')) > 0"
        return {
            "commitment_discount_status": f"CASE WHEN {covered} THEN 'Used' END",
            "commitment_discount_type": f"CASE WHEN {covered} THEN 'CUD' END",
            "commitment_discount_category": None,
            "pricing_category": f"CASE WHEN {covered} THEN 'Committed' ELSE {pricing or 'NULL'} END",
        }
    return {
        "commitment_discount_status": status,
        "commitment_discount_type": kind,
        "commitment_discount_category": category,
        "pricing_category": pricing,
    }


def _credit_types(columns: Columns, column: str) -> str:
    listed = records(columns, (column,), ("Type",))
    return f'list_transform({listed}, lambda credit: credit."Type")' if listed else "[]"


def _service_category(columns: Columns, family: str | None) -> str | None:
    given = columns.text("ServiceCategory")
    if given is None and family == "gcp" and (service := columns.text("ServiceName")):
        return service_category(service)
    return given


def _vm_size(columns: Columns) -> str | None:
    """Azure's VM size, which only x_SkuDetails names."""
    column = columns.find("x_SkuDetails")
    if column is None:
        return None
    details = f"CAST({identifier(column)} AS VARCHAR)"
    found = f'regexp_extract({details}, \'"ServiceType"\\s*:\\s*"([^"]+)"\', 1)'
    return f"CASE WHEN contains({details}, 'ServiceType') THEN nullif({found}, '') END"


def _sku_details(columns: Columns) -> tuple[str | None, dict[str, str]]:
    """SkuPriceDetails while grouping, and what is made of it once per SKU: canonical text, and the instance type."""
    column = columns.find("SkuPriceDetails")
    if column is None:
        return None, {}
    if columns.kind(column) == "MAP":
        text, kept = json_of_entries(entries_of_map("sku_price_details")), identifier(column)
        found = "sku_price_details['InstanceType']"
    else:
        text, kept = "sku_price_details", columns.text("SkuPriceDetails") or "NULL"
        found = 'nullif(regexp_extract(sku_price_details, \'"InstanceType"\\s*:\\s*"([^"]+)"\', 1), \'\')'
    named = "x_instance_type" if columns.has("x_SkuDetails") else None
    return kept, {"sku_price_details": text, "x_instance_type": coalesce(named, found) or "NULL"}


def _tags(columns: Columns) -> tuple[str | None, str]:
    """The tags while grouping, and what makes canonical JSON of them."""
    column = columns.find("Tags")
    google = labels_entries(columns)
    if column is None:
        return google, json_of_entries("tags") if google else "NULL"
    quoted, kind = identifier(column), columns.kind(column)
    if kind == "MAP":
        return quoted, json_of_entries(entries_of_map("tags"))
    return columns.text("Tags"), json_of_entries(entries_of_json("tags"))


def _checks(columns: Columns, provider: str) -> tuple[Check, ...]:
    billed = columns.find("BilledCost") or "BilledCost"
    currency = columns.text("BillingCurrency")
    month, start = columns.instant("BillingPeriodStart"), columns.instant("ChargePeriodStart")
    checks = [
        Check(billed, columns.no_number("BilledCost"), f"no billed cost, or {columns.no_number_reason('BilledCost')}"),
        Check(
            columns.find("BillingAccountId") or "", f"{columns.text('BillingAccountId')} IS NULL", "no billing account"
        ),
        Check(
            columns.find("BillingCurrency") or "",
            f"NOT coalesce(regexp_full_match({currency}, '[A-Za-z]{{3}}'), FALSE)",
            "no ISO 4217 currency of three letters",
        ),
        Check(columns.find("BillingPeriodStart") or "", f"{month} IS NULL", "no billing period, or not a date"),
        Check(columns.find("ChargePeriodStart") or "", f"{start} IS NULL", "no charge period, or not a date"),
        Check(columns.find(*PROVIDERS, *ISSUERS) or "", f"{provider} IS NULL", "no provider"),
    ]
    costs = ("EffectiveCost", "ListCost", "ContractedCost")
    numbers = (*costs, "PricingQuantity", "ConsumedQuantity", "CommitmentDiscountQuantity", RATE)
    checks += [check for name in numbers if (check := columns.unreadable(name))]
    return tuple(checks)


DIALECT = Dialect(
    name="focus",
    title="FOCUS 1.x",
    needs=(
        ("BilledCost",),
        ("BillingAccountId",),
        ("BillingCurrency",),
        ("BillingPeriodStart",),
        ("ChargePeriodStart",),
        ("ChargeCategory",),
        (*PROVIDERS, *ISSUERS, *(mark for marks in MARKS.values() for mark in marks)),
    ),
    line=line,
)
