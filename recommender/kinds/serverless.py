"""Instances that are paid for only while they work, beside machines that are always on: the third way to serve a model.

Assumes
    One instance does the work of one machine of the type that the settings name beside its price. No list of prices is
    read: what an hour of an instance costs, processors and memory with it, is yours to say.
Method
    *Machines*: each is taken to be an instance in every hour in which tokens of its own are recorded, whole hours: that
    is at most what they would be up, as a start and the time an instance is kept lie within an hour that asks.
    *Bought so already*: its cost over the price of an hour are instance-hours; machines for the mean of the busiest
    day, at least as many as the settings ask for, at their list price, always on.
    Both cost the same at cost ÷ price instance-hours a month, which is said either way.
Cases
    A machine whose type has no such price, or of which no tokens are recorded, has no third way. Within a busiest day
    there is a busiest hour that nobody told: machines in place of instances are an estimate and never count.
Sources
    Methods, scaling to zero and self-host against API (T5.3): hours of work at one price, or all at another.
Known drawbacks
    Where a start takes longer than people wait, some machine stays warm and costs more than this says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from aispend.buying import SelfHost, Serverless
from aispend.prices.break_even import per_month
from recommender.comments import comment
from recommender.contract import Advice, Saving
from recommender.evidence import not_replayed
from recommender.kinds.own_machines import machines_in_words, shares_of, still_committed
from recommender.savings import Spread, cost_basis, cost_remark, recent, saving
from recommender.subjects.served_tokens import ServedTokens

GATE = "a test of how long its first answers take after a start"
PLATFORM = "serverless_inference"
_DAY_HOURS = 24
_BESIDE = "hours in which only a part was asked, and machines kept warm"
_ESTIMATED = "none: how many machines its busiest hour needs is not known"
_SETTING = "your setting (recommend.self_host.serverless)"


@dataclass(frozen=True)
class Looked:
    """What the kind found before it compares: days looked at, days told of, a month's cost, and that of the days."""

    kind: str
    days: int
    told: int
    cost: Decimal
    whole: Decimal
    beside: str = ""
    """What is not in its figures, in sentences."""


def is_serverless(subject: ServedTokens) -> bool:
    """Whether all of it is paid for only while it works."""
    return bool(subject.parts) and all(part.platform == PLATFORM for part in subject.parts.values())


def other_way(subject: ServedTokens, options: SelfHost, looked: Looked) -> Advice | str:
    """Instances in place of its machines, or machines in place of its instances; else what both cost, in a sentence.

    The sentence begins with a space, and is empty where there is no price to compare by.
    """
    assert subject.per_dollar is not None  # noqa: S101 - the caller has returned otherwise
    return _always_on(subject, options, looked) if is_serverless(subject) else _by_the_hour(subject, options, looked)


def in_words(advice: Advice) -> str:
    """What is left of it beside other advice on the same: a sentence with a space before it."""
    by = "a month saved, by an estimate" if advice.estimate_only else "a month saved"
    return f" Or {advice.proposed}: {advice.saving.net:,.2f} {by}."


def _by_the_hour(subject: ServedTokens, options: SelfHost, looked: Looked) -> Advice | str:
    prices = {
        one.instance_type.lower(): one for one in reversed(options.serverless) if one.provider == subject.provider
    }
    offers = {name: prices.get((part.instance_type or "").lower()) for name, part in subject.parts.items()}
    hours = sum(part.asked_hours for part in subject.parts.values())
    if not hours or None in offers.values():
        return ""
    known = {name: offer for name, offer in offers.items() if offer is not None}
    rate = subject.per_dollar or Decimal(0)
    spent = sum(
        (offer.hourly_price * rate * subject.parts[name].asked_hours for name, offer in known.items()), Decimal(0)
    )
    even = _even(looked, spent / hours)
    names = sorted({offer.name for offer in known.values()})
    figures = (
        f"tokens of its own are recorded in {hours:,} machine-hours, which cost {spent:,.2f} {subject.currency} as "
        f"{' and '.join(names)} by your price; both cost the same at {even:,.0f} instance-hours a month"
    )
    if spent >= looked.whole:
        return f" Paid for by the hour it works: {figures}."
    return _advice(
        subject,
        looked,
        proposed=f"serve it as {' and '.join(names)}, paid for while it works",
        target=f"serverless:{'+'.join(names)}",
        other=spent,
        reason=f"Its machines cost {looked.whole:,.2f} {subject.currency}, idle hours included; {figures}.",
        evidence={
            "asked_machine_hours": hours,
            "serverless_monthly_cost": f"{per_month(spent, looked.told):.2f}",
            "own_monthly_cost": f"{per_month(looked.whole, looked.told):.2f}",
            "break_even_hours": f"{even:.0f}",
            "price_source": _SETTING,
            "price_date_none_because": "a price of your settings has no day",
        },
    )


