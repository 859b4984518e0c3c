"""The same machine in a cheaper region under the same law.

Assumes
    Discounts are the same in both regions, and what it reads and writes stays where it is: in its own region, or in the
    one that settings name.
Method
    List price of the type in each region of the same legal geography (``machine_facts.toml``; settings may allow
    others). What is left of the difference after the data that would cross regions every month, at published rates or
    the one in settings, in the currency of the bill at the newest exchange rate, is the saving. Compute moves to data
    where what crosses regions now costs more than the machine costs more there.
Cases
    Data in another region: what would no longer cross is a charge of its own and no part of the machine's cost, so
    nothing of it counts; where the machine costs no less there, the advice is an estimate.
    How much data it moves is not known: behind a gate, with the amount at which nothing would be left. What a GB of it
    costs is not known, or only in a currency from which no exchange rate leads to the bill's: behind a gate.
    A server that people wait for: the reason says that it moves away from them. On spot, on a day of its last seven:
    prices differ otherwise.
    A region that is known not to offer the type: passed over. One of a group: only with all of it
    (``recommender/whole_groups.py``); what trains together in no proven group is told to move together.
    Covered by a commitment, if only in part: it stays, as the commitment does.
Sources
    docs/advice.md; methods, data locality; price catalogue.
Known drawbacks
    Only regions with a known price are seen; data moved once and capacity there are not in it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from aispend.advising import Recommend
from aispend.money import in_words
from aispend.moving import Relocate
from aispend.percents import percent, percent_apart
from aispend.prices.prices import Price
from recommender import terraform
from recommender.actions import describe, move_to
from recommender.contract import COST_UNKNOWN, Advice, Kind, Step, WhyNot
from recommender.evidence import not_replayed, unmeasured
from recommender.guards import before_another, covered_remark, hard_to_regain, preconditions, refusal, reserved
from recommender.kinds.limits import TRAINING
from recommender.machine_facts import geography, transfer_price
from recommender.savings import Spread, cost_basis, cost_remark, monthly_cost, saving, without_cost
from recommender.subjects.machines import Machine
from recommender.to_be_had import is_offered, needs_of, not_offered

NAME = "relocate"
GATE = "a measurement of what it reads and writes across regions"
RATE = "what a GB across regions costs in the currency of the bill"
_DOLLAR = "USD"
_BESIDE = "whether your discounts hold in the other region, and prices to come"
_NO_DATA = f"what it reads and writes across regions, {_BESIDE}"
Told = TypeVar("Told")
_ON_MACHINES = (None, "gpu_vm", "ml_cluster")


@dataclass(frozen=True)
class _Data:
    """Data that would cross regions a month: ``gb`` None unknown, ``rate`` of a GB in the bill's currency, its source.

    ``unconverted`` says what a GB costs where only that it is not in the bill's currency makes ``rate`` unknown.
    """

    gb: Decimal | None
    rate: Decimal | None
    source: str | None
    unconverted: str = ""
    region: str = ""
    """Where it lies."""

    def crossing(self, region: str) -> Decimal:
        """What a machine in this region pays for it, as far as that is known."""
        return Decimal(0) if region == self.region else self.cost or Decimal(0)

    @property
    def cost(self) -> Decimal | None:
        """What moving it costs; None where either is not known."""
        if self.gb == 0:
            return Decimal(0)
        return None if self.gb is None or self.rate is None else self.gb * self.rate

    @property
    def gate(self) -> str | None:
        """What is missing of its cost; None where nothing is."""
        if self.cost is not None:
            return None
        return GATE if self.gb is None else RATE


def applies(subject: Machine) -> bool:
    """Machines one rents by the type, while they run."""
    return bool(subject.accelerator_count and subject.instance_type and subject.region) and not subject.is_off


def evaluate(subject: Machine, settings: Recommend) -> Advice | WhyNot:
    """The cheapest region it may run in, or why it stays."""
    options = settings.relocate
    cost = monthly_cost(subject, options.window_days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if found := refusal(subject, settings):
        return no(*found)
    if subject.platform not in _ON_MACHINES:
        return no("not_offered", f"What runs as {subject.platform} has no price of its own by region here.")
    if subject.is_on_spot:
        return no("on_spot", "It runs on spot, where each region has a market of its own.")
    if found := reserved([subject]):
        return no(*found)
    law = geography(subject.provider, subject.region)
    if law is None:
        return no("region_unknown", f"Which law {subject.region} is under is not known, so nothing is moved out of it.")
    on = subject.as_of.date()
    here = subject.price
    if here is None:
        return no("unpriced", f"No price is known for {subject.instance_type} in {subject.region} on {on}.")
    name = subject.instance_type or ""
    allowed = {law, *options.also.get(law, ())}
    elsewhere = [
        price
        for price in _offers(subject, here)
        if price.region != here.region and geography(subject.provider, price.region) in allowed
    ]
    if not elsewhere:
        return no("nowhere_else", f"The price list knows no other region of {law} for {subject.instance_type}.")
    offered = [price for price in elsewhere if is_offered([subject], name, price.region) is not False]
    if not offered:
        return no("not_offered", not_offered([subject], name, min(elsewhere, key=_cheapest).region))
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    if nothing := without_cost(subject, options.window_days):
        return no(*nothing)
    whole = saving(subject, options.window_days, Decimal(1))
    if whole.net < whole.effective:
        return no(
            "committed",
            f"Commitments cover {percent_apart(1 - whole.net / whole.effective, 0, 1)} of its cost. Most hold in their "
            "region alone: they would be paid for without it, and all of its hours elsewhere.",
        )
    data = _data(subject, law, options)
    best = min(
        offered, key=lambda one: (cost * one.hourly_price / here.hourly_price + data.crossing(one.region), one.region)
    )
    cheaper = 1 - best.hourly_price / here.hourly_price
    left = cheaper - (data.crossing(best.region) - data.crossing(here.region)) / cost
    if left < Decimal(repr(options.min_saving)):
        moved = f" after {data.gb:,f} GB of data a month" if data.cost else ""
        moved = moved if data.region == here.region else f" with its data in {data.region}"
        return no(
            "not_cheaper",
            f"The cheapest other region of {law}, {best.region}, would save "
            f"{percent_apart(max(left, Decimal(0)), options.min_saving)}{moved}; {percent(options.min_saving)} is "
            "needed (recommend.relocate.min_saving).",
        )
    return _advice(subject, options, here=here, best=best, data=data, left=left, cost=cost, law=law)


def _cheapest(price: Price) -> tuple[Decimal, str]:
    return price.hourly_price, price.region


def _offers(subject: Machine, here: Price) -> list[Price]:
    """What the type costs on demand on that day in every region of the provider, in the same currency."""
    name = subject.instance_type or ""
    regions = subject.prices.regions(subject.provider, name)
    found = (subject.price_of(name, region) for region in regions)
    return [price for price in found if price is not None and price.currency == here.currency]


def _data(subject: Machine, law: str, options: Relocate) -> _Data:
    gb = _of(subject, options.gb_per_month)
    found = _rated(subject, law, options, gb)
    return replace(found, region=_of(subject, options.data_in) or subject.region or "")


def _of(subject: Machine, told: Mapping[str, Told]) -> Told | None:
    """What settings say of the first name that fits its model, team or id."""
    names = (subject.model, subject.team, subject.resource_id)
    return next(
        (
            value
            for pattern, value in told.items()
            if any(name and fnmatch.fnmatchcase(name.lower(), pattern.lower()) for name in names)
        ),
        None,
    )


def _rated(subject: Machine, law: str, options: Relocate, gb: Decimal | None) -> _Data:
    if options.price_per_gb is not None:
        return _priced(subject, gb, options.price_per_gb, _DOLLAR, "recommend.relocate.price_per_gb")
    published = transfer_price(subject.provider, law)
    if published is None:
        return _Data(gb, None, None)
    return _priced(subject, gb, published.per_gb, published.currency, published.source)


def _priced(subject: Machine, gb: Decimal | None, per_gb: Decimal, currency: str, source: str) -> _Data:
    """The data at a price of a GB in this currency, as the bill's."""
    if currency == subject.currency or per_gb == 0:
        return _Data(gb, per_gb, source)
    if currency != _DOLLAR or subject.per_dollar is None:
        unconverted = f"at {per_gb:f} {currency} a GB: no exchange rate from {currency} to {subject.currency} is loaded"
        return _Data(gb, None, None, f"{unconverted} (aispend import-rates)")
    worth = f"{per_gb:f} {currency} at {subject.per_dollar.normalize():f} {subject.currency} a {currency}"
    return _Data(gb, per_gb * subject.per_dollar, f"{source}; {worth}")


