"""Every request a collector may make, with the IAM permissions it needs; roles are made from this table alone.

Names are those of Google's own references: ``bigquery.jobs.insert`` as its REST calls it, ``monitoring.ListTimeSeries``
as its gRPC does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aispend.connections import GcpConnection

Level = Literal["organization", "project", "dataset"]
"""Where a permission is granted: for all there is, in the project requests are counted for, on the bills' datasets."""

_DATASETS = "map(object({ project = string, dataset = string }))"
_ACTING = "iamcredentials.googleapis.com"
READ, RUN, BILLS = "aispendRead", "aispendRun", "aispendBills"
_ROLES: Mapping[Level, tuple[str, str]] = {
    "organization": (READ, "aispend: read accounts, machines, metrics and advice"),
    "project": (RUN, "aispend: run queries, counted for this project"),
    "dataset": (BILLS, "aispend: read the billing export"),
}


@dataclass(frozen=True)
class Permission:
    """An IAM permission and where it is needed."""

    name: str
    level: Level = "organization"


_TABLE = (Permission("bigquery.tables.get", "dataset"),)
_DATA = (Permission("bigquery.tables.getData", "dataset"),)

PERMISSIONS: Mapping[str, tuple[Permission, ...]] = {
    "bigquery.tables.get": _TABLE,
    "bigquery.tables.list": (Permission("bigquery.tables.list", "dataset"),),
    "bigquery.jobs.insert": (Permission("bigquery.jobs.create", "project"), *_DATA),
    "bigquery.jobs.get": (),
    "bigquery.jobs.getQueryResults": (),
    "bigquery.tabledata.list": (),
    "aiplatform.customJobs.list": (Permission("aiplatform.customJobs.list"),),
    "aiplatform.endpoints.list": (Permission("aiplatform.endpoints.list"),),
    "aiplatform.projects.locations.list": (Permission("aiplatform.locations.list"),),
    "cloudbilling.ListBillingAccounts": (Permission("billing.accounts.list"),),
    "cloudbilling.ListProjectBillingInfo": (Permission("billing.resourceAssociations.list"),),
    "cloudbilling.ListSkus": (),
    "cloudresourcemanager.projects.get": (Permission("resourcemanager.projects.get"),),
    "cloudresourcemanager.projects.testIamPermissions": (),
    "compute.advice.capacityHistory": (Permission("compute.advice.capacityHistory"),),
    "compute.autoscalers.aggregatedList": (Permission("compute.autoscalers.list"),),
    "compute.disks.aggregatedList": (Permission("compute.disks.list"),),
    "compute.instanceGroupManagers.aggregatedList": (Permission("compute.instanceGroupManagers.list"),),
    "compute.instances.aggregatedList": (Permission("compute.instances.list"),),
    "compute.machineTypes.aggregatedList": (Permission("compute.machineTypes.list"),),
    "compute.regionCommitments.aggregatedList": (Permission("compute.commitments.list"),),
    "compute.regions.list": (Permission("compute.regions.list"),),
    "compute.reservations.aggregatedList": (Permission("compute.reservations.list"),),
    "compute.resourcePolicies.aggregatedList": (Permission("compute.resourcePolicies.list"),),
    "compute.snapshots.list": (Permission("compute.snapshots.list"),),
    "logging.entries.list": (Permission("logging.logEntries.list"),),
    "monitoring.ListTimeSeries": (Permission("monitoring.timeSeries.list"),),
    "notebooks.instances.list": (Permission("notebooks.instances.list"),),
    "recommender.ListRecommendations": (
        Permission("recommender.computeDiskIdleResourceRecommendations.list"),
        Permission("recommender.computeInstanceIdleResourceRecommendations.list"),
        Permission("recommender.computeInstanceMachineTypeRecommendations.list"),
        Permission("recommender.spendBasedCommitmentRecommendations.list"),
        Permission("recommender.usageCommitmentRecommendations.list"),
    ),
    "tpu.nodes.list": (Permission("tpu.nodes.list"),),
}
"""By operation; none where whoever started a query may ask for its results, or anybody may ask."""

ALWAYS = ("cloudbilling.ListBillingAccounts", "cloudbilling.ListProjectBillingInfo")
"""Made for every connection that does not name its projects."""

FIND_TABLES = "bigquery.tables.list"
"""Made where a dataset is named instead of its table."""


def needed(operations: Iterable[str], level: Level | None = None) -> list[str]:
    """The permissions of operations, of one level or of all, sorted."""
    found = {one for operation in operations for one in PERMISSIONS[operation]}
    return sorted({one.name for one in found if level in (None, one.level)})


def apis(operations: Iterable[str]) -> list[str]:
    """The services that must be enabled in the project for these operations, and to act as an account without a key."""
    return sorted({_ACTING, *(f"{operation.split('.', 1)[0]}.googleapis.com" for operation in operations)})


