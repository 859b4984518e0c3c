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
from recommender.subjects.machines import Machine
from tests.recommender.kinds.contract import KindContract
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
        for one in (price("m7i.4xlarge", "0.80"), price("m8g.4xlarge", "0.72"), price("m8g.2xlarge", "0.36"))
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
