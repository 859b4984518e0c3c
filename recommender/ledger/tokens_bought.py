"""What a change of bought tokens saved: their price, their number a request, or the model that was asked.

Assumes
    Tokens of one model, account, team and currency, in all regions and service tiers, are what the advice is about.
Method
    *Price* (batch, cached prompts): direction by direction, the tokens bought since at their price before, less what
    was paid; after a later change of their price, what was paid is at the price before that (``tokens_again.py``).
    *Shorter answers* and *calls moved to a smaller model*: ``methods/realised_tokens.py``. Requests are those recorded
    of the same tokens; a day counts where each of them that wrote anything has some.
Cases
    A cost nobody knows makes the period unknown. So do requests nobody recorded, where they are needed, and a currency
    that these models were not charged in before.
Known drawbacks
    Of tokens no list price is compared: a new price of the provider is in what batches and caches are said to save.
    A smaller model that another account or team is charged for is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum, rate
from recommender.ledger.billed import charged_in
from recommender.methods.api_models import offer_of
from recommender.methods.realised import After, Before, Realised, realised
from recommender.methods.realised_tokens import Answers, Bought, moved_calls, shorter_answers
from recommender.subjects.token_use import INPUT_CLASSES, TokenUse, load_token_use

LIMIT, ROUTE = "output_limit", "route"
NO_REQUESTS_BEFORE = "No requests were recorded before, so how long answers would be is not known."
NO_REQUESTS = "No requests were recorded, so how long answers would be is not known."
NOTHING_BOUGHT = "No tokens of known cost were bought."
_ANSWERED = "output with requests"
_NOTHING = Decimal(0)
_ONE_DAY = timedelta(days=1)
_Said = tuple[Decimal | None, Realised | None, list[str]]
"""Tokens that would have been paid for, what came of them (None is unknown), and remarks."""


@dataclass(frozen=True)
class Period:
    """Tokens bought of a model and what they cost, by direction, and the answers of days with requests.

    ``bought`` None: a cost is unknown, or nothing was bought. ``blind_days``: with answers and without requests.
    """

    bought: Bought | None
    answers: Answers
    blind_days: int


@dataclass(frozen=True)
class HeldPrice:
    """Tokens and cost by direction before a later change of their price; counted at this price after ``since``."""

    since: date
    kind: str
    parts: Mapping[str, Sequence[str]]


def measured(connection: Connection, row: Any, first: date, end: date) -> dict[str, Any] | None:
    """Columns of ``saving_baseline`` for the tokens of a recommendation; None where no cost of them is known."""
    uses = _uses(connection, row, first, end)
    own = _period(use for use in uses if same_model(row.provider, use.model, row.model))
    if own.bought is None:
        return None
    parts = dict(own.bought)
    if row.kind == LIMIT:
        parts[_ANSWERED] = (own.answers.tokens, own.answers.cost)
    elif row.kind == ROUTE:
        small = _period(use for use in uses if same_model(row.provider, use.model, row.target)).bought or {}
        parts |= {f"{name} of {row.target}": part for name, part in small.items()}
    cost = exact_sum(amount for _, amount in own.bought.values())
    return {
        "days": (end - first).days,
        "quantity": exact_sum(tokens for tokens, _ in own.bought.values()),
        "effective_cost": cost,
        "uncovered_cost": cost,
        "covered_share": _NOTHING,
        "requests": own.answers.requests or None,
        "parts": {name: [f"{tokens:f}", f"{amount:f}"] for name, (tokens, amount) in parts.items()},
        "region": row.region,
        "service": _service(connection, row, first, end),
    }


def _service(connection: Connection, row: Any, first: date, end: date) -> str | None:
    """What the bill sells most of the model's tokens under: agreements count services."""
    wanted = {"provider": row.provider, "account": row.account, "currency": row.currency}
    paid: dict[str, Decimal] = {}
    for service, model, cost in connection.execute(
        text(_SERVICES), wanted | {"first": first, "end": end, "month": first.replace(day=1)}
    ):
        if same_model(row.provider, model, row.model):
            paid[service] = paid.get(service, _NOTHING) + cost
    return max(sorted(paid), key=paid.__getitem__, default=None)


