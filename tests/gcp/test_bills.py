"""The bill from BigQuery, by the real client, with our own SQL run on the double's tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.store import Store
from collectors.contract import Seen, Window
from collectors.gcp.bills import Bills
from collectors.gcp.clients import MB_READ, GcpClients
from collectors.runner import SourceReport
from sample.bigquery import RefusedError
from tests.gcp.bill import TABLE, line, serve
from tests.gcp.double import Google

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]


def asked(database: Store, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_month_is_rolled_up_there_and_loaded_here(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """24 hours of one machine for 10.5 with credits of 0.1 and 0.2 each: one charge of 244.8."""
    hours = [
        line(
            usage_start_time=f"2026-09-03 {hour:02}:00:00 UTC",
            usage_end_time=f"2026-09-{3 + (hour == 23):02} {(hour + 1) % 24:02}:00:00 UTC",
        )
        for hour in range(24)
    ]
    serve(google, hours)
    report = run(Bills(connect(export=[{"table": TABLE}]), clock))

    assert (report.error, [one.message for one in report.slices]) == (None, [""])
    assert (report.loaded, report.rows) == (1, 27), "24 lines, and Google's cost, credits and net"
    found = asked(database, "SELECT charge_date::text, billed_cost, list_cost, line_count, hours FROM charge")
    assert found == [("2026-09-03", Decimal("244.8"), Decimal(294), 24, 2**24 - 1)]


OCTOBER = {"invoice": {"month": "202610"}, "usage_start_time": "2026-10-03 07:00:00 UTC"}


def october(**changes: Any) -> dict[str, Any]:
    return line(**OCTOBER, usage_end_time="2026-10-03 08:00:00 UTC", export_time="2026-10-03 10:00:00 UTC", **changes)


def billed(database: Store) -> list[Any]:
    return asked(database, "SELECT billing_month::text, sum(billed_cost) FROM charge GROUP BY 1 ORDER BY 1")


def test_a_late_line_replaces_the_month_it_was_billed_in_and_no_other(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """10.2 each; a correction of September's usage comes under October, to which it belongs."""
    serve(google, [line(), october()])
    clients = connect(export=[{"table": TABLE}])
    assert run(Bills(clients, clock)).loaded == 2

    wrong = {"id": "1", "mode": "PARTIAL_CORRECTION", "type": "USAGE_CORRECTION"}
    late = line(invoice={"month": "202610"}, cost=-3.3, credits=[], adjustment_info=wrong, cost_type="adjustment")
    serve(google, [line(), october(), late | {"export_time": "2026-11-20 10:00:00 UTC"}])
    again = run(Bills(clients, clock))

    assert (again.loaded, again.error) == (1, None)
    assert billed(database) == [("2026-09-01", Decimal("10.2")), ("2026-10-01", Decimal("6.9"))]
    assert asked(database, "SELECT charge_class FROM charge JOIN charge_kind USING (charge_kind_key) "
                           "WHERE billed_cost < 0") == [("Correction",)]  # fmt: skip

    partitions = [
        one["parameterValue"]["value"][:10] for one in parameters(google)[-1] if one["name"] in ("first", "last")
    ]
    assert partitions == ["2026-10-03", "2026-11-20"], "no day is read in which nothing of the month was appended"


