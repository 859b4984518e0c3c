"""Energy and carbon per model and per thousand requests: ranges, with boundary, factors and their sources.

Estimates of :mod:`analyzer.energy` over the hours of ``energy_day``. On the *allocation* basis idle hours are in (a
server that waits for requests draws power for them); on the *usage* basis they are out. What is priced per token is
estimated over its output tokens by the model's published size, and unknown where none is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from aispend.prices.accelerators import accelerator
from aispend.prices.energy import carbon_free_share, coefficients, grid_intensity, pue
from aispend.schema import energy_day, unit_cost
from analyzer.energy import NONE, CardHours, Range, accelerator_kwh, carbon_kg, embodied_kg, site_kwh, tokens_kwh
from analyzer.tokens import TOKEN_CLASSES
from analyzer.usage_days import DaysKnown, outside, usage_days
from recommender.methods.model_shapes import served_model, source_of
from reports.views.basis import Window, newest_window
from reports.views.unit_costs import UnitBasis

_DECIMALS = Decimal("0.000001")
_BILLION = Decimal(10**9)
_OF_HOURS = "accelerators, hosts and data centre"
_OF_TOKENS = f"{_OF_HOURS}, for output tokens"
_NO_SIZE = "no size of it is published, and nobody says what it runs on"
_NO_TOKENS = "nobody counted its output tokens"
_NO_PLACE = "no carbon: where the API runs is not known"
_NO_POWER = "the power limit of its accelerators is not known"
_NO_GRID = "no carbon: no grid factor of its region is known"


@dataclass(frozen=True)
class Energy:
    """One model and stage at a provider: kWh of the site, kg CO2e of its operation (location-based); None is unknown.

    ``measured_share``: part of the accelerator hours whose power was measured. ``hours_without_power`` and
    ``hours_without_grid``: hours of unknown accelerators and in unknown regions, which are in no figure.
    ``wh_per_1k_requests`` and ``g_per_1k_requests`` are middles, unknown where the requests of some days are; of what
    is priced per token they are of the days whose requests were counted. ``embodied_kg`` is the making of the servers,
    apart.
    What is priced per token has no hours, measured share and embodied carbon; ``output_tokens`` is for that alone.
    ``source`` names the factors, ``boundary`` what is in the figures, ``why_unknown`` why one is missing.
    ``carbon_free_kwh``: the part of the middle kWh that was carbon-free in its hour, the provider's contracts included;
    None unless the provider says so of every region in it. It lowers no carbon here.
    """

    model: str | None
    provider: str
    stage: str
    basis: UnitBasis
    accelerator_hours: Decimal | None
    measured_share: Decimal | None
    kwh: Range | None
    carbon_kg: Range | None
    embodied_kg: Decimal | None
    requests: Decimal | None
    wh_per_1k_requests: Decimal | None
    g_per_1k_requests: Decimal | None
    hours_without_power: Decimal
    hours_without_grid: Decimal
    output_tokens: Decimal | None
    source: str
    boundary: str
    why_unknown: str | None
    carbon_free_kwh: Decimal | None = None


@dataclass(frozen=True)
class EnergyUse:
    """Rows, the largest energy first, the days they cover, and the factors behind them."""

    rows: tuple[Energy, ...]
    window: Window | None
    sources: tuple[str, ...]


def energy(connection: Connection, window: Window | None = None, *, basis: UnitBasis = "allocation") -> EnergyUse:
    """Energy and carbon over ``window`` (None: the last 30 days with data)."""
    window = window or newest_window(connection)
    if window is None:
        return EnergyUse((), None, ())
    cells: dict[tuple[str | None, str, str], list[Row[Any]]] = {}
    for row in connection.execute(_hours(window, basis)):
        cells.setdefault((row.model, row.provider, row.stage), []).append(row)
    counted = _requests(window, usage_days(connection))
    served = {(row.model, row.provider, row.stage): row for row in connection.execute(counted)}
    rows = [_energy(name, basis, members, served.get(name)) for name, members in cells.items()]
    rows.extend(
        _of_tokens(row, basis)
        for row in connection.execute(_tokens(window, basis))
        if (row.model, row.provider, row.stage) not in cells
    )
    rows.sort(key=lambda row: (-(row.kwh.mid if row.kwh else Decimal(-1)), str(row.model), row.provider, row.stage))
    sources = {source for members in cells.values() for source in _sources(members)}
    sources |= {row.source for row in rows if row.accelerator_hours is None and row.kwh}
    return EnergyUse(tuple(rows), window, tuple(sorted(sources)))


def _hours(window: Window, basis: UnitBasis) -> Any:
    c = energy_day.c
    keys = (c.model, c.provider, c.stage, c.region, c.accelerator_type)
    sums = ("accelerator_hours", "measured_hours", "measured_wh", "known_hours", "busy_hours")
    statement = select(*keys, *(func.sum(c[name]).label(name) for name in sums)).group_by(*keys)
    statement = statement.where(c.day >= window.first, c.day < window.end)
    return statement if basis == "allocation" else statement.where(~c.is_idle)


def _requests(window: Window, known: Mapping[str, DaysKnown]) -> Any:
    """Requests of each model, and whether there are days whose requests are not known."""
    c = unit_cost.c
    some_tokens = or_(*(c[f"{name}_tokens"] > 0 for name in TOKEN_CLASSES))
    uncounted = and_(c.requests.is_(None), func.coalesce(some_tokens, False) | outside(known, unit_cost))
    return (
        select(
            *(c.model, c.provider, c.stage),
            func.sum(c.requests).label("requests"),
            func.bool_or(uncounted).label("uncounted"),
        )
        .where(c.day >= window.first, c.day < window.end, c.basis == "allocation", c.effective_cost.is_not(None))
        .group_by(c.model, c.provider, c.stage)
    )


def _tokens(window: Window, basis: UnitBasis) -> Any:
    """What was served without an accelerator being paid for: priced per token."""
    c = unit_cost.c
    keys = (c.model, c.provider, c.stage)
    requests, output = func.sum(c.requests), func.sum(c.output_tokens)
    return (
        select(
            *keys,
            requests.label("requests"),
            output.label("output_tokens"),
            func.sum(c.output_tokens).filter(c.requests.is_not(None)).label("output_of_requests"),
        )
        .where(c.day >= window.first, c.day < window.end, c.basis == basis)
        .group_by(*keys)
        .having(func.coalesce(func.sum(c.accelerator_hours_paid), 0) == 0)
        .having((requests > 0) | (output > 0))
    )


def _of_tokens(row: Row[Any], basis: UnitBasis) -> Energy:
    served = served_model(row.model)
    site = pue(row.provider, None)
    kwh = None
    source, why = "", _NO_SIZE
    if served is not None:
        sizes = (served.shape.parameters_per_token, served.shape.parameters)
        active, whole = (Decimal(repr(size)) / _BILLION for size in sizes)
        source = (
            f"{row.model} at {row.provider}: {coefficients()['tokens']['source']}; size of {source_of(row.model)}; "
        )
        source += f"PUE {site.value} ({site.source})"
        why = _NO_TOKENS
        if row.output_tokens:
            kwh, why = tokens_kwh(active, whole, row.output_tokens, site.value), _NO_PLACE
    return Energy(
        model=row.model,
        provider=row.provider,
        stage=row.stage,
        basis=basis,
        accelerator_hours=None,
        measured_share=None,
        kwh=_rounded(kwh) if kwh else None,
        carbon_kg=None,
        embodied_kg=None,
        requests=row.requests,
        wh_per_1k_requests=_round(kwh.mid * row.output_of_requests / row.output_tokens / row.requests * 1_000_000)
        if kwh and row.requests and row.output_of_requests
        else None,
        g_per_1k_requests=None,
        hours_without_power=Decimal(0),
        hours_without_grid=Decimal(0),
        output_tokens=row.output_tokens,
        source=source,
        boundary=_OF_TOKENS,
        why_unknown=why,
    )


def _energy(
    name: tuple[str | None, str, str], basis: UnitBasis, members: Sequence[Row[Any]], served: Row[Any] | None
) -> Energy:
    requests = served.requests if served else None
    per = None if served is None or served.uncounted else requests
    kwh, carbon, embodied = NONE, NONE, Decimal(0)
    has_energy = has_carbon = has_embodied = False
    without_power = without_grid = Decimal(0)
    free: list[Decimal | None] = []
    for row in members:
        card = accelerator(row.accelerator_type) if row.accelerator_type else None
        limit = card.tdp_watts if card else None
        here = _site(row, limit)
        if here is None:
            without_power += row.accelerator_hours
            continue
        kwh, has_energy = kwh + here, True
        share = carbon_free_share(row.provider, row.region)
        free.append(None if share is None else here.mid * share.value)
        if limit is not None:
            embodied, has_embodied = embodied + embodied_kg(row.accelerator_hours, limit), True
        grid = grid_intensity(row.provider, row.region)
        if grid is None:
            without_grid += row.accelerator_hours
        else:
            carbon, has_carbon = carbon + carbon_kg(here, grid.value), True
    hours = sum((row.accelerator_hours for row in members), Decimal(0))
    measured = sum((row.measured_hours for row in members), Decimal(0))
    whole = has_energy and not without_power
    return Energy(
        model=name[0],
        provider=name[1],
        stage=name[2],
        basis=basis,
        accelerator_hours=hours,
        measured_share=measured / hours if hours else Decimal(0),
        kwh=_rounded(kwh) if has_energy else None,
        carbon_kg=_rounded(carbon) if has_carbon else None,
        embodied_kg=_round(embodied) if has_embodied else None,
        requests=requests,
        wh_per_1k_requests=_round(kwh.mid / per * 1_000_000) if per and whole else None,
        g_per_1k_requests=_round(carbon.mid / per * 1_000_000)
        if per and whole and has_carbon and not without_grid
        else None,
        hours_without_power=without_power,
        hours_without_grid=without_grid,
        output_tokens=None,
        source="; ".join(_sources(members)),
        boundary=_OF_HOURS,
        why_unknown=_NO_POWER if not has_energy else _NO_GRID if not has_carbon else None,
        carbon_free_kwh=_round(sum(known, Decimal(0)))
        if whole and len(known := [part for part in free if part is not None]) == len(free)
        else None,
    )


def _site(row: Row[Any], limit: Decimal | None) -> Range | None:
    cards = CardHours(
        tdp_watts=limit,
        measured_hours=row.measured_hours,
        measured_wh=row.measured_wh,
        known_hours=row.known_hours,
        busy_hours=row.busy_hours,
        unknown_hours=max(row.accelerator_hours - row.measured_hours - row.known_hours, Decimal(0)),
        card=row.accelerator_type,
    )
    alone = accelerator_kwh(cards)
    return None if alone is None else site_kwh(alone, cards.hours, limit, pue(row.provider, row.region).value)


def _sources(members: Iterable[Row[Any]]) -> list[str]:
    found = set()
    for row in members:
        usage, grid = pue(row.provider, row.region), grid_intensity(row.provider, row.region)
        place = f"{row.provider} {row.region or 'unknown region'}"
        intensity = f"{grid.value} g/kWh {grid.year} ({grid.source})" if grid else "no grid factor known"
        share = carbon_free_share(row.provider, row.region)
        free = f", {share.value * 100:.0f} % carbon-free {share.year} ({share.source})" if share else ""
        found.add(f"{place}: PUE {usage.value} ({usage.source}), {intensity}{free}")
    return sorted(found)


def _rounded(amounts: Range) -> Range:
    return Range(_round(amounts.low), _round(amounts.mid), _round(amounts.high))


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(_DECIMALS, rounding=ROUND_HALF_EVEN)
