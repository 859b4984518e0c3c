"""Shorter answers: what was measured, linear in the tokens, and never counted before its evaluation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from aispend.buying import OutputCut, OutputLimit
from recommender.contract import Advice, Answer, Subject, WhyNot
from recommender.kinds.output_limit import GATE, KIND, evaluate
from recommender.kinds.prompt_cache import KIND as PROMPT_CACHE
from recommender.portfolio import combine
from recommender.subjects.token_use import TokenUse
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.tokens import for_nothing, partly_unknown, tokens_bought, two_weeks


def cut(**rule: object) -> Recommend:
    return Recommend(output_limit=OutputLimit(cut=(OutputCut.model_validate(rule),)))


def advise(subject: TokenUse, settings: Recommend) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def test_a_fifth_less_output_saves_a_fifth_of_its_cost() -> None:
    """A million of output at 15 of 45 dollars a day: 0.2 × 15 ÷ 45 of 1,368.75 a month is 91.25. One million tokens by
    2,000 requests are 500 an answer."""
    found = advise(tokens_bought(), cut(share=Decimal("0.2")))
    assert found.saving.net == Decimal("91.25")
    assert found.evidence["output_tokens_per_request"] == "500"
    assert "33 % of its cost is output, with 500 tokens an answer" in found.reason
    assert found.gate == GATE
    assert [item.counts for item in combine([found], [KIND])] == [False]


def test_days_of_unknown_cost_are_in_neither_the_share_nor_the_length_of_answers() -> None:
    """Output of seven days beside input that has no known cost: a third is output all the same, at 500 an answer."""
    found = advise(partly_unknown(tokens_bought(), "input"), cut(share=Decimal("0.2")))
    assert found.saving.net == Decimal("91.25")
    assert found.evidence["output_tokens_per_request"] == "500"
    assert "33 % of its cost is output, with 500 tokens an answer" in found.reason


def test_answers_are_as_long_as_on_the_days_whose_requests_are_recorded() -> None:
    """The log has half of 14 days: seven million tokens over 14,000 requests, and not 14 million over them."""
    subject = tokens_bought()
    late = {day: count for day, count in (subject.requests or {}).items() if day >= subject.costs[7].day}
    found = advise(replace(subject, requests=late), cut(share=Decimal("0.2")))
    assert found.evidence["output_tokens_per_request"] == "500"
    assert found.evidence["coverage"] == 0.5
    assert "with 500 tokens an answer" in found.reason


def test_requests_before_the_window_are_not_of_its_tokens() -> None:
    """Of 28 days with 2,000 requests and a million tokens each, a window of 14 has 500 an answer."""
    found = advise(tokens_bought(days=28), cut(share=Decimal("0.2")))
    assert found.evidence["output_tokens_per_request"] == "500"
    assert found.evidence["requests"] == "28000"


def test_of_an_endpoint_only_its_part_is_cut() -> None:
    """Half of the tokens are the agent's: half of 91.25, to the even cent."""
    both = tokens_bought(endpoints={"agent": Decimal(1), "batch": Decimal(1)})
    assert advise(both, cut(share=Decimal("0.2"), endpoint="agent")).saving.net == Decimal("45.62")


def test_unmeasured_it_says_what_a_tenth_is_worth_and_advises_nothing() -> None:
    answer = evaluate(tokens_bought(), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "unmeasured"
    assert "a tenth less of it would save 45.62 USD a month" in answer.explanation


def test_a_bill_of_0_has_nothing_to_save() -> None:
    answer = evaluate(for_nothing(tokens_bought()), Recommend())
    assert isinstance(answer, WhyNot)
    assert answer.reason == "costs_nothing"


def test_embeddings_and_reserved_throughput_write_nothing_by_the_token() -> None:
    assert not KIND.applies(tokens_bought(millions={"input": "10"}))
    assert not KIND.applies(tokens_bought(service_tier="provisioned"))


def test_it_goes_together_with_a_cache_of_prompts() -> None:
    assert PROMPT_CACHE.name in KIND.together


@given(share=st.decimals(Decimal("0.01"), Decimal("0.99"), places=2))
def test_no_cut_saves_more_than_output_costs(share: Decimal) -> None:
    found = advise(tokens_bought(), cut(share=share))
    assert 0 < found.saving.net < found.monthly_cost / 3 + Decimal("0.01")


def test_weeks_of_another_mix_are_in_the_range() -> None:
    """45 a day in both weeks: of output a third in one, two thirds in the other: a fifth of it 6.67 and 13.33 %."""
    mixed = two_weeks({"input": "10", "output": "1"}, {"input": "5", "output": "2"})
    found = advise(mixed, cut(share=Decimal("0.2"))).saving
    assert found.net == Decimal("136.88")  # a fifth of half of 1,368.75
    assert (found.p10, found.p90) == (Decimal("91.25"), Decimal("182.50"))
    assert found.range_from.startswith("parts of history it was tried on; not in it: calls that are asked again")


class TestContract(KindContract):
    """Measured to be a fifth; and one of which the bill knows no tokens."""

    kind = KIND

    def ask(self, subject: Subject) -> Answer:
        assert isinstance(subject, TokenUse)
        return evaluate(subject, cut(share=Decimal("0.2")))

    @pytest.fixture
    def advised(self) -> Subject:
        return tokens_bought()

    @pytest.fixture
    def blind(self) -> Subject:
        return tokens_bought(tokens={}, class_costs={})
