"""Work is labelled, delivered and judged as it has to be: answers made by hand, files as a customer writes them."""

from __future__ import annotations

import csv
import json
import pickle
import tomllib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from aispend.settings import load_settings
from benchmarks.advice_judge import Said, score
from benchmarks.labelled_work import BY_NAME, CLASSES, KINDS, NOT_JUDGED, LabelledWork, draw
from benchmarks.work_files import PAYER, deliver
from benchmarks.work_judge import RULES, Told, judge_unit, judge_work, pays, table
from benchmarks.work_parts import DAYS, HOURS, Unit, every_hour, machine
from recommender.registry import KINDS as ALL_KINDS

ACCOUNT = "770000000100"


@pytest.fixture(scope="module")
def work() -> LabelledWork:
    return draw(3, 2)


def unit(label: str, **more: object) -> Unit:
    return Unit(ACCOUNT, label, "us-west-2", "search").also(**more)


def said(kind: str, **more: object) -> Told:
    values = {"model": None, "gate": None, "estimate": False, "command": "", "covers": None} | more
    return Told(Said(kind, "target", Decimal(100)), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("label", "advice", "wanted", "right"),
    [
        ("answers by the morning", said("batch"), True, True),
        ("answers by the morning", said("batch", gate="first"), True, True),
        ("answers by the morning", said("batch", estimate=True), True, None),
        ("answers by the morning", said("route"), True, None),
        ("a person waits", said("batch"), False, False),
        ("training of which nobody knows", said("spot"), False, False),
        ("training of which nobody knows", said("spot", gate="proof"), False, None),
        ("credit that will be lost", said("seats_and_credits", estimate=True), True, True),
        ("credit on its course", said("seats_and_credits", estimate=True), False, False),
    ],
)
def test_what_is_wanted_found_and_wrong(label: str, advice: Told, wanted: bool, right: bool | None) -> None:
    kind = next(iter(BY_NAME[label].right))
    found = judge_unit(unit(label), kind, [advice])

    assert (found.wanted, found.right) == (wanted, right)


def test_advice_on_another_model_of_the_account_is_not_advice_on_this_one() -> None:
    given = unit("answers by the morning", model="nova-pro")

    assert judge_unit(given, "batch", [said("batch", model="claude-sonnet-4")]).right is None
    assert judge_unit(given, "batch", [said("batch", model="nova-pro")]).right is True


def test_advice_that_names_what_has_to_stay_is_wrong() -> None:
    given = unit("checkpoints nobody reads", kept=("run-1/step-9000/",))

    assert judge_unit(given, "storage", [said("storage", command='"Prefix": "run-1/step-1000/"')]).right is True
    assert judge_unit(given, "storage", [said("storage", command='"Prefix": "run-1/step-9000/"')]).right is False


def test_a_commitment_is_right_where_the_last_week_would_have_paid_for_it() -> None:
    """Two machines of a dollar and six mills ran, one of them to the week's first day: one pays, two at 62 % do not."""
    one = unit("fewer by the week")
    both = one.also(
        charges=(machine(one, 0, "g5.xlarge", every_hour()), machine(one, 1, "g5.xlarge", every_hour(0, DAYS - 6)))
    )

    assert pays(both, Decimal("1.006"))
    assert not pays(both, Decimal("2.012"))
    assert judge_unit(both, "commit", [said("commit", covers=Decimal("1.006"))]).right is True
    assert judge_unit(both, "commit", [said("commit", covers=Decimal("2.012"))]).right is False


def test_rules_beside_it_are_simple(work: LabelledWork) -> None:
    """Each finds something that is wanted, or it would be no rule; and each is wrong somewhere."""
    judged = judge_work(work, {})
    for kind in RULES:
        naive = score([one for one in judged if one.kind == kind], baseline=True)
        assert naive.found
        assert naive.wrong


def test_every_kind_is_wanted_somewhere_and_wrong_somewhere_or_said_not_to_be_judged(work: LabelledWork) -> None:
    for kind in KINDS:
        answers = {one.right.get(kind) for one in CLASSES}
        assert {"wanted", "wrong"} <= answers, kind
    telemetry = {"stop_idle", "rightsize", "schedule", "auto_stop"}
    assert {*KINDS, *NOT_JUDGED, *telemetry} == {kind.name for kind in ALL_KINDS}
    printed = "\n".join(table(judge_work(work, {})))
    assert all(f"{name}: not judged" in printed for name in NOT_JUDGED)


def test_a_seed_gives_the_same_work_of_every_class(work: LabelledWork) -> None:
    same, other = (pickle.dumps(draw(seed, 2).units) == pickle.dumps(work.units) for seed in (3, 4))
    labels = [one.label for one in work.units]

    assert same
    assert not other
    assert {label: labels.count(label) for label in labels} == {one.name: 2 for one in CLASSES}
    assert len({PAYER, *(one.account for one in work.units)}) == len(work.units) + 1


def test_the_files_say_what_was_drawn(tmp_path: Path) -> None:
    """One class in files: its lines cost what was drawn, whatever the order, and its settings are the product's own."""
    drawn = draw(3, 1)
    few = LabelledWork(3, [one for one in drawn.units if one.label in ("answers by the morning", "bursts")])
    own = tmp_path / "own.toml"
    own.write_text('reporting_currency = "USD"\n', encoding="utf-8")
    given = deliver(few, tmp_path / "a", own)
    other = deliver(few, tmp_path / "b", own, order=3)

    def lines(folder: Path) -> list[tuple[str, ...]]:
        with (folder / "bill.csv").open(encoding="utf-8", newline="") as file:
            return [tuple(row.values()) for row in csv.DictReader(file)]

    with (given.folder / "bill.csv").open(encoding="utf-8", newline="") as file:
        cost = sum(Decimal(row["BilledCost"]) for row in csv.DictReader(file))
    expected = sum(float(np.sum(charge.quantity)) * float(charge.price) for one in few.units for charge in one.charges)
    assert float(cost) == pytest.approx(expected, rel=1e-6)
    assert lines(given.folder) != lines(other.folder)
    assert sorted(lines(given.folder)) == sorted(lines(other.folder))
    settings = load_settings({"AISPEND_HOME": str(tmp_path), "AISPEND_CONFIG": str(given.settings_file)})
    assert settings.recommend.self_host.replica[0].model == "mistral-7b"
    assert tomllib.loads(given.settings_file.read_text(encoding="utf-8"))["reporting_currency"] == "USD"
    bands = json.loads((given.folder / "spot-advisor-data.json").read_text(encoding="utf-8"))
    assert set(bands["spot_advisor"]) == {"us-west-2", "us-east-2"}
    assert max(charge.start.max() for one in few.units for charge in one.charges) < HOURS