def _advice(
    subject: Machine,
    options: Relocate,
    *,
    here: Price,
    best: Price,
    data: _Data,
    left: Decimal,
    cost: Decimal,
    law: str,
) -> Advice:
    days = options.window_days
    cheaper = 1 - best.hourly_price / here.hourly_price
    is_apart = data.region != here.region
    share = left if not is_apart else cheaper if cheaper > 0 else min(left, Decimal(1))
    used = saving(
        subject,
        days,
        round(share, 4),
        Spread(beside=_BESIDE if is_apart or data.cost is not None else _NO_DATA),
    )
    needs = needs_of([subject], subject.instance_type or "", 1, region=best.region, anew=True)
    asks = bool(before_another(subject, subject.instance_type or "", needs=needs))
    command, undo = move_to(subject, best.region, asks=asks)
    scarce = hard_to_regain(subject)
    even = cost * cheaper / data.rate if data.rate and not is_apart else None
    if is_apart:
        moved = _of_data_apart(subject, data, best.region)
    elif data.cost is not None:
        moved = f" {data.gb:,f} GB a month across regions would cost {in_words(data.cost, subject.currency)} of it."
    elif even is not None:
        moved = f" Above {even:,.0f} GB a month read or written across regions nothing would be left."
    else:
        what = "What it reads and writes" if data.gb is None else f"Its {data.gb:,f} GB a month"
        moved = f" {what} across regions would cost extra, {data.unconverted or 'and how much is not known'}."
    online = subject.stage == "inference_online"
    wait = " Whoever waits for its answers is then further away: measure that too." if online else ""
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{describe(subject)} in {subject.region}",
        proposed=f"{subject.instance_type} in {best.region}",
        monthly_cost=cost,
        saving=used,
        risk=3 if online else 2,
        confidence="medium" if data.cost is not None and not online else "low",
        effort="high",
        reason=f"{subject.instance_type} costs {here.hourly_price} {here.currency} an hour in {here.region} and "
        f"{best.hourly_price} in {best.region}, both under the law of "
        f"{law if geography(subject.provider, best.region) == law else 'what your settings allow'}.{moved}{wait}"
        f"{_gang_remark(subject)}{covered_remark(used, 'moving')}{cost_remark(subject, days)}",
        undo=undo,
        command=preconditions(subject) + command,
        gate=None if is_apart else data.gate,
        estimate_only=is_apart and cheaper <= 0,
        hard_to_regain=scarce is not None,
        target=f"region:{best.region}",
        needs=needs,
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            **unmeasured("it does the same work there, however much that is"),
            **not_replayed("it was never in another region, and does the same work there"),
            "geography": law,
            "current_price": str(here.hourly_price),
            "proposed_price": str(best.hourly_price),
            "price_currency": best.currency,
            "price_source": best.source,
            "price_date": best.valid_from.isoformat(),
            "gb_per_month": None if data.gb is None else str(data.gb),
            "price_per_gb": None if data.rate is None else str(data.rate),
            "price_per_gb_source": data.source,
            "gb_at_which_nothing_is_left": None if even is None else int(even),
            **({"data_region": data.region} if is_apart else {}),
            **terraform.evidence(terraform.moved(subject, best.region)),
            "hard_to_regain": scarce,
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _of_data_apart(subject: Machine, data: _Data, region: str) -> str:
    """What becomes of data that is across regions already: a sentence with a space before it."""
    if region != data.region:
        return f" What it reads and writes lies in {data.region}, across regions before and after."
    if data.cost is None:
        return " What it reads and writes lies there, and crosses regions no more: what that saves comes on top."
    return (
        f" Its {data.gb:,f} GB a month lie there and cross regions no more: {in_words(data.cost, subject.currency)} of "
        "transfer, which is charged apart from the machine and is in no total."
    )


def _gang_remark(subject: Machine) -> str:
    """A sentence on those it trains with, with a space before it; nothing where there are none."""
    if subject.stage not in TRAINING or not subject.siblings:
        return ""
    others = "another machine" if subject.siblings == 1 else f"{subject.siblings} other machines"
    return f" It trains together with {others} of {subject.fleet}: move all of them, or none."


KIND = Kind(
    name=NAME,
    subject=Machine,
    step=Step.PLACE,
    title="A cheaper region under the same law",
    needs="prices of the type in other regions; how much data it would move between regions",
    applies=applies,
    evaluate=evaluate,
    is_of_whole_group=True,
)
