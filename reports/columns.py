"""The published formats: each column of each JSON and CSV, written out by hand.

A new field in a view changes none of these; a column is added here on purpose, at the end, and never renamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "money", "number", "number_or_text", "date", "month", "instant", "flag"]
"""``money`` leaves as decimal text; ``number`` is a count, share or ratio; ``flag`` true or false."""


@dataclass(frozen=True)
class Column:
    """One published column."""

    name: str
    kind: Kind = "text"


SPEND_MEASURES: tuple[Column, ...] = (
    Column("billed_cost", "money"),
    Column("effective_cost", "money"),
    Column("list_cost", "money"),
    Column("contracted_cost", "money"),
    Column("currency"),
    Column("final_share", "number"),
    Column("partly_unknown"),
    Column("allocation"),
)
"""After one column per cut, named as asked for (``model``, ``tag:team``); ``allocation`` is the method and idle mode
that divided machines, several where months differ, and none where the cut divides nothing."""

CHANGE_MEASURES: tuple[Column, ...] = (
    Column("before_cost", "money"),
    Column("after_cost", "money"),
    Column("change", "money"),
    Column("volume_effect", "money"),
    Column("efficiency_effect", "money"),
    Column("idle_effect", "money"),
    Column("mix_effect", "money"),
    Column("price_effect", "money"),
    Column("commitment_effect", "money"),
    Column("credits_effect", "money"),
    Column("tax_effect", "money"),
    Column("other_effect", "money"),
    Column("currency_effect", "money"),
    Column("currency"),
    Column("before_from", "date"),
    Column("before_to", "date"),
    Column("after_from", "date"),
    Column("after_to", "date"),
    Column("partly_unknown", "flag"),
)
"""After one column per cut; the days of ``_to`` are the first no longer counted."""

COLLECTED: tuple[Column, ...] = (
    Column("source"),
    Column("loaded", "number"),
    Column("unchanged", "number"),
    Column("waiting", "number"),
    Column("failures", "number"),
    Column("rows", "number"),
    Column("requests_sent", "number"),
    Column("seconds", "number"),
    Column("error"),
)

DIAGNOSIS: tuple[Column, ...] = (
    Column("source"),
    Column("state"),
    Column("what"),
    Column("next_step"),
)

UNIT_COSTS: tuple[Column, ...] = (
    Column("model"),
    Column("provider"),
    Column("stage"),
    Column("basis"),
    Column("currency"),
    Column("effective_cost", "money"),
    Column("requests", "number"),
    Column("input_tokens", "number"),
    Column("cached_input_tokens", "number"),
    Column("cache_write_tokens", "number"),
    Column("output_tokens", "number"),
    Column("cost_per_1k_requests", "money"),
    Column("cost_per_1m_input_tokens", "money"),
    Column("cost_per_1m_cached_input_tokens", "money"),
    Column("cost_per_1m_output_tokens", "money"),
    Column("cost_per_1m_tokens", "money"),
    Column("load", "number_or_text"),
    Column("unpriced_requests", "number"),
    Column("cost_per_1m_cache_write_tokens", "money"),
    Column("accelerator_hours_paid", "number"),
    Column("accelerator_hours_used", "number"),
    Column("cost_per_accelerator_hour_paid", "money"),
    Column("cost_per_accelerator_hour_used", "money"),
    Column("partly_unknown", "flag"),
    Column("failed_requests", "number"),
    Column("reasoning_tokens", "number"),
    Column("reasoning_cost", "money"),
    Column("good_requests", "number"),
    Column("cost_per_1k_good_requests", "money"),
    Column("allocation"),
    Column("cost_per_1m_reasoning_tokens", "money"),
)

UNIT_COSTS_CONVERTED: tuple[Column, ...] = (*UNIT_COSTS, Column("original"))
"""Unit costs in one currency, and the effective cost as it was billed."""

CONVERTED_MEASURES: tuple[Column, ...] = (
    Column("converted_cost", "money"),
    Column("converted_currency"),
    Column("cost"),
    Column("original"),
    Column("allocation"),
)
"""After one column per cut: the amount in one currency, which cost it is, and the amounts it was billed as."""

FORECAST: tuple[Column, ...] = (
    Column("source"),
    Column("cut"),
    Column("value"),
    Column("others", "number"),
    Column("currency"),
    Column("period"),
    Column("period_start", "date"),
    Column("period_end", "date"),
    Column("known_to", "date"),
    Column("actual", "money"),
    Column("p10", "money"),
    Column("p50", "money"),
    Column("p90", "money"),
    Column("level", "number"),
    Column("method"),
    Column("history_days", "number"),
    Column("reason"),
    Column("partly_unknown", "flag"),
    Column("made_at", "instant"),
    Column("steps"),
)

FORECAST_IN: tuple[Column, ...] = (*FORECAST, Column("original"), Column("unconverted"))
"""In one currency: what is expected by the currency it is forecast in, and what of it has no rate."""

ANOMALIES: tuple[Column, ...] = (
    Column("id"),
    Column("kind"),
    Column("cut"),
    Column("value"),
    Column("currency"),
    Column("first_day", "date"),
    Column("last_day", "date"),
    Column("lasting", "flag"),
    Column("actual", "money"),
    Column("expected", "money"),
    Column("impact", "money"),
    Column("distance", "number"),
    Column("provider"),
    Column("account"),
    Column("service"),
    Column("model"),
    Column("team"),
    Column("sku"),
    Column("resource_id"),
    Column("resource_share", "number"),
    Column("explanation"),
    Column("state"),
    Column("found_at", "instant"),
    Column("updated_at", "instant"),
)

BUDGETS: tuple[Column, ...] = (
    Column("name"),
    Column("state"),
    Column("reason"),
    Column("period"),
    Column("period_start", "date"),
    Column("period_end", "date"),
    Column("covers"),
    Column("cost"),
    Column("amount", "money"),
    Column("currency"),
    Column("known_to", "date"),
    Column("actual", "money"),
    Column("expected_to_date", "money"),
    Column("burn_rate", "number"),
    Column("burn_short", "number"),
    Column("burn_short_days", "number"),
    Column("burn_long", "number"),
    Column("burn_long_days", "number"),
    Column("burn_state"),
    Column("forecast_p10", "money"),
    Column("forecast_p50", "money"),
    Column("forecast_p90", "money"),
    Column("forecast_method"),
    Column("exhausted_on", "date"),
    Column("threshold", "number"),
    Column("thresholds"),
    Column("unconverted"),
    Column("partly_unknown", "flag"),
    Column("computed_at", "instant"),
)

RECONCILE: tuple[Column, ...] = (
    Column("promise"),
    Column("scope"),
    Column("period"),
    Column("currency"),
    Column("ours", "money"),
    Column("theirs", "money"),
    Column("difference", "money"),
    Column("cause"),
    Column("holds", "flag"),
    Column("number", "number"),
)

FRESHNESS: tuple[Column, ...] = (
    Column("kind"),
    Column("source"),
    Column("provider"),
    Column("scope"),
    Column("slices", "number"),
    Column("first_period", "date"),
    Column("newest_day", "date"),
    Column("loaded_at", "instant"),
    Column("rows_in", "number"),
    Column("rows_out", "number"),
    Column("rows_rejected", "number"),
    Column("failed_loads", "number"),
)

REJECTED: tuple[Column, ...] = (
    Column("file"),
    Column("line", "number"),
    Column("column"),
    Column("value"),
    Column("reason"),
)

MONTHS: tuple[Column, ...] = (
    Column("month", "month"),
    Column("state"),
    Column("currency"),
    Column("billed_cost", "money"),
    Column("effective_cost", "money"),
    Column("accrued", "money"),
    Column("published", "money"),
    Column("adjusted", "money"),
    Column("adjustments", "number"),
    Column("version", "number"),
    Column("closed_at", "instant"),
    Column("closed_by"),
    Column("note"),
    Column("forced_reason"),
    Column("reopened", "number"),
)

PUBLISHED: tuple[Column, ...] = (
    Column("month", "month"),
    Column("version", "number"),
    Column("provider"),
    Column("scope"),
    Column("account"),
    Column("service"),
    Column("model"),
    Column("team"),
    Column("stage"),
    Column("charge_category"),
    Column("is_ai", "flag"),
    Column("currency"),
    Column("billed_cost", "money"),
    Column("effective_cost", "money"),
    Column("list_cost", "money"),
    Column("contracted_cost", "money"),
)

ADJUSTMENTS: tuple[Column, ...] = (
    *PUBLISHED,
    Column("adjustment", "number"),
    Column("found_at", "instant"),
    Column("kind"),
    Column("cause"),
    Column("author"),
)

ACCRUALS: tuple[Column, ...] = (
    Column("month", "month"),
    Column("provider"),
    Column("scope"),
    Column("kind"),
    Column("what"),
    Column("currency"),
    Column("amount", "money"),
    Column("billed", "money"),
    Column("basis"),
)

AGREEMENTS: tuple[Column, ...] = (
    Column("name"),
    Column("provider"),
    Column("scope"),
    Column("first", "date"),
    Column("end", "date"),
    Column("currency"),
    Column("committed", "money"),
    Column("drawn", "money"),
    Column("drawn_share", "number"),
    Column("through", "date"),
    Column("per_day", "money"),
    Column("expected", "money"),
    Column("shortfall", "money"),
    Column("needed_per_day", "money"),
    Column("status"),
    Column("unknown_until", "date"),
    Column("partly_unknown", "flag"),
)


INVOICES: tuple[Column, ...] = (
    Column("provider"),
    Column("issuer"),
    Column("invoice_id"),
    Column("scope"),
    Column("month", "month"),
    Column("currency"),
    Column("billed_cost", "money"),
    Column("billed_tax", "money"),
    Column("net", "money"),
    Column("tax", "money"),
    Column("total", "money"),
    Column("difference", "money"),
    Column("state"),
    Column("cause"),
    Column("bill_state"),
)
"""Invoices, and what a bill has on lines that name none; ``difference`` is billed cost less the invoice's own total."""


def spend_columns(by: Sequence[str]) -> tuple[Column, ...]:
    """The columns of spend cut ``by``."""
    return (*_cut_columns(by), *SPEND_MEASURES)


def converted_columns(by: Sequence[str]) -> tuple[Column, ...]:
    """The columns of spend in one currency, cut ``by``."""
    return (*_cut_columns(by), *CONVERTED_MEASURES)


def _cut_columns(by: Sequence[str]) -> tuple[Column, ...]:
    kinds: dict[str, Kind] = {"day": "date", "month": "month", "ai": "flag"}
    return tuple(Column(name, kinds.get(name, "text")) for name in by)


def change_columns(by: Sequence[str]) -> tuple[Column, ...]:
    """The columns of changes cut ``by``: the effects add up to ``change``."""
    return (*(Column(name) for name in by), *CHANGE_MEASURES)