def value_tokens(connection: Connection, item: Any, first: date, end: date, held: HeldPrice | None = None) -> _Said:
    """What the item of ``saving_baseline`` saved from ``first`` to before ``end``, at the price that is ``held``."""
    every = _in_all_currencies(connection, item, first, end)
    others = _other_currencies(connection, item, every)
    if others:
        return None, None, [charged_in(others, item.currency)]
    uses = [use for use in every if use.currency == item.currency]
    own = _period(use for use in uses if same_model(item.provider, use.model, item.model))
    if item.kind == ROUTE:
        small = _period(use for use in uses if same_model(item.provider, use.model, item.target))
        return _routed(item, own.bought, small.bought)
    if own.bought is None:
        return None, None, [NOTHING_BOUGHT]
    if item.kind == LIMIT:
        return _limited(item, own)
    if held is None or held.since + _ONE_DAY >= end:
        return _priced(item, own.bought)
    later = max(held.since + _ONE_DAY, first)
    since = _uses(connection, item, later, end)
    changed = _period(use for use in since if same_model(item.provider, use.model, item.model)).bought or {}
    quantity, found, says = _priced(item, _at_price(own.bought, changed, held.parts))
    says.append(
        f"What was paid is held at the price of a token before the {held.kind} of {held.since}, which counts apart."
    )
    return quantity, found, says


def _priced(item: Any, bought: Bought) -> _Said:
    """Direction by direction, the tokens bought at the price before."""
    parts = []
    for name, (tokens, cost) in bought.items():
        before = item.parts.get(name)
        if before is None or not Decimal(before[0]):
            return None, None, [f"No {name} tokens were bought before, so their price is not known."]
        whole = Decimal(before[1])
        parts.append(
            realised(Before(Decimal(before[0]), whole, whole, _NOTHING), After(cost, cost, _NOTHING), tokens, None)
        )
    found = Realised(
        counterfactual=exact_sum(part.counterfactual for part in parts),
        actual=exact_sum(part.actual for part in parts),
        price_effect=None,
        commitment_effect=_NOTHING,
        realised=exact_sum(part.realised or _NOTHING for part in parts),
    )
    quantity = exact_sum(tokens for tokens, _ in bought.values())
    return quantity, found, ["A change of the provider's price is in what is realised."]


def _at_price(bought: Bought, changed: Bought, held: Mapping[str, Sequence[str]]) -> Bought:
    """What was bought, of it ``changed`` at the price that is held; as it was paid where there is none."""
    found = dict(bought)
    for name, (tokens, cost) in changed.items():
        before, whole = (Decimal(part) for part in held.get(name, ("0", "0")))
        if before:
            found[name] = (bought[name][0], exact_sum((bought[name][1], -cost, rate(tokens * whole, before))))
    return found


def _limited(item: Any, own: Period) -> _Said:
    tokens, cost = (Decimal(part) for part in item.parts.get(_ANSWERED, ("0", "0")))
    if not item.requests or not tokens:
        return None, None, [NO_REQUESTS_BEFORE]
    found = shorter_answers(Answers(item.requests, tokens, cost), own.answers)
    if found is None:
        return None, None, [NO_REQUESTS]
    left_out = f"On {own.blind_days} days no requests were recorded: what was saved on these is not counted."
    return *found, [left_out] if own.blind_days else []


def _routed(item: Any, large: Bought | None, small: Bought | None) -> _Said:
    of_small = f" of {item.target}"
    before = {name: (Decimal(part[0]), Decimal(part[1])) for name, part in item.parts.items()}
    found = moved_calls(
        large={name: part for name, part in before.items() if not name.endswith(of_small)},
        small={name.removesuffix(of_small): part for name, part in before.items() if name.endswith(of_small)},
        large_now=large or {},
        small_now=small or {},
    )
    if found is None:
        return None, None, [NOTHING_BOUGHT]
    says = []
    if small is None:
        says.append(f"None of {item.target} is on the bill of this account and team: nothing was moved to it.")
    if found[1].price_effect is None:
        says.append("Today's price of the model it was is not known: a change of it is in what is realised.")
    return *found, says


