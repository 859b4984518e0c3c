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


SUBSCRIPTION = "3f5a7c10-2b64-4d8e-9a01-6c1e5b7d2f40"


@pytest.mark.parametrize(
    ("written", "billed", "fits"),
    [
        (SUBSCRIPTION, f"/subscriptions/{SUBSCRIPTION}", True),
        (SUBSCRIPTION.upper(), f"/subscriptions/{SUBSCRIPTION}", True),
        (f"/subscriptions/{SUBSCRIPTION}", SUBSCRIPTION, True),
        ("3f5a*", f"/subscriptions/{SUBSCRIPTION}", True),
        ("2b64*", f"/subscriptions/{SUBSCRIPTION}", False),
        ("111122223333", "111122223333", True),
        ("/subscriptions/*", SUBSCRIPTION, True),
        ("111122223333", None, False),
        ("*", None, True),
    ],
)
def test_a_subscription_is_the_same_with_and_without_its_path(
    make_subject: Make, written: str, billed: str | None, fits: bool
) -> None:
    """People know it by its id, bills name it either way; attribution rules hold them alike."""
    assert is_about(rule(account=written), make_subject(provider="azure", account=billed)) is fits


def test_a_rule_on_all_subscriptions_is_about_no_other_cloud(make_subject: Make) -> None:
    assert not is_about(rule(account="/subscriptions/*"), make_subject(account="111122223333"))


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("arn:aws:ec2:us-east-1:111122223333:instance/i-0a1b2c3d", True),
        ("aws:///us-east-1a/i-0a1b2c3d", True),
        ("I-0A1B*", True),
        ("arn:aws:ec2:us-east-1:111122223333:instance/i-0a1b2c3e", False),
    ],
)
def test_a_machine_may_be_named_as_consoles_write_it(make_subject: Make, written: str, fits: bool) -> None:
    assert is_about(rule(resource_id=written), make_subject()) is fits


@pytest.mark.parametrize("kinds", [["*"], ["spot"]])
def test_what_a_rule_is_about_does_not_depend_on_its_kinds(make_subject: Make, kinds: list[str]) -> None:
    one = rule(kinds=kinds, tags={"env": "audit*"})
    subject = make_subject(tags={"user:Env": "audit-2026"})
    assert is_about(one, subject)
    assert (exclusion_of(subject, "stop_idle", Recommend(exclude=(one,))) is not None) == (kinds == ["*"])
