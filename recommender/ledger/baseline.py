"""What was promised, and what it cost before: written down when advice is accepted and when it is done.

Assumes
    The four weeks before the change show what the thing costs and how much of it runs.
Method
    The promise (net saving with its range; of a commitment in stages, the first one's) is kept as it was when accepted,
    or done where nobody accepted it first; no later run changes it. Hours, effective cost, coverage and list price are
    measured on the 28 days before the day it was done, or to the last day that its bills are known to
    (``recommender/bill_days.py``) where that is earlier; without what was changed before it (``windows.py``).
Cases
    First charged within these days: from that day. Charged in another currency from one of them on: to that day. A day
    of unknown cost is left out. What no bill has a cost of yet is measured when one has. Advice whose effect the bill
    cannot tell (``untold.py``) has a promise and no counterfactual.
Sources
    docs/advice.md, verified savings; methods, combining savings, ranges, feedback.
Known drawbacks
    Four weeks know no month's end but one; a bill restated later does not change a baseline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from aispend.monthly_bills import JOIN_MONTHLY, KNOWN_TO
from aispend.schema import recommendation, resource, saving_baseline, sku
from aispend.store.telemetry import resolved_inference_hours
from recommender.bill_days import bills_known_to
from recommender.contract import Step
from recommender.ledger.billed import Billed, Line, lines, sum_up
from recommender.ledger.seats import is_of_seats, measured_seats
from recommender.ledger.taken_back import keep_what_was_taken_back
from recommender.ledger.tokens_bought import measured
from recommender.ledger.windows import WINDOW_DAYS, changed_on, measured_over, window_before
from recommender.registry import KINDS
from recommender.subjects.ends import HANDOVER

Counterfactual = Literal["kept_running", "same_hours", "same_service", "commitment", "same_tokens", "unknown"]
_BY_STEP: dict[Step, Counterfactual] = {
    Step.REMOVE: "kept_running",
    Step.SCHEDULE: "kept_running",
    Step.SIZE: "same_service",
    Step.MODEL: "same_service",
    Step.SPOT: "same_hours",
    Step.COMMIT: "commitment",
    Step.PLACE: "same_hours",
}
_BY_KIND: dict[str, Counterfactual] = {
    "rightsize": "same_hours",
    "arm_host": "same_hours",
    "batch": "same_tokens",
    "prompt_cache": "same_tokens",
    "output_limit": "same_tokens",
    "route": "same_tokens",
    "managed_or_self_host": "unknown",
    "training_waste": "unknown",
    "past_plateau": "unknown",
}
"""Where the step does not say: one machine for another is compared hour by hour, and tokens with tokens. Why the bill
cannot tell of the others is in ``untold.py``."""


def step_of(kind: str) -> Step | None:
    """When a kind acts in the order of savings; None for one that is no longer made."""
    return next((one.step for one in KINDS if one.name == kind), None)


def counterfactual_of(kind: str) -> Counterfactual:
    """What to hold a kind's cost against; unknown for a kind that is no longer made."""
    step = step_of(kind)
    return _BY_KIND.get(kind) or ("unknown" if step is None else _BY_STEP[step])


def promise_of(row: Any) -> dict[str, Decimal | None]:
    """What a recommendation promises a month when it is accepted or done: ``net``, ``p10``, ``p50``, ``p90``.

    Of what is done in stages it is what the first saves: the next is proposed, and promised, by itself.
    """
    stage = row.evidence.get("first_stage_saves")
    if stage is not None:
        return {name: None if stage[name] is None else Decimal(stage[name]) for name in ("net", "p10", "p50", "p90")}
    return {"net": row.monthly_saving_net, "p10": row.saving_p10, "p50": row.saving_p50, "p90": row.saving_p90}


