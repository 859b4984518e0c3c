"""The columns of the FOCUS 1.2 export, written out, and where each comes from.

Unit prices and the PricingCurrency costs are left out: FOCUS makes them conditional, and a row rolled up over
a day has no single unit price. Our own columns follow, with the prefix ``x_`` the specification asks for.
``MANDATORY`` are the columns FOCUS never allows to be null. A text the bill does not give falls back to the
nearest thing known: a name to the id it names (a region also the other way round: Oracle gives names alone), a
service's category and subcategory to those its other charges have, SkuPriceId to SkuId, the type of a resource to
what its id calls it, a frequency to what its category says. A cost it does not give stays null, since unknown is
neither zero nor another column. Where FOCUS forbids a value (a tax with a quantity, a purchase that is consumed)
none is written, whatever the bill says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FocusKind = Literal["text", "unit", "decimal", "instant", "flag"]
_PROVIDERS = (
    "CASE a.provider WHEN 'aws' THEN 'AWS' WHEN 'gcp' THEN 'Google Cloud' "
    "WHEN 'azure' THEN 'Microsoft' ELSE a.provider END"
)
_PROVIDER = f"coalesce(a.provider_name, {_PROVIDERS})"
_SUB_ACCOUNTS = (
    "CASE a.provider WHEN 'aws' THEN 'Account' WHEN 'gcp' THEN 'Project' "
    "WHEN 'azure' THEN 'Subscription' ELSE 'Sub Account' END"
)
_CATEGORY = "coalesce(s.service_category, v.service_category, 'Other')"

UNUSED_FEE = "k.charge_category = 'Purchase' AND k.commitment_discount_status = 'Unused'"
"""A commitment's fee in the ledger, whose effective cost is what went unused; FOCUS makes that a usage row."""

_STATUS = (
    "CASE WHEN m.commitment_discount_id = '' THEN NULL WHEN part.unused THEN 'Unused'"
    " WHEN k.charge_category <> 'Purchase' THEN k.commitment_discount_status END"
)
_FREQUENCY = (
    "CASE WHEN part.unused THEN 'Usage-Based' ELSE coalesce(k.charge_frequency, CASE WHEN k.charge_category = 'Usage'"
    " THEN 'Usage-Based' WHEN k.charge_category <> 'Purchase' THEN 'One-Time' END) END"
)
_PRICED = "CASE WHEN part.unused THEN 0 * {0} WHEN k.charge_category IS DISTINCT FROM 'Tax' THEN {0} END"
_CONSUMED = (
    "k.charge_category = 'Usage' AND k.commitment_discount_status IS DISTINCT FROM 'Unused'"
    " AND p.consumed_quantity IS NOT NULL"
)
_COMMITTED = (
    "k.charge_category IN ('Usage', 'Purchase') AND m.commitment_discount_id <> '' AND NOT part.unused"
    " AND p.commitment_quantity IS NOT NULL"
)
_SKU_PRICE = "coalesce(s.sku_price_id, s.sku_id)"


@dataclass(frozen=True)
class FocusColumn:
    """One column: its name, kind, and the SQL it is read with (see ``reports.focus`` for the tables' short names)."""

    name: str
    kind: FocusKind
    sql: str


def _text(name: str, sql: str) -> FocusColumn:
    return FocusColumn(name, "text", sql)


def _unit(name: str, sql: str) -> FocusColumn:
    return FocusColumn(name, "unit", sql)


def _sold(sql: str, beside: str = "''") -> str:
    """Of a SKU: none for a tax, and none where ``beside``, the id it hangs on, is missing."""
    return f"CASE WHEN k.charge_category IS DISTINCT FROM 'Tax' AND {beside} IS NOT NULL THEN {sql} END"


def _decimal(name: str, sql: str) -> FocusColumn:
    return FocusColumn(name, "decimal", sql)


def _instant(name: str, sql: str) -> FocusColumn:
    return FocusColumn(name, "instant", sql)


