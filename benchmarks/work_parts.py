"""What a piece of labelled work consists of, as its company would deliver it: charges, records, listings, settings.

Hours are counted from ``FIRST``; the last day of all is the day before ``rightness.TODAY``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.rightness import TODAY

Hours = NDArray[np.int64]
Floats = NDArray[np.float64]
Right = Literal["wanted", "wrong", "behind a gate", "if it pays", "fine"]
"""``behind a gate``: never without something to be shown first. ``if it pays``: right where its amount fits what runs
now. ``fine``: a careful engineer could say either."""

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = (datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - FIRST).days
HOURS = DAYS * 24
TEAMS = ("support", "search", "personalisation", "catalog", "marketing", "research", "supply-chain")
REGIONS = ("us-west-2", "us-east-2")
PREFIX = {"us-west-2": "USW2", "us-east-2": "USE2"}
ON_DEMAND = {
    "g4dn.xlarge": "0.526", "g5.xlarge": "1.006", "g5.12xlarge": "5.672", "g6.xlarge": "0.8048",
    "g6.12xlarge": "4.6016", "p4d.24xlarge": "21.957642",
}  # fmt: skip
"""An hour of the machines that are drawn, in US dollars at list price."""
CARDS = {"g5.12xlarge": 4, "g6.12xlarge": 4, "p4d.24xlarge": 8}
TOKENS = {
    "claude-sonnet-4": ("Claude4Sonnet", ("3", "0.3", "3.75", "15")),
    "nova-pro": ("NovaPro", ("0.8", "0.2", "0", "3.2")),
    "mistral-7b": ("Mistral7B", ("0.15", "0.15", "0", "0.2")),
}
"""Name on the bill; a million tokens of input, read from the cache, written to it, output."""
METERS = ("input-tokens", "cache-read-input-token-count", "cache-write-input-token-count", "output-tokens")


@dataclass(frozen=True)
class Charge:
    """Lines of one thing: ``start`` hour, ``quantity`` of ``unit`` and ``price`` of one; each spans ``span`` hours."""

    service: str
    meter: str
    unit: str
    price: Decimal
    start: Hours
    quantity: Floats
    span: int = 1
    resource: str = ""
    machine: str = ""
    zone: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    pricing: Literal["Standard", "Dynamic", "Committed"] = "Standard"
    paid: Decimal = Decimal(1)
    """Share of the list price that is paid."""
    reservation: str = ""
    """The capacity reservation it ran in, or whose empty machines it is the charge for."""


@dataclass(frozen=True)
class Asked:
    """What was recorded by the hour: requests, and tokens of each of ``METERS``."""

    start: Hours
    requests: Floats
    tokens: tuple[Floats, Floats, Floats, Floats]
    endpoint: str
    model: str
    tier: str = "standard"
    resource: str = ""


@dataclass(frozen=True)
class Attempt:
    """A run, or a try of it, on a machine: hours from ``start`` on, and how the scheduler says it ended."""

    workload: str
    resource: str
    start: float
    hours: float
    outcome: str


@dataclass(frozen=True)
class Measured:
    """Accelerators of a machine by quarter of an hour, all alike: activity (0 to 1) and memory held (0 to 1)."""

    resource: str
    cards: int
    start: int
    activity: Floats
    memory: float


@dataclass(frozen=True)
class Curve:
    """Values of a run's validation loss, evenly over the hours it ran."""

    workload: str
    start: float
    hours: float
    values: Floats


@dataclass(frozen=True)
class Unit:
    """A piece of work with the class it is of: what the bill, the records and the listings know of it.

    Everything of it stands in an ``account`` (and book) of its own, by which advice is recognised; where several
    models are bought there, advice on ``model`` alone is asked about. ``inventory``, ``costs`` and ``snapshots`` are
    rows in the columns of their forms. ``kept`` are places that no command may name. ``oldest_days`` is the age of
    what is stored.
    """

    account: str
    label: str
    region: str
    team: str
    model: str | None = None
    payer: str | None = None
    charges: tuple[Charge, ...] = ()
    asked: tuple[Asked, ...] = ()
    stage: str = "training"
    attempts: tuple[Attempt, ...] = ()
    measured: tuple[Measured, ...] = ()
    curves: tuple[Curve, ...] = ()
    inventory: tuple[Mapping[str, str], ...] = ()
    costs: tuple[Mapping[str, str], ...] = ()
    snapshots: tuple[Mapping[str, object], ...] = ()
    settings: str = ""
    kept: tuple[str, ...] = ()
    oldest_days: int = 0

    def also(self, **more: object) -> Unit:
        """The same with other parts."""
        return replace(self, **more)  # type: ignore[arg-type]


Draw = Callable[[np.random.Generator, Unit], Unit]


