"""Devices that work together over a fast link are not moved to cards that have only the host's bus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aispend.advising import Recommend
from aispend.prices.accelerators import instance_type
from aispend.sizing import Rightsize
from recommender.contract import Advice
from recommender.kinds.limits import ModelNeed, Need, Size, limit_of, why_none
from recommender.kinds.rightsize import evaluate
from recommender.machine_facts import has_fast_link
from recommender.methods.outcome import Capacity
from recommender.methods.throughput import ServedModel
from tests.recommender.conftest import GIB, history
from tests.recommender.kinds.served import Make
from tests.recommender.kinds.sizes import sizes_of, two_of_eight
from tests.recommender.methods.shapes import LLAMA_8B, LLAMA_70B

OPTIONS = Rightsize()


def limit(make_subject: Make, need: Need, model: ServedModel | None = None, **given: Any) -> str | None:
    """What rules out eight A10Gs, which have no link, for an A100 machine, which has one."""
    subject, candidate = sizes_of(make_subject)
    size = Size(candidate("g5.48xlarge"), Capacity(load=8.0, devices=8), load=8.0, devices=8)
    asked = None if model is None else ModelNeed(model, 1_000)
    return limit_of(need, size, replace(subject, **given), OPTIONS, asked)


@pytest.mark.parametrize(
    ("concurrent", "given", "found"),
    [
        (2, {"stage": "training"}, "link"),
        (4, {"stage": "fine_tuning"}, "link"),
        # one device of it trains alone
        (1, {"stage": "training"}, None),
        # replicas that fit a card each
        (2, {"stage": "inference_online"}, None),
        # it has no link now either
        (2, {"stage": "training", "accelerator_type": "nvidia-a10g"}, None),
    ],
)
def test_a_training_on_several_devices_keeps_its_link(
    make_subject: Make, concurrent: int, given: dict[str, Any], found: str | None
) -> None:
    assert limit(make_subject, Need(1.0, concurrent, 1e9, 1e9), **given) == found


def test_a_model_that_would_be_split_keeps_its_link(make_subject: Make) -> None:
    """8 B in bf16 fit one A10G; 70 B take eight of them, which only a bus joins."""
    need = Need(1.0, 1, 1e9, 1e9)
    assert limit(make_subject, need, ServedModel(LLAMA_8B), stage="inference_online") is None
    assert limit(make_subject, need, ServedModel(LLAMA_70B), stage="inference_online") == "link"


@pytest.mark.parametrize(("stage", "linked"), [("inference_online", False), ("training", True)])
def test_the_cheapest_size_for_a_training_is_one_with_a_link(make_subject: Make, stage: str, linked: bool) -> None:
    """Two of eight A100s at work: apart, cards without a link would do; together in a training, not."""
    work = history(two_of_eight(), memory_bytes=GIB)
    answer = evaluate(make_subject(accelerators=work, stage=stage, model="chat"), Recommend())
    assert isinstance(answer, Advice), answer
    target = instance_type("aws", answer.target)
    assert target is not None
    assert has_fast_link(target.accelerator_type) == linked


def test_where_only_the_link_is_missing_the_reason_says_so(make_subject: Make) -> None:
    subject, candidate = sizes_of(make_subject)
    reason, said = why_none([(candidate("g5.48xlarge"), "link")], Need(1.0, 2, 1e9, 1e9), subject, OPTIONS)
    assert reason == "link"
    assert "the fast link of nvidia-a100-40gb" in said
