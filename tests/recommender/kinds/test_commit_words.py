"""What advice to commit says is to be bought, and by which command."""

from __future__ import annotations

import pytest

from tests.recommender.kinds.test_commit import PUBLISHED, advise, pool


@pytest.mark.parametrize(
    ("provider", "bought"),
    [
        ("aws", "--product-type EC2 --plan-types Compute --durations 31536000 --payment-options 'No Upfront'"),
        ("azure", "--sku Compute_Savings_Plan --applied-scope-type Shared --billing-plan P1M"),
    ],
)
def test_what_is_bought_is_what_the_price_is_of(provider: str, bought: str) -> None:
    """The list's year is one of a plan for any machine: 1.20 an hour at 0.6 cover 2.00 on demand.

    Of an EC2 Instance plan at 0.5 as much money would cover 2.40, and a fifth more than is used would be paid for.
    """
    command = advise(pool(PUBLISHED, provider=provider)).command
    assert bought in command
    if provider == "azure":
        assert "--term P1Y --commitment '{amount:1.20,currency-code:USD,grain:Hourly}'" in command


@pytest.mark.parametrize(
    ("family", "kind", "accelerator"),
    [
        ("a2", "accelerator-optimized", "nvidia-tesla-a100"),
        ("a2-ultragpu", "accelerator-optimized", "nvidia-a100-80gb"),
        ("a3", "accelerator-optimized-a3", "nvidia-h100-80gb"),
        ("a3-megagpu", "accelerator-optimized-a3-mega", "nvidia-h100-mega-80gb"),
        ("g2", "graphics-optimized", "nvidia-l4"),
    ],
)
def test_google_sells_each_series_a_commitment_of_its_own(family: str, kind: str, accelerator: str) -> None:
    """Without its type gcloud would buy cores of N1, and without a reservation no accelerators."""
    command = advise(pool(PUBLISHED, provider="gcp", family=family, region="us-central1")).command
    assert command.splitlines()[-1] == (
        f"gcloud compute commitments create NAME --plan 12-month --type {kind} --region us-central1 --resources "
        f"vcpu=N,memory=N --resources-accelerator type={accelerator},count=N --existing-reservation "
        "name=RESERVATION,zone=ZONE"
    )


def test_what_google_sells_no_commitment_to_has_no_command() -> None:
    command = advise(pool(PUBLISHED, provider="gcp", family="a4")).command
    assert "gcloud" not in command
    assert "your account team says" in command


def test_machines_of_sagemaker_are_committed_to_by_a_plan_for_these() -> None:
    command = advise(pool(PUBLISHED, family="ml.g5")).command
    assert "--product-type SageMaker --plan-types SageMaker --durations 31536000" in command


def test_the_next_stage_waits_for_the_whole_window_though_less_was_loaded() -> None:
    """Thirty days are loaded today: once sixty lie after the purchase, these are what is looked at."""
    found = advise(pool([10], days=30))
    assert found.evidence["window_days"] == 30
    assert "once 60 days after that day are billed" in found.reason
