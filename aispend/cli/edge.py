"""``aispend edge``: what a model would cost on devices at the edge. A calculation, and never a saving that counts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import DatabaseOption, FromOption, ToOption
from aispend.cli.show import Head

if TYPE_CHECKING:
    from aispend.running import Edge
    from recommender.methods.edge import EdgeCost

_FEW = 10
_NEEDED = ("hardware", "watts", "power_price", "management", "engineering")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("edge")(edge)


def _money_option(flag: str, words: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(flag, metavar="AMOUNT", help=words, show_default=False)
    return found


def edge(
    model: Annotated[str, typer.Option("--model", "-m", help="The model, as aispend spend --by model writes it.")],
    devices: Annotated[int, typer.Option(min=1, help="How many devices.")],
    inferences: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER", help="Inferences of a device and month. Default: what is served now.", show_default=False
        ),
    ] = None,
    hardware: Annotated[str | None, _money_option("--hardware", "Price of one device. Default: as set.")] = None,
    years: Annotated[str | None, _money_option("--years", "Years a device is used. Default: 3, or as set.")] = None,
    watts: Annotated[str | None, _money_option("--watts", "Mean power of a device. Default: as set.")] = None,
    power_price: Annotated[str | None, _money_option("--power-price", "Of a kWh. Default: as set.")] = None,
    management: Annotated[str | None, _money_option("--management", "Of a device and month. Default: as set.")] = None,
    engineering: Annotated[
        str | None, _money_option("--engineering", "Once, to get the model there. Default: as set.")
    ] = None,
    first: FromOption = None,
    end: ToOption = None,
    database: DatabaseOption = None,
) -> None:
    """A calculation: a model on devices at the edge.

    What devices cost in all beside the present cost per 1,000 inferences, and the volume at which they are even.
    Prices are yours, in the currency of the bill: options, or [recommend.edge]. It is no advice and counts in no total.

    Example: aispend edge --model llama-3.1-8b --devices 200 --hardware 350 --watts 12 --power-price 0.25
    --management 3 --engineering 60000
    """
    from aispend.clock import HOURS_PER_MONTH
    from aispend.errors import UsageError
    from aispend.money import rate
    from recommender.methods.edge import Device, edge_cost
    from reports import views
    from reports.formats import left_out_line
    from reports.home_first import currency_order

    given = {
        "hardware": hardware,
        "years": years,
        "watts": watts,
        "power_price": power_price,
        "management": management,
        "engineering": engineering,
    }
    with doors.opened(database) as door, door.store.engine.connect() as connection:
        prices = _prices(door.settings.recommend.edge, given)
        window = doors.window(first, end, views.newest_window(connection))
        found = views.unit_costs(connection, window, model=model, basis="allocation")
        priced = [(row, row.requests, row.cost_per_1k_requests) for row in found.rows]
        rows = [(row.currency, count, price) for row, count, price in priced if count and price]
        missing = nothing.no_unit_costs(connection, model)
    if not rows or found.window is None:
        show.lines([missing])
        return
    currencies = sorted({currency for currency, _, _ in rows}, key=currency_order(door.settings.reporting_currency))
    if len(currencies) > 1:
        raise UsageError(
            f"{model} is paid for in {' and '.join(currencies)}.",
            next_step="Choose days with one of them: --from, --to.",
        )
    requests = sum((count for _, count, _ in rows), Decimal(0))
    cloud = rate(sum((count * price for _, count, price in rows), Decimal(0)), requests)
    days = (found.window.end - found.window.first).days
    volume = rate(requests * HOURS_PER_MONTH, Decimal(24 * days * devices))
    volume = volume if inferences is None else _number("--inferences", inferences)
    device = Device(*(prices[name] for name in ("hardware", "years", "watts", "power_price", "management")))
    result = edge_cost(
        device, devices=devices, engineering=prices["engineering"], inferences=volume, cloud_per_1k=cloud
    )
    _table(result, model, devices, volume, currencies[0], left_out_line(found.left_out))


def _prices(settings: Edge, given: dict[str, str | None]) -> dict[str, Decimal]:
    from aispend.errors import UsageError

    prices = {
        name: getattr(settings, name) if value is None else _number("--" + name.replace("_", "-"), value)
        for name, value in given.items()
    }
    missing = [name for name in _NEEDED if prices[name] is None]
    if missing:
        raise UsageError(
            f"Not known: {', '.join(missing)}.",
            next_step="Give them as options, or once in [recommend.edge]: no price of a device is assumed.",
        )
    return prices


def _number(option: str, value: str) -> Decimal:
    from decimal import InvalidOperation

    from aispend.errors import UsageError

    try:
        found = Decimal(value)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0 or (option == "--years" and not found):
        least = "above 0" if option == "--years" else "not below 0"
        raise UsageError(f"{option} is a number {least}, not {value!r}.", next_step="Write it like 12.50.")
    return found


def _volume(number: Decimal) -> str:
    """A count; of few, with what is less than one, which is not none."""
    from reports.formats import count, figure

    return count(number) if number >= _FEW else figure(number)


def _table(result: EdgeCost, model: str, devices: int, volume: Decimal, currency: str, left_out: str | None) -> None:
    from reports.formats import UNKNOWN, money, unit_price

    than = "less" if result.saving >= 0 else "more"
    show.table(
        [Head("a month"), Head(f"{devices} devices", "right"), Head("cloud", "right"), Head("currency")],
        [
            ("hardware", money(result.hardware), "", currency),
            ("power", money(result.power), "", currency),
            ("management", money(result.management), "", currency),
            ("engineering", money(result.engineering), "", currency),
            ("in all", money(result.total), money(result.cloud_total), currency),
            ("per 1,000 inferences", unit_price(result.per_1k), unit_price(result.cloud_per_1k), currency),
        ],
        notes=[
            f"A calculation at your prices, no advice: {model}, {_volume(volume)} inferences a device and month.",
            "Even at "
            + (UNKNOWN if result.break_even is None else f"{_volume(result.break_even)} inferences")
            + f" a device and month; {money(abs(result.saving))} {currency} a month {than} than the cloud.",
            "Taken for granted: devices answer as well as the cloud, and what is not served there is not paid for.",
            *([left_out] if left_out else []),
        ],
    )
