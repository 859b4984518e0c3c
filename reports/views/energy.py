"""Energy and carbon per model and per thousand requests: ranges, with boundary, factors and their sources.

Estimates of :mod:`analyzer.energy` over the hours of ``energy_day``. On the *allocation* basis idle hours are in (a
server that waits for requests draws power for them); on the *usage* basis they are out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select

from aispend.prices.accelerators import accelerator
from aispend.prices.energy import grid_intensity, pue
from aispend.schema import energy_day, unit_cost
from analyzer.energy import NONE, CardHours, Range, accelerator_kwh, carbon_kg, embodied_kg, site_kwh
from reports.views.basis import Window, newest_window
from reports.views.unit_costs import UnitBasis

_DECIMALS = Decimal("0.000001")


@dataclass(frozen=True)
class Energy:
    """One model and stage at a provider: kWh of the site, kg CO2e of its operation (location-based); None is unknown.

    ``measured_share``: part of the accelerator hours whose power was measured. ``hours_without_power`` and
    ``hours_without_grid``: hours of unknown accelerators and in unknown regions, which are in no figure.
    ``wh_per_1k_requests`` and ``g_per_1k_requests`` are middles. ``embodied_kg`` is the making of the servers, apart.
    """

    model: str | None
    provider: str
    stage: str
    basis: UnitBasis
    accelerator_hours: Decimal
    measured_share: Decimal
    kwh: Range | None
    carbon_kg: Range | None
    embodied_kg: Decimal | None
    requests: Decimal | None
    wh_per_1k_requests: Decimal | None
    g_per_1k_requests: Decimal | None
    hours_without_power: Decimal
    hours_without_grid: Decimal


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
    served = {(row.model, row.provider, row.stage): row.requests for row in connection.execute(_requests(window))}
    rows = [_energy(name, basis, members, served.get(name)) for name, members in cells.items()]
    rows.sort(key=lambda row: (-(row.kwh.mid if row.kwh else Decimal(-1)), str(row.model), row.provider, row.stage))
    return EnergyUse(tuple(rows), window, tuple(_sources(cells.values())))


def _hours(window: Window, basis: UnitBasis) -> Any:
    c = energy_day.c
    keys = (c.model, c.provider, c.stage, c.region, c.accelerator_type)
    sums = ("accelerator_hours", "measured_hours", "measured_wh", "known_hours", "busy_hours")
    statement = select(*keys, *(func.sum(c[name]).label(name) for name in sums)).group_by(*keys)
    statement = statement.where(c.day >= window.first, c.day < window.end)
    return statement if basis == "allocation" else statement.where(~c.is_idle)


def _requests(window: Window) -> Any:
    c = unit_cost.c
    return (
        select(c.model, c.provider, c.stage, func.sum(c.requests).label("requests"))
        .where(c.day >= window.first, c.day < window.end, c.basis == "allocation", c.effective_cost.is_not(None))
        .group_by(c.model, c.provider, c.stage)
    )


def _energy(
    name: tuple[str | None, str, str], basis: UnitBasis, members: Sequence[Row[Any]], requests: Decimal | None
) -> Energy:
    kwh, carbon, embodied = NONE, NONE, Decimal(0)
    has_energy = has_carbon = has_embodied = False
    without_power = without_grid = Decimal(0)
    for row in members:
        card = accelerator(row.accelerator_type) if row.accelerator_type else None
        limit = card.tdp_watts if card else None
        here = _site(row, limit)
        if here is None:
            without_power += row.accelerator_hours
            continue
        kwh, has_energy = kwh + here, True
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
        wh_per_1k_requests=_round(kwh.mid / requests * 1_000_000) if requests and whole else None,
        g_per_1k_requests=_round(carbon.mid / requests * 1_000_000)
        if requests and whole and has_carbon and not without_grid
        else None,
        hours_without_power=without_power,
        hours_without_grid=without_grid,
    )


def _site(row: Row[Any], limit: Decimal | None) -> Range | None:
    cards = CardHours(
        tdp_watts=limit,
        measured_hours=row.measured_hours,
        measured_wh=row.measured_wh,
        known_hours=row.known_hours,
        busy_hours=row.busy_hours,
        unknown_hours=max(row.accelerator_hours - row.measured_hours - row.known_hours, Decimal(0)),
    )
    alone = accelerator_kwh(cards)
    return None if alone is None else site_kwh(alone, cards.hours, limit, pue(row.provider, row.region).value)


def _sources(cells: Iterable[Sequence[Row[Any]]]) -> list[str]:
    found = set()
    for members in cells:
        for row in members:
            usage, grid = pue(row.provider, row.region), grid_intensity(row.provider, row.region)
            place = f"{row.provider} {row.region or 'unknown region'}"
            intensity = f"{grid.value} g/kWh {grid.year} ({grid.source})" if grid else "no grid factor known"
            found.add(f"{place}: PUE {usage.value} ({usage.source}), {intensity}")
    return sorted(found)


def _rounded(amounts: Range) -> Range:
    return Range(_round(amounts.low), _round(amounts.mid), _round(amounts.high))


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(_DECIMALS, rounding=ROUND_HALF_EVEN)
