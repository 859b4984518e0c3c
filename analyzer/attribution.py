"""Whose a charge is: model, stage and team, each with what decided it and how sure that is.

Assumes     what the bill says of a charge (account, SKU, place, resource, tags) and the user's rules.
Method      Per field, first answer wins: the user's rules (in the order written, those valid on the charge's
            day) → tags and labels → the platform's API type and the SKU itself. What telemetry adds
            (controller kind, workloads, usage) is joined to this answer in :mod:`analyzer.allocate`.
Cases       A tag key fits without case and without the provider's prefix (``user:``, ``resourceTags/user:``,
            ``user_``); its value is trimmed, an empty one says nothing. Where none does, one fits that differs in
            signs alone, as reports in columns write ``user_cost_center`` for ``cost-center``. Where several fit and
            differ, none is believed, and the method says so. A stage tag says nothing unless it names a stage,
            in one of the usual spellings.
Drawbacks   A wrong tag is believed; telemetry that contradicts it lowers the confidence and is noted in the
            method, so that it can be found, but does not overrule it on a resource with one user.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Literal

from aispend.prices.models import canonical_model
from aispend.settings import STAGES, Match, Rule, SharedCost, TagKeys
from aispend.tag_keys import all_said, plain_tag_key, said, tag_values

Source = Literal["rule", "tag", "platform", "none"]

CONFIDENCE: Mapping[Source, Decimal] = {
    "rule": Decimal(1),
    "tag": Decimal("0.9"),
    "platform": Decimal("0.8"),
    "none": Decimal(0),
}
"""How sure an answer is by what gave it; telemetry's are in :mod:`analyzer.allocate`."""

_STAGE_WORDS: Mapping[str, str] = {
    **{stage: stage for stage in STAGES if stage != "unknown"},
    **dict.fromkeys(("etl", "data_prep", "preprocessing", "feature_engineering", "ingest"), "data"),
    **dict.fromkeys(("train", "pretraining", "pre_training", "pretrain"), "training"),
    **dict.fromkeys(("finetune", "finetuning", "fine_tune", "ft", "sft", "rlhf"), "fine_tuning"),
    **dict.fromkeys(("eval", "benchmark", "validation"), "evaluation"),
    **dict.fromkeys(
        ("inference", "serving", "serve", "online", "online_inference", "realtime_inference", "real_time_inference"),
        "inference_online",
    ),
    **dict.fromkeys(("batch", "batch_inference", "batch_transform", "offline_inference"), "inference_batch"),
    **dict.fromkeys(("notebooks", "jupyter", "workbench", "experiment", "exploration"), "notebook"),
}


@dataclass(frozen=True)
class Subject:
    """What a bill says that can tell whose a charge is; equal subjects get equal answers."""

    provider: str
    account: tuple[str, ...] = ()
    """Sub-account id and name, or the billing account's where there is no sub-account."""
    service: str | None = None
    region: str | None = None
    resource_id: str | None = None
    sku: tuple[str, ...] = ()
    """SKU id, meter and description."""
    instance_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    is_ai: bool = False
    model: str | None = None
    stage: str | None = None


@dataclass(frozen=True)
class Answer:
    """One decided field: its value, what gave it, how that is written down, and 0 to 1 how sure."""

    value: str | None
    source: Source
    method: str
    confidence: Decimal


@dataclass(frozen=True)
class Attribution:
    """All that is decided about one subject on one day."""

    model: Answer
    team: Answer
    stage: Answer
    is_ai: bool
    """Of itself; on a resource with other AI spend a charge is AI spend too, unless ``ai_ruled`` says otherwise."""
    ai_ruled: bool | None
    """What a rule of the user says about it."""
    shared: str | None = None
    """Name of the shared cost the user declared it part of."""


_NOBODY = Answer(None, "none", "none", CONFIDENCE["none"])


def stage_named(value: str) -> str | None:
    """The stage a tag value names, in one of the usual spellings; None where it names none."""
    return _STAGE_WORDS.get(re.sub(r"[\s\-.]+", "_", value.strip().lower()))


