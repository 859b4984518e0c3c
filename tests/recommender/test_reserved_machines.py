"""A capacity reservation is paid for without its machine: by the hour or as another type nothing is saved."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, WhyNot
from recommender.kinds import (
    accelerator,
    arm_host,
    auto_stop,
    consolidate,
    rightsize,
    scale_replicas,
    schedule,
    stop_idle,
)
from recommender.subjects.machine_life import Life
from tests.recommender.conftest import GIB, history
from tests.recommender.kinds.services import HOURS, Make, member, office, service, weekly
from tests.recommender.kinds.sizes import CHAT, two_of_eight
from tests.recommender.kinds.test_accelerator import a10g, told
from tests.recommender.kinds.test_arm_host import measured, processors
from tests.recommender.kinds.test_auto_stop import notebook
from tests.recommender.kinds.test_consolidate import pool, replicas
from tests.recommender.kinds.test_scale_replicas import group

DEFAULT = Recommend()
RESERVED = Life(details={"capacity_reservation": "cr-1"})


def answers(make_subject: Make, life: Life | None) -> dict[str, Advice | WhyNot]:
    """What each kind says of what it would advise on."""
    used = history(two_of_eight(), memory_bytes=GIB)
    by_day = make_subject(stage="training", model="m", life=life)
    return {
        "rightsize": rightsize.evaluate(make_subject(accelerators=used, life=life, **CHAT), DEFAULT),
        "accelerator": accelerator.evaluate(a10g(make_subject, life=life), told(0.95)),
        "arm_host": arm_host.evaluate(processors(make_subject, life=life), measured("m8g.4xlarge", 1.1)),
        "auto_stop": auto_stop.evaluate(notebook(make_subject, life=life), DEFAULT),
        "schedule": schedule.evaluate(service(make_subject, [member(by_day, weekly(office(9, 18)))]), DEFAULT),
        "scale_replicas": scale_replicas.evaluate(group(make_subject, 4, office(9, 18), level=5.6, life=life), DEFAULT),
    }


def test_what_keeps_the_reservation_saves_nothing_and_is_not_advised(make_subject: Make) -> None:
    assert {name: type(said) for name, said in answers(make_subject, None).items()} == dict.fromkeys(
        answers(make_subject, None), Advice
    )
    for name, said in answers(make_subject, RESERVED).items():
        assert isinstance(said, WhyNot), name
        assert (name, said.reason) == (name, "reserved")
        assert "the capacity reservation cr-1, which would be paid for without it" in said.explanation


def test_a_stop_counts_once_its_reservation_is_given_up_too(make_subject: Make) -> None:
    """480 a day are 14,600 a month, as machine or as an empty place in its reservation."""
    found = stop_idle.evaluate(make_subject(life=RESERVED), DEFAULT)
    assert isinstance(found, Advice)
    assert found.saving.effective == Decimal("14600.00")
    assert found.gate == "that capacity reservation cr-1 is lowered or cancelled with it"
    assert "# capacity reservation cr-1 keeps its place" in found.command
    free = stop_idle.evaluate(make_subject(), DEFAULT)
    assert isinstance(free, Advice)
    assert free.gate is None


@pytest.mark.parametrize("life", [None, RESERVED])
def test_sharing_machines_waits_for_their_reservations_too(make_subject: Make, life: Life | None) -> None:
    found = consolidate.evaluate(
        pool(make_subject, {"a": np.full(HOURS, 1.0), "b": np.full(HOURS, 1.0)}, life=life), DEFAULT
    )
    assert isinstance(found, Advice)
    assert found.gate is not None
    assert found.gate.endswith("that capacity reservation cr-1 is lowered or cancelled with it") is (life is not None)


@pytest.mark.parametrize("life", [None, RESERVED])
def test_fewer_replicas_count_once_a_reservation_of_theirs_is_given_up_too(
    make_subject: Make, life: Life | None
) -> None:
    four = replicas(make_subject, [3, 3, 3, 3])
    last = replace(four.members[3], machine=replace(four.members[3].machine, life=life))
    found = consolidate.evaluate(replace(four, members=(*four.members[:3], last)), DEFAULT)
    assert isinstance(found, Advice)
    assert found.gate == (life and "that capacity reservation cr-1 is lowered or cancelled with it")
    assert np.isfinite(float(found.saving.effective))
