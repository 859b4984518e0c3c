"""Old snapshots: the arithmetic of the archive by hand, what is left alone, and that nothing is deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from recommender.kinds.storage import KIND, evaluate
from recommender.methods.colder_replay import Life
from recommender.subjects.snapshots import Snapshot
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.asking import advising, refusing
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.test_storage import daily

D = Decimal
Make = Callable[..., Snapshot]


def life(taken_days_ago: float, ended_days_ago: float | None) -> Life:
    """Listed for 200 days, unless it is younger."""
    taken = AS_OF - timedelta(days=taken_days_ago)
    ended = None if ended_days_ago is None else AS_OF - timedelta(days=ended_days_ago)
    return Life(taken, max(taken, AS_OF - timedelta(days=200)), ended)


@pytest.fixture
def make_snapshot() -> Make:
    """The only snapshot of a disk, 2,000 GiB of it written, in Virginia, 120 days old."""

    def make(**overrides: Any) -> Snapshot:
        taken = AS_OF - timedelta(days=120)
        values: dict[str, Any] = {
            "resource_key": 9,
            "resource_id": "arn:aws:ec2:us-east-1:111122223333:snapshot/snap-0a1b",
            "provider": "aws",
            "account": "111122223333",
            "region": "us-east-1",
            "currency": "USD",
            "tags": {},
            "model": None,
            "team": None,
            "first_seen": taken.date(),
            "costs": [],
            "as_of": AS_OF,
            "name": "llama-run-7",
            "volume": "vol-1",
            "volume_gib": D(4000),
            "full_gib": D(2000),
            "taken_at": taken,
            "images": (),
            "older": 0,
            "newer": 0,
            "seen_at": AS_OF,
            "lives": [],
        }
        return Snapshot(**(values | overrides))

    return make


advise = advising(evaluate)
refuse = refusing(evaluate)


def test_a_bill_in_euros_has_the_list_in_dollars_at_the_newest_rate(make_snapshot: Make) -> None:
    """At 0.9 EUR a dollar: 100 are 90, archived 22.50 instead of 25, and a restore costs 54 instead of 60."""
    advice = advise(make_snapshot(currency="EUR", per_dollar=D("0.9")))
    assert (advice.monthly_cost, advice.saving.net) == (D("90.00"), D("67.50"))
    assert advice.evidence["restore_cost"] == "54.00"


def test_the_only_snapshot_of_a_disk_at_list_price(make_snapshot: Make) -> None:
    """2,000 × 0.05 = 100 a month; archived 25. A restore costs 60: eight tenths of a month's saving."""
    advice = advise(make_snapshot())

    assert advice.monthly_cost == D("100.00")
    assert (advice.saving.list_cost, advice.saving.effective, advice.saving.net) == (D("75.00"),) * 3
    assert advice.gate == "the rate you pay for this snapshot"
    assert advice.confidence == "medium"
    assert advice.target == "archive"
    assert advice.evidence["restore_cost"] == "60.00"
    assert advice.evidence["months_a_restore_eats"] == "0.8"
    assert advice.evidence["pays_after_days"] == "22.5"
    assert advice.evidence["price_checked"] == "2026-11-21"
    assert "72 hours" in advice.reason
    assert "replay" not in advice.evidence
    assert advice.violation_bound is None


def test_at_your_rate_where_the_bill_has_its_charges(make_snapshot: Make) -> None:
    """4.80 a day × 730 ÷ 24 = 146.00 a month, less 25."""
    advice = advise(make_snapshot(costs=daily("4.80")))
    assert (advice.monthly_cost, advice.saving.net) == (D("146.00"), D("121.00"))
    assert (advice.gate, advice.confidence) == (None, "high")


def test_of_several_the_bill_says_what_one_holds_at_most(make_snapshot: Make) -> None:
    """In the middle of its lineage: later ones may use its blocks, so it waits for that to be measured."""
    middle = make_snapshot(older=1, newer=1, costs=daily("1.20"))
    advice = advise(middle)
    # 1.20 × 730 ÷ 24 = 36.50, less 25
    assert advice.saving.net == D("11.50")
    assert advice.gate == "how much of it later snapshots of the disk still use"
    assert "list-changed-blocks" in advice.command


