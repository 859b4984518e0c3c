"""How much of reserved machines is used: Google's series, by the day, beside the reservation in its listing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aispend.clock import Clock
from aispend.store import Store
from collectors.gcp.clients import GcpClients
from collectors.gcp.inventory import Inventory
from collectors.gcp.monitoring import Series
from collectors.gcp.reservation_use import MOST, RESERVED, USED, by_day
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from sample.monitoring import Monitoring, Written
from tests.gcp.double import Google
from tests.gcp.metrics import AT_ONCE, every
from tests.gcp.test_inventory import HISTORY, ZONE, asked, zones

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]
DAY = datetime(2026, 11, 19, tzinfo=UTC)
HELD = {
    "id": "9",
    "name": "held",
    "zone": ZONE,
    "status": "READY",
    "creationTimestamp": "2026-10-01T00:00:00.000-07:00",
    "specificReservation": {"count": "4", "inUseCount": "1", "instanceProperties": {"machineType": "a2-highgpu-1g"}},
}
PLACE = {"resource_container": "ml-prod", "location": "us-central1-a", "reservation_id": "9"}


def hourly(*values: float, start: datetime = DAY) -> Series:
    points = {start + timedelta(hours=hour): value for hour, value in enumerate(values)}
    return Series(PLACE, points, {})


def test_a_day_has_reserved_and_used_hours_and_the_most_at_once() -> None:
    """Four reserved; one used all day, three more in a quarter of one hour: 24 + 3 × 0.25 = 24.75 machine-hours."""
    used = [1.0] * 24
    used[9] = 1.75
    most = [1.0] * 24
    most[9] = 4.0
    found = by_day([hourly(*[4.0] * 24)], [hourly(*used)], [hourly(*most)])
    assert found == {"9": {"2026-11-19": {"reserved_hours": 96.0, "used_hours": 24.75, "used_most": 4}}}


def test_pages_hold_parts_of_a_series() -> None:
    halves = [hourly(*[2.0] * 12), hourly(*[2.0] * 12, start=DAY + timedelta(hours=12))]
    (day,) = by_day(halves, halves, halves)["9"].values()
    assert day == {"reserved_hours": 48.0, "used_hours": 48.0, "used_most": 2}


def test_a_day_that_lacks_an_hour_is_unknown() -> None:
    whole, short = hourly(*[4.0] * 24), hourly(*[0.0] * 23)
    assert by_day([whole], [short], [whole]) == {}
    assert by_day([short], [whole], [whole]) == {}
    assert by_day([whole], [whole], [short]) == {}


def measured(google: Google, reserved: float = 4.0) -> Monitoring:
    google.listings["compute.reservations.aggregatedList"] = zones("reservations", HELD)
    monitoring = Monitoring(AT_ONCE)
    monitoring.series = [
        Written(asked.metric, PLACE, every(3600, DAY, *[value] * 24), aligner=asked.aligner)
        for asked, value in ((RESERVED, reserved), (USED, 1.0), (MOST, 3.0))
    ]
    google.series = monitoring.answer
    return monitoring


def details(database: Store) -> dict[str, Any]:
    ((_, _, _, found),) = asked(database, HISTORY)
    return dict(found)


def test_the_listing_tells_how_much_of_each_reservation_was_used(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    monitoring = measured(google)
    report = run(Inventory(connect(projects=["ml-prod"]), clock))

    assert report.error is None
    told = details(database)
    assert (told["total"], told["available"]) == (4, 3)
    assert told["use_by_day"] == {"2026-11-19": {"reserved_hours": 96.0, "used_hours": 24.0, "used_most": 3}}
    assert {(one.interval.end_time - one.interval.start_time).days for one in monitoring.asked} == {28}
    assert {one.interval.end_time.hour for one in monitoring.asked} == {0}, "whole days"


def test_series_that_count_something_else_than_machines_are_left_out(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Of TPUs Google counts chips: sixteen reserved of a listing's four machines say nothing about machines."""
    measured(google, reserved=16.0)
    run(Inventory(connect(projects=["ml-prod"]), clock))
    assert "use_by_day" not in details(database)


def test_where_metrics_may_not_be_read_the_listing_stays_and_says_so(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    measured(google)
    google.faults["monitoring.ListTimeSeries"] = RefusedError(
        403, "PERMISSION_DENIED", "Permission monitoring.timeSeries.list denied."
    )
    report = run(Inventory(connect(projects=["ml-prod"]), clock))
    assert report.error is None
    notes = [note for one in report.slices for note in one.notes]
    assert notes == [
        "how much of the reservations is used: unknown, the permission monitoring.timeSeries.list is missing."
    ]
    assert (details(database)["total"], "use_by_day" in details(database)) == (4, False)


def test_an_answer_that_is_not_whole_says_nothing(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    measured(google).errors = ["a cell did not answer"]
    report = run(Inventory(connect(projects=["ml-prod"]), clock))
    notes = [note for one in report.slices for note in one.notes]
    assert notes == ["how much of the reservations is used is not whole: a cell did not answer"]
    assert "use_by_day" not in details(database)


def test_nothing_is_asked_where_nothing_is_reserved(google: Google, connect: Connect, clock: Clock, run: Run) -> None:
    run(Inventory(connect(projects=["ml-prod"]), clock))
    assert "monitoring.ListTimeSeries" not in google.operations()
