"""Routing: a pilot at list prices, never counted before its evaluation."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from aispend.buying import EasyCalls, Route
from recommender.contract import Subject
from recommender.kinds.route import GATE, KIND, evaluate
from recommender.methods.api_models import offer_of
from recommender.portfolio import combine
from tests.recommender.kinds.asking import advising, refusing
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.tokens import for_nothing, tokens_bought, two_weeks


def easy(**rule: object) -> Recommend:
    return Recommend(route=Route(easy=(EasyCalls.model_validate(rule),)))


advise = advising(evaluate)
refuse = refusing(evaluate)


def test_thirty_percent_to_a_model_at_a_third_of_the_price_saves_a_fifth() -> None:
    """Haiku 4.5 is sold at 1 and 5 dollars, Sonnet 4 at 3 and 15: 0.3 × 2/3 = 20 % of 1,368.75."""
    small = offer_of("aws", "claude-haiku-4.5")
    assert small is not None
    assert (small.input, small.output) == (1, 5)
    found = advise(tokens_bought())
    assert found.target == "claude-haiku-4.5"
    assert found.saving.net == Decimal("273.75")


def test_it_never_counts_before_the_evaluation() -> None:
    found = advise(tokens_bought())
    assert found.gate == GATE
    assert [item.counts for item in combine([found], [KIND])] == [False]


def test_the_settings_name_the_share_and_the_model() -> None:
    """Half of the calls to Nova Lite, 0.06 and 0.24: (10 × 0.06 + 0.24) / 45 of the price: 0.5 × (1 − 0.84 / 45)."""
    found = advise(tokens_bought(), easy(team="support", share=Decimal("0.5"), to="nova-lite"))
    assert found.target == "nova-lite"
    assert found.saving.net == Decimal("671.60")


def test_what_is_smallest_in_its_family_says_so() -> None:
    assert refuse(tokens_bought(model="claude-haiku-4.5")).reason == "smallest"
    assert refuse(tokens_bought(), easy(share=Decimal(1), to="no-such-model")).reason == "smallest"


def test_an_unknown_price_is_a_reason() -> None:
    assert refuse(tokens_bought(model="our-own")).reason == "price_unknown"


def test_tokens_without_plain_input_are_routed_too() -> None:
    """Output alone, 3 M a day at 15 and 5: 0.3 × 2/3 = 20 % of 1,368.75."""
    assert advise(tokens_bought(millions={"output": "3"})).saving.net == Decimal("273.75")


def test_embeddings_are_not_routed() -> None:
    assert not KIND.applies(tokens_bought(millions={"input": "10"}))


@given(share=st.decimals(Decimal("0.01"), 1, places=2))
def test_it_saves_less_than_the_share_costs(share: Decimal) -> None:
    found = advise(tokens_bought(), easy(share=share))
    assert 0 < found.saving.net < found.monthly_cost * share


def test_an_easy_share_nobody_measured_has_no_range() -> None:
    """The range of the weeks would say how sure it is of a what-if; with one's own share the mix of weeks is in it."""
    found = advise(tokens_bought()).saving
    assert (found.p10, found.p50, found.p90) == (None, None, None)
    assert found.range_from == "none: how many calls are easy is a what-if that nobody measured"
    mixed = two_weeks({"input": "10", "output": "1"}, {"input": "20", "output": "2"})
    told = advise(mixed, easy(team="support", share=Decimal("0.5"))).saving
    assert told.p10 is not None
    assert (
        told.range_from
        == "the weeks of the bill; not in it: longer answers, calls that are asked twice, and the router"
    )


def test_a_bill_of_0_has_nothing_to_save() -> None:
    found = refuse(for_nothing(tokens_bought()))
    assert found.reason == "costs_nothing"
    assert "come to 0.00 USD" in found.explanation


class TestContract(KindContract):
    kind = KIND

    @pytest.fixture
    def advised(self) -> Subject:
        return tokens_bought()

    @pytest.fixture
    def blind(self) -> Subject:
        return tokens_bought(tokens={}, class_costs={})
