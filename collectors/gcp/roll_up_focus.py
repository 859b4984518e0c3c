"""The roll-up of Google's FOCUS export, whose costs are net already: what is grouped by and what is summed."""

from __future__ import annotations

from collectors.gcp.roll_up import Parts, times
from collectors.gcp.tables import LINE, ExportTable, rounded

_TEXTS = (
    "AvailabilityZone", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency",
    "CapacityReservationId", "CapacityReservationStatus", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargeFrequency", "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedUnit", "InvoiceId",
    "InvoiceIssuerName", "PricingCategory", "PricingCurrency", "PricingUnit", "ProviderName", "PublisherName",
    "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName",
    "SubAccountType", "Tags", "x_ConsumptionModelId", "x_CostType", "x_ServiceId",
)  # fmt: skip
_ARRAYS = ("x_Labels", "x_ProjectLabels", "x_Tags")
_COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
_QUANTITIES = ("PricingQuantity", "ConsumedQuantity", "CommitmentDiscountQuantity")


def parts_of_focus(table: ExportTable) -> Parts:
    """See :mod:`collectors.gcp.roll_up`. Of credits only whether one is of a commitment matters here."""
    when = times(f"{LINE}.ChargePeriodStart", f"{LINE}.ChargePeriodEnd")
    dimensions = {
        **{name: (table.text(name), "text") for name in _TEXTS if table.has(name)},
        **{name: (table.json(name), "text") for name in _ARRAYS if table.has(f"{name}[]")},
        "BillingPeriodStart": (f"{LINE}.BillingPeriodStart", "timestamp"),
        "ChargePeriodStart": (when["start"], "timestamp"),
        "ChargePeriodEnd": (when["end"], "timestamp"),
    }
    if table.has("x_Credits[]"):
        covered = f"EXISTS(SELECT 1 FROM UNNEST({LINE}.x_Credits) AS credit WHERE UPPER(credit.Type) LIKE 'COMMITTED%')"
        listed = """'[{"Type": "COMMITTED_USAGE_DISCOUNT"}]'"""
        dimensions["x_Credits"] = (f"CASE WHEN {covered} THEN {listed} ELSE '[]' END", "text")
    given = [name for name in (*_COSTS, *_QUANTITIES) if table.has(name)]
    values = {f"n_{name}": table.number(name) for name in given} | {"n_hours": when["hours"]}
    sums = {name: (f"SUM({rounded(f'n_{name}')})", "amount") for name in given}
    sums["x_hours"] = ("BIT_OR(n_hours)", "integer")
    if table.has("x_ExportTime"):
        values["n_exported"] = f"{LINE}.x_ExportTime"
        sums["x_ExportTime"] = ("MAX(n_exported)", "timestamp")
    apart = [f"SIGN({rounded(f'n_{name}')})" if name in _COSTS else f"n_{name} IS NULL" for name in given]
    return Parts(dimensions, values, {}, {}, sums, apart)
