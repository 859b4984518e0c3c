"""What a technique would take away: machines, or nothing; and never before it was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds.optimize_model import EVALUATION, KIND, LOAD_TEST, evaluate, one_off_cost
from recommender.methods.techniques import techniques
from recommender.subjects.services import Service
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.services import HOURS, Make, member, service, use

DEFAULT = Recommend()
H100 = {
    "provider": "gcp",
    "instance_type": "a3-highgpu-1g",
    "accelerator_type": "nvidia-h100-80gb",
    "accelerator_count": Decimal(1),
}


def llama(make_subject: Make, count: int, level: float, *, asked: float | None = None, **values: Any) -> Service:
    """Machines of one H100 each that serve Llama 3.1 8B at a level; requests an hour, of five seconds each."""
    values = H100 | {"model": "llama-3.1-8b", "stage": "inference_batch"} | values
    machines = [make_subject(resource_id=f"vm-{n}", resource_key=n + 1, **values) for n in range(count)]
    requests = None if asked is None else use(np.full(HOURS, asked))
    return service(make_subject, [member(one, np.full(HOURS, level)) for one in machines], use=requests)


def advice(subject: Service, settings: Recommend = DEFAULT) -> Advice:
    answer = evaluate(subject, settings)
    assert isinstance(answer, Advice), answer
    return answer


def why_not(subject: Service, settings: Recommend = DEFAULT) -> WhyNot:
    answer = evaluate(subject, settings)
    assert isinstance(answer, WhyNot), answer
    return answer


def only(found: Advice, name: str) -> Any:
    return next(one for one in found.evidence["others"] if one["technique"] == name)


def test_a_quantisation_takes_machines_away_and_the_others_are_in_its_evidence(make_subject: Make) -> None:
    """Ten H100s at 80 % are ten replicas of need. FP8 1.0 to 1.6, point 1.3: ⌈10 ÷ 1.3⌉ = 8 of 10; INT8 1.25: 8 too.
    LLM.int8() is slower: 13. Half of the parameters gives 1.8 and leaves 6, but is training."""
    found = advice(llama(make_subject, 10, 0.8))
    assert found.target == "fp8_w8a8"
    left = {one["technique"]: one["machines_left"] for one in found.evidence["others"]}
    assert (left["int8_w8a8"], left["distillation"], left["llm_int8"]) == (8, 6, 13)
    assert "not known" in only(found, "int4_w4a16")["why_not"]
    assert found.monthly_cost == Decimal("146000.00")
    assert found.saving.effective == Decimal("29200.00")
    assert found.gate == EVALUATION
    # 16 engineering hours at 100
    assert found.one_off_cost == Decimal(1600)
    assert found.evidence["payback_months"] == "0.1"
    assert (found.confidence, found.effort) == ("low", "medium")


def test_training_is_the_advice_only_where_nothing_else_saves(make_subject: Make) -> None:
    """Three of three at FP8 and INT8 (⌈3 ÷ 1.3⌉), two of three at half of the parameters (⌈3 ÷ 1.8⌉)."""
    found = advice(llama(make_subject, 3, 0.8))
    assert found.target in {"structured_pruning_distillation", "distillation"}
    assert (found.confidence, found.effort, found.one_off_cost) == ("low", "high", Decimal(32000))


def test_one_replica_made_quicker_is_still_one(make_subject: Make) -> None:
    """T6.5: nothing is saved, and the best is named."""
    found = why_not(llama(make_subject, 1, 0.8))
    assert found.reason == "no_machine_less"
    assert "1 of 1 machines" in found.explanation


def test_what_runs_above_need_is_other_advice(make_subject: Make) -> None:
    """Ten machines at 8 %: need is one replica with or without a technique."""
    assert why_not(llama(make_subject, 10, 0.08)).reason == "no_machine_less"


def test_the_range_is_of_machines(make_subject: Make) -> None:
    """1.0 to 1.6 times of ten: from none to three of ten machines less (⌈10 ÷ 1.6⌉ = 7), two expected."""
    found = advice(llama(make_subject, 10, 0.8))
    assert (found.saving.p10, found.saving.p50, found.saving.p90) == (
        Decimal("0.00"),
        Decimal("29200.00"),
        Decimal("43800.00"),
    )


def test_two_that_serve_online_stay_two(make_subject: Make) -> None:
    """Two at once, one on each: 64 at once would leave one, which what serves online does not get."""
    assert advice(llama(make_subject, 2, 0.8, asked=1440.0)).proposed.endswith("1 of 2 machines")
    online = llama(make_subject, 2, 0.8, asked=1440.0, stage="inference_online")
    assert why_not(online).reason == "no_machine_less"


def test_what_runs_at_once_is_of_the_hours_that_are_recorded(make_subject: Make) -> None:
    """Ten at once on each of ten, in a log of the last three per cent of the window: no hour before had none."""
    recorded = np.arange(HOURS) >= HOURS - HOURS // 32
    asked = replace(use(np.where(recorded, 72_000.0, 0.0)), recorded=recorded)
    found = advice(replace(llama(make_subject, 10, 0.8), use=asked))
    assert found.evidence["running_at_once"] == 10.0


def test_few_at_once_may_be_batched_after_a_load_test(make_subject: Make) -> None:
    """7,200 requests an hour of 5 s are ten at once, one on each of ten: 64 at once give many times the throughput."""
    found = advice(llama(make_subject, 10, 0.8, asked=7200.0))
    assert found.evidence["running_at_once"] == 1.0
    assert found.target == "bigger_batch"
    assert found.gate == LOAD_TEST
    assert "--max-num-seqs" in found.command


def test_settings_tell_shape_precision_and_engine(make_subject: Make) -> None:
    shape = {"name": "acme", "parameters": 8e9, "layers": 32, "kv_heads": 8, "head_dim": 128}
    assert why_not(llama(make_subject, 10, 0.8, model="acme")).reason == "model_unknown"

    def told(**more: Any) -> Recommend:
        return Recommend.model_validate({"optimize_model": {"models": [shape | more]}})

    known = advice(llama(make_subject, 10, 0.8, model="acme"), told(engine_features=["paged_attention"]))
    assert known.evidence["model_shape_from"] == "settings"
    assert only(known, "paged_attention")["why_not"] == "The serving engine has it already."
    quantised = advice(llama(make_subject, 10, 0.8, model="acme"), told(precision="fp8"))
    assert "already" in only(quantised, "int4_w4a16")["why_not"]


def test_a_model_larger_than_its_machine_is_not_reckoned_with(make_subject: Make) -> None:
    """141 GB of weights are more than one H100."""
    assert why_not(llama(make_subject, 4, 0.8, model="llama-3.1-70b")).reason == "does_not_fit"


def test_of_a_family_the_next_smaller_is_asked(make_subject: Make) -> None:
    """70.6 to 8.03 billion parameters × 0.9: 7.9 times; two H100s hold 70 B with 1.96 of their usable memory."""
    two = {"instance_type": "a3-highgpu-2g", "accelerator_count": Decimal(2)}
    found = advice(llama(make_subject, 8, 1.6, model="llama-3.1-70b", **two))
    assert found.evidence["accelerators_per_replica"] == 2
    # ⌈8 ÷ 7.913⌉; what keeps the model comes first all the same
    assert only(found, "smaller_model")["machines_left"] == 2
    assert found.target == "fp8_w8a8"


@pytest.mark.parametrize(
    ("name", "cost"), [("fp8_w8a8", 1600), ("speculative_decoding", 6000), ("distillation", 32000)]
)
def test_one_off_cost_is_engineering(name: str, cost: int) -> None:
    assert one_off_cost(techniques()[name], DEFAULT.optimize_model) == cost


@pytest.mark.parametrize("load", [[np.nan] * 2, [0.8, np.nan]])
def test_unknown_load_gives_no_advice(make_subject: Make, load: Sequence[float]) -> None:
    subject = llama(make_subject, 2, 0.8)
    members = [replace(one, load_max=np.full(HOURS, level)) for one, level in zip(subject.members, load, strict=True)]
    assert why_not(replace(subject, members=tuple(members))).reason == "telemetry_missing"


class TestOptimizeModelContract(KindContract):
    """Ten busy replicas of a known model; and the same never measured."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_subject: Make) -> Service:
        return llama(make_subject, 10, 0.8)

    @pytest.fixture
    def blind(self, make_subject: Make) -> Service:
        machines = [
            make_subject(resource_id=f"vm-{n}", **H100, model="llama-3.1-8b", stage="inference_batch") for n in (1, 2)
        ]
        return service(make_subject, [member(one, None) for one in machines])
