"""Tokens the bill charges for against tokens that were measured (promise 4).

Assumes     token-priced SKUs say how many tokens a pricing unit is; ``inference_hour`` counts the same classes.
Method      Per provider, account, model, unit class and calendar month, day by day: measured tokens less billed ones.
            Each day's difference goes to the first cause that holds for the day; what is left is unexplained.
Causes      late data         the day lies after the newest day of that provider's usage, or of the payer's bill
            missing rows      usage of the model was measured on other days, but not on this one, or never; or a
                              day was measured that the bill has no charge for
            rounding          at most half of the last decimal of the billed quantity, for each line: of the most
                              decimals a line of the meter has in the payer's bills, for a 0 at the end is not written
            unexplained       both sides have the day and differ
Cases       Usage without an account belongs to the one account that is billed for the model, if there is only one. Of
            several it may be any's: it is named at each, and what they lack of a day fails only where it is more than
            what names none on it, each by itself and all of them together.
            Usage of a resource that is paid for, or has accelerators, but not by the token is no API's: an own server.
            A month whose bill is open or provisional is an *estimate*, any other is *final*. Only a final month fails,
            and only where both sides cover the same: what is unexplained, of days that have tokens on both, of usage
            that names its account, is more than :data:`TOLERANCE` of what was billed on these days.
Drawbacks   Days of a bill that are not UTC days (Google's) shift a few hours of tokens from one month to the next.
            A gateway that only a part of the traffic passes fails until the setting says how much that may be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Connection, Date, Select, cast, column, func, or_, select, text

from aispend.money import exact_sum
from aispend.store.telemetry import resolved_inference_hours
from analyzer.findings import Finding, minus, plain

PROMISE = "billed tokens are measured tokens"
TOLERANCE = Decimal("0.02")
"""Share of billed tokens that may be unexplained where no setting says otherwise.

