"""Each counterfactual with another account beside it, days without a cost, a month of nothing and one told anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from aispend.schema import charge, inference_hour, resource, resource_alias
from aispend.store import Store
from tests.recommender.ledger.machines_paid import NOVEMBER, OCTOBER, Paid
from tests.recommender.ledger.test_tokens_bought import BEFORE as BOUGHT_BEFORE
from tests.recommender.ledger.test_tokens_bought import LARGE, SMALL, buy
from tests.recommender.ledger.test_tokens_bought import done as tokens_done

DONE = date(2026, 9, 10)
BEFORE, AFTER = DONE - timedelta(days=14), DONE + timedelta(days=1)


@pytest.fixture
def paid(database: Store) -> Iterator[Paid]:
    """Bills known to the end of October, and to 15 November."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        world.known_to(date(2026, 9, 30), date(2026, 10, 31), date(2026, 11, 15))
        yield world


def realised(paid: Paid, name: str) -> Any:
    return paid.lines(name)["2026-10"].realised


def _tell_anew(paid: Paid, name: str, first: date, end: date) -> None:
    """The bill of these days comes again, without what it had of a machine."""
    key = select(resource.c.resource_key).where(resource.c.resource_id == name).scalar_subquery()
    days = charge.c.charge_date.between(first, end - timedelta(days=1))
    paid.connection.execute(delete(charge).where(charge.c.resource_key == key, days))


def test_a_stop_of_machines_of_two_accounts_counts_both(paid: Paid) -> None:
    """14 days at 240 and 14 at 120: 360 a day for October's 31, of which ten days at 120 were paid."""
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-2", BEFORE, AFTER, rate="5", sub_account="222")
    paid.hours("i-2", OCTOBER, date(2026, 10, 11), rate="5", sub_account="222")
    paid.done(paid.advise("stop-1", "i-1", "i-2"), DONE)
    assert realised(paid, "stop-1") == 31 * 360 - 1200


def test_a_day_of_unknown_cost_before_is_no_day_before(paid: Paid) -> None:
    """13 days at 240 and one nobody knows are 240 a day."""
    paid.hours("i-1", BEFORE, DONE - timedelta(days=1))
    paid.hours("i-1", DONE - timedelta(days=1), DONE, rate=None)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert paid.baseline("stop-1").days == 13
    assert realised(paid, "stop-1") == 7440


def test_a_month_told_anew_is_counted_anew(paid: Paid) -> None:
    """Ten days of October were paid, 2,400 of 7,440; then the bill comes again with five of them."""
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-1", OCTOBER, date(2026, 10, 11))
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert (realised(paid, "stop-1"), paid.baseline("stop-1").outcome) == (5040, "miss")
    _tell_anew(paid, "i-1", OCTOBER, date(2026, 10, 11))
    assert (realised(paid, "stop-1"), paid.baseline("stop-1").outcome) == (7440, "within")


def test_a_schedule_saves_the_hours_it_is_off_to_its_planned_end(paid: Paid) -> None:
    """19 days of October at 240 less ten hours a day on 18 of them; on the 19th it did not run at all."""
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-1", AFTER, date(2026, 10, 19), hours="10")
    paid.done(paid.advise("less-1", "i-1", kind="schedule"), DONE, planned_end=date(2026, 10, 20))
    line = paid.lines("less-1")["2026-10"]
    assert (line.end_day, line.counterfactual_cost, line.actual_cost) == (date(2026, 10, 20), 19 * 240, 18 * 100)
    assert line.realised == 19 * 240 - 18 * 100


def test_without_a_planned_end_it_is_a_year_from_the_day_after(database: Store) -> None:
    """Stopped on 10 September 2025: saved from the 11th to 10 September 2026, 365 days at 240."""
    with database.engine.begin() as connection:
        world = Paid(connection)
        for place in range(12):
            year, month = divmod(2025 * 12 + 7 + place, 12)
            first = date(year, month + 1, 1)
            if first not in world.slices:
                world.slices[first] = world.ledger.bill("aws", "111", first, state="final")
        done = date(2025, 9, 10)
        world.hours("i-1", done - timedelta(days=14), done + timedelta(days=1))
        world.known_to(date(2026, 9, 30), date(2026, 10, 31))
        world.done(world.advise("stop-1", "i-1"), done)
        lines = world.lines("stop-1")
        assert (len(lines), lines["2026-09"].end_day) == (13, date(2026, 9, 11))
        assert sum(line.realised for line in lines.values()) == 365 * 240


def test_a_price_is_compared_by_the_hours_of_both_accounts(paid: Paid) -> None:
    """Spot: 744 hours at 3 instead of 10, and 240 of the other account's at 4 instead of 5."""
    paid.hours("i-1", BEFORE, AFTER)
    paid.hours("i-2", BEFORE, AFTER, sub_account="222")
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="3")
    paid.hours("i-2", OCTOBER, date(2026, 10, 11), rate="4", sub_account="222")
    paid.done(paid.advise("spot-1", "i-1", "i-2", kind="spot"), DONE)
    assert realised(paid, "spot-1") == 744 * 7 + 240 * 6


def ask(paid: Paid, name: str, first: date, days: int, requests: int) -> None:
    key = paid.connection.scalar(select(resource.c.resource_key).where(resource.c.resource_id == name))
    slice_id = paid.ledger.bill("any", f"use {name} {first}", first.replace(day=1))
    if not paid.connection.scalar(select(resource_alias.c.resource_key).where(resource_alias.c.alias == name)):
        since = datetime(2026, 1, 1, tzinfo=UTC)
        paid.connection.execute(
            insert(resource_alias).values(
                namespace="files", alias=name, valid_from=since, resource_key=key, method="bill", confidence=1
            )
        )
    for number in range(days):
        hour = datetime.combine(first + timedelta(days=number), time(12), UTC)
        paid.connection.execute(
            insert(inference_hour).values(
                slice_id=slice_id, hour=hour, namespace="files", provider="aws", model=LARGE, unit_class="requests",
                quantity=requests, alias=name,
            )
        )  # fmt: skip


