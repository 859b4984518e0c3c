"""Let a smaller model of the same provider answer the easy calls.

Assumes
    Some calls do not need the large model. Which, and whether the answers are as good, only an evaluation on one's own
    calls can show.
Method
    share × (1 − price of the small ÷ price of the large) on one's own mix of plain input, cached input and output
    (methods, T6 routing), at list prices of both; that share of one's own effective cost is saved.
    The small model is the next smaller of the family, or the one the settings name.
Cases
    Never counted before the gate is passed. The share is a what-if of the settings until somebody has measured it.
    Without output (embeddings) there is nothing to route: two models' vectors cannot be compared.
Sources
    Prices: genai-prices. Shares that routers reach are published from 0.2 to 0.8 by task: no figure of them is used.
Known drawbacks
    A smaller model may write longer answers, or be asked twice; the router itself costs something.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from aispend.advising import Recommend
from aispend.percents import percent
from recommender.contract import Advice, Kind, Step, WhyNot
from recommender.evidence import not_replayed, priced
from recommender.kinds.bought_tokens import (
    by_week,
    counted,
    describe,
    evidence,
    no,
    nothing_to_save,
    place,
    share_meant,
    window_cost,
)
from recommender.methods.api_models import offer_of, smaller_model
from recommender.methods.api_prices import TokenPrices, routing_saving
from recommender.savings import Spread, cost_remark, monthly_cost, saving
from recommender.subjects.token_use import TokenUse

NAME = "route"
GATE = "an evaluation of answer quality on your own calls"
_NOTHING = Decimal(0)


_WHAT_IF = "none: how many calls are easy is a what-if that nobody measured"


def applies(subject: TokenUse) -> bool:
    """Whatever generates."""
    return bool(subject.class_costs.get("output")) and subject.service_tier != "provisioned"


def evaluate(subject: TokenUse, settings: Recommend) -> Advice | WhyNot:
    """Route the easy calls, or why not."""
    options = settings.route
    days = options.window_days
    rules = [(share_meant(rule, subject), rule) for rule in options.easy]
    part, rule = max(rules, key=lambda one: one[0] * one[1].share, default=(_NOTHING, None))
    chosen = rule if part > 0 else None
    model = subject.model or ""
    large = offer_of(subject.provider, model)
    if large is None:
        return no(NAME, subject, days, "price_unknown", f"{subject.provider} has no known list price of {model}.")
    name = (chosen.to if chosen else None) or smaller_model(subject.provider, model)
    small = offer_of(subject.provider, name) if name else None
    if name is None or small is None:
        which = f"{name} has no known price there." if name else f"No smaller model of {model}'s family is sold there."
        explanation = f"{which} Name one under [[recommend.route.easy]] (model, to, share)."
        return no(NAME, subject, days, "smallest", explanation)
    if found := nothing_to_save(subject, days):
        return no(NAME, subject, days, *found)
    use = counted(subject, days)
    if use is None:
        return no(NAME, subject, days, "tokens_unknown", "Its bill does not say how many tokens its cost is for.")
    easy = part * chosen.share if chosen else options.easy_share
    prices = (
        TokenPrices(large.input, large.output, large.cached_input),
        TokenPrices(small.input, small.output, small.cached_input),
    )
    moved = routing_saving(*prices, use[1], easy)
    share = _share(subject, days, prices, easy) or _NOTHING
    if share <= 0:
        return no(NAME, subject, days, "smallest", f"{name} costs no less than {model} on this mix of tokens.")
    cost = monthly_cost(subject, days)
    saved = saving(
        subject,
        days,
        share,
        Spread(
            by_week(subject, days, lambda week: _share(week, days, prices, easy)),
            beside="longer answers, calls that are asked twice, and the router",
        ),
    )
    if chosen is None:
        saved = replace(saved, p10=None, p50=None, p90=None, range_from=_WHAT_IF)
    assumed = "your settings" if chosen else "a what-if (recommend.route.easy_share)"
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=f"pilot: {name} for the easy {percent(easy)} of the calls",
        monthly_cost=_NOTHING if cost is None else cost,
        saving=saved,
        risk=3,
        confidence="low",
        effort="high",
        reason=(
            f"On its mix of tokens {name} costs {percent(1 - moved.saved / moved.before / easy)} of {model} at list "
            f"price. That {percent(easy)} of the calls are easy is {assumed}: measure it, and the quality of the "
            f"answers, on your own calls before anything is moved.{cost_remark(subject, days)}"
        ),
        undo=f"send all calls to {model} again",
        command="\n".join(
            (
                place(subject),
                f"# 1. sample some hundred calls and have {' '.join(name.split())} answer them as well",
                "# 2. judge both answers blind, by kind of call; route only the kinds that hold",
                "# 3. say how it came out: aispend recommendations evaluated, with its id, --passed or --failed",
            )
        ),
        target=name,
        gate=GATE,
        evidence_until=subject.as_of,
        evidence={
            **evidence(subject, days),
            "easy_share": f"{easy:.4f}",
            "easy_by": assumed,
            "list_prices": {
                model: {"input": f"{large.input:f}", "output": f"{large.output:f}"},
                name: {"input": f"{small.input:f}", "output": f"{small.output:f}"},
            },
            "price_currency": "USD",
            **priced(f"{small.source}: {small.provider} {small.model_id}", None),
            **not_replayed("whether the smaller model answers as well is in no history: the evaluation says so"),
        },
    )


def _share(subject: TokenUse, days: int, prices: tuple[TokenPrices, TokenPrices], easy: Decimal) -> Decimal | None:
    """Share of its cost that routing saves, at list prices of the large and the small; None without tokens."""
    use = counted(subject, days)
    whole = window_cost(subject, days)
    if use is None or whole <= 0:
        return None
    own, tokens = use
    found = routing_saving(*prices, tokens, easy)
    # Cost that is of no class of text tokens (audio, images) is not routed.
    routed = (own.input * tokens.uncached_input + own.output * tokens.output) / 1_000_000
    routed += subject.cost("cached_input", days)
    return found.saved / found.before * min(routed / whole, Decimal(1)) if found.before else _NOTHING


KIND = Kind(
    name=NAME,
    subject=TokenUse,
    step=Step.MODEL,
    title="A smaller model for the easy calls",
    needs="tokens by class; list prices of the model and of a smaller one; an evaluation of the answers",
    applies=applies,
    evaluate=evaluate,
)
