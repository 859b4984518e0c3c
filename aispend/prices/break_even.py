"""Break-even between serving a model oneself and buying its tokens; and when a training run has paid for itself.

Assumes     a fleet costs the same whatever it serves, so that its cost per token falls as its load rises.
Method      cost per million = price per hour ÷ (tokens per second · 3,600 · load) · 10⁶. The break-even load is the
            cost per million at full load ÷ the API's price per million; above one, this fleet can never be cheaper.
            Payback is the one-off cost ÷ what is saved each month.
Drawbacks   Tokens per second is a model's and a batch's: a mix of longer prompts serves fewer. Engineers' time is
            not in it unless given as a cost of the company's own.

Source: methods, self-host against API (T5.3), training payback.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from aispend.clock import HOURS_PER_MONTH
from aispend.money import rate

_PER_MILLION = 1_000_000
_SECONDS = 3_600


def cost_per_million(price_per_hour: Decimal, tokens_per_second: Decimal, load: Decimal) -> Decimal:
    """Cost of a million tokens of a server at ``load`` (0 to 1, not zero)."""
    return rate(price_per_hour, tokens_per_second * _SECONDS * load, _PER_MILLION)


def break_even_load(price_per_hour: Decimal, tokens_per_second: Decimal, api_price_per_million: Decimal) -> Decimal:
    """Load at which serving costs what the API charges; above 1 it never does."""
    return rate(cost_per_million(price_per_hour, tokens_per_second, Decimal(1)), api_price_per_million)


@dataclass(frozen=True)
class BreakEven:
    """A fleet beside an API over the same tokens.

    ``tokens`` is how many in the period would cost the same at the API; ``load`` the fleet's load there, None where its
    own load is not known. ``is_reachable`` is None then.
    """

    tokens: Decimal
    load: Decimal | None

    @property
    def is_reachable(self) -> bool | None:
        """Whether the fleet as it is can serve that many."""
        return None if self.load is None else self.load <= 1


def break_even(cost: Decimal, api_cost: Decimal, tokens: Decimal, load: Decimal | None) -> BreakEven:
    """Of a fleet that cost ``cost`` for ``tokens`` at ``load``, which the API would have sold for ``api_cost``."""
    return BreakEven(
        tokens=rate(cost * tokens, api_cost),
        load=None if load is None else rate(cost * load, api_cost),
    )


def per_month(quantity: Decimal, days: int) -> Decimal:
    """What was so much in ``days`` days, in a month of 730 hours."""
    return rate(quantity * HOURS_PER_MONTH, Decimal(days * 24))


def payback_months(one_off_cost: Decimal, monthly_saving: Decimal) -> Decimal | None:
    """Months until a saving has paid for what it took; None where nothing is saved."""
    return rate(one_off_cost, monthly_saving) if monthly_saving > 0 else None
