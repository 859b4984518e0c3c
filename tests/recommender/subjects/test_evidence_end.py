"""Where the evidence ends: what clouds have billed, and not what a company has written down ahead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, insert

from aispend.clock import month_of, next_month
from aispend.schema import account, charge, charge_kind, sku
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.ends import evidence_end, load_ends

DAY = date(2026, 11, 20)
END = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def connection(database: Store) -> Iterator[Connection]:
    with database.engine.begin() as opened:
        ensure_partitions(opened, [month_of(DAY), next_month(month_of(DAY))])
        opened.execute(insert(charge_kind).values(charge_kind_key=1, charge_category="Usage", billing_currency="USD"))
        skus = ((1, "aws", "gpu_vm"), (2, "aws", "token_api"), (3, "own", None), (4, "azure", "gpu_vm"))
        for key, provider, platform in skus:
            opened.execute(insert(sku).values(sku_key=key, provider=provider, platform=platform, is_ai=True))
        yield opened


def _accounts(connection: Connection, payers: dict[int, tuple[str, str | None]]) -> None:
    for key, (payer, used_by) in payers.items():
        row = {"account_key": key, "provider": "aws", "billing_account_id": payer, "sub_account_id": used_by}
        connection.execute(insert(account).values(row))


def _billed(
    connection: Connection, key: int, day: date, resource_key: int, account_key: int = 1, *, cost: int = 1
) -> None:
    connection.execute(
        insert(charge).values(
            billing_month=month_of(day), slice_id=1, half=0, ordinal=key * 1000 + account_key * 100 + day.day,
            charge_date=day,
            account_key=account_key, sku_key=key,
            location_key=0, resource_key=resource_key, tag_set_key=0, commitment_key=0, charge_kind_key=1,
            effective_cost=cost, line_count=1,
        )
    )  # fmt: skip


def test_tokens_alone_are_evidence(connection: Connection) -> None:
    assert evidence_end(connection) is None
    _billed(connection, 2, DAY, 0)
    assert evidence_end(connection) == datetime(2026, 11, 21, tzinfo=UTC)


def test_own_costs_written_down_for_days_to_come_do_not_move_it(connection: Connection) -> None:
    _billed(connection, 1, DAY, 7)
    _billed(connection, 3, date(2026, 12, 31), 8)
    assert evidence_end(connection) == datetime(2026, 11, 21, tzinfo=UTC)


def test_where_there_are_only_own_costs_they_are_the_evidence(connection: Connection) -> None:
    _billed(connection, 3, DAY, 8)
    assert evidence_end(connection) == datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(("last", "end"), [(20, 21), (17, 18), (1, 2)])
def test_bills_that_come_later_end_on_their_own_day(connection: Connection, last: int, end: int) -> None:
    """What is not billed yet has not stopped."""
    _billed(connection, 1, DAY, 7)
    _billed(connection, 4, date(2026, 11, last), 9)
    ends = load_ends(connection, END)
    assert ends.of("azure", "anybody") == ends.of("azure", None) == datetime(2026, 11, end, tzinfo=UTC)
    assert ends.of("aws", None) == ends.of("gcp", None) == END
    assert ends.each == [END, *([datetime(2026, 11, end, tzinfo=UTC)] if end < 21 else [])]


def test_a_cloud_without_bills_for_weeks_is_used_no_more(connection: Connection) -> None:
    ensure_partitions(connection, [date(2026, 9, 1)])
    _billed(connection, 1, DAY, 7)
    _billed(connection, 4, date(2026, 9, 30), 9)
    _billed(connection, 3, date(2026, 11, 1), 8)
    ends = load_ends(connection, END)
    assert ends.each == [END]
    assert ends.of("azure", None) == ends.of("own", "team") == END


@pytest.mark.parametrize(
    ("last", "end"), [(date(2026, 10, 15), END), (date(2026, 10, 16), datetime(2026, 10, 17, tzinfo=UTC))]
)
def test_up_to_five_weeks_are_late(connection: Connection, last: date, end: datetime) -> None:
    """35 days before 21 November, on which the evidence ends, is 17 October: the day after the 16th."""
    ensure_partitions(connection, [date(2026, 10, 1)])
    _billed(connection, 1, DAY, 7)
    _billed(connection, 4, last, 9)
    assert load_ends(connection, END).of("azure", None) == end


def test_each_payer_of_a_cloud_ends_on_its_own_day(connection: Connection) -> None:
    """The accounts of a payer end with it, those nobody names with the latest of the cloud."""
    _accounts(connection, {1: ("P", "a"), 2: ("P", "b"), 3: ("Q", "c"), 4: ("Q", None)})
    for account_key, day in ((1, 20), (2, 12), (3, 18), (4, 15)):
        _billed(connection, 1, date(2026, 11, day), 7, account_key=account_key)
    ends = load_ends(connection, END)
    late = datetime(2026, 11, 19, tzinfo=UTC)
    assert {name: ends.of("aws", name) for name in "Pab"} == dict.fromkeys("Pab", END)
    assert {name: ends.of("aws", name) for name in "Qc"} == dict.fromkeys("Qc", late)
    assert ends.of("aws", None) == ends.of("aws", "z") == END
    assert ends.of("azure", "c") == END
    assert ends.each == [END, late]


@pytest.mark.parametrize(
    ("first", "last", "end"),
    [
        # Q took the account over on the 10th, or billed it beside P for less than a week
        (10, 10, 21),
        (4, 10, 21),
        # both bill it, as some resellers do: what the later bill lacks has not stopped
        (3, 10, 11),
    ],
)
def test_an_account_of_two_payers(connection: Connection, first: int, last: int, end: int) -> None:
    """Its new payer's bills tell where an account ends; of two at once the one that is behind."""
    _accounts(connection, {1: ("P", "a"), 2: ("Q", "a")})
    _billed(connection, 1, date(2026, 11, 1), 7, account_key=1)
    _billed(connection, 1, date(2026, 11, last), 7, account_key=1)
    _billed(connection, 1, date(2026, 11, first), 7, account_key=2)
    _billed(connection, 1, DAY, 7, account_key=2)
    ends = load_ends(connection, END)
    assert ends.of("aws", "a") == datetime(2026, 11, end, tzinfo=UTC)
    assert ends.of("aws", "P") == datetime(2026, 11, 11, tzinfo=UTC)
    assert ends.of("aws", "Q") == END


