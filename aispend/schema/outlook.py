"""What is out of the ordinary and what is to come: anomalies, budgets, forecasts."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Identity, Index, Integer, Numeric, Table
from sqlalchemy.dialects.postgresql import JSON, JSONB

from aispend.schema.base import instant, metadata, money, text

anomaly = Table(
    "anomaly",
    metadata,
    text("id", "stable across runs: hash of kind of watch, cut, value, currency and first day", primary_key=True),
    text(
        "kind",
        "rise, drop, drift, new (first spend) or rate (price per unit)",
        nullable=False,
    ),
    text("cut", "what was watched: service, model, team, accelerator, sku, account, ai or all (spend)", nullable=False),
    text("value", "which one; NULL is all of it, or spend whose model or team is not known"),
    text("currency", "ISO 4217", nullable=False),
    Column("first_day", Date, nullable=False, comment="first day out of the ordinary (UTC)"),
    Column("last_day", Date, nullable=False, comment="last one"),
    Column("lasting", Boolean, nullable=False, comment="the last day known was still out of the ordinary"),
    money("actual", "effective cost of these days", nullable=False),
    money("expected", "what they were expected to cost", nullable=False),
    money("impact", "actual less expected; negative where it cost less", nullable=False),
    Column(
        "distance", Numeric, comment="largest distance from expectation, in robust scales; NULL where there is no scale"
    ),
    text("provider", "provider with the largest share of the change"),
    text("account", "sub-account with the largest share of the change"),
    text("service", "service with the largest share of the change"),
    text("model", "model with the largest share of the change"),
    text("team", "team with the largest share of the change"),
    text("sku", "SKU with the largest share of the change, in words"),
    text("resource_id", "resource with the largest share of the change, where the bill names one"),
    Column("resource_share", Numeric, comment="part of the change that is this resource's"),
    Column("drivers", JSONB, nullable=False, comment="per cut, the largest parts of the change, amounts as text"),
    text("explanation", "one sentence a person can check", nullable=False),
    text("state", "open, acknowledged, expected or gone", nullable=False),
    instant("found_at", "first found"),
    instant("updated_at", "last found, or decided on"),
    Index(None, "last_day"),
    comment="Days whose cost is out of the ordinary, with what is behind them.",
)

anomaly_event = Table(
    "anomaly_event",
    metadata,
    Column("event_id", Integer, Identity(), primary_key=True, comment="surrogate id"),
    text("anomaly_id", "anomaly", nullable=False),
    instant("at", "when"),
    text("event", "found, acknowledged, expected, reopened or gone", nullable=False),
    text("who", "who did it; NULL is the analysis"),
    text("reason", "why"),
    Index(None, "anomaly_id"),
    comment="The life of an anomaly.",
)

budget_status = Table(
    "budget_status",
    metadata,
    text("name", "name of the budget in the settings", primary_key=True),
    Column("period_start", Date, primary_key=True, comment="first day of the period"),
    Column("period_end", Date, nullable=False, comment="day after its last"),
    text("period", "month, quarter or year", nullable=False),
    text("covers", "what it covers, in words", nullable=False),
    text("cost", "effective or billed", nullable=False),
    money("amount", "the budget", nullable=False),
    text("currency", "ISO 4217, of the budget", nullable=False),
    Column("known_to", Date, comment="day after the last whole day; NULL where no bill is analyzed"),
    money("actual", "spent to date, in the budget's currency", nullable=False),
    money("expected_to_date", "the part of the budget due to date by the seasonal profile", nullable=False),
    Column(
        "burn_rate",
        Numeric,
        comment="actual / expected_to_date; NULL where nothing was due yet, or net spend is below zero",
    ),
    Column(
        "burn_short",
        Numeric,
        comment="usage of the last burn_short_days / what is left for usage allows for them; NULL where nothing is "
        "allowed for them, their usage is below zero or the ledger is younger",
    ),
    Column("burn_short_days", Integer, nullable=False, comment="days of burn_short, up to known_to"),
    Column("burn_long", Numeric, comment="the same of the last burn_long_days"),
    Column("burn_long_days", Integer, nullable=False, comment="days of burn_long, up to known_to"),
    text(
        "burn_state",
        "warn or critical where both burns are that fast and would break the budget in this period, else ok",
        nullable=False,
    ),
    money("forecast_p10", "whole period, 10th percentile; NULL where there is too little to say"),
    money("forecast_p50", "whole period, median"),
    money("forecast_p90", "whole period, 90th percentile"),
    text(
        "forecast_method",
        "forecast, or burn rate (the pace of usage to date: less than two weeks are known); NULL where there is none",
    ),
    Column(
        "exhausted_on",
        Date,
        comment="day the budget was used up, or will be on the forecast's median; NULL is not in this period, or not "
        "known where there is no forecast",
    ),
    Column("threshold", Numeric, comment="highest of its thresholds reached by actual cost, in percent; NULL is none"),
    Column(
        "thresholds",
        JSONB,
        nullable=False,
        comment="its thresholds, the least first: percent; reached_on, the day since which actual is at or above "
        "it; expected_on, the day actual and median forecast reach it; both null: not in this period, or not known",
    ),
    text("state", "ok, warn or critical", nullable=False),
    text("reason", "why it is in that state", nullable=False),
    Column(
        "unconverted",
        JSONB,
        nullable=False,
        comment="cost to date without an exchange rate, as text; in no other column",
    ),
    Column("partly_unknown", Boolean, nullable=False, comment="some charge has no cost: it is left out"),
    instant("computed_at", "when"),
    comment="Each budget of the settings in its present period; rewritten with every analysis.",
)

forecast = Table(
    "forecast",
    metadata,
    text(
        "cut",
        "all (spend), ai (AI spend), provider, account, service or region (all spend), model or team (AI spend)",
        nullable=False,
    ),
    text(
        "value",
        "which provider, account, service, region, model or team; NULL is the whole, the rest, or AI spend nobody is "
        "known for",
    ),
    Column("others", Integer, nullable=False, comment="series summed up in it as the rest; 0 is a series by itself"),
    text("currency", "ISO 4217", nullable=False),
    text("period", "month, quarter or day", nullable=False),
    Column("period_start", Date, nullable=False, comment="first day"),
    Column("period_end", Date, nullable=False, comment="day after the last"),
    Column("known_to", Date, nullable=False, comment="day after the last whole day of the bills"),
    money("actual", "effective cost of the known days of the period", nullable=False),
    money("p10", "lower end of the band of the whole period; NULL where there is no honest one"),
    money("p50", "actual and expected effective cost of the whole period", nullable=False),
    money("p90", "upper end of the band"),
    Column("level", Numeric, nullable=False, comment="probability the band holds with; 0.8 makes p10 and p90 of it"),
    text(
        "method",
        "middle of members, mean of same steps, as a season ago, run rate, or nothing charged: nothing ever was, or "
        "nothing for so long that it has ended",
        nullable=False,
    ),
    Column("history_days", Integer, nullable=False, comment="known days since its first charge, those remembered"),
    text("reason", "why there is no band, or what else to know of the number; NULL is nothing"),
    Column(
        "steps", JSONB, nullable=False, comment="known future changes in it: from, to, amount per day, currency, why"
    ),
    Column("partly_unknown", Boolean, nullable=False, comment="some charge has no cost: it is left out"),
    instant("made_at", "when"),
    Index(None, "period", "cut"),
    comment="What the month, the quarter and their days will cost; rewritten with every analysis.",
)

worked_out = Table(
    "worked_out",
    metadata,
    text(
        "made_from", "hash of all the answer rests on: numbers, settings and the code of the method", primary_key=True
    ),
    text(
        "part",
        "days of a month, past forecast, known before a month, days out of the ordinary, or drivers of a change",
        nullable=False,
    ),
    Column("answer", JSON, nullable=False, comment="what came of it; numbers to their last digit"),
    comment="What the last look ahead worked out, so that the same is not worked out again.",
)
