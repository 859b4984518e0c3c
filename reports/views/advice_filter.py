"""Which recommendations are asked for: one filter for the page, the command line and the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_

from aispend.resource_id import plain_account
from aispend.schema import recommendation
from reports.views.basis import Window

STATES = ("open", "accepted", "snoozed", "dismissed", "done", "verified", "expired", "gone")
LIVE_STATES = ("open", "accepted", "snoozed", "dismissed", "done", "verified")
"""Shown unless asked otherwise: ``gone`` no longer applies, ``expired`` lost the telemetry it rests on."""
PROMISING_STATES = ("open", "accepted")
ENDED_STATES = ("expired", "gone")
"""What a run did not find any more."""


@dataclass(frozen=True)
class AdviceFilter:
    """What must fit, all of it; an empty tuple or None asks for nothing.

    None among accounts, teams or models stands for those of which none is known. ``min_saving`` is held against the
    net monthly saving of each alone, in its own currency; one whose saving is unknown does not reach it. ``max_risk``
    is 0 (none) to 4 (high). ``window`` keeps what was last confirmed in it (UTC days).
    """

    states: tuple[str, ...] = LIVE_STATES
    kinds: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    accounts: tuple[str | None, ...] = ()
    teams: tuple[str | None, ...] = ()
    models: tuple[str | None, ...] = ()
    currency: str | None = None
    min_saving: Decimal | None = None
    max_risk: int | None = None
    counted_only: bool = False
    window: Window | None = None

    @property
    def narrowing(self) -> tuple[str, ...]:
        """The filters that are set, beside the states and the period."""
        own = (field.name for field in fields(self) if field.name not in ("states", "window"))
        return tuple(name for name in own if getattr(self, name) not in ((), None, False))

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for a query on ``recommendation``."""
        r = recommendation.c
        found: list[ColumnElement[bool]] = [r.state.in_(self.states)]
        for column, wanted in (
            (r.kind, self.kinds),
            (r.provider, self.providers),
            (_ACCOUNT, tuple(None if name is None else plain_account(name) for name in self.accounts)),
            (r.team, self.teams),
            (r.model, self.models),
        ):
            if wanted:
                found.append(_among(column, wanted))
        if self.currency is not None:
            found.append(r.currency == self.currency)
        if self.min_saving is not None:
            found.append(r.monthly_saving_net >= self.min_saving)
        if self.max_risk is not None:
            found.append(r.risk <= self.max_risk)
        if self.counted_only:
            found.append(counts())
        if self.window is not None:
            confirmed = func.date(func.timezone("UTC", r.updated_at))
            found += [confirmed >= self.window.first, confirmed < self.window.end]
        return found


ALL = AdviceFilter()
"""Whatever has not gone or expired."""


def counts() -> ColumnElement[bool]:
    """Whether it is in the total: the last run counted it, and nobody has decided against it since."""
    return and_(recommendation.c.counted, recommendation.c.state.in_(PROMISING_STATES))


_ACCOUNT = func.regexp_replace(func.lower(recommendation.c.account), "^/subscriptions/", "")
"""As ``plain_account`` has it: a subscription is asked for by its id, whatever its bill writes before it."""


def _among(column: ColumnElement[str | None], wanted: Sequence[str | None]) -> ColumnElement[bool]:
    named = column.in_([one for one in wanted if one is not None])
    return or_(named, column.is_(None)) if None in wanted else named
