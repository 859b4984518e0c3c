"""Getting started and finding out: init, version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aispend.errors import UsageError

TEMPLATE = """\
# Settings of aispend. Every line is optional; what is commented out shows the default or an example.
# Looked for in this order: the file AISPEND_CONFIG names, ./aispend.toml, aispend.toml in the data folder.

# reporting_currency = "USD"
# The database is the embedded one unless AISPEND_DATABASE_URL says otherwise. Keep passwords in the environment.

# ---- Who a charge belongs to -------------------------------------------------------------------------
# Rules come first, before tags. The first rule that fits decides, field by field. Text is a shell glob, case ignored.

# [[rule]]
# name = "search cluster"
# match = { provider = "aws", account = "2345*", instance_type = "p5.*", tags = { cluster = "search" } }
# set = { model = "llama-3-70b", team = "search", stage = "inference_online" }
# valid_from = 2026-01-01

# [[rule]]
# name = "render farm is not AI"
# match = { service = "Amazon EC2", tags = { team = "render" } }
# set = { ai = false }

# Tag and label keys that name model, team and stage, in order of preference; prefixes such as user: are ignored.
[tags]
# model = ["model", "model-name", "served-model"]
# team = ["team", "owner", "cost-center"]
# stage = ["stage", "ml-stage", "workload-type"]

# When an answer is good: "aispend unit-costs" then tells the cost of a thousand good requests; first fit wins.
# [[latency_target]]
# model = "llama*"
# latency_ms = 2000

# ---- How a cost several share is divided (docs/methods.md) ---------------------------------------------
# method divides a price over accelerators, CPU, memory: residual, aws_accelerated, 95_3_2, aws_plain or accelerators.
# idle: who carries idle time: separate (nobody in particular), weighted, even (those on the machine), owner.
[allocation]
# method = "residual"
# idle = "separate"
# idle_owner = "platform"     # with idle = "owner": for machines nobody is known to own
# stranded = "holders"        # CPU and memory beside accelerators that are all taken: "holders" carry them, or "idle"

# Costs that teams or models share. by: even, proportional (to AI spend), fixed (percent), requests, tokens.
# [[allocation.shared]]
# name = "gateway"
# match = { tags = { app = "llm-gateway" } }
# to = "team"
# by = "requests"

# [[allocation.shared]]
# name = "control plane"
# match = { service = "Amazon Elastic Kubernetes Service" }
# by = "fixed"
# percent = { search = 60, ads = 40 }

# Tax that cannot be claimed back becomes cost of what it is on; all other tax stays a line of its own.
# [[allocation.non_recoverable_tax]]
# name = "branch without input tax deduction"
# billing_account = "1234*"
# issuer = "Amazon Web Services EMEA*"     # who bills tells whose tax it is; kind = "*VAT*" what the bill calls it
# percent = 100                            # what is lost of it
# valid_from = 2026-01-01

# ---- Clouds to collect from (docs/connect-aws.md, docs/connect-azure.md, docs/connect-gcp.md) -----------
# Credentials are never written here: they come from the environment, a profile or the machine's role.

# [[aws]]
# name = "aws"
# profile = "billing"
# regions = ["us-east-1", "eu-central-1"]
# member_role = "aispend-read"
# cost_explorer_requests_per_day = 40
# role = { arn = "arn:aws:iam::123456789012:role/aispend-read" }
# [[aws.export]]
# bucket = "company-billing"
# prefix = "exports"
# name = "focus-hourly"

# [[azure]]
# name = "azure"
# tenant = "00000000-0000-0000-0000-000000000000"
# subscriptions = ["11111111-2222-3333-4444-555555555555"]
# billing_scopes = ["providers/Microsoft.Billing/billingAccounts/1234567"]
# cost_queries_per_day = 200
# [[azure.export]]
# account_url = "https://companycosts.blob.core.windows.net"
# container = "costs"
# root = "exports"
# name = "focus-daily"

# [[gcp]]
# name = "gcp"
# project = "company-billing"
# impersonate = "aispend@company-billing.iam.gserviceaccount.com"
# projects = ["ml-prod", "ml-dev"]
# bigquery_gb_per_day = 200
# [[gcp.export]]
# dataset = "company-billing.billing"   # or table = "company-billing.billing.gcp_billing_export_resource_v1_…"

# ---- Names -------------------------------------------------------------------------------------------
# Where telemetry calls a resource otherwise than the bill does, and no inventory file says so.

# [[alias]]
# alias = "gpu-node-17.internal"
# provider = "aws"
# resource_id = "arn:aws:ec2:us-east-1:234567890123:instance/i-0123456789abcdef0"

