"""What is forecast: the cuts, and of which spend each is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analyzer.series import SeriesCut

Cut = Literal["all", "ai", "provider", "account", "service", "region", "model", "team"]
PLACES: tuple[SeriesCut, ...] = ("account", "service", "region")
"""Cuts of all spend that no step written down names."""


@dataclass(frozen=True)
class Question:
    """Series read once, whether of AI spend alone, and the cuts that come of them: the sum of all, and each."""

    by: SeriesCut
    ai_only: bool
    cuts: tuple[Cut, ...]


QUESTIONS: tuple[Question, ...] = (
    Question("provider", False, ("all", "provider")),
    Question("model", True, ("ai", "model")),
    Question("team", True, ("team",)),
    Question("account", False, ("account",)),
    Question("service", False, ("service",)),
    Question("region", False, ("region",)),
)
