"""Arm processors: only what was measured on one's own work, whole machines, and how to measure where nobody has."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.moving import Accelerators, OwnRatio
from aispend.prices.prices import Price
from recommender.contract import Advice, Answer, Subject, WhyNot
from recommender.kinds.arm_host import KIND, evaluate
from recommender.prices import PriceBook
from recommender.registry import KINDS
from recommender.subjects.machine_life import Life
from recommender.subjects.machines import Machine
from recommender.whole_groups import whole_groups
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.served import bought
from tests.recommender.kinds.services import Make


def price(instance_type: str, hourly: str) -> Price:
    return Price(
        provider="aws",
        region="us-east-1",
        instance_type=instance_type,
        term="on_demand",
        currency="USD",
        valid_from=date(2026, 11, 1),
        hourly_price=Decimal(hourly),
        source="collected",
        checked=date(2026, 11, 1),
    )


BOOK = PriceBook(
    {
        ("aws", "us-east-1", one.instance_type, "on_demand", "USD"): one
        for one in (
            price("m7i.4xlarge", "0.80"),
            price("m7i.2xlarge", "0.42"),
            price("m8g.4xlarge", "0.72"),
            price("m8g.2xlarge", "0.36"),
        )
    }
)


def processors(make_subject: Make, **values: Any) -> Machine:
    """A machine without accelerators that prepares data, at 480 a day."""
    given: dict[str, Any] = {
        "instance_type": "m7i.4xlarge",
        "accelerator_type": None,
        "accelerator_count": None,
        "accelerators": None,
        "stage": "data",
        "prices": BOOK,
    }
    return make_subject(**given | values)


def measured(target: str, ratio: float) -> Recommend:
    row = OwnRatio(present="m7i.4xlarge", target=target, ratio=ratio, on=date(2026, 10, 1), source="bench/arm")
    return Recommend(accelerator=Accelerators(measured=(row,)))


def refuse(subject: Machine, settings: Recommend) -> WhyNot:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer


def test_a_measured_ratio_above_one_saves_the_difference_in_price(make_subject: Make) -> None:
    """One at 0.72 does 1.1 times the work of one at 0.80: a tenth of 14,600 a month."""
    found = evaluate(processors(make_subject), measured("m8g.4xlarge", 1.1))
    assert isinstance(found, Advice), found
    assert (found.target, found.evidence["machines"]) == ("m8g.4xlarge", 1)
    assert found.saving.effective == Decimal("1460.00")
    assert (found.confidence, found.effort, found.gate) == ("medium", "high", None)
    assert found.command.startswith("# build its image and its libraries for arm64 first")
    assert 'instance_type = "m8g.4xlarge"' in found.evidence["terraform"]


def test_on_spot_prices_on_demand_say_nothing(make_subject: Make) -> None:
    """0.72 for 0.80 on demand is no tenth of what spot costs, where each type has a market of its own."""
    subject = bought(processors(make_subject), range(13, 14))
    assert refuse(subject, measured("m8g.4xlarge", 1.1)).reason == "on_spot"


def test_machines_are_whole(make_subject: Make) -> None:
    """At 0.55 of the work each takes two of 0.36: 0.72 as well; at 0.45 three, which cost more."""
    found = evaluate(processors(make_subject), measured("m8g.2xlarge", 0.55))
    assert isinstance(found, Advice), found
    assert found.evidence["machines"] == 2
    assert found.saving.effective == Decimal("1460.00")
    assert refuse(processors(make_subject), measured("m8g.2xlarge", 0.45)).reason == "not_worth_it"


def test_a_ratio_below_one_at_a_lower_price_is_no_saving(make_subject: Make) -> None:
    """0.9 of the work asks for two machines: 1.44 against 0.80."""
    assert refuse(processors(make_subject), measured("m8g.4xlarge", 0.9)).reason == "not_worth_it"


@pytest.mark.parametrize(
    ("provider", "instance_type", "sibling"),
    [
        ("aws", "m7i.4xlarge", "m8g.4xlarge"),
        ("aws", "ml.c5.2xlarge", "ml.c8g.2xlarge"),
        ("aws", "m7i-flex.large", "m8g.large"),
        ("gcp", "n2-standard-8", "c4a-standard-8"),
        ("azure", "Standard_D8s_v5", "Standard_D8ps_v6"),
    ],
)
def test_unmeasured_it_says_how_to_measure(make_subject: Make, provider: str, instance_type: str, sibling: str) -> None:
    answer = refuse(processors(make_subject, provider=provider, instance_type=instance_type), Recommend())
    assert answer.reason == "unmeasured"
    assert f'present = "{instance_type}", target = "{sibling}"' in answer.explanation


@pytest.mark.parametrize(
    "values",
    [
        {"instance_type": "m8g.4xlarge"},
        {"instance_type": "c6gn.large"},
        {"provider": "gcp", "instance_type": "c4a-standard-8"},
        {"provider": "azure", "instance_type": "Standard_D16ps_v6"},
        {"accelerator_count": Decimal(1)},
        {"stage": "training"},
        {"stage": None},
        {"instance_type": None},
        {"platform": "notebook"},
    ],
)
def test_it_is_asked_of_x86_processors_that_serve_or_prepare_alone(make_subject: Make, values: dict[str, Any]) -> None:
    assert not KIND.applies(processors(make_subject, **values))


def test_without_a_price_there_is_no_advice(make_subject: Make) -> None:
    assert refuse(processors(make_subject), measured("r8g.4xlarge", 1.1)).reason == "unpriced"
    assert refuse(processors(make_subject, prices=PriceBook()), measured("m8g.4xlarge", 1.1)).reason == "unpriced"


GROUP = {"tags": {"aws:autoscaling:groupName": "shared"}, "fleet": "shared"}
ENDPOINT: dict[str, Any] = {"platform": "managed_endpoint", "resource_id": "arn:aws:sagemaker:us-east-1:1:endpoint/e"}


def text_of(subject: Machine) -> tuple[str, str]:
    """Command and Terraform at 0.55 of the work each: two Arm machines for each of now."""
    found = evaluate(subject, measured("m8g.2xlarge", 0.55))
    assert isinstance(found, Advice), found
    return found.command, found.evidence["terraform"]


def test_two_in_place_of_one_are_one_block_of_two(make_subject: Make) -> None:
    command, block = text_of(processors(make_subject))
    assert "# 2 of them in place of this one" in command
    assert block.count("resource ") == 1
    assert 'instance_type = "m8g.2xlarge"' in block
    assert "count         = 2" in block


def test_a_group_of_three_becomes_one_of_six(make_subject: Make) -> None:
    """Each of three machines takes two: the group's size is 6, in every line of it, and never 2."""
    command, block = text_of(processors(make_subject, siblings=2, **GROUP))
    assert "# 6 machines in its group instead of 3" in command
    assert "desired_capacity = 6" in block
    # one for one: the number stays as it is
    found = evaluate(processors(make_subject, siblings=2, **GROUP), measured("m8g.4xlarge", 1.1))
    assert isinstance(found, Advice)
    assert "desired_capacity" not in found.evidence["terraform"]
    assert "instead of" not in found.command


