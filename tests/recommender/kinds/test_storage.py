"""Disks no machine has: money by hand, what is refused, and that nothing is deleted at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aispend.advising import Recommend
from recommender.contract import Advice, DailyCost, WhyNot
from recommender.kinds.storage import KIND, evaluate
from recommender.subjects.storage import Volume
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.contract import KindContract

D = Decimal
Make = Callable[..., Volume]


def daily(amount: str, days: int = 40) -> list[DailyCost]:
    return [
        DailyCost(
            day=(AS_OF - timedelta(days=days - number)).date(),
            hours=24,
            list_cost=D(amount),
            effective_cost=D(amount),
            uncovered_effective_cost=D(amount),
            is_spot=False,
        )
        for number in range(days)
    ]


@pytest.fixture
def make_volume() -> Make:
    """2,000 GiB of gp3 in Virginia, unattached for 40 days, without charges of its own."""

    def make(**overrides: Any) -> Volume:
        since = AS_OF - timedelta(days=40)
        values: dict[str, Any] = {
            "resource_key": 7,
            "resource_id": "vol-0a1b",
            "provider": "aws",
            "account": "111122223333",
            "region": "us-east-1",
            "currency": "USD",
            "tags": {},
            "model": None,
            "team": None,
            "first_seen": since.date(),
            "costs": [],
            "as_of": AS_OF,
            "name": "checkpoints",
            "size_gib": D(2000),
            "volume_type": "gp3",
            "iops": D(3000),
            "throughput": D(125),
            "zone": "us-east-1a",
            "unattached_since": since,
            "seen_at": AS_OF,
        }
        return Volume(**(values | overrides))

    return make


def advise(volume: Volume) -> Advice:
    answer = evaluate(volume, Recommend())
    assert isinstance(answer, Advice), answer
    return answer


def refuse(volume: Volume) -> str:
    answer = evaluate(volume, Recommend())
    assert isinstance(answer, WhyNot), answer
    assert answer.explanation.endswith(".")
    return answer.reason


def test_at_list_price_less_the_snapshot(make_volume: Make) -> None:
    """2,000 × 0.08 = 160 a month; its snapshot 2,000 × 0.05 = 100, of which a month is paid beside the disk."""
    advice = advise(make_volume())

    assert advice.monthly_cost == D("160.00")
    assert (advice.saving.list_cost, advice.saving.effective, advice.saving.net) == (D("60.00"),) * 3
    assert advice.one_off_cost == D("100.00")
    assert advice.confidence == "medium"
    assert "unknown at your rate" in advice.reason
    assert advice.evidence["rate"] == "list"
    # the disk is there, what it costs you is not known: shown, and not counted before somebody looked
    assert advice.gate == "the rate you pay for this disk"
    assert not advice.estimate_only
    assert advice.saving.p10 is None


def test_a_bill_in_euros_has_the_list_in_dollars_at_the_newest_rate(make_volume: Make) -> None:
    """At 0.9 EUR a dollar: 160 are 144, the snapshot's 100 are 90. Charges of 4.80 EUR a day, 146 a month, less 90."""
    euros = {"currency": "EUR", "per_dollar": D("0.9")}
    listed = advise(make_volume(**euros))
    assert (listed.monthly_cost, listed.saving.net, listed.one_off_cost) == (D("144.00"), D("54.00"), D("90.00"))
    assert advise(make_volume(**euros, costs=daily("4.80"))).saving.net == D("56.00")
    assert listed.evidence["price_source"].endswith("; 0.9 EUR a USD")


def test_without_a_rate_it_is_said_what_is_missing(make_volume: Make) -> None:
    answer = evaluate(make_volume(currency="EUR", costs=daily("4.80")), Recommend())
    assert isinstance(answer, WhyNot)
    assert "no rate to EUR is loaded (aispend import-rates)" in answer.explanation


def test_at_your_rate_where_the_bill_has_its_charges(make_volume: Make) -> None:
    """4.80 a day × 730 ÷ 24 = 146.00 a month, less 100 for the snapshot."""
    advice = advise(make_volume(costs=daily("4.80")))

    assert advice.monthly_cost == D("146.00")
    assert advice.saving.net == D("46.00")
    assert advice.confidence == "high"
    assert advice.gate is None
    assert "list price" not in advice.reason


def test_a_price_of_the_list_itself_needs_no_word_of_where_it_is_from(make_volume: Make) -> None:
    assert "A price is" not in advise(make_volume()).reason
    assert " A price is what several others repeat of the list (" in advise(make_volume(region="us-east-2")).reason


