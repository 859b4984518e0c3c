"""What every kind of recommendation promises: inherit, and give it subjects with advice and without telemetry."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, Answer, Kind, Subject, WhyNot
from recommender.guards import hard_to_regain, preconditions
from recommender.registry import KINDS
from recommender.subjects.machine_life import Life
from recommender.subjects.machines import Machine
from recommender.subjects.services import Pool, Service
from reports.evidence import replay_sentence
from tests.recommender.conftest import AS_OF

SETTINGS = Recommend()
LOAD = ("load_p50", "load_p95", "load_p99_5", "load_max", "concurrent_max")
REPLAYED = dict.fromkeys(("hours", "violation_minutes", "violation_bound", "worst_overload", "saving"))
TRIED = dict.fromkeys(("wrong", "of", "wrong_where", "violation_bound"))
USED = dict.fromkeys(("hours", "effective_savings_rate", "hours_not_fully_used"))
EFFORTS = ("very_low", "low", "medium", "high", "very_high")


class KindContract:
    """Subclass as ``Test…`` with ``kind``; fixtures ``advised`` (gives advice), ``blind`` (lacks what it needs)."""

    kind: Kind[Any]

    @pytest.fixture
    def advised(self) -> Subject:
        raise NotImplementedError

    @pytest.fixture
    def blind(self) -> Subject:
        raise NotImplementedError

    def ask(self, subject: Subject) -> Answer:
        return self.kind.evaluate(subject, SETTINGS)

    def advice(self, subject: Subject) -> Advice:
        answer = self.ask(subject)
        assert isinstance(answer, Advice), answer
        return answer

    def test_it_is_registered_under_its_name(self) -> None:
        assert [kind for kind in KINDS if kind.name == self.kind.name] == [self.kind]
        assert self.kind.title
        assert self.kind.needs

    def test_it_looks_only_at_what_it_says(self, advised: Subject, blind: Subject) -> None:
        for subject in (advised, blind):
            assert isinstance(subject, self.kind.subject)
        assert self.kind.applies(advised)

    def test_missing_data_is_a_reason_and_never_advice(self, blind: Subject) -> None:
        answer = self.ask(blind)
        assert isinstance(answer, WhyNot)
        assert answer.kind == self.kind.name
        assert answer.reason.replace("_", "").isalpha()
        assert answer.explanation.endswith(".")

    def test_the_same_question_has_the_same_answer(self, advised: Subject) -> None:
        assert self.ask(advised) == self.ask(advised)

    def test_a_saving_never_exceeds_the_cost_it_acts_on(self, advised: Subject) -> None:
        found = self.advice(advised)
        assert 0 <= found.saving.net <= found.saving.effective <= found.monthly_cost
        assert sum(found.acts_on.values(), Decimal(0)) in (0, found.monthly_cost) or found.acts_on == {}
        if found.saving.p10 is not None:
            assert found.saving.p50 is not None
            assert found.saving.p90 is not None
            assert found.saving.p10 <= found.saving.p50 <= found.saving.p90

    def test_it_can_be_argued_with(self, advised: Subject) -> None:
        """Evidence with its window, a reason, how to undo it, a text to act on, and scales everybody knows."""
        found = self.advice(advised)
        assert found.kind == self.kind.name
        assert {"window_days", "window_hours", "window_end"} & found.evidence.keys()
        assert found.reason.endswith(".")
        assert found.undo
        assert found.command
        assert found.risk in range(5)
        assert found.effort in EFFORTS
        assert found.one_off_cost >= 0
        assert "\n" not in found.target
        for key, value in found.evidence.items():
            assert _plain(value), f"{key}: {value!r} is no plain JSON"

    @pytest.mark.parametrize("name", ["account", "region", "model", "team", "resource_id"])
    def test_a_name_with_a_line_of_its_own_runs_nothing(self, advised: Subject, name: str) -> None:
        """Names come from bills, tags and files of others; what stands in a comment ends with its line."""
        given = getattr(advised, name)
        answer = self.ask(replace(advised, **{name: f"{given}\nrm -rf ~ #"})) if given else None
        if isinstance(answer, Advice):
            words = shlex.split(answer.command, comments=True)
            assert "rm" not in words
            assert not [line for line in str(answer.evidence.get("terraform", "")).splitlines() if line[:2] == "rm"]

    @pytest.mark.parametrize("name", ["account", "region", "model", "team"])
    def test_what_is_not_known_is_not_called_none(self, advised: Subject, blind: Subject, name: str) -> None:
        """Bills leave each of them out at times; tokens and runs are a model's."""
        for subject in (advised, blind):
            is_of_machines = isinstance(subject, (Machine, Service, Pool))
            if name == "model" and not is_of_machines:
                continue
            nameless = replace(subject, **{name: None})
            nameless = with_a_machine(nameless, {name: None}) if is_of_machines else nameless
            answer = self.ask(nameless) if self.kind.applies(nameless) else None
            told = [getattr(answer, field, "") for field in ("current", "proposed", "reason", "explanation", "undo")]
            assert not [text for text in told if re.search(r"\bNone\b", text)]

    def test_it_says_what_was_measured_how_it_was_tried_and_what_the_money_rests_on(self, advised: Subject) -> None:
        """Each of the three, or the reason why there is none: never silently blank."""
        found = self.advice(advised)
        assert gaps(found) == []
        if because := found.evidence.get("replay_none_because"):
            assert replay_sentence(found.evidence) == f"None, because {because}."

    def test_a_machine_s_price_has_its_day_and_source(self, advised: Subject) -> None:
        """A list price that nobody knows is empty, and then the bill's is meant."""
        if isinstance(advised, (Machine, Service)):
            evidence = self.advice(advised).evidence
            assert {"current_price", "price_currency"} <= evidence.keys()
            assert (evidence["current_price"] is None) == evidence["price_source"].startswith("as billed")

    def test_what_commitments_cover_saves_nothing_today(self, advised: Subject) -> None:
        """With every hour covered, the net saving is nothing, and so are its bounds."""
        covered = [replace(cost, uncovered_effective_cost=Decimal(0)) for cost in advised.costs]
        answer = self.ask(self.with_costs(advised, covered))
        if isinstance(answer, Advice):
            assert answer.saving.net == 0
            assert not answer.saving.p90
            if isinstance(advised, (Machine, Service, Pool)):
                assert "ommitments cover it" in answer.reason

    def test_what_may_not_come_back_and_what_is_lost_stand_in_the_advice(self, advised: Subject) -> None:
        """Scarce accelerators, and disks inside the host: of every machine that the advice may end."""
        if isinstance(advised, (Machine, Service, Pool)):
            found, machines = self.advice(advised), machines_of(advised)
            assert found.hard_to_regain == any(hard_to_regain(one) for one in machines)
            assert all(line in found.command for line in preconditions(machines[0]).splitlines())

    @pytest.mark.parametrize(
        "given",
        [
            {"tags": {"Keep": "disaster-recovery"}},
            {"tags": {"role": "dr"}},
            {"life": Life(deployed_at=AS_OF - timedelta(days=2))},
            {"life": Life(details={"lifecycle": "capacity-block"})},
        ],
        ids=["kept", "standby", "new", "block"],
    )
    def test_a_machine_that_must_stay_is_left_alone(self, advised: Subject, given: Mapping[str, Any]) -> None:
        """Kept by a tag, a standby, deployed two days ago, paid in advance: where one of its machines is, no advice."""
        if isinstance(advised, (Machine, Service, Pool)):
            answer = self.ask(with_a_machine(advised, given))
            assert isinstance(answer, WhyNot), answer
            assert answer.reason in {"excluded", "standby", "too_new", "prepaid", "nothing_to_share"}

    def with_costs(self, subject: Subject, costs: Sequence[Any]) -> Subject:
        """The same subject at other costs; override where its parts have costs of their own."""
        return replace(subject, costs=costs)


