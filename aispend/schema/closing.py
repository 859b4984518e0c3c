"""Closed months: what was published when a month was closed, and what has changed since."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Identity, Index, Integer, SmallInteger, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from aispend.schema.base import four_costs, instant, metadata, text

_CUT = "one cut of cost; see spend_day"

closing = Table(
    "closing",
    metadata,
    Column("closing_id", Integer, Identity(), primary_key=True, comment="surrogate id"),
    Column("month", Date, nullable=False, comment="first day of the billing month"),
    Column("version", SmallInteger, nullable=False, comment="1 for the first closing of the month, and so on"),
    instant("closed_at", "when it was closed"),
    text("closed_by", "who closed it", nullable=False),
    text("note", "what they said of it"),
    text("forced_reason", "why it was closed although checks failed; NULL where none did"),
    Column(
        "failed_checks", JSONB, nullable=False, comment="the checks that failed when it was closed by force, as text"
    ),
    Column(
        "bills",
        JSONB,
        nullable=False,
        comment="the bills in it: provider, scope, dataset, state before closing, ids of the loads, when loaded",
    ),
    Column(
        "rules", JSONB, nullable=False, comment="mapping rules, tag keys, reporting currency, version of the analyzer"
    ),
    text("rules_fingerprint", "SHA-256 of the rules, hex", nullable=False),
    text("content_fingerprint", "SHA-256 of the published amounts, hex: they never change", nullable=False),
    Column("compared_bills", JSONB, nullable=False, comment="the bills as the ledger was last compared with it"),
    Column("compared_rules", JSONB, nullable=False, comment="the rules as the ledger was last compared with it"),
    instant("reopened_at", "when it was opened again; NULL while it stands", nullable=True),
    text("reopened_by", "who opened it again"),
    text("reopened_reason", "why"),
    UniqueConstraint("month", "version"),
    comment="A published version of a month, with the rules in force and the loads behind it.",
)

closing_adjustment = Table(
    "closing_adjustment",
    metadata,
    Column("closing_id", Integer, primary_key=True, comment="the published version it corrects"),
    Column(
        "adjustment", SmallInteger, primary_key=True, autoincrement=False, comment="running number within it, from 1"
    ),
    instant("found_at", "when the ledger was found to differ"),
    text("provider", "of the bill that differs", nullable=False),
    text("scope", "of the bill that differs", nullable=False),
    text("kind", "bill, rules, bill and rules, or signals (telemetry, names, catalogues)", nullable=False),
    text("cause", "one sentence: which load of which day, which rules", nullable=False),
    text("author", "who caused it, where known: through what a bill came, who changed the rules"),
    comment="A later change to a closed month: booked beside the published version, never into it.",
)

closing_amount = Table(
    "closing_amount",
    metadata,
    Column("closing_id", Integer, primary_key=True, comment="the published version"),
    Column(
        "adjustment",
        SmallInteger,
        primary_key=True,
        autoincrement=False,
        comment="0 published, else the adjustment; all together are the present ledger",
    ),
    Column("ordinal", Integer, primary_key=True, autoincrement=False, comment="running number"),
    text("provider", _CUT, nullable=False),
    text("scope", "billing account or export scope of the bill", nullable=False),
    text("account", _CUT),
    text("service", _CUT),
    text("model", _CUT),
    text("team", _CUT),
    text("stage", _CUT, nullable=False),
    text("charge_category", _CUT),
    Column("is_ai", Boolean, nullable=False, comment="AI spend or not"),
    text("currency", "ISO 4217", nullable=False),
    *four_costs(),
    Column("unknown_costs", SmallInteger, nullable=False, comment="as in spend_day, when it was written"),
    Index(None, "closing_id", "adjustment"),
    comment="Amounts of a published version, and of the adjustments to it.",
)
