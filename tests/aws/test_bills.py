"""Bills from S3: by manifest, whole or not at all, once; against a server that answers as S3 does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.connections import AwsConnection
from aispend.errors import AispendError
from aispend.store import Store
from collectors.aws.bills import Bills, manifest_key
from collectors.aws.clients import AwsClients
from collectors.aws.policy import actions
from collectors.runner import SourceReport
from sample.object_store import ObjectStore, serving
from tests.aws.double import Aws

EXPORT = "focus"
HEADER = (
    "BilledCost,BillingAccountId,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,"
    "ChargeDescription,ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,"
    "ListCost,PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,ResourceId,ServiceCategory,ServiceName,"
    "SubAccountId,Tags"
)
Run = Callable[..., SourceReport]


def line(month: str, cost: str, account: str = "111122223333") -> str:
    start, end = f"{month}-03T00:00:00Z", f"{month}-04T00:00:00Z"
    last = date(int(month[:4]) + int(month[5:]) // 12, int(month[5:]) % 12 + 1, 1)
    return (
        f"{cost},{account},USD,{last}T00:00:00Z,{month}-01T00:00:00Z,Usage,,GPU,Usage-Based,{end},{start},{cost},{cost},"
        f"AWS,{cost},24,Hours,AWS,AWS,us-east-1,i-1,Compute,Amazon EC2,222233334444,"
    )


class Bucket:
    """A delivery in the making: data files first, the manifest after them, as AWS does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = 1_795_237_200  # an hour before the tests' now

    def put(self, key: str, content: str | bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.clock += 10
        os.utime(path, (self.clock, self.clock))

    def deliver(self, month: str, *files: list[str], run: str = "run-1", folder: str = "") -> None:
        keys = []
        for number, lines in enumerate(files, start=1):
            key = f"{EXPORT}/data/BILLING_PERIOD={month}/{folder}{EXPORT}-{number:05d}.csv"
            self.put(key, "\n".join([HEADER, *lines]) + "\n")
            keys.append(f"s3://bills/{key}")
        self.manifest(month, keys, run)

    def manifest(self, month: str, keys: list[Any], run: str) -> None:
        said = {"executionId": run, "billingPeriod": {"start": f"{month}-01T00:00:00.000Z"}, "dataFiles": keys}
        self.put(f"{EXPORT}/metadata/BILLING_PERIOD={month}/{EXPORT}-Manifest.json", json.dumps(said))


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path / "bucket")


@pytest.fixture
def store_url(bucket: Bucket, aws: Aws) -> Iterator[str]:
    """S3 itself; ``aws`` gives the credentials."""
    with serving(ObjectStore({"bills": bucket.root})) as url:
        yield url


@pytest.fixture
def bills(store_url: str, clock: Any) -> Callable[[], Bills]:
    """A new collector each time, as a new run has one."""

    def made() -> Bills:
        export = {"bucket": "bills", "name": EXPORT, "region": "us-east-1"}
        connection = AwsConnection.model_validate({"endpoint_url": store_url, "export": [export]})
        return Bills(AwsClients(connection), clock)

    return made


def billed(store: Store) -> dict[str, str]:
    query = "SELECT to_char(billing_month, 'YYYY-MM'), sum(billed_cost)::text FROM charge GROUP BY 1 ORDER BY 1"
    with store.engine.connect() as connection:
        return {month: f"{Decimal(total).normalize():f}" for month, total in connection.execute(text(query))}


def test_a_month_is_every_file_of_its_manifest_and_nothing_else(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store
) -> None:
    bucket.put(f"{EXPORT}/data/BILLING_PERIOD=2026-11/{EXPORT}-00009.csv", HEADER + "\n" + line("2026-11", "999"))
    bucket.deliver("2026-11", [line("2026-11", "1.25")], [line("2026-11", "2.5", "111122223333")])
    bucket.deliver("2026-10", [line("2026-10", "4")])

    report = run(bills(), first=date(2026, 10, 1), end=date(2026, 11, 21))

    assert (report.error, report.loaded) == (None, 2)
    assert billed(database) == {"2026-10": "4", "2026-11": "3.75"}


def test_a_second_run_asks_for_the_manifests_alone_and_changes_nothing(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store
) -> None:
    for month in ("2026-08", "2026-09", "2026-10", "2026-11"):
        bucket.deliver(month, [line(month, "4")])
    assert run(bills()).loaded == 4

    again = run(bills())

    assert (again.loaded, again.unchanged) == (0, 3)  # August was collected after AWS had stopped changing it
    assert again.requests == {"s3.GetObject": 3 + 2}, "and two months that are not there"


