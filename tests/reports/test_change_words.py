"""A change in words: what is printed adds up, as printed."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.variance import EFFECTS, Effect
from reports.change_words import behind, headline, in_cents, leading_effects, signed, told
from reports.formats import change as relative
from reports.formats import money, percent
from reports.views import Change, Driver
from reports.views.change_figures import Moved

D = Decimal


def change(**effects: str) -> Change:
    parts: dict[Effect, Decimal] = {name: D(effects[name]) for name in EFFECTS if name in effects}
    return Change(("chat",), "USD", D(100), 100 + sum(parts.values(), D(0)), parts, partly_unknown=False)


def drivers(of: Change) -> tuple[Driver, ...]:
    ordered = sorted(of.effects.items(), key=lambda item: -abs(item[1]))
    return tuple(Driver(name, amount, "chat", amount, None) for name, amount in ordered)


@pytest.mark.parametrize(
    ("amounts", "shown"),
    [
        (("3.335", "3.335", "3.33"), ["3.34", "3.33", "3.33"]),  # each by itself: 3.34 + 3.34 + 3.33 = 10.01
        (("5.006", "-2.003", "-1.001"), ["5.00", "-2.00", "-1.00"]),  # 2.002; each by itself 5.01 - 2.00 - 1.00
        (("0.004", "-12"), ["0.00", "-12.00"]),
        (("0.0012",), ["0.0012"]),  # less than a cent in all: in cents there is nothing to show
        ((), []),
    ],
)
def test_amounts_in_cents_add_up_to_their_sum_in_cents(amounts: tuple[str, ...], shown: list[str]) -> None:
    assert [str(amount) for amount in in_cents(tuple(map(D, amounts)))] == shown


@given(st.lists(st.integers(-(10**15), 10**15).map(lambda units: D(units).scaleb(-12)), max_size=10))
def test_any_amounts_add_up_as_printed(amounts: list[Decimal]) -> None:
    total = sum(amounts, D(0))
    shown = in_cents(amounts)
    if total == 0 or abs(total) > D("0.005"):
        assert sum(shown, D(0)) == D(money(total).replace(",", ""))
        assert all(abs(one - exact) < D("0.01") for one, exact in zip(shown, amounts, strict=True))
    else:
        assert shown == amounts


def test_the_effects_of_a_table_add_up_and_so_does_the_part_of_one_name() -> None:
    row = change(volume="3.335", mix="3.335", price="3.33")
    assert [(one.amount, one.of_name) for one in told(drivers(row))] == [
        (D("3.34"), D("3.34")),
        (D("3.33"), D("3.33")),
        (D("3.33"), D("3.33")),
    ]


def test_a_sentence_names_what_it_leaves_out() -> None:
    """500 - 300 + 200 - 100.43 - 50 = 249.57: three are told, -150.43 is the rest."""
    row = change(volume="500", efficiency="-300", price="200", credits="-100.43", tax="-50")
    assert headline(row, drivers(row)) == (
        "+249.57 USD (+249.6 %): +500.00 more use (chat), -300.00 less per request (chat), +200.00 higher prices "
        "(chat) and -150.43 other effects."
    )
    assert leading_effects(row) == "more use +500.00, less per request -300.00, other effects +49.57"


@pytest.mark.parametrize(
    ("effects", "says", "of_a_row"),
    [
        ({"volume": "0.000012345678"}, "less than a cent more (USD) (+0.0 %).", ""),
        ({"volume": "-0.004"}, "less than a cent less (USD) (-0.0 %).", ""),
        (
            {"volume": "7", "mix": "-6.998765432101", "price": "0.001234567899"},
            "less than a cent more (USD) (+0.0 %): +7.00 more use (chat), -7.00 cheaper mix (chat).",
            "more use +7.00, cheaper mix -7.00",
        ),
        (
            {"volume": "9876543210123.456", "mix": "-0.456"},
            "+9,876,543,210,123.00 USD (+9,876,543,210,123.0 %): +9,876,543,210,123.46 more use (chat), "
            "-0.46 cheaper mix (chat).",
            "more use +9,876,543,210,123.46, cheaper mix -0.46",
        ),
    ],
)
def test_tiny_and_huge_changes_are_told_in_cents(effects: dict[str, str], says: str, of_a_row: str) -> None:
    row = change(**effects)
    assert headline(row, drivers(row)) == says
    assert leading_effects(row) == of_a_row


def test_of_what_cost_next_to_nothing_no_percentage_is_told() -> None:
    row = Change(("chat",), "USD", D("0.000001"), D("3"), {"volume": D("2.999999")}, partly_unknown=False)
    assert headline(row, drivers(row)) == "+3.00 USD: +3.00 more use (chat)."


def test_what_carries_less_than_a_cent_says_so() -> None:
    requests = Moved("requests", D(1), D(1_000_000_001))
    told_of = Driver("volume", D(12), "chat", D("-0.000012345678"), requests)
    assert behind(told_of) == "chat less than a cent less: requests 1 → 1.0 G (+100,000,000,000 %)"


def test_a_table_keeps_the_sign_of_a_part_of_a_cent() -> None:
    shown = [signed(D(amount)) for amount in ("-0.00123", "0.00123", "0", "-0.00", "-1234.5")]
    assert shown == ["-0.0012", "+0.0012", "0.00", "0.00", "-1,234.50"]


def test_what_dividing_a_charge_over_its_days_leaves_is_no_change_in_a_table() -> None:
    """12,000 over 365 days, in amounts of 1e-12: months of as many days differ by a few of them."""
    assert signed(D("-0.000000000006")) == signed(D("0.000000000006")) == "0.00"


@pytest.mark.parametrize(
    ("moved", "says"),
    [
        (Moved("price", D("6.5229"), D("6.5155"), per="Hour"), "6.523 → 6.516 per Hour"),
        (Moved("exchange_rate", D("1.1004"), D("1.1001"), "EUR"), "1 EUR = 1.1004 → 1.1001"),
        (Moved("hours_per_1k", D("768"), D("768.4"), "requests"), "accelerator hours per 1,000 requests 768 → 768.4"),
        (Moved("paid_part", D("0.801"), D("0.803")), "80.1 % → 80.3 % of the contracted price is paid"),
        (Moved("price", D(2), D(2), per="Hour"), "2 → 2 per Hour"),
    ],
)
def test_what_moved_is_told_with_the_digits_that_moved(moved: Moved, says: str) -> None:
    assert behind(Driver("price", D(1), "it", D(1), moved)) == f"it +1.00: {says}"


def test_nothing_has_no_sign() -> None:
    """A share of a credit of 7 that is nothing, and one too small to be told."""
    assert [percent(one, 1) for one in (D(0) / D(-7), D("-0.0001"), D("-0.001"))] == ["0.0 %", "0.0 %", "-0.1 %"]
    assert percent(D("-0.004")) == "0 %"
    assert relative(D(0) / D(-7)) == "+0.0 %"


_AMOUNTS = st.integers(-(10**25), 10**25).map(lambda units: D(units).scaleb(-12)) | st.integers(-(10**10), 10**10).map(
    lambda units: D(units).scaleb(-12)
)


@given(st.dictionaries(st.sampled_from(EFFECTS), _AMOUNTS.filter(bool)), st.integers(0, 10**14))
def test_no_sentence_tells_a_part_of_a_cent(effects: dict[Effect, Decimal], before: int) -> None:
    was = D(before).scaleb(-12)
    row = Change(("chat",), "USD", was, was + sum(effects.values(), D(0)), effects, partly_unknown=False)
    for words in (headline(row, drivers(row)), leading_effects(row), *map(behind, drivers(row))):
        assert not re.search(r"\.\d{3}|[-+]0\.00\b|E[-+]\d", words), words


def test_a_sentence_that_leaves_nothing_out_names_no_rest() -> None:
    row = change(volume="20", mix="-5", tax="0.001")
    assert headline(row, drivers(row)) == "+15.00 USD (+15.0 %): +20.00 more use (chat), -5.00 cheaper mix (chat)."
    assert leading_effects(row) == "more use +20.00, cheaper mix -5.00"
    assert headline(change(), ()) == "0.00 USD (+0.0 %)."
