"""The published columns of advice: what is idle, recommendations with their proof, and why there is none.

What each column of a recommendation says is in docs/advice.md, which a test holds against this file.
"""

from __future__ import annotations

from reports.columns import Column

IDLE: tuple[Column, ...] = (
    Column("resource_id"),
    Column("provider"),
    Column("account"),
    Column("region"),
    Column("type"),
    Column("accelerators", "number"),
    Column("state"),
    Column("since", "instant"),
    Column("coverage", "number"),
    Column("monthly_cost", "money"),
    Column("evidence"),
    Column("currency"),
    Column("model"),
    Column("team"),
    Column("confidence"),
    Column("recommendation_id"),
)

_ADVICE: tuple[Column, ...] = (
    Column("id"),
    Column("kind"),
    Column("resource_id"),
    Column("provider"),
    Column("account"),
    Column("region"),
    Column("model"),
    Column("team"),
    Column("current"),
    Column("proposed"),
    Column("monthly_saving_list", "money"),
    Column("monthly_saving_effective", "money"),
    Column("monthly_saving_net", "money"),
    Column("saving_p10", "money"),
    Column("saving_p50", "money"),
    Column("saving_p90", "money"),
    Column("currency"),
    Column("risk", "number"),
    Column("confidence"),
    Column("effort"),
    Column("one_off_cost", "money"),
    Column("payback_months", "number"),
    Column("violation_bound", "number"),
    Column("state"),
    Column("reason"),
    Column("command"),
    Column("undo"),
    Column("monthly_cost", "money"),
    Column("counted", "flag"),
    Column("created_at", "instant"),
    Column("updated_at", "instant"),
)

EVIDENCE: tuple[Column, ...] = (
    Column("window_days", "number"),
    Column("window_hours", "number"),
    Column("window_end"),
    Column("coverage", "number"),
    Column("counter"),
    Column("signals", "number"),
    Column("state"),
    Column("since"),
    Column("activity_p99", "number"),
    Column("activity_max", "number"),
    Column("active_hours", "number"),
    Column("requests", "number"),
    Column("power_at_idle_floor", "flag"),
    Column("load_p50", "number"),
    Column("load_p95", "number"),
    Column("load_p99_5", "number"),
    Column("load_max", "number"),
    Column("concurrent_max", "number"),
    Column("memory_used_max_bytes", "number"),
    Column("replay_hours", "number"),
    Column("replay_violation_minutes", "number"),
    Column("replay_risk_minutes", "number"),
    Column("replay_worst_overload", "number"),
    Column("current_price", "money"),
    Column("proposed_price", "money"),
    Column("price_currency"),
    Column("price_date"),
    Column("price_source"),
    Column("cost_basis"),
    Column("cost_until"),
)
"""The proof, each published as ``evidence_NAME``; empty where the kind has no such evidence."""

REPLAY: tuple[Column, ...] = (
    Column("bound", "number"),
    Column("saving", "money"),
    Column("utilisation", "number"),
    Column("effective_savings_rate", "number"),
)
"""What the replay says beside what ``EVIDENCE`` has of it, each published as ``evidence_replay_NAME``."""

_LIFE: tuple[Column, ...] = (
    Column("title"),
    Column("name"),
    Column("target"),
    Column("counted_net", "money"),
    Column("not_counted_because"),
    Column("gate"),
    Column("evaluation"),
    Column("hard_to_regain", "flag"),
    Column("estimate_only", "flag"),
    Column("evidence_until", "instant"),
    Column("acts_on"),
    Column("acts_on_resources", "number"),
    Column("decision"),
    Column("decided_by"),
    Column("decided_at", "instant"),
    Column("decision_reason"),
    Column("terraform"),
    Column("replay"),
)

RECOMMENDATIONS: tuple[Column, ...] = (
    *_ADVICE,
    *(Column(f"evidence_{column.name}", column.kind) for column in EVIDENCE),
    *_LIFE,
    *(Column(f"evidence_replay_{column.name}", column.kind) for column in REPLAY),
    Column("evidence_other"),
    Column("decided_until", "date"),
)
"""In every format and at every door; a new one goes to the end."""

WHY_NOT: tuple[Column, ...] = (
    Column("resource_id"),
    Column("kind"),
    Column("reason"),
    Column("explanation"),
    Column("monthly_cost", "money"),
    Column("currency"),
    Column("at", "instant"),
    Column("name"),
    Column("provider"),
    Column("decides", "flag"),
)
