"""What each class of tokens costs, where the bill only has the server's cost.

Assumes     disjoint token counts of one model for one period, and the cost of serving them.
Method      With measured times, input carries ``prefill / (prefill + decode)`` of the cost and output the rest;
            classes of input are weighed among themselves. Without, all classes are weighed:
            input 1, cached input 0.1, cache write 1.25, output 2.5.
Cases       No tokens: the whole cost stays unallocated, never a price of zero or of infinity.
            Times that give cost to a side without tokens: that side's cost goes to the other.
Drawbacks   The default weights are averages over models and hardware; a small batch makes output dearer.

Sources: OpenCost, AI inference cost tracking (times, 2.5 without them); providers' 90 % discount on cached
input and 25 % surcharge on cache writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import MappingProxyType
from typing import Literal

from aispend.money import COST_QUANTUM, split_exact

TokenClass = Literal["input", "cached_input", "cache_write", "output"]
TOKEN_CLASSES: tuple[TokenClass, ...] = ("input", "cached_input", "cache_write", "output")

TOKEN_WEIGHTS: Mapping[TokenClass, Decimal] = MappingProxyType(
    {"input": Decimal(1), "cached_input": Decimal("0.1"), "cache_write": Decimal("1.25"), "output": Decimal("2.5")}
)
"""Cost of one token of each class relative to one uncached input token."""

_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Timings:
    """Measured engine time, in seconds: all prefills, and all tokens generated."""

    prefill: Decimal
    decode: Decimal

    def __post_init__(self) -> None:
        if self.prefill < 0 or self.decode < 0:
            raise ValueError("times must not be negative")


@dataclass(frozen=True)
class TokenCosts:
    """Cost by class; ``unallocated`` is the whole cost where there were no tokens."""

    by_class: Mapping[TokenClass, Decimal]
    unallocated: Decimal


def token_split(
    cost: Decimal,
    tokens: Mapping[TokenClass, int | Decimal],
    *,
    timings: Timings | None = None,
    weights: Mapping[TokenClass, Decimal] = TOKEN_WEIGHTS,
    quantum: Decimal = COST_QUANTUM,
) -> TokenCosts:
    """Divide ``cost`` over the token classes; the parts and ``unallocated`` add up to it exactly."""
    weighed = {name: tokens.get(name, 0) * weights[name] for name in TOKEN_CLASSES}
    if not any(weighed.values()):
        return TokenCosts(dict.fromkeys(TOKEN_CLASSES, Decimal(0)), cost)
    prompt = TOKEN_CLASSES[:3]
    has_input, has_output = any(weighed[name] for name in prompt), bool(weighed["output"])
    if timings is None or not timings.prefill + timings.decode or not (has_input and has_output):
        amounts = split_exact(cost, [weighed[name] for name in TOKEN_CLASSES], quantum)
        return TokenCosts(dict(zip(TOKEN_CLASSES, amounts, strict=True)), Decimal(0))
    input_cost, output_cost = split_exact(cost, [timings.prefill, timings.decode], quantum)
    amounts = [*split_exact(input_cost, [weighed[name] for name in prompt], quantum), output_cost]
    return TokenCosts(dict(zip(TOKEN_CLASSES, amounts, strict=True)), Decimal(0))


def per_million(cost: Decimal, tokens: int | Decimal) -> Decimal | None:
    """Cost per million tokens; None where there were none."""
    return _WIDE.divide(cost * 1_000_000, Decimal(tokens)) if tokens else None
