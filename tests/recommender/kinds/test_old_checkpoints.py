"""Old checkpoints: what moves, what stays, what it saves by hand, and that nothing is deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from recommender.contract import DailyCost
from recommender.kinds.storage import KIND, evaluate
from recommender.subjects.checkpoints import Checkpoint, CheckpointStore, ObjectStorage
from tests.recommender.conftest import AS_OF
from tests.recommender.kinds.asking import advising, refusing
from tests.recommender.kinds.contract import KindContract
from tests.recommender.kinds.test_storage import daily

D = Decimal
GIB = 2**30
Make = Callable[..., CheckpointStore]


def checkpoint(path: str, written: int, read: int | None, **details: Any) -> Checkpoint:
    """Of 500 GiB; written and last read so many days ago."""
    values: dict[str, Any] = {
        "path": path,
        "size_bytes": 500 * GIB,
        "written_at": AS_OF - timedelta(days=written),
        "read_at": None if read is None else AS_OF - timedelta(days=read),
        "run": path.partition("/")[0],
        "objects": 1000,
    }
    return Checkpoint(**(values | details))


RUN = (
    checkpoint("a/1/", 200, 200),
    checkpoint("a/2/", 190, 190),
    checkpoint("a/3/", 180, 180, kept="best"),
    checkpoint("a/4/", 170, 170),
)


@pytest.fixture
def make_store() -> Make:
    """Four checkpoints of a run nobody read; the third is the best and the fourth the newest."""

    def make(*checkpoints: Checkpoint, **overrides: Any) -> CheckpointStore:
        values: dict[str, Any] = {
            "resource_key": 0,
            "resource_id": "s3://ml-runs",
            "provider": "aws",
            "account": "111122223333",
            "region": "us-east-1",
            "currency": "USD",
            "tags": {},
            "model": None,
            "team": None,
            "first_seen": (AS_OF - timedelta(days=200)).date(),
            "costs": [],
            "as_of": AS_OF,
            "bucket": "s3://ml-runs",
            "checkpoints": checkpoints or RUN,
            "seen_at": AS_OF,
            "account_storage": [],
        }
        return CheckpointStore(**(values | overrides))

    return make


advise = advising(evaluate)
refuse = refusing(evaluate)


def test_what_nobody_reads_moves_at_list_price(make_store: Make) -> None:
    """Two of 500 GiB: 1,000 × 0.021 = 21 a month, colder 4. Moving 2,000 objects costs 0.04."""
    advice = advise(make_store())

    assert (advice.monthly_cost, advice.saving.net) == (D("21.00"), D("17.00"))
    assert advice.one_off_cost == D("0.04")
    assert advice.target == "GLACIER_IR"
    assert advice.gate == "the rate you pay for this bucket"
    assert advice.evidence["checkpoints"] == {"listed": 4, "moved": 2, "newest_of_a_run": 1, "kept": 1}
    assert advice.evidence["restore_cost"] == "30.00"
    assert advice.evidence["price_checked"] == "2026-11-21"
    # both were tried when they were 90 days old, and never read afterwards
    assert advice.evidence["replay"]["tried"] == 2
    assert advice.evidence["replay"]["wrong"] == 0


def test_a_bill_in_euros_has_the_list_in_dollars_at_the_newest_rate(make_store: Make) -> None:
    """At 0.5 EUR a dollar 21 and 17 are 10.50 and 8.50, and moving 2,000 objects costs 0.02."""
    advice = advise(make_store(currency="EUR", per_dollar=D("0.5")))
    assert (advice.monthly_cost, advice.saving.net, advice.one_off_cost) == (D("10.50"), D("8.50"), D("0.02"))


def test_at_your_rate_where_the_bucket_has_charges(make_store: Make) -> None:
    """1.20 a day is 36.50 a month, listed at as much; 21 of it × (1 − 0.004 ÷ 0.021) = 17 are saved."""
    advice = advise(make_store(costs=daily("1.20")))
    assert advice.monthly_cost == D("36.50")
    assert advice.saving.net == D("17.00")
    assert advice.gate is None


def test_it_never_saves_more_than_the_bucket_costs(make_store: Make) -> None:
    """0.24 a day is 7.30 a month: all of it × (1 − 0.004 ÷ 0.021) = 5.91."""
    advice = advise(make_store(costs=daily("0.24")))
    assert (advice.monthly_cost, advice.saving.net) == (D("7.30"), D("5.91"))


def test_nothing_is_deleted_and_no_rule_is_overwritten(make_store: Make) -> None:
    advice = advise(make_store())
    runs = [line for line in advice.command.splitlines() if not line.startswith("#")]
    # what the answer has beside its Rules since 2024, TransitionDefaultMinimumObjectSize, a configuration must not have
    assert runs == [
        "aws s3api get-bucket-lifecycle-configuration --bucket ml-runs --query '{Rules: Rules}' > lifecycle.json"
    ]
    assert '# add to its Rules (where there are none yet: {"Rules": []}):' in advice.command.splitlines()
    (rule,) = [json.loads(line[2:].rstrip(",")) for line in advice.command.splitlines() if '"a/1/"' in line]
    assert rule["Filter"] == {"Prefix": "a/1/"}
    assert rule["Transitions"] == [{"Days": 90, "StorageClass": "GLACIER_IR"}]
    assert "Expiration" not in rule
    # expiry is said for later, as the best of the run is marked
    assert "180 days" in advice.command
    unmarked = tuple(replace(one, kept=None) for one in RUN)
    assert "180 days" not in advise(make_store(*unmarked)).command


def test_google_s_file_is_one_that_it_takes_again(make_store: Make) -> None:
    """``lifecycle_config``, as its listings call it, is no key of the file that an update reads: ``lifecycle`` is."""
    bucket = "gs://ml-runs"
    advice = advise(make_store(provider="gcp", bucket=bucket, resource_id=bucket, region="us-central1"))
    (read,) = [line for line in advice.command.splitlines() if not line.startswith("#")]
    assert read == "gcloud storage buckets describe gs://ml-runs --raw --format='json(lifecycle)' > lifecycle.json"
    assert '# add to its rules (where there are none yet: {"lifecycle": {"rule": []}}):' in advice.command.splitlines()


def test_azure_has_its_words(make_store: Make) -> None:
    """1,000 × 0.019136 − 1,000 × 0.0036; 2,000 objects at 0.038 a thousand."""
    bucket = "az://mlstore/runs"
    store = make_store(provider="azure", bucket=bucket, resource_id=bucket, region="eastus")
    advice = advise(store)
    assert advice.saving.net == D("15.54")
    assert advice.one_off_cost == D("0.08")
    assert advice.target == "Cold"
    (read,) = [line for line in advice.command.splitlines() if not line.startswith("#")]
    assert read == (
        "az storage account management-policy show --account-name mlstore --resource-group GROUP --query policy"
        " > policy.json"
    )
    (rule,) = [json.loads(line[2:].rstrip(",")) for line in advice.command.splitlines() if '"runs/a/1/"' in line]
    assert rule["definition"]["filters"] == {"blobTypes": ["blockBlob"], "prefixMatch": ["runs/a/1/", "runs/a/2/"]}
    assert rule["definition"]["actions"] == {"baseBlob": {"tierToCold": {"daysAfterModificationGreaterThan": 90}}}
    assert "aws " not in advice.command


def test_azure_s_rule_names_ten_places_at_most(make_store: Make) -> None:
    listing = [checkpoint(f"a/{number:02}/", 300 - number, 300 - number) for number in range(14)]
    bucket = "az://mlstore/runs"
    store = make_store(*listing, provider="azure", bucket=bucket, resource_id=bucket, region="eastus")
    lines = [line for line in advise(store).command.splitlines() if '"prefixMatch"' in line]
    rules = [json.loads(line[2:].rstrip(",")) for line in lines]
    assert [len(rule["definition"]["filters"]["prefixMatch"]) for rule in rules] == [10, 3]
    assert len({rule["name"] for rule in rules}) == 2


def test_google_has_its_words(make_store: Make) -> None:
    """1,000 × (0.02 − 0.004)."""
    store = make_store(provider="gcp", bucket="gs://ml-runs", resource_id="gs://ml-runs", region="us-central1")
    advice = advise(store)
    assert advice.saving.net == D("16.00")
    assert advice.target == "COLDLINE"
    assert " A price is from a copy of the list (google-cloud-pricing-cost-calculator" in advice.reason
    (rule,) = [line for line in advice.command.splitlines() if "matchesPrefix" in line]
    assert json.loads(rule[2:])["condition"]["matchesPrefix"] == ["a/1/", "a/2/"]


@pytest.mark.parametrize(
    ("checkpoints", "reason"),
    [
        ((checkpoint("a/1/", 200, None), checkpoint("a/2/", 100, None)), "reads_unknown"),
        ((checkpoint("a/1/", 200, 200, run=None), checkpoint("a/2/", 100, 100, run=None)), "runs_unknown"),
        ((checkpoint("a/1/", 200, 20), checkpoint("a/2/", 100, 100)), "in_use"),
        ((checkpoint("a/1/", 200, 200, storage_class="glacier_ir"), checkpoint("a/2/", 100, 100)), "in_use"),
        ((checkpoint("a/1/", 200, 200, tags={"keep": "1"}), checkpoint("a/2/", 100, 100)), "in_use"),
        # a rule for its name would take the newer one along
        ((checkpoint("a/step-1", 200, 200), checkpoint("a/step-10", 100, 100)), "in_use"),
    ],
)
def test_what_stays(make_store: Make, checkpoints: tuple[Checkpoint, ...], reason: str) -> None:
    assert refuse(make_store(*checkpoints)).reason == reason


def test_a_price_that_is_not_known_is_a_reason(make_store: Make) -> None:
    assert refuse(make_store(region="eu-west-3")).reason == "price_unknown"
    assert refuse(make_store(currency="EUR")).reason == "price_unknown"


def test_what_was_read_again_costs_its_readings(make_store: Make) -> None:
    """Of four tried, one was read 100 days after it was written: a quarter of 1,500 GiB read again costs 11.25."""
    again = checkpoint("a/0/", 220, 120)
    advice = advise(make_store(*RUN, again, checkpoint("a/00/", 230, 230)))
    assert advice.evidence["checkpoints"]["moved"] == 4
    assert (advice.evidence["replay"]["tried"], advice.evidence["replay"]["wrong"]) == (4, 1)
    # 2,000 × 0.03 ÷ 4 and 4,000 objects
    assert advice.one_off_cost == D("15.08")
    # Clopper-Pearson, one of four
    assert advice.violation_bound == pytest.approx(D("0.7514"), abs=D("0.0005"))


def test_where_most_were_read_again_nothing_moves(make_store: Make) -> None:
    again = [checkpoint(f"a/{number}0/", 220, 100) for number in range(3)]
    assert refuse(make_store(*again, RUN[3])).reason == "read_again"


def storage(costs: list[DailyCost]) -> ObjectStorage:
    return ObjectStorage(
        resource_key=0,
        resource_id="object-storage:111122223333",
        provider="aws",
        account="111122223333",
        region=None,
        currency="USD",
        tags={},
        model=None,
        team=None,
        first_seen=costs[0].day,
        costs=costs,
        as_of=AS_OF,
    )


def test_without_a_listing_it_says_what_is_missing_and_how_to_get_it() -> None:
    """32 days at 10, but 12 in the last week: 20 % more than in the first; (25 × 10 + 7 × 12) ÷ 32 × 730 ÷ 24."""
    grows = daily("10", days=25)
    grows = [replace(cost, day=cost.day - timedelta(days=7)) for cost in grows] + daily("12", days=7)
    found = refuse(storage(grows))
    assert found.reason == "checkpoints_unlisted"
    assert found.monthly_cost == D("317.47")
    assert "20 % more" in found.explanation
    assert "aispend import-inventory" in found.explanation


class TestCheckpointContract(KindContract):
    """A bucket billed by itself; and one of which nobody knows what was read."""

    kind = KIND

    @pytest.fixture
    def advised(self, make_store: Make) -> CheckpointStore:
        return make_store(costs=daily("1.20"))

    @pytest.fixture
    def blind(self, make_store: Make) -> CheckpointStore:
        return make_store(checkpoint("a/1/", 200, None), checkpoint("a/2/", 100, None))