def test_a_full_copy_may_cost_more_than_what_changed(make_snapshot: Make) -> None:
    """0.80 a day × 730 ÷ 24 = 24.33 for what changed, and 25 for the whole in the archive."""
    found = refuse(make_snapshot(older=1, newer=1, costs=daily("0.80")))
    assert found.reason == "no_saving"
    assert "25.00" in found.explanation


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"images": ("ami-1",)}, "image_in_use"),
        ({"tags": {"Keep": "yes"}}, "excluded"),
        ({"tags": {"role": "dr"}}, "standby"),
        ({"tags": {"aws:backup:source-resource": "vol-1"}}, "managed"),
        ({"tags": {"aws:dlm:lifecycle-policy-id": "policy-1"}}, "managed"),
        ({"taken_at": AS_OF - timedelta(days=89)}, "too_new"),
        ({"older": None, "newer": None}, "lineage_unknown"),
        ({"older": 3}, "newest"),
        ({"newer": 3}, "first_of_disk"),
        ({"older": 1, "newer": 1}, "own_blocks_unknown"),
        ({"full_gib": None}, "size_unknown"),
        ({"region": "eu-west-3"}, "price_unknown"),
        ({"currency": "EUR"}, "price_unknown"),
    ],
)
def test_what_is_left_alone(make_snapshot: Make, overrides: dict[str, Any], reason: str) -> None:
    assert refuse(make_snapshot(**overrides)).reason == reason


def of_google(make: Make, **overrides: Any) -> Snapshot:
    given = {
        "provider": "gcp",
        "resource_id": "projects/1/global/snapshots/77",
        "account": "ml",
        "region": "us-central1",
    }
    return make(**(given | overrides))


def test_googles_archive_is_taken_of_a_disk_made_of_it(make_snapshot: Make) -> None:
    """2,000 × 0.05 = 100 a month; archived × 0.019 = 38. It pays after 90 × 38 ÷ 100 = 34.2 days."""
    advice = advise(of_google(make_snapshot))

    assert (advice.monthly_cost, advice.saving.effective) == (D("100.00"), D("62.00"))
    assert (advice.evidence["pays_after_days"], advice.evidence["restore_cost"]) == ("34.2", "38.00")
    assert " A price is from an announcement (Compute Engine pricing announcement" in advice.reason
    assert "72 hours" not in f"{advice.reason}{advice.undo}{advice.command}"
    assert [line for line in advice.command.splitlines() if not line.startswith("#")] == [
        "gcloud compute disks create llama-run-7-restored --source-snapshot llama-run-7 --zone ZONE --project ml",
        "gcloud compute snapshots create llama-run-7-archive --source-disk llama-run-7-restored "
        "--source-disk-zone ZONE --snapshot-type ARCHIVE --storage-location us-central1 --project ml",
    ]


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"schedule": "nightly"}, "managed"),
        ({"older": 1, "newer": 1, "full_gib": None}, "size_unknown"),
        ({"older": 1}, "newest"),
        ({"region": "europe-west4"}, "price_unknown"),
    ],
)
def test_what_is_left_alone_at_google(make_snapshot: Make, overrides: dict[str, Any], reason: str) -> None:
    found = refuse(of_google(make_snapshot, **overrides))
    assert found.reason == reason
    assert "aws" not in found.explanation


def test_nothing_is_deleted(make_snapshot: Make) -> None:
    advice = advise(make_snapshot(resource_id="arn:aws:ec2:us-east-1:1:snapshot/snap-1; rm -rf ~"))
    runs = [line for line in advice.command.splitlines() if not line.startswith("#")]
    assert runs == [
        "aws ec2 modify-snapshot-tier --snapshot-id 'snap-1; rm -rf ~' --storage-tier archive --region us-east-1"
    ]
    assert "delete" not in advice.command
    assert "restore-snapshot-tier" in advice.undo


def test_the_rule_is_tried_on_what_became_of_earlier_ones(make_snapshot: Make) -> None:
    """Three were 90 days old and still there 22.5 days later, one was gone after five: one of four."""
    lives = [life(300, 20), life(200, None), life(150, None), life(190, 95), life(40, None)]
    advice = advise(make_snapshot(lives=lives))
    assert advice.evidence["replay"]["tried"] == 4
    assert advice.evidence["replay"]["wrong"] == 1
    # Clopper-Pearson, one of four: (1 − p)⁴ + 4p(1 − p)³ = 0.05
    assert advice.violation_bound == pytest.approx(D("0.7514"), abs=D("0.0005"))


def test_where_most_went_soon_nothing_is_archived(make_snapshot: Make) -> None:
    found = refuse(make_snapshot(lives=[life(190, 95), life(180, 80), life(170, 75), life(150, None)]))
    assert found.reason == "short_lived"


class TestSnapshotContract(KindContract):
    """Two TB billed by themselves; and one of which nobody knows how much is written."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_snapshot: Make) -> Snapshot:
        return make_snapshot(costs=daily("4.80"))

    @pytest.fixture
    def blind(self, make_snapshot: Make) -> Snapshot:
        return make_snapshot(full_gib=None)


def test_azure_has_no_archive_so_what_nobody_restores_is_a_deletion_for_a_person(make_snapshot: Make) -> None:
    name = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Compute/snapshots/a b"
    answer = refuse(make_snapshot(provider="azure", resource_id=name, region="eastus", full_gib=None))
    assert answer.reason == "no_archive"
    assert f"az snapshot delete --ids '{name}'" in answer.explanation
    assert refuse(make_snapshot(provider="azure", older=1)).reason == "newest"
