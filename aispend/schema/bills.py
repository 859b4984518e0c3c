"""What happened, in money: slices and loads, the charge and its dimensions, invoices."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Text

from aispend.schema.base import four_costs, instant, key, metadata, money, text

DONE_STATES = ("final", "closed", "restated")
"""States of a slice of a bill whose numbers the provider, or the user, has declared done; what replaces a closed month
is restated, and as done."""

slice_ = Table(
    "slice",
    metadata,
    Column("slice_id", Integer, Identity(), primary_key=True, comment="surrogate id"),
    text("kind", "bill, metrics, usage or workloads", nullable=False),
    text("source", "name of the collector or import it came through", nullable=False),
    text("provider", "aws, gcp, azure, oci … in lower case", nullable=False),
    text("scope", "billing account or export scope, read from the bill itself, never from a path", nullable=False),
    Column("period", Date, nullable=False, comment="first day of the billing month; the day for telemetry"),
    text("dataset", "dialect and flavour, e.g. focus, cur2, azure_actual+azure_amortized", nullable=False),
    Column(
        "columns_known", ARRAY(Text), nullable=False, comment="the cost columns this slice gives, e.g. {billed_cost}"
    ),
    text("state", "open, provisional, final, closed or restated", nullable=False),
    instant("loaded_at", "when its present content was committed"),
    UniqueConstraint("kind", "provider", "scope", "period"),
    comment="The unit of loading: one billing month of one scope (a day for telemetry); always replaced whole.",
)

load = Table(
    "load",
    metadata,
    Column("load_id", Integer, Identity(), primary_key=True, comment="surrogate id"),
    Column("slice_id", Integer, nullable=True, index=True, comment="the slice it wrote; NULL where it was refused"),
    text("dataset", "dialect and flavour that was recognised", nullable=False),
    text("change_token", "manifest run id, or SHA-256 over the files' bytes, with the mapping version", nullable=False),
    Column("files", JSONB, nullable=False, comment="name, bytes and rows of each file read"),
    Column("rows_in", Integer, nullable=False, comment="lines read, without the header"),
    Column("rows_out", Integer, nullable=False, comment="facts written"),
    Column("rows_rejected", Integer, nullable=False, comment="lines kept aside in rejected_row"),
    Column(
        "totals", JSONB, nullable=False, comment="per currency, the sum of each cost column over the raw lines, as text"
    ),
    Column(
        "residuals",
        JSONB,
        nullable=False,
        comment="per currency and cost column, raw sum at full precision minus the sum of the rounded lines, as text",
    ),
    Column("flags", JSONB, nullable=False, comment="what was derived or distrusted: flag, lines, column, explanation"),
    text("outcome", "loaded, unchanged or failed", nullable=False),
    instant("started_at", "start of the load"),
    Column("seconds", Numeric, nullable=False, comment="duration"),
    comment="One loading of one slice.",
)

rejected_row = Table(
    "rejected_row",
    metadata,
    Column("load_id", Integer, primary_key=True, comment="the load that met it"),
    Column("ordinal", Integer, primary_key=True, comment="running number within the load"),
    text("file", "file name, with the member's name inside an archive", nullable=False),
    Column("line", Integer, nullable=True, comment="line in the file, the header being line 1; row number in Parquet"),
    text("column_name", "the column that could not be read"),
    text("value", "the value as it stands in the file"),
    text("reason", "why it cannot be read, and what to do", nullable=False),
    text("raw", "the whole line as JSON or text, at most 10,000 characters"),
    comment="Lines that could not be read: counted, kept and shown, never dropped silently.",
)

account = Table(
    "account",
    metadata,
    key("account_key", "content key of all other columns", primary_key=True),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("billing_account_id", "payer account, billing account or enrolment"),
    text("billing_account_name", "its name"),
    text("billing_account_type", "FOCUS BillingAccountType"),
    text("sub_account_id", "usage account, project or subscription"),
    text("sub_account_name", "its name"),
    text("sub_account_type", "FOCUS SubAccountType"),
    text("invoice_issuer_name", "who issues the invoice"),
    text("publisher_name", "who made the thing sold"),
    text("provider_name", "FOCUS ProviderName as the bill writes it"),
    comment="Who pays and who used.",
)

sku = Table(
    "sku",
    metadata,
    key("sku_key", "content key of the columns up to usage_type", primary_key=True),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("service_name", "FOCUS ServiceName"),
    text("service_category", "FOCUS ServiceCategory"),
    text("service_subcategory", "FOCUS ServiceSubcategory"),
    text("sku_id", "FOCUS SkuId"),
    text("sku_price_id", "FOCUS SkuPriceId"),
    text("sku_meter", "FOCUS SkuMeter, or the meter name"),
    text("charge_description", "FOCUS ChargeDescription"),
    text("sku_price_details", "FOCUS SkuPriceDetails as JSON text"),
    text("pricing_unit", "FOCUS PricingUnit"),
    text("consumed_unit", "FOCUS ConsumedUnit"),
    text("pricing_currency", "FOCUS PricingCurrency, may be a token or credit"),
    text("instance_type", "machine type or VM size where the bill names it"),
    text("operation", "provider's operation code"),
    text("usage_type", "provider's usage type code"),
    Column("is_ai", Boolean, nullable=False, comment="whether the rules call it AI spend"),
    text("ai_rule", "name of the rule in aispend/prices/ai_spend.toml that decided"),
    text("platform", "e.g. gpu_vm, managed_endpoint, training_job, notebook, token_api, provisioned_throughput"),
    text("accelerator_type", "canonical accelerator, e.g. nvidia-h100-80gb"),
    Column("accelerators", Numeric, nullable=True, comment="accelerators per unit of the SKU (fractions allowed)"),
    text("model", "model named by the SKU itself, canonical"),
    text("unit_class", "input, cached_input, cache_write, output, request, image, audio_second … for priced usage"),
    Column(
        "units_per_pricing_unit", Numeric, nullable=True, comment="tokens (or units) in one pricing unit, e.g. 1000"
    ),
    text("stage", "stage implied by the platform, e.g. training for a training job"),
    comment="What was bought, with what the rules and catalogues say about it.",
)

location = Table(
    "location",
    metadata,
    key("location_key", "content key of all other columns", primary_key=True),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("region_id", "FOCUS RegionId"),
    text("region_name", "FOCUS RegionName"),
    text("availability_zone", "FOCUS AvailabilityZone"),
    comment="Where it ran.",
)

resource = Table(
    "resource",
    metadata,
    key("resource_key", "content key of (provider, resource_id)", primary_key=True),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("resource_id", "canonical id, made by aispend.resource_id", nullable=False),
    text("resource_name", "its name"),
    text("resource_type", "FOCUS ResourceType"),
    text("account", "sub-account it belongs to"),
    text("region", "region it ran in"),
    text("fleet", "auto-scaling group, node pool, scale set or job it belongs to"),
    text("instance_type", "machine type or VM size"),
    text("accelerator_type", "canonical accelerator"),
    Column("accelerators", Numeric, nullable=True, comment="accelerators in the resource"),
    Column("first_seen", Date, nullable=True, comment="first charge day"),
    Column("last_seen", Date, nullable=True, comment="last charge day"),
    comment="A thing that costs money, over time.",
)

tag_set = Table(
    "tag_set",
    metadata,
    key("tag_set_key", "content key of the canonical JSON (sorted keys, no spaces)", primary_key=True),
    Column("tags", JSONB, nullable=False, comment="tags and labels, provider prefixes kept"),
    comment="A distinct set of tags.",
)

commitment = Table(
    "commitment",
    metadata,
    key("commitment_key", "content key of (provider, commitment_discount_id)", primary_key=True),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("commitment_discount_id", "FOCUS CommitmentDiscountId", nullable=False),
    text("commitment_discount_name", "its name"),
    text("commitment_discount_type", "Savings Plan, Reserved, CUD …"),
    text("commitment_discount_category", "Spend or Usage"),
    text("commitment_discount_unit", "unit of the committed quantity"),
    comment="A savings plan, reservation, CUD or provisioned throughput seen in bills.",
)

charge_kind = Table(
    "charge_kind",
    metadata,
    key("charge_kind_key", "content key of all other columns", primary_key=True),
    text("charge_category", "Usage, Purchase, Tax, Credit or Adjustment"),
    text("charge_class", "Correction or NULL"),
    text("charge_frequency", "One-Time, Recurring or Usage-Based"),
    text("pricing_category", "Standard, Dynamic (spot), Committed or Other"),
    text("commitment_discount_status", "Used, Unused or NULL"),
    text("capacity_reservation_id", "FOCUS CapacityReservationId"),
    text("capacity_reservation_status", "Used, Unused or NULL"),
    text("billing_currency", "ISO 4217 code of the four costs", nullable=False),
    text("invoice_id", "invoice number as the bill gives it"),
    text("flag", "why a cost is distrusted or derived, e.g. effective_zero_on_paid_usage"),
    comment="How it was charged: the low-cardinality FOCUS dimensions together.",
)

charge = Table(
    "charge",
    metadata,
    Column("billing_month", Date, primary_key=True, comment="first day of the billing month; the partition key"),
    Column("slice_id", Integer, primary_key=True, comment="the slice it belongs to"),
    Column(
        "half",
        SmallInteger,
        primary_key=True,
        comment="0 whole; 1 actual half and 2 amortised half of an Azure pair: billed from 1, effective from 2",
    ),
    Column("ordinal", Integer, primary_key=True, autoincrement=False, comment="running number in slice and half"),
    Column("charge_date", Date, nullable=False, comment="the source's own charge day"),
    Column("charge_end_date", Date, nullable=True, comment="exclusive end day where the charge period exceeds one day"),
    key("account_key", "account"),
    key("sku_key", "sku"),
    key("location_key", "location, 0 none"),
    key("resource_key", "resource, 0 none (spend that is not AI is kept without resource and tags)"),
    key("tag_set_key", "tag_set, 0 none"),
    key("commitment_key", "commitment, 0 none"),
    key("charge_kind_key", "charge_kind"),
    Column(
        "hours",
        Integer,
        nullable=True,
        comment="bit h set where a line of hour h (UTC) exists; NULL where the source has no hours",
    ),
    *four_costs(),
    Column("pricing_quantity", Numeric, nullable=True, comment="sum of PricingQuantity, in the SKU's pricing_unit"),
    Column("consumed_quantity", Numeric, nullable=True, comment="sum of ConsumedQuantity, in the SKU's consumed_unit"),
    Column("commitment_quantity", Numeric, nullable=True, comment="sum of CommitmentDiscountQuantity"),
    Column("line_count", Integer, nullable=False, comment="raw lines rolled up into this row"),
    Index(None, "resource_key", "charge_date"),
    CheckConstraint("half in (0, 1, 2)", name="half"),
    postgresql_partition_by="RANGE (billing_month)",
    comment="The fact: a slice's raw lines rolled up to the day and every FOCUS dimension the source gives.",
)

invoice = Table(
    "invoice",
    metadata,
    text("provider", "aws, gcp, azure …", primary_key=True),
    text("invoice_id", "invoice number", primary_key=True),
    text("currency", "ISO 4217", primary_key=True),
    text("issuer", "who issued it; the provider where nobody said", primary_key=True),
    text("scope", "billing account it is for", nullable=False),
    Column("billing_month", Date, nullable=False, comment="first day of the billing month"),
    money("net", "total before tax", nullable=False),
    money("tax", "tax", nullable=False),
    text("source", "api, file or typed", nullable=False),
    text("entered_by", "who entered it"),
    instant("entered_at", "when it was entered"),
    comment="An invoice's own total; without one, numbers match the export and never the invoice.",
)