# ---- Advice ------------------------------------------------------------------------------------------
[recommend]
# min_monthly_saving = 20
# max_payback_months = 12
# expires_after_days = 7        # days without fresh telemetry after which advice expires
# new_days = 7                  # days after a deployment in which nothing is advised on it

# What is never advised on; every field that is given has to fit. Optional: kinds (all without it), provider, account,
# region, resource_id, team, model, tags. Text is a shell glob, case ignored. "why" is shown as the reason.
# [[recommend.exclude]]
# kinds = ["stop_idle", "schedule"]
# team = "risk"
# tags = { env = "audit*" }
# why = "the auditors use them until March"

[recommend.idle]
# window_days = 14
# max_activity = 0.01
# keep_tags = ["keep", "do-not-stop", "dr"]
# notebook_window_minutes = 60
# resident_mib = 512            # memory held above which something is loaded
# underused_activity = 0.20     # below this is at work, and not busy
# power_rise = 0.15             # of an idle card over its own floor, or power_noise_watts = 10 W
# idle_power_share = 0.30       # of its board power that an idle card draws at most, or idle_power_watts = 40 W

[recommend.auto_stop]
# training_wait_minutes = 120   # after the last work of a training machine

[recommend.idle_capacity]
# tokens_per_unit_minute = { "claude-*" = 2000 }   # what one unit of provisioned throughput serves

[recommend.spot]
# min_saving = 0.15             # share left after interruptions
# checkpoint_minutes = { "llama-*" = 5 }   # model, team or resource → it resumes from a checkpoint that takes so long
# restart_minutes = 10
# deadline = 1.25               # time a job may take, in times of its work

[recommend.accelerator]
# min_saving = 0.10

# [[recommend.accelerator.measured]]   # benchmarks of your own
# present = "nvidia-a10g"
# target = "nvidia-l4"
# ratio = 0.9
# on = 2026-10-01
# source = "wiki/bench-7"

[recommend.relocate]
# min_saving = 0.05
# also = { UK = ["EU"] }        # laws that work may move between
# gb_per_month = { "search" = 1200 }   # model, team or resource → data it would move between regions
# data_in = { "search" = "us-west-2" }   # the same → region that data lies in, where it is not its own

[recommend.rightsize]
# preset = "default"            # or max_savings, balanced, max_performance; a value below comes before it
# window_days = 14
# percentile = 0.995
# compute_headroom = 0.20
# memory_headroom = 0.10
# violation_hour_cost = 50      # default: what the machine costs in it

[recommend.schedule]
# timezone = "UTC"              # whose clock people work by; others: [[recommend.schedule.local]]
# target = 0.7                  # share of their capacity replicas are planned for
# node_minutes = 5              # until a machine has started, image_minutes until its image is there
# max_cold_share = 0.01         # share of requests that may find nothing running

[recommend.consolidate]
# target = 0.8                  # share of a machine that services may use together, at the percentile
# percentile = 0.95
# bases = { "support-tuned" = "llama-3.1-8b" }   # adapters (LoRA) and their base model

[recommend.commit]
# term = "1y"                   # or "3y"
# window_days = 60              # days of hourly usage it is sized on
# stress_fall = 0.3             # fall of usage it must survive without loss
# first_stage = 0.5             # share of it to buy first

[recommend.optimize_model]
# hourly_rate = 100             # of an engineer; hours_low, hours_medium, hours_high are 16, 60 and 320

# [[recommend.optimize_model.models]]
# name = "acme-7b"
# parameters = 7.2e9
# layers = 32
# kv_heads = 8
# head_dim = 128
# precision = "bf16"
# engine_features = ["paged_attention"]

[recommend.training_waste]
# smoke_hours = 1               # length of a test run that shows what would fail
# review_hours = 24             # after which somebody looks whether a run is worth going on with
# checkpoint_minutes = 5
# plateau_gain = 0.001          # share of all it gained that is worth going on for
# plateau_patience = 0.25       # share of a run in which that has to come

[recommend.storage]
# snapshot_days = 90            # age of a snapshot that may be archived
# unread_days = 90              # a checkpoint nobody wrote or read since

[recommend.edge]                # for aispend edge: what a device costs, in the currency of the bill
# hardware = 350
# watts = 12
# power_price = 0.25            # of a kWh
# management = 3                # of a device and month
# engineering = 60000           # once

[recommend.batch]
# stages = ["inference_batch"]  # nobody waits for these
# [[recommend.batch.can_wait]]  # whose answers may wait for a day: provider, account, model, team, endpoint
# team = "search"
# share = 0.8

