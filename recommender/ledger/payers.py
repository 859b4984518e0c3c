"""Which bills have to be there to tell what was saved in a month: of whoever pays for the account then.

Assumes
    An account is paid for by one payer at a time; one that is billed by two for more than a week is by both.
Method
    The bills that named the resources when it was done (``scopes``) tell of its months. Where another bill names the
    account of the resources (of tokens, its own) later than one of these does, and from a week before that one's last
    day on or later, it took the account over: until then the one bill has to be there, from then on the other. Of
    months in which neither names it both have to be there, where others used it since the change.
    *Gone*: from the month on in which no bill names the account any more, though others used it since, what is not paid
    for is not known to be saved: it may have left the company, or its new payer's bills are not loaded.
Cases
    Of the month of the change both bills have to be there. What was all there was in an account, or is left of it once
    all else was given up too, is saved though the account is on no bill. The payer's own account does not leave.
Sources
    ``recommender/subjects/ends.py``, who is followed; docs/advice.md, verified savings.
Known drawbacks
    An account that was closed looks like one that left. Of the month in which it leaves all days count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

from aispend.clock import month_of, next_month
from aispend.monthly_bills import JOIN_MONTHLY, KNOWN_TO
from aispend.schema import DONE_STATES
from recommender.bill_days import bills_known_to
from recommender.contract import Step
from recommender.ledger.baseline import step_of
from recommender.ledger.seats import is_of_seats
from recommender.subjects.ends import HANDOVER

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Bill:
    """A loaded month: whether it is final, and before which day it is known."""

    is_final: bool
    end: date


@dataclass(frozen=True)
class _Loaded:
    """A month of one billing account; ``known_to`` is the last day it is known to, None where it has no usage."""

    is_final: bool
    known_to: date | None


@dataclass(frozen=True)
class _Paid:
    """The days from which to which a bill names an account; ``others`` the last one of what was not given up."""

    scope: str
    first: date
    last: date
    others: date | None

    def is_followed_by(self, other: _Paid) -> bool:
        return other.last > self.last and other.first >= self.last - HANDOVER


@dataclass(frozen=True)
class _Turn:
    """The months from which to which a bill has to be there; None is always. ``next_first``: the day another is."""

    scope: str
    since: date | None = None
    until: date | None = None
    next_first: date | None = None

    def is_at(self, month: date) -> bool:
        return (self.since is None or self.since <= month) and (self.until is None or month <= self.until)

    def is_over_in(self, month: date) -> bool:
        """Whether another bill tells of the month's last days."""
        return self.next_first is not None and month_of(self.next_first) <= month


class Payers:
    """The bills of a provider, and by account who was billed for it."""

    def __init__(
        self,
        loaded: Mapping[date, Mapping[str, _Loaded]],
        paid: Mapping[str, Sequence[_Paid]],
        accounts: Mapping[str, Collection[str]],
    ) -> None:
        self._loaded, self._paid, self._accounts = loaded, paid, accounts
        self._turns: dict[str, list[_Turn]] = {}

    def bills_of(self, item: Any) -> dict[date, Bill]:
        """Months that all who have to tell of them are loaded for, each to the last day that all are known to."""
        found = {}
        for month, loaded in self._loaded.items():
            due = [turn for turn in self._turns_of(item) if turn.is_at(month)]
            if not all(turn.scope in loaded for turn in due):
                continue
            still = [loaded[turn.scope] for turn in due if not turn.is_over_in(month)]
            ends = [bill.known_to for bill in still if not bill.is_final]
            if None not in ends:
                end = min((day + _ONE_DAY for day in ends if day is not None), default=next_month(month))
                found[month] = Bill(all(loaded[turn.scope].is_final for turn in due), end)
        return found

    def scopes_in(self, item: Any, month: date) -> set[str]:
        """Billing accounts whose bills tell of a month."""
        return {turn.scope for turn in self._turns_of(item) if turn.is_at(month)}

    def moved(self, item: Any) -> date | None:
        """The first day after the change on which another payer paid for its account; None where none did."""
        days = (turn.next_first for turn in self._turns_of(item) if turn.next_first is not None)
        return min((day for day in days if day > item.done_on), default=None)

    def gone(self, item: Any, month: date) -> str | None:
        """A sentence where an account is on no bill in a month or since, and others used it since the change."""
        if item.counterfactual != "kept_running" or is_of_seats(item):
            return None
        for account in sorted(self._accounts[item.recommendation_id]):
            billed = self._paid.get(account, ())
            newest = max((one.last for one in billed), default=None)
            others = max((one.others for one in billed if one.others is not None), default=None)
            if newest is None or newest >= month or account in {one.scope for one in billed}:
                continue
            if others is not None and others > item.done_on:
                return (
                    f"Account {account} is on no bill since {newest}: whether it was closed, or others pay for it now, "
                    "is not known."
                )
        return None

    def _turns_of(self, item: Any) -> list[_Turn]:
        name = item.recommendation_id
        if name not in self._turns:
            found = [turn for account in self._accounts[name] for turn in self._chain(account, item)]
            alone = {*item.scopes} - {turn.scope for turn in found}
            self._turns[name] = [*found, *(_Turn(scope) for scope in sorted(alone))]
        return self._turns[name]

    def _chain(self, account: str, item: Any) -> list[_Turn]:
        """The turns of all who were billed for an account before and after the item's scopes, and of those."""
        billed = self._paid.get(account, ())
        after = {one.scope: _next(one, billed) for one in billed}
        before = {other.scope: one for one in billed if (other := after[one.scope]) is not None}
        linked = {*item.scopes}
        for _ in billed:
            linked |= {
                scope
                for one in billed
                if (other := after[one.scope]) is not None and {one.scope, other.scope} & linked
                for scope in (one.scope, other.scope)
            }
        return [
            _turn(one, before.get(one.scope), after[one.scope], item.done_on) for one in billed if one.scope in linked
        ]


