"""Where the evidence ends: what clouds have billed, and not what a company has written down ahead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Connection, insert

from aispend.clock import month_of, next_month
from aispend.schema import charge, charge_kind, sku
from aispend.store import Store
from aispend.store.partitions import ensure_partitions
from recommender.subjects.machines import evidence_end, late_ends

DAY = date(2026, 11, 20)


@pytest.fixture
def connection(database: Store) -> Iterator[Connection]:
    with database.engine.begin() as opened:
        ensure_partitions(opened, [month_of(DAY), next_month(month_of(DAY))])
        opened.execute(insert(charge_kind).values(charge_kind_key=1, charge_category="Usage", billing_currency="USD"))
        skus = ((1, "aws", "gpu_vm"), (2, "aws", "token_api"), (3, "own", None), (4, "azure", "gpu_vm"))
        for key, provider, platform in skus:
            opened.execute(insert(sku).values(sku_key=key, provider=provider, platform=platform, is_ai=True))
        yield opened


def _billed(connection: Connection, key: int, day: date, resource_key: int) -> None:
    connection.execute(
        insert(charge).values(
            billing_month=month_of(day), slice_id=1, half=0, ordinal=key, charge_date=day, account_key=1, sku_key=key,
            location_key=0, resource_key=resource_key, tag_set_key=0, commitment_key=0, charge_kind_key=1,
            effective_cost=1, line_count=1,
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


@pytest.mark.parametrize(("last", "late"), [(20, None), (17, 18), (1, 2)])
def test_bills_that_come_later_end_on_their_own_day(connection: Connection, last: int, late: int | None) -> None:
    """What is not billed yet has not stopped."""
    _billed(connection, 1, DAY, 7)
    _billed(connection, 4, date(2026, 11, last), 9)
    expected = {} if late is None else {"azure": datetime(2026, 11, late, tzinfo=UTC)}
    assert late_ends(connection, datetime(2026, 11, 21, tzinfo=UTC)) == expected


def test_a_cloud_without_bills_for_weeks_is_used_no_more(connection: Connection) -> None:
    ensure_partitions(connection, [date(2026, 9, 1)])
    _billed(connection, 1, DAY, 7)
    _billed(connection, 4, date(2026, 9, 30), 9)
    _billed(connection, 3, date(2026, 11, 1), 8)
    assert late_ends(connection, datetime(2026, 11, 21, tzinfo=UTC)) == {}
