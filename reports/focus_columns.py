"""The columns of the FOCUS 1.2 export, written out, and where each comes from.

Unit prices and the PricingCurrency costs are left out: FOCUS makes them conditional, and a row rolled up over
a day has no single unit price. Our own columns follow, with the prefix ``x_`` the specification asks for.
``MANDATORY`` are the columns FOCUS never allows to be null. A text the bill does not give falls back to the
nearest thing known; a cost it does not give stays null, since unknown is neither zero nor another column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FocusKind = Literal["text", "decimal", "instant", "flag"]
_PROVIDERS = (
    "CASE a.provider WHEN 'aws' THEN 'AWS' WHEN 'gcp' THEN 'Google Cloud' "
    "WHEN 'azure' THEN 'Microsoft' ELSE a.provider END"
)
_PROVIDER = f"coalesce(a.provider_name, {_PROVIDERS})"


@dataclass(frozen=True)
class FocusColumn:
    """One column: its name, kind, and the SQL it is read with (see ``reports.focus`` for the tables' short names)."""

    name: str
    kind: FocusKind
    sql: str


def _text(name: str, sql: str) -> FocusColumn:
    return FocusColumn(name, "text", sql)


def _decimal(name: str, sql: str) -> FocusColumn:
    return FocusColumn(name, "decimal", sql)


def _instant(name: str, sql: str) -> FocusColumn:
    return FocusColumn(name, "instant", sql)


FOCUS: tuple[FocusColumn, ...] = (
    _text("AvailabilityZone", "l.availability_zone"),
    _decimal("BilledCost", "p.billed_cost"),
    _text("BillingAccountId", "coalesce(a.billing_account_id, sl.scope)"),
    _text("BillingAccountName", "a.billing_account_name"),
    _text("BillingAccountType", "a.billing_account_type"),
    _text("BillingCurrency", "k.billing_currency"),
    _instant("BillingPeriodEnd", "(p.billing_month + interval '1 month')"),
    _instant("BillingPeriodStart", "p.billing_month"),
    _text("CapacityReservationId", "k.capacity_reservation_id"),
    _text("CapacityReservationStatus", "k.capacity_reservation_status"),
    _text("ChargeCategory", "k.charge_category"),
    _text("ChargeClass", "k.charge_class"),
    _text("ChargeDescription", "s.charge_description"),
    _text("ChargeFrequency", "k.charge_frequency"),
    _instant("ChargePeriodEnd", "coalesce(p.charge_end_date, p.charge_date + 1)"),
    _instant("ChargePeriodStart", "p.charge_date"),
    _text("CommitmentDiscountCategory", "m.commitment_discount_category"),
    _text("CommitmentDiscountId", "nullif(m.commitment_discount_id, '')"),
    _text("CommitmentDiscountName", "m.commitment_discount_name"),
    _decimal("CommitmentDiscountQuantity", "p.commitment_quantity"),
    _text("CommitmentDiscountStatus", "k.commitment_discount_status"),
    _text("CommitmentDiscountType", "m.commitment_discount_type"),
    _text("CommitmentDiscountUnit", "m.commitment_discount_unit"),
    _decimal("ConsumedQuantity", "p.consumed_quantity"),
    _text("ConsumedUnit", "CASE WHEN p.consumed_quantity IS NOT NULL THEN s.consumed_unit END"),
    _decimal("ContractedCost", "p.contracted_cost"),
    _decimal("EffectiveCost", "p.effective_cost"),
    _text("InvoiceId", "k.invoice_id"),
    _text("InvoiceIssuerName", f"coalesce(a.invoice_issuer_name, {_PROVIDER})"),
    _decimal("ListCost", "p.list_cost"),
    _text("PricingCategory", "k.pricing_category"),
    _text("PricingCurrency", "s.pricing_currency"),
    _decimal("PricingQuantity", "p.pricing_quantity"),
    _text("PricingUnit", "CASE WHEN p.pricing_quantity IS NOT NULL THEN s.pricing_unit END"),
    _text("ProviderName", _PROVIDER),
    _text("PublisherName", f"coalesce(a.publisher_name, {_PROVIDER})"),
    _text("RegionId", "l.region_id"),
    _text("RegionName", "l.region_name"),
    _text("ResourceId", "nullif(r.resource_id, '')"),
    _text("ResourceName", "r.resource_name"),
    _text("ResourceType", "r.resource_type"),
    _text("ServiceCategory", "coalesce(s.service_category, 'Other')"),
    _text("ServiceName", f"coalesce(s.service_name, {_PROVIDER})"),
    _text(
        "ServiceSubcategory",
        "CASE WHEN s.service_category IS NULL THEN 'Other (Other)' ELSE s.service_subcategory END",
    ),
    _text("SkuId", "s.sku_id"),
    _text("SkuMeter", "s.sku_meter"),
    _text("SkuPriceDetails", "s.sku_price_details"),
    _text("SkuPriceId", "s.sku_price_id"),
    _text("SubAccountId", "a.sub_account_id"),
    _text("SubAccountName", "a.sub_account_name"),
    _text("SubAccountType", "a.sub_account_type"),
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
