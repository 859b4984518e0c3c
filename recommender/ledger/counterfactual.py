"""What one recommendation saved in a span of days: the bill of these days held against its baseline.

Method
    The quantity that would have been paid for, by the kind's counterfactual, is valued by ``methods/realised.py``. The
    old thing's list price today is what anybody was charged for its SKU in its region these days, or else the
    catalogue's dated price; where neither is known the price's part is unknown.
Cases
    A day of unknown cost makes the span's saving unknown; so does a baseline without any known cost, a charge in a
    currency it was not charged in before, and a machine held against the hours it runs of which none is on the bill.
    Machines that a group on a schedule starts anew count for those that are gone (``started_anew.py``).
    What was changed again since is held at its cost before that change, and hours that a later schedule takes away
    count at the price of those that run (``order.py``). What was changed just before acts on what that left
    (``left.py``). A commitment saves on the hours that it covers itself (``new_commitments.py``): none on the bill,
    nothing saved.
    Of several machines changed at once some may have been replaced by what no name, fleet or alias ties to them: where
    fewer are named than should be there, that is said.
    For a service the hours it was there count, or fewer where its requests grew less than these hours did; before the
    first day of requests and after the last, the hours alone.
    Tokens are in ``tokens_bought.py``, seats in ``seats.py``; what no bill can tell is unknown, with the reason
    (``untold.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from aispend.money import exact_sum, exactly, in_words, rate
from aispend.prices.prices import price_at
from recommender.ledger.baseline import served_in
from recommender.ledger.billed import Billed, Line, charged_in, in_other_currencies, lines, list_price_of, sum_up
from recommender.ledger.bought_again import NOT_BOUGHT
from recommender.ledger.kept_instead import NOT_KNOWN, keeps_something, kept_instead
from recommender.ledger.left import left_of
from recommender.ledger.made_for import MadeFor
from recommender.ledger.new_commitments import new_cover
from recommender.ledger.new_prices import at_prices_before
from recommender.ledger.order import Changes, Held, Off, days_counted
from recommender.ledger.seats import is_of_seats, value_seats
from recommender.ledger.started_anew import in_their_place
from recommender.ledger.tokens_bought import HeldPrice, value_tokens
from recommender.ledger.untold import why_unknown
from recommender.methods.realised import After, Before, Realised, price_ratio, realised

REGRET_DAYS = 7
_WHOLE, _NOTHING = Decimal(1), Decimal(0)
NOTHING_PAID = "Neither it nor anything known to have replaced it was paid for, so there is nothing to compare."
NOT_COMMITTED = "No commitment that began since is on the bill: none was made, or it covers nothing of this."


@dataclass(frozen=True)
class Valued:
    """The parts of the change in cost, None where it is unknown; ``actual`` what was paid where that is known."""

    quantity: Decimal | None = None
    found: Realised | None = None
    actual: Decimal | None = None
    remarks: list[str] = field(default_factory=list)


def value(
    connection: Connection,
    item: Any,
    keys: Collection[int],
    first: date,
    end: date,
    *,
    changes: Changes,
    price: HeldPrice | None = None,
    is_rest_missing: bool = False,
    made: MadeFor,
    moved: date | None = None,
    discount: Decimal = Decimal(1),
) -> Valued:
    """What the item of ``saving_baseline`` saved from ``first`` to before ``end``, beside what other ``changes`` did.

    ``price`` is what bought tokens are held at. ``is_rest_missing``: a part of it goes on being paid for, and the bill
    does not say as what. ``made`` tells whose the commitments are that cover it. Another payer pays for it since it
    ``moved``, and ``discount`` times as much of a list price.
    """
    told = _without_hours(connection, item, first, end, price)
    if told is not None:
        return told
    held = changes.held
    every = {*keys, *(key for one in held if one.hourly is not None for key in one.keys)}
    found = _counted(lines(connection, every, None, first, end), keys, held)
    in_another = None
    if moved is not None:
        found, in_another = at_prices_before(connection, item, found, every, moved)
    others = _in_other_currencies(connection, item, found, every)
    if others:
        return Valued(remarks=[charged_in((line.currency for line in others), item.currency)])
    found = in_their_place(connection, item, [line for line in found if line.currency == item.currency])
    billed = sum_up(found)
    if billed.unknown_days:
        return Valued(remarks=[f"The bill gives no cost of it on {billed.unknown_days} days."])
    days = days_counted(held, first, end)
    missing = _missing(item, billed, found, days, is_rest_missing=is_rest_missing)
    if missing is not None:
        return Valued(actual=billed.effective, remarks=[missing])
    before = Before(
        item.quantity, item.effective_cost, item.uncovered_cost, item.covered_share, item.uncovered_list_cost
    )
    remarks = [*([in_another] if in_another else []), *_pauses(held, first, end)]
    for one in held:
        found, says = _held(connection, found, one, (first, end))
        remarks += says
    billed, says = _with_hours_off(sum_up(found), found, changes.off, (first, end))
    remarks += says
    known = _list_price_ratio(connection, item, first, end)
    if discount != _WHOLE:
        known = rate((known or _WHOLE) * discount, _WHOLE)
        remarks.append(
            f"Since {moved} another payer pays for it: that it pays another part of list prices is in these."
        )
    left = left_of(item, changes.after, found, known or _WHOLE)
    before = _at_what_was_left(before, left)
    after = After(billed.effective, billed.uncovered, billed.covered_share, billed.list_cost)
    if item.counterfactual == "commitment":
        cover = new_cover(connection, item, found, (first, end), made)
        before = replace(before, hourly=made.hourly(item.recommendation_id))
        remarks += cover.remarks
        after = replace(after, unused=cover.unused, newly_covered=cover.hours, newly_covered_cost=cover.cost)
        if not cover.is_there:
            remarks.append(NOT_COMMITTED)
    quantity, says = _quantity(connection, item, found, billed, keys=keys, span=(first, end), days=days)
    remarks += says
    parts = realised(before, after, quantity, known, is_commitment=item.counterfactual == "commitment")
    if keeps_something(item.kind):
        kept = kept_instead(connection, item, first, end)
        if kept is None:
            return Valued(quantity, actual=billed.effective, remarks=[NOT_KNOWN])
        parts = _less(parts, kept)
        if kept:
            remarks.append(f"What is kept instead is taken off at the {in_words(kept, item.currency)} the advice says.")
    paid_days = len({line.day for line in found if line.is_paid})
    remarks += [*_fewer_named(item, found), *_remarks(item, parts, is_paid=paid_days == days)]
    return Valued(quantity, parts, parts.actual, remarks)


def _without_hours(connection: Connection, item: Any, first: date, end: date, price: HeldPrice | None) -> Valued | None:
    """What is told of tokens and seats, and of what is not known; None of what is paid for by the hour."""
    if item.counterfactual == "unknown":
        return Valued(remarks=[why_unknown(item.kind, item.target)])
    if not item.quantity or item.effective_cost is None or item.uncovered_cost is None:
        return Valued(remarks=["What it cost before is not known."])
    if is_of_seats(item):
        quantity, parts, remarks = value_seats(connection, item, first, end)
    elif item.counterfactual == "same_tokens":
        quantity, parts, remarks = value_tokens(connection, item, first, end, price)
    else:
        return None
    return Valued(quantity, parts, parts.actual if parts else None, remarks)


def _in_other_currencies(connection: Connection, item: Any, found: Sequence[Line], keys: Collection[int]) -> list[Line]:
    """Lines in currencies other than its own in which their SKUs were not charged before, for any of the resources."""
    if all(line.currency == item.currency for line in found):
        return []
    before = lines(connection, keys, None, item.window_first, item.window_end)
    return in_other_currencies(found, item.currency, before)


def _missing(item: Any, billed: Billed, found: Sequence[Line], days: int, *, is_rest_missing: bool) -> str | None:
    """What is not on the bill that would have to be there to tell what was saved; None where nothing is missing."""
    if is_rest_missing and len({line.day for line in found if line.cost}) < days:
        return NOT_BOUGHT
    if item.counterfactual in ("same_hours", "same_service") and not billed.hours:
        return NOTHING_PAID
    return None


def _less(parts: Realised, kept: Decimal) -> Realised:
    """The parts where ``kept`` is paid on top of what the bill shows: so much less is realised."""
    with exactly():
        left = None if parts.realised is None else parts.realised - kept
        return replace(parts, actual=parts.actual + kept, realised=left)


def restarted_on(connection: Connection, item: Any, keys: Collection[int], end: date) -> date | None:
    """First day within a week of the stop on which it was paid for again, after a day it was not; None is never.

    Be it in another currency since. The day after it was done where it was paid for on every day until ``end``, a week
    or more: it was not stopped.
    """
    start: date = item.done_on + timedelta(days=1)
    week = start + timedelta(days=REGRET_DAYS)
    every = lines(connection, keys, None, start, max(end, week))
    found = [line for line in every if line.is_charged_after(item.done_on)]
    own = [line for line in found if line.is_paid and line.currency == item.currency]
    others = [line for line in _in_other_currencies(connection, item, found, keys) if line.is_paid]
    days = sorted({line.day for line in (*own, *others)})
    if end >= week and len(days) == (end - start).days:
        return start
    early = [day for day in days if day < week]
    return next((day for place, day in enumerate(early) if day != start + timedelta(days=place)), None)


def still_paid(done_on: date, restart: date | None) -> bool:
    """Whether what ``restarted_on`` found is that it was never stopped."""
    return restart == done_on + timedelta(days=1)


def _counted(found: Sequence[Line], keys: Collection[int], held: Sequence[Held]) -> list[Line]:
    """Lines of the resources, and after a change of what took their place; without what counts no longer."""
    return [
        line
        for line in found
        if (line.resource_key in keys or any(line.resource_key in one.keys and one.is_at(line.day) for one in held))
        and not any(
            one.hourly is None and (one.is_pause or line.resource_key in one.keys) and one.is_at(line.day)
            for one in held
        )
    ]


def _held(
    connection: Connection, found: Sequence[Line], held: Held, span: tuple[date, date]
) -> tuple[list[Line], list[str]]:
    """The lines with what was changed again at what an hour cost before that, and a sentence that says so."""
    ours = [line for line in found if line.resource_key in held.keys and held.is_at(line.day)]
    if held.hourly is None or not sum_up(ours).hours:
        return list(found), []
    ratio = _list_price_ratio(connection, held.change, *span) or _WHOLE
    hourly = rate(held.hourly * ratio * left_of(held.change, held.after, ours, ratio), _WHOLE)
    by_day: dict[tuple[int, date], list[Line]] = defaultdict(list)
    for line in ours:
        by_day[line.resource_key, line.day].append(line)
    others = [line for line in found if (line.resource_key, line.day) not in by_day]
    changed = [line for same in by_day.values() for line in _at_price(same, hourly)]
    says = f"What was paid is held at the price of an hour before the {held.kind} of {held.since}, which counts apart."
    return others + changed, [says]


def _at_price(same: Sequence[Line], hourly: Decimal) -> list[Line]:
    """The lines of one resource and day, with the hours no commitment covered at another price."""
    ran = sum_up(same)
    cost = rate(hourly * (ran.hours - ran.covered_hours), _WHOLE)
    changed = []
    for line in same:
        if line.covered:
            changed.append(line)
        else:
            changed.append(replace(line, cost=cost))
            cost = _NOTHING
    return changed


def _with_hours_off(
    billed: Billed, found: Sequence[Line], off: Sequence[Off], span: tuple[date, date]
) -> tuple[Billed, list[str]]:
    """The sums with the hours that later schedules took away, as those that ran, and a sentence that says so."""
    says = []
    for one in off:
        days = one.days(*span)
        ours = sum_up(line for line in found if line.resource_key in one.keys and one.is_at(line.day))
        hours = rate(one.hours * days, _WHOLE) - ours.hours
        if hours <= 0 or not ours.hours:
            continue
        part = rate(hours, ours.hours)
        every, covered = (billed.hours + hours, billed.covered_hours + rate(ours.covered_hours * part, _WHOLE))
        there = sum_up(line for line in found if one.is_at(line.day)).service_hours
        listed = None if ours.list_cost is None else rate(ours.list_cost * part, _WHOLE)
        billed = replace(
            billed,
            hours=every,
            service_hours=billed.service_hours + max(rate(one.longest * days, _WHOLE) - there, _NOTHING),
            covered_hours=covered,
            covered_share=rate(covered, every),
            effective=exact_sum((billed.effective, rate(ours.effective * part, _WHOLE))),
            uncovered=exact_sum((billed.uncovered, rate(ours.uncovered * part, _WHOLE))),
            list_cost=None if billed.list_cost is None or listed is None else exact_sum((billed.list_cost, listed)),
        )
        says.append(f"{hours:,.0f} hours that the {one.kind} since {one.first} leaves out count as those that ran.")
    return billed, says


def _at_what_was_left(before: Before, left: Decimal) -> Before:
    """The baseline at the part of its price that was left when it acted."""
    if left == _WHOLE:
        return before
    effective, uncovered = (rate(cost * left, _WHOLE) for cost in (before.effective, before.uncovered))
    listed = None if before.uncovered_list is None else rate(before.uncovered_list * left, _WHOLE)
    return replace(before, effective=effective, uncovered=uncovered, uncovered_list=listed)


def _pauses(held: Sequence[Held], first: date, end: date) -> list[str]:
    """A sentence on each later change that had some of the days for itself until it was taken back."""
    whole = (end - first).days
    paused = [(one, whole - days_counted([one], first, end)) for one in held if one.is_pause]
    return [
        f"{days} days of the {one.kind} of {one.since}, which was taken back on {one.until}, count there."
        for one, days in paused
        if days
    ]


def _quantity(
    connection: Connection,
    item: Any,
    found: Sequence[Line],
    billed: Billed,
    *,
    keys: Collection[int],
    span: tuple[date, date],
    days: int,
) -> tuple[Decimal, list[str]]:
    """Hours that would have been paid for on the ``days`` of the span that count, and what has to be said of them."""
    if item.counterfactual == "kept_running":
        return rate(item.quantity * days, Decimal(item.days)), []
    if item.counterfactual != "same_service":
        return billed.hours, []
    served = served_in(connection, keys, *span)
    if served is None or not item.requests:
        return billed.service_hours, []
    taken_away = billed.service_hours - sum_up(found).service_hours
    # a log that begins later or ends before says nothing of the days beyond it, and not that nobody asked
    on_record = sum_up(line for line in found if served.first <= line.day <= served.last).service_hours
    known = on_record + taken_away
    asked = min(known, rate(item.quantity * served.requests, item.requests))
    hours = exact_sum((billed.service_hours, -known, asked))
    if known == billed.service_hours:
        return hours, []
    return hours, [
        f"Requests are recorded from {served.first} to {served.last}: on other days the hours the service was there "
        "count."
    ]  # fmt: skip


def _list_price_ratio(connection: Connection, item: Any, first: date, end: date) -> Decimal | None:
    after = list_price_of(connection, item.sku_key, item.region, first, end, currency=item.currency)
    ratio = price_ratio(item.list_price, after)
    if ratio is not None or item.instance_type is None or item.region is None:
        return ratio
    then, now = (
        price_at(item.provider, item.region, item.instance_type, "on_demand", day - timedelta(days=1))
        for day in (item.window_end, end)
    )
    if then is None or now is None or then.currency != now.currency:
        return None
    return price_ratio(then.hourly_price, now.hourly_price)


def _fewer_named(item: Any, found: Sequence[Line]) -> list[str]:
    """A sentence where the bill names fewer machines than should be there, of several that were changed at once."""
    if item.counterfactual not in ("same_hours", "same_service"):
        return []
    evidence = item.evidence or {}
    planned = evidence.get("machines_needed", evidence.get("machines") if "machines_if_slow" in evidence else None)
    before = sum(Decimal(hours) > 0 for hours, _ in item.parts.values())
    if planned is None:
        planned = before if item.counterfactual == "same_hours" else 0
    there, named = min(before, planned), len({line.resource_key for line in found if line.cost})
    if named >= there:
        return []
    return [
        f"Of {there} machines there should be the bill names {named}: what others in their place cost or saved is not "
        "in this."
    ]


def _remarks(item: Any, found: Realised, *, is_paid: bool) -> list[str]:
    says = []
    if item.kind == "stop_idle" and item.counterfactual == "kept_running" and is_paid:
        says.append("Still paid for on every day: it was not stopped, or it was started again.")
    if found.price_effect is None:
        says.append("Today's list price of what it was is not known: a change of it is in what is realised.")
    if found.realised is None:
        says.append("Commitments cover all of it now and the bill gives no list cost to say what it would cost.")
    return says
