"""A rate is what was paid over what was served of the same days, and rates of one cost add up to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from aispend.schema import unit_cost
from aispend.store import Store
from reports import views
from reports.views import Window
from reports.views.unit_rates import token_costs

D = Decimal
FIRST = date(2026, 10, 1)
OCTOBER = Window(FIRST, date(2026, 11, 1))
CLASSES = ("input", "cached_input", "cache_write", "output")


@dataclass(frozen=True)
class Day:
    """What a model cost and served on one day; ``parts`` are the classes' tokens and cost. None is unknown.

    ``lacks``: some charge of the day has no cost, the rest is known.
    """

    parts: Mapping[str, tuple[int, int]]
    rest: int | None
    requests: int | None
    paid: int | None = None
    used: int | None = None
    lacks: bool = False

    @property
    def price(self) -> int | None:
        """The cost where it is all of it."""
        return None if self.lacks else self.cost

    @property
    def cost(self) -> int | None:
        return None if self.rest is None else self.rest + sum(cost for _, cost in self.parts.values())

    @property
    def tokens(self) -> int:
        return sum(tokens for tokens, _ in self.parts.values())

    def columns(self) -> dict[str, Any]:
        found: dict[str, Any] = dict.fromkeys([f"{name}_{what}" for name in CLASSES for what in ("tokens", "cost")])
        for name, (tokens, cost) in self.parts.items():
            found |= {f"{name}_tokens": tokens, f"{name}_cost": None if self.cost is None else cost}
        hours = {"accelerator_hours_paid": self.paid, "accelerator_hours_used": self.used}
        return found | hours | {"effective_cost": self.cost, "requests": self.requests, "partly_unknown": self.lacks}


def told(database: Store, days: Sequence[Day], *, basis: str = "allocation") -> views.UnitCost:
    """The unit costs of these days in a row, from the first of October on."""
    named = {"provider": "aws", "model": "m", "stage": "inference_online", "basis": basis, "currency": "USD"}
    rows = [
        {"billing_month": FIRST, "day": FIRST + timedelta(days=number), **named} | day.columns()
        for number, day in enumerate(days)
    ]
    with database.engine.begin() as connection:
        connection.execute(delete(unit_cost))
        connection.execute(insert(unit_cost), rows)
        (row,) = views.unit_costs(connection, OCTOBER).rows
    return row


def classes_together(row: views.UnitCost) -> Fraction:
    """What the rates of the classes say that their tokens cost."""
    return (
        sum(
            (
                Fraction(getattr(row, f"cost_per_1m_{name}_tokens") or 0)
                * Fraction(getattr(row, f"{name}_tokens") or 0)
                for name in CLASSES
            ),
            Fraction(0),
        )
        / 1_000_000
    )


def test_a_day_on_which_the_server_waited_is_in_the_price_of_every_class(database: Store) -> None:
    """48 a day for three days, none served on the second: 144 for 2 M in and 0.2 M out, which weighs 2.5 times as much:
    144 ÷ 2.5 = 57.60 a million in, 144.00 out, and 2 × 57.60 + 0.2 × 144 = 144."""
    busy = Day({"input": (1_000_000, 38_400), "output": (100_000, 9_600)}, 0, 1000)
    row = told(database, [busy, Day({}, 48_000, None), busy])
    assert (row.cost_per_1m_input_tokens, row.cost_per_1m_output_tokens) == (D(57_600), D(144_000))
    assert row.cost_per_1k_requests == D(72_000)
    assert row.cost_per_1m_tokens == D("65454.545454545455")


def test_reasoning_costs_what_the_output_costs_with_the_waiting_in_it(database: Store) -> None:
    """Half of the output's 96 is reasoning's: a million out costs 96 with the day that waited."""
    busy = Day({"output": (1_000_000, 48)}, 0, 10)
    told(database, [busy, Day({}, 48, None), Day({}, 0, 1)])
    with database.engine.begin() as connection:
        connection.execute(unit_cost.update().where(unit_cost.c.requests == 10).values(reasoning_tokens=500_000))
        (row,) = views.unit_costs(connection, OCTOBER).rows
    assert (row.reasoning_cost, row.cost_per_1m_reasoning_tokens) == (D(48), D(96))


def test_waiting_is_by_token_weights_where_serving_cost_nothing(database: Store) -> None:
    """Served for nothing on the first day: 14 of the second for 2 M in and 2 M out is 2 and 5 a million."""
    free = Day({"input": (2_000_000, 0), "output": (2_000_000, 0)}, 0, 10)
    row = told(database, [free, Day({}, 14, None), Day({}, 0, 1)])
    assert (row.cost_per_1m_input_tokens, row.cost_per_1m_output_tokens) == (D(2), D(5))


def test_tokens_count_where_their_cost_is_known_though_no_class_says_its_part(database: Store) -> None:
    told(database, [Day({"input": (8_000_000, 40), "output": (2_000_000, 10)}, 0, 10), Day({"input": (9, 0)}, None, 1)])
    with database.engine.begin() as connection:
        connection.execute(unit_cost.update().values(input_cost=None, output_cost=None))
        (found,) = token_costs(connection, OCTOBER)
    assert (found.cost, found.all_tokens, found.tokens["input_tokens"]) == (D(50), D(10_000_000), D(8_000_000))


def test_a_day_whose_requests_alone_were_counted_is_in_no_price_of_tokens(database: Store) -> None:
    """100 for a million tokens on the first day; what was served for 100 on the second, nobody counted."""
    row = told(database, [Day({"input": (1_000_000, 100)}, 0, 10), Day({}, 100, 10)])
    assert (row.cost_per_1m_tokens, row.cost_per_1m_input_tokens, row.cost_per_1k_requests) == (
        D(100),
        D(100),
        D(10_000),
    )


def test_an_hour_paid_is_priced_by_the_days_whose_cost_is_known(database: Store) -> None:
    """Of 48 hours paid 24 were measured: 6 for them is 0.25 an hour, not 0.125; and the 6 is not all of it."""
    measured = Day({"input": (1_000_000, 6)}, 0, 10, 24, 6)
    row = told(database, [measured, Day({"input": (1_000_000, 0)}, None, 10, 24)], basis="usage")
    assert (row.cost_per_accelerator_hour_paid, row.cost_per_accelerator_hour_used) == (D("0.25"), D(1))
    assert (row.cost_per_1m_tokens, row.cost_per_1k_requests, row.load) == (D(6), D(600), D("0.25"))
    assert row.partly_unknown
    assert not told(database, [measured], basis="usage").partly_unknown


def test_an_hour_used_is_priced_by_the_days_whose_cost_is_known(database: Store) -> None:
    """24 hours used for 48; of as many on the next day the bill gives no effective cost."""
    row = told(database, [Day({}, 48, 1, 24, 24), Day({}, None, 1, 24, 24)])
    assert (row.cost_per_accelerator_hour_paid, row.cost_per_accelerator_hour_used) == (D(2), D(2))


def test_a_day_of_which_a_part_of_the_cost_alone_is_known_is_in_no_rate(database: Store) -> None:
    """20 a day for a million; of the second day 1 of a gateway alone is known: 20 a million, and 20 for 24 hours."""
    whole = Day({"input": (1_000_000, 20)}, 0, 10, 24, 12)
    row = told(database, [whole, Day({"input": (1_000_000, 1)}, 0, 10, 24, 12, lacks=True)])
    assert (row.cost_per_1m_tokens, row.cost_per_1m_input_tokens, row.cost_per_1k_requests) == (D(20), D(20), D(2000))
    assert row.cost_per_accelerator_hour_paid == D("0.833333333333")
    assert row.cost_per_accelerator_hour_used == D("1.666666666667")
    assert (row.effective_cost, row.requests, row.load, row.partly_unknown) == (D(21), D(20), D("0.5"), True)
    with database.engine.connect() as connection:
        (found,) = token_costs(connection, OCTOBER)
    assert (found.cost, found.all_tokens, found.requests, found.partly_unknown) == (D(20), D(1_000_000), D(10), True)


def test_a_day_that_waited_and_lacks_a_cost_is_in_no_rate(database: Store) -> None:
    busy = Day({"input": (1_000_000, 48)}, 0, 1000)
    row = told(database, [busy, Day({}, 1, None, lacks=True), busy])
    assert (row.cost_per_1m_tokens, row.cost_per_1k_requests, row.partly_unknown) == (D(48), D(48), True)


PARTS = st.dictionaries(st.sampled_from(CLASSES), st.tuples(st.integers(1, 10**9), st.integers(0, 10**6)), max_size=4)
HOURS = st.none() | st.integers(1, 192)


@st.composite
def some_days(draw: st.DrawFn) -> Day:
    """What the analyzer writes: a day with tokens has divided all its cost over them."""
    parts = draw(PARTS)
    rest = draw(st.sampled_from([None, 0, 0]) if parts else st.none() | st.integers(0, 10**6))
    paid = draw(HOURS)
    used = None if paid is None else draw(st.none() | st.integers(1, paid))
    return Day(parts, rest, draw(st.none() | st.integers(1, 10**6)), paid, used, draw(st.booleans()))


@hypothesis_settings(max_examples=60)
@given(st.lists(some_days(), min_size=1, max_size=8))
def test_rates_are_of_the_same_days_and_classes_add_up(database: Store, days: list[Day]) -> None:
    counted = [number for number, day in enumerate(days) if day.requests]
    row = told(database, days)

    def waited(number: int) -> bool:
        day = days[number]
        if day.requests or day.tokens or (day.used and day.paid and day.used >= day.paid / 100):
            return False
        return not counted or counted[0] <= number <= counted[-1]

    def same(price: Decimal | None, per: int, numbers: list[int], quantities: list[int]) -> Fraction | None:
        """The price is the known cost of these days over the quantity of those of them whose cost is known."""
        known = [number for number in numbers if days[number].price is not None]
        quantity = sum(quantities[number] for number in known)
        if not quantity:
            assert price is None
            return None
        paid = sum(days[number].price or 0 for number in known)
        assert price is not None
        assert abs(Fraction(price) - Fraction(paid * per, quantity)) <= Fraction(1, 10**12)
        return Fraction(paid)

    by_token = [number for number, day in enumerate(days) if day.tokens or waited(number)]
    by_request = [number for number, day in enumerate(days) if day.requests or waited(number)]
    paid = same(row.cost_per_1m_tokens, 1_000_000, by_token, [day.tokens for day in days])
    same(row.cost_per_1k_requests, 1_000, by_request, [day.requests or 0 for day in days])
    hours = [number for number, day in enumerate(days) if day.paid]
    same(row.cost_per_accelerator_hour_paid, 1, hours, [day.paid or 0 for day in days])
    if paid is not None and all(day.price is not None or not day.tokens for day in days):
        assert abs(classes_together(row) - paid) <= Fraction(1, 100)
