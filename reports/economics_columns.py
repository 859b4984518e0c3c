"""The published columns of what models are worth: commitments, training and serving, outcomes, energy."""

from __future__ import annotations

from reports.columns import Column

ENERGY: tuple[Column, ...] = (
    Column("model"),
    Column("provider"),
    Column("stage"),
    Column("basis"),
    Column("accelerator_hours", "number"),
    Column("measured_share", "number"),
    Column("kwh_low", "number"),
    Column("kwh_mid", "number"),
    Column("kwh_high", "number"),
    Column("carbon_kg_low", "number"),
    Column("carbon_kg_mid", "number"),
    Column("carbon_kg_high", "number"),
    Column("embodied_kg", "number"),
    Column("requests", "number"),
    Column("wh_per_1k_requests", "number"),
    Column("g_per_1k_requests", "number"),
    Column("hours_without_power", "number"),
    Column("hours_without_grid", "number"),
    Column("output_tokens", "number"),
    Column("source"),
    Column("boundary"),
    Column("why_unknown"),
    Column("carbon_free_kwh", "number"),
    Column("days_left_out", "number"),
)

OUTCOMES: tuple[Column, ...] = (
    Column("outcome"),
    Column("model"),
    Column("team"),
    Column("count", "number"),
    Column("days", "number"),
    Column("effective_cost", "money"),
    Column("cost_per_outcome", "money"),
    Column("currency"),
    Column("partly_unknown", "flag"),
    Column("original"),
    Column("unconverted"),
    Column("value", "money"),
    Column("value_each", "money"),
    Column("net_value", "money"),
    Column("known_to", "date"),
)

COMMITMENTS: tuple[Column, ...] = (
    Column("commitment_id"),
    Column("provider"),
    Column("kind"),
    Column("description"),
    Column("owner_account"),
    Column("starts_at", "instant"),
    Column("ends_at", "instant"),
    Column("state"),
    Column("payment_option"),
    Column("hourly_commitment", "money"),
    Column("currency"),
    Column("used_cost", "money"),
    Column("unused_cost", "money"),
    Column("utilisation", "number"),
    Column("saved", "money"),
    Column("beneficiaries"),
)

LIFECYCLE: tuple[Column, ...] = (
    Column("model"),
    Column("currency"),
    Column("data_cost", "money"),
    Column("training_cost", "money"),
    Column("unsuccessful_cost", "money"),
    Column("serving_cost", "money"),
    Column("other_cost", "money"),
    Column("shared_cost", "money"),
    Column("training_per_serving", "number"),
    Column("partly_unknown", "flag"),
    Column("allocation"),
)

_AS_BILLED = (Column("original"), Column("unconverted"), Column("reason"))
"""In one currency: all of the cost as it was billed, what of it is in no number, and why."""

LIFECYCLE_IN: tuple[Column, ...] = (*LIFECYCLE, *_AS_BILLED)

RUNS: tuple[Column, ...] = (
    Column("workload"),
    Column("model"),
    Column("team"),
    Column("stage"),
    Column("ending"),
    Column("repeated", "flag"),
    Column("lost_attempts", "number"),
    Column("first_hour", "instant"),
    Column("last_hour", "instant"),
    Column("effective_cost", "money"),
    Column("lost_cost", "money"),
    Column("currency"),
    Column("allocation"),
)

RUNS_IN: tuple[Column, ...] = (*RUNS, *_AS_BILLED)

SELF_HOST: tuple[Column, ...] = (
    Column("model"),
    Column("provider"),
    Column("currency"),
    Column("effective_cost", "money"),
    Column("tokens", "number"),
    Column("load", "number"),
    Column("cost_per_1m_tokens", "money"),
    Column("api_provider"),
    Column("api_model"),
    Column("api_cost", "money"),
    Column("api_cost_per_1m_tokens", "money"),
    Column("api_middle_cost_per_1m_tokens", "money"),
    Column("api_offers", "number"),
    Column("saving", "money"),
    Column("break_even_tokens", "number"),
    Column("break_even_load", "number"),
    Column("is_reachable", "flag"),
    Column("source"),
    Column("why_not"),
    Column("partly_unknown", "flag"),
    Column("requests", "number"),
    Column("break_even_tokens_per_month", "number"),
    Column("break_even_requests_per_month", "number"),
    Column("basis"),
    Column("period_start", "date"),
    Column("period_end", "date"),
)
"""``_per_month`` is of 730 hours; ``period_end`` the first day no longer counted."""
