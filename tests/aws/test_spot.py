"""Spot markets: steps as AWS lists them, means of settled days, and risks as dated bands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aispend.clock import Clock
from aispend.errors import InputError
from aispend.store import Store
from collectors.aws.clients import AwsClients
from collectors.aws.spot import Spot, read_advisor
from collectors.runner import SourceReport
from tests.aws.double import Aws, RefusalError

D = Decimal
YESTERDAY, TODAY, TOMORROW = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)
Run = Callable[..., SourceReport]


def change(day: int, hour: int, price: str, zone: str = "us-east-1a", **changes: str) -> dict[str, Any]:
    return {
        "AvailabilityZone": zone,
        "InstanceType": "g5.xlarge",
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": price,
        "Timestamp": datetime(2026, 11, day, hour, tzinfo=UTC),
        **changes,
    }


def history(*changes: dict[str, Any], after: str = "") -> dict[str, Any]:
    return {"SpotPriceHistory": list(changes), "NextToken": after}


@pytest.fixture
def make(aws: Aws, connect: Callable[..., AwsClients], clock: Clock) -> Callable[..., Spot]:
    aws.on("ec2.DescribeSpotPriceHistory", history())
    aws.on("ec2.GetSpotPlacementScores", {"SpotPlacementScores": []})
    return lambda **settings: Spot(connect(**settings), clock)


def table(database: Store, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_steps_are_kept_and_a_past_day_gets_its_mean_by_time(
    aws: Aws, make: Callable[..., Spot], run: Run, database: Store
) -> None:
    aws.on(
        "ec2.DescribeSpotPriceHistory",
        [
            history(change(20, 6, "0.5000"), change(18, 3, "0.4000"), after="2"),
            # a page may say again what was said
            history(change(20, 6, "0.5000"), change(19, 1, "0.7000", zone="us-east-1b")),
        ],
    )
    run(make(), first=YESTERDAY, end=TODAY)
    assert table(database, "SELECT zone, changed_at, hourly_price, currency FROM spot_price ORDER BY 1, 2") == [
        ("us-east-1a", datetime(2026, 11, 18, 3, tzinfo=UTC), D("0.4"), "USD"),
        ("us-east-1a", datetime(2026, 11, 20, 6, tzinfo=UTC), D("0.5"), "USD"),
        ("us-east-1b", datetime(2026, 11, 19, 1, tzinfo=UTC), D("0.7"), "USD"),
    ]
    # zone a: 6 h at 0.4 and 18 h at 0.5 are 0.475; with zone b's 0.7 that is 1.175 / 2
    columns = "region, instance_type, term, valid_from, hourly_price, source"
    assert table(database, f"SELECT {columns} FROM price") == [
        ("us-east-1", "g5.xlarge", "spot", YESTERDAY, D("0.5875"), "aws/spot")
    ]
    assert aws.operations().count("ec2.DescribeSpotPriceHistory") == 2, "the empty token of the last page is the end"
    asked = aws.calls[0][1]
    assert asked["ProductDescriptions"] == ["Linux/UNIX"]
    assert {"p5.*", "g5.*", "trn1.*"} <= set(asked["Filters"][0]["Values"])


def test_the_present_day_has_steps_but_no_mean_and_is_asked_for_every_hour(
    aws: Aws, make: Callable[..., Spot], connect: Callable[..., AwsClients], run: Run, database: Store, clock: Clock
) -> None:
    aws.on("ec2.DescribeSpotPriceHistory", history(change(21, 2, "0.5")))
    run(make(), first=TODAY, end=TOMORROW)
    assert table(database, "SELECT count(*) FROM spot_price") == [(1,)]
    assert table(database, "SELECT count(*) FROM price") == [(0,)], "its mean is not known before it is over"

    aws.calls.clear()
    assert run(make(), first=TODAY, end=TOMORROW).loaded == 0
    assert aws.operations() == []
    later = clock().replace(hour=7)
    run(Spot(connect(), lambda: later), first=TODAY, end=TOMORROW)
    assert aws.operations() == ["ec2.DescribeSpotPriceHistory"]


def test_past_days_are_collected_once_and_no_further_back_than_aws_remembers(
    aws: Aws, make: Callable[..., Spot], run: Run
) -> None:
    collector = make(spot_history_days=89)
    run(collector)
    assert aws.operations().count("ec2.DescribeSpotPriceHistory") == 90
    oldest = min(asked["StartTime"] for name, asked, _, _ in aws.calls if name == "ec2.DescribeSpotPriceHistory")
    assert str(oldest).startswith("2026-08-24")
    assert set(aws.operations()) <= set(Spot.operations)
    aws.calls.clear()
    assert run(collector).loaded == 0
    assert aws.operations() == []


def test_what_has_no_accelerator_or_another_product_is_left_out(
    aws: Aws, make: Callable[..., Spot], run: Run, database: Store
) -> None:
    windows = change(20, 1, "0.9", ProductDescription="Windows")
    aws.on("ec2.DescribeSpotPriceHistory", history(windows, change(20, 1, "0.1", InstanceType="m5.large")))
    run(make(), first=YESTERDAY, end=TODAY)
    assert table(database, "SELECT count(*) FROM spot_price") == [(0,)]


def test_a_closed_region_is_a_remark_asked_once_and_never_taken_for_collected(
    aws: Aws, make: Callable[..., Spot], run: Run
) -> None:
    def answer(_asked: dict[str, Any]) -> dict[str, Any]:
        if aws.calls[-1][2] == "me-south-1":
            raise RefusalError("OptInRequired", status=401)
        return history()

    aws.on("ec2.DescribeSpotPriceHistory", answer)
    report = run(make(regions=("me-south-1", "us-east-1")), first=date(2026, 11, 15), end=TOMORROW)
    assert not report.failed
    assert [note for one in report.slices for note in one.notes] == [
        "The spot market of me-south-1 is unknown: the region is not enabled (OptInRequired)."
    ]
    assert [call[2] for call in aws.calls].count("me-south-1") == 1


def test_throttling_that_lasts_leaves_the_day_to_the_next_run(
    aws: Aws, make: Callable[..., Spot], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    aws.on("ec2.DescribeSpotPriceHistory", [RefusalError("RequestLimitExceeded", status=503)])
    report = run(make(), first=YESTERDAY, end=TODAY)
    assert (report.waiting, report.failed) == (1, False)


def test_scores_are_of_families_with_three_types_and_a_limit_is_a_remark(
    aws: Aws, make: Callable[..., Spot], run: Run, database: Store
) -> None:
    aws.on(
        "ec2.GetSpotPlacementScores",
        [
            {"SpotPlacementScores": [{"Region": "us-east-1", "Score": 7}]},
            RefusalError("InvalidParameterValue"),
            RefusalError("MaxConfigLimitExceeded"),
        ],
    )
    report = run(make(), first=TODAY, end=TODAY)
    ((family, low, high, day),) = table(database, "SELECT instance_type, low, high, as_of FROM spot_risk")
    assert (low, high, day) == (7, 7, TODAY)
    asked = next(asked for name, asked, _, _ in aws.calls if name == "ec2.GetSpotPlacementScores")
    assert len(asked["InstanceTypes"]) >= 3
    assert {name.split(".")[0] for name in asked["InstanceTypes"]} == {family}
    retired, limited = [note for one in report.slices for note in one.notes]
    assert retired.startswith("AWS gives no placement scores for ")
    assert limited.startswith("AWS limits how often placement scores are asked for: none from ")
    assert aws.operations().count("ec2.GetSpotPlacementScores") == 3


ADVISOR = {
    "ranges": [{"index": 0, "label": "<5%"}, {"index": 1, "label": "5-10%"}, {"index": 4, "label": ">20%"}],
    "spot_advisor": {
        "us-east-1": {
            "Linux": {"p4d.24xlarge": {"s": 67, "r": 1}, "g5.xlarge": {"s": 59, "r": 4}, "m5.large": {"s": 50, "r": 0}},
            "Windows": {"g5.xlarge": {"s": 9, "r": 0}},
        }
    },
}


def test_bands_come_from_the_copy_in_the_settings_and_again_when_it_is_replaced(
    aws: Aws, make: Callable[..., Spot], run: Run, database: Store, tmp_path: Path
) -> None:
    path = tmp_path / "spot-advisor-data.json"
    path.write_text(json.dumps(ADVISOR), encoding="utf-8")
    collector = make(spot_advisor=str(path))
    run(collector, first=TODAY, end=TODAY)
    query = "SELECT instance_type, low, high FROM spot_risk WHERE measure = 'interruption_rate' ORDER BY 1"
    assert table(database, query) == [("g5.xlarge", D("0.2"), D(1)), ("p4d.24xlarge", D("0.05"), D("0.1"))]
    assert run(collector, first=TODAY, end=TODAY).loaded == 0

    path.write_text("[]", encoding="utf-8")
    (failed,) = [one for one in run(collector, first=TODAY, end=TODAY).slices if one.outcome == "failed"]
    assert "not AWS's spot advisor file" in failed.message
    path.unlink()
    (failed,) = [one for one in run(collector, first=TODAY, end=TODAY).slices if one.outcome == "failed"]
    assert "cannot be read" in failed.message
    assert len(table(database, query)) == 2, "what was known stays"


def test_the_public_copy_of_the_advisor_reads_as_its_description_says(public_data: Path) -> None:
    rows = read_advisor(public_data / "price_aws_spot_advisor" / "spot-advisor-data.json", date(2026, 11, 1))
    bands = {(row["region"], row["instance_type"]): (row["low"], row["high"]) for row in rows}
    assert bands["us-east-1", "p4d.24xlarge"] == (D("0.10"), D("0.15"))
    assert bands["us-east-1", "g5.xlarge"] == (D("0.20"), D(1))
    assert len(rows) == 836
    with pytest.raises(InputError):
        read_advisor(public_data / "README.md", date(2026, 11, 1))


def test_a_first_run_goes_back_as_far_as_the_settings_say_unless_a_person_asks(
    aws: Aws, make: Callable[..., Spot], run: Run
) -> None:
    run(make(regions=("eu-west-1", "us-east-1"), spot_history_days=3))
    assert aws.operations().count("ec2.DescribeSpotPriceHistory") == 2 * 4
    aws.calls.clear()
    run(make(spot_history_days=3), first=date(2026, 11, 11), end=TOMORROW)
    assert aws.operations().count("ec2.DescribeSpotPriceHistory") == 11 - 4


def test_a_denied_region_is_a_remark_and_asked_again_and_where_all_are_denied_the_source_fails(
    aws: Aws, make: Callable[..., Spot], run: Run, database: Store
) -> None:
    denied = {"ap-northeast-1"}

    def answer(_asked: dict[str, Any]) -> dict[str, Any]:
        if aws.calls[-1][2] in denied:
            raise RefusalError("UnauthorizedOperation", "explicit deny in a service control policy", status=403)
        return history(change(20, 3, "1.0"))

    both = ("ap-northeast-1", "us-east-1")
    collector = make(regions=both)
    aws.on("ec2.DescribeSpotPriceHistory", answer)
    report = run(collector, first=YESTERDAY, end=TODAY)
    assert (report.error, report.failures) == (None, 0)
    assert report.slices[0].notes == (
        "The spot market of ap-northeast-1 is unknown: the permission is missing (UnauthorizedOperation).",
    )
    assert table(database, "SELECT DISTINCT region FROM spot_price") == [("us-east-1",)]

    denied.clear()
    run(make(regions=both), first=YESTERDAY, end=TODAY)
    assert len(table(database, "SELECT DISTINCT region FROM spot_price")) == 2

    denied |= {*both}
    assert "denies DescribeSpotPriceHistory" in str(run(make(regions=both), first=TODAY, end=TOMORROW).error)


def test_a_limit_on_the_first_family_keeps_the_scores_there_are(
    aws: Aws, make: Callable[..., Spot], connect: Callable[..., AwsClients], run: Run, database: Store
) -> None:
    collector = make()
    aws.on("ec2.GetSpotPlacementScores", {"SpotPlacementScores": [{"Region": "us-east-1", "Score": 7}]})
    run(collector, first=TODAY, end=TODAY)
    before = table(database, "SELECT count(*) FROM spot_risk")
    aws.on("ec2.GetSpotPlacementScores", [RefusalError("MaxConfigLimitExceeded")])
    tomorrow = Spot(connect(), lambda: datetime(2026, 11, 22, 6, tzinfo=UTC))
    report = run(tomorrow, first=TOMORROW, end=TOMORROW)
    assert not report.failed
    assert table(database, "SELECT count(*) FROM spot_risk") == before
