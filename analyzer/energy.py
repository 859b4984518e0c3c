"""Energy and carbon of accelerators and of tokens, as ranges, with their boundary: measured, else estimated.

Assumes     paid accelerator hours, how busy they were, and the board's power limit (TDP); or measured watts.
Method      Measured power is taken as it is. Else a card draws its idle power (11.6 % of its limit; 26 to 50 W more
            where a model is resident) while idle, and 64 / 78 / 89 % of its limit while busy, for small, middle and
            large batches: the low, the middle and the high of the range. Where nobody measured how busy it was, the
            range goes from always idle to always busy, and the middle between them.
            The host draws 150 W per 700 W card. Accelerators and host times PUE is the site's energy; times the
            grid's intensity (location-based, of the region and a year) the operation's carbon. The range's upper end is
            at least 2.4 times the accelerators' (Google's full boundary).
            Making the server (embodied) is a line of its own: (5,700 kg / 8 + 164 kg) over three years, in proportion
            to the card's limit.
            Of tokens bought from an API only the model's size is known: Wh per output token by its active parameters on
            H100, at batch 64 in the middle and 16 at the high end; the low end is the other published method's, 1.4
            times less. Its host is that of the cards its parameters need.
Cases       A card without known limit and without measured power, and a region without grid factor, are unknown.
            A model of unpublished size, priced per token, is unknown.
Drawbacks   Batch sizes are not known, so that the range is wide; two published methods differ by 1.4 times.

Sources: ``aispend/prices/energy.toml`` names one for each figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from aispend.prices.energy import coefficient, of_card

_K = Decimal(1000)


@dataclass(frozen=True)
class Range:
    """Low, middle and high of one quantity."""

    low: Decimal
    mid: Decimal
    high: Decimal

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def times(self, factor: Decimal) -> Range:
        """Each of the three times ``factor``, which is not negative."""
        return Range(self.low * factor, self.mid * factor, self.high * factor)


NONE = Range(Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True)
class CardHours:
    """Hours of cards of one kind: ``measured`` with their energy in Wh, ``known`` with how much of them was busy,
    and ``unknown`` hours of which neither is."""

    tdp_watts: Decimal | None
    measured_hours: Decimal = Decimal(0)
    measured_wh: Decimal = Decimal(0)
    known_hours: Decimal = Decimal(0)
    busy_hours: Decimal = Decimal(0)
    unknown_hours: Decimal = Decimal(0)
    card: str | None = None
    """Its name in the catalogue; some were measured themselves."""

    @property
    def hours(self) -> Decimal:
        """All of them."""
        return self.measured_hours + self.known_hours + self.unknown_hours


def accelerator_kwh(cards: CardHours) -> Range | None:
    """Energy of the cards alone; None where the limit is unknown and not every hour was measured."""
    measured = cards.measured_wh / _K
    rest = cards.known_hours + cards.unknown_hours
    if not rest:
        return Range(measured, measured, measured)
    if cards.tdp_watts is None:
        return None
    idle, busy = idle_watts(cards.tdp_watts, cards.card), busy_watts(cards.tdp_watts, cards.card)
    estimate = [
        cards.known_hours * at_rest + cards.busy_hours * (at_work - at_rest)
        for at_rest, at_work in ((idle.low, busy.low), (idle.mid, busy.mid), (idle.high, busy.high))
    ]
    blind = cards.unknown_hours
    return Range(
        measured + (estimate[0] + blind * idle.low) / _K,
        measured + (estimate[1] + blind * (idle.low + busy.high) / 2) / _K,
        measured + (estimate[2] + blind * busy.high) / _K,
    )


def idle_watts(tdp_watts: Decimal, card: str | None = None) -> Range:
    """Power of a card that does nothing: from bare to with a model's context resident."""
    bare = coefficient("accelerator", "idle") * tdp_watts
    low, high = (Decimal(of_card(f"context_{end}_watts", card)) for end in ("low", "high"))
    return Range(bare, bare + (low + high) / 4, min(bare + high, tdp_watts))


def busy_watts(tdp_watts: Decimal, card: str | None = None) -> Range:
    """Power of a card at work."""
    return Range(*(Decimal(of_card(f"busy_{end}", card)) * tdp_watts for end in ("low", "mid", "high")))


def site_kwh(accelerators: Range, card_hours: Decimal, tdp_watts: Decimal | None, pue: Decimal) -> Range:
    """Accelerators, their hosts and the data centre; without a known limit the host is in the upper end alone."""
    host = Decimal(0)
    if tdp_watts is not None:
        host = coefficient("host", "watts_per_card") * tdp_watts / coefficient("host", "card_watts") * card_hours / _K
    low, mid, high = (
        (amount + host * part) * pue
        for amount, part in (
            (accelerators.low, Decimal("0.5")),
            (accelerators.mid, Decimal(1)),
            (accelerators.high, Decimal(1)),
        )
    )
    return Range(low, mid, max(high, accelerators.high * coefficient("host", "full_over_active")))


def carbon_kg(kwh: Range, grams_per_kwh: Decimal) -> Range:
    """Of the operation, location-based."""
    return kwh.times(grams_per_kwh / _K)


def embodied_kg(card_hours: Decimal, tdp_watts: Decimal) -> Decimal:
    """The share of making the cards and their server that falls on these hours."""
    of_card = coefficient("embodied", "server_kg") / coefficient("embodied", "cards") + coefficient(
        "embodied", "card_kg"
    )
    lifetime = coefficient("embodied", "years") * 365 * 24
    return of_card / lifetime * card_hours * tdp_watts / coefficient("host", "card_watts")


def token_wh(
    active_parameters_billion: Decimal, tokens: Decimal, batch: Decimal | None = None
) -> tuple[Decimal, Decimal]:
    """Wh of the accelerators and of the host for ``tokens`` output tokens of one request, on H100 (EcoLogits)."""
    size = batch if batch is not None else coefficient("tokens", "batch")
    a, b, c = (coefficient("tokens", f"energy_{name}") for name in "abc")
    d, e, f = (coefficient("tokens", f"latency_{name}") for name in "def")
    per_token = a * (b * size).exp() * active_parameters_billion + c
    seconds = (d * active_parameters_billion + e * size + f) * tokens
    host = coefficient("host", "watts_per_card") * seconds / 3600 / size
    return per_token * tokens, host


def tokens_kwh(
    active_parameters_billion: Decimal, parameters_billion: Decimal, output_tokens: Decimal, pue: Decimal
) -> Range:
    """Accelerators, their hosts and the data centre for ``output_tokens`` of a model, wherever it is served."""
    room = parameters_billion * coefficient("tokens", "bytes_per_parameter") * coefficient("tokens", "overhead")
    cards = (room / coefficient("tokens", "card_gb")).to_integral_value(ROUND_CEILING)
    accelerators, host = token_wh(active_parameters_billion, output_tokens)
    mid = (accelerators + host * cards) * pue / _K
    accelerators, host = token_wh(active_parameters_billion, output_tokens, coefficient("tokens", "batch_small"))
    whole = accelerators * coefficient("host", "full_over_active") / _K
    high = max((accelerators + host * cards) * pue / _K, whole)
    return Range(mid / coefficient("tokens", "methods_differ"), mid, high)
