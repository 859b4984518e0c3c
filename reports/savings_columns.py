"""The published columns of the savings ledger, of how well promises were kept, and of what changed about advice."""

from __future__ import annotations

from reports.columns import Column

_WHAT = (Column("id"), Column("kind"), Column("resource_id"), Column("name"))
_PARTS = (
    Column("counterfactual_cost", "money"),
    Column("actual_cost", "money"),
    Column("price_effect", "money"),
    Column("commitment_effect", "money"),
    Column("floor_effect", "money"),
    Column("realised", "money"),
)
_PREDICTED = (
    Column("predicted_net", "money"),
    Column("predicted_p10", "money"),
    Column("predicted_p50", "money"),
    Column("predicted_p90", "money"),
)

SAVINGS_BY_MONTH: tuple[Column, ...] = (
    Column("month", "date"),
    Column("currency"),
    Column("is_final", "flag"),
    Column("items", "number"),
    Column("predicted_net", "money"),
    *_PARTS,
    Column("cumulative", "money"),
    Column("promised_cumulative", "money"),
    Column("unknown", "number"),
    Column("price_unknown", "number"),
)

SAVINGS_BY_RECOMMENDATION: tuple[Column, ...] = (
    *_WHAT,
    Column("provider"),
    Column("team"),
    Column("state"),
    Column("currency"),
    Column("accepted_at", "instant"),
    Column("done_on", "date"),
    Column("undone_on", "date"),
    *_PREDICTED,
    Column("months", "number"),
    Column("unknown_months", "number"),
    Column("predicted", "money"),
    Column("realised", "money"),
    Column("provisional", "flag"),
    Column("verified_month", "date"),
    Column("verified_realised", "money"),
    Column("verified_predicted", "money"),
    Column("verified_p10", "money"),
    Column("verified_p90", "money"),
    Column("outcome"),
    Column("restarted_on", "date"),
    Column("still_paid", "flag"),
    Column("remark"),
)

SAVING_LINES: tuple[Column, ...] = (
    *_WHAT,
    Column("currency"),
    Column("month", "date"),
    Column("first_day", "date"),
    Column("end_day", "date"),
    Column("is_final", "flag"),
    Column("quantity", "number"),
    *_PARTS,
    *_PREDICTED,
    Column("remark"),
)

CALIBRATION: tuple[Column, ...] = (
    Column("measure"),
    Column("kind"),
    Column("currency"),
    Column("value", "number"),
    Column("count", "number"),
    Column("goal"),
)

ADVICE_CHANGES: tuple[Column, ...] = (
    Column("at", "instant"),
    Column("event"),
    *_WHAT,
    Column("team"),
    Column("who"),
    Column("reason"),
    Column("monthly_saving_net", "money"),
    Column("saving_before", "money"),
    Column("currency"),
)
