"""A capacity reservation is paid for without its machine: by the hour or as another type nothing is saved."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import insert, select, update

from aispend.advising import Recommend
from aispend.clock import Clock
from aispend.schema import charge, charge_kind, recommendation
from aispend.settings import Settings
from aispend.store import Store
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
from recommender.run import recommend
from recommender.subjects.machine_life import Life
from tests.recommender.conftest import GIB, history
from tests.recommender.kinds.services import HOURS, Make, member, office, service, weekly
from tests.recommender.kinds.sizes import CHAT, two_of_eight
from tests.recommender.kinds.test_accelerator import a10g, told
from tests.recommender.kinds.test_arm_host import measured, processors
from tests.recommender.kinds.test_auto_stop import notebook
from tests.recommender.kinds.test_consolidate import pool, replicas
from tests.recommender.kinds.test_scale_replicas import group
from tests.recommender.test_run import LAST, fleet

__all__ = ["fleet"]

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


@pytest.mark.parametrize("hours", [24, 4])
def test_a_reservation_that_the_bill_alone_names_is_paid_for_after_a_stop(
    fleet: Store, store_settings: Settings, clock: Clock, hours: int
) -> None:
    """No listing tells; the newest day's charges do, of some hours of it or all: nothing is saved before it is gone."""
    name = "arn:aws:ec2:us-east-1:111122223333:capacity-reservation/cr-1"
    with fleet.engine.begin() as connection:
        connection.execute(
            insert(charge_kind).values(
                charge_kind_key=9, charge_category="Usage", pricing_category="Standard", billing_currency="USD",
                capacity_reservation_id=name, capacity_reservation_status="Used",
            )
        )  # fmt: skip
        newest = (charge.c.resource_key == 11) & (charge.c.charge_date == LAST)
        row = connection.execute(select(charge).where(newest)).mappings().one()
        within = {"charge_kind_key": 9, "hours": (1 << hours) - 1, "effective_cost": 20 * hours}
        connection.execute(update(charge).where(newest).values(effective_cost=480 - 20 * hours))
        connection.execute(insert(charge).values(**(dict(row) | within | {"ordinal": 999})))
    recommend(fleet.engine, store_settings, clock)
    with fleet.engine.connect() as connection:
        found = connection.execute(select(recommendation).where(recommendation.c.resource_id == "i-idle")).one()
    assert (found.kind, found.counted) == ("stop_idle", False)
    assert found.gate == "that capacity reservation cr-1 is lowered or cancelled with it"
