"""aispend energy."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption, FromOption, ToOption
from aispend.cli.show import Head
from aispend.errors import UsageError

if TYPE_CHECKING:
    from analyzer.energy import Range
    from reports import views


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("energy")(energy)


def energy(
    basis: Annotated[
        str, typer.Option(help="allocation (idle hours included) or usage (without them).")
    ] = "allocation",
    first: FromOption = None,
    end: ToOption = None,
    style: FormatOption = Format.table,
    database: DatabaseOption = None,
) -> None:
    """Energy and carbon, by model.

    Of accelerators, their hosts and the data centre: from measured power where there is any, else estimated as a
    range. What is priced per token is estimated by the model's published size; unknown where none is published.

    Example: aispend energy --from 2026-11
    """
    from reports import records, views
    from reports.economics_columns import ENERGY

    if basis not in ("allocation", "usage"):
        raise UsageError(f"There is no basis {basis!r}.", next_step="Choose allocation or usage.")
    chosen: views.UnitBasis = "allocation" if basis == "allocation" else "usage"
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        window = doors.window(first, end, views.newest_window(connection))
        found = views.energy(connection, window, basis=chosen)
        missing = "" if found.rows else nothing.no_energy(connection)
    if not show.answered(ENERGY, records.energy_records(found), style, missing):
        _table(found)


def _table(found: views.EnergyUse) -> None:
    from reports.energy_words import not_per_request_line
    from reports.formats import UNKNOWN, carbon_free_line, count, figure, percent, period

    def spread(amounts: Range | None) -> str:
        return UNKNOWN if amounts is None else f"{figure(amounts.mid)}\n{figure(amounts.low)} – {figure(amounts.high)}"

    def one(amount: Decimal | None) -> str:
        return UNKNOWN if amount is None else figure(amount)

    cells = [
        (
            f"{row.model or 'no model known'}\n{row.provider} {row.stage}",
            "per token"
            if row.accelerator_hours is None
            else f"{count(row.accelerator_hours)}\n{percent(row.measured_share)}",
            spread(row.kwh) + ("*" if row.hours_without_power else ""),
            spread(row.carbon_kg) + ("†" if row.hours_without_grid else ""),
            f"{one(row.wh_per_1k_requests)}\n{one(row.g_per_1k_requests)}",
        )
        for row in found.rows
    ]
    lines = []
    if found.window:
        idle = "idle hours included" if found.rows[0].basis == "allocation" else "without idle hours"
        lines.append(f"{found.rows[0].basis.capitalize()} basis, {idle}; {period(found.window)}.")
    servers = sum((row.embodied_kg or Decimal(0) for row in found.rows), Decimal(0))
    lines += [
        "kWh: accelerators, hosts and data centre; middle, then low to high. CO2e: operation, location-based.",
        f"Making the servers, apart: {figure(servers)} kg CO2e.",
    ]
    per_token = [row for row in found.rows if row.accelerator_hours is None]
    if any(row.kwh for row in per_token):
        lines.append(
            "per token: output tokens alone, by the published size of the model; no carbon, for want of a place."
        )
    lines += [
        f"{row.model or 'no model known'} at {row.provider}: unknown; {row.why_unknown}."
        for row in per_token
        if row.kwh is None
    ]
    if free := carbon_free_line(found):
        lines.append(free)
    if left_out := not_per_request_line(found):
        lines.append(left_out)
    if any(row.hours_without_power for row in found.rows):
        lines.append("* leaves out hours of accelerators whose power limit is not known.")
    if any(row.hours_without_grid for row in found.rows):
        lines.append("† leaves out hours in regions without a grid factor.")
    show.table(
        [
            Head("model"),
            Head("GPU hours\nmeasured", "right"),
            Head("kWh\nrange", "right"),
            Head("kg CO2e\nrange", "right"),
            Head("Wh, g per\n1k requests", "right"),
        ],
        cells,
        notes=[*lines, "Factors:", *(f"  {source}" for source in found.sources)],
    )