FOCUS: tuple[FocusColumn, ...] = (
    _text("AvailabilityZone", "l.availability_zone"),
    _decimal("BilledCost", "CASE WHEN part.unused THEN 0 ELSE p.billed_cost END"),
    _text("BillingAccountId", "coalesce(a.billing_account_id, sl.scope)"),
    _text("BillingAccountName", "coalesce(a.billing_account_name, a.billing_account_id, sl.scope)"),
    _text("BillingAccountType", "coalesce(a.billing_account_type, 'Billing Account')"),
    _text("BillingCurrency", "k.billing_currency"),
    _instant("BillingPeriodEnd", "(p.billing_month + interval '1 month')"),
    _instant("BillingPeriodStart", "p.billing_month"),
    _text("CapacityReservationId", "k.capacity_reservation_id"),
    _text("CapacityReservationStatus", "k.capacity_reservation_status"),
    _text("ChargeCategory", "CASE WHEN part.unused THEN 'Usage' ELSE k.charge_category END"),
    _text("ChargeClass", "k.charge_class"),
    _text("ChargeDescription", "s.charge_description"),
    _text("ChargeFrequency", _FREQUENCY),
    _instant("ChargePeriodEnd", "coalesce(p.charge_end_date, p.charge_date + 1)"),
    _instant("ChargePeriodStart", "p.charge_date"),
    _text("CommitmentDiscountCategory", "m.commitment_discount_category"),
    _text("CommitmentDiscountId", "nullif(m.commitment_discount_id, '')"),
    _text("CommitmentDiscountName", "m.commitment_discount_name"),
    _decimal("CommitmentDiscountQuantity", f"CASE WHEN {_COMMITTED} THEN p.commitment_quantity END"),
    _text("CommitmentDiscountStatus", _STATUS),
    _text("CommitmentDiscountType", "m.commitment_discount_type"),
    _unit("CommitmentDiscountUnit", f"CASE WHEN {_COMMITTED} THEN m.commitment_discount_unit END"),
    _decimal("ConsumedQuantity", f"CASE WHEN {_CONSUMED} THEN p.consumed_quantity END"),
    _unit("ConsumedUnit", f"CASE WHEN {_CONSUMED} THEN s.consumed_unit END"),
    _decimal("ContractedCost", "CASE WHEN part.unused THEN 0 ELSE p.contracted_cost END"),
    _decimal(
        "EffectiveCost",
        f"CASE WHEN {UNUSED_FEE} AND NOT part.unused THEN 0 * p.effective_cost ELSE p.effective_cost END",
    ),
    _text("InvoiceId", "k.invoice_id"),
    _text("InvoiceIssuerName", f"coalesce(a.invoice_issuer_name, {_PROVIDER})"),
    _decimal("ListCost", "CASE WHEN part.unused THEN 0 ELSE p.list_cost END"),
    _text(
        "PricingCategory",
        "CASE WHEN part.unused THEN 'Committed' WHEN k.charge_category IS DISTINCT FROM 'Tax'"
        " THEN k.pricing_category END",
    ),
    _text("PricingCurrency", "s.pricing_currency"),
    _decimal("PricingQuantity", _PRICED.format("p.pricing_quantity")),
    _unit(
        "PricingUnit",
        "CASE WHEN k.charge_category IS DISTINCT FROM 'Tax' AND p.pricing_quantity IS NOT NULL THEN s.pricing_unit END",
    ),
    _text("ProviderName", _PROVIDER),
    _text("PublisherName", f"coalesce(a.publisher_name, {_PROVIDER})"),
    _text("RegionId", "coalesce(l.region_id, l.region_name)"),
    _text("RegionName", "coalesce(l.region_name, l.region_id)"),
    _text("ResourceId", "nullif(r.resource_id, '')"),
    _text("ResourceName", "r.resource_name"),
    _text("ResourceType", "coalesce(r.resource_type, substring(r.resource_id from '([A-Za-z]+)/[^/]+$'))"),
    _text("ServiceCategory", _CATEGORY),
    _text("ServiceName", f"coalesce(s.service_name, {_PROVIDER})"),
    _text(
        "ServiceSubcategory",
        "coalesce(CASE WHEN s.service_category IS NOT NULL THEN s.service_subcategory END, v.service_subcategory,"
        f" 'Other (' || {_CATEGORY} || ')')",
    ),
    _text("SkuId", _sold("s.sku_id")),
    _text("SkuMeter", _sold("s.sku_meter", beside="s.sku_id")),
    _text("SkuPriceDetails", _sold("s.sku_price_details", beside=_SKU_PRICE)),
    _text("SkuPriceId", _sold(_SKU_PRICE)),
    _text("SubAccountId", "a.sub_account_id"),
    _text("SubAccountName", "coalesce(a.sub_account_name, a.sub_account_id)"),
    _text(
        "SubAccountType",
        f"CASE WHEN a.sub_account_id IS NOT NULL THEN coalesce(a.sub_account_type, {_SUB_ACCOUNTS}) END",
    ),
    _text("Tags", "g.tags::text"),
    _text("x_Model", "t.model"),
    _text("x_Team", "t.team"),
    _text("x_Stage", "t.stage"),
    _text("x_Workload", "t.workload"),
    _text("x_Reason", "t.reason"),
    _text("x_Rung", "t.rung"),
    _text("x_Method", "t.method"),
    _decimal("x_Confidence", "t.confidence"),
    FocusColumn("x_IsAI", "flag", "t.is_ai"),
    _text("x_Platform", "s.platform"),
    _text("x_AcceleratorType", "coalesce(r.accelerator_type, s.accelerator_type)"),
    _decimal("x_Accelerators", "coalesce(r.accelerators, s.accelerators)"),
    _text("x_InstanceType", "coalesce(s.instance_type, r.instance_type)"),
    _text("x_Flag", "k.flag"),
)

MANDATORY: tuple[str, ...] = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
)
