"""Commit to the usage that is always there.

Assumes
    The hours to come are like the window's, after what was accepted or done is taken out of them; a family has one
    discount, the mean of its types weighted by their usage.
Method
    The exact optimum on hourly usage in on-demand money: the (1 − rate)-quantile, and no more than an hour of the term
    will use on average by the P10 of its forecast. It is then made smaller until a fall of usage by 30 % still loses
    nothing, and bought in stages. A term of three years gives up what the price of
    its generation falls meanwhile: its rate is divided by the mean of the prices to come.
    Usage under a commitment that ends soon counts as free to be committed again, and what ends is said.
    Replay: sized on the earlier half of the window, held against the later.
Cases
    An hour of unknown cost, less than two weeks of usage, no price of a committed hour: no advice, with the reason. So
    where a commitment that may cover it began less than a week before the bill ends, or is to begin: it is bought once.
    Less than four weeks: the term is not forecast, and the text says so. What ended, or fell, in the last week counts
    for no more than still runs (``methods/lasting.py``).
    Open advice on the same machines is settled first: the portfolio counts only what is left after it.
Sources
    docs/advice.md; newsvendor problem (methods, T5.5).
Known drawbacks
    One family and region at a time, though the plan may cover more. The larger discount of what binds to a family (an
    EC2 Instance plan, a reservation) is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal
from operator import attrgetter
from typing import Any

import numpy as np

from aispend.advising import Commit, Recommend
from aispend.money import in_words, rate
from aispend.percents import percent, percent_apart
from recommender.contract import HOURS_PER_MONTH, Advice, Confidence, Kind, Saving, Step, WhyNot
from recommender.evidence import priced
from recommender.kinds.commit_size import careful, first_accelerators, first_stage, lowest_hour
from recommender.kinds.commit_words import Purchase, sized_on
from recommender.methods.commitment import LEAST_WEEKS, CommitmentFit, best_commitment, fit
from recommender.methods.drawn_weeks import mean_days, weeks_differ
from recommender.methods.lasting import most_that_lasts
from recommender.methods.offered import Offered
from recommender.methods.risk import effective_sample, risk_level, violation_bound
from recommender.subjects.committed_rates import CommittedRate
from recommender.subjects.usage_pools import UsagePool

NAME = "commit"
CENT = Decimal("0.01")
_DAY = 24
_WEEK = 7 * _DAY
_MIN_WEEKS = 2


def applies(subject: UsagePool) -> bool:
    """Whatever costs anything on demand, or will when a commitment ends."""
    return any(hour is None or hour > 0 for hour in subject.usage)


def evaluate(subject: UsagePool, settings: Recommend) -> Advice | WhyNot:
    """How much to commit to, or why nothing."""
    options = settings.commit
    known = [hour for hour in subject.usage if hour is not None]
    hours = len(subject.usage)
    cost = _monthly(sum(known, Decimal(0)), len(known)) if known else None

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if len(known) < hours:
        return no(
            "cost_unknown",
            f"{hours - len(known)} of {hours} hours have no known cost on demand. Load the export that has it.",
        )
    seen = (subject.as_of.date() - subject.first_seen).days
    if seen < _MIN_WEEKS * 7:
        return no("too_new", f"It was first billed {seen} days ago; a commitment needs {_MIN_WEEKS * 7} days of usage.")
    if subject.begun:
        told = "; ".join(f"{one.description}, from {one.starts_at:%Y-%m-%d} on" for one in subject.begun)
        return no(
            "bought_lately",
            f"What may cover it has been bought, and the bill has less than a week of that: {told}. What is left to "
            "commit to shows then.",
        )
    rates = [one for one in subject.rates if one.term == options.term]
    if not rates:
        return no(
            "unpriced",
            f"No price of an hour committed for {options.term} is known for {subject.family} in "
            f"{subject.place}. "
            f"Collect its price list (aispend collect {subject.provider}/prices).",
        )
    sold = _mean(rates, subject, attrgetter("rate"))
    committed_rate = _with_obsolescence(sold, options)
    if committed_rate >= 1:
        paid = _mean(rates, subject, attrgetter("paid"))
        because = f", for which you pay {percent(paid)} of the list price" if paid < 1 else ""
        said = f"A committed hour costs {percent(committed_rate, 1)} of one on demand over its term{because}."
        return no("no_discount", said)
    if best_commitment(known, committed_rate).covers > 0 >= most_that_lasts(known, committed_rate):
        return no(
            "ended",
            f"Something ran in {percent_apart(sum(hour > 0 for hour in known) / hours, 0, 1)} of hours, but too little "
            "in the last week or, other than a week before, nothing in its last two days: what has ended is not "
            "committed to.",
        )
    best = careful(known, committed_rate, options, subject.one_accelerator)
    if best.covers <= 0 < careful(known, committed_rate, options).covers:
        return no(
            "part_of_one",
            "Google sells commitments to whole accelerators, and it is too little use, or too uncertain to survive a "
            f"fall of {percent(options.stress_fall)}, for one of them.",
        )
    if best.covers <= 0:
        least = "" if subject.by_hour else "at least "
        return no(
            "varying",
            f"Something ran in {least}{percent_apart(sum(hour > 0 for hour in known) / hours, 0, 1)} of hours: too few "
            f"for a committed hour at {percent(committed_rate)} of the on-demand price, or too uncertain to survive a "
            f"fall of {percent(options.stress_fall)}.",
        )
    return _advice(subject, best, rates, (sold, committed_rate), options)


def _mean(rates: Sequence[CommittedRate], subject: UsagePool, of: Callable[[CommittedRate], Decimal]) -> Decimal:
    """By usage of each type; types without a committed price are left out of the mean."""
    weights = [subject.by_type.get(one.instance_type, Decimal(0)) for one in rates]
    whole = sum(weights, Decimal(0))
    if not whole:
        return max(of(one) for one in rates)
    return rate(sum((of(one) * weight for one, weight in zip(rates, weights, strict=True)), Decimal(0)), whole)


def _with_obsolescence(committed: Decimal, options: Commit) -> Decimal:
    """The rate against what on-demand hours will cost on average over a three-year term."""
    if options.term != "3y":
        return committed
    kept = 1 - options.obsolescence
    return committed / ((1 + kept + kept * kept) / 3)


def _advice(
    subject: UsagePool,
    best: CommitmentFit,
    rates: Sequence[CommittedRate],
    sold_and_worth: tuple[Decimal, Decimal],
    options: Commit,
) -> Advice:
    sold, committed_rate = sold_and_worth
    usage = [hour or Decimal(0) for hour in subject.usage]
    hours = len(usage)
    hourly = (best.covers * sold).quantize(CENT, rounding=ROUND_DOWN)
    on_demand = sum(usage, Decimal(0))
    monthly_cost = _monthly(on_demand, hours)
    saved = min(_monthly(on_demand - best.cost, hours), monthly_cost)
    ending_soon = min(sum((one.hourly for one in subject.expiring), Decimal(0)) * hours, on_demand)
    today = 1 - rate(ending_soon, on_demand)
    listed = [cost.list_cost for cost in subject.costs]
    # what was decided, and what that sets free, is in the costs, and not in the usage
    whole = on_demand + (subject.decided + subject.freed) * hours / HOURS_PER_MONTH
    committed = best.hourly_commitment * hours
    paid = _mean(rates, subject, attrgetter("paid"))
    net = (saved * today).quantize(CENT, rounding=ROUND_DOWN)
    p10, p50, p90 = _range(usage, best, committed_rate, today, net)
    earlier, later = usage[: hours // 2], usage[hours // 2 :]
    tried = fit(later, careful(earlier, committed_rate, options, subject.one_accelerator).covers, committed_rate)
    unused = np.array([float(hour < best.covers) for hour in later])
    bound = violation_bound(int(unused.sum()), effective_sample(unused))
    confidence: Confidence = "medium" if hours >= 8 * _WEEK else "low"
    coverage = best.coverage or Decimal(0)
    first = first_stage(best.covers, sold, options, subject.one_accelerator)
    stage = fit(usage, min(best.covers, rate(first, sold)), committed_rate)
    promised = _promised(usage, stage, committed_rate, today)
    purchase = Purchase(
        subject=subject,
        hourly=hourly,
        first=first,
        first_saves=Decimal(promised["net"] or 0),
        term=options.term,
        days=options.window_days,
        accelerators=first_accelerators(best.covers, options, subject.one_accelerator),
    )
    meanwhile = f", and {percent(committed_rate)} of what it will cost on average over the term"
    meanwhile = meanwhile if committed_rate != sold else ""
    lowest, optimum = lowest_hour(usage, options), best_commitment(usage, committed_rate)
    ahead = ""
    if lowest is None:
        ahead = f" Less than {LEAST_WEEKS} weeks of use are known: too few to forecast the term."
    elif lowest < optimum.covers:
        ahead = (
            f" Its weeks differ so much that over the term an hour may use {in_words(lowest, subject.currency)} "
            "on average (P10 of its forecast): no more than that is committed to."
        )
    if not subject.by_hour:
        ahead += (
            " Which hours ran its bill does not say: the same ones of all machines are taken, as many as it counts."
        )
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{subject.family} on demand in {subject.region or 'all regions'}",
        proposed=purchase.proposed,
        target=f"commit {options.term}",
        monthly_cost=monthly_cost,
        saving=Saving(
            list_cost=_at_list(on_demand - best.cost + committed, committed, listed, whole, hours),
            effective=saved,
            net=net,
            p10=p10,
            p50=p50,
            p90=p90,
            range_from="none: its weeks do not differ" if p10 is None else "the weeks of its use",
        ),
        risk=risk_level(bound),
        confidence=confidence,
        effort="low",
        reason=(
            f"In {percent_apart(_above(usage, best.covers), 0, 1)} of {hours:,} hours at least "
            f"{in_words(best.covers, subject.currency)} an hour ran on demand; committed, an hour costs "
            f"{percent(sold)} of that{meanwhile}. It would cover {percent_apart(coverage, 0, 1)} of the usage and be "
            f"used {percent_apart(best.utilisation or 0, 0, 1)}.{ahead}"
            f"{sized_on(subject, paid, options.expiring_days)}{purchase.sentences}"
        ),
        undo="none: a commitment is paid to its end; some can be exchanged or sold, see your provider's terms",
        command=purchase.command,
        violation_bound=Decimal(repr(round(bound, 6))),
        acts_on=_parts(subject, monthly_cost),
        pays_for=min(_monthly(best.covers, 1), monthly_cost),
        commits=Offered(
            provider=subject.provider,
            family=subject.family,
            covers=best.covers,
            rate=committed_rate,
            sold=sold,
            first=subject.start.date(),
            usage=tuple(usage),
            parts=subject.parts,
        ),
        evidence={
            "window_days": hours // 24,
            "window_end": subject.as_of.isoformat(),
            "coverage": round(sum(hour is not None for hour in subject.usage) / hours, 4),
            **priced(
                "; ".join(sorted({one.committed.source for one in rates})),
                min(one.committed.valid_from for one in rates),
            ),
            "price_currency": ", ".join(sorted({one.committed.currency for one in rates})),
            "usage_p10": _text(np.percentile([float(hour) for hour in usage], 10)),
            "usage_p50": _text(np.percentile([float(hour) for hour in usage], 50)),
            "usage_max": str(max(usage).quantize(CENT)),
            "covers_hourly": str(best.covers.quantize(CENT)),
            "commitment_hourly": str(hourly),
            "stages": [str(first), *([str(purchase.rest)] if purchase.rest else [])],
            "first_stage_saves": promised,
            "commitment_coverage": float(round(coverage, 4)),
            "utilisation": float(round(best.utilisation or Decimal(0), 4)),
            "effective_savings_rate": float(round(best.effective_savings_rate or Decimal(0), 4)),
            "optimum_hourly": str((optimum.covers * sold).quantize(CENT)),
            "usage_of_term_p10": None if lowest is None else str(lowest.quantize(CENT)),
            "committed_rate": float(round(committed_rate, 6)),
            "paid_of_list": float(round(paid, 4)),
            "prices": [
                {
                    "instance_type": one.instance_type,
                    "on_demand": str(one.on_demand.hourly_price),
                    "committed": str(one.committed.hourly_price),
                    "currency": one.committed.currency,
                    "source": one.committed.source,
                    "date": one.committed.valid_from.isoformat(),
                }
                for one in rates
            ],
            "expiring": [
                {"commitment_id": one.commitment_id, "ends": one.ends_at.isoformat(), "hourly": str(one.hourly)}
                for one in subject.expiring
            ],
            "decided_monthly": str(subject.decided),
            "freed_monthly": str(subject.freed),
            "replay": {
                "hours": len(later),
                "effective_savings_rate": float(round(tried.effective_savings_rate or Decimal(0), 4)),
                "utilisation": float(round(tried.utilisation or Decimal(0), 4)),
                "hours_not_fully_used": int(unused.sum()),
            },
        },
    )


def _promised(
    usage: Sequence[Decimal], stage: CommitmentFit, committed_rate: Decimal, today: Decimal
) -> dict[str, str | None]:
    """What the part that is bought first saves a month net, with its range: what is promised when it is done."""
    net = (_monthly(sum(usage, Decimal(0)) - stage.cost, len(usage)) * today).quantize(CENT, rounding=ROUND_DOWN)
    ranged = zip(("p10", "p50", "p90"), _range(usage, stage, committed_rate, today, net), strict=True)
    return {"net": str(net), **{name: None if amount is None else str(amount) for name, amount in ranged}}


def _parts(subject: UsagePool, monthly_cost: Decimal) -> dict[str, Decimal]:
    """The monthly cost, by resource, to the cent; the largest has what rounding leaves."""
    whole = sum(subject.by_resource.values(), Decimal(0))
    parts = {
        name: (monthly_cost * amount / whole).quantize(CENT, rounding=ROUND_DOWN)
        for name, amount in sorted(subject.by_resource.items())
        if amount > 0
    }
    largest = max(parts, key=lambda name: parts[name])
    parts[largest] += monthly_cost - sum(parts.values(), Decimal(0))
    return parts


def _range(
    usage: Sequence[Decimal], best: CommitmentFit, committed_rate: Decimal, today: Decimal, point: Decimal
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """P10, P50 and P90 of the monthly saving around ``point``: weeks drawn anew; none where they do not differ."""
    if len(usage) // _WEEK < _MIN_WEEKS:
        return (None, None, None)
    used = np.array([float(hour) for hour in usage])
    covered = np.minimum(used, float(best.covers)) - float(best.covers * committed_rate)
    daily = covered.reshape(-1, _DAY).sum(axis=1)
    if not weeks_differ(daily):
        return (None, None, None)
    p10, p50, p90 = (
        (Decimal(repr(float(value / _DAY))) * HOURS_PER_MONTH * today).quantize(CENT)
        for value in np.percentile(mean_days(daily), (10, 50, 90))
    )
    return (None, None, None) if p10 == p90 else (min(p10, point), p50, max(p90, point))


def _above(usage: Sequence[Decimal], covers: Decimal) -> float:
    return sum(hour >= covers for hour in usage) / len(usage)


def _monthly(amount: Decimal, hours: int) -> Decimal:
    return (amount * HOURS_PER_MONTH / hours).quantize(CENT)


def _at_list(
    covered: Decimal, committed: Decimal, listed: Sequence[Decimal | None], on_demand: Decimal, hours: int
) -> Decimal | None:
    """What hours ``covered`` cost at list less what is paid for them; ``listed`` is of the days ``on_demand`` is for.

    None where a day has no list price.
    """
    known = [one for one in listed if one is not None]
    if len(known) < len(listed) or not known or not on_demand:
        return None
    return _monthly(covered * sum(known, Decimal(0)) / on_demand - committed, hours)


def _text(value: Any) -> str:
    return str(Decimal(repr(float(value))).quantize(CENT))


KIND = Kind(
    name=NAME,
    title="Commit to what always runs",
    needs="hourly usage on demand for two weeks; the price of a committed hour",
    subject=UsagePool,
    step=Step.COMMIT,
    applies=applies,
    evaluate=evaluate,
)
