"""Batches: what may wait, what it saves at each provider's rule, and never on what nobody said may wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.advising import Recommend
from aispend.buying import Batch, CanWait
from recommender.contract import Subject
from recommender.kinds.batch import KIND, evaluate
from recommender.subjects.token_use import TokenUse
from tests.recommender.kinds.asking import advising, refusing
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.tokens import for_nothing, partly_unknown, tokens_bought, two_weeks

OFFLINE = {"inference_batch": Decimal(1)}


def waits(**rule: object) -> Recommend:
    return Recommend(batch=Batch(can_wait=(CanWait.model_validate(rule),)))


advise = advising(evaluate)
refuse = refusing(evaluate)


def test_work_nobody_waits_for_costs_half() -> None:
    """$45 a day × 730 / 24 = 1,368.75 a month; half of it."""
    found = advise(tokens_bought(stages=OFFLINE))
    assert found.monthly_cost == Decimal("1368.75")
    assert found.saving.net == found.saving.effective == Decimal("684.38")
    assert found.target == "batch"
    assert found.gate is None
    assert "create-model-invocation-job" in found.command


@pytest.mark.parametrize("unknown", [("output",), ("input",), ("input", "output")])
def test_days_of_unknown_cost_save_the_same_share_as_the_others(unknown: tuple[str, ...]) -> None:
    """Known or not of which class: half of 1,368.75, which is what the seven known days cost a month."""
    found = advise(partly_unknown(tokens_bought(stages=OFFLINE), *unknown))
    assert found.monthly_cost == Decimal("1368.75")
    assert found.saving.net == found.saving.effective == Decimal("684.38")
    assert found.evidence["tokens"] == {"input": "70000000", "output": "7000000"}
    assert found.evidence["price_per_million"] == {"input": "3", "output": "15"}
    assert found.evidence["cost"] == {"input": "210", "output": "105"}
    assert found.evidence["requests"] == "14000"


def test_online_use_is_never_advised_without_a_setting_and_the_reason_says_which() -> None:
    found = refuse(tokens_bought())
    assert found.reason == "not_deferrable"
    assert "[[recommend.batch.can_wait]]" in found.explanation


@pytest.mark.parametrize("rule", [{"model": "claude-*"}, {"team": "SUPPORT"}, {"endpoint": "support-*"}])
def test_a_setting_says_what_may_wait(rule: dict[str, str]) -> None:
    assert advise(tokens_bought(), waits(**rule)).saving.net == Decimal("684.38")


def test_a_setting_of_another_team_says_nothing() -> None:
    assert refuse(tokens_bought(), waits(team="search")).reason == "not_deferrable"


def test_a_part_of_an_endpoint_may_wait() -> None:
    """Three quarters of the tokens are the endpoint's, of which 40 % may wait: 30 % at half price: 15 %."""
    subject = tokens_bought(endpoints={"nightly": Decimal(75), "chat": Decimal(25)})
    found = advise(subject, waits(endpoint="nightly", share=Decimal("0.4")))
    assert found.evidence["eligible_share"] == "0.3000"
    assert found.saving.net == Decimal("205.31")


def test_tokens_of_no_end_of_a_month_are_of_medium_confidence() -> None:
    """A fortnight before 21 November has none, four weeks have one; Anthropic's discount is verified."""
    assert advise(tokens_bought(provider="anthropic", stages=OFFLINE)).confidence == "medium"
    longer = Recommend(batch=Batch(window_days=28))
    assert advise(tokens_bought(provider="anthropic", stages=OFFLINE, days=28), longer).confidence == "high"


def test_a_tag_may_say_it() -> None:
    assert advise(tokens_bought(tags={"Workload-Type": "Batch"})).saving.net == Decimal("684.38")


