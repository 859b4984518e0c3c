"""The savings ledger: for what was done, month by month, what the bill shows came of it.

Assumes
    What recommendations promised and what was paid before is in ``saving_baseline`` (``baseline.py``).
Method
    From the day after it was done, for twelve months at most, each calendar month gets a line, the first and the last
    for their days: what would have been paid (by kind: as many hours as before; or the hours it ran at the cost before;
    or the tokens bought at the price before) less what was paid, and of that what list prices, commitments and the
    floors of spend agreements account for (``counterfactual.py``, ``floors.py``). What replaced a resource counts with
    it (``successors.py``, ``bought_again.py``).
    After the first whole month whose bills are final a recommendation is *verified*: as promised, above, or a miss.
Cases
    A month whose bills are not loaded has no line; one not final is provisional, and counts the days that the bills of
    all its payers (``payers.py``) are known to (``recommender/bill_days.py``). What verified a
    recommendation and is known no longer leaves it *done*.
    A later change of the same resource ends the line of the earlier one, or takes its part out of it, or the days on
    which it was in force (``order.py``). A
    stop whose resource is paid for again within seven days was regretted; one paid for on every day was none: a miss.
Sources
    docs/advice.md, verified savings; methods, combining savings, ranges, feedback.
Known drawbacks
    The newest days of a provisional month may still be incomplete in the bill, which flatters what was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, update

from aispend.clock import month_of, next_month
from aispend.money import in_words, rate
from aispend.schema import recommendation, recommendation_event, saving, saving_baseline
from recommender.contract import HOURS_PER_MONTH
from recommender.ledger.across import value_across
from recommender.ledger.baseline import measure_what_waits
from recommender.ledger.bought_again import is_missing
from recommender.ledger.counterfactual import Valued, restarted_on, still_paid
from recommender.ledger.floors import Floor, take_floors
from recommender.ledger.made_for import made_for
from recommender.ledger.order import changes_beside, days_counted, superseded_on
from recommender.ledger.owned import owned_by
from recommender.ledger.payers import Bill, load_payers
from recommender.ledger.promised import PREDICTIONS, take_what_was_left
from recommender.ledger.seats import counts_from
from recommender.ledger.successors import started_beside
from recommender.ledger.tokens_again import ends_on, held_price

MONTHS = 12
_MISSED, _AS_PROMISED = Decimal("0.5"), Decimal("0.1")
"""Where no range was promised: of the net saving, below which it is a miss, and how far off it is as promised."""
_IN_WORDS = {"within": "as promised", "above": "more than promised", "saved": "less than promised", "miss": "a miss"}


@dataclass(frozen=True)
class Span:
    """Days of a month that a line counts."""

    month: date
    first: date
    end: date
    is_final: bool

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole calendar month."""
        return self.first == self.month and self.end == next_month(self.month)


def update_ledger(connection: Connection, floors: Sequence[Floor], now: datetime) -> int:
    """Write the lines of all that was done, and verify what can be; how many were verified now."""
    measure_what_waits(connection, now.date())
    items = connection.execute(
        select(saving_baseline, recommendation.c.state, recommendation.c.account, recommendation.c.model)
        .add_columns(recommendation.c.team, recommendation.c.resource_id, recommendation.c.target)
        .add_columns(recommendation.c.evidence, recommendation.c.acts_on)
        .join(recommendation, recommendation.c.id == saving_baseline.c.recommendation_id)
        .where(saving_baseline.c.done_on.is_not(None))
        .order_by(saving_baseline.c.done_on, saving_baseline.c.recommendation_id)
    ).all()
    owned = owned_by(connection, items)
    every = {name: keys | owned.replaced[name] for name, keys in owned.own.items()}
    made = {provider: made_for(connection, provider, items, every) for provider in {item.provider for item in items}}
    ends = {
        item.recommendation_id: _first(
            superseded_on(item, owned),
            ends_on(item, items),
            made[item.provider].ends_on(item.recommendation_id),
        )
        for item in items
    }
    written: list[dict[str, Any]] = []
    restarts: dict[str, date | None] = {}
    payers = {
        one: load_payers(connection, one, items, owned.own, now.date()) for one in {item.provider for item in items}
    }
    paid_by: dict[tuple[str, date], set[str]] = {}
    for item in items:
        name, who = item.recommendation_id, payers[item.provider]
        keys, changes = owned.with_later(item), changes_beside(item, owned)
        price, missing = held_price(item, items), is_missing(item, owned.bought[name])
        spans = _spans(item, ends[name], who.bills_of(item), now.date())
        moved, beside = who.moved(item), started_beside(connection, item, owned.of(item))
        for span in spans:
            days = days_counted(changes.held, span.first, span.end)
            if not days:
                continue
            gone = who.gone(item, span.month)
            valued = Valued(remarks=[gone]) if gone else value_across(
                connection, item, keys, span.first, span.end, moved=moved, changes=changes, price=price,
                is_rest_missing=missing, made=made[item.provider],
            )  # fmt: skip
            paid_by[name, span.month] = who.scopes_in(item, span.month)
            if beside:
                valued.remarks.append(beside)
            written.append(_line(item, span, valued, days, now))
        if item.kind == "stop_idle":
            known_to = spans[-1].end if spans else item.done_on + timedelta(days=1)
            restarts[name] = restarted_on(connection, item, owned.of(item), known_to)
    take_what_was_left(items, written, owned)
    take_floors(items, written, floors, paid_by)
    done = [item.recommendation_id for item in items]
    connection.execute(delete(saving).where(saving.c.recommendation_id.in_(done)))
    if written:
        connection.execute(insert(saving), written)
    return sum(
        _verify(
            connection,
            item,
            [line for line in written if line["recommendation_id"] == item.recommendation_id],
            now,
            stop=_stop(item, ends[item.recommendation_id]),
            restart=restarts.get(item.recommendation_id),
        )
        for item in items
    )


