"""Who, why and what to do: allocation, its roll-ups, unit costs, recommendations."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Identity, Index, Integer, Numeric, SmallInteger, Table
from sqlalchemy.dialects.postgresql import JSONB

from aispend.schema.base import four_costs, instant, key, metadata, money, text

share_target = Table(
    "share_target",
    metadata,
    key("target_key", "content key of all other columns", primary_key=True),
    text("model", "model served or trained; NULL is unattributed"),
    text("team", "who owns the use; NULL is unattributed"),
    text(
        "stage",
        "data, training, fine_tuning, evaluation, inference_online, inference_batch, notebook or unknown",
        nullable=False,
    ),
    text("workload", "pod, job, endpoint or notebook"),
    text(
        "reason",
        "direct, used, idle, shared, commitment_unused, credit, tax, support, unattributed or not_ai",
        nullable=False,
    ),
    Column("is_ai", Boolean, nullable=False, comment="AI spend or not, the user's rules included"),
    text(
        "rung",
        "instance-hour, fleet-hour, endpoint-day, sku-day, charge (whole), account-day or unattributed",
        nullable=False,
    ),
    text("method", "what decided: rule:NAME, tag:KEY, platform, controller, workload, usage, none …", nullable=False),
    Column("confidence", Numeric, nullable=False, comment="0 to 1"),
    comment="To whom and why a share of a charge goes.",
)

cost_share = Table(
    "cost_share",
    metadata,
    Column("billing_month", Date, primary_key=True, comment="partition key, as in charge"),
    Column("slice_id", Integer, primary_key=True, comment="charge"),
    Column("half", SmallInteger, primary_key=True, comment="charge"),
    Column("ordinal", Integer, primary_key=True, autoincrement=False, comment="charge"),
    key("target_key", "share_target", primary_key=True),
    *four_costs(),
    postgresql_partition_by="RANGE (billing_month)",
    comment="For every charge, shares that add up to it exactly in all four costs.",
)

analysis_state = Table(
    "analysis_state",
    metadata,
    Column("period", Date, primary_key=True, comment="first day of the billing month"),
    text("fingerprint", "of bills, telemetry, names and rules as they were when it was analyzed", nullable=False),
    instant("analyzed_at", "when its shares were committed"),
    comment="What each billing month was last analyzed from; another fingerprint means analyze again.",
)

made_from = Table(
    "made_from",
    metadata,
    text(
        "part",
        "names (which resource telemetry's names mean), outlook (forecasts, anomalies), allocation and the month (how "
        "its machines were divided) or unchanged and the month (what it rested on when it was last found the same)",
        primary_key=True,
    ),
    text("fingerprint", "of all it was made from", nullable=False),
    Column(
        "notes",
        JSONB,
        nullable=False,
        comment="what was to be said of it, sentences for a person; of unchanged the days whose telemetry it rests on",
    ),
    instant("made_at", "when it was made"),
    comment="What the parts of an analysis that have no table of their own were last made from.",
)

_SPEND_CUTS = "one cut of cost; see charge and share_target"
_UNKNOWN_COSTS = (
    "bits of the costs that some charge behind the row lacks although its bill gives them, so that the sum here leaves "
    "it out: 1 billed, 2 effective, 4 list, 8 contracted"
)

spend_day = Table(
    "spend_day",
    metadata,
    Column("billing_month", Date, nullable=False, comment="billing month"),
    Column("charge_date", Date, nullable=False, comment="charge day"),
    Column("slice_id", Integer, nullable=False, comment="slice"),
    text("provider", _SPEND_CUTS, nullable=False),
    text("account", "sub-account id, or the billing account's where there is none"),
    text("service", "FOCUS ServiceName"),
    text("region", "FOCUS RegionId"),
    text("charge_category", "Usage, Purchase, Tax, Credit or Adjustment"),
    Column("is_ai", Boolean, nullable=False, comment="AI spend or not"),
    text("model", _SPEND_CUTS),
    text("team", _SPEND_CUTS),
    text("stage", _SPEND_CUTS, nullable=False),
    text("reason", _SPEND_CUTS, nullable=False),
    text("rung", _SPEND_CUTS, nullable=False),
    text("currency", "ISO 4217", nullable=False),
    *four_costs(),
    Column("unknown_costs", SmallInteger, nullable=False, comment=_UNKNOWN_COSTS),
    Index(None, "slice_id"),
    Index(None, "charge_date"),
    comment="cost_share rolled up by day for the dashboard; rewritten with its slice.",
)

spend_resource_month = Table(
    "spend_resource_month",
    metadata,
    Column("billing_month", Date, nullable=False, comment="billing month"),
    Column("slice_id", Integer, nullable=False, comment="slice"),
    key("resource_key", "resource, 0 none"),
    text("provider", _SPEND_CUTS, nullable=False),
    text("charge_category", _SPEND_CUTS),
    Column("is_ai", Boolean, nullable=False, comment="AI spend or not"),
    text("model", _SPEND_CUTS),
    text("team", _SPEND_CUTS),
    text("stage", _SPEND_CUTS, nullable=False),
    text("reason", _SPEND_CUTS, nullable=False),
    text("currency", "ISO 4217", nullable=False),
    *four_costs(),
    Column("unknown_costs", SmallInteger, nullable=False, comment=_UNKNOWN_COSTS),
    Index(None, "slice_id"),
    Index(None, "resource_key", "billing_month"),
    comment="cost_share rolled up by month and resource; rewritten with its slice.",
)

# counts of what was served: 0 is known to have served none, NULL is not known
unit_cost = Table(
    "unit_cost",
    metadata,
    Column("billing_month", Date, nullable=False, comment="month whose bills and usage it comes from"),
    Column("day", Date, nullable=False, comment="UTC day"),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("model", "model; NULL is unattributed"),
    text("stage", "inference_online or inference_batch …", nullable=False),
    text("basis", "allocation (reconciles to the bill, idle included) or usage (active time only)", nullable=False),
    text("currency", "ISO 4217", nullable=False),
    money("effective_cost", "effective cost of the model, stage and day"),
    Column(
        "partly_unknown",
        Boolean,
        nullable=False,
        comment="some charge behind the row has no effective cost: it is left out",
    ),
    Column("requests", Numeric, comment="successful requests"),
    Column("failed_requests", Numeric, comment="requests that failed; no rate is per failed request"),
    Column("good_requests", Numeric, comment="requests within the model's latency target, at least"),
    Column("judged_requests", Numeric, comment="requests whose latency was held against a target"),
    Column("reasoning_tokens", Numeric, comment="reasoning, as part of the output tokens"),
    Column("input_tokens", Numeric, comment="uncached input tokens"),
    Column("cached_input_tokens", Numeric, comment="input tokens read from a cache"),
    Column("cache_write_tokens", Numeric, comment="input tokens written to a cache"),
    Column("output_tokens", Numeric, comment="output tokens, reasoning included"),
    money("input_cost", "part of effective_cost carried by uncached input"),
    money("cached_input_cost", "part carried by cached input"),
    money("cache_write_cost", "part carried by cache writes"),
    money("output_cost", "part carried by output"),
    Column("accelerator_hours_paid", Numeric, comment="accelerator hours in the bill"),
    Column("accelerator_hours_used", Numeric, comment="accelerator hours × activity; NULL is unknown"),
    Column("unpriced_requests", Numeric, comment="requests whose usage met no charge"),
    Index(None, "day"),
    Index(None, "billing_month"),
    comment="Cost and volume per model, stage and day; rates are ratios of sums and computed when read.",
)

recommendation = Table(
    "recommendation",
    metadata,
    text("id", "stable across runs: hash of kind, resource and proposal", primary_key=True),
    text("kind", "stop_idle, rightsize …", nullable=False),
    key("resource_key", "the resource or fleet to act on"),
    text("resource_id", "canonical id of the resource", nullable=False),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("account", "sub-account"),
    text("region", "region"),
    text("model", "model it serves"),
    text("team", "owner"),
    text("current", "what it is now", nullable=False),
    text("proposed", "what is proposed", nullable=False),
    text("target", "the proposal in machine words, part of its identity: stop, an instance type …", nullable=False),
    money("monthly_cost", "effective cost per 730 hours it acts on", nullable=False),
    money("monthly_saving_list", "saving per 730 hours at list price"),
    money("monthly_saving_effective", "saving per 730 hours at your effective rate"),
    money("monthly_saving_net", "net of commitments already owned"),
    money("saving_p10", "10th percentile of the net monthly saving"),
    money("saving_p50", "median of the net monthly saving"),
    money("saving_p90", "90th percentile of the net monthly saving"),
    text("currency", "ISO 4217", nullable=False),
    Column("risk", SmallInteger, nullable=False, comment="0 none to 4 high"),
    text("confidence", "low, medium or high", nullable=False),
    text("effort", "very_low, low, medium, high or very_high", nullable=False),
    money("one_off_cost", "one-off cost"),
    Column("payback_months", Numeric, comment="one-off cost / net monthly saving"),
    Column(
        "violation_bound", Numeric, comment="upper 95 % bound of the share of held-out time that demand was not met"
    ),
    Column("evidence", JSONB, nullable=False, comment="window, coverage, percentiles, price and date, replay"),
    Column(
        "acts_on", JSONB, nullable=False, comment="each resource it acts on: monthly cost, net saving counted there"
    ),
    text("gate", "what must be shown before it may count; NULL is nothing"),
    Column("hard_to_regain", Boolean, nullable=False, comment="capacity that may not come back once given up"),
    Column("estimate_only", Boolean, nullable=False, comment="a calculation that never counts"),
    instant("evidence_until", "end of the measurement it rests on; NULL where it rests on none", nullable=True),
    text("reason", "one sentence a person can check", nullable=False),
    text("undo", "how to undo it", nullable=False),
    text("command", "the command to run, as text, with precondition"),
    text("state", "open, accepted, dismissed, snoozed, done, verified, expired or gone", nullable=False),
    Column("counted", Boolean, nullable=False, comment="part of the best combination, and so of the total"),
    money("counted_list", "what it adds to the total at list price, after those before it; NULL unknown"),
    money(
        "counted_effective", "what it adds to the total at your effective rate, after those before it", nullable=False
    ),
    money("counted_net", "what it adds to the total net of commitments, after those before it", nullable=False),
    instant("created_at", "first proposed"),
    instant("updated_at", "last confirmed"),
    comment="Advice with its proof.",
)

recommendation_event = Table(
    "recommendation_event",
    metadata,
    Column("event_id", Integer, Identity(), primary_key=True, comment="surrogate id"),
    text("recommendation_id", "recommendation", nullable=False),
    instant("at", "when"),
    text(
        "event",
        "proposed, grew, accepted, dismissed, snoozed, done, verified, reopened, evaluation_passed, "
        "evaluation_failed, expired or gone",
        nullable=False,
    ),
    text("who", "who did it"),
    text("reason", "why"),
    Column("until", Date, nullable=True, comment="for snoozed"),
    money("monthly_saving_net", "net monthly saving as it was then, for proposed and grew"),
    Index(None, "recommendation_id"),
    comment="The life of a recommendation.",
)

why_not = Table(
    "why_not",
    metadata,
    key("resource_key", "the costly resource without advice; 0 where it is none of the bill"),
    text("provider", "aws, gcp, azure …", primary_key=True),
    text("resource_id", "canonical id, or a name of ours for what is no single resource", primary_key=True),
    text("kind", "kind of advice that was considered", primary_key=True),
    text("reason", "busy, telemetry_missing, too_new, excluded, covered …", nullable=False),
    text("explanation", "one sentence, with what to enable", nullable=False),
    text("currency", "ISO 4217", primary_key=True),
    money("monthly_cost", "its effective cost per 730 hours"),
    instant("at", "when it was considered"),
    text("model", "model it serves"),
    text("team", "owner"),
    comment="Each costly resource without advice has its reason.",
)
