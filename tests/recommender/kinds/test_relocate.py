"""The same machine elsewhere: under the same law, for less after its data, and never on a guess of how much that is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.moving import Relocate
from aispend.percents import percent
from recommender.contract import Advice, WhyNot
from recommender.kinds.relocate import GATE, KIND, RATE, evaluate
from recommender.machine_facts import geography
from recommender.subjects.machines import Machine
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.served import Make, bought

SETTINGS = Recommend()


def l4(make_subject: Make, region: str = "us-west4", **more: Any) -> Machine:
    """g2-standard-8: 0.96143698 an hour in us-west4, 0.850829156 in us-east4, the cheapest of the US."""
    given: dict[str, Any] = {
        "provider": "gcp",
        "region": region,
        "instance_type": "g2-standard-8",
        "accelerator_type": "nvidia-l4",
        "accelerator_count": Decimal(1),
        "resource_id": f"projects/larkfield/zones/{region}-a/instances/ranker",
        "stage": "training",
    }
    return make_subject(**(given | more))


def advise(subject: Machine, settings: Recommend = SETTINGS) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def refuse(subject: Machine, settings: Recommend = SETTINGS) -> WhyNot:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer


def test_what_it_moves_is_not_known_so_it_is_measured_first(make_subject: Make) -> None:
    """1 − 0.850829156 ÷ 0.96143698 = 11.50 % of 14,600; at 0.02 a GB nothing is left above 83,982 GB a month."""
    advice = advise(l4(make_subject))

    assert advice.target == "region:us-east4"
    assert advice.saving.effective == Decimal("1679.00")
    assert advice.gate == GATE
    assert advice.evidence["gb_at_which_nothing_is_left"] == 83982
    assert "quota of g2-standard-8 in us-east4 first" in advice.command


def test_where_the_bill_is_0_a_cheaper_region_saves_nothing_and_its_price_is_not_called_the_same(
    make_subject: Make,
) -> None:
    machine = l4(make_subject)
    free = [replace(day, effective_cost=Decimal(0), uncovered_effective_cost=Decimal(0)) for day in machine.costs]
    found = refuse(replace(machine, costs=free))
    assert found.reason == "costs_nothing"
    assert " 0 %" not in found.explanation


def test_data_is_paid_for_out_of_the_saving(make_subject: Make) -> None:
    """20,000 GB at 0.02 are 400 of 1,679.63 a month: 8.76 % left, to a hundredth of a percent."""
    told = Recommend(relocate=Relocate(gb_per_month={"*ranker": Decimal(20_000)}))
    advice = advise(l4(make_subject), told)
    assert advice.gate is None
    assert advice.saving.effective == Decimal(14600) * Decimal("0.0876")
    assert "20,000 GB a month across regions would cost 400.00 USD of it" in advice.reason


def apart(region: str, gb: int | None) -> Recommend:
    """The ranker's data lies in this region."""
    amount = {} if gb is None else {"*ranker": Decimal(gb)}
    return Recommend(relocate=Relocate(gb_per_month=amount, data_in={"*ranker": region}))


def test_compute_moves_to_its_data_where_that_costs_less_than_what_crosses_regions(make_subject: Make) -> None:
    """In us-west4 it costs 13.00 % more: 1,898.03 of 14,600. 200,000 GB at 0.02 are 4,000: 2,101.97, 14.40 %, left.

    Transfer is charged apart: an estimate, as none of it is in the machine's 14,600. 100,000 GB leave 101.97, 0.7 %.
    """
    machine = l4(make_subject, "us-east4")
    advice = advise(machine, apart("us-west4", 200_000))
    assert (advice.target, advice.saving.effective) == ("region:us-west4", Decimal("2102.40"))
    assert advice.estimate_only
    assert advice.gate is None
    assert advice.evidence["data_region"] == "us-west4"
    assert "Its 200,000 GB a month lie there and cross regions no more: 4,000.00 USD of transfer" in advice.reason
    assert refuse(machine, apart("us-west4", 100_000)).reason == "not_cheaper"
    assert refuse(machine).reason == "not_cheaper"


def test_a_cheaper_region_where_its_data_lies_saves_the_price_and_needs_no_measurement(make_subject: Make) -> None:
    """1 − 0.850829156 ÷ 0.96143698 = 11.50 % of 14,600; what no longer crosses comes on top and counts nowhere."""
    for gb in (None, 20_000):
        advice = advise(l4(make_subject), apart("us-east4", gb))
        assert (advice.target, advice.gate, advice.estimate_only) == ("region:us-east4", None, False)
        assert advice.saving.effective == Decimal("1679.00")
        assert "and crosses regions no more" in advice.reason or "400.00 USD of transfer" in advice.reason


