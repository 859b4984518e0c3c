"""Files that come with bills, or look like them, and are refused with a reason of their own."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.files.dialects.columns import Columns


@dataclass(frozen=True)
class Refusal:
    """A known file that is no bill we read: the columns that give it away, why, and what to do.

    ``is_bill`` says that it holds charges: found in a folder, it stops the import instead of being passed over.
    """

    name: str
    marks: tuple[str, ...]
    why: str
    next_step: str
    absent: tuple[str, ...] = ()
    is_bill: bool = False

    def fits(self, columns: Columns) -> bool:
        """Whether a header is this file's."""
        return all(columns.has(mark) for mark in self.marks) and not columns.has(*self.absent)


REFUSED: tuple[Refusal, ...] = (
    Refusal(
        "oci_cost_report",
        ("lineItem/tenantId", "cost/myCost"),
        "This is an OCI cost report. aispend does not read that format.",
        "Oracle delivers the same costs as a FOCUS report (Billing & Cost Management, Cost and Usage Reports, "
        "folder FOCUS Reports): import that.",
        is_bill=True,
    ),
    Refusal(
        "oci_usage_report",
        ("lineItem/tenantId", "usage/consumedQuantity"),
        "This is an OCI usage report; it holds no costs.",
        "Import OCI's FOCUS report instead (folder FOCUS Reports).",
    ),
    Refusal(
        "focus_mapping",
        ("FOCUS Dimension", "Source Column"),
        "This is a table of mapping rules to FOCUS, not a bill.",
        "Import the bill itself.",
    ),
    Refusal(
        "azure_price_sheet",
        ("meterId", "unitPrice", "effectiveStartDate"),
        "This is an Azure price sheet: prices, no charges.",
        "Import the ActualCost and AmortizedCost exports, or the FocusCost export.",
        absent=("Quantity", "Cost", "CostInBillingCurrency"),
    ),
    Refusal(
        "azure_reservation_details",
        ("ReservationOrderId", "ReservedHours", "UsedHours"),
        "These are Azure reservation details: hours used, no charges.",
        "Import the ActualCost and AmortizedCost exports.",
    ),
    Refusal(
        "aws_price_list",
        ("SKU", "OfferTermCode", "PricePerUnit"),
        "This is an AWS price list, not a bill.",
        "Import a FOCUS export or a Cost and Usage Report.",
    ),
    Refusal(
        "gcp_pricing_export",
        ("pricing_as_of_time", "list_price"),
        "This is Google's pricing export, not a bill.",
        "Import the standard or detailed usage cost export.",
    ),
    Refusal(
        "gcp_commitments",
        ("commitments_unit_type", "commitments_amount"),
        "This is a list of Google commitments, not a bill.",
        "Import the billing export; commitment fees and credits are in it.",
    ),
    Refusal(
        "gcp_attribution",
        ("billing_account_id", "sku_description", "invoice_month", "cost"),
        "These lines look like Google's but have neither export_time nor currency_conversion_rate: the result of a "
        "query or an attribution tool, with costs that were moved already, not the billing export.",
        "Import the billing export the result was made from.",
        absent=("export_time", "currency_conversion_rate"),
    ),
    Refusal(
        "bigquery_schema",
        ("name", "type", "mode"),
        "This is a table schema, not a bill.",
        "Import the exported table itself.",
        absent=("cost",),
    ),
    Refusal(
        "azure_meter_summary",
        ("DailyCost", "Day", "x_SkuMeterName"),
        "This is the result of a query: cost per meter and day, without billing account and provider.",
        "Import the cost export the query was run on.",
    ),
    Refusal(
        "token_cost_summary",
        ("azure_name", "total_cost_usd", "token_count"),
        "This is a summary per model and month, without billing account, currency column and days.",
        "Import the cost export it was made from.",
    ),
)
