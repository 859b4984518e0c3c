"""When training has paid for itself: payback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aispend.cli import doors, nothing, show
from aispend.cli.doors import DatabaseOption

if TYPE_CHECKING:
    from reports import views


def payback(
    trained: Annotated[str, typer.Argument(help="The model that was trained, or one of its runs.", show_default=False)],
    instead_of: Annotated[
        str, typer.Option(help="The model it serves instead of, served or sold by an API.", show_default=False)
    ],
    database: DatabaseOption = None,
) -> None:
    """When has training a model paid for itself?

    Its training cost (or that of one run, as aispend runs names it), over what each month of serving it saves against
    the other model at the present volume. A model you do not serve counts at the list price of the cheapest API that
    sells it.

    \b
    Examples:
      aispend payback llama-3.1-8b-tuned --instead-of gpt-4o
      aispend payback finetune-0917 --instead-of gpt-4o
    """
    from reports import views

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        found = views.payback(connection, trained, instead_of)
        rate = found if isinstance(found, views.NoRate) else None
        missing = (
            "" if isinstance(found, views.Payback) else nothing.no_payback(connection, (trained, instead_of), rate)
        )
    show.lines(told(found) if isinstance(found, views.Payback) else [missing])


def told(found: views.Payback) -> list[str]:
    """The sentences of an answer."""
    from reports.formats import count, money, period, unit_price

    return [
        _training(found),
        f"Serving: {unit_price(found.cost_per_1m_tokens)} a million tokens instead of "
        f"{unit_price(found.instead_cost_per_1m_tokens)} ({found.instead_of}).",
        f"At {count(found.monthly_tokens)} tokens in 730 hours, the volume of {period(found.days)}"
        f"{_but(found.days_left_out)}, that saves {money(found.monthly_saving)} a month.",
        _answer(found),
        "Effective cost on allocation basis, idle hours included; the other model's price is taken to stay.",
        *(
            ["Some charges of these models have no effective cost: unknown, not zero, and in none of these amounts."]
            if found.partly_unknown
            else []
        ),
        *([f"{found.instead_of} is not served: list price, {found.list_price_of}."] if found.list_price_of else []),
        *([f"Converted at the rate of the last day with usage, of {found.oldest_rate}."] if found.oldest_rate else []),
    ]


def _but(days: int) -> str:
    """The days that tell no volume."""
    return f" but for {days} day{'s' if days > 1 else ''} of which it is not known" if days else ""


def _training(found: views.Payback) -> str:
    from reports.formats import money

    if found.training_cost is None:
        return (
            f"Training {found.model}: cost unknown. Tag what trained it with its stage, load what ran (aispend "
            "import-workloads PATH…) or what was paid elsewhere (aispend import-costs PATH…)."
        )
    told = f"{money(found.training_cost)} {found.currency}"
    if found.run is None:
        return f"Training {found.model}: {told}."
    ending = found.run.ending.replace("_", " ") + (", repeated" if found.run.repeated else "")
    lost = f", of it lost {money(found.lost_cost)}" if found.lost_cost else ""
    return f"Run {found.run.workload} of {found.model} (ending: {ending}): {told}{lost}."


def _answer(found: views.Payback) -> str:
    from reports.formats import figure

    if found.months == 0:
        return "It is paid for already: nothing of its cost is left to pay back."
    if found.monthly_saving <= 0:
        return "It saves nothing, so that it is never paid for."
    if found.months is None:
        return "When it is paid for is unknown."
    return f"Paid for after {figure(found.months)} months."
