"""How a person reads numbers: rounded for the eye, grouped, with their unit. Only here is anything rounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from aispend import percents
from aispend.money import exact_sum, rate
from reports.kinds import KINDS
from reports.views import (
    ENDED_STATES,
    Basis,
    EnergyUse,
    LeftOut,
    ModelLifecycle,
    ModelLifecycleIn,
    SavedItem,
    Window,
)

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_LARGE: tuple[tuple[int, str], ...] = ((10**12, "T"), (10**9, "G"), (10**6, "M"))
_STEPS = {"proposed": "new", "gone": "no longer found", "expired": "not measured any more"}
_OUTCOMES = {
    "within": "verified: as promised",
    "above": "verified: more than promised",
    "miss": "verified: a miss",
    "saved": "verified: less than promised",
}
_RISKS = ("none", "very low", "low", "medium", "high")
PROVIDERS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", "oci": "Oracle Cloud"}
"""What people call the clouds; another provider goes by the name it has in its bill."""

UNKNOWN = "–"
"""Shown for what is not known, which is not zero."""


def money(amount: Decimal | None) -> str:
    """Two decimals, grouped: ``1,234.50``; a part of a cent keeps two digits that mean something: ``0.0012``."""
    if amount is None:
        return UNKNOWN
    cents = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)
    if cents or not amount:
        return f"{cents or Decimal('0.00'):,}"
    return f"{amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1), rounding=ROUND_HALF_EVEN):f}"


def unit_price(amount: Decimal | None) -> str:
    """A price per unit: four digits that mean something, since cents hide what a token costs, and cents at least."""
    if amount is None or not amount:
        return money(amount)
    decimals = min(max(3 - amount.adjusted(), 2), 12)
    return f"{amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN):,}"


def percent(share: Decimal | None, decimals: int = 0) -> str:
    """``0.123`` as ``12 %``."""
    return UNKNOWN if share is None else percents.percent(share, decimals)


def at_most(bound: Decimal) -> str:
    """An upper bound of a share: ``at most 1.2 %``; one that rounds to nothing is not said to be none."""
    share = percent(bound, 1)
    return "less than 0.1 %" if bound > 0 and share == "0.0 %" else f"at most {share}"


def share_spent(actual: Decimal | None, amount: Decimal) -> str:
    """What is spent of a budget: ``84 %``; net spend below zero is no share of it, and nearly all of it is not all."""
    if actual is None:
        return "nothing known yet"
    if actual < 0:
        return "below zero"
    share = percent(rate(actual, amount))
    return f"nearly {share}" if actual < amount and share == "100 %" else share


def change(ratio: Decimal | None) -> str:
    """A relative change with its sign: ``+12.0 %``."""
    return UNKNOWN if ratio is None else f"{(ratio or Decimal(0)) * 100:+,.1f} %"


def count(number: Decimal | int | None) -> str:
    """A count, grouped; from a million on in millions, thousands of millions and so on."""
    if number is None:
        return UNKNOWN
    exact = Decimal(number)
    for size, unit in _LARGE:
        if abs(exact) >= size:
            return f"{exact / size:,.1f} {unit}"
    return f"{exact:,.0f}"


def figure(amount: Decimal, digits: int = 3) -> str:
    """A measured quantity: so many digits that mean something, and all before the point: ``0.0752``, ``1,234``."""
    decimals = max(digits - 1 - amount.adjusted(), 0) if amount else 0
    return f"{amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN).normalize():,f}"


def moment(instant: datetime | None) -> str:
    """``2026-11-20 06:00 UTC``."""
    return UNKNOWN if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def period(window: Window) -> str:
    """The first and the last day included, and how many that is."""
    return f"{window.first} to {window.last} ({window.days} day{'s' if window.days != 1 else ''})"


def month(first: date) -> str:
    """``November 2026``, in English whatever the machine speaks."""
    return f"{_MONTHS[first.month - 1]} {first.year}"


def cost_name(column: str) -> str:
    """``effective_cost`` as a person says it."""
    return column.replace("_", " ")


def kind_name(kind: str) -> str:
    """A kind of recommendation as what to do: ``stop_idle`` is ``switch off``."""
    known = KINDS.get(kind)
    return known.does if known else kind.replace("_", " ")


def change_name(event: str) -> str:
    """A step of a recommendation as what happened to it: ``proposed`` is ``new``."""
    return _STEPS.get(event, event.replace("_", " "))


def outcome_name(item: SavedItem) -> str:
    """What became of a recommendation that was accepted or done, in a few words."""
    if item.done_on is None:
        return "accepted, not done yet" if item.state not in ENDED_STATES else f"accepted, not done, {item.state} since"
    parts = [_OUTCOMES[item.outcome] if item.outcome else f"done on {item.done_on}, not verified yet"]
    if item.outcome == "saved" and item.predicted_net is None:
        parts = ["verified: no amount was promised"]
    if item.undone_on is not None:
        parts.append(f"taken back on {item.undone_on}")
    if item.still_paid:
        parts.append("still paid for")
    if item.restarted_on is not None:
        parts.append(f"started again on {item.restarted_on}")
    if item.proposed_as is not None:
        parts.append(f"came back, proposed anew as {item.proposed_as[:8]}")
    return ", ".join(parts)


def risk_name(level: int) -> str:
    """A risk from 0, ``none``, to 4, ``high``."""
    return _RISKS[level]


def saving_range(low: Decimal | None, high: Decimal | None) -> str:
    """From the 10th to the 90th percentile of a saving; unknown where the two are one number, which is no range."""
    return UNKNOWN if low is None or high is None or low == high else f"{money(low)} – {money(high)}"


def inclusion(basis: Basis) -> str:
    """What is in a set of numbers and what is not. Only tax that cannot be claimed back is ever AI spend."""
    if basis.scope == "all spend":
        return f"without {' and '.join(basis.without)}" if basis.without else tax_included(basis.tax_apart)
    others = [category for category in basis.without if category != "tax"]
    tax = before_tax(has_lost_tax=basis.has_lost_tax)
    return f"{tax}, without {' and '.join(others)}" if others else f"{tax}, credits included"


def tax_included(apart: Sequence[str]) -> str:
    """That tax and credits are in a set of numbers, but for the tax of providers that have it on invoices alone."""
    names = [PROVIDERS.get(name, name) for name in apart]
    if not names:
        return "tax and credits included"
    whose = f"{names[0]}'s tax is on its" if len(names) == 1 else f"the tax of {' and '.join(names)} is on their"
    return f"tax and credits included ({whose} invoices alone)"


def before_tax(*, has_lost_tax: bool) -> str:
    """How AI spend treats tax: without any, or but for what cannot be claimed back."""
    return "before tax that can be claimed back" if has_lost_tax else "before tax"


def basis_lines(basis: Basis) -> list[str]:
    """The terms of a set of numbers, for under a table or a chart."""
    if basis.window is None:
        return []
    axis = "charge day" if basis.axis == "usage" else "billing month"
    lines = [
        f"{basis.scope[0].upper()}{basis.scope[1:]} by {cost_name(basis.cost)}, {inclusion(basis)}; "
        f"{axis} {period(basis.window)}."
    ]
    if basis.data_as_of is not None:
        final = ", ".join(
            f"{percent(share)} final" + (f" in {currency}" if len(basis.final_share) > 1 else "")
            for currency, share in basis.final_share.items()
        )
        lines.append(f"Data as of {moment(basis.data_as_of)}, newest charge day {basis.newest_day}; {final}.")
    if basis.allocation:
        lines.insert(1, allocation_line(basis.allocation))
    gaps = [gap for gap in basis.gaps if basis.cost in gap.unknown]
    if gaps:
        bills = ", ".join(sorted({f"{gap.provider} {gap.scope}" for gap in gaps}))
        lines.append(f"* does not cover bills that give no {cost_name(basis.cost)}: {bills}.")
    if basis.cost in basis.lacking:
        lines.append(f"* does not cover charges whose {cost_name(basis.cost)} the bill leaves out: unknown, not zero.")
    if basis.pending:
        lines.append(pending(basis.pending))
    return lines


def carbon_free_line(found: EnergyUse) -> str | None:
    """How much of the energy was carbon-free, where the provider says so; None where none does."""
    known = [row for row in found.rows if row.carbon_free_kwh is not None and row.kwh is not None]
    of = sum((row.kwh.mid for row in known if row.kwh), Decimal(0))
    if not of:
        return None
    share = sum((row.carbon_free_kwh for row in known if row.carbon_free_kwh is not None), Decimal(0)) / of
    providers = ", ".join(sorted({PROVIDERS.get(row.provider, row.provider) for row in known}))
    return (
        f"Of the {figure(of)} kWh at {providers}, {percent(share)} was carbon-free in the hour it was used, by what the"
        " provider says of its contracts and grids; the carbon above, location-based, is not lowered by it."
    )


_DIVIDED_BY = {
    "residual": "list price (CPUs and memory at their own rate, accelerators the rest)",
    "aws_accelerated": "AWS's weights (9 an accelerator, 0.9 a vCPU, 0.1 a GiB)",
    "95_3_2": "fixed parts (95 % accelerators, 3 % CPUs, 2 % memory)",
    "aws_plain": "AWS's weights without accelerators (9 a vCPU, 1 a GiB)",
    "accelerators": "accelerators alone",
    "idle separate": "idle time apart",
    "idle weighted": "idle time with those who held the machine, by what they held",
    "idle even": "idle time with those who held the machine, in equal parts",
    "idle owner": "idle time with its owner",
    "stranded idle": "CPUs and memory left beside taken accelerators idle too",
}


def allocation_line(allocation: Iterable[str]) -> str:
    """How machines were divided over those who shared them; nothing where that is not known."""
    told = [", ".join(_DIVIDED_BY.get(part, part) for part in named.split(", ")) for named in allocation]
    return f"Machines divided by {'; in other months by '.join(told)}." if told else ""


_WHY_LEFT_OUT = {
    "unlogged": "accelerators worked, no request logged",
    "not collected": "not collected",
    "beyond": "before or after all requests logged",
}
_MODELS_TOLD = 3


def left_out_line(left_out: Iterable[LeftOut]) -> str | None:
    """Days that are in no rate since nobody knows what was served, by model and why; None where there are none."""
    told: dict[str, list[str]] = {}
    as_billed: dict[str, list[str]] = {}
    for one in left_out:
        days = f"{one.days} day{'s' if one.days > 1 else ''}"
        name = f"{one.model} ({PROVIDERS.get(one.provider, one.provider)})"
        if one.why == "account":
            as_billed.setdefault(name, []).append(days)
        else:
            told.setdefault(name, []).append(f"{days} ({_WHY_LEFT_OUT[one.why]})")
    lines = []
    if told:
        lines.append(f"In no rate, for nobody knows what was served: {_models_told(told)}.")
    if as_billed:
        lines.append(
            f"In no rate per request, for no log names the account, its tokens as billed: {_models_told(as_billed)}."
        )
    return " ".join(lines) or None


def _models_told(told: Mapping[str, Sequence[str]]) -> str:
    models = [f"{name} {', '.join(days)}" for name, days in told.items()]
    more = [f"{len(models) - _MODELS_TOLD} more models"] if len(models) > _MODELS_TOLD else []
    return "; ".join([*models[:_MODELS_TOLD], *more])


def shared_line(rows: Iterable[ModelLifecycle | ModelLifecycleIn]) -> str | None:
    """Whose view of stages a lifecycle is, where shared costs make it another than that of unit costs."""
    sums: dict[str, list[Decimal]] = {}  # in the order of the rows
    for row in rows:
        if row.model is not None and row.shared_cost:
            sums.setdefault(row.currency, []).append(row.shared_cost)
    told = [f"{money(exact_sum(costs))} {currency}" for currency, costs in sums.items()]
    return (
        f"Stages are as the bill says: {', '.join(told)} of other are parts of shared costs, in neither side of the "
        "ratio; unit-costs puts them where each model served."
        if told
        else None
    )


def shared_stage_line(shared: Mapping[str, Decimal]) -> str | None:
    """What of spend by stage, by currency, unit costs have under another stage; None where there is nothing."""
    told = ", ".join(f"{money(amount)} {currency}" for currency, amount in shared.items())
    return (
        f"Stages are as the bill says: {told} under no stage known are parts of shared costs; "
        "unit-costs puts them where each model served."
        if told
        else None
    )


def conversion_lines(currency: str, oldest_rate: date | None, unconverted: Mapping[str, Decimal]) -> list[str]:
    """At which rates amounts were brought into one currency, and what stayed out of it for want of one."""
    oldest = f" Oldest rate used: {oldest_rate}." if oldest_rate else ""
    return [
        f"In {currency} at the rate of each charge's day, converted once.{oldest}",
        *unconverted_lines(unconverted),
    ]


def unconverted_lines(unconverted: Mapping[str, Decimal]) -> list[str]:
    """What is in no number for want of an exchange rate, and what to do; nothing where there is none."""
    amounts = ", ".join(f"{money(amount)} {code}" for code, amount in sorted(unconverted.items()))
    return [f"Not in it, for want of a rate: {amounts}. Load rates: aispend import-rates FILE"] if amounts else []


def currencies_apart(codes: Iterable[str]) -> list[str]:
    """Where amounts of several currencies stand below each other: what there is in one. Nothing for a single one.

    ``codes``: in the order of the rows, the one to offer first.
    """
    several = list(dict.fromkeys(codes))
    if len(several) < 2:
        return []
    return [
        f"{', '.join(several[:-1])} and {several[-1]} are not added here. Spend, and why it changed, in one of them: "
        f"aispend spend --in {several[0]}, aispend why --in {several[0]}"
    ]


def pending(months: int) -> str:
    """What is loaded but not in the numbers, and what to do about it."""
    return (
        f"{months} billing month{'s are' if months != 1 else ' is'} loaded but not analyzed, "
        "and not in these numbers. Run: aispend analyze"
    )
