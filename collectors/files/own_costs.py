"""Costs that no cloud bills, from a file: people, data and labelling, licences, seats, prepaid credits, own hardware.

Assumes     a CSV file with the columns of ``OWN_COSTS``: what was paid, for which days, for which model and team. Its
            ``book`` (``costs`` where it names none) is the billing account: importing a book's month again replaces it.
Method      Each amount is divided equally over its days, exactly, and written as FOCUS lines of provider ``own``,
            which take the way of every other bill: checked, rolled up, replaced whole, attributed by their tags.
            All four costs are the amount: nobody gives a discount on them.
            Seats in use and what is drawn of a credit go along as tags, for the advice on them.
Cases       A resource id (a machine of your own) lets telemetry meet the cost, as it meets a cloud's machine.
            Any mistake in the file is named with its line and column, and nothing of the file is loaded.
Drawbacks   A book's month comes from one import: lines of one book in two files belong into one command.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from aispend.clock import Clock, month_of, next_month
from aispend.money import cost as as_cost
from aispend.money import split_exact
from aispend.settings import STAGES
from collectors.files.forms import Line, read_form

if TYPE_CHECKING:
    from aispend.settings import Settings
    from aispend.store import Store
    from collectors.files.bills import LoadReport

PROVIDER = "own"
REQUIRED = ("from", "category", "description", "amount", "currency")
OPTIONAL = (
    *("to", "vendor", "model", "team", "stage", "resource_id", "book"),
    *("seats", "seats_used", "drawn", "drawn_on"),
)
CATEGORIES = {
    "people": "People",
    "data": "Data and labelling",
    "licence": "Licences",
    "seat": "Seats",
    "credit": "Prepaid credits",
    "hardware": "Own hardware",
    "other": "Other own costs",
}
"""What a line may be for, and the FOCUS ServiceName it gets."""

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class OwnCost:
    """One line: an amount for the days from ``first`` to the day before ``end``.

    ``seats`` bought and in use; ``drawn`` is what is used of a prepaid credit up to and with the day ``drawn_on``.
    """

    first: date
    end: date
    category: str
    description: str
    amount: Decimal
    currency: str
    vendor: str | None
    model: str | None
    team: str | None
    stage: str | None
    resource_id: str | None
    book: str
    seats: Decimal | None = None
    seats_used: Decimal | None = None
    drawn: Decimal | None = None
    drawn_on: date | None = None


def import_own_costs(
    paths: Sequence[str | Path],
    store: Store,
    settings: Settings,
    clock: Clock,
    *,
    source: str = "costs",
    progress: Callable[[str, int, int | None], None] | None = None,
) -> list[LoadReport]:
    """Load the files; one report for each book and month. Raises ``InputError`` where a line cannot be used."""
    from collectors.files.bills import import_bills
    from collectors.files.workfolder import work_folder

    costs = read_form(paths, REQUIRED, OPTIONAL, _cost)
    with work_folder(settings.home / "work", "costs-") as folder:
        bill = folder / "own-costs.csv"
        write_focus(bill, costs)
        return import_bills([bill], store, settings, clock, source=source, progress=progress)


def _cost(line: Line) -> OwnCost:
    first, end = line.days("from", "to")
    return OwnCost(
        first=first,
        end=end,
        category=CATEGORIES[line.one_of("category", CATEGORIES)],
        description=line.need("description"),
        amount=as_cost(line.amount("amount")),
        currency=line.currency("currency"),
        vendor=line.text("vendor"),
        model=line.text("model"),
        team=line.text("team"),
        stage=line.one_of("stage", STAGES) if line.text("stage") else None,
        resource_id=line.text("resource_id"),
        book=line.text("book") or "costs",
        seats=_count(line, "seats"),
        seats_used=_count(line, "seats_used"),
        drawn=_count(line, "drawn"),
        drawn_on=line.day("drawn_on") if line.text("drawn_on") else None,
    )


def _count(line: Line, column: str) -> Decimal | None:
    """A number that is not negative; None where the line has none."""
    if line.text(column) is None:
        return None
    number = line.amount(column)
    if number < 0:
        raise line.wrong(column, "This is negative.", "Write a number from 0 on, or leave it empty.")
    return number


def write_focus(path: Path, costs: Iterable[OwnCost]) -> None:
    """The costs as a FOCUS 1.2 file, a line for each day."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for cost in costs:
            writer.writerows(_focus_lines(cost))


_COLUMNS = (
    *("BillingAccountId", "BillingAccountName", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart"),
    *("ChargePeriodEnd", "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "BillingCurrency"),
    *("ChargeCategory", "ChargeFrequency", "ChargeDescription", "ProviderName", "PublisherName", "InvoiceIssuerName"),
    *("ServiceCategory", "ServiceName", "ResourceId", "SkuId", "Tags"),
)


def _focus_lines(cost: OwnCost) -> Iterator[tuple[object, ...]]:
    days = [cost.first + timedelta(days=number) for number in range((cost.end - cost.first).days)]
    numbers = {"seats": cost.seats, "seats_used": cost.seats_used, "drawn": cost.drawn}
    tags = {
        "model": cost.model,
        "team": cost.team,
        "stage": cost.stage,
        **{name: None if number is None else f"{number:f}" for name, number in numbers.items()},
        "drawn_on": cost.drawn_on.isoformat() if cost.drawn_on else None,
    }
    given = json.dumps({name: value for name, value in tags.items() if value})
    for day, amount in zip(days, split_exact(cost.amount, [1] * len(days)), strict=True):
        month = month_of(day)
        yield (
            *(cost.book, cost.book, _instant(month), _instant(next_month(month)), _instant(day)),
            *(_instant(day + _ONE_DAY), *[f"{amount:f}"] * 4, cost.currency),
            *("Usage", "Recurring", cost.description, PROVIDER, cost.vendor or "", cost.vendor or ""),
            *("AI and Machine Learning", cost.category, cost.resource_id or "", cost.description, given),
        )


def _instant(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