def test_nothing_is_deleted_in_the_first_step(make_volume: Make) -> None:
    advice = advise(make_volume(resource_id="vol-1; rm -rf ~"))
    runs = [line for line in advice.command.splitlines() if not line.startswith("#")]

    assert len(runs) == 1
    assert runs[0].startswith("aws ec2 create-snapshot --volume-id 'vol-1; rm -rf ~'")
    assert "30 days later" in advice.command
    assert "delete-volume" in advice.command
    assert "create-volume --snapshot-id" in advice.undo


DISK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d1"


@pytest.mark.parametrize(
    ("disk", "saved", "takes", "ends"),
    [
        (
            # 200 GiB × 0.17 = 34, less 10 for the snapshot in the disk's region; where it goes else costs 0.065
            {
                "provider": "gcp",
                "resource_id": "//compute.googleapis.com/projects/p1/zones/us-central1-a/disks/d1",
                "region": "us-central1",
                "volume_type": "pd-ssd",
                "size_gib": D(200),
            },
            "24.00",
            "gcloud compute snapshots create SNAPSHOT --source-disk d1 --source-disk-zone us-central1-a --project p1"
            " --storage-location us-central1",
            "gcloud compute disks delete d1 --zone us-central1-a --project p1",
        ),
        (
            # billed as P30: 135.17, less 1,000 × 0.05 for the snapshot in standard storage
            {
                "provider": "azure",
                "resource_id": DISK,
                "region": "eastus",
                "volume_type": "Premium_LRS",
                "size_gib": D(1000),
            },
            "85.17",
            f"az snapshot create --name SNAPSHOT --resource-group GROUP --source {DISK} --sku Standard_LRS",
            f"az disk delete --ids {DISK}",
        ),
    ],
)
def test_each_cloud_has_its_words(make_volume: Make, disk: dict[str, Any], saved: str, takes: str, ends: str) -> None:
    advice = advise(make_volume(**disk))
    assert advice.saving.net == D(saved)
    assert " A price is from a copy of the list (" in advice.reason
    assert ", looked up on 2026-11-21: compare it with the list first." in advice.reason
    assert takes in advice.command.splitlines()
    assert f"# {ends}" in advice.command.splitlines()


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"tags": {"Keep": "yes"}}, "excluded"),
        ({"unattached_since": AS_OF - timedelta(days=31, hours=23)}, "too_new"),
        ({"seen_at": AS_OF - timedelta(days=9)}, "too_new"),
        ({"size_gib": None}, "size_unknown"),
        ({"volume_type": None}, "price_unknown"),
        ({"region": "eu-west-3"}, "price_unknown"),
        ({"currency": "EUR"}, "price_unknown"),
        ({"volume_type": "st1"}, "no_saving"),
        ({"iops": D(40_000), "volume_type": "io2"}, "price_unknown"),
    ],
)
def test_what_is_refused(make_volume: Make, overrides: dict[str, Any], reason: str) -> None:
    assert refuse(make_volume(**overrides)) == reason


@pytest.mark.parametrize("seen_at", [datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)])
def test_a_charge_of_every_month_is_of_its_days(make_volume: Make, seen_at: datetime) -> None:
    """155 on the first of October and 150 on that of November are 5 a day, on whatever day one looks: 152.08 a month,
    less 100 for the snapshot."""
    charged = {date(2026, 10, 1): "155", date(2026, 11, 1): "150"}
    costs = [replace(cost, day=day) for day, amount in charged.items() for cost in daily(amount, 1)]
    since = datetime(2026, 9, 1, tzinfo=UTC)
    advice = advise(make_volume(costs=costs, as_of=seen_at, seen_at=seen_at, unattached_since=since))
    assert (advice.monthly_cost, advice.saving.net) == (D("152.08"), D("52.08"))


def test_a_disk_with_charges_of_unknown_cost_is_not_priced_by_the_list(make_volume: Make) -> None:
    costs = [replace(cost, effective_cost=None, uncovered_effective_cost=None) for cost in daily("5")]
    assert refuse(make_volume(costs=costs)) == "cost_unknown"


class TestStorageContract(KindContract):
    """Two TB billed by itself; and one of which the size is unknown."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_volume: Make) -> Volume:
        return make_volume(costs=daily("4.80"))

    @pytest.fixture
    def blind(self, make_volume: Make) -> Volume:
        return make_volume(size_gib=None)
