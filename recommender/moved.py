"""What running the same work on another type saves, where commitments cover a part of the present one.

Assumes
    A commitment follows to another type only where it is known to (``subjects/bound_cost.py``).
Method
    One that follows covers as much there: of what it does not cover, the share saved. One that does not is paid for
    without use, and the hours it covered cost the new type's on-demand price beside it: their list price × what is
    left. Unknown terms are taken for the second, which is the lower.
Cases
    The list price of covered hours unknown: nothing is counted as saved, and it is said.
Sources
    docs/advice.md; methods, combining savings (savings now are those of the on-demand part alone).
Known drawbacks
    That other machines of the type may use what is left behind is not counted: nobody knows that they would.
"""

from __future__ import annotations

from decimal import Decimal

from recommender.contract import Saving, Subject
from recommender.guards import covered_remark
from recommender.savings import NO_SPREAD, Spread, paid_anew, saving
from recommender.subjects.bound_cost import behind_another_type

_NOT_KNOWN = "not known to follow to another type"


def moved(
    subject: Subject,
    days: int,
    share: Decimal,
    doing: str,
    types: tuple[str | None, str],
    *,
    spread: Spread = NO_SPREAD,
) -> tuple[Saving, str]:
    """What ``share`` less for the same hours saves, and sentences on commitments ("" without any).

    ``types``: the present one, and the one instead. The saving is per 730 hours; its effective cost has to be known.
    """
    present, target = types
    behind = behind_another_type(subject.provider, present, target)
    whole = saving(subject, days, share, spread)
    anew = paid_anew(subject, days, share, behind)
    if anew == 0 or whole.effective <= 0:
        return whole, covered_remark(whole, doing)
    saved = saving(subject, days, share, spread, behind)
    said = f" Commitments cover {'a part of it' if whole.net else 'it'}, and are {_NOT_KNOWN}"
    if anew is None:
        return saved, (
            f"{said}; what the hours they cover would cost there is not known, so nothing is counted as saved."
        )
    said += f": they stay paid for, and {anew} a month of {target} for the hours they cover now is paid beside them."
    if not saved.net:
        more = anew - whole.net
        said += f" So {doing} saves nothing today{f', and costs {more} a month more' if more > 0 else ''}."
    return saved, said
