"""What was promised of a cost that another change made smaller before it acted: so much of it as was left.

Assumes
    A promise is of the whole of what it cost when it was made. Savings multiply and do not add up.
Method
    Of two changes of the same resources the later one's promise counts by what the earlier one left in that month:
    what was paid, over that and what it saved. Where the earlier is done after the later was accepted, or no bill was
    between them. Of several resources the part of the cost counts that the earlier change is about as well.
Cases
    What the earlier one saved is unknown: the promise counts whole. So does that of a commitment, which is sized on
    what was accepted before; and what a commitment covers was in no promise.
    What is written down of the promise stays as it is.
Sources
    methods, combining savings, ranges, feedback; docs/advice.md, verified savings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from aispend.money import exact_sum, rate
from recommender.ledger.order import is_ended_by, is_later, is_together, share_of, was_in_force
from recommender.ledger.owned import Owned

PREDICTIONS = ("predicted_net", "predicted_p10", "predicted_p50", "predicted_p90")
_WHOLE, _NOTHING = Decimal(1), Decimal(0)


def take_what_was_left(items: Sequence[Any], written: Sequence[dict[str, Any]], owned: Owned) -> None:
    """Lower what was promised, in the written lines of ``saving``, to what earlier changes left of the cost."""
    lefts = {(line["recommendation_id"], line["month"]): _left_by(line) for line in written}
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in written:
        lines[line["recommendation_id"]].append(line)
    for item in items:
        mine = lines[item.recommendation_id]
        for one in owned.acted_on_by(item) if mine else ():
            if not _is_promised_before(item, one, owned):
                continue
            share = share_of(item, owned.names_of(owned.shared(one, item)))
            for line in mine:
                if one.undone_on is None or line["first_day"] < one.undone_on:
                    left = lefts.get((one.recommendation_id, line["month"]), _WHOLE)
                    _lower(line, one, 1 - share * (1 - left))


def _is_promised_before(item: Any, earlier: Any, owned: Owned) -> bool:
    """Whether ``item`` was promised on a cost that the earlier change had not lowered yet."""
    return bool(
        "commitment" not in (item.counterfactual, earlier.counterfactual)
        and is_later(item, earlier)
        and was_in_force(earlier)
        and not is_ended_by(earlier, item, owned)
        and (is_together(item, earlier) or earlier.done_on >= _day_of(item))
    )


def _day_of(item: Any) -> date:
    day: date = item.accepted_at.date()
    return day


def _left_by(line: Mapping[str, Any]) -> Decimal:
    """The part (0 to 1) of its cost that a change left in a month; all of it where that is unknown."""
    if line["realised"] is None:
        return _WHOLE
    whole = exact_sum((line["actual_cost"], line["realised"]))
    return min(max(rate(line["actual_cost"], whole), _NOTHING), _WHOLE) if whole > 0 else _WHOLE


def _lower(line: dict[str, Any], earlier: Any, left: Decimal) -> None:
    if left == _WHOLE or line["predicted_net"] is None:
        return
    line |= {name: None if line[name] is None else rate(line[name] * left, _WHOLE) for name in PREDICTIONS}
    says = f"Of what was promised {left * 100:.0f} % counts, as the {earlier.kind} of {earlier.done_on} left that."
    line["remark"] = " ".join([*([line["remark"]] if line["remark"] else []), says])
