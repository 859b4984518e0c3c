"""What a company must grant: exactly what the collectors declare, where it is needed, and only to read."""

from __future__ import annotations

import json
import re

from aispend.connections import GcpConnection
from collectors.gcp.cloud import Gcp
from collectors.gcp.permissions import needed, roles

BILLS = ("bigquery.tables.get", "bigquery.jobs.insert", "bigquery.jobs.getQueryResults")
DATASET = {"dataset": "billing-host.bills"}
EXPORT = {"table": "billing-host.bills.gcp_billing_export_v1_0177BB"}


def test_each_role_holds_what_its_place_needs_and_nothing_else() -> None:
    connection = GcpConnection.model_validate({"project": "runner", "projects": ["ml"], "export": [EXPORT]})
    found = [
        (one["role"], one["grant_on"], one["definition"]["includedPermissions"]) for one in roles(connection, BILLS)
    ]
    assert found == [
        ("aispendRun", ["projects/runner"], ["bigquery.jobs.create"]),
        ("aispendBills", ["projects/billing-host/datasets/bills"], ["bigquery.tables.get", "bigquery.tables.getData"]),
    ]


def test_without_named_projects_the_billing_accounts_are_read() -> None:
    first, *_ = roles(GcpConnection(), BILLS)
    assert (first["role"], first["grant_on"]) == ("aispendRead", ["organizations/ORGANIZATION_ID"])
    assert first["definition"]["includedPermissions"] == ["billing.accounts.list", "billing.resourceAssociations.list"]


def test_document_and_terraform_grant_the_same() -> None:
    connection = GcpConnection.model_validate({"project": "runner", "export": [EXPORT, DATASET]})
    operations = [one for collector in Gcp().collectors().values() for one in collector.operations]
    document = json.loads(Gcp().grant(connection, operations, "json"))
    granted = {one for role in document["roles"] for one in role["definition"]["includedPermissions"]}
    text = Gcp().grant(connection, operations, "terraform")

    assert granted >= set(needed(operations))
    assert set(re.findall(r'^ +"([a-z]+\.[a-zA-Z.]+)",$', text, re.MULTILINE)) == granted | set(document["services"])
    assert text.count('"billing-host/bills" = ') == 1, "two exports in one dataset are one grant"
    assert text.count("{") == text.count("}")


def test_datasets_of_one_name_in_two_projects_are_both_granted() -> None:
    exports = [{"dataset": "eu-host.bills"}, {"dataset": "us-host.bills"}]
    text = Gcp().grant(GcpConnection.model_validate({"project": "runner", "export": exports}), BILLS, "terraform")
    assert '"eu-host/bills" = { project = "eu-host", dataset = "bills" }' in text
    assert '"us-host/bills" = { project = "us-host", dataset = "bills" }' in text


def test_the_service_that_lets_one_act_as_the_account_is_enabled() -> None:
    connection = GcpConnection.model_validate({"project": "runner"})
    assert "iamcredentials.googleapis.com" in json.loads(Gcp().grant(connection, BILLS, "json"))["services"]
    assert '"iamcredentials.googleapis.com"' in Gcp().grant(connection, BILLS, "terraform")
