"""What spot leaves of the cost, computed by hand, and everything it is refused for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from aispend.moving import Spot
from recommender.contract import Advice, Subject, WhyNot
from recommender.kinds.spot import GATE, KIND, evaluate
from recommender.subjects.machine_life import Jobs, Life
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service
from recommender.subjects.spot_market import Band, OwnSpot, SpotMarket, SpotPrice
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.served import Make, at_costs, bought, service_of

SETTINGS = Recommend()
P4D = Decimal("21.957642")
"""p4d.24xlarge in us-east-1 on demand, an hour."""
RESUMED = Jobs(ran=20, retried=4, resumed=4, longest_hours=48.0)


def quoted(share: float, *, at: datetime = datetime(2026, 11, 20, 20, tzinfo=UTC)) -> SpotPrice:
    """A price of this share of what is paid now: 20 an hour."""
    return SpotPrice(round(Decimal(repr(20 * share)), 6), "USD", at, 336, "aws/spot")


def market(share: float = 0.35, hours: float = 600.0, interruptions: int = 100) -> SpotMarket:
    """Interrupted once in six hours, as T3.1 has it."""
    return SpotMarket(price=quoted(share), own=OwnSpot(hours, interruptions, "jobs that were retried"))


def trainer(make_subject: Make, **more: Any) -> Service:
    given: dict[str, Any] = {"stage": "training", "jobs": RESUMED, "market": market()}
    return service_of([make_subject(**(given | more))])


def replicas(make_subject: Make, zones: Sequence[str | None], **more: Any) -> Service:
    given: dict[str, Any] = {"stage": "inference_online", "market": market(hours=60_000), "model": "llama"}
    machines = [
        make_subject(resource_id=f"i-{number}", resource_key=number, zone=zone, **(given | more))
        for number, zone in enumerate(zones, 1)
    ]
    return service_of(machines)


def advise(subject: Service, settings: Recommend = SETTINGS) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Service, settings: Recommend = SETTINGS) -> str:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer.reason


def test_what_is_left_of_the_lower_price_after_interruptions(make_subject: Make) -> None:
    """T3.1: five minutes a checkpoint, ten to restart, six hours between interruptions: 1.22 times as long.

    At 0.35 of the price 1 − 0.35 × 1.2204 = 57.3 % of 14,600 a month.
    """
    advice = advise(trainer(make_subject))

    assert advice.evidence["inflation"] == pytest.approx(1.2204, abs=2e-4)
    assert advice.evidence["checkpoint_interval_minutes"] == pytest.approx(56.7, abs=0.1)
    assert advice.evidence["deadline_policy"] == "uniform progress"
    assert advice.saving.effective == pytest.approx(Decimal(14600) * Decimal("0.5729"), abs=3)
    assert advice.gate is None
    assert advice.acts_on == {"i-0a1b2c3d": Decimal("14600.00")}
    assert 'market_type = "spot"' in advice.evidence["terraform"]


@pytest.mark.parametrize(
    ("known", "low", "high"),
    [
        # 100 in 600 hours: Jeffreys' posterior of the rate, Gamma(100.5), has its 10th and 90th percentile at 87.9 and
        # 113.5: once in 6.83 and in 5.29 hours, 1.2029 and 1.2392 times as long: 1 − 0.35 × 1.2392 = 56.6 %
        (market(), 0.5663, 0.5790),
        # 5 to 25 % an hour: 7 and 23 % are once in 13.78 and in 3.83 hours, 1.1322 and 1.2967 times as long
        (SpotMarket(price=quoted(0.35), band=Band(0.05, 0.25, date(2026, 11, 20), "azure/spot", 1)), 0.5462, 0.6037),
    ],
)
def test_how_often_it_is_interrupted_is_in_the_range(
    make_subject: Make, known: SpotMarket, low: float, high: float
) -> None:
    found = advise(trainer(make_subject, market=known))
    assert found.saving.p10 is not None
    assert found.saving.p90 is not None
    assert float(found.saving.p10) / 14600 == pytest.approx(low, abs=4e-4)
    assert float(found.saving.p90) / 14600 == pytest.approx(high, abs=4e-4)
    assert found.saving.p10 < found.saving.net < found.saving.p90
    assert found.saving.range_from == "how often it is interrupted"


def test_a_far_deadline_is_kept_by_waiting_for_spot(make_subject: Make) -> None:
    far = Recommend(spot=Spot(deadline=2.0))
    assert advise(trainer(make_subject), far).evidence["deadline_policy"] == "greedy"


def test_without_proof_that_it_resumes_it_waits_for_one(make_subject: Make) -> None:
    advice = advise(trainer(make_subject, jobs=replace(RESUMED, resumed=0)))
    assert advice.gate == GATE
    assert advice.confidence == "low"


@pytest.mark.parametrize("value", ["yes", "3"])
def test_a_tag_shows_that_it_resumes_and_may_say_how_long_it_takes(make_subject: Make, value: str) -> None:
    advice = advise(trainer(make_subject, jobs=None, tags={"checkpoint": value}))
    assert advice.gate is None
    assert advice.evidence["checkpoint_minutes"] == (3 if value == "3" else 5)


def test_settings_show_that_it_resumes(make_subject: Make) -> None:
    told = Recommend(spot=Spot(checkpoint_minutes={"lla*": 2}))
    advice = advise(trainer(make_subject, jobs=None, model="Llama-3"), told)
    assert (advice.gate, advice.evidence["checkpoint_minutes"]) == (None, 2)


def test_a_tag_that_says_no_shows_nothing(make_subject: Make) -> None:
    for value in ("no", "Off", "disabled", "never", "0.0", "-1", "n/a"):
        assert advise(trainer(make_subject, jobs=None, tags={"checkpoint": value})).gate == GATE, value
    for key in ("no-checkpoint", "user:without_checkpoints", "skip-checkpoint", "checkpointing-disabled"):
        assert advise(trainer(make_subject, jobs=None, tags={key: "true"})).gate == GATE, key
    both = {"a-checkpoint": "s3://bucket/a", "checkpoint-minutes": "3"}
    for tags in (both, dict(reversed(both.items()))):
        found = advise(trainer(make_subject, jobs=None, tags=tags))
        assert (found.gate, found.evidence["checkpoint_minutes"]) == (None, 3)


@pytest.mark.parametrize("reserved", [0, 3])
def test_a_reservation_of_any_of_them_would_be_paid_for_without_it(make_subject: Make, reserved: int) -> None:
    """Six replicas over three zones, one of which runs in a reservation."""
    subject = replicas(make_subject, ["a", "b", "c"] * 2)
    assert isinstance(evaluate(subject, SETTINGS), Advice)
    members = list(subject.members)
    life = Life(details={"capacity_reservation": "cr-1"})
    members[reserved] = replace(members[reserved], machine=replace(members[reserved].machine, life=life))
    answer = evaluate(replace(subject, members=tuple(members)), SETTINGS)
    assert isinstance(answer, WhyNot)
    assert answer.reason == "reserved"
    assert f"i-{reserved + 1} runs in the capacity reservation cr-1" in answer.explanation


def test_less_than_fifteen_percent_left_is_refused(make_subject: Make) -> None:
    """T3.3: ten minutes each, 0.7 h between interruptions: 2.77 times as long, so at 0.35 only 3 % are left."""
    told = Recommend(spot=Spot(checkpoint_minutes={"*": 10}))
    one = trainer(make_subject, jobs=None, team="research", market=market(hours=70.0, interruptions=100))
    answer = evaluate(one, told)
    assert isinstance(answer, WhyNot)
    assert answer.reason == "not_worth_it"
    assert "3 % would be left" in answer.explanation


def test_a_gang_stops_with_any_of_its_machines(make_subject: Make) -> None:
    given: dict[str, Any] = {"stage": "training", "jobs": RESUMED, "market": market(hours=24_000)}
    gang = service_of([make_subject(resource_id=f"i-{number}", **given) for number in range(4)])
    # 240 h for one machine
    assert advise(gang).evidence["mtbf_hours"] == 60
    batch = replace(gang, stage="inference_batch")
    assert advise(batch).evidence["mtbf_hours"] == 240


def test_the_shorter_of_band_and_own_history_counts(make_subject: Make) -> None:
    """More than 20 % a month: −730 ÷ ln(1 − 0.6) = 796.7 h, against 6 h of one's own."""
    band = Band(0.20, 1.00, date(2026, 11, 20), "spot advisor")
    assert advise(trainer(make_subject, market=replace(market(), band=band))).evidence["mtbf_hours"] == 6
    alone = advise(trainer(make_subject, market=replace(market(), band=band, own=None)))
    assert alone.evidence["mtbf_hours"] == pytest.approx(796.7, abs=0.1)
    assert alone.hard_to_regain


