"""The canonical bill line: what every dialect maps to, and what the roll-up groups by.

A dialect turns its raw columns into these columns with DuckDB SQL over the relation ``raw``;
the engine sums the measures over the dimensions (and the day), so nothing is done row by row in Python.
Names are FOCUS 1.2 names in snake case; ``x_`` marks what FOCUS has no column for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ACCOUNT_COLUMNS = (
    "billing_account_id",
    "billing_account_name",
    "billing_account_type",
    "sub_account_id",
    "sub_account_name",
    "sub_account_type",
    "invoice_issuer_name",
    "publisher_name",
    "provider_name",
)
SKU_COLUMNS = (
    "service_name",
    "service_category",
    "service_subcategory",
    "sku_id",
    "sku_price_id",
    "sku_meter",
    "charge_description",
    "sku_price_details",
    "pricing_unit",
    "consumed_unit",
    "pricing_currency",
    "x_instance_type",
    "x_operation",
    "x_usage_type",
)
LOCATION_COLUMNS = ("region_id", "region_name", "availability_zone")
RESOURCE_COLUMNS = ("resource_id", "resource_name", "resource_type")
COMMITMENT_COLUMNS = (
    "commitment_discount_id",
    "commitment_discount_name",
    "commitment_discount_type",
    "commitment_discount_category",
    "commitment_discount_unit",
)
KIND_COLUMNS = (
    "charge_category",
    "charge_class",
    "charge_frequency",
    "pricing_category",
    "commitment_discount_status",
    "capacity_reservation_id",
    "capacity_reservation_status",
    "billing_currency",
    "invoice_id",
    "x_flag",
)
SLICE_COLUMNS = ("x_provider", "x_scope", "x_billing_month")
"""Provider in lower case, scope (billing account read from the bill), first day of the billing month (DATE)."""

TIME_COLUMNS = ("charge_period_start", "charge_period_end")
"""TIMESTAMP, UTC, half-open; the end may be NULL."""

TAG_COLUMN = "tags"
"""Tags in the dialect's raw form while grouping; ``LineSql.tags_json`` makes canonical JSON of it afterwards."""

COST_COLUMNS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
"""HUGEINT count of 1e-12 currency units, rounded half-even once per line; NULL unknown."""

QUANTITY_COLUMNS = ("pricing_quantity", "consumed_quantity", "commitment_discount_quantity")
"""HUGEINT count of 1e-12 units; NULL unknown."""

TEXT_COLUMNS = ACCOUNT_COLUMNS + SKU_COLUMNS + LOCATION_COLUMNS + RESOURCE_COLUMNS + COMMITMENT_COLUMNS + KIND_COLUMNS
DIMENSION_COLUMNS = SLICE_COLUMNS + TEXT_COLUMNS + (TAG_COLUMN,)
MEASURE_COLUMNS = COST_COLUMNS + QUANTITY_COLUMNS


@dataclass(frozen=True)
class Header:
    """The columns of a file as they stand in it (BOM removed), with their DuckDB types (VARCHAR in CSV)."""

    types: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in file order."""
        return tuple(self.types)

    def find(self, *candidates: str) -> str | None:
        """The first candidate present, compared without case, spaces, underscores, slashes and dots."""
        by_plain = {plain(column): column for column in reversed(self.columns)}
        return next((by_plain[plain(name)] for name in candidates if plain(name) in by_plain), None)


def plain(name: str) -> str:
    """A column name reduced to its letters and digits, lower case."""
    return "".join(character for character in name.lower() if character.isalnum())


@dataclass(frozen=True)
class Check:
    """A line is unreadable, and kept aside, where ``bad`` (SQL boolean over ``raw``) is true."""

    column: str
    bad: str
    reason: str


@dataclass(frozen=True)
class Flag:
    """A line whose cost is derived or distrusted, where ``when`` (SQL boolean over the canonical line) is true."""

    name: str
    when: str
    column: str
    explanation: str


@dataclass(frozen=True)
class RateSql:
    """The exchange rate a line was billed at, as SQL over ``raw``: one ``base`` is ``rate`` of the billing currency.

    ``base`` is text, ``rate`` an exact number (``exact.number_sql``), ``day`` the DATE it was set, where said.
    """

    base: str
    rate: str
    day: str = "CAST(NULL AS DATE)"


@dataclass(frozen=True)
class LineSql:
    """A dialect's mapping for one concrete header.

    ``select`` gives SQL over ``raw`` for each canonical column the source has; columns left out are NULL.
    ``tags_json`` is SQL from the grouped ``tags`` value to canonical JSON object text (keys sorted), NULL for no tags.
    ``finish`` is SQL for SKU columns over the other columns of the grouped SKU, and for account, location, commitment
    and kind columns over these: run once per distinct value, where ``select`` would do the same work once per line
    (``select`` may then hold a raw MAP, ``finish`` its text).
    ``remainders`` is SQL over ``raw`` for cost columns: what rounding to units leaves over
    (``exact.remainder_sql``); without it the rounding of that column is not known.
    ``columns_known`` are the cost columns the source can give; the others stay NULL.
    ``net`` are the slices, as ``SCOPE|MONTH``, whose billed cost has private discounts inside, while the others' is as
    before them; None where the source does not let one choose.
    ``half`` is 0 for a whole bill, 1 for Azure actual, 2 for Azure amortised.
    ``rate`` is the exchange rate lines name; None where the source names none.
    ``lines`` and ``hours`` are SQL over ``raw`` where the provider has rolled its bill up before, one row for the lines
    of a day: how many lines a row stands for, and a bit for each hour of the day they are of.
    ``repeated`` are expressions over ``raw`` that stand in several of the above (:mod:`aispend.engine.repeated`).
    """

    dataset: str
    select: Mapping[str, str]
    columns_known: tuple[str, ...]
    tags_json: str = "tags"
    half: int = 0
    where: str = "TRUE"
    checks: tuple[Check, ...] = ()
    flags: tuple[Flag, ...] = ()
    notes: tuple[str, ...] = field(default=())
    finish: Mapping[str, str] = field(default_factory=dict)
    remainders: Mapping[str, str] = field(default_factory=dict)
    net: frozenset[str] | None = None
    rate: RateSql | None = None
    lines: str | None = None
    hours: str | None = None
    repeated: tuple[str, ...] = ()


def identifier(name: str) -> str:
    """A column name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text quoted for SQL."""
    return "'" + value.replace("'", "''") + "'"
