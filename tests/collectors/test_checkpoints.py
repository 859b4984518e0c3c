"""Checkpoints in an inventory: where and what they are, and when it is known that they were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.errors import InputError
from aispend.settings import Settings
from aispend.store import Store
from collectors.files.inventory import InventoryReport, import_inventory

HEADER = "provider,resource_id,kind,account,region,size_bytes,modified_at,read_at,run,kept,storage_class,objects,tags"
Run = Callable[[int, Iterable[str]], InventoryReport]


@pytest.fixture
def run(database: Store, store_settings: Settings, tmp_path: Path) -> Run:
    """Imports the lines on a day of November."""

    def imported(day: int, lines: Iterable[str]) -> InventoryReport:
        path = tmp_path / f"{day}.csv"
        path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
        return import_inventory([path], database, store_settings, lambda: datetime(2026, 11, day, 6, tzinfo=UTC))

    return imported


def history(store: Store) -> list[tuple[str, str, int, int | None, dict[str, Any]]]:
    query = text(
        "SELECT resource_id, scope, valid_from, valid_to, details FROM resource_history JOIN resource"
        " USING (resource_key) WHERE kind = 'checkpoint' ORDER BY resource_id, valid_from"
    )
    with store.engine.connect() as connection:
        return [(row[0], row[1], row[2].day, row[3] and row[3].day, row[4]) for row in connection.execute(query)]


def test_a_checkpoint_is_a_place_with_a_size_and_a_run(run: Run, database: Store) -> None:
    report = run(1, [
        "aws,s3://ml/runs/a/step-1/,checkpoint,111,us-east-1,1073741824,2026-06-01,2026-07-01,a,BEST,STANDARD,9,team=ml"
    ])  # fmt: skip

    assert report.checkpoints == 1
    ((name, scope, began, ended, details),) = history(database)
    assert (name, scope, began, ended) == ("s3://ml/runs/a/step-1/", "s3://ml", 1, None)
    assert details == {
        "path": "runs/a/step-1/", "size_bytes": 1073741824, "run": "a", "kept": "best", "storage_class": "standard",
        "objects": 9, "tags": {"team": "ml"}, "account": "111", "region": "us-east-1",
        "modified_at": "2026-06-01T00:00:00+00:00", "read_at": "2026-07-01T00:00:00+00:00",
    }  # fmt: skip


def test_what_was_read_between_two_listings_stays_known_and_what_is_listed_no_more_is_gone(
    run: Run, database: Store
) -> None:
    run(
        1,
        ["gcp,gs://ml/a,checkpoint,p,,5,2026-06-01,2026-07-01,a,,,,", "gcp,gs://ml/b,checkpoint,p,,5,2026-06-01,,,,,,"],
    )
    run(9, ["gcp,gs://ml/a,checkpoint,p,,5,2026-06-01,2026-11-03,a,,,,"])
    run(9, ["gcp,gs://other/a,checkpoint,p,,5,2026-06-01,,,,,,"])

    assert [
        (name, began, ended, details.get("read_at", "")[:10]) for name, _, began, ended, details in history(database)
    ] == [
        ("gs://ml/a", 1, 9, "2026-07-01"),
        ("gs://ml/a", 9, None, "2026-11-03"),
        ("gs://ml/b", 1, 9, ""),
        ("gs://other/a", 9, None, ""),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("aws,arn:aws:s3:::ml,checkpoint,,,5,2026-06-01,,,,,,", "s3://bucket/folder/"),
        ("azure,az://account/container,checkpoint,,,5,2026-06-01,,,,,,", "s3://bucket/folder/"),
        ("aws,s3://ml/a,checkpoint,,,,2026-06-01,,,,,,", "size_bytes"),
        ("aws,s3://ml/a,checkpoint,,,5,,,,,,,", "modified_at"),
        ("aws,s3://ml/a,checkpoint,,,5,2026-06-01,2026-05-01,,,,,", "read_at"),
        ("aws,s3://ml/a,checkpoint,,,5,2026-06-01,,,perhaps,,,", "kept"),
    ],
)
def test_what_cannot_be_read_is_told(run: Run, line: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        run(1, [line])
    assert said in str(caught.value.where)
