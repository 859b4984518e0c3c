"""``aispend edge`` beside a model that costs 768 for 1,000 inferences on its one day.

What it cost on the day before, of which nobody counted requests, is the price of none.
"""

from __future__ import annotations

import pytest

from tests.analyzer.bills import GPU_HOUR
from tests.analyzer.conftest import Ledger, all_hours, on_a_ledger
from tests.cli.conftest import Run
from tests.conftest import Contents

MODEL = "llama-3.1-70b"
PRICES = ("--hardware", "360", "--watts", "10", "--power-price", "0.25", "--management", "3")
ASKED = ("edge", "--model", MODEL, "--devices", "10", *PRICES)


@on_a_ledger
def served(ledger: Ledger) -> None:
    """The days, analyzed."""
    for day, cost in (("2026-10-05", "768"), ("2026-10-04", "100")):
        ledger.charge(
            day,
            cost,
            resource_id="i-1",
            gpus=8,
            hours=all_hours(),
            quantity="24",
            tags={"model": MODEL, "stage": "inference-online"},
            **GPU_HOUR,
        )
    ledger.usage({"requests": 1000, "input": 12_000_000, "output": 3_000_000}, alias="i-1", model=MODEL)
    ledger.analyze()


@pytest.fixture
def contents(request: pytest.FixtureRequest) -> Contents | None:
    """These days, for who asks for ``serving``."""
    return served if "serving" in request.fixturenames else None


@pytest.fixture
def serving(run: Run) -> Run:
    """``aispend`` on it."""
    return run


def words(text: str) -> str:
    return " ".join(text.split())


def test_all_of_it_beside_the_cloud(serving: Run) -> None:
    """Ten devices: 100 + 18.25 + 30 + 3,600 ÷ 36 = 248.25; 100 inferences at 0.768 cost 76.80: 171.45 more.
    Even at 24.825 ÷ 0.768 = 32 inferences a device.
    """
    found = serving(*ASKED, "--engineering", "3600", "--inferences", "10")
    assert (found.status, found.err) == (0, "")
    said = words(found.out)
    assert f"In no rate, for nobody knows what was served: {MODEL} (AWS) 1 day (before or after" in said
    assert "hardware 100.00" in said
    assert "power 18.25" in said
    assert "in all 248.25 76.80 USD" in said
    assert "171.45 USD a month more than the cloud" in said
    assert "Even at 32 inferences a device and month" in said
    assert "no advice" in said


def test_no_price_of_a_device_is_assumed(serving: Run) -> None:
    found = serving(*ASKED)
    assert found.status == 2
    assert "engineering" in found.err
    assert "hardware" not in found.err


def test_a_price_is_a_number(serving: Run) -> None:
    found = serving(*ASKED, "--engineering", "much")
    assert found.status == 2
    assert "--engineering is a number" in found.err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--years", "0", "--years is a number above 0, not '0'"),
        ("--watts", "-5", "--watts is a number not below 0, not '-5'"),
    ],
)
def test_a_number_out_of_range_is_not_called_no_number(serving: Run, option: str, value: str, said: str) -> None:
    found = serving(*ASKED, "--engineering", "0", f"{option}={value}")
    assert found.status == 2
    assert said in words(found.err)


def test_less_than_one_inference_is_not_told_as_none(serving: Run) -> None:
    """100 + 18.25 + 30 for ten devices: even at 14.825 ÷ 0.768 = 19 a device; half a one is asked for."""
    found = serving(*ASKED, "--engineering", "0", "--inferences", "0.5")
    assert "0.5 inferences a device and month" in words(found.out)
    assert "Even at 19 inferences" in words(found.out)


def test_a_model_nobody_serves_has_no_cost_to_compare(serving: Run) -> None:
    found = serving("edge", "--model", "nobody", "--devices", "10", *PRICES, "--engineering", "0")
    assert found.status == 0
    assert "per 1,000" not in found.out
    assert found.out.strip()