def test_other_usage_tells_that_a_bill_is_not_late(connection: Connection) -> None:
    """Q's machine was last charged for on the 12th, its storage, which is no AI, on the 17th: the bill goes so far."""
    connection.execute(insert(sku).values(sku_key=5, provider="aws", is_ai=False))
    _accounts(connection, {1: ("P", "a"), 3: ("Q", "c"), 5: ("R", "r")})
    _billed(connection, 1, DAY, 7, account_key=1)
    _billed(connection, 1, date(2026, 11, 12), 8, account_key=3)
    _billed(connection, 5, date(2026, 11, 17), 0, account_key=3)
    # who has no AI has nothing to be late with
    _billed(connection, 5, date(2026, 11, 3), 0, account_key=5)
    ends = load_ends(connection, END)
    assert ends.of("aws", "c") == datetime(2026, 11, 18, tzinfo=UTC)
    assert ends.of("aws", "r") == END
    assert len(ends.each) == 2


def test_other_usage_beyond_the_evidence_moves_no_end(connection: Connection) -> None:
    connection.execute(insert(sku).values(sku_key=5, provider="aws", is_ai=False))
    _accounts(connection, {1: ("P", "a"), 3: ("Q", "c")})
    _billed(connection, 1, DAY, 7)
    _billed(connection, 1, date(2026, 11, 12), 8, account_key=3)
    _billed(connection, 5, date(2026, 11, 25), 0, account_key=3)
    assert evidence_end(connection) == END
    assert load_ends(connection, END).each == [END]


@pytest.mark.parametrize("stray", [28, 22])
@pytest.mark.parametrize("is_ai", [True, False])
def test_a_line_that_came_astray_moves_no_end(connection: Connection, stray: int, is_ai: bool) -> None:
    """240 a day to the 20th, and a line of 1 after it: the machine is not billed yet, and has not stopped."""
    connection.execute(insert(sku).values(sku_key=5, provider="aws", is_ai=False))
    _accounts(connection, {1: ("P", "a")})
    for day in range(1, 21):
        _billed(connection, 1, date(2026, 11, day), 7, cost=240)
    _billed(connection, 1 if is_ai else 5, date(2026, 11, stray), 8, cost=1)
    assert evidence_end(connection) == END
    assert load_ends(connection, END).each == [END]


def test_a_payer_behind_ends_on_its_last_usual_day(connection: Connection) -> None:
    """P is billed to the 20th; Q to the 10th at 240, with a line of 1 on the 18th: Q's machines have not stopped."""
    _accounts(connection, {1: ("P", "a"), 2: ("Q", "b")})
    for day in range(1, 21):
        _billed(connection, 1, date(2026, 11, day), 7, cost=240)
    for day in range(1, 11):
        _billed(connection, 1, date(2026, 11, day), 8, account_key=2, cost=240)
    _billed(connection, 1, date(2026, 11, 18), 9, account_key=2)
    assert evidence_end(connection) == END
    assert load_ends(connection, END).of("aws", "b") == datetime(2026, 11, 11, tzinfo=UTC)


@pytest.mark.parametrize(("days", "end"), [(2, 21), (3, 24)])
def test_the_third_day_with_next_to_nothing_is_believed(connection: Connection, days: int, end: int) -> None:
    _accounts(connection, {1: ("P", "a")})
    for day in range(1, 21 + days):
        _billed(connection, 1, date(2026, 11, day), 7, cost=240 if day <= 20 else 1)
    assert evidence_end(connection) == datetime(2026, 11, end, tzinfo=UTC)


def test_a_line_that_came_astray_does_not_make_a_cloud_late_that_is_used_no_more(connection: Connection) -> None:
    """Nothing but a line of 1 since 10 October, 42 days before the end."""
    ensure_partitions(connection, [date(2026, 9, 1), date(2026, 10, 1)])
    _billed(connection, 1, DAY, 7)
    for day in range(1, 11):
        _billed(connection, 4, date(2026, 10, day), 9, cost=240)
    _billed(connection, 4, date(2026, 10, 30), 9)
    assert load_ends(connection, END).each == [END]
