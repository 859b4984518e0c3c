"""Why the bill cannot tell what some advice saved: said with each line that is unknown, as unknown is never zero."""

from __future__ import annotations

from recommender.ledger.baseline import counterfactual_of, step_of
from recommender.ledger.seats import KIND as SEATS
from recommender.ledger.seats import TARGET as SEATS_TARGET

_RUNS = (
    "the machines of runs that have ended are gone whether anything was changed or not, and what later runs did not "
    "lose is on no bill."
)
WHY_UNKNOWN = {
    "training_waste": _RUNS,
    "past_plateau": _RUNS,
    "managed_or_self_host": (
        "whoever serves the tokens next is charged elsewhere, as machines or as tokens that nothing ties to what was "
        "given up."
    ),
}
"""Kinds without a counterfactual, and the reason."""

_CREDITS = (
    "credits and agreements are paid for whether they are used or not, so that using them up in time lowers no bill."
)
_CANNOT = "The bill alone cannot tell what this saves: "


def why_unknown(kind: str, target: str = "") -> str:
    """A sentence of what is missing to say what a change of this kind, to this target, saved."""
    if kind in WHY_UNKNOWN:
        return _CANNOT + WHY_UNKNOWN[kind]
    if kind == SEATS:
        no_seats = "the company's books do not say what a seat cost before."
        return _CANNOT + (no_seats if target == SEATS_TARGET else _CREDITS)
    if step_of(kind) is None:
        return f"{_CANNOT}advice of this kind is no longer made, so nothing says what to hold its bill against."
    if counterfactual_of(kind) == "same_tokens":
        return f"{_CANNOT}no tokens were bought before, or the cost of some of them is not known."
    return f"{_CANNOT}it names none of its resources."
