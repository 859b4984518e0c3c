"""The least a company must grant: Azure roles made from what the collectors declare, and nothing else.

Two roles, because they belong to two places: one reads the management plane of the subscriptions, the other the bills'
files, in the containers they are delivered to and nowhere else. A role can declare operations alone, and a test holds
that none of them changes anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aispend.connections import AzureConnection
from collectors.azure.operations import actions, data_actions

_ALWAYS = ("arm.ListSubscriptions",)
_ANY = "00000000-0000-0000-0000-000000000000"
"""Stands for a subscription where the settings name none: to be filled in."""

READER, BILLS = "aispend-read", "aispend-bills"


def roles(connection: AzureConnection, operations: Collection[str]) -> list[dict[str, Any]]:
    """The role definitions for a connection whose collectors make ``operations``, as ``az role definition`` reads them.

    They may be assigned in the subscriptions of the settings; without any, in one whose id must be filled in.
    """
    asked = {*operations, *_ALWAYS}
    scopes = [f"/subscriptions/{one}" for one in connection.subscriptions or (_ANY,)]
    found = [_role(READER, "Reads costs, inventory and metrics for aispend.", scopes, Actions=actions(asked))]
    if of_data := data_actions(asked):
        said = "Reads exported bills for aispend; assign it to the containers they are in."
        found.append(_role(BILLS, said, scopes, DataActions=of_data))
    return found


def _role(name: str, description: str, scopes: Sequence[str], **granted: Sequence[str]) -> dict[str, Any]:
    nothing: dict[str, list[str]] = {"Actions": [], "NotActions": [], "DataActions": [], "NotDataActions": []}
    return {
        "Name": name,
        "IsCustom": True,
        "Description": description,
        **nothing,
        **{kind: list(given) for kind, given in granted.items()},
        "AssignableScopes": list(scopes),
    }


def terraform(found: Sequence[Mapping[str, Any]]) -> str:
    """The roles as Terraform, assigned to an identity of your choice: to each subscription, to each container."""
    reader, *others = found
    scopes = json.dumps(reader["AssignableScopes"])
    text = f"""\
variable "aispend_principal" {{
  type        = string
  description = "Object id of the identity that runs aispend"
}}

variable "aispend_subscriptions" {{
  type        = list(string)
  description = "Subscriptions to read, as /subscriptions/ID"
  default     = {scopes}
}}

resource "azurerm_role_definition" "aispend" {{
  name              = "{reader["Name"]}"
  description       = "{reader["Description"]}"
  scope             = var.aispend_subscriptions[0]
  assignable_scopes = var.aispend_subscriptions

  permissions {{
    actions = {_list(reader["Actions"])}
  }}
}}

resource "azurerm_role_assignment" "aispend" {{
  for_each           = toset(var.aispend_subscriptions)
  scope              = each.value
  role_definition_id = azurerm_role_definition.aispend.role_definition_resource_id
  principal_id       = var.aispend_principal
}}
"""
    return text + "".join(_of_containers(bills) for bills in others)


def _of_containers(bills: Mapping[str, Any]) -> str:
    return f"""
variable "aispend_containers" {{
  type        = list(string)
  description = "Containers with exports: /subscriptions/…/storageAccounts/NAME/blobServices/default/containers/NAME"
}}

resource "azurerm_role_definition" "aispend_bills" {{
  name              = "{bills["Name"]}"
  description       = "{bills["Description"]}"
  scope             = var.aispend_subscriptions[0]
  assignable_scopes = var.aispend_subscriptions

  permissions {{
    data_actions = {_list(bills["DataActions"])}
  }}
}}

resource "azurerm_role_assignment" "aispend_bills" {{
  for_each           = toset(var.aispend_containers)
  scope              = each.value
  role_definition_id = azurerm_role_definition.aispend_bills.role_definition_resource_id
  principal_id       = var.aispend_principal
}}
"""


def _list(values: Sequence[str]) -> str:
    return "[\n" + "".join(f"      {json.dumps(value)},\n" for value in values) + "    ]"
