"""What a machine was used for, where neither rule, tag nor platform says it: controllers and names in the bill.

Assumes     people call what serves a server and what trains a trainer; a machine's fleet does one thing.
Method      For AI machines whose stage nothing decided. First the kind of controller, where the bill was split by
            workload and says it (``aws:eks:workload-type``, Google's ``k8s-workload-type``): the stages of
            ``CONTROLLER_STAGES``, as for controllers that telemetry saw. Then the words in the names of the machine and
            its fleet, and in tags that name things (``_NAMING``): a word, or two in a row, of ``_WORDS``, and no
            other stage beside it.
Cases       A job is training unless a name says that it evaluates, prepares data or infers in batches. Names that say
            two stages say none, but for fine-tuning, which is training, and batch inference, which is inference.
            A controller that a name contradicts says nothing either.
            The machines of the fleet that are tagged come between controller and names (:mod:`analyzer.siblings`);
            whatever telemetry says outranks all of them.
Drawbacks   A machine may be put to other use than its name says. Not used, since each fits several stages: spot and
            capacity blocks (both train and serve), the hours a machine runs (training by the week, serving by day), the
            machine's type, and what is called batch without a word of what the batches are of.

Sources: AWS Billing, split cost allocation data (tags of EKS); Google Cloud, GKE cost allocation (labels).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from sqlalchemy import Connection, text

from aispend.tag_keys import all_said

CONTROLLER_STAGES: Mapping[str, str] = {
    **dict.fromkeys(("deployment", "statefulset", "replicaset", "endpoint", "service"), "inference_online"),
    **dict.fromkeys(("job", "pytorchjob", "mpijob", "rayjob", "training_job"), "training"),
    "notebook": "notebook",
}
"""What a controller's kind says of the stage, where neither label nor platform does."""

CONTROLLER_CONFIDENCE = Decimal("0.6")
NAME_CONFIDENCE = Decimal("0.55")

_JOB_STAGES = ("training", "fine_tuning", "evaluation", "data", "inference_batch")
_KINDS = ("aws:eks:workload-type", "k8s-workload-type")
_NAMING = (
    *("name", "app", "app.kubernetes.io/name", "application", "service", "component", "role", "purpose"),
    *("workload", "job", "function", "task", "queue", "nodepool", "nodegroup", "node-pool", "node-group"),
    *("k8s-node-pool", "scaleset", "aws:autoscaling:groupname", "eks:nodegroup-name", "karpenter.sh/nodepool"),
    *("goog-k8s-node-pool-name", "aws:eks:workload-name", "aws:eks:namespace", "aws:eks:deployment"),
    *("k8s-workload-name", "k8s-namespace", "aws:batch:job-queue", "aws:batch:compute-environment"),
    "parallelcluster:queue-name",
)
"""Keys of tags whose values are names; free text and tags of owners are not."""

_WORDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("train", "training", "trainer", "pretrain", "pretraining", "pre train", "pre training"), "training"
    ),
    **dict.fromkeys(("finetune", "finetuning", "fine tune", "fine tuning", "sft", "rlhf"), "fine_tuning"),
    **dict.fromkeys(("eval", "evals", "evaluation"), "evaluation"),
    **dict.fromkeys(("serve", "serving", "inference", "infer"), "inference_online"),
    **dict.fromkeys(
        (f"{how} {what}" for how in ("batch", "offline") for what in ("inference", "infer", "transform", "scoring")),
        "inference_batch",
    ),
    **dict.fromkeys(("notebook", "notebooks", "jupyter", "jupyterhub", "jupyterlab"), "notebook"),
    **dict.fromkeys(("etl", "preprocessing", "preprocess", "feature engineering", "data prep", "dataprep"), "data"),
}
_NARROWER = {"fine_tuning": "training", "inference_batch": "inference_online"}
"""Stages that are a kind of another: beside it the narrower one holds."""

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Signal:
    """A stage, what said it, and 0 to 1 how sure that is."""

    stage: str
    method: str
    confidence: Decimal

    @property
    def by_controller(self) -> bool:
        """Whether a controller said it, and not a name alone."""
        return self.confidence == CONTROLLER_CONFIDENCE


