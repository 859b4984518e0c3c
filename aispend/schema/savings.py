"""What advice promised and what the bill shows came of it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Integer, Numeric, Table
from sqlalchemy.dialects.postgresql import JSONB

from aispend.schema.base import instant, key, metadata, money, text

saving_baseline = Table(
    "saving_baseline",
    metadata,
    text("recommendation_id", "the recommendation that was accepted or done", primary_key=True),
    text("kind", "its kind", nullable=False),
    text("provider", "aws, gcp, azure …", nullable=False),
    text("currency", "ISO 4217", nullable=False),
    text(
        "counterfactual",
        "what the cost would have been: kept_running (as many hours as before), same_hours (the hours it ran, at the "
        "price before), same_service (the hours the service was there), commitment (as same_hours, with what the "
        "commitment leaves unused), same_tokens (the tokens bought, at the price before) or unknown",
        nullable=False,
    ),
    instant("accepted_at", "when it was accepted, or done without having been accepted"),
    Column("done_on", Date, comment="day it was done, which itself is not counted; NULL is not yet"),
    Column("planned_end", Date, comment="first day it would not have run in any case; NULL is none known"),
    Column("undone_on", Date, comment="day it was taken back; NULL is not"),
    money("predicted_net", "promised saving per 730 hours, net of commitments, as it was when accepted"),
    money("predicted_p10", "10th percentile of it; NULL where there was no range"),
    money("predicted_p50", "median of it"),
    money("predicted_p90", "90th percentile of it"),
    Column("window_first", Date, nullable=False, comment="first day its cost before was measured on"),
    Column("window_end", Date, nullable=False, comment="day after the last"),
    Column(
        "days",
        Integer,
        nullable=False,
        comment="days of the window whose cost is known, those without a charge included",
    ),
    text("unit", "hour, or token", nullable=False),
    Column("quantity", Numeric, comment="hours or tokens paid for in these days; NULL where no cost of them is known"),
    money("effective_cost", "effective cost of them"),
    money("uncovered_cost", "the part no commitment covered"),
    Column("covered_share", Numeric, comment="share of the hours a commitment covered"),
    money("uncovered_list_cost", "list cost of the hours no commitment covered"),
    Column("requests", Numeric, comment="requests served in the window; NULL where none are known"),
    key("sku_key", "what most of the cost was for; 0 none"),
    text("service", "its service"),
    text("region", "its region"),
    text("instance_type", "its machine type"),
    money("list_price", "its list cost per hour; NULL where the bill does not say"),
    Column(
        "parts",
        JSONB,
        nullable=False,
        comment="each resource, or direction of tokens: quantity and effective cost in the window, as text",
    ),
    Column("scopes", JSONB, nullable=False, comment="billing accounts whose bills show it"),
    Column("restarted_on", Date, comment="first day after the stop it was paid for again; NULL is never"),
    Column("verified_month", Date, comment="first full final month, by which it was verified; NULL is not yet"),
    text("outcome", "within, above or miss of P10 to P90, saved (there was no range); NULL is not verified"),
    comment="What a recommendation promised and what its resources cost before: written when it is accepted and done.",
)

saving = Table(
    "saving",
    metadata,
    text("recommendation_id", "saving_baseline", primary_key=True),
    Column("month", Date, primary_key=True, comment="first day of the calendar month"),
    Column("first_day", Date, nullable=False, comment="first day counted"),
    Column("end_day", Date, nullable=False, comment="day after the last"),
    Column("is_final", Boolean, nullable=False, comment="all bills of the month are final; else provisional"),
    Column("quantity", Numeric, comment="hours or tokens that would have been paid for; NULL is unknown"),
    money("counterfactual_cost", "these at the effective cost of one before"),
    money("actual_cost", "effective cost the bill shows of it, or of what replaced it"),
    money("price_effect", "part of the change that the provider's list price makes; NULL is unknown and in realised"),
    money("commitment_effect", "part that is commitments covering more or less of it, which pays nothing out"),
    money("floor_effect", "part that is paid all the same, to fill the floor of a spend agreement"),
    money(
        "realised",
        "counterfactual_cost less actual_cost, price_effect, commitment_effect and floor_effect; NULL is unknown",
    ),
    money("predicted_net", "what was promised for these days"),
    money("predicted_p10", "10th percentile of it"),
    money("predicted_p50", "median of it"),
    money("predicted_p90", "90th percentile of it"),
    text("remark", "what else to know of it, sentences"),
    instant("computed_at", "when"),
    comment="The ledger of savings: month by month, what the bill shows of what was promised.",
)