def test_data_of_a_third_region_is_across_regions_before_and_after(make_subject: Make) -> None:
    advice = advise(l4(make_subject), apart("us-central1", 1))
    assert (advice.target, advice.gate) == ("region:us-east4", None)
    assert advice.saving.effective == Decimal("1679.00")
    assert "lies in us-central1, across regions before and after" in advice.reason


@pytest.mark.parametrize("told", [{"price_per_gb": Decimal("0.02")}, {}])
def test_dollars_a_gb_count_in_the_currency_of_the_bill(make_subject: Make, told: dict[str, Any]) -> None:
    """At 0.8 EUR a dollar 20,000 GB cost 320 of 1,679.65 a month: 9.31 % left, to a hundredth of a percent."""
    settings = Recommend(relocate=Relocate(gb_per_month={"*ranker": Decimal(20_000)}, **told))
    advice = advise(l4(make_subject, currency="EUR", per_dollar=Decimal("0.8")), settings)
    assert advice.gate is None
    assert advice.saving.effective == Decimal("1359.26")
    assert "20,000 GB a month across regions would cost 320.00 EUR of it" in advice.reason
    assert Decimal(advice.evidence["price_per_gb"]) == Decimal("0.016")
    assert advice.evidence["price_per_gb_source"].endswith("; 0.02 USD at 0.8 EUR a USD")


def test_how_much_leaves_nothing_is_said_at_the_exchange_rate(make_subject: Make) -> None:
    """14,600 × 11.504 % ÷ 0.016."""
    advice = advise(l4(make_subject, currency="EUR", per_dollar=Decimal("0.8")))
    assert (advice.gate, advice.evidence["gb_at_which_nothing_is_left"]) == (GATE, 104977)


@pytest.mark.parametrize("told", [{"price_per_gb": Decimal("0.02")}, {}])
def test_without_an_exchange_rate_what_data_costs_is_unknown(make_subject: Make, told: dict[str, Any]) -> None:
    settings = Recommend(relocate=Relocate(gb_per_month={"*ranker": Decimal(20_000)}, **told))
    advice = advise(l4(make_subject, currency="EUR"), settings)
    assert (advice.gate, advice.confidence) == (RATE, "low")
    assert advice.saving.effective == Decimal("1679.00")
    assert (
        " Its 20,000 GB a month across regions would cost extra, at 0.02 USD a GB: no exchange rate from USD to EUR is "
        "loaded (aispend import-rates)." in advice.reason
    )
    assert (advice.evidence["price_per_gb"], advice.evidence["gb_at_which_nothing_is_left"]) == (None, None)
    # how much it is has to be measured first
    assert advise(l4(make_subject, currency="EUR")).gate == GATE


def test_data_that_costs_nothing_needs_no_exchange_rate(make_subject: Make) -> None:
    free = Recommend(relocate=Relocate(gb_per_month={"*ranker": Decimal(20_000)}, price_per_gb=Decimal(0)))
    advice = advise(l4(make_subject, currency="EUR"), free)
    assert (advice.gate, advice.saving.effective) == (None, Decimal("1679.00"))


def test_what_nobody_can_measure_here_is_said(make_subject: Make) -> None:
    found = advise(l4(make_subject)).saving
    assert found.range_from == (
        "none: every week cost the same; not in it: what it reads and writes across regions, whether your discounts "
        "hold in the other region, and prices to come"
    )


def test_a_machine_of_a_group_is_moved_at_its_owner(make_subject: Make) -> None:
    """A copy started beside the group is one more: the group would put another in the place of the first."""
    tags = {"aws:autoscaling:groupName": "trainers"}
    owned = {"provider": "aws", "region": "us-gov-west-1", "instance_type": "g4dn.xlarge", "tags": tags,
             "accelerator_type": "nvidia-t4", "resource_id": "arn:aws:ec2:us-gov-west-1:1:instance/i-1"}  # fmt: skip
    told = Recommend(relocate=Relocate(also={"US government": ("US",)}))
    advice = advise(l4(make_subject, **owned), told)
    assert "run-instances" not in advice.command
    assert "describe-auto-scaling-groups --auto-scaling-group-names trainers --region us-gov-west-1" in advice.command
    assert "terraform" not in advice.evidence
    alone = advise(l4(make_subject, **owned | {"tags": {}}), told)
    assert "run-instances" in alone.command
    assert '  region = "' + alone.target.removeprefix("region:") + '"' in alone.evidence["terraform"].splitlines()


