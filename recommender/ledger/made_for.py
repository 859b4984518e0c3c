"""Which advice a commitment on the bill was bought for, where several advise to commit to the same machines.

Assumes
    A commitment is bought for the newest advice that was done by the day it began.
Method
    It began on the day the provider lists it from, or where it lists none, with its first charge. On a machine it
    counts for the advice that was done last before that, of those that are about the machine. Advice done on one day
    shares it by the sizes that were to be bought, in hours of on-demand money; of unknown sizes in equal parts.
Cases
    What an advice that was taken back did not buy until then, it claims no more. A commitment that covers nothing yet
    was bought for whatever was done last; one that covers other machines only for none of these.
    One that is renewed under its id is another from the day the provider lists it from.
Known drawbacks
    Two families bought on one day are not told apart by the machines they are sold for. One that anybody bought for
    these machines counts, whether the advice was the reason or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from aispend.money import rate
from recommender.ledger.billed import Line
from recommender.ledger.order import hourly_before
from recommender.methods.realised import price_ratio


@dataclass(frozen=True)
class Buyer:
    """Advice to commit that was done, and the machines it is about: its own and what replaced them."""

    item: Any
    keys: frozenset[int]

    @property
    def name(self) -> str:
        """Id of the recommendation."""
        return str(self.item.recommendation_id)

    @property
    def size(self) -> Decimal | None:
        """On-demand money an hour that was to be bought covers; None where the advice does not say."""
        told = self.item.evidence
        stages, covers, hourly = (told.get(name) for name in ("stages", "covers_hourly", "commitment_hourly"))
        if not (stages and covers and hourly and Decimal(hourly)):
            return None
        return rate(Decimal(stages[0]) * Decimal(covers), Decimal(hourly))

    def is_done(self, day: date) -> bool:
        """Whether it was done by that day, and not taken back."""
        return self.item.done_on <= day and (self.item.undone_on is None or day < self.item.undone_on)


@dataclass(frozen=True)
class Term:
    """From when to before when a commitment runs; ``ends`` None is unknown, or has no end."""

    began: date
    ends: date | None


@dataclass(frozen=True)
class _Named:
    """A commitment that the bill names: its terms, the machines it ever covered, and whether it covered anything."""

    terms: tuple[Term, ...]
    covers: frozenset[int]
    is_used: bool

    def at(self, day: date) -> Term:
        return next((term for term in reversed(self.terms) if term.began <= day), self.terms[0])


class MadeFor:
    """All advice to commit that was done, and the commitments that bills name, by key."""

    def __init__(self, buyers: Sequence[Buyer], named: Mapping[int, _Named]) -> None:
        self._buyers = {buyer.name: buyer for buyer in buyers}
        self._named = named
        self._about: dict[int, list[Buyer]] = defaultdict(list)
        for buyer in buyers:
            for key in buyer.keys:
                self._about[key].append(buyer)

    def is_since(self, line: Line, done_on: date) -> bool:
        """Whether the bill names what covers the line, and it began on that day or later."""
        return bool(line.commitment_key) and self._named[line.commitment_key].at(line.day).began >= done_on

    def share(self, name: str, line: Line) -> Decimal:
        """The part (0 to 1) of a line's cover that is of what this advice bought; of cover without a name, among those
        done on the same day."""
        about = self._about.get(line.resource_key, ())
        if line.commitment_key:
            return _share(name, _newest(about, self._named[line.commitment_key].at(line.day).began))
        done_on = self._buyers[name].item.done_on
        return _share(name, [one for one in about if one.item.done_on == done_on and one.is_done(line.day)])

    def share_of_unused(self, name: str, commitment_key: int, day: date) -> Decimal:
        """The part (0 to 1) of what a commitment left unused on a day that is a cost of this advice."""
        one = self._named.get(commitment_key)
        return Decimal(0) if one is None else _share(name, self._owners(one, one.at(day)))

    def later(self, name: str) -> list[Buyer]:
        """Advice done on a later day about some of the same machines."""
        mine = self._buyers[name]
        return [one for one in self._buyers.values() if one.item.done_on > mine.item.done_on and one.keys & mine.keys]

    def ends_on(self, name: str) -> date | None:
        """First day on which nothing that was bought for this advice runs any more; None where no end is known."""
        ends = [
            term.ends
            for one in self._named.values()
            for term in one.terms
            if name in {buyer.name for buyer in self._owners(one, term)}
        ]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    def hourly(self, name: str) -> Decimal | None:
        """What an hour cost without a commitment, where commitments covered them all before: by the last earlier
        advice about some of the machines, at the list price since. None where there is none."""
        mine = self._buyers[name]
        if mine.item.covered_share < 1:
            return None
        earlier = [
            one.item
            for one in self._buyers.values()
            if one.item.done_on < mine.item.done_on
            and one.keys & mine.keys
            and one.item.quantity
            and one.item.uncovered_cost is not None
            and one.item.covered_share < 1
        ]
        if not earlier:
            return None
        last = max(earlier, key=lambda item: (item.done_on, item.recommendation_id))
        ratio = price_ratio(last.list_price, mine.item.list_price)
        return rate(hourly_before(last) * (1 if ratio is None else ratio), Decimal(1))

    def _owners(self, one: _Named, term: Term) -> list[Buyer]:
        """Whom a commitment was bought for, on any machine."""
        if not one.is_used:
            return _newest(self._buyers.values(), term.began)
        found = (buyer for key in sorted(one.covers) for buyer in _newest(self._about.get(key, ()), term.began))
        return list({buyer.name: buyer for buyer in found}.values())


def made_for(connection: Connection, provider: str, items: Iterable[Any], keys: Mapping[str, set[int]]) -> MadeFor:
    """What the provider's commitments were bought for; ``keys`` are the machines each of ``items`` is about."""
    buyers = [
        Buyer(item, frozenset(keys[item.recommendation_id]))
        for item in items
        if item.counterfactual == "commitment" and item.provider == provider
    ]
    about = sorted({key for buyer in buyers for key in buyer.keys})
    rows = connection.execute(text(_NAMED), {"provider": provider, "keys": about}) if buyers else ()
    return MadeFor(
        buyers, {row.commitment_key: _Named(_terms(row), frozenset(row.covers or ()), row.is_used) for row in rows}
    )


