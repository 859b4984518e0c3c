"""The table of the billing export, found in a dataset: which one is taken, which is left, and that it is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from aispend.clock import Clock
from aispend.connections import GcpConnection, GcpExport
from collectors.gcp.bills import Bills
from collectors.gcp.clients import GcpClients
from collectors.gcp.finding import chosen
from collectors.runner import SourceReport
from sample.gcp_schema import DETAILED, STANDARD
from tests.gcp.bill import PLAIN, TABLE, line
from tests.gcp.double import Google

Connect = Callable[..., GcpClients]
Run = Callable[..., SourceReport]

DATASET = "billing-host.bills"
OTHER = f"{DATASET}.gcp_billing_export_v1_0288CC"
FOCUS = f"{DATASET}.gcp_billing_export_focus_0177BB"


def both(google: Google) -> None:
    """One account with a detailed and a standard table, another with a standard one alone, and something else."""
    plain = {name: value for name, value in line().items() if name != "resource"}
    google.add(TABLE, DETAILED, [line()])
    google.add(PLAIN, STANDARD, [plain])
    google.add(OTHER, STANDARD, [plain | {"billing_account_id": "0288CC"}])
    google.add(f"{DATASET}.cloud_pricing_export", STANDARD, [plain])


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ([PLAIN], PLAIN),
        ([PLAIN, TABLE], TABLE),
        ([FOCUS, PLAIN], FOCUS),
        ([FOCUS, PLAIN, TABLE], TABLE),
    ],
)
def test_of_an_account_the_table_that_names_resources_is_taken(there: list[str], taken: str) -> None:
    (found,) = chosen(there)
    assert (found.table, set(found.left)) == (taken, set(there) - {taken})


def test_each_billing_account_has_its_table_and_what_is_no_export_has_none() -> None:
    names = [OTHER, PLAIN, f"{DATASET}.cloud_pricing_export", f"{DATASET}.gcp_billing_export_v1_0177BB_copy"]
    assert [one.table for one in chosen(names)] == [PLAIN, OTHER]
    accounts = [f"{DATASET}.gcp_billing_export_v1_012345_567890_ABCDEF", OTHER]
    assert [one.table for one in chosen(accounts, accounts=["012345-567890-ABCDEF"])] == accounts[:1]


def test_a_dataset_is_enough_and_the_run_says_which_table_it_took(
    google: Google, connect: Connect, clock: Clock, run: Run
) -> None:
    both(google)
    report = run(Bills(connect(export=[{"dataset": DATASET}]), clock))

    assert (report.error, report.loaded) == (None, 2)
    assert sorted(one.title for one in report.slices) == [
        "gcp_billing_export_resource_v1_0177BB, 2026-09",
        "gcp_billing_export_v1_0288CC, 2026-09",
    ]
    said = [note for one in report.slices for note in one.notes if "dataset" in note]
    assert said == [
        f"Of account 0177BB in the dataset {DATASET} the detailed export {TABLE} is read; left is {PLAIN} (standard). "
        "To read that one, name it as table."
    ]
    assert report.requests["bigquery.tables.list"] == 1


def test_the_doctor_says_which_table_was_found(google: Google, connect: Connect, clock: Clock) -> None:
    both(google)
    found = [one.what for one in Bills(connect(export=[{"dataset": DATASET}]), clock).examine()]

    assert sum(one.startswith(f"detailed export {TABLE}: reading") for one in found) == 1
    assert sum(one.startswith(f"standard export {OTHER}: reading") for one in found) == 1
    assert sum(f"left is {PLAIN} (standard)" in one for one in found) == 1


def test_a_table_and_its_dataset_are_read_once(google: Google, connect: Connect, clock: Clock, run: Run) -> None:
    """Who names a table of an account reads that one, though another would be preferred."""
    both(google)
    report = run(Bills(connect(export=[{"table": PLAIN}, {"dataset": DATASET}]), clock))
    assert (report.error, report.loaded) == (None, 2)
    assert sorted(one.title for one in report.slices) == [
        "gcp_billing_export_v1_0177BB, 2026-09",
        "gcp_billing_export_v1_0288CC, 2026-09",
    ]


def test_a_dataset_without_an_export_is_told(google: Google, connect: Connect, clock: Clock, run: Run) -> None:
    google.add(f"{DATASET}.cloud_pricing_export", STANDARD, [line()])
    report = run(Bills(connect(export=[{"dataset": DATASET}]), clock))
    assert "no table of a billing export" in (report.error or "")
    assert DATASET in (report.error or "")


def test_it_is_either_a_table_or_a_dataset() -> None:
    for given in ({}, {"table": TABLE, "dataset": DATASET}, {"dataset": "no-project"}):
        with pytest.raises(ValidationError):
            GcpExport.model_validate(given)
    assert GcpExport(dataset=DATASET).place == ("billing-host", "bills")
    assert GcpExport(table="example.com:host.bills.x").place == ("example.com:host", "bills")


def test_only_who_names_a_dataset_grants_listing_it() -> None:
    from collectors.gcp.permissions import roles

    def granted(**export: str) -> list[str]:
        connection = GcpConnection.model_validate({"projects": ["ml"], "project": "runner", "export": [export]})
        bills = roles(connection, Bills.operations)[-1]
        assert bills["grant_on"] == ["projects/billing-host/datasets/bills"]
        return list(bills["definition"]["includedPermissions"])

    assert granted(table=TABLE) == ["bigquery.tables.get", "bigquery.tables.getData"]
    assert granted(dataset=DATASET) == ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.list"]
