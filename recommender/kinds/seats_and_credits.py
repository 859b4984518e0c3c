"""Seats nobody sits on, and money that will be lost because it must be used by a day.

Assumes
    Whoever imports the seats says how many are in use; the pace of late goes on.
Method
    Seats: bought − ⌈in use × (1 + spare)⌉, at what a seat costs. Credits and agreements: what is left on the last day
    at the present pace (``methods/drawdown.py``), as so much a month until then.
Cases
    Seats in use, or what is drawn, are not known: no advice, with what to add. None bought, or for nothing: no advice.
    A renewal that is on the books with another number of seats is decided: it is looked at once it has begun.
    Several lines that end on different days: the saving begins where as many seats as are unused have ended.
    What ends later than ``warn_days`` from now is left alone, as is what will be used up.
    Money that will be lost is a projection: it never counts as a saving, as only work that would be paid for elsewhere
    can use it.
Sources
    Own costs and agreements as the company gives them (docs/company-data.md).
Known drawbacks
    Whether a contract lets seats be given back before its end is not known: the saving begins with the next renewal.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

from aispend.advising import Recommend
from aispend.percents import percent
from recommender.comments import comment
from recommender.contract import COST_UNKNOWN, HOURS_PER_MONTH, Advice, Kind, Saving, Step, WhyNot
from recommender.evidence import as_billed, not_replayed, unmeasured
from recommender.methods.drawdown import Drawdown, drawdown
from recommender.savings import cost_basis, monthly_cost, saving
from recommender.subjects.contracts import Contract

NAME = "seats_and_credits"
_CENT = Decimal("0.01")
_NOTHING = Decimal(0)
_DAYS_PER_MONTH = HOURS_PER_MONTH / 24


def applies(subject: Contract) -> bool:
    """Every contract in force."""
    return subject.first <= subject.as_of.date() < subject.end


def evaluate(subject: Contract, settings: Recommend) -> Advice | WhyNot:
    """What is paid for and not used, or why nothing is said."""
    return _seats(subject, settings) if subject.what == "seats" else _money(subject, settings)


def _seats(subject: Contract, settings: Recommend) -> Advice | WhyNot:
    options = settings.contracts
    # a contract younger than the window did not cost nothing before it began
    days = max(min(options.window_days, (subject.as_of.date() - subject.first).days), 1)
    cost = monthly_cost(subject, days)

    def why_not(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if subject.seats == 0:
        return why_not("no_seats", "Its line says that no seats are bought.")
    if subject.seats is None or subject.seats_used is None:
        return why_not(
            "seats_unknown",
            "How many seats were bought and how many are in use is not known. Add the columns seats and seats_used to "
            "each of its lines and import it again (aispend import-costs).",
        )
    if cost is None:
        return why_not("cost_unknown", COST_UNKNOWN)
    if cost <= 0:
        return why_not("costs_nothing", "It costs nothing: fewer seats would save nothing.")
    needed = (subject.seats_used * (1 + options.spare_seats)).to_integral_value(ROUND_CEILING)
    unused = subject.seats - needed
    if unused <= 0:
        return why_not("in_use", f"{subject.seats_used:f} of {subject.seats:f} seats are in use.")
    if subject.renewed_from is not None:
        return why_not("renewed", _renewed(subject.renewed_from, subject.renewed_seats, needed))
    end = _given_back(subject, unused)
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{subject.seats:f} seats of {subject.name}, {subject.seats_used:f} in use",
        proposed=f"renew with {needed:f} seats",
        monthly_cost=cost,
        saving=saving(subject, days, unused / subject.seats),
        risk=1,
        confidence="high",
        effort="low",
        reason=(
            f"{subject.seats_used:f} of {subject.seats:f} seats are in use; with {percent(options.spare_seats)} to "
            f"spare {needed:f} are enough. What is paid for runs to {end}: the saving begins there, or sooner where "
            "the contract lets seats go."
        ),
        undo="buy seats again; most vendors add them at once",
        command=comment(f"{subject.name}: tell the vendor before {end} to renew with {needed:f} seats"),
        target="seats",
        evidence_until=subject.as_of,
        evidence={
            **_evidence(subject, days),
            "end": end.isoformat(),
            "seats": f"{subject.seats:f}",
            "seats_used": f"{subject.seats_used:f}",
            "seats_needed": f"{needed:f}",
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
    )


def _renewed(on: date, seats: Decimal | None, needed: Decimal) -> str:
    """Why a contract is left whose next term is on the books already."""
    if seats is None:
        return f"From {on} on it is on the books without its seats: add the columns seats and seats_used."
    told = f"From {on} on {seats:f} seats are on the books"
    if seats > needed:
        return f"{told}: how many of them are needed is looked at then."
    return f"{told}, and {needed:f} are enough."


def _given_back(subject: Contract, unused: Decimal) -> date:
    """The first day on which as many seats as are unused have ended: a line that goes on is paid for."""
    ended = _NOTHING
    for day, seats in subject.endings:
        ended += seats
        if ended >= unused:
            return day
    return subject.end


def _money(subject: Contract, settings: Recommend) -> Advice | WhyNot:
    options = settings.contracts
    days_left = (subject.end - (subject.drawn_until or subject.as_of.date())).days
    a_month = _DAYS_PER_MONTH / days_left if days_left > 0 else _NOTHING
    left = None if subject.drawn is None else max(subject.total - subject.drawn, _NOTHING)
    cost = None if left is None else _cents(left * a_month)

    def why_not(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if cost is None or subject.drawn is None or subject.per_day is None or days_left <= 0:
        how = (
            "Set drawn_before of its [[agreement]], or the cost its bills give."
            if subject.what == "agreement"
            else "Add the columns drawn and drawn_on to its line and import it again (aispend import-costs)."
        )
        return why_not("drawn_unknown", f"How much of it has been drawn is not known. {how}")
    if (subject.end - subject.as_of.date()).days > options.warn_days:
        return why_not(
            "ends_later",
            f"It ends on {subject.end}, more than {options.warn_days} days from now (recommend.contracts.warn_days).",
        )
    found = drawdown(subject.total, subject.drawn, subject.per_day, days_left, subject.expected)
    if found.lost <= 0:
        return why_not(
            "on_course",
            f"At {_cents(subject.per_day):,f} {subject.currency} a day it is used up by {subject.end}.",
        )
    return _lost(subject, found, days_left=days_left, cost=cost, a_month=a_month)


def _lost(subject: Contract, found: Drawdown, *, days_left: int, cost: Decimal, a_month: Decimal) -> Advice:
    worth = min(_cents(found.lost * a_month), cost)
    more = _cents((found.needed_per_day or _NOTHING) - (subject.per_day or _NOTHING))
    what = "the floor of the agreement" if subject.what == "agreement" else "the prepaid credit"
    currency, drawn = subject.currency, _cents(subject.drawn or _NOTHING)
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{subject.name}: {drawn:,f} of {_cents(subject.total):,f} {currency} drawn",
        proposed=f"use {more:,f} {currency} a day more by {subject.end}, or renegotiate it",
        monthly_cost=cost,
        saving=Saving(None, worth, worth, None, None, None, "none: a projection that never counts"),
        risk=1,
        confidence="medium",
        effort="medium",
        reason=(
            f"At {_cents(subject.per_day or _NOTHING):,f} {currency} a day, {found.lost:,f} of {what} will be unused "
            f"on {subject.end}, in {days_left} days, and lost. {found.needed_per_day or 0:,f} a day would use it up: "
            "move work there that is paid for elsewhere, or talk to the vendor before then."
        ),
        undo="move the work back",
        command=comment(f"{subject.name}: aispend agreements shows how far it is drawn down"),
        target=f"use_up:{subject.end}",
        estimate_only=True,
        evidence_until=subject.as_of,
        evidence={
            **_evidence(subject, max((subject.as_of.date() - subject.first).days, 1)),
            "total": f"{subject.total:f}",
            "drawn": f"{subject.drawn or _NOTHING:f}",
            "drawn_until": None if subject.drawn_until is None else subject.drawn_until.isoformat(),
            "per_day": f"{_cents(subject.per_day or _NOTHING):f}",
            "needed_per_day": f"{found.needed_per_day or _NOTHING:f}",
            "lost": f"{found.lost:f}",
            "days_left": days_left,
        },
    )


def _evidence(subject: Contract, days: int) -> dict[str, Any]:
    return {
        "window_days": days,
        "window_end": subject.as_of.isoformat(),
        **as_billed(subject),
        **unmeasured("how much of it is in use is what the company's own books and its bills say"),
        **not_replayed("a contract has no earlier term to try it on"),
        "contract": subject.what,
        "first": subject.first.isoformat(),
        "end": subject.end.isoformat(),
    }


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)


KIND = Kind(
    name=NAME,
    subject=Contract,
    step=Step.REMOVE,
    title="Unused seats, and credits that will be lost",
    needs="own costs with seats in use or credits drawn; spend agreements in the settings",
    applies=applies,
    evaluate=evaluate,
)
