"""Instances paid for while they work beside machines that are always on, both ways, at numbers written out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.buying import SelfHost, Serverless
from aispend.prices.prices import Price
from recommender.kinds.serverless import GATE, PLATFORM
from recommender.subjects.served_tokens import ServedTokens, Serving
from tests.recommender.kinds.test_managed_or_self_host import advise, refuse, served

D = Decimal
OFFER = Serverless(name="Cloud GPUs", provider="aws", instance_type="G6.12xlarge", hourly_price=D(6), bought="svc-*")
SETTINGS = Recommend(self_host=SelfHost(serverless=(OFFER,)))
UNSOLD = "acme-7b"


def on_machines(hours: tuple[int, ...] = (50, 30), **overrides: Any) -> ServedTokens:
    """A model that nobody sells on two machines of 100 a day each, which served in so many hours of the fortnight."""
    given = served(**{"model": UNSOLD, **overrides})
    parts = {
        name: Serving("g6.12xlarge", {}, None, given.costs, asked_hours=count, platform="gpu_vm")
        for name, count in zip(given.machines, hours, strict=True)
    }
    return replace(given, parts=parts, instance_types=["g6.12xlarge"])


def serverless(a_day: str, **overrides: Any) -> ServedTokens:
    given = served(a_day=a_day, **{"model": UNSOLD, **overrides})
    part = Serving(None, {}, None, given.costs, asked_hours=100, platform=PLATFORM)
    return replace(given, parts={"svc-chat": part}, machines={"svc-chat": D(a_day) * 14}, instance_types=[])


class AtFour:
    """A machine is 4 an hour, as of the first of the month."""

    def price_at(self, provider: str, region: str, name: str, term: Any, on: date) -> Price:
        return Price(provider, region, name, term, "USD", date(2026, 11, 1), D(4), "a price list", on)


def test_machines_that_serve_in_few_hours_are_cheaper_by_the_hour() -> None:
    """80 machine-hours at 6 are 480 for what cost 2,800: (2,800 − 480) × 730 ÷ 336 = 5,040.48 a month.

    Both cost the same at 2,800 × 730 ÷ 336 ÷ 6 = 1,013.89 instance-hours a month.
    """
    found = advise(on_machines(), SETTINGS)
    assert found.target == "serverless:Cloud GPUs"
    assert (found.saving.net, found.monthly_cost) == (D("5040.48"), D("6083.33"))
    assert found.evidence["serverless_monthly_cost"] == "1042.86"
    assert found.evidence["break_even_hours"] == "1014"
    assert "80 machine-hours, which cost 480.00 USD" in found.reason
    assert found.gate == GATE
    assert not found.estimate_only


def test_machines_that_serve_all_day_stay_and_the_reason_says_where_both_cost_the_same() -> None:
    """2 × 336 hours at 6 are 4,032."""
    found = refuse(on_machines((336, 336)), SETTINGS)
    assert found.reason == "not_sold"
    assert "which cost 4,032.00 USD as Cloud GPUs by your price" in found.explanation
    assert "at 1,014 instance-hours a month" in found.explanation


def test_of_the_api_and_the_hour_the_larger_saving_is_advised() -> None:
    """Llama at the API is 120.96 and saves 5,820.53; 80 hours at 6 save 5,040.48, and 10 at 6 (60) 5,952.98."""
    api = advise(on_machines(model="llama-3.1-70b"), SETTINGS)
    assert api.saving.net == D("5820.53")
    assert "Or serve it as Cloud GPUs, paid for while it works: 5,040.48 a month saved." in api.reason
    hourly = advise(on_machines((5, 5), model="llama-3.1-70b"), SETTINGS)
    assert (hourly.target, hourly.saving.net) == ("serverless:Cloud GPUs", D("5952.98"))


def test_what_commitments_pay_for_saves_nothing_by_the_hour() -> None:
    found = advise(on_machines(covered=True), SETTINGS)
    assert (found.saving.effective, found.saving.net) == (D("5040.48"), 0)
    assert "ommitments pay for what is left" in found.reason


@pytest.mark.parametrize("other", [{"provider": "gcp"}, {"instance_type": "g5.xlarge"}])
def test_another_machine_s_price_says_nothing(other: dict[str, str]) -> None:
    settings = Recommend(self_host=SelfHost(serverless=(OFFER.model_copy(update=other),)))
    assert refuse(on_machines(), settings).explanation == f"Nobody is known to sell {UNSOLD} by the token."


def test_instances_that_work_all_day_are_an_estimate_of_machines_always_on() -> None:
    """600 a day at 6 an hour are 100 instance-hours, 4.17 at once on average: five machines at 4.

    5 × 4 × 336 = 6,720 for what cost 8,400, 1,680 × 730 ÷ 336 = 3,650 a month; 14,600 a month are 2,433 hours at 6.
    """
    found = advise(serverless("600", prices=AtFour()), SETTINGS)
    assert (found.proposed, found.saving.net) == ("serve it on 5 × G6.12xlarge, always on", D("3650.00"))
    assert found.estimate_only
    assert (found.saving.p10, found.saving.range_from[:5]) == (None, "none:")
    assert found.evidence["break_even_hours"] == "2433"
    assert (found.evidence["price_source"], found.evidence["price_date"]) == ("a price list", "2026-11-01")


def test_instances_that_work_little_stay() -> None:
    """48 a day are eight hours; two machines at least cost 2,688 for what cost 672: even at 973 hours a month."""
    found = refuse(serverless("48", prices=AtFour()), SETTINGS)
    assert "would cost 2,688.00 USD for what 672.00 were paid; both cost the same at 973" in found.explanation


def test_instances_are_no_own_machines_beside_the_api() -> None:
    found = advise(serverless("200", model="llama-3.1-70b"))
    assert "on serverless instances, and 120.96 at aws's list price." in found.reason
    assert "wn machines" not in found.reason
    both = advise(serverless("600", model="llama-3.1-70b", prices=AtFour()), SETTINGS)
    assert both.target.startswith("buy:")
    assert "Or serve it on 5 × G6.12xlarge, always on: 3,650.00 a month saved, by an estimate." in both.reason
