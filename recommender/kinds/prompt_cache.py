"""Let the provider keep the part of prompts that repeats.

Assumes
    Cached input is cheaper than plain input; what begins alike in many requests could be cached.
Method
    ``cache_saving`` on the plain input of the window: of the part that repeats, hits pay the cached price and misses
    pay input and the surcharge for writing. How much repeats, in this order: what the settings say was measured; what
    goes through the cache of another model of the same team; else a what-if between the shortest part that is cached at
    all and nearly all of the prompt, at the hit rate of another model of the provider where one caches.
    Cached price: one's own where the bill has one, else the list's ratio, else the least of the provider's rule.
    Surcharge: one's own, else the model's, else the most of the provider's rule.
Cases
    Only what was measured counts. The other two wait for the gate, and a what-if is an estimate besides.
    Prompts shorter than the provider's minimum, or a surcharge that eats the saving: no advice.
    Some of it cached already, and nobody measured that more repeats: no advice.
    Bought in batches: a cached token there costs what one outside costs where the cache's discount comes first
    (Vertex), and what nobody knows where it is not told how both go together.
Sources
    ``recommender/methods/api_discounts.toml`` and ``api_models.toml``; methods, batch and caching discounts (T5.4).
Known drawbacks
    Whether prompts begin alike cannot be told from counts: only their text shows it. A cache that is billed by the hour
    is not reckoned with. Prompt lengths are means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from aispend.advising import Recommend
from aispend.buying import PromptCache
from aispend.percents import percent
from recommender.contract import Advice, Confidence, Kind, Saving, Step, WhyNot
from recommender.evidence import as_billed, not_replayed, priced
from recommender.kinds.bought_tokens import (
    by_week,
    describe,
    evidence,
    no,
    nothing_to_save,
    place,
    share_meant,
    window_cost,
)
from recommender.methods.api_models import CacheOffer, cache_offer, offer_of, rules_name
from recommender.methods.api_prices import ApiDiscounts, TokenPrices, api_discounts, break_even_hit_rate, cache_saving
from recommender.savings import Spread, cost_remark, monthly_cost, saving
from recommender.subjects.token_use import TokenUse

NAME = "prompt_cache"
GATE = "measure the shared prefix"
_BATCH = "batch"
_NOTHING = Decimal(0)
_ALL = Decimal(1)


@dataclass(frozen=True)
class _Terms:
    """Cached price as a share of the input price (least, most), surcharge for writing, shortest part; whose words."""

    cached: tuple[Decimal, Decimal]
    surcharge: Decimal
    minimum: int
    price: Mapping[str, Any]


@dataclass(frozen=True)
class _Repeats:
    """Share of all input that repeats (low, point, high), how often it is found again, and what says so."""

    share: tuple[Decimal, Decimal, Decimal]
    hit_rate: Decimal
    because: str
    measured: bool = False
    what_if: bool = False


def applies(subject: TokenUse) -> bool:
    """Whatever generates: prompts of embeddings are not cached."""
    return bool(subject.class_costs.get("input")) and bool(subject.class_costs.get("output"))


def evaluate(subject: TokenUse, settings: Recommend) -> Advice | WhyNot:
    """Cache prompts, or why not."""
    options = settings.prompt_cache
    days = options.window_days

    def why_not(reason: str, explanation: str) -> WhyNot:
        return no(NAME, subject, days, reason, explanation)

    offer = cache_offer(subject.provider, subject.model or "")
    rules = api_discounts().get(rules_name(subject.provider) or "")
    if offer is None or rules is None:
        return why_not("not_offered", f"{subject.provider} is not known to cache prompts of {subject.model}.")
    terms = _terms(subject, days, offer, rules)
    if terms is None:
        where = " within a batch" if subject.service_tier == _BATCH else ""
        return why_not(
            "rule_unknown", f"The price of cached input{where} or of writing it, or the shortest part, is not known."
        )
    if subject.prompt_tokens is None:
        return why_not(
            "telemetry_missing",
            "How long its prompts are is not known: no requests are recorded for it. Import inference usage "
            "('aispend import-usage') with requests and tokens.",
        )
    if subject.prompt_tokens < terms.minimum:
        return why_not(
            "prompt_too_short",
            f"Its prompts have {subject.prompt_tokens:,.0f} tokens on average; nothing shorter than {terms.minimum:,} "
            "is cached.",
        )
    if found := nothing_to_save(subject, days):
        return why_not(*found)
    whole = window_cost(subject, days)
    repeats = _repeats(subject, options, terms)
    already = subject.input_share("cached_input", days) + subject.input_share("cache_write", days)
    if already > 0 and (not repeats.measured or repeats.share[1] <= already):
        return why_not(
            "already_cached",
            f"{percent(already)} of its input goes through the cache already. If you have measured that more of it "
            "repeats, say so under [[recommend.prompt_cache.shared_prefix]] (model, team or endpoint, and share).",
        )
    shares = [
        _share(subject, days, terms, rules, repeated=share, hit_rate=repeats.hit_rate, already=already, whole=whole)
        for share in repeats.share
    ]
    if shares[1] <= 0:
        needed = break_even_hit_rate(terms.cached[1], terms.surcharge)
        return why_not(
            "write_surcharge",
            f"Writing costs {percent(terms.surcharge)} more than plain input: only from a hit rate of "
            f"{percent(needed)} on does a cache pay, and {percent(repeats.hit_rate)} is reckoned with, by "
            f"{repeats.because}.",
        )
    by_weeks = by_week(
        subject,
        days,
        lambda week: _share(
            week,
            days,
            terms,
            rules,
            repeated=repeats.share[1],
            hit_rate=repeats.hit_rate,
            already=week.input_share("cached_input", days) + week.input_share("cache_write", days),
            whole=window_cost(week, days),
        ),
    )
    return _advice(subject, days, offer=offer, terms=terms, repeats=repeats, shares=shares, by_weeks=by_weeks)


def _terms(subject: TokenUse, days: int, offer: CacheOffer, rules: ApiDiscounts) -> _Terms | None:
    plain, cached, written = (subject.price(name, days) for name in ("input", "cached_input", "cache_write"))
    listed = offer_of(subject.provider, subject.model or "")
    if plain and cached and cached < plain:
        ratio, price = (cached / plain, cached / plain), as_billed(subject)
    elif (batch := _of_a_batch(subject, rules)) is None:
        return None
    elif listed and listed.cached_input and listed.cached_input < listed.input:
        ratio, price = (listed.cached_input / listed.input / batch,) * 2, priced(listed.source, None)
    elif rules.cached_input_discount:
        least, most = rules.cached_input_discount
        ratio, price = ((1 - most) / batch, (1 - least) / batch), priced(rules.source, rules.checked)
    else:
        return None
    if ratio[1] >= 1:
        return None
    surcharge = offer.write_surcharge
    if plain and written:
        surcharge = max(written / plain - 1, _NOTHING)
    elif surcharge is None and rules.cache_write_surcharge:
        surcharge = rules.cache_write_surcharge[1]
    minimum = offer.minimum_prompt_tokens or rules.minimum_prompt_tokens
    if surcharge is None or minimum is None:
        return None
    return _Terms(ratio, surcharge, minimum, price)


def _of_a_batch(subject: TokenUse, rules: ApiDiscounts) -> Decimal | None:
    """What plain input costs of its list price beside cached input: less in a batch where that has no discount there.

    None where that is not known.
    """
    if subject.service_tier != _BATCH or rules.stacking == "both":
        return _ALL
    return 1 - rules.batch_discount if rules.stacking == "cache" and rules.batch_discount is not None else None


def _repeats(subject: TokenUse, options: PromptCache, terms: _Terms) -> _Repeats:
    rules = [(share_meant(rule, subject), rule) for rule in options.shared_prefix]
    part, rule = max(rules, key=lambda one: one[0] * one[1].share, default=(_NOTHING, None))
    if rule is not None and part > 0:
        share = part * rule.share
        return _Repeats(
            (share,) * 3, rule.hit_rate or options.hit_rate, "your own measurement (settings)", measured=True
        )
    peer = subject.peer_cache
    if peer is not None and peer.same_team:
        share = peer.read + peer.written
        return _Repeats((share,) * 3, peer.hit_rate, f"what goes through the cache of {peer.of}")
    shortest = min(Decimal(terms.minimum) / (subject.prompt_tokens or _ALL), _ALL)
    point = max(shortest, options.what_if_share)
    hit_rate = peer.hit_rate if peer is not None and peer.written > 0 else options.hit_rate
    return _Repeats((shortest, point, max(point, options.largest_share)), hit_rate, "a what-if", what_if=True)


def _share(
    subject: TokenUse,
    days: int,
    terms: _Terms,
    rules: ApiDiscounts,
    *,
    repeated: Decimal,
    hit_rate: Decimal,
    already: Decimal,
    whole: Decimal,
) -> Decimal:
    """Share of its cost saved where ``repeated`` of all input repeats, of which ``already`` is in the cache."""
    price = subject.price("input", days)
    plain = subject.input_share("input", days)
    if not price or not plain:
        return _NOTHING
    found = cache_saving(
        TokenPrices(input=price, output=_NOTHING, cached_input=price * terms.cached[1]),
        subject.all_tokens("input", days),
        rules,
        repeated_share=min(max(repeated - already, _NOTHING) / plain, _ALL),
        hit_rate=hit_rate,
        write_surcharge=terms.surcharge,
    )
    return _NOTHING if found is None else found.saved / whole


def _advice(
    subject: TokenUse,
    days: int,
    *,
    offer: CacheOffer,
    terms: _Terms,
    repeats: _Repeats,
    shares: list[Decimal],
    by_weeks: tuple[float, ...],
) -> Advice:
    beside = "" if repeats.what_if else "how often what repeats is found again"
    saved = saving(subject, days, shares[1], Spread(by_weeks, beside=beside))
    if repeats.what_if:
        saved = _with_range(saved, saving(subject, days, shares[0]), saving(subject, days, shares[2]))
    confidence: Confidence = "medium" if repeats.measured else "low"
    what = "what repeats first in the prompt" if offer.automatic else "cache points after what repeats in the prompt"
    how = (
        "Prompts that begin alike are cached by themselves there: put instructions, tools and documents first, and "
        "what differs last."
        if offer.automatic
        else "Mark the end of the part that repeats (cache_control, or cachePoint in Converse)."
    )
    cost = monthly_cost(subject, days)
    already = subject.input_share("cached_input", days)
    writing = (
        f"costs {percent(terms.surcharge)} more than plain input"
        if terms.surcharge
        else "costs no more than plain input"
    )
    compare = "# then compare cached input tokens before and after"
    if offer.automatic:
        compare += ", and some answers: another order of the prompt may change them"
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{describe(subject)}; {percent(already)} of its input cached",
        proposed=f"put {what}",
        monthly_cost=_NOTHING if cost is None else cost,
        saving=saved,
        risk=1 if offer.automatic else 0,  # another order of the prompt is another prompt
        confidence=confidence,
        effort="low" if offer.automatic else "medium",
        reason=(
            f"If {percent(repeats.share[1])} of its input repeats, by {repeats.because}, {percent(repeats.hit_rate)} "
            f"of that is paid at {percent(terms.cached[1])} of the input price; writing to the cache {writing}. Its "
            f"prompts have {subject.prompt_tokens:,.0f} tokens; from {terms.minimum:,} on they are cached."
            f"{cost_remark(subject, days)}"
        ),
        undo="put the prompt back in its order"
        if offer.automatic
        else "take the cache points out again; answers do not change",
        command="\n".join((place(subject), "# " + how, compare)),
        target="prompt_cache",
        gate=None if repeats.measured else GATE,
        estimate_only=repeats.what_if,
        evidence_until=subject.as_of,
        evidence={
            **evidence(subject, days),
            "repeated_share": [f"{share:.4f}" for share in repeats.share],
            "repeated_by": repeats.because,
            "hit_rate": f"{repeats.hit_rate:.4f}",
            "break_even_hit_rate": f"{break_even_hit_rate(terms.cached[1], terms.surcharge):.4f}",
            "cached_price_share": f"{terms.cached[1]:.4f}",
            "write_surcharge": f"{terms.surcharge:.4f}",
            "minimum_prompt_tokens": terms.minimum,
            **terms.price,
            **not_replayed("which prompts begin alike is in no record: only a share that was measured counts"),
            "rule_source": offer.source,
        },
    )


def _with_range(point: Saving, low: Saving, high: Saving) -> Saving:
    """The what-if's own range: how much repeats decides, not how weeks differ."""
    of = "how much repeats, which nobody measured"
    return replace(point, p10=low.net, p50=point.net, p90=high.net, range_from=of)


KIND = Kind(
    name=NAME,
    subject=TokenUse,
    step=Step.SIZE,
    title="Cache the part of prompts that repeats",
    needs="requests and input tokens; what the provider takes for cached input; a measured share of input that repeats",
    applies=applies,
    evaluate=evaluate,
    # Within a batch a cache is hit as it happens: what both together save is not known.
    excludes=frozenset({"batch"}),
)
