"""Daily series by hand: what is whole, what is late, what is zero and what is unknown."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from analyzer.series import OWN, Behind, coverage, daily_series, own_costs
from tests.analyzer.conftest import Ledger, all_hours

D = Decimal
TODAY = date(2026, 11, 21)


def read(ledger: Ledger, *by: str, today: date = TODAY, **how: Any):  # type: ignore[no-untyped-def]
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        bills = coverage(connection, today)
        return daily_series(connection, by, bills=bills, **{"days": 5, **how})  # type: ignore[arg-type]


def write_down(ledger: Ledger, first: str, cost: str, days: int, **words: Any) -> None:
    """The company's own costs, a line a day."""
    for number in range(days):
        day = date.fromisoformat(first) + timedelta(days=number)
        ledger.charge(f"{day}", cost, provider=OWN, scope="costs", hours=all_hours(), **words)


def test_no_bill_no_series(ledger: Ledger) -> None:
    assert read(ledger) is None


def test_a_day_without_charges_cost_nothing_and_the_unfinished_day_is_left_out(ledger: Ledger) -> None:
    for day, cost in (("2026-10-01", "1"), ("2026-10-02", "2"), ("2026-10-04", "4"), ("2026-10-05", "0.5")):
        ledger.charge(day, cost, tags={"model": "chat"} if cost != "2" else {"model": "rank"})
    found = read(ledger, "model")
    assert (found.first, found.end) == (date(2026, 10, 1), date(2026, 10, 5))
    assert [(one.cut, one.costs) for one in found.series] == [
        (("chat",), (D(1), D(0), D(0), D(4))),
        (("rank",), (D(0), D(2), D(0), D(0))),
    ]


def test_a_day_that_reaches_its_last_hour_is_whole(ledger: Ledger) -> None:
    ledger.charge("2026-10-01", "1", hours=all_hours())
    ledger.charge("2026-10-02", "2", hours=all_hours(22, 23))
    assert read(ledger).series[0].costs == (D(1), D(2))


def test_the_last_day_of_a_restated_month_is_whole(ledger: Ledger) -> None:
    """Only a closed month is restated, and that was whole."""
    ledger.charge("2026-10-30", "1")
    ledger.charge("2026-10-31", "2")
    with ledger.store.engine.begin() as connection:
        connection.execute(text("UPDATE slice SET state = 'restated' WHERE kind = 'bill'"))
    assert read(ledger).series[0].costs == (D(1), D(2))


def test_all_series_end_where_the_latest_provider_is_whole(ledger: Ledger) -> None:
    for day in range(1, 9):
        ledger.charge(f"2026-10-0{day}", "1", hours=all_hours())
        if day <= 6:
            ledger.charge(f"2026-10-0{day}", "10", provider="gcp", scope="billing", hours=all_hours())
    found = read(ledger, days=3)
    assert (found.first, found.end, found.behind) == (date(2026, 10, 4), date(2026, 10, 7), ())
    assert found.series[0].costs == (D(11), D(11), D(11))
    assert found.series[0].total == D(33)


def test_a_bill_that_stopped_coming_is_named_and_left_out(ledger: Ledger) -> None:
    ledger.charge("2026-10-02", "10", provider="gcp", scope="billing", hours=all_hours())
    for day in range(1, 10):
        ledger.charge(f"2026-10-0{day}", "1", hours=all_hours())
    found = read(ledger, "provider", days=30)
    assert [one.cut for one in found.series] == [("aws",)]
    assert found.behind == (Behind("gcp", "billing", date(2026, 10, 2)),)


def test_series_start_after_a_month_that_is_missing(ledger: Ledger) -> None:
    for day in ("2026-07-30", "2026-09-02", "2026-09-03"):
        ledger.charge(day, "1", hours=all_hours())
    found = read(ledger, days=90)
    assert (found.first, found.end) == (date(2026, 9, 1), date(2026, 9, 4))
    assert found.series[0].costs == (D(0), D(1), D(1))


def test_fees_do_not_make_a_month_begin(ledger: Ledger) -> None:
    ledger.charge("2026-09-30", "5", hours=all_hours())
    ledger.charge("2026-10-01", "100", category="Purchase")
    found = read(ledger, "charge_category")
    assert (found.end, [one.cut for one in found.series]) == (date(2026, 10, 1), [("Usage",)])


def test_currencies_are_apart_and_unknown_cost_is_said(ledger: Ledger) -> None:
    ledger.charge("2026-10-01", "5", hours=all_hours())
    ledger.charge("2026-10-01", ("1", None, "1", "1"), hours=all_hours(), sku_id="free")
    ledger.charge("2026-10-01", "7", hours=all_hours(), currency="EUR")
    ledger.charge("2026-10-01", "9", hours=all_hours(), service_name="Other", is_ai=False)
    eur, usd = read(ledger).series
    assert (eur.currency, eur.costs, eur.partly_unknown) == ("EUR", (D(7),), False)
    assert (usd.currency, usd.costs, usd.partly_unknown) == ("USD", (D(14),), True)
    assert [one.costs for one in read(ledger, ai_only=True).series] == [(D(7),), (D(5),)]


def test_billed_cost_stands_in_where_a_bill_has_no_effective_cost(ledger: Ledger) -> None:
    ledger.charge("2026-10-01", ("3", None, None, None), hours=all_hours())
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE slice SET columns_known = '{billed_cost}'")
    (series,) = read(ledger).series
    assert (series.costs, series.partly_unknown) == ((D(3),), False)


def test_own_costs_of_days_to_come_leave_no_cloud_behind(ledger: Ledger) -> None:
    for day in (18, 19, 20):
        ledger.charge(f"2026-11-{day}", "10", hours=all_hours())
    write_down(ledger, "2026-11-01", "2", 30)
    found = read(ledger, "provider")
    assert (found.first, found.end, found.behind) == (date(2026, 11, 18), date(2026, 11, 21), ())
    assert [(one.cut, one.costs) for one in found.series] == [(("aws",), (D(10),) * 3), (("own",), (D(2),) * 3)]
    assert [one.cut for one in read(ledger, "provider", own=False).series] == [("aws",)]


def test_own_costs_alone_are_known_up_to_today_with_months_without_a_line(ledger: Ledger) -> None:
    write_down(ledger, "2026-09-30", "7", 1)
    write_down(ledger, "2026-11-19", "2", 12)
    ledger.charge("2026-10-05", "5", provider=OWN, scope="another book", hours=all_hours())
    found = read(ledger, days=90)
    assert (found.first, found.end, found.behind) == (date(2026, 9, 30), date(2026, 11, 22), ())
    assert found.series[0].total == D(7) + D(5) + D(2) * 3


def test_own_costs_are_read_for_any_days_as_written_down(ledger: Ledger) -> None:
    write_down(ledger, "2026-11-29", "2", 5, tags={"model": "chat"})
    ledger.charge("2026-11-29", "10", hours=all_hours())
    ledger.analyze()
    with ledger.store.engine.connect() as connection:
        (own,) = own_costs(connection, ("model",), date(2026, 11, 30), date(2026, 12, 5))
    assert (own.cut, own.first, own.costs) == (("chat",), date(2026, 11, 30), (D(2),) * 4 + (D(0),))
