"""Why the bill cannot tell what some advice saved: said with each line that is unknown, as unknown is never zero."""

from __future__ import annotations

from recommender.ledger.baseline import counterfactual_of, step_of

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
    "seats_and_credits": (
        "what a contract costs after its renewal is an own cost that nothing ties to the old one, and credits used up "
        "in time lower no bill."
    ),
}
"""Kinds without a counterfactual, and the reason."""

_CANNOT = "The bill alone cannot tell what this saves: "


def why_unknown(kind: str) -> str:
    """A sentence of what is missing to say what a change of this kind saved."""
    if kind in WHY_UNKNOWN:
        return _CANNOT + WHY_UNKNOWN[kind]
    if step_of(kind) is None:
        return f"{_CANNOT}advice of this kind is no longer made, so nothing says what to hold its bill against."
    if counterfactual_of(kind) == "same_tokens":
        return f"{_CANNOT}no tokens of known cost were bought before."
    return f"{_CANNOT}it names none of its resources."
