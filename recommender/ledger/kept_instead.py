"""What is kept in the place of a disk, a snapshot or a checkpoint, and costs something the bill may not name.

Assumes
    What the advice said it costs a month is right: a snapshot at the disk's full size, the archive and a colder class
    at the whole of what is moved. The bill keeps spend that is not AI without its resource, so most is not named.
Method
    *A disk*: its snapshot is another resource, so its cost as advised counts on every day. *What is moved to a colder
    tier* keeps its name: days the bill has it count as the bill says, the others at the cost advised. Of several, each
    has the part of its cost before; those the bill never named saved nothing on it, and cost nothing here.
Cases
    The advice says no cost of it: what is saved is not known.
Known drawbacks
    A snapshot that holds less than the disk's size costs less: more is saved than is said, never less.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from aispend.money import exact_sum, rate
from recommender.contract import HOURS_PER_MONTH
from recommender.ledger.baseline import keys_of
from recommender.ledger.billed import lines

NOT_KNOWN = "What it costs that is kept instead is not known."
_BESIDE = "snapshot_monthly_cost"
_MOVED = ("monthly_cost_archived", "monthly_cost_colder")
_NOTHING = Decimal(0)


def keeps_something(kind: str) -> bool:
    """Whether advice of this kind leaves something to pay for that may not have the name of what is gone."""
    return kind == "storage"


def kept_instead(connection: Connection, item: Any, first: date, end: date) -> Decimal | None:
    """What is kept costs beyond what the bill shows from ``first`` to before ``end``; None where nobody said."""
    names = {key: name for name, key in keys_of(connection, item.provider, list(item.parts)).items()}
    found = lines(connection, names, item.currency, first, end)
    billed = {name: len({line.day for line in found if line.resource_key == key}) for key, name in names.items()}
    return kept_cost(item, billed, (end - first).days)


def kept_cost(item: Any, billed: Mapping[str, int], days: int) -> Decimal | None:
    """The same by the number of ``days`` on which each was on the bill; None where the advice says no cost."""
    evidence = item.evidence or {}
    name = next((one for one in (_BESIDE, *_MOVED) if evidence.get(one) is not None), None)
    if name is None:
        return None
    a_day = Decimal(str(evidence[name])) * 24
    if name == _BESIDE:
        return rate(a_day * days, HOURS_PER_MONTH)
    weights = {one: Decimal(str(part["monthly_cost"])) for one, part in (item.acts_on or {}).items()}
    if not exact_sum(weights.values()):
        weights = dict.fromkeys(weights or [item.resource_id], Decimal(1))
    open_days = exact_sum(
        weight * (days - billed.get(one, 0))
        for one, weight in weights.items()
        if Decimal(item.parts.get(one, ("0",))[0]) > _NOTHING
    )
    return rate(a_day * open_days, HOURS_PER_MONTH * exact_sum(weights.values()))
