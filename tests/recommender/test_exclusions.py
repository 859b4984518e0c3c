"""What the settings exclude is left alone as a part of something larger, too."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aispend.advising import Exclusion, Recommend
from aispend.buying import Batch, CanWait
from aispend.settings import Settings
from aispend.store import Store
from recommender import run
from recommender.contract import Advice, Subject, WhyNot
from recommender.kinds.batch import KIND as BATCH
from recommender.kinds.consolidate import KIND as CONSOLIDATE
from recommender.kinds.managed_or_self_host import KIND as BUY
from recommender.kinds.training_waste import KIND as TRAINING_WASTE
from recommender.run import answer
from recommender.subjects.services import Service
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.served import HOURS
from tests.recommender.kinds.test_consolidate import Make, pool, replicas
from tests.recommender.kinds.test_managed_or_self_host import parts, served
from tests.recommender.kinds.test_training_waste import subject as runs_of
from tests.recommender.kinds.test_training_waste import weekly_failures
from tests.recommender.kinds.tokens import tokens_bought


def audited(make_subject: Make) -> Service:
    """Four replicas whose load two would carry, of which the third is audited."""
    four = replicas(make_subject, [3, 3, 3, 3])
    third = replace(four.members[2], machine=replace(four.members[2].machine, tags={"Audit": "2026"}))
    return replace(four, members=(*four.members[:2], third, four.members[3]))


def excluding(**rule: Any) -> Recommend:
    return Recommend(exclude=(Exclusion(why="an audit", **rule),))


@pytest.mark.parametrize("rule", [{"resource_id": "i-2"}, {"tags": {"audit": "*"}}])
def test_a_machine_the_settings_exclude_keeps_its_service_as_it_is(make_subject: Make, rule: dict[str, Any]) -> None:
    subject = audited(make_subject)
    assert isinstance(answer(CONSOLIDATE, subject, Recommend(), AS_OF), Advice)
    found = answer(CONSOLIDATE, subject, excluding(**rule), AS_OF)
    assert isinstance(found, WhyNot)
    assert (found.reason, found.explanation) == ("excluded", "Your settings exclude i-2 of it: an audit")
    others = answer(CONSOLIDATE, subject, excluding(**rule, kinds=("rightsize",)), AS_OF)
    assert isinstance(others, Advice)


def test_a_machine_of_a_pool_is_left_where_it_is(make_subject: Make) -> None:
    subject = pool(make_subject, {"llama": np.full(HOURS, 1.0), "gemma": np.full(HOURS, 1.0)}, memory=1e9)
    assert isinstance(answer(CONSOLIDATE, subject, Recommend(), AS_OF), Advice)
    found = answer(CONSOLIDATE, subject, excluding(resource_id="i-gemma"), AS_OF)
    assert isinstance(found, WhyNot)
    assert found.reason == "excluded"


def test_a_machine_that_is_no_part_of_the_advice_excludes_nothing(make_subject: Make) -> None:
    subject = audited(make_subject)
    assert isinstance(answer(CONSOLIDATE, subject, excluding(resource_id="i-9"), AS_OF), Advice)


PROFILE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/audited"


@pytest.mark.parametrize(("named", "is_kept"), [(PROFILE, True), ("*/audited", True), ("*/other", False)])
def test_what_tokens_are_bought_through_keeps_them_as_they_are(named: str, is_kept: bool) -> None:
    """Tokens of one model and team go through two profiles: one of them is audited, and both would change."""
    subject = tokens_bought(resource_ids=(PROFILE, PROFILE.replace("audited", "chat")))
    free = Recommend(batch=Batch(can_wait=(CanWait(model="*"),)))
    assert isinstance(answer(BATCH, subject, free, AS_OF), Advice)
    found = answer(BATCH, subject, free.model_copy(update={"exclude": excluding(resource_id=named).exclude}), AS_OF)
    assert isinstance(found, WhyNot) is is_kept
    if isinstance(found, WhyNot):
        assert (found.reason, found.explanation) == ("excluded", f"Your settings exclude {PROFILE} of it: an audit")


def test_machines_whose_tokens_would_be_bought_may_be_excluded() -> None:
    subject: Subject = served(parts=parts())
    found = answer(BUY, subject, Recommend(), AS_OF)
    assert isinstance(found, Advice)
    name = min(found.acts_on)
    again = answer(BUY, subject, excluding(resource_id=name), AS_OF)
    assert isinstance(again, WhyNot)
    assert again.reason == "excluded"


@pytest.mark.parametrize(("name", "is_kept"), [("i-1", True), ("i-9", False)])
def test_runs_on_a_machine_the_settings_exclude_stay_as_they_are(name: str, is_kept: bool) -> None:
    """A third of what the runs cost was on i-1, and how they save their work is one setting for all of them."""
    found = answer(TRAINING_WASTE, runs_of(*weekly_failures()), excluding(resource_id=name), AS_OF)
    assert isinstance(found, WhyNot) is is_kept
    if isinstance(found, WhyNot):
        assert (found.reason, found.explanation) == ("excluded", "Your settings exclude i-1 of it: an audit")


@pytest.mark.parametrize(("tags", "reason"), [({"env": "audit"}, "excluded"), ({"env": "other"}, None)])
def test_tokens_of_which_a_part_is_excluded_stay_as_they_are(tags: dict[str, str], reason: str | None) -> None:
    """A tenth of the cost is tagged for an audit, and nobody sends that tenth elsewhere alone."""
    subject = tokens_bought(
        stages={"inference_batch": Decimal(1)},
        tags={"env": "dev"},
        tagged=[({"env": "dev"}, Decimal(9)), (tags, Decimal(1))],
    )
    found = answer(BATCH, subject, excluding(tags={"env": "audit"}), AS_OF)
    assert (found.reason if isinstance(found, WhyNot) else None) == reason


def test_what_may_not_be_committed_to_is_left_out_of_the_usage(
    database: Store, store_settings: Settings, make_subject: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """i-1 by its tag, for all kinds; i-2 for commitments alone, and i-3 for another kind."""
    rules = (
        Exclusion(why="leaves in May", tags={"env": "old"}),
        Exclusion(why="a pilot", resource_id="i-2", kinds=("commit",)),
        Exclusion(why="as it is", resource_id="i-3", kinds=("rightsize",)),
    )
    machines = [
        make_subject(resource_id=f"i-{number}", tags={"env": "old"} if number == 1 else {}) for number in (1, 2, 3)
    ]
    asked: list[set[tuple[str, str]]] = []
    monkeypatch.setattr(run, "KINDS", ())
    monkeypatch.setattr(run, "evidence_end", lambda _: AS_OF)
    monkeypatch.setattr(run, "load_subjects", lambda *_: iter(machines))
    monkeypatch.setattr(run, "load_usage", lambda *given: asked.append(given[-1]) or iter(()))
    settings = store_settings.model_copy(update={"recommend": Recommend(exclude=rules)})
    run.recommend(database.engine, settings, lambda: AS_OF)
    assert asked == [{("aws", "i-1"), ("aws", "i-2")}]