def test_what_is_asked_of_a_table_does_not_grow_with_its_history(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    """A run asks for months that may still change. Those before the first line are asked for until it was read."""
    serve(google, [line(), october()])
    clients = connect(export=[{"table": TABLE}])
    first = run(Bills(clients, clock))
    assert (first.error, first.loaded) == (None, 2)
    (since,) = asked_since(google)[:1]
    assert since < "202601"

    google.calls.clear()
    november = {"invoice": {"month": "202611"}, "export_time": "2026-11-20 10:00:00 UTC"}
    serve(google, [line(), october(), line(**november)])
    assert run(Bills(clients, clock)).loaded == 1
    assert asked_since(google) == ["202610"]
    assert run(Bills(clients, clock)).unchanged == 2


def test_months_that_a_run_did_not_come_to_are_read_by_the_next(google: Google, connect: Connect, clock: Clock) -> None:
    serve(google, [line(), october()])
    bills = Bills(connect(export=[{"table": TABLE}]), clock)
    today = clock().date()
    window = Window(today - Bills.reach, today, usual=True)
    newest, oldest = bills.find(window, {})
    assert [one.key[-7:] for one in (newest, oldest)] == ["2026-10", "2026-09"]
    seen = {newest.key: Seen(newest.token, clock(), 1)}
    assert list(bills.find(window, seen)) == [newest, oldest]


def test_days_asked_for_by_hand_say_nothing_of_those_before(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    serve(google, [line(), october()])
    clients = connect(export=[{"table": TABLE}])
    run(Bills(clients, clock), first=clock().date().replace(month=10, day=1), end=clock().date())
    assert [month for month, _ in billed(database)] == ["2026-10-01"]
    run(Bills(clients, clock))
    assert [month for month, _ in billed(database)] == ["2026-09-01", "2026-10-01"]


def asked_since(google: Google) -> list[str]:
    found = [{one["name"]: one["parameterValue"]["value"] for one in job} for job in parameters(google)]
    return [one["from_month"] for one in found if "from_month" in one]


def parameters(google: Google) -> list[list[dict[str, Any]]]:
    jobs = [one["configuration"] for name, one in google.calls if name == "bigquery.jobs.insert"]
    return [job["query"]["queryParameters"] for job in jobs if not job.get("dryRun")]


def test_where_nothing_was_appended_for_hours_nothing_is_read(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    serve(google, [line(), october()])
    google.bigquery.tables[TABLE].modified = datetime(2026, 11, 20, tzinfo=UTC)
    clients = connect(export=[{"table": TABLE}])
    run(Bills(clients, clock))
    google.calls.clear()
    again = run(Bills(clients, clock))

    assert (again.loaded, google.operations()) == (0, ["bigquery.tables.get"])


def test_an_export_of_which_only_the_amounts_change_while_it_is_read_is_not_used(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """As many lines of the same time, of another cost: the totals are not of what was rolled up."""
    serve(google, [line(), line(cost=2)])
    seen: list[int] = []

    def rewritten() -> None:
        seen.append(1)
        if len(seen) in (5, 9, 13):
            serve(google, [line(), line(cost=2 + len(seen))])

    google.before["bigquery.jobs.insert"] = rewritten
    report = run(Bills(connect(export=[{"table": TABLE}]), clock))

    assert report.waiting == 1
    assert "changed while it was read" in report.slices[0].message
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM charge")).scalar_one() == 0


def test_an_export_that_grows_while_it_is_read_is_not_used(
    google: Google, connect: Connect, clock: Clock, run: Run, database: Store
) -> None:
    """Of the fourth query of a run, the month's totals, on, a line more is there."""
    serve(google, [line()])
    seen: list[int] = []

    def appended() -> None:
        seen.append(1)
        if len(seen) in (5, 9, 13):  # dry run and run of the months, of the roll-up; then the totals' dry run
            serve(google, [line()] * (1 + len(seen)))

    google.before["bigquery.jobs.insert"] = appended
    report = run(Bills(connect(export=[{"table": TABLE}]), clock))

    assert report.waiting == 1
    assert "changed while it was read" in report.slices[0].message
    assert billed(database) == []


def test_what_would_cost_too_much_is_not_read(google: Google, connect: Connect, clock: Clock, run: Run) -> None:
    """Each query counts ten MiB at least: 30 MB are enough for the months' states and one roll-up, not for totals."""
    serve(google, [line()])
    report = run(Bills(connect(export=[{"table": TABLE}], megabytes_left=30), clock))

    assert report.error is not None
    assert "202609" not in report.error
    assert "2026-09: totals would read 0.011 GB, and the day's budget has 0.008 GB left" in report.error
    assert report.requests[MB_READ] == 22


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (RefusedError(400, "invalidQuery", "Unrecognized name: tags"), "refuses"),
        (RefusedError(403, "quotaExceeded", "Custom quota exceeded"), "quota"),
        (RefusedError(403, "accessDenied", "User does not have bigquery.jobs.create permission in project p"),
         "The permission bigquery.jobs.create is missing"),
        (RefusedError(503, "jobBackendError", "try again"), "could not answer"),
    ],
)  # fmt: skip
def test_a_job_that_fails_is_told_and_touches_nothing(
    google: Google, connect: Connect, clock: Clock, run: Run, fault: RefusedError, says: str, database: Store
) -> None:
    serve(google, [line()])
    google.faults["bigquery.jobs.insert"] = fault
    report = run(Bills(connect(export=[{"table": TABLE}]), clock))

    assert says in (report.error or "")
    assert billed(database) == []


def test_a_dataset_elsewhere_is_found_and_a_wrong_place_is_named(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    serve(google, [line()], location="EU")
    assert run(Bills(connect(export=[{"table": TABLE}]), clock)).loaded == 1
    report = run(Bills(connect(name="other", export=[{"table": TABLE, "location": "US"}]), clock))
    assert "not where it was looked for" in (report.error or "")
    assert "location" in (report.error or "")


def test_the_doctor_says_what_a_month_costs_and_what_is_missing(google: Google, connect: Connect, clock: Clock) -> None:
    serve(google, [october()])
    google.bigquery.tables[TABLE].modified = datetime(2026, 11, 20, 20, tzinfo=UTC)
    google.permissions = set()
    found = list(Bills(connect(export=[{"table": TABLE}]), clock).examine())

    assert [(one.state, one.what) for one in found] == [
        ("good", f"detailed export {TABLE}: reading 2026-11 takes 0.010 GB; appended to 2026-11-20 20:00 UTC"),
        ("broken", "the permission bigquery.jobs.create is missing in billing-host"),
    ]
    assert google.queries() == []
    (none,) = Bills(connect(), clock).examine()
    assert (none.state, none.what) == ("broken", "No table of the billing export is named.")


def test_the_doctor_says_that_a_month_costs_more_than_the_day_may(
    google: Google, connect: Connect, clock: Clock
) -> None:
    serve(google, [october()])
    found = list(Bills(connect(export=[{"table": TABLE}], bigquery_gb_per_day=0), clock).examine())
    (one,) = [one for one in found if one.state == "broken"]
    assert "takes 0.010 GB" in one.what
    assert "bigquery_gb_per_day = 0" in one.what
    assert "Raise it" in one.next_step
