"""What people call kinds and subjects, held against the recommender's own."""

from __future__ import annotations

import pytest

from recommender.registry import KINDS as REGISTERED
from reports.formats import kind_name
from reports.kinds import KINDS, kind_order, kind_title
from reports.subject_names import subject_name


def test_every_kind_has_its_own_title_and_words_for_a_list() -> None:
    assert {kind.name: kind.title for kind in REGISTERED} == {name: words.title for name, words in KINDS.items()}
    assert [name for name in KINDS if "_" in kind_name(name) or kind_name(name) != kind_name(name).rstrip(": ")] == []


def test_a_kind_nobody_knows_is_called_by_its_name() -> None:
    assert (kind_title("edge_case"), kind_name("edge_case")) == ("Edge case", "edge case")
    assert kind_order("edge_case") > kind_order("commit")


@pytest.mark.parametrize(
    ("resource_id", "name"),
    [
        ("tokens:/subscriptions/3f5a/eastus/gpt-4o/it/standard", "tokens of gpt-4o, it"),
        ("service:730100450002/us-east-1/mistral-7b/inference_online", "mistral-7b, inference online"),
        ("pool:730100450002/us-east-1/nvidia-a10g", "machines with nvidia-a10g, us-east-1"),
        ("served:phi-4", "phi-4, wherever it is served"),
        ("training:lk-analytics/demand-forecast/supply-chain", "training of demand-forecast, supply-chain"),
        ("usage:111/eu-west-1/p5", "use of p5, eu-west-1"),
        ("agreement:edp", "agreement edp"),
        ("object-storage:111122223333", "object storage of 111122223333"),
        ("snapshots:111122223333/us-east-1", "small old snapshots of 111122223333, us-east-1"),
        ("s3://ml-runs", None),
        ("tokens:odd", "odd"),
        ("i-0abc", None),
        ("arn:aws:sagemaker:us-east-1:222:endpoint/x", None),
    ],
)
def test_what_is_no_single_resource_has_a_name(resource_id: str, name: str | None) -> None:
    assert subject_name(resource_id) == name
