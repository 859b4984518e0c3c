"""Energy and carbon per model and per thousand requests: ranges, with boundary, factors and their sources.

Estimates of :mod:`analyzer.energy` over the hours of ``energy_day``. On the *allocation* basis idle hours are in (a
server that waits for requests draws power for them); on the *usage* basis they are out. What is priced per token is
estimated over its output tokens by the model's published size, and unknown where none is published.

Per request the energy and the requests are of the same days: those with energy of which all requests are known; of what
is priced per token, those of which requests and tokens were counted. What a day cost is no matter here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, and_, func, or_, select, tuple_

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
_Name = tuple[str | None, str, str]
"""Model, provider and stage."""


@dataclass(frozen=True)
class Energy:
    """One model and stage at a provider: kWh of the site, kg CO2e of its operation (location-based); None is unknown.

    ``measured_share``: part of the accelerator hours whose power was measured. ``hours_without_power`` and
    ``hours_without_grid``: hours of unknown accelerators and in unknown regions, which are in no figure.
    ``requests`` are all that were counted. ``wh_per_1k_requests`` and ``g_per_1k_requests`` are middles, of the days of
    which energy and requests are known; ``days_left_out`` is how many days have one and not the other, 0 where no
    request is known at all. ``embodied_kg`` is the making of the servers, apart.
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
    days_left_out: int = 0


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
    by_day = _requests_by_day(window, usage_days(connection)).cte("by_day")
    whole_days = select(*_keys(by_day)).where(by_day.c.is_whole)
    cells = _by_name(connection, _hours(window, basis))
    of_requests = _by_name(connection, _hours(window, basis).where(tuple_(*_keys(energy_day)).in_(whole_days)))
    served = {(row.model, row.provider, row.stage): row for row in connection.execute(_requests(by_day))}
    rows = [
        _energy(name, basis, members, of_requests.get(name, ()), served.get(name)) for name, members in cells.items()
    ]
    rows.extend(
        _of_tokens(row, basis)
        for row in connection.execute(_tokens(window, basis))
        if (row.model, row.provider, row.stage) not in cells
    )
    rows.sort(key=lambda row: (-(row.kwh.mid if row.kwh else Decimal(-1)), str(row.model), row.provider, row.stage))
    sources = {source for members in cells.values() for source in _sources(members)}
    sources |= {row.source for row in rows if row.accelerator_hours is None and row.kwh}
    return EnergyUse(tuple(rows), window, tuple(sorted(sources)))


def _by_name(connection: Connection, statement: Select[Any]) -> dict[_Name, list[Row[Any]]]:
    cells: dict[_Name, list[Row[Any]]] = {}
    for row in connection.execute(statement):
        cells.setdefault((row.model, row.provider, row.stage), []).append(row)
    return cells


def _keys(source: FromClause) -> tuple[ColumnElement[Any], ...]:
    c = source.c
    return c.model, c.provider, c.stage, c.day


def _hours(window: Window, basis: UnitBasis) -> Select[Any]:
    c = energy_day.c
    keys = (c.model, c.provider, c.stage, c.region, c.accelerator_type)
    sums = ("accelerator_hours", "measured_hours", "measured_wh", "known_hours", "busy_hours")
    statement = select(*keys, *(func.sum(c[name]).label(name) for name in sums)).group_by(*keys)
    statement = statement.where(c.day >= window.first, c.day < window.end)
    return statement if basis == "allocation" else statement.where(~c.is_idle)


def _requests_by_day(window: Window, known: Mapping[str, DaysKnown]) -> Select[Any]:
    """Requests of each model by day; whether the day has energy, and whether they are all there were beside it.

    Usage that met no charge stays out: what it ran on is in no energy. A charge without a cost has its hours.
    """
    c = unit_cost.c
    keys = _keys(unit_cost)
    uncounted = and_(c.requests.is_(None), _has_tokens() | outside(known, unit_cost))
    hours = select(*_keys(energy_day)).where(energy_day.c.day >= window.first, energy_day.c.day < window.end)
    drawn = hours.distinct().subquery()
    has_energy = func.bool_or(drawn.c.day.is_not(None))
    return (
        select(
            *keys,
            func.sum(c.requests).label("requests"),
            has_energy.label("has_energy"),
            and_(has_energy, ~func.bool_or(uncounted)).label("is_whole"),
        )
        .outerjoin(drawn, and_(*(mine == its for mine, its in zip(keys, _keys(drawn), strict=True))))
        .where(c.day >= window.first, c.day < window.end, c.basis == "allocation")
        .where(c.effective_cost.is_not(None) | c.partly_unknown)
        .group_by(*keys)
    )