def write_baseline(
    connection: Connection,
    recommendation_id: str,
    now: datetime,
    *,
    done_on: date | None = None,
    planned_end: date | None = None,
) -> None:
    """Write down the promise, unless it is already, and what was paid before; ``done_on`` None is accepted only."""
    r = recommendation.c
    # taken back and accepted anew: a new promise, and days that what was done before had for itself
    keep_what_was_taken_back(connection, recommendation_id, now)
    row = connection.execute(select(recommendation).where(r.id == recommendation_id)).one()
    promise = {
        "recommendation_id": row.id,
        "kind": row.kind,
        "provider": row.provider,
        "currency": row.currency,
        "accepted_at": now,
        **{f"predicted_{name}": amount for name, amount in promise_of(row).items()},
    }
    measured = _measured(connection, row, done_on or now.date(), now.date()) | {
        "done_on": done_on,
        "planned_end": planned_end,
        "undone_on": None,
    }
    statement = upsert(saving_baseline).values(**promise, **measured)
    changing = {name: statement.excluded[name] for name in measured}
    connection.execute(statement.on_conflict_do_update(index_elements=["recommendation_id"], set_=changing))
    if done_on is not None and measured["unit"] == "hour":
        for name, day in measured_over(connection, row.id, row.provider, measured["parts"], done_on):
            _measure(connection, name, day, now.date())


def measure_what_waits(connection: Connection, today: date) -> None:
    """Measure anew what was paid before what is done, where no bill had a cost of it; what is known stays."""
    b = saving_baseline.c
    waiting = select(b.recommendation_id, b.done_on).where(b.done_on.is_not(None), b.quantity.is_(None))
    for name, done_on in connection.execute(waiting).all():
        _measure(connection, name, done_on, today)


def _measure(connection: Connection, name: str, done_on: date, today: date) -> None:
    """Measure what was paid before it was done, and write it where it is known."""
    row = connection.execute(select(recommendation).where(recommendation.c.id == name)).one()
    measured = _measured(connection, row, done_on, today)
    if measured["quantity"] is not None:
        b = saving_baseline.c
        connection.execute(update(saving_baseline).where(b.recommendation_id == name).values(**measured))


def unpaid_until(connection: Connection, recommendation_id: str, day: date, today: date) -> date | None:
    """First day on which what it acts on is paid for, where nothing of it is in the 28 days before ``day``.

    None where something is, or where the bill does not name it: then nothing says that it was not done on that day.
    """
    r = recommendation.c
    row = connection.execute(select(recommendation).where(r.id == recommendation_id)).one()
    keys = list(keys_of(connection, row.provider, list(row.acts_on) or [row.resource_id]).values())
    end = min(day, _newest(connection, row, keys, today, day) + timedelta(days=1))
    if not keys or lines(connection, keys, None, end - timedelta(days=WINDOW_DAYS), end):
        return None
    statement = text("SELECT min(charge_date) FROM charge WHERE resource_key = ANY(:keys)")
    first: date | None = connection.scalar(statement, {"keys": keys})
    return first


def keys_of(connection: Connection, provider: str, names: Collection[str]) -> dict[str, int]:
    """Resource keys by id, of those the bill knows."""
    rows = connection.execute(
        select(resource.c.resource_id, resource.c.resource_key).where(
            resource.c.provider == provider, resource.c.resource_id.in_(names), resource.c.resource_key != 0
        )
    )
    return {row.resource_id: row.resource_key for row in rows}


@dataclass(frozen=True)
class Served:
    """Requests recorded in a period, and the first and last day (UTC) that have some."""

    requests: Decimal
    first: date
    last: date


def served_in(
    connection: Connection, keys: Iterable[int], first: date, end: date, *, without: Collection[date] = ()
) -> Served | None:
    """What the resources served in a period ``without`` some days; None where none is recorded of any of them."""
    hours = resolved_inference_hours().subquery()
    day = func.date(func.timezone("UTC", hours.c.hour))
    found = connection.execute(
        select(func.sum(hours.c.quantity), func.min(day), func.max(day)).where(
            hours.c.resource_key.in_(list(keys)),
            hours.c.unit_class == "requests",
            hours.c.hour >= datetime.combine(first, time(), UTC),
            hours.c.hour < datetime.combine(end, time(), UTC),
            day.not_in(without),
        )
    ).one()
    return None if found[0] is None else Served(Decimal(found[0]), found[1], found[2])


