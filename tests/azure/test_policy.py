"""What a company must grant in Azure: exactly what the collectors declare, and only to read."""

from __future__ import annotations

import json
import re

from aispend.connections import AzureConnection
from collectors.azure.cloud import Azure
from collectors.azure.operations import actions, data_actions
from collectors.azure.policy import roles, terraform

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


def test_two_roles_grant_each_declared_action_and_nothing_else() -> None:
    reader, bills = roles(AzureConnection(subscriptions=("1", "2")), ["arm.ListExports", "blob.GetBlob"])
    assert (reader["Actions"], reader["DataActions"]) == (
        ["Microsoft.CostManagement/exports/read", "Microsoft.Resources/subscriptions/read"],
        [],
    )
    assert (bills["Actions"], bills["DataActions"]) == ([], [BLOBS])
    assert reader["AssignableScopes"] == bills["AssignableScopes"] == ["/subscriptions/1", "/subscriptions/2"]


def test_all_collectors_together_need_no_more_than_they_declare() -> None:
    operations = [one for collector in Azure().collectors().values() for one in collector.operations]
    found = roles(AzureConnection(), operations)
    granted = {action for role in found for action in role["Actions"]}
    assert granted == {*actions(operations), "Microsoft.Resources/subscriptions/read"}
    assert {action for role in found for action in role["DataActions"]} == set(data_actions(operations))
    assert not any("*" in action or action.endswith(("write", "delete")) for action in granted)


def test_without_blobs_there_is_one_role() -> None:
    (only,) = roles(AzureConnection(), ["arm.ListExports"])
    assert only["DataActions"] == []
    assert only["AssignableScopes"] == ["/subscriptions/00000000-0000-0000-0000-000000000000"]


def test_terraform_grants_the_same() -> None:
    found = roles(AzureConnection(subscriptions=("1",)), ["arm.ListExports", "blob.GetBlob"])
    text = terraform(found)
    named = set(re.findall(r'"(Microsoft\.[^"]+)"', text))
    assert named == {action for role in found for action in (*role["Actions"], *role["DataActions"])}
    assert 'default     = ["/subscriptions/1"]' in text
    assert text.count("{") == text.count("}")


def test_the_document_is_what_the_command_prints() -> None:
    connection = AzureConnection(subscriptions=("1",))
    assert json.loads(Azure().grant(connection, ["arm.ListExports"], "json")) == roles(connection, ["arm.ListExports"])
    assert "azurerm_role_assignment" in Azure().grant(connection, ["arm.ListExports"], "terraform")
