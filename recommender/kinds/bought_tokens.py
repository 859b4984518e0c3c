"""What kinds of advice about bought tokens share: whose they are, what they cost by class, and words for both."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from aispend.buying import Whose
from recommender.contract import Subject, WhyNot
from recommender.evidence import unmeasured
from recommender.methods.api_prices import TokenPrices
from recommender.methods.api_prices import TokenUse as Counted
from recommender.savings import cost_basis, monthly_cost, recent, without_cost
from recommender.subjects.token_use import TokenUse

_NOTHING = Decimal(0)
_LONG_WEEKEND = 3
"""Days in a row without work in which nothing has ended yet."""


def share_meant(rule: Whose, subject: TokenUse) -> Decimal:
    """Share of the subject that a rule of the settings is about: 0 or 1; of an endpoint, its share of the tokens."""
    fields = (
        (rule.provider, subject.provider),
        (rule.account, subject.account),
        (rule.model, subject.model),
        (rule.team, subject.team),
    )
    if not all(_matches(pattern, value) for pattern, value in fields):
        return _NOTHING
    if rule.endpoint == "*":
        return Decimal(1)
    total = sum(subject.endpoints.values(), _NOTHING)
    meant = sum((count for name, count in subject.endpoints.items() if _matches(rule.endpoint, name)), _NOTHING)
    return meant / total if total else _NOTHING


def counted(subject: TokenUse, days: int) -> tuple[TokenPrices, Counted] | None:
    """Its tokens of the last ``days`` at its own effective prices; None where none are counted.

    Tokens written to a cache are input here, at what both cost together. A class of which there are none has the price
    0, or None for cached input.
    """
    tokens = subject.all_tokens("input", days) + subject.all_tokens("cache_write", days)
    cost = subject.cost("input", days) + subject.cost("cache_write", days)
    use = Counted(tokens, subject.all_tokens("output", days), subject.all_tokens("cached_input", days))
    if not (use.uncached_input or use.output or use.cached_input):
        return None
    prices = TokenPrices(
        input=cost * 1_000_000 / tokens if tokens else _NOTHING,
        output=subject.price("output", days) or _NOTHING,
        cached_input=subject.price("cached_input", days),
    )
    return prices, use


def window_cost(subject: TokenUse, days: int) -> Decimal:
    """Effective cost of the last ``days``, of the days that have one."""
    return sum((cost.effective_cost for cost in recent(subject, days) if cost.effective_cost is not None), _NOTHING)


def known_days(subject: TokenUse, days: int) -> int:
    """Of the last ``days``, those whose cost is known: a day without a charge cost nothing."""
    return days - sum(cost.effective_cost is None for cost in recent(subject, days))


def nothing_to_save(subject: TokenUse, days: int) -> tuple[str, str] | None:
    """Reason and explanation where the cost of the last ``days`` is unknown, or nothing, or of what has ended."""
    return without_cost(subject, days) or ended(subject)


def ended(subject: Subject) -> tuple[str, str] | None:
    """Reason and explanation where nothing was paid for longer than ever between two days, and than a long weekend."""
    paid = [cost.day for cost in subject.costs if cost.effective_cost != 0]
    paused = max(((later - day).days - 1 for day, later in pairwise(paid)), default=0)
    silent = (subject.as_of.date() - paid[-1]).days - 1 if paid else 0
    if silent <= max(paused, _LONG_WEEKEND):
        return None
    return "ended", (
        f"It was last paid for on {paid[-1]}, {silent} days before the bill ends, and never paused for so long before: "
        "what has ended costs nothing that could be saved."
    )


def weeks(subject: TokenUse, days: int) -> Iterator[TokenUse]:
    """The same with the cost and tokens of one week, for each whole week of the last ``days``, oldest first."""
    for number in reversed(range(days // 7)):
        last = (subject.as_of - timedelta(days=7 * number)).date()
        first = last - timedelta(days=7)

        def within(
            by_class: Mapping[str, Mapping[date, Decimal]], first: date = first, last: date = last
        ) -> dict[str, dict[date, Decimal]]:
            return {
                name: {day: amount for day, amount in found.items() if first <= day < last}
                for name, found in by_class.items()
            }

        yield replace(
            subject,
            costs=[cost for cost in subject.costs if first <= cost.day < last],
            tokens=within(subject.tokens),
            class_costs=within(subject.class_costs),
        )


def by_week(subject: TokenUse, days: int, share_of: Callable[[TokenUse], Decimal | None]) -> tuple[float, ...]:
    """The share a change would have saved with each week's own tokens: their mix is what differs beside their number.

    Weeks of which it cannot be said are left out.
    """
    shares = [share_of(week) for week in weeks(subject, days) if window_cost(week, days) > 0]
    return tuple(float(min(max(share, _NOTHING), Decimal(1))) for share in shares if share is not None)


def no(kind: str, subject: TokenUse, days: int, reason: str, explanation: str) -> WhyNot:
    """Why there is no advice."""
    return WhyNot(kind, subject, reason, explanation, monthly_cost(subject, days))


def describe(subject: TokenUse) -> str:
    """Model, team and tier in words."""
    return f"{subject.model}, {subject.team or 'team unknown'}, {subject.service_tier} tier"


def place(subject: TokenUse) -> str:
    """The first line of a command: where, on one line."""
    words = f"# {subject.provider}, account {subject.account or 'unknown'}, region {subject.region or 'unknown'}"
    return " ".join(words.split())


def quoted(value: str | None, otherwise: str) -> str:
    """An argument for a person's shell; a word in capitals where it is not known."""
    return shlex.quote(value) if value else otherwise


