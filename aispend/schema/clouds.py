"""What clouds say of themselves: what was collected, their totals, advice, commitments, spot markets, what may be
rented where, and inventory.

Nothing here is added to the ledger: it stands beside it, to compare, to explain and to advise.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Index, Integer, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from aispend.schema.base import Col, instant, key, metadata, money, text


def _of_slice() -> list[Col]:
    return [
        text("source", "collector it came through", nullable=False),
        text("slice", "the collector's slice it belongs to, replaced whole", nullable=False),
    ]


collection = Table(
    "collection",
    metadata,
    text("source", "connection and collector, as in aws/bills", primary_key=True),
    text("slice", "what was collected: a month, a day, or what the collector divides its work by", primary_key=True),
    text("change_token", "what the provider changes when it changes the content; of the last success"),
    instant("collected_at", "when it was last read and written, or found unchanged", nullable=True),
    instant("attempted_at", "when it was last tried"),
    text("outcome", "loaded, unchanged, waiting (being delivered) or failed", nullable=False),
    text("message", "why it failed or waits"),
    Column("rows", Integer, comment="rows written by the last success"),
    comment="What each collector has collected, slice by slice: the next run goes on from here.",
)

request_day = Table(
    "request_day",
    metadata,
    text("source", "connection the requests were made for", primary_key=True),
    Column("day", Date, primary_key=True, comment="UTC day"),
    text("operation", "service and operation, as in ce.GetCostAndUsage", primary_key=True),
    Column("requests", Integer, nullable=False, comment="requests sent, retries included"),
    comment="Requests to clouds, counted: some cost money.",
)

provider_total = Table(
    "provider_total",
    metadata,
    *_of_slice(),
    text("provider", "aws, gcp, azure", nullable=False),
    text("account", "account, project or subscription"),
    Column("period_start", Date, nullable=False, comment="first day"),
    Column("period_end", Date, nullable=False, comment="day after the last"),
    text("metric", "the provider's word for the cost: UnblendedCost, NetAmortizedCost …", nullable=False),
    Column("dimensions", JSONB, nullable=False, comment="what the total is of: service, model, inferenceType …"),
    money("amount", "the provider's own total", nullable=False),
    text("currency", "ISO 4217; or the unit, where the metric is a quantity", nullable=False),
    Column("estimated", Boolean, comment="whether the provider still calls it an estimate"),
    instant("as_of", "when it was asked"),
    Index(None, "source", "slice"),
    comment="Totals as the provider itself adds them up, to hold ours against.",
)

provider_forecast = Table(
    "provider_forecast",
    metadata,
    *_of_slice(),
    text("provider", "aws, gcp, azure", nullable=False),
    text("account", "account, project or subscription"),
    Column("period_start", Date, nullable=False, comment="first day"),
    Column("period_end", Date, nullable=False, comment="day after the last"),
    text("metric", "the provider's word for the cost", nullable=False),
    money("mean", "expected amount", nullable=False),
    money("low", "lower bound"),
    money("high", "upper bound"),
    Column("level", Numeric, comment="share of cases the bounds hold in, 0 to 1"),
    text("currency", "ISO 4217", nullable=False),
    instant("as_of", "when it was asked"),
    Index(None, "source", "slice"),
    comment="The provider's own forecast, shown beside ours.",
)

provider_anomaly = Table(
    "provider_anomaly",
    metadata,
    *_of_slice(),
    text("provider", "aws, gcp, azure", nullable=False),
    text("anomaly_id", "the provider's id", nullable=False),
    text("account", "account of the largest root cause"),
    text("service", "service of the largest root cause"),
    text("region", "region of the largest root cause"),
    text("usage_type", "usage type of the largest root cause"),
    Column("started_on", Date, nullable=False, comment="first day"),
    Column("ended_on", Date, comment="last day; NULL while it lasts"),
    money("impact", "actual less expected spend"),
    money("expected", "spend the provider expected"),
    text("currency", "ISO 4217", nullable=False),
    text("feedback", "what somebody answered the provider"),
    Column("details", JSONB, nullable=False, comment="root causes and scores, as given"),
    instant("as_of", "when it was asked"),
    Index(None, "source", "slice"),
    comment="Anomalies the provider found, shown beside ours.",
)

provider_advice = Table(
    "provider_advice",
    metadata,
    *_of_slice(),
    text("provider", "aws, gcp, azure", nullable=False),
    text("adviser", "the provider's service that gives it: Cost Optimization Hub, Compute Optimizer …", nullable=False),
    text("advice_id", "the provider's id", nullable=False),
    text("account", "account, project or subscription"),
    text("region", "region"),
    key("resource_key", "the resource it is about; 0 where the ledger has none of that id"),
    text("resource_id", "the resource, as the provider writes it"),
    text("resource_type", "kind of resource"),
    text("action", "Rightsize, Stop, Delete, PurchaseSavingsPlans …", nullable=False),
    text("current", "what there is, in short"),
    text("proposed", "what it proposes, in short"),
    money("monthly_saving", "as the provider estimates it, after its own discounts where it says so"),
    text("currency", "ISO 4217"),
    text("effort", "VeryLow to VeryHigh, as given"),
    Column("details", JSONB, nullable=False, comment="finding, reasons, utilization and risk, as given"),
    instant("refreshed_at", "when the provider computed it", nullable=True),
    instant("as_of", "when it was asked"),
    Index(None, "source", "slice"),
    Index(None, "resource_key"),
    comment="The provider's own advice: beside ours, never added to it.",
)

commitment_term = Table(
    "commitment_term",
    metadata,
    text("provider", "aws, gcp, azure", primary_key=True),
    text("commitment_id", "id or ARN, as in CommitmentDiscountId of the bill", primary_key=True),
    text("kind", "savings_plan, reservation, provisioned_throughput, capacity_block …", nullable=False),
    text("description", "plan type, instance family or type, region", nullable=False),
    text("owner_account", "account that bought it"),
    text("benefits", "organization, account or resource: whose usage it covers"),
    text("region", "region it is bound to; NULL is all"),
    text("instance_type", "type or family it is bound to; NULL is all"),
    Column("quantity", Numeric, comment="instances or units; NULL for a spend commitment"),
    money("hourly_commitment", "spend committed each hour"),
    money("upfront", "paid at the start"),
    money("recurring_hourly", "paid each hour whether used or not"),
    text("currency", "ISO 4217", nullable=False),
    text("payment_option", "No Upfront, Partial Upfront, All Upfront"),
    instant("starts_at", "first instant"),
    instant("ends_at", "first instant it no longer covers anything", nullable=True),
    text("state", "active, queued, retired …", nullable=False),
    text("source", "collector it came through", nullable=False),
    instant("as_of", "when it was last confirmed"),
    comment="Commitments with owner, terms and expiry, as the provider lists them.",
)

spot_price = Table(
    "spot_price",
    metadata,
    text("provider", "aws, gcp, azure", primary_key=True),
    text("region", "region id", primary_key=True),
    text("zone", "zone id or name; empty where the market is the region", primary_key=True),
    text("instance_type", "machine type", primary_key=True),
    text("product", "operating system and licence", primary_key=True),
    instant("changed_at", "from when the price holds, until the next row", primary_key=True),
    money("hourly_price", "price of one hour", nullable=False),
    text("currency", "ISO 4217", nullable=False),
    text("source", "collector it came through", nullable=False),
    comment="Spot prices as a step function: each row holds until the next; averages weigh by time.",
)

spot_risk = Table(
    "spot_risk",
    metadata,
    text("provider", "aws, gcp, azure", primary_key=True),
    text("region", "region id", primary_key=True),
    text("zone", "zone; empty for the region", primary_key=True),
    text("instance_type", "machine type", primary_key=True),
    text(
        "measure",
        "interruption_rate (share of machines a month), eviction_rate (share of machines an hour), preemption_share "
        "(share of the machines that ended), placement_score (1 to 10)",
        primary_key=True,
    ),
    Column("as_of", Date, primary_key=True, comment="day the source gave it"),
    Column("low", Numeric, nullable=False, comment="lower bound of the band"),
    Column("high", Numeric, nullable=False, comment="upper bound of the band; equal for a single value"),
    text("source", "where it was read", nullable=False),
    comment="How likely spot capacity is found and lost, as dated bands.",
)

type_offering = Table(
    "type_offering",
    metadata,
    text("provider", "aws, gcp, azure", primary_key=True),
    text(
        "account",
        "account, project or subscription: each has its own names of zones, and its own limits",
        primary_key=True,
    ),
    text("region", "region id", primary_key=True),
    text("instance_type", "machine type that was asked for", primary_key=True),
    Column(
        "zones",
        ARRAY(Text),
        nullable=False,
        comment="the region's zones that offer it, as the account names them; {} none, {''} it has no zones",
    ),
    instant("as_of", "when it was asked"),
    text("source", "collector it came through", nullable=False),
    comment="Which machine types are offered in which zones; a type without a row was not asked for.",
)

quota = Table(
    "quota",
    metadata,
    text("provider", "aws, gcp, azure", primary_key=True),
    text("account", "account, project or subscription", primary_key=True),
    text("region", "region id", primary_key=True),
    text("code", "what the provider calls it: L-DB2E81BA, NVIDIA_L4_GPUS", primary_key=True),
    text("title", "the same for a person", nullable=False),
    Column("covers", ARRAY(Text), nullable=False, comment="patterns of the machine types that it limits, lower case"),
    text("purchase", "on_demand or spot", nullable=False),
    text("unit", "vCPU, accelerator or machine", nullable=False),
    Column("granted", Numeric, nullable=False, comment="how many may run at once"),
    Column("used", Numeric, comment="how many did; NULL where the provider does not tell"),
    instant("as_of", "when it was asked"),
    text("source", "collector it came through", nullable=False),
    comment="How much of machine types an account may run at once in a region.",
)

resource_history = Table(
    "resource_history",
    metadata,
    key("resource_key", "the resource", primary_key=True),
    instant("valid_from", "when it was first seen like this", primary_key=True),
    instant("valid_to", "when it was first seen otherwise, or gone; NULL is still so", nullable=True),
    text("kind", "ec2_instance, ebs_volume, sagemaker_endpoint, capacity_reservation …", nullable=False),
    text("scope", "the listing it comes from (account and region): what that no longer names is gone", nullable=False),
    text("state", "running, stopped, available, in_service … as the provider says"),
    Column("details", JSONB, nullable=False, comment="what cannot be asked later: variants, components, capacity"),
    text("source", "collector it came through", nullable=False),
    instant("seen_at", "when it was last confirmed"),
    Index(None, "source", "kind", "scope"),
    comment="What resources looked like, from when to when: written as it changes.",
)

resource_life = Table(
    "resource_life",
    metadata,
    key("resource_key", "the resource", primary_key=True),
    instant("started_at", "when it was launched", primary_key=True),
    instant("ended_at", "when it was terminated or stopped; NULL is running or not known", nullable=True),
    text("method", "listing (launch time seen), event (launch and terminate), billed (from billed seconds)"),
    text("source", "collector it came through", nullable=False),
    comment="When resources ran, to the second: instances of twenty minutes leave no trace in hourly lists.",
)
