"""What is left of a saving once what is kept instead is paid for."""

from __future__ import annotations

from decimal import Decimal

from recommender.contract import Saving

_NOTHING = Decimal(0)


def without_rate(found: object, currency: str) -> str:
    """What is missing where a price is ``found``, but not in the bill's currency; nothing where there is none."""
    return (
        "" if found is None else f": its list is in dollars, and no rate to {currency} is loaded (aispend import-rates)"
    )


def less(gross: Saving, kept: Decimal) -> Saving:
    """A saving less what is kept costs a month; never below nothing."""

    def rest(amount: Decimal) -> Decimal:
        return max(amount - kept, _NOTHING)

    def maybe(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else rest(amount)

    return Saving(
        list_cost=maybe(gross.list_cost),
        effective=rest(gross.effective),
        net=rest(gross.net),
        p10=maybe(gross.p10),
        p50=maybe(gross.p50),
        p90=maybe(gross.p90),
        range_from=gross.range_from,
    )


def at_list(monthly: Decimal) -> Saving:
    """All of a list price, of which nobody knows how it varies."""
    return Saving(monthly, monthly, monthly, None, None, None, "none: it is at list price, and your rate is unknown")
