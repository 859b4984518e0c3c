"""What a company adds of its own: exchange rates, and what its use of AI was for."""

from __future__ import annotations

from sqlalchemy import Column, Date, Index, Numeric, Table

from aispend.schema.base import metadata, text

exchange_rate = Table(
    "exchange_rate",
    metadata,
    text("base", "ISO 4217: one unit of this", primary_key=True),
    text("quote", "ISO 4217: is so many of this", primary_key=True),
    Column("valid_from", Date, primary_key=True, comment="first day the rate holds, until the next one"),
    Column("rate", Numeric, nullable=False, comment="quote per base"),
    text("source", "file or bill it was read from", nullable=False),
    comment="Dated exchange rates: each holds until the next of its pair.",
)

outcome_day = Table(
    "outcome_day",
    metadata,
    Column("day", Date, nullable=False, comment="first day of what is counted"),
    Column("end_day", Date, nullable=False, comment="day after the last"),
    text("outcome", "what was achieved, in the company's words: ticket resolved, document read …", nullable=False),
    text("model", "model that did it; NULL is all of the team's, or of the company's, AI spend"),
    text("team", "team it was done for; NULL is any"),
    Column("count", Numeric, nullable=False, comment="how many"),
    text("source", "name of the import, which replaces its own rows", nullable=False),
    Index(None, "day"),
    comment="What the use of AI was for, counted by the company: the ground of cost per outcome.",
)
