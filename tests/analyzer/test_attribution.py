"""Whose a charge is, from the bill and the user's rules alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aispend.settings import Rule, TagKeys
from aispend.tag_keys import plain_tag_key
from analyzer.attribution import Attributor, Subject, stage_named
from tests.analyzer.conftest import Ledger

DAY = date(2026, 10, 5)


def rule(name: str, match: dict[str, Any], decided: dict[str, Any], **dates: date) -> Rule:
    return Rule.model_validate({"name": name, "match": match, "set": decided, **dates})


def attributor(*rules: Rule) -> Attributor:
    return Attributor(rules, TagKeys())


SUBJECT = Subject(
    provider="aws",
    account=("123", "ml-prod"),
    service="AmazonEC2",
    region="us-east-1",
    resource_id="i-1",
    sku=("SKU1", "BoxUsage:p5.48xlarge"),
    instance_type="p5.48xlarge",
    tags={"user:Team": " Search ", "ML-Stage": "Fine-Tuning", "model": "Acme Bot"},
    is_ai=True,
    stage="training",
)


def test_tags_name_model_team_and_stage_without_case_prefix_or_blanks() -> None:
    decided = attributor().decide(SUBJECT, DAY)
    assert (decided.team.value, decided.team.method, decided.team.source) == ("Search", "tag:team", "tag")
    assert (decided.stage.value, decided.stage.method) == ("fine_tuning", "tag:ml-stage")
    assert decided.model.value == "acme-bot"
    assert decided.model.confidence == Decimal("0.9")


def test_rules_come_first_and_the_first_that_fits_decides_each_field() -> None:
    decided = attributor(
        rule("elsewhere", {"region": "eu-*"}, {"team": "europe"}),
        rule("fleet", {"instance_type": "P5.*", "account": "ml-*"}, {"team": "platform"}),
        rule("all", {"provider": "aws"}, {"team": "nobody", "stage": "evaluation"}),
    ).decide(SUBJECT, DAY)
    assert (decided.team.value, decided.team.method, decided.team.confidence) == ("platform", "rule:fleet", 1)
    assert decided.stage.method == "rule:all"
    assert decided.model.method == "tag:model"


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"provider": "gcp"}, False),
        ({"service": "amazonec2"}, True),
        ({"sku": "*p5*"}, True),
        ({"resource_id": "i-2"}, False),
        ({"account": "123"}, True),
        ({"tags": {"team": "sea*"}}, True),
        ({"tags": {"team": "ads"}}, False),
        ({"tags": {"cost-center": "*"}}, False),
        ({"provider": "aws", "region": "us-west-2"}, False),
        ({}, True),
    ],
)
def test_every_field_of_a_rule_must_fit(match: dict[str, Any], fits: bool) -> None:
    decided = attributor(rule("r", match, {"team": "x"})).decide(SUBJECT, DAY)
    assert (decided.team.method == "rule:r") is fits


def test_a_rule_holds_from_its_first_day_up_to_but_not_on_its_last() -> None:
    asked = attributor(
        rule("q4", {}, {"team": "x"}, valid_from=date(2026, 10, 5), valid_to=date(2026, 10, 9)),
    )
    methods = [asked.decide(SUBJECT, date(2026, 10, day)).team.method for day in (4, 5, 8, 9)]
    assert methods == ["tag:team", "rule:q4", "rule:q4", "tag:team"]
    assert asked.boundaries(date(2026, 10, 1), date(2026, 11, 1)) == [
        date(2026, 10, 1),
        date(2026, 10, 5),
        date(2026, 10, 9),
    ]
    assert asked.boundaries(date(2026, 10, 6), date(2026, 10, 8)) == [date(2026, 10, 6)]


def test_a_rule_may_say_what_is_ai_spend() -> None:
    not_ai = rule("no", {"service": "AmazonEC2"}, {"ai": False})
    assert not attributor(not_ai).decide(SUBJECT, DAY).is_ai
    assert attributor().decide(SUBJECT, DAY).is_ai


def test_without_tags_the_platform_and_the_sku_decide_and_nothing_decides_the_rest() -> None:
    decided = attributor().decide(Subject("aws", model="claude", stage="inference_online"), DAY)
    assert (decided.model.value, decided.model.method) == ("claude", "platform")
    assert (decided.stage.value, decided.stage.confidence) == ("inference_online", Decimal("0.8"))
    assert (decided.team.value, decided.team.method, decided.team.confidence) == (None, "none", 0)


def test_a_tag_that_says_nothing_leaves_the_field_open() -> None:
    subject = Subject("aws", tags={"stage": "prod", "team": "  ", "owner": "ads"}, stage="training")
    decided = attributor().decide(subject, DAY)
    assert decided.stage.method == "platform"
    assert decided.team.method == "tag:owner"


def test_keys_that_differ_in_signs_are_one_unless_they_say_two_things() -> None:
    asked = Attributor((), TagKeys(team=("cost-center", "owner")))

    def team(**tags: str) -> tuple[str | None, str, str]:
        answer = asked.decide(Subject("aws", tags=tags), DAY).team
        return answer.value, answer.source, answer.method

    assert team(user_cost_center="ml") == ("ml", "tag", "tag:cost-center")
    assert team(user_cost_center="ml", CostCenter="ML") == ("ml", "tag", "tag:cost-center")
    assert team(cost_center="ml", CostCenter="ads", owner="kim") == ("kim", "tag", "tag:owner")
    assert team(cost_center="ml", CostCenter="ads") == (None, "none", "none (tag:cost-center says 2 things)")
    assert team(**{"cost-center": "web", "cost_center": "ml", "CostCenter": "ads"}) == ("web", "tag", "tag:cost-center")


def test_a_rule_fits_a_key_in_whatever_form() -> None:
    asked = attributor(rule("r", {"tags": {"cost-center": "ml"}}, {"team": "x"}))

    def fits(**tags: str) -> bool:
        return asked.decide(Subject("aws", tags=tags), DAY).team.method == "rule:r"

    assert fits(user_cost_center="ml")
    assert fits(**{"cost-center": "", "cost_center": "ml"})
    assert not fits(**{"cost-center": "web", "cost_center": "ml"})


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        ("user:Team", "team"),
        ("resourceTags/user:Team", "team"),
        ("resource_tags_user_team", "team"),
        ("user_team", "team"),
        (" org", "org"),
        ("users", "users"),
        ("aws:autoscaling:groupName", "aws:autoscaling:groupname"),
    ],
)
def test_prefixes_of_tag_keys(key: str, plain: str) -> None:
    assert plain_tag_key(key) == plain


@pytest.mark.parametrize(
    ("value", "stage"),
    [
        ("Training", "training"),
        ("batch inference", "inference_batch"),
        ("ONLINE", "inference_online"),
        ("fine-tune", "fine_tuning"),
        ("ETL", "data"),
        ("unknown", None),
        ("production", None),
    ],
)
def test_stages_in_their_usual_spellings(value: str, stage: str | None) -> None:
    assert stage_named(value) == stage


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4), st.booleans())
def test_whatever_the_tags_an_answer_has_a_value_exactly_when_something_decided_it(
    tags: dict[str, str], is_ai: bool
) -> None:
    decided = attributor().decide(Subject("aws", tags=tags, is_ai=is_ai), DAY)
    for answer in (decided.model, decided.team, decided.stage):
        assert (answer.value is None) == (answer.method == "none") == (answer.confidence == 0)
    assert decided.is_ai == is_ai


def test_a_share_says_which_tags_contradict_each_other(ledger: Ledger) -> None:
    ledger.charge("2026-10-05", "7", tags={"model": "chat", "business_unit": "ml", "BusinessUnit": "ads"})
    ledger.attribute()
    assert ledger.shares("team", "method") == {
        (None, "model=tag:model; team=none (tag:business-unit says 2 things)"): Decimal(7)
    }
