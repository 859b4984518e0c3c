"""Where the evidence of a bill by the month ends: with what it was loaded with, and not with the 1st of its month."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, insert

from aispend.clock import next_month
from aispend.schema import account, charge, charge_kind, sku, slice_
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.ends import evidence_end, load_ends

SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (date(2026, month, 1) for month in (9, 10, 11, 12))
GPU, STORAGE, FEE = 1, 2, 2
Bill = Callable[..., None]


def midnight(month: int, day: int) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


@pytest.fixture
def connection(database: Store) -> Iterator[Connection]:
    with database.engine.begin() as opened:
        ensure_partitions(opened, [SEPTEMBER, OCTOBER, NOVEMBER])
        for key, category in ((1, "Usage"), (FEE, "Purchase")):
            kind = {"charge_kind_key": key, "charge_category": category, "billing_currency": "USD"}
            opened.execute(insert(charge_kind).values(kind))
        for key, is_ai in ((GPU, True), (STORAGE, False)):
            opened.execute(insert(sku).values(sku_key=key, provider="aws", is_ai=is_ai))
        for key, payer in ((1, "P"), (2, "Q")):
            row = {"account_key": key, "provider": "aws", "billing_account_id": payer, "sub_account_id": payer.lower()}
            opened.execute(insert(account).values(row))
        yield opened


@pytest.fixture
def bill(connection: Connection) -> Bill:
    """Loads a payer's month: charges as (first day, end or None for a day, SKU, kind)."""

    def load(
        payer: int, month: date, loaded: datetime, *lines: tuple[date, date | None, int, int], state: str = "open"
    ) -> None:
        number = payer * 100 + month.month
        connection.execute(
            insert(slice_).values(
                slice_id=number, kind="bill", source="files", provider="aws", scope="PQ"[payer - 1], period=month,
                dataset="cur2", columns_known=["effective_cost"], state=state, loaded_at=loaded,
            )
        )  # fmt: skip
        for ordinal, (day, end, key, kind) in enumerate(lines):
            connection.execute(
                insert(charge).values(
                    billing_month=month, slice_id=number, half=0, ordinal=ordinal, charge_date=day,
                    charge_end_date=end, account_key=payer, sku_key=key, location_key=0, resource_key=payer * key,
                    tag_set_key=0, commitment_key=0, charge_kind_key=kind, effective_cost=240, line_count=1,
                )
            )  # fmt: skip

    return load


def whole(month: date, key: int = GPU, kind: int = 1) -> tuple[date, date | None, int, int]:
    return month, next_month(month), key, kind


def test_a_month_that_is_not_over_is_known_to_the_day_it_was_loaded(connection: Connection, bill: Bill) -> None:
    """Loaded on 21 November at 9: the days to the 20th are in it."""
    bill(1, NOVEMBER, datetime(2026, 11, 21, 9, tzinfo=UTC), whole(NOVEMBER), whole(NOVEMBER, STORAGE))
    assert evidence_end(connection) == midnight(11, 21)
    ends = load_ends(connection, midnight(11, 21))
    assert (ends.of("aws", "p"), ends.each) == (midnight(11, 21), [midnight(11, 21)])


def test_a_month_that_is_over_is_known_to_its_end(connection: Connection, bill: Bill) -> None:
    """October, loaded on 4 November and not closed yet; nothing says what November has."""
    bill(1, OCTOBER, midnight(11, 4), whole(OCTOBER))
    assert evidence_end(connection) == midnight(11, 1)


def test_what_a_line_says_of_its_end_holds_where_it_is_earlier(connection: Connection, bill: Bill) -> None:
    """Lines to date of 18 days, loaded on the 21st."""
    bill(1, NOVEMBER, midnight(11, 21), (NOVEMBER, date(2026, 11, 19), GPU, 1))
    assert evidence_end(connection) == midnight(11, 19)


def test_a_fee_of_a_month_makes_no_day_known(connection: Connection, bill: Bill) -> None:
    """By the day to the 10th, beside a use of 30 days that is charged at once: the 11th to the 20th are not billed."""
    days = ((date(2026, 11, day), None, GPU, 1) for day in range(1, 11))
    bill(1, NOVEMBER, midnight(11, 21), *days, whole(NOVEMBER), whole(NOVEMBER, STORAGE))
    assert evidence_end(connection) == midnight(11, 11)


