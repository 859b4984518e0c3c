"""Tokens that were changed twice: what a later change of the same tokens does to the line of an earlier one.

Assumes
    Tokens of one model, account, team and currency are the same tokens, in whatever region and tier: so each of their
    lines is measured (``tokens_bought.py``).
Method
    *Batches and cached prompts* change what a token costs: the earlier line is held at the price of a token before the
    later change, so that the first counts what the price fell by before the second, and the second the rest. *Shorter
    answers* and *calls moved to one model* are ended by a later change of their kind, whose baseline has their effect
    in it. A price and a number of tokens are different parts of the change.
Cases
    A later change whose price before nobody knows ends the line.
Sources
    docs/advice.md, verified savings.
Known drawbacks
    Of two that were done before any token was bought in between, the first counts nothing: their prices before are
    the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from recommender.ledger.order import was_in_force
from recommender.ledger.tokens_bought import ROUTE, HeldPrice, same_model

_PRICES = ("batch", "prompt_cache")


def ends_on(item: Any, items: Sequence[Any]) -> date | None:
    """Day of the change that ends the line of ``item``; None is none yet, or none that does."""
    return min((later.done_on for later in _later(item, items) if _ends(item, later)), default=None)


def held_price(item: Any, items: Sequence[Any]) -> HeldPrice | None:
    """At which price the line of ``item`` is held; None where nothing changed the price since."""
    if item.kind not in _PRICES:
        return None
    later = [one for one in _later(item, items) if one.kind in _PRICES and one.counterfactual == "same_tokens"]
    first = min(later, key=lambda one: (one.done_on, one.recommendation_id), default=None)
    return None if first is None else HeldPrice(first.done_on, first.kind, first.parts)


def _later(item: Any, items: Sequence[Any]) -> list[Any]:
    """Changes of the same tokens since."""
    if item.counterfactual != "same_tokens":
        return []
    return [
        other
        for other in items
        if (other.done_on, other.recommendation_id) > (item.done_on, item.recommendation_id)
        and _whose(other) == _whose(item)
        and same_model(item.provider, item.model, other.model)
        and was_in_force(other)
    ]


def _ends(item: Any, later: Any) -> bool:
    if item.kind in _PRICES:
        return later.kind in _PRICES and later.counterfactual != "same_tokens"
    if item.kind == ROUTE and not same_model(item.provider, item.target, later.target):
        return False
    return bool(item.kind == later.kind)


def _whose(item: Any) -> tuple[Any, ...]:
    return item.provider, item.account, item.team, item.currency
