"""What is new in a service: a deployment is, and a machine that joins others of its generation is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.guards import refusal, refusal_of_service
from recommender.subjects.machine_life import Life
from recommender.subjects.machines import Machine
from recommender.subjects.services import Service
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.services import HOURS, member, service

SETTINGS = Recommend()
Make = Callable[..., Machine]


def launched(days: float, **details: Any) -> Life:
    at = AS_OF - timedelta(days=days)
    return Life(deployed_at=at, launched_at=at, details=details)


def changed(days: float, launched_days: float = 90) -> Life:
    at: datetime = AS_OF - timedelta(days=days)
    return Life(deployed_at=at, launched_at=AS_OF - timedelta(days=launched_days))


def fleet(make_subject: Make, *machines: dict[str, Any]) -> Service:
    """A service of machines that serve alike, by name ``i-0``, ``i-1`` …"""
    return service(
        make_subject,
        [
            member(make_subject(resource_key=number, resource_id=f"i-{number}", **given), np.full(HOURS, 0.5))
            for number, given in enumerate(machines)
        ],
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        # launched yesterday beside one of ninety days: the autoscaler did it
        ({"life": launched(90)}, {"life": launched(1.5)}, None),
        # billed since today alone, and no listing names either: the same
        ({}, {"first_seen": AS_OF.date()}, None),
        ({"life": launched(90, image="ami-1")}, {"life": launched(2, image="ami-1")}, None),
        # another image, another type, another version of the launch template: deployed
        ({"life": launched(90, image="ami-1")}, {"life": launched(2, image="ami-2")}, "too_new"),
        (
            {"life": launched(90, image="ami-1", launch_template="lt-0a:7")},
            {"life": launched(2, image="ami-1", launch_template="lt-0a:8")},
            "too_new",
        ),
        ({"life": launched(90)}, {"life": launched(2), "instance_type": "p4de.24xlarge"}, "too_new"),
        (
            {"life": launched(90), "tags": {"aws:ec2launchtemplate:version": "7"}},
            {"life": launched(2), "tags": {"aws:ec2launchtemplate:version": "8"}},
            "too_new",
        ),
        # a type nobody knows is not known to be the same
        ({"life": launched(90), "instance_type": None}, {"life": launched(2), "instance_type": None}, "too_new"),
        # what it runs was changed on the machine itself
        ({"life": launched(90)}, {"life": changed(2)}, "too_new"),
        # the first machines of the service, seven days or less ago
        ({"life": launched(3)}, {"life": launched(2)}, "too_new"),
        ({"life": launched(7)}, {"life": launched(2)}, None),
        # what a tag asks for holds for every one of them
        ({"life": launched(90)}, {"life": launched(2), "tags": {"keep": "yes"}}, "excluded"),
    ],
)
def test_a_scale_out_is_no_deployment(
    make_subject: Make, old: dict[str, Any], new: dict[str, Any], reason: str | None
) -> None:
    found = refusal_of_service(fleet(make_subject, old, new), SETTINGS)
    assert (found and found[0]) == reason
    if found:
        assert found[1].startswith("Of i-")


def test_a_machine_that_has_ended_shows_since_when_its_generation_runs(make_subject: Make) -> None:
    """An autoscaler that replaces every machine each week has none of seven days, and deployed nothing."""
    both = fleet(make_subject, {"life": launched(30)}, {"life": launched(2)})
    ended, young = both.members
    gone = replace(ended, machine=replace(ended.machine, costs=ended.machine.costs[:-5]))
    assert refusal_of_service(replace(both, members=(gone, young)), SETTINGS) is None
    assert (refusal(young.machine, SETTINGS) or ("",))[0] == "too_new"
    alone = refusal_of_service(replace(both, members=(young,)), SETTINGS)
    assert alone is not None
    assert alone[0] == "too_new"