[recommend.prompt_cache]
# hit_rate = 0.9
# what_if_share = 0.5           # of the input, where nothing was measured
# [[recommend.prompt_cache.shared_prefix]]  # what you measured
# model = "claude-*"
# share = 0.6

[recommend.output_limit]
# [[recommend.output_limit.cut]]  # output that a limit cut on your own calls
# model = "gpt-4o"
# share = 0.2

[recommend.route]
# easy_share = 0.3              # a what-if, until you have measured it
# [[recommend.route.easy]]
# model = "gpt-4o"
# share = 0.2
# to = "gpt-4o-mini"

[recommend.self_host]
# least_replicas = 2
# engineers_per_month = 0       # US dollars
# stand_in = { "gpt-4o-mini" = "llama-3.1-8b" }
# [[recommend.self_host.replica]]  # your benchmark
# model = "llama-3.1-70b"
# provider = "aws"
# instance_type = "g6e.12xlarge"
# output_tokens_per_second = 2500
# [[recommend.self_host.serverless]]  # an instance paid for only while it works
# name = "Cloud Run, one L4"
# provider = "gcp"
# instance_type = "g2-standard-8"  # the machine whose work one instance does
# hourly_price = 1.00           # US dollars, processors and memory with it
# bought = "*/services/chat"    # glob on the id of what is bought so already

[recommend.contracts]
# warn_days = 120
# spare_seats = 0.05

# ---- What is out of the ordinary (docs/methods.md) -----------------------------------------------------
[anomaly]
# k = 4                       # robust scales from expectation; 5 gives fewer alarms and misses more
# min_impact = 10             # and at least this much money …
# min_share = 0.10            # … and this share of what was expected
# new_cost = 100              # first spend of two weeks worth a word
# ai_only = true

# ---- Budgets -----------------------------------------------------------------------------------------
# Any of provider, account, service, region, model, team, stage, resource_id, sku and tags in match; text is a shell
# glob, case ignored.

[budget_alerts]
# thresholds = [50, 80, 100]  # percent of a budget: the day each was reached, or is expected, is told
# short_days = 3              # too fast when the last 3 and the last 7 days both cost …
# long_days = 7
# warn_burn = 1.5             # … 1.5 times what a budget allows for such days, and would break it at that pace
# critical_burn = 2

# [[budget]]
# name = "support, all models"
# amount = 20000
# currency = "USD"            # default: the reporting currency; others count at the exchange rate of each day
# period = "month"            # month, quarter or year
# match = { team = "support" }
# cost = "effective"          # amortised, or "billed" as invoiced
# ai_only = true
# from = 2026-01-01
# thresholds = [75, 90, 100]  # default: those of [budget_alerts]

# ---- Spend agreements (aispend agreements) ---------------------------------------------------------------
# Drawdown counts what the contract counts: which cost, charge categories and services.

# [[agreement]]
# name = "AWS EDP, year 2"
# provider = "aws"
# from = 2026-04-01
# to = 2027-04-01               # exclusive
# committed = 1200000
# currency = "USD"
# cost = "billed"
# charge_categories = ["Usage", "Purchase"]
# without_services = ["AWS Marketplace*", "AWS Support*"]
# drawn_before = 0              # drawn down before the first loaded bill

# ---- Reconciliation ------------------------------------------------------------------------------------
[reconcile]
# usage_tolerance = 0.02        # a final month whose billed and measured tokens differ by more fails

# ---- What is to come (docs/methods.md) -----------------------------------------------------------------
[forecast]
# level = 0.8                 # probability a band holds with
# largest = 8                 # providers, models, teams told one by one; the rest is summed

# Changes you know of. Optional: to, currency, provider, model, team; ai (false for other spend).
# [[forecast.step]]
# from = 2026-12-01
# amount = 420                # per day; negative for what falls away
# team = "support"
# why = "assistant opens in four more countries"

# ---- The dashboard -----------------------------------------------------------------------------------
[dashboard]
# host = "127.0.0.1"
# port = 8501

# ---- The engine that rolls bills up ------------------------------------------------------------------
[engine]
# memory_limit = "512MB"      # default: 320 MB and 24 MB for each thread
# threads = 4
"""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("init")(init)
    app.command("version")(version)


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("aispend.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented settings file.

    Example: aispend init
    """
    if path.exists() and not force:
        raise UsageError("The file exists.", where=str(path), next_step="Name another one, or add --force.")
    path.write_text(TEMPLATE, encoding="utf-8")
    typer.echo(f"{path} written. Edit it, then run: aispend analyze")


def version() -> None:
    """Print the version.

    Example: aispend version
    """
    from importlib.metadata import version as installed

    typer.echo(f"aispend {installed('aispend')}")
