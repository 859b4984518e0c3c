"""How many hours of a day a machine was billed for, where the bill has days alone: as many as its quantity says.

Assumes
    A line of a machine's type counts hours of it, or seconds. Where several lines of a day are of the same hours (cores
    beside accelerators), or one line is of several machines, they come to more hours than there were: never to fewer.
Cases
    A line without such a quantity: all of the day.
    A disk, by the gigabyte and month under its machine's id, is paid for while the machine is off: it does not run.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Numeric, case, func

from aispend.schema import charge, sku

STORED = r"^(\d+ ?)?(gb|gib|giby|gibibytes?|gigabytes?|tb|tib)[-/. ]*(mo|months?)$"
"""Units (in any case) of what is kept and does not run."""
_HOURS_PER_DAY = 24
_HOURS, _SECONDS = r"\m(hours?|hrs?|h)\M", r"\m(seconds?|secs?|s)\M"
_IS_MANY = "^ *1?[02-9]"
"""A unit of ten, a hundred or more hours."""


def mask() -> ColumnElement[Any]:
    """The hours (bits) in which any line of a group that runs was billed: none where all are of disks; NULL unknown."""
    runs = ~func.coalesce(sku.c.pricing_unit.regexp_match(STORED, "i"), False)
    return case((func.bool_or(runs), func.bit_or(charge.c.hours).filter(runs)), else_=0)


def quantity() -> ColumnElement[Decimal | None]:
    """Hours that the lines of machines of a group add up to; NULL where one of them does not say, or there is none."""
    priced = sku.c.pricing_unit
    told: ColumnElement[Decimal] = case(
        (sku.c.consumed_unit.regexp_match(_HOURS, "i"), charge.c.consumed_quantity),
        (sku.c.consumed_unit.regexp_match(_SECONDS, "i"), charge.c.consumed_quantity / 3600),
        (
            priced.regexp_match(_HOURS, "i") & ~priced.regexp_match(_IS_MANY),
            charge.c.pricing_quantity,
        ),
    ).cast(Numeric)
    of_machine = sku.c.instance_type.is_not(None)
    return case((func.bool_and(told.is_not(None)).filter(of_machine), func.sum(told).filter(of_machine)))


def hours_of(mask: int | None, quantity: Decimal | None) -> int:
    """Hours of a day with these bits, else of the quantity, begun ones whole; else all of them."""
    if mask is not None:
        return mask.bit_count()
    return _HOURS_PER_DAY if quantity is None else min(max(math.ceil(quantity), 0), _HOURS_PER_DAY)