def asked_of(connection: GcpConnection, operations: Collection[str]) -> set[str]:
    """All requests of a connection whose collectors make ``operations``."""
    named = connection.exports and all(one.table for one in connection.exports)
    return {*operations, *(() if connection.projects else ALWAYS)} - ({FIND_TABLES} if named else set())


def datasets(connection: GcpConnection) -> list[str]:
    """The datasets the connection's exports lie in, as ``projects/P/datasets/D``."""
    return sorted({"projects/{}/datasets/{}".format(*one.place) for one in connection.exports})


def roles(connection: GcpConnection, operations: Collection[str]) -> list[dict[str, Any]]:
    """The custom roles to grant: each with its permissions and where it is granted."""
    asked = asked_of(connection, operations)
    places: Mapping[Level, list[str]] = {
        "organization": [f"projects/{one}" for one in connection.projects] or ["organizations/ORGANIZATION_ID"],
        "project": [f"projects/{connection.project or 'PROJECT_ID'}"],
        "dataset": datasets(connection) or ["projects/PROJECT_ID/datasets/DATASET"],
    }
    return [
        {
            "role": name,
            "grant_on": places[level],
            "definition": {"title": title, "stage": "GA", "includedPermissions": given},
        }
        for level, (name, title) in _ROLES.items()
        if (given := needed(asked, level))
    ]


def document(connection: GcpConnection, operations: Collection[str]) -> str:
    """The roles and the services to enable, as JSON; each ``definition`` is what ``gcloud iam roles create`` takes."""
    found = {"services": apis(asked_of(connection, operations)), "roles": roles(connection, operations)}
    return json.dumps(found, indent=2) + "\n"


def terraform(connection: GcpConnection, operations: Collection[str]) -> str:
    """The same as Terraform, with a service account that holds the roles; no key is made for it."""
    project = connection.project
    asked = asked_of(connection, operations)
    parts = [
        _variable("organization_id", "number of the organisation whose projects and billing accounts are read"),
        _variable("project", "project that queries are counted for", project),
        f'resource "google_project_service" "aispend" {{\n  for_each = toset({_list(apis(asked), 2)})\n'
        "  project = var.project\n  service = each.value\n  disable_on_destroy = false\n}\n",
        'resource "google_service_account" "aispend" {\n  project = var.project\n  account_id = "aispend"\n'
        '  display_name = "aispend, reads only"\n}\n',
    ]
    parts += [_granted(one, connection) for one in roles(connection, operations)]
    return "\n".join(parts)


def _granted(one: Mapping[str, Any], connection: GcpConnection) -> str:
    name, given = str(one["role"]), one["definition"]
    resource = {READ: "read", RUN: "run", BILLS: "bills"}[name]
    member = "  member = google_service_account.aispend.member\n"
    role = (
        f'resource "google_organization_iam_custom_role" "{resource}" {{\n  org_id = var.organization_id\n'
        f'  role_id = "{name}"\n  title = "{given["title"]}"\n'
        f"  permissions = {_list(given['includedPermissions'], 2)}\n}}\n\n"
    )
    made = f"  role = google_organization_iam_custom_role.{resource}.id\n"
    if name == BILLS:
        places = [(place.split("/")[1], place.split("/")[3]) for place in datasets(connection)]
        said = "".join(
            f'    "{project}/{dataset}" = {{ project = "{project}", dataset = "{dataset}" }}\n'
            for project, dataset in places
        )
        return (
            f"{role}" + ("" if places else _variable("bills", "datasets of the export", kind=_DATASETS))
            + f'resource "google_bigquery_dataset_iam_member" "{resource}" {{\n'
            + (f"  for_each = {{\n{said}  }}\n" if places else "  for_each = var.bills\n")
            + f"  project = each.value.project\n  dataset_id = each.value.dataset\n{made}{member}}}\n"
        )  # fmt: skip
    if name == RUN:
        return (
            f'{role}resource "google_project_iam_member" "{resource}" {{\n  project = var.project\n{made}{member}}}\n'
        )
    if connection.projects:
        listed = _list(list(connection.projects), 2)
        return (
            f'{role}resource "google_project_iam_member" "{resource}" {{\n  for_each = toset({listed})\n'
            f"  project = each.value\n{made}{member}}}\n"
        )
    return (
        f'{role}resource "google_organization_iam_member" "{resource}" {{\n  org_id = var.organization_id\n'
        f"{made}{member}}}\n"
    )


def _variable(name: str, meaning: str, default: str | None = None, kind: str = "string") -> str:
    given = f'  default = "{default}"\n' if default else ""
    return f'variable "{name}" {{\n  type = {kind}\n  description = "{meaning}"\n{given}}}\n'


def _list(names: Collection[str], spaces: int) -> str:
    inner = "".join(f'{" " * (spaces + 2)}"{name}",\n' for name in names)
    return f"[\n{inner}{' ' * spaces}]"