def _first(*days: date | None) -> date | None:
    return min((day for day in days if day is not None), default=None)


def _stop(item: Any, superseded: date | None) -> date:
    start = _start(item)
    month = month_of(start)
    for _ in range(MONTHS):
        month = next_month(month)
    # a year later to the day, of 29 February to 1 March
    last = month + timedelta(days=start.day - 1)
    limits: list[date | None] = [last, item.planned_end, item.undone_on, superseded]
    return min(limit for limit in limits if limit is not None)


def _start(item: Any) -> date:
    """The first day that counts: the one after it was done, or where seats are paid for until then, their renewal."""
    after: date = item.done_on + timedelta(days=1)
    return max(after, counts_from(item) or after)


def _spans(item: Any, superseded: date | None, bills: Mapping[date, Bill], today: date) -> list[Span]:
    """The months to write a line for: loaded ones, with the days counted of each that are over.

    The company's own books may have days to come.
    """
    start, stop = _start(item), min(_stop(item, superseded), today)
    spans = []
    month = month_of(start)
    while month < stop:
        bill = bills.get(month)
        if bill is not None:
            first, end = max(start, month), min(stop, bill.end)
            if first < end:
                spans.append(Span(month, first, end, bill.is_final))
        month = next_month(month)
    return spans


def _line(item: Any, span: Span, valued: Valued, days: int, now: datetime) -> dict[str, Any]:
    hours = Decimal(24 * days)
    found = valued.found
    predicted = {
        name: None if getattr(item, name) is None else rate(getattr(item, name) * hours, HOURS_PER_MONTH)
        for name in PREDICTIONS
    }
    return predicted | {
        "recommendation_id": item.recommendation_id,
        "month": span.month,
        "first_day": span.first,
        "end_day": span.end,
        "is_final": span.is_final,
        "quantity": valued.quantity,
        "counterfactual_cost": found.counterfactual if found else None,
        "actual_cost": found.actual if found else valued.actual,
        "price_effect": found.price_effect if found else None,
        "commitment_effect": found.commitment_effect if found else None,
        "floor_effect": Decimal(0) if found and found.realised is not None else None,
        "realised": found.realised if found else None,
        "remark": " ".join(valued.remarks) or None,
        "computed_at": now,
    }


def _verify(
    connection: Connection,
    item: Any,
    mine: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    stop: date,
    restart: date | None,
) -> bool:
    """The first whole final month says what came of it; where none will be whole, the last one does."""
    known = [line for line in mine if line["is_final"] and line["realised"] is not None]
    whole = [line for line in known if Span(line["month"], line["first_day"], line["end_day"], True).is_whole]
    over = bool(mine) and len(known) == len(mine) and mine[-1]["end_day"] == stop
    line = whole[0] if whole else known[-1] if over else None
    went_on = still_paid(item.done_on, restart)
    outcome = None if line is None else "miss" if went_on else outcome_of(line)
    connection.execute(
        update(saving_baseline)
        .where(saving_baseline.c.recommendation_id == item.recommendation_id)
        .values(
            verified_month=line["month"] if line else None,
            outcome=outcome,
            restarted_on=restart,
        )
    )
    if line is None and item.state == "verified":
        which = "" if item.verified_month is None else f" in {item.verified_month:%Y-%m}"
        _say(connection, item, "done", f"What verified it{which} is no longer known: it waits for a final bill.", now)
    is_new: bool = item.state == "done"
    is_told_anew = item.state == "verified" and item.outcome not in (None, outcome)
    if line is None or outcome is None or not (is_new or is_told_anew):
        return False
    predicted = line["predicted_net"]
    promised = "" if predicted is None else f", promised {in_words(predicted)}"
    promised += "; still paid for" if went_on else ""
    said = f"{line['month']:%Y-%m}: {in_words(line['realised'], item.currency)} realised{promised}"
    if is_told_anew:
        said += f"; {_IN_WORDS[outcome]} by now, {_IN_WORDS[item.outcome]} when it was told before"
    _say(connection, item, "verified", said, now)
    return is_new


def _say(connection: Connection, item: Any, state: Literal["done", "verified"], reason: str, now: datetime) -> None:
    """The state that the bill gives it, and why."""
    name = item.recommendation_id
    connection.execute(update(recommendation).where(recommendation.c.id == name).values(state=state, updated_at=now))
    connection.execute(
        insert(recommendation_event).values(recommendation_id=name, at=now, event=state, who="aispend", reason=reason)
    )


def outcome_of(line: Mapping[str, Any]) -> str:
    """``miss``, ``within``, ``above``, or ``saved``: less than promised and no miss, where no range was promised.

    A miss is below P10, or where there is none below half of the net saving; or nothing where something was promised.
    As promised without a range is within a tenth of it, and so it is with a narrower one: no month is that exact.
    """
    saved, net, low, high = line["realised"], line["predicted_net"], line["predicted_p10"], line["predicted_p90"]
    if saved <= 0 and net != 0:
        return "miss"
    if low is None or high is None or _within_a_tenth(net, low, high):
        if net is None:
            return "saved"
        if saved < net * _MISSED:
            return "miss"
        low, high = net * (1 - _AS_PROMISED), net * (1 + _AS_PROMISED)
        if saved < low:
            return "saved"
    if saved < low:
        return "miss"
    return "within" if saved <= high else "above"


def _within_a_tenth(net: Decimal | None, low: Decimal, high: Decimal) -> bool:
    return net is not None and low > net * (1 - _AS_PROMISED) and high < net * (1 + _AS_PROMISED)