def _uses(connection: Connection, row: Any, first: date, end: date) -> list[TokenUse]:
    """All tokens that the account and team of a recommendation bought of any model, in its currency."""
    return [use for use in _in_all_currencies(connection, row, first, end) if use.currency == row.currency]


def _in_all_currencies(connection: Connection, row: Any, first: date, end: date) -> list[TokenUse]:
    whose = (row.provider, row.account, row.team)
    return [
        use
        for use in load_token_use(connection, datetime.combine(end, time(), UTC), (end - first).days)
        if (use.provider, use.account, use.team) == whose
    ]


def _other_currencies(connection: Connection, item: Any, uses: Iterable[TokenUse]) -> list[str]:
    """Currencies other than its own in which tokens of its models are charged, and were not before."""
    found = _charged(item, uses)
    if not found:
        return []
    before = _charged(item, _in_all_currencies(connection, item, item.window_first, item.window_end))
    return sorted({currency for _, currency in found - before})


def _charged(item: Any, uses: Iterable[TokenUse]) -> set[tuple[str, str]]:
    """The model it was, and the one calls move to, each with the other currencies it is charged in."""
    return {
        (model, use.currency)
        for use in uses
        for model in (item.model, *([item.target] if item.kind == ROUTE else []))
        if use.currency != item.currency
        and same_model(item.provider, use.model, model)
        and any(cost.effective_cost != 0 for cost in use.costs)
    }


def same_model(provider: str, one: str | None, other: str | None) -> bool:
    """The same name, or two names the provider's price list has for one model."""
    if one == other or one is None or other is None:
        return one == other
    offer = offer_of(provider, one)
    return offer is not None and offer == offer_of(provider, other)


def _period(uses: Iterable[TokenUse]) -> Period:
    every = list(uses)
    if any(cost.effective_cost is None for use in every for cost in use.costs):
        return Period(None, Answers(_NOTHING, _NOTHING, _NOTHING), 0)
    found: dict[str, list[Decimal]] = {}
    for use in every:
        for name in {*use.tokens, *use.class_costs}:
            part = found.setdefault("input" if name in INPUT_CLASSES else name, [_NOTHING, _NOTHING])
            part[0] += sum(use.tokens.get(name, {}).values(), _NOTHING)
            part[1] += sum(use.class_costs.get(name, {}).values(), _NOTHING)
    bought = {name: (part[0], part[1]) for name, part in sorted(found.items()) if part[0]}
    return Period(bought or None, *_answers(every))


def _answers(uses: Iterable[TokenUse]) -> tuple[Answers, int]:
    """Requests and output of the days on which all that wrote anything have requests, and how many days have not."""
    of_day: dict[date, list[tuple[Decimal, Decimal, Decimal]]] = {}
    for use in uses:
        costs = use.class_costs.get("output", {})
        for day, tokens in use.tokens.get("output", {}).items():
            if tokens:
                asked = _of(use.requests, day)
                of_day.setdefault(day, []).append((asked, tokens, costs.get(day, _NOTHING)))
    known = [part for parts in of_day.values() if all(asked for asked, _, _ in parts) for part in parts]
    blind = sum(not all(asked for asked, _, _ in parts) for parts in of_day.values())
    requests, tokens, cost = (exact_sum(part[place] for part in known) for place in range(3))
    return Answers(requests, tokens, cost), blind


def _of(by_day: Mapping[date, Decimal] | None, day: date) -> Decimal:
    return _NOTHING if by_day is None else by_day.get(day, _NOTHING)


_SERVICES = """
    SELECT sku.service_name, coalesce(t.model, sku.model) AS model,
           sum(coalesce(s.effective_cost, s.billed_cost, 0)) AS cost
    FROM charge c
    JOIN sku USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    JOIN cost_share s USING (billing_month, slice_id, half, ordinal)
    JOIN share_target t USING (target_key)
    WHERE sku.platform = 'token_api' AND sku.provider = :provider AND sku.service_name IS NOT NULL
      AND k.charge_category = 'Usage' AND k.billing_currency = :currency
      AND coalesce(a.sub_account_id, a.billing_account_id) IS NOT DISTINCT FROM :account
      AND c.charge_date >= :first AND c.charge_date < :end AND c.billing_month >= :month
    GROUP BY 1, 2"""
