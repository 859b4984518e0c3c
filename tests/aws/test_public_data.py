"""Public data of AWS's shapes: each set is read by a test, and by which is written here."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.collectors.bill_lines import one, read

TESTS = Path(__file__).resolve().parents[1]
READ_BY = {
    "billing_fivetran_cur": "aws/test_public_data.py",
    "billing_focusconv_aws_cur": "collectors/test_public_bills.py",
    "billing_keboola_cur12": "collectors/test_public_bills.py",
    "price_aws_ondemand": "aws/test_prices.py",
    "price_aws_spot_advisor": "aws/test_spot.py",
    "price_misc": "aws/test_prices.py",
}


@pytest.mark.parametrize("name", READ_BY)
def test_every_set_is_there_and_read_by_the_test_that_is_said_to(name: str, public_data: Path) -> None:
    assert any((public_data / name).iterdir())
    assert f'public_data / "{name}"' in (TESTS / READ_BY[name]).read_text(encoding="utf-8")


def test_a_delivery_folder_of_cur_2_counts_each_bill_once(public_data: Path, tmp_path: Path) -> None:
    """Manifest, the same run as it lies in S3, and a loose copy: four lines, 0.108304 USD, not three times that."""
    (only,) = read(public_data / "billing_keboola_cur12" / "cur_2_0", tmp_path)
    assert (only.delivery.line.dataset, len(only.lines)) == ("cur2", 4)
    assert only.total("billed_cost") == Decimal("0.108304")
    assert only.delivery.change_token.startswith("test-exec-id-12345:")
    assert sum("passed over" in note for note in only.delivery.line.notes) == 3


def test_a_wide_cur_with_blank_money_is_refused_line_by_line_and_never_taken_for_nothing(
    public_data: Path, tmp_path: Path
) -> None:
    """228 columns of which a loader filled few: none of its lines says what it cost."""
    found = one(public_data / "billing_fivetran_cur" / "aws_cost_report.csv", tmp_path)
    assert (found.delivery.line.dataset, found.lines) == ("cur2", [])
    assert found.refused
