"""What a company adds of its own: exchange rates, and what its use of AI was for."""

from __future__ import annotations

from sqlalchemy import Column, Date, Index, Integer, Numeric, SmallInteger, Table

from aispend.schema.base import metadata, text

exchange_rate = Table(
    "exchange_rate",
    metadata,
    text("base", "ISO 4217: one unit of this", nullable=False),
    text("quote", "ISO 4217: is so many of this", nullable=False),
    Column("valid_from", Date, nullable=False, comment="first day the rate holds, until the next one"),
    Column("rate", Numeric, nullable=False, comment="quote per base"),
    text("source", "where it is from: a file, or a bill and its month", nullable=False),
    Column("slice_id", Integer, comment="the bill that names it, and replaces its own; NULL: given by a person"),
    Column("half", SmallInteger, comment="half of the bill, as in charge; NULL: given by a person"),
    Index(
        "uq_exchange_rate",
        *("base", "quote", "valid_from", "slice_id", "half"),
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    comment="Dated exchange rates: each holds until the next of its pair. Of one pair and day, one that a person gave "
    "holds rather than a bill's.",
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
    Column("value_each", Numeric, comment="what one of them is worth to the company; NULL is unknown"),
    text("currency", "ISO 4217, of value_each; NULL without one"),
    text("source", "name of the import, which replaces its own rows", nullable=False),
    Index(None, "day"),
    comment="What the use of AI was for, counted by the company: the ground of cost per outcome.",
)
