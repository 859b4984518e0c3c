"""A rule that keeps advice away from nothing there is is told: its name may be misspelt, and nobody would notice."""

from __future__ import annotations

import pytest

from aispend.advising import Exclusion, Recommend
from aispend.cli.analysis import unmet_rules
from aispend.clock import Clock
from aispend.settings import Settings
from aispend.store import Store
from recommender.guards import exclusion_of, is_about
from recommender.run import recommend
from tests.recommender.kinds.served import Make
from tests.recommender.test_run import fleet

__all__ = ["fleet"]


def rule(**given: object) -> Exclusion:
    return Exclusion.model_validate({"why": "an audit", **given})


def test_of_three_rules_the_two_that_nothing_fits_are_told(
    fleet: Store, store_settings: Settings, clock: Clock
) -> None:
    """Of i-idle, i-covered and i-dark the second rule names one; no team is ``reserch``, and no machine has both."""
    rules = (
        rule(team="reserch"),
        rule(resource_id="I-DARK", kinds=["rightsize"]),
        rule(resource_id="i-idle", region="mars"),
    )
    settings = store_settings.model_copy(update={"recommend": Recommend(exclude=rules)})
    report = recommend(fleet.engine, settings, clock)

    assert report.unmet == (0, 2)
    assert list(unmet_rules(report.unmet, rules)) == [
        'recommend.exclude.0 keeps no advice away: nothing that was looked at has team = "reserch".',
        'recommend.exclude.2 keeps no advice away: nothing that was looked at has region = "mars", '
        'resource_id = "i-idle".',
    ]


def test_without_rules_nothing_is_told(fleet: Store, store_settings: Settings, clock: Clock) -> None:
    assert recommend(fleet.engine, store_settings, clock).unmet == ()


@pytest.mark.parametrize("kinds", [["*"], ["spot"]])
def test_what_a_rule_is_about_does_not_depend_on_its_kinds(make_subject: Make, kinds: list[str]) -> None:
    one = rule(kinds=kinds, tags={"env": "audit*"})
    subject = make_subject(tags={"user:Env": "audit-2026"})
    assert is_about(one, subject)
    assert (exclusion_of(subject, "stop_idle", Recommend(exclude=(one,))) is not None) == (kinds == ["*"])