def _next(one: _Paid, billed: Iterable[_Paid]) -> _Paid | None:
    able = (other for other in billed if one.is_followed_by(other))
    return min(able, key=lambda other: (other.first, other.scope), default=None)


def _turn(one: _Paid, earlier: _Paid | None, later: _Paid | None, done_on: date) -> _Turn:
    since = None if earlier is None else _handed_over(earlier, one, done_on)
    if later is None:
        return _Turn(one.scope, since)
    is_at_once = later.first <= one.last + HANDOVER
    until = month_of(one.last if is_at_once else later.first - _ONE_DAY)
    return _Turn(one.scope, since, until, later.first)


def _handed_over(earlier: _Paid, later: _Paid, done_on: date) -> date:
    """The month from which on the later has to tell: that after the earlier's last, where others used the account."""
    if earlier.others is not None and earlier.others > done_on:
        return min(next_month(month_of(earlier.last)), month_of(later.first))
    return month_of(later.first)


def load_payers(
    connection: Connection, provider: str, items: Sequence[Any], own: Mapping[str, set[int]], today: date
) -> Payers:
    """Who paid for the accounts of all that was done at a provider; ``own`` are the resources of each of ``items``."""
    ours = [item for item in items if item.provider == provider]
    month = min(item.window_first for item in ours).replace(day=1)
    keys = sorted({key for item in ours for key in own[item.recommendation_id]})
    of_key: dict[int, set[str]] = defaultdict(set)
    for key, account in connection.execute(text(_ACCOUNTS), {"keys": keys, "month": month}):
        of_key[key].add(account)
    accounts = {
        item.recommendation_id: {account for key in own[item.recommendation_id] for account in of_key[key]}
        or {account for account in (item.account,) if account and not own[item.recommendation_id]}
        for item in ours
    }
    removed = {
        key
        for item in ours
        if step_of(item.kind) is Step.REMOVE and item.undone_on is None
        for key in own[item.recommendation_id]
    }
    wanted = {"provider": provider, "month": month, "removed": sorted(removed)}
    paid: dict[str, list[_Paid]] = defaultdict(list)
    every = sorted({account for some in accounts.values() for account in some})
    for row in connection.execute(text(_PAID), wanted | {"accounts": every}):
        paid[row.account].append(_Paid(row.scope, row.first, row.last, row.others))
    scopes = {scope for item in ours for scope in item.scopes} | {one.scope for some in paid.values() for one in some}
    return Payers(_loaded(connection, provider, sorted(scopes), today), paid, accounts)


def _loaded(
    connection: Connection, provider: str, scopes: Sequence[str], today: date
) -> dict[date, dict[str, _Loaded]]:
    known = bills_known_to(connection, provider, scopes, today)
    months: dict[date, dict[str, _Loaded]] = defaultdict(dict)
    wanted = {"provider": provider, "scopes": scopes, "final": list(DONE_STATES), "today": today}
    for row in connection.execute(text(_BILLS), wanted):
        known_to = None if row.through is None else min(row.through, known.get(row.scope, row.through))
        months[row.period][row.scope] = _Loaded(row.is_final, known_to)
    return months


_ACCOUNTS = """
    SELECT DISTINCT c.resource_key, coalesce(a.sub_account_id, a.billing_account_id) AS account
    FROM charge c JOIN account a USING (account_key)
    WHERE c.resource_key = ANY(:keys) AND c.billing_month >= :month
      AND coalesce(a.sub_account_id, a.billing_account_id) IS NOT NULL"""

_PAID = """
    SELECT coalesce(a.sub_account_id, a.billing_account_id) AS account, s.scope,
           min(c.charge_date) AS first, max(c.charge_date) AS last,
           max(c.charge_date) FILTER (WHERE c.resource_key <> ALL(:removed)) AS others
    FROM charge c JOIN slice s USING (slice_id) JOIN account a USING (account_key)
    JOIN charge_kind k USING (charge_kind_key)
    WHERE s.kind = 'bill' AND s.provider = :provider AND k.charge_category = 'Usage' AND c.billing_month >= :month
      AND coalesce(a.sub_account_id, a.billing_account_id) = ANY(:accounts)
    GROUP BY 1, 2
    ORDER BY 1, 2"""

_BILLS = f"""
    SELECT s.period, s.scope, bool_and(s.state = ANY(:final)) AS is_final, max(d.through) AS through
    FROM slice s
    LEFT JOIN LATERAL (
        SELECT max({KNOWN_TO}) AS through FROM charge c JOIN charge_kind k USING (charge_kind_key) {JOIN_MONTHLY}
        WHERE c.slice_id = s.slice_id AND c.billing_month = s.period AND k.charge_category = 'Usage'
          AND {KNOWN_TO} < :today) d ON true
    WHERE s.kind = 'bill' AND s.provider = :provider AND s.scope = ANY(:scopes)
    GROUP BY s.period, s.scope"""
