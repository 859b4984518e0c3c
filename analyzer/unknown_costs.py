"""Which costs of a charge are unknown although its bill gives that cost column: what a sum over it leaves out.

Assumes     a bill that gives a cost column may still leave it empty on single lines (a price that is not stated, a
            fee without its commitment); such lines are never merged with priced ones, so that a charge is NULL
            there as a whole.
Method      A bit per cost (``COST_BITS``). A charge lacks a cost that is NULL on it and that its half of the bill is
            the one to give. A whole bill gives its ``columns_known``. Of an Azure pair the actual half (1) gives the
            billed and the amortised half (2) the effective cost; the two agree on list and contracted cost, which
            only one keeps: the amortised half where any of its charges has it, else the actual half. That
            is asked once for each pair, with the first such charge as the answer.
Drawbacks   Purchases and taxes have no list price by nature; they count as well, as nothing in a bill tells a price
            that cannot be from one that was left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from analyzer.exact_sql import COSTS

COST_BITS: Mapping[str, int] = {column: 1 << place for place, column in enumerate(COSTS)}
"""Bit of each cost in ``unknown_costs``: billed 1, effective 2, list 4, contracted 8."""

ALL_COSTS = sum(COST_BITS.values())

_NOT_OF_HALF = {1: "effective_cost", 2: "billed_cost"}
_ONE_OF_HALVES = ("list_cost", "contracted_cost")


def null_costs_sql(charge: str) -> str:
    """SQL: the bits of the costs that are NULL on ``charge``, or on a share, which lacks what its charge lacks."""
    costs = ", ".join(f"{charge}.{column}" for column in COST_BITS)
    bits = " + ".join(f"({charge}.{column} IS NULL)::int * {bit}" for column, bit in COST_BITS.items())
    return f"CASE WHEN num_nulls({costs}) = 0 THEN 0 ELSE {bits} END"


@dataclass(frozen=True)
class CostsGiven:
    """The costs, as bits, that each half of each bill is the one to give."""

    slices: list[int]
    halves: list[int]
    given: list[int]
    """One item for each slice and half, in all three lists."""
    has_pairs: bool
    """Whether a half matters: where there is no pair, the three halves of a slice give the same."""


def costs_given(connection: Connection, slices: Collection[int]) -> CostsGiven:
    """Of the bills ``slices``."""
    bills = connection.execute(text(_KNOWN), {"slices": list(slices)}).all()
    paired = [slice_id for slice_id, _, is_pair in bills if is_pair]
    pairs: dict[int, list[str]] = {}
    if paired:
        for slice_id, *has_them in connection.execute(text(_BY_AMORTISED), {"slices": paired}):
            pairs[slice_id] = [column for column, has in zip(_ONE_OF_HALVES, has_them, strict=True) if has]
    found = CostsGiven([], [], [], bool(pairs))
    for slice_id, known, _ in bills:
        for half in (0, 1, 2):
            of_other: set[str] = set()
            if half and slice_id in pairs:
                by_amortised = pairs[slice_id]
                of_other = {column for column in _ONE_OF_HALVES if (column in by_amortised) != (half == 2)}
                of_other.add(_NOT_OF_HALF[half])
            found.slices.append(slice_id)
            found.halves.append(half)
            found.given.append(sum(COST_BITS[column] for column in known if column not in of_other))
    return found


_KNOWN = """
    SELECT slice_id, columns_known, position('+' IN dataset) > 0 FROM slice
    WHERE slice_id = ANY(:slices) ORDER BY slice_id"""
"""A pair is called after both of its exports: ``azure_actual+azure_amortized``."""

_AMORTISED = "SELECT FROM charge c WHERE c.billing_month = s.period AND c.slice_id = s.slice_id AND c.half = 2"
_BY_AMORTISED = f"""
    SELECT slice_id, {", ".join(f"EXISTS ({_AMORTISED} AND c.{column} IS NOT NULL)" for column in _ONE_OF_HALVES)}
    FROM slice s WHERE slice_id = ANY(:slices)"""
