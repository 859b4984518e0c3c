"""What a change of bought tokens really saved: answers made shorter, and calls moved to another model.

Assumes
    Without the change a request would have had as long an answer, and the models would have shared the calls as before.
Method
    *Shorter answers*: output tokens a request before × requests after − output tokens after, at their price after. What
    the price did since on the tokens there would have been is the provider's.
    *Calls moved*: a call is counted by its input, the same whichever model answers. Moved is the small model's input
    beyond its share before. A token moved cost at the large one its own price and that of the answers that came with
    it before, at the prices the bill has of it now; at the small one what all of its tokens cost after over its input.
    So answers that became longer are paid for.
Cases
    No requests, no tokens, or no price after: None, unknown. The small model bought none: nothing was moved, nothing is
    saved. The large one buys no more: its price of today is not known, so its price before stands in and the price's
    part is unknown. More tokens a request, or calls moved back, are a loss.
Sources
    methods, combining savings, ranges, feedback (unit cost before × demand after); T6 routing.
Known drawbacks
    Calls that are routed because they are easy may be shorter than the others, and their answers too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from aispend.money import exact_sum, exactly, rate
from recommender.methods.realised import Realised

Bought = Mapping[str, tuple[Decimal, Decimal]]
"""Tokens and their effective cost by direction: ``input``, of whatever class, and ``output``."""

_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Answers:
    """Requests of a period, the output tokens of the same days and what these cost."""

    requests: Decimal
    tokens: Decimal
    cost: Decimal


def shorter_answers(before: Answers, after: Answers) -> tuple[Decimal, Realised] | None:
    """Output tokens there would have been, and what fewer of them saved; None where nobody can say."""
    if not (before.requests and before.tokens and after.requests and after.tokens):
        return None
    tokens = rate(before.tokens * after.requests, before.requests)
    whole = rate(tokens * before.cost, before.tokens)
    now = rate(tokens * after.cost, after.tokens)
    return tokens, Realised(
        counterfactual=whole,
        actual=after.cost,
        price_effect=exact_sum((whole, -now)),
        commitment_effect=_NOTHING,
        realised=exact_sum((now, -after.cost)),
    )


def moved_calls(
    *, large: Bought, small: Bought, large_now: Bought, small_now: Bought
) -> tuple[Decimal, Realised] | None:
    """Input tokens moved from the large to the small model, and what that saved; None where nobody can say."""
    own, other = _input(large), _input(small)
    own_now, other_now = _input(large_now), _input(small_now)
    if not own or not own_now + other_now:
        return None
    if not other_now and not other:
        return _NOTHING, Realised(_NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING)
    with exactly():
        every = own_now + other_now
    moved = exact_sum((other_now, -rate(every * other, own + other)))
    whole = rate(moved * _cost(large), own)
    # calls moved back have no price after at a model nobody buys: what they cost there before stands in
    there = (small_now, other_now) if other_now else (small, other)
    actual = rate(moved * _cost(there[0]), there[1])
    now = _cost_now(large, large_now)
    price = None if now is None else exact_sum((whole, -rate(moved * now, own)))
    return moved, Realised(
        counterfactual=whole,
        actual=actual,
        price_effect=price,
        commitment_effect=_NOTHING,
        realised=exact_sum((whole, -actual, -(price or _NOTHING))),
    )


def _input(tokens: Bought) -> Decimal:
    return tokens["input"][0] if "input" in tokens else _NOTHING


def _cost(tokens: Bought) -> Decimal:
    return exact_sum(cost for _, cost in tokens.values())


def _cost_now(before: Bought, after: Bought) -> Decimal | None:
    """What the tokens of before cost at the prices after; None where a direction is bought no more."""
    if any(name not in after or not after[name][0] for name in before):
        return None
    return exact_sum(rate(tokens * after[name][1], after[name][0]) for name, (tokens, _) in before.items())
