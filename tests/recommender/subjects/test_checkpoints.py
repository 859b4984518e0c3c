"""Buckets with their checkpoints and readings, and accounts that train and list none."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from aispend.schema import account, charge, charge_kind, sku, spend_day
from aispend.store import Store
from aispend.store.collections import write_history
from aispend.store.names import resource_key
from aispend.store.partitions import ensure_partitions
from recommender.subjects.checkpoints import CheckpointStore, ObjectStorage, load_checkpoints
from recommender.subjects.storage import Stored

AS_OF = datetime(2026, 11, 21, tzinfo=UTC)
BUCKET = "s3://ml-runs"


def row(path: str, read: str | None, **details: Any) -> dict[str, Any]:
    told = {
        "path": path, "size_bytes": 5, "modified_at": "2026-05-01T00:00:00+00:00", "run": "a",
        "account": "111122223333", "region": "us-east-1",
    }  # fmt: skip
    if read:
        told["read_at"] = f"{read}T00:00:00+00:00"
    return {"provider": "aws", "resource_id": f"{BUCKET}/{path}", "state": "stored", "details": told | details}


def listed(database: Store, day: int, *rows: dict[str, Any]) -> None:
    with database.engine.begin() as connection:
        write_history(
            connection, source="files", kind="checkpoint", scope=BUCKET, rows=rows,
            now=datetime(2026, 11, day, 6, tzinfo=UTC),
        )  # fmt: skip


def loaded(database: Store) -> list[Stored]:
    with database.engine.connect() as connection:
        return list(load_checkpoints(connection, AS_OF, 32))


@pytest.fixture
def billed(database: Store) -> Store:
    """S3 at 4 on the 20th, kept without its bucket, and a bucket of its own at 3; another account of Google's at 50."""
    with database.engine.begin() as connection:
        ensure_partitions(connection, [date(2026, 11, 1)])
        connection.execute(insert(account).values(account_key=1, provider="aws", sub_account_id="111122223333"))
        connection.execute(insert(account).values(account_key=2, provider="gcp", sub_account_id="999"))
        for key, service in ((1, "Amazon Simple Storage Service"), (2, "Amazon EC2"), (3, "Cloud Storage")):
            connection.execute(insert(sku).values(sku_key=key, provider="any", service_name=service, is_ai=False))
        connection.execute(
            insert(charge_kind).values(charge_kind_key=1, charge_category="Usage", billing_currency="USD")
        )
        bucket = resource_key("aws", "ml-runs")
        for ordinal, (account_key, sku_key, resource, cost) in enumerate(
            [(1, 1, 0, 4), (1, 1, bucket, 3), (1, 2, 0, 100), (2, 3, 0, 50)]
        ):
            connection.execute(
                insert(charge).values(
                    billing_month=date(2026, 11, 1), slice_id=1, half=0, ordinal=ordinal,
                    charge_date=date(2026, 11, 20), account_key=account_key, sku_key=sku_key, location_key=0,
                    resource_key=resource, tag_set_key=0, commitment_key=0, charge_kind_key=1, hours=1, line_count=1,
                    billed_cost=cost, effective_cost=cost, list_cost=cost,
                )
            )  # fmt: skip
        # what trains has another account than what it stores
        for provider, name, stage in (("aws", "555", "training"), ("gcp", "999", "inference_online")):
            connection.execute(
                insert(spend_day).values(
                    charge_date=date(2026, 11, 20), billing_month=date(2026, 11, 1), provider=provider, account=name,
                    currency="USD", is_ai=True, stage=stage, slice_id=1, reason="direct", rung="instance-hour",
                    unknown_costs=0, effective_cost=1, billed_cost=1, list_cost=1,
                )
            )  # fmt: skip
    return database


def test_a_checkpoint_has_every_reading_a_listing_told_of(database: Store) -> None:
    listed(database, 1, row("a/1/", "2026-06-01"), row("a/2/", None), row("a/3/", "2026-06-01"))
    listed(database, 8, row("a/1/", "2026-11-02", kept="best"), row("a/2/", None, kept="no", tags={"keep": "1"}))

    (found,) = loaded(database)

    assert isinstance(found, CheckpointStore)
    assert (found.bucket, found.account, found.region, found.currency) == (BUCKET, "111122223333", "us-east-1", "USD")
    assert (found.first_seen, found.seen_at.day, found.costs) == (date(2026, 5, 1), 8, [])
    one, two = found.checkpoints
    assert (one.path, one.size_bytes, one.run, one.kept) == ("a/1/", 5, "a", "best")
    assert [when.date() for when in (*one.earlier, one.read_at or AS_OF)] == [date(2026, 6, 1), date(2026, 11, 2)]
    assert (two.read_at, two.earlier, two.kept, two.tags) == (None, (), None, {"keep": "1"})


def test_where_somebody_trains_and_nothing_is_listed_it_is_asked_for(billed: Store) -> None:
    (found,) = loaded(billed)

    assert isinstance(found, ObjectStorage)
    assert (found.account, found.currency, found.resource_id) == (
        "111122223333", "USD", "object-storage:111122223333",
    )  # fmt: skip
    assert [cost.effective_cost for cost in found.costs] == [Decimal(7)]


def test_storage_charged_by_the_month_is_of_its_days(billed: Store) -> None:
    """The 4 of two days are 2 on each, beside the 3 of the first."""
    with billed.engine.begin() as connection:
        of_two = charge.update().where(charge.c.ordinal == 0)
        connection.execute(of_two.values(charge_date=date(2026, 11, 19), charge_end_date=date(2026, 11, 21)))
    (found,) = loaded(billed)
    assert [(cost.day.day, cost.effective_cost) for cost in found.costs] == [(19, 2), (20, 5)]


def test_a_listing_meets_the_charges_of_its_bucket(billed: Store) -> None:
    listed(billed, 8, row("a/1/", "2026-06-01"))

    (found,) = loaded(billed)

    assert isinstance(found, CheckpointStore)
    assert [cost.effective_cost for cost in found.costs] == [Decimal(3)]
    assert [cost.effective_cost for cost in found.account_storage] == [Decimal(7)]