def _always_on(subject: ServedTokens, options: SelfHost, looked: Looked) -> Advice | str:
    offer = next((one for one in options.serverless if _is_all_of(subject, one)), None)
    if offer is None:
        return ""
    region, on = subject.region or "", subject.as_of.date()
    price = subject.prices.price_at(subject.provider, region, offer.instance_type, "on_demand", on)
    if price is None:
        return ""
    rate = subject.per_dollar or Decimal(0)
    instance = offer.hourly_price * rate
    days = [one.effective_cost or Decimal(0) for one in recent(subject, looked.days) if one.day in subject.recorded]
    machines = max(options.least_replicas, math.ceil(max(days) / instance / _DAY_HOURS))
    own = machines * price.hourly_price * rate * _DAY_HOURS * looked.told
    even = per_month(own, looked.told) / instance
    name = f"{machines} × {offer.instance_type}"
    figures = (
        f"{name}, always on at {price.hourly_price:f} USD an hour, would cost {own:,.2f} {subject.currency} for what "
        f"{looked.whole:,.2f} were paid; both cost the same at {even:,.0f} instance-hours a month"
    )
    if own >= looked.whole:
        return f" {figures}."
    found = _advice(
        subject,
        looked,
        proposed=f"serve it on {name}, always on",
        target=f"always_on:{offer.instance_type}",
        other=own,
        reason=f"{figures}. The mean of its busiest day needs {machines} at least; size it by its busiest hour.",
        evidence={
            "machine": offer.instance_type,
            "replicas": machines,
            "hourly_price": f"{price.hourly_price:f}",
            "price_currency": price.currency,
            "serverless_monthly_cost": f"{per_month(looked.whole, looked.told):.2f}",
            "own_monthly_cost": f"{per_month(own, looked.told):.2f}",
            "break_even_hours": f"{even:.0f}",
            "price_source": price.source,
            "price_date": price.valid_from.isoformat(),
        },
    )
    none = replace(found.saving, p10=None, p50=None, p90=None, range_from=_ESTIMATED)
    return replace(found, saving=none, estimate_only=True, confidence="low")


def _is_all_of(subject: ServedTokens, offer: Serverless) -> bool:
    """Whether all of it is bought as this already, by the ids that the settings name."""
    glob = offer.bought.lower()
    return offer.provider == subject.provider and all(fnmatchcase(name.lower(), glob) for name in subject.parts)


def _even(looked: Looked, instance: Decimal) -> Decimal:
    """Instance-hours a month that cost what is paid now."""
    return per_month(looked.whole, looked.told) / instance


def _advice(
    subject: ServedTokens,
    looked: Looked,
    *,
    proposed: str,
    target: str,
    other: Decimal,
    reason: str,
    evidence: Mapping[str, Any],
) -> Advice:
    saved: Saving = saving(subject, looked.days, 1 - other / looked.whole, Spread(beside=_BESIDE), still_committed)
    paid = ""
    if saved.net < saved.effective:
        paid = f" Commitments pay for what is left: {saved.net:,.2f} a month is saved net of them."
    return Advice(
        kind=looked.kind,
        subject=subject,
        current=f"{subject.model} on {machines_in_words(subject)} ({', '.join(subject.instance_types) or PLATFORM})",
        proposed=proposed,
        monthly_cost=looked.cost,
        saving=saved,
        risk=3,
        confidence="medium",
        effort="high",
        reason=f"{reason}{paid}{looked.beside}{cost_remark(subject, looked.days)}",
        undo="serve it as before; scarce types may not come back at once",
        command="\n".join(
            (
                comment(
                    f"{subject.provider}, account {subject.account or 'several'}, region {subject.region or 'several'}"
                ),
                "# put it up beside what serves now, send a part of the requests there, compare answers, starts and",
                "# cost, then end what served before",
            )
        ),
        target=target,
        gate=GATE,
        hard_to_regain=True,
        acts_on=shares_of(subject, looked.cost),
        evidence_until=datetime.combine(max(subject.recorded) + timedelta(days=1), time(), UTC),
        evidence={
            "window_days": looked.days,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(looked.told / looked.days, 4),
            "machines": len(subject.machines),
            **evidence,
            **not_replayed("no history has this served in the other way"),
            "cost_basis": cost_basis(subject, looked.days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )
