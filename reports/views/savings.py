"""What was promised and what the bill shows came of it: by recommendation, by month; how well promises were kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from aispend.money import exact_sum
from aispend.schema import recommendation, resource, saving, saving_baseline
from recommender.ledger.calibration import Calibration, Factor, Kept
from recommender.ledger.calibration import calibration as kept_promises
from recommender.ledger.counterfactual import still_paid
from recommender.lives import next_life
from reports.subject_names import subject_name

__all__ = [
    "Calibration",
    "Factor",
    "Kept",
    "SavedItem",
    "SavedMonth",
    "SavingLine",
    "Savings",
    "calibration",
    "savings",
]


@dataclass(frozen=True)
class SavingLine:
    """A month of a recommendation: ``end_day`` is the day after the last counted.

    ``realised`` is ``counterfactual_cost`` less ``actual_cost`` and the three effects; None is unknown.
    """

    id: str
    kind: str
    resource_id: str
    name: str | None
    currency: str
    month: date
    first_day: date
    end_day: date
    is_final: bool
    quantity: Decimal | None
    counterfactual_cost: Decimal | None
    actual_cost: Decimal | None
    price_effect: Decimal | None
    commitment_effect: Decimal | None
    floor_effect: Decimal | None
    realised: Decimal | None
    predicted_net: Decimal | None
    predicted_p10: Decimal | None
    predicted_p50: Decimal | None
    predicted_p90: Decimal | None
    remark: str | None


@dataclass(frozen=True)
class SavedItem:
    """A recommendation accepted or done. ``predicted_net`` to ``predicted_p90`` are a month's (730 hours).

    ``realised`` and ``predicted`` are sums over its months so far whose saving is known; ``unknown_months`` has how
    many are not. ``verified_…`` is the first whole final month, with its range for these days; ``outcome`` is
    ``within``, ``above``, ``miss`` or ``saved`` (no range was promised: less than promised and no miss), None not
    verified yet. ``still_paid``: said to be stopped, and paid for on every day since; ``restarted_on`` is None then.
    ``proposed_as`` is its next life, where it came back and is proposed anew.
    """

    id: str
    kind: str
    resource_id: str
    name: str | None
    provider: str
    team: str | None
    state: str
    currency: str
    accepted_at: datetime
    done_on: date | None
    undone_on: date | None
    predicted_net: Decimal | None
    predicted_p10: Decimal | None
    predicted_p50: Decimal | None
    predicted_p90: Decimal | None
    months: int
    unknown_months: int
    predicted: Decimal | None
    realised: Decimal | None
    provisional: bool
    verified_month: date | None
    verified_realised: Decimal | None
    verified_predicted: Decimal | None
    verified_p10: Decimal | None
    verified_p90: Decimal | None
    outcome: str | None
    restarted_on: date | None
    still_paid: bool
    remark: str | None
    proposed_as: str | None = None


@dataclass(frozen=True)
class SavedMonth:
    """All of a month in one currency: sums over the lines whose saving is known.

    ``unknown`` counts the others, ``price_unknown`` those whose list price today is not known. ``cumulative`` is what
    was realised since the first month, and ``promised_cumulative`` what was promised for the same.
    """

    month: date
    currency: str
    is_final: bool
    items: int
    unknown: int
    price_unknown: int
    predicted_net: Decimal
    counterfactual_cost: Decimal
    actual_cost: Decimal
    price_effect: Decimal
    commitment_effect: Decimal
    floor_effect: Decimal
    realised: Decimal
    cumulative: Decimal
    promised_cumulative: Decimal


@dataclass(frozen=True)
class Savings:
    """The ledger; ``computed_at`` is when it was last written, None where nothing was done yet."""

    items: tuple[SavedItem, ...]
    months: tuple[SavedMonth, ...]
    lines: tuple[SavingLine, ...]
    computed_at: datetime | None

    @property
    def currencies(self) -> tuple[str, ...]:
        """Of its items."""
        return tuple(sorted({item.currency for item in self.items}))


def savings(connection: Connection) -> Savings:
    """Everything accepted or done: misses and rollbacks included, the newest first; months oldest first."""
    lines = tuple(_lines(connection))
    by_item: dict[str, list[SavingLine]] = defaultdict(list)
    for line in lines:
        by_item[line.id].append(line)
    computed = connection.scalar(select(func.max(saving.c.computed_at)))
    return Savings(tuple(_items(connection, by_item)), tuple(_months(lines)), lines, computed)


def calibration(connection: Connection) -> Calibration:
    """How well what was verified kept its promise."""
    return kept_promises(connection)


_NAME = func.coalesce(func.nullif(resource.c.resource_name, ""), func.nullif(resource.c.fleet, "")).label("name")
_LINE = ("month", "first_day", "end_day", "is_final", "quantity", "counterfactual_cost", "actual_cost")
_EFFECTS = ("price_effect", "commitment_effect", "floor_effect", "realised")
_PREDICTED = ("predicted_net", "predicted_p10", "predicted_p50", "predicted_p90")


def _lines(connection: Connection) -> Iterable[SavingLine]:
    r, b = recommendation.c, saving_baseline.c
    rows = connection.execute(
        select(
            r.id,
            b.kind,
            r.resource_id,
            _NAME,
            b.currency,
            *(saving.c[name] for name in (*_LINE, *_EFFECTS, *_PREDICTED, "remark")),
            r.model,
            r.team,
        )
        .select_from(saving)
        .join(saving_baseline, b.recommendation_id == saving.c.recommendation_id)
        .join(recommendation, r.id == b.recommendation_id)
        .outerjoin(resource, resource.c.resource_key == r.resource_key)
        .order_by(saving.c.month, b.currency, r.id)
    )
    return (replace(SavingLine(*tuple(row)[:-2]), name=_name(row)) for row in rows)


def _items(connection: Connection, lines: dict[str, list[SavingLine]]) -> Iterable[SavedItem]:
    r, b = recommendation.c, saving_baseline.c
    rows = connection.execute(
        select(saving_baseline, r.resource_id, r.model, r.team, r.state, r.target, r.evidence, _NAME)
        .join(recommendation, r.id == b.recommendation_id)
        .outerjoin(resource, resource.c.resource_key == r.resource_key)
        .order_by(b.currency, b.done_on.desc().nulls_first(), b.recommendation_id)
    )
    known = set(connection.scalars(select(r.id).where(r.evidence.has_key("life"))))
    for row in rows:
        following = next_life(row)
        found = _item(row, lines.get(row.recommendation_id, []))
        yield replace(found, proposed_as=following) if following in known else found


def _name(row: Any) -> str | None:
    """What people call it: the resource's name, or what is no single resource."""
    name: str | None = subject_name(row.resource_id, row.model, row.team) or row.name
    return name


def _item(row: Any, lines: Sequence[SavingLine]) -> SavedItem:
    known = [line for line in lines if line.realised is not None]
    verified = next((line for line in known if line.month == row.verified_month), None)
    went_on = row.done_on is not None and still_paid(row.done_on, row.restarted_on)
    remarks = dict.fromkeys(line.remark for line in lines if line.remark)
    return SavedItem(
        id=row.recommendation_id,
        kind=row.kind,
        resource_id=row.resource_id,
        name=_name(row),
        provider=row.provider,
        team=row.team,
        state=row.state,
        currency=row.currency,
        accepted_at=row.accepted_at,
        done_on=row.done_on,
        undone_on=row.undone_on,
        predicted_net=row.predicted_net,
        predicted_p10=row.predicted_p10,
        predicted_p50=row.predicted_p50,
        predicted_p90=row.predicted_p90,
        months=len(lines),
        unknown_months=len(lines) - len(known),
        predicted=_total(line.predicted_net for line in known) if known else None,
        realised=_total(line.realised for line in known) if known else None,
        provisional=any(not line.is_final for line in lines),
        verified_month=row.verified_month,
        verified_realised=verified.realised if verified else None,
        verified_predicted=verified.predicted_net if verified else None,
        verified_p10=verified.predicted_p10 if verified else None,
        verified_p90=verified.predicted_p90 if verified else None,
        outcome=row.outcome,
        restarted_on=None if went_on else row.restarted_on,
        still_paid=went_on,
        remark=" ".join(remarks) or None,
    )


def _months(lines: Iterable[SavingLine]) -> Iterable[SavedMonth]:
    groups: dict[tuple[date, str], list[SavingLine]] = defaultdict(list)
    for line in lines:
        groups[line.month, line.currency].append(line)
    cumulative: dict[str, Decimal] = defaultdict(Decimal)
    promised: dict[str, Decimal] = defaultdict(Decimal)
    for (month, currency), ours in sorted(groups.items()):
        known = [line for line in ours if line.realised is not None]
        saved = _total(line.realised for line in known)
        cumulative[currency] = exact_sum((cumulative[currency], saved))
        predicted = _total(line.predicted_net for line in known)
        promised[currency] = exact_sum((promised[currency], predicted))
        yield SavedMonth(
            month=month,
            currency=currency,
            is_final=all(line.is_final for line in ours),
            items=len(ours),
            unknown=len(ours) - len(known),
            price_unknown=sum(line.price_effect is None for line in known),
            predicted_net=predicted,
            counterfactual_cost=_total(line.counterfactual_cost for line in known),
            actual_cost=_total(line.actual_cost for line in known),
            price_effect=_total(line.price_effect for line in known),
            commitment_effect=_total(line.commitment_effect for line in known),
            floor_effect=_total(line.floor_effect for line in known),
            realised=saved,
            cumulative=cumulative[currency],
            promised_cumulative=promised[currency],
        )


def _total(amounts: Iterable[Decimal | None]) -> Decimal:
    return exact_sum(amount for amount in amounts if amount is not None)
