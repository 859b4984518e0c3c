"""A reason why not says how to get what is missing, whatever kind says that it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aispend import cli
from aispend.advising import Recommend
from recommender.contract import Subject, WhyNot
from recommender.kinds import auto_stop, rightsize, spot, training_waste
from recommender.kinds.managed_or_self_host import KIND as BUY
from recommender.run import answer
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.served import Make
from tests.recommender.kinds.test_consolidate import replicas
from tests.recommender.kinds.test_managed_or_self_host import served

METRICS = "Collect it from the cloud's agent or DCGM (aispend collect), or load it: aispend import-metrics."


def said(kind: Any, subject: Subject, reason: str, words: str = "It is not known.") -> str:
    """What a run keeps where the kind says no more than these words."""
    found = answer(
        replace(kind, evaluate=lambda one, _: WhyNot(kind.name, one, reason, words, None)), subject, Recommend(), AS_OF
    )
    assert isinstance(found, WhyNot)
    return found.explanation


def test_utilization_that_is_missing_is_collected_or_loaded(make_subject: Make) -> None:
    assert said(rightsize.KIND, make_subject(), "telemetry_missing") == f"It is not known. {METRICS}"
    assert said(spot.KIND, replicas(make_subject, [3, 3]), "telemetry_missing") == f"It is not known. {METRICS}"
    found = answer(rightsize.KIND, make_subject(accelerators=None), Recommend(), AS_OF)
    assert isinstance(found, WhyNot)
    assert found.explanation == f"No accelerator utilization is known for it. {METRICS}"


@pytest.mark.parametrize(
    ("provider", "reason", "how"),
    [
        ("azure", "unpriced", "What azure lists: aispend collect azure/prices."),
        ("own", "unpriced", ""),
        ("aws", "interruptions_unknown", "The market's bands: aispend collect aws/spot."),
        ("gcp", "interruptions_unknown", "Google publishes none: what of your own runs on spot tells it"),
        ("aws", "telemetry_endings", "aispend import-workloads"),
        ("aws", "busy", ""),
    ],
)
def test_prices_bands_and_endings(make_subject: Make, provider: str, reason: str, how: str) -> None:
    found = said(training_waste.KIND, make_subject(provider=provider), reason)
    assert how in found
    assert found.startswith("It is not known.")
    assert (found == "It is not known.") is (not how)


def test_of_tokens_it_is_the_requests_that_are_missing() -> None:
    assert said(BUY, served(), "telemetry_missing") == (
        "It is not known. Load the requests and tokens it served: aispend import-usage."
    )


def test_a_kind_s_own_command_stands_alone(make_subject: Make) -> None:
    words = "Nobody can say. Run DCGM there and 'aispend import-metrics'."
    assert said(auto_stop.KIND, make_subject(), "telemetry_missing", words) == words


@pytest.mark.parametrize("command", ["collect", "import-metrics", "import-usage", "import-workloads"])
def test_the_commands_are_there(command: str) -> None:
    assert cli.run((command, "--help")) == 0