def _terms(row: Any) -> tuple[Term, ...]:
    """Of one that was charged before the day the provider lists it from, the time before that as well."""
    ends = None if row.ends_at is None else _day_after(row.ends_at)
    if row.starts_on is None:
        return (Term(row.first, ends),)
    listed = Term(row.starts_on, ends)
    return (listed,) if row.starts_on <= row.first else (Term(row.first, row.starts_on), listed)


def _day_after(instant: datetime) -> date:
    """The first day that begins then or later, in UTC."""
    return (instant.astimezone(UTC) + timedelta(days=1, microseconds=-1)).date()


def _newest(buyers: Iterable[Buyer], began: date) -> list[Buyer]:
    """Of these the ones that were done last by that day."""
    able = [one for one in buyers if one.is_done(began)]
    last = max((one.item.done_on for one in able), default=None)
    return [one for one in able if one.item.done_on == last]


def _share(name: str, owners: Collection[Buyer]) -> Decimal:
    if all(one.name != name for one in owners):
        return Decimal(0)
    sizes = {one.name: one.size for one in owners}
    known = {one: size for one, size in sizes.items() if size}
    weights = known if len(known) == len(sizes) else dict.fromkeys(sizes, Decimal(1))
    return rate(weights[name], sum(weights.values(), Decimal(0)))


_NAMED = """
    WITH seen AS (
        SELECT c.commitment_key, min(c.charge_date) AS first,
               bool_or(k.charge_category = 'Usage' AND k.commitment_discount_status IS DISTINCT FROM 'Unused')
                   AS is_used,
               array_agg(DISTINCT c.resource_key) FILTER (
                   WHERE k.charge_category = 'Usage' AND k.commitment_discount_status IS DISTINCT FROM 'Unused'
                     AND c.resource_key = ANY(:keys)) AS covers
        FROM charge c JOIN commitment m USING (commitment_key) JOIN charge_kind k USING (charge_kind_key)
        WHERE c.commitment_key <> 0 AND m.provider = :provider
        GROUP BY c.commitment_key)
    SELECT s.commitment_key, s.first, s.is_used, s.covers,
           CAST(t.starts_at AT TIME ZONE 'UTC' AS date) AS starts_on, t.ends_at
    FROM seen s JOIN commitment m USING (commitment_key)
    LEFT JOIN commitment_term t ON t.provider = m.provider AND lower(t.commitment_id) = lower(m.commitment_discount_id)
    ORDER BY s.commitment_key"""