def test_months_from_before_the_export_are_not_asked_for_again_and_again(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store
) -> None:
    bucket.deliver("2026-11", [line("2026-11", "4")])
    run(bills())

    assert run(bills()).requests == {"s3.GetObject": 3}  # this month, and two that are not there


def test_an_export_that_never_delivered_is_not_nothing_new(
    bucket: Bucket, bills: Callable[[], Bills], run: Run
) -> None:
    report = run(bills())
    assert "Nothing was delivered yet." in (report.error or "")
    assert "export focus in bills" in (report.error or "")
    assert "check bucket, prefix and name" in (report.error or "")

    bucket.deliver("2026-11", [line("2026-11", "3")])
    assert (run(bills()).error, run(bills()).error) == (None, None)


def test_a_new_run_replaces_the_month_whole(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store
) -> None:
    bucket.deliver("2026-11", [line("2026-11", "1"), line("2026-11", "2")])
    run(bills())
    bucket.deliver("2026-11", [line("2026-11", "7")], run="run-2", folder="2026-11-20T12:00:00.000Z-0a0b0c0d-1/")

    assert run(bills()).loaded == 1
    assert billed(database) == {"2026-11": "7"}


@pytest.mark.parametrize("case", ["a file is missing", "a file is newer", "another manifest at the end"])
def test_a_delivery_caught_half_way_is_waited_for_and_what_was_there_stays(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store, case: str
) -> None:
    bucket.deliver("2026-11", [line("2026-11", "1")])
    assert run(bills()).loaded == 1
    bucket.deliver("2026-11", [line("2026-11", "5")], run="run-2")
    data = bucket.root / EXPORT / "data/BILLING_PERIOD=2026-11" / f"{EXPORT}-00001.csv"
    collector = bills()
    if case == "a file is missing":
        data.unlink()
    elif case == "a file is newer":
        bucket.put(str(data.relative_to(bucket.root)), HEADER + "\n" + line("2026-11", "6"))
    else:
        collector.clients.client("s3", region="us-east-1").meta.events.register(
            "after-call.s3.HeadObject", lambda **_: bucket.deliver("2026-11", [line("2026-11", "6")], run="run-3")
        )

    report = run(collector)

    (one,) = report.slices
    assert (one.outcome, report.error) == ("waiting", None)
    assert billed(database) == {"2026-11": "1"}
    if case == "a file is missing":
        bucket.deliver("2026-11", [line("2026-11", "5")], run="run-2")
        assert run(bills()).loaded == 1, "the next run takes it up"
        assert billed(database) == {"2026-11": "5"}


@pytest.mark.parametrize(
    ("manifest", "says"),
    [('{"dataFiles": ', "cannot be read"), ('{"executionId": "1"}', "names no data files"), ("[]", "cannot be read")],
)
def test_a_malformed_manifest_fails_its_month_alone(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store, manifest: str, says: str
) -> None:
    bucket.deliver("2026-10", [line("2026-10", "4")])
    bucket.put(f"{EXPORT}/metadata/BILLING_PERIOD=2026-11/{EXPORT}-Manifest.json", manifest)

    report = run(bills(), first=date(2026, 10, 1), end=date(2026, 11, 21))

    assert billed(database) == {"2026-10": "4"}
    (message,) = [one.message for one in report.slices if one.outcome == "failed"]
    assert says in message
    assert f"{EXPORT}-Manifest.json" in message


def test_an_empty_delivery_where_there_was_a_bill_is_an_error_until_confirmed(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store
) -> None:
    bucket.deliver("2026-11", [line("2026-11", "1")])
    run(bills())
    bucket.deliver("2026-11", [], run="run-2")

    report = run(bills())

    assert report.failures == 1
    assert billed(database) == {"2026-11": "1"}


