"""What the replay of spot prices says: in a sentence, and as evidence."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aispend.moving import Spot
from aispend.percents import percent
from recommender.evidence import not_replayed
from recommender.kinds.replayed import replay_evidence
from recommender.kinds.spot_quote import Quote
from recommender.methods.spot_replay import SpotReplay, SpotTerms, replay_deadline, replay_prices
from recommender.savings import CENT
from recommender.subjects.machines import Machine


@dataclass(frozen=True)
class OnSpot:
    """What spot takes of the work, as ``SpotTerms`` has it: repeated hours and spare replicas, hours on demand all the
    same, and hours between two interruptions of anything it runs on.
    """

    per_price: float
    fixed: float
    lost_every: float


def replayed(machine: Machine, quote: Quote, on_spot: OnSpot, options: Spot) -> SpotReplay | None:
    """Spot on the prices that were collected of its market; None where none, or too few, were."""
    if machine.market is None or machine.market.series is None:
        return None
    terms = SpotTerms(
        bid=float(quote.on_demand.hourly_price),
        paid_now=quote.paid_now,
        per_price=on_spot.per_price,
        fixed=on_spot.fixed,
        lost_every=on_spot.lost_every,
        min_saving=options.min_saving,
    )
    return replay_prices(machine.market.series, terms)


def replay_remark(tried: SpotReplay | None) -> str:
    """A sentence: how it went on the prices there were, or that there are none."""
    if tried is None:
        return " No series of its spot prices was collected, so it was not replayed (aispend collect)."
    outcome = tried.played.outcome
    above = "never above the on-demand price"
    if tried.outbid:
        times = "once" if tried.outbid == 1 else f"{tried.outbid} times"
        above = f"{times} above the on-demand price, {outcome.violation_minutes / 60:,.0f} h in all"
    return (
        f" On {outcome.hours:,.0f} held-out hours of its prices it would have saved "
        f"{percent(tried.played.saved_share)}: {above}, and about {tried.lost:,.1f} interruptions at the rate above."
    )


def bound_of(tried: SpotReplay | None, shortfall: Decimal | None) -> Decimal | None:
    """Upper 95 % bound of the share of hours without spot: of the prices, or of what is expected where that is more."""
    if tried is None:
        return shortfall
    bound = Decimal(repr(round(tried.played.outcome.bound, 6)))
    return bound if shortfall is None else max(bound, shortfall)


def replay_evidence_of(tried: SpotReplay | None, monthly_cost: Decimal) -> dict[str, Any]:
    """As other kinds give it, with how often spot would have been lost: to a higher price, and by the risk band."""
    if tried is None:
        why = "the market's prices were not collected as they changed"
        return {"spot_prices_replayed": False, **not_replayed(why)}
    share = Decimal(repr(round(tried.played.saved_share, 4)))
    said = replay_evidence(tried.played, (monthly_cost * share).quantize(CENT))
    said["replay"] |= {"outbid": tried.outbid, "interruptions_expected": round(tried.lost, 2)}
    return said | {"spot_prices_replayed": True, "spot_prices_known_hours": tried.hours_known}


def deadline_evidence(machine: Machine, quote: Quote, work: float, options: Spot) -> dict[str, Any]:
    """What each policy would have saved on the series, at the mean and at worst of its starts; ``work`` in hours."""
    series = machine.market.series if machine.market is not None else None
    if series is None:
        return {}
    runs = replay_deadline(
        series,
        bid=float(quote.on_demand.hourly_price),
        work=work,
        deadline=options.deadline * work,
        changeover=options.restart_minutes / 60,
        ratio=quote.ratio,
    )
    if runs is None:
        return {"deadline_replay": None}
    return {
        "deadline_replay": {
            found.policy: {
                "starts": found.runs,
                "mean_saving_share": round(found.mean_saving, 4),
                "worst_saving_share": round(found.worst_saving, 4),
                "deadlines_met": found.met_deadlines,
                "spot_there_share": round(found.availability, 4),
            }
            for found in runs
        }
    }