def series(level: float, *, dear: slice = slice(0, 0)) -> np.ndarray:
    """Twenty-eight days at a share of the 20 an hour that are paid now, and at 25 in the hours given."""
    hourly = np.full((1, 28 * 24), 20 * level)
    hourly[0, dear] = 25.0
    return hourly


def test_the_prices_there_were_are_replayed(make_subject: Make) -> None:
    """0.35 of the price for 1.2204 of the time: 57.3 % in each of three weeks held out, 504 hours at 6 h apart are 84
    interruptions, none of them by price: at most 3 ÷ 504."""
    advice = advise(trainer(make_subject, market=replace(market(), series=series(0.35))))
    replay = advice.evidence["replay"]

    assert (replay["hours"], replay["folds"], replay["violation_minutes"]) == (504, 3, 0)
    assert Decimal(replay["saving"]) == pytest.approx(Decimal(14600) * Decimal("0.5729"), abs=3)
    assert (replay["outbid"], replay["interruptions_expected"]) == (0, 84.0)
    assert advice.violation_bound == pytest.approx(Decimal(3) / 504, abs=Decimal("1e-6"))
    assert "it would have saved 57 %: never above the on-demand price, and about 84.0 interruptions" in advice.reason
    assert advice.confidence == "medium"
    played = advice.evidence["deadline_replay"]
    assert played["uniform_progress"]["deadlines_met"]
    assert played["uniform_progress"]["mean_saving_share"] == pytest.approx(0.65)