def test_without_exports_in_the_settings_the_account_is_asked(aws: Aws, clock: Any, run: Run, bucket: Bucket) -> None:
    query = "SELECT * FROM FOCUS_1_2_AWS"
    place = {
        "S3Bucket": "bills",
        "S3Prefix": "exports/",
        "S3Region": "eu-west-1",
        "S3OutputConfigurations": {
            "OutputType": "CUSTOM",
            "Format": "PARQUET",
            "Compression": "PARQUET",
            "Overwrite": "OVERWRITE_REPORT",
        },
    }
    arn = "arn:aws:bcm-data-exports:us-east-1:111122223333:export/focus-1"
    aws.on(
        "bcm-data-exports.ListExports",
        {"Exports": [{"ExportArn": arn, "ExportName": EXPORT, "ExportStatus": {"StatusCode": "HEALTHY"}}]},
    )
    export = {
        "Name": EXPORT,
        "DataQuery": {"QueryStatement": query},
        "DestinationConfigurations": {"S3Destination": place},
        "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
    }
    aws.on("bcm-data-exports.GetExport", {"Export": export})
    collector = Bills(AwsClients(AwsConnection(endpoint_url=aws.url)), clock)
    (found,) = collector.exports

    assert manifest_key(found, date(2026, 12, 1)) == (
        "exports/focus/metadata/BILLING_PERIOD=2026-12/focus-Manifest.json"
    )
    assert found.region == "eu-west-1"
    assert set(aws.operations()) <= set(collector.operations)


def test_a_legacy_report_names_its_month_by_its_days() -> None:
    from aispend.connections import AwsExport

    report = AwsExport(bucket="b", prefix="cur", name="hourly", kind="legacy-cur")
    assert manifest_key(report, date(2026, 12, 1)) == "cur/hourly/20261201-20270101/hourly-Manifest.json"


def test_what_is_declared_is_what_the_policy_must_allow() -> None:
    assert set(actions(Bills.operations)) == {
        "bcm-data-exports:ListExports",
        "bcm-data-exports:GetExport",
        "cur:DescribeReportDefinitions",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
    }


def test_a_truncated_object_is_gone_on_with_and_given_up_in_the_end(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sample import object_store

    bucket.deliver("2026-11", [line("2026-11", "1")] * 2000)
    whole = object_store._Handler._object
    cut: list[str] = []

    def broken(self: Any, name: str, key: str) -> None:
        """Half of what is asked for, then the connection ends."""
        if not key.endswith(".csv") or self.command == "HEAD" or len(cut) >= 3:
            whole(self, name, key)
            return
        cut.append(self.headers.get("Range") or "whole")
        command, self.command = self.command, "HEAD"
        whole(self, name, key)  # the headers of a whole answer
        self.command = command
        path = self.store.find(name, key)
        first, last = object_store._range(self.headers.get("Range"), path.stat().st_size)
        self.wfile.write(path.read_bytes()[first : first + (last - first) // 2])
        self.close_connection = True

    monkeypatch.setattr(object_store._Handler, "_object", broken)

    assert run(bills()).loaded == 1
    assert billed(database) == {"2026-11": "2000"}
    assert cut[0] == "whole"
    assert all(again.startswith("bytes=") for again in cut[1:])


def test_credentials_that_expire_on_the_way_keep_what_was_done_and_the_next_run_goes_on(
    bucket: Bucket, bills: Callable[[], Bills], run: Run, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sample import object_store

    for month in ("2026-09", "2026-10", "2026-11"):
        bucket.deliver(month, [line(month, "4")])
    whole = object_store._Handler._object
    delivered: list[str] = []

    def expiring(self: Any, name: str, key: str) -> None:
        """Good until the first month is through."""
        if any("2026-11" in one for one in delivered) and "2026-10" in key:
            self._xml(400, "<Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error>")
            return
        if key.endswith(".csv") and self.command == "GET":
            delivered.append(key)
        whole(self, name, key)

    window = {"first": date(2026, 9, 1), "end": date(2026, 11, 21)}
    with monkeypatch.context() as patched:
        patched.setattr(object_store._Handler, "_object", expiring)
        report = run(bills(), **window)

    assert "The AWS credentials have expired." in (report.error or "")
    assert billed(database) == {"2026-11": "4"}

    again = run(bills(), **window)
    assert (again.error, again.loaded, again.unchanged) == (None, 2, 1)
    assert billed(database) == {"2026-09": "4", "2026-10": "4", "2026-11": "4"}


def test_a_failing_source_is_told_and_remembered(bills: Callable[[], Bills], run: Run, database: Store) -> None:
    def refuse(*_: Any) -> Any:
        raise AispendError("no")
        yield

    collector = bills()
    collector.find = refuse  # type: ignore[method-assign]
    report = run(collector)
    assert (report.failed, report.error) == (True, "no")