def _measured(connection: Connection, row: Any, done_on: date, today: date) -> dict[str, Any]:
    keys = keys_of(connection, row.provider, list(row.acts_on) or [row.resource_id])
    end = min(done_on, _newest(connection, row, keys.values(), today, done_on) + timedelta(days=1))
    first = end - timedelta(days=WINDOW_DAYS)
    kind = counterfactual_of(row.kind)
    blank: dict[str, Any] = {
        "window_first": first,
        "window_end": end,
        "days": 0,
        "unit": "token" if kind == "same_tokens" else "hour",
        "parts": {},
        "sku_key": 0,
    }
    blank |= dict.fromkeys(
        ("quantity", "effective_cost", "uncovered_cost", "covered_share", "uncovered_list_cost", "requests"), None
    ) | dict.fromkeys(("service", "region", "instance_type", "list_price"), None)
    if kind == "same_tokens":
        return blank | _measured_tokens(connection, row, first, end)
    if is_of_seats(row):
        return (
            blank
            | {"counterfactual": "unknown", "scopes": [row.account]}
            | (measured_seats(connection, row, first, end) or {})
        )
    if not keys:
        kind = "unknown"
    unchanged = window_before(connection, row.id, row.provider, keys, end=end, counterfactual=kind)
    if found := lines(connection, keys.values(), None, *unchanged):
        first, end = blank["window_first"], blank["window_end"] = unchanged
    else:
        found = lines(connection, keys.values(), None, first, end)
    end = blank["window_end"] = min(end, _changes_currency(found, row.currency) or end)
    found = [line for line in found if line.currency == row.currency and line.day < end]
    if found:
        first = blank["window_first"] = max(first, min(line.day for line in found))
    names = {key: name for name, key in keys.items()}
    if kind == "commitment" and found:
        changed = changed_on(connection, row.id, row.provider, names.values(), (first, end))
        # an hour at the price before a resize is none that is committed to; where there are no others, left.py tells
        found = [line for line in found if line.day > changed.get(names[line.resource_key], date.min)] or found
    billed = sum_up(found)
    parts = {name: ["0", "0"] for name in names.values()} | {
        names[key]: [f"{hours:f}", f"{cost:f}"] for key, (hours, cost) in billed.parts.items()
    }
    result = blank | {
        "counterfactual": kind,
        "days": (end - first).days - billed.unknown_days,
        "parts": parts,
        "scopes": _scopes(connection, row.provider, keys.values()),
    }
    # hours and cost are of the days whose cost is known, and so are the requests they are held against
    unknown = {line.day for line in found if line.cost is None}
    served = served_in(connection, keys.values(), first, end, without=unknown)
    return result | _costs(connection, billed, kind) | {"requests": served.requests if served else None}


def _newest(connection: Connection, row: Any, keys: Collection[int], today: date, otherwise: date) -> date:
    """Newest day of AI usage on the provider's bills, or the last that one it is charged on is known to, if earlier.

    What the bill of its own payer does not have yet was not free. ``otherwise`` where there is none.
    """
    scopes = _scopes(connection, row.provider, keys) if keys else _account_scopes(connection, row)
    known = bills_known_to(connection, row.provider, scopes, today)
    ai, own = [], []
    for bill in connection.execute(text(_NEWEST), {"provider": row.provider, "today": today}):
        if bill.newest_ai is not None:
            ai.append(bill.newest_ai)
        if bill.scope in scopes:
            own.append(min(bill.newest, known.get(bill.scope, bill.newest)))
    return min([*([max(ai)] if ai else []), *own], default=otherwise)


