"""Which recommendations: the options that the list and the export share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from aispend.cli import doors
from aispend.errors import UsageError
from aispend.misnamed import did_you_mean, same

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


@dataclass(frozen=True)
class Narrowing:
    """Which recommendations, as typed."""

    state: StateOption = None
    kind: KindOption = None
    provider: ProviderOption = None
    account: AccountOption = None
    team: TeamOption = None
    model: ModelOption = None
    currency: CurrencyOption = None
    min_saving: MinSavingOption = None
    risk: RiskOption = None
    counted: CountedOption = False

    def given(self) -> tuple[str, ...]:
        """The options that were typed: ``--min-saving``."""
        return tuple(
            f"--{one.name.replace('_', '-')}" for one in fields(self) if getattr(self, one.name) != one.default
        )

    def chosen(self, window: Window | None) -> AdviceFilter:
        """As a filter. Raises ``UsageError`` for what is no state, kind, amount, risk or currency."""
        from reports.kinds import KINDS
        from reports.views import LIVE_STATES, STATES, AdviceFilter

        return AdviceFilter(
            states=_known("state", self.state, doors.listed(self.state), STATES) or LIVE_STATES,
            kinds=_known("kind", self.kind, doors.listed(self.kind), tuple(KINDS)),
            providers=tuple(name.lower() for name in doors.listed(self.provider)),
            accounts=_or_nobody(self.account),
            teams=_or_nobody(self.team),
            models=_or_nobody(self.model),
            currency=None if self.currency is None else doors.currency(self.currency, "--currency"),
            min_saving=None if self.min_saving is None else _amount(self.min_saving),
            max_risk=None if self.risk is None else _risk(self.risk),
            counted_only=self.counted,
            window=window,
        )


def narrowed(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with the options of :class:`Narrowing` in place of its parameter ``narrowing``, which holds them."""
    kinds = get_type_hints(Narrowing, include_extras=True)
    options = [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=kinds[one.name])
        for one in fields(Narrowing)
    ]
    parameters = [
        each.replace(kind=Parameter.KEYWORD_ONLY)
        for one in signature(command, eval_str=True).parameters.values()
        for each in (options if one.name == "narrowing" else [one])
    ]

    @wraps(command)
    def with_options(**typed: Any) -> None:
        command(narrowing=Narrowing(**{one.name: typed.pop(one.name) for one in options}), **typed)

    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return with_options


def _known(what: str, typed: str | None, chosen: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """The names meant by what was ``typed`` at the option called ``what``, in any case; ``UsageError`` for others."""
    found: list[str] = []
    for name in chosen:
        meant = same(name, names)
        if not meant:
            raise UsageError(
                f"There is no {what} {name!r}.",
                where=f"--{what} {typed}",
                next_step=f"{did_you_mean(name, names)}Choose from {', '.join(names)}.",
            )
        found += meant
    return tuple(found)


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
    return _RISKS.index(_known("risk", text, (name,), _RISKS)[0])