A day that begins up to eight hours from UTC (Google's in winter) moves a third of a day across either end of what is
compared: 1.1 % of a month of 30 days. Requests cut off midway are billed and their last counts never reach a gateway:
below 1 % where few fail. Both together round to 2 %; what counts tokens by another tokenizer is far beyond it.
"""

_HANDOVER = timedelta(days=6)
"""How long two payers may be charged for an account that goes from one to the other."""

_ESTIMATES = ("open", "provisional")

_Key = tuple[str, str, str, str, date]
"""Provider, account, model, unit class, month."""


@dataclass
class Billed:
    """Tokens charged for, by day; ``rounding`` is half of the last decimal for each line of a day."""

    by_day: dict[date, Decimal] = field(default_factory=dict)
    rounding: dict[date, Decimal] = field(default_factory=dict)
    estimated: bool = False


@dataclass
class Measured:
    """Tokens counted, by day; ``account_assumed`` where some of it names no account.

    ``nameless`` are tokens of days that name no account where several are billed: in no account's ``by_day``.
    """

    by_day: dict[date, Decimal] = field(default_factory=dict)
    account_assumed: bool = False
    nameless: dict[date, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Newest:
    """The newest day a provider's usage and the payer's bill have; None where there is nothing at all."""

    usage: date | None
    bill: date | None


@dataclass(frozen=True)
class Residual:
    """Measured less billed tokens, by cause; the causes add up to ``total``."""

    total: Decimal
    causes: Mapping[str, Decimal]
    days: Mapping[str, int]

    @property
    def unexplained(self) -> Decimal:
        """What has no cause."""
        return self.causes.get("unexplained", Decimal(0))


def residual(measured: Mapping[date, Decimal], billed: Billed, newest: Newest) -> Residual:
    """Name the difference day by day."""
    parts: dict[str, list[Decimal]] = defaultdict(list)
    for day in sorted({*measured, *billed.by_day}):
        ours, theirs = measured.get(day), billed.by_day.get(day)
        difference = minus(ours or Decimal(0), theirs or Decimal(0))
        if difference:
            parts[_cause(day, ours, theirs, billed, newest)].append(difference)
    return Residual(
        total=exact_sum(amount for amounts in parts.values() for amount in amounts),
        causes={cause: exact_sum(amounts) for cause, amounts in parts.items()},
        days={cause: len(amounts) for cause, amounts in parts.items()},
    )


def _cause(day: date, ours: Decimal | None, theirs: Decimal | None, billed: Billed, newest: Newest) -> str:
    if theirs is None:
        late = newest.bill is None or day > newest.bill
        return "late data, the bill is older" if late else "missing rows, days without a charge"
    if ours is None:
        late = newest.usage is not None and day > newest.usage
        return "late data, usage is older" if late else "missing rows, days without usage"
    return (
        "rounding in the export" if abs(minus(ours, theirs)) <= billed.rounding.get(day, Decimal(0)) else "unexplained"
    )


def billed_tokens_are_measured(connection: Connection, tolerance: Decimal = TOLERANCE) -> Iterator[Finding]:
    """One finding for each provider, account, model, unit class and month whose tokens are billed.

    ``tolerance`` is the share of the tokens billed on days both sides have that may be unexplained in a final month.
    """
    billed: dict[_Key, Billed] = defaultdict(Billed)
    names: dict[tuple[str, str], str] = {}
    for row in connection.execute(text(_BILLED)).mappings():
        for name in row["names"]:
            names[row["provider"], name] = row["account"]
        key = (row["provider"], row["account"], row["model"], row["unit_class"], row["day"].replace(day=1))
        found = billed[key]
        found.by_day[row["day"]] = exact_sum((found.by_day.get(row["day"], Decimal(0)), row["tokens"]))
        found.rounding[row["day"]] = exact_sum((found.rounding.get(row["day"], Decimal(0)), row["rounding"]))
        found.estimated = found.estimated or row["estimated"]
    if not billed:
        return
    bill_days = _bill_days(connection)
    measured, usage_days = _measured(connection, billed, names)
    made_up = _made_up(billed, measured, tolerance)
    for key in sorted(billed):
        ours = measured.get(key, Measured())
        one = residual(
            ours.by_day, billed[key], Newest(usage_days.get(key[0]), bill_days.get((key[0], key[1], key[4])))
        )
        yield _finding(key, billed[key], ours, one, tolerance, is_made_up=key in made_up)


def _bill_days(connection: Connection) -> dict[tuple[str, str, date], date]:
    """The newest day of the bills of each provider, account and month: of what its payer was charged for by any."""
    newest: dict[tuple[str, str], date] = {}
    charged: dict[tuple[str, str, date], list[tuple[str, date, date]]] = defaultdict(list)
    for provider, payer, account, month, first, last in connection.execute(text(_CHARGED_DAYS)):
        newest[provider, payer] = max(last, newest.get((provider, payer), last))
        charged[provider, account, month].append((payer, first, last))
    return {
        key: min(
            newest[key[0], payer]
            for payer, _, last in several
            if not any(then > last and since >= last - _HANDOVER for _, since, then in several)
        )
        for key, several in charged.items()
    }


def _made_up(billed: Mapping[_Key, Billed], measured: Mapping[_Key, Measured], tolerance: Decimal) -> set[_Key]:
    """Accounts whose lack beyond what is tolerated may be what names no account, on the days it names none.

    Of a model all that lack so little, or none of them where there is not enough for them together.
    """
    lacking: dict[tuple[str, str, str, date], list[tuple[_Key, Decimal, dict[date, Decimal]]]] = defaultdict(list)
    for key, ours in measured.items():
        theirs = billed[key].by_day
        lacks = {day: minus(theirs[day], ours.by_day[day]) for day in theirs if day in ours.by_day}
        tolerated = tolerance * abs(exact_sum(theirs[day] for day in lacks))
        beyond = minus(exact_sum(lacks.values()), tolerated)
        there = {day: min(lack, ours.nameless.get(day, Decimal(0))) for day, lack in lacks.items() if lack > 0}
        if 0 < beyond <= exact_sum(there.values()):
            lacking[key[0], key[2], key[3], key[4]].append((key, beyond, there))
    found: set[_Key] = set()
    for several in lacking.values():
        nameless = measured[several[0][0]].nameless
        there = {
            day: min(tokens, exact_sum(of.get(day, Decimal(0)) for _, _, of in several))
            for day, tokens in nameless.items()
        }
        if exact_sum(beyond for _, beyond, _ in several) <= exact_sum(there.values()):
            found |= {key for key, _, _ in several}
    return found


def _measured(
    connection: Connection, billed: Mapping[_Key, Billed], names: Mapping[tuple[str, str], str]
) -> tuple[dict[_Key, Measured], dict[str, date]]:
    """Tokens by the same keys, and the newest day of each provider's usage."""
    accounts: dict[tuple[str, str, str, date], set[str]] = defaultdict(set)
    for provider, account, model, unit_class, month in billed:
        accounts[provider, model, unit_class, month].add(account)
    found: dict[_Key, Measured] = defaultdict(Measured)
    newest: dict[str, date] = {}
    for provider, account, model, unit_class, day, quantity in connection.execute(_measured_tokens()):
        newest[provider] = max(day, newest.get(provider, day))
        month = day.replace(day=1)
        billed_to = accounts.get((provider, model, unit_class, month), set())
        if account is None and len(billed_to) > 1:
            for one_of_them in billed_to:
                nameless = found[provider, one_of_them, model, unit_class, month].nameless
                nameless[day] = exact_sum((nameless.get(day, Decimal(0)), quantity))
            continue
        known = next(iter(billed_to)) if account is None and billed_to else account or ""
        key = (provider, names.get((provider, known), known), model, unit_class, month)
        if key in billed:
            one = found[key]
            one.by_day[day] = exact_sum((one.by_day.get(day, Decimal(0)), quantity))
            one.account_assumed = one.account_assumed or account is None
    return found, newest


def _finding(
    key: _Key, billed: Billed, measured: Measured, one: Residual, tolerance: Decimal, *, is_made_up: bool
) -> Finding:
    provider, account, model, unit_class, month = key
    parts = [
        f"{plain(amount, sign=True)} {cause} ({one.days[cause]} day{'s' if one.days[cause] > 1 else ''})"
        for cause, amount in one.causes.items()
    ]
    covered = exact_sum(billed.by_day[day] for day in billed.by_day if day in measured.by_day)
    beyond = abs(one.unexplained) > tolerance * abs(covered)
    holds = billed.estimated or measured.account_assumed or is_made_up or not beyond
    if measured.nameless:
        nameless = plain(exact_sum(measured.nameless.values()))
        parts.append(f"{nameless} measured in the month name no account: of them some may be this one's")
    if not holds:
        parts.append(
            f"more than {plain(tolerance * 100)} % of the {plain(covered)} billed on the days both have: hold the"
            " gateway's records of these days against the provider's, or set [reconcile] usage_tolerance to the share"
            " that does not pass the gateway"
        )
    elif beyond and measured.account_assumed:
        parts.append("the usage names no account, so it need not be this one's")
    finality = "estimate" if billed.estimated else "final"
    return Finding(
        promise=PROMISE,
        scope=f"{provider} {account} {model} {unit_class}",
        period=month,
        currency=None,
        ours=exact_sum(measured.by_day.values()) if measured.by_day else None,
        theirs=exact_sum(billed.by_day.values()),
        difference=one.total,
        cause=f"{finality}: {'; '.join(parts) or 'equal'}",
        holds=holds,
        attention=bool(measured.nameless) or any(cause != "rounding in the export" for cause in one.causes),
        unit="tokens",
    )


_NAME = "regexp_replace(lower({}), '^/subscriptions/', '')"

_CLASSES = ("input", "cached_input", "cache_write", "output")
_BY_TOKEN = f"model IS NOT NULL AND unit_class IN {_CLASSES}"

_BILLED = f"""
    SELECT a.provider, {_NAME.format("coalesce(a.sub_account_id, a.billing_account_id)")} AS account,
           array_remove(array_agg(DISTINCT {_NAME.format("coalesce(a.sub_account_id, a.billing_account_id)")})
             || array_agg(DISTINCT {
    _NAME.format("CASE WHEN a.sub_account_id IS NULL THEN a.billing_account_name ELSE a.sub_account_name END")
}), NULL) AS names,
           lower(k.model) AS model, k.unit_class, c.charge_date AS day,
           sum(c.pricing_quantity * k.units_per_pricing_unit) AS tokens,
           sum(c.line_count * k.units_per_pricing_unit * 0.5 * power(10::numeric, -c.decimals)) AS rounding,
           bool_or(c.state = ANY('{{{",".join(_ESTIMATES)}}}')) AS estimated
    FROM (SELECT * FROM sku WHERE {_BY_TOKEN} AND units_per_pricing_unit IS NOT NULL) AS k
    JOIN (
        SELECT c.*, s.state, max(scale(c.pricing_quantity)) OVER (PARTITION BY s.scope, s.dataset, sku_key) AS decimals
        FROM charge c
        JOIN slice s ON s.slice_id = c.slice_id AND s.period = c.billing_month AND s.kind = 'bill'
        JOIN charge_kind USING (charge_kind_key)
        WHERE c.pricing_quantity IS NOT NULL AND charge_category = 'Usage'
          AND sku_key IN (SELECT sku_key FROM sku WHERE {_BY_TOKEN})) AS c USING (sku_key)
    JOIN account a USING (account_key)
    GROUP BY 1, 2, 4, 5, 6"""

_CHARGED_DAYS = f"""
    SELECT d.provider, s.scope, {_NAME.format("d.account")}, date_trunc('month', d.charge_date::timestamp)::date,
           min(d.charge_date), max(d.charge_date)
    FROM spend_day d JOIN slice s USING (slice_id) WHERE d.charge_category = 'Usage' GROUP BY 1, 2, 3, 4"""

_OWN_SERVERS = f"""
    (SELECT resource_key FROM spend_resource_month WHERE resource_key <> 0 AND charge_category = 'Usage'
     UNION SELECT resource_key FROM resource WHERE accelerators > 0)
    EXCEPT SELECT c.resource_key FROM charge c JOIN sku USING (sku_key) WHERE {_BY_TOKEN}"""


def _measured_tokens() -> Select[Any]:
    """Tokens by provider, account, model, class and UTC day, but for those of own servers."""
    u = resolved_inference_hours().subquery().c
    day = cast(func.timezone("UTC", u.hour), Date)
    account = func.regexp_replace(func.lower(u.account), "^/subscriptions/", "")
    own = text(_OWN_SERVERS).columns(column("resource_key", BigInteger)).subquery()
    return (
        select(func.lower(u.provider), account, func.lower(u.model), u.unit_class, day, func.sum(u.quantity))
        .where(u.model.is_not(None), u.provider.is_not(None), u.unit_class.in_(_CLASSES))
        .where(or_(u.resource_key.is_(None), u.resource_key.not_in(select(own.c.resource_key))))
        .group_by(text("1, 2, 3, 4, 5"))
    )
