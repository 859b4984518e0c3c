"""Bills that are restated late, have gaps, are copied in the wrong order, or name what is not theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from aispend.store import Store
from collectors.aws.bills import Bills
from tests.aws.test_bills import EXPORT, Bucket, Run, billed, bills, bucket, line, store_url

__all__ = ["bills", "bucket", "store_url"]  # fixtures
NOVEMBER = {"first": date(2026, 11, 1), "end": date(2026, 11, 21)}
JUNE = {"first": date(2026, 6, 1), "end": date(2026, 7, 1)}
DAY_SECONDS = 86_400


def test_an_old_month_that_was_restated_is_taken_up_where_a_person_asks(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store
) -> None:
    bucket.deliver("2026-06", [line("2026-06", "4")])
    run(bills(), **JUNE)
    bucket.deliver("2026-06", [line("2026-06", "9")], run="restated")

    assert run(bills()).loaded == 0, "AWS changes it no more, and nobody asks"
    assert run(bills(), **JUNE).loaded == 1
    assert billed(database) == {"2026-06": "9"}
    assert run(bills(), **JUNE).requests == {"s3.GetObject": 1}


@pytest.mark.parametrize("window", [{}, {"first": date(2026, 6, 1), "end": date(2026, 11, 21)}])
def test_months_behind_a_gap_are_found(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store, window: dict[str, date]
) -> None:
    for month in ("2026-11", "2026-07", "2026-06"):
        bucket.deliver(month, [line(month, "4")])
    run(bills(), **window)
    assert billed(database) == {"2026-06": "4", "2026-07": "4", "2026-11": "4"}


@pytest.mark.parametrize(
    "key", ["{outside}", "s3://bills/{outside}", "../../../../{name}", f"{EXPORT}/../../x.csv", ""]
)
def test_a_manifest_cannot_make_it_write_elsewhere(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """S3 takes any key; the test's bucket, which is a folder, does not: it answers with one file for all."""
    from collectors.aws import bills as module

    outside = tmp_path / "outside.csv"
    bucket.deliver("2026-11", [line("2026-11", "4")])
    good = f"{EXPORT}/data/BILLING_PERIOD=2026-11/{EXPORT}-00001.csv"
    bucket.manifest("2026-11", [good, key.format(outside=outside, name="outside.csv")], "evil")
    ready = module._ready
    monkeypatch.setattr(module, "_ready", lambda s3, manifest, _key, now: ready(s3, manifest, good, now))

    report = run(bills(), **NOVEMBER)

    assert "names a file outside the delivery" in report.slices[0].message
    assert not outside.exists()


def test_a_copied_bucket_whose_manifest_came_first_fails_once_no_delivery_can_be_under_way(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store
) -> None:
    bucket.deliver("2026-11", [line("2026-11", "4")])
    data = f"{EXPORT}/data/BILLING_PERIOD=2026-11/{EXPORT}-00001.csv"
    bucket.put(data, (bucket.root / data).read_bytes())
    assert run(bills(), **NOVEMBER).waiting == 1

    bucket.clock -= 2 * DAY_SECONDS
    bucket.deliver("2026-11", [line("2026-11", "4")])
    bucket.put(data, (bucket.root / data).read_bytes())
    report = run(bills(), **NOVEMBER)
    assert (report.failed, report.waiting) == (True, 0)
    assert "copy the manifests last" in report.slices[0].message


def test_a_file_that_never_comes_is_a_failure_and_not_waited_for(
    bucket: Bucket, bills: Callable[[], Bills], run: Run
) -> None:
    bucket.clock -= 2 * DAY_SECONDS
    bucket.manifest("2026-11", [f"{EXPORT}/data/gone.csv"], "run-1")
    report = run(bills(), **NOVEMBER)
    assert report.failed
    assert "is not there" in report.slices[0].message
