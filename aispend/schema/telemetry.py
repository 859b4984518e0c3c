"""What happened, in use: names, accelerator and workload hours, inference, prices.

Telemetry rows carry the name they were measured under (``namespace``, ``alias``);
``resource_alias`` is the only way such a name meets a charge's resource, and joins are as-of.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Index, Integer, Numeric, SmallInteger, Table
from sqlalchemy.dialects.postgresql import ARRAY, REAL

from aispend.schema.base import instant, key, metadata, money, text

resource_alias = Table(
    "resource_alias",
    metadata,
    text(
        "namespace",
        "the source whose names these are, as in the telemetry tables; * is every source that has none of its own",
        primary_key=True,
    ),
    text("alias", "the name, lower case", primary_key=True),
    instant("valid_from", "first instant the name means this resource", primary_key=True),
    instant("valid_to", "first instant it no longer does; NULL means still", nullable=True),
    key("resource_key", "the resource meant"),
    text("method", "bill (its own id or a shortened form), inventory (stated in a file), settings", nullable=False),
    Column("confidence", Numeric, nullable=False, comment="0 to 1; below 1 the name was derived"),
    Index(None, "resource_key"),
    comment="Every name a thing goes by, and when.",
)

accelerator_hour = Table(
    "accelerator_hour",
    metadata,
    Column("slice_id", Integer, nullable=False, comment="the slice it belongs to"),
    text("namespace", "source the name belongs to", primary_key=True),
    text("alias", "resource name as measured, lower case", primary_key=True),
    Column("accelerator_index", SmallInteger, primary_key=True, autoincrement=False, comment="index on the host"),
    instant("hour", "start of the hour, UTC", primary_key=True),
    Column("interval_seconds", REAL, nullable=False, comment="sampling interval, given or inferred"),
    text("counter", "which compute counter the activity is: gpu_utilization, sm_active or tensor_active"),
    Column("activity_mean", REAL, comment="compute activity, 0 to 1; NULL is unknown, never idle"),
    Column("activity_p50", REAL, comment="median of the samples"),
    Column("activity_p95", REAL, comment="95th percentile"),
    Column("activity_p99", REAL, comment="99th percentile"),
    Column("activity_max", REAL, comment="maximum"),
    Column("sm_active_mean", REAL, comment="SM activity, 0 to 1"),
    Column("tensor_active_mean", REAL, comment="tensor pipe activity, 0 to 1"),
    Column("memory_used_mean", REAL, comment="bytes"),
    Column("memory_used_max", REAL, comment="bytes"),
    Column("memory_total", REAL, comment="bytes"),
    Column("power_mean", REAL, comment="watts"),
    Column("coverage", REAL, nullable=False, comment="samples seen / expected in the hour, 0 to 1"),
    Column("slot_mean", ARRAY(REAL), comment="mean activity of the twelve five-minute slots; NULL element is unknown"),
    Column("slot_max", ARRAY(REAL), comment="maximum activity of the twelve five-minute slots"),
    Index(None, "slice_id"),
    comment="One accelerator for one hour.",
)

inference_hour = Table(
    "inference_hour",
    metadata,
    Column("slice_id", Integer, nullable=False, comment="the slice it belongs to"),
    instant("hour", "start of the hour, UTC"),
    text("namespace", "source the names belong to", nullable=False),
    text("alias", "resource name as recorded, lower case; NULL for a token-priced API"),
    text("provider", "aws, gcp, azure, openai …"),
    text("account", "account, project or subscription"),
    text("region", "region"),
    text("endpoint", "endpoint or deployment"),
    text("model", "model name, canonical; NULL is unattributed"),
    text("team", "team or key owner"),
    text("service_tier", "standard, batch, priority …"),
    text(
        "unit_class",
        "requests, failed_requests, input (uncached), cached_input, cache_write, output, reasoning (part of output)",
        nullable=False,
    ),
    Column("quantity", Numeric, nullable=False, comment="how many of the unit class"),
    Column("latency_p50_ms", REAL, comment="on the requests row"),
    Column("latency_p95_ms", REAL, comment="on the requests row"),
    Index(None, "slice_id"),
    Index(None, "hour"),
    comment="Inference usage by hour and disjoint unit class.",
)

inference_request = Table(
    "inference_request",
    metadata,
    text("namespace", "source the id belongs to", primary_key=True),
    text("request_id", "SHA-256 of the id given, hex", primary_key=True),
    Column("day", Date, nullable=False, comment="UTC day, for retention"),
    Column("slice_id", Integer, nullable=False, comment="the slice that counted it"),
    Index(None, "slice_id"),
    comment="Request ids already counted: a repeated request_id counts once.",
)

workload_hour = Table(
    "workload_hour",
    metadata,
    Column("slice_id", Integer, nullable=False, comment="the slice it belongs to"),
    instant("hour", "start of the hour, UTC", primary_key=True),
    text("namespace", "source the names belong to", primary_key=True),
    text("alias", "resource name as recorded, lower case", primary_key=True),
    text("workload", "pod, job run, endpoint replica or notebook", primary_key=True),
    text("kind", "deployment, job, endpoint, notebook …"),
    Column("seconds", REAL, nullable=False, comment="seconds it ran within the hour"),
    Column("accelerators_requested", REAL, comment="accelerators it asked for"),
    Column("accelerators_used", REAL, comment="accelerators it used, as a mean; NULL is unknown"),
    text(
        "accelerator_profile",
        "what one accelerator asked for is: a MIG profile such as 3g.40gb, or 1/4 of a time-sliced one; NULL is whole",
    ),
    Column("cpus_requested", REAL, comment="vCPUs it asked for"),
    Column("cpus_used", REAL, comment="vCPUs it used, as a mean; NULL is unknown"),
    Column("memory_requested_bytes", REAL, comment="memory it asked for"),
    Column("memory_used_bytes", REAL, comment="memory it used, as a mean; NULL is unknown"),
    text("stage", "data, training, fine_tuning, evaluation, inference_online, inference_batch, notebook"),
    text("model", "model, canonical"),
    text("team", "owner"),
    text("outcome", "running, succeeded, failed, retried or NULL"),
    Index(None, "slice_id"),
    comment="What ran on a resource, by hour.",
)

run_metric = Table(
    "run_metric",
    metadata,
    Column("slice_id", Integer, nullable=False, comment="the slice it belongs to"),
    text("namespace", "source the names belong to", primary_key=True),
    text("workload", "the run, as workload_hour names it", primary_key=True),
    text("metric", "loss, val_loss, accuracy … as the run calls it", primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False, comment="place in the curve, from 1"),
    instant("measured_at", "when it was measured; NULL where only the step is known", nullable=True),
    Column("step", BigInteger, comment="step of the run; NULL is unknown"),
    Column("value", Double, comment="the metric; NULL is no number"),
    Column("lower_is_better", Boolean, nullable=False, comment="whether a lower value is a better one"),
    Index(None, "slice_id"),
    Index(None, "workload"),
    comment="How training runs got better: points of a curve, of long ones the best of each thousandth.",
)

price = Table(
    "price",
    metadata,
    text("provider", "aws, gcp, azure", primary_key=True),
    text("region", "region id", primary_key=True),
    text("instance_type", "machine type, VM size or accelerator SKU", primary_key=True),
    text("term", "on_demand, spot, 1y or 3y", primary_key=True),
    text("currency", "ISO 4217", primary_key=True),
    Column("valid_from", Date, primary_key=True, comment="first day the price holds"),
    money("hourly_price", "price of one hour", nullable=False),
    text("source", "where it was read", nullable=False),
    comment="Dated prices: never edited, only superseded by a later valid_from.",
)