def test_a_tag_says_it_of_what_carries_it_alone() -> None:
    """Of 630 dollars 378 are tagged, the most of it: half of three fifths of 1,368.75 is saved, and not half of all."""
    tagged = [({"deferrable": "true"}, Decimal(378)), ({"env": "prod"}, Decimal(252))]
    found = advise(tokens_bought(tags={"deferrable": "true"}, tagged=tagged))
    assert found.saving.net == Decimal("410.62")
    assert "60 % of it may wait for the answer: so says the tag deferrable = true." in found.reason


def test_of_two_stages_only_the_one_nobody_waits_for_is_eligible() -> None:
    """A fifth of the cost: 10 % of 1,368.75."""
    mixed = {"inference_online": Decimal("0.8"), "inference_batch": Decimal("0.2")}
    assert advise(tokens_bought(stages=mixed)).saving.net == Decimal("136.88")


def test_what_is_at_the_batch_tier_is_left_out() -> None:
    assert not KIND.applies(tokens_bought(service_tier="batch"))
    assert not KIND.applies(tokens_bought(service_tier="flex"))


def test_a_model_that_is_not_sold_in_batches_gets_none() -> None:
    azure = tokens_bought(provider="azure", model="text-embedding-3-large", stages=OFFLINE)
    assert refuse(azure).reason == "not_offered"
    assert refuse(tokens_bought(provider="somewhere", stages=OFFLINE)).reason == "rule_unknown"


def test_where_the_cache_comes_first_cached_input_keeps_its_price() -> None:
    """Vertex: 10 plain at 3, 100 cached at 0.3, 1 out at 15: 75 a day, of which 45 are halved: 22.5 × 730 / 24."""
    millions = {"input": "10", "cached_input": "100", "output": "1"}
    found = advise(tokens_bought(provider="gcp", model="gemini-2.5-pro", millions=millions, stages=OFFLINE))
    assert found.saving.net == Decimal("684.38")


def test_where_both_apply_cached_input_is_halved_too() -> None:
    """Anthropic: all of 75 a day: 37.5 × 730 / 24."""
    millions = {"input": "10", "cached_input": "100", "output": "1"}
    found = advise(tokens_bought(provider="anthropic", millions=millions, stages=OFFLINE))
    assert found.saving.net == Decimal("1140.62")


@pytest.mark.parametrize("millions", [{"cached_input": "100", "output": "1"}, {"output": "3"}])
def test_tokens_without_plain_input_are_halved_too(millions: dict[str, str]) -> None:
    """Anthropic: 100 M cached at 0.3 and 1 M out at 15, or 3 M out: 45 a day, 1,368.75 a month; half of it."""
    found = advise(tokens_bought(provider="anthropic", millions=millions, stages=OFFLINE))
    assert found.monthly_cost == Decimal("1368.75")
    assert found.saving.net == Decimal("684.38")


@pytest.mark.parametrize(
    ("provider", "model", "said"),
    [
        ("aws", "claude-sonnet-4", "whether batches take anything off it is not known"),
        ("gcp", "gemini-2.5-pro", "keeps its own price in a batch"),
    ],
)
def test_cached_input_alone_saves_nothing_where_a_batch_leaves_its_price(provider: str, model: str, said: str) -> None:
    found = refuse(tokens_bought(provider=provider, model=model, millions={"cached_input": "100"}, stages=OFFLINE))
    assert found.reason == "cached_alone"
    assert said in found.explanation


def test_cost_without_any_tokens_is_of_an_unknown_number() -> None:
    """Of no class, or of one that is none of text (audio): nothing says what half of it would be."""
    assert refuse(tokens_bought(stages=OFFLINE, tokens={})).reason == "tokens_unknown"
    sound = tokens_bought(stages=OFFLINE)
    sound = replace(sound, class_costs={"audio": sound.class_costs["input"]})
    assert refuse(sound).reason == "tokens_unknown"


