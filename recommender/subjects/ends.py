"""Where the evidence ends: each payer's bills end on a day of their own, and what is not billed yet has not stopped.

Assumes
    One bill per payer of a provider: its accounts are as late as it is.
Method
    The evidence as a whole ends after the newest usage of AI that has a resource or is tokens. A payer's ends there
    too, unless nothing it was charged for, AI or not, is as new: then after its own newest usage. Only days count on
    which its charges are as much as usual (``aispend/usual_days.py``); a bill by the month ends with its month, or
    with the day before it was loaded (``aispend/monthly_bills.py``). An account ends with its payer; what names no
    account a bill knows, with the latest of its provider.
Cases
    An account that went from one payer to another ends with the later; one that two are charged for at once, for more
    than a week, with the earlier.
    Costs of the company's own may be written down for days to come: they count only where there are no others, and are
    never late. What was billed nothing for ``LEFT_DAYS`` is taken for used no more, and ends with the whole; by the
    month, for a month more.
Known drawbacks
    A payer charged for one machine alone looks late from the day the machine was stopped; one whose charges fall to
    less than half, for two days.
    What spans payers (a model served in accounts of two) ends with the latest of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from aispend.monthly_bills import known_to, monthly, newest_known
from aispend.schema import DONE_STATES, account, charge, charge_kind, sku, slice_

OWN = "own"
"""Provider of costs that no cloud bills."""

LEFT_DAYS = 35
"""Days without a charge after which somebody is taken for one who uses a cloud no more; bills come within a month."""

_MONTH = timedelta(days=31)
"""By so much a bill of whole months comes later than one by the day."""

HANDOVER = timedelta(days=6)
"""How long two payers may be charged for an account that goes from one to the other."""
_USUAL = timedelta(days=28)
"""Before the days asked of, what shows how much is usual."""
_USAGE = charge_kind.c.charge_category == "Usage"
_PAYER = account.c.billing_account_id
_LAST_DAY = known_to()
_IS_MONTHLY = monthly.c.of_slice.is_not(None)
_Book = tuple[str, str | None]
"""Provider and payer."""


@dataclass(frozen=True)
class Ends:
    """Ends of the evidence: of the whole, and where bills come later of providers and of (provider, account)."""

    newest: datetime
    of_provider: Mapping[str, datetime]
    of_account: Mapping[tuple[str, str], datetime]

    def of(self, provider: str, account_id: str | None) -> datetime:
        """Where it ends for what is of this account, or of one that no bill names."""
        known = self.of_account.get((provider, account_id)) if account_id else None
        return known or self.of_provider.get(provider, self.newest)

    @property
    def each(self) -> list[datetime]:
        """All of them, once: that of the whole first, then from the earliest on."""
        others = {*self.of_provider.values(), *self.of_account.values()} - {self.newest}
        return [self.newest, *sorted(others)]


@dataclass(frozen=True)
class _Billed:
    """The days from which to which a payer was charged for usage of an account; None where no account is named."""

    provider: str
    payer: str | None
    account: str | None
    first: date
    last: date
    is_evidence: bool

    def end(self, newest: datetime) -> datetime:
        return min(_day_after(self.last), newest)

    def is_followed(self, others: Iterable[_Billed]) -> bool:
        """Whether another payer took the account over."""
        return any(other.last > self.last and other.first >= self.last - HANDOVER for other in others)


def evidence_end(connection: Connection) -> datetime | None:
    """End of the evidence: the day after the newest usage charge of a resource or of tokens; None without charges.

    A payer's charges count to the last day on which they are as much as usual.
    """
    rows = connection.execute(
        _usage(sku.c.provider, _PAYER, func.max(_LAST_DAY)).where(_is_evidence()).group_by(sku.c.provider, _PAYER)
    ).all()
    clouds = [((provider, payer), newest) for provider, payer, newest in rows if provider != OWN]
    if not clouds:
        return max((_day_after(newest) for _, _, newest in rows), default=None)
    known, _ = _known_to(connection, max(newest for _, newest in clouds) - timedelta(days=LEFT_DAYS))
    return max(_day_after(min(newest, known.get(book, newest))) for book, newest in clouds)


def load_ends(connection: Connection, newest: datetime) -> Ends:
    """Ends of the evidence of all who were billed for AI in the last ``LEFT_DAYS`` before ``newest``, its end."""
    first = (newest - timedelta(days=LEFT_DAYS + 1)).date()
    of = (sku.c.provider, _PAYER, account.c.sub_account_id)
    first_day, last_day = func.min(charge.c.charge_date), func.max(_LAST_DAY)
    rows = connection.execute(
        _of_clouds(*of, first_day, last_day, func.bool_or(_is_evidence()), since=first).group_by(*of)
    ).all()
    known, by_month = _known_to(connection, first)
    billed = [
        replace(one, last=min(one.last, known[book]))
        for one in (_Billed(*row) for row in rows)
        if known[book := (one.provider, one.payer)] >= (first - _MONTH if book in by_month else first)
    ]
    asked = {(one.provider, one.payer) for one in billed if one.is_evidence}
    of_payer: dict[_Book, datetime] = {}
    of_user: dict[tuple[str, str], list[_Billed]] = defaultdict(list)
    for one in billed:
        book = (one.provider, one.payer)
        if book in asked:
            of_payer[book] = max(of_payer.get(book, one.end(newest)), one.end(newest))
            if one.account:
                of_user[one.provider, one.account].append(one)
    of_provider = {
        provider: max(end for (whose, _), end in of_payer.items() if whose == provider) for provider, _ in of_payer
    }
    of_account = {(provider, payer): end for (provider, payer), end in of_payer.items() if payer}
    of_account |= {
        user: min(of_payer[one.provider, one.payer] for one in several if not one.is_followed(several))
        for user, several in of_user.items()
    }
    return Ends(newest, of_provider, of_account)


def _known_to(connection: Connection, first: date) -> tuple[dict[_Book, date], set[_Book]]:
    """The last day, by provider and payer charged since ``first``, on which usage costs as much as it usually does; and
    those of whom a bill by the month tells it."""
    since = first - _USUAL
    cost = func.coalesce(charge.c.effective_cost, charge.c.billed_cost, 0)
    of = (sku.c.provider, _PAYER, _LAST_DAY, charge_kind.c.billing_currency, _IS_MONTHLY)
    is_done = func.coalesce(func.bool_or(slice_.c.state.in_(DONE_STATES)), False)
    rows = connection.execute(
        _of_clouds(*of, func.sum(cost), is_done, since=since)
        .outerjoin(slice_, slice_.c.slice_id == charge.c.slice_id)
        .group_by(*of)
    ).all()
    known = newest_known(((row[0], row[1]), row[2], row[3], row[5], row[6], row[4]) for row in rows)
    return known, {(row[0], row[1]) for row in rows if row[4] and row[2] == known[row[0], row[1]]}


def _usage(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of usage charges, with what they are of and whose they are."""
    return (
        select(*columns)
        .select_from(charge)
        .join(sku, sku.c.sku_key == charge.c.sku_key)
        .join(charge_kind, charge_kind.c.charge_kind_key == charge.c.charge_kind_key)
        .outerjoin(account, account.c.account_key == charge.c.account_key)
        .outerjoin(monthly, monthly.c.of_slice == charge.c.slice_id)
        .where(_USAGE)
    )


def _of_clouds(*columns: ColumnElement[Any], since: date) -> Select[Any]:
    """The same of what clouds charge for days since then, by the month since a month before."""
    before = since - _MONTH
    return _usage(*columns).where(
        sku.c.provider != OWN,
        case((_IS_MONTHLY, before <= _LAST_DAY), else_=since <= _LAST_DAY),
        charge.c.billing_month >= before.replace(day=1),
    )


def _is_evidence() -> ColumnElement[bool]:
    return sku.c.is_ai & ((charge.c.resource_key != 0) | func.coalesce(sku.c.platform == "token_api", False))


def _day_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)
