"""How much to commit to: the exact optimum on what is left, careful, in stages; and when not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Commit, Recommend
from aispend.prices.prices import Price
from recommender.contract import Advice, DailyCost, Subject, WhyNot
from recommender.kinds.commit import KIND, evaluate
from recommender.methods.hours_used import Spent
from recommender.subjects.committed_rates import CommittedRate
from recommender.subjects.families import family_of
from recommender.subjects.usage_pools import Begun, Expiring, UsagePool
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.contract import KindContract

SETTINGS = Recommend()
PUBLISHED = [2, 4, 4, 6, 8, 10, 10, 10, 3, 3]
"""Ten hours of on-demand money; at 60 % the optimum is 4, and saves 12 of 60 (methods, T5.5)."""
DAYS = 60


def price(term: str, hourly: str) -> Price:
    return Price(
        "aws", "us-east-1", "p4d.24xlarge", term, "USD", date(2026, 10, 1), Decimal(hourly), "list", AS_OF.date()
    )


def pool(
    hours: Sequence[int | Decimal | None], *, committed: str | None = "6", days: int = DAYS, **more: Any
) -> UsagePool:
    """The pattern of ``hours`` over and over; an hour costs 10 on demand and ``committed`` under a plan."""
    usage = [None if hour is None else Decimal(hour) for hour in (list(hours) * (days * 24))[: days * 24]]
    rates = ()
    if committed is not None:
        on_demand, plan = price("on_demand", "10"), price("1y", committed)
        rates = (CommittedRate("1y", "p4d.24xlarge", Decimal(committed) / 10, on_demand, plan),)
    whole = sum((hour or Decimal(0) for hour in usage), Decimal(0))
    day = whole / days
    values: dict[str, Any] = {
        "resource_key": 0, "resource_id": "usage:1111/us-east-1/p4d", "provider": "aws", "account": "1111",
        "region": "us-east-1", "currency": "USD", "tags": {}, "model": None, "team": None,
        "first_seen": date(2026, 1, 1), "as_of": AS_OF, "family": "p4d", "start": AS_OF - timedelta(days=days),
        "costs": [
            DailyCost((AS_OF - timedelta(days=days - n)).date(), 24, day * 2, day, day, is_spot=False)
            for n in range(days)
        ],
        "usage": tuple(usage), "by_type": {"p4d.24xlarge": whole},
        "by_resource": {"i-1": whole * 3 / 4, "i-2": whole / 4},
        "parts": {name: tuple(by_hour(usage, Decimal(share))) for name, share in (("i-1", "0.75"), ("i-2", "0.25"))},
        "rates": rates, "expiring": (), "decided": Decimal(0),
    }  # fmt: skip
    return UsagePool(**(values | more))


def by_hour(usage: Sequence[Decimal | None], share: Decimal) -> Iterator[Spent]:
    """A share of each hour."""
    first = (AS_OF - timedelta(hours=len(usage))).date()
    for number, hour in enumerate(usage):
        day = first + timedelta(days=number // 24)
        yield Spent(day, 1 << number % 24, None if hour is None else hour * share)


def advise(subject: UsagePool, settings: Recommend = SETTINGS) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: UsagePool, settings: Recommend = SETTINGS) -> str:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer.reason


def test_the_published_example_by_the_month() -> None:
    """60 for ten hours is 4,380 for 730; 12 of it saved is 876. 4 × 0.6 is 2.40 an hour.

    At list the 36 that are covered would cost 72, and are had for 24: 48 for ten hours are 3,504.
    """
    found = advise(pool(PUBLISHED))

    assert (found.monthly_cost, found.saving.net, found.saving.list_cost) == (
        Decimal("4380.00"),
        Decimal("876.00"),
        Decimal("3504.00"),
    )
    assert found.evidence["commitment_hourly"] == "2.40"
    assert found.evidence["stages"] == ["1.20", "1.20"]
    assert found.evidence["effective_savings_rate"] == 0.2
    # 36 of 40 used: the hour of 2 and those of 3
    assert found.evidence["utilisation"] == 0.9
    assert found.evidence["replay"]["effective_savings_rate"] == 0.2
    assert found.acts_on == {"i-1": Decimal("3285.00"), "i-2": Decimal("1095.00")}


def test_what_would_lose_when_usage_falls_is_made_smaller() -> None:
    """Always 10 at 80 %: committed 10 cost 8, a loss when usage falls to 7; committed 8.5 cost 6.80 of 7."""
    found = advise(pool([10], committed="8"))

    assert found.evidence["optimum_hourly"] == "8.00"
    assert Decimal(found.evidence["covers_hourly"]) == Decimal("8.50")
    assert found.saving.net == Decimal("1241.00")  # 8.5 × 0.2 × 730


def weekly(*hours: int, weeks: int = 8) -> list[int]:
    """Hours of 60 days, of which whole weeks cost the same; the four days before are like the first."""
    levels = [*[hours[0]] * (weeks - len(hours)), *hours]
    return [hours[0]] * 4 * 24 + [level for level in levels for _ in range(7 * 24)]


def test_no_more_is_committed_to_than_the_forecast_says_of_the_term() -> None:
    """10 an hour, 5 in the last week: nine tenths of the hours would have used 10, and the term may use 5 (P10).

    Of 5 the committed half is 2.50 an hour: all of it used, 2.50 × 730 saved.
    """
    found = advise(pool(weekly(10, 5), committed="5"))
    assert found.evidence["optimum_hourly"] == "5.00"
    assert found.evidence["usage_of_term_p10"] == "5.00"
    assert found.evidence["commitment_hourly"] == "2.50"
    assert found.saving.net == Decimal("1825.00")
    assert "over the term an hour may use 5.00 USD on average (P10 of its forecast)" in found.reason


def test_what_rose_is_committed_to_as_it_was() -> None:
    """10 an hour in 39 days of 60, then 20: the 40 %-quantile is 10, and no week was below it."""
    found = advise(pool(weekly(10, 20, 20, 20)))
    assert found.evidence["covers_hourly"] == "10.00"
    assert "forecast" not in found.reason


def test_too_few_weeks_forecast_nothing() -> None:
    found = advise(pool([10], days=21))
    assert found.evidence["usage_of_term_p10"] is None
    assert "Less than 4 weeks of use are known: too few to forecast the term." in found.reason


def test_what_ends_soon_is_part_of_the_size_and_saves_nothing_today() -> None:
    """Half of the 10 an hour are covered until next month: of 8.5 × 0.5 × 730 half is saved today."""
    ending = Expiring("sp-1", AS_OF + timedelta(days=20), Decimal(5))
    found = advise(pool([10], committed="5", expiring=(ending,)))

    assert found.saving.effective == Decimal("3650.00")
    assert found.saving.net == Decimal("1825.00")
    assert "1 commitment ends within 60 days" in found.reason


def test_hours_that_a_bill_only_counts_are_told_as_such() -> None:
    """Half of the hours, or more if machines took turns; always 10 is advised all the same."""
    half = evaluate(pool([10] * 12 + [0] * 12, by_hour=False), SETTINGS)
    assert isinstance(half, WhyNot)
    assert half.explanation.startswith("Something ran in at least 50 % of hours")
    assert "Which hours ran its bill does not say" in advise(pool([10], by_hour=False)).reason
    assert "Which hours ran" not in advise(pool([10])).reason


def test_a_commitment_is_bought_once() -> None:
    """The bill still has 10 an hour on demand, and a plan for it began the day before it ends."""
    bought = Begun("Compute savings plan", AS_OF - timedelta(days=1))
    answer = evaluate(pool([10], begun=(bought,)), SETTINGS)
    assert isinstance(answer, WhyNot)
    assert answer.reason == "bought_lately"
    assert "Compute savings plan, from 2026-" in answer.explanation


def test_what_is_covered_until_then_saves_no_more_at_list_price() -> None:
    """List is 20 an hour, of which 5 stay to be paid: 10,950 are saved at list. That its hours cost half of 10 now is
    no discount of theirs. A day without a list price leaves it unknown."""
    ending = Expiring("sp-1", AS_OF + timedelta(days=20), Decimal(10))
    subject = pool([10], committed="5", expiring=(ending,))
    covered = [replace(cost, effective_cost=cost.effective_cost / 2) for cost in subject.costs if cost.effective_cost]
    found = advise(replace(subject, costs=covered))
    assert found.saving.effective == Decimal("3650.00")
    assert found.saving.list_cost == Decimal("10950.00")
    unknown = [replace(covered[0], list_cost=None), *covered[1:]]
    assert advise(replace(subject, costs=unknown)).saving.list_cost is None


def test_a_discount_on_demand_makes_a_commitment_save_less() -> None:
    """16 of a list price of 20 are paid an hour, and 12 for a committed one: 14.40 of 16 survive a fall by 30 %.

    They cost 10.80 committed: 3.60 less, and of their 18 at list 7.20.
    """
    plan = CommittedRate(
        "1y", "p4d.24xlarge", Decimal("0.75"), price("on_demand", "20"), price("1y", "12"), Decimal("0.8")
    )
    subject = pool([16], rates=(plan,))
    found = advise(replace(subject, costs=[replace(cost, list_cost=Decimal(480)) for cost in subject.costs]))
    assert (found.saving.effective, found.saving.list_cost) == (Decimal("2628.00"), Decimal("5256.00"))
    assert "committed, an hour costs 75 % of that" in found.reason
    assert "On demand you pay 80 % of the list price; a committed hour is taken at list" in found.reason
    assert found.evidence["paid_of_list"] == 0.8
    assert "of the list price" not in advise(pool(PUBLISHED)).reason


def test_a_discount_larger_than_a_commitment_s_leaves_nothing_to_commit_to() -> None:
    """Half of 20 is paid an hour, and 12 for a committed one at list."""
    plan = CommittedRate(
        "1y", "p4d.24xlarge", Decimal("1.2"), price("on_demand", "20"), price("1y", "12"), Decimal("0.5")
    )
    found = evaluate(pool([10], rates=(plan,)), SETTINGS)
    assert isinstance(found, WhyNot)
    assert found.reason == "no_discount"
    assert "of one on demand over its term, for which you pay 50 % of the list price." in found.explanation


def test_what_changes_set_free_of_commitments_is_said() -> None:
    """It is in the costs, and no usage to commit to: at list the usage is worth 2 × 7,300 of 14,600."""
    found = advise(replace(pool([10]), freed=Decimal(7300)))
    assert "Commitments that such changes set free cover 7,300.00 USD a month of the rest." in found.reason
    # half of the list price of all is that of what is left: 10 an hour, of which 6 stay to be paid
    assert found.saving.list_cost == Decimal("2920.00")


def test_three_years_give_up_what_prices_fall_meanwhile() -> None:
    """At 20 % a year an hour costs on average (1 + 0.8 + 0.64) ÷ 3 of today's: 70 % of today's is 86 % of that."""
    plan = CommittedRate("3y", "p4d.24xlarge", Decimal("0.7"), price("on_demand", "10"), price("3y", "7"))
    settings = Recommend(commit=Commit(term="3y"))
    found = advise(pool([10, 10, 10, 10, 10, 10, 10, 10, 10, 1], rates=(plan,)), settings)
    assert found.evidence["committed_rate"] == pytest.approx(0.7 / 0.813333, abs=1e-5)
    assert refuse(pool([10], rates=(replace(plan, rate=Decimal("0.9")),)), settings) == "no_discount"


def test_three_years_are_bought_at_the_price_they_are_sold_at() -> None:
    """Always 10, sold at 70 %: worth 86 % of what it costs on average, so 8 survive a fall to 7 and 8.50 do not.

    For 8 an hour 5.60 are paid: 6.89 would cover 9.84.
    """
    plan = CommittedRate("3y", "p4d.24xlarge", Decimal("0.7"), price("on_demand", "10"), price("3y", "7"))
    found = advise(pool([10], rates=(plan,)), Recommend(commit=Commit(term="3y")))
    told = found.evidence
    assert (told["covers_hourly"], told["commitment_hourly"], told["optimum_hourly"]) == ("8.00", "5.60", "7.00")
    assert told["stages"] == ["2.80", "2.80"]
    # 8 × (1 − 0.86066) × 730, and half of it
    assert found.saving.net == pytest.approx(Decimal("813.77"), abs=Decimal("0.05"))
    assert Decimal(told["first_stage_saves"]["net"]) == pytest.approx(found.saving.net / 2, abs=Decimal("0.02"))
    assert found.commits is not None
    part, share = found.commits.bought(Decimal("2.80"))
    assert (part.covers, share) == (Decimal(4), Decimal("0.5"))
    assert "an hour costs 70 % of that, and 86 % of what it will cost on average over the term." in found.reason


def test_when_there_is_nothing_to_commit_to() -> None:
    assert refuse(pool([10, *[0] * 9])) == "varying"
    assert refuse(pool([10, None])) == "cost_unknown"
    assert refuse(pool([10], committed=None)) == "unpriced"
    assert refuse(pool([10], first_seen=AS_OF.date() - timedelta(days=9))) == "too_new"
    assert not KIND.applies(pool([0]))


@pytest.mark.parametrize(
    ("provider", "name", "family"),
    [
        ("aws", "p5.48xlarge", "p5"),
        ("aws", "ml.g5.2xlarge", "ml.g5"),
        ("gcp", "a2-highgpu-8g", "a2"),
        ("gcp", "a2-ultragpu-1g", "a2-ultragpu"),
        ("gcp", "a3-megagpu-8g", "a3-megagpu"),
        ("gcp", "a3-highgpu-1g", "a3"),
        ("azure", "Standard_ND96asr_v4", "standard_nd*asr_v4"),
        ("azure", "Standard_ND96asr_v4+lora", "standard_nd*asr_v4"),
    ],
)
def test_families(provider: str, name: str, family: str) -> None:
    assert family_of(provider, name) == family


class TestCommitContract(KindContract):
    """A pool that always runs; and one without a price."""

    kind = KIND

    @pytest.fixture
    def advised(self) -> UsagePool:
        return pool(PUBLISHED)

    @pytest.fixture
    def blind(self) -> UsagePool:
        return pool(PUBLISHED, committed=None)

    def with_costs(self, subject: Subject, costs: Sequence[Any]) -> Subject:
        """All of it covered until next month."""
        assert isinstance(subject, UsagePool)
        return replace(subject, costs=costs, expiring=(Expiring("sp-1", AS_OF + timedelta(days=20), Decimal(10)),))


def test_a_purchase_in_stages_says_what_is_paid_when_and_what_comes_next() -> None:
    """1.20 an hour is 876 for 730 hours and 10,512 for 8,760; it saves 584 a month by itself."""
    found = advise(pool(PUBLISHED))
    assert found.proposed == "commit 2.40 USD an hour for one year: 1.20 now, 1.20 in a second stage"
    assert found.reason.endswith(
        "Stage 1 of 2: buy 1.20 USD an hour now. It is 876.00 USD a month and 10,512.00 USD over one year, paid "
        "whether it is used or not, and saves 584.00 USD a month net. Stage 2 of 2: the other 1.20 USD an hour, later. "
        "Mark this advice as done when the first is bought: what is left to commit to is proposed anew, at the size "
        "that fits then, once 60 days after that day are billed."
    )
    assert str(found.command).startswith(
        "# payer 1111, p4d in us-east-1; decide open advice on these machines first, then buy 1.20 USD an hour: stage "
        "1 of 2, as the other 1.20 is proposed anew once 60 days after it are billed\n"
    )


def test_without_stages_nothing_is_said_of_a_second() -> None:
    """Of 10 an hour 6 are paid: 4,380 a month, 52,560 a year."""
    whole = advise(pool([10] * 24), Recommend(commit=Commit(first_stage=Decimal(1))))
    assert whole.proposed == "commit 6.00 USD an hour for one year"
    assert whole.reason.endswith(
        "It is 4,380.00 USD a month and 52,560.00 USD over one year, paid whether it is used or not."
    )
    assert "stage" not in str(whole.command)
    assert whole.evidence["stages"] == ["6.00"]


def test_what_is_in_no_region_is_said_to_be() -> None:
    found = evaluate(pool([10], committed=None, region=None), SETTINGS)
    assert isinstance(found, WhyNot)
    assert "for p4d in an unknown region." in found.explanation


def test_evidence_names_the_currency_of_its_amounts() -> None:
    assert advise(pool(PUBLISHED)).evidence["price_currency"] == "USD"


def test_the_first_stage_promises_what_it_saves_itself() -> None:
    """1.20 an hour at 60 % covers 2, which all ten hours use: 20 less 12 is 8 for ten hours, 584 for 730, of 876."""
    found = advise(pool(PUBLISHED))
    assert found.saving.net == Decimal("876.00")
    assert found.evidence["first_stage_saves"]["net"] == "584.00"


def days_at(*levels: str) -> list[Decimal]:
    """Hours of days, one level each."""
    return [Decimal(level) for level in levels for _ in range(24)]


def test_the_point_lies_within_its_range_where_days_beside_whole_weeks_differ() -> None:
    """Nothing in the first four of 60 days, 10 an hour since, one week of 9.9: the range knows the four days too.

    Of 8.57 blocks of a week that the 60 days hold, those without one of the four save more, and those with all less.
    """
    levels = [*["0"] * 4, *["10"] * 14, *["9.9"] * 7, *["10"] * 35]
    found = advise(pool(days_at(*levels)))
    saved, stage = found.saving, found.evidence["first_stage_saves"]

    assert saved.p10 is not None
    assert saved.p90 is not None
    assert saved.p10 < saved.net < saved.p90
    assert Decimal(stage["p10"]) < Decimal(stage["net"]) < Decimal(stage["p90"])


def test_weeks_that_do_not_differ_have_no_range_in_a_window_of_eight_weeks_and_four_days() -> None:
    """10 an hour on five days, 2 on two: any seven days in a row are alike, though the window begins one more."""
    found = advise(pool(days_at(*(["10"] * 5 + ["2"] * 2) * 9)[: DAYS * 24]))

    assert (found.saving.p10, found.saving.p50, found.saving.p90) == (None, None, None)
    assert found.saving.range_from == "none: its weeks do not differ"