def test_where_it_is_not_known_cached_input_is_left_out_and_that_is_said() -> None:
    millions = {"input": "10", "cached_input": "100", "output": "1"}
    found = advise(tokens_bought(millions=millions, stages=OFFLINE))
    assert found.saving.net == Decimal("684.38")
    assert "left out" in found.reason


@given(
    plain=st.integers(1, 1000), cached=st.integers(0, 1000), output=st.integers(0, 1000), share=st.decimals(
        Decimal("0.01"), 1, places=2
    ), provider=st.sampled_from([("aws", "claude-opus-4"), ("gcp", "gemini-2.5-pro"), ("anthropic", "claude-opus-4")])
)  # fmt: skip
def test_never_more_than_half_of_what_may_wait(
    plain: int, cached: int, output: int, share: Decimal, provider: tuple[str, str]
) -> None:
    millions = {"input": str(plain), "cached_input": str(cached), "output": str(output)}
    subject = tokens_bought(provider=provider[0], model=provider[1], millions=millions)
    found = advise(subject, waits(share=share))
    assert 0 <= found.saving.net <= found.monthly_cost * share / 2 + Decimal("0.01")


def test_weeks_of_another_mix_are_in_the_range() -> None:
    """45 a day: nothing cached in one week, two thirds in the other, which keep their price: a half, or a sixth."""
    mixed = two_weeks({"input": "10", "output": "1"}, {"cached_input": "100", "input": "5"}, provider="gcp",
                      model="gemini-2.5-pro")  # fmt: skip
    found = advise(mixed, waits(model="*")).saving
    assert (found.p10, found.net, found.p90) == (Decimal("228.12"), Decimal("456.25"), Decimal("684.38"))
    assert "how often a cache still hits within a batch" in found.range_from


def paid_on(subject: TokenUse, days: Sequence[int]) -> TokenUse:
    """The same, bought on these of its days alone."""
    chosen = {subject.costs[number].day for number in days}

    def only(found: Any) -> dict[str, dict[date, Decimal]]:
        return {name: {day: one for day, one in by.items() if day in chosen} for name, by in found.items()}

    return replace(
        subject,
        costs=[cost for cost in subject.costs if cost.day in chosen],
        tokens=only(subject.tokens),
        class_costs=only(subject.class_costs),
    )


@pytest.mark.parametrize("days", [range(10), [3], [0, 1, 4, 8]])
def test_what_was_done_once_saves_nothing_any_more(days: Sequence[int]) -> None:
    """Ten days of a backfill and four of silence: half of 45 × 10 ÷ 14 a day is 488.84 a month that nobody pays."""
    found = refuse(paid_on(tokens_bought(stages=OFFLINE), days))
    assert found.reason == "ended"
    assert "It was last paid for on" in found.explanation


@pytest.mark.parametrize("days", [range(11), [0, 7], [0, 1, 2, 8, 9]])
def test_what_pauses_as_it_did_before_goes_on(days: Sequence[int]) -> None:
    """A long weekend, a job of every week, and one of some days with up to five between."""
    assert advise(paid_on(tokens_bought(stages=OFFLINE), days)).target == "batch"


def test_on_azure_it_is_said_where_a_batch_is_processed() -> None:
    """A global deployment may leave the country that the present one is in."""
    command = advise(tokens_bought(provider="azure", model="gpt-4.1", stages=OFFLINE)).command
    assert "DataZoneBatch, which stays in its zone, or GlobalBatch, which may be processed\n# in any country" in command


def test_a_bill_of_0_has_nothing_to_save() -> None:
    found = refuse(for_nothing(tokens_bought(tags={"Workload-Type": "Batch"})))
    assert found.reason == "costs_nothing"
    assert "come to 0.00 USD" in found.explanation


class TestContract(KindContract):
    kind = KIND

    @pytest.fixture
    def advised(self) -> Subject:
        return tokens_bought(stages=OFFLINE)

    @pytest.fixture
    def blind(self) -> Subject:
        return tokens_bought(stages=OFFLINE, tokens={}, class_costs={})
