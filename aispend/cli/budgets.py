"""aispend budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import typer

from aispend.cli import doors, show
from aispend.cli.doors import DatabaseOption, Format, FormatOption
from aispend.cli.show import Head

if TYPE_CHECKING:
    from reports import views

NO_BUDGETS = "No budgets. Write [[budget]] sections into aispend.toml (aispend init shows one), then: aispend analyze"
_TERMS = (
    "Burn: spent over what was due by the weekdays' profile; below it use in the last days over what is left for use "
    "in such days. Forecast: median of the whole period, below it P10–P90. Critical: spent, P10 above the budget, "
    "or critically fast; warn: P50 above it, too fast, or cost that has no rate. Net of credits: below zero where "
    "they are larger, which is no share of the budget. Set when to be told: [budget_alerts] in aispend.toml."
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("budgets")(budgets)


def budgets(style: FormatOption = Format.table, database: DatabaseOption = None) -> None:
    """Where each budget stands.

    Spent to date, what that is of the amount due, the day of each threshold, how fast the last days went, what the
    period will come to and when the money is used up, as of the last analysis. Cost in another currency than the
    budget's counts at each day's exchange rate; what has none is named apart, never added.

    Example: aispend budgets --format json
    """
    from reports import records, views
    from reports.columns import BUDGETS

    with doors.opened(database) as door, door.store.engine.connect() as connection:
        rows = views.budgets(connection)
        waiting = bool(door.settings.budgets) and not rows
    if style is not Format.table:
        show.machine(BUDGETS, records.budget_records(rows), style)
    elif not rows:
        show.lines(["Budgets are set and not computed yet: aispend analyze" if waiting else NO_BUDGETS])
    else:
        _table(rows)


def _table(rows: tuple[views.BudgetStatus, ...]) -> None:
    from reports.budget_words import known_words, spent, threshold_words, times, used_up_words, window_words
    from reports.formats import money, share_spent

    show.table(
        [Head("budget", wrap=True), Head("spent", "right"), Head("burn", "right"), Head("forecast", "right")],
        [
            (
                f"{row.name}: {row.state}\n{money(row.amount)} {row.currency}, {row.period} from {row.period_start}"
                f"\n{known_words(row)}"
                f"\n{row.reason}"
                + (f"\n{thresholds}" if (thresholds := threshold_words(row)) else "")
                + (f"\n{used_up}" if (used_up := used_up_words(row)) else "")
                + "".join(
                    f"\nbesides {money(Decimal(amount))} {name}, not converted"
                    for name, amount in row.unconverted.items()
                ),
                f"{money(spent(row))}{'*' if row.partly_unknown else ''}\n{share_spent(spent(row), row.amount)}",
                "\n".join((times(row.burn_rate), *window_words(row))),
                f"{money(row.forecast_p50)}\n{_band(row)}",
            )
            for row in rows
        ],
        notes=[
            _TERMS,
            *(["* Some charge has no cost: it is left out."] if any(r.partly_unknown for r in rows) else []),
        ],
    )


def _band(row: views.BudgetStatus) -> str:
    from reports.formats import money

    if row.forecast_p10 is None or row.forecast_p90 is None:
        return "no band"
    return f"{money(row.forecast_p10)}–{money(row.forecast_p90)}"
