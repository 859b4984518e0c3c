"""A tag means the same whoever wrote it: bills of AWS put ``user:`` or ``user_`` before what a person called it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aispend.advising import Exclusion, Recommend
from recommender.contract import Advice, WhyNot
from recommender.guards import refusal
from recommender.kinds import batch, stop_idle
from recommender.kinds.slices import is_shared
from recommender.kinds.weeks import zone_of
from recommender.owners import auto_scaling_group, owner_of
from recommender.run import answer
from recommender.subjects.machines import Machine
from tests.recommender.conftest import AS_OF, history
from tests.recommender.kinds.services import member, service
from tests.recommender.kinds.tokens import tokens_bought

SETTINGS = Recommend()
Make = Callable[..., Machine]

written = pytest.mark.parametrize("before", ["", "user:", "user_", "resourceTags/user:", "USER:"])


@written
def test_a_keep_tag_keeps_it(make_subject: Make, before: str) -> None:
    found = answer(stop_idle.KIND, make_subject(tags={f"{before}keep": "true"}), SETTINGS, AS_OF)
    assert isinstance(found, WhyNot)
    assert (found.reason, found.explanation) == ("excluded", f"Tag {before}keep asks to keep it.")


@pytest.mark.parametrize("key", ["user_do_not_stop", "user:Do-Not-Stop", "do_not_stop"])
def test_a_report_writes_a_dash_as_an_underscore(make_subject: Make, key: str) -> None:
    assert (refusal(make_subject(tags={key: ""}), SETTINGS) or ("",))[0] == "excluded"


def test_a_keep_tag_of_the_settings_may_be_written_either_way(make_subject: Make) -> None:
    settings = Recommend.model_validate({"idle": {"keep_tags": ["user:Hands-Off"]}})
    assert (refusal(make_subject(tags={"user_hands_off": "1"}), settings) or ("",))[0] == "excluded"
    assert refusal(make_subject(tags={"user_hands": "1"}), settings) is None


@written
@pytest.mark.parametrize(("key", "value"), [("env", "DR "), ("role", "warm-standby")])
def test_a_standby_stands_by(make_subject: Make, before: str, key: str, value: str) -> None:
    assert (refusal(make_subject(tags={before + key: value}), SETTINGS) or ("",))[0] == "standby"


@written
@pytest.mark.parametrize("rule", ["env", "user:env", "Env"])
def test_a_rule_excludes_by_tag(make_subject: Make, before: str, rule: str) -> None:
    settings = Recommend(exclude=(Exclusion(tags={rule: "audit*"}, why="an audit"),))
    found = answer(stop_idle.KIND, make_subject(tags={f"{before}env": "audit-1"}), settings, AS_OF)
    assert isinstance(found, WhyNot)
    assert (found.reason, found.explanation) == ("excluded", "Your settings exclude it: an audit")
    assert isinstance(answer(stop_idle.KIND, make_subject(tags={f"{before}env": "x"}), settings, AS_OF), Advice)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_spellings_either_keeps_it(make_subject: Make, order: int) -> None:
    """One says it, the other says something else: what somebody decided counts, whichever comes first."""
    tags = dict([("user:env", "audit-1"), ("env", "prod")][::order])
    settings = Recommend(exclude=(Exclusion(tags={"env": "audit*"}, why="an audit"),))
    assert isinstance(answer(stop_idle.KIND, make_subject(tags=tags), settings, AS_OF), WhyNot)


@written
def test_a_tag_says_that_work_may_wait(before: str) -> None:
    assert isinstance(batch.evaluate(tokens_bought(tags={f"{before}deferrable": "true"}), SETTINGS), Advice)


def test_two_spellings_that_differ_say_nothing_of_waiting() -> None:
    both = tokens_bought(tags={"user:deferrable": "true", "deferrable": "no"})
    assert isinstance(batch.evaluate(both, SETTINGS), WhyNot)


@written
@pytest.mark.parametrize(("value", "is_idle"), [("Dev", True), ("prod", False)])
def test_development_is_idle_after_a_day(make_subject: Make, before: str, value: str, is_idle: bool) -> None:
    """Busy until thirty hours ago: a day is enough for development, and not for anything else."""
    activity = np.zeros((8, 14 * 288))
    activity[:, : -30 * 12] = 0.9
    machine = make_subject(accelerators=history(activity), tags={f"{before}env": value})
    assert isinstance(stop_idle.evaluate(machine, SETTINGS), Advice) is is_idle


def test_of_two_spellings_both_have_to_say_development(make_subject: Make) -> None:
    activity = np.zeros((8, 14 * 288))
    activity[:, : -30 * 12] = 0.9
    machine = make_subject(accelerators=history(activity), tags={"user:env": "dev", "env": "prod"})
    assert isinstance(stop_idle.evaluate(machine, SETTINGS), WhyNot)


@written
def test_a_service_follows_the_clock_its_tag_names(make_subject: Make, before: str) -> None:
    machine = make_subject(tags={f"{before}site": "berlin"})
    local = [{"timezone": "Europe/Berlin", "tags": {"Site": "b*"}}]
    options = Recommend.model_validate({"schedule": {"local": local}}).schedule
    subject = service(make_subject, [member(machine, None)], tags=machine.tags)
    assert zone_of(subject, options) == "Europe/Berlin"


OWNED: list[tuple[dict[str, str], str, str]] = [
    ({"{}karpenter.sh/nodepool": "p"}, "karpenter", "p"),
    ({"{}eks:nodegroup-name": "n", "{}eks:cluster-name": "c"}, "eks_node_group", "c/n"),
]


@written
@pytest.mark.parametrize(("tags", "kind", "name"), OWNED)
def test_an_owner_starts_another(make_subject: Make, before: str, tags: dict[str, str], kind: str, name: str) -> None:
    machine = make_subject(tags={key.format(before): value for key, value in tags.items()})
    owner = owner_of(machine)
    assert owner is not None
    assert (owner.kind, owner.name) == (kind, name)
    assert is_shared(machine)
    found = stop_idle.evaluate(machine, SETTINGS)
    assert isinstance(found, Advice)
    assert "stop-instances" not in found.command


@pytest.mark.parametrize(
    ("tags", "kind", "name"),
    [
        ({"user_karpenter_sh_nodepool": "p"}, "karpenter", "p"),
        ({"user_eks_nodegroup_name": "n", "aws_eks_cluster_name": "c"}, "eks_node_group", "c/n"),
        ({"aws_autoscaling_group_name": "g"}, "auto_scaling_group", "g"),
    ],
)
def test_an_owner_as_a_report_of_columns_writes_it(
    make_subject: Make, tags: dict[str, str], kind: str, name: str
) -> None:
    """AWS writes every other sign of a key as ``_`` there: ``aws:autoscaling:groupName`` comes with a word more."""
    owner = owner_of(make_subject(tags=tags))
    assert owner is not None
    assert (owner.kind, owner.name) == (kind, name)


def test_the_group_in_a_command_is_that_of_the_tag_however_it_is_written(make_subject: Make) -> None:
    assert auto_scaling_group(make_subject(tags={"aws_autoscaling_group_name": "g"})) == "g"
    assert auto_scaling_group(make_subject(tags={"aws:autoscaling:groupName": ""})) is None


@pytest.mark.parametrize("key", ["user:aws_autoscaling_group_name", "user_aws_autoscaling_group_name", "user:aws:keep"])
def test_what_a_person_calls_so_is_no_tag_of_the_cloud(make_subject: Make, key: str) -> None:
    """Only a cloud sets what begins with ``aws:``, and that it keeps something is no wish of a person."""
    machine = make_subject(tags={key: "g"})
    assert owner_of(machine) is None
    assert refusal(machine, SETTINGS) is None


def test_labels_of_other_clouds_keep_their_paths(make_subject: Make) -> None:
    """Google writes a label below a path of its own; a label that only ends alike is another."""
    google: dict[str, Any] = {"provider": "gcp", "resource_id": "projects/p/zones/z/instances/n"}
    owner = owner_of(make_subject(**google, tags={"compute.googleapis.com/goog-k8s-cluster-name": "c"}))
    assert owner is not None
    assert owner.name == "c"
    assert owner_of(make_subject(**google, tags={"my-goog-k8s-cluster-name": "c"})) is None
    azure = make_subject(provider="azure", tags={"aks-managed-poolName": "a", "hidden-keep": "x", "userkeep": "x"})
    assert refusal(azure, SETTINGS) is None
    assert is_shared(azure)
