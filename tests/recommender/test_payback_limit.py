"""What takes too long to pay back is left out, by the saving that the list shows: net of commitments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, Step, WhyNot
from recommender.run import answer
from recommender.subjects.machines import Machine
from tests.recommender.test_portfolio import advise, kind


@pytest.mark.parametrize(
    ("effective", "net", "one_off", "stands"),
    [
        # 1,100 ÷ 40 is 27.5 months, though 1,100 ÷ 100 would be 11
        ("100", "40", "1100", False),
        # 480 ÷ 40 is twelve months, which the limit allows; a cent more is longer
        ("100", "40", "480", True),
        ("100", "40", "480.01", False),
        ("100", "100", "1200", True),
        # commitments cover all of it: what it costs never comes back
        ("100", "0", "1", False),
        ("100", "0", "0", True),
        ("0", "0", "1", False),
    ],
)
def test_the_limit_is_of_what_is_saved_net(
    make_subject: Callable[..., Machine], effective: str, net: str, one_off: str, stands: bool
) -> None:
    machine = make_subject()
    said = replace(advise(machine, "rightsize", net, effective=Decimal(effective)), one_off_cost=Decimal(one_off))
    sort = replace(kind("rightsize", Step.SIZE), evaluate=lambda *_: said)
    found = answer(sort, machine, Recommend(min_monthly_saving=Decimal(0)), machine.as_of)
    assert isinstance(found, Advice) is stands
    if isinstance(found, WhyNot):
        assert found.reason == "payback"


def test_the_reason_names_the_saving_it_is_judged_by(make_subject: Callable[..., Machine]) -> None:
    machine = make_subject()
    sort = kind("rightsize", Step.SIZE)

    def reason(net: str) -> str:
        said = replace(advise(machine, "rightsize", net, effective=Decimal(100)), one_off_cost=Decimal(1100))
        found = answer(replace(sort, evaluate=lambda *_: said), machine, Recommend(), machine.as_of)
        assert isinstance(found, WhyNot)
        return found.explanation

    assert reason("40").startswith("It would save 40.00 USD a month net of commitments, and cost 1,100.00 once: more")
    assert reason("0").startswith("It would save 0.00 USD a month net of commitments, and cost 1,100.00 once, which")