def test_a_machine_is_moved_with_its_disks(make_subject: Make) -> None:
    """From its own image, and not with an empty disk of the project's default."""
    advice = advise(l4(make_subject))
    assert [line for line in advice.command.splitlines() if not line.startswith("#")] == [
        "gcloud compute machine-images create COPY --source-instance ranker --source-instance-zone us-west4-a"
        " --project larkfield",
        "gcloud compute instances create ranker --source-machine-image COPY --machine-type g2-standard-8 --zone ZONE"
        " --project larkfield",
    ]
    assert '  zone = "ZONE"' in advice.evidence["terraform"].splitlines()


def test_compute_stays_where_its_data_costs_more_than_is_saved(make_subject: Make) -> None:
    told = Recommend(relocate=Relocate(gb_per_month={"*": Decimal(100_000)}))
    assert refuse(l4(make_subject, team="search"), told).reason == "not_cheaper"


def test_another_law_is_another_law_until_settings_say_otherwise(make_subject: Make) -> None:
    """In europe-west1 0.939925708, in europe-west4 0.897201806: 4.5 %, below 5; the US is cheaper and not the EU."""
    here = l4(make_subject, "europe-west1")
    assert refuse(here).reason == "not_cheaper"
    told = Recommend(relocate=Relocate(also={"EU": ("US",)}))
    assert advise(here, told).target == "region:us-east4"


def test_a_server_moves_away_from_whom_it_answers(make_subject: Make) -> None:
    advice = advise(l4(make_subject, stage="inference_online"))
    assert (advice.risk, advice.confidence) == (3, "low")
    assert "further away" in advice.reason


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"region": "mars-1"}, "region_unknown"),
        ({"region": "asia-southeast1"}, "nowhere_else"),
        ({"instance_type": "g9-standard-8"}, "unpriced"),
        ({"platform": "managed_endpoint"}, "not_offered"),
        ({"tags": {"dr": "1"}}, "excluded"),
    ],
)
def test_every_refusal_has_its_reason(make_subject: Make, more: dict[str, Any], reason: str) -> None:
    assert refuse(l4(make_subject, **more)).reason == reason


@pytest.mark.parametrize("uncovered", [Decimal(0), Decimal(240)])
def test_what_commitments_of_the_region_cover_stays(make_subject: Make, uncovered: Decimal) -> None:
    """Half of it covered: elsewhere all hours are paid for, and the commitment here as well."""
    found = refuse(l4(make_subject, uncovered=uncovered))
    assert found.reason == "committed"
    assert f"{percent(1 - uncovered / 480)} of its cost" in found.explanation


def test_on_spot_it_stays(make_subject: Make) -> None:
    machine = l4(make_subject)
    assert refuse(bought(machine, range(14))).reason == "on_spot"
    # begun on demand; back on demand for a day
    assert refuse(bought(machine, range(1, 14))).reason == "on_spot"
    assert refuse(bought(machine, range(13))).reason == "on_spot"


def test_off_spot_for_a_week_it_may_move(make_subject: Make) -> None:
    """Seven days at 150 and seven at 480 are 9,581.25 a month; 11.5 % of it is 1,101.84."""
    assert advise(bought(l4(make_subject), range(7))).saving.effective == Decimal("1101.84")
    assert refuse(bought(l4(make_subject), range(8))).reason == "on_spot"


@pytest.mark.parametrize(
    ("provider", "region", "law"),
    [
        ("aws", "eu-west-1", "EU"),
        ("aws", "eu-west-2", "UK"),
        ("aws", "eu-central-2", "CH"),
        ("aws", "us-gov-west-1", "US government"),
        ("gcp", "europe-west6", "CH"),
        ("gcp", "northamerica-northeast1", "CA"),
        ("azure", "eastus2", "US"),
        ("azure", "westeurope", "EU"),
        ("azure", "germanywestcentral", "EU"),
        ("azure", "uksouth", "UK"),
        ("azure", "usgovvirginia", "US government"),
        ("azure", "moon", None),
    ],
)
def test_a_region_is_under_one_law(provider: str, region: str, law: str | None) -> None:
    assert geography(provider, region) == law


class TestRelocateContract(KindContract):
    """A machine with a cheaper region; and one whose price nobody knows."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Machine:
        return l4(make_subject)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Machine:
        return l4(make_subject, instance_type="g9-standard-8")
