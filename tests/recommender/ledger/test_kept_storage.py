"""A machine that is stopped and keeps its disk under its own id: the disk is paid for still, and it does not run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from aispend.store import Store
from recommender.ledger.calibration import calibration
from tests.recommender.ledger.machines_paid import NOVEMBER, TYPE, Paid
from tests.reports.ledger import Share

DONE = date(2026, 9, 10)
BEFORE, AFTER = DONE - timedelta(days=14), DONE + timedelta(days=1)


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """A notebook of 240 a day stopped on 10 September, and its volume of 2.40 a day, which is not deleted."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        world.hours("nb-1", BEFORE, AFTER)
        for number in range((NOVEMBER - BEFORE).days):
            day = BEFORE + timedelta(days=number)
            world.ledger.charge(
                world.slices[day.replace(day=1)],
                day,
                [Share(("2.4",) * 4)],
                provider="aws",
                service="Amazon SageMaker",
                region="us-east-1",
                resource_id="nb-1",
                pricing_quantity="1",
                sku_columns={"pricing_unit": "GB-Mo", "platform": "notebook", "usage_type": "Notebk:VolumeUsage.gp3"},
            )
        world.know("nb-1", instance_type=TYPE)
        yield world


def test_a_disk_that_is_kept_is_no_machine_that_runs_on(paid: Paid) -> None:
    """242.40 a day before and 2.40 since: 31 × 240 saved, as promised; nothing was started again."""
    paid.done(paid.advise("stop-1", "nb-1"), DONE)
    line = paid.lines("stop-1")["2026-10"]
    assert (float(line.actual_cost), float(line.realised)) == (pytest.approx(74.4), pytest.approx(7440))
    assert "Still paid" not in (line.remark or "")
    assert (paid.baseline("stop-1").restarted_on, paid.baseline("stop-1").outcome) == (None, "within")
    assert calibration(paid.connection).not_stopped == 0


def test_a_machine_that_runs_again_beside_its_disk_was_regretted(paid: Paid) -> None:
    paid.hours("nb-1", AFTER + timedelta(days=3), NOVEMBER)
    paid.done(paid.advise("stop-1", "nb-1"), DONE)
    paid.lines("stop-1")
    assert paid.baseline("stop-1").restarted_on == AFTER + timedelta(days=3)


def test_a_disk_that_was_to_go_and_is_paid_for_was_not_deleted(paid: Paid) -> None:
    """What has no hours of a machine is judged by all that is paid for it."""
    world, first = paid, BEFORE
    for number in range((NOVEMBER - first).days):
        day = first + timedelta(days=number)
        world.ledger.charge(
            world.slices[day.replace(day=1)], day, [Share(("2.4",) * 4)], provider="aws", service="Amazon EC2",
            region="us-east-1", resource_id="vol-1", pricing_quantity="1", sku_columns={"pricing_unit": "GB-Mo"},
        )  # fmt: skip
    paid.done(paid.advise("stop-2", "vol-1"), DONE)
    assert "Still paid" in paid.lines("stop-2")["2026-10"].remark
    assert paid.baseline("stop-2").outcome == "miss"


def test_days_with_a_disk_alone_are_no_hours_of_what_was_resized(paid: Paid) -> None:
    """10 an hour and 2.40 a day on 24 hours are 10.10; 6 hours a day at 4 since: 6 × 10.10 × 31 less 26.40 × 31."""
    paid.hours("nb-1", AFTER, NOVEMBER, rate="4", hours="6", instance_type="g5.xlarge", list_rate="5")
    paid.done(paid.advise("size-1", "nb-1", kind="rightsize"), DONE)
    line = paid.lines("size-1")["2026-10"]
    assert (line.quantity, float(line.realised)) == (6 * 31, pytest.approx(31 * (60.6 - 26.4)))