def _changes_currency(found: Sequence[Line], currency: str) -> date | None:
    """First day from which on a resource's SKU is charged in another currency and not in this one; None is never."""
    days: dict[tuple[int, int], dict[bool, list[date]]] = {}
    for line in found:
        if line.cost != 0:
            by_currency = days.setdefault((line.resource_key, line.sku_key), {True: [], False: []})
            by_currency[line.currency == currency].append(line.day)
    turns = (day for one in days.values() if one[True] for day in one[False] if day > max(one[True]))
    return min(turns, default=None)


def _costs(connection: Connection, billed: Billed, kind: Counterfactual) -> dict[str, Any]:
    quantity = billed.service_hours if kind == "same_service" else billed.hours
    if not quantity:
        return {}
    bought = connection.execute(
        select(sku.c.service_name, sku.c.instance_type).where(sku.c.sku_key == billed.main_sku)
    ).one()
    return {
        "quantity": quantity,
        "effective_cost": billed.effective,
        "uncovered_cost": billed.uncovered,
        "covered_share": billed.covered_share,
        "uncovered_list_cost": billed.uncovered_list,
        "sku_key": billed.main_sku,
        "service": bought.service_name,
        "region": billed.region,
        "instance_type": bought.instance_type,
        "list_price": billed.list_price,
    }


def _measured_tokens(connection: Connection, row: Any, first: date, end: date) -> dict[str, Any]:
    scopes = {"scopes": _account_scopes(connection, row)}
    found = measured(connection, row, first, end)
    return scopes | ({"counterfactual": "unknown"} if found is None else {"counterfactual": "same_tokens", **found})


def _scopes(connection: Connection, provider: str, keys: Iterable[int]) -> list[str]:
    """Billing accounts whose bills named the resources last; all of the provider's where none does."""
    wanted = {"provider": provider, "keys": sorted(keys)}
    named = [scope for (scope,) in connection.execute(text(_SCOPES), wanted)]
    return named or [scope for (scope,) in connection.execute(text(_ALL_SCOPES), wanted)]


def _account_scopes(connection: Connection, row: Any) -> list[str]:
    """Billing accounts whose bills name its account; not one from which it went to another, as in ``ends.py``."""
    wanted = {"account": row.account, "provider": row.provider}
    named = connection.execute(text(_ACCOUNT_SCOPES), wanted).all()
    return [
        one.scope
        for one in named
        if not any(other.last > one.last and other.first >= one.last - HANDOVER for other in named)
    ]


_NEWEST = f"""
    SELECT s.scope, max({KNOWN_TO}) AS newest, max({KNOWN_TO}) FILTER (WHERE sku.is_ai) AS newest_ai
    FROM charge c JOIN slice s USING (slice_id) JOIN charge_kind k USING (charge_kind_key) JOIN sku USING (sku_key)
    {JOIN_MONTHLY}
    WHERE s.provider = :provider AND k.charge_category = 'Usage' AND {KNOWN_TO} < :today
    GROUP BY s.scope"""

_SCOPES = """
    WITH own AS (
        SELECT s.scope, c.charge_date, max(c.charge_date) OVER (PARTITION BY c.resource_key) AS newest
        FROM charge c JOIN slice s USING (slice_id)
        WHERE s.kind = 'bill' AND s.provider = :provider AND c.resource_key = ANY(:keys))
    SELECT DISTINCT scope FROM own WHERE charge_date = newest ORDER BY 1"""

_ALL_SCOPES = "SELECT DISTINCT s.scope FROM slice s WHERE s.kind = 'bill' AND s.provider = :provider ORDER BY 1"

_ACCOUNT_SCOPES = """
    SELECT s.scope, min(c.charge_date) AS first, max(c.charge_date) AS last
    FROM charge c JOIN slice s USING (slice_id) JOIN account a USING (account_key)
    WHERE s.kind = 'bill' AND s.provider = :provider
      AND coalesce(a.sub_account_id, a.billing_account_id) IS NOT DISTINCT FROM :account
    GROUP BY s.scope ORDER BY 1"""
