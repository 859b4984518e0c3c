"""The sample's AWS bill through the collector of real accounts, against its ground truth."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from aispend.cli.trial import collect_aws
from aispend.settings import Settings
from aispend.store import Store
from sample.company import SampleCompany
from tests.sample.conftest import Ask


def test_the_restated_month_is_collected_twice_and_closes_to_the_truth(
    company: SampleCompany, ask: Ask, database: Store, store_settings: Settings
) -> None:
    first = collect_aws(company.restated_first / "aws", database, store_settings, None)
    second = collect_aws(company.bills[0], database, store_settings, None)

    assert (first.loaded, second.loaded) == (1, 13)
    ((truth,),) = ask("SELECT sum(billed_cost) FROM truth WHERE provider = 'aws'")
    with database.engine.connect() as connection:
        billed = connection.scalar(text("SELECT sum(billed_cost) FROM charge"))
    assert billed == Decimal(str(truth))

    again = collect_aws(company.bills[0], database, store_settings, None)

    assert (again.loaded, again.requests_sent) == (0, 4), "what AWS may still restate, and the month before the first"


def test_keys_lead_nowhere_outside_the_bucket(tmp_path: Path) -> None:
    from sample.object_store import ObjectStore

    (tmp_path / "secret").write_text("x")
    (tmp_path / "bucket").mkdir()
    assert ObjectStore({"bucket": tmp_path / "bucket"}).find("bucket", "../secret") is None