def test_requests_of_days_without_a_cost_are_none_of_those_before(paid: Paid) -> None:
    """1,000 requests a day before and since, and 7 of 14 days before of unknown cost: 240 − 120 a day all the same."""
    paid.hours("i-1", BEFORE, BEFORE + timedelta(days=7))
    paid.hours("i-1", BEFORE + timedelta(days=7), DONE, rate=None)
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="5", instance_type="g5.xlarge")
    ask(paid, "i-1", BEFORE, 14, 1000)
    ask(paid, "i-1", OCTOBER, 31, 1000)
    paid.done(paid.advise("less-1", "i-1", kind="accelerator"), DONE)
    before = paid.baseline("less-1")
    assert (before.counterfactual, before.quantity, before.requests) == ("same_service", 168, 7000)
    assert realised(paid, "less-1") == 31 * 120


def test_days_after_the_last_request_recorded_count_by_the_hours_it_was_there(paid: Paid) -> None:
    """1,000 requests a day before, 500 since to 10 October, where the log ends: 10 days of 12 hours, 21 of 24.

    10 an hour before and 5 since: 120 × 10 + 504 × 10 − 744 × 5.
    """
    paid.hours("i-1", BEFORE, DONE)
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="5", instance_type="g5.xlarge")
    ask(paid, "i-1", BEFORE, 14, 1000)
    ask(paid, "i-1", OCTOBER, 10, 500)
    paid.done(paid.advise("less-1", "i-1", kind="accelerator"), DONE)
    line = paid.lines("less-1")["2026-10"]
    assert (line.quantity, line.realised) == (624, 2520)
    assert line.remark == (
        "Requests are recorded from 2026-10-01 to 2026-10-10: on other days the hours the service was there count."
    )


def test_days_without_a_request_between_others_are_days_without_one(paid: Paid) -> None:
    """Requests on the first day and the last, before and since, and as many: as many hours, and nothing is said."""
    paid.hours("i-1", BEFORE, DONE)
    paid.hours("i-1", OCTOBER, NOVEMBER, rate="5", instance_type="g5.xlarge")
    for place in (0, 13):
        ask(paid, "i-1", BEFORE + timedelta(days=place), 1, 700)
    for place in (0, 30):
        ask(paid, "i-1", OCTOBER + timedelta(days=place), 1, 700)
    paid.done(paid.advise("less-1", "i-1", kind="accelerator"), DONE)
    line = paid.lines("less-1")["2026-10"]
    # 336 hours for 1,400 requests before, and 1,400 since
    assert (line.quantity, line.realised, line.remark) == (336, 3360 - 3720, None)


def test_tokens_of_another_account_or_team_are_not_its_own(paid: Paid) -> None:
    """Ten days at half of 45 a day; what others buy at the price before is theirs."""
    buy(paid, BOUGHT_BEFORE, 14, input=("10", "3"), output=("1", "15"))
    buy(paid, OCTOBER, 10, input=("10", "1.5"), output=("1", "7.5"))
    buy(paid, OCTOBER, 10, sub_account="222", input=("90", "3"))
    assert realised(paid, tokens_done(paid, "batch")) == 225


def test_a_month_without_any_token_is_unknown(paid: Paid) -> None:
    buy(paid, BOUGHT_BEFORE, 14, input=("10", "3"))
    buy(paid, OCTOBER, 10, model=SMALL, sub_account="222", input=("4", "0.25"))
    for kind in ("batch", "route"):
        assert realised(paid, tokens_done(paid, kind, target=SMALL)) is None


def test_what_was_verified_and_is_unknown_since_is_no_verdict(paid: Paid) -> None:
    """October comes again, with a day of it that costs nobody knows what."""
    paid.hours("i-1", BEFORE, AFTER)
    paid.done(paid.advise("stop-1", "i-1"), DONE)
    assert (realised(paid, "stop-1"), paid.baseline("stop-1").verified_month) == (7440, OCTOBER)
    paid.hours("i-1", OCTOBER, date(2026, 10, 2), rate=None)
    assert realised(paid, "stop-1") is None
    assert (paid.baseline("stop-1").outcome, paid.baseline("stop-1").verified_month) == (None, None)


@pytest.mark.parametrize(
    ("kind", "evidence", "there", "said"),
    [
        ("spot", {}, 2, "Of 3 machines there should be the bill names 2"),
        ("spot", {}, 3, None),
        ("accelerator", {"machines": 2, "machines_if_slow": 2}, 1, "Of 2 machines there should be the bill names 1"),
        ("accelerator", {"machines": 2, "machines_if_slow": 2}, 2, None),
        ("consolidate", {"machines": 3, "machines_needed": 2}, 1, "Of 2 machines there should be the bill names 1"),
        ("consolidate", {"machines": 3, "machines_needed": 2}, 2, None),
    ],
)
def test_machines_whose_place_nothing_known_took_are_told(
    paid: Paid, kind: str, evidence: dict[str, Any], there: int, said: str | None
) -> None:
    """Three machines changed by one advice; of those there should be since, the bill names as many or fewer."""
    names = ("i-1", "i-2", "i-3")
    for place, name in enumerate(names):
        paid.hours(name, BEFORE, NOVEMBER if place < there else AFTER)
    paid.done(paid.advise("several", *names, kind=kind, evidence=evidence), DONE)
    remark = paid.lines("several")["2026-10"].remark or ""
    assert remark == (f"{said}: what others in their place cost or saved is not in this." if said else "")
