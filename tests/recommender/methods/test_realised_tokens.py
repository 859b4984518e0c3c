"""Shorter answers and calls moved to another model: what the bill shows came of it, by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recommender.methods.realised import Realised
from recommender.methods.realised_tokens import Answers, Bought, moved_calls, shorter_answers

D = Decimal
MILLION = 1_000_000


def answers(requests: int, millions: str, cost: str) -> Answers:
    return Answers(D(requests), D(millions) * MILLION, D(cost))


def bought(**directions: tuple[str, str]) -> Bought:
    """Millions of tokens and their cost."""
    return {name: (D(millions) * MILLION, D(cost)) for name, (millions, cost) in directions.items()}


def adds_up(found: Realised) -> bool:
    parts = (found.price_effect, found.commitment_effect, found.realised)
    return sum((part or D(0) for part in parts), D(0)) == found.change


def test_fewer_tokens_a_request_at_the_price_of_today() -> None:
    """100 tokens a request before: 200,000 requests would have had 20 million, and had 15.

    At 15 a million 300 would have been paid and at today's 12 180 were: 60 is the price, and 5 × 12 = 60 the limit.
    """
    tokens, found = shorter_answers(answers(140_000, "14", "210"), answers(200_000, "15", "180")) or (None, None)
    assert tokens == 20 * MILLION
    assert found == Realised(D(300), D(180), D(60), D(0), D(60))


def test_more_requests_are_no_loss_and_fewer_no_saving() -> None:
    """Twice the requests, or a tenth, of answers as long as before."""
    before = answers(1000, "1", "15")
    for requests, millions, cost in ((2000, "2", "30"), (100, "0.1", "1.5")):
        _, found = shorter_answers(before, answers(requests, millions, cost)) or (None, None)
        assert found is not None
        assert (found.realised, found.price_effect) == (0, 0)


def test_longer_answers_are_a_loss() -> None:
    """1,000 tokens a request became 1,500: 0.5 million more at 15."""
    _, found = shorter_answers(answers(1000, "1", "15"), answers(1000, "1.5", "22.5")) or (None, None)
    assert found is not None
    assert found.realised == D("-7.5")


def test_without_requests_or_tokens_nobody_can_say() -> None:
    some = answers(1000, "1", "15")
    assert shorter_answers(replace(some, requests=D(0)), some) is None
    assert shorter_answers(replace(some, tokens=D(0)), some) is None
    assert shorter_answers(some, replace(some, requests=D(0))) is None
    # no price of today
    assert shorter_answers(some, replace(some, tokens=D(0), cost=D(0))) is None


def test_calls_moved_times_the_difference_of_the_bill_s_own_rates() -> None:
    """Of 100 million input 40 went to the small model. With their answers a million cost 4.50 at the large one
    (3 + 0.1 × 15) and (10 + 6.25) ÷ 40 = 0.40625 at the small: 40 × 4.09375 = 163.75.
    """
    tokens, found = moved_calls(
        large=bought(input=("140", "420"), output=("14", "210")),
        small={},
        large_now=bought(input=("60", "180"), output=("6", "90")),
        small_now=bought(input=("40", "10"), output=("5", "6.25")),
    ) or (None, None)
    assert tokens == 40 * MILLION
    assert found == Realised(D(180), D("16.25"), D(0), D(0), D("163.75"))


def test_what_the_small_model_did_before_is_not_moved_nor_is_growth() -> None:
    """A fifth was its own before; of 200 million 40 would be: 80 are, so 40 were moved. Half the price at either."""
    tokens, found = moved_calls(
        large=bought(input=("80", "240")),
        small=bought(input=("20", "30")),
        large_now=bought(input=("120", "360")),
        small_now=bought(input=("80", "120")),
    ) or (None, None)
    assert tokens == 40 * MILLION
    assert found == Realised(D(120), D(60), D(0), D(0), D(60))


def test_a_new_price_of_the_large_model_is_the_provider_s() -> None:
    """3 a million became 2: of 10 million moved 10 is the price, and (2 − 0.5) × 10 = 15 the routing."""
    _, found = moved_calls(
        large=bought(input=("100", "300")),
        small={},
        large_now=bought(input=("90", "180")),
        small_now=bought(input=("10", "5")),
    ) or (None, None)
    assert found == Realised(D(30), D(5), D(10), D(0), D(15))


def test_all_of_it_moved_leaves_no_price_of_today() -> None:
    """Nobody buys the large model any more: what its price did is not known, and in what is realised."""
    _, found = moved_calls(
        large=bought(input=("100", "300")), small={}, large_now={}, small_now=bought(input=("100", "50"))
    ) or (None, None)
    assert found == Realised(D(300), D(50), None, D(0), D(250))


def test_nothing_moved_saves_nothing_and_nothing_bought_is_unknown() -> None:
    large = bought(input=("100", "300"))
    _, found = moved_calls(large=large, small={}, large_now=large, small_now={}) or (None, None)
    assert found == Realised(D(0), D(0), D(0), D(0), D(0))
    assert moved_calls(large=large, small={}, large_now={}, small_now={}) is None
    assert moved_calls(large={}, small={}, large_now=large, small_now={}) is None


AMOUNT = st.integers(1, 10**9).map(D)
COST = st.decimals("0.000001", 10**6, places=6)
SIDE = st.fixed_dictionaries({"input": st.tuples(AMOUNT, COST), "output": st.tuples(AMOUNT, COST)})


@given(SIDE, SIDE, SIDE, SIDE)
def test_the_parts_add_up_and_unchanged_shares_save_nothing(
    large: Bought, small: Bought, large_now: Bought, small_now: Bought
) -> None:
    answer = moved_calls(large=large, small=small, large_now=large_now, small_now=small_now)
    assert answer is not None
    assert adds_up(answer[1])
    same = moved_calls(large=large, small=small, large_now=large, small_now=small)
    assert same is not None
    assert abs(same[0]) < 1
    assert abs(same[1].realised or D(0)) < D("0.01")


@given(AMOUNT, AMOUNT, COST, AMOUNT, AMOUNT, COST)
def test_the_parts_of_shorter_answers_add_up(
    requests: Decimal, tokens: Decimal, cost: Decimal, requests_now: Decimal, tokens_now: Decimal, cost_now: Decimal
) -> None:
    answer = shorter_answers(Answers(requests, tokens, cost), Answers(requests_now, tokens_now, cost_now))
    assert answer is not None
    assert adds_up(answer[1])
