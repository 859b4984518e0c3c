"""API or own machines, both ways, at numbers written out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.buying import Replica, SelfHost
from recommender.contract import Advice, DailyCost, Subject, WhyNot
from recommender.kinds.managed_or_self_host import GATE, KIND, evaluate
from recommender.subjects.served_tokens import ServedTokens, Serving
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.tokens import counted_on_last, for_nothing, partly_unknown, tokens_bought

SETTINGS = Recommend()
BENCHMARK = Replica(
    model="llama-3.1-70b", provider="aws", instance_type="g6e.12xlarge", output_tokens_per_second=Decimal(2500)
)
MEASURED = Recommend(self_host=SelfHost(replica=(BENCHMARK,)))


def served(*, a_day: str = "200", covered: bool = False, **overrides: Any) -> ServedTokens:
    """Llama 70B on two machines: $200 a day for 10 million tokens in and 2 out."""
    cost = Decimal(a_day)
    days = [(AS_OF - timedelta(days=14 - number)).date() for number in range(14)]
    values: dict[str, Any] = {
        "resource_key": 0,
        "resource_id": "served:llama-3.1-70b",
        "provider": "aws",
        "account": "111122223333",
        "region": "us-east-1",
        "currency": "USD",
        "tags": {},
        "model": "llama-3.1-70b",
        "team": "support",
        "first_seen": date(2026, 1, 1),
        "costs": [DailyCost(day, 24, cost, cost, Decimal(0) if covered else cost, is_spot=False) for day in days],
        "as_of": AS_OF,
        "tokens": {"input": Decimal(140_000_000), "output": Decimal(28_000_000)},
        "machines": {"i-1": cost * 14 / 4, "i-2": cost * 14 * 3 / 4},
        "instance_types": ["p4d.24xlarge"],
        "shared_cost": Decimal(0),
        "per_dollar": Decimal(1),
        "recorded": frozenset(days),
    }
    return ServedTokens(**(values | overrides))


def advise(subject: Subject, settings: Recommend = SETTINGS) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Subject, settings: Recommend = SETTINGS) -> WhyNot:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer


def test_a_service_with_little_load_is_cheaper_at_the_api_of_its_own_cloud() -> None:
    """168 million tokens at 0.72: 120.96 for what cost 2,800 in a fortnight; 2,679.04 × 730 / 336 = 5,820.53."""
    found = advise(served())
    assert found.saving.net == Decimal("5820.53")
    assert found.gate == GATE
    assert found.hard_to_regain


def test_what_is_told_of_both_ways_is_of_a_month_and_says_so() -> None:
    """2,800 × 730 ÷ 336 and 120.96 × 730 ÷ 336; 168 million tokens in a fortnight are 365 million a month.

    6,083.33 ÷ 262.80 × 365 million are 8,449 million. No number in the evidence is a sum of fourteen days.
    """
    found = advise(served())
    assert found.evidence["own_monthly_cost"] == "6083.33"
    assert found.evidence["api_monthly_cost"] == "262.80"
    assert found.evidence["break_even_tokens"] == "8449074074"
    assert "own_cost" not in found.evidence
    assert "api_cost" not in found.evidence
    assert "168 million tokens of the last 14 days cost 2,800.00 USD" in found.reason
    assert "pay from 8,449 million tokens a month on" in found.reason


def test_it_acts_on_every_machine_and_their_costs_add_up() -> None:
    found = advise(served())
    assert found.monthly_cost == Decimal("6083.33")
    assert found.acts_on == {"i-1": Decimal("1520.83"), "i-2": Decimal("4562.50")}


def test_a_model_the_own_cloud_does_not_sell_is_bought_elsewhere_with_less_confidence() -> None:
    found = advise(served(provider="gcp", model="mistral-7b"))
    assert found.confidence == "low"
    assert advise(served()).confidence == "medium"


def test_a_busy_service_stays() -> None:
    """$5 a day: 70 for what costs 120.96 at the API."""
    assert refuse(served(a_day="5")).reason == "own_cheaper"


def test_what_commitments_pay_for_does_not_end_with_the_machines() -> None:
    found = advise(served(covered=True))
    assert found.saving.effective == Decimal("5820.53")
    assert found.saving.net == 0
    assert "Commitments" in found.reason


def test_commitments_go_on_beside_the_price_of_the_api() -> None:
    """Half of 200 a day is committed: 100 end, and all tokens cost 8.64 a day at the API. 91.36 × 730 ÷ 24."""
    one = served()
    found = advise(replace(one, costs=[replace(day, uncovered_effective_cost=Decimal(100)) for day in one.costs]))
    assert found.saving.effective == Decimal("5820.53")
    assert found.saving.net == Decimal("2778.87")
    assert "2,778.87 a month is left" in found.reason


def test_machines_that_others_share_stay_and_that_is_said() -> None:
    found = advise(served(shared_cost=Decimal(1)))
    assert "stays there" in found.reason
    assert found.saving == advise(served()).saving


def parts(**of_last: Any) -> dict[str, Serving]:
    """Both machines of ``served``: $50 and $150 a day; the second with what is given."""
    days = [(AS_OF - timedelta(days=14 - number)).date() for number in range(14)]

    def costs(amount: int) -> list[DailyCost]:
        return [DailyCost(day, 24, Decimal(amount), Decimal(amount), Decimal(amount), is_spot=False) for day in days]

    return {
        "i-1": Serving("g5.12xlarge", {}, None, costs(50)),
        "i-2": replace(Serving("p4d.24xlarge", {}, None, costs(150)), **of_last),
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"tags": {"keep": "disaster-recovery"}}, "excluded"),
        ({"tags": {"role": "dr"}}, "standby"),
        ({"deployed_at": AS_OF - timedelta(days=2)}, "too_new"),
        ({"is_recorded": False}, "telemetry_missing"),
    ],
)
def test_a_machine_that_must_stay_saves_nothing_by_buying(given: dict[str, Any], reason: str) -> None:
    """Of 50 and 150 a day the second stays: 700 − 120.96 in a fortnight, × 730 ÷ 336 = 1,258.03 a month."""
    found = advise(served(parts=parts(**given)))
    assert found.saving.net == found.saving.effective == Decimal("1258.03")
    assert found.monthly_cost == Decimal("1520.83")
    assert found.acts_on == {"i-1": Decimal("1520.83")}
    assert found.evidence["machines_that_stay"] == {"i-2": reason}
    assert "i-2" in found.reason
    assert "g5.12xlarge" in found.current


def test_where_all_stay_nothing_is_advised() -> None:
    kept = {name: replace(part, tags={"Keep": ""}) for name, part in parts().items()}
    assert refuse(served(parts=kept)).reason == "excluded"


def recorded_on(subject: ServedTokens, days: int) -> ServedTokens:
    """The same with its tokens recorded on the last days alone."""
    return replace(subject, recorded=frozenset(cost.day for cost in subject.costs[-days:]))


def test_tokens_of_some_days_are_held_against_what_the_machines_cost_on_these() -> None:
    """Seven days at 200 are 1,400: 1 − 120.96 ÷ 1,400 of 6,083.33 a month is 5,557.73, and 168 million are 730 a month.

    At 15 a day seven days cost 105, less than 120.96 at the API; all fourteen, 210, would have looked dearer.
    """
    found = advise(recorded_on(served(), 7))
    assert found.saving.net == Decimal("5557.73")
    assert found.evidence["api_monthly_cost"] == "525.60"
    assert found.evidence["coverage"] == 0.5
    assert "168 million tokens of the 7 of the last 14 days they are recorded on cost 1,400.00 USD" in found.reason
    assert "they serve 730 million" in found.reason
    assert refuse(recorded_on(served(a_day="15"), 7)).reason == "own_cheaper"


def test_machines_that_are_gone_are_not_bought_out() -> None:
    """Nothing was billed for the last four of fourteen days."""
    subject = served()
    assert refuse(replace(subject, costs=subject.costs[:10])).reason == "ended"
    assert advise(replace(subject, costs=subject.costs[:11])).kind == "managed_or_self_host"


def test_evidence_ends_with_the_log_of_the_tokens() -> None:
    """The log ended four days before the bill: advice on it expires a week after that day."""
    subject = served()
    assert advise(subject).evidence_until == AS_OF
    early = replace(subject, recorded=frozenset(cost.day for cost in subject.costs[:10]))
    assert advise(early).evidence_until == AS_OF - timedelta(days=4)


def test_tokens_of_less_than_a_week_say_nothing() -> None:
    found = refuse(recorded_on(served(), 6))
    assert found.reason == "telemetry_missing"
    assert "recorded on 6 of the last 14 days" in found.explanation


def test_without_an_exchange_rate_nothing_is_compared() -> None:
    assert refuse(served(currency="EUR", per_dollar=None)).reason == "rate_unknown"
    api = tokens_bought(model="llama-3.1-70b", currency="EUR", per_dollar=None)
    assert refuse(api).reason == "rate_unknown"


def test_an_unsold_model_says_so() -> None:
    assert refuse(served(model="our-own")).reason == "not_sold"


def test_closed_weights_need_a_stand_in_and_then_an_evaluation() -> None:
    bought = tokens_bought(millions={"input": "1000", "output": "100"})
    found = refuse(bought)
    assert found.reason == "weights_unknown"
    assert "stand_in" in found.explanation
    stand_in = SelfHost(stand_in={"claude-sonnet-4": "llama-3.1-70b"}, replica=(BENCHMARK,))
    assert advise(bought, Recommend(self_host=stand_in)).gate == GATE


def test_two_machines_at_least_beside_the_api() -> None:
    """1,000 M in and 100 M out a day at 3 and 15: $4,500 a day, 136,875 a month.

    100 M a day are 1,157 tokens a second of 2,500: one would do, two are taken. 2 × 10.49264 × 730 = 15,319.25.
    """
    bought = tokens_bought(model="llama-3.1-70b", millions={"input": "1000", "output": "100"})
    found = advise(bought, MEASURED)
    assert found.evidence["replicas"] == 2
    assert found.evidence["own_monthly_cost"] == "15319.25"
    assert found.evidence["api_monthly_cost"] == "136875.00"
    assert found.saving.net == Decimal("121555.75")
    assert found.gate is None
    assert not found.estimate_only
    assert found.target == "self_host:g6e.12xlarge"


@pytest.mark.parametrize("unknown", [("output",), ("input", "output")])
def test_days_of_unknown_cost_are_like_the_others_and_the_machines_cost_once(unknown: tuple[str, ...]) -> None:
    """Seven known days at 4,500 are 136,875 a month as fourteen are; 136,875 − 15,319.25 is left."""
    whole = tokens_bought(model="llama-3.1-70b", millions={"input": "1000", "output": "100"})
    found = advise(partly_unknown(whole, *unknown), MEASURED)
    assert found.evidence["own_monthly_cost"] == "15319.25"
    assert found.evidence["api_monthly_cost"] == "136875.00"
    assert found.saving.net == Decimal("121555.75")
    assert found.evidence["load"] == advise(whole, MEASURED).evidence["load"]


def test_tokens_counted_on_some_days_are_as_many_on_the_others_as_their_cost_says() -> None:
    """600 M out a day are 6,944 a second of 2,500: three machines, though a log has seven of fourteen days.

    Of 600 M at 15 and 1,000 M at 3 a day, 12,000, are 365,000 a month, for 22,978.88; a price is of counted days.
    """
    whole = tokens_bought(model="llama-3.1-70b", millions={"input": "1000", "output": "600"})
    found = advise(counted_on_last(whole, 7), MEASURED)
    assert found.evidence["replicas"] == 3
    assert (found.evidence["own_monthly_cost"], found.evidence["api_monthly_cost"]) == ("22978.88", "365000.00")
    assert found.evidence["price_per_million"] == {"input": "3", "output": "15"}
    same = ("load", "break_even_load", "break_even_tokens")
    assert [found.evidence[name] for name in same] == [advise(whole, MEASURED).evidence[name] for name in same]


def test_the_largest_hour_decides_how_many() -> None:
    """27 million tokens in an hour are 7,500 a second: three machines of 2,500."""
    bought = tokens_bought(
        model="llama-3.1-70b",
        millions={"input": "1000", "output": "100"},
        largest_hour={"output": Decimal(27_000_000)},
    )
    assert advise(bought, MEASURED).evidence["replicas"] == 3


def test_an_estimated_speed_never_counts() -> None:
    bought = tokens_bought(model="llama-3.1-70b", millions={"input": "1000", "output": "100"})
    found = advise(bought)
    assert found.estimate_only
    assert "benchmark first" in found.reason
    assert found.saving.p10 is None


def test_tokens_of_no_region_have_no_machine_to_be_served_on() -> None:
    found = refuse(tokens_bought(model="llama-3.1-70b", region=None))
    assert found.reason == "price_unknown"
    assert "No machine of aws in an unknown region has" in found.explanation


def test_tokens_that_cost_nothing_are_not_served_oneself() -> None:
    assert refuse(for_nothing(tokens_bought(model="llama-3.1-70b"))).reason == "costs_nothing"


def test_few_tokens_are_cheaper_at_the_api_and_the_reason_gives_the_volume() -> None:
    """15,319.25 for what costs 1,368.75 at 334.6 million tokens a month: the same at 3,745 million."""
    found = refuse(tokens_bought(model="llama-3.1-70b"), MEASURED)
    assert found.reason == "api_cheaper"
    assert "3,745 million" in found.explanation


class TestBuying(KindContract):
    kind = KIND

    @pytest.fixture
    def advised(self) -> Subject:
        return served()

    @pytest.fixture
    def blind(self) -> Subject:
        unknown = [replace(cost, effective_cost=None) for cost in served().costs]
        return served(costs=unknown)


class TestServing(KindContract):
    kind = KIND

    @pytest.fixture
    def advised(self) -> Subject:
        return tokens_bought(model="llama-3.1-70b", millions={"input": "1000", "output": "100"})

    @pytest.fixture
    def blind(self) -> Subject:
        return tokens_bought(model="llama-3.1-70b", prompt_tokens=None, requests=None)


def test_one_machine_is_called_one() -> None:
    assert advise(served()).current == "llama-3.1-70b on 2 machines (p4d.24xlarge)"
    one = served(machines={"i-1": Decimal(2800)})
    assert advise(one).current == "llama-3.1-70b on 1 machine (p4d.24xlarge)"
