"""Buy a model's tokens, or serve it on machines of one's own: whichever costs less for the tokens there are.

Assumes
    The tokens to come are like those of the window. The same weights answer alike, whoever serves them.
Method
    Tokens bought: a fleet for the largest recorded hour (the mean where none is recorded), at least two replicas, on
    the machine that makes it cheapest; speed from a benchmark in the settings, else by formula from the model's
    published shape and the accelerator's specification. Own machines: the same tokens at the list price of the same
    model, at the own cloud where it sells it, else at the middle one of all offers. Input, cached input and output
    apart (T5.3). Instances that are paid for while they work are the third way (``serverless.py``); of it and the API
    the larger saving is the advice.
Cases
    A model whose weights nobody can have: only through a stand-in that the settings name, and then another model.
    Buying waits for an evaluation, as only the name of the weights is known, and not their version or tuning; so does a
    stand-in. Machines the model shares with others, that a tag keeps, that stand by, are new or of which no tokens are
    recorded stay and are left out. Tokens recorded on some days alone are held against what the machines cost on these;
    fewer than a week of them say nothing.
    No exchange rate, no price, no speed: no advice, with what is missing. Tokens bought on days of unknown cost are
    left out, and a month is reckoned from the other days.
    What would cost more: the reason gives the volume at which both cost the same.
Sources
    API prices: genai-prices. Methods, self-host against API (T5.3); break-even: ``aispend/prices/break_even.py``.
Known drawbacks
    One team's tokens are looked at alone: several teams on one fleet may pay where one does not. An estimated speed may
    be off by half: benchmark first. What an API's limits, latency and place of processing mean is for a person to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from aispend.advising import Recommend
from aispend.percents import percent
from aispend.prices.break_even import break_even, per_month
from aispend.prices.token_prices import ApiOffer, api_offers
from recommender.comments import comment
from recommender.contract import COST_UNKNOWN, HOURS_PER_MONTH, Advice, Kind, Step, Subject, WhyNot
from recommender.evidence import not_replayed, priced
from recommender.guards import decided, too_new
from recommender.kinds.bought_tokens import (
    counted,
    describe,
    ended,
    evidence,
    known_days,
    no,
    nothing_to_save,
    place,
    window_cost,
)
from recommender.kinds.own_fleet import Fleet, Mix, cheapest_fleet
from recommender.kinds.own_machines import machines_in_words, shares_of, still_committed
from recommender.kinds.serverless import Looked, in_words, is_serverless, other_way
from recommender.methods.api_models import offer_of
from recommender.methods.api_prices import TokenUse as Counted
from recommender.methods.model_shapes import served_model
from recommender.savings import Spread, cost_basis, cost_remark, monthly_cost, recent, saving
from recommender.subjects.served_tokens import ServedTokens
from recommender.subjects.services import together
from recommender.subjects.token_use import TokenUse

NAME = "managed_or_self_host"
GATE = "an evaluation of answer quality and latency on your own calls"
_NOTHING = Decimal(0)
_ONE = Decimal(1)
_MILLION = 1_000_000
_LEAST_DAYS = 7
"""Recorded days of a server from which on they stand for the others: a whole week."""
_SERVING_BESIDE = "a peak above the largest hour seen, and the work of running it beyond what the settings say"
_BUYING_BESIDE = "discounts on the list price, and tokens that another server of the model counts differently"
_PAYS_FROM = (
    " Own machines as they are pay from {even:,.0f} million tokens a month on; they serve {monthly:,.0f} million."
)
_ESTIMATED = "none: how fast a machine serves is estimated, and by how much that differs is not known"


def applies(subject: Subject) -> bool:
    """Tokens that are generated, bought or served."""
    if isinstance(subject, TokenUse):
        return bool(subject.class_costs.get("output")) and subject.service_tier == "standard"
    return isinstance(subject, ServedTokens) and subject.tokens.get("output", _NOTHING) > 0


def evaluate(subject: Subject, settings: Recommend) -> Advice | WhyNot:
    """The other way, where it costs less; or why not."""
    if isinstance(subject, TokenUse):
        return _self_host(subject, settings)
    if isinstance(subject, ServedTokens):
        return _buy(subject, settings)
    raise TypeError(f"{NAME} looks at tokens, not at {type(subject).__name__}")


def _self_host(subject: TokenUse, settings: Recommend) -> Advice | WhyNot:
    options, days = settings.self_host, settings.self_host.window_days

    def why_not(reason: str, explanation: str) -> WhyNot:
        return no(NAME, subject, days, reason, explanation)

    bought = subject.model or ""
    model = options.stand_in.get(bought, bought)
    known = served_model(model, settings.optimize_model.models) is not None
    if not known and not any(replica.model == model for replica in options.replica):
        return why_not(
            "weights_unknown",
            f"{model} is not known as a model one could serve oneself. If an open model might do its work, name it "
            f'under [recommend.self_host.stand_in] ("{model}" = "llama-3.3-70b"); its answers would have to be judged.',
        )
    if subject.per_dollar is None:
        return why_not(
            "rate_unknown",
            f"Machines are priced in USD and no exchange rate to {subject.currency} is loaded (aispend import-rates).",
        )
    if found := nothing_to_save(subject, days):
        return why_not(*found)
    use = counted(subject, days)
    whole = window_cost(subject, days)
    cost = monthly_cost(subject, days) or _NOTHING
    if use is None or not use[1].output:
        return why_not("tokens_unknown", "Its bill does not say how many tokens its cost is for.")
    prices, tokens = use
    answer = subject.answer_tokens(days)
    if answer is None or subject.prompt_tokens is None:
        return why_not(
            "telemetry_missing",
            "How long its requests are is not known: none are recorded for it. Import inference usage "
            "('aispend import-usage') with requests and tokens.",
        )
    month = HOURS_PER_MONTH / (24 * known_days(subject, days))
    monthly = Counted(tokens.uncached_input * month, tokens.output * month, tokens.cached_input * month)
    largest = subject.largest_hour.get("output")
    fleet = cheapest_fleet(
        model,
        settings,
        provider=subject.provider,
        region=subject.region or "",
        on=subject.as_of.date(),
        book=subject.prices,
        prices=prices,
        monthly=monthly,
        peak_output=None if largest is None else largest / 3600,
        mix=Mix(
            float(subject.prompt_tokens),
            float(answer),
            float(subject.input_share("cached_input", days)),
        ),
        per_dollar=subject.per_dollar,
    )
    if fleet is None:
        return why_not(
            "price_unknown",
            f"No machine of {subject.provider} in {subject.place} has a known price and a known speed with {model}.",
        )
    if fleet.servers.saving <= 0:
        even = fleet.servers.break_even
        reached = f", {percent(even.load)} of what that fleet can do" if even.load is not None else ""
        return why_not(
            "api_cheaper",
            f"{fleet.servers.replicas} × {fleet.machine} would cost {fleet.servers.own_cost:,.2f} {subject.currency} "
            f"a month for what the API sells for {fleet.servers.api_cost:,.2f}. Both cost the same at "
            f"{even.tokens / _MILLION:,.0f} million tokens a month{reached}.",
        )
    return _own_advice(subject, days, model=model, fleet=fleet, cost=cost, whole=whole)


def _own_advice(subject: TokenUse, days: int, *, model: str, fleet: Fleet, cost: Decimal, whole: Decimal) -> Advice:
    servers = fleet.servers
    other = model != subject.model
    of_month = HOURS_PER_MONTH / (24 * known_days(subject, days))
    share = min(servers.saving / of_month / whole, _ONE)
    saved = saving(subject, days, share, Spread(beside=_SERVING_BESIDE))
    load = servers.break_even.load
    name = f"{servers.replicas} × {fleet.machine}"
    benchmark = "" if fleet.measured else " Its speed is estimated: benchmark first."
    return Advice(
        kind=NAME,
        subject=subject,
        current=describe(subject),
        proposed=f"serve {model} on {name}",
        monthly_cost=cost,
        saving=saved if fleet.measured else replace(saved, p10=None, p50=None, p90=None, range_from=_ESTIMATED),
        risk=4,
        confidence="medium" if fleet.measured else "low",
        effort="very_high",
        reason=(
            f"{name} at {fleet.price.hourly_price:f} USD an hour would cost {servers.own_cost:,.2f} {subject.currency} "
            f"a month for what the API sells for {servers.api_cost:,.2f}, at {percent(servers.load)} load; both cost "
            f"the same at {percent(load or 0)}.{benchmark}{cost_remark(subject, days)}"
        ),
        undo="send the requests to the API again and stop the machines",
        command="\n".join(
            (
                place(subject),
                f"# benchmark {' '.join(model.split())} on one {fleet.machine} at your own mix of tokens, put the",
                "# result under [[recommend.self_host.replica]], and move requests only where it holds",
            )
        ),
        target=f"self_host:{fleet.machine}",
        gate=GATE if other else None,
        estimate_only=not fleet.measured,
        evidence_until=subject.as_of,
        evidence={
            **evidence(subject, days),
            "replicas": servers.replicas,
            "machine": fleet.machine,
            "hourly_price": f"{fleet.price.hourly_price:f}",
            "price_currency": fleet.price.currency,
            **priced(fleet.price.source, fleet.price.valid_from),
            **not_replayed("no history has these tokens on machines of one's own"),
            "output_tokens_per_second": f"{fleet.output_per_second:f}",
            "speed_source": fleet.source,
            "own_monthly_cost": f"{servers.own_cost:.2f}",
            "api_monthly_cost": f"{servers.api_cost:.2f}",
            "load": f"{servers.load:.4f}",
            "break_even_load": None if load is None else f"{load:.4f}",
            "break_even_tokens": f"{servers.break_even.tokens:.0f}",
        },
    )


def _buy(subject: ServedTokens, settings: Recommend) -> Advice | WhyNot:
    days = settings.self_host.window_days
    stays = _staying(subject, settings)
    if stays and len(stays) == len(subject.machines):
        return WhyNot(NAME, subject, *next(iter(stays.values())), monthly_cost(subject, days))
    if stays:
        subject = _without(subject, stays)
    cost = monthly_cost(subject, days)

    def why_not(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    model = subject.model or ""
    offer = _offer(subject.provider, model)
    if offer is None and not settings.self_host.serverless:
        return why_not("not_sold", f"Nobody is known to sell {model} by the token.")
    if subject.per_dollar is None:
        return why_not(
            "rate_unknown",
            f"API prices are in USD and no exchange rate to {subject.currency} is loaded (aispend import-rates).",
        )
    known = [one.effective_cost for one in recent(subject, days)]
    if cost is None or None in known:
        return why_not("cost_unknown", COST_UNKNOWN)
    if found := ended(subject):
        return why_not(*found)
    if (told := len(subject.recorded)) < _LEAST_DAYS:
        return why_not(
            "telemetry_missing",
            f"Its tokens are recorded on {told} of the last {days} days, and {_LEAST_DAYS} are needed: how many it "
            "serves on the others nobody knows ('aispend import-usage').",
        )
    costs = [one.effective_cost for one in recent(subject, days) if one.day in subject.recorded]
    whole = sum((one for one in costs if one is not None), _NOTHING)
    when = f"the last {days} days" if told == days else f"the {told} of the last {days} days they are recorded on"
    beside = _beside(subject, stays)
    looked = Looked(NAME, days=days, told=told, cost=cost, whole=whole, beside=beside)
    scaled = other_way(subject, settings.self_host, looked) if whole > 0 else ""
    if offer is None:
        said = f"Nobody is known to sell {model} by the token.{scaled}"
        return scaled if isinstance(scaled, Advice) else why_not("not_sold", said)
    uncached = subject.tokens.get("input", _NOTHING) + subject.tokens.get("cache_write", _NOTHING)
    cached, output = subject.tokens.get("cached_input", _NOTHING), subject.tokens.get("output", _NOTHING)
    at_api = offer.cost(uncached, cached, output) * subject.per_dollar
    tokens = uncached + cached + output
    where, pays = ("serverless instances", "") if is_serverless(subject) else ("own machines", _PAYS_FROM)
    if whole <= 0 or at_api >= whole:
        if isinstance(scaled, Advice):
            return scaled
        return why_not(
            "own_cheaper",
            f"Its {tokens / _MILLION:,.0f} million tokens of {when} cost {whole:,.2f} {subject.currency} "
            f"on {where} and would cost {at_api:,.2f} at {offer.provider}'s list price.{scaled}",
        )
    monthly = per_month(tokens, told)
    even = break_even(whole, at_api, monthly, None)
    saved = saving(subject, days, 1 - at_api / whole, Spread(beside=_BUYING_BESIDE), still_committed)
    covered = ""
    if saved.effective > 0 and saved.net <= 0:
        covered = " Commitments pay for those machines, so buying saves nothing today."
    elif saved.net < saved.effective:
        covered = (
            f" Commitments pay for part of them, and go on beside the API's price: {saved.net:,.2f} a month is left."
        )
    covered += beside
    own_cloud = offer == offer_of(subject.provider, model)
    third = scaled if isinstance(scaled, str) else in_words(scaled)
    bought = Advice(
        kind=NAME,
        subject=subject,
        current=f"{model} on {machines_in_words(subject)} ({', '.join(subject.instance_types) or 'types unknown'})",
        proposed=f"buy its tokens from {offer.provider} ({offer.model_id})",
        monthly_cost=cost,
        saving=saved,
        risk=3,
        confidence="medium" if own_cloud else "low",
        effort="high",
        reason=(
            f"Its {tokens / _MILLION:,.0f} million tokens of {when} cost {whole:,.2f} {subject.currency} "
            f"on {where}, {'' if is_serverless(subject) else 'idle hours included, '}"
            f"and {at_api:,.2f} at {offer.provider}'s list price."
            f"{pays.format(even=even.tokens / _MILLION, monthly=monthly / _MILLION)}{third}{covered}"
            f"{cost_remark(subject, days)}"
        ),
        undo="start the machines again; scarce types may not come back at once",
        command="\n".join(
            (
                comment(
                    f"{subject.provider}, account {subject.account or 'several'}, region {subject.region or 'several'}"
                ),
                "# check first: its weights are the published ones, the API's limits fit your largest hour, and data",
                f"# may go there. Send some of the requests to {offer.provider}'s {' '.join(offer.model_id.split())},",
                "# compare, then scale the machines down",
            )
        ),
        target=f"buy:{offer.provider}:{offer.model_id}",
        gate=GATE,
        hard_to_regain=True,
        acts_on=shares_of(subject, cost),
        evidence_until=datetime.combine(max(subject.recorded) + timedelta(days=1), time(), UTC),
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "tokens": {name: f"{count:f}" for name, count in sorted(subject.tokens.items())},
            "own_monthly_cost": f"{per_month(whole, told):.2f}",
            "api_monthly_cost": f"{per_month(at_api, told):.2f}",
            "own_cost_per_million": f"{whole * _MILLION / tokens:.4f}",
            "api_cost_per_million": f"{at_api * _MILLION / tokens:.4f}",
            "break_even_tokens": f"{even.tokens:.0f}",
            "api_prices": {"input": f"{offer.input:f}", "output": f"{offer.output:f}"},
            "price_currency": "USD",
            **priced(f"{offer.source}: {offer.provider} {offer.model_id}", None),
            "coverage": round(told / days, 4),
            **not_replayed("no history has these tokens bought from somebody else"),
            "machines": len(subject.machines),
            "machines_that_stay": {name: reason for name, (reason, _) in stays.items()},
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )
    is_less = isinstance(scaled, Advice) and not scaled.estimate_only and scaled.saving.net > saved.net
    return scaled if isinstance(scaled, Advice) and is_less else bought


def _staying(subject: ServedTokens, settings: Recommend) -> dict[str, tuple[str, str]]:
    """Machines that are kept, stand by, are new or serve who knows what, with reason and explanation: they stay."""
    unknown = ("telemetry_missing", "No tokens of it are recorded, so what it serves is not known.")
    found = {
        name: decided(part, settings)
        or too_new(part.deployed_at, subject.as_of, settings)
        or (None if part.is_recorded else unknown)
        for name, part in sorted(subject.parts.items())
    }
    return {name: why for name, why in found.items() if why}


def _without(subject: ServedTokens, stays: Mapping[str, object]) -> ServedTokens:
    """The same without the machines that stay, and without their cost. All tokens: who served which may change."""
    going = {name: part for name, part in subject.parts.items() if name not in stays}
    return replace(
        subject,
        costs=together([part.costs for part in going.values()]),
        machines={name: amount for name, amount in subject.machines.items() if name not in stays},
        instance_types=sorted({part.instance_type for part in going.values() if part.instance_type}),
        parts=going,
    )


def _beside(subject: ServedTokens, stays: Mapping[str, tuple[str, str]]) -> str:
    """What is not in the figures, in sentences."""
    said = ""
    if subject.shared_cost > 0:
        said += " What it serves on machines that other models share stays there and is not in these figures."
    if stays:
        said += f" Not in these figures, as they stay: {'; '.join(f'{name} ({why})' for name, why in _said(stays))}."
    return said


def _said(stays: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, explanation.removesuffix(".")) for name, (_, explanation) in stays.items()]


def _offer(provider: str, model: str) -> ApiOffer | None:
    """The own cloud's, else the middle one of all: the cheapest may be slower, quantised or elsewhere."""
    offers = api_offers(model)
    return offer_of(provider, model) or (offers[len(offers) // 2] if offers else None)


KIND: Kind[Subject] = Kind(
    name=NAME,
    subject=Subject,
    step=Step.PLACE,
    title="Buy a model's tokens, or serve it oneself",
    needs="tokens by class; prices of the API and of machines; a model that is both sold and served",
    applies=applies,
    evaluate=evaluate,
    alone=True,
)
