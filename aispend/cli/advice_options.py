"""Which recommendations: the options that the list and the export share."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors
from aispend.errors import UsageError

if TYPE_CHECKING:
    from reports.views import AdviceFilter, Window

NOBODY = "unknown"
"""Written for those of which no account, team or model is known."""
_RISKS = ("none", "very low", "low", "medium", "high")

StateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE,…",
        help="open, accepted, snoozed, dismissed, done, verified, expired, gone. Default: all but the last two.",
        show_default=False,
    ),
]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND,…", help="Kinds of advice: stop_idle, rightsize …", show_default=False),
]
ProviderOption = Annotated[
    str | None, typer.Option("--provider", metavar="NAME,…", help="aws, gcp, azure …", show_default=False)
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="ID,…", help="Accounts; unknown: none is known.", show_default=False),
]
TeamOption = Annotated[
    str | None, typer.Option("--team", metavar="NAME,…", help="Teams; unknown: none is known.", show_default=False)
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME,…", help="Models; unknown: none is known.", show_default=False)
]
CurrencyOption = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="Those in this currency alone.", show_default=False)
]
MinSavingOption = Annotated[
    str | None,
    typer.Option("--min-saving", metavar="AMOUNT", help="Least net saving a month of each.", show_default=False),
]
RiskOption = Annotated[
    str | None,
    typer.Option(
        "--risk", metavar="RISK", help="Risk of acting at most: none, very low, low, medium, high.", show_default=False
    ),
]
CountedOption = Annotated[bool, typer.Option("--counted", help="Only what is in the total.", show_default=False)]


def asked(
    *,
    state: str | None,
    kind: str | None,
    provider: str | None,
    account: str | None,
    team: str | None,
    model: str | None,
    currency: str | None,
    min_saving: str | None,
    risk: str | None,
    counted: bool,
    window: Window | None,
) -> AdviceFilter:
    """The filter these options ask for. Raises ``UsageError`` for what is no state, kind, amount, risk or currency."""
    from reports.kinds import KINDS
    from reports.views import LIVE_STATES, STATES, AdviceFilter

    return AdviceFilter(
        states=_known("state", doors.listed(state), STATES) or LIVE_STATES,
        kinds=_known("kind", doors.listed(kind), tuple(KINDS)),
        providers=tuple(name.lower() for name in doors.listed(provider)),
        accounts=_or_nobody(account),
        teams=_or_nobody(team),
        models=_or_nobody(model),
        currency=None if currency is None else doors.currency(currency, "--currency"),
        min_saving=None if min_saving is None else _amount(min_saving),
        max_risk=None if risk is None else _risk(risk),
        counted_only=counted,
        window=window,
    )


def _known(what: str, chosen: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    for name in chosen:
        if name not in names:
            raise UsageError(f"There is no {what} {name!r}.", next_step=f"Choose from {', '.join(names)}.")
    return chosen


def _or_nobody(text: str | None) -> tuple[str | None, ...]:
    return tuple(None if name == NOBODY else name for name in doors.listed(text))


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise UsageError("This is not an amount.", where=f"--min-saving {text}", next_step="Write a number: 250.")
    return amount


def _risk(text: str) -> int:
    name = text.strip().lower().replace("_", " ").replace("-", " ")
    return _RISKS.index(_known("risk", (name,), _RISKS)[0])
