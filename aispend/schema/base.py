"""The metadata object and the column shorthands the table modules share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Numeric, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Col = Column[Any]


def key(name: str, comment: str, *, primary_key: bool = False) -> Col:
    """A content key (see ``aispend.keys``); 0 means none."""
    return Column(name, BigInteger, primary_key=primary_key, nullable=False, autoincrement=False, comment=comment)


def text(name: str, comment: str, *, nullable: bool = True, primary_key: bool = False) -> Col:
    """A text column."""
    return Column(name, Text, nullable=nullable and not primary_key, primary_key=primary_key, comment=comment)


def instant(name: str, comment: str, *, nullable: bool = False, primary_key: bool = False) -> Col:
    """A UTC instant."""
    return Column(
        name, DateTime(timezone=True), nullable=nullable and not primary_key, primary_key=primary_key, comment=comment
    )


def money(name: str, comment: str, *, nullable: bool = True) -> Col:
    """An amount in the row's currency, up to twelve decimals; NULL means the source does not say."""
    return Column(name, Numeric, nullable=nullable, comment=comment)


def four_costs() -> list[Col]:
    """The four FOCUS cost columns; NULL where the source cannot give the column."""
    return [
        money("billed_cost", "what the invoice charges for it, in the billing currency"),
        money("effective_cost", "amortised: commitment purchases spread over the usage they cover"),
        money("list_cost", "at public list price, before any discount"),
        money("contracted_cost", "at negotiated price, before commitment discounts"),
    ]