class Attributor:
    """The user's rules, shared costs and tag keys, prepared to be asked many times."""

    def __init__(self, rules: Sequence[Rule], tag_keys: TagKeys, shared: Sequence[SharedCost] = ()) -> None:
        self._rules = [(rule, _matcher(rule.match)) for rule in rules]
        self._shared = [(source, _matcher(source.match)) for source in shared]
        self._declared: list[Rule | SharedCost] = [*rules, *shared]
        self._tag_keys = tag_keys

    @property
    def reads_resource(self) -> bool:
        """Whether an answer may depend on the resource, and not only on account, SKU, place and tags."""
        return any(one.match.resource_id or one.match.instance_type for one in self._declared)

    def boundaries(self, start: date, end: date) -> list[date]:
        """Days within ``[start, end)`` on which answers may change, ``start`` first."""
        edges = {edge for one in self._declared for edge in (one.valid_from, one.valid_to) if edge}
        return [start, *sorted(edge for edge in edges if start < edge < end)]

    def decide(self, subject: Subject, day: date) -> Attribution:
        """Model, team, stage and whether it is AI spend, for a charge of ``day``."""
        fitting = [rule for rule, fits in self._rules if _valid(rule, day) and fits(subject)]
        by_tag = {name: all_said(subject.tags, keys) for name, keys in self._tag_keys}
        shared = next((source for source, fits in self._shared if _valid(source, day) and fits(subject)), None)
        declared = shared.ai if shared else None
        said_ai = next((rule.assign.ai for rule in fitting if rule.assign.ai is not None), declared)
        model = (
            _by_rule(fitting, lambda rule: rule.assign.model)
            or _by_tag(by_tag["model"], canonical_model)
            or _by_platform(subject.model)
        )
        team = _by_rule(fitting, lambda rule: rule.assign.team) or _by_tag(by_tag["team"], str)
        stage = (
            _by_rule(fitting, lambda rule: rule.assign.stage)
            or _by_tag(by_tag["stage"], stage_named)
            or _by_platform(subject.stage)
        )
        return Attribution(
            model or _nobody(by_tag["model"]),
            team or _nobody(by_tag["team"]),
            stage or _nobody(by_tag["stage"]),
            is_ai=(subject.is_ai or bool(by_tag["model"])) if said_ai is None else said_ai,
            ai_ruled=said_ai,
            shared=shared.name if shared else None,
        )


def _by_rule(rules: Iterable[Rule], chosen: Callable[[Rule], str | None]) -> Answer | None:
    for rule in rules:
        value = chosen(rule)
        if value is not None:
            return Answer(value, "rule", f"rule:{rule.name}", CONFIDENCE["rule"])
    return None


def _by_tag(tags: Iterable[tuple[str, list[str]]], read: Callable[[str], str | None]) -> Answer | None:
    for key, values in tags:
        value = read(values[0]) if len(values) == 1 else None
        if value:
            return Answer(value, "tag", f"tag:{plain_tag_key(key)}", CONFIDENCE["tag"])
    return None


def _nobody(tags: Iterable[tuple[str, list[str]]]) -> Answer:
    """No answer; its method names the first key under which tags say several things, as that is why."""
    for key, values in tags:
        if len(values) > 1:
            return replace(_NOBODY, method=f"none (tag:{plain_tag_key(key)} says {len(values)} things)")
    return _NOBODY


def _by_platform(value: str | None) -> Answer | None:
    return Answer(value, "platform", "platform", CONFIDENCE["platform"]) if value else None


def _valid(rule: Rule | SharedCost, day: date) -> bool:
    return (rule.valid_from is None or rule.valid_from <= day) and (rule.valid_to is None or day < rule.valid_to)


def _matcher(match: Match) -> Callable[[Subject], bool]:
    """A predicate for ``match``: every field given must fit."""
    tests: list[Callable[[Subject], bool]] = []

    def require(glob: str | None, texts: Callable[[Subject], Iterable[str | None]]) -> None:
        if glob is not None:
            fits = re.compile(fnmatch.translate(glob), re.IGNORECASE).fullmatch
            tests.append(lambda subject: any(text is not None and fits(text) for text in texts(subject)))

    require(match.provider, lambda subject: (subject.provider,))
    require(match.account, lambda subject: subject.account)
    require(match.service, lambda subject: (subject.service,))
    require(match.region, lambda subject: (subject.region,))
    require(match.resource_id, lambda subject: (subject.resource_id,))
    require(match.sku, lambda subject: subject.sku)
    require(match.instance_type, lambda subject: (subject.instance_type,))
    for key, glob in match.tags.items():
        require(glob, partial(_said, key))
    return lambda subject: all(test(subject) for test in tests)


def _said(name: str, subject: Subject) -> Iterable[str]:
    """What a rule's glob is held against: either of several values, and an empty one where there is no other."""
    return said(subject.tags, name) or tag_values(subject.tags, name)
