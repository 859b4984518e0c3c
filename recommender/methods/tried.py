"""How often a rule would have acted on history it was not made from, and how often that would have been wrong."""

from __future__ import annotations

from dataclasses import dataclass

from recommender.methods.risk import violation_bound


@dataclass(frozen=True)
class Tried:
    """``trials`` of a rule, ``wrong`` of them; each independent of the others."""

    trials: int
    wrong: int

    @property
    def share(self) -> float:
        """Share that went wrong; 0 where nothing was tried."""
        return self.wrong / self.trials if self.trials else 0.0

    @property
    def bound(self) -> float | None:
        """Upper 95 % bound of that share (Clopper and Pearson's); None where nothing was tried."""
        return violation_bound(self.wrong, self.trials) if self.trials else None