def evidence(subject: TokenUse, days: int) -> dict[str, Any]:
    """What every such advice shows: the window, tokens and prices by class, requests and latency.

    Tokens, cost and requests are of the days whose cost is known (``cost_basis`` says how many are not).
    """
    requests = subject.asked(days)
    classes = sorted(name for name in subject.class_costs if subject.amount(name, days))
    return {
        "window_days": days,
        "window_end": subject.as_of.isoformat(),
        **_coverage(subject, days),
        "tokens": {name: f"{subject.amount(name, days):f}" for name in classes},
        "price_per_million": {name: _plain(subject.price(name, days)) for name in classes},
        "cost": {name: _plain(subject.cost(name, days)) for name in classes},
        "cached_share": _plain(subject.input_share("cached_input", days)),
        "requests": None if requests is None else f"{requests:f}",
        "prompt_tokens_per_request": None if subject.prompt_tokens is None else f"{subject.prompt_tokens:.0f}",
        "latency_mean_ms": _rounded(subject.latency.mean_ms),
        "latency_p50_ms": _rounded(subject.latency.p50_ms),
        "latency_p95_ms": _rounded(subject.latency.p95_ms),
        "stage": subject.stage,
        "service_tier": subject.service_tier,
        "resources": list(subject.resource_ids),
        "cost_basis": cost_basis(subject, days),
        "cost_until": subject.costs[-1].day.isoformat(),
    }


def _coverage(subject: TokenUse, days: int) -> dict[str, Any]:
    """Share of the days it was billed on whose requests are recorded; tokens and cost are the bill's."""
    first = (subject.as_of - timedelta(days=days)).date()
    billed = {cost.day for cost in subject.costs if cost.day >= first}
    seen = billed & (subject.requests or {}).keys()
    if not seen:
        return unmeasured("nobody recorded its requests: tokens and cost are the bill's")
    return {"coverage": round(len(seen) / len(billed), 4)}


def _matches(pattern: str, value: str | None) -> bool:
    return pattern == "*" or fnmatch.fnmatchcase((value or "").lower(), pattern.lower())


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.quantize(Decimal('0.0001')).normalize():f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