@dataclass(frozen=True)
class Work:
    """A class of work: the right answer of each kind of advice that is judged on it, and how one is drawn."""

    name: str
    right: Mapping[str, Right]
    draw: Draw
    estimates: bool = False
    """Whether a projection that never counts is the advice that is asked for."""
    most: int = field(default=99)
    """How many of it there can be: of what is told apart by the model's name alone."""


def one(rng: np.random.Generator, names: Sequence[str]) -> str:
    """One of the names."""
    return names[int(rng.integers(len(names)))]


def ago(days: float) -> datetime:
    """An instant so many days before the end."""
    return FIRST + timedelta(days=DAYS - days)


def machine_id(unit: Unit, number: int) -> str:
    """A machine's id on the bill."""
    return f"i-0{unit.account[:11]}{number:05d}"


def every_hour(first_day: int = 0, end_day: int = DAYS) -> Hours:
    """All hours of some days."""
    return np.arange(first_day * 24, end_day * 24)


def of_day(hours: Hours, begin: int, end: int, *, workdays: bool = True) -> Hours:
    """Those of the hours from ``begin`` to ``end`` o'clock."""
    weekday = (hours // 24 + FIRST.weekday()) % 7
    return hours[(hours % 24 >= begin) & (hours % 24 < end) & (~np.bool_(workdays) | (weekday < 5))]


def machine(
    unit: Unit,
    number: int,
    kind: str,
    hours: Hours,
    *,
    stage: str = "training",
    pricing: Literal["Standard", "Dynamic", "Committed"] = "Standard",
    zone: str = "a",
    tags: tuple[tuple[str, str], ...] = (),
) -> Charge:
    """A machine on the bill, hour by hour."""
    meter = {"Dynamic": "SpotUsage"}.get(pricing, "BoxUsage")
    own = (("team", unit.team), ("stage", stage), *((("model", unit.model),) if unit.model else ()), *tags)
    return Charge(
        "Amazon Elastic Compute Cloud", f"{PREFIX[unit.region]}-{meter}:{kind}", "Hours", Decimal(ON_DEMAND[kind]),
        hours, np.ones(hours.size), resource=machine_id(unit, number), machine=kind, zone=unit.region + zone, tags=own,
        pricing=pricing, paid={"Dynamic": Decimal("0.4"), "Committed": Decimal("0.62")}.get(pricing, Decimal(1)),
    )  # fmt: skip


def tokens(
    rng: np.random.Generator,
    unit: Unit,
    monthly: float,
    *,
    model: str = "claude-sonnet-4",
    prompt: float = 4000,
    answer: float = 400,
    cached: float = 0.0,
    written: float = 0.0,
    stage: str | None = "inference_online",
    tags: tuple[tuple[str, str], ...] = (),
    tier: str = "",
    endpoint: str = "chat",
    peak: int = 14,
    spike: float = 1.0,
) -> Unit:
    """Tokens for about ``monthly`` dollars: charged by the day, recorded by the hour, most at ``peak`` o'clock.

    ``cached`` and ``written`` are shares of the input; one hour of each week asks ``spike`` times as much.
    """
    code, prices = TOKENS[model]
    mean = (prompt * (1 - cached - written), prompt * cached, prompt * written, answer)
    each = sum(count * float(price) for count, price in zip(mean, prices, strict=True)) / 1e6
    hours = np.arange(HOURS)
    shape = 1.05 + np.cos((hours % 24 - peak) / 24 * 2 * np.pi)
    shape *= rng.uniform(0.85, 1.15, HOURS)
    shape[hours % 168 == 48 + peak] *= spike
    requests = np.rint(shape / shape.mean() * monthly / each / 730)
    counts = tuple(np.rint(requests * count) for count in mean)
    half = 0.5 if tier == "batch" else 1.0
    own = (("team", unit.team), *((("stage", stage),) if stage else ()), *tags)
    charges = tuple(
        Charge(
            "Amazon Bedrock", f"{PREFIX[unit.region]}-{code}-{meter}{f'-{tier}' if tier else ''}", "1K tokens",
            Decimal(price) / 1000 * Decimal(half), np.arange(DAYS) * 24, count.reshape(-1, 24).sum(axis=1) / 1000,
            span=24, tags=own,
        )
        for meter, price, count in zip(METERS, prices, counts, strict=True)
        if count.any()
    )  # fmt: skip
    recent = slice(HOURS - 30 * 24, HOURS)
    a, b, c, d = (count[recent] for count in counts)
    asked = Asked(hours[recent], requests[recent], (a, b, c, d), endpoint, model, tier or "standard")
    return unit.also(model=model, charges=(*unit.charges, *charges), asked=(*unit.asked, asked))


def whose(section: str, unit: Unit, **values: object) -> str:
    """A rule of the settings about a unit's account."""
    lines = [f"[[recommend.{section}]]", f'account = "{unit.account}"']
    lines += [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
