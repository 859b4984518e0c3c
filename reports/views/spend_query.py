"""What can be asked of spend: the cuts, the period, what is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from aispend.errors import UsageError
from reports.views.basis import Axis, CostColumn, Window

Dimension = Literal[
    "provider",
    "account",
    "service",
    "region",
    "resource",
    "model",
    "stage",
    "team",
    "day",
    "month",
    "charge_category",
    "reason",
    "rung",
    "ai",
]
"""A cut; besides these, ``tag:KEY`` cuts by the value of a tag or label."""

DIMENSIONS: tuple[str, ...] = get_args(Dimension)
TAG_PREFIX = "tag:"
CATEGORIES = {"usage": "Usage", "purchase": "Purchase", "tax": "Tax", "credit": "Credit", "adjustment": "Adjustment"}


@dataclass(frozen=True)
class SpendQuery:
    """What to cut and how.

    ``window`` is half-open; None means the last 30 days with data, on the billing axis the newest month. There the
    window picks the billing months whose first day lies in it. ``without`` names charge categories in lower case.
    ``cost`` decides the order of the rows; all four costs are always returned.
    By default all spend is counted, so that every cut adds up to the bill; ``ai_only`` narrows it.

    Raises ``UsageError`` for an unknown cut or category.
    """

    by: tuple[str, ...] = ("model",)
    window: Window | None = None
    cost: CostColumn = "effective_cost"
    without: tuple[str, ...] = ()
    ai_only: bool = False
    axis: Axis = "usage"

    def __post_init__(self) -> None:
        for name in self.by:
            if name not in DIMENSIONS and not (name.startswith(TAG_PREFIX) and len(name) > len(TAG_PREFIX)):
                raise UsageError(
                    f"There is no cut by {name!r}.",
                    next_step=f"Choose from {', '.join(DIMENSIONS)} or tag:KEY, separated by commas.",
                )
        if len(set(self.by)) != len(self.by):
            raise UsageError("A cut is named twice.", where=", ".join(self.by))
        for name in self.without:
            if name not in CATEGORIES:
                raise UsageError(
                    f"There is no charge category {name!r} to leave out.",
                    next_step=f"Choose from {', '.join(CATEGORIES)}, separated by commas.",
                )