def _requests(by_day: FromClause) -> Select[Any]:
    """Requests of each model: all counted, and those of whole days; how many days have energy or requests alone."""
    c = by_day.c
    alone = and_(~c.is_whole, c.has_energy | (func.coalesce(c.requests, 0) > 0))
    return select(
        *(c.model, c.provider, c.stage),
        func.sum(c.requests).label("requests"),
        func.sum(c.requests).filter(c.is_whole).label("whole_requests"),
        func.count().filter(alone).label("days_left_out"),
    ).group_by(c.model, c.provider, c.stage)


def _has_tokens() -> ColumnElement[bool]:
    return or_(*(func.coalesce(unit_cost.c[f"{name}_tokens"], 0) > 0 for name in TOKEN_CLASSES))


def _tokens(window: Window, basis: UnitBasis) -> Select[Any]:
    """What was served without an accelerator being paid for: priced per token."""
    c = unit_cost.c
    keys = (c.model, c.provider, c.stage)
    requests, output = func.sum(c.requests), func.sum(c.output_tokens)
    both = and_(c.requests.is_not(None), _has_tokens())
    alone = or_(and_(c.requests.is_(None), c.output_tokens > 0), and_(c.requests > 0, ~_has_tokens()))
    return (
        select(
            *keys,
            requests.label("requests"),
            output.label("output_tokens"),
            func.sum(c.output_tokens).filter(both).label("output_of_requests"),
            requests.filter(both).label("requests_of_output"),
            func.count(c.day.distinct()).filter(alone).label("days_left_out"),
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
        wh_per_1k_requests=_round(
            kwh.mid * row.output_of_requests / row.output_tokens / row.requests_of_output * 1_000_000
        )
        if kwh and row.requests_of_output and row.output_of_requests
        else None,
        g_per_1k_requests=None,
        hours_without_power=Decimal(0),
        hours_without_grid=Decimal(0),
        output_tokens=row.output_tokens,
        source=source,
        boundary=_OF_TOKENS,
        why_unknown=why,
        days_left_out=row.days_left_out if row.requests else 0,
    )


@dataclass(frozen=True)
class _Drawn:
    """Sums over hours; ``kwh``, ``carbon`` and ``embodied`` are None where nothing of them is known."""

    kwh: Range | None
    carbon: Range | None
    embodied: Decimal | None
    without_power: Decimal
    without_grid: Decimal
    carbon_free: Decimal | None


def _drawn(members: Sequence[Row[Any]]) -> _Drawn:
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
    known = [part for part in free if part is not None]
    is_free_known = has_energy and not without_power and len(known) == len(free)
    return _Drawn(
        kwh=kwh if has_energy else None,
        carbon=carbon if has_carbon else None,
        embodied=embodied if has_embodied else None,
        without_power=without_power,
        without_grid=without_grid,
        carbon_free=sum(known, Decimal(0)) if is_free_known else None,
    )


def _energy(
    name: _Name,
    basis: UnitBasis,
    members: Sequence[Row[Any]],
    of_requests: Sequence[Row[Any]],
    served: Row[Any] | None,
) -> Energy:
    """Of all hours ``members``; per request of the hours ``of_requests``."""
    drawn, per = _drawn(members), _drawn(of_requests)
    requests = served.requests if served else None
    thousands = served.whole_requests / 1000 if served and served.whole_requests else None
    wh = per.kwh.mid * 1000 if per.kwh and not per.without_power else None
    grams = per.carbon.mid * 1000 if wh is not None and per.carbon and not per.without_grid else None
    hours = sum((row.accelerator_hours for row in members), Decimal(0))
    measured = sum((row.measured_hours for row in members), Decimal(0))
    return Energy(
        model=name[0],
        provider=name[1],
        stage=name[2],
        basis=basis,
        accelerator_hours=hours,
        measured_share=measured / hours if hours else Decimal(0),
        kwh=_rounded(drawn.kwh) if drawn.kwh else None,
        carbon_kg=_rounded(drawn.carbon) if drawn.carbon else None,
        embodied_kg=_round(drawn.embodied) if drawn.embodied is not None else None,
        requests=requests,
        wh_per_1k_requests=_round(wh / thousands) if wh is not None and thousands else None,
        g_per_1k_requests=_round(grams / thousands) if grams is not None and thousands else None,
        hours_without_power=drawn.without_power,
        hours_without_grid=drawn.without_grid,
        output_tokens=None,
        source="; ".join(_sources(members)),
        boundary=_OF_HOURS,
        why_unknown=_NO_POWER if drawn.kwh is None else _NO_GRID if drawn.carbon is None else None,
        carbon_free_kwh=_round(drawn.carbon_free) if drawn.carbon_free is not None else None,
        days_left_out=served.days_left_out if served and requests else 0,
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
