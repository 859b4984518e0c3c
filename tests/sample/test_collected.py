"""The sample's bills through the collectors of real accounts, against their ground truth."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from aispend.cli.trial import collect_aws
from aispend.cli.trial_azure import azure_serving, collect_azure_totals
from aispend.cli.trial_cloud import collect_from
from aispend.cli.trial_gcp import google_serving
from aispend.settings import Settings
from aispend.store import Store
from analyzer.reconcile import check
from analyzer.reconcile_totals import PROMISE
from collectors.azure.cloud import Azure
from collectors.gcp.cloud import Gcp
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


@pytest.mark.long
def test_azures_bills_are_collected_restated_and_equal_what_azure_itself_adds_up(
    company: SampleCompany, ask: Ask, database: Store, store_settings: Settings
) -> None:
    final = {"focus-usd": company.bills[1], "focus-eur": company.bills[2]}
    with azure_serving({"focus-usd": company.restated_first / "azure-usd"}) as azure:
        (first,) = collect_from(Azure(), azure, database, store_settings, None, kinds=("bills",))
    with azure_serving(final, company.azure) as azure:
        (second,) = collect_from(Azure(), azure, database, store_settings, None, kinds=("bills",))
        totals = collect_azure_totals(azure, database, store_settings, None)

    assert (first.loaded, second.loaded) == (1, 26)
    truth = dict(ask("SELECT currency, sum(billed_cost) FROM truth WHERE provider = 'azure' GROUP BY 1"))
    query = """SELECT billing_currency, sum(billed_cost) AS billed
               FROM charge JOIN charge_kind USING (charge_kind_key) GROUP BY 1"""
    with database.engine.connect() as connection:
        billed = {row.billing_currency: row.billed for row in connection.execute(text(query))}
        found = [one for one in check(connection) if one.promise == PROMISE]
    assert billed == {currency: Decimal(str(amount)) for currency, amount in truth.items()}
    assert totals.loaded >= 26
    assert {one.currency for one in found} == {"EUR", "USD"}
    assert len({one.period for one in found}) == 13
    assert [one for one in found if not one.holds or one.attention] == []

    with azure_serving(final) as azure:
        (again,) = collect_from(Azure(), azure, database, store_settings, None, kinds=("bills",))

    assert again.loaded == 0
    assert again.requests_sent <= 2 * (1 + 2 + 3), "each export's folders, its scope, and the months still restated"


@pytest.mark.long
def test_googles_bill_is_rolled_up_in_bigquery_and_equals_what_google_itself_adds_up(
    company: SampleCompany, ask: Ask, database: Store, store_settings: Settings
) -> None:
    with google_serving(company) as google:
        (first,) = collect_from(Gcp(), google, database, store_settings, None, kinds=("bills",))
        (again,) = collect_from(Gcp(), google, database, store_settings, None, kinds=("bills",))

    assert first.loaded == 13
    ((truth,),) = ask("SELECT sum(billed_cost) FROM truth WHERE provider = 'gcp'")
    ((lines,),) = ask("SELECT count(*) FROM gcp")
    with database.engine.connect() as connection:
        billed, counted = connection.execute(text("SELECT sum(billed_cost), sum(line_count) FROM charge")).one()
        found = [one for one in check(connection) if one.promise == PROMISE]
    assert (billed, counted) == (Decimal(str(truth)), lines)
    assert len({one.period for one in found}) == 13
    assert len({one.scope for one in found}) == 4, "three projects, and what is of the billing account"
    assert [one for one in found if not one.holds or one.attention] == []

    assert (again.loaded, again.unchanged > 0, again.requests_sent) == (0, True, 4), "the table, and one narrow query"