def test_a_group_of_two_types_has_the_size_that_all_of_them_need(make_subject: Make) -> None:
    """Two of one type take two each and one of another takes one: 5 of the group, whichever line one reads."""
    rows = tuple(
        OwnRatio(present=present, target="m8g.2xlarge", ratio=ratio, on=date(2026, 10, 1), source="bench/arm")
        for present, ratio in (("m7i.4xlarge", 0.55), ("m7i.2xlarge", 1.05))
    )
    told = Recommend(accelerator=Accelerators(measured=rows))
    lines = [
        evaluate(
            processors(make_subject, resource_id=name, instance_type=f"m7i.{size}", siblings=2, **GROUP),
            told,
        )
        for name, size in (("i-1", "4xlarge"), ("i-2", "4xlarge"), ("i-3", "2xlarge"))
    ]
    kept, refused = whole_groups([line for line in lines if isinstance(line, Advice)], KINDS)
    assert (len(kept), refused) == (3, [])
    assert [line.evidence["machines"] for line in kept] == [2, 2, 1]
    assert all("desired_capacity = 5" in line.evidence["terraform"] for line in kept)
    assert all("# 5 machines in its group instead of 3" in line.command for line in kept)


def test_of_an_endpoint_each_instance_takes_two(make_subject: Make) -> None:
    """Three are listed: six; where nobody listed them, two for each there is now."""
    listed = Life(details={"variants": [{"variant": "a", "instances": 3}]})
    command, block = text_of(processors(make_subject, life=listed, **ENDPOINT))
    assert "# 6 machines behind it instead of 3" in command
    assert "initial_instance_count = 6" in block
    assert block.count("production_variants {") == 1
    command, block = text_of(processors(make_subject, **ENDPOINT))
    assert "# 2 instances behind it for each there is now" in command
    assert "initial_instance_count = NOW * 2" in block


class TestContract(KindContract):
    """Measured at 1.1; and the same at a price nobody knows."""

    kind = KIND

    def ask(self, subject: Subject) -> Answer:
        assert isinstance(subject, Machine)
        return evaluate(subject, measured("m8g.4xlarge", 1.1))

    @pytest.fixture
    def advised(self, make_subject: Make) -> Machine:
        return processors(make_subject)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Machine:
        return processors(make_subject, prices=PriceBook())
