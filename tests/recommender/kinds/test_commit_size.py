"""Where commitments are to whole accelerators, no part of one is committed to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Commit, Recommend
from recommender.contract import WhyNot
from recommender.kinds.commit import evaluate
from recommender.kinds.commit_size import careful
from recommender.subjects.committed_rates import one_accelerator
from tests.recommender.kinds.test_commit import PUBLISHED, SETTINGS, advise, pool

ONE = Decimal(3)


def google(hours: list[int], **more: Any) -> Any:
    """A pool of A2 of which an accelerator costs 3 an hour on demand; committed, 60 % of that."""
    return pool(hours, provider="gcp", family="a2", region="us-central1", **({"one_accelerator": ONE} | more))


def test_the_optimum_is_rounded_down_to_whole_ones() -> None:
    """4 an hour would save 12 of 60; one accelerator at 3 for 1.80 has 29 of 30 used: 29 − 18 is 11 of 60 saved.

    For 730 hours that is 803.
    """
    found = advise(google(PUBLISHED))
    assert found.evidence["covers_hourly"] == "3.00"
    assert found.evidence["commitment_hourly"] == "1.80"
    assert found.saving.net == Decimal("803.00")
    # one cannot be bought in halves
    assert found.evidence["stages"] == ["1.80"]
    assert "type=nvidia-tesla-a100,count=1 " in found.command


@pytest.mark.parametrize(
    ("number", "stages", "count"), [(2, ["1.80", "1.80"], 1), (5, ["3.60", "5.40"], 2), (8, ["7.20", "7.20"], 4)]
)
def test_stages_are_of_whole_ones(number: int, stages: list[str], count: int) -> None:
    """Half of five is two."""
    found = advise(google([3 * number]))
    assert found.evidence["stages"] == stages
    assert f"count={count} " in found.command


def test_less_than_one_is_nothing_to_commit_to() -> None:
    """Two of three an hour, by halves of a machine, are no accelerator; a plan for money would cover them."""
    found = evaluate(google([2]), SETTINGS)
    assert isinstance(found, WhyNot)
    assert found.reason == "part_of_one"
    assert advise(google([2], one_accelerator=None)).evidence["covers_hourly"] == "2.00"


def test_one_that_loses_when_usage_falls_is_not_bought() -> None:
    """At 80 % of its price the one machine loses where 70 % of it is used; of a plan for money 87 % would survive."""
    assert careful([ONE] * 336, Decimal("0.8"), Commit(), ONE).covers == 0
    assert careful([ONE] * 336, Decimal("0.8"), Commit()).covers == Decimal("2.55")


def test_of_many_a_twentieth_is_tried_at_a_time() -> None:
    """Of forty at 80 % none above 34 survive: 0.8 × 34 × 3 is 81.6 of 84 that are left; 36 would cost 86.4."""
    assert careful([ONE * 40] * 336, Decimal("0.8"), Commit(), ONE).covers == ONE * 34


def test_all_at_once_is_as_the_settings_say() -> None:
    found = advise(google([15]), Recommend(commit=Commit(first_stage=Decimal(1))))
    assert found.evidence["stages"] == ["9.00"]
    assert "count=5 " in found.command


@pytest.mark.parametrize(
    ("provider", "ran", "one"),
    [
        # 24 hours of one and 12 of eight: 120 accelerator-hours for 360
        ("gcp", [("a2-highgpu-1g", 24, Decimal(72)), ("a2-highgpu-8g", 12, Decimal(288))], ONE),
        # what was billed nothing, or nobody knows at what, says nothing
        (
            "gcp",
            [("a2-highgpu-1g", 24, Decimal(72)), ("a2-highgpu-8g", 12, None), ("a2-highgpu-8g", 24, Decimal(0))],
            ONE,
        ),
        ("gcp", [("a2-highgpu-1g", 24, Decimal(72)), ("n1-standard-8", 24, Decimal(9))], None),
        ("gcp", [], None),
        ("aws", [("p4d.24xlarge", 24, Decimal(72))], None),
    ],
)
def test_what_one_costs_is_what_the_bill_says(
    provider: str, ran: list[tuple[str, int, Decimal | None]], one: Decimal | None
) -> None:
    assert one_accelerator(provider, ran) == one
