"""What people call that which is advised on and is no single resource: the tokens of a model, a service, a contract.

Its id is a name of ours, as the recommender's subjects write it: ``tokens:ACCOUNT/REGION/MODEL/TEAM/TIER``.
"""

from __future__ import annotations

from collections.abc import Callable

_OURS: dict[str, tuple[int, Callable[[list[str]], str]]] = {
    "tokens": (4, lambda end: f"tokens of {end[1]}, {end[2]}"),
    "service": (2, lambda end: f"{end[0]}, {end[1].replace('_', ' ')}"),
    "pool": (2, lambda end: f"machines with {end[1]}, {end[0]}"),
    "served": (1, lambda end: f"{end[0]}, wherever it is served"),
    "training": (2, lambda end: f"training of {end[0]}, {end[1]}"),
    "usage": (2, lambda end: f"use of {end[1]}, {end[0]}"),
    "snapshots": (2, lambda end: f"small old snapshots of {end[0]}, {end[1]}"),
    "contract": (1, lambda end: f"contract {end[0]}"),
    "object-storage": (1, lambda end: f"object storage of {end[0]}"),
    "agreement": (1, lambda end: f"agreement {end[0]}"),
}
"""By what the id begins with: how many parts of its end are used, and how."""


_OF_MODEL_AND_TEAM = ("tokens", "training")


def subject_name(resource_id: str, model: str | None = None, team: str | None = None) -> str | None:
    """A name for an id of ours; None for the id of a resource of the bill.

    Where ``model`` is known it and ``team`` are taken as they are: names of either may have a slash, as ids have.
    """
    scheme, colon, rest = resource_id.partition(":")
    if not colon or scheme not in _OURS:
        return None
    if model is not None and scheme in _OF_MODEL_AND_TEAM:
        return f"{scheme} of {model}, {team or 'unknown'}"
    if model is not None and scheme == "service" and f"/{model}/" in rest:
        stage, _, fleet = rest.partition(f"/{model}/")[2].partition("/")
        return ", ".join(filter(None, (model, stage.replace("_", " "), fleet)))
    parts, name = _OURS[scheme]
    end = rest.rsplit("/", parts - 1) if parts > 1 else [rest]
    if parts > 1 and len(end) == parts:
        end[0] = end[0].rsplit("/", 1)[-1]
    return name(end) if len(end) == parts else rest
