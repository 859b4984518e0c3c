"""Machines that serve a model's tokens: what of them stays paid, how many there are, and what each costs."""

from __future__ import annotations

from decimal import Decimal

from recommender.contract import DailyCost
from recommender.subjects.served_tokens import ServedTokens


def still_committed(day: DailyCost) -> Decimal | None:
    """What commitments pay for machines that are given up: it is paid on, and all tokens are bought beside it."""
    whole, bare = day.effective_cost, day.uncovered_effective_cost
    return None if whole is None or bare is None else whole - bare


def machines_in_words(subject: ServedTokens) -> str:
    """How many there are."""
    count = len(subject.machines)
    return f"{count} machine{'' if count == 1 else 's'}"


def shares_of(subject: ServedTokens, cost: Decimal) -> dict[str, Decimal]:
    """Monthly cost of each machine; together the subject's to the cent."""
    names = sorted(name for name, amount in subject.machines.items() if amount > 0)
    whole = sum((subject.machines[name] for name in names), Decimal(0))
    shares = {name: (cost * subject.machines[name] / whole).quantize(Decimal("0.01")) for name in names}
    if names:
        shares[names[-1]] += cost - sum(shares.values(), Decimal(0))
    return shares