def stage_of(names: Iterable[str | None], tags: Mapping[str, str]) -> Signal | None:
    """What the names of a machine and its tags say of its stage; None where nothing is sure.

    >>> stage_of(["gpu-serving"], {"team": "training"}).stage
    'inference_online'
    """
    said: dict[str, str] = {}
    for name in (*names, *(value for _, values in all_said(tags, _NAMING) for value in values)):
        for word, stage in _words(name or ""):
            said.setdefault(stage, word)
    for narrower, wider in _NARROWER.items():
        if narrower in said:
            said.pop(wider, None)
    if len(said) > 1:
        return None
    by_name = next(iter(said.items()), None)
    kinds = (_kind(values[0]) for _, values in all_said(tags, _KINDS) if len(values) == 1)
    kind = next((found for found in kinds if found in CONTROLLER_STAGES), None)
    if kind is None:
        return by_name and Signal(by_name[0], f"name: {by_name[1]}", NAME_CONFIDENCE)
    stage = CONTROLLER_STAGES[kind]
    if by_name is not None and by_name[0] != stage:
        if kind != "job" or by_name[0] not in _JOB_STAGES:
            return None
        return Signal(by_name[0], f"controller: {kind}, {by_name[1]}", CONTROLLER_CONFIDENCE)
    return Signal(stage, f"controller: {kind}", CONTROLLER_CONFIDENCE)


def find_stage_signals(connection: Connection) -> None:
    """Ask once for each machine and set of tags in ``charge_now`` without a stage; makes ``stage_signal``."""
    connection.execute(text(_CREATE))
    columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for row in connection.execute(text(_MACHINES)):
        last_names = (re.split(r"[/:]", name)[-1] for name in (row.resource_id, row.resource_name, row.fleet) if name)
        found = stage_of(last_names, {key: str(value) for key, value in (row.tags or {}).items() if value is not None})
        if found is not None:
            values = (row.resource_key, row.tag_set_key, found.stage, found.method, found.confidence)
            for name, value in zip(_COLUMNS, (*values, found.by_controller), strict=True):
                columns[name].append(value)
    connection.execute(text(_FILL), columns)


def take_stage_signals(connection: Connection, *, by_controller: bool) -> None:
    """Fill the stages nothing decided so far, from controllers or from names."""
    connection.execute(text(_TAKE), {"by_controller": by_controller})


def _kind(value: str) -> str:
    """The kind in ``batch/v1-Job`` or ``Job``, lower case."""
    return re.split(r"[/\-]", value.strip().lower())[-1]


def _words(name: str) -> Iterable[tuple[str, str]]:
    """The words, or two in a row, of a name that say a stage, and which."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    for word in (*parts, *(" ".join(pair) for pair in pairwise(parts))):
        if word in _WORDS:
            yield word, _WORDS[word]


_OPEN = "c.route = 'use' AND c.is_ai AND c.resource_key <> 0 AND c.stage_source = 'none'"
_COLUMNS = ("resource_key", "tag_set_key", "stage", "method", "confidence", "by_controller")

_CREATE = """
    CREATE TEMP TABLE stage_signal (
        resource_key bigint, tag_set_key bigint, stage text, method text, confidence numeric, by_controller boolean
    ) ON COMMIT DROP"""

_MACHINES = f"""
    SELECT m.resource_key, m.tag_set_key, r.resource_id, r.resource_name, r.fleet, t.tags
    FROM (SELECT DISTINCT c.resource_key, c.tag_set_key FROM charge_now c WHERE {_OPEN}) AS m
    JOIN resource r USING (resource_key)
    LEFT JOIN tag_set t USING (tag_set_key)"""

_FILL = """
    INSERT INTO stage_signal
    SELECT * FROM unnest(CAST(:resource_key AS bigint[]), CAST(:tag_set_key AS bigint[]), CAST(:stage AS text[]),
                         CAST(:method AS text[]), CAST(:confidence AS numeric[]), CAST(:by_controller AS boolean[]))"""

_TAKE = f"""
    UPDATE charge_now c
    SET stage = s.stage, stage_source = 'signal', stage_method = s.method, stage_confidence = s.confidence
    FROM stage_signal s
    WHERE s.resource_key = c.resource_key AND s.tag_set_key = c.tag_set_key AND s.by_controller = :by_controller
      AND {_OPEN}"""
