"""What is saved below the floor of a spend agreement: it is paid all the same, and so not realised.

Assumes
    What will be missing at an agreement's end would be less by all that was saved of what it counts.
Method
    A line's saving counts with an agreement by its days that the agreement covers. What will be missing takes that much
    of all savings that count, in proportion to them.
Cases
    Several agreements that count one line each take their part, in whatever order they are told; together no more than
    was saved. Where what will be missing is unknown, so is what is realised, unless others take all of it.
Sources
    docs/advice.md, verified savings.
Known drawbacks
    A month that an agreement covers in part is split evenly over its days. What will be missing is what is expected
    today.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from aispend.money import exact_sum, rate
from aispend.settings import Agreement
from recommender.methods.realised import below_floor

_NOTHING = Decimal(0)


@dataclass(frozen=True)
class Floor:
    """A spend agreement and what will be missing of its floor at its end, 0 where nothing will; None is unknown."""

    agreement: Agreement
    shortfall: Decimal | None


def take_floors(
    items: Sequence[Any],
    written: Sequence[dict[str, Any]],
    floors: Sequence[Floor],
    paid_by: Mapping[tuple[str, date], Collection[str]],
) -> None:
    """Take what is paid all the same out of ``realised`` of the written lines of ``saving``, into ``floor_effect``.

    ``paid_by`` are the billing accounts of each line, by recommendation and month.
    """
    by_name = {item.recommendation_id: item for item in items}
    taken: dict[int, list[Decimal]] = defaultdict(list)
    is_open: set[int] = set()
    says: dict[int, list[str]] = defaultdict(list)
    for floor in sorted(floors, key=lambda one: one.agreement.name):
        saved = {
            place: part
            for place, line in enumerate(written)
            if (part := _counted(floor.agreement, by_name[line["recommendation_id"]], line, paid_by)) > 0
        }
        name = floor.agreement.name
        if floor.shortfall is None:
            for place in saved:
                is_open.add(place)
                says[place].append(
                    f"How far agreement {name} is drawn down is unknown, and so is what is paid all the same."
                )
            continue
        for place, part in zip(saved, below_floor(list(saved.values()), floor.shortfall), strict=True):
            if part:
                taken[place].append(part)
                says[place].append(
                    f"The floor of agreement {name} will not be reached, so what is saved below it is paid all the "
                    "same."
                )
    for place in sorted(says):
        _take(written[place], exact_sum(taken[place]), says[place], is_open=place in is_open)


def _take(line: dict[str, Any], part: Decimal, says: Sequence[str], *, is_open: bool) -> None:
    line["floor_effect"] = min(part, line["realised"])
    line["realised"] -= line["floor_effect"]
    if is_open and line["realised"]:
        line["realised"] = line["floor_effect"] = None
    line["remark"] = " ".join([*([line["remark"]] if line["remark"] else []), *says])


def _counted(
    agreement: Agreement, item: Any, line: Mapping[str, Any], paid_by: Mapping[tuple[str, date], Collection[str]]
) -> Decimal:
    """What a line saved on the days of an agreement that counts what it is about; 0 where it saved nothing."""
    saved: Decimal | None = line["realised"]
    if not saved or not _draws_on(agreement, item, paid_by[item.recommendation_id, line["month"]]):
        return _NOTHING
    days = (line["end_day"] - line["first_day"]).days
    own = (min(line["end_day"], agreement.valid_to) - max(line["first_day"], agreement.valid_from)).days
    return saved if own >= days else rate(saved * max(own, 0), Decimal(days))


def _draws_on(agreement: Agreement, item: Any, scopes: Collection[str]) -> bool:
    service = (item.service or "").lower()
    return (
        agreement.provider == item.provider
        and agreement.currency == item.currency
        and "Usage" in agreement.charge_categories
        and any(fnmatchcase(scope.lower(), agreement.scope.lower()) for scope in scopes)
        and any(fnmatchcase(service, glob.lower()) for glob in agreement.services)
        and not any(fnmatchcase(service, glob.lower()) for glob in agreement.without_services)
    )
