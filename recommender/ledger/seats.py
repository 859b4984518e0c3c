"""What fewer seats saved: the contract's lines on the company's books before and after its renewal.

Assumes
    A contract keeps the book, description and team of its line when it is renewed; without the change it would have
    been renewed with as many seats.
Method
    Seats × days before, and what one cost; the line counts from the renewal on, as all seats are paid for until then.
    *Saved*: seats that are not bought any more × their price since. *Price*: all seats there were × what the price of
    one fell by, which is the vendor's. Both and what was paid are what would have been paid, exactly.
Cases
    A day that is not on the books is unknown: it may be renewed under another name. A line of no seats and no amount
    says that it ended; the price before stands in. Seats that a line does not tell: unknown. Days to come do not count.
    Several lines of a day are counted each, as many seats as they may have.
Sources
    methods, combining savings, ranges, feedback; docs/company-data.md; docs/advice.md, verified savings.
Known drawbacks
    Seats that more people would have needed are not added to those there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import exact_sum, exactly, rate
from recommender.methods.realised import Realised
from recommender.subjects.contracts import contract_id

KIND, TARGET = "seats_and_credits", "seats"
_NOTHING = Decimal(0)
_Said = tuple[Decimal | None, Realised | None, list[str]]
"""Seats × days that would have been paid for, what came of them (None is unknown), and remarks."""


@dataclass(frozen=True)
class _Seats:
    """Seats × days of a period and their cost; ``seats`` None where a line does not tell them."""

    seats: Decimal | None
    cost: Decimal
    days: frozenset[date]


def is_of_seats(item: Any) -> bool:
    """Whether a recommendation, or its baseline, is about fewer seats."""
    return bool(item.kind == KIND and item.target == TARGET)


def counts_from(item: Any) -> date | None:
    """The renewal of the contract, from which on fewer seats are paid for; None where it is not about seats."""
    if not is_of_seats(item) or not isinstance(item.evidence.get("end"), str):
        return None
    return date.fromisoformat(item.evidence["end"])


def measured_seats(connection: Connection, row: Any, first: date, end: date) -> dict[str, Any] | None:
    """Columns of ``saving_baseline`` for a contract; None where its lines do not tell what a seat costs."""
    end = min(end, counts_from(row) or end)
    found = _seats(connection, row, min(first, end - timedelta(days=28)), end)
    if not found.seats or not found.days:
        return None
    return {
        "counterfactual": "kept_running",
        "unit": "seat",
        "window_first": min(found.days),
        "window_end": end,
        "days": len(found.days),
        "quantity": found.seats,
        "effective_cost": found.cost,
        "uncovered_cost": found.cost,
        "covered_share": _NOTHING,
        "parts": {TARGET: [f"{found.seats:f}", f"{found.cost:f}"]},
        "service": "Seats",
        "scopes": [row.account],
    }


def value_seats(connection: Connection, item: Any, first: date, end: date) -> _Said:
    """What the item of ``saving_baseline`` saved from ``first`` to before ``end``."""
    found = _seats(connection, item, first, end)
    missing = [day for day in (first + timedelta(days=n) for n in range((end - first).days)) if day not in found.days]
    if missing:
        return None, None, [
            f"It is not on the books from {missing[0]} on: whether it was renewed, and with how many seats, is not "
            "known. Keep its book, description and team; a line of 0 with 0 seats says that it ended."
        ]  # fmt: skip
    if found.seats is None:
        return None, None, ["Its line does not say how many seats were bought: add the column seats."]
    quantity = rate(item.quantity * (end - first).days, Decimal(item.days))
    whole = rate(quantity * item.effective_cost, item.quantity)
    now = rate(quantity * found.cost, found.seats) if found.seats else whole
    return quantity, _realised(whole, now, found.cost), []


def _realised(whole: Decimal, now: Decimal, paid: Decimal) -> Realised:
    """``whole`` is all seats at the price before, ``now`` all of them at the price since."""
    with exactly():
        return Realised(
            counterfactual=whole,
            actual=paid,
            price_effect=whole - now,
            commitment_effect=_NOTHING,
            realised=now - paid,
        )


def _seats(connection: Connection, row: Any, first: date, end: date) -> _Seats:
    period = {"first": first, "end": end, "currency": row.currency, "book": row.account}
    lines = [
        line
        for line in connection.execute(text(_LINES), period)
        if contract_id(line.book, line.description, line.team) == row.resource_id
    ]
    told = [None if line.seats is None else Decimal(line.seats) * line.line_count for line in lines]
    known = [one for one in told if one is not None]
    return _Seats(
        exact_sum(known) if len(known) == len(told) else None,
        exact_sum(line.cost for line in lines),
        frozenset(line.day for line in lines),
    )


_LINES = r"""
    SELECT a.billing_account_id AS book, sku.charge_description AS description, g.tags ->> 'team' AS team,
           c.charge_date AS day, substring(g.tags ->> 'seats' FROM '^\d+(?:\.\d+)?$') AS seats,
           sum(coalesce(c.effective_cost, c.billed_cost)) AS cost, sum(c.line_count) AS line_count
    FROM charge c
    JOIN sku USING (sku_key)
    JOIN charge_kind k USING (charge_kind_key)
    JOIN account a USING (account_key)
    LEFT JOIN tag_set g ON g.tag_set_key = c.tag_set_key
    WHERE sku.provider = 'own' AND sku.service_name IN ('Seats', 'Licences') AND a.billing_account_id = :book
      AND k.billing_currency = :currency AND c.charge_date >= :first AND c.charge_date < :end
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 4, 5"""
