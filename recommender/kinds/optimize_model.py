"""A served model made quicker: quantised, batched, decoded speculatively, pruned or replaced by a smaller one.

Assumes
    Load falls on all replicas alike; a replica takes as few accelerators as hold its model and what runs at once.
Method
    Every technique of ``methods/techniques`` is asked what it would do here: its preconditions, a range of throughput
    that was published or follows from the model's bytes, and the instances that would be left. Need is the load at P95
    over the target. Only an instance less saves money. What keeps the model comes before a smaller one, and that before
    training; of these the best is the advice, the others are in its evidence. Of quantisations only one is ever done.
    The range of the saving is that of the instances at both ends of the technique's range. It never counts before an
    evaluation of one's own (gate); its cost is engineering once.
Cases
    Shape of the model, its accelerator or its load not known: no advice, and how to tell. No technique takes an
    instance away (T6.5: 1.3 times of one replica is still one): nothing saved, and that is said.
Sources
    docs/advice.md; methods 6; ``techniques.toml`` names the source of each range.
Known drawbacks
    Which precision and features an engine has is known from settings alone; pruning and distillation are taken to
    half of the parameters, with low confidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from aispend.advising import Recommend
from aispend.percents import percent, percent_apart
from aispend.prices.accelerators import accelerator
from aispend.sizing import OptimizeModel
from recommender import terraform
from recommender.contract import COST_UNKNOWN, Advice, Confidence, Kind, Saving, Step, WhyNot
from recommender.evidence import load_evidence, machine_price, not_replayed
from recommender.guards import (
    covered_remark,
    others_in_group,
    preconditions_of,
    refusal_of_service,
    scarce_among,
)
from recommender.kinds.together import cost_of_each, describe_all, one_type
from recommender.methods.model_memory import accelerators_needed
from recommender.methods.model_shapes import served_model, smaller_of_family, source_of
from recommender.methods.percentiles import weighted_percentile
from recommender.methods.techniques import Change, Technique, WhatIf, techniques, what_if
from recommender.methods.techniques import Service as Served
from recommender.methods.throughput import Traffic
from recommender.savings import CENT, cost_basis, cost_remark, monthly_cost, saving
from recommender.subjects.services import Service

NAME = "optimize_model"
EVALUATION = "an evaluation of quality on your own data"
LOAD_TEST = "a load test at your own latency"
_LOAD_PERCENTILE = 0.95
_LEAST_ONLINE = 2
_HALF = 0.5
"""Parameters left by pruning or distillation where nothing else is known (Minitron: 15 B to 8 B)."""
_LARGEST_BATCH = 64.0
_ELSEWHERE = frozenset({"lora_multi_adapter", "fewer_tokens", "prefix_caching", "power_cap"})
"""Other advice, or in need of what no telemetry tells."""
_HOW = {
    "fp8_w8a8": "vllm serve MODEL --quantization fp8",
    "int8_w8a8": "# quantise with llm-compressor (SmoothQuant, W8A8), then: vllm serve QUANTISED_MODEL",
    "int4_w4a16": "# quantise with llm-compressor (GPTQ or AWQ, W4A16), then: vllm serve QUANTISED_MODEL",
    "speculative_decoding": "# vllm serve MODEL --speculative-config with a draft model or n-grams",
    "bigger_batch": "vllm serve MODEL --max-num-seqs BATCH",
    "paged_attention": "# serve it with an engine that pages its cache, as vLLM, SGLang or TensorRT-LLM",
}


@dataclass(frozen=True)
class _Found:
    """A technique here, and what it costs once."""

    answer: WhatIf
    one_off: Decimal
    change: Change


def applies(subject: Service) -> bool:
    """A model that is served."""
    return subject.model is not None and (subject.stage or "").startswith("inference") and bool(subject.current)


def evaluate(subject: Service, settings: Recommend) -> Advice | WhyNot:
    """The technique that takes most away, or why none does."""
    options, days = settings.optimize_model, settings.schedule.window_days
    cost = monthly_cost(subject, days)

    def no(reason: str, explanation: str) -> WhyNot:
        return WhyNot(NAME, subject, reason, explanation, cost)

    if refused := refusal_of_service(subject, settings):
        return no(*refused)
    model = served_model(subject.model, options.models)
    if model is None:
        return no(
            "model_unknown",
            f"Nobody told what {subject.model} is made of. If it is a transformer that writes text, give its "
            "parameters, layers, key-value heads and head size under [[recommend.optimize_model.models]].",
        )
    kind = one_type([member.machine for member in subject.current])
    card = None if kind is None else accelerator(kind[1])
    if kind is None or card is None:
        return no("accelerator_unknown", "Its machines are of several types, or of one whose accelerator is not known.")
    load = subject.demand("load_max")
    known = ~np.isnan(load)
    if not known.any() or float(known.mean()) < settings.consolidate.min_coverage:
        return no(
            "telemetry_missing",
            f"Its load is known for {percent_apart(float(known.mean()), settings.consolidate.min_coverage)} of {days} "
            f"days; {percent(settings.consolidate.min_coverage)} is needed to say what less would do.",
        )
    if not np.nanmax(load) > settings.schedule.active:
        return no("idle", "It did no work in the window: quicker work would save nothing.")
    if cost is None:
        return no("cost_unknown", COST_UNKNOWN)
    served = _served(subject, float(kind[2]), weighted_percentile(load, np.ones(load.size), _LOAD_PERCENTILE), settings)
    if served is None:
        return no(
            "does_not_fit", f"{subject.model} in {model.precision} is more than the {kind[0]} it is said to run on."
        )
    found = [_ask(served, technique, subject, options) for technique in techniques().values() if _is_ours(technique)]
    saving_ones = [one for one in found if one.answer.is_suited and one.answer.saved_share > 0]
    if not saving_ones:
        suited = [one.answer for one in found if one.answer.is_suited and one.answer.factor]
        best = max(suited, key=lambda one: one.factor.point if one.factor else 0.0, default=None)
        said = (
            "None is suited to it."
            if best is None or best.factor is None
            else f"The most would come of this: {best.technique.title}, {best.factor.point:.1f} times the throughput. "
            f"It leaves {best.instances_after} of {best.instances_before} machines; only a machine less saves "
            "anything."
        )
        return no("no_machine_less", said)
    return _advice(subject, settings, served, max(saving_ones, key=_worth), found, cost=cost)


def _worth(one: _Found) -> tuple[int, Decimal, Decimal]:
    """The same model before another one before training; then what saves most, then the cheaper to do."""
    technique = one.answer.technique
    closeness = -2 if technique.needs_retraining else -1 if technique.effect == "parameters" else 0
    return closeness, one.answer.saved_share, -one.one_off


def _is_ours(technique: Technique) -> bool:
    return technique.name not in _ELSEWHERE


def _served(subject: Service, each: float, load: float, settings: Recommend) -> Served | None:
    """The service in the method's words; None where a machine does not hold its model."""
    options = settings.optimize_model
    model = served_model(subject.model, options.models)
    machine = subject.current[0].machine
    card = accelerator(machine.accelerator_type or "")
    if model is None or card is None:
        return None
    machines = len(subject.current)
    running = 0.0
    per_request = None
    if subject.use is not None:
        per_request = subject.use.tokens_per_request
        told = subject.use.running if subject.use.recorded is None else subject.use.running[subject.use.recorded]
        running = weighted_percentile(told, np.ones(told.size), _LOAD_PERCENTILE)
        running = 0.0 if math.isnan(running) else running
    tokens = math.ceil(running / machines * sum(per_request)) if per_request else 1
    degree = accelerators_needed(
        model.shape, float(card.memory_gb) * 1e9, model.precision, tokens=max(tokens, 1), maximum=max(int(each), 1)
    )
    if degree is None:
        return None
    per_machine = max(int(each) // degree, 1)
    replicas = machines * per_machine
    traffic = Traffic(running / replicas, *per_request) if per_request and running > 0 else None
    least = min(_LEAST_ONLINE, machines) if subject.stage == "inference_online" else 1
    features = next((one.engine_features for one in options.models if one.name == subject.model), None)
    return Served(
        accelerator=card,
        replicas=replicas,
        accelerators_per_replica=degree,
        replicas_per_instance=per_machine,
        model=model,
        traffic=traffic,
        replicas_needed=load / (degree * options.target),
        least_replicas=(least - 1) * per_machine + 1,
        engine_features=None if features is None else frozenset(features),
    )


def _ask(served: Served, technique: Technique, subject: Service, options: OptimizeModel) -> _Found:
    change = Change()
    if technique.effect == "batch" and served.traffic is not None:
        change = replace(change, batch=_LARGEST_BATCH)
    if technique.effect == "parameters" and served.model is not None:
        smaller = smaller_of_family(subject.model) if technique.name == "smaller_model" else None
        if technique.name != "smaller_model":
            smaller = served.model.shape.parameters * _HALF
        change = replace(change, smaller_parameters=smaller)
    return _Found(what_if(served, technique, change), one_off_cost(technique, options), change)


def one_off_cost(technique: Technique, options: OptimizeModel) -> Decimal:
    """Engineering of doing it once, in the currency of the bill."""
    hours = {"none": 0, "low": options.hours_low, "medium": options.hours_medium, "high": options.hours_high}
    return options.hourly_rate * hours[technique.one_off]


def _advice(
    subject: Service, settings: Recommend, served: Served, best: _Found, found: list[_Found], *, cost: Decimal
) -> Advice:
    days = settings.schedule.window_days
    load = subject.demand("load_max")
    answer, technique = best.answer, best.answer.technique
    factor = answer.factor
    assert factor is not None  # noqa: S101 - what is suited has one
    saved = _ranged(saving(subject, days, answer.saved_share), answer)
    machines = [member.machine for member in subject.current]
    confidence: Confidence = "low"
    if served.traffic is not None and not technique.needs_retraining and technique.effect in ("precision", "batch"):
        confidence = "medium"
    payback = (best.one_off / saved.net).quantize(Decimal("0.1")) if saved.net else None
    model = subject.model or ""
    return Advice(
        kind=NAME,
        subject=subject,
        current=f"{model} in {served.model.precision if served.model else 'unknown'}, {describe_all(machines)}",
        proposed=f"{technique.title}: {answer.instances_after} of {answer.instances_before} machines",
        monthly_cost=cost,
        saving=saved,
        risk=3 if technique.needs_evaluation else 2,
        confidence=confidence,
        effort="high" if technique.needs_retraining else "medium",
        reason=(
            f"{factor.low:.1f} to {factor.high:.1f} times the throughput, {factor.point:.1f} expected here, leaves "
            f"{answer.instances_after} of {answer.instances_before} machines ({answer.instances_if_high} to "
            f"{answer.instances_if_low}). Quality: {technique.quality}"
            f"{covered_remark(saved, 'that')}{cost_remark(subject, days)}"
        ),
        undo="serve the present weights and settings again, and set the size back",
        command=preconditions_of(machines) + _command(subject, technique),
        hard_to_regain=scarce_among(machines) is not None,
        target=technique.name,
        one_off_cost=best.one_off,
        acts_on=cost_of_each(subject, days, cost),
        gate=EVALUATION if technique.needs_evaluation else LOAD_TEST,
        evidence={
            "window_days": days,
            "window_end": subject.as_of.isoformat(),
            "model_shape_from": source_of(model) or "settings",
            "accelerators_per_replica": served.accelerators_per_replica,
            "replicas": served.replicas,
            "replicas_needed": None if served.replicas_needed is None else round(served.replicas_needed, 3),
            "running_at_once": None if served.traffic is None else round(served.traffic.batch, 2),
            "payback_months": None if payback is None else str(payback),
            "technique": technique.name,
            "sources": list(technique.sources),
            "others": [_in_short(one) for one in found if one is not best],
            **terraform.evidence(terraform.counted(machines[0], answer.instances_after + others_in_group(machines))),
            "coverage": round(float((~np.isnan(load)).mean()), 4),
            **load_evidence(load, subject.demand("concurrent")),
            **not_replayed(
                "how fast the changed model answers is published or calculated, and not seen in its history"
            ),
            **machine_price(machines[0]),
            "cost_basis": cost_basis(subject, days),
            "cost_until": subject.costs[-1].day.isoformat(),
        },
        evidence_until=subject.measured_until,
    )


def _ranged(point: Saving, answer: WhatIf) -> Saving:
    """The saving with the range of the instances left; none where both ends leave as many."""
    fewer = answer.instances_before - answer.instances_after

    def at(instances: int) -> Decimal:
        return (point.net * max(answer.instances_before - instances, 0) / fewer).quantize(CENT)

    low, high = at(answer.instances_if_low), at(answer.instances_if_high)
    if low == high:
        why = "none: both ends of what was published leave as many machines"
        return replace(point, p10=None, p50=None, p90=None, range_from=why)
    return replace(point, p10=low, p50=point.net, p90=max(high, point.net), range_from="the range that was published")


def _in_short(one: _Found) -> Mapping[str, Any]:
    answer = one.answer
    factor = answer.factor
    return {
        "technique": answer.technique.name,
        "group": answer.technique.group,
        "why_not": answer.why_not or None,
        "throughput": None if factor is None else [round(part, 2) for part in (factor.low, factor.point, factor.high)],
        "machines_left": answer.instances_after,
        "one_off_cost": str(one.one_off),
    }


def _command(subject: Service, technique: Technique) -> str:
    place = f"account {subject.account or 'unknown'}, region {subject.region or 'unknown'}, model {subject.model}"
    how = _HOW.get(technique.name, "# train it first, on your own data")
    return (
        f"# {' '.join(place.split())}\n"
        "# first on one machine beside the present ones, with your own evaluation; take machines away after it passed\n"
        f"{how}"
    )


KIND = Kind(
    name=NAME,
    subject=Service,
    step=Step.MODEL,
    title="The same model, made quicker",
    needs="the model's shape, its accelerator and its load; requests and tokens make the estimate closer",
    applies=applies,
    evaluate=evaluate,
)