def test_hours_above_the_on_demand_price_cost_what_is_paid_now(make_subject: Make) -> None:
    """48 of the last 168 hours at 25 against 21.96 on demand: (456 × 0.5729 + 48 × 0) ÷ 504."""
    advice = advise(trainer(make_subject, market=replace(market(), series=series(0.35, dear=slice(600, 648)))))
    replay = advice.evidence["replay"]
    assert replay["violation_minutes"] == 48 * 60
    assert replay["outbid"] == 1
    assert Decimal(replay["saving"]) == pytest.approx(14600 * Decimal("0.5729") * 456 / 504, abs=3)
    assert advice.risk == 2
    assert "once above the on-demand price, 48 h in all" in advice.reason


def test_prices_that_leave_too_little_in_the_replay_refuse_it(make_subject: Make) -> None:
    """The mean of a fortnight is 0.35, but of the weeks held out half the hours were above on demand."""
    dear = replace(market(), series=series(0.65, dear=slice(168, 420)))
    answer = evaluate(trainer(make_subject, market=dear), SETTINGS)
    assert isinstance(answer, WhyNot)
    assert answer.reason == "replay_failed"


def test_without_collected_prices_it_says_so(make_subject: Make) -> None:
    advice = advise(trainer(make_subject))
    assert "No series of its spot prices was collected" in advice.reason
    assert (advice.evidence["spot_prices_replayed"], advice.confidence) == (False, "low")
    assert advice.violation_bound is None


def test_replicas_are_replayed_with_those_to_spare(make_subject: Make) -> None:
    """Six of four at 0.35: 47.5 % left, as the outlook has it."""
    advice = advise(
        replicas(make_subject, ["a", "b", "c", "a"], market=replace(market(hours=60_000), series=series(0.35)))
    )
    assert Decimal(advice.evidence["replay"]["saving"]) / advice.monthly_cost == pytest.approx(
        Decimal(repr(advice.evidence["expected_saving"])), abs=Decimal("0.001")
    )
    assert advice.evidence["replay"]["interruptions_expected"] == pytest.approx(504 * 6 / 600)
    assert "deadline_replay" not in advice.evidence


def test_an_old_quote_is_labelled(make_subject: Make) -> None:
    old = quoted(0.35, at=datetime(2026, 7, 30, tzinfo=UTC))
    advice = advise(trainer(make_subject, market=replace(market(), price=old)))
    assert advice.evidence["spot_price_is_old"]
    assert advice.confidence == "low"
    assert "The spot price is of 2026-07-30" in advice.reason


def test_a_quote_of_today_is_not(make_subject: Make) -> None:
    assert not advise(trainer(make_subject)).evidence["spot_price_is_old"]