def test_what_comes_first_of_a_new_month_makes_no_bill_one_by_the_month(connection: Connection, bill: Bill) -> None:
    """By the day to 31 October; on 3 November only what is charged for all of November has come."""
    bill(1, OCTOBER, midnight(11, 3), *((date(2026, 10, day), None, GPU, 1) for day in range(1, 32)))
    bill(1, NOVEMBER, midnight(11, 3), whole(NOVEMBER), whole(NOVEMBER, STORAGE))
    assert evidence_end(connection) == midnight(11, 2)


def test_a_purchase_of_a_day_leaves_a_bill_one_by_the_month(connection: Connection, bill: Bill) -> None:
    bill(1, NOVEMBER, midnight(11, 21), whole(NOVEMBER), (date(2026, 11, 3), None, STORAGE, FEE))
    assert evidence_end(connection) == midnight(11, 21)


def test_a_month_that_closed_and_one_by_the_day_end_apart(connection: Connection, bill: Bill) -> None:
    """P by the day to 20 November; Q's October came on the 4th, and is 20 days behind: none of its machines stopped."""
    bill(1, NOVEMBER, midnight(11, 21), *((date(2026, 11, day), None, GPU, 1) for day in range(1, 21)))
    bill(2, OCTOBER, midnight(11, 4), whole(OCTOBER), state="final")
    assert evidence_end(connection) == midnight(11, 21)
    ends = load_ends(connection, midnight(11, 21))
    assert (ends.of("aws", "p"), ends.of("aws", "q")) == (midnight(11, 21), midnight(11, 1))


@pytest.mark.parametrize(("month", "day", "is_left"), [(12, 10, False), (1, 5, False), (1, 6, True)])
def test_a_bill_of_whole_months_comes_a_month_later(
    connection: Connection, bill: Bill, month: int, day: int, is_left: bool
) -> None:
    """Q's November may come in the first weeks of December; 66 days after October nobody waits for it any more."""
    newest = date(2026 + (month == 1), month, day)
    ensure_partitions(connection, [newest.replace(day=1)])
    end = datetime(newest.year, month, day + 1, tzinfo=UTC)
    bill(1, newest.replace(day=1), end, (newest, None, GPU, 1))
    bill(2, OCTOBER, midnight(11, 4), whole(OCTOBER), state="final")
    assert evidence_end(connection) == end
    assert load_ends(connection, end).of("aws", "q") == (end if is_left else midnight(11, 1))


def test_a_payer_by_the_month_may_be_further_than_one_by_the_day(connection: Connection, bill: Bill) -> None:
    """Q's November to date came on the 21st; P is known to the 17th."""
    bill(1, NOVEMBER, midnight(11, 21), *((date(2026, 11, day), None, GPU, 1) for day in range(1, 18)))
    bill(2, NOVEMBER, midnight(11, 21), whole(NOVEMBER))
    assert evidence_end(connection) == midnight(11, 21)
    ends = load_ends(connection, midnight(11, 21))
    assert (ends.of("aws", "p"), ends.of("aws", "q")) == (midnight(11, 18), midnight(11, 21))


@pytest.mark.parametrize("by_day_first", [True, False])
def test_a_payer_that_changes_its_export_ends_with_the_newer(
    connection: Connection, bill: Bill, by_day_first: bool
) -> None:
    """October one way and November the other, known to the 20th both."""
    days = [(date(2026, 11 - by_day_first, day), None, GPU, 1) for day in range(1, 21)]
    bill(1, OCTOBER, midnight(11, 4), *(days if by_day_first else [whole(OCTOBER)]))
    bill(1, NOVEMBER, midnight(11, 21), *([whole(NOVEMBER)] if by_day_first else days))
    assert evidence_end(connection) == midnight(11, 21)
    assert load_ends(connection, midnight(11, 21)).of("aws", "p") == midnight(11, 21)
