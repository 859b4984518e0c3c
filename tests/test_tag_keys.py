"""Two keys are one however a bill writes them, and what a cloud sets is never a person's."""

from __future__ import annotations

import doctest

import pytest

from aispend import tag_keys
from aispend.tag_keys import is_called, is_part, said, spellings, tag_values
from collectors.tags import first_tag


@pytest.mark.parametrize(
    ("key", "name", "same"),
    [
        ("user:Cost-Center", "cost_center", True),
        ("resource_tags_user_cost_center", "Cost Center", True),
        ("cost-center", "user:cost-center", True),
        ("resourceTags/aws:autoscaling:groupName", "aws:autoscaling:groupname", True),
        ("aws_autoscaling_group_name", "aws:autoscaling:groupname", True),
        ("user_aws_autoscaling_group_name", "aws:autoscaling:groupname", False),
        ("resourceTags/user:aws:autoscaling:groupName", "aws:autoscaling:groupname", False),
        ("keeper", "keep", False),
        ("users", "s", False),
        ("größe", "grosse", False),
        # nothing but signs is compared as it is
        ("--", "__", False),
        ("user:--", "--", True),
    ],
)
def test_when_two_keys_are_one(key: str, name: str, same: bool) -> None:
    assert is_called(key, name) is same


def test_all_spellings_are_read_and_their_values_trimmed() -> None:
    tags = {"user:env": " dr ", "ENV": "prod", "environment": "x"}
    assert tag_values(tags, "env") == ["dr", "prod"]
    assert tag_values(tags, "stage") == []


@pytest.mark.parametrize(
    ("tags", "values"),
    [
        pytest.param({"user_cost_center": "a"}, ["a"], id="a report in columns"),
        pytest.param({"cost_center": "b", "user:Cost-Center": " a "}, ["a"], id="as it is asked for comes first"),
        pytest.param({"cost_center": "b", "Cost-Center": ""}, ["b"], id="an empty value says nothing"),
        pytest.param({"cost_center": "a", "CostCenter": "A"}, ["a"], id="two keys, one value"),
        pytest.param({"cost_center": "a", "CostCenter": "b"}, ["a", "b"], id="two keys that differ"),
        pytest.param({"Cost-Center": "a", "cost-center": "b"}, ["a", "b"], id="in case alone"),
        pytest.param({"center": "a"}, [], id="another"),
    ],
)
def test_what_tags_say_under_a_key(tags: dict[str, str], values: list[str]) -> None:
    assert said(tags, "cost-center") == values


def test_keys_written_as_asked_are_told_from_those_alike() -> None:
    keys = ("user:aws:x", "AWS:X", "aws_x", "x")
    assert spellings(keys, "aws:x") == (("AWS:X",), ("aws_x",))


def test_a_part_of_a_key_is_found_in_either_form() -> None:
    assert is_part("eks:nodegroup-name", "user_eks_nodegroup_name")
    assert not is_part("eks:nodegroup-name", "user:eks:cluster-name")


def test_collectors_read_a_key_of_the_settings_in_either_form() -> None:
    assert first_tag({"Team": " search "}, ("user:Team",)) == "search"
    assert first_tag({"team": "", "owner": "kim"}, ("Team", "OWNER")) == "kim"
    assert first_tag({"team": "search"}, ("owner",)) is None
    assert first_tag({"cost_center": "ml"}, ("cost-center",)) == "ml"
    assert first_tag({"cost_center": "ml", "CostCenter": "ads", "owner": "kim"}, ("cost-center", "owner")) == "kim"


def test_examples_in_docstrings() -> None:
    outcome = doctest.testmod(tag_keys)
    assert outcome.attempted >= 3
    assert outcome.failed == 0