def gaps(found: Advice) -> list[str]:
    """What of its proof is missing without a word why; ``conftest.py`` asks it of every advice of these tests."""
    missing, evidence = [], found.evidence
    for name in ("coverage", "replay"):
        because = evidence.get(f"{name}_none_because")
        if (evidence.get(name) is None) != (because is not None) or (because and len(because.split()) < 4):
            missing.append(name)
    if "coverage" in evidence and not 0 < evidence["coverage"] <= 1:
        missing.append("coverage is no share")
    if "coverage" in evidence and isinstance(found.subject, (Machine, Service, Pool)):
        is_endpoint = evidence.get("state") == "not called"
        missing += [name for name in LOAD if name not in evidence and not is_endpoint]
    replay = evidence.get("replay", {"tried": 1, **TRIED})
    needed = TRIED if "tried" in replay else USED if "utilisation" in replay else REPLAYED
    missing += [f"replay.{name}" for name in needed if name not in replay]
    if not replay.get("tried", replay.get("hours")):
        missing.append("replay of nothing")
    if not evidence.get("price_source"):
        missing.append("price_source")
    if "price_date" in evidence:
        date.fromisoformat(evidence["price_date"])
    elif not evidence.get("price_date_none_because") or evidence["price_source"].startswith("as billed"):
        missing.append("price_date")
    return missing


def machines_of(subject: Machine | Service | Pool) -> list[Machine]:
    """The machines it consists of that run."""
    if isinstance(subject, Machine):
        return [subject]
    services = subject.services if isinstance(subject, Pool) else (subject,)
    return [one.machine for service in services for one in service.current]


def with_a_machine(subject: Subject, given: Mapping[str, Any]) -> Subject:
    """The same with one of its machines changed: the last of those that run."""
    if isinstance(subject, Machine):
        return replace(subject, **given)
    if isinstance(subject, Pool):
        *others, last = subject.services
        return replace(subject, services=(*others, with_a_machine(last, given)))
    assert isinstance(subject, Service)
    last_one = subject.current[-1]
    changed = replace(last_one, machine=replace(last_one.machine, **given))
    return replace(subject, members=tuple(changed if one is last_one else one for one in subject.members))


def _plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _plain(part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return all(_plain(part) for part in value)
    return value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and value == value)