def test_serving_needs_spare_over_zones(make_subject: Make) -> None:
    """Four replicas over three zones: six, two a zone, so that four outlive the loss of one. 600 h between
    interruptions and ten minutes to come back: there 99.97 % of the time. 6 × 0.9997 × 0.35 of 4 is 52.5 %."""
    advice = advise(replicas(make_subject, ["a", "b", "c", "a"]))

    assert advice.evidence["domains"] == [2, 2, 2]
    assert advice.evidence["spare"] == 2
    assert advice.evidence["availability"] == pytest.approx(600 / (600 + 1 / 6), abs=1e-6)
    assert "a replica's place is gone 0.03 % of the time" in advice.reason
    assert advice.evidence["expected_saving"] == pytest.approx(1 - 6 * 0.35 / 4, abs=1e-3)
    assert advice.monthly_cost == 4 * Decimal("14600.00")
    assert sum(advice.acts_on.values()) == advice.monthly_cost


@pytest.mark.parametrize(
    ("zones", "domains", "saved"), [("abc", [2, 2, 1], 1 - 5 * 0.35 / 3), ("abcd", [2, 2, 1, 1], 1 - 6 * 0.35 / 4)]
)
def test_no_more_to_spare_than_the_loss_of_a_zone_takes(
    make_subject: Make, zones: str, domains: list[int], saved: float
) -> None:
    """One in each zone: two to spare, as any zone holds two at most."""
    advice = advise(replicas(make_subject, list(zones)))

    assert (advice.evidence["domains"], advice.evidence["spare"]) == (domains, 2)
    assert advice.evidence["expected_saving"] == pytest.approx(saved, abs=1e-3)


@pytest.mark.parametrize(
    ("zones", "reason"),
    [(["a"], "single_replica"), (["a", "a", "a"], "failure_domain"), ([None, None], "failure_domain")],
)
def test_one_replica_or_one_zone_never_serves_from_spot(
    make_subject: Make, zones: list[str | None], reason: str
) -> None:
    assert refuse(replicas(make_subject, zones)) == reason


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"stage": None}, "stage_unknown"),
        ({"stage": "notebook"}, "stage_unknown"),
        ({"platform": "managed_endpoint"}, "not_offered"),
        ({"market": None}, "unpriced"),
        ({"market": SpotMarket(own=OwnSpot(100, 0, "jobs"))}, "unpriced"),
        ({"market": SpotMarket(price=quoted(0.35))}, "interruptions_unknown"),
        ({"market": market(1.2)}, "not_cheaper"),
        ({"tags": {"keep": "1"}}, "excluded"),
        ({"tags": {"role": "standby"}}, "standby"),
        ({"life": Life(details={"capacity_reservation": "cr-1"})}, "reserved"),
    ],
)
def test_every_refusal_has_its_reason(make_subject: Make, more: dict[str, Any], reason: str) -> None:
    assert refuse(trainer(make_subject, **more)) == reason


def test_what_runs_on_spot_already_is_told_so(make_subject: Make) -> None:
    machine = make_subject(stage="training", market=market())
    assert refuse(service_of([bought(machine, range(14))])) == "already_spot"
    # begun on demand; back on demand for a day
    assert refuse(service_of([bought(machine, range(1, 14))])) == "already_spot"
    assert refuse(service_of([bought(machine, range(13))])) == "already_spot"


def test_of_machines_that_are_on_spot_in_part_nothing_is_advised(make_subject: Make) -> None:
    """A base on demand beside others on spot: what spot would save of the whole is saved in part already."""
    first, second = (
        make_subject(stage="training", jobs=RESUMED, market=market(), resource_id=f"i-{number}", resource_key=number)
        for number in (1, 2)
    )
    found = evaluate(service_of([first, bought(second, range(14))]), SETTINGS)
    assert isinstance(found, WhyNot)
    assert (found.reason, found.explanation.split(" ran")[0]) == ("partly_spot", "1 of its 2 machines")


class TestSpotContract(KindContract):
    """A training machine that has resumed before; and one whose market nobody knows."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Service:
        return trainer(make_subject)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Service:
        return trainer(make_subject, market=None)

    def with_costs(self, subject: Subject, costs: Sequence[Any]) -> Subject:
        assert isinstance(subject, Service)
        return at_costs(subject)


def test_the_machine_of_these_tests_has_its_list_price(make_subject: Make) -> None:
    assert advise(trainer(make_subject)).evidence["on_demand_price"] == str(P4D)


def test_machines_beside_each_other_in_two_types_have_two_markets(make_subject: Make) -> None:
    one: Machine = make_subject(stage="training", market=market())
    assert refuse(service_of([one, replace(one, resource_id="i-2", instance_type="p5.48xlarge")])) == "mixed_types"
