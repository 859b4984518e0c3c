"""The file forms of the telemetry imports, for ``--help``: column, whether required, meaning and unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One column of a file form."""

    name: str
    meaning: str
    required: bool = False


METRICS: tuple[Field, ...] = (
    Field("timestamp", "start of the sample; without a zone it is UTC", required=True),
    Field("resource_id", "the resource as your monitoring names it", required=True),
    Field("accelerator_index", "index of the accelerator on its host, from 0"),
    Field("interval_seconds", "how long it stands for; inferred from the series where missing"),
    Field("gpu_utilization", "percent, 0 to 100: share of time a kernel ran"),
    Field("sm_active", "0 to 1: share of multiprocessors at work"),
    Field("tensor_active", "0 to 1: share of time the tensor cores worked"),
    Field("memory_used_bytes", "accelerator memory in use, bytes"),
    Field("memory_used_max_bytes", "the most of it in use within the sample, bytes"),
    Field("memory_total_bytes", "accelerator memory, bytes"),
    Field("power_watts", "power drawn by the accelerator, watts"),
)

USAGE: tuple[Field, ...] = (
    Field("timestamp", "when it was served; without a zone it is UTC", required=True),
    Field("period_seconds", "length of an aggregate's period; none for a single request"),
    Field("request_id", "id of a request; a repeated one counts once; kept as a hash"),
    Field("provider", "aws, gcp, azure, openai …"),
    Field("account", "account, project or subscription"),
    Field("region", "region"),
    Field("endpoint", "endpoint or deployment"),
    Field("resource_id", "the resource it ran on, as your logs name it"),
    Field("model", "model that answered"),
    Field("team", "team or key owner"),
    Field("service_tier", "standard, batch, priority …"),
    Field("requests", "successful requests in the row; 1 where missing on a single request"),
    Field("failed_requests", "failed requests in the row"),
    Field("uncached_input_tokens", "input tokens, those of the cache not among them"),
    Field("cached_input_tokens", "input tokens read from a cache"),
    Field("cache_write_tokens", "input tokens written to a cache"),
    Field("output_tokens", "output tokens, reasoning among them"),
    Field("reasoning_tokens", "the reasoning part of the output"),
    Field("latency_ms", "time to answer, milliseconds"),
    Field("prefill_seconds", "engine time the input took"),
    Field("decode_seconds", "engine time the output took"),
)

WORKLOADS: tuple[Field, ...] = (
    Field("timestamp", "start of the period; without a zone it is UTC", required=True),
    Field("period_seconds", "how long it ran from then on", required=True),
    Field("resource_id", "the resource it ran on, as your scheduler names it", required=True),
    Field("workload", "pod, job run, endpoint replica or notebook", required=True),
    Field("kind", "deployment, job, endpoint, notebook …"),
    Field("stage", "data, training, fine_tuning, evaluation, inference_online, inference_batch, notebook"),
    Field("model", "model it serves or trains"),
    Field("team", "owner"),
    Field("accelerators_requested", "accelerators it asked for"),
    Field("accelerators_used", "accelerators it used, as a mean"),
    Field("accelerator_profile", "what one of them is: a MIG profile such as 3g.40gb, or 1/4; none means whole"),
    Field("cpus_requested", "vCPUs it asked for"),
    Field("cpus_used", "vCPUs it used, as a mean"),
    Field("memory_requested_bytes", "memory it asked for, bytes"),
    Field("memory_used_bytes", "memory it used, bytes, as a mean"),
    Field("outcome", "running, succeeded, failed or retried"),
)

CURVES: tuple[Field, ...] = (
    Field("workload", "the run, as its workload is called", required=True),
    Field("metric", "loss, val_loss, accuracy …", required=True),
    Field("timestamp", "when it was measured; without a zone it is UTC"),
    Field("step", "step of the run; needed where there is no timestamp"),
    Field("value", "the metric; nan where it was no number"),
    Field("lower_is_better", "true or false; needed where the metric's name does not say it"),
)

INVENTORY: tuple[Field, ...] = (
    Field("provider", "aws, gcp, azure …", required=True),
    Field("resource_id", "the resource as the bill names it", required=True),
    Field("alias", "the name telemetry uses"),
    Field("namespace", "the --source the name belongs to; all where missing"),
    Field("valid_from", "first instant the name means this resource"),
    Field("valid_to", "first instant it no longer does; none means still"),
    Field("resource_name", "its display name"),
    Field("account", "account, project or subscription"),
    Field("region", "region"),
    Field("fleet", "auto-scaling group, node pool, scale set or job"),
    Field("instance_type", "machine type or VM size"),
    Field("accelerator_type", "kind of accelerator"),
    Field("accelerators", "accelerators in the resource"),
    Field("kind", "disk or checkpoint, which need columns of their own; else a machine"),
    Field("state", "of a disk from valid_from on: attached or unattached"),
    Field("size_gib", "size of a disk, GiB"),
    Field("disk_type", "type of a disk: gp3, pd-ssd …"),
    Field("tags", "tags of a disk or checkpoint, key=value with commas between them"),
    Field("size_bytes", "size of a checkpoint, bytes"),
    Field("modified_at", "when a checkpoint was written"),
    Field("read_at", "when it was last read; modified_at where it never was, none is unknown"),
    Field("run", "training run that wrote it"),
    Field("kept", "best or yes: it stays as it is; else no"),
    Field("storage_class", "class it is in: standard, glacier_ir, coldline …"),
    Field("objects", "objects it consists of"),
)

INVOICES: tuple[Field, ...] = (
    Field("provider", "aws, gcp or azure", required=True),
    Field("invoice_id", "the invoice's number", required=True),
    Field("currency", "ISO 4217, e.g. USD", required=True),
    Field("issuer", "who issued it", required=True),
    Field("scope", "billing account it is for", required=True),
    Field("billing_month", "YYYY-MM", required=True),
    Field("net", "total before tax", required=True),
    Field("tax", "tax", required=True),
)


def described(form: tuple[Field, ...]) -> str:
    """The form as an indented list that ``--help`` prints as it stands."""
    width = max(len(field.name) for field in form) + 1
    rows = [f"  {field.name + ('*' if field.required else ''):<{width}} {field.meaning}" for field in form]
    return "\b\nColumns (* required):\n" + "\n".join(rows)
