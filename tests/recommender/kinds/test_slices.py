"""Slices of cards on a node that others share: what they would set free, and where nobody could use it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice
from recommender.kinds.rightsize import evaluate
from recommender.kinds.slices import is_shared
from recommender.subjects.machines import Machine
from tests.recommender.conftest import history
from tests.recommender.kinds.services import Make

FORTNIGHT = 14 * 288
CLUSTER = {"eks:cluster-name": "ml"}


def node(make_subject: Make, loads: list[float], gigabytes: float = 4.0, **values: Any) -> Machine:
    """Eight A100s of 40 GB, each at a load, and all of them with as much held."""
    activity = np.array([np.full(FORTNIGHT, load) for load in loads])
    held = np.full((8, 14 * 24), gigabytes * 1e9)
    values = {"tags": CLUSTER} | values
    return make_subject(accelerators=replace(history(activity), memory_used_max=held), **values)


def test_small_work_on_a_kubernetes_node_fits_slices_and_counts_for_nothing(make_subject: Make) -> None:
    """Two cards at 90 % need all of it; six pods at 10 % with 4 GB take 1g.5gb each (1/7 less 20 % is 11.4 %, 5 GB less
    10 % is 4.5), six of one card's seven: three cards. Of the node 1 − (2 + 6/7) ÷ 8 = 36/56 is free."""
    answer = evaluate(node(make_subject, [0.9] * 2 + [0.1] * 6), Recommend())
    assert isinstance(answer, Advice), answer
    assert answer.estimate_only
    assert answer.evidence["slices"] == ["1g.5gb"] * 6
    assert answer.evidence["cards_needed"] == 3
    assert answer.evidence["freed_share"] == "0.6429"
    assert answer.saving.effective == (Decimal(14600) * Decimal(36) / 56).quantize(Decimal("0.01"))
    assert "only once other pods use the rest" in answer.reason


@pytest.mark.parametrize(
    ("loads", "gigabytes", "values"),
    [
        ([0.9] * 2 + [0.1] * 6, 4.0, {"tags": {}}),  # nobody else could use the rest
        ([0.9] * 8, 4.0, {}),  # a whole card each
        ([0.9] * 2 + [0.1] * 6, 35.0, {}),  # memory of a whole card each
        ([0.9] * 7 + [0.1], 4.0, {}),  # six sevenths of one of eight cards: too little to drain it for
    ],
)
def test_no_slices_where_they_free_little_or_for_nobody(
    make_subject: Make, loads: list[float], gigabytes: float, values: dict[str, Any]
) -> None:
    answer = evaluate(node(make_subject, loads, gigabytes, **values), Recommend())
    assert not (isinstance(answer, Advice) and answer.target.startswith("mig:"))


def test_only_the_bill_proves_a_shared_node(make_subject: Make) -> None:
    assert is_shared(make_subject(tags={"karpenter.sh/nodepool": "gpu"}))
    assert is_shared(make_subject(tags={"goog-k8s-cluster-name": "gpu"}))
    assert not is_shared(make_subject(tags={"team": "kubernetes"}, fleet="ml-shared"))
